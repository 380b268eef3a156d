/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/term_private.h"
#include "tui/text.h"

#define term curses_term /* that header has a struct of this name */
#include <term.h>
#undef term

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ESCAPE_DELAY_MS 50 /* a slow serial line needs this between the bytes of a key */
#define EMPTY_READS_MAX 100

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

/* --- open and close --- */

static int set_up(struct term *t)
{
	t->input = newpad(1, 1);
	if (!t->input)
		return -ENOMEM;
	raw();
	noecho();
	nonl();
	keypad(t->input, TRUE);
	nodelay(t->input, TRUE);
	define_key("\033[Z", KEY_BTAB); /* some descriptions know it by a name that we do not */
	if (!getenv("ESCDELAY"))
		set_escdelay(ESCAPE_DELAY_MS);
	curs_set(1);
	term_colours(t);
	return 0;
}

static bool usable(const char *name)
{
	bool can_move = false;
	int e;

	if (setupterm(name, STDOUT_FILENO, &e) != OK)
		return false;
	can_move = cursor_address != NULL && clear_screen != NULL;
	del_curterm(cur_term);
	return can_move;
}

/* A terminal description for where none is installed: what every VT100 alike understands.  From
 *	builtin|VT100 alike,
 *		am, msgr, xenl, cols#80, it#8, lines#24,
 *		acsc=``aaffjjkkllmmnnqqttuuvvwwxx,
 *		bold=\E[1m, clear=\E[H\E[J, cr=\r, cub1=^H, cud1=\n, cuf1=\E[C, cuu1=\E[A,
 *		cup=\E[%i%p1%d;%p2%dH, ed=\E[J, el=\E[K, home=\E[H,
 *		kbs=^?, kcub1=\EOD, kcud1=\EOB, kcuf1=\EOC, kcuu1=\EOA,
 *		rev=\E[7m, rmacs=\E(B, smacs=\E(0, rmkx=\E[?1l, smkx=\E[?1h, sgr0=\E[m\E(B,
 * by tic and infocmp -0 -Q2. */
static const char builtin[] =
	"b64:GgEUAA8AAwCTAIYAYnVpbHRpbnxWVDEwMCBhbGlrZQAAAQAAAQAAAAAAAAAAAAEAUAAIABgA____"
	"_wAA_____wIACQANAP____8RACIAJAD__ygA_____yoA__8uAP____________8yAP__NgD_________"
	"______87AP_______0AARAD_______________________________________9LAP____________9N"
	"AP____________________________________________9RAP_______1UA________WQBdAGMA____"
	"________________________________________________________________________________"
	"_________________________________________________________________2kADQAbW0gbW0oA"
	"G1tLABtbSgAbWyVpJXAxJWQ7JXAyJWRIAAoAG1tIAAgAG1tDABtbQQAbKDAAG1sxbQAbWzdtABsoQgAb"
	"W20bKEIAfwAbT0IAG09EABtPQwAbT0EAG1s_MWwAG1s_MWgAYGBhYWZmampra2xsbW1ubnFxdHR1dXZ2"
	"d3d4eAA=";

/* The name to give newterm(): TERM, its relatives ("xterm-new" is an xterm), or the builtin. */
static int choose_terminal(char *name, size_t size, char *message, size_t message_size)
{
	const char *term = getenv("TERM");

	if (!term || !*term)
		term = "vt100";
	snprintf(name, size, "%s", term);
	if (strchr(name, '/'))
		name[0] = '\0';
	if (usable(name))
		return 0;
	if (!strcmp(name, "dumb") || !strcmp(name, "unknown") || !strcmp(name, "emacs")) {
		snprintf(message, message_size,
			"the terminal (TERM=%s) cannot move its cursor; on a better one, set TERM",
			name);
		return -ENOTSUP;
	}
	for (char *end = name + strlen(name); end > name; end--) {
		if (*end != '-' && *end != '.' && *end != '+')
			continue;
		*end = '\0';
		if (usable(name))
			return 0;
	}
	snprintf(name, size, "vt100");
	if (usable(name))
		return 0;
	snprintf(name, size, "builtin");
	setenv("TERMINFO", builtin, 1);
	if (usable(name))
		return 0;
	snprintf(message, message_size, "no description of the terminal (TERM=%s) is installed",
		term);
	return -ENOTSUP;
}

