/* Commands that keep a state of their own and say how it is taken back, and commands that look into
 * what was built: a small tool in sh plays the boot loader's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support.h"
#include "tests/support_scene.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct support_edit edits[] = {
	{"/etc/default/grub", "GRUB_TIMEOUT=9\n", 0644}, {"/etc/new", "1\n", 0600}, {0}};

/* Both say in /log what they saw, and keep in /state what is set; as grubby does, they also rewrite
 * a file that the plan changes. */
static const char set[] = "read l </etc/default/grub; echo set $l >>/log; echo set >/state;"
			  "echo \"${l% # set} # set\" >/etc/default/grub";
static const char unset[] = "read l </etc/default/grub; echo unset $l >>/log; echo unset >/state;"
			    "echo \"${l% # set}\" >/etc/default/grub";

static void add_tool(
	struct plan *plan, enum command_stage stage, const char *argv, const char *undo)
{
	assert_int_equal(plan_add_undoable(plan, stage, "set it",
				 (const char *const[]){"/bin/sh", "-c", argv, NULL},
				 (const char *const[]){"/bin/sh", "-c", undo, NULL}, NULL),
		0);
}

static void add_script(struct plan *plan, enum command_stage stage, const char *script)
{
	assert_int_equal(plan_add_command(plan, stage, "a script",
				 (const char *const[]){"/bin/sh", "-c", script, NULL}),
		0);
}

static void add_check(struct plan *plan, const char *script, const char *const *expect)
{
	struct strv list = {0};

	for (; *expect; expect++)
		assert_int_equal(strv_add(&list, *expect), 0);
	assert_int_equal(
		plan_add_check(plan, "look into it",
			(const char *const[]){"/bin/sh", "-c", script, "/boot/image", NULL}, &list,
			NULL),
		0);
	strv_free(&list);
}

static void open_scene(struct scene *s)
{
	static const char *const none[] = {NULL};

	scene_open(s, edits, none);
	free(s->old);
	support_put(s->dir, "/state", "none\n");
	support_put(s->dir, "/log", "");
	support_put(s->dir, "/failed", "");
	s->old = support_txn_tree(s->dir);
}

static enum txn_event_kind run(struct scene *s, unsigned flags)
{
	enum txn_event_kind last;

	str_free(&s->log);
	scene_begin(s, flags);
	last = support_txn_run(s->txn, &s->log);
	s->txn = txn_free(s->txn);
	return last;
}

/* The plan is then the way back to before that snapshot. */
static void plan_back(struct scene *s, unsigned number)
{
	_cleanup_free_ char *id = support_txn_id(s->dir, number);
	struct snapshots snapshots = {0};
	struct error err = {0};

	s->plan = plan_free(s->plan);
	if (snapshots_load(s->root, &snapshots, &err) < 0 ||
		snapshot_rollback_plan(s->root, &snapshots, id, &s->plan, &err) < 0)
		fail_msg("%s", err.text);
	snapshots_free(&snapshots);
}

static void says(const struct scene *s, const char *what)
{
	support_says(s->log.s, what);
}

static void says_not(const struct scene *s, const char *what)
{
	if (s->log.s && strstr(s->log.s, what))
		fail_msg("in it: %s\n%s", what, s->log.s);
}

static void is_as_before(const struct scene *s, const char *state_now)
{
	_cleanup_free_ char *now = NULL;

	scene_is_file(s, "/state", state_now);
	support_put(s->dir, "/state", "none\n");
	now = support_txn_tree(s->dir);
	support_assert_same(s->old, now);
}

/* Makes a finished snapshot one that was cut short at its very end. */
static void interrupt(const struct scene *s, unsigned number)
{
	_cleanup_free_ char *id = support_txn_id(s->dir, number);
	char path[200];

	snprintf(path, sizeof(path), SNAPSHOT_DIR "/%s/state", id);
	support_put(s->dir, path, "pending\n");
}

#define NEEDS_ROOT                                                                                 \
	do {                                                                                       \
		(void)state;                                                                       \
		if (geteuid() != 0)                                                                \
			skip();                                                                    \
	} while (0)

