/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/widget.h"
#include "tui/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t size_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- list --- */

static bool selectable(const struct widget_rows *ops, const void *data, size_t row)
{
	return !ops->selectable || ops->selectable(data, row);
}

/* The first selectable row at or after (before) row; n if there is none. */
static size_t seek(const struct widget_list *l, size_t row, bool forward,
	const struct widget_rows *ops, const void *data)
{
	while (row < l->n && !selectable(ops, data, row))
		row = forward ? row + 1 : row - 1; /* below 0 is far above n */
	return row < l->n ? row : l->n;
}

static void move_to(struct widget_list *l, size_t row, bool forward, const struct widget_rows *ops,
	const void *data)
{
	size_t to = seek(l, row, forward, ops, data);

	if (to == l->n)
		to = seek(l, row, !forward, ops, data);
	if (to < l->n)
		l->cur = to;
}

/* The first visible row: cur is visible, and the headings right above it if they fit. */
static size_t list_top(
	const struct widget_list *l, int rows, const struct widget_rows *ops, const void *data)
{
	size_t page = rows > 1 ? (size_t)rows : 1;
	size_t first = l->cur;
	size_t top = l->top;

	while (first > 0 && l->cur - first + 1 < page && !selectable(ops, data, first - 1))
		first--;
	if (top > first)
		top = first;
	if (l->cur >= page && top < l->cur - page + 1)
		top = l->cur - page + 1;
	return l->n <= page ? 0 : size_min(top, l->n - page);
}

void widget_list_set(struct widget_list *l, size_t n, size_t want, const struct widget_rows *ops,
	const void *data)
{
	l->n = n;
	l->cur = 0;
	if (n > 0)
		move_to(l, size_min(want, n - 1), true, ops, data);
}

bool widget_list_key(struct widget_list *l, uint32_t key, int rows, const struct widget_rows *ops,
	const void *data)
{
	size_t page = rows > 2 ? (size_t)rows - 1 : 1;
	size_t last = l->n > 0 ? l->n - 1 : 0;

	switch (key) {
	case TERM_KEY_UP:
	case 'k':
		if (l->cur > 0)
			move_to(l, l->cur - 1, false, ops, data);
		break;
	case TERM_KEY_DOWN:
	case 'j':
		move_to(l, size_min(l->cur + 1, last), true, ops, data);
		break;
	case TERM_KEY_PAGE_UP:
		move_to(l, l->cur > page ? l->cur - page : 0, false, ops, data);
		break;
	case TERM_KEY_PAGE_DOWN:
		move_to(l, size_min(l->cur + page, last), true, ops, data);
		break;
	case TERM_KEY_HOME:
	case 'g':
		move_to(l, 0, true, ops, data);
		break;
	case TERM_KEY_END:
	case 'G':
		move_to(l, last, false, ops, data);
		break;
	default:
		return false;
	}
	l->top = list_top(l, rows, ops, data);
	return true;
}

void widget_list_draw(const struct widget_list *l, struct term *t, struct term_rect r, bool focused,
	const struct widget_rows *ops, const void *data)
{
	size_t top = list_top(l, r.h, ops, data);
	size_t end = r.h > 0 ? size_min(l->n, top + (size_t)r.h) : top;

	for (size_t i = top; i < end; i++) {
		struct term_rect row = {r.y + (int)(i - top), r.x, 1, r.w - 1};
		bool here = focused && i == l->cur && selectable(ops, data, i);

		ops->draw(data, i, t, (struct term_rect){row.y, row.x + 2, 1, row.w - 2});
		if (!here)
			continue;
		term_put(t, row.y, row.x, row.w, TERM_NORMAL, ">");
		term_cursor(t, row.y, row.x);
		if (ops->bar > 0 && ops->bar < row.w)
			row.w = ops->bar;
		term_reverse(t, row);
	}
	if (top > 0)
		term_put(t, r.y, r.x + r.w - 1, 1, TERM_NORMAL, "^");
	if (end < l->n && r.h > 0)
		term_put(t, r.y + r.h - 1, r.x + r.w - 1, 1, TERM_NORMAL, "v");
}

/* --- text view --- */

#define LEFT_STEP 8
#define LEFT_MAX  4096

size_t widget_text_rows(const struct widget_text *v, int rows)
{
	if (rows < 1)
		return 1;
	return rows > 2 && (v->n > (size_t)rows || v->left > 0) ? (size_t)rows - 1 : (size_t)rows;
}

size_t widget_text_top(const struct widget_text *v, int rows)
{
	size_t page = widget_text_rows(v, rows);
	size_t max = v->n > page ? v->n - page : 0;

	return v->follow ? max : size_min(v->top, max);
}

static void text_scroll(struct widget_text *v, int rows, bool down, size_t lines)
{
	size_t top = widget_text_top(v, rows);

	v->follow = v->follow && down;
	v->top = down ? top + lines : top - size_min(top, lines);
	v->top = widget_text_top(v, rows);
}

