/* A transaction as a screen: a page that says what will be done, progress and the commands' output
 * as it comes, and a page that says how it ended.  It is the whole state of the screens apply and
 * rollback, which differ in their pages and keys. */
#ifndef SCREENS_RUN_H
#define SCREENS_RUN_H

#include "core/txn.h"
#include "screens/page.h"
#include "tui/wizard.h"

enum run_phase { RUN_IDLE, RUN_GOING, RUN_COMMITTED, RUN_RESTORED };

struct run {
	struct page *page; /* for the screen to fill: before and after */
	struct widget_dialog dialog;
	bool show_output; /* after the end: the output instead of the page */

	enum run_phase phase;
	struct txn *txn; /* while going */
	struct widget_lines output;
	struct widget_text view;
	size_t done, total;       /* steps */
	bool stopped;             /* the person asked for it */
	bool restoring;           /* it failed or was stopped: files are being put back */
	char now[512];            /* what is being done */
	char snapshot[64];        /* its id */
	struct str why;           /* why it was not done; empty: it was */
	bool damaged;             /* not everything could be put back */
	struct strv not_restored; /* what, one sentence each */
};

/* Forgets an earlier run; idle, the page empty. */
int run_reset(struct run *run);
/* Begins.  On an error nothing was changed: the phase is RUN_IDLE, and a dialog says why. */
void run_start(struct run *run, const struct root *root, const struct plan *plan, bool no_commands);
/* An event while it is going: takes a step, asks whether to stop, or scrolls.  Returns whether the
 * run came to its end: then the page is cleared, for the screen to say how. */
bool run_event(struct run *run, const struct wizard_event *ev);
/* Scrolls what is in view: the output or the page. */
void run_scroll(struct run *run, uint32_t key, struct term_rect r);
/* After RUN_RESTORED: what happened, and what is left to do. */
void run_explain(struct run *run);

/* Keys while it is going. */
extern const struct wizard_key run_keys[];

/* For struct wizard_screen; state is a struct run. */
void run_draw(const void *state, const struct app *app, struct term *t, struct term_rect r);
struct widget_dialog *run_dialog(void *state);
bool run_busy(const void *state);
void run_wait(const void *state, const struct app *app, struct wizard_wait *w);
void run_free(void *state, struct app *app);

#endif
