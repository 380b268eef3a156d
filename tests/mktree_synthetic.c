/*
 * An invented server, for scaling: root ports with network cards and their virtual functions,
 * graphics cards behind switches, NVMe disks, multi-function USB, legacy PCI behind a bridge,
 * uncore functions some of which have no group.
 */
#include "tests/mktree.h"
#include "tests/mktree_machine.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan {
	struct mktree_machine *m;
	size_t n; /* how many functions there shall be */
	uint32_t random;
	unsigned int domain, bus, root, port; /* the last bus and port in use, the root bus */
	unsigned int nic, disk;
	long long group; /* the next one */
	int error;
};

static unsigned int below(struct plan *p, unsigned int n)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 17;
	p->random ^= p->random << 5;
	return p->random % n;
}

static bool full(const struct plan *p)
{
	return p->error || p->m->n_device >= p->n;
}

/* Adds a function at bus:slot.function; -1 when there are enough, else its index. */
static int add(struct plan *p, unsigned int bus, unsigned int devfn, unsigned int vendor,
	unsigned int device, unsigned int class, long long group, int parent)
{
	struct mktree_device *d = full(p) ? NULL : mktree_machine_add(p->m);

	if (!d) {
		if (!full(p))
			p->error = -ENOMEM;
		return -1;
	}
	snprintf(d->address, sizeof(d->address), "%04x:%02x:%02x.%x", p->domain, bus,
		devfn >> 3 & 31, devfn & 7);
	d->vendor = vendor;
	d->device = device;
	d->class = class;
	d->revision = below(p, 4);
	d->group = group;
	if (class >> 16 != 6) {
		d->subvendor = 0x15d9;
		d->subdevice = 1 + below(p, 0x1fff);
	}
	if (parent >= 0)
		memcpy(d->parent, p->m->device[parent].address, sizeof(d->parent));
	return (int)(d - p->m->device);
}

static struct mktree_device *at(struct plan *p, int i)
{
	return i < 0 ? NULL : &p->m->device[i];
}

static void driven(struct plan *p, int i, const char *driver, const char *modules)
{
	struct mktree_device *d = at(p, i);

	if (d) {
		d->driver = driver;
		d->modules = modules;
	}
}

static void child(struct plan *p, int i, const char *subsystem, const char *path, const char *dev)
{
	struct mktree_device *d = at(p, i);

	if (!d)
		return;
	if (!path)
		p->error = -ENOMEM;
	d->child[d->n_child++] = (struct mktree_child){subsystem, path, dev};
}

/* A bridge on a bus; what is below it begins at the bus number that is next now. */
static int bridge(struct plan *p, unsigned int bus, unsigned int devfn, unsigned int vendor,
	unsigned int device, unsigned int class, long long group, int parent)
{
	int i = add(p, bus, devfn, vendor, device, class, group, parent);
	struct mktree_device *d = at(p, i);

	p->bus++;
	if (!d)
		return -1;
	d->bridge = true;
	d->bus[0] = (unsigned char)bus;
	d->bus[1] = d->bus[2] = (unsigned char)p->bus;
	if (class == 0x060400)
		d->driver = vendor == 0x1a03 ? NULL : "pcieport";
	return i;
}

/* Everything below the bridge is there. */
static void bridge_done(struct plan *p, int i)
{
	struct mktree_device *d = at(p, i);

	if (d)
		d->bus[2] = (unsigned char)p->bus;
}

/* A host bridge on a fresh root bus; in a new domain when this one is nearly full. */
static void new_root(struct plan *p)
{
	if (p->m->n_device)
		p->bus++;
	if (p->bus > 200) {
		p->domain++;
		p->bus = 0;
	}
	p->root = p->bus;
	p->port = 0;
	add(p, p->root, 0, 0x8086, 0x09a2, 0x088000, p->group++, -1);
}

