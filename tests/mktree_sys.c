/* A machine as the kernel shows it: DIR/sys. */
#include "tests/mktree.h"
#include "tests/mktree_machine.h"
#include "tests/mktree_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOURCE_LINE "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
#define RESOURCES     RESOURCE_LINE RESOURCE_LINE RESOURCE_LINE RESOURCE_LINE
#define RESOURCES_13  RESOURCES RESOURCES RESOURCES RESOURCE_LINE
#define RESOURCES_17  RESOURCES RESOURCES RESOURCES RESOURCES RESOURCE_LINE

static bool is_vga(const struct mktree_device *d)
{
	return d->class >> 8 == 0x0300;
}

/* The header type of a bridge is 1, of a CardBus bridge 2. */
static unsigned char header_type(const struct mktree_device *d)
{
	unsigned int class = d->class >> 8;

	return class == 0x0604 || class == 0x0609 ? 1 : class == 0x0607 ? 2 : 0;
}

/* Whether other functions sit in the device's slot; virtual ones do not count. */
static bool is_multi(const struct mktree_machine *m, const struct mktree_device *d)
{
	size_t n = strlen(d->address) - 1, at = (size_t)(d - m->device);
	size_t from = at > 7 ? at - 7 : 0;

	if (d->physfn[0])
		return false;
	for (size_t i = from; i < m->n_device && i <= at + 7; i++)
		if (i != at && !m->device[i].physfn[0] &&
			strncmp(m->device[i].address, d->address, n) == 0)
			return true;
	return false;
}

static void put16(unsigned char *p, unsigned int v)
{
	p[0] = (unsigned char)(v & 255);
	p[1] = (unsigned char)(v >> 8 & 255);
}

/* Where each header type keeps the subsystem; a bridge has it in a capability. */
static void config_subsystem(unsigned char *c, const struct mktree_device *d)
{
	unsigned int at = header_type(d) == 0 ? 0x2c : 0x40;

	if (header_type(d) == 1) {
		if (!d->subvendor)
			return;
		c[0x06] = 0x10; /* has capabilities */
		c[0x34] = 0x40; /* the first of them */
		c[0x40] = 0x0d; /* subsystem ids */
		at = 0x44;
	}
	put16(c + at, d->subvendor);
	put16(c + at + 2, d->subdevice);
}

static void config_make(
	unsigned char c[static 256], const struct mktree_machine *m, const struct mktree_device *d)
{
	memset(c, 0, 256);
	put16(c, d->vendor);
	put16(c + 2, d->device);
	put16(c + 4, d->driver ? 0x0406 : 0);
	c[0x08] = (unsigned char)d->revision;
	c[0x09] = (unsigned char)(d->class & 255);
	put16(c + 0x0a, d->class >> 8);
	c[0x0e] = (unsigned char)(header_type(d) | (is_multi(m, d) ? 0x80 : 0));
	if (header_type(d))
		memcpy(c + 0x18, d->bus, 3);
	config_subsystem(c, d);
}

static void modalias(char *s, size_t size, const struct mktree_device *d)
{
	snprintf(s, size, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", d->vendor, d->device,
		d->subvendor, d->subdevice, d->class >> 16 & 255, d->class >> 8 & 255,
		d->class & 255);
}

static void write_uevent(struct mktree_out *o, const struct mktree_device *d, const char *alias)
{
	mktree_out_printf(o, "uevent",
		"%s%s%sPCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\n"
		"PCI_SLOT_NAME=%s\nMODALIAS=%s\n",
		d->driver ? "DRIVER=" : "", d->driver ? d->driver : "", d->driver ? "\n" : "",
		d->class, d->vendor, d->device, d->subvendor, d->subdevice, d->address, alias);
}

static void write_config(
	struct mktree_out *o, const struct mktree_machine *m, const struct mktree_device *d)
{
	unsigned char c[256];

	if (d->config) {
		mktree_out_data(o, "config", d->config, d->config_size);
		return;
	}
	config_make(c, m, d);
	mktree_out_data(o, "config", c, sizeof(c));
}

/* A device has these two files only where the kernel knows a way to reset it. */
static void write_reset(struct mktree_out *o, const struct mktree_device *d)
{
	char methods[64];

	if (!d->reset)
		return;
	snprintf(methods, sizeof(methods), "%s\n", d->reset);
	for (char *s = strchr(methods, ','); s; s = strchr(s, ','))
		*s = ' ';
	mktree_out_text(o, "reset_method", methods);
	mktree_out_text(o, "reset", "");
	mktree_out_mode(o, "reset", 0200);
}

static void write_attributes(
	struct mktree_out *o, const struct mktree_machine *m, const struct mktree_device *d)
{
	char alias[80];

