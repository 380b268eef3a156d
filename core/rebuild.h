/* What a plan that builds initramfs images anew risks. */
#ifndef CORE_REBUILD_H
#define CORE_REBUILD_H

#include "core/plan.h"

/* Called when the plan has all of its commands.  Adds
 *
 * boot-space, for a file system on which they would build an initramfs and may not have room for
 * it: generators write the new image before the old one goes, so there must be room for the biggest
 * once more, for all where they are built beside the old ones (COMMAND_PLACE), and for what each
 * grows by.  Nothing where no image is found or the room is not known.
 *
 * only-image, where one kernel's image alone starts the system and is written over: kernel-install
 * (read: 90-loaderentry.install of systemd 252 to 257) and the makers of unified images copy it to
 * its place.
 *
 * Fails only with -ENOMEM. */
int rebuild_check(const struct root *root, const struct machine *machine, struct plan *plan);
/* For a plan from a snapshot: boot-space alone, of the kernels that are there. */
int rebuild_check_room(const struct root *root, struct plan *plan);

#endif
