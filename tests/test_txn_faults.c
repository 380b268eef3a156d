/* The transaction with every system call failing in turn, with every allocation failing, and killed
 * before every call: the program itself under strace(1), which makes the kernel do it.  Afterwards
 * every file is old or new, and the ways back and on are there.
 *
 * FAULTS=all tries each call with each of the errors, and each allocation; otherwise the errors
 * take turns from call to call, and of the allocations some are left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/trial.h"
#include "tests/deny.h"
#include "tests/support.h"
#include "tests/support_txn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* -- the program under test: test_txn_faults --child WHAT DIR -- */

enum { COMMITTED, RESTORED, REFUSED, HARMED, NOTHING_TO_DO };

static const char *const scripts[] = {
	"read l </etc/default/grub; echo one $l >>/log", "echo two >>/log", NULL};

static const char *const failing_scripts[] = {
	"read l </etc/default/grub; [ $l = GRUB_TIMEOUT=5 ]", NULL};

/* What takes an unconfirmed change back, and what it takes back. */
#define UNITS "/etc/systemd/system/"
static const char *const guards[] = {UNITS "vfio-wizard-trial.service",
	UNITS "vfio-wizard-tried.service", UNITS "vfio-wizard-trial.timer",
	UNITS "wants/vfio-wizard-trial.timer", TRIAL_PATH};
static const struct support_edit trial_edits[] = {
	{UNITS "vfio-wizard-trial.service", "service\n", 0644},
	{UNITS "vfio-wizard-tried.service", "tried\n", 0644},
	{UNITS "vfio-wizard-trial.timer", "timer\n", 0644},
	{UNITS "wants/vfio-wizard-trial.timer", "../vfio-wizard-trial.timer", 0},
	{"/etc/default/grub", "GRUB_TIMEOUT=0\n", 0644}, {"/etc/gone.conf", NULL, 0},
	{.path = NULL}};

static bool is_on_trial(const char *what)
{
	return strstr(what, "on-trial") != NULL;
}

/* Found in the trace: where the part that counts begins. */
#define MARK (void)getpgid(0)

/* back: as `rollback` has it; undo, finish: of what was cut short, as `recover` has it. */
static struct plan *way_out(const char *what, const struct root *root, struct error *err)
{
	struct snapshots snapshots = {0};
	const struct snapshot *s;
	struct plan *plan = NULL;

	if (snapshots_load(root, &snapshots, err) < 0)
		return NULL;
	s = snapshots_interrupted(&snapshots);
	if (strcmp(what, "back") == 0)
		(void)snapshot_rollback_plan(root, &snapshots, NULL, &plan, err);
	else if (!s)
		(void)error_set(err, -ENOENT, "nothing was cut short");
	else if (strcmp(what, "finish") == 0)
		(void)snapshot_finish_plan(root, &snapshots, &plan, err);
	else
		(void)snapshot_rollback_plan(root, &snapshots, s->id, &plan, err);
	snapshots_free(&snapshots);
	return plan;
}

/* The same as support_txn_run(), which allocates for itself. */
static enum txn_event_kind run_counted(struct txn *txn, struct str *log)
{
	struct txn_event ev;
	int more;

	do {
		deny_counting = true;
		more = txn_step(txn, &ev);
		deny_counting = false;
		support_txn_log(log, &ev);
		if (ev.kind == TXN_NOTHING) {
			struct pollfd fd = {.fd = txn_fd(txn), .events = POLLIN};

			assert_int_equal(poll(&fd, 1, 60000), 1);
		}
	} while (more);
	return ev.kind;
}

static struct plan *make_plan(const char *what, const struct root *root, struct error *err)
{
	struct plan *plan;

	if (base_starts(what, "apply")) {
		plan = support_txn_plan(root, is_on_trial(what) ? trial_edits : support_edits,
			base_starts(what, "apply-and-run")    ? scripts
			: base_starts(what, "apply-and-fail") ? failing_scripts
							      : NULL);
		plan->trial = is_on_trial(what) ? 5 : 0;
		return plan;
	}
	deny_counting = true;
	plan = way_out(what, root, err);
	deny_counting = false;
	return plan;
}

