#include "core/report_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

size_t report_char(const char *s, uint32_t *ret)
{
	const unsigned char *u = (const unsigned char *)s;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	uint32_t c = n <= 1 ? u[0] : u[0] & (0x7fu >> n);

	if (n == 0 || u[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < least[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*ret = c;
	return n;
}

bool report_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

void report_clean_n(struct str *out, const char *text, size_t len, const char *keep)
{
	const char *end = text + len;
	uint32_t c;
	size_t n;

	for (; text < end; text += n ? n : 1) {
		n = report_char(text, &c);
		if (n && (!report_is_control(c) || (n == 1 && strchr(keep, *text))))
			str_addn(out, text, n);
		else
			str_addc(out, '?');
	}
}

void report_clean(struct str *out, const char *text, const char *keep)
{
	report_clean_n(out, text, strlen(text), keep);
}

void report_printable(const char *text, struct str *out)
{
	report_clean(out, text, "\n\t");
}

void report_time(int64_t seconds, char *ret, size_t size)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(ret, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(ret, size, "unknown");
}

static int note_expected(const struct strv *expect, struct strv *ret)
{
	_cleanup_(str_free) struct str note = {0};

	if (!expect->n)
		return 0;
	str_add(&note, "right only if it lists ");
	for (size_t i = 0; i < expect->n; i++) {
		str_add(&note, i == 0 ? "" : i + 1 < expect->n ? ", " : " and ");
		report_clean(&note, expect->v[i], "");
	}
	return str_check(&note) < 0 ? -ENOMEM : strv_add(ret, note.s);
}

static int note_undo(const struct strv *undo, struct strv *ret)
{
	_cleanup_(str_free) struct str line = {0}, note = {0};

	if (!undo->n)
		return 0;
	report_command(undo, &line);
	str_add(&note, "taken back by ");
	report_clean(&note, line.s ? line.s : "", "");
	return str_check(&line) < 0 || str_check(&note) < 0 ? -ENOMEM : strv_add(ret, note.s);
}

int report_command_notes(const struct command *command, struct strv *ret)
{
	if (command->stage == COMMAND_UNDO &&
		strv_add(ret, "this one before the files are written") < 0)
		return -ENOMEM;
	if (note_expected(&command->expect, ret) < 0)
		return -ENOMEM;
	return note_undo(&command->undo, ret);
}

struct change report_change(const struct snapshot_file *file)
{
	return (struct change){.path = file->path, .before = file->before, .after = file->after};
}

int report_list(const struct machine *machine, bool json, struct str *out)
{
	return json ? report_json_list(machine, out) : report_text_list(machine, out);
}

int report_check(const struct requirements *requirements, const struct findings *findings,
	bool json, struct str *out)
{
	return json ? report_json_check(requirements, findings, out)
		    : report_text_check(requirements, findings, out);
}

int report_plan(const struct plan *plan, bool json, struct str *out)
{
	return json ? report_json_plan(plan, out) : report_text_plan(plan, out);
}

int report_verify(const struct verdicts *verdicts, bool json, struct str *out)
{
	return json ? report_json_verify(verdicts, out) : report_text_verify(verdicts, out);
}

int report_snapshots(const struct snapshots *snapshots, bool json, struct str *out)
{
	return json ? report_json_snapshots(snapshots, out) : report_text_snapshots(snapshots, out);
}

int report_snapshot(const struct snapshot *snapshot, bool json, struct str *out)
{
	return json ? report_json_snapshot(snapshot, out) : report_text_snapshot(snapshot, out);
}
