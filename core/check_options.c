/* Options of the choice that do nothing. */
#include "core/check_private.h"

static bool owns_identity(const struct machine *machine, const struct choice *choice)
{
	for (size_t i = 0; i < choice->n; i++) {
		const struct device *d = machine_device(machine, choice->picks[i].address);

		if (d && choice_owns_identity(choice, machine, d))
			return true;
	}
	return false;
}

static bool owns_module(const struct machine *machine, const struct choice *choice)
{
	for (size_t i = 0; i < choice->n; i++) {
		const struct device *d = machine_device(machine, choice->picks[i].address);

		for (size_t k = 0; d && k < d->modules->n; k++)
			if (!device_is_vfio_driver(d->modules->v[k]) &&
				choice_owns_module(choice, machine, d->modules->v[k]))
				return true;
	}
	return false;
}

const char *check_useless(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, unsigned bit)
{
	if (!choice->n)
		return "No device is chosen.";
	if (bit == CHOICE_BLACKLIST && !owns_module(machine, choice))
		return "Every driver concerned also serves a device that stays with the host.";
	if (bit == CHOICE_IDS && existing && existing->ids_on_cmdline)
		return "The kernel command line already holds vfio-pci.ids=, which would win.";
	if (bit == CHOICE_TRIAL_SSH && !(choice->options & CHOICE_TRIAL))
		return "Only with the first boot on trial.";
	if (bit == CHOICE_LIBVIRT_ACL && !machine->host.libvirt)
		return "libvirt is not installed here.";
	if (bit == CHOICE_OPENNEBULA && !machine->host.opennebula)
		return "OpenNebula is not installed here.";
	if (bit == CHOICE_IDS && !owns_identity(machine, choice))
		return "Each chosen device has a twin with the same ids that stays with the host.";
	return NULL;
}

void check_options(struct check *c)
{
	if (!c->choice->n || c->machine->host.refusal)
		return;
	for (const struct choice_option_name *o = choice_option_names; o->name; o++) {
		const char *why = c->choice->options & o->bit ? check_useless(c->machine, c->choice,
									c->existing, o->bit)
							      : NULL;

		/* check_ids() has more to say of it. */
		if (why && !(o->bit == CHOICE_IDS && c->existing && c->existing->ids_on_cmdline))
			check_add(c, "option-useless", SEVERITY_INFO, NULL, -1,
				"leave it out, unless that is to change",
				"The option %s does nothing here: %s", o->name, why);
	}
}
