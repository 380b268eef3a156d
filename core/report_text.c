#include "core/report_private.h"

#include "core/diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 80

static size_t columns(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

/* Where the line that *out ends with has got to. */
static size_t column(const struct str *out)
{
	const char *line = out->len ? memrchr(out->s, '\n', out->len) : NULL;
	size_t start = line ? (size_t)(line + 1 - out->s) : 0;

	return out->len ? columns(out->s + start, out->len - start) : 0;
}

/* Ends the line with the words of `text`; where they do not fit, further lines begin with
 * `margin`. */
static void wrap(struct str *out, const char *margin, const char *text)
{
	size_t at = column(out), n, width;
	bool fresh = true;

	for (text += strspn(text, " \n\t"); *text; text += n + strspn(text + n, " \n\t")) {
		n = strcspn(text, " \n\t");
		width = columns(text, n);
		if (!fresh && at + 1 + width > COLUMNS) {
			str_addc(out, '\n');
			str_add(out, margin);
			at = columns(margin, strlen(margin));
			fresh = true;
		}
		if (!fresh)
			str_addc(out, ' ');
		report_clean_n(out, text, n, "");
		at += width + !fresh;
		fresh = false;
	}
	str_addc(out, '\n');
}

void report_paragraph(const char *text, struct str *out)
{
	wrap(out, "", text);
}

void report_way_back(const struct plan *plan, struct str *out)
{
	const struct finding *finding = findings_find(&plan->findings, "boot-editor-off");

	if (!finding)
		finding = findings_find(&plan->findings, "no-spare-entry");
	str_add(out, "If the host does not come up, or the screen stays black: ");
	if (finding)
		str_addf(out, "%s  What to do: %s.", finding->text, finding->remedy);
	else
		str_addf(out,
			"at the boot menu press e, add %s to the kernel's parameters (GRUB: the "
			"line that begins with linux), and boot (GRUB: Ctrl-X).  Every device "
			"stays with the host for that boot.  The entry \"without passthrough\" "
			"does the same, where the boot menu ends with one.",
			plan->way_back ? plan->way_back : "module_blacklist=vfio_pci");
}

void report_trial(const struct plan *plan, bool keys, struct str *out)
{
	str_addf(out,
		"The next boot is on trial: within %u minutes of its start, and before another "
		"boot, %srun vfio-wizard confirm%s.  Otherwise the machine takes this back by "
		"itself and boots again.",
		plan->trial, keys ? "press c in the wizard or " : "",
		plan->after.options & CHOICE_TRIAL_SSH ? ", or log in over SSH" : "");
}

void report_where_to_run(const struct root *root, struct str *out)
{
	if (!root_is_live(root))
		str_addf(out,
			"They are that system's own: run them in a chroot of %s, with /proc, /sys, "
			"/dev and /run mounted there.",
			root_path(root));
}

/* "  " and the text in a column of its own. */
static void cell(struct str *out, int width, const char *text)
{
	_cleanup_(str_free) struct str clean = {0};

	report_clean(&clean, text, "");
	str_addf(out, "  %-*s", width, clean.s ? clean.s : "");
	out->failed |= clean.failed;
}

#define NAME_MARGIN "                "   /* below the ids, past the longest usual address */

static void list_words(struct str *out, const char *what, const struct strv *words)
{
	_cleanup_(str_free) struct str line = {0};

	for (size_t i = 0; i < words->n; i++)
		str_addf(&line, "%s%s", i ? ", " : "", words->v[i]);
	str_addf(out, NAME_MARGIN "%s: ", what);
	wrap(out, NAME_MARGIN "  ", line.s ? line.s : "");
	out->failed |= line.failed;
}

static bool only_its_driver(const struct device *d)
{
	return d->modules->n == 0 ||
		(d->modules->n == 1 && d->driver && base_same_module(d->modules->v[0], d->driver));
}

static void list_device(struct str *out, const struct device *d)
{
	char class[16];

	cell(out, 12, d->address);
	str_addf(out, "  %04x:%04x", d->vendor, d->device);
	cell(out, 14, d->driver ? d->driver : "-");
	str_add(out, "  ");
	(void)snprintf(class, sizeof(class), "class %06" PRIx32, d->class);
	wrap(out, NAME_MARGIN, d->class_name ? d->class_name : class);
	if (d->name) {
		str_add(out, NAME_MARGIN);
		wrap(out, NAME_MARGIN "  ", d->name);
	}
	if (!only_its_driver(d))
		list_words(out, "modules", d->modules);
	for (size_t i = 0; i < d->n_uses; i++) {
		str_add(out, NAME_MARGIN "host: ");
		wrap(out, NAME_MARGIN "  ", d->uses[i].text);
	}
}

/* Below the list, and only where there is something in it. */
static int list_unknown(struct str *out, const struct machine *machine)
{
	_cleanup_(str_free) struct str text = {0};

	machine_unknown(machine, &text);
	if (text.len) {
		str_add(out, "Not known, and so perhaps in use: ");
		wrap(out, "  ", text.s);
	}
	return str_check(&text) < 0 ? -ENOMEM : str_check(out);
}

int report_text_list(const struct machine *machine, struct str *out)
{
	bool heading = false;

	for (size_t i = 0; i < machine->n_groups; i++) {
		const struct group *g = &machine->groups[i];

		str_addf(out, "Group %" PRId64, g->id);
		if (g->type) {
			str_add(out, " (");
			report_clean(out, g->type, "");
			str_addc(out, ')');
		}
		str_addc(out, '\n');
		for (size_t k = 0; k < g->n_devices; k++)
			list_device(out, g->devices[k]);
	}
	for (size_t i = 0; i < machine->n_devices; i++) {
		if (machine->devices[i].group >= 0)
			continue;
		if (!heading)
			str_add(out, machine->n_groups ? "No group\n"
						       : "No group: the IOMMU is off or absent\n");
		heading = true;
		list_device(out, &machine->devices[i]);
	}
	return list_unknown(out, machine);
}

static void margin_lines(struct str *out, const char *margin, const char *label, const char *text)
{
	_cleanup_(str_free) struct str next = {0};

	str_addf(out, "%s%s", margin, label);
	str_addf(&next, "%s%s", margin, *label ? "  " : "");
	wrap(out, next.s ? next.s : "", text);
	out->failed |= next.failed;
}

/* A remedy may hold lines to be copied: each begins a line of its own. */
static void remedy_text(struct str *out, const char *margin, const char *text)
{
	_cleanup_(str_free) struct str deeper = {0};
	const char *label = "What to do: ";

	for (str_addf(&deeper, "%s  ", margin); *text && !deeper.failed; label = "") {
		_cleanup_free_ char *line = strndup(text, strcspn(text, "\n"));

		if (!line)
			break;
		margin_lines(out, *label ? margin : deeper.s, label, line);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	out->failed = out->failed || *text || deeper.failed;
}

static void finding_text(struct str *out, const char *margin, const struct finding *f)
{
	_cleanup_(str_free) struct str deeper = {0};

	str_addf(out, "%s%-8s %s", margin, severity_name(f->severity), f->id);
	if (f->device)
		str_addf(out, " %s", f->device->address);
	if (f->group >= 0)
		str_addf(out, " group %" PRId64, f->group);
	str_addc(out, '\n');
	str_addf(&deeper, "%s  ", margin);
	if (str_check(&deeper) < 0) {
		out->failed = true;
		return;
	}
	margin_lines(out, deeper.s, "", f->text);
	if (f->remedy[0])
		remedy_text(out, deeper.s, f->remedy);
}

void report_finding(const struct finding *finding, struct str *out)
{
	finding_text(out, "", finding);
}

void report_command(const struct strv *argv, struct str *out)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_-./=:,+@%";

	for (size_t i = 0; i < argv->n; i++) {
		const char *word = argv->v[i];

		str_add(out, i ? " " : "");
		if (*word && word[strspn(word, plain)] == '\0') {
			str_add(out, word);
			continue;
		}
		str_addc(out, '\'');
		for (; *word; word++)
			str_addn(out, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
		str_addc(out, '\'');
	}
}

int report_text_check(const struct requirements *requirements, const struct findings *findings,
	struct str *out)
{
	for (size_t i = 0; i < requirements->n; i++) {
		const struct requirement *r = &requirements->v[i];

		str_addf(out, "%-8s %s: ", requirement_state_name(r->state), r->title);
		wrap(out, "         ", r->text);
		if (r->remedy[0])
			margin_lines(out, "         ", "What to do: ", r->remedy);
	}
	if (!findings)
		return str_check(out);
	str_add(out, findings->n ? "\nFor this choice:\n" : "\nFor this choice: no findings\n");
	for (size_t i = 0; i < findings->n; i++)
		finding_text(out, "  ", &findings->v[i]);
	return str_check(out);
}

static int commands_text(const struct command *commands, size_t n, struct str *out)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(str_free) struct str line = {0};
		_cleanup_(strv_free) struct strv notes = {0};

		report_command(&commands[i].argv, &line);
		str_add(out, "#   ");
		report_clean(out, line.s ? line.s : "", "");
		out->failed |= line.failed;
		if (commands[i].purpose) {
			str_add(out, "  (");
			report_clean(out, commands[i].purpose, "");
			str_addc(out, ')');
		}
		str_addc(out, '\n');
		if (report_command_notes(&commands[i], &notes) < 0)
			return -ENOMEM;
		for (size_t k = 0; k < notes.n; k++)
			margin_lines(out, "#       ", "", notes.v[k]);
	}
	return 0;
}

