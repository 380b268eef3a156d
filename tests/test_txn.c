#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support.h"
#include "tests/support_txn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A system, the root of it, a plan on it: what nearly every test begins with. */
struct scene {
	char *dir, *old;
	struct root *root;
	struct plan *plan;
	struct txn *txn;
	struct str log;
	struct error err;
};

static void open_scene(
	struct scene *s, const struct support_edit *edits, const char *const *scripts)
{
	*s = (struct scene){.dir = support_txn_system(scripts != NULL)};
	s->old = support_txn_tree(s->dir);
	s->root = support_txn_root(s->dir);
	s->plan = support_txn_plan(s->root, edits, scripts);
}

static void begin(struct scene *s, unsigned flags)
{
	if (txn_begin(s->root, s->plan, flags, &s->txn, &s->err) < 0)
		fail_msg("%s", s->err.text);
}

static void is_as_before(const struct scene *s)
{
	_cleanup_free_ char *now = support_txn_tree(s->dir);

	support_assert_same(s->old, now);
}

/* A refusal leaves nothing at all. */
static void no_trace(const struct scene *s)
{
	char path[512];

	is_as_before(s);
	snprintf(path, sizeof(path), "%s" SNAPSHOT_STATE_DIR, s->dir);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void close_scene(struct scene *s)
{
	txn_free(s->txn);
	plan_free(s->plan);
	root_close(s->root);
	str_free(&s->log);
	free(s->old);
	support_remove(s->dir);
}

static void says(const char *text, const char *what)
{
	if (!text || !strstr(text, what))
		fail_msg("not in it: %s\n%s", what, text ? text : "(nothing)");
}

static void is_file(const struct scene *s, const char *path, const char *text)
{
	_cleanup_free_ char *now = support_get(s->dir, path);

	if (!now)
		fail_msg("%s is missing", path);
	assert_string_equal(now, text);
}

/* -- files -- */

static void all_kinds_of_changes(void **state)
{
	struct scene s;
	char *expected = NULL;

	(void)state;
	open_scene(&s, support_edits, NULL);
	begin(&s, 0);
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
	says(s.log.s, expected);
	free(expected);
	close_scene(&s);
}

/* Owner, mode, extended attributes: of what stays, of what comes back, and no directory is left. */
static void back_to_the_byte(void **state)
{
	struct scene s;
	_cleanup_free_ char *changed = NULL, *again = NULL;

	(void)state;
	open_scene(&s, support_edits, NULL);
	support_txn_apply(s.dir, support_edits, NULL);
	changed = support_txn_tree(s.dir);
	if (geteuid() == 0)
		says(changed, "/etc/modprobe.d/own.conf 100640 12:13 ");
	support_txn_rollback(s.dir, NULL);
	is_as_before(&s);
	{
		_cleanup_free_ char *id = support_txn_id(s.dir, 2);

		support_txn_rollback(s.dir, id);
	}
	again = support_txn_tree(s.dir);
	support_assert_same(changed, again);
	support_txn_rollback(s.dir, NULL);
	is_as_before(&s);
	close_scene(&s);
}

/* The umask of the caller has no say in modes that were asked for. */
static void umask_is_ignored(void **state)
{
	static const struct support_edit edits[] = {{"/etc/n.d/a", "x", 0666}, {0}};
	struct scene s;
	struct stat st;

	(void)state;
	open_scene(&s, edits, NULL);
	(void)umask(077);
	support_txn_apply(s.dir, edits, NULL);
	(void)umask(022);
	assert_int_equal(root_stat(s.root, "/etc/n.d/a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(root_stat(s.root, "/etc/n.d", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(root_stat(s.root, SNAPSHOT_DIR, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	close_scene(&s);
}

/* The lock, the snapshots and all in them, whatever the caller's umask, and though somebody has opened
 * the directories. */
static void what_is_kept_is_root_only(void **state)
{
	static const struct support_edit edits[] = {{"/etc/n.d/a", "x", 0666}, {0}};
	_cleanup_free_ char *kept = NULL, *snapshots = NULL;
	_cleanup_(str_free) struct str all = {0}, open = {0};
	struct scene s;

	(void)state;
	open_scene(&s, edits, NULL);
	assert_true(asprintf(&kept, "%s" SNAPSHOT_STATE_DIR, s.dir) > 0);
	assert_true(asprintf(&snapshots, "%s" SNAPSHOT_DIR, s.dir) > 0);
	(void)umask(0);
	support_txn_apply(s.dir, edits, NULL);
	assert_int_equal(chmod(kept, 0777), 0);
	assert_int_equal(chmod(snapshots, 0755), 0);
	support_txn_rollback(s.dir, NULL);
	(void)umask(022);
	support_run((const char *const[]){"find", kept, "-printf", "%f ", NULL}, &all);
	says(all.s, "lock ");
	says(all.s, "manifest ");
	says(all.s, "after-0 ");
	support_run((const char *const[]){"find", kept, "-perm", "/077", NULL}, &open);
	if (open.len)
		fail_msg("open to others: %s", open.s);
	close_scene(&s);
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
	open_scene(&s, edits, NULL);
	if (chdir(s.dir) < 0 ||
		support_run((const char *const[]){"setfacl", "-m", "u:1:r",
				    "etc/modprobe.d/own.conf", NULL},
			NULL) != 0 ||
		support_run((const char *const[]){"setfacl", "-d", "-m", "u:2:rw", "etc/modprobe.d",
				    NULL},
			NULL) != 0) {
		assert_int_equal(chdir("/"), 0);
		close_scene(&s);
		skip();
	}
	support_run((const char *const[]){"getfacl", "etc/modprobe.d/own.conf", NULL}, &before);
	plan_free(s.plan);
	s.plan = support_txn_plan(s.root, edits, NULL);
	support_txn_apply(s.dir, edits, NULL);
	support_run((const char *const[]){"getfacl", "etc/modprobe.d/own.conf", NULL}, &after);
	support_run((const char *const[]){"getfacl", "etc/modprobe.d/new", NULL}, &new_one);
	says(before.s, "user:daemon:r--");
	assert_string_equal(before.s, after.s);
	assert_null(strstr(new_one.s, "user:bin"));
	assert_int_equal(chdir("/"), 0);
	str_free(&before);
	str_free(&after);
	str_free(&new_one);
	close_scene(&s);
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
	open_scene(&s, NULL, NULL);
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
	is_as_before(&s);
	/* One that went and that the person made again is theirs. */
	support_put(s.dir, "/etc/a/b/three", "");
	assert_int_equal(unlinkat(root_fd(s.root), "etc/a/b/three", 0), 0);
	support_txn_apply(s.dir, two, NULL);
	support_txn_apply(s.dir, none, NULL);
	assert_true(root_exists(s.root, "/etc/a/b"));
	close_scene(&s);
}

static void only_twenty_are_kept(void **state)
{
	struct scene s;
	_cleanup_free_ char *states = NULL;
	unsigned lines = 0;

	(void)state;
	open_scene(&s, NULL, NULL);
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
	says(states, "23 complete\n");
	says(states, "\n4 complete\n");
	/* Which directories are ours is not forgotten with the one that made them. */
	support_txn_apply(s.dir, (const struct support_edit[]){{"/etc/n.d/x", NULL, 0}, {0}}, NULL);
	is_as_before(&s);
	close_scene(&s);
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
	open_scene(&s, support_edits, NULL);
	support_txn_apply(s.dir, support_edits, NULL);
	plan_free(s.plan);
	s.plan = support_txn_plan(s.root, edits, NULL);
	for (int i = 0; i < SNAPSHOT_KEPT + 5; i++) {
		struct txn_event ev;

		begin(&s, 0);
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
	says(states, "\n1 complete\n");
	support_txn_rollback(s.dir, NULL);
	support_txn_rollback(s.dir, NULL);
	is_as_before(&s);
	close_scene(&s);
}

static void stale_plan(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, support_edits, NULL);
	support_put(s.dir, "/etc/default/grub", "changed by hand\n");
	free(s.old);
	s.old = support_txn_tree(s.dir);
	assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -ESTALE);
	says(s.err.text, "/etc/default/grub");
	no_trace(&s);
	close_scene(&s);
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

		open_scene(&s, support_edits, NULL);
		put_aside(&s, links[i].path, links[i].where);
		free(s.old);
		s.old = support_txn_tree(s.dir);
		assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -ESTALE);
		says(s.err.text, "/etc/default/grub");
		no_trace(&s);
		close_scene(&s);
	}
}

