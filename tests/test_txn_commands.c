/* The programs that a transaction runs, and how it goes back when one fails. */
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
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const logging[] = {
	"read l </etc/default/grub; echo one $l >>/log", "echo two >>/log; echo done", NULL};

static void commands_in_order(void **state)
{
	struct scene s;

	(void)state;
	if (geteuid() != 0)
		skip();
	scene_open(&s, support_edits, logging);
	scene_begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	scene_is_file(&s, "/log", "one GRUB_TIMEOUT=9\ntwo\n");
	support_says(s.log.s,
		"file /etc/empty.d/file\n"
		"command /bin/sh -c read l </etc/default/grub; echo one $l >>/log\n"
		"command-done /bin/sh -c read l </etc/default/grub; echo one $l >>/log\n"
		"command /bin/sh -c echo two >>/log; echo done\n"
		"output done\n"
		"command-done /bin/sh -c echo two >>/log; echo done\n"
		"committed ");
	scene_close(&s);
}

static void no_commands(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, support_edits, NULL);
	plan_free(s.plan);
	s.plan = support_txn_plan(s.root, support_edits, logging);
	scene_begin(&s, TXN_NO_COMMANDS);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	assert_null(strstr(s.log.s, "command"));
	assert_false(root_exists(s.root, "/log"));
	scene_close(&s);
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
	scene_open(&s, support_edits, scripts);
	scene_begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	scene_is_as_before(&s);
	scene_is_file(&s, "/log", "one GRUB_TIMEOUT=9\ntwo\none GRUB_TIMEOUT=5\ntwo\n");
	support_says(s.log.s, "command-done 3 /bin/sh -c echo two");
	support_says(s.log.s, " failed with exit status 3\nrestored /etc/empty.d/file\nrestored "
			      "/etc/gone-link\n");
	support_says(s.log.s, "restored /etc/default/grub\ncommand /bin/sh -c read");
	support_says(s.log.s, "\nrolled-back /bin/sh -c echo two");
	states = support_txn_states(s.dir);
	assert_string_equal(states, "1 rolled-back\n");
	scene_close(&s);
}

static void failing_both_ways(void **state)
{
	static const char *const scripts[] = {"exit 1", NULL};
	struct scene s;
	_cleanup_free_ char *states = NULL;

	(void)state;
	if (geteuid() != 0)
		skip();
	scene_open(&s, support_edits, scripts);
	scene_begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	scene_is_as_before(&s);
	support_says(s.log.s,
		"restore-failed -5 /bin/sh -c exit 1 failed while going back (exit status 1)");
	support_says(s.log.s, "rolled-back -5 ");
	/* So that the commands can be tried again. */
	states = support_txn_states(s.dir);
	assert_string_equal(states, "1 interrupted\n");
	scene_close(&s);
}

static void missing_program(void **state)
{
	struct scene s;

	(void)state;
	if (geteuid() != 0)
		skip();
	scene_open(&s, support_edits, (const char *const[]){"echo ran >>/log", NULL});
	assert_int_equal(plan_add_command(s.plan, COMMAND_BOOT_LOADER, "",
				 (const char *const[]){"/usr/sbin/update-grub", NULL}),
		0);
	scene_begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	scene_is_as_before(&s);
	support_says(s.log.s,
		"failed -2 /usr/sbin/update-grub: starting: No such file or directory; install");
	scene_is_file(&s, "/log", "ran\nran\n");
	scene_close(&s);
}

