/* Entries of the Boot Loader Specification, type 1: files in loader/entries of the EFI system
 * partition or of /boot. */
#ifndef CORE_TARGETS_ENTRIES_H
#define CORE_TARGETS_ENTRIES_H

#include "core/targets/target.h"

/* One that boots Linux. */
struct entry {
	char *path, *text;
	/* It stays as it is: named fallback, rescue or recovery in its title or its file's name, or
	 * marked so by a line "# vfio-wizard: leave". */
	bool spare;
	bool way_back; /* in a boot by it no device is bound: verify_boot_is_spare() */
};

struct entries {
	struct entry *v; /* by directory, then by name */
	size_t n;
};

/* Where they may be; NULL-terminated. */
extern const char *const target_entries_places[];
/* What cannot be read is left out and told in *why; fails only with -ENOMEM. */
int target_entries_read(const struct target_input *in, struct entries *ret, struct error *why);
void target_entries_free(struct entries *entries);
/* A name of so many bytes says that what it names is a way back. */
bool target_entries_is_spare(const char *name, size_t n);
/* Finding boot-editor-off: nothing can be given at the boot prompt, and no entry is a way back, or
 * will be. After the plan() of target_loader_entry. */
int target_entries_warn(
	const struct target_input *in, const struct entries *entries, struct plan *plan);

/* target_no_spare() for a menu of systemd-boot without that entry: nothing where another entry is spare,
 * boot-editor-off where that says it already. */
int target_entries_no_spare(const struct target_input *in, struct plan *plan, const char *instead);

#endif
