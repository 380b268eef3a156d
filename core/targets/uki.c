/* Unified kernel images: kernel, initramfs and command line in one program of the firmware, so the
 * parameters are in effect once the image is built anew.  Who builds it says where they are kept:
 *   mkinitcpio      a preset with NAME_uki=: /etc/kernel/cmdline, else /etc/cmdline.d (from v36 on)
 *   kernel-install  layout=uki: /etc/kernel/cmdline
 *   dracut          uefi=yes: kernel_cmdline in dracut.conf; without one the running line */
#include "core/targets/entries.h"
#include "core/targets/kernel_cmdline.h"
#include "core/targets/initramfs.h"
#include "core/targets/kernel_install.h"

#include "core/edit.h"
#include "core/edit_cmdline.h"
#include "core/images.h"
#include "core/parameters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CMDLINE_D   "/etc/cmdline.d"
#define DRACUT_D    "/etc/dracut.conf.d"
#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

enum builder { BUILDER_UNKNOWN, BUILDER_MKINITCPIO, BUILDER_KERNEL_INSTALL, BUILDER_DRACUT };

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_UKI;
}

/* -- who builds it -- */

/* What files of one kind that sh or bash sources give `key`, the last one last; with KEY+=. */
static int read_key(const struct target_input *in, const struct strv *paths, const char *key,
	struct strv *ret, struct error *why)
{
	for (size_t i = 0; i < paths->n; i++) {
		const struct words_place place = {WORDS_SHELL, paths->v[i], key};
		int r = strcmp(paths->v[i], TARGET_DRACUT_UKI) == 0
				? 0
				: target_words_theirs(in, &place, ret, why);

		if (r < 0)
			return r;
	}
	return 0;
}

static int dracut_files(const struct target_input *in, struct strv *ret)
{
	int r = strv_add(ret, "/etc/dracut.conf");

	if (r == 0)
		r = target_list(in, "/usr/lib/dracut/dracut.conf.d", ".conf", ret);
	return r < 0 ? r : target_list(in, DRACUT_D, ".conf", ret);
}

static int install_files(const struct target_input *in, struct strv *ret)
{
	int r = strv_add(ret, root_exists(in->root, "/etc/kernel/install.conf")
				      ? "/etc/kernel/install.conf"
				      : "/usr/lib/kernel/install.conf");

	if (r == 0)
		r = target_list(in, "/usr/lib/kernel/install.conf.d", ".conf", ret);
	return r < 0 ? r : target_list(in, "/etc/kernel/install.conf.d", ".conf", ret);
}

static int last_is(
	const struct target_input *in, const struct strv *paths, const char *key, const char *value)
{
	_cleanup_(strv_free) struct strv words = {0};
	struct error why = {0};
	int r = read_key(in, paths, key, &words, &why);

	return r < 0 ? r : words.n && strcmp(words.v[words.n - 1], value) == 0;
}

/* mkinitcpio's presets are sourced by bash.  Adds the images that a preset makes, and the lines
 * that name a command line of their own, but for those of fallback images: these are a way back. */
static int read_preset(const char *path, const char *text, struct strv *images, struct strv *own)
{
	size_t number = 0;
	int r = 0;

	for (const char *line = text; r == 0 && *line; line += strcspn(line, "\n")) {
		_cleanup_(strv_free) struct strv value = {0};
		_cleanup_free_ char *key = NULL;
		size_t n;

		line += *line == '\n' && number;
		number++;
		n = strcspn(line, "=\n \t#");
		key = strndup(line, n);
		if (!key)
			return -ENOMEM;
		if (line[n] != '=' || strstr(key, "fallback"))
			continue;
		if (base_ends(key, "_uki") || base_ends(key, "_efi_image")) {
			r = edit_shell_words(line, key, &value, NULL);
			if (r == 0 && value.n)
				r = strv_add_unique(images, value.v[0]);
		} else if (n > 8 && strcmp(key + n - 8, "_options") == 0) {
			const char *end = line + strcspn(line, "\n");
			const char *option = strstr(line, "--cmdline");

			if (option && option < end)
				r = strv_addf(own, "%s:%zu", path, number);
		}
	}
	return r;
}

static int read_presets(const struct target_input *in, struct strv *images, struct strv *own)
{
	_cleanup_(strv_free) struct strv paths = {0};
	struct error why = {0};
	int r = target_list(in, "/etc/mkinitcpio.d", ".preset", &paths);

	for (size_t i = 0; r == 0 && i < paths.n; i++) {
		_cleanup_free_ char *text = NULL;

		r = target_read_optional(in, paths.v[i], &text, &why);
		if (r > 0)
			r = read_preset(paths.v[i], text, images, own);
	}
	return r;
}

