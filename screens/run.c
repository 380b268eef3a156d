#include "screens/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CMD_STOP 1000

static void forget(struct run *run)
{
	struct page *page = run->page;

	txn_free(run->txn);
	widget_lines_free(&run->output);
	str_free(&run->why);
	strv_free(&run->not_restored);
	*run = (struct run){.page = page};
}

int run_reset(struct run *run)
{
	forget(run);
	if (!run->page)
		run->page = page_new();
	if (!run->page)
		return -ENOMEM;
	page_clear(run->page);
	return 0;
}

void run_start(struct run *run, const struct root *root, const struct plan *plan, bool no_commands)
{
	struct error err = {0};

	if (txn_begin(root, plan, no_commands ? TXN_NO_COMMANDS : 0, &run->txn, &err) < 0) {
		widget_note(&run->dialog, "Nothing was changed", err.text);
		return;
	}
	run->phase = RUN_GOING;
	run->view.follow = true;
	run->total = plan->n_changes + (no_commands ? 0 : plan->n_commands);
	snprintf(run->now, sizeof(run->now), "Taking a snapshot");
}

/* A line lost for want of memory is only missing from the picture. */
static void say(struct run *run, const char *prefix, const char *text)
{
	(void)(widget_lines_add(&run->output, prefix, strlen(prefix)) < 0 ||
		widget_lines_add(&run->output, text, strlen(text)) < 0 ||
		widget_lines_add(&run->output, "\n", 1) < 0);
}

static void set_now(struct run *run, const char *what, const char *text)
{
	snprintf(run->now, sizeof(run->now), "%s%s", what, text);
}

static void on_progress(struct run *run, const struct txn_event *ev)
{
	char status[48];

	switch ((int)ev->kind) {
	case TXN_SNAPSHOT:
		snprintf(run->snapshot, sizeof(run->snapshot), "%s", ev->text);
		say(run, "snapshot ", ev->text);
		break;
	case TXN_FILE:
		say(run, "wrote ", ev->text);
		set_now(run, "Wrote ", ev->text);
		break;
	case TXN_COMMAND:
		say(run, "$ ", ev->text);
		set_now(run, run->restoring ? "Running again for the old state: " : "Running ",
			ev->text);
		break;
	case TXN_OUTPUT:
		say(run, "  ", ev->text);
		break;
	case TXN_COMMAND_DONE:
		if (ev->code) {
			snprintf(status, sizeof(status), "exit status %d of ", ev->code);
			say(run, status, ev->text);
		}
		break;
	default:
		break;
	}
}

static void on_trouble(struct run *run, const struct txn_event *ev)
{
	switch ((int)ev->kind) {
	case TXN_FAILED:
		run->restoring = true;
		str_addf(&run->why, "%s%s", run->why.len ? "\n" : "", ev->text);
		say(run, "FAILED: ", ev->text);
		set_now(run, "Going back: ", ev->text);
		break;
	case TXN_RESTORED:
		run->restoring = true;
		say(run, "put back ", ev->text);
		set_now(run, "Put back ", ev->text);
		break;
	case TXN_RESTORE_FAILED:
		say(run, "NOT PUT BACK: ", ev->text);
		if (strv_add(&run->not_restored, ev->text) < 0)
			run->why.failed = true;
		break;
	default:
		break;
	}
}

static void step(struct run *run)
{
	struct txn_event ev = {.text = NULL};
	int more = txn_step(run->txn, &ev);

	if (ev.total)
		run->total = ev.total;
	run->done = ev.done;
	on_progress(run, &ev);
	on_trouble(run, &ev);
	if (more)
		return;
	if (ev.kind == TXN_ROLLED_BACK && !run->why.len)
		str_add(&run->why, ev.text);
	run->txn = txn_free(run->txn);
	run->damaged = ev.kind == TXN_ROLLED_BACK && ev.code < 0;
	run->phase = ev.kind == TXN_COMMITTED ? RUN_COMMITTED : RUN_RESTORED;
}

/* A line for what is done now, one for how far it is, a rule; the rest is output. */
#define HEAD_ROWS 3

static struct term_rect output_rect(struct term_rect r)
{
	int head = r.h < HEAD_ROWS ? r.h : HEAD_ROWS;

	return (struct term_rect){r.y + head, r.x, r.h - head, r.w};
}

static void stop(struct run *run)
{
	if (run->restoring)
		return;
	run->stopped = run->restoring = true;
	set_now(run, "Stopping, then putting everything back", "");
	txn_cancel(run->txn);
}

