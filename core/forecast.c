#include "core/forecast.h"

#include "core/boot.h"
#include "core/fitness.h"
#include "core/parameters.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Drivers that are not called as their modules (the names in struct pci_driver of Linux 6.12). */
static const struct {
	const char *module, *driver;
} driver_names[] = {
	{"bochs", "bochs-drm"},
	{"ehci_pci", "ehci-pci"},
	{"i2c_i801", "i801_smbus"},
	{"i2c_nvidia_gpu", "nvidia-gpu"},
	{"i2c_piix4", "piix4_smbus"},
	{"intel_lpss_pci", "intel-lpss"},
	{"ohci_pci", "ohci-pci"},
	{"sdhci_pci", "sdhci-pci"},
	{"snd_sof_pci_intel_cnl", "sof-audio-pci-intel-cnl"},
	{"snd_sof_pci_intel_tgl", "sof-audio-pci-intel-tgl"},
	{"spi_intel_pci", "intel-spi"},
	{"virtio_pci", "virtio-pci"},
	{"xhci_pci", "xhci_hcd"},
	{"xhci_pci_renesas", "xhci-pci-renesas"},
};

static const char *driver_of_module(const char *module)
{
	for (size_t i = 0; i < ARRAY_SIZE(driver_names); i++)
		if (base_same_module(driver_names[i].module, module))
			return driver_names[i].driver;
	return module;
}

static bool on_host(const struct device *device)
{
	return device->driver && !device_is_vfio_driver(device->driver);
}

static bool has_module(const struct device *device, const char *module)
{
	for (size_t i = 0; i < device->modules->n; i++)
		if (base_same_module(device->modules->v[i], module))
			return true;
	return false;
}

/* The driver that a device with exactly these modules has got on the host. */
static const char *example(const struct machine *machine, const struct device *device)
{
	for (size_t i = 0; i < machine->n_devices; i++) {
		const struct device *other = &machine->devices[i];

		if (on_host(other) && other->vendor == device->vendor &&
			other->device == device->device)
			return other->driver;
	}
	for (size_t i = 0; device->modules->n == 1 && i < machine->n_devices; i++) {
		const struct device *other = &machine->devices[i];

		if (on_host(other) && other->modules->n == 1 &&
			has_module(other, device->modules->v[0]))
			return other->driver;
	}
	return NULL;
}

static bool can_load(
	const struct machine *machine, const struct existing *existing, const char *module)
{
	if (device_is_vfio_driver(module) || (existing && existing_blacklists(existing, module)))
		return false;
	/* Without any kernel seen, the list of modules is all there is to go by. */
	return !machine->n_kernels || machine_module_state(machine, module) != MODULE_MISSING;
}

/* NULL: none that we know of. */
static const char *host_driver(
	const struct machine *machine, const struct existing *existing, const struct device *device)
{
	const char *driver = on_host(device) ? device->driver : example(machine, device);

	if (driver)
		return driver;
	for (size_t i = 0; i < device->modules->n; i++)
		if (can_load(machine, existing, device->modules->v[i]))
			return driver_of_module(device->modules->v[i]);
	return NULL;
}

/* What every device's forecast depends on. */
struct outlook {
	const struct machine *machine;
	const struct choice *before, *choice;
	const struct existing *existing;
	const char *hindrance; /* why vfio-pci takes nothing at all; NULL: it does */
	bool iommu_unknown;    /* it may be on then: the firmware's tables are not seen */
	bool vfio_builtin;
	bool is_early;       /* vfio-bind, or for booster ids=, works in the initramfs */
	bool has_parameters; /* the boot loader is one that gets the wanted kernel parameters */
	bool by_hand;        /* hand-made scripts may bind more than we can tell */
};

static const char *iommu_hindrance(const struct machine *machine, enum forecast_iommu iommu)
{
	switch (iommu) {
	case FORECAST_IOMMU_ON:
	case FORECAST_IOMMU_COMES:
		break;
	case FORECAST_IOMMU_REFUSED:
		return "a kernel parameter keeps the IOMMU off, so vfio-pci takes nothing";
	case FORECAST_IOMMU_FIRMWARE:
		return "the firmware offers no IOMMU, so vfio-pci takes nothing";
	case FORECAST_IOMMU_BY_HAND:
		return "the IOMMU stays off until intel_iommu=on is set by hand";
	case FORECAST_IOMMU_UNKNOWN:
		if (machine->host.firmware != FIRMWARE_UNKNOWN && !machine->host.iommu_active)
			return "the IOMMU is off although nothing switches it off";
		break;
	}
	return NULL;
}

