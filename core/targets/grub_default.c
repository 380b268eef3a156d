/* GRUB that reads /etc/default/grub alone (Arch and others): our words in its
 * GRUB_CMDLINE_LINUX_DEFAULT, which recovery entries do not get, and then grub-mkconfig. */
#include "core/targets/target.h"

#include "core/boot.h"
#include "core/edit.h"
#include "core/parameters.h"

#include <errno.h>
#include <string.h>

static const struct words_place place = {
	WORDS_SHELL, TARGET_GRUB_DEFAULT, "GRUB_CMDLINE_LINUX_DEFAULT"};

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_GRUB;
}

/* What every entry gets, before the words of `place`. */
static int read_common(const struct target_input *in, struct strv *ret, struct error *why)
{
	_cleanup_free_ char *text = NULL;
	int r = target_read_optional(in, place.path, &text, why);

	return r <= 0 ? r : edit_shell_words(text, "GRUB_CMDLINE_LINUX", ret, NULL);
}

/* The words to have in `place`, behind those that every entry gets; -E2BIG: too many with all
 * others. */
static int behind_common(const struct target_input *in, struct strv *ret, struct error *err)
{
	_cleanup_(strv_free) struct strv common = {0}, unused = {0};
	struct error why = {0};
	int r = read_common(in, &common, &why);

	if (r < 0)
		return error_no_memory(err);
	r = parameters_behind(&in->existing->cmdline, in->parameters, &unused, err);
	return r < 0 ? r : parameters_behind(&common, in->parameters, ret, err);
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = 0;

	if (!detect(in))
		return 0;
	if (in->parameters->n)
		r = behind_common(in, &words, err);
	return r < 0 ? r
		     : target_own_words(in, plan, &target_grub_default, &place, "", &words, err);
}

static int write_menu(const struct target_input *in, struct plan *plan, const char *tool,
	const char *config, struct strv *done)
{
	const char *argv[] = {tool, "-o", config, NULL};
	_cleanup_free_ char *resolved = NULL;

	if (!root_exists(in->root, config) || root_resolve(in->root, config, &resolved, NULL) < 0 ||
		strv_has(done, resolved))
		return 0;
	if (strv_add(done, resolved) < 0)
		return -ENOMEM;
	return plan_add_command(plan, COMMAND_BOOT_LOADER, "write the boot menu", argv);
}

static int tell(struct plan *plan, const char *what)
{
	return findings_add(&plan->findings, "boot-loader-by-hand", SEVERITY_WARNING, NULL, -1,
		"write it with your system's grub-mkconfig, then reboot",
		"%s, so GRUB's menu is not written: it keeps its kernel parameters as they are.",
		what);
}

/* Which of several menus the firmware's GRUB reads cannot be told from here: grub-install
 * --boot-directory says it.  So each that is there is written. */
static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	const char *tool = root_first(in->root, boot_grub_mkconfig);
	_cleanup_(strv_free) struct strv done = {0};
	int r = 0;

	if (!target_changed(plan, &target_grub_default) && !target_changed(plan, &target_grub_entry))
		return 0;
	for (size_t i = 0; r == 0 && tool && boot_grub_menus[i]; i++)
		r = write_menu(in, plan, tool, boot_grub_menus[i], &done);
	if (r == 0 && !done.n)
		r = tell(plan, tool ? "There is no grub.cfg below /boot, /efi and /boot/efi"
				    : "There is no grub-mkconfig");
	return r < 0 ? error_no_memory(err) : 0;
}

static int left(const struct target_input *in)
{
	return root_first(in->root, boot_grub_mkconfig) && root_first(in->root, boot_grub_menus)
		       ? 0
		       : TARGET_PARAMETERS;
}

static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	int r = read_common(in, theirs, why);

	(void)ours;
	return r < 0 ? r : target_words_theirs(in, &place, theirs, why);
}

const struct target target_grub_default = {.name = "grub-default",
	.detect = detect,
	.left = left,
	.plan = plan,
	.commands = commands,
	.parameters = parameters};
