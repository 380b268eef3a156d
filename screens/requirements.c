/* Requirements: what passing devices through needs, what of it is there, and what to do for the
 * rest. */
#include "screens/screens.h"

#include "core/txn.h"
#include "core/verify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum cmd { CMD_SNAPSHOTS = 1, CMD_RESCAN, CMD_CONFIRM, CMD_DETAIL };

/* One line of the list; the focused one is told in full below it. */
struct row {
	const char *title; /* static */
	const char *word;  /* its state */
	enum term_style style;
	bool attention; /* the cursor begins at the first of these */
	char *text, *remedy;
};

struct state {
	struct row *v;
	size_t n;
	struct widget_list list;
	struct widget_dialog dialog;
};

static const char *const help[] = {
	"Each line is something that PCI passthrough needs, or that decides how this system is "
	"set up. MISSING means that a guest cannot use a device until it is there; the remedy of "
	"the line under the cursor is told below the list, and all of it with i.",
	"Many of them are put right by going on: where the IOMMU only has to be switched on, the "
	"plan holds the kernel parameter for it.",
	"Where a boot is on trial, c confirms it.",
	"The devices can be looked at and chosen all the same. Nothing is written before the last "
	"step.",
	NULL,
};

static const struct wizard_key keys[] = {
	{TERM_KEY_ENTER, 0, NULL, "Devices"},
	{'i', CMD_DETAIL, NULL, "Detail"},
	{'s', CMD_SNAPSHOTS, NULL, "Snapshots"},
	{'c', CMD_CONFIRM, NULL, NULL},
	{'r', CMD_RESCAN, NULL, "Look again"},
	{0},
};

/* While something is on trial. */
static const struct wizard_key keys_trial[] = {
	{'c', CMD_CONFIRM, NULL, "Confirm"},
	{TERM_KEY_ENTER, 0, NULL, "Devices"},
	{'i', CMD_DETAIL, NULL, "Detail"},
	{'s', CMD_SNAPSHOTS, NULL, "Snapshots"},
	{'r', CMD_RESCAN, NULL, "Look again"},
	{0},
};

/* --- rows --- */

static void rows_free(struct state *st)
{
	for (size_t i = 0; i < st->n; i++) {
		free(st->v[i].text);
		free(st->v[i].remedy);
	}
	free(st->v);
	st->v = NULL;
	st->n = 0;
}

static int add(struct state *st, const struct row *look, const char *text, const char *remedy)
{
	struct row *row;
	int r = base_grow(&st->v, st->n, sizeof(*st->v));

	if (r < 0)
		return r;
	row = &st->v[st->n++];
	*row = *look;
	row->text = strdup(text);
	row->remedy = strdup(remedy);
	return row->text && row->remedy ? 0 : -ENOMEM;
}

static const struct row warning_look = {
	.word = "warning", .style = TERM_WARNING, .attention = true};

static int add_warning(struct state *st, const char *title, const char *text, const char *remedy)
{
	struct row look = warning_look;

	look.title = title;
	return add(st, &look, text, remedy);
}

static int add_interrupted(struct state *st, const struct app *app)
{
	int r = 0;

	for (size_t i = 0; i < app->snapshots.n && r == 0; i++) {
		const struct snapshot *s = &app->snapshots.v[i];
		_cleanup_(str_free) struct str text = {0};

		if (s->state != SNAPSHOT_INTERRUPTED)
			continue;
		str_addf(&text, "The change %s (%s) was cut short before its end.", s->id,
			s->summary ? s->summary : "");
		if (str_check(&text) < 0)
			return -ENOMEM;
		r = add_warning(st, "Interrupted", text.s,
			"Press s for the snapshots: there it can be taken back or finished.");
	}
	return r;
}

static int add_trial(struct state *st, const struct app *app)
{
	_cleanup_(str_free) struct str text = {0};

	if (!app->trial.minutes)
		return 0;
	if (trial_now(app->root, &app->trial) != TRIAL_AHEAD)
		str_addf(&text,
			"This boot is on trial: unless it is confirmed within %u minutes of its "
			"start, and before another boot, the machine takes the change back by "
			"itself and boots again.",
			app->trial.minutes);
	else
		str_addf(&text,
			"The next boot is on trial: it has to be confirmed within %u minutes of "
			"its start.",
			app->trial.minutes);
	if (str_check(&text) < 0)
		return -ENOMEM;
	return add_warning(st, "On trial", text.s,
		trial_now(app->root, &app->trial) == TRIAL_AHEAD
			? "Restart, and if all is well then, press c here or run vfio-wizard "
			  "confirm."
			: "Press c to confirm it: what is applied stays. In a shell: vfio-wizard "
			  "confirm.");
}

