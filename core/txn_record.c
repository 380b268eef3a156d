#include "core/trial.h"
#include "core/txn_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
	return content->kind == CONTENT_FILE ? strv_copy(&content->attributes->xattrs, &a->xattrs)
					     : 0;
}

/* The directory can be written to: told before anything is. */
static int check_writable(const struct root *root, const char *path, struct error *err)
{
	_cleanup_free_ char *parent = strdup(path);
	int fd = -ENOENT, r;

	if (!parent)
		return error_no_memory(err);
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
			"%s: changed since the plan was made; nothing was done, look at the plan "
			"again",
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
		return error_no_memory(err);
	return 0;
}

static int record_files(
	const struct root *root, const struct plan *plan, struct snapshot *s, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_changes; i++) {
		if (base_grow(&s->files, s->n_files, sizeof(*s->files)) < 0)
			return error_no_memory(err);
		r = record_file(root, &plan->changes[i], &s->files[s->n_files++], err);
	}
	return r;
}

static int record_commands(const struct plan *plan, struct snapshot *s)
{
	for (size_t i = 0; i < plan->n_commands; i++) {
		const struct command *from = &plan->commands[i];
		struct command *to;

		if (base_grow(&s->commands, s->n_commands, sizeof(*s->commands)) < 0)
			return -ENOMEM;
		to = &s->commands[s->n_commands++];
		to->stage = from->stage;
		to->purpose = strdup(from->purpose ? from->purpose : "");
		if (!to->purpose || strv_copy(&to->argv, &from->argv) < 0 ||
			strv_copy(&to->undo, &from->undo) < 0 ||
			strv_copy(&to->expect, &from->expect) < 0)
			return -ENOMEM;
		to->about = from->about ? strdup(from->about) : NULL;
		if (from->about && !to->about)
			return -ENOMEM;
	}
	return 0;
}

static int record_name(
	const struct plan *plan, const struct snapshots *old, struct snapshot *s, struct error *err)
{
	time_t now = time(NULL);
	uint64_t number;
	char date[32];
	struct tm tm;

	s->time = now;
	s->number = old->n ? old->v[0].number + 1 : 1;
	if (!gmtime_r(&now, &tm) || strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm) != 15)
		(void)snprintf(date, sizeof(date), "19700101-000000");
	s->summary = strdup(plan->summary ? plan->summary : "");
	if (!s->summary || asprintf(&s->id, "%s-%ju", date, (uintmax_t)s->number) < 0 ||
		strv_copy(&s->undoes, &plan->undoes) < 0)
		return error_no_memory(err);
	/* What nobody could go back to, nobody may begin. */
	if (snapshot_number(s->id, &number) < 0)
		return error_set(err, -EUCLEAN,
			"%s/%s: no snapshot can come after that number, so it is none of ours; "
			"look at it and remove it",
			SNAPSHOT_DIR, old->v[0].id);
	return 0;
}

/* -- directories -- */

/* 1: there, 0: not. */
static int is_there(const struct root *root, const char *path, struct error *err)
{
	struct stat st;
	int r = root_stat(root, path, &st);

	if (r < 0 && r != -ENOENT)
		return txn_fail(err, r, path, "looking");
	return r == 0;
}

static int add_missing_parents(
	const struct root *root, const char *path, struct strv *ret, struct error *err)
{
	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		_cleanup_free_ char *dir = strndup(path, (size_t)(p - path));
		int r = dir ? is_there(root, dir, err) : error_no_memory(err);

		if (r < 0)
			return r;
		if (r == 0 && strv_add_unique(ret, dir) < 0)
			return error_no_memory(err);
	}
	return 0;
}

/* This transaction writes something in it. */
static bool is_needed(const struct txn_record *record, const char *dir)
{
	for (size_t i = 0; i < record->snapshot.n_files; i++) {
		const struct snapshot_file *file = &record->snapshot.files[i];

		if (file->after.kind != CONTENT_ABSENT && base_starts(file->path, dir) &&
			file->path[strlen(dir)] == '/')
			return true;
	}
	return false;
}

static bool is_dropped(const struct txn_record *record, const char *path)
{
	for (size_t i = 0; i < record->snapshot.n_files; i++)
		if (record->snapshot.files[i].after.kind == CONTENT_ABSENT &&
			strcmp(record->snapshot.files[i].path, path) == 0)
			return true;
	return strv_has(&record->drop, path);
}

/* 1: nothing will be left in it but what this transaction takes away too.  0: something will. */
static int becomes_empty(const struct root *root, const struct txn_record *record, const char *dir,
	struct error *err)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(root, dir, &names);

	if (r < 0)
		return txn_fail(err, r, dir, "listing");
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", dir, names.v[i]) < 0)
			return error_no_memory(err);
		if (!is_dropped(record, path))
			return 0;
	}
	return !is_needed(record, dir);
}

/* Which directories exist because of us, says the newest snapshot that is complete; with those
 * that one that was interrupted made or wanted to take away. */
