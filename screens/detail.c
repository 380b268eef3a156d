#include "screens/detail.h"
#include "screens/summary.h"
#include "screens/tree.h"

#include <stdio.h>

/* More members are only counted: a page costs the same whatever the group. */
#define MEMBERS_MAX 64

static void add_group_member(struct str *text, const struct app *app, const struct device *d)
{
	const char *what = d->driver ? d->driver : "no driver";

	if (device_is_path(d))
		what = "bridge, stays";
	else if (tree_is_chosen(&app->choice, d))
		what = "chosen";
	str_addf(text, "%s%s (%s)", text->len ? ", " : "", d->address, what);
}

static void add_group(struct page *page, const struct app *app, const struct device *device)
{
	const struct group *group = machine_group(app->machine, device->group);
	_cleanup_(str_free) struct str text = {0};
	size_t n = 0;

	if (!group) {
		page_add(page, TERM_WARNING, 0, "In no IOMMU group: no guest can use it until it is in one.");
		return;
	}
	for (size_t i = 0; i < group->n_devices; i++)
		if (group->devices[i] != device && n++ < MEMBERS_MAX)
			add_group_member(&text, app, group->devices[i]);
	if (n > MEMBERS_MAX)
		str_addf(&text, " and %zu more", n - MEMBERS_MAX);
	if (n)
		page_add(page, TERM_NORMAL, 0, "Group %lld with: %s", (long long)group->id,
			text.s ? text.s : "");
	else
		page_add(page, TERM_NORMAL, 0, "Group %lld, alone in it", (long long)group->id);
}

static void add_facts(struct page *page, const struct device *d)
{
	_cleanup_(str_free) struct str text = {0};

	str_addf(&text, "[%04x:%04x]", d->vendor, d->device);
	if (d->subsystem_vendor || d->subsystem_device)
		str_addf(&text, " subsystem %04x:%04x", d->subsystem_vendor, d->subsystem_device);
	str_addf(&text, " rev %02x, class %06x", d->revision, d->class);
	if (d->class_name)
		str_addf(&text, " %s", d->class_name);
	page_add(page, TERM_NORMAL, 0, "%s", text.s ? text.s : "");
}

static void add_driver(struct page *page, const struct device *d)
{
	_cleanup_(str_free) struct str text = {0};

	str_addf(&text, "Driver: %s", d->driver ? d->driver : "none");
	for (size_t i = 0; i < d->modules->n; i++)
		str_addf(&text, "%s%s", i ? ", " : "; modules: ", d->modules->v[i]);
	page_add(page, TERM_NORMAL, 0, "%s", text.s ? text.s : "");
	if (d->physfn)
		page_add(page, TERM_NORMAL, 0, "Virtual function of %s", d->physfn->address);
}

static bool is_in(const struct findings *findings, const struct finding *f)
{
	for (size_t i = 0; i < findings->n; i++)
		if (base_same(findings->v[i].id, f->id) && base_same(findings->v[i].text, f->text))
			return true;
	return false;
}

static bool is_about(const struct finding *f, const struct device *d)
{
	return f->device == d || (f->group >= 0 && f->group == d->group) ||
	       (f->device && device_same_card(f->device, d));
}

static void add_cost(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost)
{
	bool chosen = tree_is_chosen(&app->choice, device);

	for (size_t i = 0; i < cost->n; i++) {
		const struct finding *f = &cost->v[i];

		if (is_about(f, device) || (!chosen && !is_in(&app->findings, f)))
			summary_finding(page, f);
	}
}

void detail_device(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost)
{
	char buf[32];

	page_heading(page, "%s %s", device->address, device_label(device, buf, sizeof(buf)));
	for (size_t i = 0; i < device->n_uses; i++)
		page_add(page, TERM_WARNING, 0, "The host uses it: %s", device->uses[i].text);
	add_group(page, app, device);
	add_driver(page, device);
	add_facts(page, device);
	if (device_is_path(device))
		page_add(page, TERM_NORMAL, 0, "A bridge is never given to a guest. It stays with the host "
					       "and does not keep its group from being used.");
	else if (cost)
		add_cost(page, app, device, cost);
}

void detail_lost(struct page *page, const struct app *app, const char *address)
{
	const struct pick *pick = choice_find(&app->choice, address);
	const struct device *device = machine_device(app->machine, address);
	char buf[32];

	if (!pick)
		return;
	page_heading(page, "%s was chosen as [%04x:%04x]", address, pick->vendor, pick->device);
	if (device)
		page_add(page, TERM_WARNING, 0, "Now %s [%04x:%04x] is at this address. It is not bound: "
						"the ids are not the ones chosen.",
			device_label(device, buf, sizeof(buf)), device->vendor, device->device);
	else
		page_add(page, TERM_WARNING, 0, "No device is at this address now.");
	page_add(page, TERM_NORMAL, 0, "Space drops it from the choice. If the card moved to another slot, "
				       "choose it there.");
}