static int add_trouble(struct state *st, const struct app *app)
{
	int r = 0;

	for (size_t i = 0; i < app->trouble.n && r == 0; i++)
		r = add_warning(st, "Unreadable", app->trouble.v[i], "");
	if (*app->refusal && r == 0)
		r = add_warning(st, "Look only", app->refusal,
			"Everything can be looked at; only applying is refused.");
	return r;
}

static int add_requirements(struct state *st, const struct app *app)
{
	static const struct row looks[] = {
		[REQUIREMENT_OK] = {.word = "ok", .style = TERM_GOOD},
		[REQUIREMENT_WARNING] = {.word = "warning",
			.style = TERM_WARNING,
			.attention = true},
		[REQUIREMENT_MISSING] = {.word = "MISSING",
			.style = TERM_DANGER,
			.attention = true},
	};
	int r = 0;

	for (size_t i = 0; i < app->requirements.n && r == 0; i++) {
		const struct requirement *q = &app->requirements.v[i];
		struct row look = looks[q->state];

		look.title = q->title;
		r = add(st, &look, q->text, q->remedy);
	}
	return r;
}

/* Whether what was chosen earlier is where it should be. */
static int add_verdicts(struct state *st, const struct app *app)
{
	static const struct row ok = {.title = "Chosen", .word = "ok", .style = TERM_GOOD};
	_cleanup_(verdicts_free) struct verdicts verdicts = {0};
	_cleanup_(str_free) struct str good = {0};
	size_t n_good = 0;
	int r = verify_choice(app->machine, &app->installed, &verdicts);

	for (size_t i = 0; i < verdicts.n && r == 0; i++) {
		const struct verdict *v = &verdicts.v[i];
		_cleanup_(str_free) struct str bad = {0};

		if (v->ok) {
			n_good++;
			continue;
		}
		str_addf(&bad, "%s is not on %s: %s", v->address, v->expected, v->reason);
		r = str_check(&bad) < 0
			    ? -ENOMEM
			    : add_warning(st, "Chosen", bad.s,
				      "After a change this is so until the host was restarted.");
	}
	if (r < 0 || !n_good)
		return r;
	str_addf(&good, "%zu of %zu chosen devices %s on vfio-pci.", n_good, verdicts.n,
		n_good == 1 ? "is" : "are");
	return str_check(&good) < 0 ? -ENOMEM : add(st, &ok, good.s, "");
}

static int rows_build(struct state *st, const struct app *app)
{
	int r;

	rows_free(st);
	if ((r = add_trial(st, app)) < 0 || (r = add_interrupted(st, app)) < 0 ||
		(r = add_requirements(st, app)) < 0 || (r = add_verdicts(st, app)) < 0)
		return r;
	return add_trouble(st, app);
}

/* --- the screen --- */

#define TITLE_WIDTH 22
#define WORD_WIDTH  8

static void draw_row(const void *data, size_t i, struct term *t, struct term_rect r)
{
	const struct row *row = &((const struct state *)data)->v[i];
	int end = r.x + r.w, x = r.x;

	term_put(t, r.y, x, TITLE_WIDTH - 1 < r.w ? TITLE_WIDTH - 1 : r.w, TERM_NORMAL, row->title);
	x += TITLE_WIDTH;
	term_put(t, r.y, x, end - x, row->style, row->word);
	x += WORD_WIDTH;
	term_put(t, r.y, x, end - x, TERM_NORMAL, row->text);
}

static const struct widget_rows ops = {.draw = draw_row};

static size_t first_attention(const struct state *st)
{
	for (size_t i = 0; i < st->n; i++)
		if (st->v[i].attention)
			return i;
	return 0;
}

/* The row to put the cursor on: the one about the same thing as before, first of all in its place.
 */
static size_t find(const struct state *st, const char *title)
{
	if (!title)
		return first_attention(st);
	if (st->list.cur < st->n && base_same(st->v[st->list.cur].title, title))
		return st->list.cur;
	for (size_t i = 0; i < st->n; i++)
		if (base_same(st->v[i].title, title))
			return i;
	return st->list.cur;
}

static int enter(void *state, struct app *app)
{
	struct state *st = state;
	const char *title = st->list.cur < st->n ? st->v[st->list.cur].title : NULL;
	int r = rows_build(st, app);

	if (r < 0)
		return r;
	widget_list_set(&st->list, st->n, find(st, title), &ops, st);
	return 0;
}

/* A headline and a blank; the list; a rule; the focused line in full, at least a quarter of it all.
 */
static struct term_rect list_rect(const struct state *st, struct term_rect r)
{
	int most = r.h - 3 - r.h / 4;

	return (struct term_rect){r.y + 2, r.x, (int)st->n < most ? (int)st->n : most, r.w};
}

static void draw_headline(const struct state *st, struct term *t, struct term_rect r)
{
	size_t n = 0;

	for (size_t i = 0; i < st->n; i++)
		n += st->v[i].attention;
	if (n)
		term_putf(t, r.y, r.x, r.w, TERM_WARNING,
			"%zu of %zu need attention. Devices can be viewed all the same: Enter.", n,
			st->n);
	else
		term_put(t, r.y, r.x, r.w, TERM_GOOD, "This host is ready for PCI passthrough.");
}

