/* Inside the transaction: what it will do (txn_record), what writes (txn_files), what keeps the
 * snapshot (txn_store), what it knows of files (txn_known), what runs programs (txn_run).  Only these
 * files, txn.c and txn_back.c change anything on the system. */
#ifndef CORE_TXN_PRIVATE_H
#define CORE_TXN_PRIVATE_H

#include "core/plan.h"
#include "core/snapshot.h"
#include "core/txn.h"

/* -- txn_record: a plan held against the system as it is -- */
struct txn_record {
	struct snapshot snapshot;    /* what the snapshot will say; the files are written from it */
	struct strv make;            /* directories that come, outermost first */
	struct strv drop;            /* ours that become empty and go, innermost first */
	struct strv outdated;        /* ids of snapshots that make room once this one is complete */
	struct strv cut_short;       /* ids of those that still hold room for going back */
};

/* Called under the lock.  Every file is what the plan says it is, and can be written: else -ESTALE,
 * -EROFS, ...  Sweeps up what an interrupted transaction left.  On failure too the caller frees. */
int txn_record_make(const struct root *root, const struct plan *plan, struct txn_record *record,
	struct error *err);
void txn_record_free(struct txn_record *record);

/* -- txn_files: single files, below the descriptor of a root directory --
 * Every path is absolute and free of symbolic links; one that has become a link is an error, never
 * followed.  Errors name the path and what to do.  What returns 0 is on the disk. */

/* Fills err from an errno with the remedy that it calls for; returns code. */
int txn_fail(struct error *err, int code, const char *path, const char *doing);

/* Makes path what `content` says, atomically: before and after a crash it is old or new.  Missing
 * directories are made (0755).  What is not absent must have attributes. */
int txn_put(int root, const char *path, const struct content *content, struct error *err);
/* Removes what a crash in txn_put() may have left beside path. */
void txn_sweep(int root, const char *path);

/* The directory itself; make: with the missing ones, mode for the last, the rest 0755.  *made (may
 * be NULL) gets the paths made, outermost first.  A descriptor or -errno. */
int txn_open_directory(int root, const char *path, bool make, mode_t mode, struct strv *made,
	struct error *err);
/* One that is not empty stays, one that is not there is gone: no errors. */
int txn_remove_directory(int root, const char *path, struct error *err);
/* A new file of ours, fsynced. */
int txn_write_new(int dir, const char *name, const char *text, struct error *err);
/* What programs wrote is on the disk too: every file system that a system may have its programs,
 * its configuration or what starts it on.  Few programs see to that themselves. */
int txn_sync(const struct root *root, struct error *err);

/* -- txn_store: the state directory, its lock, one snapshot -- */
struct txn_store {
	int root;                    /* borrowed */
	int dir, snapshots, lock;    /* SNAPSHOT_STATE_DIR, SNAPSHOT_DIR, SNAPSHOT_LOCK; -EBADF: closed */
	char *path;                  /* the state directory, resolved */
	struct strv made;            /* directories made for it, outermost first */
};

/* Makes the directories, takes the lock.  -EAGAIN: held, by whom snapshot_held() says. */
int txn_store_open(const struct root *root, struct txn_store *ret, struct error *err);
/* What the lock says of a program that was just started, which holds it too. */
void txn_store_runs(struct txn_store *store, pid_t pid, const char *program);
/* Gives the lock back, also for what a program of ours left behind.  trace false: also removes the
 * directories it made. */
void txn_store_close(struct txn_store *store, bool trace);
/* Writes the snapshot under its id, state pending; on failure nothing of it is left. */
int txn_store_write(struct txn_store *store, struct snapshot *snapshot, struct error *err);
/* A text of file i beside its before and after; what: as core/snapshot.h has the names. */
int txn_store_keep(struct txn_store *store, const char *id, const char *what, size_t i,
	const char *text, struct error *err);
/* The state, atomically and without needing space: both words lie ready in the snapshot. */
int txn_store_mark(struct txn_store *store, const char *id, enum snapshot_state state,
	struct error *err);
void txn_store_remove(struct txn_store *store, const char *id);
/* Gives up the room that the snapshot holds for going back. */
void txn_store_release(struct txn_store *store, const char *id);

/* -- txn_known: what each file of a snapshot is, as far as the transaction knows -- */
/* As it was met, as it was written, or as a command with an undo, which may keep its state in that very
 * file, left it. */
struct txn_known {
	const struct content *content;
	struct content left;
	bool so;                     /* it was so when that command was started */
};

