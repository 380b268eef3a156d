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

/* The plan is gone then. */
static enum txn_event_kind run(struct scene *s, struct plan *plan, struct str *log)
{
	struct txn *txn = NULL;
	enum txn_event_kind last;

	if (txn_begin(s->root, plan, 0, &txn, &s->err) < 0)
		fail_msg("%s", s->err.text);
	last = support_txn_run(txn, log);
	txn_free(txn);
	plan_free(plan);
	return last;
}

/* Applies `edits`, the next boot on trial. */
static void apply(struct scene *s, const struct support_edit *edits, unsigned minutes)
{
	struct plan *plan = support_txn_plan(s->root, edits, NULL);

	plan->trial = minutes;
	assert_int_equal(run(s, plan, NULL), TXN_COMMITTED);
}

/* The way back to before that snapshot. */
static struct plan *plan_back(struct scene *s, unsigned number)
{
	_cleanup_free_ char *id = support_txn_id(s->dir, number);
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	struct plan *plan = NULL;

	if (snapshots_load(s->root, &snapshots, &s->err) < 0 ||
		snapshot_rollback_plan(s->root, &snapshots, id, &plan, &s->err) < 0)
		fail_msg("%s", s->err.text);
	return plan;
}

/* As if the power had gone at the very end of it. */
static void interrupt(const struct scene *s, unsigned number)
{
	_cleanup_free_ char *id = support_txn_id(s->dir, number);
	char path[256];

	snprintf(path, sizeof(path), SNAPSHOT_DIR "/%s/state", id);
	support_put(s->dir, path, "pending\n");
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

static void taking_back_a_later_one_leaves_the_first_on_trial(void **state)
{
	static const struct support_edit more[] = {
		{"/etc/second", "second\n", 0644}, {.path = NULL}};
	struct scene *s = *state;
	_cleanup_free_ char *id = NULL;

	apply(s, support_edits, 7);
	apply(s, more, 9);
	support_txn_rollback(s->dir, NULL);
	assert_int_equal(load(s), 0);
	id = support_txn_id(s->dir, 1);
	assert_string_equal(s->trial.snapshot, id);
	support_txn_rollback(s->dir, id);
	assert_int_equal(load(s), -ENOENT);
}

/* However many come after it. */
static void what_is_gone_back_to_is_kept(void **state)
{
	struct scene *s = *state;

	for (unsigned i = 0; i < SNAPSHOT_KEPT + 5; i++) {
		const struct support_edit edits[] = {
			{"/etc/second", i % 2 ? "odd\n" : "even\n", 0644}, {.path = NULL}};

		apply(s, edits, 7);
	}
	assert_int_equal(load(s), 0);
	plan_free(plan_back(s, 1));
}

#define UNITS "/etc/systemd/system/"

static const struct support_edit switch_edits[] = {
	{UNITS "vfio-wizard-trial.service", "service\n", 0644},
	{UNITS "vfio-wizard-tried.service", "tried\n", 0644},
	{UNITS "vfio-wizard-trial.timer", "timer\n", 0644},
	{UNITS "sysinit.target.wants/vfio-wizard-trial.timer", "../timer", 0},
	{UNITS "vfio-bind.service", "bind\n", 0644}, {UNITS "other.service", "other\n", 0644},
	{"/etc/default/grub", "GRUB_TIMEOUT=0\n", 0644}, {.path = NULL}};

/* Says what the next boot would lack, and whether its other files are the new ones. */
static const char look[] =
	"cd " UNITS
	"; for f in vfio-wizard-trial.service vfio-wizard-tried.service vfio-bind.service "
	"vfio-wizard-trial.timer " TRIAL_PATH "; do [ -e $f ] || echo no $f; done; [ -h "
	"sysinit.target.wants/vfio-wizard-trial.timer ] || echo no link; "
	"[ -e other.service ] && echo new || echo old";

static const char only_the_old[] = "[ ! -e " UNITS "other.service ]";

static void open_with_programs(struct scene *s)
{
	root_close(s->root);
	support_remove(s->dir);
	s->dir = support_txn_system(true);
	s->root = support_txn_root(s->dir);
}

/* What takes an unconfirmed change back is there from the first file to the last command. */
static void the_switch_comes_first_and_goes_last(void **state)
{
	static const char *const good[] = {look, NULL}, *const bad[] = {look, only_the_old, NULL};
	struct scene *s = *state;
	_cleanup_free_ char *old = NULL, *now = NULL, *after = NULL;
	_cleanup_(str_free) struct str log = {0};
	struct plan *plan;

	open_with_programs(s);
	old = support_txn_tree(s->dir);
	plan = support_txn_plan(s->root, switch_edits, bad);
	plan->trial = 5;
	assert_int_equal(run(s, plan, &log), TXN_ROLLED_BACK);
	support_says(log.s, "output new\n");
	support_says(log.s, "output old\n");
	assert_null(strstr(log.s, "output no "));
	assert_int_equal(load(s), -ENOENT);
	now = support_txn_tree(s->dir);
	support_assert_same(old, now);
	str_free(&log);
	plan = support_txn_plan(s->root, switch_edits, good);
	plan->trial = 5;
	assert_int_equal(run(s, plan, &log), TXN_COMMITTED);
	assert_int_equal(run(s, plan_back(s, 2), &log), TXN_COMMITTED);
	support_says(log.s, "output new\n");
	support_says(log.s, "output old\n");
	assert_null(strstr(log.s, "output no "));
	assert_int_equal(load(s), -ENOENT);
	after = support_txn_tree(s->dir);
	support_assert_same(old, after);
}

static void a_failed_apply_leaves_it_to_the_byte(void **state)
{
	static const char *const bad[] = {only_the_old, NULL};
	struct scene *s = *state;
	_cleanup_free_ char *before = NULL, *now = NULL, *text = NULL, *id = NULL;
	struct plan *plan;

	open_with_programs(s);
	apply(s, support_edits, 7);
	id = support_txn_id(s->dir, 1);
	assert_true(asprintf(&text, "# mine\nsnapshot %s\nminutes 7\nboot a\ntried b\n", id) > 0);
	support_put(s->dir, TRIAL_PATH, text);
	plan = support_txn_plan(s->root, switch_edits, bad);
	plan->trial = 9;
	assert_int_equal(run(s, plan, NULL), TXN_ROLLED_BACK);
	before = support_get(s->dir, TRIAL_PATH);
	assert_string_equal(before, text);
	plan = support_txn_plan(s->root, switch_edits, bad);
	plan->trial = 9;
	{
		struct txn *txn = NULL;
		struct txn_event ev;

		assert_int_equal(txn_begin(s->root, plan, 0, &txn, &s->err), 0);
		assert_int_equal(txn_step(txn, &ev), 1);
		assert_int_equal(load(s), 0);
		assert_int_equal(s->trial.minutes, 9);
		assert_string_equal(s->trial.snapshot, id);
		txn_free(txn);
	}
	plan_free(plan);
	now = support_get(s->dir, TRIAL_PATH);
	assert_string_equal(now, text);
}

static const struct support_edit choice_edits[] = {
	{CHOICE_PATH,
		"DEVICES=\"0000:01:00.0=10de:1b80:1043:8591\"\nOPTIONS=\"trial\"\n"
		"TRIAL_MINUTES=\"5\"\n",
		0644},
	{.path = NULL}};

/* What was cut short is finished on trial, and goes back as a whole. */
static void finishing_keeps_it(void **state)
{
	struct scene *s = *state;
	struct snapshots snapshots = {0};
	struct plan *plan = NULL;
	_cleanup_free_ char *id = NULL;

	apply(s, choice_edits, 5);
	interrupt(s, 1);
	assert_int_equal(snapshots_load(s->root, &snapshots, &s->err), 0);
	assert_int_equal(snapshot_finish_plan(s->root, &snapshots, &plan, &s->err), 0);
	snapshots_free(&snapshots);
	assert_int_equal(plan->trial, 5);
	/* Nothing but the end was missing. */
	assert_int_equal(plan->n_changes, 0);
	support_put(s->dir, CHOICE_PATH, "");
	plan_free(plan);
	assert_int_equal(snapshots_load(s->root, &snapshots, &s->err), 0);
	assert_int_equal(snapshot_finish_plan(s->root, &snapshots, &plan, &s->err), 0);
	snapshots_free(&snapshots);
	assert_int_equal(run(s, plan, NULL), TXN_COMMITTED);
	assert_int_equal(load(s), 0);
	id = support_txn_id(s->dir, 1);
	assert_string_equal(s->trial.snapshot, id);
}

static void what_is_applied_again_is_on_trial_again(void **state)
{
	struct scene *s = *state;
	_cleanup_free_ char *id = NULL;

	apply(s, choice_edits, 5);
	support_txn_rollback(s->dir, NULL);
	assert_int_equal(load(s), -ENOENT);
	assert_int_equal(run(s, plan_back(s, 2), NULL), TXN_COMMITTED);
	assert_int_equal(load(s), 0);
	id = support_txn_id(s->dir, 3);
	assert_string_equal(s->trial.snapshot, id);
}

/* What was confirmed is not on trial again because a rollback of it was cut short and taken back. */
static void half_a_rollback_taken_back_is_not_on_trial(void **state)
{
	struct scene *s = *state;
	struct plan *plan;

	apply(s, choice_edits, 5);
	assert_int_equal(txn_confirm(s->root, &s->err), 0);
	support_txn_rollback(s->dir, NULL);
	interrupt(s, 2);
	plan = plan_back(s, 2);
	assert_int_equal(plan->trial, 0);
	assert_int_equal(run(s, plan, NULL), TXN_COMMITTED);
	assert_int_equal(load(s), -ENOENT);
}

/* Only the commands failed, again for the old files: a person who has mended that can end it. */
static void what_is_put_back_can_be_confirmed(void **state)
{
	static const char *const bad[] = {"exit 1", NULL};
	struct scene *s = *state;
	struct plan *plan;

	open_with_programs(s);
	plan = support_txn_plan(s->root, switch_edits, bad);
	plan->trial = 9;
	assert_int_equal(run(s, plan, NULL), TXN_ROLLED_BACK);
	assert_int_equal(load(s), 0);
	assert_int_equal(txn_confirm(s->root, &s->err), 0);
	assert_int_equal(load(s), -ENOENT);
}

/* A rollback that was cut short too: by whatever did it. */
static void half_a_change_cannot_be_confirmed(void **state)
{
	struct scene *s = *state;

	apply(s, support_edits, 7);
	interrupt(s, 1);
	assert_int_equal(txn_confirm(s->root, &s->err), -EBUSY);
	support_says(s->err.text, " recover` with --finish or --back");
	assert_int_equal(load(s), 0);
}

static void the_first_boot_is_tried_and_no_other(void **state)
{
	const struct trial fresh = {.minutes = 5, .boot = "a"};
	const struct trial tried = {.minutes = 5, .boot = "a", .tried = "b"};
	struct scene *s = *state;
	_cleanup_free_ char *text = NULL;

	assert_int_equal(trial_phase(&fresh, "a", 9999), TRIAL_AHEAD);
	assert_int_equal(trial_phase(&fresh, "-", 9999), TRIAL_AHEAD);
	assert_int_equal(trial_phase(&fresh, "b", 299), TRIAL_RUNNING);
	assert_int_equal(trial_phase(&fresh, "b", 300), TRIAL_OVER);
	assert_int_equal(trial_phase(&tried, "b", 1), TRIAL_RUNNING);
	assert_int_equal(trial_phase(&tried, "c", 1), TRIAL_OVER);
	assert_int_equal(trial_phase(&tried, "a", 1), TRIAL_AHEAD);
	apply(s, support_edits, 7);
	assert_int_equal(load(s), 0);
	assert_string_equal(s->trial.tried, "");
	snprintf(s->trial.tried, sizeof(s->trial.tried), "b");
	assert_int_equal(trial_format(&s->trial, &text), 0);
	support_put(s->dir, TRIAL_PATH, text);
	s->trial = (struct trial){0};
	assert_int_equal(load(s), 0);
	assert_string_equal(s->trial.tried, "b");
	/* The next change has a first boot of its own. */
	apply(s, switch_edits, 7);
	assert_int_equal(load(s), 0);
	assert_string_equal(s->trial.tried, "");
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
		assert_non_null(strstr(s->err.text, " confirm` removes it"));
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
		T(taking_back_a_later_one_leaves_the_first_on_trial),
		T(what_is_gone_back_to_is_kept),
		T(the_switch_comes_first_and_goes_last),
		T(a_failed_apply_leaves_it_to_the_byte),
		T(finishing_keeps_it),
		T(what_is_applied_again_is_on_trial_again),
		T(half_a_rollback_taken_back_is_not_on_trial),
		T(what_is_put_back_can_be_confirmed),
		T(half_a_change_cannot_be_confirmed),
		T(the_first_boot_is_tried_and_no_other),
		T(a_damaged_one_says_what_to_do),
		T(only_a_login_over_ssh_counts),
		cmocka_unit_test(minutes_are_kept_in_the_choice),
	};

	return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
