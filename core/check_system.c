/* Findings about the system as a whole. */
#include "core/check_private.h"

#include "core/boot.h"
#include "core/forecast.h"
#include "core/parameters.h"
#include "core/refusal.h"
#include "core/targets/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void check_root(struct check *c)
{
	const struct host *host = &c->machine->host;
	_cleanup_free_ char *remedy = NULL;

	if (host->read_only == YES)
		check_add(c, "read-only", SEVERITY_BLOCK, NULL, -1,
			"remount it writable (mount -o remount,rw /), or make the change where the "
			"system's image is built",
			"The configuration in /etc cannot be written: the file system is "
			"read-only.");
	if (!c->choice->n)
		return;
	if (!host->refusal)
		return;
	if (refusal_remedy(c->machine, c->choice, &remedy) < 0)
		c->r = -ENOMEM;
	else
		check_add(c, "unsupported-system", SEVERITY_BLOCK, NULL, -1, remedy, "%s",
			refusal_reason(host->refusal));
}

static void check_kernel(struct check *c)
{
	const struct machine *machine = c->machine;
	const struct kernel *next = machine_next_kernel(machine);

	if (!next) {
		check_add(c, "vfio-missing", SEVERITY_WARNING, NULL, -1,
			"install a kernel with vfio-pci, or look into the system that is booted",
			"No installed kernel was found in /lib/modules, so nobody can tell whether "
			"vfio-pci is there.");
		return;
	}
	if (!machine_version_reaches(next->version, 3, 16, 0))
		check_add(c, "kernel-old", SEVERITY_BLOCK, NULL, -1,
			"install and boot a newer kernel",
			"Kernel %s boots next; binding one device by its address needs Linux 3.16 "
			"or newer.",
			next->version);
	if (machine_module_state(machine, "vfio_pci") == MODULE_BUILTIN)
		check_add(c, "vfio-builtin", SEVERITY_WARNING, NULL, -1,
			"wait until they are bound before a guest starts; a graphics card may show "
			"the boot messages first",
			"vfio-pci is built into kernel %s: the host's drivers get the chosen "
			"devices first, and %s moves them later in boot.",
			next->version, target_late_binder(machine));
}

/* Each installed kernel may be the one that somebody boots. */
static void check_vfio(struct check *c)
{
	const struct machine *machine = c->machine;
	const struct module *vfio = machine_module(machine, "vfio_pci");

	for (size_t k = 0; k < machine->n_kernels; k++) {
		const struct kernel *kernel = &machine->kernels[k];

		if (!kernel->indexed)
			check_add(c, "vfio-missing", SEVERITY_WARNING, NULL, -1,
				"run depmod for that kernel, or remove what is left of it",
				"The modules of kernel %s have no index, so nobody can tell "
				"whether "
				"it has vfio-pci.",
				kernel->version);
		else if (!vfio || vfio->states[k] == MODULE_MISSING)
			check_add(c, "vfio-missing",
				kernel->next ? SEVERITY_BLOCK : SEVERITY_WARNING, NULL, -1,
				"install a kernel that has it (CONFIG_VFIO_PCI)",
				"Kernel %s%s has no vfio-pci: booted with it, every device stays "
				"with "
				"the host.",
				kernel->version, kernel->next ? ", which boots next," : "");
	}
}

static void check_refused(struct check *c)
{
	if (c->existing && c->existing->vfio_refused)
		check_add(c, "vfio-refused", SEVERITY_WARNING, NULL, -1,
			"remove that parameter from the boot loader's configuration",
			"The boot loader's configuration holds module_blacklist=vfio_pci: the "
			"kernel "
			"will not load vfio-pci, and every device stays with the host.");
}

static void iommu_refused(struct check *c, const char *parameter)
{
	char remedy[400];

	(void)snprintf(remedy, sizeof(remedy),
		"remove %.200s from the kernel command line, %s, and reboot", parameter,
		boot_loader_take_out(choice_boot_loader(c->choice, c->machine)));
	check_add(c, "iommu-off", SEVERITY_WARNING, NULL, -1, remedy,
		"%s on the kernel command line %s the IOMMU off; without it vfio-pci takes no "
		"device.",
		parameter, c->machine->host.iommu_active ? "will keep" : "keeps");
}

static void iommu_comes(struct check *c, const char *parameter)
{
	check_add(c, "iommu-off", SEVERITY_WARNING, NULL, -1,
		"apply, reboot, and look at the groups again: a guest cannot start while the host "
		"uses another device of its group",
		"The IOMMU is off%s%s%s. %s. Which devices share a group is not known before.",
		*parameter ? ": this boot was started with " : "", parameter,
		*parameter ? ", which the boot loader's configuration does not hold" : "",
		forecast_adds_intel_iommu(c->machine, c->choice, c->existing)
			? "Applying adds intel_iommu=on to the kernel command line, and the next "
			  "boot "
			  "switches it on"
			: "The next boot switches it on");
}

