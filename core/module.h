/* Which modules can drive what, for every installed kernel, through libkmod.  For machine.c. */
#ifndef CORE_MODULE_H
#define CORE_MODULE_H

#include "core/machine.h"

/* Needs devices with their modalias, and kernels.  Fills modules, each device's list of them, and
 * kernels' `indexed`. */
int module_scan(const struct root *root, struct machine *machine, struct error *err);
void module_release(struct machine *machine);

#endif
