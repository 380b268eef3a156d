/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Screens without a terminal: open, type, look.  Include after cmocka.h. */
#include "tui/term.h"
#include "tui/wizard.h"

/* A headless terminal in the C.UTF-8 locale; fails the test if there is none. */
struct term *ui_open(int rows, int cols);

/* Types keys and handles each event: ui_keys(w, TERM_KEY_DOWN, ' ', TERM_KEY_ENTER).  Draws a frame
 * before every event and after the last.  Returns false if the wizard ended. */
#define ui_keys(w, ...)                                                                            \
	ui_keys_n(w, (const uint32_t[]){__VA_ARGS__},                                              \
		sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))
bool ui_keys_n(struct wizard *w, const uint32_t *keys, size_t n);
bool ui_text(struct wizard *w, const char *text); /* characters (UTF-8) as keys */

/* The screen is exactly `expected` (see term_dump()); rows below the last line are blank. */
#define assert_screen(t, expected) ui_assert_screen(t, expected, __FILE__, __LINE__)
/* Somewhere on the screen, within one row, is (not) `text`. */
#define assert_on_screen(t, text)     ui_assert_on_screen(t, text, true, __FILE__, __LINE__)
#define assert_not_on_screen(t, text) ui_assert_on_screen(t, text, false, __FILE__, __LINE__)
/* The words of row y are those of text, whatever blanks are between them. */
#define assert_row(t, y, text) ui_assert_row(t, y, text, __FILE__, __LINE__)

void ui_assert_screen(struct term *t, const char *expected, const char *file, int line);
void ui_assert_on_screen(struct term *t, const char *text, bool wanted, const char *file, int line);
void ui_assert_row(struct term *t, int y, const char *text, const char *file, int line);
int ui_find_row(struct term *t, const char *text); /* the first row with text, or -1 */
