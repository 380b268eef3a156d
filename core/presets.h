/* mkinitcpio's presets, /etc/mkinitcpio.d/NAME.preset: sourced by bash, one image for each name in
 * PRESETS, NAME_config, NAME_kver, ... of it or else ALL_config, ALL_kver (mkinitcpio(8)). */
#ifndef CORE_PRESETS_H
#define CORE_PRESETS_H

#include "core/root.h"

struct preset {
	char *file;        /* "/etc/mkinitcpio.d/linux.preset" */
	char *kernel;      /* a version or the path of a kernel; NULL: not said */
	char *config;      /* instead of /etc/mkinitcpio.conf and its drop-ins; NULL: those */
	char *image, *uki; /* what is built; NULL: not that */
};

struct presets {
	struct preset *v;
	size_t n;
};

/* A file that cannot be read or understood gives none and is told in *why (may be NULL).  Fails
 * only with -ENOMEM. */
int presets_load(const struct root *root, struct presets *ret, struct error *why);
void presets_free(struct presets *presets);

#endif