/* -- failing -- */

static void failure_undoes_first(void **state)
{
	struct scene s;

	NEEDS_ROOT;
	open_scene(&s);
	add_script(s.plan, COMMAND_INITRAMFS, "read l </etc/default/grub; echo image $l >>/log");
	add_tool(s.plan, COMMAND_INITRAMFS, set, unset);
	add_tool(s.plan, COMMAND_BOOT_LOADER, "echo two >>/log", "echo not two >>/log");
	add_script(s.plan, COMMAND_BOOT_LOADER, "[ -s /failed ] || { echo x >/failed; exit 1; }");
	add_tool(s.plan, COMMAND_BOOT_LOADER, "echo never >>/log", "echo never >>/log");
	assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
	scene_is_file(&s, "/log",
		"image GRUB_TIMEOUT=9\nset GRUB_TIMEOUT=9\ntwo\n"
		"not two\nunset GRUB_TIMEOUT=9 # set\nimage GRUB_TIMEOUT=5\n");
	/* The file that the tool rewrote is the old one, and nothing is said to be wrong with it.
	 */
	says(&s, "restored /etc/default/grub\n");
	says_not(&s, "restore-failed");
	says_not(&s, "rolled-back -");
	scene_is_file(&s, "/etc/default/grub", "GRUB_TIMEOUT=5\n");
	scene_is_file(&s, "/state", "unset\n");
	scene_states_are(&s, "1 rolled-back\n");
	scene_close(&s);
}

/* -- what is built beside its place -- */

#define BESIDE "/boot/image.new"

static void add_build(const struct scene *s, const char *script)
{
	add_script(s->plan, COMMAND_INITRAMFS, script);
	/* So that it has the file among its words. */
	assert_int_equal(strv_add(&s->plan->commands[s->plan->n_commands - 1].argv, BESIDE), 0);
	assert_int_equal(plan_add_place(s->plan, "place", BESIDE, "/boot/image", NULL), 0);
}

static bool is_there(const struct scene *s, const char *path)
{
	_cleanup_free_ char *text = support_get(s->dir, path);

	return text != NULL;
}

/* Neither a build that fails half way nor a check that fails touches what is in place, and it is
 * not built anew for that. */
static void what_is_in_place_stays_until_all_is_well(void **state)
{
	static const char *const scripts[][2] = {
		{"echo half >" BESIDE "; echo build >>/log; exit 1", "echo"},
		{"echo whole >" BESIDE "; echo build >>/log", "exit 1"},
	};
	struct scene s;

	NEEDS_ROOT;
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		open_scene(&s);
		support_put(s.dir, "/boot/image", "old\n");
		add_build(&s, scripts[i][0]);
		add_script(s.plan, COMMAND_CHECK, scripts[i][1]);
		assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
		says_not(&s, "restore-failed");
		scene_is_file(&s, "/boot/image", "old\n");
		scene_is_file(&s, "/log", "build\n");
		assert_false(is_there(&s, BESIDE));
		scene_states_are(&s, "1 rolled-back\n");
		scene_close(&s);
	}
}

static void what_was_put_in_place_is_built_anew(void **state)
{
	struct scene s;

	NEEDS_ROOT;
	open_scene(&s);
	support_put(s.dir, "/boot/image", "old\n");
	add_build(&s, "read l </etc/default/grub; echo $l >" BESIDE);
	add_script(s.plan, COMMAND_BOOT_LOADER, "[ -s /failed ] || { echo x >/failed; exit 1; }");
	assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
	says_not(&s, "restore-failed");
	scene_is_file(&s, "/boot/image", "GRUB_TIMEOUT=5\n");
	assert_false(is_there(&s, BESIDE));
	scene_states_are(&s, "1 rolled-back\n");
	scene_close(&s);
}

