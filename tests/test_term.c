/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal, headless and on a real pseudo terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/support_ui.h"

/* --- headless --- */

static int set_up(void **state)
{
	*state = ui_open(24, 80);
	return 0;
}

static int tear_down(void **state)
{
	term_close(*state);
	return 0;
}

static void test_put(void **state)
{
	struct term *t = *state;

	assert_int_equal(term_put(t, 0, 0, 10, TERM_NORMAL, "hello"), 5);
	assert_int_equal(term_put(t, 1, 2, 3, TERM_NORMAL, "hello"), 3);
	assert_int_equal(term_put(t, 2, -2, 5, TERM_NORMAL, "hello"), 5);
	assert_int_equal(term_put(t, 3, 78, 5, TERM_NORMAL, "hello"), 5);
	assert_int_equal(term_put(t, 4, 0, 0, TERM_NORMAL, "hello"), 0);
	assert_int_equal(term_put(t, 4, 0, -7, TERM_NORMAL, "hello"), 0);
	term_put(t, -1, 0, 10, TERM_NORMAL, "above");
	term_put(t, 24, 0, 10, TERM_NORMAL, "below");
	term_putf(t, 23, 78, 10, TERM_NORMAL, "%d", 42);
	assert_screen(t, "hello\n  hel\nllo\n"
			 "                                                                         "
			 "     he\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
			 "                                                                         "
			 "     42\n");
}

static void assert_shown(struct term *t, const char *text, const char *shown, int cells)
{
	term_clear(t);
	assert_int_equal(term_put(t, 3, 0, 80, TERM_NORMAL, text), cells);
	assert_int_equal(term_width(text, SIZE_MAX), cells);
	assert_row(t, 3, shown);
}

static void test_text_from_outside_is_harmless(void **state)
{
	struct term *t = *state;

	assert_shown(t, "a\033[2Jb", "a\xef\xbf\xbd[2Jb", 6);
	assert_shown(t, "a\nb\rc\x7f",
		"a\xef\xbf\xbd"
		"b\xef\xbf\xbd"
		"c\xef\xbf\xbd",
		6);
	assert_shown(t,
		"a\xc2\x9b"
		"31mb",
		"a\xef\xbf\xbd"
		"31mb",
		6); /* the 8-bit CSI */
	assert_shown(t, "\xff\xc0\x80\xed\xa0\x80x",
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		"\xef\xbf\xbd\xef\xbf\xbdx",
		7);
	assert_shown(t, "cut \xe6\xbc", "cut \xef\xbf\xbd\xef\xbf\xbd", 6);
	assert_shown(t, "a\u202eb\u200bc", "a\ufffdb\ufffdc", 5); /* direction, invisible */
	assert_shown(t, "\xe0\x80\xaf", "\ufffd\ufffd\ufffd", 3); /* overlong */
	assert_shown(t, "\xf0\x80\x80\xaf", "\ufffd\ufffd\ufffd\ufffd", 4);
	assert_shown(t, "\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd", 4);
	assert_shown(t, "\tx", "x", 9);
	assert_shown(t, "abc\tx", "abc x", 9);
}

static void test_wide_and_combining(void **state)
{
	struct term *t = *state;

	assert_shown(t, "漢字 e\u0301é", "漢字 e\u0301é", 7);
	assert_shown(t, "\u0301x", "\xef\xbf\xbdx", 2); /* nothing to combine with */
	term_clear(t);
	assert_int_equal(term_put(t, 0, 0, 3, TERM_NORMAL, "漢字"), 3);
	assert_row(t, 0, "漢");
	term_clear(t);
	assert_int_equal(
		term_put_part(t, (struct term_rect){0, 0, 1, 9}, 1, TERM_NORMAL, "漢字x", SIZE_MAX),
		4);
	assert_screen(t, " 字x\n");
	term_clear(t);
	assert_int_equal(
		term_put_part(t, (struct term_rect){0, 0, 1, 9}, 20, TERM_NORMAL, "abc", 3), 0);
	assert_screen(t, "");
}

