/* The initramfs images on the system, and the kernels that they belong to: by the places where the
 * generators put them, by mkinitcpio's presets, and by what boot loader entries name.  Reads only.
 */
#ifndef CORE_IMAGES_H
#define CORE_IMAGES_H

#include "core/machine.h"

struct image {
	char *path;                  /* as a program below the root names it */
	const struct kernel *kernel; /* the machine's */
	bool is_uki;                 /* a unified kernel image, which holds the initramfs */
	bool is_boosters;            /* booster's, by its name; all others are not */
};

struct images {
	struct image *v; /* by kernel, in the machine's order; no path twice */
	size_t n;
};

/* Those that are there, rescue images and microcode left out: they belong to no installed kernel.
 * Fails only with -ENOMEM. */
int images_find(const struct root *root, const struct machine *machine, struct images *ret);
void images_free(struct images *images);

/* It is where dracut (read: 059 to 112) writes the image of that kernel when it is not told where
 * to: false also where that cannot be known. */
bool images_is_dracuts(const struct root *root, const struct image *image);

#endif
