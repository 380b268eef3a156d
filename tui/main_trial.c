/* The trial's own commands: a person confirms, units expire (core/trial.h). */
#include "tui/main.h"

#include "core/plan.h"
#include "core/rescue.h"
#include "core/snapshot.h"
#include "core/trial.h"
#include "core/txn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

int main_confirm(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	struct trial trial = {0};
	struct error err = {0};
	int r;

	r = main_open(o, 0, &root, NULL);
	if (r != 0)
		return r;
	r = trial_load(root, &trial, &err);
	if (r == -ENOENT && rescue_hidden(root, TRIAL_PATH, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	if (r == -ENOENT) {
		puts("Nothing is on trial");
		return MAIN_DONE;
	}
	if (r < 0 && o->ssh_login)
		return main_error(MAIN_FAILED, "%s", err.text);
	/* A login to such a boot says nothing about it. */
	if (o->ssh_login && trial_is_untried(root, &trial))
		return main_error(MAIN_FAILED, "what is on trial has not been tried in this boot");
	if (o->ssh_login && !trial_has_ssh_login(root))
		return main_error(MAIN_FAILED, "nobody is logged in over SSH");
	if (main_refusal(root))
		return main_error(MAIN_FAILED, "%s", main_refusal(root));
	if (r == 0 && trial_is_untried(root, &trial) &&
		!main_agrees(o,
			"What is on trial has not been tried in this boot.  Once it is confirmed, "
			"nothing takes it\nback by itself any more.  Confirm it untried?"))
		return MAIN_FAILED;
	if (txn_confirm(root, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	puts("Confirmed: what is applied stays");
	return MAIN_DONE;
}

/* AGAIN: another time it may be otherwise.  EARLY: it is not due yet. */
enum expiry { EXPIRY_DONE, EXPIRY_REFUSED, EXPIRY_AGAIN, EXPIRY_EARLY };

/* A rollback that fails again and again rebuilds images and leaves its snapshots: after these,
 * which take half an hour, the next boot tries. */
#define EXPIRY_TRIES 6

static enum expiry no_trial(const struct root *root, int code, const struct error *err)
{
	(void)main_error(MAIN_FAILED, "%s", code == -ENOENT ? "nothing is on trial" : err->text);
	if (code == -EINVAL || (code == -ENOENT && rescue_hidden(root, TRIAL_PATH, NULL) == 0))
		return EXPIRY_REFUSED;
	return EXPIRY_AGAIN;
}

/* To count as taken back what it writes must be where it boots from. */
static bool is_missing_a_place(const struct root *root, const struct plan *plan)
{
	_cleanup_(rescue_free) struct rescue rescue = {0};
	bool missing = rescue_look(root, &rescue) < 0;

	for (size_t i = 0; i < rescue.n; i++) {
		if (rescue.v[i].kind != RESCUE_FILE_SYSTEM ||
			!rescue_is_needed(root, &rescue.v[i], plan))
			continue;
		missing = true;
		(void)main_error(
			MAIN_FAILED, "%s Without it this cannot be taken back.", rescue.v[i].text);
	}
	return missing;
}

/* What somebody edited since is in the rollback's own snapshot. */
static enum expiry go_back(
	const struct main_options *o, const struct root *root, const struct trial *trial)
{
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct error err = {0};

	if (snapshots_load(root, &snapshots, &err) < 0 ||
		snapshot_rollback_plan(root, &snapshots, trial->snapshot, &plan, &err) < 0) {
		(void)main_error(MAIN_FAILED, "%s", err.text);
		return EXPIRY_AGAIN;
	}
	/* What it comes back to was there before: on trial, it could come and go for ever. */
	plan->trial = 0;
	/* To boot again would change nothing, and again. */
	if (plan_is_empty(plan)) {
		(void)main_error(MAIN_FAILED, "nothing is left to take back");
		return EXPIRY_REFUSED;
	}
	if (is_missing_a_place(root, plan)) {
		/* It may be on what was given away; then the next time finds it. */
		if (root_is_live(root) && txn_give_back(&err) < 0)
			(void)main_error(MAIN_FAILED, "%s", err.text);
		return EXPIRY_AGAIN;
	}
	return main_carry_out(o, root, plan) == MAIN_DONE ? EXPIRY_DONE : EXPIRY_AGAIN;
}

/* *ret_left: of what is EARLY, the seconds until then. */
static enum expiry try_to_expire(const struct main_options *o, unsigned *ret_left)
{
	_cleanup_(root_closep) struct root *root = NULL;
	struct error err = {0};
	struct trial trial;
	enum trial_phase phase;
	int r;

	if (main_open(o, 0, &root, NULL) != 0)
		return EXPIRY_REFUSED;
	if (main_refusal(root)) {
		(void)main_error(MAIN_FAILED, "%s", main_refusal(root));
		return EXPIRY_REFUSED;
	}
	r = trial_load(root, &trial, &err);
	if (r < 0)
		return no_trial(root, r, &err);
	phase = trial_now(root, &trial);
	if (phase == TRIAL_OVER)
		return go_back(o, root, &trial);
	*ret_left = trial_left(&trial);
	if (phase == TRIAL_RUNNING)
		return EXPIRY_EARLY;
	(void)main_error(MAIN_FAILED, "the boot that is on trial has not begun");
	return EXPIRY_REFUSED;
}

static void wait_for_it(const char *why, unsigned seconds, const sigset_t *waiting)
{
	struct timespec wait = {.tv_sec = seconds};

	printf("%s in %u min\n", why, (seconds + 59) / 60);
	(void)fflush(stdout);
	(void)ppoll(NULL, 0, &wait, waiting);
}

/* The first boot is tried, not one after it: this one is noted, unless one was.  To fail has
 * `expire` look. */
static int begin(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	struct error err = {0};
	struct trial trial;
	int r = main_open(o, 0, &root, NULL);

	if (r != 0)
		return r;
	if (txn_trial_begin(root, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	if (trial_load(root, &trial, NULL) == 0 && trial_now(root, &trial) == TRIAL_OVER)
		return main_error(MAIN_FAILED, "nobody confirmed the boot that was on trial");
	return MAIN_DONE;
}

/* Nobody is there to ask, and nobody to try again: a lock that another holds, a disk that is full
 * for now must not end it; nor that the time to confirm is longer than the timer's, which another
 * change may have set. */
int main_expire(const struct main_options *o)
{
	struct main_options unattended = *o;
	unsigned tries = 0, left = 0;
	sigset_t waiting;
	enum expiry expiry;

	if (o->begin)
		return begin(o);
	unattended.unattended = unattended.mount = unattended.yes = true;
	main_catch_signals(&waiting);
	do {
		expiry = try_to_expire(&unattended, &left);
		if (expiry == EXPIRY_EARLY)
			wait_for_it("Taken back", left + 1, &waiting);
		else if (expiry == EXPIRY_AGAIN && ++tries < EXPIRY_TRIES)
			wait_for_it("Tried again", 30u << tries, &waiting);
		else
			break;
	} while (!main_is_stopped());
	return expiry == EXPIRY_DONE ? MAIN_DONE : MAIN_FAILED;
}
