#include "core/txn_private.h"

#include "core/edit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_BYTES 500
#define GRACE_SECONDS  5
/* Of a program that has ended: what its own children still write must not keep us. */
#define DRAIN_MAX (1u << 20)
/* Where a program finds the lock: beyond what shells and scripts number themselves. */
#define LOCK_FD 64

/* Why the child could not become the program. */
struct failure {
	int code;
	char doing[32];
};

/* What a program finds in its environment; the last place is for LANG. */
static const char *const environment[] = {
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	"TERM=dumb",
	"HOME=/root",
	"DEBIAN_FRONTEND=noninteractive",
	/* Of the lock, in the output of grub-mkconfig and dracut: lvm(8). */
	"LVM_SUPPRESS_FD_WARNINGS=1",
	NULL,
	NULL,
};

/* -- its language -- */

static bool is_locale(const char *text)
{
	return *text && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789_.@-") == strlen(text);
}

/* LANG as the system sets it at login (locale.conf(5); Debian: /etc/default/locale), else as it is
 * here: grub-mkconfig writes it into the boot menu, which must not change with who runs it.
 * *ret NULL: none. */
static int find_language(const struct root *root, char **ret)
{
	static const char *const files[] = {"/etc/locale.conf", "/etc/default/locale"};
	_cleanup_(strv_free) struct strv words = {0};
	const char *language = getenv("LANG");

	for (size_t i = 0; i < ARRAY_SIZE(files) && !words.n; i++) {
		_cleanup_free_ char *text = NULL;

		if (root_read_text(root, files[i], &text, NULL) == 0 &&
			edit_shell_words(text, "LANG", &words, NULL) < 0)
			return -ENOMEM;
	}
	if (words.n)
		language = words.v[words.n - 1];
	if (!language || !is_locale(language))
		return 0;
	return asprintf(ret, "LANG=%s", language) < 0 ? -ENOMEM : 0;
}

/* -- the child -- */

static void give_up(int report, const char *doing) __attribute__((noreturn));
static void give_up(int report, const char *doing)
{
	struct failure failure = {.code = -errno};

	(void)snprintf(failure.doing, sizeof(failure.doing), "%s", doing);
	(void)!write(report, &failure, sizeof(failure));
	_exit(127);
}