/* Half an image is not put in place on the way back either. */
static void what_cannot_be_built_anew_is_not_put_in_place(void **state)
{
	struct scene s;

	NEEDS_ROOT;
	open_scene(&s);
	support_put(s.dir, "/boot/image", "old\n");
	add_build(&s, "[ -s /failed ] && { echo half >" BESIDE "; exit 1; }; echo new >" BESIDE);
	add_script(s.plan, COMMAND_BOOT_LOADER, "[ -s /failed ] || { echo x >/failed; exit 1; }");
	assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
	says(&s, "restore-failed");
	scene_is_file(&s, "/boot/image", "new\n");
	assert_false(is_there(&s, BESIDE));
	scene_states_are(&s, "1 interrupted\n");
	scene_close(&s);
}

static void step_to(struct scene *s, enum txn_event_kind kind)
{
	struct txn_event ev;

	do {
		struct pollfd fd = {.fd = txn_fd(s->txn), .events = POLLIN};

		if (fd.fd >= 0)
			assert_int_equal(poll(&fd, 1, 60000), 1);
		assert_int_equal(txn_step(s->txn, &ev), 1);
		support_txn_log(&s->log, &ev);
	} while (ev.kind != kind);
}

/* What somebody else made of it is not taken for the tool's work. */
static void another_hand(void **state)
{
	struct scene s;

	NEEDS_ROOT;
	open_scene(&s);
	add_tool(s.plan, COMMAND_INITRAMFS, "echo >>/log", "echo >>/log");
	add_script(s.plan, COMMAND_BOOT_LOADER, "echo mine >/etc/default/grub; exit 1");
	assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
	says(&s, "restore-failed");
	scene_is_file(&s, "/etc/default/grub", "mine\n");
	scene_states_are(&s, "1 interrupted\n");
	scene_close(&s);
}

/* Somebody edits a file while the commands before it run: it is written no more. */
static void edited_before_it_is_written(void **state)
{
	struct scene s;

	NEEDS_ROOT;
	open_scene(&s);
	add_tool(s.plan, COMMAND_UNDO, "echo >>/log", "echo >>/log");
	add_tool(s.plan, COMMAND_UNDO, "echo >>/log", "echo >>/log");
	scene_begin(&s, 0);
	step_to(&s, TXN_COMMAND_DONE);
	support_put(s.dir, "/etc/default/grub", "mine\n");
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	says(&s, "failed -116 /etc/default/grub: changed by something else meanwhile");
	says_not(&s, "restore-failed");
	says_not(&s, "rolled-back -");
	scene_is_file(&s, "/etc/default/grub", "mine\n");
	assert_false(is_there(&s, "/etc/new"));
	scene_states_are(&s, "1 rolled-back\n");
	scene_close(&s);
}

static void keeps(const struct scene *s, const char *name, const char *want)
{
	_cleanup_free_ char *id = support_txn_id(s->dir, 1);
	char path[200];

	snprintf(path, sizeof(path), SNAPSHOT_DIR "/%s/%s", id, name);
	scene_is_file(s, path, want);
	says(s, path);
}

/* While a command runs that may edit the file itself, who else does cannot be told from it: nothing
 * is lost. */
static void edited_while_a_command_runs(void **state)
{
	struct scene s;

	NEEDS_ROOT;
	open_scene(&s);
	add_tool(s.plan, COMMAND_UNDO, "echo mine >/etc/default/grub", "echo >>/log");
	assert_int_equal(run(&s, 0), TXN_COMMITTED);
	scene_is_file(&s, "/etc/default/grub", "GRUB_TIMEOUT=9\n");
	keeps(&s, "met-0", "mine\n");
	scene_close(&s);

	open_scene(&s);
	add_tool(s.plan, COMMAND_INITRAMFS, "echo mine >/etc/default/grub", "echo >>/log");
	add_tool(s.plan, COMMAND_BOOT_LOADER, "exit 1", "echo >>/log");
	assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
	scene_is_file(&s, "/etc/default/grub", "GRUB_TIMEOUT=5\n");
	keeps(&s, "undone-0", "mine\n");
	scene_states_are(&s, "1 rolled-back\n");
	scene_close(&s);
}

/* A kernel that was removed meanwhile: its tool would fail for it, and there is nothing to take
 * back. */
