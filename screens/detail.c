#include "screens/detail.h"

#include "core/fitness.h"
#include "core/viability.h"
#include "screens/summary.h"
#include "screens/tree.h"

#include <stdio.h>
#include <string.h>

/* More members are only counted: a page costs the same whatever the group. */
#define MEMBERS_MAX 64

/* What is in the way first. */
static const struct role {
	enum viability_role role;
	const char *text;
} roles[] = {
	{VIABILITY_BLOCKED, "kept by the host"},
	{VIABILITY_ALONG, "to choose too"},
	{VIABILITY_CLAIMED, "better chosen too"},
	{VIABILITY_CHOSEN, "chosen"},
	{VIABILITY_IDLE, "harmless"},
};

/* "to choose too: 0000:01:00.1 (snd_hda_intel), ..." for the members with one role. */
static void add_members(struct str *text, const struct app *app, const struct device *but,
	const struct role *role)
{
	const struct group *group = machine_group(app->machine, but->group);
	size_t n = 0;

	for (size_t i = 0; i < group->n_devices; i++) {
		const struct device *d = group->devices[i];

		if (d == but ||
			viability_role(app->machine, &app->choice, &app->existing, d) !=
				role->role ||
			n++ >= MEMBERS_MAX)
			continue;
		if (n == 1)
			str_addf(text, "%s%s: ", text->len ? "; " : "", role->text);
		str_addf(text, "%s%s%s%s%s", n > 1 ? ", " : "", d->address, d->driver ? " (" : "",
			d->driver ? d->driver : "", d->driver ? ")" : "");
	}
	if (n > MEMBERS_MAX)
		str_addf(text, " and %zu more", n - MEMBERS_MAX);
}

/* What is in the way by name and the rest counted; brief: all of it only counted. */
static void add_group(
	struct page *page, const struct app *app, const struct device *device, bool brief)
{
	const struct group *group = machine_group(app->machine, device->group);
	_cleanup_(str_free) struct str text = {0};
	struct viability v;
	bool hindered;

	if (!group) {
		page_add(page, TERM_WARNING, 0, "In no IOMMU group%s",
			brief ? "" : ": no guest can use it until it is in one.");
		return;
	}
	if (group->n_devices == 1) {
		page_add(page, TERM_NORMAL, 0, "Group %lld, alone in it", (long long)group->id);
		return;
	}
	v = viability_of(app->machine, &app->choice, &app->existing, group);
	v.counts[viability_role(app->machine, &app->choice, &app->existing, device)]--;
	v.counts[VIABILITY_IDLE] += v.counts[VIABILITY_BRIDGE];
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		size_t n = v.counts[roles[i].role];

		if (n && brief)
			str_addf(&text, "%s%zu %s", text.len ? ", " : "", n, roles[i].text);
		else if (n && roles[i].role == VIABILITY_IDLE)
			str_addf(&text, "%s%s: %zu", text.len ? "; " : "", roles[i].text, n);
		else if (n)
			add_members(&text, app, device, &roles[i]);
	}
	hindered = !brief && viability_hindrances(&v) && v.counts[VIABILITY_CHOSEN];
	page_add(page, hindered ? TERM_WARNING : TERM_NORMAL, 0, "Group %lld: %s%s",
		(long long)group->id, brief ? "besides it " : "", text.s ? text.s : "");
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

static void add_reset(struct page *page, const struct fitness *f)
{
	if (f->resets == NO)
		page_add(page, TERM_WARNING, 0, "Reset: none of its own");
	else if (*f->reset)
		page_add(page, TERM_NORMAL, 0, "Reset: %s%s", f->reset,
			strstr(f->reset, "flr") ? "" : " (no FLR)");
}

static const char *size_text(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;

	for (; unit + 1 < ARRAY_SIZE(units) && bytes >= 1024; unit++)
		bytes /= 1024;
	(void)snprintf(buf, size, "%llu %s", (unsigned long long)bytes, units[unit]);
	return buf;
}

static void add_memory(struct page *page, const struct device *d, const struct fitness *f)
{
	char buf[32];

	if (f->unassigned >= 0)
		page_add(page, TERM_WARNING, 0,
			"Its memory BAR %d of %s has no address: look for \"above 4G decoding\" in "
			"the firmware setup",
			f->unassigned, size_text(f->unassigned_size, buf, sizeof(buf)));
	if (f->largest > UINT32_MAX)
		page_add(page, TERM_NORMAL, 0,
			"Its largest BAR has %s: the guest needs UEFI and room for it above 4 GiB",
			size_text(f->largest, buf, sizeof(buf)));
	if (d->class >> 8 == 0x0300 && f->rom == NO)
		page_add(page, TERM_WARNING, 0,
			"No ROM: as the guest's first screen it may need one from a file "
			"(romfile=)");
}

