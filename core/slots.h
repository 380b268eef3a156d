/* The slots that the kernel knows by name.  For machine.c only. */
#ifndef CORE_SLOTS_H
#define CORE_SLOTS_H

#include "core/machine.h"

/* Fills machine->slots.  Needs devices with their details.  None is no error: only hotplug drivers
 * and the firmware's tables name slots. */
int slots_scan(const struct root *root, struct machine *machine, struct error *err);
void slots_release(struct machine *machine);

#endif
