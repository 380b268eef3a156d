/* What is done for one kernel at a time, done anew: kernels come and go between a change and its
 * end.
 */
#include "core/host.h"
#include "core/targets/initramfs.h"
#include "core/targets/kernel_install.h"
#include "core/targets/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int target_kernels_about(const struct root *root, const struct kernel *kernel, char **ret)
{
	char *path;

	if (asprintf(&path, "/lib/modules/%s/modules.dep", kernel->version) < 0)
		return -ENOMEM;
	if (!root_exists(root, path)) {
		free(path);
		if (asprintf(&path, "/lib/modules/%s/modules.dep.bin", kernel->version) < 0)
			return -ENOMEM;
	}
	*ret = path;
	return 0;
}

/* dracut --force IMAGE VERSION */
static bool builds_image(const struct command *command, const void *unused)
{
	const struct strv *argv = &command->argv;

	(void)unused;
	return command_runs(command, "dracut") && argv->n == 4 &&
	       strcmp(argv->v[1], "--force") == 0 && argv->v[2][0] == '/';
}

/* kernel-install add VERSION ..., and the one for all: it comes behind the images too. */
static bool writes_entry(const struct command *command, const void *unused)
{
	(void)unused;
	return command_runs(command, "kernel-install") && command->argv.n > 1 &&
	       base_starts(command->argv.v[1], "add");
}

int target_kernels_now(const struct root *root, struct plan *plan, struct error *err)
{
	_cleanup_(machine_freep) struct machine *machine = calloc(1, sizeof(*machine));
	const struct target_input in = {.root = root, .machine = machine};
	bool beside = plan_drop_placed(plan);
	bool in_place = plan_drop_commands(plan, builds_image, NULL);
	bool entries = plan_drop_commands(plan, writes_entry, NULL);
	int r = target_grubby_now(root, plan, err);

	if (r < 0 || (!beside && !in_place && !entries))
		return r;
	r = machine ? host_scan_kernels(root, machine, err) : -ENOMEM;
	if (r == 0 && in_place)
		r = target_dracut_now(root, machine, plan, true);
	if (r == 0 && beside)
		r = target_dracut_now(root, machine, plan, false);
	if (r == 0 && entries)
		r = target_kernel_install_run(&in, plan);
	return r == -ENOMEM ? error_no_memory(err) : r;
}
