/* mkinitcpio (Arch and its children): a drop-in, which mkinitcpio reads from version 36 on, and not
 * for presets that name a configuration of their own: there the words go into that file.
 *
 * FILES brings what the loading of vfio-pci needs, whatever hooks there are: modconf alone would
 * copy /etc/modprobe.d.  MODULES are loaded before udev starts (busybox) or beside it (systemd);
 * what puts vfio-pci before a graphics driver of the kms hook in both is the softdep in modprobe.d.
 */
#include "core/targets/initramfs.h"

#include "core/edit_shell.h"
#include "core/presets.h"

#include <errno.h>
#include <string.h>

#define DROP_INS "/etc/mkinitcpio.conf.d"

static bool detect(const struct target_input *in)
{
	return in->initramfs == INITRAMFS_MKINITCPIO;
}

static bool has_drop_ins(const struct target_input *in)
{
	return root_exists(in->root, DROP_INS);
}

/* The files whose MODULES and FILES count, apart from the drop-ins; *ret_drop_ins: these count too.
 */
static int find_configs(const struct target_input *in, const struct presets *presets,
	struct strv *ret, bool *ret_drop_ins)
{
	int r = 0;
	bool is_default = !presets->n;

	for (size_t i = 0; r == 0 && i < presets->n; i++) {
		if (presets->v[i].config)
			r = strv_add_unique(ret, presets->v[i].config);
		else
			is_default = true;
	}
	*ret_drop_ins = is_default && has_drop_ins(in);
	if (r == 0 && is_default && !has_drop_ins(in))
		r = strv_add_unique(ret, TARGET_MKINITCPIO_CONF);
	return r;
}

static int build(const struct strv *modules, const struct strv *files, const struct strv *binaries,
	char **ret)
{
	_cleanup_(str_free) struct str out = {0};

	str_add(&out,
		TARGET_MARK ": vfio-pci takes the chosen devices in the initramfs, before the\n"
			    "# host's drivers load, those of the kms hook too.\n");
	if (modules->n) {
		str_add(&out, "MODULES=(");
		str_add_words(&out, modules);
		str_add(&out, " \"${MODULES[@]}\")\n");
	}
	str_add(&out, "FILES+=(");
	str_add_words(&out, files);
	str_add(&out, ")\n");
	if (binaries->n) {
		str_add(&out, "BINARIES+=(");
		str_add_words(&out, binaries);
		str_add(&out, ")\n");
	}
	return str_take(&out, ret);
}

static int own_words(const struct target_input *in, struct plan *plan, const char *path,
	const char *key, const struct strv *wanted, struct error *err)
{
	const struct words_place place = {WORDS_ARRAY, path, key};

	return target_own_words(in, plan, &target_mkinitcpio, &place, NULL, wanted, err);
}

static int add_hooks(
	const struct target_input *in, const char *path, struct strv *ret, struct error *why)
{
	_cleanup_(strv_free) struct strv words = {0};
	_cleanup_free_ char *text = NULL;
	int r = target_read_optional(in, path, &text, why);

	if (r <= 0)
		return r;
	r = edit_shell_read(path, text, "HOOKS", &words, why);
	for (size_t i = 0; r > 0 && i < words.n; i++)
		if (strv_add_unique(ret, words.v[i]) < 0)
			return -ENOMEM;
	return r == -ENOMEM ? r : 0;
}

/* The base hook alone brings a shell, which install lines in modprobe.d are run by.  1: it is not
 * there, 0, or -ENOMEM. */
static int lacks_shell(const struct target_input *in, const struct strv *configs)
{
	_cleanup_(strv_free) struct strv hooks = {0};
	struct error why = {0};
	int r = add_hooks(in, TARGET_MKINITCPIO_CONF, &hooks, &why);

	for (size_t i = 0; r == 0 && i < configs->n; i++)
		r = add_hooks(in, configs->v[i], &hooks, &why);
	return r < 0 ? r : !why.code && hooks.n && !strv_has(&hooks, "base");
}

