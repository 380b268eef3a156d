#include "core/choice_private.h"

#include "core/boot.h"
#include "core/trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct choice_option_name choice_option_names[] = {
	{CHOICE_IOMMU_PT, "iommu-pt", "identity DMA for the host's own devices (iommu=pt)",
		"The host's own DMA gets a little faster, and is no longer fenced in by the "
		"IOMMU."},
	{CHOICE_BLACKLIST, "blacklist", "blacklist the drivers that only chosen devices use",
		"Such a driver no longer loads by itself, also not for a card that is added "
		"later."},
	{CHOICE_IDS, "ids", "bind by ids= where every card with those ids is chosen",
		"A card with the same ids that is added later goes to the guests as well."},
	{CHOICE_LIBVIRT_ACL, "libvirt-acl", "device nodes into libvirt's cgroup_device_acl",
		"Only for devices on a raw QEMU command line: libvirt admits the nodes of each "
		"<hostdev> by itself. The list replaces the built-in one, which then stays as it "
		"is "
		"now when libvirt is upgraded, and it holds group numbers, which change with the "
		"hardware."},
	{CHOICE_OPENNEBULA, "opennebula", "OpenNebula's monitoring reports the devices",
		"The filter is the front-end's and counts for all its hosts: cards of the same "
		"kind "
		"are then reported there too."},
	{CHOICE_VFIO_GROUP, "vfio-group", "the group kvm may open the nodes in /dev/vfio",
		"For QEMU that is run by a user: whoever is in the group kvm can then use every "
		"device that is bound to vfio-pci."},
	{CHOICE_TRIAL, "trial", "the first boot is on trial: it must be confirmed",
		"Unless somebody confirms it in time (c in the wizard, or vfio-wizard confirm), the "
		"machine takes the change back by itself and boots again."},
	{CHOICE_TRIAL_SSH, "trial-ssh", "a login over SSH confirms the first boot",
		"With the option trial: whoever comes in over SSH has shown that the host is "
		"reached."},
	{CHOICE_RESCUE, "rescue", "vfio-wizard itself in the initramfs, to go back from there",
		"The images of initramfs-tools, dracut and mkinitcpio grow by a few hundred kB. In "
		"the emergency shell: vfio-wizard --root /root rollback, with dracut --root "
		"/sysroot, with mkinitcpio --root /new_root; first mount -o remount,rw that."},
	{0, NULL, NULL, NULL},
};

