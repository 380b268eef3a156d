/* Unified diff of two texts.  Pure. */
#ifndef CORE_DIFF_H
#define CORE_DIFF_H

#include "core/base.h"
#include "core/plan.h"

enum diff_kind { DIFF_HEADER, DIFF_HUNK, DIFF_SAME, DIFF_ADDED, DIFF_REMOVED, DIFF_NOTE };

struct diff_line {
	enum diff_kind kind;
	char *text;                  /* with its first column (' ', '+', '-'), without newline */
};

struct diff {
	struct diff_line *v;
	size_t n;
};

/* One change with git's extended header, so that `patch -p1` (GNU patch 2.7 or newer) and `git
 * apply` make new files, modes, symbolic links and deletions exactly; patch leaves out the set-id
 * bits of a mode.  Three lines of context.  The shortest script (Myers 1986, in constant extra
 * memory), unless that takes too long: then one hunk replaces what differs.  What is the same on
 * both sides gives no line at all. */
int diff_change(const struct change *change, struct diff *ret);
int diff_text(const struct change *change, char **ret);
/* Every change of a plan as one text. */
int diff_plan(const struct plan *plan, char **ret);
void diff_free(struct diff *diff);

#endif
