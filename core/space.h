/* The initramfs images that are there, and the room for those that a plan rebuilds. */
#ifndef CORE_SPACE_H
#define CORE_SPACE_H

#include "core/plan.h"

/* Calls take() for each initramfs image below /boot and /efi, by its name; what it returns below 0 ends
 * it and is returned.  Links count as what they point to.  -ENOMEM. */
int space_images(const struct root *root,
	int (*take)(void *arg, const char *path, const struct stat *st), void *arg);

/* Adds the finding "boot-space" for a file system on which the plan's commands would build an initramfs
 * and may not have room for it: generators write the new image before the old one goes, so there must be
 * room for the biggest once more, and for what each grows by.  Nothing is added where no image is found
 * or the room is not known.  Fails only with -ENOMEM. */
int space_check(const struct root *root, struct plan *plan);

#endif
