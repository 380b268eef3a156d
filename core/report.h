/* machine, findings, plan, snapshots as text for people and as JSON for scripts.  Pure.
 * Every JSON answer is one object with "format": 1; names are those of the manual page.  It is
 * valid JSON whatever bytes the system gave: broken UTF-8 becomes U+FFFD.  In text for people a
 * control character becomes '?', except inside a diff, which is byte for byte for patch(1).
 * Everything is appended to *out; 0 or -ENOMEM. */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "core/check.h"
#include "core/plan.h"
#include "core/snapshot.h"
#include "core/verify.h"

int report_list(const struct machine *machine, bool json, struct str *out);
/* findings NULL: no choice was named.  JSON has an empty list then. */
int report_check(const struct requirements *requirements, const struct findings *findings,
	bool json, struct str *out);
/* As text: the diff of every change, all else in lines that begin with '#', so that patch -p1
 * takes the whole.  Devices whose driver stays and that nobody chose are left out of the text. */
int report_plan(const struct plan *plan, bool json, struct str *out);
int report_verify(const struct verdicts *verdicts, bool json, struct str *out);
int report_snapshots(const struct snapshots *snapshots, bool json, struct str *out);
int report_snapshot(const struct snapshot *snapshot, bool json, struct str *out);

/* One finding as lines for a person. */
void report_finding(const struct finding *finding, struct str *out);
/* What to do if the next boot shows nothing, as the findings of the plan have it; one line. */
void report_way_back(const struct plan *plan, struct str *out);
/* That the next boot is on trial, and how to confirm it; one line.  keys: the wizard's are there,
 * too. */
void report_trial(const struct plan *plan, bool keys, struct str *out);
/* Where a person has to run the commands of a plan; one line, nothing where that is here. */
void report_where_to_run(const struct root *root, struct str *out);
/* Text as lines of at most 80 columns. */
void report_paragraph(const char *text, struct str *out);
/* argv as one line that a shell takes back as the same words. */
void report_command(const struct strv *argv, struct str *out);
/* What argv alone does not say, one sentence each, fit for a terminal: when it runs, what its output must
 * have, what takes it back.  None for most commands.  0 or -ENOMEM. */
int report_command_notes(const struct command *command, struct strv *ret);
/* Text from anywhere, fit for a terminal: newline and tab stay, other control characters and
 * broken UTF-8 become '?'. */
void report_printable(const char *text, struct str *out);

#endif
