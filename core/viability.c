#include "core/viability.h"

#include "core/fitness.h"

#include <string.h>

const char *viability_role_name(enum viability_role role)
{
	static const char *const names[] = {
		[VIABILITY_BLOCKED] = "blocked",
		[VIABILITY_ALONG] = "along",
		[VIABILITY_CLAIMED] = "claimed",
		[VIABILITY_CHOSEN] = "chosen",
		[VIABILITY_BRIDGE] = "bridge",
		[VIABILITY_IDLE] = "idle",
		[VIABILITY_ROLES] = "",
	};

	return names[role];
}

bool viability_is_strict(const struct machine *machine)
{
	const struct kernel *next = machine_next_kernel(machine);
	const char *version = next ? next->version : machine->host.release;

	return !version || machine_version_reaches(version, 5, 19, 0);
}

const char *viability_claimant(
	const struct machine *machine, const struct existing *existing, const struct device *device)
{
	for (size_t i = 0; i < device->modules->n; i++) {
		const char *module = device->modules->v[i];

		if (!device_is_vfio_driver(module) &&
			machine_module_state(machine, module) != MODULE_MISSING &&
			!(existing && existing_blacklists(existing, module)))
			return module;
	}
	return NULL;
}

/* vfio-pci holds it, and nothing gives it back to vfio-pci at the next boot. */
static bool is_leaving(const struct existing *existing, const struct device *device)
{
	return device_is_vfio_driver(device->driver) &&
	       !(existing && existing_binds(existing, device, NULL));
}

/* A driver that keeps VFIO from the group. */
static bool is_hindering(
	const struct machine *machine, const struct existing *existing, const struct device *device)
{
	const char *driver = device->driver;

	if (!driver || strcmp(driver, "pci-stub") == 0 || strcmp(driver, "pcieport") == 0)
		return false;
	if (device_is_vfio_driver(driver))
		return is_leaving(existing, device) &&
		       viability_claimant(machine, existing, device);
	return !device_is_bridge(device) || viability_is_strict(machine);
}

/* Not to be chosen. */
static bool is_kept(
	const struct machine *machine, const struct existing *existing, const struct device *device)
{
	return device_is_path(device) || device_is_needed(device) || device->functions ||
	       fitness_denial(machine, existing, device) == FITNESS_DENIED;
}

enum viability_role viability_role(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, const struct device *device)
{
	if (choice && choice_has(choice, device))
		return VIABILITY_CHOSEN;
	if (is_hindering(machine, existing, device))
		return is_kept(machine, existing, device) ? VIABILITY_BLOCKED : VIABILITY_ALONG;
	if (device_is_bridge(device))
		return VIABILITY_BRIDGE;
	return !device->driver && viability_claimant(machine, existing, device) ? VIABILITY_CLAIMED
										: VIABILITY_IDLE;
}

/* Members are in address order, so those of a domain stand together. */
struct viability viability_of(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, const struct group *group)
{
	struct viability v = {0};

	for (size_t i = 0; i < group->n_devices; i++) {
		const struct device *device = group->devices[i];
		enum viability_role role = viability_role(machine, choice, existing, device);

		if (!v.counts[role]++)
			v.first[role] = device;
		v.domains += !i || group->devices[i - 1]->domain != device->domain;
	}
	return v;
}

size_t viability_hindrances(const struct viability *viability)
{
	return viability->counts[VIABILITY_BLOCKED] + viability->counts[VIABILITY_ALONG];
}
