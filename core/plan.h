/* machine + choice -> the changes and commands that make it so.  Reads, never writes. */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "core/check.h"
#include "core/choice.h"
#include "core/existing.h"
#include "core/forecast.h"
#include "core/machine.h"
#include "core/root.h"

enum content_kind { CONTENT_ABSENT, CONTENT_FILE, CONTENT_LINK };

/* Who owns a file and what else the file system keeps with it. */
struct attributes {
	uid_t uid;
	gid_t gid;
	struct strv xattrs;          /* "NAME=VALUE" with percent escapes, sorted; of files only */
};

/* What is, or shall be, at a path. */
struct content {
	enum content_kind kind;
	mode_t mode;                 /* permission bits; files only */
	bool on_fat;                 /* it was read there: mode and owner are the mount's, not the file's,
	                                and another mount has others; content_same() ignores them */
	char *text;                  /* file: its text, no NUL inside; link: where it points; absent: NULL */
	struct attributes *attributes; /* NULL: as what it replaces, the writer's own when new.  Only
	                                  going back asks for others; content_same() is about the rest */
};

/* One file.  path is resolved: no part of it is a symbolic link. */
struct change {
	char *path;
	struct content before, after;
	const char *target;          /* name of the target that asks for it */
};

/* Where a command stands among the others: the boot loader last, since it is told what there is. */
enum command_stage {
	COMMAND_UNDO,                /* before the files are written; only going back has these */
	COMMAND_PREPARE,
	COMMAND_INITRAMFS,
	COMMAND_CHECK,               /* opens what was built */
	/* Puts in place what a command of COMMAND_INITRAMFS wrote beside it, by one rename: only those
	 * of plan_add_place(). */
	COMMAND_PLACE,
	COMMAND_BOOT_LOADER,
};

/* One program to run after the files are written: argv, no shell.  argv[0] is absolute. */
struct command {
	enum command_stage stage;
	struct strv argv;
	char *purpose;               /* "rebuild the initramfs of every kernel" */
	/* What takes it back, for a tool with a state of its own that no file of the plan shows
	 * (grubby --remove-args).  May be run though the command never was: it does no harm then.
	 * Empty: the way back is to run the command again when the old files are there. */
	struct strv undo;
	/* A file without which neither the command nor its undo has anything to do any more, such as a
	 * kernel's entry; NULL: none.  Once that is gone, going back and finishing leave it out. */
	char *about;
	/* Texts of which each must be in some line of the output, or the command has failed; its
	 * last argument names what was looked into.  Not run when going back, which builds from the
	 * old files. */
	struct strv expect;
};

struct plan {
	struct change *changes;      /* in the order in which they are written */
	size_t n_changes;
	/* Of changes that overwrite what somebody edited since vfio-wizard wrote the file: from what it
	 * wrote to what is there now.  With the change itself they are all three: ours, theirs, before. */
	struct change *edits;
	size_t n_edits;
	struct command *commands;    /* in the order of their stages */
	size_t n_commands;
	struct forecast forecast;
	struct findings findings;
	struct choice before, after; /* the choice installed now, and the one planned */
	bool refused;                /* this system is not configured: findings only, nothing to do */
	struct strv undoes;          /* ids of the snapshots that this plan takes back; else empty */
	bool takes_over;             /* it ends what an interrupted transaction began */
	unsigned trial;              /* minutes that the next boot is on trial; 0: it is not */
	const char *way_back;        /* parameters_way_back(), static; NULL: not looked at */
	char *summary;               /* "bind 0000:01:00.0, 0000:01:00.1", for the snapshot list */
};

/* A plan for `choice`.  Nothing to do: n_changes and n_commands are 0.  Errors name the file and
 * line that stand in the way.  The plan borrows devices from the machine, which must outlive it. */
int plan_build(const struct root *root, const struct machine *machine, const struct choice *choice,
	struct plan **ret, struct error *err);
struct plan *plan_free(struct plan *plan);
void plan_freep(struct plan **plan);
bool plan_is_empty(const struct plan *plan);

/* For targets and for going back: one change more, at the end; one command more, at the end of its
 * stage.  Texts are copied. */
int plan_add_change(struct plan *plan, const char *target, const char *path,
	const struct content *before, const struct content *after);
int plan_add_command(struct plan *plan, enum command_stage stage, const char *purpose,
	const char *const argv[]);
/* One of plan->edits. */
int plan_add_edit(struct plan *plan, const char *path, const struct content *ours,
	const struct content *now);
/* One with an undo (NULL: none); about (may be NULL) as struct command has it.  A target that adds
 * it has read what the tool keeps, and adds it only when that has to change: an interrupted one is
 * not run again for a choice that is another. */
int plan_add_undoable(struct plan *plan, enum command_stage stage, const char *purpose,
	const char *const argv[], const char *const undo[], const char *about);
/* One of COMMAND_CHECK with what its output must have; none of expect: the exit status alone. about
 * as above. */
int plan_add_check(struct plan *plan, const char *purpose, const char *const argv[],
	const struct strv *expect, const char *about);
/* Renames `from` to `to`, both without links and on one file system; a command of COMMAND_INITRAMFS that
 * has `from` among its words wrote it.  about: as struct command has it. */
int plan_add_place(
	struct plan *plan, const char *purpose, const char *from, const char *to, const char *about);
/* Of a command that writes beside, and of the one that puts that in place: the latter, out of n; NULL:
 * it is neither. */
const struct command *command_place(
	const struct command *commands, size_t n, const struct command *command);
/* By the name of its program, wherever that is: a manifest may hold anything. */
bool command_runs(const struct command *command, const char *program);
/* What it puts in place. */
const char *command_placed(const struct command *place);
/* The plan runs a program with the same arguments. */
bool plan_has_command(const struct plan *plan, const struct command *command);
/* Worth telling of the forecast: somebody chose the device, or its driver changes. */
bool plan_concerns(const struct plan *plan, const struct forecast_entry *entry);
/* The change of what is at a resolved path, in plan->changes; NULL: there is none. */
struct change *plan_find_change(const struct plan *plan, const char *path);
/* Takes one of plan->changes out. */
void plan_drop_change(struct plan *plan, struct change *change);
/* Takes those out of which that holds.  False: there were none. */
bool plan_drop_commands(struct plan *plan,
	bool (*is)(const struct command *command, const void *arg), const void *arg);
/* Takes those out that run `argv`. */
void plan_drop_command(struct plan *plan, const struct strv *argv);
/* Takes those out that have a command_place().  False: there were none. */
bool plan_drop_placed(struct plan *plan);

/* Reads what is at `path` now, links resolved inside the root; *ret_path (may be NULL) gets the
 * resolved path.  want_link: the last part is not followed.  Missing is CONTENT_ABSENT, not an error;
 * what is neither file nor link, or not text, is. */
int content_read(const struct root *root, const char *path, bool want_link, char **ret_path,
	struct content *ret, struct error *err);
bool content_same(const struct content *a, const struct content *b);
int content_copy(struct content *to, const struct content *from);
void content_free(struct content *content);
void command_free(struct command *command);

#endif
