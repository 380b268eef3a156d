/* A system, the root of it, a plan on it: what nearly every test of transactions begins with. */
#ifndef TESTS_SUPPORT_SCENE_H
#define TESTS_SUPPORT_SCENE_H

#include "tests/support_txn.h"

struct scene {
	char *dir, *old; /* the scratch root, and its support_txn_tree() at the beginning */
	struct root *root;
	struct plan *plan;
	struct txn *txn; /* NULL before scene_begin() */
	struct str log;  /* for support_txn_run() */
	struct error err;
};

/* scripts: as support_txn_plan() has them; NULL: the root has no programs. */
void scene_open(struct scene *s, const struct support_edit *edits, const char *const *scripts);
void scene_close(struct scene *s);
void scene_begin(struct scene *s, unsigned flags);

void scene_is_file(const struct scene *s, const char *path, const char *text);
void scene_is_as_before(const struct scene *s);
/* Nor is there a state directory. */
void scene_has_no_trace(const struct scene *s);
void scene_states_are(const struct scene *s, const char *want);

#endif
