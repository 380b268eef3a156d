#include "core/txn.h"

#include "core/trial.h"
#include "core/txn_private.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct txn {
	const struct root *root;
	const struct plan *plan;
	unsigned flags;
	struct txn_store store;
	struct txn_record record;

	int (*phase)(struct txn *txn, struct txn_event *ev); /* NULL: over */
	size_t file; /* files touched: the next to write, one after the next to restore */
	size_t last; /* of those that go last: the next to take away; going back, one after it */
	bool files_done;
	bool on_trial;           /* TRIAL_PATH was written: */
	char *old_trial;         /* what it was; NULL: it was not there */
	struct txn_known *known; /* of each file */
	size_t command, started; /* the next command; those that ran at least in part */
	struct txn_run run;
	const struct strv *argv;     /* what runs */
	const struct command *check; /* its output is looked into: */
	struct strv missing;         /* what it has not had yet */
	struct str last_line;
	bool keeps_state; /* what runs is one with an undo, or that undo */
	bool running, cancelled;
	bool harmed;        /* something could not be put back */
	struct error why;   /* why it goes back */
	struct error again; /* a command that failed for the old state too: to be told */

	size_t done, total;
	char *text;
	char no_text[1];
};

enum { OVER, MORE, AGAIN }; /* what a phase returns; AGAIN: nothing to tell, step on */

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

static int prepare(struct txn *txn, struct error *err)
{
	int r = txn_store_open(txn->root, &txn->store, err);

	if (r < 0)
		return r;
	r = txn_record_make(txn->root, txn->plan, &txn->record, err);
	for (size_t i = 0; r == 0 && i < txn->record.cut_short.n; i++)
		txn_store_release(&txn->store, txn->record.cut_short.v[i]);
	if (r == 0)
		r = txn_known_make(&txn->record.snapshot, &txn->known, err);
	if (r == 0)
		r = txn_store_write(&txn->store, &txn->record.snapshot, err);
	if (r < 0)
		txn_store_close(&txn->store, false);
	return r;
}

static void discard(struct txn *txn)
{
	txn_known_free(&txn->record.snapshot, txn->known);
	strv_free(&txn->missing);
	str_free(&txn->last_line);
	txn_record_free(&txn->record);
	free(txn->old_trial);
	free(txn->text);
	free(txn);
}

static int phase_begun(struct txn *txn, struct txn_event *ev);

int txn_begin(const struct root *root, const struct plan *plan, unsigned flags, struct txn **ret,
	struct error *err)
{
	struct txn *txn;
	int r;

	if (plan_is_empty(plan))
		return error_set(err, -ENODATA, "there is nothing to change");
	txn = calloc(1, sizeof(*txn));
	if (!txn)
		return no_memory(err);
	txn->root = root;
	txn->plan = plan;
	txn->flags = flags;
	txn->phase = phase_begun;
	txn->total = plan->n_changes + (flags & TXN_NO_COMMANDS ? 0 : plan->n_commands);
	r = prepare(txn, err);
	if (r < 0)
		discard(txn);
	else
		*ret = txn;
	return r;
}

/* -- step -- */

static int tell(struct txn *txn, struct txn_event *ev, enum txn_event_kind kind, int code,
	const char *fmt, ...) _printf_(5, 6);
static int tell(struct txn *txn, struct txn_event *ev, enum txn_event_kind kind, int code,
	const char *fmt, ...)
{
	va_list ap;

	free(txn->text);
	va_start(ap, fmt);
	if (vasprintf(&txn->text, fmt, ap) < 0)
		txn->text = NULL;
	va_end(ap);
	*ev = (struct txn_event){.kind = kind,
		.code = code,
		.text = txn->text ? txn->text : txn->no_text,
		.done = txn->done,
		.total = txn->total};
	return MORE;
}

static int tell_command(struct txn *txn, struct txn_event *ev, enum txn_event_kind kind, int code)
{
	_cleanup_(str_free) struct str line = {0};
	const struct strv *argv = txn->argv;

	for (size_t i = 0; i < argv->n; i++)
		str_addf(&line, "%s%s", i ? " " : "", argv->v[i]);
	return tell(txn, ev, kind, code, "%s", line.s ? line.s : argv->v[0]);
}

static int phase_back_undo(struct txn *txn, struct txn_event *ev);

static const struct command *place_of(const struct txn *txn, const struct command *command)
{
	const struct snapshot *s = &txn->record.snapshot;

	return command_place(s->commands, s->n_commands, command);
}

