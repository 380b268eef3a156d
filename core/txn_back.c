#include "core/txn.h"

#include "core/txn_private.h"

#include <errno.h>
#include <string.h>

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

static int tell_harm(struct txn *txn, struct txn_event *ev, struct error *err)
{
	txn->harmed = true;
	(void)txn_tell(txn, ev, TXN_RESTORE_FAILED, err->code, "%s", err->text);
	err->code = 0;
	return TXN_STEP_MORE;
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
	return txn_over(txn, ev, TXN_ROLLED_BACK, txn->harmed ? -EIO : 0, txn->why.text);
}

/* The running command to its end; then what went wrong with it, if something did. */
static int follow_back(struct txn *txn, struct txn_event *ev)
{
	bool ended;
	int code = 0, r = txn_follow(txn, ev, &ended, &code);

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
	int r = txn_start(txn, ev, argv, keeps_state, NULL, &err);

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
		return TXN_STEP_AGAIN;
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
	return TXN_STEP_AGAIN;
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
	return TXN_STEP_AGAIN;
}

/* Puts one file back.  1: done, 0: it was as before, or nothing of it is ours; -errno. */
static int restore(struct txn *txn, size_t i, char **ret_kept, struct error *err)
{
	const struct snapshot *s = &txn->record.snapshot;
	const struct snapshot_file *file = &s->files[i];
	_cleanup_(content_free) struct content now = {0};
	int r;

	if (txn->known[i].content == &file->before)
		return 0;
	r = content_read(txn->root, file->path, true, NULL, &now, err);
	if (r < 0)
		return r;
	if (content_same(&now, &file->before) && !content_same(&now, &file->after))
		return 0;
	r = txn_known_check(txn->root, s, txn->known, i, err);
	if (r < 0)
		return r;
	/* To be back is worth more than what cannot be kept. */
	(void)txn_known_save(&txn->store, s, txn->known, i, "undone", ret_kept, NULL);
	r = txn_put(root_fd(txn->root), file->path, &file->before, err);
	return r < 0 ? r : 1;
}

static int put_back(struct txn *txn, struct txn_event *ev, size_t i)
{
	_cleanup_free_ char *kept = NULL;
	struct error err = {0};
	int r = restore(txn, i, &kept, &err);

	txn->done++;
	if (r == 0)
		return TXN_STEP_AGAIN;
	if (r > 0)
		return txn_tell(txn, ev, TXN_RESTORED, 0, "%s%s",
			txn->record.snapshot.files[i].path, kept ? kept : "");
	return tell_harm(txn, ev, &err);
}

static int phase_back_last(struct txn *txn, struct txn_event *ev)
{
	const struct snapshot *s = &txn->record.snapshot;
	struct error err = {0};

	/* Something that is not whole is on trial still. */
	while (txn->last && !(txn->harmed && txn->on_trial)) {
		size_t i = --txn->last;

		if (txn_goes_last(&s->files[i], &s->files[i].before))
			return put_back(txn, ev, i);
	}
	txn->phase = phase_back_end;
	if (txn_remove_directories(txn, &txn->record.make, true, &err) < 0)
		return tell_harm(txn, ev, &err);
	return TXN_STEP_AGAIN;
}

static int phase_back_sync(struct txn *txn, struct txn_event *ev)
{
	struct error err = {0};

	txn->phase = phase_back_last;
	if (!txn->harmed && txn->started && txn_sync(txn->root, &err) < 0)
		return tell_harm(txn, ev, &err);
	return TXN_STEP_AGAIN;
}

static int phase_back_files(struct txn *txn, struct txn_event *ev)
{
	const struct snapshot *s = &txn->record.snapshot;
	struct error err = {0};

	while (txn->file) {
		size_t i = --txn->file;

		if (!txn_goes_last(&s->files[i], &s->files[i].before))
			return put_back(txn, ev, i);
	}
	txn->phase = phase_back_redo;
	txn->command = txn->started;
	if (txn_remove_directories(txn, &txn->record.make, true, &err) < 0)
		return tell_harm(txn, ev, &err);
	return TXN_STEP_AGAIN;
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
	return TXN_STEP_AGAIN;
}

int txn_back(struct txn *txn, struct txn_event *ev)
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
	return txn_tell(txn, ev, TXN_FAILED, txn->why.code, "%s", txn->why.text);
}
