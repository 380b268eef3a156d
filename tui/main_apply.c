#include "tui/main.h"

#include "core/diff.h"
#include "core/plan.h"
#include "core/report.h"
#include "core/rescue.h"
#include "core/snapshot.h"
#include "core/trial.h"
#include "core/txn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

/* ---- what is about to happen, and whether it may ------------------------------------------ */

static void show_command(const char *before, const struct command *command)
{
	_cleanup_(str_free) struct str line = {0};
	_cleanup_(str_free) struct str clean = {0};
	_cleanup_(strv_free) struct strv notes = {0};

	report_command(&command->argv, &line);
	report_printable(line.s ? line.s : "", &clean);
	printf("%s%s\n", before, clean.s ? clean.s : "");
	if (report_command_notes(command, &notes) < 0)
		return;
	for (size_t i = 0; i < notes.n; i++)
		printf("%*s  (%s)\n", (int)strlen(before), "", notes.v[i]);
}

static void show_line(const char *before, const char *text)
{
	_cleanup_(str_free) struct str clean = {0};

	report_printable(text, &clean);
	printf("%s%s\n", before, clean.s ? clean.s : "");
	(void)fflush(stdout);
}

static void show_diff(const struct change *change)
{
	_cleanup_free_ char *diff = NULL;

	if (diff_text(change, &diff) < 0)
		(void)main_error(MAIN_FAILED, "%s: the difference needs more memory than there is",
			change->path);
	else
		show_line("", *diff ? diff : "(only who owns it)\n");
}

/* Nothing that somebody wrote is lost unseen: what he changed, and what becomes of it. */
static void show_edits(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_edits; i++) {
		show_line("Changed since vfio-wizard wrote it, and how: ", plan->edits[i].path);
		show_diff(&plan->edits[i]);
		for (size_t k = 0; k < plan->n_changes; k++) {
			if (strcmp(plan->changes[k].path, plan->edits[i].path) != 0)
				continue;
			show_line("And what becomes of it as it is now: ", plan->changes[k].path);
			show_diff(&plan->changes[k]);
		}
	}
}

static void show_plan(const struct main_options *o, const struct plan *plan)
{
	_cleanup_(str_free) struct str findings = {0};

	for (size_t i = 0; i < plan->findings.n; i++)
		report_finding(&plan->findings.v[i], &findings);
	if (findings.s)
		printf("%s\n", findings.s);
	show_edits(plan);
	show_line("To do: ", plan->summary);
	for (size_t i = 0; i < plan->n_changes; i++) {
		const struct change *c = &plan->changes[i];

		show_line(c->before.kind == CONTENT_ABSENT  ? "  create "
			  : c->after.kind == CONTENT_ABSENT ? "  delete "
							    : "  modify ",
			c->path);
	}
	for (size_t i = 0; !o->no_commands && i < plan->n_commands; i++)
		show_command("  run    ", &plan->commands[i]);
}

/* A danger counts as seen when the command line accepts its id, or nobody is there to look; a block
 * never does. */
static bool findings_allow(const struct main_options *o, const struct plan *plan)
{
	bool allowed = true;

	for (size_t i = 0; i < plan->findings.n; i++) {
		const struct finding *f = &plan->findings.v[i];

		if (f->severity < SEVERITY_DANGER ||
			(f->severity == SEVERITY_DANGER &&
				(o->unattended || strv_has(&o->accept, f->id))))
			continue;
		allowed = false;
		main_error(MAIN_FAILED, "refused: %s: %s%s%s", f->id, f->text,
			f->severity == SEVERITY_DANGER ? " To do it all the same: --accept " : "",
			f->severity == SEVERITY_DANGER ? f->id : "");
	}
	return allowed;
}