static void test_clip(void **state)
{
	struct term *t = *state;

	term_clip(t, (struct term_rect){1, 2, 2, 5});
	for (int y = 0; y < 5; y++)
		term_put(t, y, 0, 20, TERM_NORMAL, "0123456789");
	assert_screen(t, "\n  23456\n  23456\n");
	term_box(t, (struct term_rect){0, 0, 24, 80}, TERM_NORMAL, "title");
	term_clip(t, (struct term_rect){-5, -5, 1000, 1000});
	assert_screen(t, "");
	term_fill(t, (struct term_rect){-1, -1, 1000, 1000}, TERM_DANGER);
	term_line(t, -3, -3, 1000, TERM_NORMAL);
	assert_int_equal(term_style_at(t, 23, 79), TERM_DANGER);
}

static void test_box(void **state)
{
	struct term *t = *state;

	term_box(t, (struct term_rect){0, 1, 3, 12}, TERM_NORMAL, "a title");
	assert_screen(t, " ┌─ a titl ─┐\n │          │\n └──────────┘\n");
	for (int h = -1; h < 4; h++) {
		for (int w = -1; w < 9; w++)
			term_box(t, (struct term_rect){22, 75, h, w}, TERM_NORMAL, "title");
	}
}

static void test_without_utf8(void **state)
{
	struct term *t = *state;

	t = term_close(t);
	setlocale(LC_ALL, "C");
	assert_int_equal(term_open_headless(&t, 24, 80), 0);
	*state = t;
	term_box(t, (struct term_rect){0, 0, 3, 12}, TERM_NORMAL, "漢é");
	assert_screen(t, "+- ?? -----+\n|          |\n+----------+\n");
	assert_int_equal(term_width("漢é", SIZE_MAX), 2);
}

static void test_styles(void **state)
{
	struct term *t = *state;

	for (enum term_style s = TERM_NORMAL; s < TERM_STYLES; s++) {
		term_put(t, 0, 0, 1, s, "x");
		assert_int_equal(term_style_at(t, 0, 0), s);
		assert_int_equal(term_reversed_at(t, 0, 0), s == TERM_FOCUS);
	}
	term_put(t, 0, 0, 4, TERM_DANGER, "x漢");
	term_reverse(t, (struct term_rect){-1, -1, 3, 4});
	assert_row(t, 0, "x漢");
	assert_int_equal(term_style_at(t, 0, 1), TERM_DANGER);
	assert_true(term_reversed_at(t, 0, 1));
	assert_true(term_reversed_at(t, 1, 2));
	assert_false(term_reversed_at(t, 0, 3));
}

static void test_headless_events(void **state)
{
	struct term *t = *state;
	struct term_event ev;
	int p[2];

	assert_int_equal(term_next(t, -1, -1).type, TERM_EVENT_STOP);
	assert_int_equal(term_next(t, -1, 0).type, TERM_EVENT_TIMEOUT);
	assert_int_equal(term_next(t, -1, 20).type, TERM_EVENT_TIMEOUT);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(term_next(t, p[0], 0).type, TERM_EVENT_TIMEOUT);
	assert_int_equal(write(p[1], "x", 1), 1);
	term_type(t, 'a');
	ev = term_next(t, p[0], -1);
	assert_int_equal(ev.type, TERM_EVENT_KEY); /* keys first */
	assert_int_equal(ev.key, 'a');
	assert_int_equal(term_next(t, p[0], -1).type, TERM_EVENT_FD);
	assert_int_equal(read(p[0], &ev, 1), 1);
	close(p[1]);
	assert_int_equal(term_next(t, p[0], -1).type, TERM_EVENT_FD); /* its end */
	close(p[0]);
	term_resize(t, 10, 40);
	assert_int_equal(term_next(t, -1, -1).type, TERM_EVENT_RESIZE);
	assert_int_equal(term_screen(t).h, 10);
	assert_int_equal(term_screen(t).w, 40);
}

static void test_key_names(void **state)
{
	static const struct {
		uint32_t key;
		const char *name;
	} names[] = {{TERM_KEY_ENTER, "Enter"}, {TERM_KEY_ESC, "Esc"}, {' ', "Space"},
		{TERM_CTRL('l'), "^L"}, {'a', "a"}, {0xfc, "ü"}, {TERM_KEY_PAGE_DOWN, "PgDn"},
		{TERM_KEY_TAB, "Tab"}, {TERM_KEY_BACKSPACE, "Backspace"}, {TERM_KEY_F1, "F1"},
		{TERM_KEY_OTHER, ""}, {TERM_KEY_UP, "Up"}, {TERM_KEY_DELETE, "Del"}};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_string_equal(term_key_name(names[i].key), names[i].name);
}

