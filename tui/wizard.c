/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/wizard.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE_PAGES_MAX 8
#define CMD_QUIT       1 /* of the wizard's own dialog */

struct visited {
	const struct wizard_screen *screen;
	void *state;
	struct visited *next;
};

struct wizard {
	struct term *t;
	struct wizard_config config;
	size_t n_steps, step;
	const struct wizard_screen *side[SIDE_PAGES_MAX]; /* open above the step, last in view */
	size_t n_side;
	struct visited *visited;
	struct widget_dialog dialog; /* help, or whether to quit */
	char notice[sizeof(((struct wizard_event *)NULL)->notice)];
	struct term_rect drawn; /* where the screen is in the frame in view: a notice takes a row */
	bool stopping;          /* as soon as the screen is not busy */
	bool ended;
	int result;
};

/* --- what the screen in view says of itself --- */

const struct wizard_screen *wizard_current(const struct wizard *w)
{
	return w->n_side > 0 ? w->side[w->n_side - 1] : w->config.steps[w->step];
}

static struct visited *find_visited(const struct wizard *w, const struct wizard_screen *s)
{
	struct visited *v = w->visited;

	while (v && v->screen != s)
		v = v->next;
	return v;
}

void *wizard_state(struct wizard *w)
{
	struct visited *v = find_visited(w, wizard_current(w));

	return v ? v->state : NULL;
}

struct term *wizard_term(const struct wizard *w)
{
	return w->t;
}

static bool busy(struct wizard *w)
{
	const struct wizard_screen *s = wizard_current(w);

	return s->busy && s->busy(wizard_state(w));
}

static bool typing(struct wizard *w)
{
	const struct wizard_screen *s = wizard_current(w);

	return s->typing && s->typing(wizard_state(w));
}

/* The open dialog, the wizard's own first, or NULL. */
static struct widget_dialog *open_dialog(struct wizard *w)
{
	const struct wizard_screen *s = wizard_current(w);
	struct widget_dialog *d = s->dialog ? s->dialog(wizard_state(w)) : NULL;

	if (w->dialog.kind != WIDGET_DIALOG_CLOSED)
		return &w->dialog;
	return d && d->kind != WIDGET_DIALOG_CLOSED ? d : NULL;
}

static const struct wizard_key *keys(struct wizard *w)
{
	static const struct wizard_key none[] = {{0}};
	const struct wizard_screen *s = wizard_current(w);
	const struct wizard_key *k = s->keys;

	if (s->keys_now)
		k = s->keys_now(wizard_state(w), w->config.app);
	return k ? k : none;
}

static const struct wizard_key *find_key(struct wizard *w, uint32_t key)
{
	for (const struct wizard_key *k = keys(w); k->key; k++)
		if (k->key == key)
			return k;
	return NULL;
}

/* --- going from screen to screen --- */

static void __attribute__((format(printf, 2, 3))) say(struct wizard *w, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(w->notice, sizeof(w->notice), format, ap);
	va_end(ap);
}

static int enter(struct wizard *w, const struct wizard_screen *s)
{
	struct visited *v = find_visited(w, s);

	if (!v) {
		v = calloc(1, sizeof(*v));
		if (!v)
			return -ENOMEM;
		v->state = calloc(1, s->size > 0 ? s->size : 1);
		if (!v->state) {
			free(v);
			return -ENOMEM;
		}
		v->screen = s;
		v->next = w->visited;
		w->visited = v;
	}
	return s->enter ? s->enter(v->state, w->config.app) : 0;
}

/* Shows step `step` with the first n_side side pages, the last of them being `s` if not NULL. */
static int show(struct wizard *w, size_t step, size_t n_side, const struct wizard_screen *s)
{
	const struct wizard_screen *to = s            ? s
					 : n_side > 0 ? w->side[n_side - 1]
						      : w->config.steps[step];
	int r;

	if (n_side > SIDE_PAGES_MAX)
		return -E2BIG;
	r = enter(w, to);
	if (r < 0) {
		say(w, "Cannot show \"%s\": %s", to->title, strerror(-r));
		return r;
	}
	w->step = step;
	w->n_side = n_side;
	if (n_side > 0)
		w->side[n_side - 1] = to;
	return 0;
}

static int go_to(struct wizard *w, const struct wizard_screen *s)
{
	for (size_t i = 0; i < w->n_steps; i++)
		if (w->config.steps[i] == s)
			return show(w, i, 0, NULL);
	for (size_t i = 0; i < w->n_side; i++)
		if (w->side[i] == s)
			return show(w, w->step, i + 1, NULL);
	return show(w, w->step, w->n_side + 1, s);
}

