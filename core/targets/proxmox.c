/* Proxmox VE without GRUB: proxmox-boot-tool makes systemd-boot's entries on every boot partition
 * out of /etc/kernel/cmdline (/etc/kernel/postinst.d/zz-proxmox-boot). */
#include "core/targets/entries.h"
#include "core/targets/kernel_cmdline.h"

#include <errno.h>

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_PROXMOX;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	int r;

	if (!detect(in))
		return 0;
	r = target_kernel_cmdline_plan(in, plan, &target_proxmox, err);
	if (r == 0 && target_entries_no_spare(in, plan,
			      "press e at the boot menu to add it, where its editor is on") < 0)
		return error_no_memory(err);
	return r;
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const argv[] = {"/usr/sbin/proxmox-boot-tool", "refresh", NULL};

	(void)in;
	if (!target_changed(plan, &target_proxmox))
		return 0;
	if (plan_add_command(plan, COMMAND_BOOT_LOADER, "write the entries of every boot partition",
		    argv) < 0)
		return error_no_memory(err);
	return 0;
}

static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	(void)ours;
	return target_kernel_cmdline_parameters(in, theirs, why);
}

const struct target target_proxmox = {.name = "proxmox",
	.detect = detect,
	.plan = plan,
	.commands = commands,
	.parameters = parameters};
