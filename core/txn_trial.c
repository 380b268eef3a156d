#include "core/txn.h"

#include "core/trial.h"
#include "core/txn_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int put_text(struct txn_store *store, const char *text, struct error *err)
{
	int r;

	(void)unlinkat(store->dir, "trial.new", 0);
	r = txn_write_new(store->dir, "trial.new", text, err);
	if (r == 0 && (renameat(store->dir, "trial.new", store->dir, "trial") < 0 ||
			      fsync(store->dir) < 0))
		r = txn_fail(err, -errno, TRIAL_PATH, "writing");
	if (r < 0)
		(void)unlinkat(store->dir, "trial.new", 0);
	return r;
}

static int put(struct txn_store *store, const struct trial *trial, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	if (trial_format(trial, &text) < 0)
		return error_no_memory(err);
	return put_text(store, text, err);
}

static int clear(struct txn_store *store, struct error *err)
{
	if (unlinkat(store->dir, "trial", 0) < 0)
		return errno == ENOENT ? 0 : txn_fail(err, -errno, TRIAL_PATH, "removing");
	return fsync(store->dir) < 0 ? txn_fail(err, -errno, TRIAL_PATH, "removing") : 0;
}

/* *ret NULL: there is none. */
static int read_old(const struct root *root, char **ret, struct error *err)
{
	struct error why = {0};
	int r = root_read_text(root, TRIAL_PATH, ret, &why);

	return r < 0 && r != -ENOENT ? error_set(err, r, "%s", why.text) : 0;
}

int txn_trial_put_back(struct txn_store *store, const char *old, struct error *err)
{
	return old ? put_text(store, old, err) : clear(store, err);
}

/* What failed may have been done, and not for certain. */
static int keep_old(struct txn_store *store, int r, char **old, char **ret_old)
{
	if (r < 0)
		(void)txn_trial_put_back(store, *old, NULL);
	else
		*ret_old = TAKE_PTR(*old);
	return r;
}

int txn_trial_set(struct txn_store *store, const struct root *root, const struct plan *plan,
	const char *id, char **ret_old, struct error *err)
{
	_cleanup_free_ char *old = NULL;
	struct trial trial = {.minutes = plan->trial}, earlier;
	int r = read_old(root, &old, err);

	if (r < 0)
		return r;
	if (old && trial_load(root, &earlier, NULL) == 0 &&
		!strv_has(&plan->undoes, earlier.snapshot))
		id = earlier.snapshot;
	(void)snprintf(trial.snapshot, sizeof(trial.snapshot), "%s", id);
	trial_boot(root, trial.boot, sizeof(trial.boot));
	return keep_old(store, put(store, &trial, err), &old, ret_old);
}

int txn_trial_end(struct txn_store *store, const struct root *root, const struct plan *plan,
	char **ret_old, struct error *err)
{
	_cleanup_free_ char *old = NULL;
	struct trial trial;
	int r;

	/* What is gone back to may be what is on trial: then it still is. */
	if (plan->trial || (plan->undoes.n && trial_load(root, &trial, NULL) == 0 &&
				   !strv_has(&plan->undoes, trial.snapshot)))
		return 0;
	r = read_old(root, &old, err);
	return r < 0 || !old ? r : keep_old(store, clear(store, err), &old, ret_old);
}

/* Its files are as before it, put back by hand or by a rollback whose commands failed; but for
 * those that take it back at boot. */
static bool is_put_back(const struct root *root, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_files; i++) {
		enum snapshot_side side;

		if (!trial_is_switch(s->files[i].path) &&
			(snapshot_file_side(root, &s->files[i], &side, NULL) < 0 ||
				side != SNAPSHOT_BEFORE))
			return false;
	}
	return true;
}

/* Under our own lock, so that nobody is at it: the newest change is neither new nor old. */
static int check_whole(const struct root *root, struct error *err)
{
	_cleanup_(snapshots_free) struct snapshots list = {0};
	int r = snapshots_load(root, &list, err);

	for (size_t i = 0; r == 0 && i < list.n; i++) {
		const struct snapshot *s = &list.v[i];

		if (!s->happened)
			continue;
		if (s->cut_short && !s->damaged && !is_put_back(root, s))
			return error_set(err, -EBUSY,
				"change %s was cut short, so there is nothing whole to confirm: "
				"first `%s recover` with --finish or --back",
				s->id, root_command(root));
		break;
	}
	return r;
}

int txn_confirm(const struct root *root, struct error *err)
{
	struct txn_store store;
	int r = txn_store_open(root, &store, err);

	if (r < 0)
		return r;
	if (root_exists(root, TRIAL_PATH))
		r = check_whole(root, err);
	if (r == 0)
		r = clear(&store, err);
	txn_store_close(&store, false);
	return r;
}

static int begin(struct txn_store *store, const struct root *root, struct error *err)
{
	struct trial trial;
	int r = trial_load(root, &trial, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (*trial.tried || trial_now(root, &trial) == TRIAL_AHEAD)
		return 0;
	trial_boot(root, trial.tried, sizeof(trial.tried));
	return put(store, &trial, err);
}

int txn_trial_begin(const struct root *root, struct error *err)
{
	struct txn_store store;
	int r = txn_store_open(root, &store, err);

	if (r < 0)
		return r;
	r = begin(&store, root, err);
	txn_store_close(&store, false);
	return r;
}