/* What the command sees of us and of the host. */
static void clean_surroundings(void **state)
{
	static const char *const scripts[] = {"read x || echo no input",
		"echo "
		"$PATH,$TERM,$HOME,$DEBIAN_FRONTEND,$SECRET$LD_LIBRARY_PATH$BASH_ENV$ENV,$(umask),$"
		"(pwd)",
		/* 3 is the directory that it reads. */
		"for f in /proc/$$/fd/*; do echo ${f##*/}; done",
		"read pid comm state parent group session rest </proc/$$/stat; echo $((session - "
		"pid))",
		/* Without 32 and 33: glibc's posix_spawn, and so make, leaves its own two ignored.
		 */
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
	scene_open(&s, support_edits, scripts);
	assert_int_equal(setenv("SECRET", "secret", 1), 0);
	assert_int_equal(setenv("LD_LIBRARY_PATH", "/tmp", 1), 0);
	assert_int_equal(setenv("BASH_ENV", "/tmp/a", 1), 0);
	assert_int_equal(setenv("ENV", "/tmp/a", 1), 0);
	(void)signal(SIGUSR2, SIG_IGN);
	(void)sigemptyset(&usr1);
	(void)sigaddset(&usr1, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &usr1, NULL);
	leak = open("/", O_RDONLY);
	scene_begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	close(leak);
	(void)sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	(void)signal(SIGUSR2, SIG_DFL);
	support_says(s.log.s, "output no input\n");
	support_says(s.log.s,
		"output /usr/sbin:/usr/bin:/sbin:/bin,dumb,/root,noninteractive,,0022,/\n");
	/* 64: the lock. */
	support_says(s.log.s, "output 0\noutput 1\noutput 2\noutput 3\noutput 64\ncommand-done");
	support_says(s.log.s, "output 0\ncommand-done");
	support_says(s.log.s, "output SigBlk: 0\noutput SigIgn: 0\n");
	support_says(s.log.s, "output dev\n");
	/* Its mounts were its own. */
	support_run((const char *const[]){"/bin/cat", "/proc/self/mounts", NULL}, &mounts);
	assert_null(strstr(mounts.s, s.dir));
	str_free(&mounts);
	unsetenv("LD_LIBRARY_PATH");
	unsetenv("BASH_ENV");
	unsetenv("ENV");
	scene_close(&s);
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

		scene_open(&s, support_edits, (const char *const[]){"echo $LANG,$LC_ALL", NULL});
		if (cases[i].file)
			support_put(s.dir, cases[i].file, cases[i].text);
		assert_int_equal(setenv("LANG", cases[i].ours, 1), 0);
		assert_int_equal(setenv("LC_ALL", "C", 1), 0);
		scene_begin(&s, 0);
		assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
		support_says(s.log.s, cases[i].seen);
		scene_close(&s);
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
	scene_open(&s, support_edits, scripts);
	scene_begin(&s, 0);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	support_says(s.log.s, "output ared b\n");
	support_says(s.log.s, "output 10%\noutput 20%\noutput \ncommand-done");
	support_says(s.log.s, "output gr\xc3\xbcn\n");
	support_says(s.log.s, "output xy\n");
	snprintf(line, sizeof(line), "output %0500d...\n", 0);
	support_says(s.log.s, line);
	snprintf(line, sizeof(line), "output %0499d...\n", 7);
	support_says(s.log.s, line);
	support_says(s.log.s, "output error\noutput no newline\ncommand-done");
	scene_close(&s);
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
	scene_open(&s, support_edits, scripts);
	scene_begin(&s, 0);
	while (txn_step(s.txn, &ev)) {
		struct pollfd fd = {.fd = txn_fd(s.txn), .events = POLLIN};

		if (ev.kind == TXN_NOTHING)
			assert_int_equal(poll(&fd, 1, 60000), 1);
		if (ev.kind == TXN_OUTPUT)
			assert_int_equal(strtoul(ev.text, NULL, 10), next++);
	}
	assert_int_equal(ev.kind, TXN_COMMITTED);
	assert_int_equal(next, 100000);
	scene_close(&s);
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
	scene_open(&s, support_edits, scripts);
	scene_begin(&s, 0);
	pid = wait_for_pid(&s);
	txn_cancel(s.txn);
	txn_cancel(s.txn);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_ROLLED_BACK);
	scene_is_as_before(&s);
	wait_until_gone(pid);
	support_says(s.log.s, "failed -125 cancelled\nrestored");
	support_says(s.log.s, "\nrolled-back cancelled\n");
	scene_close(&s);
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
	scene_open(&s, support_edits, scripts);
	scene_begin(&s, 0);
	pid = wait_for_pid(&s);
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	/* It is nothing of the change any more. */
	support_txn_rollback(s.dir, NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	scene_close(&s);
}

/* Applies in a process of its own, which is killed while the command waits for /go. */
static void kill_while_running(struct scene *s)
{
	char text[32] = "";
	pid_t child;
	int said[2];

	assert_int_equal(pipe(said), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		scene_begin(s, 0);
		dprintf(said[1], "%d\n", wait_for_pid(s));
		(void)pause();
		_exit(1);
	}
	close(said[1]);
	assert_true(read(said[0], text, sizeof(text) - 1) > 0);
	close(said[0]);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static int begin_when_free(struct scene *s)
{
	int r = -EAGAIN;

	for (int tries = 0; r == -EAGAIN && tries < 1000; tries++) {
		r = txn_begin(s->root, s->plan, 0, &s->txn, &s->err);
		if (r == -EAGAIN)
			poll(NULL, 0, 10);
	}
	return r;
}

/* A program that outlives the killed one works on: nobody starts it again beside it. */
static void orphan_keeps_lock(void **state)
{
	static const char *const scripts[] = {UNLESS_OLD
		"(while [ ! -e /go ]; do sleep 0.1; done; echo 1 >>/log) & echo pid $!; wait",
		NULL};
	static const struct support_edit other[] = {{"/etc/other", "new\n", 0644}, {.path = NULL}};
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	struct scene s;

	(void)state;
	if (geteuid() != 0)
		skip();
	scene_open(&s, support_edits, scripts);
	kill_while_running(&s);
	scene_states_are(&s, "1 applying\n");
	plan_freep(&s.plan);
	assert_int_equal(snapshots_load(s.root, &snapshots, &s.err), 0);
	assert_int_equal(snapshot_rollback_plan(s.root, &snapshots, NULL, &s.plan, &s.err), -EBUSY);
	support_says(s.err.text, "still runs: /bin/sh (process ");
	s.plan = support_txn_plan(s.root, other, NULL);
	assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -EAGAIN);
	support_says(s.err.text, "a vfio-wizard was killed");
	assert_false(root_exists(s.root, "/log"));
	support_put(s.dir, "/go", "");
	assert_int_equal(begin_when_free(&s), 0);
	scene_is_file(&s, "/log", "1\n");
	assert_int_equal(support_txn_run(s.txn, &s.log), TXN_COMMITTED);
	scene_close(&s);
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
	struct scene s;

	failing_command(state);
	commands_in_order(state);
	missing_program(state);
	scene_open(&s, support_edits, NULL);
	support_put(s.dir, "/etc/default/grub", "somebody's\n");
	assert_int_equal(txn_begin(s.root, s.plan, 0, &s.txn, &s.err), -ESTALE);
	scene_close(&s);
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
	scene_open(&s, support_edits, logging);
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
	support_says(s.log.s, "output done\n");
	support_says(s.log.s, "committed");
	scene_close(&s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
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
		cmocka_unit_test(orphan_keeps_lock),
		cmocka_unit_test(nothing_leaks),
		cmocka_unit_test(closed_descriptors),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
