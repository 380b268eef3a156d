/* Findings about what is chosen together: IOMMU groups and cards. */
#include "core/check_private.h"

#include <stdio.h>
#include <string.h>

/* Whether VFIO accepts a member that is not chosen.  Drivers with driver_managed_dma (Linux 5.19
 * and newer): vfio-pci and its variants, pci-stub, pcieport; no driver will do as well. */
static bool is_harmless(const struct device *device)
{
	return !device->driver || device_is_vfio_driver(device->driver) ||
	       strcmp(device->driver, "pci-stub") == 0 || strcmp(device->driver, "pcieport") == 0;
}

/* What becomes of the members of a group. */
struct membership {
	const struct device *first_chosen, *needed; /* needed: in the way, and the host needs it */
	struct check_names in_the_way, bridges, idle;
	bool is_claimed; /* some module could take an idle one */
};

static void membership_free(struct membership *m)
{
	check_names_free(&m->in_the_way);
	check_names_free(&m->bridges);
	check_names_free(&m->idle);
}

static bool is_needed(const struct device *device)
{
	for (size_t i = 0; i < device->n_uses; i++)
		if (device->uses[i].kind != USE_GUEST)
			return true;
	return device->boot_vga;
}

/* It has no driver now, and yet a module of the next kernel could take it. */
static bool is_claimed(const struct check *c, const struct device *device)
{
	for (size_t i = 0; !device->driver && i < device->modules->n; i++) {
		const char *module = device->modules->v[i];

		if (!device_is_vfio_driver(module) &&
			machine_module_state(c->machine, module) != MODULE_MISSING &&
			!(c->existing && existing_blacklists(c->existing, module)))
			return true;
	}
	return false;
}

static void sort_member(const struct check *c, const struct device *device, struct membership *m)
{
	/* Held by vfio-pci and neither chosen nor bound by others: back with the host next time. */
	bool leaves = device->driver && device_is_vfio_driver(device->driver) &&
		      !(c->existing && existing_binds(c->existing, device, NULL));

	if (choice_has(c->choice, device)) {
		m->first_chosen = m->first_chosen ? m->first_chosen : device;
	} else if (!is_harmless(device) || leaves) {
		check_names_add(&m->in_the_way, device);
		if (!m->needed && (is_needed(device) || device_is_bridge(device)))
			m->needed = device;
	} else if (device_is_bridge(device)) {
		check_names_add(&m->bridges, device);
	} else {
		check_names_add(&m->idle, device);
		m->is_claimed |= is_claimed(c, device);
	}
}

static void report_shared(struct check *c, const struct group *group, struct membership *m)
{
	char remedy[400];

	if (m->needed)
		(void)snprintf(remedy, sizeof(remedy),
			"the host needs %s: put the card into another slot, or leave this group "
			"alone",
			check_name(m->needed).s);
	else
		(void)snprintf(remedy, sizeof(remedy),
			"choose them too, or put the card into a slot with a group of its own");
	check_add(c, "group-shared", SEVERITY_WARNING, m->first_chosen, group->id, remedy,
		"Group %lld also has %s, which the host keeps: no guest with a device of this "
		"group "
		"starts.",
		(long long)group->id, check_names_text(c, &m->in_the_way));
}

static void check_group(struct check *c, const struct group *group)
{
	_cleanup_(membership_free) struct membership m = {0};

	for (size_t i = 0; i < group->n_devices; i++)
		sort_member(c, group->devices[i], &m);
	if (!m.first_chosen)
		return;
	if (m.in_the_way.n)
		report_shared(c, group, &m);
	if (m.bridges.n)
		check_add(c, "group-bridge", SEVERITY_INFO, m.first_chosen, group->id, "",
			"Group %lld also has %s: bridges stay with the host, and VFIO accepts "
			"that.",
			(long long)group->id, check_names_text(c, &m.bridges));
	if (m.idle.n)
		check_add(c, "group-idle", m.is_claimed ? SEVERITY_WARNING : SEVERITY_INFO,
			m.first_chosen, group->id,
			m.is_claimed ? "choose it too, so that no driver of the host takes it" : "",
			"Group %lld also has %s, without a driver of the host: VFIO accepts that "
			"as "
			"long as it stays so.",
			(long long)group->id, check_names_text(c, &m.idle));
}

/* A function that belongs to the same card; virtual functions may sit in the slot of any. */
static bool is_sibling(const struct device *a, const struct device *b)
{
	return a != b && device_same_card(a, b) && !a->physfn && !b->physfn;
}

static void check_card(struct check *c, const struct device *device)
{
	_cleanup_(check_names_free) struct check_names names = {0};
	const struct device *end = c->machine->devices + c->machine->n_devices;

	for (const struct device *d = c->machine->devices; d < end; d++) {
		if (!is_sibling(d, device))
			continue;
		if (choice_has(c->choice, d)) {
			if (d < device)
				return;
		} else if (!device_is_bridge(d)) {
			check_names_add(&names, d);
		}
	}
	if (!names.n)
		return;
	if (device->parent)
		check_add(c, "function-left-behind", SEVERITY_WARNING, device, device->group,
			"choose the whole card, unless the host needs what stays",
			"%s belongs to the same card and stays with the host: a reset by the guest "
			"may reach it, and the card may not work in parts.",
			check_names_text(c, &names));
	else
		check_add(c, "function-left-behind", SEVERITY_INFO, device, device->group,
			"choose it too if it is of no use to the host without the rest",
			"%s is at the same place of the mainboard and stays with the host.",
			check_names_text(c, &names));
}

void check_groups(struct check *c)
{
	for (size_t i = 0; c->r == 0 && c->choice->n && i < c->machine->n_groups; i++)
		check_group(c, &c->machine->groups[i]);
	for (size_t i = 0; c->r == 0 && c->choice->n && i < c->machine->n_devices; i++)
		if (choice_has(c->choice, &c->machine->devices[i]))
			check_card(c, &c->machine->devices[i]);
}