/* Between the check and the write nothing of it is followed either. */
static void link_put_there_late(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, support_edits, NULL);
	support_put(s.dir, "/outside/grub", "not ours\n");
	begin(&s, 0);
	put_aside(&s, "/etc/default", "../outside");
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	is_file(&s, "/outside/grub", "not ours\n");
	says(s.log.s, "failed ");
	close_scene(&s);
}

static void one_at_a_time(void **state)
{
	struct scene s;
	struct txn *other = NULL;
	_cleanup_free_ char *states = NULL, *later = NULL;
	char pid[32];

	(void)state;
	open_scene(&s, support_edits, NULL);
	begin(&s, 0);
	snprintf(pid, sizeof(pid), "(process %d)", getpid());
	assert_int_equal(txn_begin(s.root, s.plan, 0, &other, &s.err), -EAGAIN);
	says(s.err.text, pid);
	states = support_txn_states(s.dir);
	assert_string_equal(states, "1 applying\n");
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	/* Over: the lock is free though nobody freed the transaction yet. */
	support_txn_rollback(s.dir, NULL);
	later = support_txn_states(s.dir);
	assert_string_equal(later, "2 complete\n1 rolled-back\n");
	close_scene(&s);
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
	open_scene(&s, support_edits, NULL);
	as_nobody(true);
	assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -EACCES);
	as_nobody(false);
	says(s.err.text, "run this as root");
	no_trace(&s);
	close_scene(&s);
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
	open_scene(&s, NULL, NULL);
	give_to_nobody(s.dir);
	free(s.old);
	s.old = support_txn_tree(s.dir);
	as_nobody(true);
	support_txn_apply(s.dir, edits, NULL);
	support_txn_rollback(s.dir, NULL);
	as_nobody(false);
	is_as_before(&s);
	close_scene(&s);
}

