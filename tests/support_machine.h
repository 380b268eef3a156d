/* A machine made by hand, for tests of what judges it: a Debian system with GRUB, initramfs-tools,
 * VT-d that is on, and one kernel that has vfio-pci as a module. */
#ifndef TESTS_SUPPORT_MACHINE_H
#define TESTS_SUPPORT_MACHINE_H

#include "core/machine.h"

#define SUPPORT_DEVICES 32

struct support_machine {
	struct machine machine;
	struct device devices[SUPPORT_DEVICES];
	struct strv modules[SUPPORT_DEVICES];
	struct group groups[SUPPORT_DEVICES];
	const struct device *members[SUPPORT_DEVICES][SUPPORT_DEVICES];
	struct kernel kernel;
	struct module known[SUPPORT_DEVICES];
	enum module_state states[SUPPORT_DEVICES];
	struct use uses[SUPPORT_DEVICES];
	struct strv kept; /* every string */
	size_t n_uses;
};

/* Zeroed memory that does not move while it is used: devices point into it. */
void support_machine_init(struct support_machine *m);
void support_machine_free(struct support_machine *m);
char *support_keep(struct support_machine *m, const char *text); /* NULL stays NULL */

/* In address order.  ids: "10de:1b80:1043:8591"; driver NULL: none; modules: "nouveau nvidia". */
struct device *support_device(struct support_machine *m, const char *address, const char *ids,
	uint32_t class, int64_t group, const char *driver, const char *modules);
/* A module of the kernel; those that devices name are loadable already. */
void support_module(struct support_machine *m, const char *name, enum module_state state);
void support_use(
	struct support_machine *m, struct device *device, enum use_kind kind, const char *text);

#endif
