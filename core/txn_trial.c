#include "core/txn.h"

#include "core/trial.h"
#include "core/txn_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What was never confirmed goes back as a whole. */
static void fill(const struct root *root, const char *id, unsigned minutes, struct trial *ret)
{
	if (trial_load(root, ret, NULL) < 0)
		(void)snprintf(ret->snapshot, sizeof(ret->snapshot), "%s", id);
	ret->minutes = minutes;
	trial_boot(root, ret->boot, sizeof(ret->boot));
}

int txn_trial_set(struct txn_store *store, const struct root *root, const char *id,
	unsigned minutes, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct trial trial = {0};
	int r;

	fill(root, id, minutes, &trial);
	if (trial_format(&trial, &text) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	(void)unlinkat(store->dir, "trial.new", 0);
	r = txn_write_new(store->dir, "trial.new", text, err);
	if (r < 0)
		return r;
	if (renameat(store->dir, "trial.new", store->dir, "trial") < 0 || fsync(store->dir) < 0)
		return txn_fail(err, -errno, TRIAL_PATH, "writing");
	return 0;
}

int txn_trial_clear(struct txn_store *store, struct error *err)
{
	if (unlinkat(store->dir, "trial", 0) < 0)
		return errno == ENOENT ? 0 : txn_fail(err, -errno, TRIAL_PATH, "removing");
	return fsync(store->dir) < 0 ? txn_fail(err, -errno, TRIAL_PATH, "removing") : 0;
}

int txn_confirm(const struct root *root, struct error *err)
{
	struct txn_store store;
	int r = txn_store_open(root, &store, err);

	if (r < 0)
		return r;
	r = txn_trial_clear(&store, err);
	txn_store_close(&store, false);
	return r;
}
