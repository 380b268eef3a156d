/* Boot loader, initramfs generator, and whether such a system is supported.  For host.c. */
#ifndef CORE_BOOT_H
#define CORE_BOOT_H

#include "core/machine.h"

/* Fills host->boot_loader, initramfs, both `found`s and unsupported, from the rest of *host.
 * packages: the text of /var/lib/dpkg/status, NULL: there is none. */
int boot_scan(const struct root *root, const char *packages, struct host *host);

#endif
