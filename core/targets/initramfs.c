#include "core/targets/initramfs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How many of the installed kernels have a module in this state. */
static size_t count(const struct machine *machine, const char *name, enum module_state state)
{
	const struct module *module = machine_module(machine, name);
	size_t n = 0;

	for (size_t k = 0; module && k < machine->n_kernels; k++)
		n += module->states[k] == state;
	return n;
}

bool initramfs_is_loadable(const struct machine *machine, const char *name)
{
	return count(machine, name, MODULE_LOADABLE) > 0;
}

int initramfs_modules(
	const struct target_input *in, struct plan *plan, const char *generator, struct strv *ret)
{
	static const char *const names[] = {"vfio_pci", "vfio", "vfio_iommu_type1"};
	const struct machine *machine = in->machine;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		size_t loadable = count(machine, names[i], MODULE_LOADABLE);

		if (loadable &&
			loadable + count(machine, names[i], MODULE_BUILTIN) == machine->n_kernels)
			r = strv_add(ret, names[i]);
		else if (i == 0 && loadable)
			return findings_add(&plan->findings, "initramfs-modules", SEVERITY_WARNING,
				NULL, -1,
				"remove the kernels that have no vfio-pci, and apply again",
				"Not every installed kernel has vfio-pci, and %s fails on a module "
				"that "
				"a kernel has not: it is not told to load vfio-pci first. The rule "
				"in "
				"/etc/modprobe.d still has it loaded before the host's drivers, "
				"where "
				"the image holds it.",
				generator);
	}
	return r;
}

const char *initramfs_dracut(const struct root *root)
{
	return root_exists(root, "/usr/bin/dracut") ? "/usr/bin/dracut" : "/usr/sbin/dracut";
}

/* What the plan makes of a path decides, else what is there.  1, 0 or -ENOMEM. */
static int will_exist(const struct target_input *in, const struct plan *plan, const char *path)
{
	_cleanup_free_ char *resolved = NULL;
	const struct change *change;
	struct stat st;
	int r = root_resolve(in->root, path, &resolved, NULL);

	change = r == 0 ? plan_find_change(plan, resolved) : NULL;
	if (change)
		return change->after.kind != CONTENT_ABSENT;
	if (r == 0)
		r = root_stat(in->root, resolved, &st);
	return r == -ENOMEM ? r : r == 0;
}

int initramfs_files(const struct target_input *in, const struct plan *plan, struct strv *ret)
{
	static const char *const paths[] = {
		TARGET_SCRIPT, CHOICE_PATH, TARGET_MODPROBE, TARGET_IDS};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(paths); i++) {
		r = will_exist(in, plan, paths[i]);
		if (r > 0)
			r = strv_add(ret, paths[i]);
	}
	return r < 0 ? r : 0;
}

/* The directories in which ncurses looks, as distributions have them. */
static int add_terminals(const struct target_input *in, struct strv *ret)
{
	static const char *const directories[] = {
		"/lib/terminfo", "/usr/lib/terminfo", "/usr/share/terminfo"};
	static const char *const names[] = {"l/linux", "v/vt100", "v/vt220", "x/xterm"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		for (size_t k = 0; k < ARRAY_SIZE(directories); k++) {
			char path[64];

			(void)snprintf(path, sizeof(path), "%s/%s", directories[k], names[i]);
			if (!root_exists(in->root, path))
				continue;
			if (strv_add(ret, path) < 0)
				return -ENOMEM;
			break;
		}
	return 0;
}

static const char *rescue_program(const struct target_input *in)
{
	return in->choice->n && in->choice->options & CHOICE_RESCUE ? target_program(in) : NULL;
}

int initramfs_rescue(const struct target_input *in, struct plan *plan, const char **ret_program,
	struct strv *ret)
{
	const char *program = rescue_program(in);

	if (!program && in->choice->n && in->choice->options & CHOICE_RESCUE &&
		findings_add(&plan->findings, "program-missing", SEVERITY_WARNING, NULL, -1,
			"install it there (make install, below /usr/local or /usr), and apply "
			"again",
			"vfio-wizard is not installed in this system: the initramfs goes without "
			"it, and the option rescue does nothing.") < 0)
		return -ENOMEM;
	if (program && add_terminals(in, ret) < 0)
		return -ENOMEM;
	*ret_program = program;
	return 0;
}

bool initramfs_is_stale(const struct plan *plan, const struct target *self)
{
	return target_changed(plan, &target_vfio_bind) || target_changed(plan, &target_modprobe) ||
	       target_changed(plan, self);
}

int initramfs_unchecked(const struct target_input *in, struct plan *plan, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!in->choice->n)
		return 0;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return findings_add(&plan->findings, "initramfs-unchecked", SEVERITY_INFO, NULL, -1,
		"after the reboot, vfio-wizard verify tells whether every device is bound", "%s",
		text);
}

