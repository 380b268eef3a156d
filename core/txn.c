#include "core/txn.h"

#include "core/txn_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SNAPSHOTS_KEPT 20

struct txn {
	const struct root *root;
	const struct plan *plan;
	unsigned flags;
	struct txn_store store;
	struct snapshot record;      /* what the snapshot says; the files are written from it */
	struct strv make, drop;      /* directories that come and go with it, outermost first */
	struct strv outdated;        /* snapshots that make room when this one is complete */

	int (*phase)(struct txn *txn, struct txn_event *ev);   /* NULL: over */
	size_t file;                 /* files touched: the next to write, one after the next to restore */
	size_t command, started;     /* the next command; those that ran at least in part */
	struct txn_run run;
	bool running, cancelled;
	bool harmed;                 /* something could not be put back */
	struct error why;            /* why it goes back */
	struct error again;          /* a command that failed for the old state too: to be told */

	size_t done, total;
	char *text;
	char no_text[1];
};

enum { OVER, MORE, AGAIN };      /* what a phase returns; AGAIN: nothing to tell, step on */

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

/* -- begin: what will be done, and whether it can be -- */

static int give_attributes(struct content *content, const struct content *from)
{
	const struct attributes own = {.uid = geteuid(), .gid = getegid()};
	const struct attributes *a = from->attributes ? from->attributes : &own;

	if (content->attributes || content->kind == CONTENT_ABSENT)
		return 0;
	content->attributes = calloc(1, sizeof(*content->attributes));
	if (!content->attributes)
		return -ENOMEM;
	content->attributes->uid = a->uid;
	content->attributes->gid = a->gid;
	return content->kind == CONTENT_FILE ? strv_copy(&content->attributes->xattrs, &a->xattrs) : 0;
}

/* The directory can be written to: told before anything is. */
static int check_writable(const struct root *root, const char *path, struct error *err)
{
	_cleanup_free_ char *parent = strdup(path);
	int fd = -ENOENT, r;

	if (!parent)
		return no_memory(err);
	while (fd == -ENOENT && *parent) {
		*strrchr(parent, '/') = '\0';
		fd = root_open_path(root, *parent ? parent : "/", O_RDONLY | O_DIRECTORY);
	}
	if (fd < 0)
		return txn_fail(err, fd, path, "opening its directory");
	r = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
	base_closep(&fd);
	return r < 0 ? txn_fail(err, r, path, "writing") : 0;
}

static int record_file(const struct root *root, const struct change *change,
	struct snapshot_file *file, struct error *err)
{
	_cleanup_free_ char *resolved = NULL;
	int r = content_read(root, change->path, true, &resolved, &file->before, err);

	if (r < 0)
		return r;
	if (strcmp(resolved, change->path) != 0 || !content_same(&file->before, &change->before))
		return error_set(err, -ESTALE,
			"%s: changed since the plan was made; nothing was done, look at the plan again",
			change->path);
	if (file->before.kind != CONTENT_ABSENT)
		r = snapshot_read_attributes(root, change->path, &file->before, err);
	if (r == 0)
		r = check_writable(root, change->path, err);
	if (r < 0)
		return r;
	file->path = TAKE_PTR(resolved);
	if (content_copy(&file->after, &change->after) < 0 ||
		give_attributes(&file->after, &file->before) < 0)
		return no_memory(err);
	return 0;
}

static int record_files(struct txn *txn, struct error *err)
{
	struct snapshot *record = &txn->record;
	int r = 0;

	for (size_t i = 0; r == 0 && i < txn->plan->n_changes; i++) {
		if (base_grow(&record->files, record->n_files, sizeof(*record->files)) < 0)
			return no_memory(err);
		r = record_file(txn->root, &txn->plan->changes[i],
			&record->files[record->n_files++], err);
	}
	return r;
}

