#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/diff.h"
#include "core/snapshot.h"
#include "tests/support.h"
#include "tests/support_txn.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static void states_are(const char *dir, const char *want)
{
	_cleanup_free_ char *states = support_txn_states(dir);

	assert_string_equal(states, want);
}

/* One file becomes text (NULL: deleted). */
static void write_one(const char *dir, const char *path, const char *text)
{
	const struct support_edit edits[] = {{path, text, 0644}, {0}};

	support_txn_apply(dir, edits, NULL);
}

static void rollback(const char *dir, unsigned number)
{
	_cleanup_free_ char *id = support_txn_id(dir, number);

	support_txn_rollback(dir, id);
}

static void is_tree(const char *dir, const char *want)
{
	_cleanup_free_ char *now = support_txn_tree(dir);

	support_assert_same(want, now);
}

/* The plan back to before snapshot `number` (0: the default). */
static int way_back(const char *dir, unsigned number, struct plan **plan, struct error *err)
{
	struct root *root = support_txn_root(dir);
	struct snapshots snapshots = {0};
	_cleanup_free_ char *id = number ? support_txn_id(dir, number) : NULL;
	int r = snapshots_load(root, &snapshots, err);

	if (r == 0)
		r = snapshot_rollback_plan(root, &snapshots, id, plan, err);
	snapshots_free(&snapshots);
	root_close(root);
	return r;
}

/* Overwrites a file of a snapshot; text NULL: removes it. */
static void harm(const char *dir, unsigned number, const char *name, const char *text)
{
	_cleanup_free_ char *id = support_txn_id(dir, number);
	char path[300], full[700];

	snprintf(path, sizeof(path), SNAPSHOT_DIR "/%s/%s", id, name);
	snprintf(full, sizeof(full), "%s%s", dir, path);
	if (text)
		support_put(dir, path, text);
	else
		assert_int_equal(unlink(full), 0);
}

/* As if the power had gone: files written, nothing committed. */
static void interrupt(const char *dir, unsigned number)
{
	harm(dir, number, "state", "pending\n");
}

/* Frees the plan. */
static void run_without_commands(const struct root *root, struct plan *plan)
{
	struct txn *txn = NULL;

	assert_int_equal(txn_begin(root, plan, TXN_NO_COMMANDS, &txn, NULL), 0);
	assert_int_equal(support_txn_run(txn, NULL), TXN_COMMITTED);
	txn_free(txn);
	plan_free(plan);
}

/* -- history -- */

static void none_is_no_error(void **state)
{
	char *dir = support_txn_system(false);
	struct plan *plan = NULL;
	struct error err = {0};

	(void)state;
	states_are(dir, "");
	assert_int_equal(way_back(dir, 0, &plan, &err), -ENOENT);
	support_says(err.text, "nothing to go back to");
	support_remove(dir);
}

static void what_is_told(void **state)
{
	char *dir = support_txn_system(false);
	struct root *root = support_txn_root(dir);
	struct snapshots list = {0};

	(void)state;
	support_txn_apply(dir, support_edits, NULL);
	assert_int_equal(snapshots_load(root, &list, NULL), 0);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.v[0].summary, "a test's 100% plan");
	assert_true(list.v[0].time > 1600000000);
	assert_int_equal(list.v[0].n_files, 8);
	assert_string_equal(list.v[0].files[0].path, "/etc/default/grub");
	assert_string_equal(list.v[0].files[0].before.text, "GRUB_TIMEOUT=5\n");
	assert_string_equal(list.v[0].files[0].after.text, "GRUB_TIMEOUT=9\n");
	assert_int_equal(list.v[0].files[0].after.mode, 0600);
	assert_int_equal(list.v[0].directories.n, 2);
	assert_ptr_equal(snapshots_find(&list, list.v[0].id), &list.v[0]);
	assert_null(snapshots_find(&list, "20200101-000000-1"));
	snapshots_free(&list);
	root_close(root);
	support_remove(dir);
}

