/* machine, findings, plan, snapshots as text for people and as JSON for scripts.  Pure.
 * Every JSON answer is one object with "format": 1; names are those of the manual page.
 * Everything is appended to *out; 0 or -ENOMEM. */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "core/check.h"
#include "core/plan.h"
#include "core/snapshot.h"
#include "core/verify.h"

int report_list(const struct machine *machine, bool json, struct str *out);
int report_check(const struct requirements *requirements, const struct findings *findings,
	bool json, struct str *out);
int report_plan(const struct plan *plan, bool json, struct str *out);
int report_verify(const struct verdicts *verdicts, bool json, struct str *out);
int report_snapshots(const struct snapshots *snapshots, bool json, struct str *out);
int report_snapshot(const struct snapshot *snapshot, bool json, struct str *out);

#endif
