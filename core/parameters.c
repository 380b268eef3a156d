#include "core/parameters.h"

#include "core/edit_cmdline.h"
#include "core/forecast.h"

#include <errno.h>
#include <string.h>

/* modprobe.d does not reach a vfio-pci that is built in: ids= then only works from here, and only
 * exactly where every device with those ids is chosen.  vfio-bind.service moves the others. */
static bool is_builtin(const struct machine *machine)
{
	const struct module *module = machine_module(machine, "vfio_pci");

	for (size_t k = 0; module && k < machine->n_kernels; k++)
		if (module->states[k] == MODULE_BUILTIN)
			return true;
	return false;
}

const char *parameters_way_back(const struct machine *machine)
{
	return is_builtin(machine) ? "module_blacklist=vfio_pci vfio-pci.ids="
				   : "module_blacklist=vfio_pci";
}

static int add_ids(const struct machine *machine, const struct choice *choice, struct strv *ret)
{
	for (size_t i = 0; i < choice->n; i++) {
		const struct pick *p = &choice->picks[i];
		const struct device *device = machine_device(machine, p->address);
		_cleanup_(str_free) struct str word = {0};

		if (!device || !choice_has(choice, device) ||
			!choice_owns_identity(choice, machine, device))
			continue;
		str_addf(&word, "vfio-pci.ids=%04x:%04x:%04x:%04x", p->vendor, p->device,
			p->subsystem_vendor, p->subsystem_device);
		if (str_check(&word) < 0 || strv_add_unique(ret, word.s) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Some driver that could take the device is in an initramfs that is not made here; where every
 * device that it serves is chosen it can be kept out of there.  In the running system it loads as
 * ever. */
static bool is_kept_out(
	const struct machine *machine, const struct choice *choice, const char *module)
{
	return device_is_vfio_driver(module) ||
	       machine_module_state(machine, module) == MODULE_MISSING ||
	       (machine_module_state(machine, module) == MODULE_LOADABLE &&
		       choice_owns_module(choice, machine, module));
}

bool parameters_bind(
	const struct machine *machine, const struct choice *choice, const struct device *device)
{
	if (!choice_has(choice, device) || !choice_owns_identity(choice, machine, device))
		return false;
	if (is_builtin(machine))
		return true;
	if (choice_initramfs(choice, machine) != INITRAMFS_OSTREE)
		return false;
	for (size_t i = 0; i < device->modules->n; i++)
		if (!is_kept_out(machine, choice, device->modules->v[i]))
			return false;
	return true;
}

static int add_kept_out(const struct machine *machine, const struct choice *choice,
	const struct device *device, struct strv *ret)
{
	for (size_t i = 0; i < device->modules->n; i++) {
		const char *module = device->modules->v[i];
		_cleanup_(str_free) struct str word = {0};

		if (device_is_vfio_driver(module) ||
			machine_module_state(machine, module) != MODULE_LOADABLE ||
			!is_kept_out(machine, choice, module))
			continue;
		str_addf(&word, "rd.driver.blacklist=%s", module);
		if (str_check(&word) < 0 || strv_add_unique(ret, word.s) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* dracut.cmdline(7), which nothing but the server's initramfs needs: the files of modprobe.d are
 * not in it, nor is it sure that vfio-pci is. */
static int add_initramfs(
	const struct machine *machine, const struct choice *choice, struct strv *ret)
{
	size_t before = ret->n;
	int r = add_ids(machine, choice, ret);

	if (r == 0 && ret->n > before)
		r = strv_add(ret, "rd.driver.pre=vfio-pci");
	for (size_t i = 0; r == 0 && i < choice->n; i++) {
		const struct device *device = machine_device(machine, choice->picks[i].address);

		if (device && choice_has(choice, device))
			r = add_kept_out(machine, choice, device, ret);
	}
	return r;
}

int parameters_wanted(const struct machine *machine, const struct choice *choice, struct strv *ret)
{
	if (!choice->n)
		return 0;
	if (forecast_needs_intel_iommu(machine) && strv_add(ret, "intel_iommu=on") < 0)
		return -ENOMEM;
	if (choice->options & CHOICE_IOMMU_PT && strv_add(ret, "iommu=pt") < 0)
		return -ENOMEM;
	if (is_builtin(machine))
		return add_ids(machine, choice, ret);
	return choice_initramfs(choice, machine) == INITRAMFS_OSTREE
		       ? add_initramfs(machine, choice, ret)
		       : 0;
}

/* A word of a key that is wanted: the others are what stands between. */
static bool has_key(const struct strv *wanted, const char *word)
{
	size_t n = strcspn(word, "=");

	for (size_t i = 0; i < wanted->n; i++)
		if (strcspn(wanted->v[i], "=") == n && strncmp(wanted->v[i], word, n) == 0)
			return true;
	return false;
}

int parameters_behind(
	const struct strv *theirs, const struct strv *wanted, struct strv *ret, struct error *err)
{
	static const char name[] = "the kernel command line";
	_cleanup_(str_free) struct str line = {0};
	_cleanup_(strv_free) struct strv ours = {0}, words = {0};
	_cleanup_free_ char *merged = NULL;
	int r;

	for (size_t i = 0; i < theirs->n; i++)
		str_addf(&line, strchr(theirs->v[i], ' ') ? "\"%s\" " : "%s ", theirs->v[i]);
	str_addc(&line, '\n');
	if (str_check(&line) < 0)
		return error_no_memory(err);
	r = edit_cmdline(name, line.s, EDIT_CMDLINE_FILE, &ours, wanted, &merged, err);
	if (r < 0)
		return r;
	if (strv_split(&words, merged, " \n") < 0)
		return error_no_memory(err);
	for (size_t i = 0; i < words.n; i++)
		if (has_key(wanted, words.v[i]) && !strv_has(theirs, words.v[i]) &&
			strv_add(ret, words.v[i]) < 0)
			return error_no_memory(err);
	return 0;
}