static void any_point_can_be_reached(void **state)
{
	char *dir = support_txn_system(false), *at[6];

	(void)state;
	at[0] = support_txn_tree(dir);
	write_one(dir, "/etc/default/grub", "1\n");
	at[1] = support_txn_tree(dir);
	write_one(dir, "/etc/x.d/new", "2\n");
	at[2] = support_txn_tree(dir);
	write_one(dir, "/etc/gone.conf", NULL);
	at[3] = support_txn_tree(dir);
	write_one(dir, "/etc/default/grub", "4\n");
	at[4] = support_txn_tree(dir);
	support_txn_apply(dir, support_edits, NULL);
	at[5] = support_txn_tree(dir);
	/* Back by several at once, forward by taking that back, from wherever it is now. */
	rollback(dir, 3);
	is_tree(dir, at[2]);
	states_are(dir, "6 complete\n5 rolled-back\n4 rolled-back\n3 rolled-back\n2 complete\n1 "
			"complete\n");
	rollback(dir, 6);
	is_tree(dir, at[5]);
	states_are(dir,
		"7 complete\n6 rolled-back\n5 complete\n4 complete\n3 complete\n2 complete\n"
		"1 complete\n");
	rollback(dir, 5);
	is_tree(dir, at[4]);
	rollback(dir, 1);
	is_tree(dir, at[0]);
	rollback(dir, 9);
	is_tree(dir, at[4]);
	rollback(dir, 2);
	is_tree(dir, at[1]);
	rollback(dir, 11);
	is_tree(dir, at[4]);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		free(at[i]);
	support_remove(dir);
}

/* Asked again without an id it goes on going back: in a rescue shell nobody wants to toggle. */
static void further_back_each_time(void **state)
{
	char *dir = support_txn_system(false), *old = support_txn_tree(dir);
	struct plan *plan = NULL;
	struct error err = {0};

	(void)state;
	write_one(dir, "/etc/default/grub", "1\n");
	write_one(dir, "/etc/default/grub", "2\n");
	support_txn_rollback(dir, NULL);
	support_txn_rollback(dir, NULL);
	is_tree(dir, old);
	states_are(dir, "4 complete\n3 rolled-back\n2 rolled-back\n1 rolled-back\n");
	assert_int_equal(way_back(dir, 0, &plan, &err), -ENOENT);
	assert_int_equal(way_back(dir, 1, &plan, &err), -EALREADY);
	support_says(err.text, "rolled back already");
	free(old);
	support_remove(dir);
}

static void says_what_it_undoes(void **state)
{
	char *dir = support_txn_system(false);
	struct plan *plan = NULL;

	(void)state;
	write_one(dir, "/etc/default/grub", "1\n");
	assert_int_equal(way_back(dir, 0, &plan, NULL), 0);
	assert_string_equal(plan->summary, "undo: a test's 100% plan");
	assert_int_equal(plan->findings.n, 0);
	plan = plan_free(plan);
	write_one(dir, "/etc/default/grub", "2\n");
	assert_int_equal(way_back(dir, 1, &plan, NULL), 0);
	assert_string_equal(plan->summary, "undo: a test's 100% plan, and 1 after it");
	assert_int_equal(plan->n_changes, 1);
	assert_string_equal(plan->changes[0].before.text, "2\n");
	assert_string_equal(plan->changes[0].after.text, "GRUB_TIMEOUT=5\n");
	plan_free(plan);
	support_remove(dir);
}

/* A clock that goes back (a machine without a battery) does not turn the history round. */
static void clock_goes_back(void **state)
{
	char *dir = support_txn_system(false);
	_cleanup_free_ char *id = NULL;
	char from[700], to[700];

	(void)state;
	write_one(dir, "/etc/default/grub", "1\n");
	write_one(dir, "/etc/default/grub", "2\n");
	id = support_txn_id(dir, 2);
	snprintf(from, sizeof(from), "%s" SNAPSHOT_DIR "/%s", dir, id);
	snprintf(to, sizeof(to), "%s" SNAPSHOT_DIR "/19700101-000000-2", dir);
	assert_int_equal(rename(from, to), 0);
	states_are(dir, "2 complete\n1 complete\n");
	support_txn_rollback(dir, NULL);
	{
		_cleanup_free_ char *text = support_get(dir, "/etc/default/grub");

		assert_string_equal(text, "1\n");
	}
	states_are(dir, "3 complete\n2 rolled-back\n1 complete\n");
	support_remove(dir);
}

