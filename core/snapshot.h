/* What a transaction replaced: /var/lib/vfio-wizard/snapshots/ID/, root only.
 *
 *   manifest   text (core/manifest.h), written before the first change
 *   before-N after-N   the content of file N on either side, for hands too
 *   left-N     what a command with an undo made of file N afterwards; mostly there is none
 *   met-N, undone-N   for hands: what such a command, or somebody while it ran, had made of file N
 *              before it was written, or put back after a failure; mostly there is none
 *   state      one word, replaced atomically: pending, complete, rolled-back
 *
 * and, for the writer only, the two other words and, until the end, a reserve of disk space.
 * The snapshots are a history: each says how the files were before and after it, also one that goes
 * back.  So any two points in time can be joined, and going back can itself be taken back.
 * Reading treats everything as hostile: a path that leaves the root or a damaged manifest is an
 * error naming the snapshot, and the others stay usable. */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include "core/plan.h"

/* Everybody may read what is right in it (core/words.h), but for the lock. */
#define SNAPSHOT_STATE_DIR "/var/lib/vfio-wizard"
#define SNAPSHOT_DIR       SNAPSHOT_STATE_DIR "/snapshots"
/* Whoever writes holds an F_OFD_SETLK lock on it, and so does what it runs, also when it was killed
 * itself.  In it, for messages only: its pid, then "PID PROGRAM" of what it last ran. */
#define SNAPSHOT_LOCK      SNAPSHOT_STATE_DIR "/lock"

/* So many are kept: of older ones those go that nothing newer builds on.  One that `rollback` would go
 * back to stays, with all that came after it and is part of the history. */
#define SNAPSHOT_KEPT 20

enum snapshot_state {
	SNAPSHOT_COMPLETE,           /* by itself, or because a later one finished what it began */
	SNAPSHOT_INTERRUPTED,        /* neither finished nor put back */
	SNAPSHOT_ROLLED_BACK,        /* put back by itself after a failure, or by a later one */
	SNAPSHOT_APPLYING,           /* another instance is at it, or what a killed one had started */
};

struct snapshot_file {
	char *path;
	/* With attributes unless absent.  Of `after` these are what the writer was asked for. */
	struct content before, after;
	struct content left;         /* what a command of ours made of `after`; absent: it stands */
	uint64_t before_sum, after_sum;   /* manifest_sum() of the texts of files */
};

struct snapshot {
	char *id;                    /* "20261122-150301-17": UTC, and a number that counts up */
	uint64_t number;             /* the last part: it is the order, since clocks go backwards */
	int64_t time;                /* seconds since 1970, UTC */
	char *summary;
	enum snapshot_state state;
	bool happened;               /* part of the history: not put back by itself */
	bool cut_short;              /* its end was never reached: each file of it was old or new */
	char *damaged;               /* why it cannot be used; NULL: it can */
	struct snapshot_file *files; /* in the order in which they were written */
	size_t n_files;
	struct command *commands;
	size_t n_commands;
	struct strv directories;     /* after it, these exist only because of us; outermost first */
	struct strv undoes;          /* ids that it takes back: it is a going back; else empty */
};

struct snapshots {
	struct snapshot *v;          /* newest first */
	size_t n;
};

/* "complete", "interrupted", "rolled-back", "applying" */
const char *snapshot_state_name(enum snapshot_state state);
/* None is not an error. -EACCES: only root may look; the error says so. */
int snapshots_load(const struct root *root, struct snapshots *ret, struct error *err);
const struct snapshot *snapshots_find(const struct snapshots *snapshots, const char *id);
void snapshots_free(struct snapshots *snapshots);
void snapshot_free(struct snapshot *snapshot);

/* Who holds the lock, and what to wait for, into err with this code; returns the code. */
int snapshot_held(const struct root *root, int code, struct error *err);

/* The number in an id.  -EINVAL: not an id. */
int snapshot_number(const char *id, uint64_t *ret);

/* Owner and extended attributes of the file or link at a resolved path; those that the kernel makes
 * from the content (security.ima, security.evm) are left out.  Replaces content->attributes. */
int snapshot_read_attributes(const struct root *root, const char *path, struct content *content,
	struct error *err);

/* Adds to a plan that goes on the commands of interrupted snapshots: the files may be new already,
 * and what is made from them may not be.  Says so in a finding "interrupted" for each.  Who may not look into snapshots adds none. */
int snapshot_add_unfinished(const struct root *root, struct plan *plan, struct error *err);

/* The newest snapshot when it is interrupted, so that it is open whether it shall be finished or taken
 * back; NULL: there is none. */
const struct snapshot *snapshots_interrupted(const struct snapshots *snapshots);

/* The choice that its change installs; what parsing allocated is freed.  -ENOENT: it left the
 * choice as it was; -EINVAL: it cannot be read. */
int snapshot_choice(
	const struct root *root, const struct snapshot *s, struct choice *ret, struct error *err);

/* What is at the path of a file of a snapshot now. */
enum snapshot_side { SNAPSHOT_BEFORE, SNAPSHOT_AFTER, SNAPSHOT_NEITHER };
int snapshot_file_side(const struct root *root, const struct snapshot_file *file,
	enum snapshot_side *ret, struct error *err);

/* A plan that does the rest of what an interrupted snapshot began, also of a going back, from what the
 * snapshot holds alone: neither hardware nor choice is looked at.  Commands are run again, those that
 * check too; what they do for one kernel each is done for the kernels that are there now.  A file that is neither old nor new is a finding "file-changed" (danger).
 * -ENOENT: nothing is interrupted.  Others as snapshot_rollback_plan(). */
int snapshot_finish_plan(const struct root *root, const struct snapshots *snapshots,
	struct plan **ret, struct error *err);

/* A plan that takes the system back to before snapshot `id`, with its commands as above: later ones are undone with it, and one
 * before it that was cut short, since `id` went on from half a change (a going back excepted).
 * NULL: the newest complete or interrupted one that is not itself a going back, so that asking
 * again goes further back; a going back is taken back by naming it.
 * A file that someone changed since is a finding "file-changed" (danger), whose text names it; the
 * plan's `before` is the present content, so the diff shows what would be lost.
 * -ENOENT: no such snapshot, or nothing to go back to.  -EUCLEAN: a damaged one is in the way.
 * -EALREADY: `id` is rolled back.  -EBUSY: another instance is applying. */
int snapshot_rollback_plan(const struct root *root, const struct snapshots *snapshots, const char *id,
	struct plan **ret, struct error *err);

#endif
