/* Whether VFIO accepts an IOMMU group, and what becomes of each member.  Pure.
 *
 * VFIO takes a group only while the host does no DMA from it.  From Linux 5.19 on a member with any
 * driver that lacks driver_managed_dma (struct pci_driver) is in the way; those that have it are
 * vfio-pci, its variants, pci-stub and pcieport.  Before (vfio_dev_viable() in drivers/vfio/vfio.c)
 * every bridge was accepted with whatever driver.  A member without a driver always is. */
#ifndef CORE_VIABILITY_H
#define CORE_VIABILITY_H

#include "core/choice.h"
#include "core/existing.h"
#include "core/machine.h"

/* What a member is to the guests of its group, the worst first. */
enum viability_role {
	VIABILITY_BLOCKED, /* in the way, and not to be chosen: the host needs it, or it is a bridge
	                      with a driver, or vfio-pci does not take it */
	VIABILITY_ALONG,   /* in the way until it is chosen as well */
	VIABILITY_CLAIMED, /* not in the way, but a module could take it at the next boot */
	VIABILITY_CHOSEN,
	VIABILITY_BRIDGE,  /* stays with the host and is accepted */
	VIABILITY_IDLE,    /* no driver of the host: accepted as long as that is so */
	VIABILITY_ROLES,
};

struct viability {
	size_t counts[VIABILITY_ROLES];
	const struct device *first[VIABILITY_ROLES]; /* NULL where the count is 0 */
	size_t domains;              /* PCI domains that the members are in */
};

/* After the next boot, with this choice; choice and existing may be NULL. */
enum viability_role viability_role(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, const struct device *device);
struct viability viability_of(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, const struct group *group);
/* Members in the way. */
size_t viability_hindrances(const struct viability *viability);
const char *viability_role_name(enum viability_role role); /* "blocked" */

/* The kernel that boots next has the rule of Linux 5.19; also where none is known. */
bool viability_is_strict(const struct machine *machine);
/* A module of the next kernel that takes the device unless it is bound elsewhere; NULL: none. */
const char *viability_claimant(const struct machine *machine, const struct existing *existing,
	const struct device *device);

#endif
