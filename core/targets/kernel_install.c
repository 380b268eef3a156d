/* systemd-boot with entries by kernel-install, which takes the command line from
 * /etc/kernel/cmdline. */
#include "core/targets/kernel_install.h"

#include "core/targets/entries.h"
#include "core/targets/kernel_cmdline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Debian's update-initramfs runs it for each image, and it runs kernel-install. */
#define HOOK "/etc/initramfs/post-update.d/systemd-boot"

static const char *const programs[] = {"/usr/bin/kernel-install", "/bin/kernel-install", NULL};

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_KERNEL_INSTALL;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(target_entries_free) struct entries entries = {0};
	struct error why = {0};
	int r = 0;

	if (!detect(in))
		return 0;
	if (in->choice->n)
		r = target_entries_read(in, &entries, &why);
	if (r == 0 && in->choice->n)
		r = target_entries_warn(in, &entries, plan);
	if (r < 0)
		return error_no_memory(err);
	return target_kernel_cmdline_plan(in, plan, &target_kernel_install, err);
}

/* The program itself says whether it knows the word. */
static bool knows_add_all(const struct target_input *in, const char *program)
{
	static const char word[] = "add-all";
	_cleanup_free_ char *bytes = NULL;
	size_t n;

	return root_read(in->root, program, &bytes, &n, NULL) == 0 &&
	       memmem(bytes, n, word, strlen(word));
}

/* The image of a kernel where add-all looks for it. */
static int module_image(const struct target_input *in, const struct kernel *kernel, char **ret)
{
	if (asprintf(ret, "/usr/lib/modules/%s/vmlinuz", kernel->version) < 0)
		return -ENOMEM;
	return root_exists(in->root, *ret);
}

static int boot_image(const struct target_input *in, const struct kernel *kernel, char **ret)
{
	if (asprintf(ret, "/boot/vmlinuz-%s", kernel->version) < 0)
		return -ENOMEM;
	return root_exists(in->root, *ret);
}

/* An initramfs that is there before kernel-install runs has to be handed over, or the entry would
 * have none; where a plugin makes it, there is none. */
static int boot_initrd(const struct target_input *in, const struct kernel *kernel, char **ret)
{
	static const char *const places[][2] = {
		{"/boot/initrd.img-", ""}, {"/boot/initramfs-", ".img"}, {"/boot/initrd-", ""}};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s%s%s", places[i][0], kernel->version, places[i][1]) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (root_exists(in->root, path)) {
			*ret = TAKE_PTR(path);
			return 0;
		}
	}
	return 0;
}

static bool finds_all(const struct target_input *in)
{
	for (size_t i = 0; i < in->machine->n_kernels; i++) {
		_cleanup_free_ char *image = NULL;

		if (module_image(in, &in->machine->kernels[i], &image) <= 0)
			return false;
	}
	return true;
}

static int add_kernel(const struct target_input *in, struct plan *plan, const char *program,
	const struct kernel *kernel)
{
	_cleanup_free_ char *purpose = NULL, *module = NULL, *boot = NULL, *initrd = NULL;
	int r = module_image(in, kernel, &module);
	int other = r == 0 ? boot_image(in, kernel, &boot) : 0;

	if (r < 0 || other < 0 || boot_initrd(in, kernel, &initrd) < 0)
		return -ENOMEM;
	if (!r && !other)
		return findings_add(&plan->findings, "boot-entry-kept", SEVERITY_WARNING, NULL, -1,
			"remove that kernel if it is a leftover",
			"The image of kernel %s is not found, so its boot entry is not written "
			"anew: it keeps its kernel parameters and its initramfs as they are.",
			kernel->version);
	if (asprintf(&purpose, "write the boot entry of %s", kernel->version) < 0)
		return -ENOMEM;
	return plan_add_command(plan, COMMAND_INITRAMFS, purpose,
		(const char *const[]){
			program, "add", kernel->version, r ? module : boot, initrd, NULL});
}

/* One run of update-initramfs does both. */
static int rebuild_by_hook(struct plan *plan, const struct target *target)
{
	const char *const argv[] = {"/usr/sbin/update-initramfs", "-u", "-k", "all", NULL};
	struct command command = {0};
	int r = 0;

	if (!target_changed(plan, target))
		return 0;
	for (size_t i = 0; r == 0 && argv[i]; i++)
		r = strv_add(&command.argv, argv[i]);
	if (r == 0 && !plan_has_command(plan, &command))
		r = plan_add_command(plan, COMMAND_INITRAMFS,
			"write the boot entry and the initramfs of every kernel", argv);
	command_free(&command);
	return r;
}

