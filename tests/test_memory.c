/* With every allocation failing in turn: what is said of a system is said whole, or not at all.
 *
 * FAULTS=all tries each; otherwise some are left out.  (Transactions: test_txn_faults.c.) */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/check.h"
#include "core/report.h"
#include "tests/deny.h"
#include "tests/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MACHINE "intel-z690-vmd-2x-navi"
#define GPU     "0000:03:00.0"
#define REFUSED 1               /* for want of memory */
#define ABORTED (128 + SIGABRT) /* by libkmod, which asserts that its buffers grow */
#define ALL     2               /* there are not so many allocations */

static int describe(const struct root *root, const struct machine *machine, struct str *out)
{
	_cleanup_(requirements_free) struct requirements requirements = {0};
	_cleanup_(choice_free) struct choice choice = {0};
	_cleanup_(plan_freep) struct plan *plan = NULL;
	int r = choice_add(&choice, machine_device(machine, GPU));

	if (r == 0)
		r = plan_build(root, machine, &choice, &plan, NULL);
	if (r == 0)
		r = check_requirements(machine, NULL, &requirements);
	for (int json = 0; r == 0 && json < 2; json++) {
		r = report_list(machine, json, out);
		if (r == 0)
			r = report_check(&requirements, &plan->findings, json, out);
		if (r == 0)
			r = report_plan(plan, json, out);
	}
	return r;
}

/* All that `list`, `check` and `plan` say, to fd; the exit status. */
static int say(const char *dir, unsigned deny, int fd)
{
	struct root *root = NULL;
	struct machine *machine = NULL;
	struct str out = {0};
	int r;

	deny_at = deny;
	deny_counting = true;
	r = root_open(dir, NULL, &root, NULL);
	if (r == 0)
		r = machine_scan(root, MACHINE_ALL & ~MACHINE_NAMES, &machine, NULL);
	if (r == 0)
		r = describe(root, machine, &out);
	if (r == 0)
		r = str_check(&out);
	deny_counting = false;
	if (deny_at && deny_count < deny_at)
		return ALL;
	for (size_t at = 0; r == 0 && at < out.len;) {
		ssize_t n = write(fd, out.s + at, out.len - at);

		if (n < 0)
			return ALL + 1;
		at += (size_t)n;
	}
	return r == 0 ? 0 : REFUSED;
}

/* What a child of its own says; its exit status, or 128 and its signal. */
static int ask(const char *dir, unsigned deny, struct str *out)
{
	char buf[4096];
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)!freopen("/dev/null", "w", stderr);
		_exit(say(dir, deny, fds[1]));
	}
	(void)close(fds[1]);
	while ((n = read(fds[0], buf, sizeof(buf))) > 0)
		str_addn(out, buf, (size_t)n);
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void deny_each(const char *name, unsigned stride)
{
	_cleanup_(str_free) struct str whole = {0};
	char *dir = support_system(MACHINE, name);
	unsigned n = 1, refused = 0;
	int status;

	assert_int_equal(ask(dir, 0, &whole), 0);
	do {
		_cleanup_(str_free) struct str out = {0};

		status = ask(dir, n, &out);
		refused += status == REFUSED || status == ABORTED;
		if ((status > ALL && status != ABORTED) ||
			(status == 0 && strcmp(out.s, whole.s) != 0))
			print_message("%s, allocation %u: status %d\n", name, n, status);
		assert_true(status <= ALL || status == ABORTED);
		if (status == 0)
			support_assert_same(whole.s, out.s);
		n += stride;
	} while (status != ALL);
	print_message("%s: some of %u allocations, %u times nothing was said\n", name, n, refused);
	assert_true(refused > 0);
	support_remove(dir);
}

static void what_is_said_is_whole(void **state)
{
	const char *faults = getenv("FAULTS");
	unsigned stride = faults && strcmp(faults, "all") == 0 ? 1 : 23;

	(void)state;
	if (!DENY_WORKS)
		skip();
	deny_each("debian12", stride);
	deny_each("arch-refind", stride);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_said_is_whole)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