unsigned choice_option_by_name(const char *name)
{
	for (const struct choice_option_name *o = choice_option_names; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o->bit;
	return 0;
}

void choice_free(struct choice *choice)
{
	free(choice->picks);
	*choice = (struct choice){0};
}

/* A longer address has a higher domain: sysfs writes domains without leading zeros above four
 * digits. */
static int compare_addresses(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	return n != m ? (n < m ? -1 : 1) : strcmp(a, b);
}

int choice_compare(const void *a, const void *b)
{
	return compare_addresses(
		((const struct pick *)a)->address, ((const struct pick *)b)->address);
}

/* Where the address is, or would be. */
static size_t find_place(const struct choice *choice, const char *address)
{
	size_t low = 0, high = choice->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_addresses(choice->picks[middle].address, address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct pick *choice_find(const struct choice *choice, const char *address)
{
	size_t i = find_place(choice, address);

	return i < choice->n && strcmp(choice->picks[i].address, address) == 0 ? &choice->picks[i]
									       : NULL;
}

static bool has_ids(const struct pick *pick, const struct device *device)
{
	return pick->vendor == device->vendor && pick->device == device->device &&
	       pick->subsystem_vendor == device->subsystem_vendor &&
	       pick->subsystem_device == device->subsystem_device;
}

static bool has_path(const struct pick *pick, const struct device *device)
{
	char path[DEVICE_PATH_SIZE];

	return *pick->path && device_path(device, path, sizeof(path)) &&
	       strcmp(path, pick->path) == 0;
}

/* Cards with the same ids may have changed addresses among themselves, which does no harm. */
static bool is_slot_chosen(const struct choice *choice, const struct device *device)
{
	for (size_t i = 0; i < choice->n; i++)
		if (has_ids(&choice->picks[i], device) && has_path(&choice->picks[i], device))
			return true;
	return false;
}

bool choice_has(const struct choice *choice, const struct device *device)
{
	const struct pick *pick = choice_find(choice, device->address);

	return pick && has_ids(pick, device) &&
	       (!device->twin || !*pick->path || has_path(pick, device) ||
		       is_slot_chosen(choice, device));
}

static int put_pick(struct choice *choice, const struct pick *pick)
{
	size_t i = find_place(choice, pick->address);

	if (!choice_find(choice, pick->address)) {
		if (base_grow(&choice->picks, choice->n, sizeof(*choice->picks)) < 0)
			return -ENOMEM;
		memmove(&choice->picks[i + 1], &choice->picks[i],
			(choice->n - i) * sizeof(*choice->picks));
		choice->n++;
	}
	choice->picks[i] = *pick;
	return 0;
}

int choice_add(struct choice *choice, const struct device *device)
{
	struct pick pick = {
		.vendor = device->vendor,
		.device = device->device,
		.subsystem_vendor = device->subsystem_vendor,
		.subsystem_device = device->subsystem_device,
		.group = device->group,
	};

	(void)snprintf(pick.address, sizeof(pick.address), "%s", device->address);
	(void)device_path(device, pick.path, sizeof(pick.path));
	return put_pick(choice, &pick);
}

void choice_remove(struct choice *choice, const char *address)
{
	size_t i = find_place(choice, address);

	if (!choice_find(choice, address))
		return;
	choice->n--;
	memmove(&choice->picks[i], &choice->picks[i + 1], (choice->n - i) * sizeof(*choice->picks));
}

bool choice_same_pick(const struct pick *a, const struct pick *b)
{
	return strcmp(a->address, b->address) == 0 && a->vendor == b->vendor &&
	       a->device == b->device && a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device && a->group == b->group &&
	       strcmp(a->path, b->path) == 0;
}

bool choice_same(const struct choice *a, const struct choice *b)
{
	if (a->n != b->n || a->options != b->options || a->boot_loader != b->boot_loader ||
		a->initramfs != b->initramfs || a->trial_minutes != b->trial_minutes)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!choice_same_pick(&a->picks[i], &b->picks[i]))
			return false;
	return true;
}

int choice_copy(struct choice *to, const struct choice *from)
{
	struct choice copy = {.options = from->options,
		.boot_loader = from->boot_loader,
		.initramfs = from->initramfs,
		.trial_minutes = from->trial_minutes};

	/* One by one, so that the copy has the room that base_grow() counts on. */
	for (; copy.n < from->n; copy.n++) {
		if (base_grow(&copy.picks, copy.n, sizeof(*copy.picks)) < 0) {
			choice_free(&copy);
			return -ENOMEM;
		}
		copy.picks[copy.n] = from->picks[copy.n];
	}
	*to = copy;
	return 0;
}

/* Picked, and not to be found where it was. */
static bool is_lost(
	const struct choice *choice, const struct machine *machine, const struct pick *pick)
{
	const struct device *device = machine_device(machine, pick->address);

	return !device || !choice_has(choice, device);
}

/* Another one of these ids is lost as well, so one place for the two tells nothing. */
static bool has_rival(
	const struct choice *choice, const struct machine *machine, const struct device *device)
{
	size_t n = 0;

	for (size_t i = 0; i < choice->n; i++)
		n += has_ids(&choice->picks[i], device) &&
		     is_lost(choice, machine, &choice->picks[i]);
	return n > 1;
}

const struct device *choice_locate(const struct choice *choice, const struct machine *machine,
	const struct pick *pick, bool *is_sure)
{
	const struct device *by_path = NULL, *by_ids = NULL;
	size_t paths = 0, ids = 0;

	if (is_sure)
		*is_sure = true;
	if (!is_lost(choice, machine, pick))
		return machine_device(machine, pick->address);
	for (size_t i = 0; i < machine->n_devices; i++) {
		const struct device *device = &machine->devices[i];

		if (!has_ids(pick, device) || choice_has(choice, device))
			continue;
		by_ids = device;
		ids++;
		if (!has_path(pick, device))
			continue;
		by_path = device;
		paths++;
	}
	if (paths == 1)
		return by_path;
	if (is_sure)
		*is_sure = false;
	return ids == 1 && !has_rival(choice, machine, by_ids) ? by_ids : NULL;
}

bool choice_has_moved(const struct choice *choice, const struct machine *machine)
{
	for (size_t i = 0; i < choice->n; i++)
		if (is_lost(choice, machine, &choice->picks[i]) &&
			choice_locate(choice, machine, &choice->picks[i], NULL))
			return true;
	return false;
}

/* What is found wins over what is lost where both have one address. */
int choice_follow(struct choice *choice, const struct machine *machine)
{
	struct choice new = *choice;
	int r = 0;

	new.picks = NULL;
	new.n = 0;
	for (size_t i = 0; r == 0 && i < choice->n; i++)
		if (!choice_locate(choice, machine, &choice->picks[i], NULL))
			r = put_pick(&new, &choice->picks[i]);
	for (size_t i = 0; r == 0 && i < choice->n; i++) {
		const struct device *device =
			choice_locate(choice, machine, &choice->picks[i], NULL);

		if (device)
			r = choice_add(&new, device);
	}
	if (r < 0) {
		choice_free(&new);
		return r;
	}
	choice_free(choice);
	*choice = new;
	return 0;
}

bool choice_owns_identity(
	const struct choice *choice, const struct machine *machine, const struct device *device)
{
	for (size_t i = 0; i < machine->n_devices; i++)
		if (device_same_identity(&machine->devices[i], device) &&
			!choice_has(choice, &machine->devices[i]))
			return false;
	return true;
}

static bool claims(const struct device *device, const char *module)
{
	if (device->driver && base_same_module(device->driver, module))
		return true;
	for (size_t i = 0; i < device->modules->n; i++)
		if (base_same_module(device->modules->v[i], module))
			return true;
	return false;
}

bool choice_owns_module(
	const struct choice *choice, const struct machine *machine, const char *module)
{
	bool any = false;

	for (size_t i = 0; i < machine->n_devices; i++) {
		if (!claims(&machine->devices[i], module))
			continue;
		if (!choice_has(choice, &machine->devices[i]))
			return false;
		any = true;
	}
	return any;
}

static bool is_candidate(const struct candidates *candidates, int kind)
{
	for (size_t i = 0; i < candidates->n; i++)
		if (candidates->v[i].kind == kind)
			return true;
	return false;
}

enum boot_loader choice_boot_loader(const struct choice *choice, const struct machine *machine)
{
	return choice && is_candidate(&machine->host.boot_loader_others, (int)choice->boot_loader)
		       ? choice->boot_loader
		       : machine->host.boot_loader;
}

enum initramfs choice_initramfs(const struct choice *choice, const struct machine *machine)
{
	return choice && is_candidate(&machine->host.initramfs_others, (int)choice->initramfs)
		       ? choice->initramfs
		       : machine->host.initramfs;
}

unsigned choice_trial_minutes(const struct choice *choice)
{
	return choice->trial_minutes ? choice->trial_minutes : TRIAL_MINUTES_DEFAULT;
}

static int no_candidate(const struct detected *found, const struct candidates *others,
	const struct boot_kind *table, const char *name, struct error *err)
{
	_cleanup_(str_free) struct str may = {0};

	for (const struct boot_kind *k = table + 1; k->name; k++)
		if (k->kind == found->kind || is_candidate(others, k->kind))
			str_addf(&may, "%s%s", may.len ? ", " : "", k->name);
	if (str_check(&may) < 0)
		return error_no_memory(err);
	return error_set(err, -ENOENT, "this system cannot have %s; what it may have: %s", name,
		may.len ? may.s : "nothing that is known");
}

/* *ret: the kind, or that of the unknown one where it is what was found. */
static int decide(const struct detected *found, const struct candidates *others,
	const struct boot_kind *table, const char *name, int *ret, struct error *err)
{
	const struct boot_kind *kind = boot_kind_by_name(table, name);

	if (!kind)
		return error_set(err, -EINVAL, "there is no %s", name);
	if (kind->kind != found->kind && !is_candidate(others, kind->kind))
		return no_candidate(found, others, table, name, err);
	*ret = kind->kind == found->kind ? table->kind : kind->kind;
	return 0;
}

int choice_set_boot_loader(struct choice *choice, const struct machine *machine, const char *name,
	struct error *err)
{
	const struct host *host = &machine->host;
	int kind, r = decide(&host->boot_loader_found, &host->boot_loader_others, boot_loader_kinds,
			  name, &kind, err);

	if (r == 0)
		choice->boot_loader = (enum boot_loader)kind;
	return r;
}

int choice_set_initramfs(struct choice *choice, const struct machine *machine, const char *name,
	struct error *err)
{
	const struct host *host = &machine->host;
	int kind, r = decide(&host->initramfs_found, &host->initramfs_others,
			  boot_initramfs_kinds, name, &kind, err);

	if (r == 0)
		choice->initramfs = (enum initramfs)kind;
	return r;
}