static int root_port(struct plan *p)
{
	if (++p->port > 24) {
		new_root(p);
		p->port = 1;
	}
	return bridge(p, p->root, p->port << 3, 0x8086, 0x352a, 0x060400, p->group++, -1);
}

static void virtual_functions(struct plan *p, int port, const int pf[2], unsigned int n)
{
	static const char *const driver[] = {"iavf", "iavf", "vfio-pci", NULL};
	bool own = below(p, 100) < 85; /* a board without ACS has them all in one group */
	unsigned int bus = p->bus;
	long long shared = own ? -1 : p->group++;

	for (unsigned int i = 0; i < n; i++) {
		int v = add(
			p, bus, 8 + i, 0x8086, 0x1889, 0x020000, own ? p->group++ : shared, port);

		if (v < 0)
			return;
		memcpy(p->m->device[v].physfn, p->m->device[pf[i % 2]].address,
			sizeof(p->m->device[v].physfn));
		p->m->device[v].reset = "flr";
		driven(p, v, driver[below(p, 4)], "iavf");
	}
}

static void network_card(struct plan *p)
{
	static const unsigned int count[] = {8, 16, 32, 64, 64, 126};
	int port = root_port(p), pf[2];

	for (unsigned int f = 0; f < 2; f++) {
		pf[f] = add(p, p->bus, f, 0x8086, 0x1592, 0x020000, p->group++, port);
		driven(p, pf[f], "ice", "ice");
		child(p, pf[f], "net", mktree_machine_keep(p->m, "net/ens%uf%u", p->nic, f), NULL);
	}
	p->nic++;
	virtual_functions(p, port, pf, count[below(p, 6)]);
	bridge_done(p, port);
}

static void graphics_card(struct plan *p, int port, long long group)
{
	static const unsigned int kind[][3] = {
		{0x10de, 0x2684, 0x030000}, {0x10de, 0x2330, 0x030200}, {0x1002, 0x744c, 0x030000}};
	static const char *const driver[] = {"nvidia", "nouveau", "vfio-pci"};
	const unsigned int *k = kind[below(p, 3)];
	bool amd = k[0] == 0x1002;
	const char *d = driver[below(p, 3)];
	int i = add(p, p->bus, 0, k[0], k[1], k[2], group, port);

	driven(p, i, amd && strcmp(d, "vfio-pci") != 0 ? "amdgpu" : d,
		amd ? "amdgpu" : "nvidia,nouveau");
	if (i >= 0)
		at(p, i)->reset = "bus";
	if (k[2] != 0x030000)
		return;
	i = add(p, p->bus, 1, k[0], amd ? 0xab30 : 0x22ba, 0x040300, group, port);
	driven(p, i, "snd_hda_intel", "snd_hda_intel");
}

/* A switch with two to four cards; without ACS the whole of it is one group. */
static void graphics_switch(struct plan *p)
{
	int port = root_port(p);
	bool acs = below(p, 10) < 6;
	long long all = p->group++;
	int up = bridge(p, p->bus, 0, 0x10b5, 0x9797, 0x060400, all, port);
	unsigned int bus = p->bus, n = 2 + below(p, 3);

	for (unsigned int i = 0; i < n; i++) {
		int down = bridge(
			p, bus, i << 5, 0x10b5, 0x9797, 0x060400, acs ? p->group++ : all, up);

		graphics_card(p, down, acs ? p->group++ : all);
		bridge_done(p, down);
	}
	bridge_done(p, up);
	bridge_done(p, port);
}

static void disk(struct plan *p)
{
	int port = root_port(p);
	int i = add(p, p->bus, 0, 0x144d, 0xa80a, 0x010802, p->group++, port);
	unsigned int n = p->disk++;

	driven(p, i, "nvme", "nvme");
	child(p, i, "block", mktree_machine_keep(p->m, "nvme/nvme%u/nvme%un1", n, n),
		mktree_machine_keep(p->m, "259:%u", n));
	if (i >= 0)
		at(p, i)->reset = "flr,bus";
}