static const char *what_is_lost(struct wizard *w)
{
	const struct wizard_screen *s = wizard_current(w);
	const char *text = NULL;

	if (s->lose)
		text = s->lose(wizard_state(w), w->config.app);
	if (!text && w->config.lose)
		text = w->config.lose(w->config.app);
	return text;
}

static void quit(struct wizard *w)
{
	const char *lost = what_is_lost(w);
	char text[1024];

	if (!lost) {
		w->ended = true;
		return;
	}
	snprintf(text, sizeof(text), "%s\n\nQuit anyway?", lost);
	widget_ask(&w->dialog, CMD_QUIT, "Quit", text);
}

static void back(struct wizard *w)
{
	if (w->n_side > 0)
		show(w, w->step, w->n_side - 1, NULL);
	else if (w->step > 0)
		show(w, w->step - 1, 0, NULL);
	else
		say(w, "This is the first step.");
}

static void navigate(struct wizard *w, enum wizard_nav nav, const struct wizard_screen *target)
{
	if (nav != WIZARD_STAY && busy(w)) {
		say(w, "Please wait until the work is done.");
		return;
	}
	switch (nav) {
	case WIZARD_STAY:
		break;
	case WIZARD_NEXT:
		if (w->n_side > 0)
			back(w);
		else if (w->step + 1 < w->n_steps)
			show(w, w->step + 1, 0, NULL);
		else
			quit(w);
		break;
	case WIZARD_BACK:
		back(w);
		break;
	case WIZARD_QUIT:
		quit(w);
		break;
	case WIZARD_GOTO:
		if (target)
			go_to(w, target);
		break;
	}
}

/* --- the frame --- */

static bool too_small(const struct wizard *w)
{
	struct term_rect all = term_screen(w->t);

	return all.h < WIZARD_MIN_ROWS || all.w < WIZARD_MIN_COLS;
}

static struct term_rect body(const struct wizard *w)
{
	struct term_rect all = term_screen(w->t);

	return (struct term_rect){1, 0, all.h - 2 - (w->notice[0] ? 1 : 0), all.w};
}

static void draw_title(struct wizard *w)
{
	struct term_rect all = term_screen(w->t);
	char step[48] = "";
	int right;

	if (w->n_side == 0)
		snprintf(step, sizeof(step), "Step %zu of %zu", w->step + 1, w->n_steps);
	right = all.w - term_width(step, SIZE_MAX) - 1;
	term_fill(w->t, (struct term_rect){0, 0, 1, all.w}, TERM_TITLE);
	term_putf(w->t, 0, 1, right - 2, TERM_TITLE, "%s: %s", w->config.name,
		wizard_current(w)->title);
	term_put(w->t, 0, right, all.w - right, TERM_TITLE, step);
}

/* The key line and the list of keys in the help are the same items. */
struct item {
	const char *name, *label;
};

#define ITEMS_MAX 40

static size_t add_item(struct item *items, size_t n, const char *name, const char *label)
{
	if (label && n < ITEMS_MAX)
		items[n++] = (struct item){name, label};
	return n;
}

/* A key that has a meaning of the wizard's: as the table says, or else label. */
static size_t add_common(
	struct wizard *w, struct item *items, size_t n, uint32_t key, const char *label)
{
	const struct wizard_key *k = find_key(w, key);
	const char *name = key == 'q' ? "q" : key == '?' ? "?" : term_key_name(key);

	if (k)
		return add_item(items, n, k->name ? k->name : name, k->label);
	return typing(w) || busy(w) ? n : add_item(items, n, name, label);
}

static bool is_common(uint32_t key)
{
	return key == TERM_KEY_ENTER || key == TERM_KEY_ESC || key == 'q' || key == '?';
}

static bool is_character(uint32_t key)
{
	return key >= ' ' && key < TERM_KEY_UP && key != TERM_KEY_BACKSPACE;
}

/* names: room for the plain characters, which term_key_name() gives in a static buffer. */
static size_t screen_items(struct wizard *w, struct item *items, char (*names)[8])
{
	bool first = w->n_side == 0 && w->step == 0;
	size_t n = 0;

	n = add_common(w, items, n, TERM_KEY_ENTER,
		w->n_side > 0               ? NULL
		: w->step + 1 == w->n_steps ? "Finish"
					    : "Next");
	n = add_common(w, items, n, TERM_KEY_ESC, first ? NULL : "Back");
	for (const struct wizard_key *k = keys(w); k->key && n < ITEMS_MAX; k++) {
		if (is_common(k->key) || (typing(w) && is_character(k->key)))
			continue;
		snprintf(names[n], sizeof(names[n]), "%s", term_key_name(k->key));
		n = add_item(items, n, k->name ? k->name : names[n], k->label);
	}
	return n;
}