/* A directory that is not ours to trust: whoever owns it could forge what root then runs. */
static void state_of_somebody_else(void **state)
{
	struct scene s;
	char path[512];

	(void)state;
	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, NULL);
	snprintf(path, sizeof(path), "%s" SNAPSHOT_STATE_DIR, s.dir);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -EPERM);
	says(s.err.text, SNAPSHOT_STATE_DIR);
	is_as_before(&s);
	close_scene(&s);
}

static void empty_plan(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, NULL, NULL);
	assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -ENODATA);
	no_trace(&s);
	close_scene(&s);
}

static void never_stepped(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, support_edits, NULL);
	begin(&s, 0);
	s.txn = txn_free(s.txn);
	no_trace(&s);
	close_scene(&s);
}

static void freed_half_way(void **state)
{
	struct scene s;
	struct txn_event ev;
	_cleanup_free_ char *states = NULL;

	(void)state;
	open_scene(&s, support_edits, NULL);
	begin(&s, 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(txn_step(s.txn, &ev), 1);
	s.txn = txn_free(s.txn);
	is_as_before(&s);
	states = support_txn_states(s.dir);
	assert_string_equal(states, "1 rolled-back\n");
	close_scene(&s);
}

/* A file that something else changes during the transaction is not overwritten by going back. */
static void changed_while_applying(void **state)
{
	struct scene s;
	struct txn_event ev;
	_cleanup_free_ char *states = NULL;

	(void)state;
	open_scene(&s, support_edits, NULL);
	begin(&s, 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(txn_step(s.txn, &ev), 1);
	support_put(s.dir, "/etc/default/grub", "by another program\n");
	txn_cancel(s.txn);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	is_file(&s, "/etc/default/grub", "by another program\n");
	is_file(&s, "/etc/modprobe.d/own.conf", "options a b=1\n");
	says(s.log.s, "restore-failed -116 /etc/default/grub: ");
	says(s.log.s, "rolled-back -5 cancelled");
	states = support_txn_states(s.dir);
	assert_string_equal(states, "1 interrupted\n");
	close_scene(&s);
}

/* -- commands -- */

static const char *const logging[] = {
	"read l </etc/default/grub; echo one $l >>/log", "echo two >>/log; echo done", NULL};

static void commands_in_order(void **state)
{
	struct scene s;

	(void)state;
	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, logging);
	begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	is_file(&s, "/log", "one GRUB_TIMEOUT=9\ntwo\n");
	says(s.log.s, "file /etc/empty.d/file\n"
		      "command /bin/sh -c read l </etc/default/grub; echo one $l >>/log\n"
		      "command-done /bin/sh -c read l </etc/default/grub; echo one $l >>/log\n"
		      "command /bin/sh -c echo two >>/log; echo done\n"
		      "output done\n"
		      "command-done /bin/sh -c echo two >>/log; echo done\n"
		      "committed ");
	close_scene(&s);
}

static void no_commands(void **state)
{
	struct scene s;

	(void)state;
	open_scene(&s, support_edits, NULL);
	plan_free(s.plan);
	s.plan = support_txn_plan(s.root, support_edits, logging);
	begin(&s, TXN_NO_COMMANDS);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	assert_null(strstr(s.log.s, "command"));
	assert_false(root_exists(s.root, "/log"));
	close_scene(&s);
}

static void failing_command(void **state)
{
	static const char *const scripts[] = {"read l </etc/default/grub; echo one $l >>/log",
		"echo two >>/log; read l </etc/default/grub; [ $l = GRUB_TIMEOUT=5 ] || exit 3",
		"echo never >>/log", NULL};
	struct scene s;
	_cleanup_free_ char *states = NULL;

	(void)state;
	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, scripts);
	begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	is_as_before(&s);
	is_file(&s, "/log", "one GRUB_TIMEOUT=9\ntwo\none GRUB_TIMEOUT=5\ntwo\n");
	says(s.log.s, "command-done 3 /bin/sh -c echo two");
	says(s.log.s, " failed with exit status 3\nrestored /etc/empty.d/file\nrestored "
		      "/etc/gone-link\n");
	says(s.log.s, "restored /etc/default/grub\ncommand /bin/sh -c read");
	says(s.log.s, "\nrolled-back /bin/sh -c echo two");
	states = support_txn_states(s.dir);
	assert_string_equal(states, "1 rolled-back\n");
	close_scene(&s);
}

