/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support_ui.h"

static int set_up(void **state)
{
	*state = ui_open(24, 80);
	return 0;
}

static int tear_down(void **state)
{
	term_close(*state);
	return 0;
}

static const struct term_rect area = {2, 4, 6, 30};

/* --- list: every row that is a multiple of `every` is a heading --- */

struct rows {
	size_t every, asked, drawn;
};

static bool row_selectable(const void *data, size_t row)
{
	struct rows *d = *(struct rows *const *)data;

	d->asked++;
	return d->every == 0 || row % d->every != 0;
}

static void row_draw(const void *data, size_t row, struct term *t, struct term_rect r)
{
	struct rows *d = *(struct rows *const *)data;

	d->drawn++;
	term_putf(t, r.y, r.x, r.w, TERM_NORMAL, "row %zu", row);
}

static const struct widget_rows row_ops = {row_selectable, row_draw, 0};

static void list_keys(struct widget_list *l, struct rows *d, const char *keys)
{
	for (; *keys; keys++) {
		uint32_t key = *keys == 'D'   ? TERM_KEY_PAGE_DOWN
			       : *keys == 'U' ? TERM_KEY_PAGE_UP
					      : (uint32_t)*keys;

		assert_true(widget_list_key(l, key, area.h, &row_ops, &d));
	}
}

static void test_list_skips_headings(void **state)
{
	struct rows rows = {.every = 4}, *d = &rows;
	struct widget_list l = {0};

	(void)state;
	widget_list_set(&l, 20, 0, &row_ops, &d);
	assert_int_equal(l.cur, 1);
	list_keys(&l, d, "jjj");
	assert_int_equal(l.cur, 5);
	list_keys(&l, d, "k");
	assert_int_equal(l.cur, 3);
	list_keys(&l, d, "G");
	assert_int_equal(l.cur, 19);
	list_keys(&l, d, "jjj");
	assert_int_equal(l.cur, 19);
	list_keys(&l, d, "U");
	assert_int_equal(l.cur, 14);
	list_keys(&l, d, "gkkU");
	assert_int_equal(l.cur, 1);
	assert_int_equal(l.top, 0); /* the heading above is seen */
	widget_list_set(&l, 20, 8, &row_ops, &d);
	assert_int_equal(l.cur, 9);
	widget_list_set(&l, 9, 30, &row_ops, &d);
	assert_int_equal(l.cur, 7);
	assert_false(widget_list_key(&l, 'x', area.h, &row_ops, &d));
}

static void test_list_shows_the_heading_of_the_first_row(void **state)
{
	struct rows rows = {.every = 10}, *d = &rows;
	struct widget_list l = {0};

	(void)state;
	widget_list_set(&l, 40, 25, &row_ops, &d);
	list_keys(&l, d, "Gkkkkkkkkkkkkkkkkk");
	assert_int_equal(l.cur, 21);
	assert_int_equal(l.top, 20);
}

static void test_list_without_a_selectable_row(void **state)
{
	struct rows rows = {.every = 1}, *d = &rows;
	struct widget_list l = {0};

	(void)state;
	widget_list_set(&l, 5, 3, &row_ops, &d);
	list_keys(&l, d, "jkGgDU");
	widget_list_set(&l, 0, 3, &row_ops, &d);
	list_keys(&l, d, "jkGgDU");
	assert_int_equal(l.cur, 0);
	assert_int_equal(l.top, 0);
}