	modalias(alias, sizeof(alias), d);
	mktree_out_printf(o, "vendor", "0x%04x\n", d->vendor);
	mktree_out_printf(o, "device", "0x%04x\n", d->device);
	mktree_out_printf(o, "class", "0x%06x\n", d->class);
	mktree_out_printf(o, "revision", "0x%02x\n", d->revision);
	mktree_out_printf(o, "subsystem_vendor", "0x%04x\n", d->subvendor);
	mktree_out_printf(o, "subsystem_device", "0x%04x\n", d->subdevice);
	mktree_out_printf(o, "modalias", "%s\n", alias);
	mktree_out_text(o, "irq", "0\n");
	mktree_out_text(o, "resource", d->bridge ? RESOURCES_17 : RESOURCES_13);
	mktree_out_text(o, "driver_override", "(null)\n");
	mktree_out_text(o, "numa_node", "-1\n");
	mktree_out_text(o, "enable", d->driver ? "1\n" : "0\n");
	if (header_type(d) == 1)
		mktree_out_printf(o, "secondary_bus_number", "%u\n", d->bus[1]);
	if (is_vga(d))
		mktree_out_text(o, "boot_vga", d->boot_vga ? "1\n" : "0\n");
	write_uevent(o, d, alias);
	write_config(o, m, d);
	write_reset(o, d);
}

/* Enters the device's directory, so that long paths are walked once and not per file. */
static void write_files(
	struct mktree_out *o, const struct mktree_machine *m, const struct mktree_device *d)
{
	struct mktree_out in = {.fd = -1};

	mktree_out_dir(o, d->place);
	if (o->error)
		return;
	in.fd = openat(o->fd, d->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in.fd < 0)
		mktree_out_fail(o, -errno, d->place);
	else
		write_attributes(&in, m, d);
	if (mktree_out_close(&in) < 0)
		mktree_out_fail(o, in.error, d->place);
}

/* sys/devices/pciDOMAIN:BUS/ADDRESS, or below the parent, or where the facts say */
static const char *place(struct mktree_machine *m, struct mktree_device *d)
{
	const struct mktree_device *p = mktree_facts_find(m, d->parent);
	struct mktree_device *up = p ? &m->device[p - m->device] : NULL;
	const char *above;

	if (d->place)
		return d->place;
	if (d->path)
		d->place = mktree_machine_keep(m, "sys/%s", d->path);
	else if (up) {
		above = place(m, up);
		d->place = above ? mktree_machine_keep(m, "%s/%s", above, d->address) : NULL;
	} else
		d->place = mktree_machine_keep(m, "sys/devices/pci%.*s/%s",
			(int)strlen(d->address) - 5, d->address, d->address);
	return d->place;
}

static const char *module_of(const struct mktree_machine *m, const char *driver)
{
	for (size_t i = 0; i < m->n_rename; i++)
		if (strcmp(m->rename[i].driver, driver) == 0)
			return m->rename[i].module;
	return driver;
}

/* sys/module/NAME; the kernel's names have no "-" */
static struct mktree_path module_path(const char *name)
{
	struct mktree_path p = mktree_out_path("sys/module/%s", name);

	for (char *s = strchr(p.s, '-'); s; s = strchr(s, '-'))
		*s = '_';
	return p;
}

static void write_driver(struct mktree_out *o, const struct mktree_machine *m, const char *driver)
{
	static const char *const file[] = {"bind", "unbind", "new_id", "remove_id", "uevent"};
	const char *module = module_of(m, driver);

	for (size_t i = 0; i < sizeof(file) / sizeof(*file); i++) {
		struct mktree_path p =
			mktree_out_path("sys/bus/pci/drivers/%s/%s", driver, file[i]);

		mktree_out_text(o, p.s, "");
		mktree_out_mode(o, p.s, 0200);
	}
	if (!module)
		return;
	mktree_out_dir(o, module_path(module).s);
	mktree_out_link(o, PATH("sys/bus/pci/drivers/%s/module", driver), module_path(module).s);
}

static void link_driver(
	struct mktree_out *o, const struct mktree_machine *m, const struct mktree_device *d)
{
	if (!d->driver)
		return;
	if (!o->error &&
		faccessat(o->fd, PATH("sys/bus/pci/drivers/%s/bind", d->driver), F_OK, 0) < 0)
		write_driver(o, m, d->driver);
	mktree_out_link(o, PATH("%s/driver", d->place), PATH("sys/bus/pci/drivers/%s", d->driver));
	mktree_out_link(o, PATH("sys/bus/pci/drivers/%s/%s", d->driver, d->address), d->place);
}

/* Modules that claim the device and are loaded, or were when the facts were taken. */
static void write_modules(struct mktree_out *o, const struct mktree_device *d)
{
	const char *s = d->modules;

	while (s && *s) {
		int n = (int)strcspn(s, ",");

		mktree_out_dir(o, module_path(PATH("%.*s", n, s)).s);
		s += n + (s[n] == ',');
	}
}