static void failing_both_ways(void **state)
{
	static const char *const scripts[] = {"exit 1", NULL};
	struct scene s;
	_cleanup_free_ char *states = NULL;

	(void)state;
	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, scripts);
	begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	is_as_before(&s);
	says(s.log.s,
		"restore-failed -5 /bin/sh -c exit 1 failed while going back (exit status 1)");
	says(s.log.s, "rolled-back -5 ");
	/* So that the commands can be tried again. */
	states = support_txn_states(s.dir);
	assert_string_equal(states, "1 interrupted\n");
	close_scene(&s);
}

static void missing_program(void **state)
{
	struct scene s;

	(void)state;
	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, (const char *const[]){"echo ran >>/log", NULL});
	assert_int_equal(plan_add_command(s.plan, COMMAND_BOOT_LOADER, "",
				 (const char *const[]){"/usr/sbin/update-grub", NULL}),
		0);
	begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	is_as_before(&s);
	says(s.log.s,
		"failed -2 /usr/sbin/update-grub: starting: No such file or directory; install");
	is_file(&s, "/log", "ran\nran\n");
	close_scene(&s);
}

/* What the command sees of us and of the host. */
static void clean_surroundings(void **state)
{
	static const char *const scripts[] = {"read x || echo no input",
		"echo $PATH,$TERM,$HOME,$DEBIAN_FRONTEND,$SECRET$LD_LIBRARY_PATH$BASH_ENV$ENV,$(umask),$(pwd)",
		/* 3 is the directory that it reads. */
		"for f in /proc/$$/fd/*; do echo ${f##*/}; done",
		"read pid comm state parent group session rest </proc/$$/stat; echo $((session - "
		"pid))",
		/* Without 32 and 33: glibc's posix_spawn, and so make, leaves its own two ignored. */
		"while read k v; do case $k in SigBlk:|SigIgn:) echo $k "
		"$((0x$v & ~0x180000000));; esac; done </proc/$$/status",
		"echo x >/dev/null && echo dev", NULL};
	struct scene s;
	struct str mounts = {0};
	sigset_t usr1;
	int leak;

	(void)state;
	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, scripts);
	assert_int_equal(setenv("SECRET", "secret", 1), 0);
	assert_int_equal(setenv("LD_LIBRARY_PATH", "/tmp", 1), 0);
	assert_int_equal(setenv("BASH_ENV", "/tmp/a", 1), 0);
	assert_int_equal(setenv("ENV", "/tmp/a", 1), 0);
	(void)signal(SIGUSR2, SIG_IGN);
	(void)sigemptyset(&usr1);
	(void)sigaddset(&usr1, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &usr1, NULL);
	leak = open("/", O_RDONLY);
	begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	close(leak);
	(void)sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	(void)signal(SIGUSR2, SIG_DFL);
	says(s.log.s, "output no input\n");
	says(s.log.s, "output /usr/sbin:/usr/bin:/sbin:/bin,dumb,/root,noninteractive,,0022,/\n");
	says(s.log.s, "output 0\noutput 1\noutput 2\noutput 3\ncommand-done");
	says(s.log.s, "output 0\ncommand-done");
	says(s.log.s, "output SigBlk: 0\noutput SigIgn: 0\n");
	says(s.log.s, "output dev\n");
	/* Its mounts were its own. */
	support_run((const char *const[]){"/bin/cat", "/proc/self/mounts", NULL}, &mounts);
	assert_null(strstr(mounts.s, s.dir));
	str_free(&mounts);
	unsetenv("LD_LIBRARY_PATH");
	unsetenv("BASH_ENV");
	unsetenv("ENV");
	close_scene(&s);
}

