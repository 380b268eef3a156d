/* GRUB's menu entry "without passthrough", made by a script that grub-mkconfig runs last, so that the
 * numbers of other entries stay. */
#include "core/targets/target.h"

#include <errno.h>
#include <string.h>

static const char script[] = {
#include "core/targets/grub-entry.inc"
	'\0'};

/* Its commands are those of the target that keeps the parameters. */
static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_GRUB_D || in->loader == BOOT_GRUB || in->loader == BOOT_PBL;
}

/* Ubuntu's installer: 10_linux leaves such a system to 10_linux_zfs, and writes no entry to copy.
 */
static bool is_zfs(const struct target_input *in)
{
	const char *cmdline = in->machine->host.cmdline;

	return root_exists(in->root, "/etc/grub.d/10_linux_zfs") &&
	       (cmdline ? strstr(cmdline, "root=ZFS=") != NULL
			: root_exists(in->root, "/etc/zfs/zpool.cache"));
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	if (detect(in) && is_zfs(in) &&
		target_no_spare(in, plan, "press e at the boot menu to add it") < 0)
		return error_no_memory(err);
	return target_own_file(in, plan, &target_grub_entry, TARGET_GRUB_ENTRY, 0755,
		in->choice->n ? script : NULL, err);
}

const struct target target_grub_entry = {.name = "grub-entry", .detect = detect, .plan = plan};
