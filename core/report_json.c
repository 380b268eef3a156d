#include "core/report_private.h"

#include "core/diff.h"
#include "core/viability.h"

#include <inttypes.h>
#include <string.h>

static void json_text(struct str *out, const char *text)
{
	uint32_t c;
	size_t n;

	if (!text) {
		str_add(out, "null");
		return;
	}
	str_addc(out, '"');
	for (; *text; text += n ? n : 1) {
		n = report_char(text, &c);
		if (n == 0)
			str_add(out, "\\ufffd");
		else if (*text == '"' || *text == '\\')
			str_addf(out, "\\%c", *text);
		else if (*text == '\n')
			str_add(out, "\\n");
		else if (report_is_control(c))
			str_addf(out, "\\u%04" PRIx32, c);
		else
			str_addn(out, text, n);
	}
	str_addc(out, '"');
}

/* The comma that stands before every value but the first. */
static void json_comma(struct str *out)
{
	if (out->len && !strchr("[{", out->s[out->len - 1]))
		str_addc(out, ',');
}

/* The next value of a list, on a line of its own. */
static void json_item(struct str *out)
{
	json_comma(out);
	str_add(out, "\n  ");
}

static void json_key(struct str *out, const char *key)
{
	bool first = out->len && out->s[out->len - 1] == '{';

	json_comma(out);
	str_addf(out, "%s\"%s\": ", first ? "" : " ", key);
}

static void json_pair(struct str *out, const char *key, const char *text)
{
	json_key(out, key);
	json_text(out, text);
}

static void json_hex(struct str *out, const char *key, int digits, uint32_t value)
{
	json_key(out, key);
	str_addf(out, "\"%0*" PRIx32 "\"", digits, value);
}

static void json_group(struct str *out, const char *key, int64_t group)
{
	json_key(out, key);
	if (group < 0)
		str_add(out, "null");
	else
		str_addf(out, "%" PRId64, group);
}

static void json_words(struct str *out, const struct strv *words)
{
	str_addc(out, '[');
	for (size_t i = 0; i < words->n; i++) {
		if (i)
			str_add(out, ", ");
		json_text(out, words->v[i]);
	}
	str_addc(out, ']');
}

/* A member of the answer that is a list; json_item() begins each of its values. */
static void json_list(struct str *out, const char *key)
{
	json_comma(out);
	str_addf(out, "\n\"%s\": [", key);
}

static int json_end(struct str *out)
{
	str_add(out, "\n}\n");
	return str_check(out);
}

#define JSON_BEGIN "{\"format\": 1"

static void json_device(struct str *out, const struct device *d)
{
	json_item(out);
	str_addc(out, '{');
	json_pair(out, "address", d->address);
	json_hex(out, "vendor", 4, d->vendor);
	json_hex(out, "device", 4, d->device);
	json_hex(out, "subsystem_vendor", 4, d->subsystem_vendor);
	json_hex(out, "subsystem_device", 4, d->subsystem_device);
	json_hex(out, "class", 6, d->class);
	json_hex(out, "revision", 2, d->revision);
	json_group(out, "group", d->group);
	json_pair(out, "driver", d->driver);
	json_key(out, "modules");
	json_words(out, d->modules);
	json_pair(out, "name", d->name);
	json_key(out, "uses");
	str_addc(out, '[');
	for (size_t i = 0; i < d->n_uses; i++) {
		if (i)
			str_add(out, ", ");
		json_text(out, d->uses[i].text);
	}
	str_add(out, "]}");
}

/* What each member is to a guest with another of them. */
static void json_members(struct str *out, const struct machine *machine, const struct group *g)
{
	json_list(out, "members");
	for (size_t i = 0; i < g->n_devices; i++) {
		json_comma(out);
		str_addc(out, '{');
		json_pair(out, "address", g->devices[i]->address);
		json_pair(out, "role",
			viability_role_name(viability_role(machine, NULL, NULL, g->devices[i])));
		str_addc(out, '}');
	}
	str_addc(out, ']');
}