/* --- on a pseudo terminal: a child that reports each event and each frame --- */

struct job {
	pid_t pid;
	int master, slave;
	int report;
	struct termios before;
	char out[1 << 16]; /* what the terminal got */
	size_t out_len;
};

static void report(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		_exit(99);
}

static void row(const void *data, size_t i, struct term *t, struct term_rect r)
{
	int end = r.x + r.w;
	int x = r.x;

	(void)data;
	x += term_putf(t, r.y, x, end - x, TERM_NORMAL, "[%c] ", i % 3 ? ' ' : 'x');
	x += term_putf(t, r.y, x, end - x, TERM_NORMAL, "0000:%02zx:00.0 ", i);
	x += term_put(t, r.y, x, end - x, i % 2 ? TERM_GOOD : TERM_DANGER, "vfio-pci ");
	x += term_put(t, r.y, x, end - x, TERM_DIM, "GeForce RTX 3080 Lite Hash Rate ");
	term_put(t, r.y, x, end - x, TERM_WARNING, "shared, the only screen");
}

static const struct widget_rows rows = {.draw = row};

static void draw_frame(struct term *t, const struct widget_list *l)
{
	struct term_rect r = term_screen(t);

	term_clear(t);
	term_box(t, r, TERM_NORMAL, "a list");
	r = (struct term_rect){r.y + 1, r.x + 1, r.h - 2, r.w - 2};
	widget_list_draw(l, t, r, true, &rows, NULL);
	term_show(t);
}

static void report_event(int fd, struct term *t, struct term_event ev)
{
	static const char *const types[] = {"key", "resize", "fd", "timeout", "stop"};
	char text[64];

	if (ev.type == TERM_EVENT_KEY)
		snprintf(text, sizeof(text), "key %s\n", term_key_name(ev.key));
	else if (ev.type == TERM_EVENT_RESIZE)
		snprintf(text, sizeof(text), "resize %dx%d\n", term_screen(t).w, term_screen(t).h);
	else
		snprintf(text, sizeof(text), "%s\n", types[ev.type]);
	report(fd, text);
}

/* q ends with 0, a stop with 3, A by abort(). */
static int child(int report_fd)
{
	struct widget_list l = {0};
	struct term_event ev = {0};
	struct term *t = NULL;
	char message[200] = "";

	if (term_open(&t, message, sizeof(message)) < 0) {
		report(report_fd, message);
		return 9;
	}
	fprintf(stderr, "a library says \033[2J\n");
	widget_list_set(&l, 100, 0, &rows, NULL);
	for (;;) {
		draw_frame(t, &l);
		report(report_fd, "frame\n");
		ev = term_next(t, -1, -1);
		report_event(report_fd, t, ev);
		if (ev.type == TERM_EVENT_STOP || (ev.type == TERM_EVENT_KEY && ev.key == 'q'))
			break;
		if (ev.type == TERM_EVENT_KEY && ev.key == 'A')
			abort();
		widget_list_key(&l, ev.key, term_screen(t).h - 2, &rows, NULL);
	}
	term_close(t);
	report(report_fd, "closed\n");
	return ev.type == TERM_EVENT_STOP ? 3 : 0;
}

