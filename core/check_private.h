/* What the files of check share; nobody else's. */
#ifndef CORE_CHECK_PRIVATE_H
#define CORE_CHECK_PRIVATE_H

#include "core/boot.h"
#include "core/check.h"
#include "core/existing.h"

/* One run of check_choice().  Once memory runs out, `r` stays set and nothing more is added. */
struct check {
	const struct machine *machine;
	const struct choice *choice;
	const struct existing *existing; /* NULL: nothing known */
	struct findings *findings;
	int r;
};

void check_add(struct check *c, const char *id, enum severity severity, const struct device *device,
	int64_t group, const char *remedy, const char *fmt, ...) _printf_(7, 8);

/* "0000:01:00.0 NVIDIA Corporation GP104", for use in an argument list: check_name(device).s */
struct check_name {
	char s[256];
};
struct check_name check_name(const struct device *device);

/* Names of several devices, "A, B, C and 4 more". */
struct check_names {
	struct str text;
	size_t n;
};
void check_names_add(struct check_names *names, const struct device *device);
void check_names_add_driver(struct check_names *names, const struct device *device); /* "(nvme)" */
void check_names_add_group(struct check_names *names, const struct device *device);
void check_names_add_address(struct check_names *names, const struct device *device);
const char *check_names_text(struct check *c, struct check_names *names);
void check_names_free(struct check_names *names);

/* "say what it is, with --boot-loader ...: NAME (evidence), NAME (evidence)"; nothing where there is no
 * other. */
void check_others_text(struct str *out, const struct candidates *others,
	const struct boot_kind *table, const char *option);

void check_system(struct check *c); /* what concerns the whole choice */
void check_picks(struct check *c);  /* whether what was chosen is still where it was */
void check_options(struct check *c); /* those that do nothing */
void check_devices(struct check *c);
void check_uses(struct check *c); /* what the host loses */
void check_groups(struct check *c);
/* "; ..." for a remedy: where the card would share no group, as far as the tree shows it. */
void check_slots(struct check *c, const struct device *device, struct str *out);

#endif