static void what_it_was_about_is_gone(void **state)
{
	struct scene s;
	char path[300];

	NEEDS_ROOT;
	open_scene(&s);
	support_put(s.dir, "/entry", "one\n");
	assert_int_equal(plan_add_undoable(s.plan, COMMAND_BOOT_LOADER, "set it",
				 (const char *const[]){"/bin/sh", "-c", set, NULL},
				 (const char *const[]){"/bin/sh", "-c", unset, NULL}, "/entry"),
		0);
	assert_int_equal(run(&s, 0), TXN_COMMITTED);
	plan_back(&s, 1);
	assert_int_equal(s.plan->n_commands, 1);
	assert_string_equal(s.plan->commands[0].about, "/entry");
	assert_true(snprintf(path, sizeof(path), "%s/entry", s.dir) > 0);
	assert_int_equal(unlink(path), 0);
	plan_back(&s, 1);
	assert_int_equal(s.plan->n_commands, 0);
	assert_int_equal(run(&s, 0), TXN_COMMITTED);
	scene_is_file(&s, "/etc/default/grub", "GRUB_TIMEOUT=5\n");
	scene_close(&s);
}

static void undo_that_fails(void **state)
{
	struct scene s;

	NEEDS_ROOT;
	open_scene(&s);
	add_tool(s.plan, COMMAND_INITRAMFS, "echo >>/log", "exit 7");
	add_tool(s.plan, COMMAND_BOOT_LOADER, "exit 1", "echo also >>/log");
	assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
	says(&s, "restore-failed -5 /bin/sh -c exit 7 failed while going back (exit status 7); "
		 "find out why and run it by hand\n");
	says(&s, "restored /etc/default/grub\n");
	says(&s, "rolled-back -5");
	scene_is_file(&s, "/log", "\nalso\n");
	scene_states_are(&s, "1 interrupted\n");
	scene_close(&s);
}

/* -- going back, and taking that back -- */

static void apply_tool(struct scene *s)
{
	open_scene(s);
	add_tool(s->plan, COMMAND_BOOT_LOADER, set, unset);
	add_script(s->plan, COMMAND_INITRAMFS, "read l </etc/default/grub; echo image $l >>/log");
	assert_int_equal(run(s, 0), TXN_COMMITTED);
	scene_is_file(s, "/log", "image GRUB_TIMEOUT=9\nset GRUB_TIMEOUT=9\n");
	scene_is_file(s, "/state", "set\n");
	support_put(s->dir, "/log", "");
}

static void rollback_and_again(void **state)
{
	struct scene s;

	NEEDS_ROOT;
	apply_tool(&s);
	plan_back(&s, 1);
	/* What the tool made of the file is nobody's edit. */
	assert_int_equal(s.plan->findings.n, 0);
	assert_int_equal(s.plan->n_commands, 2);
	assert_int_equal(s.plan->commands[0].stage, COMMAND_UNDO);
	assert_string_equal(s.plan->commands[0].purpose, "take back: set it");
	assert_int_equal(run(&s, 0), TXN_COMMITTED);
	scene_is_file(&s, "/log", "unset GRUB_TIMEOUT=9 # set\nimage GRUB_TIMEOUT=5\n");
	support_put(s.dir, "/log", "");
	is_as_before(&s, "unset\n");

	/* Taking that back: first the files, then the tool. */
	plan_back(&s, 2);
	assert_string_equal(s.plan->commands[s.plan->n_commands - 1].purpose, "set it");
	assert_int_equal(run(&s, 0), TXN_COMMITTED);
	scene_is_file(&s, "/log", "image GRUB_TIMEOUT=9 # set\nset GRUB_TIMEOUT=9 # set\n");
	scene_is_file(&s, "/state", "set\n");
	support_put(s.dir, "/log", "");

	support_put(s.dir, "/etc/default/grub", "somebody's\n");
	plan_back(&s, 1);
	assert_int_equal(s.plan->findings.n, 1);

	/* And back to the very beginning, over all three: one run of the tool says it all. */
	plan_back(&s, 1);
	assert_int_equal(s.plan->n_commands, 2);
	assert_int_equal(run(&s, 0), TXN_COMMITTED);
	support_put(s.dir, "/log", "");
	is_as_before(&s, "unset\n");
	scene_close(&s);
}

