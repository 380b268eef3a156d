/* What the files of usage share; nobody else's.  Functions that return int: 0 or more, or -ENOMEM,
 * the only thing that stops a scan. */
#ifndef CORE_USAGE_PRIVATE_H
#define CORE_USAGE_PRIVATE_H

#include "core/usage.h"

#include <limits.h>

struct usage {
	const struct root *root; /* /sys, and the files of the system being configured */
	const struct root
		*running; /* /proc, /dev and /run of the system that uses it; NULL: unknown */
	char *slash;      /* the mount point there of the root being configured */
	struct machine *machine;
	struct strv in_use;  /* names of block devices that something was found on */
	struct strv numbers; /* "8:1" of file systems that are told */
	struct strv interfaces; /* names of those that something was found on */
	struct strv virtual_links; /* places of interfaces that are no hardware */
	unsigned told;       /* by usage_tell_path(), so far */
	const char *spare;   /* of what is being told: struct use; NULL: none */
	unsigned steps;      /* of the walk through devices on devices */
};

/* The system being configured is on this machine and does not run: another one does, a rescue system. */
bool usage_is_offline(const struct usage *usage);

/* What is not known of a whole kind. */
#define USAGE_DISKS    "disks"
#define USAGE_DATA     "data on disks not in use"
#define USAGE_NETWORK  "network"
#define USAGE_SCREEN   "screens"
#define USAGE_INPUT    "keyboards and other parts"
#define USAGE_GUESTS   "guests"
#define USAGE_PROGRAMS "programs"

/* Tells it to a device, once; and to the physical function of a virtual one. */
int usage_tell(
	struct usage *usage, const struct device *device, enum use_kind kind, const char *text);
/* Tells it to every PCI function in a path below /sys/devices: the controller, and above it a VMD
 * controller; bridges are never given away.  Returns how many there were. */
int usage_tell_path(struct usage *usage, const char *path, enum use_kind kind, const char *fmt, ...)
	_printf_(4, 5);
/* Whether a PCI function other than a bridge is in the path. */
bool usage_on_pci(const struct usage *usage, const char *path);

/* what: one of the names above.  Several reasons are told one after the other. */
int usage_unknown(struct usage *usage, const char *what, const char *fmt, ...) _printf_(3, 4);
/* A text file of the running system.  *ret is NULL where it cannot be read, and `what` (may be
 * NULL) is unknown then. */
int usage_read(struct usage *usage, const char *what, const char *path, char **ret);

/* Where an entry of /sys/class (directory "/sys/class/net") is: "/sys/devices/..." in path, or "".
 */
const char *usage_place(
	const struct usage *usage, const char *directory, const char *name, char path[PATH_MAX]);
/* An attribute of it, "" where it cannot be read. */
const char *usage_attr(const struct usage *usage, char *buf, size_t size, const char *fmt, ...)
	_printf_(4, 5);
/* Calls `each` with the name and the place of every entry of a class.  A class that is not there is
 * empty on a live system, and otherwise makes `what` (may be NULL) unknown. */
int usage_each(struct usage *usage, const char *what, const char *directory,
	int (*each)(struct usage *usage, const char *name, const char *place));

/* One thing that stands on disks or network links, however many devices lie between. */
struct usage_claim {
	enum use_kind kind;
	const char *text, *tail; /* "/ is on ", the device and what is between, " (...)" */
};
/* path: the device below /sys.  Returns 1, or 0 where there is no such device. */
int usage_claim(struct usage *usage, const char *path, const struct usage_claim *claim);
/* source: "/dev/sda2", "UUID=...", as in fstab(5). */
int usage_claim_source(struct usage *usage, const char *source, const struct usage_claim *claim);
/* It names a block device, present or not: no tmpfs, no server's share. */
bool usage_is_device(const char *source);
/* 1: the kernel's name of that device; 0: there is none. */
int usage_source(struct usage *usage, const char *source, char name[NAME_MAX + 1]);
int usage_claim_btrfs(struct usage *usage, const char *source, const struct usage_claim *claim);
int usage_claim_pool(struct usage *usage, const char *source, const struct usage_claim *claim);
int usage_claim_interface(struct usage *usage, const char *name, const struct usage_claim *claim);

/* What is on a disk or in an image of one, as libblkid names it; "" where nothing known is there.
 * 0 or -errno. */
int usage_signature(int fd, char *type, size_t size);

/* The parts of a scan. */
int usage_disks(struct usage *usage);
int usage_data(struct usage *usage); /* after all that finds disks in use */
int usage_network(struct usage *usage);
int usage_display(struct usage *usage);
int usage_input(struct usage *usage);
int usage_guests(struct usage *usage);
int usage_find_slash(struct usage *usage);

#endif