/* The builder, or -ENOMEM. */
static int find_builder(const struct target_input *in)
{
	_cleanup_(strv_free) struct strv images = {0}, own = {0}, install = {0}, dracut = {0};
	int r;

	if (in->initramfs == INITRAMFS_MKINITCPIO) {
		r = read_presets(in, &images, &own);
		if (r < 0 || images.n)
			return r < 0 ? r : BUILDER_MKINITCPIO;
	}
	r = install_files(in, &install);
	if (r == 0)
		r = last_is(in, &install, "layout", "uki");
	if (r)
		return r < 0 ? r : BUILDER_KERNEL_INSTALL;
	r = dracut_files(in, &dracut);
	if (r == 0)
		r = last_is(in, &dracut, "uefi", "yes");
	return r < 0 ? r : r ? BUILDER_DRACUT : BUILDER_UNKNOWN;
}

static int left(const struct target_input *in)
{
	_cleanup_(strv_free) struct strv images = {0}, own = {0};
	int builder = find_builder(in);

	if (builder == BUILDER_UNKNOWN)
		return TARGET_PARAMETERS | TARGET_IMAGES;
	if (builder == BUILDER_KERNEL_INSTALL)
		return target_kernel_install_left(in);
	if (builder != BUILDER_MKINITCPIO)
		return builder < 0 ? builder : 0;
	return read_presets(in, &images, &own) < 0 ? -ENOMEM : own.n ? TARGET_PARAMETERS : 0;
}

/* -- where the command line is kept -- */

/* Whether a file of the person's in /etc/cmdline.d is what counts: 1, 0 or -ENOMEM.  Newer versions
 * of mkinitcpio may read it beside /etc/kernel/cmdline; a drop-in is only right where that is not
 * there. */
static int cmdline_files(const struct target_input *in, struct strv *ret)
{
	_cleanup_(strv_free) struct strv paths = {0};
	int r = target_list(in, CMDLINE_D, ".conf", &paths);

	for (size_t i = 0; r == 0 && i < paths.n; i++)
		if (strcmp(paths.v[i], TARGET_CMDLINE_D) != 0)
			r = strv_add(ret, paths.v[i]);
	if (r < 0)
		return r;
	return ret->n && !root_exists(in->root, TARGET_CMDLINE) &&
	       !root_exists(in->root, "/usr/lib/kernel/cmdline");
}

/* The drop-in of either builder; theirs: what it comes behind. */
static int build_drop_in(const struct target_input *in, const struct strv *theirs,
	const char *before, const char *after, char **ret, struct error *err)
{
	_cleanup_(str_free) struct str out = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = parameters_behind(theirs, in->parameters, &words, err);

	if (r < 0 || !words.n)
		return r;
	str_addf(&out, TARGET_MARK ": what PCI passthrough needs on the kernel command line.\n%s",
		before);
	str_add_words(&out, &words);
	str_add(&out, after);
	return str_take(&out, ret) < 0 ? error_no_memory(err) : 0;
}

static int tell_own_cmdline(struct plan *plan, const struct strv *own, const struct strv *wanted)
{
	_cleanup_(str_free) struct str words = {0};

	str_add_words(&words, wanted);
	if (str_check(&words) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < own->n; i++)
		if (findings_add(&plan->findings, "boot-loader-by-hand", SEVERITY_WARNING, NULL, -1,
			    "add them to that file, then run mkinitcpio -P",
			    "%s names a kernel command line of its own with --cmdline: the "
			    "parameters of that image stay as they are.  It needs: %s",
			    own->v[i], words.s ? words.s : "") < 0)
			return -ENOMEM;
	return 0;
}

static int plan_mkinitcpio(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(strv_free) struct strv images = {0}, own = {0}, files = {0};
	_cleanup_free_ char *text = NULL;
	int r = read_presets(in, &images, &own);

	if (r == 0 && in->parameters->n)
		r = tell_own_cmdline(plan, &own, in->parameters);
	if (r == 0)
		r = cmdline_files(in, &files);
	if (r < 0)
		return error_no_memory(err);
	if (!r)
		return target_kernel_cmdline_plan(in, plan, &target_uki, err);
	if (in->parameters->n)
		r = build_drop_in(in, &in->existing->cmdline, "", "\n", &text, err);
	return r < 0 ? r
		     : target_own_file(in, plan, &target_uki, TARGET_CMDLINE_D, 0644, text, err);
}