static int begin(
	const struct root *root, const struct plan *plan, struct txn **txn, struct error *err)
{
	int r;

	MARK;
	deny_counting = true;
	r = txn_begin(root, plan, 0, txn, err);
	deny_counting = false;
	return r;
}

static int child(const char *what, const char *dir, const char *deny)
{
	struct root *root = support_txn_root(dir);
	struct error err = {0};
	struct plan *plan;
	struct txn *txn = NULL;
	struct str log = {0};
	int result;

	deny_at = deny ? (unsigned)atoi(deny) : 0;
	plan = make_plan(what, root, &err);
	if (!plan) {
		puts(err.text);
		result = err.code == -ENOENT ? NOTHING_TO_DO : REFUSED;
	} else if (begin(root, plan, &txn, &err) < 0) {
		puts(err.text);
		result = REFUSED;
	} else {
		result = run_counted(txn, &log) == TXN_COMMITTED ? COMMITTED : RESTORED;
		if (log.s && strstr(log.s, "rolled-back -"))
			result = HARMED;
		puts(log.s);
	}
	if (deny_at && deny_count < deny_at)
		puts("all allocations");
	fflush(stdout);
	txn_free(txn);
	plan_free(plan);
	root_close(root);
	str_free(&log);
	return result;
}

/* -- strace -- */

static char self[512];

static int run_child(const char *what, const char *dir, struct str *out)
{
	return support_run((const char *const[]){self, "--child", what, dir, NULL}, out);
}

/* `inject` as strace -e has it; NULL: only look.  The trace is left in DIR.trace. */
static int run_traced(
	const char *what, const char *dir, const char *call, const char *inject, struct str *out)
{
	char trace[600], filter[64], fault[128];

	snprintf(trace, sizeof(trace), "%s.trace", dir);
	snprintf(filter, sizeof(filter), "trace=getpgid,%s", call);
	snprintf(fault, sizeof(fault), "inject=%s:%s", call, inject ? inject : "");
	return support_run(
		(const char *const[]){"strace", "-qq", "-E", "ASAN_OPTIONS=detect_leaks=0", "-o",
			trace, "-e", filter, "-e", inject ? fault : "trace=getpgid", "-e", filter,
			self, "--child", what, dir, NULL},
		out);
}

static char *read_trace(const char *dir)
{
	char trace[600];
	char *text;

	snprintf(trace, sizeof(trace), "%s.trace", dir);
	text = support_get("", trace);
	assert_non_null(text);
	unlink(trace);
	return text;
}

static bool have_strace(void)
{
	return geteuid() == 0 && access("/proc/self/exe", R_OK) == 0 &&
	       support_run((const char *const[]){"strace", "-qq", "-e", "trace=none", "/bin/true",
				   NULL},
		       NULL) == 0;
}

/* How often it is called before the mark and after it. */
static void count_calls(
	const char *what, const char *dir, const char *call, unsigned *before, unsigned *after)
{
	_cleanup_free_ char *trace = NULL;
	const char *mark;
	char start[64];

	(void)run_traced(what, dir, call, NULL, NULL);
	trace = read_trace(dir);
	mark = strstr(trace, "getpgid(0)");
	assert_non_null(mark);
	snprintf(start, sizeof(start), "%s(", call);
	*before = *after = 0;
	for (const char *p = trace; (p = strstr(p, start)); p++)
		if (p == trace || p[-1] == '\n')
			++*(p < mark ? before : after);
}

/* -- what may be there afterwards -- */

/* Each file is as in the one tree or in the other.  What is in neither is a directory that is to
 * come, or the temporary file. */
static void is_old_or_new(const char *dir, const char *old, const char *new_)
{
	_cleanup_free_ char *now = support_txn_tree(dir);
	_cleanup_(strv_free) struct strv lines = {0};

	assert_int_equal(strv_split(&lines, now, "\n"), 0);
	for (size_t i = 0; i < lines.n; i++)
		if (!strstr(old, lines.v[i]) && !strstr(new_, lines.v[i]) &&
			!strstr(lines.v[i], "/.vfio-wizard.new "))
			fail_msg("neither old nor new: %s", lines.v[i]);
}

