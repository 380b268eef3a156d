/* GRUB on Debian and its children: a drop-in in /etc/default/grub.d, which grub-mkconfig sources
 * with /bin/sh after /etc/default/grub.  The parameters go to GRUB_CMDLINE_LINUX_DEFAULT: recovery
 * entries do not get those, so they stay a way back. */
#include "core/targets/target.h"

#include "core/edit.h"
#include "core/parameters.h"

#include <errno.h>
#include <string.h>

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_GRUB_D;
}

static int build(const struct target_input *in, char **ret, struct error *err)
{
	_cleanup_(str_free) struct str out = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = parameters_behind(&in->existing->cmdline, in->parameters, &words, err);

	if (r < 0 || !words.n)
		return r;
	str_add(&out, TARGET_MARK ": what PCI passthrough needs on the kernel command line.\n"
				  "# Recovery entries do not get it: they are a way back.\n"
				  "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT");
	for (size_t i = 0; i < words.n; i++)
		str_addf(&out, " %s", words.v[i]);
	str_add(&out, "\"\n");
	return str_take(&out, ret) < 0 ? error_no_memory(err) : 0;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	int r = in->choice->n ? build(in, &text, err) : 0;

	return r < 0 ? r : target_own_file(in, plan, &target_grub, TARGET_GRUB, 0644, text, err);
}

/* Proxmox starts the copy of grub.cfg that it keeps on its boot partitions. */
static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const argv[] = {"/usr/sbin/update-grub", NULL};
	static const char *const sync[] = {"/usr/sbin/proxmox-boot-tool", "refresh", NULL};
	int r;

	if (!target_changed(plan, &target_grub) && !target_changed(plan, &target_grub_entry))
		return 0;
	r = plan_add_command(plan, COMMAND_BOOT_LOADER, "write the boot menu", argv);
	if (r == 0 && in->machine->host.proxmox_boot)
		r = plan_add_command(
			plan, COMMAND_BOOT_LOADER, "copy it to the boot partitions", sync);
	return r < 0 ? error_no_memory(err) : 0;
}

/* What the files that were sourced so far make of one variable. */
struct variable {
	const char *name;
	struct strv theirs, ours;
};

static int add_words(struct variable *variable, const char *text, bool is_ours)
{
	_cleanup_(strv_free) struct strv words = {0};
	bool anew;
	int r = edit_shell_words(text, variable->name, &words, &anew);

	if (r == 0 && anew) {
		strv_free(&variable->theirs);
		strv_free(&variable->ours);
	}
	return r < 0 ? r : strv_copy(is_ours ? &variable->ours : &variable->theirs, &words);
}

static int add_file(const struct target_input *in, const char *path, struct variable *variables,
	size_t n, struct error *why)
{
	_cleanup_free_ char *text = NULL;
	int r = target_read_optional(in, path, &text, why);

	for (size_t i = 0; text && r >= 0 && i < n; i++)
		r = add_words(&variables[i], text, strcmp(path, TARGET_GRUB) == 0);
	return r < 0 ? r : 0;
}

/* GRUB sources these with /bin/sh, in this order; Ubuntu's images for clouds set the line anew in
 * one of them. */
static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	struct variable variables[] = {
		{.name = "GRUB_CMDLINE_LINUX"}, {.name = "GRUB_CMDLINE_LINUX_DEFAULT"}};
	_cleanup_(strv_free) struct strv paths = {0};
	int r = strv_add(&paths, TARGET_GRUB_DEFAULT);

	if (r == 0)
		r = target_list(in, "/etc/default/grub.d", ".cfg", &paths);
	for (size_t i = 0; r == 0 && i < paths.n; i++)
		r = add_file(in, paths.v[i], variables, ARRAY_SIZE(variables), why);
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		if (r == 0)
			r = strv_copy(theirs, &variables[i].theirs);
		if (r == 0)
			r = strv_copy(ours, &variables[i].ours);
		strv_free(&variables[i].theirs);
		strv_free(&variables[i].ours);
	}
	return r;
}

const struct target target_grub = {.name = "grub",
	.detect = detect,
	.plan = plan,
	.commands = commands,
	.parameters = parameters};
