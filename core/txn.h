/* The transaction: the only writer, the only place that starts programs.
 *
 * lock -> verify every `before` -> snapshot, fsynced -> trial -> write each file (temp, fsync, rename, fsync
 * of the directory) -> run each command -> syncfs -> delete what goes last (trial_is_switch) -> commit.
 * Commands of COMMAND_UNDO run before the files.  A failure
 * or txn_cancel() goes the same way back: the undo of each command that was started, newest first, then
 * the files, then the commands without an undo again for the old state, what goes last at the end here too;
 * but what was written beside its place and not put there (COMMAND_PLACE) is removed instead, and so is what could not be written anew.
 * The caller drives it by txn_step() and waits on txn_fd(), so that one loop serves the screen and the running command.  Both outcomes are reported as events. */
#ifndef CORE_TXN_H
#define CORE_TXN_H

#include "core/plan.h"
#include "core/rescue.h"
#include "core/snapshot.h"

enum txn_flags {
	TXN_NO_COMMANDS = 1 << 0,    /* write the files, leave the commands to the person */
};

enum txn_event_kind {
	TXN_NOTHING,                 /* wait on txn_fd() and call again */
	TXN_SNAPSHOT,                /* text: the snapshot's id */
	TXN_FILE,                    /* text: the path just written; with where what a command had made
	                                of it is kept, if that is lost with it; TXN_RESTORED likewise */
	TXN_COMMAND,                 /* text: the command line that starts now */
	TXN_OUTPUT,                  /* text: one line of its output, control characters removed; none
	                                of a check, whose output is looked into */
	TXN_COMMAND_DONE,            /* text: the command line; code: exit status */
	TXN_FAILED,                  /* text: what failed and why; going back begins */
	TXN_RESTORED,                /* text: a path put back */
	TXN_RESTORE_FAILED,          /* text: what could not be put back and what to do */
	TXN_COMMITTED,               /* done; text: the snapshot's id */
	TXN_ROLLED_BACK,             /* text: why; code 0: everything is as before.  Else -EIO: not
	                                everything (TXN_RESTORE_FAILED told), and the snapshot stays
	                                interrupted, so that going back can be tried again */
};

struct txn_event {
	enum txn_event_kind kind;
	int code;
	char *text;                  /* the transaction's, valid until the next step; never NULL */
	size_t done, total;          /* steps: files and commands */
};

struct txn;

/* Takes the lock, compares every target with the plan's `before`, writes the snapshot.  Fails without
 * a trace: -EAGAIN another instance, or what a killed one had started, holds the lock (named), -ESTALE a file changed since the plan
 * (named), -EROFS, -EACCES, -ENOSPC, -ENODATA an empty plan.  The plan must outlive the transaction. */
int txn_begin(const struct root *root, const struct plan *plan, unsigned flags, struct txn **ret,
	struct error *err);

/* One step.  1: more to come, ev says what happened.  0: over; ev is TXN_COMMITTED or TXN_ROLLED_BACK.
 * Never fails: what goes wrong is an event.  Never waits for a command. */
int txn_step(struct txn *txn, struct txn_event *ev);

/* Readable (poll) when txn_step() has more to say.  -1: no command runs, step at once. */
int txn_fd(const struct txn *txn);

/* Goes back, from the next step on; a running command is ended (SIGTERM, SIGKILL after 5 s).  Without
 * effect once going back has begun or the transaction is over: the way back is not cut short. */
void txn_cancel(struct txn *txn);

/* Ends a trial (core/trial.h): what is applied stays.  -EAGAIN as txn_begin(); -EBUSY: the newest change was
 * cut short, so that what there is has to be finished or taken back first. */
int txn_confirm(const struct root *root, struct error *err);
/* Notes that the boot on trial is this one, unless an earlier one was noted.  -EAGAIN as txn_begin(). */
int txn_trial_begin(const struct root *root, struct error *err);

/* Mends what rescue_look() found, in its order.  Needs root; errors name the place. */
int txn_mount(const struct root *root, const struct rescue_item *item, struct error *err);

/* The running system has its devices back until the next boot, but for what a guest uses: a disk
 * among them may hold what is missing. */
int txn_give_back(struct error *err);

/* A new file of the person's, outside of any transaction and any root: what they asked to keep of our
 * words.  -EEXIST: nothing is ever replaced. */
int txn_save(const char *path, const char *text, struct error *err);

struct txn *txn_free(struct txn *txn);          /* unfinished: goes back first, silently */
void txn_freep(struct txn **txn);

#endif