static void rollback_that_fails(void **state)
{
	_cleanup_free_ char *applied = NULL, *now = NULL;
	struct scene s;

	NEEDS_ROOT;
	apply_tool(&s);
	applied = support_txn_tree(s.dir);
	plan_back(&s, 1);
	add_script(s.plan, COMMAND_BOOT_LOADER, "[ -s /failed ] || { echo x >/failed; exit 1; }");
	assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
	says_not(&s, "restore-failed");
	scene_is_file(&s, "/log",
		"unset GRUB_TIMEOUT=9 # set\nimage GRUB_TIMEOUT=5\n"
		"set GRUB_TIMEOUT=9 # set\nimage GRUB_TIMEOUT=9 # set\n");
	support_put(s.dir, "/failed", "");
	now = support_txn_tree(s.dir);
	support_assert_same(applied, now);
	scene_close(&s);
}

/* A way back that was cut short is gone on with: its own reverse does not come in between. */
static void rollback_cut_short(void **state)
{
	struct scene s;

	NEEDS_ROOT;
	apply_tool(&s);
	plan_back(&s, 1);
	assert_int_equal(run(&s, 0), TXN_COMMITTED);
	interrupt(&s, 2);
	support_put(s.dir, "/log", "");
	plan_back(&s, 1);
	assert_int_equal(run(&s, 0), TXN_COMMITTED);
	scene_is_file(&s, "/log", "unset GRUB_TIMEOUT=5\nimage GRUB_TIMEOUT=5\n");
	support_put(s.dir, "/log", "");
	is_as_before(&s, "unset\n");
	scene_states_are(&s, "3 complete\n2 rolled-back\n1 rolled-back\n");
	scene_close(&s);
}

/* A later plan runs the tool again only on the way to the same choice. */
static void going_on(void **state)
{
	static const char text[] = "DEVICES=\"0000:01:00.0=10de:1b80:1043:85aa\"\nOPTIONS=\"\"\n";
	const struct support_edit choosing[] = {{CHOICE_PATH, text, 0644}, {0}};
	struct scene s;

	(void)state;
	open_scene(&s);
	plan_free(s.plan);
	s.plan = support_txn_plan(s.root, choosing, NULL);
	add_tool(s.plan, COMMAND_BOOT_LOADER, set, unset);
	add_script(s.plan, COMMAND_INITRAMFS, "x");
	assert_int_equal(run(&s, TXN_NO_COMMANDS), TXN_COMMITTED);
	interrupt(&s, 1);

	plan_free(s.plan);
	s.plan = support_txn_plan(s.root, NULL, NULL);
	assert_int_equal(choice_parse(text, &s.plan->after, NULL), 0);
	assert_int_equal(snapshot_add_unfinished(s.root, s.plan, NULL), 0);
	assert_int_equal(s.plan->n_commands, 2);
	assert_string_equal(s.plan->commands[1].argv.v[2], set);
	assert_string_equal(s.plan->commands[1].undo.v[2], unset);

	plan_free(s.plan);
	s.plan = support_txn_plan(s.root, NULL, NULL);
	assert_int_equal(snapshot_add_unfinished(s.root, s.plan, NULL), 0);
	assert_int_equal(s.plan->n_commands, 1);
	assert_string_equal(s.plan->commands[0].argv.v[2], "x");
	scene_close(&s);
}

/* -- checks -- */

