/* What report.c shares with report_text.c and report_json.c; nobody else's. */
#ifndef CORE_REPORT_PRIVATE_H
#define CORE_REPORT_PRIVATE_H

#include "core/report.h"

/* Bytes of the character at s, 0 if it is not UTF-8 (RFC 3629: shortest form, no surrogates). */
size_t report_char(const char *s, uint32_t *ret);
bool report_is_control(uint32_t c);
/* The text with '?' for broken bytes and for control characters other than those in `keep`. */
void report_clean(struct str *out, const char *text, const char *keep);
void report_clean_n(struct str *out, const char *text, size_t len, const char *keep);
/* "2026-11-22T15:03:01Z", "unknown" for a time without a calendar. */
void report_time(int64_t seconds, char *ret, size_t size);
/* The file as the diff knows it; everything stays the snapshot's. */
struct change report_change(const struct snapshot_file *file);

int report_text_list(const struct machine *machine, struct str *out);
int report_text_check(const struct requirements *requirements, const struct findings *findings,
	struct str *out);
int report_text_plan(const struct plan *plan, struct str *out);
int report_text_verify(const struct verdicts *verdicts, struct str *out);
int report_text_snapshots(const struct snapshots *snapshots, struct str *out);
int report_text_snapshot(const struct snapshot *snapshot, struct str *out);

int report_json_list(const struct machine *machine, struct str *out);
int report_json_check(const struct requirements *requirements, const struct findings *findings,
	struct str *out);
int report_json_plan(const struct plan *plan, struct str *out);
int report_json_verify(const struct verdicts *verdicts, struct str *out);
int report_json_snapshots(const struct snapshots *snapshots, struct str *out);
int report_json_snapshot(const struct snapshot *snapshot, struct str *out);

#endif
