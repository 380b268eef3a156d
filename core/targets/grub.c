/* GRUB on Debian and its children: a drop-in in /etc/default/grub.d, which grub-mkconfig sources with
 * /bin/sh after /etc/default/grub.  The parameters go to GRUB_CMDLINE_LINUX_DEFAULT: recovery entries
 * do not get those, so they stay a way back. */
#include "core/targets/target.h"

#include <errno.h>

static bool detect(const struct target_input *in)
{
	return in->machine->host.boot_loader == BOOT_GRUB_DEBIAN;
}

static void add_parameter(const struct target_input *in, struct str *out, const char *parameter)
{
	if (!strv_has(&in->existing->cmdline, parameter))
		str_addf(out, " %s", parameter);
}

static int build(const struct target_input *in, char **ret)
{
	_cleanup_(str_free) struct str parameters = {0}, out = {0};

	if (forecast_needs_intel_iommu(in->machine))
		add_parameter(in, &parameters, "intel_iommu=on");
	if (in->choice->options & CHOICE_IOMMU_PT)
		add_parameter(in, &parameters, "iommu=pt");
	if (str_check(&parameters) < 0)
		return -ENOMEM;
	if (!parameters.len)
		return 0;
	str_addf(&out,
		TARGET_MARK ": what PCI passthrough needs on the kernel command line.\n"
			    "# Recovery entries do not get it: they are a way back.\n"
			    "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT%s\"\n",
		parameters.s);
	return str_take(&out, ret);
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	if (in->choice->n && build(in, &text) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	return target_own_file(in, plan, &target_grub, TARGET_GRUB, 0644, text, err);
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const argv[] = {"/usr/sbin/update-grub", NULL};

	(void)in;
	if (!target_changed(plan, &target_grub))
		return 0;
	if (plan_add_command(plan, COMMAND_BOOT_LOADER, "write the boot menu", argv) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	return 0;
}

const struct target target_grub = {
	.name = "grub", .detect = detect, .plan = plan, .commands = commands};