static int record_commands(struct txn *txn)
{
	struct snapshot *record = &txn->record;

	for (size_t i = 0; i < txn->plan->n_commands; i++) {
		const struct command *from = &txn->plan->commands[i];
		struct command *to;

		if (base_grow(&record->commands, record->n_commands, sizeof(*record->commands)) < 0)
			return -ENOMEM;
		to = &record->commands[record->n_commands++];
		to->stage = from->stage;
		to->purpose = strdup(from->purpose ? from->purpose : "");
		if (!to->purpose || strv_copy(&to->argv, &from->argv) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_missing_parents(struct txn *txn, const char *path)
{
	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		_cleanup_free_ char *dir = strndup(path, (size_t)(p - path));

		if (!dir || (!root_exists(txn->root, dir) && strv_add_unique(&txn->make, dir) < 0))
			return -ENOMEM;
	}
	return 0;
}

/* Nothing will be left in it but what this transaction takes away too. */
static bool becomes_empty(struct txn *txn, const char *dir)
{
	_cleanup_(strv_free) struct strv names = {0};

	if (root_list(txn->root, dir, &names) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = NULL;
		bool goes;

		if (asprintf(&path, "%s/%s", dir, names.v[i]) < 0)
			return false;
		goes = strv_has(&txn->drop, path);
		for (size_t k = 0; k < txn->record.n_files; k++)
			goes |= txn->record.files[k].after.kind == CONTENT_ABSENT &&
				strcmp(txn->record.files[k].path, path) == 0;
		if (!goes)
			return false;
	}
	for (size_t k = 0; k < txn->record.n_files; k++) {
		const struct snapshot_file *file = &txn->record.files[k];

		if (file->after.kind != CONTENT_ABSENT && base_starts(file->path, dir) &&
			file->path[strlen(dir)] == '/')
			return false;
	}
	return true;
}

/* Which directories are ours, says the newest snapshot that happened. */
static int record_directories(struct txn *txn, const struct snapshots *old)
{
	const struct strv *ours = NULL;

	for (size_t i = 0; i < old->n && !ours; i++)
		if (old->v[i].happened && !old->v[i].damaged)
			ours = &old->v[i].directories;
	for (size_t i = ours ? ours->n : 0; i-- > 0;)
		if (becomes_empty(txn, ours->v[i]) && strv_add(&txn->drop, ours->v[i]) < 0)
			return -ENOMEM;
	strv_sort(&txn->drop);
	for (size_t i = 0; ours && i < ours->n; i++)
		if (!strv_has(&txn->drop, ours->v[i]) && root_exists(txn->root, ours->v[i]) &&
			strv_add(&txn->record.directories, ours->v[i]) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < txn->record.n_files; i++)
		if (txn->record.files[i].after.kind != CONTENT_ABSENT &&
			add_missing_parents(txn, txn->record.files[i].path) < 0)
			return -ENOMEM;
	if (strv_copy(&txn->record.directories, &txn->make) < 0)
		return -ENOMEM;
	strv_sort(&txn->record.directories);
	return 0;
}

static int name_record(struct txn *txn, const struct snapshots *old)
{
	struct snapshot *record = &txn->record;
	time_t now = time(NULL);
	char date[32];
	struct tm tm;

	record->time = now;
	record->number = old->n ? old->v[0].number + 1 : 1;
	if (!gmtime_r(&now, &tm) || strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm) != 15)
		(void)snprintf(date, sizeof(date), "19700101-000000");
	record->summary = strdup(txn->plan->summary ? txn->plan->summary : "");
	if (!record->summary ||
		asprintf(&record->id, "%s-%ju", date, (uintmax_t)record->number) < 0)
		return -ENOMEM;
	return strv_copy(&record->undoes, &txn->plan->undoes);
}

/* Snapshots beyond the number kept; and temporary files of one that was interrupted. */
static int tidy(struct txn *txn, const struct snapshots *old)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct snapshot *s = &old->v[i];

		if (i + 1 >= SNAPSHOTS_KEPT && strv_add(&txn->outdated, s->id) < 0)
			return -ENOMEM;
		if (s->state != SNAPSHOT_INTERRUPTED && s->state != SNAPSHOT_APPLYING)
			continue;
		for (size_t k = 0; k < s->n_files; k++)
			txn_sweep(root_fd(txn->root), s->files[k].path);
	}
	return 0;
}

static int prepare(struct txn *txn, struct error *err)
{
	_cleanup_(snapshots_free) struct snapshots old = {0};
	int r = snapshots_load(txn->root, &old, err);

	if (r == 0)
		r = record_files(txn, err);
	if (r < 0)
		return r;
	if (tidy(txn, &old) < 0 || name_record(txn, &old) < 0 || record_commands(txn) < 0 ||
		record_directories(txn, &old) < 0)
		return no_memory(err);
	return txn_store_write(&txn->store, &txn->record, err);
}

