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
		page_add(page, TERM_WARNING, 0,
			"In no IOMMU group: no guest can use it until it is in one.");
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
	page_add(page, TERM_NORMAL, 0, "Class %06x %s, revision %02x", d->class,
		d->class_name ? d->class_name : "(unknown)", d->revision);
	if (d->subsystem_vendor || d->subsystem_device)
		page_add(page, TERM_NORMAL, 0, "Ids %04x:%04x, subsystem %04x:%04x", d->vendor,
			d->device, d->subsystem_vendor, d->subsystem_device);
	else
		page_add(page, TERM_NORMAL, 0, "Ids %04x:%04x, no subsystem", d->vendor, d->device);
	if (d->name)
		page_add(page, TERM_NORMAL, 0, "%s", d->name);
	if (d->physfn)
		page_add(page, TERM_NORMAL, 0, "Virtual function of %s", d->physfn->address);
}

/* What the host would miss first; the rest is told in the same order. */
static void add_uses(struct page *page, const struct device *d)
{
	for (size_t i = 0; i < d->n_uses; i++)
		if (d->uses[i].kind <= USE_INPUT)
			page_add(page, TERM_WARNING, 0, "The host uses it: %s", d->uses[i].text);
		else
			page_add(page, TERM_NORMAL, 0, "Also: %s", d->uses[i].text);
}

static void add_unknown(struct page *page, const struct machine *machine)
{
	_cleanup_(str_free) struct str text = {0};

	machine_unknown(machine, &text);
	if (text.len)
		page_add(page, TERM_NORMAL, 0, "Not known, and so perhaps in use: %s", text.s);
}

static void add_driver(struct page *page, const struct device *d)
{
	_cleanup_(str_free) struct str text = {0};

	str_addf(&text, "Driver: %s", d->driver ? d->driver : "none");
	for (size_t i = 0; i < d->modules->n; i++)
		str_addf(&text, "%s%s", i ? ", " : "; modules: ", d->modules->v[i]);
	page_add(page, TERM_NORMAL, 0, "%s", text.s ? text.s : "");
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

static bool counts(const struct finding *f, const struct app *app, const struct device *d)
{
	return is_about(f, d) || (!tree_is_chosen(&app->choice, d) && !is_in(&app->findings, f));
}

/* First and in full, also where little more than this fits. */
static void add_dangers(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost)
{
	for (size_t i = 0; i < cost->n; i++) {
		const struct finding *f = &cost->v[i];

		if (f->severity >= SEVERITY_DANGER && counts(f, app, device))
			page_add(page, TERM_DANGER, 0, "%s: %s [%s]", summary_word(f->severity),
				f->text, f->id);
	}
}

/* In a line what else it would cost: the ids of findings, worst first. */
static void add_cost(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost)
{
	_cleanup_(str_free) struct str line = {0};
	const struct finding *last = NULL;

	for (size_t i = 0; i < cost->n; i++) {
		const struct finding *f = &cost->v[i];

		if (f->severity >= SEVERITY_DANGER || !counts(f, app, device))
			continue;
		if (!last || last->severity != f->severity)
			str_addf(&line, "%s%s: ", last ? "; " : "", summary_word(f->severity));
		else
			str_add(&line, ", ");
		str_add(&line, f->id);
		last = f;
	}
	if (line.len)
		page_add(page, TERM_NORMAL, 0, "%s", line.s);
}

static void add_findings(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost)
{
	bool headed = false;

	for (size_t i = 0; i < cost->n; i++) {
		const struct finding *f = &cost->v[i];

		if (!counts(f, app, device))
			continue;
		if (!headed)
			page_heading(page, "What choosing it means");
		headed = true;
		summary_finding(page, f);
	}
}

void detail_device(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost)
{
	char buf[128];

	page_add(page, TERM_NORMAL, 0, "%s %s", device->address,
		summary_name(device, buf, sizeof(buf)));
	if (cost && !device_is_path(device))
		add_dangers(page, app, device, cost);
	add_uses(page, device);
	add_group(page, app, device);
	add_driver(page, device);
	if (device_is_path(device)) {
		page_add(page, TERM_NORMAL, 0,
			"A bridge stays with the host, and its group can be used.");
		add_facts(page, device);
	} else if (cost) {
		/* After what is drawn before the cost is known, which then stays in its place. */
		add_cost(page, app, device, cost);
		add_unknown(page, app->machine);
		add_facts(page, device);
		add_findings(page, app, device, cost);
	}
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
		page_add(page, TERM_WARNING, 0,
			"Now %s [%04x:%04x] is at this address. It is not bound: the ids are not "
			"the ones chosen.",
			device_label(device, buf, sizeof(buf)), device->vendor, device->device);
	else
		page_add(page, TERM_WARNING, 0, "No device is at this address now.");
	page_add(page, TERM_NORMAL, 0,
		"Space drops it from the choice. If the card moved to another slot, "
		"choose it there.");
}