/* Every program runs once, in the order of the stages, whichever snapshot asked for it. */
static void commands_of_all(void **state)
{
	static const struct {
		enum command_stage stage;
		const char *argv[3];
	} commands[] = {
		{COMMAND_INITRAMFS, {"/sbin/initramfs", "-u", NULL}},
		{COMMAND_BOOT_LOADER, {"/sbin/boot-loader", "", NULL}},
		{COMMAND_PREPARE, {"/bin/prepare", "a b", NULL}},
		{COMMAND_INITRAMFS, {"/sbin/initramfs", "-u", NULL}},
	};
	char *dir = support_txn_system(false);
	struct root *root = support_txn_root(dir);
	struct plan *plan = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		char text[8];
		const struct support_edit edits[] = {{"/etc/default/grub", text, 0644}, {0}};

		snprintf(text, sizeof(text), "%zu\n", i);
		plan = support_txn_plan(root, edits, NULL);
		assert_int_equal(
			plan_add_command(plan, commands[i].stage, "purpose", commands[i].argv), 0);
		run_without_commands(root, plan);
	}
	assert_int_equal(way_back(dir, 1, &plan, NULL), 0);
	assert_int_equal(plan->n_commands, 3);
	assert_string_equal(plan->commands[0].argv.v[1], "a b");
	assert_string_equal(plan->commands[1].argv.v[0], "/sbin/initramfs");
	assert_string_equal(plan->commands[2].argv.v[0], "/sbin/boot-loader");
	assert_string_equal(plan->commands[2].argv.v[1], "");
	assert_string_equal(plan->commands[2].purpose, "purpose");
	plan_free(plan);
	root_close(root);
	support_remove(dir);
}

/* -- changed by someone since -- */

static void expect_changed(const char *dir, unsigned number, const char *path)
{
	struct plan *plan = NULL;
	struct error err = {0};

	if (way_back(dir, number, &plan, &err) < 0)
		fail_msg("%s", err.text);
	if (path) {
		assert_int_equal(plan->findings.n, 1);
		assert_string_equal(plan->findings.v[0].id, "file-changed");
		assert_int_equal(plan->findings.v[0].severity, SEVERITY_DANGER);
		support_says(plan->findings.v[0].text, path);
	} else {
		assert_int_equal(plan->findings.n, 0);
	}
	plan_free(plan);
}

static void changed_by_hand(void **state)
{
	char *dir = support_txn_system(false), *old = support_txn_tree(dir);
	struct plan *plan = NULL;

	(void)state;
	support_txn_apply(dir, support_edits, NULL);
	expect_changed(dir, 1, NULL);
	support_put(dir, "/etc/default/grub", "by hand\n");
	expect_changed(dir, 1, "/etc/default/grub");
	/* What would be lost is what the difference shows. */
	assert_int_equal(way_back(dir, 1, &plan, NULL), 0);
	for (size_t i = 0; i < plan->n_changes; i++)
		if (strcmp(plan->changes[i].path, "/etc/default/grub") == 0)
			assert_string_equal(plan->changes[i].before.text, "by hand\n");
	plan_free(plan);
	/* Whoever goes on all the same gets the old state, and can take that back. */
	support_txn_rollback(dir, NULL);
	is_tree(dir, old);
	rollback(dir, 2);
	{
		_cleanup_free_ char *text = support_get(dir, "/etc/default/grub");

		assert_string_equal(text, "by hand\n");
	}
	free(old);
	support_remove(dir);
}

static void changed_in_other_ways(void **state)
{
	char *dir = support_txn_system(false);
	char path[512];

	(void)state;
	support_txn_apply(dir, support_edits, NULL);
	snprintf(path, sizeof(path), "%s/etc/default/grub", dir);
	assert_int_equal(chmod(path, 0644), 0);
	expect_changed(dir, 1, "/etc/default/grub");
	assert_int_equal(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 1, 1), 0);
		expect_changed(dir, 1, "/etc/default/grub");
		assert_int_equal(chown(path, 0, 0), 0);
	}
	expect_changed(dir, 1, NULL);
	assert_int_equal(unlink(path), 0);
	expect_changed(dir, 1, "/etc/default/grub");
	assert_int_equal(symlink("elsewhere", path), 0);
	expect_changed(dir, 1, "/etc/default/grub");
	support_remove(dir);
}

/* What is below /efi says that it is on FAT; the kernel here may have none. */
static bool efi_is_fat;

