#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support_machine.h"

#include <stdio.h>
#include <string.h>

char *support_keep(struct support_machine *m, const char *text)
{
	if (!text)
		return NULL;
	assert_int_equal(strv_add(&m->kept, text), 0);
	return m->kept.v[m->kept.n - 1];
}

void support_module(struct support_machine *m, const char *name, enum module_state state)
{
	struct machine *machine = &m->machine;
	size_t i = 0;

	while (i < machine->n_modules && strcmp(m->known[i].name, name) != 0)
		i++;
	if (i == machine->n_modules) {
		assert_true(i < SUPPORT_DEVICES);
		m->known[i] = (struct module){support_keep(m, name), &m->states[i]};
		machine->n_modules++;
	}
	m->states[i] = state;
}

void support_machine_init(struct support_machine *m)
{
	struct host *host = &m->machine.host;

	*m = (struct support_machine){0};
	m->kernel = (struct kernel){.version = support_keep(m, "6.1.0-13-amd64"),
		.running = true,
		.next = true,
		.indexed = true};
	m->machine.devices = m->devices;
	m->machine.groups = m->groups;
	m->machine.kernels = &m->kernel;
	m->machine.n_kernels = 1;
	m->machine.modules = m->known;
	host->cmdline = support_keep(m, "BOOT_IMAGE=/vmlinuz root=/dev/sda1 intel_iommu=on");
	host->release = m->kernel.version;
	host->os_name = support_keep(m, "Debian GNU/Linux 12 (bookworm)");
	host->firmware = FIRMWARE_VTD;
	host->iommu_active = true;
	host->interrupt_remapping = YES;
	host->cpu_virtualization = YES;
	host->kvm = YES;
	host->libvirt = support_keep(m, "9.0.0");
	host->boot_loader = BOOT_GRUB_D;
	host->initramfs = INITRAMFS_TOOLS;
	host->boot_loader_found = (struct detected){
		support_keep(m, "GRUB"), support_keep(m, "BOOT_IMAGE= on the kernel command line"),
		BOOT_GRUB_D};
	host->initramfs_found = (struct detected){
		support_keep(m, "initramfs-tools"), NULL, INITRAMFS_TOOLS};
	support_module(m, "vfio_pci", MODULE_LOADABLE);
}

void support_machine_free(struct support_machine *m)
{
	for (size_t i = 0; i < SUPPORT_DEVICES; i++)
		strv_free(&m->modules[i]);
	strv_free(&m->kept);
}

static void join_group(struct support_machine *m, const struct device *device)
{
	struct machine *machine = &m->machine;
	size_t i = 0;

	while (i < machine->n_groups && m->groups[i].id != device->group)
		i++;
	if (i == machine->n_groups) {
		m->groups[i] = (struct group){.id = device->group, .devices = m->members[i]};
		machine->n_groups++;
	}
	m->members[i][m->groups[i].n_devices++] = device;
}

struct device *support_device(struct support_machine *m, const char *address, const char *ids,
	uint32_t class, int64_t group, const char *driver, const char *modules)
{
	size_t i = m->machine.n_devices++;
	struct device *d = &m->devices[i];
	unsigned id[4], at[4];

	assert_true(i < SUPPORT_DEVICES);
	assert_int_equal(sscanf(ids, "%x:%x:%x:%x", &id[0], &id[1], &id[2], &id[3]), 4);
	assert_int_equal(sscanf(address, "%x:%x:%x.%x", &at[0], &at[1], &at[2], &at[3]), 4);
	*d = (struct device){
		.domain = at[0],
		.bus = (uint8_t)at[1],
		.slot = (uint8_t)at[2],
		.function = (uint8_t)at[3],
		.vendor = (uint16_t)id[0],
		.device = (uint16_t)id[1],
		.subsystem_vendor = (uint16_t)id[2],
		.subsystem_device = (uint16_t)id[3],
		.class = class,
		.group = group,
		.driver = support_keep(m, driver),
		.modules = &m->modules[i],
	};
	(void)snprintf(d->address, sizeof(d->address), "%s", address);
	assert_int_equal(strv_split(&m->modules[i], modules, " "), 0);
	for (size_t k = 0; k < m->modules[i].n; k++)
		support_module(m, m->modules[i].v[k], MODULE_LOADABLE);
	for (size_t k = 0; k < i; k++)
		if (device_same_identity(&m->devices[k], d))
			m->devices[k].twin = d->twin = true;
	if (group >= 0)
		join_group(m, d);
	return d;
}

/* Uses of one device are added one after the other. */
void support_use(
	struct support_machine *m, struct device *device, enum use_kind kind, const char *text)
{
	assert_true(m->n_uses < SUPPORT_DEVICES);
	if (!device->n_uses)
		device->uses = &m->uses[m->n_uses];
	m->uses[m->n_uses++] = (struct use){.kind = kind, .text = support_keep(m, text)};
	device->n_uses++;
}