static int our_directories(const struct snapshots *old, struct strv *ret)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct snapshot *s = &old->v[i];

		if (!s->happened || s->damaged)
			continue;
		for (size_t k = 0; k < s->directories.n; k++)
			if (strv_add_unique(ret, s->directories.v[k]) < 0)
				return -ENOMEM;
		if (!s->cut_short)
			break;
	}
	strv_sort(ret);
	return 0;
}

/* Which of ours stay, and which go because they become empty. */
static int sort_directories(const struct root *root, const struct snapshots *old,
	struct txn_record *record, struct error *err)
{
	_cleanup_(strv_free) struct strv ours = {0};
	int r;

	if (our_directories(old, &ours) < 0)
		return error_no_memory(err);
	/* Innermost first: what is in one decides about the one around it. */
	for (size_t i = ours.n; i-- > 0;) {
		r = is_there(root, ours.v[i], err);
		if (r == 0)
			continue;
		if (r > 0)
			r = becomes_empty(root, record, ours.v[i], err);
		if (r < 0)
			return r;
		if (strv_add(r ? &record->drop : &record->snapshot.directories, ours.v[i]) < 0)
			return error_no_memory(err);
	}
	return 0;
}

static int record_directories(const struct root *root, const struct snapshots *old,
	struct txn_record *record, struct error *err)
{
	struct snapshot *s = &record->snapshot;
	int r = sort_directories(root, old, record, err);

	for (size_t i = 0; r == 0 && i < s->n_files; i++)
		if (s->files[i].after.kind != CONTENT_ABSENT)
			r = add_missing_parents(root, s->files[i].path, &record->make, err);
	if (r < 0)
		return r;
	if (strv_copy(&s->directories, &record->make) < 0)
		return error_no_memory(err);
	strv_sort(&s->directories);
	return 0;
}

/* The place of the newest that can be gone back to once the plan is carried out, its own one left
 * out; the number of all: there is none. */
static size_t last_good(const struct plan *plan, const struct snapshots *old)
{
	size_t i = 0;

	while (i < old->n && (old->v[i].state == SNAPSHOT_ROLLED_BACK || old->v[i].undoes.n ||
				     old->v[i].damaged || strv_has(&plan->undoes, old->v[i].id)))
		i++;
	return i;
}

/* The place of the one that is on trial; the number of all: there is none. */
static size_t tried(const struct root *root, const struct snapshots *old)
{
	struct trial trial;
	const struct snapshot *s = NULL;

	if (trial_load(root, &trial, NULL) == 0)
		s = snapshots_find(old, trial.snapshot);
	return s ? (size_t)(s - old->v) : old->n;
}

/* Snapshots beyond the number kept; and temporary files of one that was interrupted. */
static int tidy(const struct root *root, const struct plan *plan, const struct snapshots *old,
	struct txn_record *record)
{
	size_t good = last_good(plan, old), trial = tried(root, old);

	for (size_t i = 0; i < old->n; i++) {
		const struct snapshot *s = &old->v[i];
		bool needed = s->happened &&
			      ((good < old->n && i <= good) || (trial < old->n && i <= trial));

		if (i + 1 >= SNAPSHOT_KEPT && !needed && strv_add(&record->outdated, s->id) < 0)
			return -ENOMEM;
		if (!s->cut_short)
			continue;
		if (strv_add(&record->cut_short, s->id) < 0)
			return -ENOMEM;
		for (size_t k = 0; k < s->n_files; k++)
			txn_sweep(root_fd(root), s->files[k].path);
	}
	return 0;
}

/* What a going back builds on can still be read: what the directories were is known from there
 * alone. */
static int check_undoes(const struct plan *plan, const struct snapshots *old, struct error *err)
{
	for (size_t i = 0; i < plan->undoes.n; i++) {
		const struct snapshot *s = snapshots_find(old, plan->undoes.v[i]);

		if (!s || s->damaged)
			return error_set(err, -ESTALE,
				"snapshot %s cannot be read any more: %s; nothing was done, look "
				"at "
				"the plan again",
				plan->undoes.v[i], s ? s->damaged : "it is gone");
	}
	return 0;
}

int txn_record_make(const struct root *root, const struct plan *plan, struct txn_record *record,
	struct error *err)
{
	_cleanup_(snapshots_free) struct snapshots old = {0};
	int r = snapshots_load(root, &old, err);

	if (r == 0)
		r = check_undoes(plan, &old, err);
	if (r == 0)
		r = record_files(root, plan, &record->snapshot, err);
	if (r < 0)
		return r;
	if (tidy(root, plan, &old, record) < 0 || record_commands(plan, &record->snapshot) < 0)
		return error_no_memory(err);
	r = record_name(plan, &old, &record->snapshot, err);
	if (r < 0)
		return r;
	return record_directories(root, &old, record, err);
}

void txn_record_free(struct txn_record *record)
{
	snapshot_free(&record->snapshot);
	strv_free(&record->make);
	strv_free(&record->drop);
	strv_free(&record->outdated);
	strv_free(&record->cut_short);
}
