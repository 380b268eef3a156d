/* u-boot-menu (Debian): u-boot-update writes /boot/extlinux/extlinux.conf out of
 * /etc/default/u-boot and the drop-ins that it sources behind that with /bin/sh.  Where
 * U_BOOT_PARAMETERS is empty it takes /etc/kernel/cmdline, root= too, and without that "ro quiet":
 * a drop-in would put an end to the former, so there our words go to /etc/kernel/cmdline
 * (u-boot-update of 4.2.2 and 4.2.4).  Its rescue entries get the same parameters. */
#include "core/targets/kernel_cmdline.h"

#include "core/edit.h"
#include "core/parameters.h"

#include <errno.h>
#include <string.h>

#define MENU "/boot/extlinux/extlinux.conf"

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_U_BOOT_MENU;
}

static int add_file(
	const struct target_input *in, const char *path, struct strv *ret, struct error *why)
{
	_cleanup_free_ char *text = NULL;
	int r = target_read_optional(in, path, &text, why);

	return r <= 0 ? r : edit_shell_words(text, "U_BOOT_PARAMETERS", ret, NULL);
}

/* What the person sets, in the order in which it is sourced; ours left out. */
static int read_settings(const struct target_input *in, struct strv *ret, struct error *why)
{
	_cleanup_(strv_free) struct strv paths = {0};
	int r = strv_add(&paths, "/etc/default/u-boot");

	if (r == 0)
		r = target_list(in, "/usr/share/u-boot-menu/conf.d", ".conf", &paths);
	if (r == 0)
		r = target_list(in, "/etc/u-boot-menu/conf.d", ".conf", &paths);
	for (size_t i = 0; r == 0 && i < paths.n; i++)
		if (strcmp(paths.v[i], TARGET_U_BOOT) != 0)
			r = add_file(in, paths.v[i], ret, why);
	return r;
}

static int build(
	const struct target_input *in, const struct strv *theirs, char **ret, struct error *err)
{
	_cleanup_(str_free) struct str out = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = parameters_behind(theirs, in->parameters, &words, err);

	if (r < 0 || !words.n)
		return r;
	str_add(&out, TARGET_MARK ": what PCI passthrough needs on the kernel command line.\n"
				  "U_BOOT_PARAMETERS=\"${U_BOOT_PARAMETERS:-ro quiet}");
	for (size_t i = 0; i < words.n; i++)
		str_addf(&out, " %s", words.v[i]);
	str_add(&out, "\"\n");
	return str_take(&out, ret) < 0 ? error_no_memory(err) : 0;
}

/* Its rescue entries say `single`, where vfio-bind does nothing; ids= ask nobody. */
static int tell_way_back(const struct target_input *in, struct plan *plan)
{
	return target_no_spare(in, plan,
		forecast_binds_by_ids(in->machine, in->choice, in->existing)
			? "the menu cannot be edited: from another system, add it in " MENU
			: "choose a rescue entry of the menu, where every device stays with the "
			  "host; the menu cannot be edited");
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(strv_free) struct strv theirs = {0};
	_cleanup_free_ char *text = NULL;
	struct error why = {0};
	bool is_cmdline;
	int r = detect(in) ? read_settings(in, &theirs, &why) : 0;

	if (r < 0)
		return error_no_memory(err);
	is_cmdline = detect(in) && !theirs.n && root_exists(in->root, TARGET_CMDLINE);
	if (in->parameters->n && !is_cmdline)
		r = build(in, &theirs, &text, err);
	if (r == 0 && is_cmdline)
		r = target_kernel_cmdline_plan(in, plan, &target_u_boot, err);
	if (r == 0 && detect(in) && tell_way_back(in, plan) < 0)
		r = error_no_memory(err);
	return r < 0 ? r
		     : target_own_file(in, plan, &target_u_boot, TARGET_U_BOOT, 0644, text, err);
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const argv[] = {"/usr/sbin/u-boot-update", NULL};

	(void)in;
	if (!target_changed(plan, &target_u_boot))
		return 0;
	if (plan_add_command(plan, COMMAND_BOOT_LOADER, "write " MENU, argv) < 0)
		return error_no_memory(err);
	return 0;
}

static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	size_t before = theirs->n;
	int r = read_settings(in, theirs, why);

	if (r == 0)
		r = add_file(in, TARGET_U_BOOT, ours, why);
	if (r == 0 && theirs->n == before && root_exists(in->root, TARGET_CMDLINE))
		r = target_kernel_cmdline_parameters(in, theirs, why);
	return r;
}

const struct target target_u_boot = {.name = "u-boot-menu",
	.detect = detect,
	.plan = plan,
	.commands = commands,
	.parameters = parameters};