static bool person_agrees(const struct main_options *o)
{
	_cleanup_free_ char *answer = NULL;
	size_t size = 0;

	if (o->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		main_error(MAIN_FAILED,
			"there is no terminal to ask on; --yes applies without asking");
		return false;
	}
	printf("Apply this? [y/N] ");
	(void)fflush(stdout);
	if (getline(&answer, &size, stdin) > 0 && (answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	main_error(MAIN_FAILED, "not applied; nothing was changed");
	return false;
}

/* ---- carrying it out ----------------------------------------------------------------------- */

static volatile sig_atomic_t stop_signal;

static void stop(int sig)
{
	stop_signal = sig;
}

/* From here on a signal cancels the transaction instead of ending the program: it is delivered only
 * while waiting, under *ret_waiting. */
static void catch_signals(sigset_t *ret_waiting)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action = {.sa_handler = stop}, before;
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t blocked;

	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		/* Ignored from the start, as under nohup(1): it stays so. */
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
			continue;
		(void)sigaction(signals[i], &action, NULL);
		(void)sigaddset(&blocked, signals[i]);
	}
	/* A reader of our output that goes away must not end a transaction half way. */
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigprocmask(SIG_BLOCK, &blocked, ret_waiting);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigdelset(ret_waiting, signals[i]);
}

static void show_event(const struct txn_event *ev)
{
	static const char *const before[] = {
		[TXN_SNAPSHOT] = "snapshot ",
		[TXN_FILE] = "changed  ",
		[TXN_COMMAND] = "run      ",
		[TXN_OUTPUT] = "       | ",
		[TXN_RESTORED] = "restored ",
	};

	switch (ev->kind) {
	case TXN_SNAPSHOT:
	case TXN_FILE:
	case TXN_COMMAND:
	case TXN_OUTPUT:
	case TXN_RESTORED:
		show_line(before[ev->kind], ev->text);
		break;
	case TXN_COMMAND_DONE:
		if (ev->code)
			main_error(MAIN_FAILED, "%s: exit status %d", ev->text, ev->code);
		break;
	case TXN_FAILED:
		main_error(MAIN_FAILED, "%s; going back", ev->text);
		break;
	case TXN_RESTORE_FAILED:
		main_error(MAIN_FAILED, "%s", ev->text);
		break;
	case TXN_ROLLED_BACK:
		main_error(MAIN_FAILED, "rolled back: %s", ev->text);
		break;
	case TXN_NOTHING:
	case TXN_COMMITTED:
		break;
	}
}

/* Until something happens that the transaction or a signal asks for. */
static void wait_for(const struct txn *txn, bool idle, const sigset_t *waiting)
{
	struct pollfd fd = {.fd = txn_fd(txn), .events = POLLIN};
	struct timespec now = {0};

	(void)ppoll(&fd, fd.fd >= 0, idle && fd.fd >= 0 ? NULL : &now, waiting);
}

/* To the end; *ev is the last event. */
static void drive(struct txn *txn, const sigset_t *waiting, struct txn_event *ev)
{
	bool cancelled = false;

	do {
		wait_for(txn, ev->kind == TXN_NOTHING, waiting);
		if (stop_signal && !cancelled) {
			main_error(MAIN_FAILED, "%s: going back", strsignal(stop_signal));
			txn_cancel(txn);
			cancelled = true;
		}
		if (txn_step(txn, ev) == 0)
			break;
		show_event(ev);
	} while (true);
	show_event(ev);
}

static void show_what_next(
	const struct main_options *o, const struct plan *plan, const char *snapshot)
{
	if (o->no_commands && plan->n_commands) {
		puts("\nThe files are written.  Nothing takes effect before these have run, in "
		     "this order:");
		for (size_t i = 0; i < plan->n_commands; i++)
			show_command("  ", &plan->commands[i]);
	}
	printf("\nDone.  It takes effect at the next boot; then ask: vfio-wizard verify\n"
	       "To take it back: vfio-wizard rollback %s\n",
		snapshot);
	if (plan->trial)
		printf("The next boot is on trial: within %u minutes of its start, and before\n"
		       "another boot, run vfio-wizard confirm, or the machine takes it back and\n"
		       "boots again.\n",
			plan->trial);
	if (plan->after.n)
		puts("If the next boot shows nothing: add module_blacklist=vfio_pci to the kernel "
		     "line "
		     "at\nthe boot prompt (GRUB: key e, then Ctrl-X), or choose the entry\n"
		     "\"without passthrough\" where the menu ends with one.");
	/* It is done, whether or not somebody still reads about it. */
	if (fflush(stdout) != 0) {
		__fpurge(stdout);
		clearerr(stdout);
	}
}