static void test_list_picture(void **state)
{
	struct rows rows = {.every = 4}, *d = &rows;
	struct widget_list l = {0};
	struct term *t = *state;

	widget_list_set(&l, 20, 0, &row_ops, &d);
	list_keys(&l, d, "jjjjj");
	term_clear(t);
	widget_list_draw(&l, t, area, true, &row_ops, &d);
	assert_screen(t, "\n\n"
			 "      row 2                      ^\n"
			 "      row 3\n"
			 "      row 4\n"
			 "      row 5\n"
			 "      row 6\n"
			 "    > row 7                      v\n");
	assert_true(term_reversed_at(t, 7, 20));
	assert_false(term_reversed_at(t, 7, 33));
	assert_false(term_reversed_at(t, 6, 20));
	term_clear(t);
	widget_list_draw(&l, t, area, true, &(struct widget_rows){row_selectable, row_draw, 9}, &d);
	assert_true(term_reversed_at(t, 7, 12));
	assert_false(term_reversed_at(t, 7, 13));
	term_clear(t);
	widget_list_draw(&l, t, area, false, &row_ops, &d);
	assert_not_on_screen(t, "> row 7");
}

static void test_list_costs_what_is_visible(void **state)
{
	struct rows rows = {.every = 4}, *d = &rows;
	struct widget_list l = {0};

	widget_list_set(&l, 10000, 5000, &row_ops, &d);
	rows = (struct rows){.every = 4};
	list_keys(&l, d, "jkDUGg");
	widget_list_draw(&l, *state, area, true, &row_ops, &d);
	assert_int_equal(rows.drawn, area.h);
	assert_true(rows.asked < 100);
}

static void test_list_in_no_room(void **state)
{
	struct rows rows = {.every = 4}, *d = &rows;
	struct widget_list l = {0};

	widget_list_set(&l, 100, 50, &row_ops, &d);
	for (int h = -1; h < 3; h++) {
		for (int w = -1; w < 5; w++)
			widget_list_draw(
				&l, *state, (struct term_rect){0, 0, h, w}, true, &row_ops, &d);
		assert_true(widget_list_key(&l, TERM_KEY_PAGE_DOWN, h, &row_ops, &d));
	}
}

/* --- text view and lines --- */

static void add(struct widget_lines *b, const char *text)
{
	assert_int_equal(widget_lines_add(b, text, strlen(text)), 0);
}

static void assert_line(const struct widget_lines *b, size_t i, const char *expected)
{
	struct widget_line l = widget_lines_line(b, i);

	assert_int_equal(l.len, strlen(expected));
	assert_memory_equal(l.text, expected, l.len);
}

static void test_lines(void **state)
{
	struct widget_lines b = {0};

	(void)state;
	assert_line(&b, 0, "");
	add(&b, "one\ntw");
	add(&b, "o\n\nfour");
	assert_int_equal(b.n, 4);
	assert_line(&b, 0, "one");
	assert_line(&b, 1, "two");
	assert_line(&b, 2, "");
	assert_line(&b, 3, "four");
	assert_line(&b, 4, "");
	add(&b, "\n");
	assert_int_equal(b.n, 4);
	widget_lines_free(&b);
}

static void test_lines_of_a_progress_bar(void **state)
{
	struct widget_lines b = {0};

	(void)state;
	add(&b, "\r\n10%\r20%\r");
	assert_line(&b, 1, "20%");
	add(&b, "100%\r\n\033[1;32mdone\033[0m\033]0;title\a.\033(B!\n");
	assert_int_equal(b.n, 3);
	assert_line(&b, 0, "");
	assert_line(&b, 1, "100%");
	assert_line(&b, 2, "done.B!");
	widget_lines_free(&b);
}

static void test_lines_many(void **state)
{
	struct widget_lines b = {0};

	(void)state;
	for (int i = 0; i < 10000; i++) {
		char line[32];

		snprintf(line, sizeof(line), "line %d\n", i);
		add(&b, line);
	}
	assert_int_equal(b.n, 10000);
	assert_line(&b, 9999, "line 9999");
	widget_lines_free(&b);
}

static void test_text_scrolls(void **state)
{
	struct widget_text v = {.n = 20};

	(void)state;
	widget_text_key(&v, TERM_KEY_UP, 6);
	assert_int_equal(v.top, 0);
	widget_text_key(&v, 'j', 6);
	widget_text_key(&v, ' ', 6);
	assert_int_equal(v.top, 6); /* five lines and the one that says where we are */
	for (int i = 0; i < 9; i++)
		widget_text_key(&v, TERM_KEY_PAGE_DOWN, 6);
	assert_int_equal(v.top, 15);
	widget_text_key(&v, TERM_KEY_HOME, 6);
	assert_int_equal(v.top, 0);
	assert_false(widget_text_key(&v, 'x', 6));
}

