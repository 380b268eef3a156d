/* What a transaction makes of files, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support.h"
#include "tests/support_scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- files -- */

static void all_kinds_of_changes(void **state)
{
	struct scene s;
	char *expected = NULL;

	(void)state;
	scene_open(&s, support_edits, NULL);
	scene_begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	for (const struct support_edit *e = support_edits; e->path; e++) {
		struct content now = {0};

		assert_int_equal(content_read(s.root, e->path, true, NULL, &now, NULL), 0);
		assert_true(base_same(now.text, e->text));
		assert_int_equal(now.kind, !e->text  ? CONTENT_ABSENT
					   : e->mode ? CONTENT_FILE
						     : CONTENT_LINK);
		if (e->mode)
			assert_int_equal(now.mode, e->mode);
		content_free(&now);
	}
	assert_true(asprintf(&expected,
			    "file /etc/default/grub\nfile /etc/modprobe.d/own.conf\n"
			    "file /etc/new.d/deep/script\nfile /etc/new-link\nfile /etc/link\n"
			    "file /etc/gone.conf\nfile /etc/gone-link\nfile /etc/empty.d/file\n"
			    "committed ") > 0);
	assert_int_equal(strncmp(s.log.s, "snapshot ", 9), 0);
	support_says(s.log.s, expected);
	free(expected);
	scene_close(&s);
}

/* Owner, mode, extended attributes: of what stays, of what comes back, and no directory is left. */
static void back_to_the_byte(void **state)
{
	struct scene s;
	_cleanup_free_ char *changed = NULL, *again = NULL;

	(void)state;
	scene_open(&s, support_edits, NULL);
	support_txn_apply(s.dir, support_edits, NULL);
	changed = support_txn_tree(s.dir);
	if (geteuid() == 0)
		support_says(changed, "/etc/modprobe.d/own.conf 100640 12:13 ");
	support_txn_rollback(s.dir, NULL);
	scene_is_as_before(&s);
	{
		_cleanup_free_ char *id = support_txn_id(s.dir, 2);

		support_txn_rollback(s.dir, id);
	}
	again = support_txn_tree(s.dir);
	support_assert_same(changed, again);
	support_txn_rollback(s.dir, NULL);
	scene_is_as_before(&s);
	scene_close(&s);
}