/* Shows the plan, asks, applies. */
static int carry_out(const struct main_options *o, const struct root *root, const struct plan *plan)
{
	_cleanup_(txn_freep) struct txn *txn = NULL;
	struct txn_event ev = {.kind = TXN_NOTHING};
	struct error err = {0};
	sigset_t waiting;

	if (plan_is_empty(plan) && !plan->refused) {
		puts("Nothing to change");
		return MAIN_DONE;
	}
	show_plan(o, plan);
	if (main_refusal(root))
		return main_error(MAIN_FAILED, "%s", main_refusal(root));
	if (!findings_allow(o, plan))
		return MAIN_FAILED;
	if (!person_agrees(o))
		return MAIN_FAILED;
	catch_signals(&waiting);
	if (txn_begin(root, plan, o->no_commands ? TXN_NO_COMMANDS : 0, &txn, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	drive(txn, &waiting, &ev);
	if (ev.kind != TXN_COMMITTED && ev.code < 0 && plan->trial)
		puts("It stays on trial: after a reboot the machine tries to take it back, and "
		     "boots "
		     "again.\nOnce everything is as it was: vfio-wizard confirm");
	if (ev.kind != TXN_COMMITTED)
		return MAIN_FAILED;
	show_what_next(o, plan, ev.text);
	return MAIN_DONE;
}

static int carry_out_choice(const struct main_options *o, const struct root *root,
	const struct machine *machine, const struct choice *choice)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct error err = {0};

	if (plan_build(root, machine, choice, &plan, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	return carry_out(o, root, plan);
}

/* ---- the commands -------------------------------------------------------------------------- */

int main_apply(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(choice_free) struct choice choice = {0};
	int r;

	r = main_open(o, MACHINE_ALL, &root, &machine);
	if (r == 0)
		r = main_choice(o, root, machine, &choice);
	return r != 0 ? r : carry_out_choice(o, root, machine, &choice);
}

/* Takes the devices of the command line out of the choice.  One that is not chosen is fine, one
 * that nobody knows is not: it may be a slip. */
static int take_out(
	const struct main_options *o, const struct machine *machine, struct choice *choice)
{
	struct error err = {0};
	char address[24];

	for (size_t i = 0; i < o->n_args; i++) {
		if (machine_parse_address(o->args[i], address, sizeof(address), &err) < 0)
			return main_usage("%s", err.text);
		if (!choice_find(choice, address) && !machine_device(machine, address))
			return main_error(MAIN_FAILED,
				"%s is neither chosen nor a device of this machine", address);
		choice_remove(choice, address);
	}
	return MAIN_DONE;
}

int main_release(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(choice_free) struct choice choice = {0};
	struct error err = {0};
	int r;

	if (o->all == (o->n_args > 0))
		return main_usage("release takes devices, or --all");
	r = main_open(o, MACHINE_ALL, &root, &machine);
	if (r != 0)
		return r;
	if (!o->all) {
		if (choice_load(root, &choice, &err) < 0)
			return main_error(MAIN_FAILED, "%s", err.text);
		r = take_out(o, machine, &choice);
	}
	return r != 0 ? r : carry_out_choice(o, root, machine, &choice);
}

/* How far the interrupted change came, and what can be done. */
static int show_interrupted(const struct root *root, const struct snapshot *s)
{
	static const char *const words[] = {
		[SNAPSHOT_BEFORE] = "  as before  ",
		[SNAPSHOT_AFTER] = "  done       ",
		[SNAPSHOT_NEITHER] = "  neither    ",
	};
	struct error err = {0};
	enum snapshot_side side;

	if (s->damaged)
		return main_error(MAIN_FAILED, "snapshot %s is damaged: %s", s->id, s->damaged);
	printf("Change %s was cut short: ", s->id);
	show_line("", s->summary);
	for (size_t i = 0; i < s->n_files; i++) {
		if (snapshot_file_side(root, &s->files[i], &side, &err) < 0)
			(void)main_error(MAIN_FAILED, "%s", err.text);
		else
			show_line(words[side], s->files[i].path);
	}
	for (size_t i = 0; i < s->n_commands; i++)
		show_command("  unknown    ", &s->commands[i]);
	puts("To do the rest:   vfio-wizard recover --finish\n"
	     "To take it back:  vfio-wizard recover --back");
	return MAIN_FAILED;
}

int main_recover(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	_cleanup_(plan_freep) struct plan *plan = NULL;
	const struct snapshot *s;
	struct error err = {0};
	int r;

	if (o->finish && o->back)
		return main_usage("recover takes --finish or --back");
	r = main_open(o, 0, &root, NULL);
	if (r != 0)
		return r;
	if (snapshots_load(root, &snapshots, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	s = snapshots_interrupted(&snapshots);
	if (snapshots.n && snapshots.v[0].state == SNAPSHOT_APPLYING) {
		(void)snapshot_held(root, -EBUSY, &err);
		return main_error(MAIN_FAILED, "%s", err.text);
	}
	if (!s) {
		puts("No change was cut short");
		return MAIN_DONE;
	}
	if (!o->finish && !o->back)
		return show_interrupted(root, s);
	r = o->finish ? snapshot_finish_plan(root, &snapshots, &plan, &err)
		      : snapshot_rollback_plan(root, &snapshots, s->id, &plan, &err);
	if (r < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	return carry_out(o, root, plan);
}

int main_confirm(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	struct trial trial;
	struct error err = {0};
	int r;

	r = main_open(o, 0, &root, NULL);
	if (r != 0)
		return r;
	r = trial_load(root, &trial, &err);
	if (r == -ENOENT) {
		puts("Nothing is on trial");
		return MAIN_DONE;
	}
	if (r < 0 && o->ssh_login)
		return main_error(MAIN_FAILED, "%s", err.text);
	/* A login to the boot before it says nothing about it. */
	if (o->ssh_login && trial_now(root, &trial) == TRIAL_AHEAD)
		return main_error(MAIN_FAILED, "the boot that is on trial has not begun");
	if (o->ssh_login && !trial_has_ssh_login(root))
		return main_error(MAIN_FAILED, "nobody is logged in over SSH");
	if (main_refusal(root))
		return main_error(MAIN_FAILED, "%s", main_refusal(root));
	if (txn_confirm(root, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	puts("Confirmed: what is applied stays");
	return MAIN_DONE;
}

/* AGAIN: another time it may be otherwise.  EARLY: it is not due yet. */
enum expiry { EXPIRY_DONE, EXPIRY_REFUSED, EXPIRY_AGAIN, EXPIRY_EARLY };

/* A rollback that fails again and again rebuilds images and leaves its snapshots: after these,
 * which take an hour, the next boot tries. */
#define EXPIRY_TRIES 6

/* What would be in a file system that could not be mounted is not known. */
static bool is_hidden(const struct root *root, const char *path)
{
	_cleanup_(rescue_free) struct rescue rescue = {0};

	if (rescue_look(root, &rescue) < 0)
		return true;
	for (size_t i = 0; i < rescue.n; i++)
		if (rescue.v[i].kind == RESCUE_FILE_SYSTEM && base_starts(path, rescue.v[i].point))
			return true;
	return false;
}

static enum expiry no_trial(const struct root *root, int code, const struct error *err)
{
	(void)main_error(MAIN_FAILED, "%s", code == -ENOENT ? "nothing is on trial" : err->text);
	if (code == -EINVAL || (code == -ENOENT && !is_hidden(root, TRIAL_PATH)))
		return EXPIRY_REFUSED;
	return EXPIRY_AGAIN;
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
	return carry_out(o, root, plan) == MAIN_DONE ? EXPIRY_DONE : EXPIRY_AGAIN;
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
	catch_signals(&waiting);
	do {
		expiry = try_to_expire(&unattended, &left);
		if (expiry == EXPIRY_EARLY)
			wait_for_it("Taken back", left + 1, &waiting);
		else if (expiry == EXPIRY_AGAIN && ++tries < EXPIRY_TRIES)
			wait_for_it("Tried again", 30u << tries, &waiting);
		else
			break;
	} while (!stop_signal);
	return expiry == EXPIRY_DONE ? MAIN_DONE : MAIN_FAILED;
}

int main_rollback(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	_cleanup_(plan_freep) struct plan *plan = NULL;
	const char *id = o->n_args ? o->args[0] : NULL;
	struct error err = {0};
	int r;

	r = main_open(o, 0, &root, NULL);
	if (r != 0)
		return r;
	if (snapshots_load(root, &snapshots, &err) < 0 ||
		snapshot_rollback_plan(root, &snapshots, id, &plan, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	return carry_out(o, root, plan);
}