static void link_group(
	struct mktree_out *o, const struct mktree_machine *m, const struct mktree_device *d)
{
	struct mktree_path g = mktree_out_path("sys/kernel/iommu_groups/%lld", d->group);

	if (d->group < 0 || m->iommu != MKTREE_IOMMU_YES)
		return;
	if (!o->error && faccessat(o->fd, g.s, F_OK, 0) < 0) {
		mktree_out_text(o, PATH("%s/type", g.s), "DMA\n");
		mktree_out_text(o, PATH("%s/reserved_regions", g.s),
			"0x00000000fee00000 0x00000000feefffff msi\n");
	}
	mktree_out_link(o, PATH("%s/devices/%s", g.s, d->address), d->place);
	mktree_out_link(o, PATH("%s/iommu_group", d->place), g.s);
	if (!m->n_unit)
		return;
	g = mktree_out_path("sys/devices/virtual/iommu/%s", m->unit[0]);
	mktree_out_link(o, PATH("%s/iommu", d->place), g.s);
	mktree_out_link(o, PATH("%s/devices/%s", g.s, d->address), d->place);
}

static void write_units(struct mktree_out *o, const struct mktree_machine *m)
{
	for (size_t i = 0; i < m->n_unit; i++) {
		const char *u = m->unit[i];
		struct mktree_path p = mktree_out_path("sys/devices/virtual/iommu/%s", u);

		mktree_out_dir(o, PATH("%s/devices", p.s));
		mktree_out_dir(
			o, PATH("%s/%s", p.s,
				   strncmp(u, "ivhd", 4) == 0 ? "amd-iommu" : "intel-iommu"));
		mktree_out_link(o, PATH("sys/class/iommu/%s", u), p.s);
	}
}

/* The links between a physical function and its virtual ones, which come in address order. */
static void link_virtual(struct mktree_out *o, struct mktree_machine *m)
{
	unsigned int *n = calloc(m->n_device + 1, sizeof(*n));

	if (!n) {
		mktree_out_fail(o, -ENOMEM, "sys");
		return;
	}
	for (size_t i = 0; i < m->n_device; i++) {
		const struct mktree_device *v = &m->device[i];
		const struct mktree_device *pf = mktree_facts_find(m, v->physfn);

		if (!pf)
			continue;
		mktree_out_link(o, PATH("%s/physfn", v->place), pf->place);
		mktree_out_link(o, PATH("%s/virtfn%u", pf->place, n[pf - m->device]++), v->place);
	}
	for (size_t i = 0; i < m->n_device; i++) {
		if (!n[i])
			continue;
		mktree_out_printf(o, PATH("%s/sriov_numvfs", m->device[i].place), "%u\n", n[i]);
		mktree_out_printf(o, PATH("%s/sriov_totalvfs", m->device[i].place), "%u\n",
			n[i] > 8 ? n[i] : 8);
	}
	free(n);
}

/* The controller of an NVMe disk, whose path is nvme/nvmeC/nvmeCnN. */
static void write_nvme(struct mktree_out *o, const char *place, const char *path, const char *disk)
{
	int n = (int)strcspn(path + 5, "/");
	struct mktree_path ctrl = mktree_out_path("%s/nvme/%.*s", place, n, path + 5);

	mktree_out_link(o, PATH("sys/class/nvme/%.*s", n, path + 5), ctrl.s);
	mktree_out_link(o, PATH("%s/device", ctrl.s), place);
	mktree_out_link(o, PATH("%s/device", disk), ctrl.s);
}

static void write_disk(
	struct mktree_out *o, const char *place, const struct mktree_child *c, const char *at)
{
	mktree_out_text(o, PATH("%s/size", at), "1000215216\n");
	mktree_out_text(o, PATH("%s/removable", at), "0\n");
	mktree_out_link(o, PATH("sys/block/%s", strrchr(at, '/') + 1), at);
	if (strncmp(c->path, "nvme/", 5) == 0)
		write_nvme(o, place, c->path, at);
}

/* A block device below a block device is a partition: NAME1 or NAMEp1. */
static void write_block(
	struct mktree_out *o, const char *place, const struct mktree_child *c, const char *at)
{
	const char *name = strrchr(at, '/') + 1;
	struct mktree_path disk = mktree_out_path("%.*s", (int)(name - 1 - at), at);
	size_t n = strlen(strrchr(disk.s, '/') + 1);

	if (o->error || faccessat(o->fd, PATH("%s/removable", disk.s), F_OK, 0) < 0) {
		write_disk(o, place, c, at);
	} else {
		n += name[n] == 'p';
		mktree_out_text(o, PATH("%s/size", at), "204800\n");
		mktree_out_printf(o, PATH("%s/partition", at), "%s\n", name + n);
	}
	if (c->dev)
		mktree_out_link(o, PATH("sys/dev/block/%s", c->dev), at);
}