static void draw_detail(const struct row *row, struct term *t, struct term_rect r)
{
	int used = widget_paragraph(t, r, row->style, row->text);

	r.y += used;
	r.h -= used;
	if (!*row->remedy || r.h < 1)
		return;
	term_put(t, r.y, r.x, r.w, TERM_HEADING, "What to do:");
	r.y++;
	r.h--;
	widget_paragraph(t, r, TERM_NORMAL, row->remedy);
}

static void draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct state *st = state;
	struct term_rect list = list_rect(st, r), below = r;

	(void)app;
	draw_headline(st, t, r);
	widget_list_draw(&st->list, t, list, true, &ops, st);
	term_line(t, list.y + list.h, r.x, r.w, TERM_DIM);
	below.y = list.y + list.h + 1;
	below.h = r.y + r.h - below.y;
	if (st->list.cur < st->n)
		draw_detail(&st->v[st->list.cur], t, below);
}

/* Where there is no room for it below the list. */
static void show_detail(struct state *st)
{
	_cleanup_(str_free) struct str text = {0};
	const struct row *row = &st->v[st->list.cur];

	if (st->list.cur >= st->n)
		return;
	str_add(&text, row->text);
	if (*row->remedy)
		str_addf(&text, "\n\nWhat to do: %s", row->remedy);
	widget_note(&st->dialog, row->title, text.s ? text.s : "");
}

static void rescan(struct state *st, struct app *app, struct wizard_event *ev)
{
	struct error err = {0};

	if (app_rescan(app, &err) < 0 || enter(st, app) < 0)
		widget_note(&st->dialog, "The machine could not be looked at again",
			err.code ? err.text : "out of memory");
	else
		snprintf(ev->notice, sizeof(ev->notice),
			"Looked again: %zu devices, %zu IOMMU groups.", app->machine->n_devices,
			app->machine->n_groups);
}

static void confirm(struct state *st, struct app *app, struct wizard_event *ev)
{
	struct error err = {0};

	if (txn_confirm(app->root, &err) < 0)
		widget_note(&st->dialog, "Not confirmed", err.text);
	else if (app_reload_snapshots(app) < 0 || enter(st, app) < 0)
		snprintf(ev->notice, sizeof(ev->notice), "Confirmed. Out of memory.");
	else
		snprintf(ev->notice, sizeof(ev->notice), "Confirmed: what is applied stays.");
}

/* Before its boot there is nothing to confirm yet; but what was put right by hand is not to be
 * taken back, so it can be done. */
static void ask_to_confirm(struct state *st, struct app *app, struct wizard_event *ev)
{
	if (!app->trial.minutes)
		snprintf(ev->notice, sizeof(ev->notice), "Nothing is on trial.");
	else if (*app->refusal)
		snprintf(ev->notice, sizeof(ev->notice), "Not confirmed: %.130s", app->refusal);
	else if (trial_is_untried(app->root, &app->trial))
		widget_ask(&st->dialog, CMD_CONFIRM, "Confirm untried?",
			"What is on trial has not been tried in this boot. Once it is confirmed, nothing "
			"takes the change back by itself any more.");
	else
		confirm(st, app, ev);
}

static enum wizard_nav event(void *state, struct app *app, struct wizard_event *ev)
{
	struct state *st = state;

	if (ev->type == WIZARD_EVENT_ANSWER && ev->cmd == CMD_CONFIRM && ev->yes)
		confirm(st, app, ev);
	if (ev->type != WIZARD_EVENT_KEY)
		return WIZARD_STAY;
	switch (ev->cmd) {
	case CMD_SNAPSHOTS:
		ev->go = &screen_snapshots;
		return WIZARD_GOTO;
	case CMD_CONFIRM:
		ask_to_confirm(st, app, ev);
		break;
	case CMD_RESCAN:
		rescan(st, app, ev);
		break;
	case CMD_DETAIL:
		show_detail(st);
		break;
	default:
		widget_list_key(&st->list, ev->key, list_rect(st, ev->rect).h, &ops, st);
	}
	return WIZARD_STAY;
}

static const struct wizard_key *keys_now(const void *state, const struct app *app)
{
	(void)state;
	return app->trial.minutes ? keys_trial : keys;
}

static struct widget_dialog *dialog(void *state)
{
	return &((struct state *)state)->dialog;
}

static void release(void *state, struct app *app)
{
	struct state *st = state;

	(void)app;
	rows_free(st);
}

const struct wizard_screen screen_requirements = {
	.title = "Requirements",
	.help = help,
	.keys = keys,
	.size = sizeof(struct state),
	.enter = enter,
	.draw = draw,
	.event = event,
	.free = release,
	.keys_now = keys_now,
	.dialog = dialog,
};
