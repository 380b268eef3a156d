/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/text.h"
#include "tui/widget.h"

#include <stdio.h>
#include <string.h>

static size_t size_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- line editor --- */

static size_t before(const struct widget_edit *e)
{
	size_t at = 0, next = 0;

	while (next < e->pos) {
		at = next;
		next += term_char(e->text + next, strlen(e->text + next), NULL);
	}
	return at;
}

static size_t after(const struct widget_edit *e)
{
	return e->pos + term_char(e->text + e->pos, strlen(e->text + e->pos), NULL);
}

static void cut(struct widget_edit *e, size_t from, size_t to)
{
	memmove(e->text + from, e->text + to, strlen(e->text + to) + 1);
	e->pos = from;
}

static size_t word_before(const struct widget_edit *e)
{
	size_t at = e->pos;

	while (at > 0 && e->text[at - 1] == ' ')
		at--;
	while (at > 0 && e->text[at - 1] != ' ')
		at--;
	return at;
}

static bool insert(struct widget_edit *e, uint32_t c)
{
	char bytes[4];
	size_t n;

	if (c < ' ' || c >= TERM_KEY_UP || (c >= 127 && c < 0xa0))
		return false;
	n = text_encode(bytes, c);
	if (strlen(e->text) + n < sizeof(e->text)) {
		memmove(e->text + e->pos + n, e->text + e->pos, strlen(e->text + e->pos) + 1);
		memcpy(e->text + e->pos, bytes, n);
		e->pos += n;
	}
	return true;
}

bool widget_edit_key(struct widget_edit *e, uint32_t key)
{
	switch (key) {
	case TERM_KEY_LEFT:
		e->pos = before(e);
		return true;
	case TERM_KEY_RIGHT:
		e->pos = after(e);
		return true;
	case TERM_KEY_HOME:
	case TERM_CTRL('a'):
		e->pos = 0;
		return true;
	case TERM_KEY_END:
	case TERM_CTRL('e'):
		e->pos = strlen(e->text);
		return true;
	case TERM_KEY_BACKSPACE:
		cut(e, before(e), e->pos);
		return true;
	case TERM_KEY_DELETE:
		cut(e, e->pos, after(e));
		return true;
	case TERM_CTRL('u'):
		cut(e, 0, e->pos);
		return true;
	case TERM_CTRL('k'):
		e->text[e->pos] = '\0';
		return true;
	case TERM_CTRL('w'):
		cut(e, word_before(e), e->pos);
		return true;
	default:
		return insert(e, key);
	}
}

void widget_edit_set(struct widget_edit *e, const char *text)
{
	snprintf(e->text, sizeof(e->text), "%s", text);
	e->pos = strlen(e->text);
}

void widget_edit_draw(const struct widget_edit *e, struct term *t, struct term_rect r)
{
	int at = term_width(e->text, e->pos);
	int skip = r.w > 0 && at > r.w - 1 ? at - (r.w - 1) : 0;

	r.h = 1;
	term_fill(t, r, TERM_FOCUS);
	term_put_part(t, r, skip, TERM_FOCUS, e->text, SIZE_MAX);
	term_cursor(t, r.y, r.x + at - skip);
}

/* --- paragraphs --- */

size_t widget_wrap(const char *text, int width, const char **ret_next)
{
	size_t len = strlen(text);
	size_t at = 0, fits = 0; /* fits: up to the last blank */
	int cells = 0, w;

	for (size_t n; at < len && text[at] != '\n'; at += n, cells += w) {
		if (text[at] == ' ' && at > 0 && text[at - 1] != ' ')
			fits = at;
		n = term_char(text + at, len - at, &w);
		if (cells + w > width && at > 0 && text[at] != ' ')
			break;
	}
	if (at < len && text[at] != '\n' && fits > 0)
		at = fits;
	*ret_next = NULL;
	len = at;
	while (text[at] == ' ')
		at++;
	if (text[at] == '\n')
		at++;
	if (text[at])
		*ret_next = text + at;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	return len;
}

int widget_wrap_rows(const char *text, int width)
{
	int rows = 0;

	for (; text; rows++)
		widget_wrap(text, width, &text);
	return rows;
}

/* The wrapped lines from `skip` on. */
static int paragraph(
	struct term *t, struct term_rect r, enum term_style style, const char *text, size_t skip)
{
	int rows = 0;

	while (text && rows < r.h) {
		const char *next;
		size_t len = widget_wrap(text, r.w, &next);

		if (skip > 0) {
			skip--;
		} else {
			term_put_part(t, (struct term_rect){r.y + rows, r.x, 1, r.w}, 0, style,
				text, len);
			rows++;
		}
		text = next;
	}
	return rows;
}

int widget_paragraph(struct term *t, struct term_rect r, enum term_style style, const char *text)
{
	return paragraph(t, r, style, text, 0);
}

/* --- dialog --- */

#define DIALOG_WIDTH 68

static void dialog_open(struct widget_dialog *d, enum widget_dialog_kind kind, int cmd,
	const char *title, const char *text)
{
	*d = (struct widget_dialog){.kind = kind, .cmd = cmd, .title = title};
	snprintf(d->text, sizeof(d->text), "%s", text);
}

void widget_note(struct widget_dialog *d, const char *title, const char *text)
{
	dialog_open(d, WIDGET_DIALOG_NOTE, 0, title, text);
}

void widget_ask(struct widget_dialog *d, int cmd, const char *title, const char *text)
{
	dialog_open(d, WIDGET_DIALOG_YESNO, cmd, title, text);
}

