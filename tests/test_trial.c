/* A change on trial: what is kept of it, who ends it, and what is gone back to. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/choice.h"
#include "core/trial.h"
#include "core/txn.h"
#include "tests/support.h"
#include "tests/support_txn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct scene {
	char *dir;
	struct root *root;
	struct trial trial;
	struct error err;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->dir = support_txn_system(false);
	s->root = support_txn_root(s->dir);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	root_close(s->root);
	support_remove(s->dir);
	free(s);
	return 0;
}

/* Applies `edits`, the next boot on trial. */
static void apply(struct scene *s, const struct support_edit *edits, unsigned minutes)
{
	struct plan *plan = support_txn_plan(s->root, edits, NULL);
	struct txn *txn = NULL;
	struct str log = {0};

	plan->trial = minutes;
	if (txn_begin(s->root, plan, TXN_NO_COMMANDS, &txn, &s->err) < 0)
		fail_msg("%s", s->err.text);
	assert_int_equal(support_txn_run(txn, &log), TXN_COMMITTED);
	txn_free(txn);
	plan_free(plan);
	str_free(&log);
}

static int load(struct scene *s)
{
	return trial_load(s->root, &s->trial, &s->err);
}

static void without_the_option_nothing_is_on_trial(void **state)
{
	struct scene *s = *state;

	apply(s, support_edits, 0);
	assert_int_equal(load(s), -ENOENT);
}

static void it_names_the_snapshot_and_ends_with_confirm(void **state)
{
	struct scene *s = *state;
	_cleanup_free_ char *id = NULL;

	apply(s, support_edits, 7);
	assert_int_equal(load(s), 0);
	id = support_txn_id(s->dir, 1);
	assert_string_equal(s->trial.snapshot, id);
	assert_int_equal(s->trial.minutes, 7);
	assert_string_equal(s->trial.boot, "-");
	assert_int_equal(txn_confirm(s->root, &s->err), 0);
	assert_int_equal(load(s), -ENOENT);
	assert_int_equal(txn_confirm(s->root, &s->err), 0);
}

/* What was never confirmed goes back as a whole. */
static void a_second_one_keeps_the_first_as_its_way_back(void **state)
{
	static const struct support_edit more[] = {
		{"/etc/second", "second\n", 0644}, {.path = NULL}};
	struct scene *s = *state;
	_cleanup_free_ char *id = NULL;

	apply(s, support_edits, 7);
	apply(s, more, 9);
	assert_int_equal(load(s), 0);
	id = support_txn_id(s->dir, 1);
	assert_string_equal(s->trial.snapshot, id);
	assert_int_equal(s->trial.minutes, 9);
}

static void going_back_ends_it(void **state)
{
	struct scene *s = *state;

	apply(s, support_edits, 7);
	support_txn_rollback(s->dir, NULL);
	assert_int_equal(load(s), -ENOENT);
}

static void a_damaged_one_says_what_to_do(void **state)
{
	static const char *const texts[] = {"", "snapshot x\nminutes 5\nboot -\n",
		"snapshot 20261122-150301-17\nboot -\n",
		"snapshot 20261122-150301-17\nminutes 99999\nboot -\n",
		"snapshot ../../etc\nminutes 5\nboot -\n"};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		support_put(s->dir, TRIAL_PATH, texts[i]);
		assert_int_equal(load(s), -EINVAL);
		assert_non_null(strstr(s->err.text, "vfio-wizard confirm"));
	}
}

static void only_a_login_over_ssh_counts(void **state)
{
	struct scene *s = *state;

	assert_false(trial_has_ssh_login(s->root));
	support_put(s->dir, "/run/systemd/sessions/1", "UID=0\nSERVICE=login\nREMOTE=0\n");
	support_put(s->dir, "/run/systemd/sessions/2", "UID=0\nREMOTE=1\nSERVICE=telnet\n");
	assert_false(trial_has_ssh_login(s->root));
	support_put(s->dir, "/run/systemd/sessions/3", "UID=0\nREMOTE=1\nSERVICE=sshd\nTYPE=tty\n");
	assert_true(trial_has_ssh_login(s->root));
}

static void minutes_are_kept_in_the_choice(void **state)
{
	struct choice choice = {0}, again = {0};
	struct error err = {0};
	char *text = NULL;

	(void)state;
	assert_int_equal(choice_trial_minutes(&choice), TRIAL_MINUTES_DEFAULT);
	choice.trial_minutes = 3;
	choice.options = CHOICE_TRIAL;
	assert_int_equal(choice_format(&choice, &text), 0);
	assert_int_equal(choice_parse(text, &again, &err), 0);
	assert_true(choice_same(&choice, &again));
	assert_int_equal(choice_parse("TRIAL_MINUTES=\"0\"\n", &again, &err), -EINVAL);
	assert_int_equal(choice_parse("TRIAL_MINUTES=\"soon\"\n", &again, &err), -EINVAL);
	free(text);
	choice_free(&again);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_the_option_nothing_is_on_trial),
		T(it_names_the_snapshot_and_ends_with_confirm),
		T(a_second_one_keeps_the_first_as_its_way_back),
		T(going_back_ends_it),
		T(a_damaged_one_says_what_to_do),
		T(only_a_login_over_ssh_counts),
		cmocka_unit_test(minutes_are_kept_in_the_choice),
	};

	return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
