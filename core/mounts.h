/* The two tables of file systems: what is mounted, and what /etc/fstab wants mounted. */
#ifndef CORE_MOUNTS_H
#define CORE_MOUNTS_H

#include "core/base.h"

/* Of the running system, whatever the root. */
#define MOUNTS_PATH "/proc/self/mountinfo"
#define MOUNTS_FSTAB_PATH "/etc/fstab"

/* A line of mountinfo, proc_pid_mountinfo(5):
 * 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
struct mounts_entry {
	const char *number;          /* "98:0" */
	const char *inside;          /* the directory of the file system that is seen: "/mnt1" */
	const char *point, *type, *source;
};

/* A line of fstab(5). */
struct mounts_wanted {
	const char *source, *point, *type;
	const char *options;         /* "" where there are none */
};

/* Both take the line apart in place, with blanks and such written as \040 read back: *ret points
 * into it.  False: it is a comment, or no such line. */
bool mounts_entry(char *line, struct mounts_entry *ret);
bool mounts_wanted(char *line, struct mounts_wanted *ret);

/* "ro,noauto" has "noauto". */
bool mounts_has_option(const char *options, const char *name);
/* What of a line's options mount(8) is to be given, busybox's too, to make what is there be written: not
 * what is for others to read (noauto, user, x-systemd.automount), and not `ro`.  *ret "": nothing.
 * -ENOMEM. */
int mounts_options(const char *options, char **ret);
/* Reads \040 and its like back, in place; returns text. */
char *mounts_unescape(char *text);

#endif
