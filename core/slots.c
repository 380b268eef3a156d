#include "core/slots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SLOTS "/sys/bus/pci/slots"

/* "0000:03:00", or "0000:03" where every device of the bus is in it (drivers/pci/slot.c,
 * address_read_file()). */
static bool read_address(
	const struct root *root, const char *name, uint32_t *domain, uint8_t *bus, int *slot)
{
	_cleanup_free_ char *path = NULL;
	char text[32];
	unsigned part[3];
	int n, end = 0;

	if (asprintf(&path, SLOTS "/%s/address", name) < 0) {
		path = NULL;
		return false;
	}
	if (root_attr(root, path, text, sizeof(text)) <= 0)
		return false;
	n = sscanf(text, "%8x:%2x%n:%2x%n", &part[0], &part[1], &end, &part[2], &end);
	if (n < 2 || text[end] || (n == 3 && part[2] > 0x1f))
		return false;
	*domain = part[0];
	*bus = (uint8_t)part[1];
	*slot = n == 3 ? (int)part[2] : -1;
	return true;
}

/* The buses below bridges with nothing behind them, for slots that are empty. */
struct ports {
	const struct root *root;
	const struct machine *machine;
	int *secondary; /* of each device of the machine, -1: none that matters; NULL: not read */
};

static int read_secondary(const struct root *root, const struct device *bridge)
{
	char path[128], text[16];
	uint64_t bus;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/secondary_bus_number",
		bridge->address);
	if (root_attr(root, path, text, sizeof(text)) <= 0 || base_number(text, 10, 255, &bus) < 0)
		return -1;
	return (int)bus;
}

static int read_ports(struct ports *p)
{
	const struct machine *m = p->machine;

	p->secondary = calloc(m->n_devices + 1, sizeof(*p->secondary));
	if (!p->secondary)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_devices; i++)
		if (m->devices[i].parent)
			p->secondary[m->devices[i].parent - m->devices] = -1;
	for (size_t i = 0; i < m->n_devices; i++)
		if (p->secondary[i] == 0)
			p->secondary[i] = device_is_bridge(&m->devices[i])
						  ? read_secondary(p->root, &m->devices[i])
						  : -1;
	return 0;
}

static int place(struct ports *p, struct slot *slot, uint32_t domain, uint8_t bus, int number)
{
	const struct machine *m = p->machine;

	for (size_t i = 0; i < m->n_devices; i++) {
		const struct device *d = &m->devices[i];

		if (d->domain != domain || d->bus != bus || d->physfn)
			continue;
		slot->port = d->parent;
		if (!slot->device && (number < 0 || d->slot == number))
			slot->device = d;
	}
	if (slot->device || slot->port)
		return 0;
	if (!p->secondary && read_ports(p) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_devices; i++)
		if (m->devices[i].domain == domain && p->secondary[i] == bus)
			slot->port = &m->devices[i];
	return 0;
}

static int add(struct machine *machine, struct ports *ports, const char *name)
{
	struct slot slot = {0};
	uint32_t domain;
	uint8_t bus;
	int number;

	if (!read_address(ports->root, name, &domain, &bus, &number))
		return 0;
	if (place(ports, &slot, domain, bus, number) < 0 ||
		base_grow(&machine->slots, machine->n_slots, sizeof(*machine->slots)) < 0 ||
		!(slot.name = strdup(name)))
		return -ENOMEM;
	machine->slots[machine->n_slots++] = slot;
	return 0;
}

int slots_scan(const struct root *root, struct machine *machine, struct error *err)
{
	_cleanup_(strv_free) struct strv names = {0};
	struct ports ports = {.root = root, .machine = machine};
	int r = root_list(root, SLOTS, &names);

	if (r < 0 && r != -ENOMEM)
		return 0;
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = add(machine, &ports, names.v[i]);
	free(ports.secondary);
	return r < 0 ? error_no_memory(err) : 0;
}

void slots_release(struct machine *machine)
{
	for (size_t i = 0; i < machine->n_slots; i++)
		free(machine->slots[i].name);
	free(machine->slots);
}