static void is_tree(
	const char *dir, const char *want, const char *what, const char *call, unsigned n)
{
	_cleanup_free_ char *now = support_txn_tree(dir);

	if (strcmp(want, now) != 0)
		fail_msg("%s, %s %u: the tree is\n%s\nand should be\n%s", what, call, n, now, want);
}

/* Where anything else is not as it was: what would take it back at the next boot is there. */
static void is_guarded(const char *dir, const char *call, unsigned n)
{
	_cleanup_free_ char *grub = support_get(dir, "/etc/default/grub");
	struct stat st;
	char path[600];

	snprintf(path, sizeof(path), "%s/etc/gone.conf", dir);
	if (strcmp(grub, "GRUB_TIMEOUT=5\n") == 0 && access(path, F_OK) == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(guards); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, guards[i]);
		if (lstat(path, &st) < 0)
			fail_msg("%s %u: %s is missing", call, n, guards[i]);
	}
}

static bool trial_exists(const char *dir)
{
	char path[600];

	snprintf(path, sizeof(path), "%s" TRIAL_PATH, dir);
	return access(path, F_OK) == 0;
}

static bool state_exists(const char *dir)
{
	char path[600];

	snprintf(path, sizeof(path), "%s" SNAPSHOT_STATE_DIR, dir);
	return access(path, F_OK) == 0;
}

static char *tree_after(const char *what, const char *first)
{
	char *dir = support_txn_system(strcmp(what, "apply-and-run") == 0), *tree;

	if (first)
		assert_int_equal(run_child(first, dir, NULL), COMMITTED);
	assert_int_equal(run_child(what, dir, NULL), COMMITTED);
	tree = support_txn_tree(dir);
	support_remove(dir);
	return tree;
}

struct sweep {
	const char *what, *first; /* what is run; what ran before it in peace */
	char *start, *end;        /* the tree before it and after it */
	bool on_trial;
};

/* What was tried in all, for the end. */
static unsigned failures, denials, kills;

static bool try_all(void)
{
	const char *faults = getenv("FAULTS");

	return faults && strcmp(faults, "all") == 0;
}

/* The system before what is run. */
static char *make_start(const struct sweep *s)
{
	char *dir = support_txn_system(base_starts(s->what, "apply-and-"));

	if (s->first)
		assert_int_equal(run_child(s->first, dir, NULL), COMMITTED);
	return dir;
}

/* It came to one of its ends, and nothing stands in the way of the next one. */
static void is_whole(const struct sweep *s, const char *dir, const char *call, unsigned n,
	int result, const char *out)
{
	switch (result) {
	case COMMITTED:
		is_tree(dir, s->end, s->what, call, n);
		break;
	case RESTORED:
		is_tree(dir, s->start, s->what, call, n);
		assert_true(strstr(out, "failed -"));
		break;
	case REFUSED:
		is_tree(dir, s->start, s->what, call, n);
		/* Unless it is the very removal of it that failed. */
		if (!s->first && strcmp(call, "unlinkat") != 0 && state_exists(dir))
			fail_msg("%s %u: refused, but the state directory stays", call, n);
		break;
	default:
		fail_msg("%s %s %u: result %d: %s", s->what, call, n, result, out);
	}
	/* As it was, or as it shall be. */
	if (s->on_trial && trial_exists(dir) != ((result == COMMITTED) == (s->first == NULL)))
		fail_msg("%s %s %u: result %d, and the trial is wrong", s->what, call, n, result);
	if (result != COMMITTED)
		assert_int_equal(run_child(s->what, dir, NULL), COMMITTED);
	is_tree(dir, s->end, "the next one", call, n);
}

static void one_failure(const struct sweep *s, const char *call, const char *fault, unsigned n)
{
	char *dir = make_start(s);
	_cleanup_free_ char *trace = NULL;
	struct str out = {0};
	char inject[64];
	int result;

	snprintf(inject, sizeof(inject), "error=%s:when=%u", fault, n);
	result = run_traced(s->what, dir, call, inject, &out);
	trace = read_trace(dir);
	/* The kernel has openat2 tried again while others rename: a run can have fewer than the one
	 * that was counted. */
	if (!strstr(trace, "(INJECTED)") && strcmp(call, "openat2") != 0)
		fail_msg("%s %u of %s: not injected", call, n, s->what);
	if (strstr(trace, "(INJECTED)")) {
		is_whole(s, dir, call, n, result, out.s);
		failures++;
	}
	str_free(&out);
	support_remove(dir);
}

