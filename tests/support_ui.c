/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support_ui.h"

struct term *ui_open(int rows, int cols)
{
	struct term *t = NULL;

	if (!setlocale(LC_ALL, "C.UTF-8") && !setlocale(LC_ALL, "en_US.UTF-8"))
		fail_msg("no UTF-8 locale");
	if (term_open_headless(&t, rows, cols) < 0)
		fail_msg("no headless terminal: is the terminfo of xterm-256color installed?");
	return t;
}

bool ui_keys_n(struct wizard *w, const uint32_t *keys, size_t n)
{
	bool goes_on = true;

	for (size_t i = 0; i < n && goes_on; i++) {
		wizard_draw(w);
		term_type(wizard_term(w), keys[i]);
		goes_on = wizard_step(w);
	}
	if (goes_on)
		wizard_draw(w);
	return goes_on;
}

bool ui_text(struct wizard *w, const char *text)
{
	wchar_t wide[256];
	uint32_t keys[256];
	size_t n = mbstowcs(wide, text, 256);

	assert_true(n < 256);
	for (size_t i = 0; i < n; i++)
		keys[i] = (uint32_t)wide[i];
	return ui_keys_n(w, keys, n);
}

/* One line of text with single blanks between words and none at its ends. */
static void squeeze(char *ret, size_t size, const char *line)
{
	size_t n = 0;

	for (; *line && *line != '\n' && n + 1 < size; line++) {
		if (*line != ' ')
			ret[n++] = *line;
		else if (n > 0 && ret[n - 1] != ' ')
			ret[n++] = ' ';
	}
	while (n > 0 && ret[n - 1] == ' ')
		n--;
	ret[n] = '\0';
}

void ui_assert_screen(struct term *t, const char *expected, const char *file, int line)
{
	char *dump = term_dump(t);
	size_t n = strlen(dump), m = strlen(expected);
	bool same;

	while (n > 0 && dump[n - 1] == '\n')
		n--;
	while (m > 0 && expected[m - 1] == '\n')
		m--;
	same = n == m && !memcmp(dump, expected, n);
	if (!same)
		(void)fprintf(stderr, "the screen is:\n%.*s\nnot:\n%.*s\n", (int)n, dump, (int)m,
			expected);
	free(dump);
	_assert_true(same, "the screen as expected", file, line);
}

int ui_find_row(struct term *t, const char *text)
{
	char *dump = term_dump(t);
	const char *at = strstr(dump, text);
	int y = at ? 0 : -1;

	for (const char *s = dump; at && s < at; s++)
		y += *s == '\n';
	free(dump);
	return y;
}

void ui_assert_on_screen(struct term *t, const char *text, bool wanted, const char *file, int line)
{
	bool found = ui_find_row(t, text) >= 0;

	if (found != wanted) {
		char *dump = term_dump(t);

		(void)fprintf(stderr, "the screen is:\n%s\n%s \"%s\"\n", dump,
			wanted ? "without" : "with", text);
		free(dump);
	}
	_assert_true(found == wanted, text, file, line);
}

void ui_assert_row(struct term *t, int y, const char *text, const char *file, int line)
{
	char *dump = term_dump(t);
	const char *row = dump;
	char got[2048], wanted[2048];
	bool same;

	for (; y > 0 && row; y--) {
		row = strchr(row, '\n');
		row = row ? row + 1 : NULL;
	}
	squeeze(got, sizeof(got), row ? row : "");
	squeeze(wanted, sizeof(wanted), text);
	same = !strcmp(got, wanted);
	if (!same)
		print_error("the row is \"%s\", not \"%s\"\n", got, wanted);
	free(dump);
	_assert_true(same, text, file, line);
}
