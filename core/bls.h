/* Boot loader entries, one file for each: type 1 of the Boot Loader Specification. */
#ifndef CORE_BLS_H
#define CORE_BLS_H

#include "core/root.h"

/* Missing keys are "", of several `options` lines the values are joined by a blank. */
struct bls_entry {
	char *path;                  /* "/boot/loader/entries/ID.conf" */
	char *id;                    /* the file's name without .conf */
	char *version, *kernel, *options;   /* kernel: the value of `linux` */
};

struct bls_entries {
	struct bls_entry *v;         /* in the order of their names */
	size_t n;
};

/* No such directory: no entries.  -EACCES, ... with the error naming the path. */
int bls_read(const struct root *root, const char *directory, struct bls_entries *ret,
	struct error *err);
void bls_free(struct bls_entries *entries);
/* How the name of the entry ends that vfio-wizard itself makes, a way back (core/targets/loader_entry.c). */
#define BLS_OWN "0-without_passthrough.conf"
/* It is ours; name: the file's. */
bool bls_is_own(const char *name);
/* A way back, which should get no parameters of ours: the entry of dracut-config-rescue, or that one. */
bool bls_is_rescue(const struct bls_entry *entry);

#endif
