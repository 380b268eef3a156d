/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The terminal.  Only term.c and term_draw.c know curses.
 *
 * A frame is drawn whole at every event: term_clear(), any number of term_put() and friends,
 * term_show().  ncurses finds out what changed.  Text is UTF-8 in every locale; what the locale
 * cannot show, control characters and broken UTF-8 become U+FFFD or '?'.  Coordinates are cells
 * from the upper left corner; every drawing call is clipped, so any coordinate is allowed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct term;

struct term_rect {
	int y, x, h, w;
};

/* What a text is, not what it looks like.  Colour only repeats what the words say: GOOD, WARNING
 * and DANGER look alike on a monochrome terminal, so never let the style be the only sign. */
enum term_style {
	TERM_NORMAL,
	TERM_TITLE,   /* title bar */
	TERM_KEY,     /* name of a key in the key line */
	TERM_FOCUS,   /* the button, field or row that the keys act on: reverse video */
	TERM_DIM,     /* present but not eligible */
	TERM_HEADING, /* of a group of rows */
	TERM_GOOD,
	TERM_WARNING,
	TERM_DANGER,
	TERM_DIFF_ADD,
	TERM_DIFF_DEL,
	TERM_DIFF_HUNK,
	TERM_STYLES, /* their number */
};

/* A key is a Unicode character, a control character, or one of the names below.  Every terminal's
 * Enter is TERM_KEY_ENTER, every Backspace TERM_KEY_BACKSPACE. */
#define TERM_CTRL(c) ((uint32_t)((c)&31)) /* TERM_CTRL('l') */
enum term_key {
	TERM_KEY_INTERRUPT = 3, /* Ctrl-C, and SIGINT sent by somebody */
	TERM_KEY_TAB = 9,
	TERM_KEY_ENTER = 13,
	TERM_KEY_ESC = 27,
	TERM_KEY_BACKSPACE = 127,
	TERM_KEY_UP = 0x110000, /* after the last Unicode character */
	TERM_KEY_DOWN,
	TERM_KEY_LEFT,
	TERM_KEY_RIGHT,
	TERM_KEY_HOME,
	TERM_KEY_END,
	TERM_KEY_PAGE_UP,
	TERM_KEY_PAGE_DOWN,
	TERM_KEY_DELETE,
	TERM_KEY_BACKTAB,
	TERM_KEY_F1,
	TERM_KEY_OTHER, /* a key without a meaning here */
};

enum term_event_type {
	TERM_EVENT_KEY,    /* key */
	TERM_EVENT_RESIZE, /* draw again: new size, or back from Ctrl-Z */
	TERM_EVENT_FD, /* the watched descriptor is readable, at its end, or in error: read it */
	TERM_EVENT_TIMEOUT, /* the given time is over */
	TERM_EVENT_STOP,    /* SIGTERM, SIGHUP, SIGQUIT, or the terminal is gone: come to an end */
};

struct term_event {
	enum term_event_type type;
	uint32_t key;
};

/* Takes over the terminal on standard input and output: alternate screen, raw keys, own signal
 * handlers, and standard error into memory, so that no library can write over the picture.  An
 * unknown TERM is tried as a similar terminal.  0, or -ENOTTY, -ENOTSUP (terminal unknown, or
 * cannot move its cursor), -ENOMEM, with a sentence for the user in message. */
int term_open(struct term **ret, char *message, size_t size);

/* The same without any terminal, for tests: draws to nowhere, takes keys from term_type(). Does
 * not touch signals, standard error, or the locale (call setlocale() before). */
int term_open_headless(struct term **ret, int rows, int cols);

/* Gives the terminal back as it was, then writes to standard error what was caught meanwhile. NULL
 * is fine.  Returns NULL. */
struct term *term_close(struct term *t);

/* The only blocking call.  Waits for a key, a resize, a stop, data on watch_fd (-1: none), or the
 * end of timeout_ms (-1: never; 0: return at once unless a key is waiting).  Ctrl-Z is handled
 * inside.  STOP comes once per cause; after it the call may be used on to finish work (a terminal
 * that is gone is no longer read or drawn).  Headless with no typed key left and no watch_fd: the
 * end of timeout_ms at once, and without one STOP. */
struct term_event term_next(struct term *t, int watch_fd, int timeout_ms);

struct term_rect term_screen(const struct term *t); /* the whole screen */
void term_clip(struct term *t, struct term_rect r); /* until the next term_clip or term_clear */

void term_clear(struct term *t);  /* begin a frame: all blank, clip whole, cursor lower right */
void term_show(struct term *t);   /* end a frame: send what changed */
void term_redraw(struct term *t); /* the next term_show sends everything (Ctrl-L) */

/* Writes text into at most width cells at (y, x).  Returns the cells used, so pieces chain:
 *	x += term_put(t, y, x, end - x, TERM_DIM, "no driver");
 * A text that does not fit is cut; term_width() says how many cells it needs. */
int term_put(struct term *t, int y, int x, int width, enum term_style style, const char *text);
int term_putf(struct term *t, int y, int x, int width, enum term_style style, const char *format,
	...) __attribute__((format(printf, 6, 7)));
/* The general form: len bytes (SIZE_MAX: up to the NUL), without the first skip cells. */
int term_put_part(struct term *t, struct term_rect r, int skip, enum term_style style,
	const char *text, size_t len);

void term_fill(struct term *t, struct term_rect r, enum term_style style);      /* blanks */
void term_line(struct term *t, int y, int x, int width, enum term_style style); /* horizontal */
void term_box(struct term *t, struct term_rect r, enum term_style style, const char *title);
void term_cursor(struct term *t, int y, int x); /* where readers of the screen shall look */
/* What was drawn in r is in reverse video. */
void term_reverse(struct term *t, struct term_rect r);

/* The cells that len bytes (SIZE_MAX: up to the NUL) of text take. */
int term_width(const char *text, size_t len);
/* Bytes of the first character of text with everything that belongs to its cells (combining
 * marks), and its cells in ret_cells (may be NULL).  0 only at len 0. */
size_t term_char(const char *text, size_t len, int *ret_cells);
/* "Enter", "Space", "^L", "a": in a static buffer for plain characters, until the next call. */
const char *term_key_name(uint32_t key);

/* For tests. */
void term_type(struct term *t, uint32_t key); /* queue a key, headless */
void term_resize(struct term *t, int rows, int cols);
/* The screen as text, one line per row, trailing blanks cut, "\n" after each.  Line drawing that is
 * not Unicode is + - |.  Returns text, or NULL (-ENOMEM); free it. */
char *term_dump(struct term *t);
enum term_style term_style_at(struct term *t, int y, int x); /* on a terminal with colours */
bool term_reversed_at(struct term *t, int y, int x);