/* A failure while it goes back after another: what could not be put back then can be later. */
static void one_failure_in_failure(
	const struct sweep *s, const char *call, const char *fault, unsigned n)
{
	char *dir = make_start(s), inject[64];
	struct str out = {0};
	int result;

	snprintf(inject, sizeof(inject), "error=%s:when=%u", fault, n);
	result = run_traced(s->what, dir, call, inject, &out);
	free(read_trace(dir));
	if (s->on_trial)
		is_guarded(dir, call, n);
	if (result == HARMED) {
		assert_true(strstr(out.s, "\nrestore-failed "));
		result = run_child("undo", dir, NULL);
		/* Only marking it as put back was not certain. */
		assert_true(result == COMMITTED || result == NOTHING_TO_DO);
	} else if (result != RESTORED && result != REFUSED)
		fail_msg("%s %s %u: result %d: %s", s->what, call, n, result, out.s);
	is_tree(dir, s->start, s->what, call, n);
	failures++;
	str_free(&out);
	support_remove(dir);
}

/* In a copy, since there are other ways out.  In the end it is `want`; where it was not recognised
 * as cut short, it had not begun or had ended. */
static void way_out_leads_to(const struct sweep *s, const char *from, const char *way,
	const char *want, const char *call, unsigned n)
{
	_cleanup_free_ char *now = NULL;
	char *dir = support_scratch();
	struct str out = {0};
	int result;

	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(support_run((const char *const[]){"/bin/sh", "-c", "cp -a \"$0/.\" \"$1\"",
					     from, dir, NULL},
				 NULL),
		0);
	result = run_child(way, dir, &out);
	if (result == NOTHING_TO_DO) {
		now = support_txn_tree(dir);
		if (strcmp(now, s->start) != 0 && strcmp(now, s->end) != 0)
			fail_msg("%s killed at %s %u: not recognised:\n%s", s->what, call, n, now);
	} else if (result == COMMITTED) {
		is_tree(dir, want, way, call, n);
	} else {
		fail_msg("%s killed at %s %u: %s: %d %s", s->what, call, n, way, result, out.s);
	}
	str_free(&out);
	support_remove(dir);
}

static void one_kill(const struct sweep *s, const char *old, const char *call, unsigned n)
{
	char *dir = make_start(s);
	struct str out = {0};
	char inject[64];
	int result;

	snprintf(inject, sizeof(inject), "signal=SIGKILL:when=%u", n);
	(void)run_traced(s->what, dir, call, inject, NULL);
	free(read_trace(dir));
	is_old_or_new(dir, s->start, s->end);
	if (s->on_trial)
		is_guarded(dir, call, n);
	if (try_all() || n % 2)
		way_out_leads_to(s, dir, "undo", s->start, call, n);
	if (try_all() || n % 2 == 0)
		way_out_leads_to(s, dir, "finish", s->end, call, n);
	result = run_child("back", dir, &out);
	if (result != COMMITTED && result != NOTHING_TO_DO)
		fail_msg(
			"%s killed at %s %u: the way back: %d %s", s->what, call, n, result, out.s);
	is_tree(dir, old, s->what, call, n);
	kills++;
	str_free(&out);
	support_remove(dir);
}

/* The errors that each call fails with; from call to call the next one. */
static const char *const all_faults[] = {"ENOSPC", "EIO", "EROFS", "EPERM", "EDQUOT", NULL};

static void open_sweep(struct sweep *s, const char *what, const char *first)
{
	char *dir;

	*s = (struct sweep){.what = what,
		.first = first,
		.on_trial = is_on_trial(what) || (first && is_on_trial(first))};
	dir = make_start(s);
	s->start = support_txn_tree(dir);
	s->end = base_starts(what, "apply-and-fail") ? strdup(s->start) : tree_after(what, first);
	support_remove(dir);
}