static const char *find_hindrance(
	const struct machine *machine, const struct existing *existing, enum forecast_iommu iommu)
{
	const char *why = iommu_hindrance(machine, iommu);

	if (existing && existing->vfio_refused)
		return "module_blacklist=vfio_pci is among the kernel parameters";
	if (!why && machine->n_kernels &&
		machine_module_state(machine, "vfio_pci") == MODULE_MISSING)
		return "the kernel that boots next has no vfio-pci";
	return why;
}

/* Why vfio-pci never takes this one device; NULL: nothing speaks against it. */
static const char *device_hindrance(
	const struct machine *machine, const struct existing *existing, const struct device *device)
{
	if (device_is_bridge(device))
		return "a bridge is never bound";
	if (device->functions)
		return "vfio-pci refuses a device whose virtual functions are in use";
	if (fitness_denial(machine, existing, device) == FITNESS_DENIED)
		return "vfio-pci refuses it: it is on the kernel's denylist";
	if (machine->host.iommu_active && device->group < 0)
		return "in no IOMMU group, so vfio-pci does not take it";
	return NULL;
}

static const char *builtin_driver(const struct machine *machine, const struct device *device)
{
	for (size_t i = 0; i < device->modules->n; i++)
		if (machine_module_state(machine, device->modules->v[i]) == MODULE_BUILTIN)
			return device->modules->v[i];
	return NULL;
}

static int set(struct forecast_entry *entry, const char *next, const char *fmt, ...) _printf_(3, 4);

static int set(struct forecast_entry *entry, const char *next, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&entry->reason, fmt, ap);
	va_end(ap);
	if (n < 0) {
		entry->reason = NULL;
		return -ENOMEM;
	}
	entry->next = next ? strdup(next) : NULL;
	return next && !entry->next ? -ENOMEM : 0;
}

bool forecast_binds_by_ids(
	const struct machine *machine, const struct choice *choice, const struct existing *existing)
{
	/* ids= on the kernel command line, which counts last, are not ours. */
	if (!choice->n || !(choice->options & CHOICE_IDS) || (existing && existing->ids_on_cmdline))
		return false;
	for (size_t i = 0; i < choice->n; i++) {
		const struct device *device = machine_device(machine, choice->picks[i].address);

		if (!device || !choice_has(choice, device) ||
			!choice_owns_identity(choice, machine, device))
			return false;
	}
	return true;
}

/* Nothing binds it before the host has booted. */
static bool is_late(const struct outlook *o, const struct device *device)
{
	if (device->physfn || builtin_driver(o->machine, device))
		return true;
	return !(o->has_parameters && parameters_bind(o->machine, o->choice, device)) &&
	       (o->vfio_builtin || !o->is_early);
}

bool forecast_is_early(
	const struct machine *machine, const struct choice *choice, const struct existing *existing)
{
	enum initramfs initramfs = choice_initramfs(choice, machine);

	if (existing && existing->images_are_left)
		return false;
	return boot_initramfs_kind(initramfs)->binds_early ||
	       (initramfs == INITRAMFS_BOOSTER && forecast_binds_by_ids(machine, choice, existing));
}

static int chosen_and_bound(const struct outlook *o, struct forecast_entry *entry)
{
	const struct device *device = entry->device;
	const char *builtin = builtin_driver(o->machine, device);
	const char *override = o->existing ? existing_override(o->existing, device) : NULL;

	if (o->iommu_unknown)
		return set(entry, "vfio-pci",
			"chosen; bound if the IOMMU is on then, which cannot be seen from here");
	if (override && !device_is_vfio_driver(override))
		return set(entry, "vfio-pci",
			"chosen; but driverctl gives it to %s at every boot, and the later one "
			"wins",
			override);
	if (o->machine->host.without_systemd && is_late(o, device))
		return set(entry, host_driver(o->machine, o->existing, device),
			"chosen, but only vfio-bind.service could bind it, and without systemd it "
			"never runs");
	if (device->physfn)
		return set(entry, "vfio-pci",
			"chosen; bound once %s has made its virtual functions, if that is before "
			"vfio-bind.service runs",
			device->physfn->address);
	if (builtin)
		return set(entry, "vfio-pci",
			"chosen; %s is built into the kernel and takes it first, then "
			"vfio-bind.service moves it",
			builtin);
	if (o->has_parameters && parameters_bind(o->machine, o->choice, device))
		return set(entry, "vfio-pci",
			"chosen; bound by vfio-pci.ids= on the kernel command line before its own "
			"driver loads");
	if (o->vfio_builtin)
		return set(entry, "vfio-pci",
			"chosen; vfio-pci is built into the kernel, so vfio-bind.service moves it "
			"once the host has booted");
	if (!o->is_early)
		return set(entry, "vfio-pci",
			"chosen; nothing in the initramfs binds it, so its own driver may take it "
			"there first; then vfio-bind.service moves it once the host has booted");
	if (o->choice->options & CHOICE_IDS && choice_owns_identity(o->choice, o->machine, device))
		return set(
			entry, "vfio-pci", "chosen; bound by its ids before its own driver loads");
	return set(entry, "vfio-pci",
		"chosen; bound by address and identity before its own driver loads");
}