int report_json_list(const struct machine *machine, struct str *out)
{
	const struct host *host = &machine->host;
	bool enabled = host->iommu_active || machine->n_groups;
	bool present = enabled || host->firmware == FIRMWARE_VTD || host->firmware == FIRMWARE_AMDVI;

	str_addf(out, JSON_BEGIN ",\n\"iommu\": {\"present\": %s, \"enabled\": %s}",
		present ? "true" : "false", enabled ? "true" : "false");
	json_list(out, "groups");
	for (size_t i = 0; i < machine->n_groups; i++) {
		const struct group *g = &machine->groups[i];

		json_item(out);
		str_addc(out, '{');
		json_group(out, "id", g->id);
		json_pair(out, "type", g->type);
		json_key(out, "devices");
		for (size_t k = 0; k < g->n_devices; k++) {
			str_add(out, k ? ", " : "[");
			json_text(out, g->devices[k]->address);
		}
		str_add(out, g->n_devices ? "]" : "[]");
		json_members(out, machine, g);
		str_addc(out, '}');
	}
	str_addc(out, ']');
	json_list(out, "devices");
	for (size_t i = 0; i < machine->n_devices; i++)
		json_device(out, &machine->devices[i]);
	str_addc(out, ']');
	json_list(out, "uses_unknown");
	for (size_t i = 0; i < machine->n_unknown_uses; i++) {
		json_item(out);
		str_addc(out, '{');
		json_pair(out, "what", machine->unknown_uses[i].what);
		json_pair(out, "reason", machine->unknown_uses[i].reason);
		str_addc(out, '}');
	}
	str_addc(out, ']');
	return json_end(out);
}

static void json_findings(struct str *out, const struct findings *findings)
{
	json_list(out, "findings");
	for (size_t i = 0; findings && i < findings->n; i++) {
		const struct finding *f = &findings->v[i];

		json_item(out);
		str_addc(out, '{');
		json_pair(out, "id", f->id);
		json_pair(out, "severity", severity_name(f->severity));
		json_pair(out, "device", f->device ? f->device->address : NULL);
		json_group(out, "group", f->group);
		json_pair(out, "text", f->text);
		json_pair(out, "remedy", f->remedy);
		str_addc(out, '}');
	}
	str_addc(out, ']');
}

int report_json_check(const struct requirements *requirements, const struct findings *findings,
	struct str *out)
{
	str_add(out, JSON_BEGIN);
	json_list(out, "requirements");
	for (size_t i = 0; i < requirements->n; i++) {
		const struct requirement *r = &requirements->v[i];

		json_item(out);
		str_addc(out, '{');
		json_pair(out, "id", r->id);
		json_pair(out, "state", requirement_state_name(r->state));
		json_pair(out, "text", r->text);
		json_pair(out, "remedy", r->remedy);
		str_addc(out, '}');
	}
	str_addc(out, ']');
	json_findings(out, findings);
	return json_end(out);
}

static const char *action(const struct change *change)
{
	if (change->before.kind == CONTENT_ABSENT)
		return "create";
	return change->after.kind == CONTENT_ABSENT ? "delete" : "modify";
}

static int json_change(struct str *out, const struct change *change)
{
	_cleanup_free_ char *diff = NULL;
	int r = diff_text(change, &diff);

	if (r < 0)
		return r;
	json_item(out);
	str_addc(out, '{');
	json_pair(out, "path", change->path);
	json_pair(out, "action", action(change));
	json_pair(out, "diff", diff);
	str_addc(out, '}');
	return 0;
}

static const char *const stage_names[] = {
	[COMMAND_UNDO] = "undo",
	[COMMAND_PREPARE] = "prepare",
	[COMMAND_INITRAMFS] = "initramfs",
	[COMMAND_CHECK] = "check",
	[COMMAND_PLACE] = "place",
	[COMMAND_BOOT_LOADER] = "boot-loader",
};

static void json_commands(struct str *out, const struct command *commands, size_t n)
{
	json_list(out, "commands");
	for (size_t i = 0; i < n; i++) {
		json_item(out);
		json_words(out, &commands[i].argv);
	}
	str_addc(out, ']');
	json_list(out, "steps");
	for (size_t i = 0; i < n; i++) {
		json_item(out);
		str_addc(out, '{');
		json_key(out, "argv");
		json_words(out, &commands[i].argv);
		json_pair(out, "purpose", commands[i].purpose);
		json_pair(out, "stage", stage_names[commands[i].stage]);
		json_key(out, "undo");
		json_words(out, &commands[i].undo);
		json_key(out, "expect");
		json_words(out, &commands[i].expect);
		str_addc(out, '}');
	}
	str_addc(out, ']');
}