static void close_sweep(struct sweep *s)
{
	free(s->start);
	free(s->end);
}

static void count_in(const struct sweep *s, const char *call, unsigned *before, unsigned *after)
{
	char *dir = make_start(s);

	count_calls(s->what, dir, call, before, after);
	support_remove(dir);
}

static void fail_each(const struct sweep *s, const char *call, const char *const *faults)
{
	unsigned before, after, n_faults = 0;

	count_in(s, call, &before, &after);
	while (faults[n_faults])
		n_faults++;
	for (unsigned n = before + 1; n <= before + after; n++)
		for (unsigned i = 0; i < n_faults; i++)
			if (try_all() || i == n % n_faults)
				one_failure(s, call, faults[i], n);
}

static void kill_each(const struct sweep *s, const char *call)
{
	char *dir = support_txn_system(strcmp(s->what, "apply-and-run") == 0);
	_cleanup_free_ char *old = support_txn_tree(dir);
	unsigned before, after;

	support_remove(dir);
	count_in(s, call, &before, &after);
	for (unsigned n = before + 1; n <= before + after; n++)
		one_kill(s, old, call, n);
}

static const char *const calls[] = {"mkdirat", "openat", "openat2", "write", "fsync", "renameat",
	"unlinkat", "symlinkat", "fchmod", "fchown", "fchownat", "fsetxattr", "fallocate",
	"syncfs"};

