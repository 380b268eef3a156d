/* What the host itself uses each device for.  For machine.c only. */
#ifndef CORE_USAGE_H
#define CORE_USAGE_H

#include "core/machine.h"

/* Needs devices.  Fills device.uses, machine.unknown_uses and machine.elsewhere; what cannot be
 * looked at is noted there and is no error: only -ENOMEM fails.
 *
 * The environment is not read: whether this very program runs in an SSH session is seen in
 * /proc/PID/environ of itself and of the processes above it, which sudo(8) leaves alone. */
int usage_scan(const struct root *root, struct machine *machine, struct error *err);
void usage_release(struct machine *machine);

#endif