/* Signals are still blocked here; they open once no handler of ours is left. */
static void default_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The system below the root with this one's kernel interfaces, seen by the program alone. */
static void enter_root(const char *path, int report)
{
	static const char *const shared[] = {"proc", "sys", "dev", "run"};
	char host[16];
	struct stat st;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
		give_up(report, "making a mount namespace");
	if (chdir(path) < 0)
		give_up(report, "entering the root");
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
		(void)snprintf(host, sizeof(host), "/%s", shared[i]);
		if (lstat(shared[i], &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		if (mount(host, shared[i], "none", MS_BIND | MS_REC, NULL) < 0)
			give_up(report, "mounting into the root");
	}
	if (chroot(".") < 0)
		give_up(report, "entering the root");
}

static void become(const struct root *root, char *const argv[], const char *language, int lock,
	int out, int report) __attribute__((noreturn));
static void become(const struct root *root, char *const argv[], const char *language, int lock,
	int out, int report)
{
	const char *env[ARRAY_SIZE(environment)];
	bool has_lock = lock >= 0;
	int null;

	/* Above the three that are about to be replaced: stdin may have been closed. */
	out = fcntl(out, F_DUPFD_CLOEXEC, 3);
	report = fcntl(report, F_DUPFD_CLOEXEC, 3);
	if (has_lock && (lock = fcntl(lock, F_DUPFD, LOCK_FD)) < 0)
		give_up(report, "keeping the lock");
	null = open("/dev/null", O_RDONLY);
	if (out < 0 || report < 0 || null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
		dup2(out, 2) < 0)
		give_up(report, "redirecting");
	(void)syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
	if (has_lock && fcntl(lock, F_SETFD, 0) < 0)
		give_up(report, "keeping the lock");
	(void)setsid();
	(void)umask(022);
	if (!root_is_live(root))
		enter_root(root_path(root), report);
	if (chdir("/") < 0)
		give_up(report, "entering the root");
	default_signals();
	memcpy(env, environment, sizeof(env));
	env[ARRAY_SIZE(env) - 2] = language;
	(void)execve(argv[0], argv, (char *const *)(uintptr_t)env);
	give_up(report, "starting");
}

/* -- the parent -- */

static void release(struct txn_run *run)
{
	base_closep(&run->out);
	base_closep(&run->end);
	base_closep(&run->timer);
	base_closep(&run->poll);
	str_free(&run->line);
	run->pid = 0;
}

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 255;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int watch(struct txn_run *run, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(run->poll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int prepare(struct txn_run *run, int out[2], int report[2])
{
	int r;

	*run = (struct txn_run){.end = -EBADF, .out = -EBADF};
	run->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	run->poll = epoll_create1(EPOLL_CLOEXEC);
	if (run->timer < 0 || run->poll < 0 || pipe2(out, O_CLOEXEC) < 0 ||
		pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	run->out = TAKE_FD(out[0]);
	if (fcntl(run->out, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r = watch(run, run->timer);
	return r < 0 ? r : watch(run, run->out);
}

/* With every signal blocked until the child has put its own house in order. */
static pid_t fork_blocked(void)
{
	struct sigaction child;
	sigset_t all, old;
	pid_t pid;

	/* Inherited as ignored, it would keep the exit status from us. */
	if (sigaction(SIGCHLD, NULL, &child) == 0 && child.sa_handler == SIG_IGN)
		(void)signal(SIGCHLD, SIG_DFL);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid != 0)
		(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return pid < 0 ? -errno : pid;
}

/* Readable when the process has ended; on kernels before 5.3 twenty times a second, to look. */
static int open_end(pid_t pid)
{
	const struct itimerspec often = {{0, 50000000}, {0, 50000000}};
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0 || errno != ENOSYS)
		return fd;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd >= 0)
		(void)timerfd_settime(fd, 0, &often, NULL);
	return fd;
}

/* Ends when the program runs (the descriptor closes with exec) or could not. */
static int wait_for_start(struct txn_run *run, int report, const char *program, struct error *err)
{
	struct failure failure;
	ssize_t n;

	do
		n = read(report, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n == sizeof(failure))
		return error_set(err, failure.code, "%s: %s: %s%s", program, failure.doing,
			strerror(-failure.code),
			failure.code == -EPERM ? "; only root can do that"
			: failure.code == -ENOENT && strcmp(failure.doing, "starting") == 0
				? "; install the package that has it"
				: "");
	run->end = open_end(run->pid);
	if (run->end < 0 || watch(run, run->end) < 0)
		return error_set(err, -errno, "%s: watching it: %s", program, strerror(errno));
	return 0;
}

int txn_run_start(struct txn_run *run, const struct root *root, const struct strv *argv, int lock,
	struct error *err)
{
	int out[2] = {-EBADF, -EBADF}, report[2] = {-EBADF, -EBADF}, r = prepare(run, out, report);
	const char *program = argv->v[0];
	_cleanup_free_ char *language = NULL;

	if (r == 0 && find_language(root, &language) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = fork_blocked();
	if (r == 0)
		become(root, argv->v, language, lock, out[1], report[1]);
	base_closep(&out[0]);
	base_closep(&out[1]);
	base_closep(&report[1]);
	if (r > 0) {
		run->pid = r;
		r = wait_for_start(run, report[0], program, err);
		if (r < 0) {
			/* With what it may have started already. */
			(void)kill(-run->pid, SIGKILL);
			(void)kill(run->pid, SIGKILL);
			(void)reap(run->pid);
		}
	} else {
		(void)error_set(err, r, "%s: starting: %s", program, strerror(-r));
	}
	base_closep(&report[0]);
	if (r < 0)
		release(run);
	return r < 0 ? r : 0;
}

static void cut_line(struct str *line)
{
	/* The last character, all bytes of it. */
	while (line->len > 1 && (line->s[line->len - 1] & 0xc0) == 0x80)
		line->len--;
	line->len--;
	line->s[line->len] = '\0';
	str_add(line, "...");
}

/* One byte of output; true when it ends a line.  Control characters and escape sequences go. */
static bool take_byte(struct txn_run *run, char c)
{
	unsigned char u = (unsigned char)c;
	bool after_cr = run->after_cr;

	run->after_cr = c == '\r';
	if (c == '\n' || c == '\r') {
		run->escape = 0;
		return c == '\n' ? !after_cr : run->line.len > 0;
	}
	if (run->escape) {
		run->escape = run->escape == 1 && c == '['                 ? 2
			      : run->escape == 2 && (u < 0x40 || u > 0x7e) ? 2
									   : 0;
		return false;
	}
	if (u == 0x1b)
		run->escape = 1;
	if (c == '\t')
		c = ' ';
	if ((u < ' ' && u != '\t') || u == 0x7f || run->cut)
		return false;
	str_addc(&run->line, c);
	if (run->line.len > LINE_MAX_BYTES) {
		run->cut = true;
		cut_line(&run->line);
	}
	return false;
}

/* Reads until a line is whole.  False: there is no more for now. */
static bool next_line(struct txn_run *run)
{
	for (;;) {
		ssize_t n;

		while (run->in_pos < run->in_len)
			if (take_byte(run, run->in[run->in_pos++]))
				return true;
		if (run->out < 0 || run->drained > DRAIN_MAX)
			return false;
		n = read(run->out, run->in, sizeof(run->in));
		if (n < 0 && errno == EINTR)
			continue;
		/* At its end it would wake the poll for ever. */
		if (n == 0 || (n < 0 && errno != EAGAIN))
			base_closep(&run->out);
		if (n <= 0)
			return false;
		run->in_pos = 0;
		run->in_len = (size_t)n;
		if (run->ended)
			run->drained += run->in_len;
	}
}

static bool has_ended(struct txn_run *run)
{
	siginfo_t info = {0};

	if (!run->ended && waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		info.si_pid == run->pid) {
		run->ended = true;
		/* Nobody of a failed command goes on working.  The dead leader still holds its
		 * number, so no other group can be hit. */
		if (info.si_code != CLD_EXITED || info.si_status != 0)
			(void)kill(-run->pid, SIGKILL);
	}
	return run->ended;
}

static void check_grace(struct txn_run *run)
{
	uint64_t times;

	(void)!read(run->end, &times, sizeof(times));
	if (read(run->timer, &times, sizeof(times)) > 0)
		(void)kill(-run->pid, SIGKILL);
}

static enum txn_run_result give_line(struct txn_run *run, const char **line)
{
	str_addn(&run->line, "", 0);
	*line = run->line.s ? run->line.s : "";
	run->given = true;
	return TXN_RUN_LINE;
}

enum txn_run_result txn_run_step(struct txn_run *run, const char **line, int *code)
{
	if (run->given) {
		run->line.len = 0;
		run->given = run->cut = false;
	}
	if (next_line(run))
		return give_line(run, line);
	if (!has_ended(run)) {
		check_grace(run);
		return TXN_RUN_NOTHING;
	}
	/* What it wrote just before it ended. */
	if (next_line(run) || run->line.len)
		return give_line(run, line);
	*code = reap(run->pid);
	release(run);
	return TXN_RUN_ENDED;
}

void txn_run_end(struct txn_run *run)
{
	struct itimerspec grace = {.it_value.tv_sec = GRACE_SECONDS};

	if (run->asked_to_end)
		return;
	run->asked_to_end = true;
	(void)timerfd_settime(run->timer, 0, &grace, NULL);
	(void)kill(-run->pid, SIGTERM);
	/* One that is stopped must hear it. */
	(void)kill(-run->pid, SIGCONT);
}
