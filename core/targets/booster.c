/* booster (Arch and others): one YAML file, no drop-in.
 *
 * Its images hold no shell, no softdep and no install line (generator/kmod.go), so vfio-bind cannot
 * run there.  A vfio-pci that is loaded there before any override is set would leave the chosen
 * devices to the host's drivers, also later, when modprobe finds it loaded already.  So it goes
 * into the image only where ids= in /etc/modprobe.d, which the generator does read, bind all that
 * is chosen and nothing else; in every other case binding begins after the root file system is
 * mounted. */
#include "core/targets/initramfs.h"

#include <errno.h>

static bool detect(const struct target_input *in)
{
	return in->initramfs == INITRAMFS_BOOSTER;
}

static bool is_early(const struct target_input *in)
{
	return forecast_binds_by_ids(in->machine, in->choice, in->existing);
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const struct words_place place = {WORDS_BOOSTER, TARGET_BOOSTER, ""};
	_cleanup_(strv_free) struct strv modules = {0};

	if (is_early(in) && initramfs_modules(in, plan, "booster", &modules) < 0)
		return error_no_memory(err);
	return target_own_words(
		in, plan, &target_booster, &place, TARGET_MARK ".\n", &modules, err);
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const argv[] = {"/usr/lib/booster/regenerate_images", NULL};
	static const char *const ls[] = {"/usr/bin/booster", "ls", NULL};
	_cleanup_(images_free) struct images images = {0};

	if (!detect(in) || !(target_changed(plan, &target_booster) ||
				   (is_early(in) && target_changed(plan, &target_modprobe))))
		return 0;
	if (plan_add_command(
		    plan, COMMAND_INITRAMFS, "rebuild the initramfs of every kernel", argv) < 0 ||
		images_find(in->root, in->machine, &images) < 0 ||
		initramfs_check(in, plan, ls, &images, NULL) < 0)
		return error_no_memory(err);
	return 0;
}

const struct target target_booster = {
	.name = "booster", .detect = detect, .plan = plan, .commands = commands};
