/* Kernel parameters that a program of the distribution keeps, where no file of the plan shows them:
 * what has to change in one line, for a command and for its undo. */
#ifndef CORE_TARGETS_TOOL_H
#define CORE_TARGETS_TOOL_H

#include "core/targets/target.h"

/* The one of Fedora, RHEL and their kin, which keeps words of ours in loader entries. */
#define TARGET_GRUBBY "/usr/sbin/grubby"
/* For a plan of commands that were recorded: entries of kernels that came since took our words from
 * the older ones, and are brought to what the plan leaves of the record. */
int target_grubby_now(const struct root *root, struct plan *plan, struct error *err);

/* The words of one kernel command line, as it is and as it shall be. */
struct target_line {
	struct strv now, then;
};

/* text: the line as it is; ours and wanted as edit_list.h has them.  name: for errors.  -EINVAL,
 * -E2BIG as edit_cmdline(). */
int target_line(const char *name, const char *text, struct strv *ours, const struct strv *wanted,
	struct target_line *ret, struct error *err);
void target_line_free(struct target_line *line);
/* Nothing has to change. */
bool target_line_stays(const struct target_line *line);

/* The words of `in` that are not in `other`.  -ENOMEM. */
int target_difference(const struct strv *in, const struct strv *other, struct strv *ret);
bool target_same_key(const char *a, const char *b);

/* What is ours at `path`, over all its keys. */
bool target_has_record(const struct target_input *in, const char *path);
void target_forget(const struct target_input *in, const char *path);
int target_record(const struct target_input *in, const char *path, const char *key, const char *word);

/* Entries that only root can read: 0 with a finding, so that the plan can be seen by everybody.  Other
 * errors stay. */
int target_unread(struct plan *plan, const char *program, int r, struct error *err);

#endif
