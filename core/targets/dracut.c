/* dracut (Fedora, RHEL, openSUSE, an option elsewhere): a drop-in.
 *
 * force_drivers includes the modules and has them loaded before udev starts (rd.driver.pre of the
 * image's own command line), and so before any driver of the host.  install_items brings what their
 * loading needs: only a host-only image has /etc/modprobe.d.  sh and modprobe are in every image.
 * Of a program that it names, dracut brings the libraries.
 *
 * dracut (read: 059) copies an image over the old one, and removes it when that fails: cut short
 * there, the kernel has none that boots.  So each is written beside the old one, looked into, and
 * put in its place by one rename.  --regenerate-all has no way to do that; what it is better at,
 * kernels that come and go, target_kernels_now() does by finding the images anew.
 */
#include "core/targets/initramfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const lsinitrd[] = {"/usr/bin/lsinitrd", NULL};

static bool detect(const struct target_input *in)
{
	return in->initramfs == INITRAMFS_DRACUT;
}

/* dracut takes all files together as one list: words need a space on either side. */
static void add_list(struct str *out, const char *key, const struct strv *words)
{
	if (!words->n)
		return;
	str_addf(out, "%s+=\"", key);
	for (size_t i = 0; i < words->n; i++)
		str_addf(out, " %s", words->v[i]);
	str_add(out, " \"\n");
}

static int build(const struct target_input *in, struct plan *plan, char **ret)
{
	_cleanup_(strv_free) struct strv modules = {0}, files = {0};
	_cleanup_(str_free) struct str out = {0};
	const char *program;

	if (initramfs_modules(in, plan, "dracut", &modules) < 0 ||
		initramfs_files(in, plan, &files) < 0 ||
		initramfs_rescue(in, plan, &program, &files) < 0 ||
		(program && strv_add(&files, program) < 0))
		return -ENOMEM;
	str_add(&out,
		TARGET_MARK ": vfio-pci takes the chosen devices in the initramfs, before the\n"
			    "# host's drivers load.\n");
	add_list(&out, "force_drivers", &modules);
	add_list(&out, "install_items", &files);
	return str_take(&out, ret);
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	if (in->choice->n && build(in, plan, &text) < 0)
		return error_no_memory(err);
	return target_own_file(in, plan, &target_dracut, TARGET_DRACUT, 0644, text, err);
}

static int rebuild(struct plan *plan, const char *const argv[])
{
	return plan_add_command(
		plan, COMMAND_INITRAMFS, "rebuild the initramfs of every kernel", argv);
}

static int rebuild_all(const struct root *root, struct plan *plan)
{
	const char *const argv[] = {initramfs_dracut(root), "--regenerate-all", "--force", NULL};

	return rebuild(plan, argv);
}

static bool is_own(const struct image *image)
{
	return !image->is_uki && !image->is_boosters;
}

static bool are_dracuts(const struct root *root, const struct images *images)
{
	for (size_t i = 0; i < images->n; i++)
		if (is_own(&images->v[i]) && !images_is_dracuts(root, &images->v[i]))
			return false;
	return true;
}

/* For kernel-install, which comes next, writes entries of these very images, and is looked into
 * before anything could be put in place.  Where an image has another name than dracut would give
 * it, or another place (a kernel's loader entry may load initrd.img-VERSION while dracut writes
 * initrd beside it), that very file is written. */
static int rebuild_in_place(const struct root *root, struct plan *plan, const struct images *images)
{
	int r = 0;

	if (are_dracuts(root, images))
		return rebuild_all(root, plan);
	for (size_t i = 0; r == 0 && i < images->n; i++) {
		const struct image *image = &images->v[i];
		const char *const argv[] = {initramfs_dracut(root), "--force", image->path,
			image->kernel->version, NULL};

		if (is_own(image))
			r = plan_add_command(plan, COMMAND_INITRAMFS,
				"rebuild an initramfs that is there", argv);
	}
	return r;
}

