/* Where else in the machine a card could be. */
#include "core/check_private.h"

#include "core/viability.h"

#include <errno.h>
#include <string.h>

/* Besides those of the card `but` (may be NULL) the group has only paths that VFIO accepts. */
static bool has_only_paths(struct check *c, int64_t id, const struct device *but)
{
	const struct group *group = machine_group(c->machine, id);

	for (size_t i = 0; group && i < group->n_devices; i++) {
		const struct device *member = group->devices[i];
		enum viability_role role = viability_role(c->machine, NULL, c->existing, member);

		if (but && device_same_card(but, member))
			continue;
		if (!device_is_path(member) || role < VIABILITY_CHOSEN)
			return false;
	}
	return group != NULL;
}

static bool is_above(const struct device *port, const struct device *device)
{
	for (const struct device *d = device; d; d = d->parent)
		if (d == port)
			return true;
	return false;
}

static const struct slot *find_slot(struct check *c, const struct device *device, bool empty)
{
	for (size_t i = 0; i < c->machine->n_slots; i++) {
		const struct slot *slot = &c->machine->slots[i];
		const struct device *in = slot->device;

		if (slot->port && !is_above(slot->port, device) && empty == !in &&
			has_only_paths(c, slot->port->group, in) &&
			(!in || (!device_is_path(in) && has_only_paths(c, in->group, in))))
			return slot;
	}
	return NULL;
}

/* A root port with nothing behind it. */
static const struct device *find_port(struct check *c)
{
	const struct machine *m = c->machine;
	_cleanup_free_ bool *used = calloc(m->n_devices + 1, sizeof(*used));

	if (!used) {
		c->r = -ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < m->n_devices; i++)
		if (m->devices[i].parent)
			used[m->devices[i].parent - m->devices] = true;
	for (size_t i = 0; i < m->n_devices; i++) {
		const struct device *port = &m->devices[i];

		if (!used[i] && !port->parent && port->class >> 8 == 0x0604 &&
			has_only_paths(c, port->group, NULL))
			return port;
	}
	return NULL;
}

void check_slots(struct check *c, const struct device *device, struct str *out)
{
	const struct slot *slot;
	const struct device *port = NULL;

	/* What sits on a root bus is soldered on. */
	if (!device->parent || device->physfn)
		return;
	slot = find_slot(c, device, true);
	if (slot)
		str_addf(out, "; slot %.32s (below %s) is empty and has a group of its own",
			slot->name, slot->port->address);
	else if ((port = find_port(c)))
		str_addf(out,
			"; the root port %s has nothing behind it and a group of its own, which a "
			"slot that it leads to would give the card",
			port->address);
	slot = find_slot(c, device, false);
	if (slot)
		str_addf(out, "; slot %.32s, where %s is now, has a group of its own", slot->name,
			check_name(slot->device).s);
}
