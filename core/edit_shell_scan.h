/* Where a shell script assigns a variable.  For edit_shell.c only. */
#ifndef CORE_EDIT_SHELL_SCAN_H
#define CORE_EDIT_SHELL_SCAN_H

#include "core/base.h"

struct edit_shell_assignment {
	size_t name;       /* where the name begins */
	size_t start, end; /* the value; of an array without its parentheses */
	bool append, array;
	const char *unsafe; /* why it cannot be relied on; NULL: it can */
};

struct edit_shell_scan {
	struct edit_shell_assignment *assignments; /* in the order of the text */
	size_t n;
	size_t wrong;    /* on -EINVAL: where, */
	const char *why; /* and why */
};

/* 0, -EINVAL (scan->wrong and ->why are set) or -ENOMEM. */
int edit_shell_scan(struct edit_shell_scan *scan, const char *text, const char *key);
void edit_shell_scan_free(struct edit_shell_scan *scan);

/* The end of the word that begins at *pos, quotes and substitutions and all.  As above. */
int edit_shell_scan_word(struct edit_shell_scan *scan, const char *text, size_t *pos);

#endif