static void test_text_follows(void **state)
{
	struct widget_lines b = {0};
	struct widget_text v = {.follow = true};
	struct term *t = *state;

	add(&b, "1\n2\n3\n4\n5\n6\n7\n8\n");
	v.n = b.n;
	term_clear(t);
	widget_text_draw(&v, t, area, widget_lines_line, &b);
	assert_screen(t, "\n\n    4\n    5\n    6\n    7\n    8\n    lines 4-8 of 8\n");
	widget_text_key(&v, TERM_KEY_UP, area.h);
	add(&b, "9\n");
	v.n = b.n;
	term_clear(t);
	widget_text_draw(&v, t, area, widget_lines_line, &b);
	assert_on_screen(t, "lines 3-7 of 9");
	widget_text_key(&v, TERM_KEY_END, area.h);
	term_clear(t);
	widget_text_draw(&v, t, area, widget_lines_line, &b);
	assert_on_screen(t, "lines 5-9 of 9");
	widget_lines_free(&b);
}

static void test_text_of_a_diff(void **state)
{
	struct widget_lines b = {0};
	struct widget_text v = {0};
	struct term *t = *state;

	add(&b, "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-old\n+GRUB=\"quiet splash and a long line\"\n");
	v.n = b.n;
	term_clear(t);
	widget_text_draw(&v, t, area, widget_lines_diff, &b);
	assert_screen(t, "\n\n    --- a/f\n    +++ b/f\n    @@ -1 +1 @@\n    -old\n"
			 "    +GRUB=\"quiet splash and a lon>\n");
	assert_int_equal(term_style_at(t, 2, 4), TERM_HEADING);
	assert_int_equal(term_style_at(t, 4, 4), TERM_DIFF_HUNK);
	assert_int_equal(term_style_at(t, 5, 4), TERM_DIFF_DEL);
	assert_int_equal(term_style_at(t, 6, 4), TERM_DIFF_ADD);
	widget_text_key(&v, TERM_KEY_RIGHT, area.h);
	term_clear(t);
	widget_text_draw(&v, t, area, widget_lines_diff, &b);
	assert_on_screen(t, "iet splash and a long line\"");
	widget_text_key(&v, TERM_KEY_LEFT, area.h);
	assert_int_equal(v.left, 0);
	widget_lines_free(&b);
}

/* --- line editor --- */

static void edit_type(struct widget_edit *e, const uint32_t *keys)
{
	for (; *keys; keys++)
		assert_true(widget_edit_key(e, *keys));
}

static void test_edit(void **state)
{
	struct widget_edit e = {0};

	(void)state;
	edit_type(&e, (const uint32_t[]){'a', 0xfc, 0x6f22, 'z', 0});
	assert_string_equal(e.text, "aü漢z");
	edit_type(&e, (const uint32_t[]){TERM_KEY_LEFT, TERM_KEY_BACKSPACE, TERM_KEY_LEFT, 'b', 0});
	assert_string_equal(e.text, "abüz");
	edit_type(&e, (const uint32_t[]){
			      TERM_KEY_DELETE, TERM_KEY_RIGHT, TERM_KEY_RIGHT, TERM_KEY_DELETE, 0});
	assert_string_equal(e.text, "abz");
	edit_type(&e, (const uint32_t[]){TERM_KEY_HOME, 'x', TERM_KEY_END, 'y', 0});
	assert_string_equal(e.text, "xabzy");
	edit_type(&e, (const uint32_t[]){' ', 'c', 'd', ' ', TERM_CTRL('w'), 0});
	assert_string_equal(e.text, "xabzy ");
	edit_type(&e, (const uint32_t[]){TERM_CTRL('a'), TERM_KEY_RIGHT, TERM_CTRL('k'), 0});
	assert_string_equal(e.text, "x");
	edit_type(&e, (const uint32_t[]){TERM_CTRL('u'), TERM_KEY_BACKSPACE, TERM_KEY_DELETE, 0});
	assert_string_equal(e.text, "");
	assert_false(widget_edit_key(&e, TERM_KEY_ENTER));
	assert_false(widget_edit_key(&e, TERM_KEY_ESC));
	assert_false(widget_edit_key(&e, TERM_KEY_UP));
	assert_false(widget_edit_key(&e, 0x85));
}