bool widget_text_key(struct widget_text *v, uint32_t key, int rows)
{
	size_t page = widget_text_rows(v, rows);

	switch (key) {
	case TERM_KEY_UP:
	case 'k':
		text_scroll(v, rows, false, 1);
		return true;
	case TERM_KEY_DOWN:
	case 'j':
		text_scroll(v, rows, true, 1);
		return true;
	case TERM_KEY_PAGE_UP:
		text_scroll(v, rows, false, page);
		return true;
	case TERM_KEY_PAGE_DOWN:
	case ' ':
		text_scroll(v, rows, true, page);
		return true;
	case TERM_KEY_HOME:
	case 'g':
		text_scroll(v, rows, false, v->n);
		return true;
	case TERM_KEY_END:
	case 'G':
		v->follow = true;
		return true;
	case TERM_KEY_LEFT:
		v->left = v->left > LEFT_STEP ? v->left - LEFT_STEP : 0;
		return true;
	case TERM_KEY_RIGHT:
		v->left = v->left < LEFT_MAX ? v->left + LEFT_STEP : v->left;
		return true;
	default:
		return false;
	}
}

void widget_text_draw(const struct widget_text *v, struct term *t, struct term_rect r,
	widget_line_fn line, const void *data)
{
	size_t page = widget_text_rows(v, r.h);
	size_t top = widget_text_top(v, r.h);
	size_t end = r.h > 0 ? size_min(v->n, top + page) : top;
	int y = r.y;

	for (size_t i = top; i < end; i++, y++) {
		struct widget_line l = line(data, i);

		term_put_part(
			t, (struct term_rect){y, r.x, 1, r.w}, v->left, l.style, l.text, l.len);
		if (term_width(l.text, l.len) > v->left + r.w)
			term_put(t, y, r.x + r.w - 1, 1, TERM_KEY, ">");
	}
	y = r.y + r.h - 1;
	if (r.h > 0 && page < (size_t)r.h)
		term_putf(t, y, r.x, r.w, TERM_DIM, "lines %zu-%zu of %zu%s", top + (v->n > 0), end,
			v->n, v->left > 0 ? ", moved right: Left goes back" : "");
	term_cursor(t, y, r.x);
}

/* --- lines --- */

void widget_lines_free(struct widget_lines *b)
{
	free(b->text);
	free(b->start);
	*b = (struct widget_lines){0};
}

static int grow(void *array, size_t *size, size_t element)
{
	size_t more = *size < 64 ? 64 : *size * 2;
	void *old, *new;

	memcpy(&old, array, sizeof(old));
	new = reallocarray(old, more, element);
	if (!new)
		return -ENOMEM;
	memcpy(array, &new, sizeof(new));
	*size = more;
	return 0;
}

static int lines_byte(struct widget_lines *b, char c)
{
	bool begins = b->len == 0 || b->text[b->len - 1] == '\n';

	if (b->cr && c != '\n' && !begins) {
		b->len = b->start[b->n - 1];
		begins = true;
	}
	b->cr = false;
	if (b->len == b->size && grow(&b->text, &b->size, 1) < 0)
		return -ENOMEM;
	if (begins && !(b->n > 0 && b->start[b->n - 1] == b->len)) {
		if (b->n == b->n_size && grow(&b->start, &b->n_size, sizeof(*b->start)) < 0)
			return -ENOMEM;
		b->start[b->n++] = b->len;
	}
	b->text[b->len++] = c;
	return 0;
}

/* True while c belongs to an escape sequence: ESC [ ... letter, ESC ] ... BEL, ESC and one more. */
static bool in_escape(struct widget_lines *b, char c)
{
	switch (b->escape) {
	case 0:
		b->escape = c == '\033' ? 1 : 0;
		return b->escape;
	case 1:
		b->escape = c == '[' || c == ']' ? c : 0;
		return true;
	case '[':
		if (c >= '@' && c <= '~')
			b->escape = 0;
		return true;
	default:
		if (c == '\a' || c == '\n')
			b->escape = 0;
		else if (c == '\033')
			b->escape = 1;
		return c != '\n';
	}
}

int widget_lines_add(struct widget_lines *b, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int r = 0;

		if (in_escape(b, data[i]))
			continue;
		if (data[i] == '\r')
			b->cr = true;
		else
			r = lines_byte(b, data[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

struct widget_line widget_lines_line(const void *data, size_t line)
{
	const struct widget_lines *b = data;
	size_t begin, end;

	if (line >= b->n)
		return (struct widget_line){"", 0, TERM_NORMAL};
	begin = b->start[line];
	end = line + 1 < b->n ? b->start[line + 1] : b->len;
	if (end > begin && b->text[end - 1] == '\n')
		end--;
	return (struct widget_line){b->text + begin, end - begin, TERM_NORMAL};
}

struct widget_line widget_lines_diff(const void *data, size_t line)
{
	struct widget_line l = widget_lines_line(data, line);

	if (l.len >= 4 && (!memcmp(l.text, "--- ", 4) || !memcmp(l.text, "+++ ", 4)))
		l.style = TERM_HEADING;
	else if (l.len >= 2 && !memcmp(l.text, "@@", 2))
		l.style = TERM_DIFF_HUNK;
	else if (l.len >= 1 && l.text[0] == '+')
		l.style = TERM_DIFF_ADD;
	else if (l.len >= 1 && l.text[0] == '-')
		l.style = TERM_DIFF_DEL;
	return l;
}