static int start_screen(struct term *t, char *message, size_t size)
{
	const char *terminfo = getenv("TERMINFO");
	char *before = terminfo ? strdup(terminfo) : NULL;
	char name[64];
	int r;

	r = choose_terminal(name, sizeof(name), message, size);
	if (r == 0) {
		t->screen = newterm(name, stdout, stdin);
		if (t->screen)
			r = set_up(t);
		else
			r = -ENOMEM;
		if (r < 0)
			snprintf(message, size, "cannot start on the terminal (TERM=%s): %s", name,
				strerror(-r));
	}
	/* Commands that are run later shall see the environment as it was. */
	if (before)
		setenv("TERMINFO", before, 1);
	else
		unsetenv("TERMINFO");
	free(before);
	return r;
}

static struct term *term_new(void)
{
	struct term *t = calloc(1, sizeof(*t));

	if (t)
		t->tty.stderr_saved = t->tty.stderr_caught = -1;
	return t;
}

static void rescue_prepare(void)
{
	const char *const texts[] = {
		keypad_local, exit_attribute_mode, cursor_normal, exit_ca_mode};

	for (size_t i = 0; i < N_OF(texts); i++) {
		if (texts[i])
			tputs(texts[i], 1, tty_rescue_byte);
	}
}

int term_open(struct term **ret, char *message, size_t size)
{
	struct term *t;
	int r;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		snprintf(message, size, "standard input and output are not a terminal");
		return -ENOTTY;
	}
	t = term_new();
	if (!t) {
		snprintf(message, size, "out of memory");
		return -ENOMEM;
	}
	setlocale(LC_CTYPE, "");
	tty_take(&t->tty);
	r = start_screen(t, message, size);
	if (r < 0) {
		term_close(t);
		return r;
	}
	rescue_prepare();
	tty_take_stderr(&t->tty);
	*ret = t;
	return 0;
}

int term_open_headless(struct term **ret, int rows, int cols)
{
	struct term *t = term_new();
	int r = -ENOMEM;

	if (!t)
		return -ENOMEM;
	t->headless = true;
	t->null_in = fopen("/dev/null", "re");
	t->null_out = fopen("/dev/null", "we");
	use_env(FALSE); /* the size is ours, not that of LINES and COLUMNS */
	if (t->null_in && t->null_out)
		t->screen = newterm("xterm-256color", t->null_out, t->null_in);
	use_env(TRUE);
	if (t->screen)
		r = set_up(t);
	if (r < 0) {
		term_close(t);
		return r;
	}
	resize_term(rows, cols);
	term_clear(t);
	*ret = t;
	return 0;
}

/* A terminal without a second screen keeps the last frame: the shell's prompt, which comes in its
 * last row, must not stand on what is there. */
static void leave_terminal(const struct term *t)
{
	if (isendwin())
		return;
	if (!t->headless) {
		(void)move(LINES - 1, 0);
		(void)clrtoeol();
		(void)refresh();
	}
	endwin();
}

struct term *term_close(struct term *t)
{
	if (!t)
		return NULL;
	if (t->screen) {
		set_term(t->screen);
		if (t->input)
			delwin(t->input);
		leave_terminal(t);
		delscreen(t->screen);
	}
	if (!t->headless)
		tty_give_back(&t->tty);
	if (t->null_in)
		fclose(t->null_in);
	if (t->null_out)
		fclose(t->null_out);
	free(t);
	return NULL;
}

/* --- input --- */

/* The rest of "ESC [ ..." or "ESC O ." that the terminal's description does not know.  Terminals on
 * a serial line are often not what TERM says; without this an arrow would be an Esc. */