static void add_link(struct page *page, const struct fitness *f)
{
	if (!f->width || !*f->speed)
		return;
	if (f->width_max > f->width || (*f->speed_max && !base_same(f->speed, f->speed_max)))
		page_add(page, TERM_NORMAL, 0, "Link: x%u at %s now, x%u at %s at most", f->width,
			f->speed, f->width_max, f->speed_max);
	else
		page_add(page, TERM_NORMAL, 0, "Link: x%u at %s", f->width, f->speed);
}

/* A line for each that matters. */
static void add_fitness(struct page *page, const struct app *app, const struct device *d)
{
	const struct fitness f = fitness_read(app->root, app->machine, d);

	add_reset(page, &f);
	add_memory(page, d, &f);
	if (*f.direct)
		page_add(page, TERM_WARNING, 0, "The firmware keeps memory for its group: %s",
			f.direct);
	add_link(page, &f);
	if (f.numa >= 0)
		page_add(page, TERM_NORMAL, 0, "NUMA node %d: pin the guest's processors there",
			f.numa);
	if (*f.power == 'D' && !base_same(f.power, "D0"))
		page_add(page, TERM_NORMAL, 0, "Power state: %s", f.power);
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
	return is_about(f, d) || (!choice_has(&app->choice, d) && !is_in(&app->findings, f));
}

/* In full, also where little more than this fits. */
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

/* In a line what it would cost, from `most` down: the ids of findings, worst first; notes only
 * where nothing is worse. */
static void add_cost(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost, enum severity most)
{
	_cleanup_(str_free) struct str line = {0};
	const struct finding *last = NULL;
	enum severity worst = SEVERITY_INFO;

	for (size_t i = 0; i < cost->n; i++) {
		const struct finding *f = &cost->v[i];

		if (f->severity > most || !counts(f, app, device) ||
			(f->severity == SEVERITY_INFO && worst > f->severity))
			continue;
		worst = f->severity > worst ? f->severity : worst;
		if (!last || last->severity != f->severity)
			str_addf(&line, "%s%s: ", last ? "; " : "", summary_word(f->severity));
		else
			str_add(&line, ", ");
		str_add(&line, f->id);
		last = f;
	}
	if (line.len)
		page_add(page, worst >= SEVERITY_DANGER ? TERM_DANGER : TERM_NORMAL, 0, "%s",
			line.s);
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

void detail_brief(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost)
{
	char buf[128];

	page_add(page, TERM_NORMAL, 0, "%s %s", device->address,
		summary_name(device, buf, sizeof(buf)));
	if (device_is_path(device))
		page_add(page, TERM_NORMAL, 0, "A bridge: it stays with the host");
	else
		add_cost(page, app, device, cost, SEVERITY_BLOCK);
	add_uses(page, device);
	add_group(page, app, device, true);
	add_driver(page, device);
	if (device_is_path(device))
		return;
	add_unknown(page, app->machine);
	add_fitness(page, app, device);
	add_facts(page, device);
}

void detail_device(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost)
{
	char buf[128];

	page_add(page, TERM_NORMAL, 0, "%s %s", device->address,
		summary_name(device, buf, sizeof(buf)));
	add_dangers(page, app, device, cost);
	add_uses(page, device);
	add_group(page, app, device, false);
	add_driver(page, device);
	if (device_is_path(device)) {
		page_add(page, TERM_NORMAL, 0,
			"A bridge stays with the host, and its group can be used.");
		add_facts(page, device);
	} else {
		add_cost(page, app, device, cost, SEVERITY_WARNING);
		add_unknown(page, app->machine);
		add_facts(page, device);
		add_fitness(page, app, device);
		add_findings(page, app, device, cost);
	}
}

void detail_lost(struct page *page, const struct app *app, const char *address)
{
	const struct pick *pick = choice_find(&app->choice, address);
	const struct device *device = machine_device(app->machine, address), *now;
	bool is_sure = false;
	char buf[128];

	if (!pick)
		return;
	now = choice_locate(&app->choice, app->machine, pick, &is_sure);
	page_heading(page, "%s was chosen as [%04x:%04x]", address, pick->vendor, pick->device);
	if (now)
		page_add(page, TERM_WARNING, 0, "%s %s: %s",
			is_sure ? "The card is now at"
				: "The only one with its ids that is not chosen is at",
			now->address, summary_name(now, buf, sizeof(buf)));
	if (device)
		page_add(page, TERM_WARNING, 0,
			"Now %s [%04x:%04x] is at this address. It is not bound: %s.",
			device_label(device, buf, sizeof(buf)), device->vendor, device->device,
			device->vendor == pick->vendor && device->device == pick->device
				? "it is not the card that was chosen"
				: "the ids are not the ones chosen");
	else
		page_add(page, TERM_WARNING, 0, "No device is at this address now.");
	page_add(page, TERM_NORMAL, 0,
		now ? "m moves the choice there, with everything else that moved; Space drops it."
		    : "Space drops it from the choice. If the card moved to another slot, "
		      "choose it there.");
}