static void test_edit_deletes_marks_with_their_character(void **state)
{
	struct widget_edit e = {0};

	(void)state;
	edit_type(&e, (const uint32_t[]){'a', 'e', 0x301, TERM_KEY_BACKSPACE, 0});
	assert_string_equal(e.text, "a");
}

static void test_edit_never_overflows(void **state)
{
	struct widget_edit e = {0};

	(void)state;
	for (int i = 0; i < 300; i++)
		assert_true(widget_edit_key(&e, 0x6f22));
	assert_int_equal(strlen(e.text), 126);
	widget_edit_set(&e, "abc");
	assert_int_equal(e.pos, 3);
}

static void test_edit_scrolls(void **state)
{
	struct widget_edit e = {0};
	struct term *t = *state;

	widget_edit_set(&e, "0123456789");
	term_clear(t);
	widget_edit_draw(&e, t, (struct term_rect){1, 2, 1, 6});
	assert_screen(t, "\n  56789\n");
	assert_true(term_reversed_at(t, 1, 7));
	assert_false(term_reversed_at(t, 1, 8));
}

/* --- paragraphs --- */

static void assert_wrapped(const char *text, int width, const char *expected)
{
	char got[512] = "";
	int rows = 0;

	for (const char *next = text; next; rows++) {
		const char *line = next;
		size_t len = widget_wrap(line, width, &next);

		assert_true(term_width(line, len) <= width || len <= 4);
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s|", (int)len, line);
	}
	assert_string_equal(got, expected);
	assert_int_equal(widget_wrap_rows(text, width), rows);
}

static void test_wrap(void **state)
{
	(void)state;
	assert_wrapped("the quick brown fox", 10, "the quick|brown fox|");
	assert_wrapped("the quick brown fox", 9, "the quick|brown fox|");
	assert_wrapped("the quick brown fox", 8, "the|quick|brown|fox|");
	assert_wrapped("a\n\nb\n", 8, "a||b|");
	assert_wrapped("  indented text", 9, "  indente|d text|");
	assert_wrapped("  in dented", 9, "  in|dented|");
	assert_wrapped("0123456789abc", 5, "01234|56789|abc|");
	assert_wrapped("", 5, "|");
	assert_wrapped("漢字漢字", 5, "漢字|漢字|");
	assert_wrapped("漢字", 1, "漢|字|");
	assert_wrapped("abc def", 3, "abc|def|");
	assert_wrapped("abc   def", 4, "abc|def|");
	assert_wrapped("x", 0, "x|");
}

/* --- dialogs --- */

static struct term_rect screen(struct term *t)
{
	return (struct term_rect){1, 0, term_screen(t).h - 2, term_screen(t).w};
}

static void test_dialog_yesno(void **state)
{
	struct term *t = *state;
	struct widget_dialog d;
	struct term_rect r = screen(t);

	widget_ask(&d, 7, "Really", "This will change the host.");
	term_clear(t);
	widget_dialog_draw(&d, t, r);
	assert_screen(t,
		"\n\n\n\n\n\n\n\n\n"
		"    ┌─ Really ─────────────────────────────────────────────────────────────┐\n"
		"    │ This will change the host.                                           │\n"
		"    │                                                                      │\n"
		"    │ [ No ]    Yes                                                        │\n"
		"    └──────────────────────────────────────────────────────────────────────┘\n");
	assert_true(term_reversed_at(t, 12, 8));
	assert_int_equal(widget_dialog_key(&d, TERM_KEY_RIGHT, r), WIDGET_ANSWER_NONE);
	assert_int_equal(widget_dialog_key(&d, TERM_KEY_ENTER, r), WIDGET_ANSWER_YES);
	assert_int_equal(d.kind, WIDGET_DIALOG_CLOSED);
	assert_int_equal(d.cmd, 7);
	assert_int_equal(widget_dialog_key(&d, TERM_KEY_ENTER, r), WIDGET_ANSWER_NONE);
}