static void write_child(struct mktree_out *o, const char *place, const struct mktree_child *c)
{
	struct mktree_path at = mktree_out_path("%s/%s", place, c->path);

	mktree_out_dir(o, at.s);
	if (c->dev)
		mktree_out_printf(o, PATH("%s/dev", at.s), "%s\n", c->dev);
	mktree_out_link(o, PATH("sys/class/%s/%s", c->subsystem, strrchr(at.s, '/') + 1), at.s);
	if (strcmp(c->subsystem, "block") == 0) {
		write_block(o, place, c, at.s);
		return;
	}
	if (strcmp(c->subsystem, "net") == 0) {
		mktree_out_text(o, PATH("%s/address", at.s), "00:00:00:00:00:00\n");
		mktree_out_text(o, PATH("%s/operstate", at.s), "unknown\n");
	}
	mktree_out_link(o, PATH("%s/device", at.s), place);
}

static void write_bus(struct mktree_out *o, const struct mktree_machine *m)
{
	static const char *const dir[] = {"bus/pci/devices", "bus/pci/drivers", "bus/pci/slots",
		"kernel/iommu_groups", "class", "module", "devices"};

	for (size_t i = 0; i < sizeof(dir) / sizeof(*dir); i++)
		mktree_out_dir(o, PATH("sys/%s", dir[i]));
	mktree_out_text(o, "sys/bus/pci/rescan", "");
	mktree_out_text(o, "sys/bus/pci/drivers_probe", "");
	mktree_out_text(o, "sys/bus/pci/drivers_autoprobe", "1\n");
	mktree_out_text(o, "sys/bus/pci/uevent", "");
	write_driver(o, m, "vfio-pci");
	write_units(o, m);
}

/* ACPI tables are there to be seen and for root to read. */
static void write_firmware(struct mktree_out *o, const struct mktree_machine *m)
{
	const char *const table[] = {
		"FACP", m->table && strcmp(m->table, "-") != 0 ? m->table : NULL};

	for (size_t i = 0; m->table && i < 2 && table[i]; i++) {
		struct mktree_path p = mktree_out_path("sys/firmware/acpi/tables/%s", table[i]);

		mktree_out_text(o, p.s, table[i]);
		mktree_out_mode(o, p.s, 0400);
	}
}

static void write_cpu(struct mktree_out *o, const struct mktree_machine *m)
{
	bool amd = m->cpu && strcmp(m->cpu, "amd") == 0;

	if (m->cpu)
		mktree_out_printf(o, "proc/cpuinfo",
			"processor\t: 0\nvendor_id\t: %s\nflags\t\t: fpu pae apic sep sse2 ht lm "
			"%s\n\n",
			amd ? "AuthenticAMD" : "GenuineIntel", amd ? "svm" : "vmx");
}

static void write_device(struct mktree_out *o, struct mktree_machine *m, struct mktree_device *d)
{
	if (!place(m, d)) {
		mktree_out_fail(o, -ENOMEM, d->address);
		return;
	}
	write_files(o, m, d);
	mktree_out_link(o, PATH("%s/subsystem", d->place), "sys/bus/pci");
	mktree_out_link(o, PATH("sys/bus/pci/devices/%s", d->address), d->place);
	link_driver(o, m, d);
	link_group(o, m, d);
	write_modules(o, d);
	for (size_t i = 0; i < d->n_child; i++)
		write_child(o, d->place, &d->child[i]);
}

int mktree_sys_write(struct mktree_machine *m, const char *dir)
{
	struct mktree_out o = mktree_out_open(dir);

	write_bus(&o, m);
	write_firmware(&o, m);
	write_cpu(&o, m);
	for (size_t i = 0; i < m->n_device && !o.error; i++)
		write_device(&o, m, &m->device[i]);
	if (!o.error)
		link_virtual(&o, m);
	return mktree_out_close(&o);
}

int mktree_attach(const char *dir, const char *address, const char *child)
{
	struct mktree_out o = mktree_out_open(dir);
	struct mktree_device d = {.n_child = 0};
	char link[512], *text = strdup(child);
	ssize_t n = -1;

	if (!text || mktree_machine_child(&d, text) < 0)
		mktree_out_fail(&o, text ? -EINVAL : -ENOMEM, child);
	if (!o.error)
		n = readlinkat(
			o.fd, PATH("sys/bus/pci/devices/%s", address), link, sizeof(link) - 1);
	if (n < 0)
		mktree_out_fail(&o, -ENODEV, address);
	if (!o.error) {
		link[n] = '\0';
		/* "../../../devices/...", from bus/pci/devices */
		write_child(&o, PATH("sys/%s", link + strspn(link, "./")), &d.child[0]);
	}
	free(text);
	return mktree_out_close(&o);
}