int fstatfs(int fd, struct statfs *fs)
{
	char link[64], path[512] = "";
	int r = (int)syscall(SYS_fstatfs, fd, fs);

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (efi_is_fat && readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, "/efi/"))
		fs->f_type = MSDOS_SUPER_MAGIC;
	return r;
}

/* Mounted with other options it is as if all its files had changed their mode and owner. */
static void fat_is_mounted_in_another_way(void **state)
{
	static const struct support_edit edits[] = {{"/efi/loader/entry.conf", "new\n", 0600},
		{"/efi/loader/other.conf", "other\n", 0644}, {.path = NULL}};
	char *dir = support_txn_system(false), path[512];
	_cleanup_free_ char *diff = NULL, *text = NULL;
	struct plan *plan = NULL;

	(void)state;
	support_put(dir, "/efi/loader/entry.conf", "old\n");
	efi_is_fat = true;
	support_txn_apply(dir, edits, NULL);
	for (size_t i = 0; edits[i].path; i++) {
		snprintf(path, sizeof(path), "%s%s", dir, edits[i].path);
		assert_int_equal(chmod(path, 0755), 0);
		assert_int_equal(geteuid() == 0 ? chown(path, 1, 1) : 0, 0);
	}
	expect_changed(dir, 1, NULL);
	assert_int_equal(way_back(dir, 1, &plan, NULL), 0);
	for (size_t i = 0; i < plan->n_changes; i++)
		if (plan->changes[i].after.kind == CONTENT_FILE)
			assert_int_equal(diff_text(&plan->changes[i], &diff), 0);
	plan_free(plan);
	assert_null(strstr(diff, "mode"));
	/* A text that somebody changed still is told. */
	support_put(dir, "/efi/loader/other.conf", "by hand\n");
	expect_changed(dir, 1, "/efi/loader/other.conf");
	support_txn_rollback(dir, NULL);
	efi_is_fat = false;
	text = support_get(dir, "/efi/loader/entry.conf");
	assert_string_equal(text, "old\n");
	support_remove(dir);
}

/* Already as it was: neither a change nor a finding. */
static void restored_by_hand(void **state)
{
	char *dir = support_txn_system(false);
	struct plan *plan = NULL;

	(void)state;
	write_one(dir, "/etc/default/grub", "1\n");
	support_put(dir, "/etc/default/grub", "GRUB_TIMEOUT=5\n");
	assert_int_equal(way_back(dir, 1, &plan, NULL), 0);
	assert_int_equal(plan->n_changes, 0);
	assert_int_equal(plan->findings.n, 0);
	assert_false(plan_is_empty(plan));
	plan_free(plan);
	support_txn_rollback(dir, NULL);
	states_are(dir, "2 complete\n1 rolled-back\n");
	support_remove(dir);
}

static void something_in_the_way(void **state)
{
	char *dir = support_txn_system(false);
	struct plan *plan = NULL;
	struct error err = {0};
	char path[512], aside[512];

	(void)state;
	write_one(dir, "/etc/default/grub", "1\n");
	snprintf(path, sizeof(path), "%s/etc/default", dir);
	snprintf(aside, sizeof(aside), "%s/etc/default.real", dir);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink("default.real", path), 0);
	assert_int_equal(way_back(dir, 1, &plan, &err), -ESTALE);
	support_says(err.text, "/etc/default/grub");
	support_says(err.text, "symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	strcat(path, "/grub");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(way_back(dir, 1, &plan, &err), -EISDIR);
	support_says(err.text, "/etc/default/grub");
	support_remove(dir);
}

/* -- interrupted -- */

static void interrupted_goes_back(void **state)
{
	char *dir = support_txn_system(false), *old = support_txn_tree(dir);

	(void)state;
	support_txn_apply(dir, support_edits, NULL);
	interrupt(dir, 1);
	states_are(dir, "1 interrupted\n");
	/* Some files new, some old: no change of the person's is claimed. */
	support_put(dir, "/etc/modprobe.d/own.conf", "options a b=1\n");
	expect_changed(dir, 1, NULL);
	support_put(dir, "/etc/modprobe.d/own.conf", "neither\n");
	expect_changed(dir, 1, "/etc/modprobe.d/own.conf");
	support_txn_rollback(dir, NULL);
	is_tree(dir, old);
	states_are(dir, "2 complete\n1 rolled-back\n");
	free(old);
	support_remove(dir);
}

