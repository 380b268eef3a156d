/* Options: how the chosen devices are bound, each with what it costs; above them, where it may be
 * several, what the boot loader and the initramfs are. */
#include "screens/screens.h"

#include "core/boot.h"

#include <stdio.h>

enum cmd { CMD_TOGGLE = 1, CMD_DETAIL };

#define OPTIONS_MAX 16

/* A fact about the system that only the person may know. */
enum fact { FACT_BOOT_LOADER, FACT_INITRAMFS, FACTS };

struct state {
	struct widget_list list;
	enum fact facts[FACTS]; /* the first rows, where there is something to decide */
	size_t n_facts;
	const char *useless[OPTIONS_MAX]; /* why the option does nothing for this choice, or NULL */
	struct widget_dialog dialog;
};

/* What drawing a row needs. */
struct view {
	const struct state *st;
	const struct app *app;
};

static const char *const help[] = {
	"Each option changes how the chosen devices are bound. Without any of them the devices "
	"are bound by address and identity, and every driver stays usable for the host's other "
	"devices.",
	"Space takes an option or drops it. An option that does nothing for this choice says why. "
	"What it costs is told below the list, and all of it with i.",
	"Where the files of this system leave open which boot loader starts it, or what makes its "
	"initramfs, Space goes through what it may be. The wrong one makes changes that have no "
	"effect; the right one is found by looking at the boot menu.",
	NULL,
};

static const struct wizard_key keys[] = {
	{' ', CMD_TOGGLE, NULL, "Take"},
	{'i', CMD_DETAIL, NULL, "Detail"},
	{0},
};

static size_t count(void)
{
	size_t n = 0;

	while (n < OPTIONS_MAX && choice_option_names[n].name)
		n++;
	return n;
}

/* --- what the system is --- */

static const struct candidates *others(const struct app *app, enum fact fact)
{
	const struct host *host = &app->machine->host;

	return fact == FACT_BOOT_LOADER ? &host->boot_loader_others : &host->initramfs_others;
}

static const struct detected *found(const struct app *app, enum fact fact)
{
	const struct host *host = &app->machine->host;

	return fact == FACT_BOOT_LOADER ? &host->boot_loader_found : &host->initramfs_found;
}

/* What the plan is made for, and its place in the row of what may be: 0 is what was found. */
static const struct detected *current(const struct app *app, enum fact fact, size_t *place)
{
	const struct candidates *c = others(app, fact);
	int kind = fact == FACT_BOOT_LOADER ? (int)choice_boot_loader(&app->choice, app->machine)
					    : (int)choice_initramfs(&app->choice, app->machine);

	for (*place = 1; *place <= c->n; ++*place)
		if (c->v[*place - 1].kind == kind)
			return &c->v[*place - 1];
	*place = 0;
	return found(app, fact);
}

static void cycle(struct app *app, enum fact fact)
{
	const struct candidates *c = others(app, fact);
	size_t place;
	int kind;

	(void)current(app, fact, &place);
	kind = place < c->n ? c->v[place].kind : 0;
	if (fact == FACT_BOOT_LOADER)
		app->choice.boot_loader = (enum boot_loader)kind;
	else
		app->choice.initramfs = (enum initramfs)kind;
}

static void draw_fact(const struct app *app, enum fact fact, struct term *t, struct term_rect r)
{
	size_t place;
	const struct detected *d = current(app, fact, &place);

	term_putf(t, r.y, r.x, r.w, d->kind ? TERM_NORMAL : TERM_WARNING, "%s: %s (%s)",
		fact == FACT_BOOT_LOADER ? "Boot loader" : "Initramfs",
		d->name ? d->name : "not known", place ? "as you say" : "as found");
}

static void draw_evidence(const struct app *app, enum fact fact, struct term *t, struct term_rect r)
{
	size_t place;
	const struct detected *d = current(app, fact, &place);
	int used = widget_paragraph(t, r, TERM_NORMAL, d->evidence ? d->evidence : "");

	r.y += used;
	r.h -= used;
	if (r.h > 0)
		term_putf(t, r.y, r.x, r.w, TERM_DIM, "%zu of %zu that it may be.", place + 1,
			others(app, fact)->n + 1);
}

/* --- the screen --- */

static void draw_row(const void *data, size_t row, struct term *t, struct term_rect r)
{
	const struct view *v = data;
	const struct state *st = v->st;
	const struct choice_option_name *o;
	bool useless;

	if (row < st->n_facts) {
		draw_fact(v->app, st->facts[row], t, r);
		return;
	}
	row -= st->n_facts;
	o = &choice_option_names[row];
	useless = st->useless[row];
	term_putf(t, r.y, r.x, r.w, useless ? TERM_DIM : TERM_NORMAL, "[%c] %s%s",
		v->app->choice.options & o->bit ? 'x' : ' ', o->text,
		useless ? " (no effect)" : "");
}

