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
	return str_take(&out, ret) < 0 ? error_set(err, -ENOMEM, "out of memory") : 0;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	int r = in->choice->n ? build(in, &text, err) : 0;

	if (r == 0)
		r = target_own_file(in, plan, &target_grub, TARGET_GRUB, 0644, text, err);
	/* That one is the other target's where GRUB reads /etc/default/grub alone. */
	return r < 0 || in->loader == BOOT_GRUB ? r
						: target_grub_entry(in, plan, &target_grub, err);
}

/* Proxmox starts the copy of grub.cfg that it keeps on its boot partitions. */
static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const argv[] = {"/usr/sbin/update-grub", NULL};
	static const char *const sync[] = {"/usr/sbin/proxmox-boot-tool", "refresh", NULL};
	int r;

	if (!target_changed(plan, &target_grub))
		return 0;
	r = plan_add_command(plan, COMMAND_BOOT_LOADER, "write the boot menu", argv);
	if (r == 0 && in->machine->host.proxmox_boot)
		r = plan_add_command(
			plan, COMMAND_BOOT_LOADER, "copy it to the boot partitions", sync);
	return r < 0 ? error_set(err, -ENOMEM, "out of memory") : 0;
}

static int add_file(
	const struct target_input *in, const char *path, struct strv *ret, struct error *why)
{
	_cleanup_free_ char *text = NULL;
	int r = target_read_optional(in, path, &text, why);

	if (r <= 0)
		return r;
	r = edit_shell_words(text, "GRUB_CMDLINE_LINUX", ret);
	return r < 0 ? r : edit_shell_words(text, "GRUB_CMDLINE_LINUX_DEFAULT", ret);
}

/* GRUB sources these with /bin/sh, in this order. */
static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	_cleanup_(strv_free) struct strv paths = {0};
	int r = strv_add(&paths, TARGET_GRUB_DEFAULT);

	if (r == 0)
		r = target_list(in, "/etc/default/grub.d", ".cfg", &paths);
	for (size_t i = 0; r == 0 && i < paths.n; i++)
		r = add_file(
			in, paths.v[i], strcmp(paths.v[i], TARGET_GRUB) == 0 ? ours : theirs, why);
	return r;
}

const struct target target_grub = {.name = "grub",
	.detect = detect,
	.plan = plan,
	.commands = commands,
	.parameters = parameters};