static void iommu_unknown(struct check *c)
{
	if (c->machine->host.firmware == FIRMWARE_UNKNOWN)
		check_add(c, "iommu-off", SEVERITY_WARNING, NULL, -1,
			"make sure that VT-d or AMD-Vi is on in the firmware setup; after the next "
			"boot, check says whether it worked",
			"The IOMMU is off, and whether the firmware offers one cannot be seen "
			"here.");
	else
		check_add(c, "iommu-off", SEVERITY_WARNING, NULL, -1,
			"look for DMAR or AMD-Vi in the kernel's messages (dmesg); the kernel may "
			"be "
			"built without IOMMU support",
			"The IOMMU is off although the firmware offers it and no kernel parameter "
			"forbids it; without it vfio-pci takes no device.");
}

static void check_iommu(struct check *c)
{
	char parameter[200];
	enum forecast_iommu iommu;

	if (forecast_iommu(
		    c->machine, c->choice, c->existing, &iommu, parameter, sizeof(parameter)) < 0) {
		c->r = -ENOMEM;
		return;
	}
	switch (iommu) {
	case FORECAST_IOMMU_ON:
		break;
	case FORECAST_IOMMU_COMES:
		iommu_comes(c, parameter);
		break;
	case FORECAST_IOMMU_REFUSED:
		iommu_refused(c, parameter);
		break;
	case FORECAST_IOMMU_FIRMWARE:
		check_add(c, "iommu-off", SEVERITY_WARNING, NULL, -1,
			"switch on VT-d (Intel) or AMD-Vi, also called IOMMU (AMD), in the "
			"firmware "
			"setup; a virtual machine needs a virtual IOMMU from its hypervisor",
			"The firmware offers no IOMMU; without it vfio-pci takes no device.");
		break;
	case FORECAST_IOMMU_BY_HAND:
		check_add(c, "iommu-off", SEVERITY_WARNING, NULL, -1,
			"add intel_iommu=on to the kernel command line in your boot loader's "
			"configuration, and reboot",
			"The IOMMU is off, and the kernel parameter that switches it on is left "
			"to you; without the IOMMU vfio-pci takes no device.");
		break;
	case FORECAST_IOMMU_UNKNOWN:
		iommu_unknown(c);
		break;
	}
}

/* Kernels with that patch (it is in no kernel.org one) take a group apart that the hardware does
 * not. */
static void check_acs(struct check *c)
{
	const char *word = "pcie_acs_override=";
	const struct host *host = &c->machine->host;
	bool is_on = machine_has_word(host->cmdline, word), comes = false;

	for (size_t i = 0; c->existing && i < c->existing->cmdline.n; i++)
		comes |= base_starts(c->existing->cmdline.v[i], word);
	if (is_on || comes)
		check_add(c, "acs-override", SEVERITY_WARNING, NULL, -1,
			"where guests are not trusted, remove pcie_acs_override= from the kernel "
			"command line, reboot, and look at the groups again",
			"pcie_acs_override= %s the kernel command line: a kernel with that patch "
			"shows groups that the hardware does not keep apart. A guest may then "
			"reach "
			"devices of other groups, the host's too, by DMA from device to device, "
			"and "
			"corrupt what they do.",
			is_on ? "is on" : "will be on");
}

static void check_interrupts(struct check *c)
{
	if (c->machine->host.iommu_active && c->machine->host.interrupt_remapping == NO)
		check_add(c, "no-interrupt-remapping", SEVERITY_WARNING, NULL, -1,
			"switch it on in the firmware setup (with VT-d or x2APIC); the kernel's "
			"vfio_iommu_type1.allow_unsafe_interrupts=1 is a way round that lets a "
			"guest "
			"attack the host",
			"There is no interrupt remapping: guests with a device do not start "
			"(\"No interrupt remapping support\").");
}

static void check_loader(struct check *c)
{
	const struct host *host = &c->machine->host;
	enum boot_loader loader = choice_boot_loader(c->choice, c->machine);
	const char *name = loader == host->boot_loader ? host->boot_loader_found.name
						       : boot_loader_kind(loader)->title;
	_cleanup_(strv_free) struct strv wanted = {0};
	_cleanup_(str_free) struct str remedy = {0};

	if (boot_loader_kind(loader)->is_set_up || boot_loader_is_by_hand(loader))
		return;
	if (parameters_wanted(c->machine, c->choice, &wanted) < 0)
		c->r = -ENOMEM;
	str_add(&remedy, wanted.n ? "put this on the kernel command line, in the boot loader's own "
				    "configuration: "
				  : "nothing: the kernel needs no parameter for this choice");
	str_add_words(&remedy, &wanted);
	str_add(&remedy, host->boot_loader_others.n ? "; or " : "");
	check_others_text(&remedy, &host->boot_loader_others, boot_loader_kinds, "--boot-loader");
	if (str_check(&remedy) < 0) {
		c->r = -ENOMEM;
		return;
	}
	check_add(c, "boot-loader-unknown", wanted.n ? SEVERITY_WARNING : SEVERITY_INFO, NULL, -1,
		remedy.s,
		"The boot loader %s%s is not one that vfio-wizard sets up: its kernel "
		"parameters stay as they are.",
		name ? name : "of this system", name ? "" : " is not known, and so");
}

