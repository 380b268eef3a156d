/* Snapshots: what was changed when, and the way to the page that takes it back. */
#include "screens/page.h"
#include "screens/screens.h"

#include "core/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum cmd { CMD_SHOW = 1, CMD_FINISH, CMD_DETAIL };

struct state {
	struct widget_list list;
	char id[64];         /* of the focused one: the cursor is kept by it */
	struct page *detail; /* of the focused one */
	bool in_detail;      /* it fills the screen */
	struct widget_dialog dialog;
};

static const char *const help[] = {
	"Every change takes a snapshot first: the files as they were and as they became. The "
	"newest is at the top.",
	"Enter shows what rolling back to before the snapshot would change, as a difference. "
	"Nothing is written before you confirm it there. Later snapshots are undone with it.",
	"A change that was interrupted (power lost, killed) can be taken back in the same way, or "
	"finished: f takes its choice to the review.",
	"i shows all files and commands of the snapshot.",
	"Rolling back works without this wizard's screens, too, from a rescue shell: vfio-wizard "
	"--root /mnt rollback",
	NULL,
};

static const struct wizard_key keys[] = {
	{TERM_KEY_ENTER, CMD_SHOW, NULL, "Roll back..."},
	{'i', CMD_DETAIL, NULL, "Detail"},
	{'f', CMD_FINISH, NULL, "Finish interrupted"},
	{0},
};

static const struct wizard_key keys_detail[] = {
	{TERM_KEY_ENTER, CMD_DETAIL, NULL, "List"},
	{TERM_KEY_ESC, CMD_DETAIL, NULL, NULL},
	{'i', CMD_DETAIL, NULL, NULL},
	{0},
};

static const struct snapshot *focused(const struct state *st, const struct app *app)
{
	return st->list.cur < app->snapshots.n ? &app->snapshots.v[st->list.cur] : NULL;
}

static void local_time(int64_t seconds, char *buf, size_t size)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (!localtime_r(&when, &tm) || !strftime(buf, size, "%Y-%m-%d %H:%M", &tm))
		snprintf(buf, size, "unknown time");
}

static enum term_style state_style(const struct snapshot *s)
{
	if (s->damaged)
		return TERM_DANGER;
	if (s->state == SNAPSHOT_INTERRUPTED)
		return TERM_WARNING;
	return s->state == SNAPSHOT_ROLLED_BACK ? TERM_DIM : TERM_NORMAL;
}

static const char *state_word(const struct snapshot *s)
{
	return s->damaged ? "damaged" : snapshot_state_name(s->state);
}

static void draw_row(const void *data, size_t i, struct term *t, struct term_rect r)
{
	const struct snapshot *s = &((const struct app *)data)->snapshots.v[i];
	char when[64];
	int end = r.x + r.w, x = r.x;

	local_time(s->time, when, sizeof(when));
	term_put(t, r.y, x, end - x, TERM_NORMAL, when);
	x += 18;
	term_put(t, r.y, x, end - x, state_style(s), state_word(s));
	x += 13;
	term_put(t, r.y, x, end - x, TERM_NORMAL, s->summary ? s->summary : "");
}

static const struct widget_rows ops = {.draw = draw_row};

static const char *file_action(const struct snapshot_file *f)
{
	if (f->before.kind == CONTENT_ABSENT)
		return "created";
	return f->after.kind == CONTENT_ABSENT ? "deleted" : "changed";
}

static int show_detail(struct state *st, const struct app *app)
{
	const struct snapshot *s = focused(st, app);

	page_clear(st->detail);
	st->id[0] = '\0';
	if (!s)
		return 0;
	snprintf(st->id, sizeof(st->id), "%s", s->id);
	page_heading(st->detail, "%s (%s)", s->id, state_word(s));
	if (s->damaged)
		page_add(st->detail, TERM_DANGER, 0, "It cannot be used: %s", s->damaged);
	page_add(st->detail, TERM_NORMAL, 0, "%s", s->summary ? s->summary : "");
	for (size_t i = 0; i < s->n_files; i++)
		page_add(st->detail, TERM_NORMAL, 2, "%s %s", file_action(&s->files[i]),
			s->files[i].path);
	for (size_t i = 0; i < s->n_commands; i++) {
		_cleanup_(str_free) struct str line = {0};

		report_command(&s->commands[i].argv, &line);
		page_add(st->detail, TERM_DIM, 2, "then %s", line.s ? line.s : "");
	}
	return page_check(st->detail);
}

static size_t find(const struct app *app, const char *id, size_t otherwise)
{
	for (size_t i = 0; i < app->snapshots.n; i++)
		if (base_same(app->snapshots.v[i].id, id))
			return i;
	return otherwise;
}

static int enter(void *state, struct app *app)
{
	struct state *st = state;

	if (!st->detail)
		st->detail = page_new();
	if (!st->detail)
		return -ENOMEM;
	widget_list_set(&st->list, app->snapshots.n, find(app, st->id, st->list.cur), &ops, app);
	return show_detail(st, app);
}

