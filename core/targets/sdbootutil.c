/* systemd-boot or GRUB with loader entries on openSUSE, both by sdbootutil(8).  The entries are
 * made from /etc/kernel/cmdline and, since 2025, what is in /etc/kernel/cmdline.d behind it, '#'
 * lines left out (create_boot_options() of the script).  An older sdbootutil has the file alone. */
#include "core/targets/entries.h"

#include "core/edit_cmdline.h"
#include "core/parameters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM  "/usr/bin/sdbootutil"
#define DROP_INS "/etc/kernel/cmdline.d"

static const struct words_place place = {WORDS_CMDLINE, "/etc/kernel/cmdline", ""};

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_SDBOOTUTIL;
}

static bool script_has(const struct target_input *in, const char *word)
{
	_cleanup_free_ char *text = NULL;

	return root_read_text(in->root, PROGRAM, &text, NULL) == 0 && strstr(text, word);
}

static bool reads_drop_ins(const struct target_input *in)
{
	return detect(in) && script_has(in, "/cmdline.d");
}

static int build(const struct target_input *in, char **ret, struct error *err)
{
	_cleanup_(str_free) struct str out = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = parameters_behind(&in->existing->cmdline, in->parameters, &words, err);

	if (r < 0 || !words.n)
		return r;
	str_add(&out, TARGET_MARK ": what PCI passthrough needs on the kernel command line.\n");
	str_add_words(&out, &words);
	str_addc(&out, '\n');
	return str_take(&out, ret) < 0 ? error_no_memory(err) : 0;
}

/* A first /etc/kernel/cmdline: without it sdbootutil takes the running line. */
static int plan_words(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *fresh = NULL;
	int r = 0;

	if (in->parameters->n && !root_exists(in->root, place.path))
		r = edit_cmdline_from_running(
			in->machine->host.cmdline ? in->machine->host.cmdline : "", &fresh, err);
	return r < 0 ? r
		     : target_own_words(
			       in, plan, &target_sdbootutil, &place, fresh, in->parameters, err);
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	bool by_drop_in = reads_drop_ins(in);
	int r = 0;

	if (by_drop_in && in->choice->n)
		r = build(in, &text, err);
	if (r == 0)
		r = target_own_file(
			in, plan, &target_sdbootutil, TARGET_SDBOOT_CMDLINE, 0644, text, err);
	if (r == 0 && detect(in) && !by_drop_in)
		r = plan_words(in, plan, err);
	if (r == 0 && detect(in) &&
		target_entries_no_spare(in, plan, "press e at the boot menu to add it") < 0)
		return error_no_memory(err);
	return r;
}

/* The disk's key is sealed to what booted, entries included. */
static bool is_sealed(const struct target_input *in)
{
	_cleanup_free_ char *text = NULL;

	return root_read_text(in->root, "/etc/crypttab", &text, NULL) == 0 &&
	       strstr(text, "tpm2-device=");
}

static int add_predictions(struct plan *plan)
{
	static const char *const argv[] = {PROGRAM, "update-predictions", NULL};
	int r = plan_add_command(
		plan, COMMAND_BOOT_LOADER, "foretell to the TPM what the next boot measures", argv);

	return r < 0 ? r
		     : findings_add(&plan->findings, "tpm-unlock", SEVERITY_WARNING, NULL, -1,
			       "have the recovery key of the disk at hand when you reboot",
			       "A TPM unlocks the disk (/etc/crypttab), and the kernel command "
			       "line "
			       "is part of what it looks at: sdbootutil renews its predictions.");
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	const char *const argv[] = {PROGRAM,
		script_has(in, "update-all-entries") ? "update-all-entries" : "add-all-kernels",
		NULL};
	int r;

	if (!target_changed(plan, &target_sdbootutil))
		return 0;
	r = plan_add_command(plan, COMMAND_BOOT_LOADER, "write the boot loader's entries", argv);
	if (r == 0 && is_sealed(in))
		r = add_predictions(plan);
	return r < 0 ? error_no_memory(err) : 0;
}

static int add_drop_ins(const struct target_input *in, const char *directory, struct strv *theirs,
	struct strv *ours, struct error *why)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(in->root, directory, &names);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		struct words_place drop_in = {WORDS_CMDLINE, NULL, ""};

		if (asprintf(&path, "%s/%s", directory, names.v[i]) < 0)
			return -ENOMEM;
		drop_in.path = path;
		r = target_read_optional(in, path, &text, why);
		if (r > 0)
			r = target_parameters(&drop_in, text, NULL,
				strcmp(path, TARGET_SDBOOT_CMDLINE) == 0 ? ours : theirs, NULL, why);
	}
	return r == -ENOMEM ? r : 0;
}

/* In the order in which sdbootutil reads them. */
static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	static const char *const bases[] = {"/etc/kernel/cmdline", "/usr/lib/kernel/cmdline"};
	static const char *const directories[] = {"/usr/kernel/cmdline.d", DROP_INS};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(bases); i++) {
		_cleanup_free_ char *text = NULL;

		r = target_read_optional(in, bases[i], &text, why);
		if (r > 0 && target_parameters(&place, text, words_ours(in->words, &place), theirs,
				     ours, why) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; r >= 0 && reads_drop_ins(in) && i < ARRAY_SIZE(directories); i++)
		r = add_drop_ins(in, directories[i], theirs, ours, why);
	return r < 0 ? r : 0;
}

const struct target target_sdbootutil = {.name = "sdbootutil",
	.detect = detect,
	.plan = plan,
	.commands = commands,
	.parameters = parameters};
