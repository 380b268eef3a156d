/* Findings about chosen devices that their own files tell. */
#include "core/check_private.h"

#include "core/fitness.h"

#include <stdio.h>
#include <string.h>

/* All that is on its bus goes to guests: then VFIO resets the bus. */
static bool is_bus_chosen(const struct check *c, const struct device *device)
{
	if (!device->parent)
		return false;
	for (size_t i = 0; i < c->machine->n_devices; i++) {
		const struct device *d = &c->machine->devices[i];

		if (d->domain == device->domain && d->bus == device->bus &&
			!choice_has(c->choice, d))
			return false;
	}
	return true;
}

static void check_reset(struct check *c, const struct device *d, const struct fitness *f)
{
	if (f->resets != NO)
		return;
	if (is_bus_chosen(c, d))
		check_add(c, "no-reset", SEVERITY_INFO, d, d->group,
			"give everything on that bus to one guest",
			"%s has no reset of its own; its bus is reset instead, since all that is "
			"on "
			"it is chosen.",
			check_name(d).s);
	else
		check_add(c, "no-reset", SEVERITY_WARNING, d, d->group,
			"try whether a guest starts twice in a row; if not, only a reboot of the "
			"host makes the device usable again",
			"%s: the kernel knows no way to reset it, so a second start of the guest "
			"may "
			"fail.",
			check_name(d).s);
}

static void check_direct(struct check *c, const struct device *d, const struct fitness *f)
{
	if (*f->direct)
		check_add(c, "rmrr", SEVERITY_WARNING, d, d->group,
			"look in the firmware setup for a way to switch that off (on HPE servers "
			"\"shared memory\" of the slot, with their conrep), or take another slot",
			"The firmware keeps memory for group %lld (RMRR or unity map, %s): it uses "
			"the "
			"device behind the system's back, and the kernel may refuse it to guests "
			"(\"ineligible for IOMMU domain attach\").",
			(long long)d->group, f->direct);
}

static void check_denied(struct check *c, const struct device *d)
{
	switch (fitness_denial(c->machine, c->existing, d)) {
	case FITNESS_ALLOWED:
		break;
	case FITNESS_DENIED:
		check_add(c, "denylisted", SEVERITY_BLOCK, d, d->group, "take it out of the choice",
			"%s: vfio-pci refuses it, since a guest could bring the host down with it "
			"(the kernel's denylist).",
			check_name(d).s);
		break;
	case FITNESS_DENIED_ELSEWHERE:
		check_add(c, "denylisted", SEVERITY_WARNING, d, d->group,
			"take it out of the choice",
			"%s: newer kernels refuse it to vfio-pci, since a guest could bring the "
			"host "
			"down with it.",
			check_name(d).s);
		break;
	case FITNESS_DENIAL_OFF:
		check_add(c, "denylisted", SEVERITY_WARNING, d, d->group,
			"take it out of the choice, unless you trust its guest",
			"%s is on the kernel's denylist, which disable_denylist switches off: a "
			"guest "
			"could bring the host down with it.",
			check_name(d).s);
		break;
	}
}

/* Once for a group, at its first chosen member. */
static bool is_first_of_group(const struct check *c, const struct device *device)
{
	const struct group *group = machine_group(c->machine, device->group);

	for (size_t i = 0; group && i < group->n_devices && group->devices[i] != device; i++)
		if (choice_has(c->choice, group->devices[i]))
			return false;
	return true;
}

int check_fitness(const struct root *root, const struct machine *machine,
	const struct choice *choice, const struct existing *existing, struct findings *findings)
{
	struct check c = {
		.machine = machine, .choice = choice, .existing = existing, .findings = findings};

	for (size_t i = 0; c.r == 0 && i < choice->n; i++) {
		const struct device *d = machine_device(machine, choice->picks[i].address);
		struct fitness f;

		if (!d || !choice_has(choice, d) || device_is_path(d))
			continue;
		f = fitness_read(root, machine, d);
		check_reset(&c, d, &f);
		if (is_first_of_group(&c, d))
			check_direct(&c, d, &f);
		check_denied(&c, d);
	}
	if (c.r == 0)
		findings_sort(findings);
	return c.r;
}