/* The umask of the caller has no say in modes that were asked for. */
static void umask_is_ignored(void **state)
{
	static const struct support_edit edits[] = {{"/etc/n.d/a", "x", 0666}, {0}};
	struct scene s;
	struct stat st;

	(void)state;
	scene_open(&s, edits, NULL);
	(void)umask(077);
	support_txn_apply(s.dir, edits, NULL);
	(void)umask(022);
	assert_int_equal(root_stat(s.root, "/etc/n.d/a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(root_stat(s.root, "/etc/n.d", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(root_stat(s.root, SNAPSHOT_DIR, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	scene_close(&s);
}

/* The lock, the snapshots and all in them; nobody else writes to anything; whatever the caller's
 * umask, and though somebody has opened the directories. */
static void what_is_kept_is_root_only(void **state)
{
	static const struct support_edit edits[] = {{"/etc/n.d/a", "x", 0666}, {0}};
	_cleanup_free_ char *kept = NULL, *snapshots = NULL;
	_cleanup_(str_free) struct str all = {0}, open = {0};
	struct scene s;

	(void)state;
	scene_open(&s, edits, NULL);
	assert_true(asprintf(&kept, "%s" SNAPSHOT_STATE_DIR, s.dir) > 0);
	assert_true(asprintf(&snapshots, "%s" SNAPSHOT_DIR, s.dir) > 0);
	(void)umask(0);
	support_txn_apply(s.dir, edits, NULL);
	assert_int_equal(chmod(kept, 0777), 0);
	assert_int_equal(chmod(snapshots, 0755), 0);
	support_txn_rollback(s.dir, NULL);
	(void)umask(022);
	support_run((const char *const[]){"find", kept, "-printf", "%f ", NULL}, &all);
	support_says(all.s, "lock ");
	support_says(all.s, "manifest ");
	support_says(all.s, "after-0 ");
	support_run((const char *const[]){"find", snapshots, "-perm", "/077", NULL}, &open);
	support_run((const char *const[]){"find", kept, "-name", "lock", "-perm", "/077", NULL}, &open);
	support_run((const char *const[]){"find", kept, "-perm", "/022", NULL}, &open);
	if (open.len)
		fail_msg("open to others: %s", open.s);
	scene_close(&s);
}

/* What an access list allows stays; what a default list of the directory would add does not come.
 */
static void access_lists(void **state)
{
	static const struct support_edit edits[] = {{"/etc/modprobe.d/own.conf", "changed\n", 0640},
		{"/etc/modprobe.d/new", "x\n", 0600}, {0}};
	struct str before = {0}, after = {0}, new_one = {0};
	struct scene s;

	(void)state;
	scene_open(&s, edits, NULL);
	if (chdir(s.dir) < 0 ||
		support_run((const char *const[]){"setfacl", "-m", "u:1:r",
				    "etc/modprobe.d/own.conf", NULL},
			NULL) != 0 ||
		support_run((const char *const[]){"setfacl", "-d", "-m", "u:2:rw", "etc/modprobe.d",
				    NULL},
			NULL) != 0) {
		assert_int_equal(chdir("/"), 0);
		scene_close(&s);
		skip();
	}
	support_run((const char *const[]){"getfacl", "etc/modprobe.d/own.conf", NULL}, &before);
	plan_free(s.plan);
	s.plan = support_txn_plan(s.root, edits, NULL);
	support_txn_apply(s.dir, edits, NULL);
	support_run((const char *const[]){"getfacl", "etc/modprobe.d/own.conf", NULL}, &after);
	support_run((const char *const[]){"getfacl", "etc/modprobe.d/new", NULL}, &new_one);
	support_says(before.s, "user:daemon:r--");
	assert_string_equal(before.s, after.s);
	assert_null(strstr(new_one.s, "user:bin"));
	assert_int_equal(chdir("/"), 0);
	str_free(&before);
	str_free(&after);
	str_free(&new_one);
	scene_close(&s);
}

static void own_directories_go(void **state)
{
	static const struct support_edit two[] = {
		{"/etc/a/b/one", "1", 0644}, {"/etc/a/b/two", "2", 0644}, {0}};
	static const struct support_edit none[] = {{"/etc/a/b/one", NULL, 0},
		{"/etc/a/b/two", NULL, 0}, {"/etc/empty.d/file", NULL, 0}, {0}};
	static const struct support_edit first[] = {{"/etc/a/b/one", NULL, 0}, {0}};
	static const struct support_edit empty[] = {{"/etc/empty.d/file", "x", 0644}, {0}};
	struct scene s;

	(void)state;
	scene_open(&s, NULL, NULL);
	support_txn_apply(s.dir, two, NULL);
	support_txn_apply(s.dir, empty, NULL);
	support_txn_apply(s.dir, first, NULL);
	assert_true(root_exists(s.root, "/etc/a/b/two"));
	/* The person's own file keeps its directory. */
	support_put(s.dir, "/etc/a/mine", "");
	support_txn_apply(s.dir, none, NULL);
	assert_true(root_exists(s.root, "/etc/a/mine"));
	assert_false(root_exists(s.root, "/etc/a/b"));
	assert_true(root_exists(s.root, "/etc/empty.d"));
	assert_int_equal(unlinkat(root_fd(s.root), "etc/a/mine", 0), 0);
	assert_int_equal(unlinkat(root_fd(s.root), "etc/a", AT_REMOVEDIR), 0);
	scene_is_as_before(&s);
	/* One that went and that the person made again is theirs. */
	support_put(s.dir, "/etc/a/b/three", "");
	assert_int_equal(unlinkat(root_fd(s.root), "etc/a/b/three", 0), 0);
	support_txn_apply(s.dir, two, NULL);
	support_txn_apply(s.dir, none, NULL);
	assert_true(root_exists(s.root, "/etc/a/b"));
	scene_close(&s);
}

static void only_twenty_are_kept(void **state)
{
	struct scene s;
	_cleanup_free_ char *states = NULL;
	unsigned lines = 0;

	(void)state;
	scene_open(&s, NULL, NULL);
	for (int i = 0; i < 23; i++) {
		char text[16];
		struct support_edit edits[] = {{"/etc/n.d/x", text, 0644}, {0}};

		snprintf(text, sizeof(text), "%d\n", i);
		support_txn_apply(s.dir, edits, NULL);
	}
	states = support_txn_states(s.dir);
	for (const char *p = states; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 20);
	support_says(states, "23 complete\n");
	support_says(states, "\n4 complete\n");
	/* Which directories are ours is not forgotten with the one that made them. */
	support_txn_apply(s.dir, (const struct support_edit[]){{"/etc/n.d/x", NULL, 0}, {0}}, NULL);
	scene_is_as_before(&s);
	scene_close(&s);
}

/* -- refusals: nothing is done, nothing is left -- */

/* However often something fails after it, the last good one stays. */
static void the_last_good_one_is_kept(void **state)
{
	static const struct support_edit edits[] = {{"/etc/default/grub", "x\n", 0644}, {0}};
	struct scene s;
	_cleanup_free_ char *states = NULL;
	unsigned lines = 0;

	(void)state;
	scene_open(&s, support_edits, NULL);
	support_txn_apply(s.dir, support_edits, NULL);
	plan_free(s.plan);
	s.plan = support_txn_plan(s.root, edits, NULL);
	for (int i = 0; i < SNAPSHOT_KEPT + 5; i++) {
		struct txn_event ev;

		scene_begin(&s, 0);
		assert_int_equal(txn_step(s.txn, &ev), 1);
		txn_cancel(s.txn);
		assert_int_equal(support_txn_run(s.txn, NULL), TXN_ROLLED_BACK);
		s.txn = txn_free(s.txn);
	}
	support_txn_apply(s.dir, edits, NULL);
	states = support_txn_states(s.dir);
	for (const char *p = states; (p = strchr(p, '\n')); p++)
		lines++;
	/* The one that is complete makes room for none but those that were put back. */
	assert_int_equal(lines, SNAPSHOT_KEPT + 1);
	support_says(states, "\n1 complete\n");
	support_txn_rollback(s.dir, NULL);
	support_txn_rollback(s.dir, NULL);
	scene_is_as_before(&s);
	scene_close(&s);
}

static void stale_plan(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, support_edits, NULL);
	support_put(s.dir, "/etc/default/grub", "changed by hand\n");
	free(s.old);
	s.old = support_txn_tree(s.dir);
	assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -ESTALE);
	support_says(s.err.text, "/etc/default/grub");
	scene_has_no_trace(&s);
	scene_close(&s);
}