static void every_call_fails(void **state)
{
	static const char *const locking[] = {"ENOLCK", NULL};
	struct sweep s;

	(void)state;
	if (!have_strace())
		skip();
	open_sweep(&s, "apply", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		fail_each(&s, calls[i], all_faults);
	fail_each(&s, "fcntl", locking);
	close_sweep(&s);
}

static void every_call_fails_going_back(void **state)
{
	struct sweep s;

	(void)state;
	if (!have_strace())
		skip();
	open_sweep(&s, "back", "apply");
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		fail_each(&s, calls[i], all_faults);
	close_sweep(&s);
}

/* Every third, unless all are asked for: up to the first failure it is an apply like others. */
static void every_call_fails_in_failure(void **state)
{
	struct sweep s;

	(void)state;
	if (!have_strace())
		skip();
	open_sweep(&s, "apply-and-fail", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		unsigned before, after;

		count_in(&s, calls[i], &before, &after);
		for (unsigned n = before + 1; n <= before + after; n++)
			for (unsigned k = 0; all_faults[k]; k++)
				if (try_all() || (n % 3 == i % 3 && n / 3 % 5 == k))
					one_failure_in_failure(&s, calls[i], all_faults[k], n);
	}
	close_sweep(&s);
}

/* What starts a program.  strace does not follow it: these are the calls of the parent. */
static void starting_fails(void **state)
{
	static const char *const starting[] = {
		"pipe2", "clone", "epoll_create1", "epoll_ctl", "timerfd_create", "pidfd_open"};
	static const char *const lack[] = {"EAGAIN", NULL};
	static const char *const disk[] = {"EIO", NULL};
	struct sweep s;

	(void)state;
	if (!have_strace())
		skip();
	open_sweep(&s, "apply-and-run", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(starting); i++)
		fail_each(&s, starting[i], lack);
	fail_each(&s, "syncfs", disk);
	close_sweep(&s);
}

/* Kernels before 5.3 have no pidfd_open(2): the end of a program is seen all the same. */
static void an_old_kernel(void **state)
{
	struct sweep s;
	unsigned before, after;
	struct str out = {0};
	char *dir;

	(void)state;
	if (!have_strace())
		skip();
	open_sweep(&s, "apply-and-run", NULL);
	count_in(&s, "pidfd_open", &before, &after);
	assert_int_equal(after, 2);
	dir = make_start(&s);
	assert_int_equal(run_traced(s.what, dir, "pidfd_open", "error=ENOSYS", &out), COMMITTED);
	free(read_trace(dir));
	is_tree(dir, s.end, s.what, "pidfd_open", 0);
	str_free(&out);
	support_remove(dir);
	close_sweep(&s);
}

static void deny_each(const char *what, const char *first)
{
	struct sweep s;
	bool all = false;

	open_sweep(&s, what, first);
	for (unsigned n = 1; !all; n += try_all() ? 1 : 1 + n % 13) {
		char *dir = make_start(&s), deny[16];
		struct str out = {0};
		int result;

		snprintf(deny, sizeof(deny), "%u", n);
		result = support_run(
			(const char *const[]){self, "--child", what, dir, deny, NULL}, &out);
		is_whole(&s, dir, "allocation", n, result, out.s);
		all = strstr(out.s, "all allocations") != NULL;
		denials += !all;
		str_free(&out);
		support_remove(dir);
	}
	close_sweep(&s);
}

static void every_allocation_fails(void **state)
{
	(void)state;
	if (geteuid() != 0 || !DENY_WORKS)
		skip();
	deny_each("apply", NULL);
	deny_each("apply-and-run", NULL);
	deny_each("back", "apply");
}

static const char *const killed_at[] = {"mkdirat", "openat", "write", "fsync", "renameat",
	"unlinkat", "symlinkat", "fchmod", "fchown", "fsetxattr", "fallocate"};

static void killed(void **state)
{
	struct sweep s;

	(void)state;
	if (!have_strace())
		skip();
	open_sweep(&s, "apply", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(killed_at); i++)
		kill_each(&s, killed_at[i]);
	close_sweep(&s);
}

static void killed_going_back(void **state)
{
	struct sweep s;

	(void)state;
	if (!have_strace())
		skip();
	open_sweep(&s, "back", "apply");
	for (size_t i = 0; i < ARRAY_SIZE(killed_at); i++)
		kill_each(&s, killed_at[i]);
	close_sweep(&s);
}

/* What is on trial is so from its first file to the end of its way back. */
static void on_trial(void **state)
{
	static const char *const writing[] = {"openat", "write", "fsync", "renameat", "unlinkat"};
	static const struct {
		const char *what, *first;
	} cases[] = {{"apply-on-trial", NULL}, {"back", "apply-on-trial"}};
	struct sweep s;

	(void)state;
	if (!have_strace())
		skip();
	for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
		open_sweep(&s, cases[k].what, cases[k].first);
		for (size_t i = 0; i < ARRAY_SIZE(writing); i++)
			fail_each(&s, writing[i], all_faults);
		kill_each(&s, "renameat");
		kill_each(&s, "unlinkat");
		close_sweep(&s);
	}
	open_sweep(&s, "apply-and-fail-on-trial", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(writing); i++) {
		unsigned before, after;

		count_in(&s, writing[i], &before, &after);
		for (unsigned n = before + 1; n <= before + after; n += try_all() ? 1 : 3)
			one_failure_in_failure(&s, writing[i], all_faults[n % 5], n);
	}
	close_sweep(&s);
}

/* The program that applies dies while a command runs. */
static void killed_while_running(void **state)
{
	struct sweep s;

	(void)state;
	if (!have_strace())
		skip();
	open_sweep(&s, "apply-and-run", NULL);
	kill_each(&s, "pidfd_open");
	kill_each(&s, "pipe2");
	kill_each(&s, "syncfs");
	close_sweep(&s);
}

static int say_counts(void **state)
{
	(void)state;
	print_message("tried: %u failing calls, %u failing allocations, %u kills\n", failures,
		denials, kills);
	return 0;
}

/* -- the order in which it reaches the disk -- */

static char *path_in_trace(const char *line, const char *after)
{
	const char *p = strstr(line, after);
	size_t n;
	char *path;

	p = p ? strchr(p, '<') : NULL;
	assert_non_null(p);
	n = strcspn(p + 1, ">");
	path = strndup(p + 1, n);
	assert_non_null(path);
	return path;
}

static bool was_synced(const struct strv *lines, size_t before, const char *path)
{
	char want[700];

	snprintf(want, sizeof(want), "<%s>)", path);
	for (size_t i = before; i-- > 0;) {
		if (strstr(lines->v[i], "O_CREAT") && strstr(lines->v[i], path))
			return false;
		if (base_starts(lines->v[i], "fsync(") && strstr(lines->v[i], want))
			return true;
	}
	return false;
}

