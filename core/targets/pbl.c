/* GRUB on openSUSE and SLE: our words in /etc/default/grub, for update-bootloader(8) to make the
 * menu. Its own --add-option changes the same line, but only where there is one, and shows no
 * difference. */
#include "core/targets/target.h"

#include "core/edit.h"

#include <errno.h>

static const struct words_place place = {
	WORDS_SHELL, "/etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT"};

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_PBL;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	if (!detect(in))
		return 0;
	return target_own_words(in, plan, &target_pbl, &place, "", in->parameters, err);
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const argv[] = {"/usr/sbin/update-bootloader", "--config", NULL};

	(void)in;
	if (!target_changed(plan, &target_pbl) && !target_changed(plan, &target_grub_entry))
		return 0;
	if (plan_add_command(plan, COMMAND_BOOT_LOADER, "write the boot menu", argv) < 0)
		return error_no_memory(err);
	return 0;
}

static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	_cleanup_(strv_free) struct strv common = {0};
	_cleanup_free_ char *text = NULL;
	int r = target_read_optional(in, place.path, &text, why);

	if (r <= 0)
		return r;
	r = edit_shell_words(text, "GRUB_CMDLINE_LINUX", &common, NULL);
	if (r == 0)
		r = strv_copy(theirs, &common);
	return r < 0 ? r
		     : target_parameters(
			       &place, text, words_ours(in->words, &place), theirs, ours, why);
}

const struct target target_pbl = {.name = "update-bootloader",
	.detect = detect,
	.plan = plan,
	.commands = commands,
	.parameters = parameters};