static void put_aside(const struct scene *s, const char *path, const char *where)
{
	char full[512], aside[520];

	snprintf(full, sizeof(full), "%s%s", s->dir, path);
	snprintf(aside, sizeof(aside), "%s.real", full);
	assert_int_equal(rename(full, aside), 0);
	assert_int_equal(symlink(where, full), 0);
}

/* A link in the place of a file or of a directory is never followed out of the root, nor inside. */
static void links_are_not_followed(void **state)
{
	static const struct {
		const char *path, *where;
	} links[] = {
		{"/etc/default", "default.real"},
		{"/etc/default", "/tmp"},
		{"/etc/default/grub", "grub.real"},
		{"/etc/default/grub", "/etc/passwd"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		struct scene s;

		scene_open(&s, support_edits, NULL);
		put_aside(&s, links[i].path, links[i].where);
		free(s.old);
		s.old = support_txn_tree(s.dir);
		assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -ESTALE);
		support_says(s.err.text, "/etc/default/grub");
		scene_has_no_trace(&s);
		scene_close(&s);
	}
}

/* Between the check and the write nothing of it is followed either. */
static void link_put_there_late(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, support_edits, NULL);
	support_put(s.dir, "/outside/grub", "not ours\n");
	scene_begin(&s, 0);
	put_aside(&s, "/etc/default", "../outside");
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	scene_is_file(&s, "/outside/grub", "not ours\n");
	support_says(s.log.s, "failed ");
	scene_close(&s);
}

static void one_at_a_time(void **state)
{
	struct scene s;
	struct txn *other = NULL;
	_cleanup_free_ char *states = NULL, *later = NULL;
	char pid[32];

	(void)state;
	scene_open(&s, support_edits, NULL);
	scene_begin(&s, 0);
	snprintf(pid, sizeof(pid), "(process %d)", getpid());
	assert_int_equal(txn_begin(s.root, s.plan, 0, &other, &s.err), -EAGAIN);
	support_says(s.err.text, pid);
	states = support_txn_states(s.dir);
	assert_string_equal(states, "1 applying\n");
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	/* Over: the lock is free though nobody freed the transaction yet. */
	support_txn_rollback(s.dir, NULL);
	later = support_txn_states(s.dir);
	assert_string_equal(later, "2 complete\n1 rolled-back\n");
	scene_close(&s);
}

static void as_nobody(bool nobody)
{
	if (!nobody)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(nobody ? 65534 : 0), 0);
	if (nobody)
		assert_int_equal(seteuid(65534), 0);
}

static void give_to_nobody(const char *dir)
{
	assert_int_equal(
		support_run(
			(const char *const[]){"/bin/chown", "-R", "65534:65534", dir, NULL}, NULL),
		0);
}

static void without_permission(void **state)
{
	struct scene s;

	(void)state;
	if (geteuid() != 0)
		skip();
	scene_open(&s, support_edits, NULL);
	as_nobody(true);
	assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -EACCES);
	as_nobody(false);
	support_says(s.err.text, "run this as root");
	scene_has_no_trace(&s);
	scene_close(&s);
}