/* Each as it was met. -ENOMEM. */
int txn_known_make(const struct snapshot *s, struct txn_known **ret, struct error *err);
void txn_known_free(const struct snapshot *s, struct txn_known *known);
/* Before such a command and after it: what was so before and is not after it, the command did. */
void txn_known_mark(const struct root *root, const struct snapshot *s, struct txn_known *known);
void txn_known_learn(const struct root *root, const struct snapshot *s, struct txn_known *known);
/* File i is as it is known to be: else -ESTALE, and it is left as it is. */
int txn_known_check(const struct root *root, const struct snapshot *s,
	const struct txn_known *known, size_t i, struct error *err);
/* Before file i is overwritten: what was learned of it may also be the work of somebody who had it open
 * meanwhile, so it is kept in the snapshot as `what`.  *ret gets a remark where, NULL: nothing is lost. */
int txn_known_save(struct txn_store *store, const struct snapshot *s,
	const struct txn_known *known, size_t i, const char *what, char **ret, struct error *err);
/* So that going back one day does not take the commands' work for somebody's edit; as far as it can be
 * kept: without it going back asks once more. */
void txn_known_keep(
	struct txn_store *store, const struct snapshot *s, const struct txn_known *known);

/* -- txn_trial: TRIAL_PATH, as core/trial.h has it -- */
/* *ret_old gets what was there, NULL: nothing.  One that nobody confirmed stays what is gone back to. */
int txn_trial_set(struct txn_store *store, const struct root *root, const struct plan *plan,
	const char *id, char **ret_old, struct error *err);
/* Once all of the plan is done: what it took back, or put another choice in place of that needs no trial,
 * is on trial no more.  *ret_old gets what was there, NULL: nothing, or it stays. */
int txn_trial_end(struct txn_store *store, const struct root *root, const struct plan *plan,
	char **ret_old, struct error *err);
/* As it was before either. */
int txn_trial_put_back(struct txn_store *store, const char *old, struct error *err);

/* -- txn_run: one program -- */
enum txn_run_result { TXN_RUN_NOTHING, TXN_RUN_LINE, TXN_RUN_ENDED };

struct txn_run {
	pid_t pid;                   /* 0: none; leads its own session and process group */
	int end, out, timer, poll;   /* poll: an epoll over the others, readable when there is news */
	bool ended, asked_to_end;
	size_t drained;              /* bytes read after it ended */
	char in[4096];
	size_t in_pos, in_len;
	struct str line;
	int escape;                  /* within an escape sequence: 1 after ESC, 2 after ESC [ */
	bool after_cr, cut, given;
};

/* lock: a descriptor that the program and what it starts keep open, so that what is locked by it stays
 * so however we end; -EBADF: none.  -errno when it could not be started: nothing ran. */
int txn_run_start(struct txn_run *run, const struct root *root, const struct strv *argv, int lock,
	struct error *err);
/* Never blocks.  LINE: *line is valid until the next call.  ENDED: *code is the exit status, 128
 * and the signal's number when one ended it; everything of it is released. */
enum txn_run_result txn_run_step(struct txn_run *run, const char **line, int *code);
/* SIGTERM to the whole group, SIGKILL when a grace period is over. */
void txn_run_end(struct txn_run *run);

/* -- txn and txn_back: one transaction, forward and back -- */
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

/* What a phase returns; AGAIN: nothing to tell, step on. */
enum { TXN_STEP_OVER, TXN_STEP_MORE, TXN_STEP_AGAIN };

int txn_tell(struct txn *txn, struct txn_event *ev, enum txn_event_kind kind, int code,
	const char *fmt, ...) _printf_(5, 6);
/* The last event; the lock is given back. */
int txn_over(struct txn *txn, struct txn_event *ev, enum txn_event_kind kind, int code,
	const char *text);
/* argv: a command's own, or its undo.  check: the command when its output is to be looked into. */
int txn_start(struct txn *txn, struct txn_event *ev, const struct strv *argv, bool keeps_state,
	const struct command *check, struct error *err);
/* The running command: its next line, or its end with its status in *ret_code. */
int txn_follow(struct txn *txn, struct txn_event *ev, bool *ret_ended, int *ret_code);
/* What is not empty yet stays. */
int txn_remove_directories(struct txn *txn, const struct strv *paths, bool backwards,
	struct error *err);
/* What a next boot needs to take back or to tell a change that is cut short goes when all the rest is
 * done and on the disk. */
bool txn_goes_last(const struct snapshot_file *file, const struct content *to);

/* From here on it goes back, for what is in txn->why. */
int txn_back(struct txn *txn, struct txn_event *ev);

#endif
