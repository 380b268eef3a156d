/* Devices: by IOMMU group, to be looked at and chosen. */
#include "core/viability.h"
#include "screens/card.h"
#include "screens/detail.h"
#include "screens/screens.h"
#include "screens/summary.h"
#include "screens/tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum cmd {
	CMD_TOGGLE = 1,
	CMD_FILTER,
	CMD_NEXT_GROUP,
	CMD_PREVIOUS_GROUP,
	CMD_DETAIL,
	CMD_SNAPSHOTS,
	CMD_GUEST,
	CMD_RESCAN,
	CMD_FOLLOW,
	CMD_CARD,
	CMD_ONE,
	CMD_CANCEL,
};

enum mode {
	MODE_LIST,
	MODE_FILTER, /* its text is being typed */
	MODE_DETAIL, /* the focused device fills the screen */
	MODE_OFFER,  /* the whole card, or one function? */
};

struct state {
	enum mode mode;
	struct tree tree;
	struct widget_list list;
	char address[24]; /* of the focused row: the cursor is kept by it */
	struct widget_edit filter;
	struct page *offer;  /* in MODE_OFFER: what goes along */
	struct page *detail; /* of the row that has the focus when no key waits */
	int detail_in_ms;    /* until it is of the focused row again; -1: it is */
	bool is_brief;       /* below the list, unless it is chosen */
	bool has_moved;      /* something chosen is elsewhere */
	struct widget_dialog dialog;
};

static const char *const help[] = {
	"All PCI devices by IOMMU group. A group goes to a guest as a whole: what else is in it "
	"must be chosen too, or lose its driver. Bridges stay with the host and do not count.",
	"Space chooses the device under the cursor, or gives it back. If its card has more "
	"functions (a graphics card and its sound, say) the whole card is offered.",
	"The columns: chosen, address, name, ids, the driver in use, and what the host itself "
	"uses the device for. Below the list: what choosing the device would cost, the worst "
	"first.",
	"/ shows only devices that contain a text in name, address, ids, driver or use. n and p "
	"jump from group to group, i shows everything about the device.",
	"Where a card that was chosen is at another address now, m moves the choice to where it "
	"is.",
	"s shows what was changed before, to take it back; g what the guest's definition has to "
	"say; r looks at the machine again.",
	NULL,
};

static const struct wizard_key keys_list[] = {
	{' ', CMD_TOGGLE, NULL, "Choose"},
	{TERM_KEY_ENTER, 0, NULL, "Options"},
	{'/', CMD_FILTER, NULL, "Filter"},
	{'i', CMD_DETAIL, NULL, "Detail"},
	{'n', CMD_NEXT_GROUP, NULL, "Next group"},
	{'p', CMD_PREVIOUS_GROUP, NULL, NULL},
	{'s', CMD_SNAPSHOTS, NULL, "Snapshots"},
	{'g', CMD_GUEST, NULL, "Guest"},
	{'r', CMD_RESCAN, NULL, "Look again"},
	{0},
};

/* Something that was chosen is elsewhere now. */
static const struct wizard_key keys_moved[] = {
	{'m', CMD_FOLLOW, NULL, "Move choice"},
	{' ', CMD_TOGGLE, NULL, "Choose"},
	{TERM_KEY_ENTER, 0, NULL, "Options"},
	{'/', CMD_FILTER, NULL, "Filter"},
	{'i', CMD_DETAIL, NULL, "Detail"},
	{'n', CMD_NEXT_GROUP, NULL, NULL},
	{'p', CMD_PREVIOUS_GROUP, NULL, NULL},
	{'s', CMD_SNAPSHOTS, NULL, "Snapshots"},
	{'g', CMD_GUEST, NULL, "Guest"},
	{'r', CMD_RESCAN, NULL, "Look again"},
	{0},
};

static const struct wizard_key keys_filter[] = {
	{TERM_KEY_ENTER, 0, NULL, "Keep the filter"},
	{TERM_KEY_ESC, 0, NULL, "Show all"},
	{0},
};

static const struct wizard_key keys_detail[] = {
	{TERM_KEY_ENTER, CMD_DETAIL, NULL, "List"},
	{TERM_KEY_ESC, CMD_DETAIL, NULL, NULL},
	{'i', CMD_DETAIL, NULL, NULL},
	{0},
};