/* It wrote beside the place, where it has not come: what is in place is still the old one. */
static bool is_beside(const struct txn *txn, const struct command *command)
{
	const struct command *place = place_of(txn, command);

	return place && place >= txn->record.snapshot.commands + txn->started;
}

static size_t count_back(const struct txn *txn)
{
	size_t n = txn->file;

	for (size_t i = 0; i < txn->started; i++) {
		const struct command *command = &txn->record.snapshot.commands[i];

		n += command->stage != COMMAND_CHECK && !is_beside(txn, command);
	}
	return n;
}

static int go_back(struct txn *txn, struct txn_event *ev)
{
	txn_store_release(&txn->store, txn->record.snapshot.id);
	/* A command may have rewritten files that were not reached yet. */
	if (txn->started)
		txn->file = txn->record.snapshot.n_files;
	txn->last = txn->file;
	txn->phase = phase_back_undo;
	txn->command = txn->started;
	txn->done = 0;
	txn->total = count_back(txn);
	return tell(txn, ev, TXN_FAILED, txn->why.code, "%s", txn->why.text);
}

static int cancelled(struct txn *txn, struct txn_event *ev)
{
	(void)error_set(&txn->why, -ECANCELED, "cancelled");
	return go_back(txn, ev);
}

static int over(
	struct txn *txn, struct txn_event *ev, enum txn_event_kind kind, int code, const char *text)
{
	txn->phase = NULL;
	txn_store_close(&txn->store, true);
	(void)tell(txn, ev, kind, code, "%s", text);
	return OVER;
}

/* Innermost or newest first; what is not empty yet stays. */
static int remove_directories(
	struct txn *txn, const struct strv *paths, bool backwards, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->n; i++)
		r = txn_remove_directory(
			root_fd(txn->root), paths->v[backwards ? paths->n - 1 - i : i], err);
	return r;
}

/* What a next boot needs to take back or to tell a change that is cut short goes when all the rest
 * is done and on the disk. */
static bool goes_last(const struct snapshot_file *file, const struct content *to)
{
	return to->kind == CONTENT_ABSENT && trial_is_switch(file->path);
}

static int commit(struct txn *txn, struct txn_event *ev)
{
	if (remove_directories(txn, &txn->record.drop, false, &txn->why) < 0)
		return go_back(txn, ev);
	if (txn_trial_end(&txn->store, txn->root, txn->plan, &txn->why) < 0)
		return go_back(txn, ev);
	if (txn_store_mark(&txn->store, txn->record.snapshot.id, SNAPSHOT_COMPLETE, &txn->why) < 0)
		return go_back(txn, ev);
	txn_store_release(&txn->store, txn->record.snapshot.id);
	for (size_t i = 0; i < txn->record.outdated.n; i++)
		txn_store_remove(&txn->store, txn->record.outdated.v[i]);
	return over(txn, ev, TXN_COMMITTED, 0, txn->record.snapshot.id);
}

static int write_file(struct txn *txn, struct txn_event *ev, size_t i)
{
	const struct snapshot_file *file = &txn->record.snapshot.files[i];

	txn->known[i].content = &file->after;
	if (txn_put(root_fd(txn->root), file->path, &file->after, &txn->why) < 0)
		return go_back(txn, ev);
	txn->done++;
	return tell(txn, ev, TXN_FILE, 0, "%s", file->path);
}

static int phase_last(struct txn *txn, struct txn_event *ev)
{
	const struct snapshot *s = &txn->record.snapshot;

	if (txn->cancelled)
		return cancelled(txn, ev);
	while (txn->last < s->n_files) {
		size_t i = txn->last++;

		if (goes_last(&s->files[i], &s->files[i].after))
			return write_file(txn, ev, i);
	}
	return commit(txn, ev);
}

static int commands_done(struct txn *txn, struct txn_event *ev)
{
	txn_known_keep(&txn->store, &txn->record.snapshot, txn->known);
	if (txn->started && txn_sync(txn->root, &txn->why) < 0)
		return go_back(txn, ev);
	txn->phase = phase_last;
	return AGAIN;
}

/* -- commands -- */

/* argv: a command's own, or its undo.  check: the command when its output is to be looked into. */
static int start(struct txn *txn, struct txn_event *ev, const struct strv *argv, bool keeps_state,
	const struct command *check, struct error *err)
{
	int r;

	txn->argv = argv;
	txn->check = check;
	txn->keeps_state = keeps_state;
	strv_free(&txn->missing);
	str_free(&txn->last_line);
	if (check && strv_copy(&txn->missing, &check->expect) < 0)
		return no_memory(err);
	if (keeps_state)
		txn_known_mark(txn->root, &txn->record.snapshot, txn->known);
	r = txn_run_start(&txn->run, txn->root, argv, err);
	if (r < 0)
		return r;
	txn->running = true;
	return tell_command(txn, ev, TXN_COMMAND, 0);
}

