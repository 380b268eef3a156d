/* Findings about what is chosen together: IOMMU groups and cards. */
#include "core/check_private.h"

#include "core/viability.h"

#include <errno.h>
#include <string.h>

/* What becomes of the members of a group. */
struct membership {
	const struct device *first_chosen;
	const struct device
		*needed; /* in the way, and the host needs it or vfio-pci cannot have it */
	const struct device *driven;  /* in the way is only the driver of a path of the host's */
	const struct device *claimed; /* without a driver, and a module could take it */
	struct check_names in_the_way, claims, bridges, idle;
};

static void membership_free(struct membership *m)
{
	check_names_free(&m->in_the_way);
	check_names_free(&m->claims);
	check_names_free(&m->bridges);
	check_names_free(&m->idle);
}

static void sort_member(struct check *c, const struct device *device, struct membership *m)
{
	switch (viability_role(c->machine, c->choice, c->existing, device)) {
	case VIABILITY_CHOSEN:
		m->first_chosen = m->first_chosen ? m->first_chosen : device;
		break;
	case VIABILITY_BLOCKED:
		if (device_is_path(device))
			m->driven = m->driven ? m->driven : device;
		else
			m->needed = m->needed ? m->needed : device;
		check_names_add_driver(&m->in_the_way, device);
		break;
	case VIABILITY_ALONG:
		check_names_add_driver(&m->in_the_way, device);
		break;
	case VIABILITY_BRIDGE:
		check_names_add_address(&m->bridges, device);
		break;
	case VIABILITY_CLAIMED:
		m->claimed = m->claimed ? m->claimed : device;
		check_names_add(&m->claims, device);
		break;
	case VIABILITY_IDLE:
	case VIABILITY_ROLES:
		check_names_add_address(&m->idle, device);
		break;
	}
}

static void report_shared(struct check *c, const struct group *group, struct membership *m)
{
	_cleanup_(str_free) struct str remedy = {0};
	bool slotted = m->first_chosen->parent; /* what sits on a root bus is soldered on */

	if (m->needed)
		str_addf(&remedy, "%s%s%s: %sleave this group alone",
			device_is_needed(m->needed) ? "the host needs " : "",
			check_name(m->needed).s,
			device_is_needed(m->needed) ? "" : " cannot be given to a guest",
			slotted ? "put the card into another slot, or " : "");
	else if (m->driven)
		str_addf(&remedy,
			"keep the driver %s from %s, which stays with the host without it, by "
			"blacklisting its module in modprobe.d; or %s",
			m->driven->driver, check_name(m->driven).s,
			slotted ? "put the card into another slot" : "leave this group alone");
	else
		str_addf(&remedy, "choose them too, or %s",
			slotted ? "put the card into a slot with a group of its own"
				: "leave this group alone");
	check_slots(c, m->first_chosen, &remedy);
	if (str_check(&remedy) < 0) {
		c->r = -ENOMEM;
		return;
	}
	check_add(c, "group-shared", SEVERITY_WARNING, m->first_chosen, group->id, remedy.s,
		"Group %lld also has %s, which the host keeps: no guest with a device of this "
		"group starts.",
		(long long)group->id, check_names_text(c, &m->in_the_way));
}

/* Linux 5.19 would not accept them. */
static bool has_driven_bridge(const struct group *group)
{
	for (size_t i = 0; i < group->n_devices; i++) {
		const struct device *d = group->devices[i];

		if (device_is_bridge(d) && d->driver && strcmp(d->driver, "pcieport") != 0 &&
			strcmp(d->driver, "pci-stub") != 0)
			return true;
	}
	return false;
}

static void report_bridges(struct check *c, const struct group *group, struct membership *m)
{
	bool later = !viability_is_strict(c->machine) && has_driven_bridge(group);

	check_add(c, "group-bridge", later ? SEVERITY_WARNING : SEVERITY_INFO, m->first_chosen,
		group->id,
		later ? "before a newer kernel boots, keep from them every driver but pcieport"
		      : "",
		"Group %lld also has %s: bridges stay with the host, and VFIO accepts that%s.",
		(long long)group->id, check_names_text(c, &m->bridges),
		later ? " until Linux 5.19, from which on a bridge with a driver of its own is in "
			"the way"
		      : "");
}