static size_t dialog_items(const struct widget_dialog *d, struct item *items)
{
	size_t n = 0;

	if (d->kind == WIDGET_DIALOG_NOTE)
		return add_item(items, n, "Enter", "Close");
	if (d->kind == WIDGET_DIALOG_WORD) {
		n = add_item(items, n, "Enter", "Confirm");
	} else {
		n = add_item(items, n, "Left Right", "Choose");
		n = add_item(items, n, "Enter", "Answer");
		n = add_item(items, n, "y", "Yes");
		n = add_item(items, n, "n", "No");
	}
	return add_item(items, n, "Esc", "Back");
}

static int item_width(const struct item *i)
{
	return term_width(i->name, SIZE_MAX) + 1 + term_width(i->label, SIZE_MAX);
}

static int draw_item(struct term *t, int y, int x, int end, const struct item *i)
{
	x += term_put(t, y, x, end - x, TERM_KEY, i->name) + 1;
	return x + term_put(t, y, x, end - x, TERM_NORMAL, i->label) + 2;
}

/* Items from the left as long as they fit; Quit and Help always, on the right. */
static void draw_keys(struct wizard *w)
{
	struct term_rect all = term_screen(w->t);
	const struct widget_dialog *d = open_dialog(w);
	struct item items[ITEMS_MAX], right[2];
	char names[ITEMS_MAX][8];
	size_t n = d ? dialog_items(d, items) : screen_items(w, items, names);
	size_t n_right = 0;
	int y = all.h - 1, x = 1, end = all.w - 1;

	if (!d) {
		n_right = add_common(w, right, n_right, 'q', "Quit");
		n_right = add_item(right, n_right, typing(w) ? "F1" : "?", "Help");
	}
	for (size_t i = 0; i < n_right; i++)
		end -= item_width(&right[i]) + (i > 0 ? 2 : 0);
	for (size_t i = 0; i < n && x + item_width(&items[i]) + 2 <= end; i++)
		x = draw_item(w->t, y, x, end, &items[i]);
	for (size_t i = 0; i < n_right; i++)
		end = draw_item(w->t, y, end, all.w, &right[i]);
}

static void draw_too_small(struct wizard *w)
{
	struct term_rect all = term_screen(w->t);
	char text[160];

	snprintf(text, sizeof(text),
		"This terminal has %dx%d characters; %s needs %dx%d.\nPlease enlarge it. q quits.",
		all.w, all.h, w->config.name, WIZARD_MIN_COLS, WIZARD_MIN_ROWS);
	widget_paragraph(w->t, all, TERM_NORMAL, text);
}

void wizard_draw(struct wizard *w)
{
	const struct wizard_screen *s = wizard_current(w);
	struct term_rect all = term_screen(w->t);
	const struct widget_dialog *d = open_dialog(w);

	term_clear(w->t);
	term_cursor(w->t, all.h - 1, 0);
	if (too_small(w)) {
		draw_too_small(w);
		term_show(w->t);
		return;
	}
	w->drawn = body(w);
	term_clip(w->t, w->drawn);
	s->draw(wizard_state(w), w->config.app, w->t, w->drawn);
	if (d)
		widget_dialog_draw(d, w->t, w->drawn);
	term_clip(w->t, all);
	draw_title(w);
	if (w->notice[0])
		term_put(w->t, all.h - 2, 1, all.w - 2, TERM_WARNING, w->notice);
	draw_keys(w);
	term_show(w->t);
}

/* --- help --- */