static void test_dialog_no(void **state)
{
	static const uint32_t no[] = {
		TERM_KEY_ENTER, TERM_KEY_ESC, 'n', 'N', 'q', TERM_KEY_INTERRUPT};
	struct widget_dialog d;

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		widget_ask(&d, 7, "Really", "?");
		assert_int_equal(widget_dialog_key(&d, no[i], screen(*state)), WIDGET_ANSWER_NO);
	}
}

static void test_dialog_word(void **state)
{
	struct term *t = *state;
	struct widget_dialog d;
	struct term_rect r = screen(t);

	widget_ask_word(&d, 7, "Danger", "The host loses its disk.", "disk");
	for (const char *s = "dis\ry\rdisk"; *s; s++)
		assert_int_equal(widget_dialog_key(&d, (uint32_t)*s, r), WIDGET_ANSWER_NONE);
	term_clear(t);
	widget_dialog_draw(&d, t, r);
	assert_on_screen(t, "Type \"disk\" and Enter: disk ");
	assert_int_equal(widget_dialog_key(&d, TERM_KEY_ENTER, r), WIDGET_ANSWER_YES);
	widget_ask_word(&d, 7, "Danger", "The host loses its disk.", "disk");
	assert_string_equal(d.edit.text, "");
	assert_int_equal(widget_dialog_key(&d, TERM_KEY_ESC, r), WIDGET_ANSWER_NO);
}

static void test_dialog_scrolls(void **state)
{
	struct term *t = *state;
	struct widget_dialog d;
	struct term_rect r;
	char text[400] = "";

	term_resize(t, 15, 60);
	r = screen(t);
	for (int i = 1; i <= 30; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "line %d\n", i);
	widget_note(&d, "Help", text);
	term_clear(t);
	widget_dialog_draw(&d, t, r);
	assert_on_screen(t, "line 9 ");
	assert_not_on_screen(t, "line 10 ");
	assert_on_screen(t, "(more: Down)");
	for (int i = 0; i < 50; i++)
		assert_int_equal(widget_dialog_key(&d, TERM_KEY_DOWN, r), WIDGET_ANSWER_NONE);
	term_clear(t);
	widget_dialog_draw(&d, t, r);
	assert_on_screen(t, "line 30 ");
	widget_dialog_key(&d, TERM_KEY_PAGE_UP, r);
	term_clear(t);
	widget_dialog_draw(&d, t, r);
	assert_on_screen(t, "line 13 ");
	assert_not_on_screen(t, "line 30 ");
	assert_int_equal(widget_dialog_key(&d, TERM_KEY_ENTER, r), WIDGET_ANSWER_NO);
}

int main(int argc, char **argv)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_list_skips_headings),
		T(test_list_shows_the_heading_of_the_first_row),
		T(test_list_without_a_selectable_row),
		T(test_list_picture),
		T(test_list_costs_what_is_visible),
		T(test_list_in_no_room),
		T(test_lines),
		T(test_lines_of_a_progress_bar),
		T(test_lines_many),
		T(test_text_scrolls),
		T(test_text_follows),
		T(test_text_of_a_diff),
		T(test_edit),
		T(test_edit_deletes_marks_with_their_character),
		T(test_edit_never_overflows),
		T(test_edit_scrolls),
		T(test_wrap),
		T(test_dialog_yesno),
		T(test_dialog_no),
		T(test_dialog_word),
		T(test_dialog_scrolls),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
