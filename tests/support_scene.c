#include "tests/support_scene.h"

#include "tests/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void scene_open(struct scene *s, const struct support_edit *edits, const char *const *scripts)
{
	*s = (struct scene){.dir = support_txn_system(scripts != NULL)};
	s->old = support_txn_tree(s->dir);
	s->root = support_txn_root(s->dir);
	s->plan = support_txn_plan(s->root, edits, scripts);
}

void scene_close(struct scene *s)
{
	txn_free(s->txn);
	plan_free(s->plan);
	root_close(s->root);
	str_free(&s->log);
	free(s->old);
	support_remove(s->dir);
}

void scene_begin(struct scene *s, unsigned flags)
{
	if (txn_begin(s->root, s->plan, flags, &s->txn, &s->err) < 0)
		fail_msg("%s", s->err.text);
}

void scene_is_file(const struct scene *s, const char *path, const char *text)
{
	_cleanup_free_ char *now = support_get(s->dir, path);

	if (!now)
		fail_msg("%s is missing", path);
	assert_string_equal(now, text);
}

void scene_is_as_before(const struct scene *s)
{
	_cleanup_free_ char *now = support_txn_tree(s->dir);

	support_assert_same(s->old, now);
}

void scene_has_no_trace(const struct scene *s)
{
	char path[512];

	scene_is_as_before(s);
	snprintf(path, sizeof(path), "%s" SNAPSHOT_STATE_DIR, s->dir);
	assert_int_not_equal(access(path, F_OK), 0);
}

void scene_states_are(const struct scene *s, const char *want)
{
	_cleanup_free_ char *states = support_txn_states(s->dir);

	assert_string_equal(states, want);
}