static bool has_module(const struct target_input *in, const struct kernel *kernel)
{
	const struct module *module = machine_module(in->machine, "vfio_pci");

	return module && module->states[kernel - in->machine->kernels] == MODULE_LOADABLE;
}

static int expect(const struct target_input *in, const struct plan *plan,
	const struct kernel *kernel, struct strv *ret)
{
	_cleanup_(strv_free) struct strv files = {0};
	int r = 0;

	/* Its images have no files of ours, and module files under the modules' names. */
	if (in->initramfs == INITRAMFS_BOOSTER)
		return has_module(in, kernel) ? strv_add(ret, "vfio_pci.ko") : 0;
	/* mkinitcpio fails by itself where it does not find a module, and keeps compressed ones in
	 * the early part of an image, which not every lsinitcpio lists. */
	if (has_module(in, kernel) && in->initramfs != INITRAMFS_MKINITCPIO)
		r = strv_add(ret, "vfio-pci.ko");
	if (r == 0)
		r = initramfs_files(in, plan, &files);
	for (size_t i = 0; r == 0 && i < files.n; i++)
		r = strv_add(ret, files.v[i] + 1);
	/* /usr/sbin may be /usr/bin. */
	if (r == 0 && rescue_program(in))
		r = strv_add(ret, "bin/vfio-wizard");
	return r;
}

static int check(const struct target_input *in, struct plan *plan, const char *const program[],
	const struct image *image)
{
	_cleanup_(strv_free) struct strv argv = {0}, expected = {0};
	_cleanup_free_ char *about = NULL;
	int r = target_kernels_about(in->root, image->kernel, &about);

	for (; r == 0 && *program; program++)
		r = strv_add(&argv, *program);
	if (r == 0)
		r = strv_add(&argv, image->path);
	if (r == 0)
		r = expect(in, plan, image->kernel, &expected);
	return r < 0 ? r
		     : plan_add_check(plan, "look into what was built", (const char *const *)argv.v,
			       &expected, about);
}

static bool is_new(const struct target_input *in, const struct image *image, const char *place)
{
	return !image->is_uki && image->is_boosters == (in->initramfs == INITRAMFS_BOOSTER) &&
	       (!place || base_starts(image->path, place));
}

int initramfs_check(const struct target_input *in, struct plan *plan, const char *const program[],
	const struct images *images, const char *place)
{
	if (!in->choice->n)
		return 0;
	if (!root_exists(in->root, program[0]))
		return initramfs_unchecked(in, plan,
			"%s is not installed: nothing looks into the new images for vfio-pci and "
			"vfio-bind.",
			program[0]);
	for (size_t k = 0; k < in->machine->n_kernels; k++) {
		const struct kernel *kernel = &in->machine->kernels[k];
		size_t checked = 0;

		for (size_t i = 0; i < images->n; i++) {
			if (images->v[i].kernel != kernel || !is_new(in, &images->v[i], place))
				continue;
			if (check(in, plan, program, &images->v[i]) < 0)
				return -ENOMEM;
			checked++;
		}
		if (!checked &&
			initramfs_unchecked(in, plan,
				"No initramfs of kernel %s that can be opened is found: nothing "
				"looks into the new one for vfio-pci and vfio-bind.",
				kernel->version) < 0)
			return -ENOMEM;
	}
	return 0;
}

const char *const initramfs_update[] = {"/usr/sbin/update-initramfs", "-u", "-k", "all", NULL};

/* The hook has kernel-install copy the images to where loader entries name them. */
const char *initramfs_updated_place(const struct target_input *in)
{
	return root_exists(in->root, "/etc/initramfs/post-update.d/systemd-boot")
		       ? NULL
		       : "/boot/initrd.img-";
}