/* bash reads it between double quotes. */
static int check_quoting(const char *line, struct error *err)
{
	return strpbrk(line, "\"$`\\")
		       ? error_set(err, -EINVAL,
				 "the kernel command line has quotes or other characters that "
				 "dracut.conf cannot take over; set kernel_cmdline there by hand")
		       : 0;
}

/* What an image of dracut's boots with while there is no kernel_cmdline, one line. */
static int dracut_base(const struct target_input *in, struct str *ret, struct error *err)
{
	_cleanup_(strv_free) struct strv words = {0};
	_cleanup_free_ char *text = NULL;
	struct error why = {0};
	int r = target_read_optional(in, TARGET_CMDLINE, &text, &why);

	if (r == 0)
		r = target_kernel_cmdline_fresh(in, &text, err);
	if (r >= 0)
		r = check_quoting(text, err);
	if (r == 0)
		r = edit_cmdline_read(TARGET_CMDLINE, text, EDIT_CMDLINE_FILE, &words, err);
	if (r < 0)
		return r == -ENOMEM ? error_no_memory(err) : r;
	str_add_words(ret, &words);
	str_addc(ret, ' ');
	return str_check(ret) < 0 ? error_no_memory(err) : 0;
}

/* With a kernel_cmdline dracut takes no other: a first one has to hold all of it. */
static int build_dracut(
	const struct target_input *in, const struct strv *theirs, char **ret, struct error *err)
{
	_cleanup_(str_free) struct str before = {0};
	int r = 0;

	str_add(&before, "kernel_cmdline+=\" ");
	if (!theirs->n)
		r = dracut_base(in, &before, err);
	if (r < 0)
		return r;
	if (str_check(&before) < 0)
		return error_no_memory(err);
	return build_drop_in(in, &in->existing->cmdline, before.s, " \"\n", ret, err);
}

static int plan_dracut(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(strv_free) struct strv files = {0}, theirs = {0};
	_cleanup_free_ char *text = NULL;
	struct error why = {0};
	int r = dracut_files(in, &files);

	if (r == 0)
		r = read_key(in, &files, "kernel_cmdline", &theirs, &why);
	if (r < 0)
		return error_no_memory(err);
	if (in->parameters->n && why.code < 0)
		return error_set(err, why.code, "%s", why.text);
	/* dracut would take the line of the rescue system that runs. */
	if (in->choice->n && !theirs.n && !in->machine->host.cmdline)
		return error_set(err, -EINVAL,
			"dracut builds the kernel image with the running kernel's parameters, and "
			"this system does not run; set kernel_cmdline in " DRACUT_D
			", then try again");
	if (in->parameters->n)
		r = build_dracut(in, &theirs, &text, err);
	return r < 0 ? r
		     : target_own_file(in, plan, &target_uki, TARGET_DRACUT_UKI, 0644, text, err);
}

static int tell_unknown(struct plan *plan, const struct strv *wanted)
{
	_cleanup_(str_free) struct str words = {0};

	str_add_words(&words, wanted);
	if (str_check(&words) < 0)
		return -ENOMEM;
	return findings_add(&plan->findings, "boot-loader-by-hand", SEVERITY_WARNING, NULL, -1,
		"build it anew with them and the new initramfs, and sign it as before",
		"What builds the unified kernel image is not known: neither a preset of "
		"mkinitcpio, "
		"nor layout=uki of kernel-install, nor uefi=yes of dracut.  The image stays as it "
		"is.  It needs: %s",
		words.len ? words.s : "no other kernel parameters");
}

/* What is left of the other builders goes. */
static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	int builder = detect(in) ? find_builder(in) : BUILDER_UNKNOWN;
	int r = 0;

	if (builder < 0)
		return error_no_memory(err);
	if (builder == BUILDER_MKINITCPIO)
		r = plan_mkinitcpio(in, plan, err);
	else
		r = target_own_file(in, plan, &target_uki, TARGET_CMDLINE_D, 0644, NULL, err);
	if (r == 0 && builder == BUILDER_DRACUT)
		r = plan_dracut(in, plan, err);
	else if (r == 0)
		r = target_own_file(in, plan, &target_uki, TARGET_DRACUT_UKI, 0644, NULL, err);
	if (r == 0 && builder == BUILDER_KERNEL_INSTALL)
		r = target_kernel_cmdline_plan(in, plan, &target_uki, err);
	if (r == 0 && detect(in) && builder == BUILDER_UNKNOWN && in->choice->n &&
		tell_unknown(plan, in->parameters) < 0)
		return error_no_memory(err);
	if (r == 0 && detect(in) &&
		target_entries_no_spare(in, plan,
			"where systemd-boot starts the image and Secure Boot is off, press e in "
			"its "
			"menu to add it; else have a rescue system at hand") < 0)
		return error_no_memory(err);
	return r;
}