static void check_passes(void **state)
{
	static const char *const expect[] = {"usr/local/bin/vfio-bind", "vfio-pci.ko", NULL};
	struct scene s;
	struct snapshots snapshots = {0};

	NEEDS_ROOT;
	open_scene(&s);
	add_check(s.plan,
		"for i in 1 2 3; do echo -rw $i usr/local/bin/vfio-bind; echo $0; done;"
		"printf 'lib/vfio-pci.ko'; echo checked >>/log",
		expect);
	add_script(s.plan, COMMAND_BOOT_LOADER, "echo menu");
	add_script(s.plan, COMMAND_INITRAMFS, "echo image");
	assert_int_equal(run(&s, 0), TXN_COMMITTED);
	says(&s, "output image\n");
	says(&s, "output menu\n");
	says_not(&s, "usr/local/bin/vfio-bind\noutput");
	says_not(&s, "output /boot/image");
	assert_true(strstr(s.log.s, "output image") < strstr(s.log.s, "for i in 1 2 3"));
	assert_true(strstr(s.log.s, "for i in 1 2 3") < strstr(s.log.s, "output menu"));
	/* It is kept for whoever finishes what was cut short; the way back does not look. */
	assert_int_equal(snapshots_load(s.root, &snapshots, NULL), 0);
	assert_int_equal(snapshots.v[0].n_commands, 3);
	snapshots_free(&snapshots);
	support_txn_rollback(s.dir, NULL);
	scene_is_file(&s, "/log", "checked\n");
	scene_close(&s);
}

static void check_fails(void **state)
{
	static const char *const expect[] = {"a/there", "b/gone", "c/gone", NULL};
	struct scene s;

	NEEDS_ROOT;
	open_scene(&s);
	add_check(s.plan, "echo checked >>/log; echo a/there; echo b/; echo gone", expect);
	add_script(s.plan, COMMAND_INITRAMFS, "read l </etc/default/grub; echo image $l >>/log");
	assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
	says(&s, "failed -5 /boot/image lacks b/gone, c/gone\n");
	scene_is_file(&s, "/log", "image GRUB_TIMEOUT=9\nchecked\nimage GRUB_TIMEOUT=5\n");
	support_put(s.dir, "/log", "");
	is_as_before(&s, "none\n");
	scene_close(&s);
}

/* Cut short before it was looked into: who finishes it looks. */
static void check_is_finished(void **state)
{
	static const char *const expect[] = {"a/there", NULL};
	struct snapshots snapshots = {0};
	struct scene s;

	NEEDS_ROOT;
	open_scene(&s);
	add_check(s.plan, "read l </contents; echo $l", expect);
	add_script(s.plan, COMMAND_INITRAMFS, "echo image >>/log");
	assert_int_equal(run(&s, TXN_NO_COMMANDS), TXN_COMMITTED);
	interrupt(&s, 1);
	support_put(s.dir, "/contents", "a/other\n");

	plan_free(s.plan);
	assert_int_equal(snapshots_load(s.root, &snapshots, NULL), 0);
	assert_int_equal(snapshot_finish_plan(s.root, &snapshots, &s.plan, NULL), 0);
	assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
	says(&s, "failed -5 /boot/image lacks a/there\n");
	snapshots_free(&snapshots);
	scene_close(&s);
}

/* Its output is not shown, so the reason is in the error. */
static void check_cannot_look(void **state)
{
	static const char *const expect[] = {"a", NULL};
	struct scene s;

	NEEDS_ROOT;
	open_scene(&s);
	add_check(s.plan, "echo a; echo cpio: cut short; exit 2", expect);
	assert_int_equal(run(&s, 0), TXN_ROLLED_BACK);
	says(&s, "/boot/image failed with exit status 2: cpio: cut short\n");
	says_not(&s, "output");
	scene_close(&s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failure_undoes_first),
		cmocka_unit_test(what_is_in_place_stays_until_all_is_well),
		cmocka_unit_test(what_was_put_in_place_is_built_anew),
		cmocka_unit_test(what_cannot_be_built_anew_is_not_put_in_place),
		cmocka_unit_test(another_hand),
		cmocka_unit_test(edited_before_it_is_written),
		cmocka_unit_test(edited_while_a_command_runs),
		cmocka_unit_test(undo_that_fails),
		cmocka_unit_test(what_it_was_about_is_gone),
		cmocka_unit_test(rollback_and_again),
		cmocka_unit_test(rollback_that_fails),
		cmocka_unit_test(rollback_cut_short),
		cmocka_unit_test(going_on),
		cmocka_unit_test(check_passes),
		cmocka_unit_test(check_fails),
		cmocka_unit_test(check_is_finished),
		cmocka_unit_test(check_cannot_look),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