int report_json_plan(const struct plan *plan, struct str *out)
{
	int r;

	str_add(out, JSON_BEGIN);
	json_list(out, "changes");
	for (size_t i = 0; i < plan->n_changes; i++) {
		r = json_change(out, &plan->changes[i]);
		if (r < 0)
			return r;
	}
	str_addc(out, ']');
	json_commands(out, plan->commands, plan->n_commands);
	json_list(out, "forecast");
	for (size_t i = 0; i < plan->forecast.n; i++) {
		const struct forecast_entry *e = &plan->forecast.v[i];

		json_item(out);
		str_addc(out, '{');
		json_pair(out, "address", e->device->address);
		json_pair(out, "now", e->now);
		json_pair(out, "next", e->next);
		json_pair(out, "reason", e->reason);
		str_addc(out, '}');
	}
	str_addc(out, ']');
	json_findings(out, &plan->findings);
	return json_end(out);
}

static void json_spare(const struct verdicts *verdicts, struct str *out)
{
	json_key(out, "spare_entry");
	if (!verdicts->spare) {
		str_add(out, "null");
		return;
	}
	str_addc(out, '{');
	json_pair(out, "path", verdicts->spare);
	json_key(out, "ok");
	str_add(out, verdicts->spare_trouble[0] ? "false" : "true");
	json_pair(out, "reason", verdicts->spare_trouble);
	str_addc(out, '}');
}

int report_json_verify(const struct verdicts *verdicts, struct str *out)
{
	str_add(out, JSON_BEGIN);
	json_list(out, "devices");
	for (size_t i = 0; i < verdicts->n; i++) {
		const struct verdict *v = &verdicts->v[i];

		json_item(out);
		str_addc(out, '{');
		json_pair(out, "address", v->address);
		json_pair(out, "expected", v->expected);
		json_pair(out, "actual", v->actual);
		json_key(out, "ok");
		str_add(out, v->ok ? "true" : "false");
		json_pair(out, "reason", v->reason);
		json_pair(out, "now_at", *v->now_at ? v->now_at : NULL);
		str_addc(out, '}');
	}
	str_addc(out, ']');
	json_list(out, "kernels");
	for (size_t i = 0; i < verdicts->n_kernels; i++) {
		const struct kernel_verdict *k = &verdicts->kernels[i];

		json_item(out);
		str_addc(out, '{');
		json_pair(out, "version", k->version);
		json_pair(out, "image", k->image);
		json_key(out, "covered");
		str_add(out, k->covered == YES ? "true" : k->covered == NO ? "false" : "null");
		json_pair(out, "rebuild", k->rebuild);
		str_addc(out, '}');
	}
	str_addc(out, ']');
	json_spare(verdicts, out);
	return json_end(out);
}

static void json_snapshot(struct str *out, const struct snapshot *s)
{
	char when[64];

	report_time(s->time, when, sizeof(when));
	json_pair(out, "id", s->id);
	json_pair(out, "time", when);
	json_pair(out, "summary", s->summary);
	json_pair(out, "state", snapshot_state_name(s->state));
	json_pair(out, "damaged", s->damaged);
	json_key(out, "paths");
	str_addc(out, '[');
	for (size_t i = 0; i < s->n_files; i++) {
		if (i)
			str_add(out, ", ");
		json_text(out, s->files[i].path);
	}
	str_addc(out, ']');
}

int report_json_snapshots(const struct snapshots *snapshots, struct str *out)
{
	str_add(out, JSON_BEGIN);
	json_list(out, "snapshots");
	for (size_t i = 0; i < snapshots->n; i++) {
		json_item(out);
		str_addc(out, '{');
		json_snapshot(out, &snapshots->v[i]);
		str_addc(out, '}');
	}
	str_addc(out, ']');
	return json_end(out);
}

int report_json_snapshot(const struct snapshot *s, struct str *out)
{
	str_add(out, JSON_BEGIN);
	json_snapshot(out, s);
	json_list(out, "changes");
	for (size_t i = 0; i < s->n_files; i++) {
		struct change change = report_change(&s->files[i]);
		int r = json_change(out, &change);

		if (r < 0)
			return r;
	}
	str_addc(out, ']');
	json_commands(out, s->commands, s->n_commands);
	return json_end(out);
}
