/* What speaks for and against a device as a guest's.
 *
 * Each fact is a file of its own in sysfs (Documentation/ABI/testing/sysfs-bus-pci), some of which
 * ask the hardware: they are read for one device when somebody looks at it or chooses it, never for
 * all of a machine. */
#ifndef CORE_FITNESS_H
#define CORE_FITNESS_H

#include "core/existing.h"
#include "core/machine.h"

struct fitness {
	enum tristate resets;        /* the kernel knows a way to reset it alone */
	char reset[80];              /* which, first tried first: "flr bus" (from Linux 5.15 on); "": not told */
	char power[16];              /* "D0", "D3cold"; "": not told */
	enum tristate rom;           /* it has an expansion ROM, or the firmware left a copy */
	uint64_t largest;            /* bytes of the largest memory BAR, 0: none or not told */
	int unassigned;              /* a memory BAR without an address, -1: none */
	uint64_t unassigned_size;    /* bytes */
	char speed[32], speed_max[32];       /* "8.0 GT/s PCIe"; "": not told */
	unsigned width, width_max;   /* lanes, 0: not told */
	int numa;                    /* -1: none, not told, or the machine has but one */
	char direct[64];             /* a region that the firmware wants mapped one to one for its group,
	                                "0x00000000bdf6f000 0x00000000bdf7efff"; "": none */
};

/* What cannot be read stays "not told" and UNKNOWN. */
struct fitness fitness_read(const struct root *root, const struct machine *machine,
	const struct device *device);

/* Whether vfio-pci refuses the device: vfio_pci_dev_in_denylist() of drivers/vfio/pci/vfio_pci.c. */
enum fitness_denial {
	FITNESS_ALLOWED,
	FITNESS_DENIED,
	FITNESS_DENIED_ELSEWHERE,    /* not by the kernel that boots next, but by newer ones */
	FITNESS_DENIAL_OFF,          /* it would, but vfio-pci's disable_denylist is set */
};
enum fitness_denial fitness_denial(const struct machine *machine, const struct existing *existing,
	const struct device *device);

#endif