static struct job *job_start_sized(
	const char *term, const char *locale, int (*run)(int), struct winsize size)
{
	struct job *j = calloc(1, sizeof(*j));
	int p[2];

	assert_non_null(j);
	assert_int_equal(pipe(p), 0);
	j->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(j->master >= 0 && grantpt(j->master) == 0 && unlockpt(j->master) == 0);
	j->slave = open(ptsname(j->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(j->slave >= 0);
	ioctl(j->slave, TIOCSWINSZ, &size);
	tcgetattr(j->slave, &j->before);
	fflush(NULL);
	j->pid = fork();
	assert_true(j->pid >= 0);
	if (j->pid == 0) {
		setsid();
		ioctl(j->slave, TIOCSCTTY, 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(j->slave, fd);
		close(j->slave);
		close(j->master);
		if (term)
			setenv("TERM", term, 1);
		else
			unsetenv("TERM");
		setenv("LC_ALL", locale, 1);
		unsetenv("NO_COLOR");
		_exit(run(p[1]));
	}
	close(p[1]);
	j->report = p[0];
	return j;
}

static struct job *job_start(const char *term, const char *locale, int (*run)(int))
{
	return job_start_sized(term, locale, run, (struct winsize){.ws_row = 24, .ws_col = 80});
}

/* Takes what the terminal got so far. */
static void job_drain(struct job *j)
{
	struct pollfd p = {.fd = j->master, .events = POLLIN};

	while (poll(&p, 1, 0) > 0 && (p.revents & POLLIN)) {
		ssize_t n = read(j->master, j->out + j->out_len, sizeof(j->out) - 1 - j->out_len);

		if (n <= 0)
			break;
		j->out_len += (size_t)n;
		j->out[j->out_len] = '\0';
	}
}

/* The next line that the child reports must be `expected`. */
static void job_expect(struct job *j, const char *expected)
{
	struct pollfd p[] = {
		{.fd = j->report, .events = POLLIN}, {.fd = j->master, .events = POLLIN}};
	char line[256] = "";
	size_t n = 0;

	while (n < sizeof(line) - 1 && (n == 0 || line[n - 1] != '\n')) {
		if (poll(p, 2, 10000) <= 0)
			fail_msg("waited for \"%s\"", expected);
		job_drain(j);
		if ((p[0].revents & (POLLIN | POLLHUP)) && read(j->report, line + n, 1) != 1)
			break;
		n += (p[0].revents & POLLIN) != 0;
		p[1].fd = p[1].revents & POLLIN ? j->master : -1;
	}
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, expected);
	job_drain(j);
}

static void job_send(struct job *j, const char *bytes)
{
	assert_int_equal(write(j->master, bytes, strlen(bytes)), strlen(bytes));
}

static int job_wait(struct job *j)
{
	int status = 0;

	assert_int_equal(waitpid(j->pid, &status, 0), j->pid);
	job_drain(j);
	return status;
}

static void job_free(struct job *j)
{
	close(j->report);
	close(j->master);
	if (j->slave >= 0)
		close(j->slave);
	free(j);
}

static void assert_restored(struct job *j)
{
	struct termios after;

	tcgetattr(j->slave, &after);
	assert_int_equal(after.c_lflag, j->before.c_lflag);
	assert_int_equal(after.c_iflag, j->before.c_iflag);
	assert_int_equal(after.c_oflag, j->before.c_oflag);
	assert_memory_equal(after.c_cc, j->before.c_cc, sizeof(after.c_cc));
	assert_non_null(strstr(j->out, "\033[?1049l")); /* xterm's main screen is back */
}

static void test_restored_after_quit(void **state)
{
	struct job *j = job_start("xterm", "C.UTF-8", child);
	struct termios during;

	(void)state;
	job_expect(j, "frame");
	tcgetattr(j->slave, &during);
	assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG), 0);
	assert_non_null(strstr(j->out, "┌"));
	assert_non_null(strstr(j->out, "\033[32m"));
	assert_null(strstr(j->out, "a library"));
	job_send(j, "q");
	job_expect(j, "key q");
	job_expect(j, "closed");
	assert_int_equal(job_wait(j), 0);
	assert_restored(j);
	assert_non_null(strstr(strstr(j->out, "\033[?1049l"), "a library says ?[2J"));
	job_free(j);
}

static void test_restored_after_a_signal(void **state)
{
	static const int signals[] = {SIGTERM, SIGHUP, SIGQUIT};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct job *j = job_start("xterm", "C.UTF-8", child);

		job_expect(j, "frame");
		kill(j->pid, signals[i]);
		job_expect(j, "stop");
		job_expect(j, "closed");
		assert_int_equal(WEXITSTATUS(job_wait(j)), 3);
		assert_restored(j);
		job_free(j);
	}
}

static void test_restored_after_a_crash(void **state)
{
	struct job *j = job_start("xterm", "C.UTF-8", child);

	(void)state;
	job_expect(j, "frame");
	job_send(j, "A");
	job_expect(j, "key A");
	assert_int_equal(WTERMSIG(job_wait(j)), SIGABRT);
	assert_restored(j);
	job_free(j);
}

static int child_deaf(int report_fd)
{
	signal(SIGHUP, SIG_IGN);
	return child(report_fd);
}

static void test_terminal_gone(void **state)
{
	int (*const runs[])(int) = {child, child_deaf};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct job *j = job_start("xterm", "C.UTF-8", runs[i]);

		job_expect(j, "frame");
		close(j->slave);
		close(j->master);
		j->slave = j->master = -1;
		job_expect(j, "stop");
		job_expect(j, "closed");
		assert_int_equal(WEXITSTATUS(job_wait(j)), 3);
		job_free(j);
	}
}

