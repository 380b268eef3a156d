/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support_ui.h"

/* A program of three steps and a side page: a list, a form, the work. */
struct app {
	int entered[4], freed;
	bool chosen, fail_enter;
	int pipe_fd;
	char log[256]; /* of the work screen */
};

enum { CMD_TOGGLE = 1, CMD_SIDE, CMD_FIND, CMD_START, CMD_CANCEL, CMD_HOME };

struct list_state {
	struct widget_list list;
	uint32_t last_key;
};

static void list_row(const void *data, size_t row, struct term *t, struct term_rect r)
{
	(void)data;
	term_putf(t, r.y, r.x, r.w, TERM_NORMAL, "row %zu", row);
}

static const struct widget_rows list_rows = {.draw = list_row};

static int list_enter(void *state, struct app *app)
{
	struct list_state *s = state;

	app->entered[0]++;
	widget_list_set(&s->list, 50, s->list.cur, &list_rows, NULL);
	return 0;
}

static void list_draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct list_state *s = state;

	(void)app;
	widget_list_draw(&s->list, t, r, true, &list_rows, NULL);
}

extern const struct wizard_screen side_screen;
static const struct wizard_screen *const steps[];

static enum wizard_nav list_event(void *state, struct app *app, struct wizard_event *ev)
{
	struct list_state *s = state;

	s->last_key = ev->key;
	if (ev->cmd == CMD_TOGGLE) {
		app->chosen = !app->chosen;
	} else if (ev->cmd == CMD_SIDE) {
		ev->go = &side_screen;
		return WIZARD_GOTO;
	} else if (!widget_list_key(&s->list, ev->key, ev->rect.h, &list_rows, NULL)) {
		snprintf(ev->notice, sizeof(ev->notice), "%s does nothing", term_key_name(ev->key));
	}
	return WIZARD_STAY;
}

static void count_free(void *state, struct app *app)
{
	(void)state;
	app->freed++;
}

static const char *const list_help[] = {"Choose rows.", "They are only rows.", NULL};

static const struct wizard_screen list_screen = {
	.title = "Rows",
	.help = list_help,
	.keys = (const struct wizard_key[]){{' ', CMD_TOGGLE, NULL, "Choose"},
		{'x', CMD_TOGGLE, NULL, NULL}, {'s', CMD_SIDE, NULL, "Side"}, {0}},
	.size = sizeof(struct list_state),
	.enter = list_enter,
	.draw = list_draw,
	.event = list_event,
	.free = count_free,
};

struct form_state {
	struct widget_edit edit;
	struct widget_dialog dialog;
	bool typing, cleared;
};

static int form_enter(void *state, struct app *app)
{
	(void)state;
	app->entered[1]++;
	return app->fail_enter ? -ENOMEM : 0;
}

static void form_draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct form_state *s = state;

	(void)app;
	term_putf(t, r.y, r.x, r.w, TERM_NORMAL, "text: %s", s->edit.text);
}

static enum wizard_nav form_event(void *state, struct app *app, struct wizard_event *ev)
{
	struct form_state *s = state;

	(void)app;
	if (ev->type == WIZARD_EVENT_ANSWER)
		s->cleared = ev->yes && ev->cmd == CMD_CANCEL;
	else if (ev->cmd == CMD_FIND)
		s->typing = true;
	else if (ev->cmd == CMD_CANCEL)
		widget_ask(&s->dialog, CMD_CANCEL, "Clear", "Clear the text?");
	else if (s->typing && ev->key == TERM_KEY_ENTER)
		s->typing = false;
	else if (s->typing)
		widget_edit_key(&s->edit, ev->key);
	return WIZARD_STAY;
}

static bool form_typing(const void *state)
{
	return ((const struct form_state *)state)->typing;
}

static struct widget_dialog *form_dialog(void *state)
{
	return &((struct form_state *)state)->dialog;
}

