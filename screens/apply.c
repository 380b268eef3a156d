/* Apply: a last look at what will be done, the work itself, and what to do next. */
#include "core/report.h"
#include "screens/run.h"
#include "screens/screens.h"
#include "screens/summary.h"

#include <stdio.h>

enum cmd { CMD_APPLY = 1, CMD_NEXT, CMD_OUTPUT, CMD_SNAPSHOTS, CMD_GUEST };

static const char *const help[] = {
	"Capital A applies: first a snapshot of every file concerned "
	"is taken, then the files are written, then the commands run, the boot loader last.",
	"If anything fails, or you stop it with Ctrl-C, every file is put back and the commands "
	"run again for the old state. You are told which of the two happened.",
	"Drivers are not changed on the running system. What was applied takes effect at the next "
	"boot, so nothing is lost while you still need it.",
	NULL,
};

static const struct wizard_key keys_before[] = {
	{'A', CMD_APPLY, NULL, "Apply"},
	{TERM_KEY_ENTER, CMD_NEXT, NULL, NULL},
	{'s', CMD_SNAPSHOTS, NULL, "Snapshots"},
	{0},
};

static const struct wizard_key keys_after[] = {
	{TERM_KEY_ENTER, 0, NULL, "End"},
	{TERM_KEY_ESC, 0, NULL, "Back"},
	{'g', CMD_GUEST, NULL, NULL},
	{'o', CMD_OUTPUT, NULL, "Output"},
	{'s', CMD_SNAPSHOTS, NULL, "Snapshots"},
	{0},
};

static const char stale[] =
	"The system was changed meanwhile: go back to the review, which shows what is left to do.";

static void page_before(struct page *page, const struct app *app)
{
	const struct plan *plan = app->plan;

	page_heading(page, "Ready: %s", plan->summary);
	if (*app->refusal)
		page_add(page, TERM_DANGER, 0, "This cannot be applied here: %s", app->refusal);
	page_add(page, TERM_NORMAL, 0, "Capital A applies it. Up to then nothing is written.");
	page_add(page, TERM_NORMAL, 0,
		"A snapshot is taken first; with it all of this can be taken back.");
	if (plan->n_changes)
		page_heading(page, "Files");
	for (size_t i = 0; i < plan->n_changes; i++)
		page_add(page, TERM_NORMAL, 0, "%zu. %s", i + 1, plan->changes[i].path);
	summary_commands(page, app, plan);
}

static bool is_rolled_back(const struct app *app, const char *id)
{
	const struct snapshot *s = snapshots_find(&app->snapshots, id);

	return s && s->state == SNAPSHOT_ROLLED_BACK;
}

static void page_way_back(
	struct page *page, const struct app *app, const struct run *run, const struct plan *plan)
{
	_cleanup_(str_free) struct str text = {0};

	page_heading(page, "How to come back");
	page_add(page, TERM_NORMAL, 0,
		"In the wizard: s, the snapshots. In a shell: %s rollback %s",
		root_command(app->root), run->snapshot);
	if (!plan->after.n)
		return;
	report_way_back(plan, &text);
	page_add(page, TERM_NORMAL, 0, "%s", text.s ? text.s : "");
}

static void page_applied(
	struct page *page, const struct app *app, const struct run *run, const struct plan *plan)
{
	_cleanup_(str_free) struct str trial = {0};

