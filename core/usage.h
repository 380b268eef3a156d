/* What the host itself uses each device for.  For machine.c only. */
#ifndef CORE_USAGE_H
#define CORE_USAGE_H

#include "core/machine.h"

/* Needs devices with their details.  What cannot be followed (no /proc below the root, a disk of
 * another machine) gives no use and no error: only -ENOMEM fails. */
int usage_scan(const struct root *root, struct machine *machine, struct error *err);

#endif