static const struct wizard_screen form_screen = {
	.title = "Form",
	.keys = (const struct wizard_key[]){{TERM_KEY_ENTER, 0, NULL, "Accept"},
		{'/', CMD_FIND, NULL, "Find"}, {'c', CMD_CANCEL, NULL, "Clear"}, {0}},
	.size = sizeof(struct form_state),
	.enter = form_enter,
	.draw = form_draw,
	.event = form_event,
	.free = count_free,
	.typing = form_typing,
	.dialog = form_dialog,
};

struct work_state {
	int left;    /* steps of work */
	bool paused; /* until stopped */
	bool stopped;
};

static void work_draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct work_state *s = state;

	term_putf(t, r.y, r.x, r.w, TERM_NORMAL, "%d left, %s", s->left, app->log);
}

static enum wizard_nav work_event(void *state, struct app *app, struct wizard_event *ev)
{
	struct work_state *s = state;
	size_t len = strlen(app->log);
	ssize_t n;

	s->paused = s->paused && ev->type != WIZARD_EVENT_STOP;
	if (ev->cmd == CMD_START)
		s->left = 3;
	else if (ev->cmd == CMD_CANCEL)
		s->left = 1;
	else if (ev->type == WIZARD_EVENT_TIMEOUT)
		s->left--;
	else if (ev->type == WIZARD_EVENT_STOP)
		s->stopped = true;
	else if (ev->type == WIZARD_EVENT_FD) {
		n = read(app->pipe_fd, app->log + len, sizeof(app->log) - 1 - len);
		if (n <= 0)
			app->pipe_fd = -1;
	}
	return WIZARD_STAY;
}

static bool work_busy(const void *state)
{
	return ((const struct work_state *)state)->left > 0;
}

static void work_wait(const void *state, const struct app *app, struct wizard_wait *w)
{
	w->fd = app->pipe_fd;
	if (work_busy(state) && app->pipe_fd < 0 && !((const struct work_state *)state)->paused)
		w->timeout_ms = 0;
}

static const struct wizard_key *work_keys(const void *state, const struct app *app)
{
	static const struct wizard_key idle[] = {{'!', CMD_START, NULL, "Start"}, {0}};
	static const struct wizard_key running[] = {
		{TERM_KEY_INTERRUPT, CMD_CANCEL, NULL, "Cancel"}, {0}};

	(void)app;
	return work_busy(state) ? running : idle;
}

static const char *work_lose(const void *state, const struct app *app)
{
	(void)state;
	return app->log[0] ? "The log is not saved." : NULL;
}

static const struct wizard_screen work_screen = {
	.title = "Work",
	.keys_now = work_keys,
	.size = sizeof(struct work_state),
	.draw = work_draw,
	.event = work_event,
	.free = count_free,
	.busy = work_busy,
	.wait = work_wait,
	.lose = work_lose,
};

static void side_draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	(void)state;
	(void)app;
	term_put(t, r.y, r.x, r.w, TERM_NORMAL, "beside");
}

static enum wizard_nav side_event(void *state, struct app *app, struct wizard_event *ev)
{
	(void)state;
	(void)app;
	ev->go = steps[2];
	return ev->cmd == CMD_HOME ? WIZARD_GOTO : WIZARD_STAY;
}

const struct wizard_screen side_screen = {
	.title = "Beside",
	.keys = (const struct wizard_key[]){{'w', CMD_HOME, NULL, "Work"}, {0}},
	.draw = side_draw,
	.event = side_event,
	.free = count_free,
};

static const struct wizard_screen *const steps[] = {&list_screen, &form_screen, &work_screen, NULL};

static const char *app_lose(const struct app *app)
{
	return app->chosen ? "One row is chosen." : NULL;
}

struct fixture {
	struct app app;
	struct term *t;
	struct wizard *w;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct wizard_config config = {
		.name = "test", .steps = steps, .app = &f->app, .lose = app_lose};

