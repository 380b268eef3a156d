/* What the person and other tools already configured for VFIO: read once, used by check, forecast
 * and plan.  Our own files are left out. */
#ifndef CORE_EXISTING_H
#define CORE_EXISTING_H

#include "core/machine.h"

/* One entry of an ids= list: ffff in a field of `any` stands for every value. */
struct existing_ids {
	uint32_t vendor, device, subsystem_vendor, subsystem_device;   /* UINT32_MAX: any */
	char *where;                 /* "/etc/modprobe.d/local.conf:3", "kernel command line" */
};

struct existing {
	/* The ids= that modprobe really gives vfio-pci: the last option wins, the command line last
	 * of all (kmod concatenates every options line, module parameters take the last). */
	struct existing_ids *ids;
	size_t n_ids;
	bool ids_on_cmdline;
	struct strv overrides;       /* "0000:01:00.0 vfio-pci": driverctl(8), /etc/driverctl.d */
	struct strv notes;           /* hand-made settings met: one line each, with file and line */
	struct strv cmdline;         /* kernel parameters that the boot loader configuration holds */
};

int existing_scan(const struct root *root, const struct machine *machine, struct existing *ret,
	struct error *err);
bool existing_binds(const struct existing *existing, const struct device *device,
	const char **ret_where);     /* an ids= entry or an override gives it to vfio-pci */
void existing_free(struct existing *existing);

#endif
