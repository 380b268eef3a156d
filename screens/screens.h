/* The screens of the wizard: one file each, each one const struct wizard_screen.
 *
 *   requirements -> devices -> options -> review -> apply, whose last page says what to do next
 *
 * and beside them snapshots, rollback and guest.  A screen draws and answers events; whatever outlives it
 * is in struct app, so going back loses nothing.  Screens know core's and tui's headers only. */
#ifndef SCREENS_SCREENS_H
#define SCREENS_SCREENS_H

#include "core/check.h"
#include "core/choice.h"
#include "core/existing.h"
#include "core/machine.h"
#include "core/plan.h"
#include "core/rescue.h"
#include "core/root.h"
#include "core/snapshot.h"
#include "core/trial.h"
#include "tui/wizard.h"

/* The state that all screens share.  Zero-initialised, with the caller's part filled in, it is
 * ready for app_open(). */
struct app {
	/* The caller's. */
	const struct root *root;
	bool no_commands;  /* write the files, leave the commands to the person */
	char refusal[256]; /* why nothing can be applied here, and what to do; "": it can */

	/* What a rescue shell lacks: app_look(). */
	struct rescue rescue;
	bool go_on; /* the rescue page was left for the wizard */

	/* Observed: app_open() and app_rescan(). */
	struct machine *machine;
	struct requirements requirements;

	/* Read from the system's files: app_reload(). */
	struct choice installed;
	struct existing existing;
	struct snapshots snapshots;
	struct error snapshots_error; /* why they cannot be listed; code 0: they are */
	struct trial trial;           /* minutes 0: nothing is on trial */
	struct strv trouble;          /* what could not be read and why, one sentence each */

	/* Wanted. */
	struct choice choice;
	struct findings findings; /* of choice */

	/* What the review shows and apply carries out; app_plan() builds it anew. */
	struct plan *plan; /* NULL: not built, or plan_error says why it cannot be */
	struct error plan_error;
	struct strv accepted;  /* ids of dangers that the person typed for this choice */
	struct plan *rollback; /* the one that the rollback page shows */

	bool applied; /* this run changed the system; a reboot makes it effective */
};

/* What is missing before anything else: app->rescue anew.  Only -ENOMEM. */
int app_look(struct app *app);
/* Scans the machine and reads what is installed; the choice begins as the installed one.  What is
 * merely unreadable goes to app->trouble; a machine that cannot be scanned is an error. */
int app_open(struct app *app, struct error *err);
void app_close(struct app *app);

/* The machine anew; the choice is kept, plans are dropped.  On failure everything is as before. */
int app_rescan(struct app *app, struct error *err);
/* The files anew, after a transaction: installed choice, existing settings, snapshots.  The choice
 * becomes the installed one. */
int app_reload(struct app *app);
/* Only the snapshots, after a transaction that changed nothing. */
int app_reload_snapshots(struct app *app);
/* To be called after every change of app->choice: findings anew, plan and acceptances dropped. */
int app_choice_changed(struct app *app);
/* The same after app->choice.boot_loader or .initramfs: other files count then. */
int app_system_changed(struct app *app);
/* Builds app->plan for app->choice, or fills plan_error.  Only -ENOMEM is returned. */
int app_plan(struct app *app);
/* What quitting now would lose; NULL: nothing. */
const char *app_lose(const struct app *app);

extern const struct wizard_screen screen_requirements, screen_devices, screen_options,
	screen_review, screen_apply, screen_snapshots, screen_rollback, screen_guest,
	screen_rescue;
extern const struct wizard_screen *const screens_steps[]; /* NULL at the end */

/* The rescue page alone, before app_open(): shown where app->rescue holds something.  As
 * wizard_run(); app->go_on says whether to go on. */
int screens_rescue(struct app *app, struct term *term);
/* The whole wizard on an opened app: as wizard_run(). */
int screens_run(struct app *app, struct term *term);

#endif