	f->app.pipe_fd = -1;
	f->t = ui_open(24, 80);
	*state = f;
	return wizard_new(&f->w, f->t, &config, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wizard_free(f->w);
	term_close(f->t);
	free(f);
	return 0;
}

static void test_frame(void **state)
{
	struct fixture *f = *state;

	term_resize(f->t, WIZARD_MIN_ROWS, WIZARD_MIN_COLS);
	ui_keys(f->w, TERM_KEY_DOWN);
	assert_screen(f->t, " test: Rows                                     Step 1 of 3\n"
			    "  row 0\n"
			    "> row 1\n"
			    "  row 2\n"
			    "  row 3\n"
			    "  row 4\n"
			    "  row 5\n"
			    "  row 6\n"
			    "  row 7\n"
			    "  row 8\n"
			    "  row 9\n"
			    "  row 10\n"
			    "  row 11\n"
			    "  row 12                                                   v\n"
			    " Enter Next  Space Choose  s Side            q Quit  ? Help\n");
	assert_int_equal(term_style_at(f->t, 0, 40), TERM_TITLE);
	assert_true(term_reversed_at(f->t, 2, 10));
	assert_false(term_reversed_at(f->t, 1, 10));
}

static void test_next_and_back_keep_state(void **state)
{
	struct fixture *f = *state;

	ui_keys(f->w, TERM_KEY_DOWN, TERM_KEY_DOWN, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(f->w), &form_screen);
	assert_row(f->t, 0, "test: Form  Step 2 of 3");
	assert_row(f->t, 23, "Enter Accept  Esc Back  / Find  c Clear  q Quit  ? Help");
	ui_keys(f->w, '/', 'a', TERM_KEY_ENTER, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(f->w), &work_screen);
	ui_keys(f->w, TERM_KEY_ESC);
	assert_on_screen(f->t, "text: a");
	ui_keys(f->w, TERM_KEY_ESC);
	assert_on_screen(f->t, "> row 2");
	assert_int_equal(f->app.entered[0], 2);
	ui_keys(f->w, TERM_KEY_ESC);
	assert_on_screen(f->t, "This is the first step.");
	ui_keys(f->w, TERM_KEY_DOWN);
	assert_not_on_screen(f->t, "This is the first step.");
}

static void test_keys_reach_the_screen(void **state)
{
	struct fixture *f = *state;

	ui_keys(f->w, 'x');
	assert_true(f->app.chosen);
	ui_keys(f->w, ' ');
	assert_false(f->app.chosen);
	ui_keys(f->w, 'Z');
	assert_row(f->t, 22, "Z does nothing");
	assert_int_equal(term_style_at(f->t, 22, 1), TERM_WARNING);
}

static void test_typing_takes_all_characters(void **state)
{
	struct fixture *f = *state;

	ui_keys(f->w, TERM_KEY_ENTER, '/');
	ui_text(f->w, "q?/ü c");
	assert_on_screen(f->t, "text: q?/ü c");
	assert_row(f->t, 23, "Enter Accept  F1 Help");
	ui_keys(f->w, TERM_KEY_F1);
	assert_on_screen(f->t, "Keys of this screen");
	ui_keys(f->w, TERM_KEY_ESC, TERM_KEY_ENTER, '?');
	assert_on_screen(f->t, "Keys of this screen");
}

static void test_help(void **state)
{
	struct fixture *f = *state;

	ui_keys(f->w, '?');
	assert_on_screen(f->t, "Choose rows.");
	assert_on_screen(f->t, "  Space      Choose");
	assert_on_screen(f->t, "  q          Quit");
	assert_row(f->t, 23, "Enter Close");
	ui_keys(f->w, TERM_KEY_ESC);
	assert_not_on_screen(f->t, "Choose rows.");
	assert_ptr_equal(wizard_current(f->w), &list_screen);
}

static void test_quit_asks_only_for_a_loss(void **state)
{
	struct fixture *f = *state;

	ui_keys(f->w, ' ', 'q');
	assert_on_screen(f->t, "One row is chosen.");
	assert_true(ui_keys(f->w, TERM_KEY_ENTER)); /* No is the default */
	assert_not_on_screen(f->t, "One row is chosen.");
	assert_true(ui_keys(f->w, TERM_KEY_INTERRUPT, TERM_KEY_ESC));
	assert_true(ui_keys(f->w, ' '));
	assert_false(ui_keys(f->w, 'q'));
}

static void test_quit_yes(void **state)
{
	struct fixture *f = *state;

	assert_false(ui_keys(f->w, ' ', 'q', TERM_KEY_LEFT, TERM_KEY_ENTER));
}

static void test_dialog_of_a_screen(void **state)
{
	struct fixture *f = *state;
	struct form_state *s;

	ui_keys(f->w, TERM_KEY_ENTER, 'c');
	s = wizard_state(f->w);
	assert_on_screen(f->t, "Clear the text?");
	assert_on_screen(f->t, "[ No ]    Yes");
	ui_keys(f->w, TERM_KEY_ENTER);
	assert_false(s->cleared);
	assert_not_on_screen(f->t, "Clear the text?");
	ui_keys(f->w, 'c', 'y');
	assert_true(s->cleared);
}

static void test_side_page(void **state)
{
	struct fixture *f = *state;

	ui_keys(f->w, TERM_KEY_DOWN, 's');
	assert_row(f->t, 0, "test: Beside");
	assert_row(f->t, 23, "Esc Back  w Work  q Quit  ? Help");
	ui_keys(f->w, TERM_KEY_ESC);
	assert_on_screen(f->t, "> row 1");
	ui_keys(f->w, 's', 'w');
	assert_ptr_equal(wizard_current(f->w), &work_screen);
	ui_keys(f->w, TERM_KEY_ESC);
	assert_ptr_equal(wizard_current(f->w), &form_screen);
}

static void test_busy_is_not_interrupted(void **state)
{
	struct fixture *f = *state;

	ui_keys(f->w, TERM_KEY_ENTER, TERM_KEY_ENTER, '!', 'q');
	assert_on_screen(f->t, "3 left");
	assert_on_screen(f->t, "Please wait until the work is done.");
	assert_row(f->t, 23, "^C Cancel  ? Help");
	ui_keys(f->w, TERM_KEY_ESC, TERM_KEY_INTERRUPT);
	assert_on_screen(f->t, "1 left");
	assert_true(wizard_step(f->w)); /* no key: the timeout of 0 */
	assert_false(work_busy(wizard_state(f->w)));
	assert_false(ui_keys(f->w, 'q'));
}

static void test_stop_waits_for_the_work(void **state)
{
	struct fixture *f = *state;
	struct work_state *s;
	int p[2];

	ui_keys(f->w, TERM_KEY_ENTER, TERM_KEY_ENTER, '!');
	s = wizard_state(f->w);
	assert_int_equal(pipe(p), 0);
	f->app.pipe_fd = p[0];
	assert_int_equal(write(p[1], "hello", 5), 5);
	close(p[1]);
	assert_int_equal(wizard_run(f->w), -EINTR); /* a headless terminal without keys: STOP */
	close(p[0]);
	assert_string_equal(f->app.log, "hello");
	assert_int_equal(s->left, 0);
}

static void test_stop_in_the_middle_of_work(void **state)
{
	struct fixture *f = *state;
	struct work_state *s;

	ui_keys(f->w, TERM_KEY_ENTER, TERM_KEY_ENTER, '!');
	s = wizard_state(f->w);
	s->paused = true;
	assert_int_equal(wizard_run(f->w), -EINTR);
	assert_true(s->stopped);
	assert_int_equal(s->left, 0);
}

static void test_any_keys_at_any_size(void **state)
{
	static const uint32_t some[] = {TERM_KEY_ENTER, TERM_KEY_ESC, TERM_KEY_UP, TERM_KEY_DOWN,
		TERM_KEY_LEFT, TERM_KEY_RIGHT, TERM_KEY_HOME, TERM_KEY_END, TERM_KEY_PAGE_UP,
		TERM_KEY_PAGE_DOWN, TERM_KEY_TAB, TERM_KEY_BACKSPACE, TERM_KEY_DELETE, TERM_KEY_F1,
		TERM_KEY_OTHER, TERM_KEY_INTERRUPT, TERM_CTRL('l'), ' ', '?', '/', 's', 'w', 'c',
		'q', 'x', '!', 0x6f22, 0x301, 0};
	struct fixture *f = *state;
	struct wizard_config config = {.name = "test", .steps = steps, .app = &f->app};
	unsigned int seed = 1;

	for (int i = 0; i < 5000; i++) {
		seed = seed * 1103515245u + 12345u;
		if (seed >> 28 == 0)
			term_resize(f->t, 1 + (int)(seed >> 16) % 40, 1 + (int)(seed >> 20) % 120);
		if (!ui_keys(f->w, some[(seed >> 16) % (sizeof(some) / sizeof(some[0]))])) {
			f->w = wizard_free(f->w);
			assert_int_equal(wizard_new(&f->w, f->t, &config, NULL), 0);
		}
	}
}

static void test_too_small(void **state)
{
	static const int sizes[][2] = {{14, 80}, {24, 59}, {5, 20}, {2, 2}, {1, 1}, {1, 200}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		term_resize(f->t, sizes[i][0], sizes[i][1]);
		ui_keys(f->w, TERM_KEY_DOWN, ' ', TERM_KEY_ENTER, '?');
		assert_ptr_equal(wizard_current(f->w), &list_screen);
	}
	term_resize(f->t, 5, 20);
	wizard_draw(f->w);
	assert_screen(f->t, "This terminal has\n20x5 characters;\ntest needs 60x15.\n"
			    "Please enlarge it. q\nquits.\n");
	term_resize(f->t, 24, 80);
	wizard_draw(f->w);
	assert_on_screen(f->t, "> row 0");
	f->app.chosen = true;
	term_resize(f->t, 5, 20);
	assert_true(ui_keys(f->w, 'q'));
	f->app.chosen = false;
	assert_false(ui_keys(f->w, 'q'));
}

static void test_every_size_draws(void **state)
{
	struct fixture *f = *state;

	ui_keys(f->w, ' ', 'q');
	for (int rows = 1; rows < 40; rows += 3) {
		for (int cols = 1; cols < 140; cols += 7) {
			term_resize(f->t, rows, cols);
			wizard_draw(f->w);
		}
	}
}

static void test_enter_fails(void **state)
{
	struct fixture *f = *state;

	f->app.fail_enter = true;
	ui_keys(f->w, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(f->w), &list_screen);
	assert_row(f->t, 22, "Cannot show \"Form\": Cannot allocate memory");
	f->app.fail_enter = false;
	ui_keys(f->w, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(f->w), &form_screen);
}

static void test_first_screen_and_free(void **state)
{
	struct fixture *f = *state;
	struct wizard_config config = {.name = "test", .steps = steps, .app = &f->app};
	struct wizard *w = NULL;

	assert_int_equal(wizard_new(&w, f->t, &config, &side_screen), 0);
	assert_ptr_equal(wizard_current(w), &side_screen);
	ui_keys(w, TERM_KEY_ESC);
	assert_ptr_equal(wizard_current(w), &list_screen);
	wizard_free(w);
	assert_int_equal(f->app.freed, 2);
}

static void test_last_step_ends(void **state)
{
	struct fixture *f = *state;

	ui_keys(f->w, TERM_KEY_ENTER, TERM_KEY_ENTER);
	assert_on_screen(f->t, "Enter Finish");
	assert_false(ui_keys(f->w, TERM_KEY_ENTER));
}

int main(int argc, char **argv)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_frame),
		T(test_next_and_back_keep_state),
		T(test_keys_reach_the_screen),
		T(test_typing_takes_all_characters),
		T(test_help),
		T(test_quit_asks_only_for_a_loss),
		T(test_quit_yes),
		T(test_dialog_of_a_screen),
		T(test_side_page),
		T(test_busy_is_not_interrupted),
		T(test_stop_waits_for_the_work),
		T(test_stop_in_the_middle_of_work),
		T(test_any_keys_at_any_size),
		T(test_too_small),
		T(test_every_size_draws),
		T(test_enter_fails),
		T(test_first_screen_and_free),
		T(test_last_step_ends),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