static uint32_t read_sequence(struct term *t, int introducer)
{
	static const uint32_t by_number[] = {TERM_KEY_OTHER, TERM_KEY_HOME, TERM_KEY_OTHER,
		TERM_KEY_DELETE, TERM_KEY_END, TERM_KEY_PAGE_UP, TERM_KEY_PAGE_DOWN, TERM_KEY_HOME,
		TERM_KEY_END};
	static const char letters[] = "ABCDHFZ";
	static const uint32_t by_letter[] = {TERM_KEY_UP, TERM_KEY_DOWN, TERM_KEY_RIGHT,
		TERM_KEY_LEFT, TERM_KEY_HOME, TERM_KEY_END, TERM_KEY_BACKTAB};
	unsigned int number = 0;
	int c = wgetch(t->input);

	while (introducer == '[' && c >= ' ' && c < '@') {
		if (c >= '0' && c <= '9' && number < 100)
			number = number * 10 + (unsigned int)(c - '0');
		c = wgetch(t->input);
	}
	if (c == '[') /* the Linux console's function keys: ESC [ [ A */
		return wgetch(t->input) == 'A' ? TERM_KEY_F1 : TERM_KEY_OTHER;
	if (introducer == 'O' && (c == 'M' || c == 'P')) /* of the keypad */
		return c == 'M' ? TERM_KEY_ENTER : TERM_KEY_F1;
	if (c == '~')
		return number < N_OF(by_number) ? by_number[number] : TERM_KEY_OTHER;
	for (size_t i = 0; i < N_OF(by_letter); i++) {
		if (c == letters[i])
			return by_letter[i];
	}
	return TERM_KEY_OTHER;
}

static uint32_t read_escape(struct term *t)
{
	int c = wgetch(t->input);

	if (c == '[' || c == 'O')
		return read_sequence(t, c);
	if (c != ERR)
		ungetch(c);
	return TERM_KEY_ESC;
}

static uint32_t named_key(int c)
{
	static const int map[][2] = {{KEY_UP, TERM_KEY_UP}, {KEY_DOWN, TERM_KEY_DOWN},
		{KEY_LEFT, TERM_KEY_LEFT}, {KEY_RIGHT, TERM_KEY_RIGHT}, {KEY_HOME, TERM_KEY_HOME},
		{KEY_FIND, TERM_KEY_HOME}, {KEY_A1, TERM_KEY_HOME}, {KEY_END, TERM_KEY_END},
		{KEY_SELECT, TERM_KEY_END}, {KEY_LL, TERM_KEY_END}, {KEY_C1, TERM_KEY_END},
		{KEY_PPAGE, TERM_KEY_PAGE_UP}, {KEY_A3, TERM_KEY_PAGE_UP},
		{KEY_NPAGE, TERM_KEY_PAGE_DOWN}, {KEY_C3, TERM_KEY_PAGE_DOWN},
		{KEY_DC, TERM_KEY_DELETE}, {KEY_BTAB, TERM_KEY_BACKTAB}, {KEY_F(1), TERM_KEY_F1},
		{KEY_HELP, TERM_KEY_F1}, {KEY_ENTER, TERM_KEY_ENTER},
		{KEY_BACKSPACE, TERM_KEY_BACKSPACE}, {'\n', TERM_KEY_ENTER},
		{'\b', TERM_KEY_BACKSPACE}};

	for (size_t i = 0; i < N_OF(map); i++) {
		if (map[i][0] == c)
			return (uint32_t)map[i][1];
	}
	return TERM_KEY_OTHER;
}

/* One byte of a character.  True when it is complete; what is no character is forgotten. */
static bool read_character(struct term *t, int c, uint32_t *ret)
{
	char byte = (char)c;
	wchar_t wc;
	size_t n = mbrtowc(&wc, &byte, 1, &t->partial);

	if (n == (size_t)-1)
		memset(&t->partial, 0, sizeof(t->partial));
	if (n != 1)
		return false;
	*ret = (uint32_t)wc;
	return true;
}

/* All that ncurses has: false when it has nothing left.  It must be asked before every wait, since
 * it queues keys that poll() cannot see. */
static bool read_key(struct term *t, struct term_event *ret)
{
	int c;

	ret->type = TERM_EVENT_KEY;
	while ((c = wgetch(t->input)) != ERR) {
		t->empty_reads = 0;
		if (c == KEY_RESIZE)
			ret->type = TERM_EVENT_RESIZE;
		else if (c == TERM_KEY_ESC)
			ret->key = read_escape(t);
		else if (c >= KEY_MIN || c == 0 || c == '\n' || c == '\b')
			ret->key = named_key(c);
		else if (!read_character(t, c, &ret->key))
			continue;
		return true;
	}
	return false;
}

static void adopt_size(void)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 && ws.ws_col > 0 &&
		is_term_resized(ws.ws_row, ws.ws_col))
		resize_term(ws.ws_row, ws.ws_col); /* resizeterm() would queue a key, too */
}