static void forecast_text(const struct plan *plan, struct str *out)
{
	bool heading = false;

	for (size_t i = 0; i < plan->forecast.n; i++) {
		const struct forecast_entry *e = &plan->forecast.v[i];

		if (!plan_concerns(plan, e))
			continue;
		if (!heading)
			str_add(out, "#\n# After the next boot:\n");
		heading = true;
		str_addf(out, "#   %s  ", e->device->address);
		report_clean(out, e->now ? e->now : "no driver", "");
		str_add(out, " -> ");
		report_clean(out, e->next ? e->next : "no driver", "");
		str_addc(out, '\n');
		margin_lines(out, "#       ", "", e->reason);
	}
}

int report_text_plan(const struct plan *plan, struct str *out)
{
	_cleanup_free_ char *diff = NULL;
	int r;

	r = diff_plan(plan, &diff);
	if (r < 0)
		return r;
	str_add(out, "# ");
	wrap(out, "# ", plan_is_empty(plan) && !plan->refused ? "Nothing to change" : plan->summary);
	for (size_t i = 0; i < plan->findings.n; i++)
		finding_text(out, "# ", &plan->findings.v[i]);
	str_add(out, diff);
	if (plan->n_commands)
		str_add(out, "#\n# Commands, after the files are written:\n");
	if (commands_text(plan->commands, plan->n_commands, out) < 0)
		return -ENOMEM;
	if (!plan->refused)
		forecast_text(plan, out);
	return str_check(out);
}