/* The image's path becomes that of the new one. */
static int rebuild_beside(const struct root *root, struct plan *plan, struct image *image)
{
	const char *version = image->kernel->version;
	_cleanup_free_ char *path = NULL, *beside = NULL, *about = NULL;
	const char *argv[] = {initramfs_dracut(root), "--force", NULL, version, NULL};
	int r = root_resolve(root, image->path, &path, NULL);

	if (r == -ENOMEM || (r < 0 && !(path = strdup(image->path))) ||
		target_kernels_about(root, image->kernel, &about) < 0)
		return -ENOMEM;
	if (asprintf(&beside, "%s.new", path) < 0) {
		beside = NULL;
		return -ENOMEM;
	}
	argv[2] = beside;
	r = plan_add_undoable(plan, COMMAND_INITRAMFS, "build a new initramfs beside the old one",
		argv, NULL, about);
	if (r == 0)
		r = plan_add_place(
			plan, "put the new initramfs in the old one's place", beside, path, about);
	free(image->path);
	image->path = TAKE_PTR(beside);
	return r;
}

/* Where there is none, none can be lost: dracut writes what it thinks right. */
static int rebuild_each(const struct root *root, struct plan *plan, struct images *images)
{
	size_t own = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < images->n; i++) {
		if (!is_own(&images->v[i]))
			continue;
		r = rebuild_beside(root, plan, &images->v[i]);
		own++;
	}
	return r < 0 || own ? r : rebuild_all(root, plan);
}

static bool are_unified(const struct images *images)
{
	for (size_t i = 0; i < images->n; i++)
		if (!images->v[i].is_uki)
			return false;
	return images->n > 0;
}

/* Each family has its own way, and they do not mix. */
static int rebuild_by_family(
	const struct target_input *in, struct plan *plan, struct images *images)
{
	/* Images are named after their contents: what was there is not what will be. */
	static const char *const suse[] = {
		"/usr/bin/sdbootutil", "--no-reuse-initrd", "add-all-kernels", NULL};
	/* It has dracut make the initramfs anew, and packs it. */
	static const char *const unified[] = {"/usr/bin/kernel-install", "add-all", NULL};
	const char *place = NULL;
	int r;

	if (in->loader == BOOT_SDBOOTUTIL) {
		r = rebuild(plan, suse);
		return r < 0 ? r
			     : initramfs_unchecked(in, plan,
				       "sdbootutil names an image after what is in it: nothing "
				       "looks "
				       "into the new ones for vfio-pci and vfio-bind.");
	}
	if (are_unified(images) && root_exists(in->root, unified[0]))
		r = rebuild(plan, unified);
	else if (root_exists(in->root, initramfs_update[0])) {
		r = rebuild(plan, initramfs_update);
		place = initramfs_updated_place(in);
	} else if (in->loader == BOOT_KERNEL_INSTALL || in->loader == BOOT_UKI)
		r = rebuild_in_place(in->root, plan, images);
	else
		r = rebuild_each(in->root, plan, images);
	return r < 0 ? r : initramfs_check(in, plan, lsinitrd, images, place);
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(images_free) struct images images = {0};

	if (!detect(in) || !initramfs_is_stale(plan, &target_dracut))
		return 0;
	if (images_find(in->root, in->machine, &images) < 0 ||
		rebuild_by_family(in, plan, &images) < 0)
		return error_no_memory(err);
	return 0;
}

int target_dracut_now(
	const struct root *root, const struct machine *machine, struct plan *plan, bool in_place)
{
	_cleanup_(images_free) struct images images = {0};
	int r = images_find(root, machine, &images);

	if (r < 0)
		return r;
	return in_place ? rebuild_in_place(root, plan, &images) : rebuild_each(root, plan, &images);
}

const struct target target_dracut = {
	.name = "dracut", .detect = detect, .plan = plan, .commands = commands};
