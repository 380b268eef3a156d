/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/term.h"
#include "tui/text.h"
#include "tui/tty.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#define term curses_term /* that header has a struct of this name */
#include <term.h>
#undef term

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define ESCAPE_DELAY_MS 50 /* a slow serial line needs this between the bytes of a key */
#define EMPTY_READS_MAX 100
#define TYPED_MAX       512

struct term {
	SCREEN *screen;
	WINDOW *input; /* a pad: reading a key from a window would also draw it */
	FILE *null_in, *null_out;
	struct term_rect clip;
	int cursor_y, cursor_x;
	bool headless;
	bool colour;
	bool highlight;
	bool gone; /* the terminal: neither read nor drawn any more */
	int empty_reads;
	mbstate_t partial; /* a character of which not all bytes have come */
	uint32_t typed[TYPED_MAX];
	size_t typed_first, typed_n;

	struct tty tty;
};

/* --- open and close --- */

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static const struct look {
	attr_t mono, attr;
	short fg, bg;
} looks[TERM_STYLES] = {
	[TERM_NORMAL] = {A_NORMAL, A_NORMAL, -1, -1},
	[TERM_TITLE] = {A_REVERSE, A_BOLD, COLOR_WHITE, COLOR_BLUE},
	[TERM_KEY] = {A_BOLD, A_BOLD, COLOR_CYAN, -1},
	[TERM_FOCUS] = {A_REVERSE, A_REVERSE, -1, -1},
	[TERM_DIM] = {A_DIM, A_DIM, -1, -1},
	[TERM_HEADING] = {A_BOLD, A_BOLD, -1, -1},
	[TERM_GOOD] = {A_NORMAL, A_NORMAL, COLOR_GREEN, -1},
	[TERM_WARNING] = {A_BOLD, A_BOLD, COLOR_YELLOW, -1},
	[TERM_DANGER] = {A_BOLD, A_BOLD, COLOR_RED, -1},
	[TERM_DIFF_ADD] = {A_NORMAL, A_NORMAL, COLOR_GREEN, -1},
	[TERM_DIFF_DEL] = {A_NORMAL, A_NORMAL, COLOR_RED, -1},
	[TERM_DIFF_HUNK] = {A_BOLD, A_NORMAL, COLOR_CYAN, -1},
};

/* A colour pair of its own for every style, so that a test can tell them apart. */
static void colours(struct term *t)
{
	const char *no_colour = getenv("NO_COLOR");
	bool defaults;

	if ((no_colour && *no_colour && !t->headless) || !has_colors() || start_color() == ERR)
		return;
	if (COLORS < 8 || COLOR_PAIRS <= TERM_STYLES)
		return;
	defaults = use_default_colors() == OK;
	for (short i = 1; i < TERM_STYLES; i++) {
		const struct look *l = &looks[i];

		init_pair(i, l->fg < 0 && !defaults ? COLOR_WHITE : l->fg,
			l->bg < 0 && !defaults ? COLOR_BLACK : l->bg);
	}
	t->colour = true;
}

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
	if (!getenv("ESCDELAY"))
		set_escdelay(ESCAPE_DELAY_MS);
	curs_set(1);
	colours(t);
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

