/* Facts about the system below the root and the machine that it runs on.  For machine.c only. */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include "core/machine.h"

/* host.firmware and host.iommu_active.  Needs devices. */
int host_scan_iommu(const struct root *root, struct machine *machine, struct error *err);
/* machine->kernels. */
int host_scan_kernels(const struct root *root, struct machine *machine, struct error *err);
/* The rest of machine->host. */
int host_scan(const struct root *root, struct machine *machine, struct error *err);
void host_release(struct machine *machine);

/* The root to ask about the running machine (/proc, /dev): the live one where the hardware is
 * live, whatever system is being configured; a saved tree for its own hardware; NULL where saved
 * hardware is seen from the live system, which knows nothing of it.  *opened is closed by the
 * caller. */
int host_hardware_root(const struct root *root, struct root **opened, const struct root **ret);

/* For boot.c.  / is mounted read-only, or would be (fstab) where the system does not run. */
bool host_root_is_read_only(const struct root *root);
/* Whether a package is installed, by the text of /var/lib/dpkg/status (NULL: no package is), and
 * its version; version may be NULL. */
bool host_package(const char *status, const char *name, char *version, size_t size);

/* The kernel command line with which the system below the root runs, without the newline; *ret NULL: it does
 * not, as far as can be seen.  The /proc of a rescue system, mounted below the root for commands to run
 * there, is not that system's.  -ENOMEM. */
int host_read_cmdline(const struct root *root, char **ret);

#endif