static void going_back_interrupted(void **state)
{
	char *dir = support_txn_system(false), *old = support_txn_tree(dir);

	(void)state;
	support_txn_apply(dir, support_edits, NULL);
	support_txn_rollback(dir, NULL);
	interrupt(dir, 2);
	states_are(dir, "2 interrupted\n1 complete\n");
	support_put(dir, "/etc/default/grub", "GRUB_TIMEOUT=9\n");
	support_txn_rollback(dir, NULL);
	states_are(dir, "3 complete\n2 rolled-back\n1 rolled-back\n");
	{
		_cleanup_free_ char *text = support_get(dir, "/etc/default/grub");

		assert_string_equal(text, "GRUB_TIMEOUT=5\n");
	}
	free(old);
	support_remove(dir);
}

/* A later transaction goes on with what was cut short, and needs its commands for that. */
static void interrupted_is_finished(void **state)
{
	static const char *const argv[] = {"/sbin/initramfs", NULL};
	char *dir = support_txn_system(false);
	struct root *root = support_txn_root(dir);
	struct plan *plan = support_txn_plan(root, support_edits, NULL);

	(void)state;
	assert_int_equal(plan_add_command(plan, COMMAND_INITRAMFS, "p", argv), 0);
	run_without_commands(root, plan);

	plan = support_txn_plan(root, support_edits, NULL);
	assert_int_equal(snapshot_add_unfinished(root, plan, NULL), 0);
	assert_true(plan_is_empty(plan));
	interrupt(dir, 1);
	assert_int_equal(snapshot_add_unfinished(root, plan, NULL), 0);
	assert_int_equal(plan->n_changes, 0);
	assert_int_equal(plan->n_commands, 1);
	assert_string_equal(plan->commands[0].argv.v[0], argv[0]);
	assert_int_equal(plan->findings.n, 1);
	assert_string_equal(plan->findings.v[0].id, "interrupted");
	run_without_commands(root, plan);
	states_are(dir, "2 complete\n1 complete\n");
	/* Take that back, and what it finished goes too. */
	assert_int_equal(way_back(dir, 2, &plan, NULL), 0);
	assert_int_equal(plan->n_commands, 1);
	run_without_commands(root, plan);
	states_are(dir, "3 complete\n2 rolled-back\n1 rolled-back\n");
	root_close(root);
	support_remove(dir);
}

/* What went on from half a change is no longer apart from it: the way back leaves no half. */
static void going_back_leaves_no_half(void **state)
{
	char *dir = support_txn_system(false);

	(void)state;
	write_one(dir, "/etc/other", "0\n");
	write_one(dir, "/etc/half", "1\n");
	interrupt(dir, 2);
	write_one(dir, "/etc/other", "1\n");
	for (unsigned number = 0; number <= 3; number += 3) {
		struct plan *plan = NULL;
		struct error err = {0};

		assert_int_equal(way_back(dir, number, &plan, &err), 0);
		assert_int_equal(plan->undoes.n, 2);
		assert_int_equal(plan->n_changes, 2);
		plan_free(plan);
	}
	rollback(dir, 3);
	states_are(dir, "4 complete\n3 rolled-back\n2 rolled-back\n1 complete\n");
	support_remove(dir);
}

/* -- hostile or damaged -- */