/* -- Secure Boot -- */

static bool is_secure_boot(const struct target_input *in)
{
	_cleanup_free_ char *bytes = NULL;
	size_t n;

	/* A rescue system's firmware settings may be another machine's. */
	if (root_runs(in->root) != root_sysfs_is_live(in->root))
		return false;
	return root_read(in->root, SECURE_BOOT, &bytes, &n, NULL) == 0 && n == 5 && bytes[4] == 1;
}

/* A file of these mentions one of the usual programs. */
static int find_hook(const struct target_input *in, const char *directory, bool *ret)
{
	static const char *const tools[] = {"sbctl", "sbsign", "systemd-sbsign", "pesign"};
	_cleanup_(strv_free) struct strv paths = {0};
	struct error why = {0};
	int r = target_list(in, directory, "", &paths);

	for (size_t i = 0; r >= 0 && i < paths.n; i++) {
		_cleanup_free_ char *text = NULL;

		r = target_read_optional(in, paths.v[i], &text, &why);
		for (size_t k = 0; r > 0 && k < ARRAY_SIZE(tools); k++)
			*ret |= strstr(text, tools[k]) != NULL;
	}
	return r < 0 ? r : 0;
}

/* Whether what builds the image signs it too.  A hook of the package manager does not count: it
 * does not run now. */
static int find_signer(const struct target_input *in, int builder, bool *ret)
{
	static const char *const configs[] = {"/etc/kernel/uki.conf", "/usr/lib/kernel/uki.conf"};
	_cleanup_(strv_free) struct strv files = {0}, cert = {0};
	struct error why = {0};
	int r = 0;

	*ret = false;
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(configs) && builder != BUILDER_DRACUT; i++) {
		_cleanup_free_ char *text = NULL;

		r = target_read_optional(in, configs[i], &text, &why);
		*ret |= r > 0 && (base_starts(text, "SecureBootPrivateKey=") ||
					 strstr(text, "\nSecureBootPrivateKey="));
	}
	if (r >= 0 && builder == BUILDER_MKINITCPIO) {
		r = find_hook(in, "/etc/initcpio/post", ret);
		return r < 0 ? r : find_hook(in, "/usr/lib/initcpio/post", ret);
	}
	if (r >= 0 && builder == BUILDER_KERNEL_INSTALL) {
		r = find_hook(in, "/etc/kernel/install.d", ret);
		return r < 0 ? r : find_hook(in, "/usr/lib/kernel/install.d", ret);
	}
	if (r >= 0)
		r = dracut_files(in, &files);
	if (r == 0)
		r = read_key(in, &files, "uefi_secureboot_cert", &cert, &why);
	*ret |= cert.n > 0;
	return r;
}

static int tell_secure_boot(const struct target_input *in, int builder, struct plan *plan)
{
	bool is_signed;
	int r;

	if (!is_secure_boot(in) || builder == BUILDER_UNKNOWN)
		return 0;
	r = find_signer(in, builder, &is_signed);
	if (r < 0)
		return r;
	if (is_signed)
		return findings_add(&plan->findings, "secure-boot", SEVERITY_WARNING, NULL, -1,
			"before the reboot see that the new image is signed: sbctl verify, or "
			"sbverify --list IMAGE",
			"Secure Boot is on: the new unified kernel image boots only if it is "
			"signed, "
			"which its builder is set up to do.  Parameters given at the boot prompt "
			"are "
			"ignored.");
	return findings_add(&plan->findings, "secure-boot", SEVERITY_DANGER, NULL, -1,
		"set up signing in what builds the image (sbctl, SecureBootPrivateKey= in "
		"/etc/kernel/uki.conf, uefi_secureboot_cert= and _key= in dracut.conf), or sign it "
		"by "
		"hand before the reboot",
		"Secure Boot is on, and nothing is found that signs the unified kernel image when "
		"it "
		"is built anew: the firmware refuses one without a signature, and this host would "
		"not boot.");
}

