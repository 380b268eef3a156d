/* What a rescue shell may lack before a system can be changed rightly: the kernel's own file systems,
 * a writable root, the system's other file systems in their places.  Reads, never mounts: that is
 * txn_mount(). */
#ifndef CORE_RESCUE_H
#define CORE_RESCUE_H

#include "core/plan.h"
#include "core/root.h"

enum rescue_kind {
	RESCUE_KERNEL,               /* /proc, /sys, /dev or /run: of the running system only */
	RESCUE_READ_ONLY,
	RESCUE_FILE_SYSTEM,          /* in the system's fstab, not in its place */
};

struct rescue_item {
	enum rescue_kind kind;
	char *point;                 /* as the system below the root sees it: "/proc", "/", "/boot" */
	/* What belongs there: "UUID=...", "vfat"; a directory to bind as the running system sees it. */
	char *source, *type;
	char *options;               /* for mount(8): mounts_options() of the fstab's; "": none */
	char *text;                  /* one sentence for a person */
};

struct rescue {
	struct rescue_item *v;       /* in the order in which they have to be mended */
	size_t n;
};

/* A saved tree (its hardware is not the running one's) lacks nothing.  Only -ENOMEM fails. */
int rescue_look(const struct root *root, struct rescue *ret);
void rescue_free(struct rescue *rescue);

/* A file that is not there may be in a file system that is not in its place: -ENODEV, with which one it is and
 * what to do; else 0, or -ENOMEM. */
int rescue_hidden(const struct root *root, const char *path, struct error *err);

/* What the plan makes belongs there, as far as can be told: a file that it changes; where it runs
 * commands, what they build, but for the EFI partition of a system that GRUB's menu starts. */
bool rescue_is_needed(
	const struct root *root, const struct rescue_item *item, const struct plan *plan);

/* A finding not-mounted (danger) for each file system that is not in its place. */
int rescue_findings(const struct root *root, struct findings *findings);

#endif