static struct term_rect list_rect(struct term_rect r)
{
	return (struct term_rect){r.y + 2, r.x, (r.h - 3) / 2, r.w};
}

static void draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct state *st = state;
	struct term_rect list = list_rect(r), below = r;

	if (app->snapshots_error.code) {
		widget_paragraph(t, r, TERM_WARNING, app->snapshots_error.text);
		return;
	}
	if (!app->snapshots.n) {
		widget_paragraph(t, r, TERM_NORMAL,
			"There are no snapshots: nothing was applied on this "
			"system so far.");
		return;
	}
	if (st->in_detail) {
		page_draw(st->detail, t, r);
		return;
	}
	term_putf(t, r.y, r.x, r.w, TERM_HEADING, "%-20s%-13s%s", "  Changed at", "State", "What");
	widget_list_draw(&st->list, t, list, true, &ops, app);
	term_line(t, list.y + list.h, r.x, r.w, TERM_DIM);
	below.y = list.y + list.h + 1;
	below.h = r.y + r.h - below.y;
	page_draw(st->detail, t, below);
}

static enum wizard_nav show(struct state *st, struct app *app, struct wizard_event *ev)
{
	const struct snapshot *s = focused(st, app);
	struct error err = {0};

	if (!s)
		return WIZARD_BACK;
	app->rollback = plan_free(app->rollback);
	if (snapshot_rollback_plan(app->root, &app->snapshots, s->id, &app->rollback, &err) < 0) {
		widget_note(&st->dialog, "This cannot be rolled back", err.text);
		return WIZARD_STAY;
	}
	ev->go = &screen_rollback;
	return WIZARD_GOTO;
}

static enum wizard_nav finish_going_back(struct state *st, struct app *app, struct wizard_event *ev)
{
	struct error err = {0};

	app->rollback = plan_free(app->rollback);
	if (snapshot_finish_plan(app->root, &app->snapshots, &app->rollback, &err) < 0) {
		widget_note(&st->dialog, "This cannot be finished", err.text);
		return WIZARD_STAY;
	}
	ev->go = &screen_rollback;
	return WIZARD_GOTO;
}

static enum wizard_nav finish(struct state *st, struct app *app, struct wizard_event *ev)
{
	const struct snapshot *s = focused(st, app);
	struct choice choice = {0};
	struct error err = {0};
	int r;

	if (!s || s->damaged || s->state != SNAPSHOT_INTERRUPTED) {
		snprintf(ev->notice, sizeof(ev->notice),
			"Only an interrupted change can be finished.");
		return WIZARD_STAY;
	}
	if (s != snapshots_interrupted(&app->snapshots)) {
		snprintf(ev->notice, sizeof(ev->notice), "Only the newest change can be finished.");
		return WIZARD_STAY;
	}
	if (s->undoes.n)
		return finish_going_back(st, app, ev);
	r = snapshot_choice(app->root, s, &choice, &err);
	if (r == -ENOENT)
		r = choice_copy(&choice, &app->installed);
	if (r < 0) {
		choice_free(&choice);
		widget_note(&st->dialog, "This cannot be finished", err.text);
		return WIZARD_STAY;
	}
	choice_free(&app->choice);
	app->choice = choice;
	if (app_choice_changed(app) < 0) {
		snprintf(ev->notice, sizeof(ev->notice), "Out of memory: nothing was planned.");
		return WIZARD_STAY;
	}
	ev->go = &screen_review;
	return WIZARD_GOTO;
}

static enum wizard_nav event(void *state, struct app *app, struct wizard_event *ev)
{
	struct state *st = state;
	bool changed = false;

	if (ev->type != WIZARD_EVENT_KEY)
		return WIZARD_STAY;
	if (ev->cmd == CMD_SHOW)
		return show(st, app, ev);
	if (ev->cmd == CMD_FINISH)
		return finish(st, app, ev);
	if (ev->cmd == CMD_DETAIL) {
		st->in_detail = !st->in_detail && focused(st, app) != NULL;
		changed = true; /* to its top */
	} else if (st->in_detail) {
		page_key(st->detail, ev->key, ev->rect);
	} else {
		changed = widget_list_key(&st->list, ev->key, list_rect(ev->rect).h, &ops, app);
	}
	if (changed && show_detail(st, app) < 0)
		snprintf(
			ev->notice, sizeof(ev->notice), "Out of memory: the detail is incomplete.");
	return WIZARD_STAY;
}

static const struct wizard_key *keys_now(const void *state, const struct app *app)
{
	(void)app;
	return ((const struct state *)state)->in_detail ? keys_detail : keys;
}

static struct widget_dialog *dialog(void *state)
{
	return &((struct state *)state)->dialog;
}

static void release(void *state, struct app *app)
{
	struct state *st = state;

	(void)app;
	st->detail = page_free(st->detail);
}

const struct wizard_screen screen_snapshots = {
	.title = "Snapshots",
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
