#include "screens/summary.h"

#include "core/diff.h"
#include "core/report.h"

#include <stdio.h>
#include <string.h>

static const struct severity_look {
	enum term_style style;
	const char *word;
	const char *one, *many;
} looks[] = {
	[SEVERITY_INFO] = {TERM_NORMAL, "Note", "note", "notes"},
	[SEVERITY_WARNING] = {TERM_WARNING, "Warning", "warning", "warnings"},
	[SEVERITY_DANGER] = {TERM_DANGER, "DANGER", "danger", "dangers"},
	[SEVERITY_BLOCK] = {TERM_DANGER, "IMPOSSIBLE", "impossibility", "impossibilities"},
};

enum term_style summary_style(enum severity severity)
{
	return looks[severity].style;
}

const char *summary_word(enum severity severity)
{
	return looks[severity].word;
}

const char *summary_count(const struct findings *findings, char *buf, size_t size)
{
	size_t counts[ARRAY_SIZE(looks)] = {0}, len = 0;

	for (size_t i = 0; i < findings->n; i++)
		counts[findings->v[i].severity]++;
	snprintf(buf, size, "nothing to warn of");
	for (size_t s = ARRAY_SIZE(looks); s-- > 0;) {
		if (!counts[s] || len >= size)
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%zu %s", len ? ", " : "",
			counts[s], counts[s] == 1 ? looks[s].one : looks[s].many);
	}
	return buf;
}

const char *summary_amount(const struct plan *plan, char *buf, size_t size)
{
	snprintf(buf, size, "%zu %s and %zu %s", plan->n_changes,
		plan->n_changes == 1 ? "file" : "files", plan->n_commands,
		plan->n_commands == 1 ? "command" : "commands");
	return buf;
}

/* Of the vendor the part in brackets, or the first word. */
const char *summary_name(const struct device *d, char *buf, size_t size)
{
	const char *from = d->name, *open;
	size_t n;

	if (!d->name || !d->vendor_len || strlen(d->name) <= d->vendor_len)
		return device_label(d, buf, size);
	open = memchr(d->name, '[', d->vendor_len);
	if (open)
		from = open + 1;
	n = strcspn(from, open ? "]" : " ,");
	snprintf(buf, size, "%.*s%s", (int)n, from, d->name + d->vendor_len);
	return buf;
}

void summary_finding(struct page *page, const struct finding *finding)
{
	const struct severity_look *look = &looks[finding->severity];

	page_add(page, look->style, 0, "%s: %s [%s]", look->word, finding->text, finding->id);
	if (*finding->remedy)
		page_add(page, TERM_NORMAL, 2, "What to do: %s", finding->remedy);
}

void summary_findings(struct page *page, const struct findings *findings)
{
	if (!findings->n)
		return;
	page_heading(page, "What to know before going on");
	for (size_t i = 0; i < findings->n; i++)
		summary_finding(page, &findings->v[i]);
}

static const char *driver_word(const char *driver)
{
	return driver ? driver : "no driver";
}

void summary_forecast(struct page *page, const struct plan *plan)
{
	size_t same = 0;

	if (!plan->forecast.n)
		return;
	page_heading(page, "Drivers after the next boot");
	for (size_t i = 0; i < plan->forecast.n; i++) {
		const struct forecast_entry *e = &plan->forecast.v[i];
		char buf[128];

		if (!plan_concerns(plan, e)) {
			same++;
			continue;
		}
		page_add(page, TERM_NORMAL, 0, "%s %s: %s -> %s", e->device->address,
			summary_name(e->device, buf, sizeof(buf)), driver_word(e->now),
			driver_word(e->next));
		if (e->reason && *e->reason)
			page_add(page, TERM_DIM, 2, "%s", e->reason);
	}
	if (same)
		page_add(page, TERM_NORMAL, 0, "%zu %s the driver that %s now.", same,
			same == 1 ? "device keeps" : "devices keep",
			same == 1 ? "it has" : "they have");
}

static enum term_style diff_style(enum diff_kind kind)
{
	switch (kind) {
	case DIFF_HEADER:
		return TERM_HEADING;
	case DIFF_HUNK:
		return TERM_DIFF_HUNK;
	case DIFF_ADDED:
		return TERM_DIFF_ADD;
	case DIFF_REMOVED:
		return TERM_DIFF_DEL;
	case DIFF_NOTE:
		return TERM_DIM;
	case DIFF_SAME:
		break;
	}
	return TERM_NORMAL;
}

static const char *action(const struct change *change)
{
	if (change->before.kind == CONTENT_ABSENT)
		return "new file";
	return change->after.kind == CONTENT_ABSENT ? "deleted" : "changed";
}

static void add_diff(struct page *page, const struct change *change)
{
	_cleanup_(diff_free) struct diff diff = {0};

	if (diff_change(change, &diff) < 0) {
		page_add(page, TERM_WARNING, 0, "The difference needs more memory than there is.");
		return;
	}
	for (size_t k = 0; k < diff.n; k++)
		page_line(page, diff_style(diff.v[k].kind), diff.v[k].text);
	if (!diff.n)
		page_add(page, TERM_DIM, 0, "(only who owns it)");
}

void summary_edits(struct page *page, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_edits; i++) {
		page_heading(page, "Changed since vfio-wizard wrote it: %s", plan->edits[i].path);
		add_diff(page, &plan->edits[i]);
	}
}

void summary_files(struct page *page, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_changes; i++) {
		const struct change *change = &plan->changes[i];

		page_heading(page, "File %zu of %zu: %s (%s)", i + 1, plan->n_changes, change->path,
			action(change));
		add_diff(page, change);
	}
}

/* One of several images that are looked into in the same way: said once, behind the last. */
static bool is_same_check(const struct command *a, const struct command *b)
{
	if (!b || a->stage != COMMAND_CHECK || b->stage != COMMAND_CHECK ||
		a->expect.n != b->expect.n || !base_same(a->purpose, b->purpose))
		return false;
	for (size_t i = 0; i < a->expect.n; i++)
		if (strcmp(a->expect.v[i], b->expect.v[i]) != 0)
			return false;
	return true;
}

void summary_commands(struct page *page, const struct app *app, const struct plan *plan)
{
	_cleanup_(str_free) struct str where = {0};

	if (!plan->n_commands)
		return;
	page_heading(page, app->no_commands
				   ? "Commands that you have to run after it, in this order"
				   : "Commands, in this order");
	report_where_to_run(app->root, &where);
	if (app->no_commands && where.s)
		page_add(page, TERM_NORMAL, 0, "%s", where.s);
	for (size_t i = 0; i < plan->n_commands; i++) {
		const struct command *command = &plan->commands[i];
		_cleanup_(str_free) struct str text = {0};
		_cleanup_(strv_free) struct strv notes = {0};

		report_command(&command->argv, &text);
		page_add(page, TERM_NORMAL, 0, "%zu. %s", i + 1, text.s ? text.s : "");
		if (is_same_check(command, i + 1 < plan->n_commands ? command + 1 : NULL))
			continue;
		if (command->purpose)
			page_add(page, TERM_DIM, 3, "to %s", command->purpose);
		if (report_command_notes(command, &notes) < 0)
			continue;
		for (size_t k = 0; k < notes.n; k++)
			page_add(page, TERM_DIM, 3, "%s", notes.v[k]);
	}
}
