#include "core/report_private.h"

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

void report_clean(struct str *out, const char *text, const char *keep)
{
	uint32_t c;
	size_t n;

	for (; *text; text += n ? n : 1) {
		n = report_char(text, &c);
		if (n && (!report_is_control(c) || (n == 1 && strchr(keep, *text))))
			str_addn(out, text, n);
		else
			str_addc(out, '?');
	}
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