static const struct wizard_key keys_offer[] = {
	{TERM_KEY_ENTER, CMD_CARD, NULL, "Whole card"},
	{'o', CMD_ONE, NULL, "Only this"},
	{TERM_KEY_ESC, CMD_CANCEL, NULL, "Neither"},
	{0},
};

static struct tree_view view_of(const struct state *st, const struct app *app)
{
	return (struct tree_view){
		.tree = &st->tree,
		.machine = app->machine,
		.choice = &app->choice,
		.existing = &app->existing,
	};
}

/* NULL on a lost one, or when no row is shown. */
static const struct device *focused(const struct state *st)
{
	return st->list.cur < st->tree.n ? st->tree.v[st->list.cur].device : NULL;
}

/* --- the detail of the focused row --- */

/* A key moves the cursor, which costs two rows; the detail, which costs a slow line and a large
 * machine more, follows where the cursor rests. */
#define REST_MS 150

static void want_detail(struct state *st, int in_ms)
{
	st->detail_in_ms = in_ms;
	snprintf(st->address, sizeof(st->address), "%s", tree_address(&st->tree, st->list.cur));
}

/* The findings if the device were chosen, too. */
static int work_out_cost(struct app *app, const struct device *device, struct findings *cost)
{
	_cleanup_(choice_free) struct choice choice = {0};
	int r;

	if ((r = choice_copy(&choice, &app->choice)) < 0 || (r = choice_add(&choice, device)) < 0 ||
		(r = check_choice(app->machine, &choice, &app->existing, cost)) < 0)
		return r;
	return check_fitness(app->root, app->machine, &choice, &app->existing, cost);
}

static int show_detail(struct state *st, struct app *app)
{
	const struct device *device = focused(st);
	_cleanup_(findings_free) struct findings cost = {0};
	bool is_chosen = device && choice_has(&app->choice, device);
	int r = 0;

	st->detail_in_ms = -1;
	st->is_brief = device && !is_chosen && st->mode != MODE_DETAIL;
	page_clear(st->detail);
	if (device) {
		if (!is_chosen && !device_is_path(device))
			r = work_out_cost(app, device, &cost);
		(st->is_brief ? detail_brief : detail_device)(
			st->detail, app, device, is_chosen ? &app->findings : &cost);
	} else if (*st->address) {
		detail_lost(st->detail, app, st->address);
	}
	return r < 0 ? r : page_check(st->detail);
}

/* The rows anew; the cursor stays on its device. */
static int rebuild(struct state *st, struct app *app)
{
	struct tree_view view;
	int r = tree_build(&st->tree, app->machine, &app->choice, st->filter.text);

	if (r < 0)
		return r;
	st->has_moved = choice_has_moved(&app->choice, app->machine);
	view = view_of(st, app);
	widget_list_set(&st->list, st->tree.n, tree_find(&st->tree, st->address, st->list.cur),
		&tree_rows, &view);
	want_detail(st, 0);
	return 0;
}

static int enter(void *state, struct app *app)
{
	struct state *st = state;
	int r;

	if (!st->detail)
		st->detail = page_new();
	if (!st->offer)
		st->offer = page_new();
	if (!st->detail || !st->offer)
		return -ENOMEM;
	st->mode = MODE_LIST;
	r = rebuild(st, app);
	return r < 0 ? r : show_detail(st, app);
}

/* --- drawing --- */

/* A status line; the list; a rule; the detail, a fifth of it all, or in its place an offer, which
 * takes as many rows as it needs. */
static struct term_rect below_rect(const struct state *st, struct term_rect r)
{
	int rows = r.h / 5;
	int need = st->mode == MODE_OFFER ? (int)page_rows(st->offer, r.w) : 0;

	if (need > rows)
		rows = need < r.h ? need : r.h - 1;
	return (struct term_rect){r.y + r.h - rows, r.x, rows, r.w};
}

static struct term_rect list_rect(const struct state *st, struct term_rect r)
{
	return (struct term_rect){r.y + 1, r.x, r.h - 2 - below_rect(st, r).h, r.w};
}