/* grub-mkconfig writes it into the boot menu: the system's own, whoever runs it. */
static void language_of_the_system(void **state)
{
	static const struct {
		const char *file, *text, *ours, *seen;
	} cases[] = {
		{NULL, NULL, "de_DE.UTF-8", "output de_DE.UTF-8,\n"},
		{NULL, NULL, "de\nX", "output ,\n"},
		{"/etc/default/locale", "#  File\nLANG=\"fr_FR.UTF-8\"\n", "de_DE.UTF-8",
			"output fr_FR.UTF-8,\n"},
		{"/etc/locale.conf", "LANG=pt_BR.UTF-8\n", "", "output pt_BR.UTF-8,\n"},
	};

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct scene s;

		open_scene(&s, support_edits, (const char *const[]){"echo $LANG,$LC_ALL", NULL});
		if (cases[i].file)
			support_put(s.dir, cases[i].file, cases[i].text);
		assert_int_equal(setenv("LANG", cases[i].ours, 1), 0);
		assert_int_equal(setenv("LC_ALL", "C", 1), 0);
		begin(&s, 0);
		assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
		says(s.log.s, cases[i].seen);
		close_scene(&s);
	}
	unsetenv("LANG");
	unsetenv("LC_ALL");
}

static void clean_output(void **state)
{
	static const char *const scripts[] = {"printf 'a\\033[31mred\\033[0m\\tb\\a\\177\\n'",
		"printf '10%%\\r20%%\\r\\n\\n'", "printf 'gr\\303\\274n\\n'", "printf 'x\\000y\\n'",
		"printf '%0600d\\n' 7", "printf '%0499d\\303\\274\\303\\274' 7",
		"echo error >&2; printf 'no newline'", NULL};
	struct scene s;
	char line[600];

	(void)state;
	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, scripts);
	begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	says(s.log.s, "output ared b\n");
	says(s.log.s, "output 10%\noutput 20%\noutput \ncommand-done");
	says(s.log.s, "output gr\xc3\xbcn\n");
	says(s.log.s, "output xy\n");
	snprintf(line, sizeof(line), "output %0500d...\n", 0);
	says(s.log.s, line);
	snprintf(line, sizeof(line), "output %0499d...\n", 7);
	says(s.log.s, line);
	says(s.log.s, "output error\noutput no newline\ncommand-done");
	close_scene(&s);
}

static void flood_of_output(void **state)
{
	static const char *const scripts[] = {
		"i=0; while [ $i -lt 100000 ]; do echo $i; i=$((i+1)); done", NULL};
	struct scene s;
	struct txn_event ev;
	unsigned next = 0;

	(void)state;
	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, scripts);
	begin(&s, 0);
	while (txn_step(s.txn, &ev)) {
		struct pollfd fd = {.fd = txn_fd(s.txn), .events = POLLIN};

		if (ev.kind == TXN_NOTHING)
			assert_int_equal(poll(&fd, 1, 60000), 1);
		if (ev.kind == TXN_OUTPUT)
			assert_int_equal(strtoul(ev.text, NULL, 10), next++);
	}
	assert_int_equal(ev.kind, TXN_COMMITTED);
	assert_int_equal(next, 100000);
	close_scene(&s);
}

