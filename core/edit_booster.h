/* modules_force_load: in /etc/booster.yaml, modules divided by commas that booster puts into its
 * images and loads first (booster's generator/config.go).  Pure. */
#ifndef CORE_EDIT_BOOSTER_H
#define CORE_EDIT_BOOSTER_H

#include "core/base.h"

/* 1: *ret has the modules; 0: the key is not there; 2: it has no value. */
int edit_booster_read(const char *path, const char *text, struct strv *ret, struct error *err);

/* Merges `wanted` into the list and takes out what is ours and not wanted; see edit_list.h for both
 * lists.  In names '-' and '_' are one.  A missing key is added in a marked block; text NULL and
 * *ret NULL are a file that is not there.  -EINVAL: YAML that is not understood, with the line. */
int edit_booster(const char *path, const char *text, struct strv *ours, const struct strv *wanted,
	char **ret, struct error *err);

#endif
