/* Findings about what was chosen and is not, or not as it was, where it was chosen. */
#include "core/check_private.h"

#include <stdio.h>
#include <string.h>

static void report_moved(
	struct check *c, const struct pick *pick, const struct device *to, bool is_sure)
{
	if (is_sure)
		check_add(c, "device-moved", SEVERITY_WARNING, to, to->group,
			"choose it where it is now (m on the devices screen), or take it out of "
			"the "
			"choice",
			"The card chosen as %s is now at %s. Nothing is bound for it until it is "
			"chosen there.",
			pick->address, check_name(to).s);
	else
		check_add(c, "device-moved", SEVERITY_WARNING, to, to->group,
			"if it is the one you mean, choose it where it is now (m on the devices "
			"screen)",
			"What was chosen as %s is not there%s; the only device with its ids that "
			"is "
			"not chosen is %s. Nothing is bound for it until it is chosen.",
			pick->address,
			strcmp(pick->address, to->address) == 0 ? ", but in another slot" : "",
			check_name(to).s);
}

static void report_lost(struct check *c, const struct pick *pick, const struct device *there)
{
	if (!there)
		check_add(c, "device-missing", SEVERITY_WARNING, NULL, -1,
			"choose the card anew where it is now, or take it out of the choice",
			"%s is chosen, but no device is there: the card is out, in another slot, "
			"or "
			"switched off in the firmware setup. Nothing is bound for it.",
			pick->address);
	else
		check_add(c, "identity-changed", SEVERITY_WARNING, there, there->group,
			"choose again: the device that was meant may have another address now",
			"%s is not the device that was chosen at this address (%04x:%04x, "
			"subsystem "
			"%04x:%04x%s%s). Nothing is bound for it.",
			check_name(there).s, pick->vendor, pick->device, pick->subsystem_vendor,
			pick->subsystem_device, *pick->path ? ", at " : "", pick->path);
}

/* Files of the person's may name the group by its number. */
static void check_number(struct check *c, const struct pick *pick, const struct device *device)
{
	bool is_named = false;

	if (pick->group < 0 || device->group < 0 || pick->group == device->group)
		return;
	for (size_t i = 0; c->existing && i < c->existing->notes.n; i++)
		is_named |= strstr(c->existing->notes.v[i], "/dev/vfio/") != NULL;
	check_add(c, "group-changed", is_named ? SEVERITY_WARNING : SEVERITY_INFO, device,
		device->group,
		"change the number where a file names the group (qemu.conf, udev rules, scripts)",
		"%s was in group %lld when it was chosen and is in group %lld now: its node is "
		"/dev/vfio/%lld.",
		check_name(device).s, (long long)pick->group, (long long)device->group,
		(long long)device->group);
}

void check_picks(struct check *c)
{
	for (size_t i = 0; c->r == 0 && i < c->choice->n; i++) {
		const struct pick *pick = &c->choice->picks[i];
		const struct device *there = machine_device(c->machine, pick->address);
		bool is_sure;
		const struct device *now = choice_locate(c->choice, c->machine, pick, &is_sure);

		if (there && choice_has(c->choice, there))
			check_number(c, pick, there);
		else if (now)
			report_moved(c, pick, now, is_sure);
		else
			report_lost(c, pick, there);
	}
}