/* Steps until the command has said `pid N`; returns N. */
static pid_t wait_for_pid(struct scene *s)
{
	struct txn_event ev;

	for (;;) {
		struct pollfd fd;

		assert_int_equal(txn_step(s->txn, &ev), 1);
		support_txn_log(&s->log, &ev);
		if (ev.kind == TXN_OUTPUT && base_starts(ev.text, "pid "))
			return (pid_t)strtol(ev.text + 4, NULL, 10);
		fd = (struct pollfd){.fd = txn_fd(s->txn), .events = POLLIN};
		if (ev.kind == TXN_NOTHING)
			assert_int_equal(poll(&fd, 1, 60000), 1);
	}
}

/* Gone, or on its way: killed by a signal that nothing survives. */
static void wait_until_gone(pid_t pid)
{
	char path[64];
	int tries = 0;

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	while (kill(pid, 0) == 0 && access(path, F_OK) == 0 && tries++ < 1000)
		poll(NULL, 0, 10);
	assert_true(tries < 1000);
}

static void cancel_ends(const char *script)
{
	const char *scripts[] = {script, NULL};
	struct scene s;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, scripts);
	begin(&s, 0);
	pid = wait_for_pid(&s);
	txn_cancel(s.txn);
	txn_cancel(s.txn);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	is_as_before(&s);
	wait_until_gone(pid);
	says(s.log.s, "failed -125 cancelled\nrestored");
	says(s.log.s, "\nrolled-back cancelled\n");
	close_scene(&s);
}

/* When run again for the old state the scripts end at once, as real ones do. */
#define UNLESS_OLD "read l </etc/default/grub; [ $l = GRUB_TIMEOUT=9 ] || exit 0; "

static void cancelled_while_sleeping(void **state)
{
	(void)state;
	cancel_ends(UNLESS_OLD "sleep 1000 & echo pid $!; wait");
}

static void cancelled_though_deaf(void **state)
{
	(void)state;
	cancel_ends(UNLESS_OLD "trap '' TERM; echo pid $$; while :; do sleep 1000; done");
}

static void cancelled_while_flooding(void **state)
{
	(void)state;
	cancel_ends(UNLESS_OLD "echo pid $$; while :; do echo more; done");
}

/* Ends when the command does, though a child of it keeps the pipe. */
static void child_left_behind(void **state)
{
	static const char *const scripts[] = {"sleep 1000 & echo pid $!", NULL};
	struct scene s;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, scripts);
	begin(&s, 0);
	pid = wait_for_pid(&s);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	assert_int_equal(kill(pid, SIGKILL), 0);
	close_scene(&s);
}

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void nothing_leaks(void **state)
{
	unsigned before = open_files();

	failing_command(state);
	commands_in_order(state);
	missing_program(state);
	stale_plan(state);
	assert_int_equal(open_files(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* With the terminal gone and its descriptors closed, and with a parent that ignores SIGCHLD. */
static void closed_descriptors(void **state)
{
	struct scene s;
	int kept[3];

	(void)state;
	if (geteuid() != 0)
		skip();
	open_scene(&s, support_edits, logging);
	for (int i = 0; i < 3; i++) {
		kept[i] = fcntl(i, F_DUPFD, 10);
		close(i);
	}
	(void)signal(SIGCHLD, SIG_IGN);
	(void)(txn_begin(s.root, s.plan, 0, &s.txn, &s.err) == 0 &&
		support_txn_run(s.txn, &s.log) == TXN_COMMITTED);
	(void)signal(SIGCHLD, SIG_DFL);
	for (int i = 0; i < 3; i++) {
		dup2(kept[i], i);
		close(kept[i]);
	}
	says(s.log.s, "output done\n");
	says(s.log.s, "committed");
	close_scene(&s);
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
		cmocka_unit_test(empty_plan),
		cmocka_unit_test(never_stepped),
		cmocka_unit_test(freed_half_way),
		cmocka_unit_test(changed_while_applying),
		cmocka_unit_test(commands_in_order),
		cmocka_unit_test(no_commands),
		cmocka_unit_test(failing_command),
		cmocka_unit_test(failing_both_ways),
		cmocka_unit_test(missing_program),
		cmocka_unit_test(clean_surroundings),
		cmocka_unit_test(language_of_the_system),
		cmocka_unit_test(clean_output),
		cmocka_unit_test(flood_of_output),
		cmocka_unit_test(cancelled_while_sleeping),
		cmocka_unit_test(cancelled_though_deaf),
		cmocka_unit_test(cancelled_while_flooding),
		cmocka_unit_test(child_left_behind),
		cmocka_unit_test(nothing_leaks),
		cmocka_unit_test(closed_descriptors),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