struct term *term_close(struct term *t)
{
	if (!t)
		return NULL;
	if (t->screen) {
		set_term(t->screen);
		if (t->input)
			delwin(t->input);
		if (!isendwin())
			endwin();
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
		resizeterm(ws.ws_row, ws.ws_col);
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

	if (p[0].fd < 0 && watch_fd < 0 && timeout_ms < 0 && t->headless) {
		ret->type = TERM_EVENT_STOP;
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

/* --- text --- */

size_t term_char(const char *text, size_t len, int *ret_cells)
{
	struct text_cell k;
	size_t n;

	if (len == 0)
		return 0;
	n = text_next(text, len, 7, &k);
	if (ret_cells)
		*ret_cells = k.cells;
	return n;
}

int term_width(const char *text, size_t len)
{
	struct text_cell k;
	int cells = 0;

	if (len == SIZE_MAX)
		len = strlen(text);
	for (size_t i = 0; i < len; cells += k.cells)
		i += text_next(text + i, len - i, cells, &k);
	return cells;
}

/* --- drawing --- */

static void set_style(struct term *t, enum term_style style)
{
	attr_t a = t->colour ? looks[style].attr : looks[style].mono;

	attr_set(t->highlight ? a | A_REVERSE : a, (short)(t->colour ? style : 0), NULL);
}

static struct term_rect common(struct term_rect a, struct term_rect b)
{
	int y = a.y > b.y ? a.y : b.y;
	int x = a.x > b.x ? a.x : b.x;
	int h = (a.y + a.h < b.y + b.h ? a.y + a.h : b.y + b.h) - y;
	int w = (a.x + a.w < b.x + b.w ? a.x + a.w : b.x + b.w) - x;

	return (struct term_rect){y, x, h > 0 ? h : 0, w > 0 ? w : 0};
}

struct term_rect term_screen(const struct term *t)
{
	(void)t;
	return (struct term_rect){0, 0, LINES, COLS};
}

void term_clip(struct term *t, struct term_rect r)
{
	t->clip = common(r, term_screen(t));
}

void term_clear(struct term *t)
{
	set_term(t->screen);
	t->highlight = false;
	t->clip = term_screen(t);
	term_cursor(t, LINES - 1, COLS - 1);
	set_style(t, TERM_NORMAL);
	erase();
}

void term_show(struct term *t)
{
	if (t->gone)
		return;
	move(t->cursor_y, t->cursor_x);
	wnoutrefresh(stdscr);
	doupdate();
}

void term_redraw(struct term *t)
{
	set_term(t->screen);
	clearok(curscr, TRUE);
}

/* Draws a character at column x of the row, as far as it is inside lo..hi-1: half a wide character
 * is a blank. */
static void draw_cell(int y, int x, int lo, int hi, const struct text_cell *k)
{
	if (k->part[0] != ' ' && x >= lo && x + k->cells <= hi) {
		mvaddnwstr(y, x, k->part, k->n);
		return;
	}
	for (int i = x < lo ? lo : x; i < x + k->cells && i < hi; i++)
		mvaddch(y, i, ' ');
}

int term_put_part(struct term *t, struct term_rect r, int skip, enum term_style style,
	const char *text, size_t len)
{
	struct term_rect in = common((struct term_rect){r.y, r.x, 1, r.w}, t->clip);
	int end = r.x + (r.w > 0 ? r.w : 0);
	int x = r.x - skip;
	int column = 0;
	struct text_cell k;

	if (len == SIZE_MAX)
		len = strlen(text);
	set_style(t, style);
	for (size_t i = 0; i < len && x < end; x += k.cells, column += k.cells) {
		i += text_next(text + i, len - i, column, &k);
		if (in.h > 0 && x + k.cells > in.x && x < in.x + in.w)
			draw_cell(r.y, x, in.x, in.x + in.w, &k);
	}
	return x < r.x ? 0 : x > end ? end - r.x : x - r.x;
}

int term_put(struct term *t, int y, int x, int width, enum term_style style, const char *text)
{
	return term_put_part(t, (struct term_rect){y, x, 1, width}, 0, style, text, SIZE_MAX);
}

int term_putf(
	struct term *t, int y, int x, int width, enum term_style style, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return term_put(t, y, x, width, style, text);
}

void term_fill(struct term *t, struct term_rect r, enum term_style style)
{
	r = common(r, t->clip);
	set_style(t, style);
	for (int y = r.y; y < r.y + r.h; y++)
		mvhline(y, r.x, ' ', r.w);
}

void term_line(struct term *t, int y, int x, int width, enum term_style style)
{
	struct term_rect r = common((struct term_rect){y, x, 1, width}, t->clip);

	set_style(t, style);
	if (r.h > 0 && r.w > 0)
		mvhline_set(r.y, r.x, WACS_HLINE, r.w);
}

static void put_corner(struct term *t, int y, int x, const cchar_t *c)
{
	struct term_rect r = common((struct term_rect){y, x, 1, 1}, t->clip);

	if (r.h > 0 && r.w > 0)
		mvadd_wch(y, x, c);
}

void term_box(struct term *t, struct term_rect r, enum term_style style, const char *title)
{
	int bottom = r.y + r.h - 1;
	int right = r.x + r.w - 1;

	term_fill(t, r, style);
	term_line(t, r.y, r.x, r.w, style);
	term_line(t, bottom, r.x, r.w, style);
	for (int y = r.y + 1; y < bottom; y++) {
		put_corner(t, y, r.x, WACS_VLINE);
		put_corner(t, y, right, WACS_VLINE);
	}
	put_corner(t, r.y, r.x, WACS_ULCORNER);
	put_corner(t, r.y, right, WACS_URCORNER);
	put_corner(t, bottom, r.x, WACS_LLCORNER);
	put_corner(t, bottom, right, WACS_LRCORNER);
	if (title && *title && r.w > 6) {
		int w = term_put(t, r.y, r.x + 3, r.w - 6, style, title);

		term_put(t, r.y, r.x + 2, 1, style, " ");
		term_put(t, r.y, r.x + 3 + w, 1, style, " ");
	}
}

void term_cursor(struct term *t, int y, int x)
{
	t->cursor_y = y < 0 ? 0 : y >= LINES ? LINES - 1 : y;
	t->cursor_x = x < 0 ? 0 : x >= COLS ? COLS - 1 : x;
}

void term_highlight(struct term *t, bool on)
{
	t->highlight = on;
}

/* --- names, and what tests ask --- */

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

/* What a cell shows; wc has CCHARW_MAX + 1 elements.  Returns its width. */
static int read_cell(int y, int x, wchar_t *wc, attr_t *attr, short *pair)
{
	cchar_t cell;
	int w;

	wcscpy(wc, L" ");
	*attr = A_NORMAL;
	*pair = 0;
	if (mvin_wch(y, x, &cell) == ERR || getcchar(&cell, wc, attr, pair, NULL) == ERR)
		return 1;
	if (*attr & A_ALTCHARSET)
		wc[0] = wc[0] == 'q' ? '-' : wc[0] == 'x' ? '|' : '+';
	w = wcwidth(wc[0]);
	return w > 0 ? w : 1;
}

char *term_dump(struct term *t)
{
	wchar_t wc[CCHARW_MAX + 1];
	char *s, *text;
	attr_t attr;
	short pair;

	set_term(t->screen);
	s = text = malloc((size_t)LINES * ((size_t)COLS * CCHARW_MAX * 4 + 1) + 1);
	if (!text)
		return NULL;
	for (int y = 0; y < LINES; y++) {
		char *end = s;

		for (int x = 0, w; x < COLS; x += w) {
			w = read_cell(y, x, wc, &attr, &pair);
			for (size_t i = 0; wc[i]; i++)
				s += text_encode(s, (uint32_t)wc[i]);
			if (wcscmp(wc, L" ") != 0)
				end = s;
		}
		s = end;
		*s++ = '\n';
	}
	*s = '\0';
	return text;
}

enum term_style term_style_at(struct term *t, int y, int x)
{
	wchar_t wc[CCHARW_MAX + 1];
	attr_t attr;
	short pair;

	set_term(t->screen);
	read_cell(y, x, wc, &attr, &pair);
	return (enum term_style)pair;
}

bool term_reversed_at(struct term *t, int y, int x)
{
	wchar_t wc[CCHARW_MAX + 1];
	attr_t attr;
	short pair;

	set_term(t->screen);
	read_cell(y, x, wc, &attr, &pair);
	return attr & A_REVERSE;
}