/* After somebody else had the terminal: the next frame enters it again and sends everything. */
static void resume(void)
{
	if (!isendwin())
		endwin();
	adopt_size();
	clearok(curscr, TRUE);
}

static void suspend(struct term *t)
{
	endwin();
	tty_suspend(&t->tty);
	resume();
}

static bool noted(struct term *t, struct term_event *ret)
{
	ret->type = TERM_EVENT_RESIZE;
	switch (t->headless ? TTY_NOTHING : tty_noted()) {
	case TTY_STOP:
		ret->type = TERM_EVENT_STOP;
		return true;
	case TTY_INTERRUPT:
		*ret = (struct term_event){TERM_EVENT_KEY, TERM_KEY_INTERRUPT};
		return true;
	case TTY_SUSPEND:
		suspend(t);
		return true;
	case TTY_CONTINUE:
		resume();
		return true;
	case TTY_NOTHING:
		break;
	}
	return false;
}

static bool queued(struct term *t, struct term_event *ret)
{
	if (t->typed_n > 0) {
		*ret = (struct term_event){TERM_EVENT_KEY, t->typed[t->typed_first]};
		t->typed_first = (t->typed_first + 1) % TYPED_MAX;
		t->typed_n--;
		return true;
	}
	if (t->gone || !read_key(t, ret))
		return false;
	if (ret->type == TERM_EVENT_KEY && ret->key == TERM_CTRL('z') && !t->headless) {
		suspend(t);
		ret->type = TERM_EVENT_RESIZE;
	}
	return true;
}

/* Waits once.  False: look again (a signal, or a key). */
static bool wait_once(struct term *t, int watch_fd, int timeout_ms, struct term_event *ret)
{
	struct timespec ts = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
	struct pollfd p[] = {
		{.fd = t->gone || t->headless ? -1 : STDIN_FILENO, .events = POLLIN},
		{.fd = watch_fd, .events = POLLIN},
	};
	int n;

	if (t->headless && watch_fd < 0) {
		ret->type = timeout_ms < 0 ? TERM_EVENT_STOP : TERM_EVENT_TIMEOUT;
		return true;
	}
	n = ppoll(p, 2, timeout_ms < 0 ? NULL : &ts, t->headless ? NULL : &t->tty.wait_mask);
	if (n == 0) {
		ret->type = TERM_EVENT_TIMEOUT;
		return true;
	}
	if (n < 0)
		return false;
	/* A terminal that is always readable but never has a key is a closed one. */
	if (p[0].revents & POLLIN)
		t->empty_reads++;
	if ((p[0].revents & (POLLHUP | POLLERR | POLLNVAL)) || t->empty_reads > EMPTY_READS_MAX) {
		t->gone = true;
		ret->type = TERM_EVENT_STOP;
		return true;
	}
	if (!p[0].revents && p[1].revents) {
		ret->type = TERM_EVENT_FD;
		return true;
	}
	return false;
}

struct term_event term_next(struct term *t, int watch_fd, int timeout_ms)
{
	struct term_event ev = {0};

	set_term(t->screen);
	while (!noted(t, &ev) && !queued(t, &ev) && !wait_once(t, watch_fd, timeout_ms, &ev))
		;
	return ev;
}

const char *term_key_name(uint32_t key)
{
	static const char *const named[] = {"Up", "Down", "Left", "Right", "Home", "End", "PgUp",
		"PgDn", "Del", "Shift-Tab", "F1", ""};
	static char plain[5];

	if (key == TERM_KEY_ENTER)
		return "Enter";
	if (key == TERM_KEY_ESC)
		return "Esc";
	if (key == TERM_KEY_TAB)
		return "Tab";
	if (key == TERM_KEY_BACKSPACE)
		return "Backspace";
	if (key == ' ')
		return "Space";
	if (key >= TERM_KEY_UP && key <= TERM_KEY_OTHER)
		return named[key - TERM_KEY_UP];
	if (key < ' ')
		snprintf(plain, sizeof(plain), "^%c", (char)(key + '@'));
	else
		plain[text_encode(plain, key)] = '\0';
	return plain;
}

void term_type(struct term *t, uint32_t key)
{
	if (t->typed_n < TYPED_MAX)
		t->typed[(t->typed_first + t->typed_n++) % TYPED_MAX] = key;
}

void term_resize(struct term *t, int rows, int cols)
{
	set_term(t->screen);
	resizeterm(rows, cols);
}
