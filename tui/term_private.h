/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files of term share; no other file knows curses. */
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <wchar.h>

#include "tui/term.h"
#include "tui/tty.h"

#define TYPED_MAX 512

struct term {
	SCREEN *screen;
	WINDOW *input; /* a pad: reading a key from a window would also draw it */
	FILE *null_in, *null_out;
	struct term_rect clip;
	int cursor_y, cursor_x;
	bool headless;
	bool colour;
	bool gone; /* the terminal: neither read nor drawn any more */
	int empty_reads;
	mbstate_t partial; /* a character of which not all bytes have come */
	uint32_t typed[TYPED_MAX];
	size_t typed_first, typed_n;

	struct tty tty;
};

/* Sets up colours, if the terminal has them and NO_COLOR does not refuse them. */
void term_colours(struct term *t);
