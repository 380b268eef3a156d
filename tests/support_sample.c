#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/diff.h"
#include "tests/support.h"
#include "tests/support_sample.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void sample_look(struct sample *s)
{
	struct error err = {0};

	s->plan = plan_free(s->plan);
	s->machine = machine_free(s->machine);
	s->root = root_close(s->root);
	if (root_open(s->dir, NULL, &s->root, &err) < 0 ||
		machine_scan(s->root, MACHINE_ALL, &s->machine, &err) < 0)
		fail_msg("%s", err.text);
}

void sample_open(struct sample *s, const char *machine, const char *root)
{
	*s = (struct sample){.dir = support_system(machine, root)};
	sample_look(s);
}

void sample_close(struct sample *s)
{
	s->plan = plan_free(s->plan);
	choice_free(&s->choice);
	s->machine = machine_free(s->machine);
	s->root = root_close(s->root);
	support_remove(s->dir);
	*s = (struct sample){0};
}

void sample_choose(struct sample *s, const char *address)
{
	const struct device *device = machine_device(s->machine, address);

	assert_non_null(device);
	assert_int_equal(choice_add(&s->choice, device), 0);
}

int sample_try(struct sample *s, struct error *err)
{
	s->plan = plan_free(s->plan);
	return plan_build(s->root, s->machine, &s->choice, &s->plan, err);
}

void sample_plan(struct sample *s)
{
	struct error err = {0};

	if (sample_try(s, &err) < 0)
		fail_msg("%s", err.text);
}

const struct change *sample_change(const struct sample *s, const char *path)
{
	for (size_t i = 0; i < s->plan->n_changes; i++)
		if (strcmp(s->plan->changes[i].path, path) == 0)
			return &s->plan->changes[i];
	return NULL;
}

const struct finding *sample_finding(const struct sample *s, const char *id)
{
	for (size_t i = 0; i < s->plan->findings.n; i++)
		if (strcmp(s->plan->findings.v[i].id, id) == 0)
			return &s->plan->findings.v[i];
	return NULL;
}

const char *sample_after(const struct sample *s, const char *path)
{
	const struct change *change = sample_change(s, path);

	if (!change)
		return NULL;
	return change->after.text ? change->after.text : "";
}

void sample_patch(const struct sample *s)
{
	_cleanup_free_ char *diff = NULL, *file = NULL;
	_cleanup_(str_free) struct str out = {0};

	assert_int_equal(diff_plan(s->plan, &diff), 0);
	assert_true(asprintf(&file, "%s.diff", s->dir) > 0);
	support_put(file, "", diff);
	{
		const char *argv[] = {"patch", "-p1", "-s", "-d", s->dir, "-i", file, NULL};

		if (support_run(argv, &out) != 0)
			fail_msg("patch: %s", out.s);
	}
	(void)unlink(file);
}

void sample_write(const struct sample *s)
{
	for (size_t i = 0; i < s->plan->n_changes; i++) {
		const struct change *change = &s->plan->changes[i];
		_cleanup_free_ char *path = NULL;

		assert_true(asprintf(&path, "%s%s", s->dir, change->path) > 0);
		if (change->before.kind != CONTENT_ABSENT)
			assert_int_equal(unlink(path), 0);
		if (change->after.kind == CONTENT_ABSENT)
			continue;
		support_put(s->dir, change->path, change->after.text);
		if (change->after.kind == CONTENT_FILE) {
			assert_int_equal(chmod(path, change->after.mode), 0);
			continue;
		}
		assert_int_equal(unlink(path), 0);
		assert_int_equal(symlink(change->after.text, path), 0);
	}
}

void sample_drop(const struct sample *s, const char *path)
{
	_cleanup_free_ char *full = NULL;

	assert_true(asprintf(&full, "%s%s", s->dir, path) > 0);
	assert_int_equal(unlink(full), 0);
}
