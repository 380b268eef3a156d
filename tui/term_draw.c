/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/term_private.h"
#include "tui/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* --- styles --- */

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
void term_colours(struct term *t)
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

	attr_set(a, (short)(t->colour ? style : 0), NULL);
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

/* --- what tests ask --- */

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

void term_reverse(struct term *t, struct term_rect r)
{
	wchar_t wc[CCHARW_MAX + 1];
	attr_t attr;
	short pair;

	r = common(r, t->clip);
	for (int y = r.y; y < r.y + r.h; y++) {
		for (int x = r.x; x < r.x + r.w; x++) {
			read_cell(y, x, wc, &attr, &pair);
			mvchgat(y, x, 1, attr | A_REVERSE, pair, NULL);
		}
	}
}