static void assert_keys(struct job *j, const char *bytes, const char *name)
{
	char expected[64];

	snprintf(expected, sizeof(expected), "key %s", name);
	job_send(j, bytes);
	job_expect(j, expected);
	job_expect(j, "frame");
}

static void test_keys(void **state)
{
	static const char *const names[][2] = {{"a", "a"}, {"\r", "Enter"}, {"\n", "Enter"},
		{"\t", "Tab"}, {"\b", "Backspace"}, {"\x7f", "Backspace"}, {"\x03", "^C"},
		{"\x0c", "^L"}, {"\033", "Esc"}, {"\033OA", "Up"}, {"\033[A", "Up"},
		{"\033[B", "Down"}, {"\033[C", "Right"}, {"\033[D", "Left"}, {"\033[H", "Home"},
		{"\033[1~", "Home"}, {"\033[4~", "End"}, {"\033OF", "End"}, {"\033[5~", "PgUp"},
		{"\033[6~", "PgDn"}, {"\033[3~", "Del"}, {"\033[Z", "Shift-Tab"}, {"\033OP", "F1"},
		{"\033[[A", "F1"}, {"\033[[B", ""}, {"\033[2~", ""}, {"\033[200~", ""},
		{"\033[?1;2c", ""}, {"ü", "ü"}, {"漢", "漢"}};
	static const char *const terms[] = {"xterm", "vt100", "linux", "vt220", "screen"};

	(void)state;
	for (size_t k = 0; k < 5; k++) {
		struct job *j = job_start(terms[k], "C.UTF-8", child);

		job_expect(j, "frame");
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			assert_keys(j, names[i][0], names[i][1]);
		kill(j->pid, SIGINT);
		job_expect(j, "key ^C");
		job_expect(j, "frame");
		job_send(j, "\xe6"); /* a slow line */
		usleep(80000);
		assert_keys(j, "\xbc\xa2", "漢");
		assert_keys(j, "\xff\xfe-", "-"); /* no character */
		job_send(j, "q");
		job_wait(j);
		job_free(j);
	}
}

static void test_resize(void **state)
{
	struct job *j = job_start("xterm", "C.UTF-8", child);
	struct winsize size = {.ws_row = 30, .ws_col = 100};

	(void)state;
	job_expect(j, "frame");
	ioctl(j->master, TIOCSWINSZ, &size);
	job_expect(j, "resize 100x30");
	job_expect(j, "frame");
	size = (struct winsize){.ws_row = 1, .ws_col = 1};
	ioctl(j->master, TIOCSWINSZ, &size);
	job_expect(j, "resize 1x1");
	job_expect(j, "frame");
	job_send(j, "q");
	job_expect(j, "key q");
	job_wait(j);
	assert_restored(j);
	job_free(j);
}

/* A serial line does not know its size. */
static void test_no_size(void **state)
{
	static const char *const terms[] = {"linux", "vt100", "vt220", "xterm"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct job *j = job_start_sized(terms[i], "C", child, (struct winsize){0});

		job_expect(j, "frame");
		assert_non_null(strstr(j->out, "0000:15:00.0"));
		job_send(j, "q");
		assert_int_equal(job_wait(j), 0);
		job_free(j);
	}
}

/* A job under a shell, for job control. */
static int shell(int report_fd)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		raise(SIGSTOP);
		return child(report_fd);
	}
	waitpid(pid, &status, WUNTRACED);
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(0, pid);
	kill(pid, SIGCONT);
	while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
		struct winsize size = {.ws_row = 40, .ws_col = 90};

		tcsetpgrp(0, getpid());
		report(report_fd, "stopped\n");
		ioctl(0, TIOCSWINSZ, &size);
		if (read(0, &size, 1) != 1)
			return 8;
		tcsetpgrp(0, pid);
		kill(-pid, SIGCONT);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 7;
}

