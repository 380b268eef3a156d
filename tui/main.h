/* What the files of the program itself share: main.c (options, the wizard), main_show.c (commands
 * that only look), main_apply.c (commands that change), main_trial.c (confirm, expire) and
 * main_carry_out.c (a plan shown, agreed to and applied). */
#ifndef TUI_MAIN_H
#define TUI_MAIN_H

#include "core/choice.h"
#include "core/machine.h"
#include "core/root.h"
#include "core/snapshot.h"

#include <signal.h>

/* The command line, taken apart.  Strings are argv's. */
struct main_options {
	const char *root, *sysfs; /* sysfs NULL: as root_open() finds it */
	bool json, yes, no_commands, all, finish, back, mount, ssh_login, begin;
	bool unattended;        /* nobody is there to decide: dangers are accepted */
	struct strv accept;     /* ids of findings */
	const char *boot_loader, *initramfs; /* names of kinds; NULL: as it was */
	const char *format, *output; /* of guest; NULL: libvirt, standard output */
	unsigned trial_minutes; /* 0: as it was */
	unsigned with, without; /* bits of enum choice_option */
	char **args;            /* the words after the command */
	size_t n_args;
};

enum main_exit {
	MAIN_DONE = 0,
	MAIN_FAILED = 1, /* refused or failed; nothing half done */
	MAIN_USAGE = 2,
	MAIN_HALF_DONE = 3, /* failed, and not everything could be put back */
};

/* The commands: each returns an exit status and has said on standard error why it is not 0. */
int main_list(const struct main_options *o);
int main_check(const struct main_options *o);
int main_plan(const struct main_options *o);
int main_guest(const struct main_options *o);
int main_confirm(const struct main_options *o);
int main_expire(const struct main_options *o);
int main_verify(const struct main_options *o);
int main_snapshots(const struct main_options *o);
int main_apply(const struct main_options *o);
int main_release(const struct main_options *o);
int main_rollback(const struct main_options *o);
int main_recover(const struct main_options *o);

/* Says on standard error when a change was cut short. */
void main_note_interrupted(const struct root *root, const struct snapshots *snapshots);
/* The same for commands that only look.  Who may not know is told nothing. */
void main_look_for_interrupted(const struct main_options *o);
/* "vfio-wizard: ..." on standard error; returns status, so that `return main_error(...)` keeps
 * the flow. */
int main_error(int status, const char *fmt, ...) _printf_(2, 3);
/* The text on standard output; without control characters if that is a terminal.  r: what building
 * the text returned.  Returns an exit status. */
int main_print(int r, const struct str *text);
/* Like main_error(), for a word that the command line should not have. */
int main_usage(const char *fmt, ...) _printf_(1, 2);

/* The root and its machine, what: bits of enum machine_scan; machine NULL: not needed.  0, or an
 * exit status that was explained. */
int main_open(const struct main_options *o, unsigned what, struct root **ret_root,
	struct machine **ret_machine);
/* The wanted choice: the devices of the command line, and the options of the installed choice with
 * those of the command line added and taken away.  0, or an exit status that was explained. */
int main_choice(const struct main_options *o, const struct root *root,
	const struct machine *machine, struct choice *ret);
/* The snapshots.  None, where what they would be in is not mounted, is a failure.  0, or an exit status
 * that was explained. */
int main_snapshots_load(const struct root *root, struct snapshots *ret);
/* Shows the plan, asks, applies it and says what comes next.  Returns an exit status. */
int main_carry_out(const struct main_options *o, const struct root *root, const struct plan *plan);
/* Asks on the terminal, unless --yes was given.  No is explained. */
bool main_agrees(const struct main_options *o, const char *question);
/* From here on SIGINT and its like do not end the program: they are delivered only while waiting
 * under *ret_waiting, and noted. */
void main_catch_signals(sigset_t *ret_waiting);
bool main_is_stopped(void);
/* On standard output, fit for a terminal, behind `before`. */
void main_show_line(const char *before, const char *text);
void main_show_command(const char *before, const struct command *command);
/* Why nothing can be applied here, as one sentence with the remedy; NULL: it can, as far as known
 * before trying. */
const char *main_refusal(const struct root *root);

#endif
