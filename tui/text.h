/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Text from anywhere as cells that are safe to draw.  UTF-8 in, whatever the locale. */
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#define TEXT_PARTS 5 /* a character and its combining marks; more marks are dropped */

struct text_cell {
	wchar_t part[TEXT_PARTS];
	int n;     /* parts */
	int cells; /* 1 or 2; more for a tab, which is a blank of that width */
};

/* The first character of text, which has len > 0 bytes; returns its bytes.  What is broken,
 * invisible or not known to the locale is U+FFFD or '?'.  column: that of the text so far, for
 * tabs. */
size_t text_next(const char *text, size_t len, int column, struct text_cell *ret);
/* c as UTF-8, at most 4 bytes, without a NUL; returns their number. */
size_t text_encode(char *ret, uint32_t c);