static int look_into(struct txn *txn, const char *line)
{
	size_t left = 0;

	for (size_t i = 0; i < txn->missing.n; i++) {
		char *text = txn->missing.v[i];

		txn->missing.v[i] = NULL;
		if (strstr(line, text))
			free(text);
		else
			txn->missing.v[left++] = text;
	}
	txn->missing.n = left;
	txn->last_line.len = 0;
	str_add(&txn->last_line, line);
	return AGAIN;
}

/* The running command: its next line, or its end with its status in *ret_code. */
static int follow(struct txn *txn, struct txn_event *ev, bool *ret_ended, int *ret_code)
{
	const char *line = NULL;

	*ret_ended = false;
	switch (txn_run_step(&txn->run, &line, ret_code)) {
	case TXN_RUN_LINE:
		return txn->check ? look_into(txn, line) : tell(txn, ev, TXN_OUTPUT, 0, "%s", line);
	case TXN_RUN_NOTHING:
		return tell(txn, ev, TXN_NOTHING, 0, "%s", "");
	case TXN_RUN_ENDED:
		break;
	}
	*ret_ended = true;
	txn->running = false;
	txn->done++;
	if (txn->keeps_state)
		txn_known_learn(txn->root, &txn->record.snapshot, txn->known);
	return tell_command(txn, ev, TXN_COMMAND_DONE, *ret_code);
}

/* Why the command that has just ended did not do what it should; nothing when it did. */
static void judge(struct txn *txn, const char *line, int code)
{
	_cleanup_(str_free) struct str missing = {0};
	const struct strv *argv = txn->argv;

	if (code) {
		(void)error_set(&txn->why, -EIO, "%s failed with exit status %d%s%s", line, code,
			txn->last_line.len ? ": " : "", txn->last_line.len ? txn->last_line.s : "");
		return;
	}
	for (size_t i = 0; i < txn->missing.n; i++)
		str_addf(&missing, "%s%s", i ? ", " : "", txn->missing.v[i]);
	if (txn->missing.n)
		(void)error_set(&txn->why, -EIO, "%s lacks %s", argv->v[argv->n - 1],
			missing.s ? missing.s : "");
}

static int phase_files(struct txn *txn, struct txn_event *ev);

static int phase_commands(struct txn *txn, struct txn_event *ev)
{
	const struct snapshot *s = &txn->record.snapshot;
	const struct command *next;
	bool ended;
	int code = 0, r;

	if (txn->running) {
		r = follow(txn, ev, &ended, &code);
		if (ended && !txn->cancelled)
			judge(txn, ev->text, code);
		return r;
	}
	if (txn->cancelled)
		return cancelled(txn, ev);
	if (txn->why.code)
		return go_back(txn, ev);
	next = txn->command < s->n_commands && !(txn->flags & TXN_NO_COMMANDS)
		       ? &s->commands[txn->command]
		       : NULL;
	if (!txn->files_done && (!next || next->stage != COMMAND_UNDO)) {
		txn->phase = phase_files;
		return AGAIN;
	}
	if (!next)
		return commands_done(txn, ev);
	r = start(txn, ev, &next->argv, next->undo.n, next->expect.n ? next : NULL, &txn->why);
	if (r < 0)
		return go_back(txn, ev);
	txn->command++;
	txn->started++;
	return r;
}

static int phase_files(struct txn *txn, struct txn_event *ev)
{
	const struct snapshot *s = &txn->record.snapshot;

	if (txn->cancelled)
		return cancelled(txn, ev);
	while (txn->file < s->n_files) {
		size_t i = txn->file++;

		if (!goes_last(&s->files[i], &s->files[i].after))
			return write_file(txn, ev, i);
	}
	if (remove_directories(txn, &txn->record.drop, false, &txn->why) < 0)
		return go_back(txn, ev);
	txn->files_done = true;
	txn->phase = phase_commands;
	return AGAIN;
}

