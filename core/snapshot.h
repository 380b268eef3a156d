/* What a transaction replaced: /var/lib/vfio-wizard/snapshots/ID/, root only.
 *
 *   manifest   text, written before the first change
 *   before/N after/N   the content of file N on either side
 *   state      one word, replaced atomically: pending, complete, rolled-back
 * Reading treats everything as hostile: a path that leaves the root or a damaged manifest is an
 * error naming the snapshot, and the others stay usable. */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include "core/plan.h"

#define SNAPSHOT_DIR "/var/lib/vfio-wizard/snapshots"

enum snapshot_state { SNAPSHOT_COMPLETE, SNAPSHOT_INTERRUPTED, SNAPSHOT_ROLLED_BACK };

/* Owner and extended attributes travel with a file; the plan knows nothing of them. */
struct snapshot_file {
	char *path;
	struct content before, after;
	uid_t uid;
	gid_t gid;
};

struct snapshot {
	char *id;                    /* "20261122-150301-1": sorts by time */
	int64_t time;                /* seconds since 1970, UTC */
	char *summary;
	enum snapshot_state state;
	char *damaged;               /* why it cannot be used; NULL: it can */
	struct snapshot_file *files;
	size_t n_files;
	struct command *commands;
	size_t n_commands;
	struct strv directories;     /* made by the transaction, outermost first */
};

struct snapshots {
	struct snapshot *v;          /* newest first */
	size_t n;
};

const char *snapshot_state_name(enum snapshot_state state);
/* None is not an error. -EACCES: only root may look; the error says so. */
int snapshots_load(const struct root *root, struct snapshots *ret, struct error *err);
const struct snapshot *snapshots_find(const struct snapshots *snapshots, const char *id);
void snapshots_free(struct snapshots *snapshots);

/* A plan that takes the system back to before snapshot `id` (NULL: the newest that is not rolled
 * back): later snapshots are undone with it.  A file that someone changed since is a finding
 * "file-changed" (danger) in the plan, whose text names it; the plan's `before` is the present content,
 * so the diff shows what would be lost. */
int snapshot_rollback_plan(const struct root *root, const struct snapshots *snapshots, const char *id,
	struct plan **ret, struct error *err);

#endif
