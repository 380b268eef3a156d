/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Pieces of a screen: plain structs inside a screen's state, zero-initialised = empty.
 * *_key() changes the struct and draws nothing; *_draw() draws and changes nothing.  A *_key()
 * returns whether the key was for it.  `rows` is the height of the rectangle that *_draw() gets:
 * compute both with one function of the screen.
 */
#include "tui/term.h"

/* --- list: rows of which one is current; costs what is visible, whatever n is --- */

struct widget_list {
	size_t n;   /* rows */
	size_t cur; /* the current row; below n, or 0 */
	size_t top; /* first visible row */
};

struct widget_rows {
	/* Headings and blank rows are not selectable and are skipped.  NULL: all rows are. */
	bool (*selectable)(const void *data, size_t row);
	/* Draws one row into r (height 1); r begins after the two cells of the mark "> ". */
	void (*draw)(const void *data, size_t row, struct term *t, struct term_rect r);
	/* Cells of the current row in reverse video, with the mark; 0: all.  Up to where a row can
	 * be told apart is enough, and less to send over a serial line. */
	int bar;
};

/* After the rows changed: sets n and puts cur on `want`, or the nearest selectable row. */
void widget_list_set(struct widget_list *l, size_t n, size_t want, const struct widget_rows *ops,
	const void *data);
/* Up Down j k, Home End g G, PgUp PgDn. */
bool widget_list_key(struct widget_list *l, uint32_t key, int rows, const struct widget_rows *ops,
	const void *data);
/* focused: draw the mark, reverse video and the cursor. */
void widget_list_draw(const struct widget_list *l, struct term *t, struct term_rect r, bool focused,
	const struct widget_rows *ops, const void *data);

/* --- text view: many styled lines, scrolled both ways (diffs, output of commands) --- */

struct widget_text {
	size_t n;    /* lines */
	size_t top;  /* first visible line; ignored while following */
	int left;    /* cells cut on the left */
	bool follow; /* stick to the end as lines come; scrolling up ends it, End begins it */
};

struct widget_line {
	const char *text; /* need not end in NUL or newline */
	size_t len;
	enum term_style style;
};

typedef struct widget_line (*widget_line_fn)(const void *data, size_t line);

/* Lines shown in `rows` rows, one less when the last row says where we are; and the first of them.
 */
size_t widget_text_rows(const struct widget_text *v, int rows);
size_t widget_text_top(const struct widget_text *v, int rows);
/* Up Down j k, Left Right, Home End g G, PgUp PgDn, Space as PgDn. */
bool widget_text_key(struct widget_text *v, uint32_t key, int rows);
/* Shows "lines a-b of n" in the last row of r when they do not all fit. */
void widget_text_draw(const struct widget_text *v, struct term *t, struct term_rect r,
	widget_line_fn line, const void *data);

/* --- lines: bytes collected as lines, for a text view --- */

struct widget_lines {
	char *text;
	size_t len, size;
	size_t *start; /* of each line in text; start[n] is not there */
	size_t n, n_size;
	int escape; /* inside a terminal escape sequence of the input */
	bool cr;    /* a carriage return was last: what follows replaces the line */
};

/* Appends; pieces may be cut anywhere.  Escape sequences are dropped, a carriage return begins the
 * line anew, as progress bars do.  0 or -ENOMEM. */
int widget_lines_add(struct widget_lines *b, const char *data, size_t len);
/* data: a struct widget_lines.  The style is NORMAL. */
struct widget_line widget_lines_line(const void *data, size_t line);
/* The same, with the style that its first characters give a line of a unified diff. */
struct widget_line widget_lines_diff(const void *data, size_t line);
void widget_lines_free(struct widget_lines *b); /* and make empty */

/* --- line editor --- */

struct widget_edit {
	char text[128]; /* UTF-8, NUL-terminated */
	size_t pos;     /* of the cursor, in bytes */
};

/* Characters, Backspace Delete Left Right Home End, ^A ^E ^U ^K ^W.  Not Enter, Esc, Tab. */
bool widget_edit_key(struct widget_edit *e, uint32_t key);
void widget_edit_set(struct widget_edit *e, const char *text); /* cursor at its end */
void widget_edit_draw(const struct widget_edit *e, struct term *t, struct term_rect r);

/* --- paragraphs --- */

/* Bytes of text that go on the first line when wrapped at width cells, without the blank or newline
 * after it; *ret_next is where the next line begins, NULL after the last. */
size_t widget_wrap(const char *text, int width, const char **ret_next);
int widget_wrap_rows(const char *text, int width);
/* Draws text wrapped into r and returns the rows used. */
int widget_paragraph(struct term *t, struct term_rect r, enum term_style style, const char *text);

/* --- dialog: a question over the screen --- */

enum widget_dialog_kind {
	WIDGET_DIALOG_CLOSED, /* so a zeroed struct is no dialog */
	WIDGET_DIALOG_NOTE,   /* text to read; answered by Enter, Esc or q: NO */
	WIDGET_DIALOG_YESNO,  /* two buttons; No is the default; y and n answer, too */
	WIDGET_DIALOG_WORD,   /* YES only when the word was typed and Enter pressed */
};

enum widget_answer {
	WIDGET_ANSWER_NONE,
	WIDGET_ANSWER_NO,
	WIDGET_ANSWER_YES,
};

struct widget_dialog {
	enum widget_dialog_kind kind;
	int cmd; /* the asker's: what the question is about */
	const char *title;
	char text[4096];
	char word[32];
	struct widget_edit edit;
	bool yes; /* the focused button */
	size_t top;
};

/* Open a dialog.  title is kept, text and word are copied (cut if too long). */
void widget_note(struct widget_dialog *d, const char *title, const char *text);
void widget_ask(struct widget_dialog *d, int cmd, const char *title, const char *text);
void widget_ask_word(
	struct widget_dialog *d, int cmd, const char *title, const char *text, const char *word);
/* r: the rectangle that widget_dialog_draw() gets.  On an answer the dialog is closed (cmd stays).
 */
enum widget_answer widget_dialog_key(struct widget_dialog *d, uint32_t key, struct term_rect r);
/* Centred in r, as large as its text needs; nothing when closed. */
void widget_dialog_draw(const struct widget_dialog *d, struct term *t, struct term_rect r);