static void discard(struct txn *txn)
{
	snapshot_free(&txn->record);
	strv_free(&txn->make);
	strv_free(&txn->drop);
	strv_free(&txn->outdated);
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
	r = txn_store_open(root, &txn->store, err);
	if (r == 0) {
		r = prepare(txn, err);
		if (r < 0)
			txn_store_close(&txn->store, false);
	}
	if (r < 0) {
		discard(txn);
		return r;
	}
	*ret = txn;
	return 0;
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
	const struct strv *argv = &txn->record.commands[txn->command].argv;

	for (size_t i = 0; i < argv->n; i++)
		str_addf(&line, "%s%s", i ? " " : "", argv->v[i]);
	return tell(txn, ev, kind, code, "%s", line.s ? line.s : argv->v[0]);
}

static int phase_back_files(struct txn *txn, struct txn_event *ev);

static int go_back(struct txn *txn, struct txn_event *ev)
{
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

static int over(struct txn *txn, struct txn_event *ev, enum txn_event_kind kind, int code,
	const char *text)
{
	txn->phase = NULL;
	txn_store_close(&txn->store, true);
	(void)tell(txn, ev, kind, code, "%s", text);
	return OVER;
}

static int commit(struct txn *txn, struct txn_event *ev)
{
	if (txn_store_mark(&txn->store, txn->record.id, SNAPSHOT_COMPLETE, &txn->why) < 0)
		return go_back(txn, ev);
	for (size_t i = 0; i < txn->outdated.n; i++)
		txn_store_remove(&txn->store, txn->outdated.v[i]);
	return over(txn, ev, TXN_COMMITTED, 0, txn->record.id);
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
	int r = txn_run_start(&txn->run, txn->root, &txn->record.commands[txn->command], err);

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
			(void)error_set(&txn->why, -EIO, "%s failed with exit status %d", ev->text, code);
		return r;
	}
	if (txn->cancelled)
		return cancelled(txn, ev);
	if (txn->why.code)
		return go_back(txn, ev);
	if (txn->command == txn->record.n_commands || (txn->flags & TXN_NO_COMMANDS))
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
	if (txn->file == txn->record.n_files) {
		for (size_t i = txn->drop.n; i-- > 0;)
			txn_remove_directory(root_fd(txn->root), txn->drop.v[i]);
		txn->phase = phase_commands;
		return AGAIN;
	}
	file = &txn->record.files[txn->file++];
	if (txn_put(root_fd(txn->root), file->path, &file->after, &txn->why) < 0)
		return go_back(txn, ev);
	txn->done++;
	return tell(txn, ev, TXN_FILE, 0, "%s", file->path);
}

static int phase_begun(struct txn *txn, struct txn_event *ev)
{
	txn->phase = phase_files;
	return tell(txn, ev, TXN_SNAPSHOT, 0, "%s", txn->record.id);
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
	if (!txn->harmed && txn_store_mark(&txn->store, txn->record.id, SNAPSHOT_ROLLED_BACK, NULL) < 0)
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
				"%s failed for the old state too (exit status %d); find out why and run it by hand",
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
	const struct snapshot_file *file = &txn->record.files[i];
	_cleanup_(content_free) struct content now = {0};
	int r = content_read(txn->root, file->path, true, NULL, &now, err);

	if (r < 0)
		return r;
	if (content_same(&now, &file->before) && !content_same(&now, &file->after))
		return 0;
	if (!content_same(&now, &file->after))
		return error_set(err, -ESTALE,
			"%s: changed by something else meanwhile, so it is left as it is; what it was before is %s/%s/before-%zu",
			file->path, SNAPSHOT_DIR, txn->record.id, i);
	r = txn_put(root_fd(txn->root), file->path, &file->before, err);
	return r < 0 ? r : 1;
}

static int phase_back_files(struct txn *txn, struct txn_event *ev)
{
	struct error err = {0};
	int r;

	if (txn->file == 0) {
		for (size_t i = txn->make.n; i-- > 0;)
			txn_remove_directory(root_fd(txn->root), txn->make.v[i]);
		txn->phase = phase_back_commands;
		return AGAIN;
	}
	r = restore(txn, --txn->file, &err);
	txn->done++;
	if (r == 0)
		return AGAIN;
	if (r > 0)
		return tell(txn, ev, TXN_RESTORED, 0, "%s", txn->record.files[txn->file].path);
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
		txn_store_remove(&txn->store, txn->record.id);
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