static int forecast_chosen(const struct outlook *o, struct forecast_entry *entry)
{
	const char *why = o->hindrance ? o->hindrance
				       : device_hindrance(o->machine, o->existing, entry->device);

	if (why)
		return set(entry, host_driver(o->machine, o->existing, entry->device),
			"chosen, but %s", why);
	return chosen_and_bound(o, entry);
}

/* Chosen earlier or bound at run time, and held by vfio-pci now: nothing binds it at the next boot.
 */
static int forecast_released(
	const struct outlook *o, struct forecast_entry *entry, const char *cause)
{
	const char *driver = host_driver(o->machine, o->existing, entry->device);

	if (!driver)
		return set(entry, NULL, "%s; no module that could drive it is known", cause);
	return set(entry, driver, "%s; %s drives it", cause, driver);
}

/* Asked for by us and refused by vfio-pci: without the override its own driver takes it. */
static bool is_kept_free(const struct device *device)
{
	return !device->driver && device->override_set;
}

static int forecast_other(const struct outlook *o, struct forecast_entry *entry)
{
	const struct device *device = entry->device;
	bool held = device->driver && device_is_vfio_driver(device->driver);
	const char *where = NULL;

	/* An ids= takes hold once vfio-pci loads before the host's drivers, as our softdep has it.
	 */
	if (o->existing && existing_binds(o->existing, device, &where) && !o->hindrance &&
		!device_hindrance(o->machine, o->existing, device) &&
		(held || (o->choice->n && !builtin_driver(o->machine, device))))
		return set(entry, held ? device->driver : "vfio-pci", "not chosen; bound by %s",
			where);
	if (choice_has(o->before, device) && !choice_find(o->choice, device->address))
		return held || is_kept_free(device)
			       ? forecast_released(o, entry, "given back")
			       : set(entry, device->driver, "given back; not with vfio-pci now");
	if (choice_find(o->choice, device->address))
		return held ? forecast_released(o, entry, "not the device that was chosen")
			    : set(entry, device->driver,
				      "not the device that was chosen at this address");
	if (held && o->by_hand)
		return set(entry, device->driver, "not chosen; settings made by hand bind it");
	if (held)
		return forecast_released(o, entry, "not chosen, and with vfio-pci only until then");
	return set(entry, device->driver, "%s", "");
}

int forecast_build(const struct machine *machine, const struct choice *before,
	const struct choice *choice, const struct existing *existing, struct forecast *ret)
{
	_cleanup_(forecast_free) struct forecast f = {0};
	enum forecast_iommu iommu;
	struct outlook o = {
		.machine = machine,
		.before = before,
		.choice = choice,
		.existing = existing,
		.vfio_builtin = machine_module_state(machine, "vfio_pci") == MODULE_BUILTIN,
		.is_early = forecast_is_early(machine, choice, existing),
		.has_parameters =
			boot_loader_kind(choice_boot_loader(choice, machine))->is_set_up &&
			!(existing && existing->loader_is_left),
		.by_hand = existing && (existing->scripts || existing->install),
	};

	f.v = calloc(machine->n_devices + 1, sizeof(*f.v));
	if (!f.v || forecast_iommu(machine, choice, existing, &iommu, NULL, 0) < 0)
		return -ENOMEM;
	o.hindrance = find_hindrance(machine, existing, iommu);
	o.iommu_unknown = iommu == FORECAST_IOMMU_UNKNOWN && !machine->host.iommu_active;
	for (; f.n < machine->n_devices; f.n++) {
		struct forecast_entry *entry = &f.v[f.n];
		int r;

		entry->device = &machine->devices[f.n];
		entry->now = entry->device->driver;
		r = choice_has(choice, entry->device) ? forecast_chosen(&o, entry)
						      : forecast_other(&o, entry);
		if (r < 0) {
			f.n++;
			return r;
		}
	}
	*ret = f;
	f = (struct forecast){0};
	return 0;
}

void forecast_free(struct forecast *forecast)
{
	for (size_t i = 0; i < forecast->n; i++) {
		free(forecast->v[i].next);
		free(forecast->v[i].reason);
	}
	free(forecast->v);
	*forecast = (struct forecast){0};
}