static size_t count_shown(const struct tree *tree)
{
	size_t n = 0;

	for (size_t i = 0; i < tree->n; i++)
		n += tree->v[i].kind == TREE_DEVICE;
	return n;
}

/* What was typed is cut, but not how to see all again. */
static void draw_none_shown(const struct state *st, struct term *t, struct term_rect r)
{
	static const char all[] = " is in no device; / and Esc show all.";
	int used = term_putf(
		t, r.y, r.x, r.w - (int)sizeof(all), TERM_WARNING, "\"%s\"", st->filter.text);

	term_put(t, r.y, r.x + used, r.w - used, TERM_WARNING, all);
}

static void draw_count(
	const struct state *st, const struct app *app, struct term *t, struct term_rect r)
{
	char count[96];

	if (app->choice.n)
		term_putf(t, r.y, r.x, r.w, summary_style(findings_worst(&app->findings)),
			"%zu of %zu devices chosen; %s.", app->choice.n, app->machine->n_devices,
			summary_count(&app->findings, count, sizeof(count)));
	else if (*st->filter.text)
		term_putf(t, r.y, r.x, r.w, TERM_HEADING, "%zu of %zu devices; none chosen.",
			count_shown(&st->tree), app->machine->n_devices);
	else
		term_putf(t, r.y, r.x, r.w, TERM_HEADING, "%zu devices in %zu groups; none chosen.",
			app->machine->n_devices, app->machine->n_groups);
}

static void draw_status(
	const struct state *st, const struct app *app, struct term *t, struct term_rect r)
{
	if (st->mode == MODE_FILTER) {
		int x = r.x + term_put(t, r.y, r.x, r.w, TERM_HEADING, "Show only: ");

		widget_edit_draw(&st->filter, t, (struct term_rect){r.y, x, 1, r.x + r.w - x});
		return;
	}
	if (*st->filter.text && !count_shown(&st->tree)) {
		draw_none_shown(st, t, r);
		return;
	}
	if (*st->filter.text) {
		int used = term_putf(
			t, r.y, r.x, r.w / 2, TERM_HEADING, "Only \"%s\"", st->filter.text);

		r.x += used + 1;
		r.w -= used + 1;
	}
	draw_count(st, app, t, r);
}

static void draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct state *st = state;
	const struct tree_view view = view_of(st, app);
	const struct term_rect list = list_rect(st, r), below = below_rect(st, r);

	if (st->mode == MODE_DETAIL) {
		page_draw(st->detail, t, r);
		return;
	}
	draw_status(st, app, t, r);
	if (list.h > 0)
		widget_list_draw(&st->list, t, list, st->mode == MODE_LIST, &tree_rows, &view);
	if (st->mode == MODE_OFFER) {
		term_line(t, below.y - 1, r.x, r.w, TERM_FOCUS);
		page_draw(st->offer, t, below);
		return;
	}
	term_line(t, below.y - 1, r.x, r.w, TERM_DIM);
	(st->is_brief ? page_draw_brief : page_draw_top)(st->detail, t, below);
}

/* --- choosing --- */

/* Adds or removes one device, or every function of its card. */
static int change(struct app *app, const struct device *of, bool take, bool card)
{
	struct machine *m = app->machine;
	int r = 0;

	for (struct device *d = m->devices; d < m->devices + m->n_devices && r == 0; d++) {
		if (d != of && !(card && card_has(d, of)))
			continue;
		if (take)
			r = choice_add(&app->choice, d);
		else
			choice_remove(&app->choice, d->address);
	}
	return r;
}

/* At once, in a line: what else is in the group. */
static void tell_group(const struct app *app, const struct device *of, struct wizard_event *ev)
{
	const struct group *group = machine_group(app->machine, of->group);
	const struct device *first = NULL;
	size_t n = 0;

	for (size_t i = 0; group && i < group->n_devices; i++) {
		const struct device *d = group->devices[i];

		if (viability_role(app->machine, &app->choice, &app->existing, d) >=
			VIABILITY_CHOSEN)
			continue;
		if (!n++)
			first = d;
	}
	if (n == 1)
		snprintf(ev->notice, sizeof(ev->notice), "Group %lld also holds %s: see below.",
			(long long)group->id, first->address);
	else if (n)
		snprintf(ev->notice, sizeof(ev->notice),
			"Group %lld also holds %s and %zu more: see below.", (long long)group->id,
			first->address, n - 1);
}

