/* Format-preserving edits, text -> text.  Pure.  Laws, each fuzzed: what is not ours stays byte
 * for byte; the same edit twice is the edit once; taking it out gives back the start. */
#ifndef CORE_EDIT_H
#define CORE_EDIT_H

#include "core/base.h"

/* A block of our own lines in a file of somebody else's, between two marker lines:
 *   # vfio-wizard: begin
 *   # vfio-wizard: end
 * text NULL: there is no such file; *ret NULL: there shall be none (a file that we made and that
 * holds nothing else).  body: whole lines; "": the block goes.  A block that was edited by hand is
 * replaced; a begin without an end is -EINVAL with the line in *err.  The caller frees *ret. */
int edit_block(const char *path, const char *text, const char *body, char **ret, struct error *err);

/* The same for one line of a block that has a line for each of several keys: only what begins with
 * `key` and `mark`, such as '=', gives way to `body`, one line or "".  Of a block that was edited by
 * hand nothing else stays either. */
int edit_block_line(const char *path, const char *text, const char *key, char mark,
	const char *body, char **ret, struct error *err);

/* What `key`, such as GRUB_CMDLINE_LINUX="a b", is when /bin/sh has sourced the file: quotes
 * removed, other $VARIABLES dropped.  *ret holds what it was before; an assignment that does not
 * refer to it, and is not indented as one that may not be made, begins anew: then *ret_anew (may be
 * NULL) is true. */
int edit_shell_words(const char *text, const char *key, struct strv *ret, bool *ret_anew);

#endif
