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

/* The modules that could take a chosen device. */
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

/* The person's own ids= come first: of several lines only the last counts, and that is ours. */
static void add_existing_ids(const struct existing *existing, struct str *ids)
{
	for (size_t i = 0; i < existing->n_ids; i++) {
		const struct existing_ids *e = &existing->ids[i];

		str_addf(ids, "%s%04x:%04x:%04x:%04x", ids->len ? "," : "", e->vendor, e->device,
			e->subsystem_vendor, e->subsystem_device);
		if (e->class_mask)
			str_addf(ids, ":%06x:%06x", e->class, e->class_mask);
	}
}

static int build_ids(const struct target_input *in, char **ret)
{
	_cleanup_(str_free) struct str ids = {0}, one = {0}, out = {0};
	size_t ours = 0;

	/* The kernel command line beats every file: there ids= of ours would do nothing. */
	if (!(in->choice->options & CHOICE_IDS) || in->existing->ids_on_cmdline)
		return 0;
	add_existing_ids(in->existing, &ids);
	for (size_t i = 0; i < in->choice->n; i++) {
		const struct pick *p = &in->choice->picks[i];
		const struct device *device = machine_device(in->machine, p->address);

		if (!device || !choice_owns_identity(in->choice, in->machine, device))
			continue;
		one.len = 0;
		str_addf(&one, "%04x:%04x:%04x:%04x", p->vendor, p->device, p->subsystem_vendor,
			p->subsystem_device);
		if (!one.failed && !(ids.s && strstr(ids.s, one.s)))
			str_addf(&ids, "%s%s", ids.len ? "," : "", one.s);
		ours++;
	}
	if (ids.failed || one.failed)
		return -ENOMEM;
	if (!ours)
		return 0;
	str_addf(&out, TARGET_MARK ".\noptions vfio-pci ids=%s\n", ids.s);
	return str_take(&out, ret);
}

/* kmod obeys only one softdep line for a module, so what other lines ask for is in ours too. */
static int add_softdep(const struct target_input *in, const char *module, struct str *out)
{
	_cleanup_(strv_free) struct strv pre = {0}, post = {0};

	if (existing_softdep(in->existing, module, &pre, &post) < 0)
		return -ENOMEM;
	str_addf(out, "softdep %s pre: vfio-pci", module);
	for (size_t i = 0; i < pre.n; i++)
		if (!base_same_module(pre.v[i], "vfio-pci"))
			str_addf(out, " %s", pre.v[i]);
	for (size_t i = 0; i < post.n; i++)
		str_addf(out, "%s %s", i ? "" : " post:", post.v[i]);
	str_addc(out, '\n');
	return 0;
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
		if (add_softdep(in, modules.v[i], &out) < 0)
			return -ENOMEM;
	str_add(&out, "# vfio-bind checks address and identity of each, then loads vfio-pci.\n" INSTALL);
	for (size_t i = 0; in->choice->options & CHOICE_BLACKLIST && i < modules.n; i++)
		if (choice_owns_module(in->choice, in->machine, modules.v[i]))
			str_addf(&out, "blacklist %s\n", modules.v[i]);
	return str_take(&out, ret);
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *text = NULL, *ids = NULL;
	int r;

	if (in->choice->n && (build(in, &text) < 0 || build_ids(in, &ids) < 0))
		return error_no_memory(err);
	r = target_own_file(in, plan, &target_modprobe, TARGET_MODPROBE, 0644, text, err);
	if (r == 0)
		r = target_own_file(in, plan, &target_modprobe, TARGET_IDS, 0644, ids, err);
	return r;
}

const struct target target_modprobe = {.name = "modprobe.d", .detect = detect, .plan = plan};
