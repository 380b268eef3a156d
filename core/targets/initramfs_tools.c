/* initramfs-tools (Debian, Ubuntu): vfio's modules, vfio-bind and its configuration go into every
 * image.  modprobe.d is copied by mkinitramfs itself.  The modules list loads after udev has loaded
 * the drivers (init: init-top before load_modules), so it wins no race; it makes MODULES=dep images
 * hold vfio-pci, and binds devices that no driver claims. */
#include "core/targets/initramfs.h"

#include <errno.h>

static const char hook[] =
	"#!/bin/sh\n" TARGET_MARK ": vfio-bind and its configuration go into the initramfs.\n"
	"case $1 in\n"
	"prereqs)\n"
	"\texit 0\n"
	"\t;;\n"
	"esac\n"
	"# An image without them is no worse than before; a hook that fails would stop every "
	"update.\n"
	"[ -x " TARGET_SCRIPT " ] && [ -e " CHOICE_PATH " ] || exit 0\n"
	". /usr/share/initramfs-tools/hook-functions\n"
	"copy_file script " TARGET_SCRIPT "\n"
	"copy_file config " CHOICE_PATH "\n";

static bool detect(const struct target_input *in)
{
	return in->initramfs == INITRAMFS_TOOLS;
}

static int build_hook(const struct target_input *in, struct plan *plan, char **ret)
{
	_cleanup_(strv_free) struct strv files = {0};
	_cleanup_(str_free) struct str out = {0};
	const char *program;

	if (!in->choice->n)
		return 0;
	if (initramfs_rescue(in, plan, &program, &files) < 0)
		return -ENOMEM;
	str_add(&out, hook);
	if (program)
		str_addf(&out,
			"# To go back from its shell: vfio-wizard --root /root rollback.\n"
			"[ ! -x %s ] || copy_exec %s\n",
			program, program);
	for (size_t i = 0; i < files.n; i++)
		str_addf(&out, "[ ! -e %s ] || copy_file terminfo %s\n", files.v[i], files.v[i]);
	if (program)
		str_add(&out, "exit 0\n");
	return str_take(&out, ret);
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const names[] = {"vfio", "vfio_iommu_type1", "vfio_virqfd", "vfio_pci"};
	const struct target *self = &target_initramfs_tools;
	_cleanup_(str_free) struct str body = {0};
	_cleanup_free_ char *text = NULL, *script = NULL;
	int r;

	/* As far as some installed kernel has them as modules; for the others mkinitramfs passes
	 * over a name without a word.  vfio_virqfd went into vfio with 6.2. */
	for (size_t i = 0; in->choice->n && i < ARRAY_SIZE(names); i++)
		if (initramfs_is_loadable(in->machine, names[i]))
			str_addf(&body, "%s\n", names[i]);
	if (str_take(&body, &text) < 0 || build_hook(in, plan, &script) < 0)
		return error_no_memory(err);
	r = target_own_file(in, plan, self, TARGET_HOOK, 0755, script, err);
	if (r == 0)
		r = target_own_block(in, plan, self, TARGET_MODULES, text, err);
	return r;
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const lsinitramfs[] = {"/usr/bin/lsinitramfs", NULL};
	_cleanup_(images_free) struct images images = {0};

	if (!detect(in) || !initramfs_is_stale(plan, &target_initramfs_tools))
		return 0;
	if (plan_add_command(plan, COMMAND_INITRAMFS, "rebuild the initramfs of every kernel",
		    initramfs_update) < 0 ||
		images_find(in->root, in->machine, &images) < 0 ||
		initramfs_check(in, plan, lsinitramfs, &images, initramfs_updated_place(in)) < 0)
		return error_no_memory(err);
	return 0;
}

const struct target target_initramfs_tools = {
	.name = "initramfs-tools", .detect = detect, .plan = plan, .commands = commands};
