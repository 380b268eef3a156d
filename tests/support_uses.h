/* A host with one device of each kind, as a tree in a scratch directory, and what its devices are
 * used for. */
#ifndef TESTS_SUPPORT_USES_H
#define TESTS_SUPPORT_USES_H

#include "core/usage_private.h"

#define NVME "0000:02:00.0"
#define SATA "0000:00:17.0"
#define NIC  "0000:03:00.0"
#define USB  "0000:00:14.0"
#define VGA  "0000:00:02.0"

struct uses_host {
	char *dir;
	struct root *root; /* NULL before uses_scan() */
	struct machine *machine;
};

/* For cmocka: *state is a struct uses_host. */
int uses_setup(void **state);
int uses_teardown(void **state);
void uses_scan(struct uses_host *f);

/* -- what the host has -- */
void uses_link(const char *dir, const char *path, const char *text);
/* The kernel marks partitions so. */
void uses_partition(struct uses_host *f, const char *name);
/* A virtual block device: dm-0 on the devices that follow, NULL-terminated, links below /sys. */
void uses_stacked(struct uses_host *f, const char *name, const char *number, ...);
/* The text of /proc/self/mountinfo; then uses_scan(). */
void uses_mounts(struct uses_host *f, const char *text);
/* A directory below a device, as a driver makes it, and its entry of a class. */
void uses_made(struct uses_host *f, const char *address, const char *class, const char *below);
/* One of no PCI device. */
void uses_made_elsewhere(
	struct uses_host *f, const char *class, const char *name, const char *below);

/* -- what is found of it -- */
bool uses_is_unknown(const struct uses_host *f, const char *what, const char *reason);
size_t uses_count(const struct uses_host *f, const char *address, enum use_kind kind);
/* NULL: it has none of that kind. */
const char *uses_of(const struct uses_host *f, const char *address, enum use_kind kind);
/* Some use of that kind says exactly this. */
void uses_says(
	const struct uses_host *f, const char *address, enum use_kind kind, const char *text);
/* Exactly these devices, NULL-terminated, have a use of this kind. */
void uses_only(const struct uses_host *f, enum use_kind kind, ...);

#endif
