/* What tests of several modules need: scratch directories, sample systems, trees compared. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "core/base.h"

/* A fresh directory below $TMPDIR; the caller frees the name. Fails the test if it cannot be made. */
char *support_scratch(void);
void support_remove(char *dir);        /* the directory and all below it; frees the name; takes NULL */

/* A scratch directory that holds a sample machine (fixtures/machines/NAME.facts) and the root of a
 * distribution (fixtures/roots/NAME). NULL: without it. */
char *support_system(const char *machine, const char *root);

/* Files below dir, parents made as needed. */
void support_put(const char *dir, const char *path, const char *text);
char *support_get(const char *dir, const char *path);      /* NULL: no such file; the caller frees */

/* Everything below dir as text, a line for each entry: path, type, mode, owner, size and content or
 * link, so that two equal texts are two identical trees. Entries below any of the paths in `without`
 * (NULL-terminated, may be NULL) are left out. The caller frees. */
char *support_tree(const char *dir, const char *const *without);

/* Two such texts are equal, or the test fails with the first line that is not. */
void support_assert_same(const char *before, const char *after);

/* `what` is somewhere in the text (NULL: in none), or the test fails with the whole of it. */
void support_says(const char *text, const char *what);

/* Runs a program (argv, no shell), stdin from /dev/null, standard output and error into *out (may be
 * NULL). Returns its exit status; 127: not found; 128 + N: ended by signal N. */
int support_run(const char *const argv[], struct str *out);

#endif
