/* For tests of what writes: a small system to change, plans on it, transactions run to their end. */
#ifndef TESTS_SUPPORT_TXN_H
#define TESTS_SUPPORT_TXN_H

#include "core/txn.h"

#define SUPPORT_OWNER 12       /* of some files of the system, where the tests run as root */

/* What a path shall become; text NULL: deleted. */
struct support_edit {
	const char *path;
	const char *text;
	mode_t mode;           /* 0: a symbolic link to text */
};

/* Edits of every kind on the system of support_txn_system(); the last one has path NULL. */
extern const struct support_edit support_edits[];

/* A scratch root with files, links, owners and an extended attribute; programs: also a /bin/sh that
 * runs in it. */
char *support_txn_system(bool programs);
void support_txn_programs(const char *dir);      /* the same /bin/sh into another root */
/* Everything in it but the state directory, and extended attributes too. */
char *support_txn_tree(const char *dir);

struct root *support_txn_root(const char *dir);
/* The plan of the edits on what is there now, with one command `/bin/sh -c SCRIPT` for each script
 * (NULL-terminated; NULL: none). */
struct plan *support_txn_plan(const struct root *root, const struct support_edit *edits,
	const char *const *scripts);

/* Runs to the end, waiting on txn_fd().  Each event is a line of *log (may be NULL): its kind in lower
 * case, its code when that is not 0, its text.  Returns the last event's kind. */
enum txn_event_kind support_txn_run(struct txn *txn, struct str *log);
void support_txn_log(struct str *log, const struct txn_event *ev);
/* Plan, begin, run; the test fails unless it is committed. */
void support_txn_apply(const char *dir, const struct support_edit *edits,
	const char *const *scripts);
/* The same for going back; id NULL: as snapshot_rollback_plan() has it. */
void support_txn_rollback(const char *dir, const char *id);
/* The numbers of all snapshots, newest first, each with its state: "2 complete\n". */
char *support_txn_states(const char *dir);
/* The id of snapshot `number`; the caller frees. */
char *support_txn_id(const char *dir, unsigned number);

#endif
