/* The room for the initramfs images that a plan rebuilds. */
#ifndef CORE_SPACE_H
#define CORE_SPACE_H

#include "core/plan.h"

/* Adds the finding "boot-space" for a file system on which the plan's commands would build an
 * initramfs and may not have room for it: generators write the new image before the old one goes,
 * so there must be room for the biggest once more, for all where they are built beside the old ones
 * (COMMAND_PLACE), and for what each grows by.  Nothing is added
 * where no image is found or the room is not known.  Fails only with -ENOMEM. */
int space_check(const struct root *root, const struct machine *machine, struct plan *plan);

#endif
