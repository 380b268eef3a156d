/* The driver that each device will have after the next boot, and why.  Pure. */
#ifndef CORE_FORECAST_H
#define CORE_FORECAST_H

#include "core/choice.h"
#include "core/existing.h"
#include "core/machine.h"

/* The IOMMU after the next boot, once `choice` is applied. */
enum forecast_iommu {
	FORECAST_IOMMU_ON,           /* it is on now */
	FORECAST_IOMMU_COMES,        /* off now; the boot loader's parameters switch it on */
	FORECAST_IOMMU_REFUSED,      /* a kernel parameter keeps it off */
	FORECAST_IOMMU_FIRMWARE,     /* the firmware offers none: switched off there, or absent */
	FORECAST_IOMMU_BY_HAND,      /* intel_iommu=on is needed and this boot loader is not ours */
	FORECAST_IOMMU_UNKNOWN,      /* firmware unseen, or off for a reason that is not seen */
};
/* choice NULL: any that is not empty; existing may be NULL.  parameter (may be NULL, size 0): gets
 * the kernel parameter that keeps the IOMMU off at the next boot, or else the one that keeps it off
 * now; "": none.  0 or -ENOMEM. */
int forecast_iommu(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, enum forecast_iommu *ret, char *parameter, size_t size);
/* intel_iommu=on is wanted on the command line: VT-d, and not every kernel has it on by default.
 * Only CONFIG_INTEL_IOMMU_DEFAULT_ON makes it unnecessary (Debian's INTGPU_OFF variant does not map
 * the integrated GPU); it does no harm where it is. */
bool forecast_needs_intel_iommu(const struct machine *machine);
/* Applying this choice puts it into the boot loader's configuration, where it is not yet.  NULL as
 * in forecast_iommu(). */
bool forecast_adds_intel_iommu(const struct machine *machine, const struct choice *choice,
	const struct existing *existing);

/* ids= of ours bind every chosen device, and no other: what binds without vfio-bind.  existing may be
 * NULL. */
bool forecast_binds_by_ids(const struct machine *machine, const struct choice *choice,
	const struct existing *existing);
/* The initramfs binds: vfio-bind works in it, or for booster ids= do.  existing may be NULL. */
bool forecast_is_early(const struct machine *machine, const struct choice *choice,
	const struct existing *existing);

struct forecast_entry {
	const struct device *device;
	const char *now;             /* NULL: none; the machine's string */
	char *next;                  /* NULL: none */
	char *reason;
};

struct forecast {
	struct forecast_entry *v;    /* every device of the machine, in its order */
	size_t n;
};

/* before: the choice that is installed now. */
int forecast_build(const struct machine *machine, const struct choice *before,
	const struct choice *choice, const struct existing *existing, struct forecast *ret);
void forecast_free(struct forecast *forecast);

#endif
