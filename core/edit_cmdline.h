/* Kernel command lines in files: /etc/kernel/cmdline, boot loader entries, /proc/cmdline.  Pure. */
#ifndef CORE_EDIT_CMDLINE_H
#define CORE_EDIT_CMDLINE_H

#include "core/base.h"

enum edit_cmdline_form {
	/* The text is the command line, over any number of lines.  Lines that begin with '#' are
	 * left alone: kernel-install skips them from systemd 254 on, earlier ones do not, so none
	 * is ever added.  /proc/cmdline too. */
	EDIT_CMDLINE_FILE,
	/* An entry of the Boot Loader Specification: the values of all its `options` lines. */
	EDIT_CMDLINE_ENTRY,
};

/* What the kernel takes, without the NUL (COMMAND_LINE_SIZE, arch/x86/include/asm/setup.h). */
#define EDIT_CMDLINE_MAX 2047

/* The words, without quotes, up to a "--" (what is behind that is init's). */
int edit_cmdline_read(const char *path, const char *text, enum edit_cmdline_form form,
	struct strv *ret, struct error *err);

/* The word is among them; '-' and '_' are one in names.  One name of a list such as
 * modprobe.blacklist=a,b is asked for by itself: modprobe.blacklist=a. */
bool edit_cmdline_has(const struct strv *words, const char *word);

/* Brings the words of `wanted` into the text and takes out what is ours and not wanted; see
 * edit_list.h for both lists.  A word that is there already, in whatever spelling, stays.  Elements
 * of comma lists (modprobe.blacklist=, rd.driver.pre=, vfio-pci.ids= ...) are merged into the
 * person's last list of that key, and taken out of it one by one.  An entry without an options line
 * gets one, in a marked block.  The caller frees *ret; *ours changes only on success.
 * -EINVAL: a quote that is not closed, or a place that is not safe, with the line; -E2BIG: the line
 * would be longer than EDIT_CMDLINE_MAX. */
int edit_cmdline(const char *path, const char *text, enum edit_cmdline_form form, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err);

/* The word among them that makes this a recovery boot, in which vfio-bind leaves everything to the host
 * (core/targets/vfio-bind.sh has the same list); static, NULL: none. */
const char *edit_cmdline_recovery(const struct strv *words);

/* Bytes of the command line that a boot loader makes of it: blanks squeezed to one. */
size_t edit_cmdline_length(const char *text, enum edit_cmdline_form form);

/* A first /etc/kernel/cmdline, one line, from the line of the running kernel: without what the boot
 * loader adds by itself (BOOT_IMAGE=, initrd=, systemd.machine_id=).  While that file does not
 * exist kernel-install takes the running line, so a file with our words only would have no root=.
 * -EINVAL: there is no root=, or it is the line of a recovery boot, or of one with
 * module_blacklist=vfio_pci, which is the way back at the boot prompt. */
int edit_cmdline_from_running(const char *running, char **ret, struct error *err);

#endif