static void usb(struct plan *p)
{
	int port = root_port(p);
	long long group = p->group++;
	unsigned int n = 1 + below(p, 4);

	for (unsigned int f = 0; f < n; f++)
		driven(p, add(p, p->bus, f, 0x1b21, 0x2142, 0x0c0330, group, port), "xhci_hcd",
			"xhci_pci");
}

static void legacy(struct plan *p)
{
	static const unsigned int vendor[] = {0x8086, 0x1102, 0x10ec};
	static const unsigned int class[] = {0x020000, 0x040100, 0x070002};
	int port = root_port(p);
	long long group = p->group++;
	int up = bridge(p, p->bus, 0, 0x1b21, 0x1080, 0x060401, group, port);
	unsigned int n = 1 + below(p, 4);

	for (unsigned int s = 0; s < n; s++)
		add(p, p->bus, s << 3, vendor[below(p, 3)], 0x1000 + below(p, 0x1000),
			class[below(p, 3)], group, up);
	bridge_done(p, up);
	bridge_done(p, port);
}

static void uncore(struct plan *p)
{
	for (unsigned int s = 0x1c; s < 0x20; s++) {
		long long group = below(p, 10) < 9 ? p->group++ : -1;

		for (unsigned int f = 0; f < 8; f++)
			add(p, p->root, s << 3 | f, 0x8086, 0x3250 + f, 0x088000, group, -1);
	}
}

/* The board's own display, behind its own bridge. */
static void display(struct plan *p)
{
	int port = root_port(p);
	long long group = p->group++;
	int up = bridge(p, p->bus, 0, 0x1a03, 0x1150, 0x060400, group, port);
	int i = add(p, p->bus, 0, 0x1a03, 0x2000, 0x030000, group, up);

	driven(p, i, "ast", "ast");
	if (i >= 0)
		at(p, i)->boot_vga = true;
	bridge_done(p, up);
	bridge_done(p, port);
}

static void some_card(struct plan *p)
{
	unsigned int r = below(p, 15);

	if (r < 5)
		network_card(p);
	else if (r < 8)
		graphics_switch(p);
	else if (r < 12)
		disk(p);
	else if (r < 14)
		usb(p);
	else
		legacy(p);
}

static void everything(struct plan *p)
{
	unsigned int cards = 0;

	new_root(p);
	display(p);
	while (!full(p)) {
		some_card(p);
		if (p->bus - p->root <= 40 && ++cards <= 20)
			continue;
		uncore(p);
		new_root(p);
		cards = 0;
	}
}

static void headers(struct mktree_machine *m, unsigned int n, unsigned int seed)
{
	static const char *const unit[] = {"dmar0", "dmar1", "dmar2", "dmar3"};

	m->title = mktree_machine_keep(m, "invented server, %u functions, seed %u", n, seed);
	m->source = "invented";
	m->cpu = "intel";
	m->table = "DMAR";
	m->iommu = MKTREE_IOMMU_YES;
	m->n_unit = sizeof(unit) / sizeof(*unit);
	memcpy(m->unit, unit, sizeof(unit));
	m->rename[0].driver = "xhci_hcd";
	m->rename[0].module = "xhci_pci";
	m->rename[1].driver = "pcieport";
	m->rename[1].module = "pcieportdrv";
	m->n_rename = 2;
}

int mktree_synthetic_make(unsigned int n, unsigned int seed, struct mktree_machine **ret)
{
	struct plan p = {.n = n, .random = seed * 2654435761U + 0x9e3779b9U};

	p.m = calloc(1, sizeof(*p.m));
	if (!p.m)
		return -ENOMEM;
	if (!p.random)
		p.random = 1;
	headers(p.m, n, seed);
	if (n > 0)
		everything(&p);
	if (p.error) {
		mktree_facts_free(p.m);
		return p.error;
	}
	mktree_machine_sort(p.m);
	*ret = p.m;
	return 0;
}