	page_heading(page, "Applied: %s", plan->summary);
	page_add(page, TERM_GOOD, 0, "%zu %s written, %zu %s run. Snapshot %s was taken before it.",
		plan->n_changes, plan->n_changes == 1 ? "file" : "files",
		app->no_commands ? 0 : plan->n_commands,
		!app->no_commands && plan->n_commands == 1 ? "command" : "commands", run->snapshot);
	if (app->no_commands)
		summary_commands(page, app, plan);
	page_heading(page, "What to do next");
	page_add(page, TERM_NORMAL, 0,
		"1. Restart the host. Until then every device keeps its driver.");
	page_add(page, TERM_NORMAL, 0,
		"2. After it, run: vfio-wizard verify. It says for each chosen device whether it "
		"is "
		"where it should be, and if not, why.");
	page_add(page, TERM_NORMAL, 0,
		"3. What the guest's definition has to say: press g, or run vfio-wizard guest.");
	if (plan->trial) {
		report_trial(plan, true, &trial);
		page_add(page, TERM_WARNING, 0, "4. %s", trial.s ? trial.s : "");
	}
	page_way_back(page, app, run, plan);
}

/* The plan is told before it is dropped; the files are read again, so that going back to the
 * devices shows what is there now. */
static int finish(struct run *run, struct app *app)
{
	int r;

	if (run->phase == RUN_COMMITTED) {
		page_applied(run->page, app, run, app->plan);
		app->applied = true;
		r = app_reload(app);
	} else {
		page_heading(run->page, "Not applied");
		run_explain(run);
		app->plan = plan_free(app->plan);
		r = app_reload_snapshots(app);
	}
	return r < 0 ? r : page_check(run->page);
}

/* Without a plan this is the way back from the snapshots: after the end, which stays, or after a
 * rollback there, which made the plan void. */
static int enter(void *state, struct app *app)
{
	struct run *run = state;
	int r;

	if (!app->plan && run->phase != RUN_IDLE)
		return 0;
	r = run_reset(run);
	if (r < 0)
		return r;
	if (app->plan)
		page_before(run->page, app);
	else
		page_add(run->page, TERM_WARNING, 0, "%s", stale);
	return page_check(run->page);
}

static void draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct run *run = state;

	if (run->phase == RUN_COMMITTED && is_rolled_back(app, run->snapshot)) {
		term_put(t, r.y, r.x, r.w, TERM_WARNING, "This was rolled back since.");
		r.y++;
		r.h--;
	}
	run_draw(run, app, t, r);
}

static void apply(struct run *run, struct app *app)
{
	if (!app->plan)
		widget_note(&run->dialog, "Not applied", stale);
	else if (*app->refusal)
		widget_note(&run->dialog, "Not applied", app->refusal);
	else
		run_start(run, app->root, app->plan, app->no_commands);
}

static enum wizard_nav event(void *state, struct app *app, struct wizard_event *ev)
{
	struct run *run = state;

	if (run->phase == RUN_GOING) {
		if (run_event(run, ev) && finish(run, app) < 0)
			snprintf(ev->notice, sizeof(ev->notice),
				"Out of memory: the page is incomplete.");
		return WIZARD_STAY;
	}
	switch (ev->cmd) {
	case CMD_APPLY:
		apply(run, app);
		break;
	case CMD_NEXT:
		snprintf(ev->notice, sizeof(ev->notice),
			"Nothing is written yet. Press capital A to apply.");
		break;
	case CMD_OUTPUT:
		run->show_output = !run->show_output;
		break;
	case CMD_SNAPSHOTS:
		ev->go = &screen_snapshots;
		return WIZARD_GOTO;
	case CMD_GUEST:
		ev->go = &screen_guest;
		return WIZARD_GOTO;
	default:
		run_scroll(run, ev->key, ev->rect);
	}
	return WIZARD_STAY;
}

static const struct wizard_key *keys_now(const void *state, const struct app *app)
{
	const struct run *run = state;

	(void)app;
	if (run->phase == RUN_GOING)
		return run_keys;
	return run->phase == RUN_IDLE ? keys_before : keys_after;
}

const struct wizard_screen screen_apply = {
	.title = "Apply",
	.help = help,
	.keys = keys_before,
	.size = sizeof(struct run),
	.enter = enter,
	.draw = draw,
	.event = event,
	.free = run_free,
	.keys_now = keys_now,
	.dialog = run_dialog,
	.busy = run_busy,
	.wait = run_wait,
};