static const struct widget_rows rows = {.draw = draw_row};

static void look(struct state *st, const struct app *app)
{
	for (size_t i = 0; i < count(); i++)
		st->useless[i] = check_useless(
			app->machine, &app->choice, &app->existing, choice_option_names[i].bit);
}

static int enter(void *state, struct app *app)
{
	struct state *st = state;

	st->n_facts = 0;
	for (size_t i = 0; i < FACTS; i++)
		if (others(app, (enum fact)i)->n)
			st->facts[st->n_facts++] = (enum fact)i;
	look(st, app);
	widget_list_set(&st->list, st->n_facts + count(), st->list.cur, &rows, NULL);
	return 0;
}

static struct term_rect list_rect(const struct state *st, struct term_rect r)
{
	int h = (int)st->list.n;

	return (struct term_rect){r.y + 2, r.x, h < r.h - 2 ? h : r.h - 2, r.w};
}

static void draw_option(const struct state *st, size_t option, struct term *t, struct term_rect r)
{
	const char *why = st->useless[option];

	if (why) {
		int used = widget_paragraph(t, r, TERM_WARNING, why);

		r.y += used;
		r.h -= used;
	}
	widget_paragraph(t, r, TERM_NORMAL, choice_option_names[option].consequence);
}

static void draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct state *st = state;
	struct term_rect list = list_rect(st, r), below = r;
	const struct view view = {st, app};
	size_t cur = st->list.cur;

	term_put(t, r.y, r.x, r.w, TERM_HEADING,
		"How the chosen devices are bound. All of these may stay off.");
	widget_list_draw(&st->list, t, list, true, &rows, &view);
	below.y = list.y + list.h + 1;
	below.h = r.y + r.h - below.y;
	if (cur < st->n_facts)
		draw_evidence(app, st->facts[cur], t, below);
	else
		draw_option(st, cur - st->n_facts, t, below);
}

/* Where there is no room for it below the list. */
static void show_detail(struct state *st, const struct app *app)
{
	size_t row = st->list.cur - (st->list.cur < st->n_facts ? 0 : st->n_facts), place;
	_cleanup_(str_free) struct str text = {0};
	const struct detected *d;

	if (st->list.cur < st->n_facts) {
		d = current(app, st->facts[row], &place);
		widget_note(&st->dialog, "Found by", d->evidence ? d->evidence : "");
		return;
	}
	if (st->useless[row])
		str_addf(&text, "%s\n\n", st->useless[row]);
	str_add(&text, choice_option_names[row].consequence);
	widget_note(&st->dialog, choice_option_names[row].text, text.s ? text.s : "");
}

static void toggle(struct state *st, struct app *app, struct wizard_event *ev)
{
	size_t row = st->list.cur - (st->list.cur < st->n_facts ? 0 : st->n_facts);
	const char *why = st->useless[row];
	unsigned bit = choice_option_names[row].bit;
	int r;

	if (st->list.cur < st->n_facts) {
		cycle(app, st->facts[row]);
		r = app_system_changed(app);
	} else if (why && !(app->choice.options & bit)) {
		snprintf(ev->notice, sizeof(ev->notice), "Not taken: %s", why);
		return;
	} else {
		app->choice.options ^= bit;
		r = app_choice_changed(app);
	}
	look(st, app);
	if (r < 0)
		snprintf(ev->notice, sizeof(ev->notice),
			"Out of memory: the findings are out of date.");
}

static enum wizard_nav event(void *state, struct app *app, struct wizard_event *ev)
{
	struct state *st = state;

	if (ev->type != WIZARD_EVENT_KEY)
		return WIZARD_STAY;
	if (ev->cmd == CMD_TOGGLE)
		toggle(st, app, ev);
	else if (ev->cmd == CMD_DETAIL)
		show_detail(st, app);
	else
		widget_list_key(&st->list, ev->key, list_rect(st, ev->rect).h, &rows, NULL);
	return WIZARD_STAY;
}

static struct widget_dialog *dialog(void *state)
{
	return &((struct state *)state)->dialog;
}

const struct wizard_screen screen_options = {
	.title = "Options",
	.help = help,
	.keys = keys,
	.size = sizeof(struct state),
	.enter = enter,
	.draw = draw,
	.event = event,
	.dialog = dialog,
};