static void kernel_text(const struct kernel_verdict *k, struct str *out)
{
	static const char *const words[] = {
		[1 + NO] = "OLD", [1 + YES] = "ok", [1 + UNKNOWN] = "?"};
	static const char *const texts[] = {
		[1 + NO] =
			"was built before the choice was written, so that kernel binds late or not "
			"at all: rebuild it",
		[1 + YES] = "was built after the choice was written",
		[1 + UNKNOWN] =
			"no image was found by its name, so it is not known whether it has the "
			"choice",
	};
	_cleanup_(str_free) struct str line = {0};

	str_addf(&line, "%s%s%s%s%s", k->image ? k->image : "", k->image ? " " : "",
		texts[1 + k->covered], k->rebuild ? " with " : "", k->rebuild ? k->rebuild : "");
	str_addf(out, "%-6s kernel ", words[1 + k->covered]);
	report_clean(out, k->version, "");
	str_addc(out, '\n');
	margin_lines(out, "       ", "", line.s ? line.s : "");
	out->failed |= line.failed;
}

static void spare_text(const struct verdicts *verdicts, struct str *out)
{
	bool is_bad = verdicts->spare_trouble[0];
	_cleanup_(str_free) struct str line = {0};

	str_addf(&line, "%s%s%s", verdicts->spare, is_bad ? ": " : "", verdicts->spare_trouble);
	str_addf(out, "%-6s boot entry without passthrough\n", is_bad ? "OLD" : "ok");
	margin_lines(out, "       ", "", line.s ? line.s : "");
	out->failed |= line.failed;
}

int report_text_verify(const struct verdicts *verdicts, struct str *out)
{
	if (verdicts->n == 0)
		str_add(out, "No device is given to guests, so there is nothing to verify\n");
	for (size_t i = 0; i < verdicts->n; i++) {
		const struct verdict *v = &verdicts->v[i];

		str_addf(out, "%-6s %s  expected ", v->ok ? "ok" : "WRONG", v->address);
		report_clean(out, v->expected ? v->expected : "no driver", "");
		str_add(out, ", found ");
		report_clean(out, v->actual ? v->actual : "none", "");
		str_addc(out, '\n');
		if (v->reason[0])
			margin_lines(out, "       ", "", v->reason);
	}
	for (size_t i = 0; i < verdicts->n_kernels; i++)
		kernel_text(&verdicts->kernels[i], out);
	if (verdicts->spare)
		spare_text(verdicts, out);
	return str_check(out);
}

static void snapshot_line(const struct snapshot *s, struct str *out)
{
	char when[64];

	report_time(s->time, when, sizeof(when));
	report_clean(out, s->id, "");
	str_addf(out, "  %s  %-11s  ", when, s->damaged ? "damaged" : snapshot_state_name(s->state));
	wrap(out, "    ", s->damaged ? s->damaged : s->summary);
}

int report_text_snapshots(const struct snapshots *snapshots, struct str *out)
{
	if (snapshots->n == 0)
		str_add(out, "No snapshots: nothing was ever applied here\n");
	for (size_t i = 0; i < snapshots->n; i++) {
		const struct snapshot *s = &snapshots->v[i];

		snapshot_line(s, out);
		for (size_t k = 0; k < s->n_files; k++) {
			str_add(out, "    ");
			report_clean(out, s->files[k].path, "");
			str_addc(out, '\n');
		}
	}
	return str_check(out);
}

int report_text_snapshot(const struct snapshot *s, struct str *out)
{
	str_add(out, "# ");
	snapshot_line(s, out);
	for (size_t i = 0; i < s->n_files; i++) {
		_cleanup_free_ char *diff = NULL;
		struct change change = report_change(&s->files[i]);
		int r = diff_text(&change, &diff);

		if (r < 0)
			return r;
		str_add(out, diff);
	}
	if (s->n_commands)
		str_add(out, "#\n# Commands, after the files were written:\n");
	return commands_text(s->commands, s->n_commands, out) < 0 ? -ENOMEM : str_check(out);
}