static void check_initramfs(struct check *c)
{
	const struct host *host = &c->machine->host;
	enum initramfs initramfs = choice_initramfs(c->choice, c->machine);
	const char *name = initramfs == host->initramfs ? host->initramfs_found.name
							: boot_initramfs_kind(initramfs)->title;
	_cleanup_(str_free) struct str remedy = {0};

	if (boot_initramfs_kind(initramfs)->is_set_up)
		return;
	str_add(&remedy, "put vfio-pci, " TARGET_MODPROBE ", " TARGET_SCRIPT " and " CHOICE_PATH
			 " into the initramfs of every kernel, and rebuild it");
	str_add(&remedy, host->initramfs_others.n ? "; or " : "");
	check_others_text(&remedy, &host->initramfs_others, boot_initramfs_kinds, "--initramfs");
	if (str_check(&remedy) < 0) {
		c->r = -ENOMEM;
		return;
	}
	check_add(c, "initramfs-unknown", SEVERITY_WARNING, NULL, -1, remedy.s,
		"The initramfs generator %s is not one that vfio-wizard sets up: a driver in the "
		"initramfs takes a chosen device first, and %s moves it later in boot.",
		name ? name : "(unknown)", target_late_binder(c->machine));
}

static void check_systemd(struct check *c)
{
	if (c->machine->host.without_systemd)
		check_add(c, "no-systemd", SEVERITY_WARNING, NULL, -1,
			"have the init system run this once at boot, as root: . " CHOICE_PATH
			"; " TARGET_SCRIPT " $DEVICES",
			"This system does not start with systemd, so vfio-bind.service never runs: "
			"it would bind what the initramfs does not, and say at boot that a change "
			"was cut short.");
}

/* Before 1.1.3, libvirt binds with pci-stub and KVM's own assignment, which newer kernels lack. */
static void check_libvirt(struct check *c)
{
	const char *libvirt = c->machine->host.libvirt;

	if (libvirt && !machine_version_reaches(libvirt, 1, 1, 3))
		check_add(c, "libvirt-old", SEVERITY_WARNING, NULL, -1,
			"install libvirt 1.1.3 or newer",
			"libvirt %s does not hand over devices with VFIO by itself.", libvirt);
}

/* ids= of others that reach further than the choice. */
static void check_ids(struct check *c)
{
	_cleanup_(check_names_free) struct check_names names = {0};
	const struct device *first = NULL;
	const char *where = NULL;

	for (size_t i = 0; i < c->machine->n_devices; i++) {
		const struct device *device = &c->machine->devices[i];
		const char *here;

		if (choice_has(c->choice, device) || device_is_bridge(device) ||
			!existing_binds(c->existing, device, &here))
			continue;
		if (!first) {
			first = device;
			where = here;
		}
		check_names_add(&names, device);
	}
	if (first)
		check_add(c, "existing-ids", SEVERITY_WARNING, first, first->group,
			"choose it too, or take it out there",
			"Not chosen, but bound to vfio-pci all the same by %s: %s.", where,
			check_names_text(c, &names));
	if (c->choice->options & CHOICE_IDS && c->existing->ids_on_cmdline)
		check_add(c, "existing-ids", SEVERITY_WARNING, NULL, -1,
			"remove vfio-pci.ids= from the kernel command line, or switch the option "
			"off",
			"The kernel command line has vfio-pci.ids=, which beats every file: the "
			"chosen "
			"devices are bound by address instead of by ids=.");
}

/* kmod obeys the first install line, in the order of file names. */
static void check_install(struct check *c)
{
	const char *where = c->existing->install;
	const char *name = where ? strrchr(where, '/') : NULL;
	const char *ours = strrchr(TARGET_MODPROBE, '/');

	if (!name)
		return;
	if (strcmp(name, ours) < 0)
		check_add(c, "existing-install", SEVERITY_WARNING, NULL, -1,
			"remove that line, unless it is what shall bind the devices",
			"%s has an install line for vfio-pci that comes before ours: the host's "
			"drivers may get the chosen devices first, and %s moves them later in "
			"boot.",
			where, target_late_binder(c->machine));
	else
		check_add(c, "existing-install", SEVERITY_WARNING, NULL, -1,
			"choose the devices that it was for, then remove the line",
			"%s has an install line for vfio-pci, which ours overrides: what it did "
			"happens no more.",
			where);
}

static void check_existing(struct check *c)
{
	check_refused(c);
	check_ids(c);
	check_install(c);
	for (size_t i = 0; i < c->existing->notes.n; i++)
		check_add(c, "existing-settings", SEVERITY_INFO, NULL, -1, "", "Found: %s",
			c->existing->notes.v[i]);
}

void check_system(struct check *c)
{
	check_root(c);
	/* Giving everything back needs none of the rest, and a system that is refused has nothing of it. */
	if (!c->choice->n || c->machine->host.refusal)
		return;
	check_kernel(c);
	check_vfio(c);
	check_iommu(c);
	check_acs(c);
	check_interrupts(c);
	check_loader(c);
	check_initramfs(c);
	check_systemd(c);
	check_libvirt(c);
	if (c->existing)
		check_existing(c);
}
