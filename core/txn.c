#include "core/txn.h"

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
	size_t command, started; /* the next command; those that ran at least in part */
	struct txn_run run;
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
		r = txn_store_write(&txn->store, &txn->record.snapshot, err);
	if (r < 0)
		txn_store_close(&txn->store, false);
	return r;
}

static void discard(struct txn *txn)
{
	txn_record_free(&txn->record);
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
	const struct strv *argv = &txn->record.snapshot.commands[txn->command].argv;

	for (size_t i = 0; i < argv->n; i++)
		str_addf(&line, "%s%s", i ? " " : "", argv->v[i]);
	return tell(txn, ev, kind, code, "%s", line.s ? line.s : argv->v[0]);
}

static int phase_back_files(struct txn *txn, struct txn_event *ev);

static int go_back(struct txn *txn, struct txn_event *ev)
{
	txn_store_release(&txn->store, txn->record.snapshot.id);
	txn->phase = phase_back_files;
	txn->command = 0;
	txn->done = 0;
	txn->total = txn->file + txn->started;
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

static int commit(struct txn *txn, struct txn_event *ev)
{
	if (txn_store_mark(&txn->store, txn->record.snapshot.id, SNAPSHOT_COMPLETE, &txn->why) < 0)
		return go_back(txn, ev);
	txn_store_release(&txn->store, txn->record.snapshot.id);
	for (size_t i = 0; i < txn->record.outdated.n; i++)
		txn_store_remove(&txn->store, txn->record.outdated.v[i]);
	return over(txn, ev, TXN_COMMITTED, 0, txn->record.snapshot.id);
}

/* The running command: its next line, or its end with its status in *ret_code. */
static int follow(struct txn *txn, struct txn_event *ev, bool *ret_ended, int *ret_code)
{
	const char *line = NULL;

	*ret_ended = false;
	switch (txn_run_step(&txn->run, &line, ret_code)) {
	case TXN_RUN_LINE:
		return tell(txn, ev, TXN_OUTPUT, 0, "%s", line);
	case TXN_RUN_NOTHING:
		return tell(txn, ev, TXN_NOTHING, 0, "%s", "");
	case TXN_RUN_ENDED:
		break;
	}
	*ret_ended = true;
	txn->running = false;
	txn->done++;
	(void)tell_command(txn, ev, TXN_COMMAND_DONE, *ret_code);
	txn->command++;
	return MORE;
}

static int start(struct txn *txn, struct txn_event *ev, struct error *err)
{
	int r = txn_run_start(
		&txn->run, txn->root, &txn->record.snapshot.commands[txn->command], err);

	if (r < 0)
		return r;
	txn->running = true;
	return tell_command(txn, ev, TXN_COMMAND, 0);
}

static int phase_commands(struct txn *txn, struct txn_event *ev)
{
	bool ended;
	int code = 0, r;

	if (txn->running) {
		r = follow(txn, ev, &ended, &code);
		if (ended && code && !txn->cancelled)
			(void)error_set(
				&txn->why, -EIO, "%s failed with exit status %d", ev->text, code);
		return r;
	}
	if (txn->cancelled)
		return cancelled(txn, ev);
	if (txn->why.code)
		return go_back(txn, ev);
	if (txn->command == txn->record.snapshot.n_commands || (txn->flags & TXN_NO_COMMANDS))
		return commit(txn, ev);
	r = start(txn, ev, &txn->why);
	if (r < 0)
		return go_back(txn, ev);
	txn->started++;
	return r;
}

static int phase_files(struct txn *txn, struct txn_event *ev)
{
	const struct snapshot_file *file;

	if (txn->cancelled)
		return cancelled(txn, ev);
	if (txn->file == txn->record.snapshot.n_files) {
		for (size_t i = 0; i < txn->record.drop.n; i++)
			if (txn_remove_directory(
				    root_fd(txn->root), txn->record.drop.v[i], &txn->why) < 0)
				return go_back(txn, ev);
		txn->phase = phase_commands;
		return AGAIN;
	}
	file = &txn->record.snapshot.files[txn->file++];
	if (txn_put(root_fd(txn->root), file->path, &file->after, &txn->why) < 0)
		return go_back(txn, ev);
	txn->done++;
	return tell(txn, ev, TXN_FILE, 0, "%s", file->path);
}

static int phase_begun(struct txn *txn, struct txn_event *ev)
{
	txn->phase = phase_files;
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

static int phase_back_end(struct txn *txn, struct txn_event *ev)
{
	if (!txn->harmed && txn_store_mark(&txn->store, txn->record.snapshot.id,
				    SNAPSHOT_ROLLED_BACK, NULL) < 0)
		txn->harmed = true;
	return over(txn, ev, TXN_ROLLED_BACK, txn->harmed ? -EIO : 0, txn->why.text);
}

static int phase_back_commands(struct txn *txn, struct txn_event *ev)
{
	struct error err = {0};
	bool ended;
	int code = 0, r;

	if (txn->running) {
		r = follow(txn, ev, &ended, &code);
		if (ended && code)
			(void)error_set(&txn->again, -EIO,
				"%s failed for the old state too (exit status %d); find out why "
				"and run it by hand",
				ev->text, code);
		return r;
	}
	if (txn->again.code)
		return tell_harm(txn, ev, &txn->again);
	if (txn->command == txn->started) {
		txn->phase = phase_back_end;
		return AGAIN;
	}
	r = start(txn, ev, &err);
	if (r >= 0)
		return r;
	txn->command++;
	return tell_harm(txn, ev, &err);
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
	if (!content_same(&now, &file->after))
		return error_set(err, -ESTALE,
			"%s: changed by something else meanwhile, so it is left as it is; what it "
			"was before is %s/%s/before-%zu",
			file->path, SNAPSHOT_DIR, txn->record.snapshot.id, i);
	r = txn_put(root_fd(txn->root), file->path, &file->before, err);
	return r < 0 ? r : 1;
}

static int phase_back_files(struct txn *txn, struct txn_event *ev)
{
	struct error err = {0};
	int r;

	if (txn->file == 0) {
		txn->phase = phase_back_commands;
		for (size_t i = txn->record.make.n; i-- > 0;)
			if (txn_remove_directory(root_fd(txn->root), txn->record.make.v[i], &err) <
				0)
				return tell_harm(txn, ev, &err);
		return AGAIN;
	}
	r = restore(txn, --txn->file, &err);
	txn->done++;
	if (r == 0)
		return AGAIN;
	if (r > 0)
		return tell(
			txn, ev, TXN_RESTORED, 0, "%s", txn->record.snapshot.files[txn->file].path);
	return tell_harm(txn, ev, &err);
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
	if (txn->phase != phase_commands && txn->phase != phase_begun && txn->phase != phase_files)
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
