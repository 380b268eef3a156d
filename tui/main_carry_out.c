#include "tui/main.h"

#include "core/diff.h"
#include "core/plan.h"
#include "core/report.h"
#include "core/txn.h"

#include <poll.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

/* ---- what is about to happen, and whether it may ------------------------------------------ */

void main_show_command(const char *before, const struct command *command)
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

void main_show_line(const char *before, const char *text)
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
		main_show_line("", *diff ? diff : "(only who owns it)\n");
}

/* Nothing that somebody wrote is lost unseen: what he changed, and what becomes of it. */
static void show_edits(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_edits; i++) {
		main_show_line(
			"Changed since vfio-wizard wrote it, and how: ", plan->edits[i].path);
		show_diff(&plan->edits[i]);
		for (size_t k = 0; k < plan->n_changes; k++) {
			if (strcmp(plan->changes[k].path, plan->edits[i].path) != 0)
				continue;
			main_show_line(
				"And what becomes of it as it is now: ", plan->changes[k].path);
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
	main_show_line("To do: ", plan->summary);
	for (size_t i = 0; i < plan->n_changes; i++) {
		const struct change *c = &plan->changes[i];

		main_show_line(c->before.kind == CONTENT_ABSENT  ? "  create "
			       : c->after.kind == CONTENT_ABSENT ? "  delete "
								 : "  modify ",
			c->path);
	}
	for (size_t i = 0; !o->no_commands && i < plan->n_commands; i++)
		main_show_command("  run    ", &plan->commands[i]);
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

bool main_agrees(const struct main_options *o, const char *question)
{
	_cleanup_free_ char *answer = NULL;
	size_t size = 0;

	if (o->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		main_error(MAIN_FAILED,
			"there is no terminal to ask on; --yes does it without asking");
		return false;
	}
	printf("%s [y/N] ", question);
	(void)fflush(stdout);
	if (getline(&answer, &size, stdin) > 0 && (answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	main_error(MAIN_FAILED, "not done; nothing was changed");
	return false;
}

/* ---- carrying it out ----------------------------------------------------------------------- */

static volatile sig_atomic_t stop_signal;

static void stop(int sig)
{
	stop_signal = sig;
}

void main_catch_signals(sigset_t *ret_waiting)
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

bool main_is_stopped(void)
{
	return stop_signal;
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
		main_show_line(before[ev->kind], ev->text);
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
		main_error(MAIN_FAILED,
			ev->code < 0 ? "not everything could be put back: %s" : "rolled back: %s",
			ev->text);
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

static void show_paragraph(const struct str *text)
{
	_cleanup_(str_free) struct str lines = {0};

	report_paragraph(text->s ? text->s : "", &lines);
	if (lines.s)
		(void)fputs(lines.s, stdout);
}

static void show_commands(const struct root *root, const struct plan *plan)
{
	_cleanup_(str_free) struct str where = {0};

	puts("\nThe files are written.  Nothing takes effect before these have run, in this "
	     "order:");
	for (size_t i = 0; i < plan->n_commands; i++)
		main_show_command("  ", &plan->commands[i]);
	report_where_to_run(root, &where);
	if (where.s)
		show_paragraph(&where);
}

static void show_what_next(const struct main_options *o, const struct root *root,
	const struct plan *plan, const char *snapshot)
{
	_cleanup_(str_free) struct str trial = {0}, back = {0};

	if (o->no_commands && plan->n_commands)
		show_commands(root, plan);
	printf("\nDone.  It takes effect at the next boot; then ask: vfio-wizard verify\n"
	       "To take it back: %s rollback %s\n",
		root_command(root), snapshot);
	if (plan->trial) {
		report_trial(plan, false, &trial);
		show_paragraph(&trial);
	}
	if (plan->after.n) {
		report_way_back(plan, &back);
		show_paragraph(&back);
	}
	/* It is done, whether or not somebody still reads about it. */
	if (fflush(stdout) != 0) {
		__fpurge(stdout);
		clearerr(stdout);
	}
}

static int half_done(const struct root *root, const struct plan *plan)
{
	printf("\nDo not restart before this is repaired.  When the cause is gone:\n"
	       "%s recover --back\n",
		root_command(root));
	if (plan->trial)
		puts("It stays on trial: after a reboot the machine tries to take it back, and "
		     "boots again.");
	return MAIN_HALF_DONE;
}

int main_carry_out(const struct main_options *o, const struct root *root, const struct plan *plan)
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
	if (!main_agrees(o, "Apply this?"))
		return MAIN_FAILED;
	main_catch_signals(&waiting);
	if (txn_begin(root, plan, o->no_commands ? TXN_NO_COMMANDS : 0, &txn, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	drive(txn, &waiting, &ev);
	if (ev.kind == TXN_ROLLED_BACK && ev.code < 0)
		return half_done(root, plan);
	if (ev.kind != TXN_COMMITTED)
		return MAIN_FAILED;
	show_what_next(o, root, plan, ev.text);
	return MAIN_DONE;
}
