/* Rollback: what going back to before a snapshot changes, the work itself, and how it ended. */
#include "core/report.h"
#include "screens/consent.h"
#include "screens/run.h"
#include "screens/screens.h"
#include "screens/summary.h"

#include <stdio.h>

enum cmd { CMD_ROLLBACK = 1, CMD_NEXT, CMD_OUTPUT, CMD_ACCEPT, CMD_SNAPSHOTS };

struct state {
	struct run run;       /* first: the run's functions take it for their state */
	struct strv accepted; /* ids of dangers that the person typed */
};

static const char *const help[] = {
	"This is what rolling back would change: the difference from the files as they are now to "
	"the files as they were before the snapshot. Later snapshots are undone with it.",
	"A file that someone changed since is named first and never overwritten unseen: what was "
	"changed in it is shown before all else, then what becomes of it, and you are asked for a "
	"word.",
	"Rolling back is a change like any other: it takes a snapshot of its own and can be "
	"undone.",
	NULL,
};

static const struct wizard_key keys_before[] = {
	{'R', CMD_ROLLBACK, NULL, "Roll back"},
	{TERM_KEY_ENTER, CMD_NEXT, NULL, NULL},
	{TERM_KEY_TAB, 0, NULL, "Next section"},
	{0},
};

static const struct wizard_key keys_after[] = {
	{TERM_KEY_ENTER, 0, NULL, "Snapshots"},
	{'s', CMD_SNAPSHOTS, NULL, NULL},
	{'o', CMD_OUTPUT, NULL, "Output"},
	{0},
};

static void page_before(struct page *page, const struct app *app)
{
	const struct plan *plan = app->rollback;
	char amount[64], count[96];

	page_heading(page, "%s", plan->summary);
	if (*app->refusal)
		page_add(page, TERM_DANGER, 0, "This cannot be done here: %s", app->refusal);
	if (plan_is_empty(plan)) {
		page_add(page, TERM_NORMAL, 0,
			"Every file is already as it was: there is nothing to do.");
		return;
	}
	page_add(page, TERM_NORMAL, 0, "%s; %s. Capital R rolls back.",
		summary_amount(plan, amount, sizeof(amount)),
		summary_count(&plan->findings, count, sizeof(count)));
	summary_findings(page, &plan->findings);
	summary_edits(page, plan);
	page_must_see(page);
	summary_forecast(page, plan);
	summary_files(page, plan);
	summary_commands(page, app, plan);
}

static void page_done(struct page *page, const struct app *app, const struct run *run)
{
	const struct plan *plan = app->rollback;
	_cleanup_(str_free) struct str trial = {0};

	page_heading(page, "Done: %s", plan->summary);
	page_add(page, TERM_GOOD, 0, "%zu %s as before. Snapshot %s undoes this rollback.",
		plan->n_changes, plan->n_changes == 1 ? "file is" : "files are", run->snapshot);
	if (app->no_commands)
		summary_commands(page, app, plan);
	page_heading(page, "What to do next");
	page_add(page, TERM_NORMAL, 0,
		"Restart the host. Until then every device keeps the driver that it has now.");
	if (plan->trial) {
		report_trial(plan, true, &trial);
		page_add(page, TERM_WARNING, 0, "%s", trial.s ? trial.s : "");
	}
}

static int finish(struct run *run, struct app *app)
{
	int r;

	if (run->phase == RUN_COMMITTED) {
		page_done(run->page, app, run);
		app->applied = true;
		r = app_reload(app);
	} else {
		page_heading(run->page, "Not rolled back");
		run_explain(run);
		app->rollback = plan_free(app->rollback);
		r = app_reload_snapshots(app);
	}
	return r < 0 ? r : page_check(run->page);
}

static int enter(void *state, struct app *app)
{
	struct state *st = state;
	int r = run_reset(&st->run);

	if (r < 0)
		return r;
	strv_free(&st->accepted);
	page_before(st->run.page, app);
	return page_check(st->run.page);
}

static void roll_back(struct state *st, struct app *app, struct wizard_event *ev)
{
	const struct findings *findings = &app->rollback->findings;
	const struct finding *block = consent_block(findings);
	struct run *run = &st->run;

	if (*app->refusal)
		widget_note(&run->dialog, "Not rolled back", app->refusal);
	else if (plan_is_empty(app->rollback))
		snprintf(ev->notice, sizeof(ev->notice), "There is nothing to roll back.");
	else if (block)
		widget_note(&run->dialog, "This cannot be rolled back", block->text);
	else if (page_unseen(run->page, ev->rect)) {
		page_go_on(run->page);
		snprintf(ev->notice, sizeof(ev->notice), "Read the findings to their end first.");
	} else if (!consent_ask(findings, &st->accepted, &run->dialog, CMD_ACCEPT))
		run_start(run, app->root, app->rollback, app->no_commands);
}

static void on_key(struct state *st, struct app *app, struct wizard_event *ev)
{
	switch (ev->cmd) {
	case CMD_ROLLBACK:
		roll_back(st, app, ev);
		break;
	case CMD_NEXT:
		snprintf(ev->notice, sizeof(ev->notice),
			"Nothing is written yet. Press capital R to roll back.");
		break;
	case CMD_OUTPUT:
		st->run.show_output = !st->run.show_output;
		break;
	default:
		run_scroll(&st->run, ev->key, ev->rect);
	}
}

static enum wizard_nav event(void *state, struct app *app, struct wizard_event *ev)
{
	struct state *st = state;

	if (st->run.phase == RUN_GOING) {
		if (run_event(&st->run, ev) && finish(&st->run, app) < 0)
			snprintf(ev->notice, sizeof(ev->notice),
				"Out of memory: the page is incomplete.");
	} else if (ev->type == WIZARD_EVENT_KEY && ev->cmd == CMD_SNAPSHOTS) {
		return WIZARD_BACK;
	} else if (ev->type == WIZARD_EVENT_KEY) {
		on_key(st, app, ev);
	} else if (ev->type == WIZARD_EVENT_ANSWER && ev->cmd == CMD_ACCEPT && ev->yes) {
		if (consent_given(&st->accepted, &st->run.dialog) == 0)
			roll_back(st, app, ev);
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

static void release(void *state, struct app *app)
{
	struct state *st = state;

	strv_free(&st->accepted);
	run_free(&st->run, app);
}

const struct wizard_screen screen_rollback = {
	.title = "Roll back",
	.help = help,
	.keys = keys_before,
	.size = sizeof(struct state),
	.enter = enter,
	.draw = run_draw,
	.event = event,
	.free = release,
	.keys_now = keys_now,
	.dialog = run_dialog,
	.busy = run_busy,
	.wait = run_wait,
};
