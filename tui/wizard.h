/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The wizard: steps one after the other, and side pages beside them.  It owns the frame (title bar
 * with "Step n of m", key line, help, questions, the page for a terminal that is too small), the
 * loop and the dispatch of keys.  A screen draws into its rectangle and answers events; it never
 * reads keys, loops or refreshes.
 *
 * Keys that work everywhere unless the screen's table takes them:
 *	Enter  WIZARD_NEXT     Esc    WIZARD_BACK     q  Ctrl-C  WIZARD_QUIT
 *	? F1   help            Ctrl-L draw everything again
 */
#include "tui/term.h"
#include "tui/widget.h"

#define WIZARD_MIN_ROWS 15
#define WIZARD_MIN_COLS 60

struct app; /* the program's; the wizard only hands it on */
struct wizard;

enum wizard_nav {
	WIZARD_STAY,
	WIZARD_NEXT, /* the next step; after the last one the wizard ends; from a side page: back */
	WIZARD_BACK, /* the step before; from a side page: where it was opened; else stay */
	WIZARD_QUIT, /* asks first if something would be lost */
	WIZARD_GOTO, /* to ev->go: a step, or any other screen as a side page */
};

/* One table gives the dispatch, the key line and the list in the help; it ends with key 0. */
struct wizard_key {
	uint32_t key;
	int cmd; /* the screen's, above 0.  0: the wizard's own meaning of the key stays, only
		  * the label changes ("Enter" "Apply") */
	const char *name;  /* shown; NULL: term_key_name(key) */
	const char *label; /* shown; NULL: works, but is not shown (a second key) */
};

/* What happened, for a screen.  type and cmd say it all:
 *	KEY      cmd from the table, 0 if the key is not in it (then key is for a widget)
 *	ANSWER   cmd of the dialog that was answered; yes
 *	FD       the descriptor from wait() is readable
 *	TIMEOUT  the time from wait() is over
 *	STOP     only while busy(): come to a safe end soon */
enum wizard_event_type {
	WIZARD_EVENT_KEY,
	WIZARD_EVENT_ANSWER,
	WIZARD_EVENT_FD,
	WIZARD_EVENT_TIMEOUT,
	WIZARD_EVENT_STOP,
};

struct wizard_event {
	enum wizard_event_type type;
	int cmd;
	uint32_t key;
	bool yes;
	struct term_rect rect; /* the one draw() got in the frame in view, for paging */
	/* To fill in: */
	const struct wizard_screen *go; /* with WIZARD_GOTO */
	char notice[160]; /* one line for the user, until the next key: why nothing happened */
};

/* What to wait for besides keys; preset to nothing. */
struct wizard_wait {
	int fd;         /* -1: none */
	int timeout_ms; /* -1: none; 0: come back at once, after keys (work in small steps) */
};

/* Every function but draw may be NULL.  state is the screen's own: `size` bytes, zeroed before the
 * first enter(), kept until the wizard is freed, so going back loses nothing. */
struct wizard_screen {
	const char *title;
	const char *const *help;       /* paragraphs for `?`, NULL at the end; may be NULL */
	const struct wizard_key *keys; /* may be NULL */
	size_t size;

	/* Each time the screen comes into view (first, again by Next or Back, or after a side
	 * page): bring state up to date with app.  Keep the cursor by identity.  0, or -errno only
	 * when the screen cannot be shown at all (-ENOMEM); other trouble is state to draw. */
	int (*enter)(void *state, struct app *app);
	/* Total: any state after enter(), any rectangle. */
	void (*draw)(const void *state, const struct app *app, struct term *t, struct term_rect r);
	/* NULL: the wizard's keys only.  A key with a meaning of the wizard's (Enter, Esc, q, ?)
	 * comes here only if the table lists it with a cmd, or while typing(). */
	enum wizard_nav (*event)(void *state, struct app *app, struct wizard_event *ev);
	/* Once, at the end: free what state owns. */
	void (*free)(void *state, struct app *app);

	/* The table for the moment instead of keys (another mode). */
	const struct wizard_key *(*keys_now)(const void *state, const struct app *app);
	/* True while text is typed into the screen: then Enter, Esc, q, ? and all characters come
	 * as KEY; the table is only looked up for keys that are no characters. */
	bool (*typing)(const void *state);
	/* The screen's dialog.  While it is open the wizard draws it, gives it the keys, and sends
	 * the answer as ANSWER.  Open it with widget_ask() and the like, in event() or enter(). */
	struct widget_dialog *(*dialog)(void *state);
	/* True while work runs that must not be cut short: Next, Back, Quit and Goto are refused,
	 * STOP comes as an event, and the wizard ends when the work is done. */
	bool (*busy)(const void *state);
	void (*wait)(const void *state, const struct app *app, struct wizard_wait *w);
	/* What quitting now would lose, as a sentence; NULL: nothing. */
	const char *(*lose)(const void *state, const struct app *app);
};

struct wizard_config {
	const char *name;                         /* of the program, in the title bar */
	const struct wizard_screen *const *steps; /* NULL at the end */
	struct app *app;
	const char *(*lose)(const struct app *app); /* like the screen's, asked on every screen */
};

/* A wizard on the first step, or on `first` if that is not NULL (a side page before the first step,
 * if it is no step).  config is copied, what it points to is borrowed.  0 or -errno, also from the
 * first enter(). */
int wizard_new(struct wizard **ret, struct term *t, const struct wizard_config *config,
	const struct wizard_screen *first);
struct wizard *wizard_free(struct wizard *w); /* NULL is fine; returns NULL */

/* Until the user quits or finishes: 0.  -EINTR: stopped by a signal or by losing the terminal. */
int wizard_run(struct wizard *w);

/* The parts of wizard_run(), for tests: draw a frame; wait for one event and handle it, false when
 * the wizard is at its end. */
void wizard_draw(struct wizard *w);
bool wizard_step(struct wizard *w);
const struct wizard_screen *wizard_current(const struct wizard *w); /* in view */
struct term *wizard_term(const struct wizard *w);
void *wizard_state(struct wizard *w); /* of that screen */