/* Before the first file: from here on the change is never without its dead man's switch. */
static int phase_begun(struct txn *txn, struct txn_event *ev)
{
	/* The next phase goes back for whatever is in `why`. */
	txn->on_trial = txn->plan->trial &&
			txn_trial_set(&txn->store, txn->root, txn->plan, txn->record.snapshot.id,
				&txn->old_trial, &txn->why) == 0;
	txn->phase = phase_commands;
	return tell(txn, ev, TXN_SNAPSHOT, 0, "%s", txn->record.snapshot.id);
}

/* -- going back -- */

static int tell_harm(struct txn *txn, struct txn_event *ev, struct error *err)
{
	txn->harmed = true;
	(void)tell(txn, ev, TXN_RESTORE_FAILED, err->code, "%s", err->text);
	err->code = 0;
	return MORE;
}

static int mark_back(struct txn *txn, struct error *err)
{
	int r = txn->on_trial ? txn_trial_put_back(&txn->store, txn->old_trial, err) : 0;

	return r < 0 ? r
		     : txn_store_mark(
			       &txn->store, txn->record.snapshot.id, SNAPSHOT_ROLLED_BACK, err);
}

static int phase_back_end(struct txn *txn, struct txn_event *ev)
{
	struct error err = {0};

	if (!txn->harmed && mark_back(txn, &err) < 0)
		return tell_harm(txn, ev, &err);
	return over(txn, ev, TXN_ROLLED_BACK, txn->harmed ? -EIO : 0, txn->why.text);
}

/* The running command to its end; then what went wrong with it, if something did. */
static int follow_back(struct txn *txn, struct txn_event *ev)
{
	bool ended;
	int code = 0, r = follow(txn, ev, &ended, &code);

	if (ended && code)
		(void)error_set(&txn->again, -EIO,
			"%s failed while going back (exit status %d); find out why and run it "
			"by hand",
			ev->text, code);
	return r;
}

static int start_back(
	struct txn *txn, struct txn_event *ev, const struct strv *argv, bool keeps_state)
{
	struct error err = {0};
	int r = start(txn, ev, argv, keeps_state, NULL, &err);

	return r < 0 ? tell_harm(txn, ev, &err) : r;
}

/* The next one, from the newest to the oldest of those that were started, whose undo has its turn.
 * Those that ran before the files were written are undone after the files are back, and the other
 * way round. */
static const struct strv *next_undo(struct txn *txn, bool before_files)
{
	while (txn->command) {
		const struct command *command = &txn->record.snapshot.commands[--txn->command];

		if (command->undo.n && (command->stage == COMMAND_UNDO) != before_files)
			return &command->undo;
	}
	return NULL;
}

/* What a command wrote beside the place, whole or in part, of the new state or the old. */
static int drop_beside(struct txn *txn, const struct command *command, struct error *err)
{
	const struct command *place = place_of(txn, command);
	const char *path = place ? command_placed(place) : "";
	const struct content absent = {.kind = CONTENT_ABSENT};

	if (!place || command->stage == COMMAND_PLACE || !root_exists(txn->root, path))
		return 0;
	return txn_put(root_fd(txn->root), path, &absent, err);
}

/* For the old state.  What goes to its place then is what this time made, and only when it is
 * whole. */
static int run_again(struct txn *txn, struct txn_event *ev, const struct command *command)
{
	struct error err = {0};

	if (drop_beside(txn, command, &err) < 0)
		return tell_harm(txn, ev, &err);
	if (is_beside(txn, command) || (command->stage == COMMAND_PLACE &&
					       !root_exists(txn->root, command_placed(command))))
		return AGAIN;
	return start_back(txn, ev, &command->argv, false);
}

static int phase_back_sync(struct txn *txn, struct txn_event *ev);

static int phase_back_commands(struct txn *txn, struct txn_event *ev)
{
	if (txn->running)
		return follow_back(txn, ev);
	if (txn->again.code) {
		(void)drop_beside(
			txn, &txn->record.snapshot.commands[txn->command - 1], &txn->again);
		return tell_harm(txn, ev, &txn->again);
	}
	while (txn->command < txn->started) {
		const struct command *command = &txn->record.snapshot.commands[txn->command++];

		if (!command->undo.n && command->stage != COMMAND_CHECK)
			return run_again(txn, ev, command);
	}
	txn->phase = phase_back_sync;
	return AGAIN;
}

static int phase_back_redo(struct txn *txn, struct txn_event *ev)
{
	const struct strv *undo;

	if (txn->running)
		return follow_back(txn, ev);
	if (txn->again.code)
		return tell_harm(txn, ev, &txn->again);
	undo = next_undo(txn, false);
	if (undo)
		return start_back(txn, ev, undo, false);
	txn->phase = phase_back_commands;
	txn->command = 0;
	return AGAIN;
}

