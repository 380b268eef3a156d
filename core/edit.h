/* Format-preserving edits, text -> text.  Pure.  Laws, each fuzzed: what is not ours stays byte
 * for byte; the same edit twice is the edit once; taking it out gives back the start. */
#ifndef CORE_EDIT_H
#define CORE_EDIT_H

#include "core/base.h"

/* A block of our own lines in a file of somebody else's, between two marker lines:
 *   # vfio-wizard: begin
 *   # vfio-wizard: end
 * body NULL or "": the block goes.  A block that was edited by hand between its markers is replaced;
 * a begin without an end is -EINVAL with the line in *err.  The caller frees *ret. */
int edit_block(const char *path, const char *text, const char *body, char **ret, struct error *err);

/* Words of a shell assignment list in a file that /bin/sh sources, such as
 * GRUB_CMDLINE_LINUX="a b": every value given to `key`, last one wins with sh, all are returned
 * split into words (quotes removed, $VARIABLES dropped). */
int edit_shell_words(const char *text, const char *key, struct strv *ret);

#endif
