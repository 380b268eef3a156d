/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/tty.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static const int noted_signals[] = {SIGTERM, SIGHUP, SIGQUIT, SIGINT, SIGTSTP, SIGCONT};
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static volatile sig_atomic_t got[TTY_CONTINUE + 1];

static struct {
	struct termios modes;
	char text[256];
	size_t len;
} rescue;

static void on_signal(int sig)
{
	got[sig == SIGINT        ? TTY_INTERRUPT
		: sig == SIGTSTP ? TTY_SUSPEND
		: sig == SIGCONT ? TTY_CONTINUE
				 : TTY_STOP] = 1;
}

static void on_crash(int sig)
{
	ssize_t n = write(STDOUT_FILENO, rescue.text, rescue.len);

	(void)n;
	tcsetattr(STDIN_FILENO, TCSANOW, &rescue.modes);
	raise(sig); /* SA_RESETHAND: as if there were no handler */
}

int tty_rescue_byte(int c)
{
	if (rescue.len < sizeof(rescue.text))
		rescue.text[rescue.len++] = (char)c;
	return c;
}

static void handle(struct tty *tty, int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

	sigemptyset(&sa.sa_mask);
	sigaction(sig, NULL, &tty->actions[sig]);
	if (tty->actions[sig].sa_handler != SIG_IGN)
		sigaction(sig, &sa, NULL);
}

void tty_take(struct tty *tty)
{
	sigset_t block;

	for (size_t i = 0; i < N_OF(got); i++)
		got[i] = 0;
	tcgetattr(STDIN_FILENO, &tty->modes);
	rescue.modes = tty->modes;
	rescue.len = 0;
	sigemptyset(&block);
	sigaddset(&block, SIGWINCH);
	sigaction(SIGWINCH, NULL, &tty->actions[SIGWINCH]); /* handled by ncurses */
	for (size_t i = 0; i < N_OF(noted_signals); i++) {
		sigaddset(&block, noted_signals[i]);
		handle(tty, noted_signals[i], on_signal, 0);
	}
	for (size_t i = 0; i < N_OF(crash_signals); i++)
		handle(tty, crash_signals[i], on_crash, (int)SA_RESETHAND);
	sigprocmask(SIG_BLOCK, &block, &tty->mask);
	tty->wait_mask = tty->mask;
	for (int sig = 1; sig < NSIG; sig++) {
		if (sigismember(&block, sig) == 1)
			sigdelset(&tty->wait_mask, sig);
	}
}

void tty_take_stderr(struct tty *tty)
{
	if (!isatty(STDERR_FILENO)) /* already sent elsewhere by the user */
		return;
	tty->stderr_caught = memfd_create("stderr", MFD_CLOEXEC);
	tty->stderr_saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (tty->stderr_caught < 0 || tty->stderr_saved < 0)
		return;
	fflush(stderr);
	dup2(tty->stderr_caught, STDERR_FILENO);
}

static void replay(int fd)
{
	char buf[4096];
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) != 0)
		return;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			unsigned char c = (unsigned char)buf[i];

			if ((c < ' ' && c != '\n' && c != '\t') || c == 127)
				buf[i] = '?';
		}
		if (write(STDERR_FILENO, buf, (size_t)n) < 0)
			return;
	}
}

static void give_back_stderr(struct tty *tty)
{
	if (tty->stderr_saved >= 0 && tty->stderr_caught >= 0) {
		fflush(stderr);
		dup2(tty->stderr_saved, STDERR_FILENO);
		replay(tty->stderr_caught);
	}
	if (tty->stderr_saved >= 0)
		close(tty->stderr_saved);
	if (tty->stderr_caught >= 0)
		close(tty->stderr_caught);
}

void tty_give_back(struct tty *tty)
{
	tcsetattr(STDIN_FILENO, TCSADRAIN, &tty->modes);
	give_back_stderr(tty);
	/* What is still pending is noted, not died of. */
	sigprocmask(SIG_SETMASK, &tty->mask, NULL);
	sigaction(SIGWINCH, &tty->actions[SIGWINCH], NULL);
	for (size_t i = 0; i < N_OF(noted_signals); i++)
		sigaction(noted_signals[i], &tty->actions[noted_signals[i]], NULL);
	for (size_t i = 0; i < N_OF(crash_signals); i++)
		sigaction(crash_signals[i], &tty->actions[crash_signals[i]], NULL);
}

enum tty_note tty_noted(void)
{
	for (enum tty_note n = TTY_STOP; n <= TTY_CONTINUE; n++) {
		if (got[n]) {
			got[n] = 0;
			return n;
		}
	}
	return TTY_NOTHING;
}

bool tty_suspend(struct tty *tty)
{
	struct sigaction ours;
	sigset_t both;

	if (tty->actions[SIGTSTP].sa_handler == SIG_IGN)
		return false;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &tty->modes);
	sigaction(SIGTSTP, &tty->actions[SIGTSTP], &ours);
	sigemptyset(&both);
	sigaddset(&both, SIGTSTP);
	sigaddset(&both, SIGCONT);
	kill(0, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &both, NULL); /* stopped here */
	sigprocmask(SIG_BLOCK, &both, NULL);
	sigaction(SIGTSTP, &ours, NULL);
	got[TTY_CONTINUE] = 0;
	return true;
}
