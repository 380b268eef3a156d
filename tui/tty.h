/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What term.c needs of the terminal below curses: its modes, signals, standard error. */
#include <signal.h>
#include <stdbool.h>
#include <termios.h>

struct tty {
	struct termios modes; /* as they were */
	sigset_t mask;        /* as it was */
	sigset_t wait_mask;   /* for ppoll(): the only place where signals arrive */
	struct sigaction actions[NSIG];
	int stderr_saved, stderr_caught; /* -1: not redirected */
};

enum tty_note {
	TTY_NOTHING,
	TTY_STOP,      /* SIGTERM, SIGHUP, SIGQUIT */
	TTY_INTERRUPT, /* SIGINT */
	TTY_SUSPEND,   /* SIGTSTP */
	TTY_CONTINUE,  /* SIGCONT: somebody else had the terminal */
};

/* Notes the modes, and from now on signals, which are blocked but in ppoll().  Before newterm():
 * ncurses takes the signals that are at their default, and its handlers leave without cleanup. */
void tty_take(struct tty *tty);
/* Standard error, if it is the terminal, into memory. */
void tty_take_stderr(struct tty *tty);
/* All as it was; then writes what standard error caught, without control characters. */
void tty_give_back(struct tty *tty);

enum tty_note tty_noted(void); /* the most urgent signal that came, once */
/* Stops the whole job until it is continued, as the terminal's own Ctrl-Z.  False if the one who
 * started the program did not want that. */
bool tty_suspend(struct tty *tty);
/* One more byte that a crash shall write to get the terminal back (a callback for tputs()). */
int tty_rescue_byte(int c);