static void take(struct state *st, struct app *app, bool card, struct wizard_event *ev)
{
	const struct device *of = focused(st);
	bool choose = !choice_has(&app->choice, of);

	st->mode = MODE_LIST;
	if (change(app, of, choose, card) < 0 || app_choice_changed(app) < 0 ||
		rebuild(st, app) < 0)
		snprintf(ev->notice, sizeof(ev->notice),
			"Out of memory: the choice may be incomplete.");
	else if (choose)
		tell_group(app, of, ev);
}

static void drop_lost(struct state *st, struct app *app, struct wizard_event *ev)
{
	if (!*st->address)
		return;
	choice_remove(&app->choice, st->address);
	if (app_choice_changed(app) < 0 || rebuild(st, app) < 0)
		snprintf(ev->notice, sizeof(ev->notice),
			"Out of memory: the list may be out of date.");
}

static void toggle(struct state *st, struct app *app, struct wizard_event *ev)
{
	const struct device *device = focused(st);

	if (!device)
		drop_lost(st, app, ev);
	else if (device_is_path(device))
		snprintf(ev->notice, sizeof(ev->notice),
			"A bridge stays with the host; its group can be used all the same.");
	else if (!card_has_more(app, device))
		take(st, app, false, ev);
	else if (card_describe(app, device, st->offer) < 0)
		snprintf(ev->notice, sizeof(ev->notice), "Out of memory: nothing was chosen.");
	else
		st->mode = MODE_OFFER;
}

/* --- events --- */

static void move(struct state *st, struct app *app, struct wizard_event *ev, size_t to)
{
	const struct tree_view view = view_of(st, app);

	if (to != SIZE_MAX)
		widget_list_set(&st->list, st->tree.n, to, &tree_rows, &view);
	else if (!widget_list_key(&st->list, ev->key, list_rect(st, ev->rect).h, &tree_rows, &view))
		return;
	want_detail(st, REST_MS);
}

static void catch_up(struct state *st, struct app *app, struct wizard_event *ev)
{
	if (show_detail(st, app) < 0)
		snprintf(
			ev->notice, sizeof(ev->notice), "Out of memory: the detail is incomplete.");
}

static void rescan(struct state *st, struct app *app, struct wizard_event *ev)
{
	struct error err = {0};

	tree_free(&st->tree);
	if (app_rescan(app, &err) < 0)
		widget_note(&st->dialog, "The machine could not be looked at again", err.text);
	else
		snprintf(ev->notice, sizeof(ev->notice),
			"Looked again: %zu devices, %zu IOMMU groups.", app->machine->n_devices,
			app->machine->n_groups);
	if (rebuild(st, app) < 0)
		snprintf(ev->notice, sizeof(ev->notice), "Out of memory: the list is incomplete.");
}

static void follow(struct state *st, struct app *app, struct wizard_event *ev)
{
	const struct pick *pick = choice_find(&app->choice, st->address);
	const struct device *now =
		pick ? choice_locate(&app->choice, app->machine, pick, NULL) : NULL;

	if (!st->has_moved)
		return;
	/* The cursor goes with it. */
	if (now)
		snprintf(st->address, sizeof(st->address), "%s", now->address);
	if (choice_follow(&app->choice, app->machine) < 0 || app_choice_changed(app) < 0 ||
		rebuild(st, app) < 0)
		snprintf(ev->notice, sizeof(ev->notice),
			"Out of memory: the list may be out of date.");
	else
		snprintf(ev->notice, sizeof(ev->notice),
			"The choice has moved to where the cards are now; apply it.");
}

static void on_filter_key(struct state *st, struct app *app, struct wizard_event *ev)
{
	if (ev->key == TERM_KEY_ENTER || ev->key == TERM_KEY_ESC)
		st->mode = MODE_LIST;
	if (ev->key == TERM_KEY_ESC)
		widget_edit_set(&st->filter, "");
	else if (!widget_edit_key(&st->filter, ev->key))
		return;
	if (rebuild(st, app) < 0)
		snprintf(ev->notice, sizeof(ev->notice), "Out of memory: the list is incomplete.");
}

