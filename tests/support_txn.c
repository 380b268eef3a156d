#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support_txn.h"

#include "tests/support.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

const struct support_edit support_edits[] = {
	{"/etc/default/grub", "GRUB_TIMEOUT=9\n", 0600},
	{"/etc/modprobe.d/own.conf", "options a b=1\noptions c d=2\n", 0640},
	{"/etc/new.d/deep/script", "#!/bin/sh\n", 0755},
	{"/etc/new-link", "new.d/deep/script", 0},
	{"/etc/link", "default", 0},
	{"/etc/gone.conf", NULL, 0},
	{"/etc/gone-link", NULL, 0},
	{"/etc/empty.d/file", "x\n", 0644},
	{NULL, NULL, 0},
};

static void path_in(const char *dir, const char *path, char ret[static 512])
{
	assert_true(snprintf(ret, 512, "%s%s", dir, path) < 512);
}

static void put_file(const char *dir, const char *path, const char *text, mode_t mode)
{
	char full[512];

	path_in(dir, path, full);
	support_put(dir, path, text);
	assert_int_equal(chmod(full, mode), 0);
	if (geteuid() == 0 && mode != 0644)
		assert_int_equal(chown(full, SUPPORT_OWNER, SUPPORT_OWNER + 1), 0);
	/* Not every file system has them; where they are, they must stay. */
	if (mode != 0644)
		(void)setxattr(full, "user.note", "a=b %\n\xff", 8, 0);
}

static void put_link(const char *dir, const char *path, const char *where)
{
	char full[512];

	path_in(dir, path, full);
	assert_int_equal(symlink(where, full), 0);
	if (geteuid() == 0)
		assert_int_equal(lchown(full, SUPPORT_OWNER, SUPPORT_OWNER + 1), 0);
}

static void put_directory(const char *dir, const char *path)
{
	char full[512];

	path_in(dir, path, full);
	assert_int_equal(mkdir(full, 0755), 0);
}

/* The shell with its libraries, so that it runs after chroot. */
void support_txn_programs(const char *dir)
{
	static const char copy[] =
		"cd / && mkdir -p \"$0/usr/lib64\" && for p in /bin/sh /bin/sleep /bin/mv; do echo $p; ldd "
		"$p | grep -o '/[^ ]*'; done |"
		" sort -u | xargs cp -L --parents -t \"$0\" && mkdir -p \"$0/proc\" \"$0/dev\"";

	assert_int_equal(
		support_run((const char *const[]){"/bin/sh", "-c", copy, dir, NULL}, NULL), 0);
}

char *support_txn_system(bool programs)
{
	char *dir = support_scratch();

	assert_int_equal(chmod(dir, 0755), 0);
	put_file(dir, "/etc/default/grub", "GRUB_TIMEOUT=5\n", 0644);
	put_file(dir, "/etc/modprobe.d/own.conf", "options a b=1\n", 0640);
	put_file(dir, "/etc/gone.conf", "to be deleted\n", 0600);
	put_file(dir, "/var/lib/other", "", 0644);
	put_link(dir, "/etc/gone-link", "nowhere");
	put_link(dir, "/etc/link", "modprobe.d");
	put_directory(dir, "/etc/empty.d");
	if (programs)
		support_txn_programs(dir);
	return dir;
}

char *support_txn_tree(const char *dir)
{
	static const char *const without[] = {SNAPSHOT_STATE_DIR, "/bin", "/lib", "/lib64", "/usr",
		"/proc", "/dev", "/log", NULL};
	static const char *const with_xattr[] = {
		"/etc/default/grub", "/etc/modprobe.d/own.conf", "/etc/gone.conf"};
	_cleanup_free_ char *tree = support_tree(dir, without);
	_cleanup_(str_free) struct str out = {0};
	char full[512], value[64], *ret;

	str_add(&out, tree);
	for (size_t i = 0; i < ARRAY_SIZE(with_xattr); i++) {
		ssize_t n;

		path_in(dir, with_xattr[i], full);
		n = getxattr(full, "user.note", value, sizeof(value));
		if (n >= 0)
			str_addf(&out, "%s user.note=%.*s\n", with_xattr[i], (int)n, value);
	}
	assert_int_equal(str_take(&out, &ret), 0);
	return ret;
}

struct root *support_txn_root(const char *dir)
{
	struct root *root = NULL;
	struct error err = {0};

	if (root_open(dir, NULL, &root, &err) < 0)
		fail_msg("%s", err.text);
	return root;
}