static void test_suspend(void **state)
{
	const char *preload = getenv("LD_PRELOAD");
	struct job *j;

	(void)state;
	if (preload && strstr(preload, "vgpreload")) /* valgrind delivers no stop */
		skip();
	j = job_start("xterm", "C.UTF-8", shell);
	job_expect(j, "frame");
	job_send(j, "\x1a");
	job_expect(j, "stopped");
	assert_restored(j);
	j->out_len = 0;
	job_send(j, "\n");
	job_expect(j, "resize 90x40");
	job_expect(j, "frame");
	assert_non_null(strstr(j->out, "\033[?1049h"));
	assert_non_null(strstr(j->out, "vfio-pci")); /* everything is sent again */
	assert_keys(j, "j", "j");                    /* nothing is drawn twice */
	job_send(j, "q");
	assert_int_equal(WEXITSTATUS(job_wait(j)), 0);
	assert_restored(j);
	job_free(j);
}

static void test_bytes_of_a_cursor_move(void **state)
{
	static const char *const terms[] = {"xterm", "xterm-256color", "linux", "vt100", "vt220",
		"screen", "screen-256color", "tmux-256color"};
	static const char *const locales[] = {"C.UTF-8", "C"};

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		struct job *j = job_start(terms[i / 2], locales[i % 2], child);

		job_expect(j, "frame");
		for (int k = 0; k < 5; k++) {
			j->out_len = 0;
			assert_keys(j, "j", "j");
			if (j->out_len >= 300 || j->out_len == 0)
				fail_msg("%zu bytes on %s", j->out_len, terms[i / 2]);
		}
		print_message("# %s %s: %zu bytes\n", terms[i / 2], locales[i % 2], j->out_len);
		job_send(j, "q");
		job_wait(j);
		job_free(j);
	}
}

static void test_ascii_only(void **state)
{
	static const char *const terms[] = {"xterm", "vt100", "linux", "screen"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct job *j = job_start(terms[i], "C", child);

		job_expect(j, "frame");
		for (size_t k = 0; k < j->out_len; k++)
			assert_true((unsigned char)j->out[k] < 0x80);
		job_send(j, "q");
		job_wait(j);
		job_free(j);
	}
}

static int child_without_colours(int report_fd)
{
	setenv("NO_COLOR", "1", 1);
	return child(report_fd);
}

static void test_no_colour(void **state)
{
	struct job *j = job_start("xterm-256color", "C.UTF-8", child_without_colours);

	(void)state;
	job_expect(j, "frame");
	assert_null(strstr(j->out, "\033[32m"));
	job_send(j, "q");
	assert_int_equal(job_wait(j), 0);
	job_free(j);
}

static void test_unknown_terminals(void **state)
{
	static const char *const terms[] = {
		"no-such-terminal", "xterm-no-such", NULL, "", "../../etc/passwd"};

	(void)state;
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		struct job *j = job_start(terms[i], "C.UTF-8", child);

		job_expect(j, "frame");
		job_send(j, "q");
		assert_int_equal(job_wait(j), 0);
		job_free(j);
	}
}

static void test_terminal_that_cannot(void **state)
{
	struct job *j = job_start("dumb", "C.UTF-8", child);

	(void)state;
	job_expect(j, "the terminal (TERM=dumb) cannot move its cursor; on a better one, set TERM");
	assert_int_equal(WEXITSTATUS(job_wait(j)), 9);
	assert_int_equal(j->out_len, 0);
	job_free(j);
}

static int child_without(int report_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, 0);
	return child(report_fd);
}

static void test_no_terminal(void **state)
{
	struct job *j = job_start("xterm", "C.UTF-8", child_without);

	(void)state;
	job_expect(j, "standard input and output are not a terminal");
	assert_int_equal(WEXITSTATUS(job_wait(j)), 9);
	job_free(j);
}

int main(int argc, char **argv)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_put),
		T(test_text_from_outside_is_harmless),
		T(test_wide_and_combining),
		T(test_clip),
		T(test_box),
		T(test_without_utf8),
		T(test_styles),
		T(test_headless_events),
		T(test_key_names),
		cmocka_unit_test(test_restored_after_quit),
		cmocka_unit_test(test_restored_after_a_signal),
		cmocka_unit_test(test_restored_after_a_crash),
		cmocka_unit_test(test_terminal_gone),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_no_size),
		cmocka_unit_test(test_suspend),
		cmocka_unit_test(test_bytes_of_a_cursor_move),
		cmocka_unit_test(test_ascii_only),
		cmocka_unit_test(test_no_colour),
		cmocka_unit_test(test_unknown_terminals),
		cmocka_unit_test(test_terminal_that_cannot),
		cmocka_unit_test(test_no_terminal),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