static void report_idle(struct check *c, const struct group *group, struct membership *m)
{
	if (m->claims.n)
		check_add(c, "group-idle", SEVERITY_WARNING, m->first_chosen, group->id,
			device_is_path(m->claimed)
				? "blacklist the modules that could take it (modprobe.d)"
				: "choose it too, so that no driver of the host takes it",
			"Group %lld also has %s, without a driver now: VFIO accepts that as long "
			"as no "
			"driver of the host takes it, and one could.",
			(long long)group->id, check_names_text(c, &m->claims));
	if (m->idle.n)
		check_add(c, "group-idle", SEVERITY_INFO, m->first_chosen, group->id, "",
			"Group %lld also has %s, without a driver of the host: VFIO accepts that.",
			(long long)group->id, check_names_text(c, &m->idle));
}

/* Behind a VMD controller (driver vmd) devices are in a domain that it makes, and in its group. */
static void report_domains(struct check *c, const struct group *group, struct membership *m)
{
	const struct device *maker = NULL;

	for (size_t i = 0; !maker && i < group->n_devices; i++)
		if (base_same(group->devices[i]->driver, "vmd"))
			maker = group->devices[i];
	if (maker)
		check_add(c, "group-domains", SEVERITY_WARNING, m->first_chosen, group->id,
			"choose the controller alone and give the guest all that is behind it, or "
			"switch VMD off in the firmware setup",
			"Group %lld spans PCI domains: %s makes one of them, and what is in it is "
			"gone as soon as the controller is taken from its driver.",
			(long long)group->id, check_name(maker).s);
	else
		check_add(c, "group-domains", SEVERITY_INFO, m->first_chosen, group->id, "",
			"Group %lld spans several PCI domains: the guest gets devices of all of "
			"them, or none.",
			(long long)group->id);
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
		report_bridges(c, group, &m);
	if (m.claims.n || m.idle.n)
		report_idle(c, group, &m);
	if (group->devices[0]->domain != group->devices[group->n_devices - 1]->domain)
		report_domains(c, group, &m);
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
			"%s %s the same card and %s with the host: a reset by the guest may reach "
			"%s, and the card may not work in parts.",
			check_names_text(c, &names), names.n > 1 ? "belong to" : "belongs to",
			names.n > 1 ? "stay" : "stays", names.n > 1 ? "them" : "it");
	else
		check_add(c, "function-left-behind", SEVERITY_INFO, device, device->group,
			"choose what is of no use to the host without the rest, too",
			"%s %s at the same place of the mainboard and %s with the host.",
			check_names_text(c, &names), names.n > 1 ? "are" : "is",
			names.n > 1 ? "stay" : "stays");
}

/* Functions of one card in several groups: each is a group's own affair, the card is not. */
static void check_split(struct check *c, const struct device *device)
{
	_cleanup_(check_names_free) struct check_names names = {0};
	const struct device *end = c->machine->devices + c->machine->n_devices;
	bool is_split = false;

	for (const struct device *d = device; d < end && device_same_card(d, device); d++) {
		if (!choice_has(c->choice, d) || d->physfn)
			continue;
		is_split |= d->group != device->group;
		check_names_add_group(&names, d);
	}
	if (is_split)
		check_add(c, "card-split", SEVERITY_INFO, device, device->group,
			"give all of them to one guest",
			"The functions of this card are in several groups: %s. Different guests "
			"could "
			"have them, but most cards work only as a whole.",
			check_names_text(c, &names));
}

/* The first chosen function of a card that is one: not on a root bus, not virtual. */
static bool is_first_of_card(const struct check *c, const struct device *device)
{
	const struct device *d = device;

	if (!device->parent || device->physfn || device->group < 0)
		return false;
	while (d > c->machine->devices && device_same_card(d - 1, device))
		if (choice_has(c->choice, --d))
			return false;
	return true;
}

void check_groups(struct check *c)
{
	for (size_t i = 0; c->r == 0 && c->choice->n && i < c->machine->n_groups; i++)
		check_group(c, &c->machine->groups[i]);
	for (size_t i = 0; c->r == 0 && c->choice->n && i < c->machine->n_devices; i++)
		if (choice_has(c->choice, &c->machine->devices[i])) {
			check_card(c, &c->machine->devices[i]);
			if (is_first_of_card(c, &c->machine->devices[i]))
				check_split(c, &c->machine->devices[i]);
		}
}