static int note_hooks(const struct target_input *in, struct plan *plan, const struct strv *configs)
{
	int r = lacks_shell(in, configs);

	if (r <= 0)
		return r;
	return findings_add(&plan->findings, "initramfs-hooks", SEVERITY_WARNING, NULL, -1,
		"put base before the other words of HOOKS in " TARGET_MKINITCPIO_CONF
		", and apply again",
		"The hook base is not among HOOKS in " TARGET_MKINITCPIO_CONF
		": without its shell vfio-bind cannot run in the initramfs, where a driver may "
		"take a chosen device first; %s moves it later in boot.",
		target_late_binder(in->machine));
}

static int plan_for(const struct target_input *in, struct plan *plan, const struct strv *configs,
	bool drop_ins, struct error *err)
{
	_cleanup_(strv_free) struct strv modules = {0}, files = {0}, binaries = {0};
	_cleanup_free_ char *text = NULL;
	const char *program;
	int r;

	if (initramfs_modules(in, plan, "mkinitcpio", &modules) < 0 ||
		initramfs_files(in, plan, &files) < 0 || note_hooks(in, plan, configs) < 0 ||
		initramfs_rescue(in, plan, &program, &files) < 0 ||
		(program && strv_add(&binaries, program) < 0) ||
		(drop_ins && build(&modules, &files, &binaries, &text) < 0))
		return error_no_memory(err);
	r = target_own_file(in, plan, &target_mkinitcpio, TARGET_MKINITCPIO, 0644, text, err);
	for (size_t i = 0; r == 0 && i < configs->n; i++) {
		r = own_words(in, plan, configs->v[i], "MODULES", &modules, err);
		if (r == 0)
			r = own_words(in, plan, configs->v[i], "FILES", &files, err);
		if (r == 0 && binaries.n)
			r = own_words(in, plan, configs->v[i], "BINARIES", &binaries, err);
	}
	return r;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(presets_free) struct presets presets = {0};
	_cleanup_(strv_free) struct strv configs = {0};
	struct error why = {0};
	bool drop_ins = false;

	/* Words that are asked for no more go by target_finish(). */
	if (!in->choice->n)
		return target_own_file(
			in, plan, &target_mkinitcpio, TARGET_MKINITCPIO, 0644, NULL, err);
	if (presets_load(in->root, &presets, &why) < 0 ||
		find_configs(in, &presets, &configs, &drop_ins) < 0)
		return error_no_memory(err);
	if (why.code && initramfs_unchecked(in, plan, "%.400s", why.text) < 0)
		return error_no_memory(err);
	return plan_for(in, plan, &configs, drop_ins, err);
}

static int rebuild(struct plan *plan, const struct presets *presets)
{
	static const char *const argv[] = {"/usr/bin/mkinitcpio", "-P", NULL};

	if (presets->n)
		return plan_add_command(
			plan, COMMAND_INITRAMFS, "rebuild the initramfs of every preset", argv);
	return findings_add(&plan->findings, "initramfs-by-hand", SEVERITY_WARNING, NULL, -1,
		"run mkinitcpio -k VERSION -g IMAGE for every kernel before the reboot",
		"There is no preset in /etc/mkinitcpio.d that can be read, so nothing tells which "
		"images to rebuild: that is left to you.");
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const char *const lsinitcpio[] = {"/usr/bin/lsinitcpio", NULL};
	_cleanup_(presets_free) struct presets presets = {0};
	_cleanup_(images_free) struct images images = {0};
	int r;

	if (!detect(in) || !initramfs_is_stale(plan, &target_mkinitcpio))
		return 0;
	r = presets_load(in->root, &presets, NULL);
	if (r == 0)
		r = rebuild(plan, &presets);
	if (r == 0 && presets.n)
		r = images_find(in->root, in->machine, &images);
	if (r == 0 && presets.n)
		r = initramfs_check(in, plan, lsinitcpio, &images, NULL);
	return r < 0 ? error_no_memory(err) : 0;
}

static int left(const struct target_input *in)
{
	_cleanup_(presets_free) struct presets presets = {0};
	_cleanup_(strv_free) struct strv configs = {0};
	bool drop_ins;
	int r = presets_load(in->root, &presets, NULL);

	if (r == 0)
		r = find_configs(in, &presets, &configs, &drop_ins);
	if (r == 0)
		r = !presets.n ? 1 : lacks_shell(in, &configs);
	return r > 0 ? TARGET_IMAGES : r;
}

const struct target target_mkinitcpio = {.name = "mkinitcpio",
	.detect = detect,
	.plan = plan,
	.commands = commands,
	.left = left};
