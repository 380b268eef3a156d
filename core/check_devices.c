/* Findings about one device: what it is, and who drives it. */
#include "core/check_private.h"
#include "core/targets/target.h"

#include <stdio.h>
#include <string.h>

static void check_kind(struct check *c, const struct device *d)
{
	if (device_is_path(d))
		check_add(c, "bridge-selected", SEVERITY_BLOCK, d, d->group,
			"take it out of the choice; choose the cards behind it",
			"%s is a bridge: it stays with the host, and the devices behind it need "
			"it.",
			check_name(d).s);
	if (d->functions)
		check_add(c, "sriov-parent", SEVERITY_BLOCK, d, d->group,
			"choose its virtual functions instead, or switch them off first "
			"(sriov_numvfs)",
			"%s has %zu virtual functions switched on, and vfio-pci refuses it.",
			check_name(d).s, d->functions);
	if (d->physfn)
		check_add(c, "sriov-function", SEVERITY_WARNING, d, d->group,
			"see that its virtual functions are made early in boot, before vfio-bind "
			"runs",
			"%s is a virtual function: it is there only after the host's driver of %s "
			"made "
			"it, and is bound only if that is early enough.",
			check_name(d).s, d->physfn->address);
	if (c->machine->host.iommu_active && d->group < 0)
		check_add(c, "group-missing", SEVERITY_WARNING, d, -1,
			"take it out of the choice, or look in the firmware setup for what hides "
			"it "
			"from the IOMMU",
			"%s is in no IOMMU group, so vfio-pci does not take it.", check_name(d).s);
}

/* No chosen device before this one has its identity: each identity is reported once. */
static bool is_first_of_identity(const struct check *c, const struct device *device)
{
	for (const struct device *d = c->machine->devices; d < device; d++)
		if (choice_has(c->choice, d) && device_same_identity(d, device))
			return false;
	return true;
}

static void check_twins(struct check *c, const struct device *d)
{
	_cleanup_(check_names_free) struct check_names names = {0};

	if (!is_first_of_identity(c, d))
		return;
	for (size_t i = 0; i < c->machine->n_devices; i++) {
		const struct device *other = &c->machine->devices[i];

		if (device_same_identity(other, d) && !choice_has(c->choice, other))
			check_names_add_address(&names, other);
	}
	if (names.n)
		check_add(c, "identical-device", SEVERITY_INFO, d, d->group,
			"make sure that this is the one you mean",
			"%s has the same ids as %s. Binding goes by address, so what is not chosen "
			"stays with the host.",
			check_name(d).s, check_names_text(c, &names));
}

/* Another chosen device before this one has this module: each module is reported once. */
static bool is_first_of_module(
	const struct check *c, const struct device *device, const char *module)
{
	for (const struct device *d = c->machine->devices; d < device; d++) {
		if (!choice_has(c->choice, d))
			continue;
		for (size_t i = 0; i < d->modules->n; i++)
			if (base_same_module(d->modules->v[i], module))
				return false;
	}
	return true;
}

/* The module is what drives the device now, as far as names tell: nouveau and nvidia both claim a
 * card, and the driver in use is called as one of them. */
static bool drives(const struct device *device, const char *module)
{
	bool claims = false;

	for (size_t i = 0; i < device->modules->n; i++) {
		if (base_same_module(device->modules->v[i], device->driver))
			return base_same_module(device->driver, module);
		claims |= base_same_module(device->modules->v[i], module);
	}
	return claims;
}

static void check_sharers(struct check *c, const struct device *d, const char *module)
{
	_cleanup_(check_names_free) struct check_names names = {0};

	for (size_t i = 0; i < c->machine->n_devices; i++) {
		const struct device *other = &c->machine->devices[i];

		if (other->driver && !device_is_vfio_driver(other->driver) &&
			!choice_has(c->choice, other) && drives(other, module))
			check_names_add(&names, other);
	}
	if (names.n)
		check_add(c, "driver-shared", SEVERITY_INFO, d, d->group, "",
			"The module %s also drives %s, which %s with the host: it stays loaded for "
			"that.",
			module, check_names_text(c, &names), names.n > 1 ? "stay" : "stays");
}

static void check_modules(struct check *c, const struct device *d)
{
	for (size_t i = 0; i < d->modules->n; i++) {
		const char *module = d->modules->v[i];

		if (device_is_vfio_driver(module) || !is_first_of_module(c, d, module))
			continue;
		check_sharers(c, d, module);
		if (machine_module_state(c->machine, module) == MODULE_BUILTIN)
			check_add(c, "driver-builtin", SEVERITY_WARNING, d, d->group,
				"try it once with somebody at the console: not every device lets "
				"go of "
				"a driver that has it already",
				"%s: its driver %s is built into the kernel and takes it first; "
				"%s moves it later in boot.",
				check_name(d).s, module, target_late_binder(c->machine));
	}
}

static void check_override(struct check *c, const struct device *d)
{
	const char *driver = c->existing ? existing_override(c->existing, d) : NULL;

	if (driver && !device_is_vfio_driver(driver))
		check_add(c, "existing-override", SEVERITY_WARNING, d, d->group,
			"driverctl unset-override, for this address",
			"%s: driverctl gives it to %s at every boot, against this choice.",
			check_name(d).s, driver);
}

void check_devices(struct check *c)
{
	for (size_t i = 0; c->r == 0 && c->choice->n && i < c->machine->n_devices; i++) {
		const struct device *device = &c->machine->devices[i];

		if (!choice_has(c->choice, device))
			continue;
		check_kind(c, device);
		if (device_is_path(device))
			continue;
		check_twins(c, device);
		check_modules(c, device);
		check_override(c, device);
	}
}