static void __attribute__((format(printf, 2, 3)))
append(struct widget_dialog *d, const char *format, ...)
{
	size_t len = strlen(d->text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(d->text + len, sizeof(d->text) - len, format, ap);
	va_end(ap);
}

static void open_help(struct wizard *w)
{
	const char *const *help = wizard_current(w)->help;
	struct item items[ITEMS_MAX + 1];
	char names[ITEMS_MAX][8];
	size_t n = screen_items(w, items, names);

	widget_note(&w->dialog, wizard_current(w)->title, "");
	for (; help && *help; help++)
		append(&w->dialog, "%s\n\n", *help);
	append(&w->dialog, "Keys of this screen:\n");
	n = add_common(w, items, n, 'q', "Quit");
	for (size_t i = 0; i < n; i++)
		append(&w->dialog, "  %-10s %s\n", items[i].name, items[i].label);
	append(&w->dialog, "  %-10s %s\n  %-10s %s\n", "^L", "Draw the screen again", "^Z",
		"To the shell; fg comes back");
}

/* --- events --- */

static void send(struct wizard *w, struct wizard_event ev)
{
	const struct wizard_screen *s = wizard_current(w);
	enum wizard_nav nav;

	if (!s->event)
		return;
	ev.rect = w->drawn;
	nav = s->event(wizard_state(w), w->config.app, &ev);
	if (ev.notice[0])
		say(w, "%s", ev.notice);
	navigate(w, nav, ev.go);
}

static void dialog_key(struct wizard *w, struct widget_dialog *d, uint32_t key)
{
	enum widget_answer a = widget_dialog_key(d, key, w->drawn);

	if (a == WIDGET_ANSWER_NONE)
		return;
	if (d == &w->dialog)
		w->ended = d->cmd == CMD_QUIT && a == WIDGET_ANSWER_YES;
	else
		send(w, (struct wizard_event){.type = WIZARD_EVENT_ANSWER,
				.cmd = d->cmd,
				.yes = a == WIDGET_ANSWER_YES});
}

/* A key that the screen's table has not taken. */
static void common_key(struct wizard *w, uint32_t key)
{
	bool text = typing(w);

	if (key == TERM_KEY_F1 || (key == '?' && !text))
		open_help(w);
	else if (key == TERM_KEY_INTERRUPT || (key == 'q' && !text))
		navigate(w, WIZARD_QUIT, NULL);
	else if (key == TERM_KEY_ENTER && !text)
		navigate(w, WIZARD_NEXT, NULL);
	else if (key == TERM_KEY_ESC && !text)
		navigate(w, WIZARD_BACK, NULL);
	else
		send(w, (struct wizard_event){.type = WIZARD_EVENT_KEY, .key = key});
}

static void handle_key(struct wizard *w, uint32_t key)
{
	struct widget_dialog *d = open_dialog(w);
	const struct wizard_key *k = NULL;

	w->notice[0] = '\0';
	if (key == TERM_CTRL('l')) {
		term_redraw(w->t);
		return;
	}
	if (too_small(w)) {
		/* A question could not be seen. */
		if ((key == 'q' || key == TERM_KEY_INTERRUPT) && !busy(w) && !what_is_lost(w))
			w->ended = true;
		return;
	}
	if (d) {
		dialog_key(w, d, key);
		return;
	}
	if (!typing(w) || !is_character(key))
		k = find_key(w, key);
	if (k && k->cmd > 0)
		send(w, (struct wizard_event){.type = WIZARD_EVENT_KEY, .cmd = k->cmd, .key = key});
	else
		common_key(w, key);
}

static void handle_stop(struct wizard *w)
{
	w->stopping = true;
	if (busy(w))
		send(w, (struct wizard_event){.type = WIZARD_EVENT_STOP});
}

bool wizard_step(struct wizard *w)
{
	const struct wizard_screen *s = wizard_current(w);
	struct wizard_wait wait = {.fd = -1, .timeout_ms = -1};
	struct term_event ev;

	if (s->wait)
		s->wait(wizard_state(w), w->config.app, &wait);
	ev = term_next(w->t, wait.fd, wait.timeout_ms);
	switch (ev.type) {
	case TERM_EVENT_KEY:
		handle_key(w, ev.key);
		break;
	case TERM_EVENT_RESIZE:
		break;
	case TERM_EVENT_FD:
		send(w, (struct wizard_event){.type = WIZARD_EVENT_FD});
		break;
	case TERM_EVENT_TIMEOUT:
		send(w, (struct wizard_event){.type = WIZARD_EVENT_TIMEOUT});
		break;
	case TERM_EVENT_STOP:
		handle_stop(w);
		break;
	}
	if (w->stopping && !busy(w)) {
		w->ended = true;
		w->result = -EINTR;
	}
	return !w->ended;
}

int wizard_run(struct wizard *w)
{
	do {
		wizard_draw(w);
	} while (wizard_step(w));
	return w->result;
}

/* --- life --- */

int wizard_new(struct wizard **ret, struct term *t, const struct wizard_config *config,
	const struct wizard_screen *first)
{
	struct wizard *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->t = t;
	w->config = *config;
	while (config->steps[w->n_steps])
		w->n_steps++;
	r = go_to(w, first ? first : config->steps[0]);
	if (r < 0) {
		wizard_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

struct wizard *wizard_free(struct wizard *w)
{
	while (w && w->visited) {
		struct visited *v = w->visited;

		if (v->screen->free)
			v->screen->free(v->state, w->config.app);
		w->visited = v->next;
		free(v->state);
		free(v);
	}
	free(w);
	return NULL;
}
