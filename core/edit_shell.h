/* The words of one variable in a file that /bin/sh or bash sources: /etc/default/grub,
 * mkinitcpio.conf, dracut.conf.  Pure.
 *
 * The value is what the assignments together make of it: the last KEY= and what comes behind it as
 * KEY+= or as KEY="$KEY ...".  Strings hold words as a kernel command line does, KEY=(...) an
 * element each.  Only this file is looked at, not what it sources nor what is sourced behind it. */
#ifndef CORE_EDIT_SHELL_H
#define CORE_EDIT_SHELL_H

#include "core/base.h"

enum edit_shell_kind { EDIT_SHELL_STRING, EDIT_SHELL_ARRAY }; /* KEY="a b", KEY=(a b) */

/* 1: *ret has the words; 0: the file does not set the variable; -EINVAL as below. */
int edit_shell_read(
	const char *path, const char *text, const char *key, struct strv *ret, struct error *err);

/* Brings the words of `wanted` into the value and takes out what is ours and not wanted; see
 * edit_list.h for both lists.  Quotes, comments and layout stay; comma lists are merged as in
 * edit_cmdline.h.  A variable that the file does not set is set as `kind` says, in a marked block
 * at the end.  A bare word (KEY=quiet) gets double quotes, and keeps them when ours goes: the one
 * thing that taking out does not undo. -EINVAL, with the line and what to do by hand: quotes that
 * are not closed, a value that is built from other variables or commands, an assignment that is
 * conditional.  The caller frees *ret; *ours changes only on success. */
int edit_shell(const char *path, const char *text, const char *key, enum edit_shell_kind kind,
	struct strv *ours, const struct strv *wanted, char **ret, struct error *err);

#endif