void widget_ask_word(
	struct widget_dialog *d, int cmd, const char *title, const char *text, const char *word)
{
	dialog_open(d, WIDGET_DIALOG_WORD, cmd, title, text);
	snprintf(d->word, sizeof(d->word), "%s", word);
}

struct dialog_layout {
	struct term_rect box, text;
	size_t max_top;
};

static struct dialog_layout dialog_layout(const struct widget_dialog *d, struct term_rect r)
{
	int w = r.w - 6 < DIALOG_WIDTH ? r.w - 6 : DIALOG_WIDTH;
	int rows = widget_wrap_rows(d->text, w);
	int h = rows + 4 < r.h ? rows + 4 : r.h; /* text, blank, buttons, borders */
	struct dialog_layout l;

	l.box = (struct term_rect){r.y + (r.h - h) / 2, r.x + (r.w - w - 4) / 2, h, w + 4};
	l.text = (struct term_rect){l.box.y + 1, l.box.x + 2, h - 4, w};
	l.max_top = rows > h - 4 ? (size_t)(rows - (h - 4)) : 0;
	return l;
}

static bool dialog_scroll(struct widget_dialog *d, uint32_t key, struct dialog_layout l)
{
	size_t step = 1;

	if ((key == TERM_KEY_PAGE_UP || key == TERM_KEY_PAGE_DOWN) && l.text.h > 1)
		step = (size_t)l.text.h;
	if (key == TERM_KEY_UP || key == TERM_KEY_PAGE_UP)
		d->top -= size_min(d->top, step);
	else if (key == TERM_KEY_DOWN || key == TERM_KEY_PAGE_DOWN)
		d->top = size_min(d->top + step, l.max_top);
	else
		return false;
	return true;
}

static enum widget_answer yesno_key(struct widget_dialog *d, uint32_t key)
{
	switch (key) {
	case 'y':
	case 'Y':
		return WIDGET_ANSWER_YES;
	case 'n':
	case 'N':
	case 'q':
		return WIDGET_ANSWER_NO;
	case TERM_KEY_ENTER:
		return d->yes ? WIDGET_ANSWER_YES : WIDGET_ANSWER_NO;
	case TERM_KEY_LEFT:
	case TERM_KEY_RIGHT:
	case TERM_KEY_TAB:
	case TERM_KEY_BACKTAB:
		d->yes = !d->yes;
		break;
	default:
		break;
	}
	return WIDGET_ANSWER_NONE;
}

static enum widget_answer word_key(struct widget_dialog *d, uint32_t key)
{
	if (key != TERM_KEY_ENTER)
		widget_edit_key(&d->edit, key);
	else if (!strcmp(d->edit.text, d->word))
		return WIDGET_ANSWER_YES;
	else
		widget_edit_set(&d->edit, "");
	return WIDGET_ANSWER_NONE;
}

enum widget_answer widget_dialog_key(struct widget_dialog *d, uint32_t key, struct term_rect r)
{
	enum widget_answer a = WIDGET_ANSWER_NONE;

	if (d->kind == WIDGET_DIALOG_CLOSED || dialog_scroll(d, key, dialog_layout(d, r)))
		return a;
	if (key == TERM_KEY_ESC || key == TERM_KEY_INTERRUPT)
		a = WIDGET_ANSWER_NO;
	else if (d->kind == WIDGET_DIALOG_YESNO)
		a = yesno_key(d, key);
	else if (d->kind == WIDGET_DIALOG_WORD)
		a = word_key(d, key);
	else if (key == TERM_KEY_ENTER || key == ' ' || key == 'q' || key == '?')
		a = WIDGET_ANSWER_NO;
	if (a != WIDGET_ANSWER_NONE)
		d->kind = WIDGET_DIALOG_CLOSED;
	return a;
}

/* The focused button has brackets, for those who see no reverse video. */
static int draw_button(struct term *t, int y, int x, const char *label, bool focus)
{
	if (focus)
		term_cursor(t, y, x + 2);
	return term_putf(
		t, y, x, 12, focus ? TERM_FOCUS : TERM_NORMAL, focus ? "[ %s ]" : "  %s  ", label);
}

static void draw_answers(const struct widget_dialog *d, struct term *t, struct term_rect r)
{
	int end = r.x + r.w;
	int x = r.x;

	if (d->kind == WIDGET_DIALOG_NOTE) {
		draw_button(t, r.y, x, "OK", true);
	} else if (d->kind == WIDGET_DIALOG_YESNO) {
		x += draw_button(t, r.y, x, "No", !d->yes) + 2;
		draw_button(t, r.y, x, "Yes", d->yes);
	} else {
		x += term_putf(t, r.y, x, r.w, TERM_HEADING, "Type \"%s\" and Enter: ", d->word);
		widget_edit_draw(
			&d->edit, t, (struct term_rect){r.y, x, 1, end - x < 24 ? end - x : 24});
	}
}

void widget_dialog_draw(const struct widget_dialog *d, struct term *t, struct term_rect r)
{
	struct dialog_layout l = dialog_layout(d, r);
	size_t top = size_min(d->top, l.max_top);

	if (d->kind == WIDGET_DIALOG_CLOSED)
		return;
	term_box(t, l.box, TERM_NORMAL, d->title);
	paragraph(t, l.text, TERM_NORMAL, d->text, top);
	if (l.max_top > 0)
		term_put(t, l.text.y + l.text.h, l.text.x, l.text.w, TERM_DIM,
			top < l.max_top ? "(more: Down)" : "(end; Up goes back)");
	draw_answers(d, t, (struct term_rect){l.box.y + l.box.h - 2, l.text.x, 1, l.text.w});
}