void run_scroll(struct run *run, uint32_t key, struct term_rect r)
{
	if (run->phase != RUN_GOING && !run->show_output) {
		page_key(run->page, key, r);
		return;
	}
	run->view.n = run->output.n;
	widget_text_key(&run->view, key, output_rect(r).h);
}

const struct wizard_key run_keys[] = {
	{TERM_KEY_INTERRUPT, CMD_STOP, "Ctrl-C", "Stop and go back"},
	{0},
};

static void on_event(struct run *run, const struct wizard_event *ev)
{
	switch (ev->type) {
	case WIZARD_EVENT_FD:
	case WIZARD_EVENT_TIMEOUT:
		step(run);
		break;
	case WIZARD_EVENT_ANSWER:
		if (ev->cmd == CMD_STOP && ev->yes)
			stop(run);
		break;
	case WIZARD_EVENT_KEY:
		if (ev->cmd == CMD_STOP && !run->restoring)
			widget_ask(&run->dialog, CMD_STOP, "Stop",
				"Stop now? The running command is ended, every file is put back, "
				"and "
				"the commands run again for the old state.");
		else
			run_scroll(run, ev->key, ev->rect);
		break;
	case WIZARD_EVENT_STOP:
		/* Ending it is as safe as going back, and sooner: the commands have a session of
		 * their own.  The wizard ends when the run does. */
		break;
	}
}

bool run_event(struct run *run, const struct wizard_event *ev)
{
	on_event(run, ev);
	if (run->phase == RUN_GOING)
		return false;
	run->dialog = (struct widget_dialog){0}; /* "Stop now?" is answered */
	page_clear(run->page);
	return true;
}

static void draw_bar(const struct run *run, struct term *t, struct term_rect r)
{
	int width = r.w > 60 ? 40 : r.w - 20;
	char bar[64] = "";
	size_t filled;

	if (width < 4 || !run->total)
		return;
	filled = (size_t)width * (run->done < run->total ? run->done : run->total) / run->total;
	memset(bar, '.', (size_t)width);
	memset(bar, '#', filled);
	bar[width] = '\0';
	term_putf(t, r.y, r.x, r.w, TERM_NORMAL, "[%s] %s%zu of %zu steps", bar,
		run->restoring ? "going back: " : "", run->done, run->total);
}

void run_draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct run *run = state;
	struct widget_text view = run->view;

	(void)app;
	if (run->phase != RUN_GOING && !run->show_output) {
		page_draw(run->page, t, r);
		return;
	}
	view.n = run->output.n;
	term_put(t, r.y, r.x, r.w, run->restoring ? TERM_WARNING : TERM_HEADING, run->now);
	draw_bar(run, t, (struct term_rect){r.y + 1, r.x, 1, r.w});
	term_line(t, r.y + 2, r.x, r.w, TERM_DIM);
	widget_text_draw(&view, t, output_rect(r), widget_lines_line, &run->output);
}

struct widget_dialog *run_dialog(void *state)
{
	return &((struct run *)state)->dialog;
}

bool run_busy(const void *state)
{
	return ((const struct run *)state)->phase == RUN_GOING;
}

void run_wait(const void *state, const struct app *app, struct wizard_wait *w)
{
	const struct run *run = state;

	(void)app;
	if (run->phase != RUN_GOING)
		return;
	w->fd = txn_fd(run->txn);
	if (w->fd < 0)
		w->timeout_ms = 0;
}

void run_free(void *state, struct app *app)
{
	struct run *run = state;

	(void)app;
	forget(run);
	run->page = page_free(run->page);
}

static void explain_damage(struct run *run)
{
	page_add(run->page, TERM_DANGER, 0,
		"It failed, and not everything could be put back. Do not restart before this is "
		"repaired:");
	for (size_t i = 0; i < run->not_restored.n; i++)
		page_add(run->page, TERM_DANGER, 2, "%s", run->not_restored.v[i]);
	page_add(run->page, TERM_NORMAL, 0,
		"The old content of every file is in " SNAPSHOT_DIR "/%s. "
		"When the cause is gone, going back can be tried again: s, the snapshots.",
		run->snapshot);
}

void run_explain(struct run *run)
{
	if (run->damaged)
		explain_damage(run);
	else
		page_add(run->page, TERM_WARNING, 0, "%s Every file is as it was before.",
			run->stopped ? "You stopped it." : "It failed.");
	page_add(
		run->page, TERM_NORMAL, 0, "The reason: %s", run->why.len ? run->why.s : "unknown");
	page_add(run->page, TERM_NORMAL, 0, "Press o for the output of the commands.");
}