/* -- commands -- */

/* The initramfs target builds the image too, with the same program. */
static bool is_run(const struct plan *plan, const char *program)
{
	for (size_t i = 0; i < plan->n_commands; i++) {
		const char *name = strrchr(plan->commands[i].argv.v[0], '/');

		if (name && strcmp(name + 1, program) == 0)
			return true;
	}
	return false;
}

static int rebuild(const struct root *root, struct plan *plan, int builder)
{
	static const char *const mkinitcpio[] = {"/usr/bin/mkinitcpio", "-P", NULL};
	const char *const dracut[] = {initramfs_dracut(root), "--regenerate-all", "--force", NULL};
	bool is_dracut = builder == BUILDER_DRACUT;

	if (is_run(plan, is_dracut ? "dracut" : "mkinitcpio"))
		return 0;
	return plan_add_command(plan, COMMAND_INITRAMFS, "build every unified kernel image",
		is_dracut ? dracut : mkinitcpio);
}

/* *ret NULL: the image is of no kernel that is there. */
static int find_about(
	const struct target_input *in, const struct images *images, const char *image, char **ret)
{
	for (size_t i = 0; i < images->n; i++)
		if (strcmp(images->v[i].path, image) == 0)
			return target_kernels_about(in->root, images->v[i].kernel, ret);
	return 0;
}

/* The command line is in the image as plain text. */
static int add_check(const struct target_input *in, struct plan *plan, const struct images *images,
	const char *image)
{
	_cleanup_(strv_free) struct strv expect = {0}, argv = {0};
	_cleanup_free_ char *about = NULL;
	int r = target_kernel_install_expect(in, &expect);

	if (r < 0 || !expect.n || !root_exists(in->root, image))
		return r;
	r = strv_add(&argv, "/bin/grep");
	if (r == 0)
		r = strv_add(&argv, "-aoF");
	for (size_t i = 0; r == 0 && i < expect.n; i++) {
		r = strv_add(&argv, "-e");
		if (r == 0)
			r = strv_add(&argv, expect.v[i]);
	}
	if (r == 0)
		r = strv_add(&argv, image);
	if (r == 0)
		r = find_about(in, images, image, &about);
	return r < 0 ? r
		     : plan_add_check(plan, "look for the kernel parameters in the image",
			       (const char *const *)argv.v, &expect, about);
}

static int commands(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(strv_free) struct strv unified = {0}, own = {0};
	_cleanup_(images_free) struct images images = {0};
	int builder = detect(in) ? find_builder(in) : BUILDER_UNKNOWN;
	int r = builder < 0 ? builder : tell_secure_boot(in, builder, plan);

	if (r == 0 && builder == BUILDER_KERNEL_INSTALL)
		r = target_kernel_install_add(in, plan, &target_uki, err);
	else if (r == 0 && (builder == BUILDER_MKINITCPIO || builder == BUILDER_DRACUT) &&
		 target_changed(plan, &target_uki))
		r = rebuild(in->root, plan, builder);
	if (r == 0 && builder == BUILDER_MKINITCPIO)
		r = read_presets(in, &unified, &own);
	if (r == 0 && unified.n && !own.n)
		r = images_find(in->root, in->machine, &images);
	for (size_t i = 0; r == 0 && !own.n && i < unified.n; i++)
		r = add_check(in, plan, &images, unified.v[i]);
	return r < 0 ? error_no_memory(err) : 0;
}

static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	_cleanup_(strv_free) struct strv files = {0};
	size_t before = theirs->n;
	int builder = find_builder(in), r = builder < 0 ? builder : 0;

	(void)ours;
	if (builder == BUILDER_DRACUT) {
		r = dracut_files(in, &files);
		if (r == 0)
			r = read_key(in, &files, "kernel_cmdline", theirs, why);
	} else if (builder == BUILDER_MKINITCPIO) {
		r = cmdline_files(in, &files);
		for (size_t i = 0; r > 0 && i < files.n; i++) {
			const struct words_place place = {WORDS_CMDLINE, files.v[i], ""};
			int failed = target_words_theirs(in, &place, theirs, why);

			r = failed < 0 ? failed : r;
		}
	}
	return r < 0 || theirs->n > before ? (r < 0 ? r : 0)
					   : target_kernel_cmdline_parameters(in, theirs, why);
}

const struct target target_uki = {.name = "uki",
	.detect = detect,
	.left = left,
	.plan = plan,
	.commands = commands,
	.parameters = parameters};