static void on_offer_key(struct state *st, struct app *app, struct wizard_event *ev)
{
	const struct term_rect r = below_rect(st, ev->rect);

	if (ev->cmd == CMD_CARD && page_unseen(st->offer, r)) {
		page_go_on(st->offer);
		snprintf(ev->notice, sizeof(ev->notice),
			"More goes along: read on, then press Enter.");
	} else if (ev->cmd == CMD_CARD || ev->cmd == CMD_ONE) {
		take(st, app, ev->cmd == CMD_CARD, ev);
	} else if (ev->cmd == CMD_CANCEL) {
		st->mode = MODE_LIST;
	} else {
		page_key(st->offer, ev->key, r);
	}
}

static void on_list_key(struct state *st, struct app *app, struct wizard_event *ev)
{
	switch (ev->cmd) {
	case CMD_TOGGLE:
		toggle(st, app, ev);
		break;
	case CMD_FILTER:
		st->mode = MODE_FILTER;
		break;
	case CMD_DETAIL:
		st->mode = MODE_DETAIL;
		catch_up(st, app, ev);
		break;
	case CMD_NEXT_GROUP:
	case CMD_PREVIOUS_GROUP:
		move(st, app, ev,
			tree_next_group(&st->tree, st->list.cur, ev->cmd == CMD_NEXT_GROUP));
		break;
	case CMD_RESCAN:
		rescan(st, app, ev);
		break;
	case CMD_FOLLOW:
		follow(st, app, ev);
		break;
	default:
		move(st, app, ev, SIZE_MAX);
	}
}

static void on_key(struct state *st, struct app *app, struct wizard_event *ev)
{
	switch (st->mode) {
	case MODE_FILTER:
		on_filter_key(st, app, ev);
		break;
	case MODE_DETAIL:
		if (ev->cmd == CMD_DETAIL) {
			st->mode = MODE_LIST;
			catch_up(st, app, ev);
		} else {
			page_key(st->detail, ev->key, ev->rect);
		}
		break;
	case MODE_OFFER:
		on_offer_key(st, app, ev);
		break;
	case MODE_LIST:
		on_list_key(st, app, ev);
		break;
	}
}

static enum wizard_nav event(void *state, struct app *app, struct wizard_event *ev)
{
	struct state *st = state;

	if (ev->type == WIZARD_EVENT_TIMEOUT)
		catch_up(st, app, ev);
	if (ev->type != WIZARD_EVENT_KEY)
		return WIZARD_STAY;
	if (ev->cmd == CMD_SNAPSHOTS || ev->cmd == CMD_GUEST) {
		ev->go = ev->cmd == CMD_GUEST ? &screen_guest : &screen_snapshots;
		return WIZARD_GOTO;
	}
	on_key(st, app, ev);
	return WIZARD_STAY;
}

static const struct wizard_key *keys_now(const void *state, const struct app *app)
{
	static const struct wizard_key *const tables[] = {
		[MODE_LIST] = keys_list,
		[MODE_FILTER] = keys_filter,
		[MODE_DETAIL] = keys_detail,
		[MODE_OFFER] = keys_offer,
	};

	const struct state *st = state;

	(void)app;
	return st->mode == MODE_LIST && st->has_moved ? keys_moved : tables[st->mode];
}

static bool typing(const void *state)
{
	return ((const struct state *)state)->mode == MODE_FILTER;
}

static struct widget_dialog *dialog(void *state)
{
	return &((struct state *)state)->dialog;
}

static void wait(const void *state, const struct app *app, struct wizard_wait *w)
{
	(void)app;
	w->timeout_ms = ((const struct state *)state)->detail_in_ms;
}

static void release(void *state, struct app *app)
{
	struct state *st = state;

	(void)app;
	tree_free(&st->tree);
	st->offer = page_free(st->offer);
	st->detail = page_free(st->detail);
}

const struct wizard_screen screen_devices = {
	.title = "Devices",
	.help = help,
	.keys = keys_list,
	.size = sizeof(struct state),
	.enter = enter,
	.draw = draw,
	.event = event,
	.free = release,
	.keys_now = keys_now,
	.typing = typing,
	.dialog = dialog,
	.wait = wait,
};