/* A rename comes after the fsync of what is renamed, and before that of its directory; so does
 * every other change of a directory; and the snapshot is whole before the first file changes. */
static void order_on_disk(void **state)
{
	char *dir, command[1200];
	_cleanup_free_ char *trace = NULL;
	_cleanup_(strv_free) struct strv lines = {0};
	unsigned renames = 0;

	(void)state;
	if (!have_strace())
		skip();
	dir = support_txn_system(false);
	snprintf(command, sizeof(command),
		"exec strace -y -qq -E ASAN_OPTIONS=detect_leaks=0 -o %s.trace -e "
		"trace=openat,fsync,renameat,unlinkat,symlinkat,mkdirat %s --child apply %s",
		dir, self, dir);
	assert_int_equal(support_run((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL),
		COMMITTED);
	trace = read_trace(dir);
	assert_int_equal(strv_split(&lines, trace, "\n"), 0);
	for (size_t i = 0; i < lines.n; i++) {
		const char *line = lines.v[i];
		_cleanup_free_ char *parent = NULL, *old = NULL;
		char name[64], want[700];

		if (!base_starts(line, "renameat(") || !strstr(line, "= 0"))
			continue;
		renames++;
		parent = path_in_trace(line, "renameat(");
		assert_int_equal(sscanf(strstr(line, ">, "), ">, \"%63[^\"]", name), 1);
		/* The words for the state were written under the name that the snapshot had then.
		 */
		if (strcmp(name, "complete") == 0)
			strcpy(strrchr(parent, '/'), "/new");
		assert_true(asprintf(&old, "%s/%s", parent, name) > 0);
		/* A symbolic link has no content of its own. */
		if (!base_starts(lines.v[i - 1], "symlinkat(") && !was_synced(&lines, i, old))
			fail_msg("not synced before: %s", line);
		free(parent);
		parent = path_in_trace(line, "renameat(");
		snprintf(want, sizeof(want), "<%s>)", parent);
		if (!base_starts(lines.v[i + 1], "fsync(") || !strstr(lines.v[i + 1], want))
			fail_msg("not synced after: %s\n%s", line, lines.v[i + 1]);
		if (renames == 1 && !strstr(parent, "/snapshots"))
			fail_msg("before the snapshot: %s", line);
	}
	assert_int_equal(renames, 1 + 6 + 1);
	support_remove(dir);
}

/* What programs wrote, too, before the change counts as complete. */
static void programs_on_disk(void **state)
{
	char *dir, command[1200];
	_cleanup_free_ char *trace = NULL;
	const char *sync, *complete;

	(void)state;
	if (!have_strace())
		skip();
	dir = support_txn_system(true);
	snprintf(command, sizeof(command),
		"exec strace -y -qq -E ASAN_OPTIONS=detect_leaks=0 -o %s.trace -e "
		"trace=clone,syncfs,renameat %s --child apply-and-run %s",
		dir, self, dir);
	assert_int_equal(support_run((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL),
		COMMITTED);
	trace = read_trace(dir);
	complete = strstr(trace, "\"complete\"");
	sync = strstr(trace, "syncfs(");
	if (!complete || !sync || sync > complete || !strstr(sync, dir) || strstr(sync, "clone("))
		fail_msg("%s", trace);
	support_remove(dir);
}

/* -- disks that are full or cannot be written: real ones -- */

static char *small_disk(void)
{
	char *dir = support_scratch();
	_cleanup_free_ char *from = NULL;

	if (geteuid() != 0 || mount("tmpfs", dir, "tmpfs", 0, "size=6m,mode=755") < 0) {
		support_remove(dir);
		return NULL;
	}
	from = support_txn_system(true);
	{
		char command[1200];

		snprintf(command, sizeof(command), "cp -a %s/. %s", from, dir);
		assert_int_equal(
			support_run((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL),
			0);
	}
	support_remove(TAKE_PTR(from));
	return dir;
}

static void remove_disk(char *dir)
{
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
	support_remove(dir);
}

static void fill(const char *dir)
{
	char command[600];

	snprintf(command, sizeof(command), "cat /dev/zero >%s/fill", dir);
	support_run((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
}

static void full_before(void **state)
{
	char *dir = small_disk(), *old;
	struct str out = {0};

	(void)state;
	if (!dir)
		skip();
	fill(dir);
	old = support_txn_tree(dir);
	assert_int_equal(run_child("apply", dir, &out), REFUSED);
	if (!strstr(out.s, "No space left on device; free some space"))
		fail_msg("%s", out.s);
	is_tree(dir, old, "full", "", 0);
	assert_false(state_exists(dir));
	free(old);
	str_free(&out);
	remove_disk(dir);
}

/* A command fills it to the last byte and fails: the files come back all the same, a big one too
 * that was deleted. */
static void full_because_of_a_command(void **state)
{
	static const struct support_edit edits[] = {
		{"/etc/big", NULL, 0}, {"/etc/default/grub", "GRUB_TIMEOUT=9\n", 0644}, {0}};
	static const char *const filling[] = {
		"read l </etc/default/grub; [ $l = GRUB_TIMEOUT=9 ] || exit 0;"
		"while read x; do echo $x$x$x$x; done </bin/lines >/fill; "
		"echo $l >/second || exit 1",
		NULL};
	char *dir = small_disk(), *old;
	struct str lines = {0}, log = {0};
	struct root *root;
	struct plan *plan;
	struct txn *txn = NULL;
	struct error err = {0};

	(void)state;
	if (!dir)
		skip();
	for (int i = 0; i < 20000; i++)
		str_addf(&lines, "%0100d\n", i);
	support_put(dir, "/bin/lines", lines.s);
	lines.s[200000] = '\0';
	support_put(dir, "/etc/big", lines.s);
	str_free(&lines);
	old = support_txn_tree(dir);
	root = support_txn_root(dir);
	plan = support_txn_plan(root, edits, filling);
	if (txn_begin(root, plan, 0, &txn, &err) < 0)
		fail_msg("%s", err.text);
	if (support_txn_run(txn, &log) != TXN_ROLLED_BACK || strstr(log.s, "rolled-back -"))
		fail_msg("%.3000s", log.s);
	{
		char path[600];
		struct statvfs disk;

		assert_int_equal(statvfs(dir, &disk), 0);
		assert_true(disk.f_bavail < 32);
		snprintf(path, sizeof(path), "%s/fill", dir);
		assert_int_equal(unlink(path), 0);
		snprintf(path, sizeof(path), "%s/second", dir);
		(void)unlink(path);
	}
	is_tree(dir, old, "full", "", 0);
	txn_free(txn);
	plan_free(plan);
	root_close(root);
	str_free(&log);
	free(old);
	remove_disk(dir);
}

static void read_only(void **state)
{
	char *dir = small_disk(), *old;
	struct str out = {0};

	(void)state;
	if (!dir)
		skip();
	old = support_txn_tree(dir);
	assert_int_equal(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(run_child("apply", dir, &out), REFUSED);
	if (!strstr(out.s, "Read-only file system; remount it"))
		fail_msg("%s", out.s);
	is_tree(dir, old, "read-only", "", 0);
	free(old);
	str_free(&out);
	remove_disk(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_fails),
		cmocka_unit_test(every_call_fails_going_back),
		cmocka_unit_test(every_call_fails_in_failure),
		cmocka_unit_test(starting_fails),
		cmocka_unit_test(an_old_kernel),
		cmocka_unit_test(every_allocation_fails),
		cmocka_unit_test(killed),
		cmocka_unit_test(killed_going_back),
		cmocka_unit_test(on_trial),
		cmocka_unit_test(killed_while_running),
		cmocka_unit_test(order_on_disk),
		cmocka_unit_test(programs_on_disk),
		cmocka_unit_test(full_before),
		cmocka_unit_test(full_because_of_a_command),
		cmocka_unit_test(read_only),
	};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	if (argc >= 4 && strcmp(argv[1], "--child") == 0)
		return child(argv[2], argv[3], argc > 4 ? argv[4] : NULL);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, say_counts);
}