static void damaged_ones_are_told(void **state)
{
	static const struct {
		const char *name, *text;
	} harms[] = {
		{"manifest", NULL},
		{"manifest", ""},
		{"manifest", "vfio-wizard snapshot 1\n"},
		{"before-0", NULL},
		{"before-0", "GRUB_TIMEOUT=6\n"},
		{"after-2", "#!/bin/sh\nrm -rf /\n"},
		{"state", NULL},
		{"state", "fine\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(harms); i++) {
		char *dir = support_txn_system(false);
		_cleanup_free_ char *id = NULL;
		struct plan *plan = NULL;
		struct error err = {0};

		write_one(dir, "/etc/other", "1\n");
		support_txn_apply(dir, support_edits, NULL);
		write_one(dir, "/etc/other", "2\n");
		id = support_txn_id(dir, 2);
		harm(dir, 2, harms[i].name, harms[i].text);
		states_are(dir, "3 complete\n2 damaged\n1 complete\n");
		/* The newer one is usable; past the damaged one there is no safe way. */
		expect_changed(dir, 3, NULL);
		assert_int_equal(way_back(dir, 1, &plan, &err), -EUCLEAN);
		support_says(err.text, id);
		assert_int_equal(way_back(dir, 2, &plan, &err), -EUCLEAN);
		/* And the next transaction works. */
		write_one(dir, "/etc/other", "3\n");
		states_are(dir, "4 complete\n3 complete\n2 damaged\n1 complete\n");
		support_remove(dir);
	}
}

/* The only one there is: it is named, not said to be absent. */
static void a_damaged_one_alone_is_named(void **state)
{
	char *dir = support_txn_system(false);
	_cleanup_free_ char *id = NULL;
	struct plan *plan = NULL;
	struct error err = {0};

	(void)state;
	write_one(dir, "/etc/other", "1\n");
	id = support_txn_id(dir, 1);
	harm(dir, 1, "manifest", "");
	assert_int_equal(way_back(dir, 0, &plan, &err), -EUCLEAN);
	support_says(err.text, id);
	support_remove(dir);
}

static void a_file_in_place_of_a_directory_is_named(void **state)
{
	char *dir = support_txn_system(false);
	_cleanup_free_ char *path = NULL;
	struct plan *plan = NULL;
	struct error err = {0};

	(void)state;
	write_one(dir, "/etc/made/other", "1\n");
	assert_true(asprintf(&path, "%s/etc/made/other", dir) > 0);
	assert_int_equal(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
	support_put(dir, "/etc/made", "");
	assert_int_equal(way_back(dir, 0, &plan, &err), -ENOTDIR);
	support_says(err.text, "/etc/made/other: something on the way to it is not a directory");
	support_remove(dir);
}

static void other_names_are_ignored(void **state)
{
	static const char *const names[] = {"new", "old", "..data", "20200101-000000",
		"20200101-000000-", "20200101-000000-0", "20200101-000000-01", "20200101-000000-1x",
		"20200101-000000--1", "2020010-1000000-1", "20200101-000000-99999999999999999999",
		"x"};
	char *dir = support_txn_system(false);

	(void)state;
	write_one(dir, "/etc/other", "1\n");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[300];

		snprintf(path, sizeof(path), SNAPSHOT_DIR "/%s/state", names[i]);
		support_put(dir, path, "complete\n");
	}
	states_are(dir, "1 complete\n");
	support_remove(dir);
}

static void only_root_may_look(void **state)
{
	char *dir = support_txn_system(false);
	struct root *root = support_txn_root(dir);
	struct plan *plan = support_txn_plan(root, NULL, NULL);
	struct snapshots list = {0};
	struct error err = {0};
	int r, added;

	(void)state;
	if (geteuid() != 0)
		skip();
	write_one(dir, "/etc/other", "1\n");
	assert_int_equal(seteuid(65534), 0);
	r = snapshots_load(root, &list, &err);
	added = snapshot_add_unfinished(root, plan, NULL);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, -EACCES);
	support_says(err.text, "only root");
	assert_int_equal(added, 0);
	plan_free(plan);
	root_close(root);
	support_remove(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_no_error),
		cmocka_unit_test(what_is_told),
		cmocka_unit_test(any_point_can_be_reached),
		cmocka_unit_test(further_back_each_time),
		cmocka_unit_test(says_what_it_undoes),
		cmocka_unit_test(clock_goes_back),
		cmocka_unit_test(commands_of_all),
		cmocka_unit_test(changed_by_hand),
		cmocka_unit_test(changed_in_other_ways),
		cmocka_unit_test(fat_is_mounted_in_another_way),
		cmocka_unit_test(restored_by_hand),
		cmocka_unit_test(something_in_the_way),
		cmocka_unit_test(interrupted_goes_back),
		cmocka_unit_test(going_back_interrupted),
		cmocka_unit_test(interrupted_is_finished),
		cmocka_unit_test(going_back_leaves_no_half),
		cmocka_unit_test(damaged_ones_are_told),
		cmocka_unit_test(a_damaged_one_alone_is_named),
		cmocka_unit_test(a_file_in_place_of_a_directory_is_named),
		cmocka_unit_test(other_names_are_ignored),
		cmocka_unit_test(only_root_may_look),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