static void add_edit(const struct root *root, struct plan *plan, const struct support_edit *edit)
{
	struct content before = {0}, after = {.mode = edit->mode ? edit->mode : 0777};
	struct error err = {0};
	char *path = NULL;

	after.kind = !edit->text ? CONTENT_ABSENT : edit->mode ? CONTENT_FILE : CONTENT_LINK;
	after.text = (char *)(uintptr_t)edit->text;
	if (content_read(root, edit->path, true, &path, &before, &err) < 0)
		fail_msg("%s", err.text);
	if (!content_same(&before, &after))
		assert_int_equal(plan_add_change(plan, "test", path, &before, &after), 0);
	content_free(&before);
	free(path);
}

struct plan *support_txn_plan(
	const struct root *root, const struct support_edit *edits, const char *const *scripts)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	assert_non_null(plan);
	plan->summary = strdup("a test's 100% plan");
	for (; edits && edits->path; edits++)
		add_edit(root, plan, edits);
	for (; scripts && *scripts; scripts++)
		assert_int_equal(plan_add_command(plan, COMMAND_PREPARE, "a script",
					 (const char *const[]){"/bin/sh", "-c", *scripts, NULL}),
			0);
	return plan;
}

void support_txn_log(struct str *log, const struct txn_event *ev)
{
	static const char *const names[] = {
		[TXN_NOTHING] = "nothing",
		[TXN_SNAPSHOT] = "snapshot",
		[TXN_FILE] = "file",
		[TXN_COMMAND] = "command",
		[TXN_OUTPUT] = "output",
		[TXN_COMMAND_DONE] = "command-done",
		[TXN_FAILED] = "failed",
		[TXN_RESTORED] = "restored",
		[TXN_RESTORE_FAILED] = "restore-failed",
		[TXN_COMMITTED] = "committed",
		[TXN_ROLLED_BACK] = "rolled-back",
	};

	assert_non_null(ev->text);
	assert_true(ev->done <= ev->total);
	if (!log || ev->kind == TXN_NOTHING)
		return;
	if (ev->code)
		str_addf(log, "%s %d %s\n", names[ev->kind], ev->code, ev->text);
	else
		str_addf(log, "%s %s\n", names[ev->kind], ev->text);
}

enum txn_event_kind support_txn_run(struct txn *txn, struct str *log)
{
	struct txn_event ev;
	int more;

	do {
		more = txn_step(txn, &ev);
		support_txn_log(log, &ev);
		if (ev.kind == TXN_NOTHING) {
			struct pollfd fd = {.fd = txn_fd(txn), .events = POLLIN};

			assert_true(fd.fd >= 0);
			assert_int_equal(poll(&fd, 1, 60000), 1);
		}
	} while (more);
	return ev.kind;
}

static void run_plan(const struct root *root, const struct plan *plan)
{
	struct str log = {0};
	struct txn *txn = NULL;
	struct error err = {0};

	if (txn_begin(root, plan, 0, &txn, &err) < 0)
		fail_msg("%s", err.text);
	if (support_txn_run(txn, &log) != TXN_COMMITTED)
		fail_msg("%s", log.s);
	txn_free(txn);
	str_free(&log);
}

void support_txn_apply(
	const char *dir, const struct support_edit *edits, const char *const *scripts)
{
	struct root *root = support_txn_root(dir);
	struct plan *plan = support_txn_plan(root, edits, scripts);

	run_plan(root, plan);
	plan_free(plan);
	root_close(root);
}

void support_txn_rollback(const char *dir, const char *id)
{
	struct root *root = support_txn_root(dir);
	struct snapshots snapshots = {0};
	struct plan *plan = NULL;
	struct error err = {0};

	if (snapshots_load(root, &snapshots, &err) < 0 ||
		snapshot_rollback_plan(root, &snapshots, id, &plan, &err) < 0)
		fail_msg("%s", err.text);
	run_plan(root, plan);
	plan_free(plan);
	snapshots_free(&snapshots);
	root_close(root);
}

char *support_txn_states(const char *dir)
{
	struct root *root = support_txn_root(dir);
	struct snapshots snapshots = {0};
	struct error err = {0};
	struct str out = {0};
	char *ret;

	if (snapshots_load(root, &snapshots, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < snapshots.n; i++)
		str_addf(&out, "%ju %s\n", (uintmax_t)snapshots.v[i].number,
			snapshots.v[i].damaged ? "damaged"
					       : snapshot_state_name(snapshots.v[i].state));
	snapshots_free(&snapshots);
	root_close(root);
	assert_int_equal(str_take(&out, &ret), 0);
	return ret;
}

char *support_txn_id(const char *dir, unsigned number)
{
	struct root *root = support_txn_root(dir);
	struct snapshots snapshots = {0};
	char *ret = NULL;

	assert_int_equal(snapshots_load(root, &snapshots, NULL), 0);
	for (size_t i = 0; i < snapshots.n; i++)
		if (snapshots.v[i].number == number)
			ret = strdup(snapshots.v[i].id);
	snapshots_free(&snapshots);
	root_close(root);
	assert_non_null(ret);
	return ret;
}
