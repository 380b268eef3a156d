#include "core/txn.h"

#include "core/trial.h"
#include "core/txn_private.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
		return error_no_memory(err);
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

int txn_tell(struct txn *txn, struct txn_event *ev, enum txn_event_kind kind, int code,
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
	return TXN_STEP_MORE;
}

static int tell_command(struct txn *txn, struct txn_event *ev, enum txn_event_kind kind, int code)
{
	_cleanup_(str_free) struct str line = {0};

	str_add_words(&line, txn->argv);
	return txn_tell(txn, ev, kind, code, "%s", line.s ? line.s : txn->argv->v[0]);
}

static int cancelled(struct txn *txn, struct txn_event *ev)
{
	(void)error_set(&txn->why, -ECANCELED, "cancelled");
	return txn_back(txn, ev);
}

int txn_over(
	struct txn *txn, struct txn_event *ev, enum txn_event_kind kind, int code, const char *text)
{
	txn->phase = NULL;
	txn_store_close(&txn->store, true);
	(void)txn_tell(txn, ev, kind, code, "%s", text);
	return TXN_STEP_OVER;
}

int txn_remove_directories(
	struct txn *txn, const struct strv *paths, bool backwards, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->n; i++)
		r = txn_remove_directory(
			root_fd(txn->root), paths->v[backwards ? paths->n - 1 - i : i], err);
	return r;
}

bool txn_goes_last(const struct snapshot_file *file, const struct content *to)
{
	return to->kind == CONTENT_ABSENT && trial_is_switch(file->path);
}

static int commit(struct txn *txn, struct txn_event *ev)
{
	_cleanup_free_ char *old_trial = NULL;
	const char *id = txn->record.snapshot.id;

	if (txn_remove_directories(txn, &txn->record.drop, false, &txn->why) < 0 ||
		txn_trial_end(&txn->store, txn->root, txn->plan, &old_trial, &txn->why) < 0)
		return txn_back(txn, ev);
	if (txn_store_mark(&txn->store, id, SNAPSHOT_COMPLETE, &txn->why) < 0) {
		if (old_trial)
			(void)txn_trial_put_back(&txn->store, old_trial, NULL);
		return txn_back(txn, ev);
	}
	txn_store_release(&txn->store, txn->record.snapshot.id);
	for (size_t i = 0; i < txn->record.outdated.n; i++)
		txn_store_remove(&txn->store, txn->record.outdated.v[i]);
	return txn_over(txn, ev, TXN_COMMITTED, 0, txn->record.snapshot.id);
}

static int write_file(struct txn *txn, struct txn_event *ev, size_t i)
{
	const struct snapshot *s = &txn->record.snapshot;
	const struct snapshot_file *file = &s->files[i];
	_cleanup_free_ char *kept = NULL;

	if (txn_known_check(txn->root, s, txn->known, i, &txn->why) < 0 ||
		txn_known_save(&txn->store, s, txn->known, i, "met", &kept, &txn->why) < 0)
		return txn_back(txn, ev);
	txn->known[i].content = &file->after;
	if (txn_put(root_fd(txn->root), file->path, &file->after, &txn->why) < 0)
		return txn_back(txn, ev);
	txn->done++;
	return txn_tell(txn, ev, TXN_FILE, 0, "%s%s", file->path, kept ? kept : "");
}

static int phase_last(struct txn *txn, struct txn_event *ev)
{
	const struct snapshot *s = &txn->record.snapshot;

	if (txn->cancelled)
		return cancelled(txn, ev);
	while (txn->last < s->n_files) {
		size_t i = txn->last++;

		if (txn_goes_last(&s->files[i], &s->files[i].after))
			return write_file(txn, ev, i);
	}
	return commit(txn, ev);
}

static int commands_done(struct txn *txn, struct txn_event *ev)
{
	txn_known_keep(&txn->store, &txn->record.snapshot, txn->known);
	if (txn->started && txn_sync(txn->root, &txn->why) < 0)
		return txn_back(txn, ev);
	txn->phase = phase_last;
	return TXN_STEP_AGAIN;
}

/* -- commands -- */

int txn_start(struct txn *txn, struct txn_event *ev, const struct strv *argv, bool keeps_state,
	const struct command *check, struct error *err)
{
	int r;

	txn->argv = argv;
	txn->check = check;
	txn->keeps_state = keeps_state;
	strv_free(&txn->missing);
	str_free(&txn->last_line);
	if (check && strv_copy(&txn->missing, &check->expect) < 0)
		return error_no_memory(err);
	if (keeps_state)
		txn_known_mark(txn->root, &txn->record.snapshot, txn->known);
	r = txn_run_start(&txn->run, txn->root, argv, txn->store.lock, err);
	if (r < 0)
		return r;
	txn_store_runs(&txn->store, txn->run.pid, argv->v[0]);
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
	return TXN_STEP_AGAIN;
}

int txn_follow(struct txn *txn, struct txn_event *ev, bool *ret_ended, int *ret_code)
{
	const char *line = NULL;

	*ret_ended = false;
	switch (txn_run_step(&txn->run, &line, ret_code)) {
	case TXN_RUN_LINE:
		return txn->check ? look_into(txn, line)
				  : txn_tell(txn, ev, TXN_OUTPUT, 0, "%s", line);
	case TXN_RUN_NOTHING:
		return txn_tell(txn, ev, TXN_NOTHING, 0, "%s", "");
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
		r = txn_follow(txn, ev, &ended, &code);
		if (ended && !txn->cancelled)
			judge(txn, ev->text, code);
		return r;
	}
	if (txn->cancelled)
		return cancelled(txn, ev);
	if (txn->why.code)
		return txn_back(txn, ev);
	next = txn->command < s->n_commands && !(txn->flags & TXN_NO_COMMANDS)
		       ? &s->commands[txn->command]
		       : NULL;
	if (!txn->files_done && (!next || next->stage != COMMAND_UNDO)) {
		txn->phase = phase_files;
		return TXN_STEP_AGAIN;
	}
	if (!next)
		return commands_done(txn, ev);
	r = txn_start(txn, ev, &next->argv, next->undo.n, next->expect.n ? next : NULL, &txn->why);
	if (r < 0)
		return txn_back(txn, ev);
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

		if (!txn_goes_last(&s->files[i], &s->files[i].after))
			return write_file(txn, ev, i);
	}
	if (txn_remove_directories(txn, &txn->record.drop, false, &txn->why) < 0)
		return txn_back(txn, ev);
	txn->files_done = true;
	txn->phase = phase_commands;
	return TXN_STEP_AGAIN;
}

/* Before the first file: from here on the change is never without its dead man's switch. */
static int phase_begun(struct txn *txn, struct txn_event *ev)
{
	/* The next phase goes back for whatever is in `why`. */
	txn->on_trial = txn->plan->trial &&
			txn_trial_set(&txn->store, txn->root, txn->plan, txn->record.snapshot.id,
				&txn->old_trial, &txn->why) == 0;
	txn->phase = phase_commands;
	return txn_tell(txn, ev, TXN_SNAPSHOT, 0, "%s", txn->record.snapshot.id);
}

/* -- the caller's side -- */

int txn_step(struct txn *txn, struct txn_event *ev)
{
	int r;

	do
		r = txn->phase(txn, ev);
	while (r == TXN_STEP_AGAIN);
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