/* Puts one file back.  1: done, 0: it was as before, -errno. */
static int restore(struct txn *txn, size_t i, struct error *err)
{
	const struct snapshot_file *file = &txn->record.snapshot.files[i];
	_cleanup_(content_free) struct content now = {0};
	int r = content_read(txn->root, file->path, true, NULL, &now, err);

	if (r < 0)
		return r;
	if (content_same(&now, &file->before) && !content_same(&now, &file->after))
		return 0;
	if (!content_same(&now, txn->known[i].content))
		return error_set(err, -ESTALE,
			"%s: changed by something else meanwhile, so it is left as it is; what it "
			"was before is %s/%s/before-%zu",
			file->path, SNAPSHOT_DIR, txn->record.snapshot.id, i);
	r = txn_put(root_fd(txn->root), file->path, &file->before, err);
	return r < 0 ? r : 1;
}

static int put_back(struct txn *txn, struct txn_event *ev, size_t i)
{
	struct error err = {0};
	int r = restore(txn, i, &err);

	txn->done++;
	if (r == 0)
		return AGAIN;
	if (r > 0)
		return tell(txn, ev, TXN_RESTORED, 0, "%s", txn->record.snapshot.files[i].path);
	return tell_harm(txn, ev, &err);
}

static int phase_back_last(struct txn *txn, struct txn_event *ev)
{
	const struct snapshot *s = &txn->record.snapshot;
	struct error err = {0};

	/* Something that is not whole is on trial still. */
	while (txn->last && !(txn->harmed && txn->on_trial)) {
		size_t i = --txn->last;

		if (goes_last(&s->files[i], &s->files[i].before))
			return put_back(txn, ev, i);
	}
	txn->phase = phase_back_end;
	if (remove_directories(txn, &txn->record.make, true, &err) < 0)
		return tell_harm(txn, ev, &err);
	return AGAIN;
}

static int phase_back_sync(struct txn *txn, struct txn_event *ev)
{
	struct error err = {0};

	txn->phase = phase_back_last;
	if (!txn->harmed && txn->started && txn_sync(txn->root, &err) < 0)
		return tell_harm(txn, ev, &err);
	return AGAIN;
}

static int phase_back_files(struct txn *txn, struct txn_event *ev)
{
	const struct snapshot *s = &txn->record.snapshot;
	struct error err = {0};

	while (txn->file) {
		size_t i = --txn->file;

		if (!goes_last(&s->files[i], &s->files[i].before))
			return put_back(txn, ev, i);
	}
	txn->phase = phase_back_redo;
	txn->command = txn->started;
	if (remove_directories(txn, &txn->record.make, true, &err) < 0)
		return tell_harm(txn, ev, &err);
	return AGAIN;
}

static int phase_back_undo(struct txn *txn, struct txn_event *ev)
{
	const struct strv *undo;

	if (txn->running)
		return follow_back(txn, ev);
	if (txn->again.code)
		return tell_harm(txn, ev, &txn->again);
	undo = next_undo(txn, true);
	if (undo)
		return start_back(txn, ev, undo, true);
	txn->phase = phase_back_files;
	return AGAIN;
}

int txn_step(struct txn *txn, struct txn_event *ev)
{
	int r;

	do
		r = txn->phase(txn, ev);
	while (r == AGAIN);
	return r;
}

int txn_fd(const struct txn *txn)
{
	return txn->running ? txn->run.poll : -1;
}

void txn_cancel(struct txn *txn)
{
	if (txn->phase != phase_commands && txn->phase != phase_begun &&
		txn->phase != phase_files && txn->phase != phase_last)
		return;
	txn->cancelled = true;
	if (txn->running)
		txn_run_end(&txn->run);
}

struct txn *txn_free(struct txn *txn)
{
	struct txn_event ev;

	if (!txn)
		return NULL;
	if (txn->phase == phase_begun) {
		txn_store_remove(&txn->store, txn->record.snapshot.id);
		txn_store_close(&txn->store, false);
		txn->phase = NULL;
	}
	txn_cancel(txn);
	while (txn->phase && txn_step(txn, &ev)) {
		struct pollfd fd = {.fd = txn_fd(txn), .events = POLLIN};

		if (ev.kind == TXN_NOTHING)
			(void)poll(&fd, 1, -1);
	}
	discard(txn);
	return NULL;
}

void txn_freep(struct txn **txn)
{
	*txn = txn_free(*txn);
}