/* One may have a tree of one's own. */
static void as_anybody(void **state)
{
	static const struct support_edit edits[] = {
		{"/etc/default/grub", "changed\n", 0644}, {"/etc/gone.conf", NULL, 0}, {0}};
	struct scene s;

	(void)state;
	if (geteuid() != 0)
		skip();
	scene_open(&s, NULL, NULL);
	give_to_nobody(s.dir);
	free(s.old);
	s.old = support_txn_tree(s.dir);
	as_nobody(true);
	support_txn_apply(s.dir, edits, NULL);
	support_txn_rollback(s.dir, NULL);
	as_nobody(false);
	scene_is_as_before(&s);
	scene_close(&s);
}

/* A directory that is not ours to trust: whoever owns it could forge what root then runs. */
static void state_of_somebody_else(void **state)
{
	struct scene s;
	char path[512];

	(void)state;
	if (geteuid() != 0)
		skip();
	scene_open(&s, support_edits, NULL);
	snprintf(path, sizeof(path), "%s" SNAPSHOT_STATE_DIR, s.dir);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -EPERM);
	support_says(s.err.text, SNAPSHOT_STATE_DIR);
	scene_is_as_before(&s);
	scene_close(&s);
}

/* What is none of ours among the snapshots is named, where it is in the way; nothing is begun. */
static void strangers_among_snapshots(void **state)
{
	static const struct {
		const char *path, *said;
		int code;
	} cases[] = {
		{"/20250101-000000-9223372036854775807/manifest",
			"/20250101-000000-9223372036854775807: no snapshot can come after",
			-EUCLEAN},
		{"/new/x/y", "/new/x: it is in the way", -EISDIR},
		{"/old/x/y", "/old/x: it is in the way", -EISDIR},
		{"/new", "/new: it is in the way", -ENOTDIR},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char path[200], said[200];
		struct scene s;

		scene_open(&s, support_edits, NULL);
		snprintf(path, sizeof(path), SNAPSHOT_DIR "%s", cases[i].path);
		snprintf(said, sizeof(said), SNAPSHOT_DIR "%s", cases[i].said);
		support_put(s.dir, path, "x\n");
		assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), cases[i].code);
		support_says(s.err.text, said);
		scene_is_file(&s, path, "x\n");
		scene_is_as_before(&s);
		scene_close(&s);
	}
}

static void empty_plan(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, NULL, NULL);
	assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -ENODATA);
	scene_has_no_trace(&s);
	scene_close(&s);
}

static void never_stepped(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, support_edits, NULL);
	scene_begin(&s, 0);
	s.txn = txn_free(s.txn);
	scene_has_no_trace(&s);
	scene_close(&s);
}

static void freed_half_way(void **state)
{
	struct scene s;
	struct txn_event ev;
	_cleanup_free_ char *states = NULL;

	(void)state;
	scene_open(&s, support_edits, NULL);
	scene_begin(&s, 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(txn_step(s.txn, &ev), 1);
	s.txn = txn_free(s.txn);
	scene_is_as_before(&s);
	states = support_txn_states(s.dir);
	assert_string_equal(states, "1 rolled-back\n");
	scene_close(&s);
}

/* A file that something else changes during the transaction is not overwritten by going back. */
static void changed_while_applying(void **state)
{
	struct scene s;
	struct txn_event ev;
	_cleanup_free_ char *states = NULL;

	(void)state;
	scene_open(&s, support_edits, NULL);
	scene_begin(&s, 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(txn_step(s.txn, &ev), 1);
	support_put(s.dir, "/etc/default/grub", "by another program\n");
	txn_cancel(s.txn);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	scene_is_file(&s, "/etc/default/grub", "by another program\n");
	scene_is_file(&s, "/etc/modprobe.d/own.conf", "options a b=1\n");
	support_says(s.log.s, "restore-failed -116 /etc/default/grub: ");
	support_says(s.log.s, "rolled-back -5 cancelled");
	states = support_txn_states(s.dir);
	assert_string_equal(states, "1 interrupted\n");
	scene_close(&s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_of_changes),
		cmocka_unit_test(back_to_the_byte),
		cmocka_unit_test(umask_is_ignored),
		cmocka_unit_test(what_is_kept_is_root_only),
		cmocka_unit_test(access_lists),
		cmocka_unit_test(own_directories_go),
		cmocka_unit_test(only_twenty_are_kept),
		cmocka_unit_test(the_last_good_one_is_kept),
		cmocka_unit_test(stale_plan),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(link_put_there_late),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(without_permission),
		cmocka_unit_test(as_anybody),
		cmocka_unit_test(state_of_somebody_else),
		cmocka_unit_test(strangers_among_snapshots),
		cmocka_unit_test(empty_plan),
		cmocka_unit_test(never_stepped),
		cmocka_unit_test(freed_half_way),
		cmocka_unit_test(changed_while_applying),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
