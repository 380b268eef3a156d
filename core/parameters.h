/* The kernel parameters that a choice needs, whatever boot loader keeps them.  Pure. */
#ifndef CORE_PARAMETERS_H
#define CORE_PARAMETERS_H

#include "core/choice.h"
#include "core/existing.h"
#include "core/machine.h"

/* One word each; of comma lists one word for each element: "vfio-pci.ids=10de:1b80:1043:8591".
 * An empty choice needs none.  -ENOMEM. */
int parameters_wanted(const struct machine *machine, const struct choice *choice, struct strv *ret);

/* vfio-pci.ids= among them gives the device to vfio-pci before a driver of the host can take it, as
 * far as modules go: a driver that is built in comes first all the same. */
bool parameters_bind(
	const struct machine *machine, const struct choice *choice, const struct device *device);

/* What is given at the boot prompt to leave every device to the host for one boot; static.  A vfio-pci that
 * is built in is not kept out by module_blacklist= (kernel-parameters.txt): it must have no ids. */
const char *parameters_way_back(const struct machine *machine);

/* For places of our own behind the person's line `theirs` (drop-ins, tools): the words to append
 * there, so that the kernel sees the wanted ones and all of theirs.  Comma lists, of which the
 * kernel takes the last, hold theirs too.  What is there already is left out.  -E2BIG: the line
 * would be longer than the kernel takes; the error says so. */
int parameters_behind(const struct strv *theirs, const struct strv *wanted, struct strv *ret,
	struct error *err);

#endif
