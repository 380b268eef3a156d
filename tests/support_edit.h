/* The laws that every edit of a list keeps, whatever the text: for its tests and its fuzzer. */
#ifndef TESTS_SUPPORT_EDIT_H
#define TESTS_SUPPORT_EDIT_H

#include "tests/support_fuzz.h"

/* One grammar: the edit of core/edit_*.h with its path and key filled in. */
typedef int support_edit_fn(const char *text, struct strv *ours, const struct strv *wanted,
	char **ret, struct error *err);

/* Puts `first` in, then `second` in its place, and takes everything out again.  exact: what is
 * taken out leaves every byte as it was.  NULL: all laws held, or the text was refused with a
 * reason; else what broke, to be freed.  *ret_done (may be NULL): the text was not refused. */
char *support_edit_laws(support_edit_fn *edit, const char *text, const struct strv *first,
	const struct strv *second, bool exact, bool *ret_done);

/* For a fuzzer: the words that a byte selects; ends the program with a message if a law does not
 * hold. */
void support_edit_pick(struct strv *words, const char *const *from, size_t n, uint8_t bits);
void support_edit_fuzz(support_edit_fn *edit, const char *text, const struct strv *first,
	const struct strv *second, bool exact);

/* A fuzzer's whole input: a byte for `first`, one for `second`, and the text.  A block of ours that is
 * in the text already is not the person's to get back. */
void support_edit_input(support_edit_fn *edit, const char *const *words, size_t n,
	const uint8_t *data, size_t size);

/* Two lists of one file keep out of each other's way: what the first edit put in is still there after the
 * second, and with both taken out (exact) the text is as it was. */
void support_edit_two(support_edit_fn *one, support_edit_fn *other, const char *text,
	const struct strv *wanted, bool exact);

#endif