int target_kernel_install_run(const struct target_input *in, struct plan *plan)
{
	const char *program = root_first(in->root, programs);
	int r = 0;

	if (!program)
		return findings_add(&plan->findings, "boot-loader-by-hand", SEVERITY_WARNING, NULL,
			-1, "install it, or write the boot entries by hand",
			"There is no kernel-install, so boot entries are not written: they keep "
			"their kernel parameters as they are.");
	if (finds_all(in) && knows_add_all(in, program))
		return plan_add_command(plan, COMMAND_INITRAMFS,
			"write the boot entry of every kernel",
			(const char *const[]){program, "add-all", NULL});
	for (size_t i = 0; r == 0 && i < in->machine->n_kernels; i++)
		r = add_kernel(in, plan, program, &in->machine->kernels[i]);
	return r;
}

static bool has_hook(const struct target_input *in)
{
	return in->initramfs == INITRAMFS_TOOLS && root_exists(in->root, HOOK);
}

int target_kernel_install_add(const struct target_input *in, struct plan *plan,
	const struct target *target, struct error *err)
{
	int r = has_hook(in) ? rebuild_by_hook(plan, target) : target_kernel_install_run(in, plan);

	return r < 0 ? error_no_memory(err) : 0;
}

/* An entry that is not written anew keeps its parameters and its initramfs. */
int target_kernel_install_left(const struct target_input *in)
{
	const struct kernel *next = machine_next_kernel(in->machine);
	_cleanup_free_ char *module = NULL, *boot = NULL;
	int r = 0;

	if (has_hook(in))
		return 0;
	if (!root_first(in->root, programs))
		return TARGET_PARAMETERS | TARGET_IMAGES;
	if (next)
		r = module_image(in, next, &module);
	if (next && r == 0)
		r = boot_image(in, next, &boot);
	return r < 0 ? r : next && !r ? TARGET_PARAMETERS | TARGET_IMAGES : 0;
}

/* Of what may have become an element of the person's list the value alone. */
int target_kernel_install_expect(const struct target_input *in, struct strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < in->parameters->n; i++) {
		const char *word = in->parameters->v[i];

		r = strv_add(
			ret, base_starts(word, "vfio-pci.ids=") ? strchr(word, '=') + 1 : word);
	}
	return r;
}

/* The entry of the kernel that boots next, as it is called now; with boot counting its name
 * changes. */
static int add_check(const struct target_input *in, struct plan *plan)
{
	const struct kernel *kernel = machine_next_kernel(in->machine);
	_cleanup_(target_entries_free) struct entries entries = {0};
	_cleanup_(strv_free) struct strv expect = {0};
	struct error why = {0};
	int r = target_entries_read(in, &entries, &why);

	if (r == 0)
		r = target_kernel_install_expect(in, &expect);
	for (size_t i = 0; r == 0 && kernel && expect.n && i < entries.n; i++) {
		_cleanup_free_ char *only = NULL, *directory = NULL, *about = NULL;
		char *path = entries.v[i].path;

		if (!strstr(strrchr(path, '/'), kernel->version))
			continue;
		directory = strndup(path, (size_t)(strrchr(path, '/') - path));
		if (!directory || target_kernels_about(in->root, kernel, &about) < 0 ||
			asprintf(&only, "--include=*%s*.conf", kernel->version) < 0)
			return -ENOMEM;
		return plan_add_check(plan, "look for the kernel parameters in its entry",
			(const char *const[]){
				"/bin/grep", "-rh", only, "^options", directory, NULL},
			&expect, about);
	}
	return r;
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	int r = target_kernel_install_add(in, plan, &target_kernel_install, err);

	if (r == 0)
		r = add_check(in, plan);
	return r < 0 ? error_no_memory(err) : 0;
}

static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	(void)ours;
	return target_kernel_cmdline_parameters(in, theirs, why);
}

const struct target target_kernel_install = {.name = "kernel-install",
	.detect = detect,
	.plan = plan,
	.left = target_kernel_install_left,
	.commands = commands,
	.parameters = parameters};
