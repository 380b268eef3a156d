/* modprobe.d: who may load before vfio-pci, and how vfio-pci loads.
 *
 * softdep DRIVER pre: vfio-pci   loading DRIVER, by whatever event, loads vfio-pci first.
 * install vfio-pci ...           and that first sets the driver override of every chosen device, so
 *                                when DRIVER registers, the chosen devices are no longer its to take,
 *                                while their twins are.  Nothing races: libkmod skips the install
 *                                command only once vfio-pci is live, which is after the overrides.
 * options vfio-pci ids=          instead, on request, where every device with those ids is chosen. */
#include "core/targets/target.h"

#include <errno.h>
#include <string.h>

#define INSTALL                                                                                    \
	"install vfio-pci if [ -x " TARGET_SCRIPT " ]; then " TARGET_SCRIPT                        \
	" --early $CMDLINE_OPTS; else /sbin/modprobe --ignore-install vfio-pci $CMDLINE_OPTS; fi\n"

static bool detect(const struct target_input *in)
{
	(void)in;
	return true;
}

/* The modules, built into no kernel that boots next, that could take a chosen device. */
static int claiming_modules(const struct target_input *in, struct strv *ret)
{
	const struct machine *machine = in->machine;

	for (size_t i = 0; i < machine->n_devices; i++) {
		const struct device *device = &machine->devices[i];

		if (!choice_has(in->choice, device))
			continue;
		for (size_t k = 0; k < device->modules->n; k++)
			if (!device_is_vfio_driver(device->modules->v[k]) &&
				strv_add_unique(ret, device->modules->v[k]) < 0)
				return -ENOMEM;
	}
	strv_sort(ret);
	return 0;
}

static void add_field(struct str *out, uint32_t value)
{
	if (value == UINT32_MAX)
		str_add(out, "ffffffff");
	else
		str_addf(out, "%04x", value);
}

/* The person's own ids= come first: of several lines only the last counts, and that is ours. */
static void add_existing_ids(const struct existing *existing, struct str *ids)
{
	for (size_t i = 0; i < existing->n_ids; i++) {
		const struct existing_ids *e = &existing->ids[i];

		if (ids->len)
			str_addc(ids, ',');
		add_field(ids, e->vendor);
		str_addc(ids, ':');
		add_field(ids, e->device);
		if (e->subsystem_vendor == UINT32_MAX && e->subsystem_device == UINT32_MAX)
			continue;
		str_addc(ids, ':');
		add_field(ids, e->subsystem_vendor);
		str_addc(ids, ':');
		add_field(ids, e->subsystem_device);
	}
}

static void add_ids(const struct target_input *in, struct str *out)
{
	_cleanup_(str_free) struct str ids = {0}, one = {0};
	size_t ours = 0;

	/* The kernel command line beats every file: there ids= of ours would do nothing. */
	if (!(in->choice->options & CHOICE_IDS) || in->existing->ids_on_cmdline)
		return;
	add_existing_ids(in->existing, &ids);
	for (size_t i = 0; i < in->choice->n; i++) {
		const struct pick *p = &in->choice->picks[i];
		const struct device *device = machine_device(in->machine, p->address);

		if (!device || !choice_owns_identity(in->choice, in->machine, device))
			continue;
		one.len = 0;
		str_addf(&one, "%04x:%04x:%04x:%04x", p->vendor, p->device, p->subsystem_vendor,
			p->subsystem_device);
		if (ids.s && one.s && strstr(ids.s, one.s))
			continue;
		str_addf(&ids, "%s%s", ids.len ? "," : "", one.s ? one.s : "");
		ours++;
	}
	out->failed |= ids.failed || one.failed;
	if (ours)
		str_addf(out, "options vfio-pci ids=%s\n", ids.s);
}

static int build(const struct target_input *in, char **ret)
{
	_cleanup_(str_free) struct str out = {0};
	_cleanup_(strv_free) struct strv modules = {0};

	if (claiming_modules(in, &modules) < 0)
		return -ENOMEM;
	str_add(&out, TARGET_MARK ".\n"
				  "# Before one of these drivers loads, vfio-pci takes the chosen devices.\n");
	for (size_t i = 0; i < modules.n; i++)
		str_addf(&out, "softdep %s pre: vfio-pci\n", modules.v[i]);
	str_add(&out, "# vfio-bind checks address and identity of each, then loads vfio-pci.\n" INSTALL);
	add_ids(in, &out);
	for (size_t i = 0; in->choice->options & CHOICE_BLACKLIST && i < modules.n; i++)
		if (choice_owns_module(in->choice, in->machine, modules.v[i]))
			str_addf(&out, "blacklist %s\n", modules.v[i]);
	return str_take(&out, ret);
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	if (in->choice->n && build(in, &text) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	return target_own_file(in, plan, &target_modprobe, TARGET_MODPROBE, 0644, text, err);
}

const struct target target_modprobe = {.name = "modprobe.d", .detect = detect, .plan = plan};
