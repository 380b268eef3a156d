/* What a plan writes for each initramfs generator, which images it has rebuilt and looked into, and
 * which images there are, on the samples of the distributions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/images.h"
#include "core/plan.h"
#include "core/presets.h"
#include "core/targets/target.h"
#include "tests/support.h"
#include "tests/support_sample.h"
#include "tests/support_txn.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GPU   "0000:03:00.0"
#define AUDIO "0000:03:00.1"
#define DEB13 "6.12.117+deb13-amd64"
#define ID    "4f3c2b1a0d9e48c7b6a5948372615041"

static void open_sample(struct sample *s, const char *root)
{
	sample_open(s, "intel-z690-vmd-2x-navi", root);
}

static void choose(struct sample *s)
{
	sample_choose(s, GPU);
	sample_choose(s, AUDIO);
}

static void assert_holds(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text ? text : "(nothing)");
}

/* NULL: the plan has no such finding. */
static const char *said(const struct sample *s, const char *id)
{
	const struct finding *finding = sample_finding(s, id);

	return finding ? finding->text : NULL;
}

/* The commands of a stage, one a line. */
static void assert_commands(
	const struct sample *s, enum command_stage stage, const char *const expected)
{
	_cleanup_(str_free) struct str out = {0};

	for (size_t i = 0; i < s->plan->n_commands; i++) {
		const struct command *command = &s->plan->commands[i];

		for (size_t k = 0; command->stage == stage && k < command->argv.n; k++)
			str_addf(&out, "%s%s", command->argv.v[k],
				k + 1 < command->argv.n ? " " : "\n");
	}
	assert_string_equal(out.s ? out.s : "", expected);
}

static const struct command *first_check(const struct sample *s)
{
	static const struct command none;

	for (size_t i = 0; i < s->plan->n_commands; i++)
		if (s->plan->commands[i].stage == COMMAND_CHECK)
			return &s->plan->commands[i];
	fail_msg("nothing is looked into");
	return &none;
}

static void remove_module(const struct sample *s, const char *kernel, const char *file)
{
	_cleanup_free_ char *path = NULL;
	const char *depmod[] = {"depmod", "-b", s->dir, kernel, NULL};

	assert_true(
		asprintf(&path, "/usr/lib/modules/%s/kernel/drivers/vfio/%s", kernel, file) > 0);
	sample_drop(s, path);
	assert_int_equal(support_run(depmod, NULL), 0);
}

/* ---- images ------------------------------------------------------------------------------- */

static void assert_images(const struct sample *s, const char *expected)
{
	_cleanup_(images_free) struct images images = {0};
	_cleanup_(str_free) struct str out = {0};

	assert_int_equal(images_find(s->root, s->machine, &images), 0);
	for (size_t i = 0; i < images.n; i++)
		str_addf(&out, "%s %s%s\n", images.v[i].kernel->version, images.v[i].path,
			images.v[i].is_uki ? " unified" : "");
	assert_string_equal(out.s ? out.s : "", expected);
}

/* Rescue images and microcode belong to no kernel that is installed. */
static void images_are_those_of_the_kernels(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "fedora");
	assert_images(&s, "7.1.3-200.fc44.x86_64 /boot/initramfs-7.1.3-200.fc44.x86_64.img\n"
			  "7.1.4-200.fc44.x86_64 /boot/initramfs-7.1.4-200.fc44.x86_64.img\n");
	sample_close(&s);
	open_sample(&s, "arch-systemd-boot");
	assert_images(&s, "6.18.20-1-lts /boot/initramfs-linux-lts.img\n"
			  "7.1.4-arch1-1 /boot/initramfs-linux.img\n");
	sample_close(&s);
	open_sample(&s, "opensuse-tumbleweed");
	assert_images(&s, "7.1.3-1-default /boot/efi/opensuse-tumbleweed/7.1.3-1-default/"
			  "initrd-cab0f73bf4d4ab21823fb77567eb9f9d7a19e47b\n"
			  "7.1.4-1-default /boot/efi/opensuse-tumbleweed/7.1.4-1-default/"
			  "initrd-cab0f73bf4d4ab21823fb77567eb9f9d7a19e47b\n");
	sample_close(&s);
}

static void images_are_found_by_presets_and_names(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "arch-systemd-boot");
	support_put(s.dir, "/etc/mkinitcpio.d/linux.preset",
		"ALL_kver=/boot/vmlinuz-linux\nPRESETS=('default' other)\n"
		"default_image=\"/boot/my.img\"\ndefault_uki=/efi/EFI/Linux/arch.efi\n"
		"other_kver=7.1.4-arch1-1 other_image=/boot/other.img\n");
	support_put(s.dir, "/boot/my.img", "");
	support_put(s.dir, "/boot/other.img", "");
	support_put(s.dir, "/efi/EFI/Linux/arch.efi", "");
	support_put(s.dir, "/efi/EFI/Linux/x-6.18.20-1-lts.efi", "");
	support_put(s.dir, "/efi/EFI/Linux/unknown.efi", "");
	sample_drop(&s, "/boot/loader/entries/arch-lts.conf");
	assert_images(&s, "6.18.20-1-lts /boot/initramfs-linux-lts.img\n"
			  "6.18.20-1-lts /efi/EFI/Linux/x-6.18.20-1-lts.efi unified\n"
			  "7.1.4-arch1-1 /boot/initramfs-linux.img\n"
			  "7.1.4-arch1-1 /boot/my.img\n"
			  "7.1.4-arch1-1 /efi/EFI/Linux/arch.efi unified\n"
			  "7.1.4-arch1-1 /boot/other.img\n");
	sample_close(&s);
}

/* A version that begins as another one does is not that one. */
static void the_longer_version_is_meant(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "debian13");
	support_put(s.dir, "/usr/lib/modules/6.12.117/modules.dep", "");
	support_put(s.dir, "/boot/loader/entries/a.conf",
		"title a\nversion 6.12.117-2\ninitrd /a.img\n");
	support_put(s.dir, "/boot/loader/entries/b.conf",
		"linux /linux-6.12.117\ninitrd /b.img ucode.img /intel-ucode.img $x\n");
	support_put(
		s.dir, "/boot/loader/entries/e.conf", "linux /vmlinuz-" DEB13 "\ninitrd /e.img\n");
	support_put(s.dir, "/boot/e.img", "");
	support_put(s.dir, "/boot/loader/entries/c.conf", "version 6.12\ninitrd /a.img\n");
	support_put(s.dir, "/boot/loader/entries/d.conf", "linux\ninitrd\n\n\t\nversion\n");
	support_put(s.dir, "/boot/a.img", "");
	support_put(s.dir, "/boot/b.img", "");
	support_put(s.dir, "/boot/intel-ucode.img", "");
	sample_look(&s);
	assert_images(&s, "6.12.107+deb13-amd64 /boot/initrd.img-6.12.107+deb13-amd64\n"
			  "6.12.117 /boot/a.img\n"
			  "6.12.117 /boot/b.img\n" DEB13 " /boot/initrd.img-" DEB13 "\n" DEB13
			  " /boot/e.img\n");
	sample_close(&s);
}

static void presets_that_are_not_understood_are_told(void **state)
{
	_cleanup_(presets_free) struct presets presets = {0};
	struct error why = {0};
	struct sample s;

	(void)state;
	open_sample(&s, "arch-systemd-boot");
	support_put(s.dir, "/etc/mkinitcpio.d/linux.preset", "PRESETS=(`ls`)\n");
	assert_int_equal(presets_load(s.root, &presets, &why), 0);
	assert_holds(why.text, "/etc/mkinitcpio.d/linux.preset");
	assert_int_equal(presets.n, 1);
	assert_string_equal(presets.v[0].image, "/boot/initramfs-linux-lts.img");
	assert_null(presets.v[0].config);
	choose(&s);
	sample_plan(&s);
	assert_holds(said(&s, "initramfs-unchecked"), "/etc/mkinitcpio.d/linux.preset");
	sample_close(&s);
}

/* ---- dracut ------------------------------------------------------------------------------- */

/* Nothing but a rename ever touches an image that boots. */
static void dracut_builds_beside_what_boots(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "fedora");
	choose(&s);
	sample_plan(&s);
	assert_holds(sample_after(&s, TARGET_DRACUT),
		"\nforce_drivers+=\" vfio_pci vfio vfio_iommu_type1 \"\n");
	assert_holds(sample_after(&s, TARGET_DRACUT),
		"\ninstall_items+=\" " TARGET_SCRIPT " " CHOICE_PATH " " TARGET_MODPROBE " \"\n");
	assert_commands(&s, COMMAND_INITRAMFS,
		"/usr/bin/dracut --force /boot/initramfs-7.1.3-200.fc44.x86_64.img.new "
		"7.1.3-200.fc44.x86_64\n"
		"/usr/bin/dracut --force /boot/initramfs-7.1.4-200.fc44.x86_64.img.new "
		"7.1.4-200.fc44.x86_64\n");
	assert_commands(&s, COMMAND_CHECK,
		"/usr/bin/lsinitrd /boot/initramfs-7.1.3-200.fc44.x86_64.img.new\n"
		"/usr/bin/lsinitrd /boot/initramfs-7.1.4-200.fc44.x86_64.img.new\n");
	assert_commands(&s, COMMAND_PLACE,
		"/bin/mv -fT /boot/initramfs-7.1.3-200.fc44.x86_64.img.new "
		"/boot/initramfs-7.1.3-200.fc44.x86_64.img\n"
		"/bin/mv -fT /boot/initramfs-7.1.4-200.fc44.x86_64.img.new "
		"/boot/initramfs-7.1.4-200.fc44.x86_64.img\n");
	assert_int_equal(first_check(&s)->expect.n, 4);
	assert_true(strv_has(&first_check(&s)->expect, "vfio-pci.ko"));
	assert_true(strv_has(&first_check(&s)->expect, "etc/modprobe.d/00-vfio-wizard.conf"));
	sample_close(&s);
}

static void ids_are_in_the_image_where_they_are_used(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "fedora");
	choose(&s);
	s.choice.options = CHOICE_IDS;
	sample_plan(&s);
	assert_holds(sample_after(&s, TARGET_DRACUT), " " TARGET_IDS " \"\n");
	assert_true(strv_has(&first_check(&s)->expect, &TARGET_IDS[1]));
	sample_close(&s);
}

/* The trap of a kernel's entry that names another file than dracut would write. */
static void dracut_writes_what_the_entries_name(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "debian-systemd-boot");
	sample_drop(&s, "/usr/sbin/update-initramfs");
	s.machine->host.initramfs = INITRAMFS_DRACUT;
	support_put(s.dir, "/usr/bin/lsinitrd", "");
	support_put(s.dir, "/usr/bin/dracut", "");
	choose(&s);
	sample_plan(&s);
	assert_commands(&s, COMMAND_INITRAMFS,
		"/usr/bin/dracut --force /boot/initrd.img-6.12.107+deb13-amd64 "
		"6.12.107+deb13-amd64\n"
		"/usr/bin/dracut --force /boot/efi/" ID
		"/6.12.107+deb13-amd64/initrd.img-6.12.107+deb13-amd64 6.12.107+deb13-amd64\n"
		"/usr/bin/dracut --force /boot/initrd.img-" DEB13 " " DEB13 "\n"
		"/usr/bin/dracut --force /boot/efi/" ID "/" DEB13 "/initrd.img-" DEB13 " " DEB13
		"\n"
		/* An entry that is written anew must get the initramfs, too. */
		"/usr/bin/kernel-install add 6.12.107+deb13-amd64 "
		"/boot/vmlinuz-6.12.107+deb13-amd64 /boot/initrd.img-6.12.107+deb13-amd64\n"
		"/usr/bin/kernel-install add " DEB13 " /boot/vmlinuz-" DEB13
		" /boot/initrd.img-" DEB13 "\n");
	/* Entries by hand: beside each, under the entry's name. */
	s.machine->host.boot_loader = BOOT_ENTRIES;
	sample_plan(&s);
	assert_commands(&s, COMMAND_INITRAMFS,
		"/usr/bin/dracut --force /boot/initrd.img-6.12.107+deb13-amd64.new "
		"6.12.107+deb13-amd64\n"
		"/usr/bin/dracut --force /boot/efi/" ID
		"/6.12.107+deb13-amd64/initrd.img-6.12.107+deb13-amd64.new 6.12.107+deb13-amd64\n"
		"/usr/bin/dracut --force /boot/initrd.img-" DEB13 ".new " DEB13 "\n"
		"/usr/bin/dracut --force /boot/efi/" ID "/" DEB13 "/initrd.img-" DEB13 ".new " DEB13
		"\n");
	sample_close(&s);
}

/* ---- kernels that come and go meanwhile ---------------------------------------------------- */

#define OLD   "6.12.107+deb13-amd64"
#define LATER "6.12.120+deb13-amd64"

static void move(const struct sample *s, const char *before, const char *after)
{
	char from[400], to[400];

	snprintf(from, sizeof(from), "%s%s" OLD "%s", s->dir, before, after);
	snprintf(to, sizeof(to), "%s%s" LATER "%s", s->dir, before, after);
	assert_int_equal(rename(from, to), 0);
}

static void look(struct sample *s, enum boot_loader loader)
{
	sample_look(s);
	s->machine->host.initramfs = INITRAMFS_DRACUT;
	s->machine->host.boot_loader = loader;
}

/* Applied without its commands, as far as a power cut let it; then one kernel goes and one comes.
 */
static void apply_and_replace(struct sample *s, enum boot_loader loader)
{
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	struct txn *txn = NULL;
	char path[200];

	open_sample(s, "debian-systemd-boot");
	sample_drop(s, "/usr/sbin/update-initramfs");
	sample_drop(s, "/boot/efi/loader/entries/" ID "-" OLD ".conf");
	support_put(s->dir, "/usr/bin/lsinitrd", "");
	support_put(s->dir, "/usr/bin/dracut", "");
	look(s, loader);
	choose(s);
	sample_plan(s);
	assert_int_equal(txn_begin(s->root, s->plan, TXN_NO_COMMANDS, &txn, NULL), 0);
	assert_int_equal(support_txn_run(txn, NULL), TXN_COMMITTED);
	txn_free(txn);
	assert_int_equal(snapshots_load(s->root, &snapshots, NULL), 0);
	snprintf(path, sizeof(path), SNAPSHOT_DIR "/%s/state", snapshots.v[0].id);
	support_put(s->dir, path, "pending\n");
	move(s, "/usr/lib/modules/", "");
	move(s, "/boot/vmlinuz-", "");
	move(s, "/boot/initrd.img-", "");
	look(s, loader);
}

/* Taken back, finished, gone on with and released. */
static void try_each(struct sample *s, const char *expected, size_t n_checks)
{
	for (int way = 0; way < 4; way++) {
		_cleanup_(snapshots_free) struct snapshots snapshots = {0};
		size_t n = 0;

		assert_int_equal(snapshots_load(s->root, &snapshots, NULL), 0);
		if (way == 3)
			choice_free(&s->choice);
		if (way < 2)
			s->plan = plan_free(s->plan);
		if (way == 0)
			assert_int_equal(
				snapshot_rollback_plan(s->root, &snapshots, NULL, &s->plan, NULL),
				0);
		else if (way == 1)
			assert_int_equal(
				snapshot_finish_plan(s->root, &snapshots, &s->plan, NULL), 0);
		else
			sample_plan(s);
		assert_commands(s, COMMAND_INITRAMFS, expected);
		for (size_t i = 0; i < s->plan->n_commands; i++) {
			const struct strv *argv = &s->plan->commands[i].argv;

			n += s->plan->commands[i].stage == COMMAND_CHECK;
			for (size_t k = 0; k < argv->n; k++)
				assert_null(strstr(argv->v[k], OLD));
		}
		/* What goes back is not looked into. */
		assert_int_equal(n, way == 1 || way == 2 ? n_checks : 0);
	}
	sample_close(s);
}

static void recorded_for_one_kernel_is_done_for_those_that_are_there(void **state)
{
	struct sample s;

	(void)state;
	apply_and_replace(&s, BOOT_KERNEL_INSTALL);
	try_each(&s,
		"/usr/bin/dracut --force /boot/initrd.img-" DEB13 " " DEB13 "\n"
		"/usr/bin/dracut --force /boot/efi/" ID "/" DEB13 "/initrd.img-" DEB13 " " DEB13
		"\n/usr/bin/dracut --force /boot/initrd.img-" LATER " " LATER "\n"
		"/usr/bin/kernel-install add " DEB13 " /boot/vmlinuz-" DEB13
		" /boot/initrd.img-" DEB13 "\n"
		"/usr/bin/kernel-install add " LATER " /boot/vmlinuz-" LATER
		" /boot/initrd.img-" LATER "\n",
		3);
	apply_and_replace(&s, BOOT_ENTRIES);
	try_each(&s,
		"/usr/bin/dracut --force /boot/initrd.img-" DEB13 ".new " DEB13 "\n"
		"/usr/bin/dracut --force /boot/efi/" ID "/" DEB13 "/initrd.img-" DEB13 ".new " DEB13
		"\n/usr/bin/dracut --force /boot/initrd.img-" LATER ".new " LATER "\n",
		2);
}

static void dracut_has_each_familys_own_way(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "debian-dracut");
	choose(&s);
	sample_plan(&s);
	assert_commands(&s, COMMAND_INITRAMFS,
		"/usr/bin/dracut --force /boot/initrd.img-6.12.107+deb13-amd64.new "
		"6.12.107+deb13-amd64\n"
		"/usr/bin/dracut --force /boot/initrd.img-" DEB13 ".new " DEB13 "\n");
	/* None is there: dracut writes all. */
	sample_drop(&s, "/boot/initrd.img-6.12.107+deb13-amd64");
	sample_drop(&s, "/boot/initrd.img-" DEB13);
	sample_plan(&s);
	assert_commands(&s, COMMAND_INITRAMFS, "/usr/bin/dracut --regenerate-all --force\n");
	assert_commands(&s, COMMAND_PLACE, "");
	support_put(s.dir, "/usr/sbin/update-initramfs", "#!/bin/sh\nexec dracut\n");
	sample_plan(&s);
	assert_commands(&s, COMMAND_INITRAMFS, "/usr/sbin/update-initramfs -u -k all\n");
	sample_close(&s);

	open_sample(&s, "opensuse-tumbleweed");
	s.machine->host.boot_loader = BOOT_SDBOOTUTIL;
	choose(&s);
	sample_plan(&s);
	assert_commands(
		&s, COMMAND_INITRAMFS, "/usr/bin/sdbootutil --no-reuse-initrd add-all-kernels\n");
	assert_commands(&s, COMMAND_CHECK, "");
	assert_non_null(said(&s, "initramfs-unchecked"));
	sample_close(&s);

	open_sample(&s, "fedora");
	for (const char *const *v = (const char *const[]){"3", "4", NULL}; *v; v++) {
		char path[128];

		(void)snprintf(
			path, sizeof(path), "/boot/initramfs-7.1.%s-200.fc44.x86_64.img", *v);
		sample_drop(&s, path);
		(void)snprintf(
			path, sizeof(path), "/efi/EFI/Linux/" ID "-7.1.%s-200.fc44.x86_64.efi", *v);
		support_put(s.dir, path, "");
	}
	choose(&s);
	sample_plan(&s);
	assert_commands(&s, COMMAND_INITRAMFS, "/usr/bin/kernel-install add-all\n");
	assert_commands(&s, COMMAND_CHECK, "");
	assert_non_null(said(&s, "initramfs-unchecked"));
	sample_close(&s);
}

/* dracut-install stops at a name that a kernel has not, and what other files ask for is lost. */
static void dracut_is_asked_for_what_every_kernel_has(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "fedora");
	remove_module(&s, "7.1.3-200.fc44.x86_64", "vfio_iommu_type1.ko");
	sample_look(&s);
	choose(&s);
	sample_plan(&s);
	assert_holds(sample_after(&s, TARGET_DRACUT), "\nforce_drivers+=\" vfio_pci vfio \"\n");
	assert_null(said(&s, "initramfs-modules"));

	remove_module(&s, "7.1.3-200.fc44.x86_64", "pci/vfio-pci.ko");
	sample_look(&s);
	sample_plan(&s);
	assert_null(strstr(sample_after(&s, TARGET_DRACUT), "force_drivers"));
	assert_non_null(said(&s, "initramfs-modules"));
	assert_non_null(said(&s, "vfio-missing"));
	/* Of that kernel's image nobody may ask for the module. */
	assert_false(strv_has(&first_check(&s)->expect, "vfio-pci.ko"));
	assert_true(strv_has(&first_check(&s)->expect, "usr/local/bin/vfio-bind"));
	sample_close(&s);
}

static void what_cannot_be_looked_into_is_told(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "fedora");
	sample_drop(&s, "/boot/initramfs-7.1.3-200.fc44.x86_64.img");
	choose(&s);
	sample_plan(&s);
	assert_holds(said(&s, "initramfs-unchecked"), "7.1.3-200.fc44.x86_64");
	sample_drop(&s, "/usr/bin/lsinitrd");
	sample_plan(&s);
	assert_holds(said(&s, "initramfs-unchecked"), "/usr/bin/lsinitrd");
	assert_commands(&s, COMMAND_CHECK, "");
	sample_close(&s);
}

/* ---- the option rescue ------------------------------------------------------------------- */

static void rescue_brings_the_program_and_terminals(void **state)
{
	static const char program[] = "/usr/local/sbin/vfio-wizard";
	static const char *const roots[] = {"debian13", "debian-dracut", "arch-systemd-boot"};
	static const char *const files[] = {TARGET_HOOK, TARGET_DRACUT, TARGET_MKINITCPIO};
	static const char *const parts[] = {
		"\n[ ! -x /usr/local/sbin/vfio-wizard ] || copy_exec /usr/local/sbin/vfio-wizard\n"
		"[ ! -e /usr/share/terminfo/l/linux ] || copy_file terminfo "
		"/usr/share/terminfo/l/linux\nexit 0\n",
		" /usr/share/terminfo/l/linux /usr/local/sbin/vfio-wizard \"\n",
		" /usr/share/terminfo/l/linux)\nBINARIES+=(/usr/local/sbin/vfio-wizard)\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		struct sample s;

		open_sample(&s, roots[i]);
		choose(&s);
		sample_plan(&s);
		assert_null(strstr(sample_after(&s, files[i]), "terminfo"));
		s.choice.options = CHOICE_RESCUE;
		sample_plan(&s);
		assert_holds(said(&s, "program-missing"), "the option rescue does nothing");
		assert_null(strstr(sample_after(&s, files[i]), "terminfo"));
		support_put(s.dir, program, "");
		support_put(s.dir, "/usr/share/terminfo/l/linux", "");
		sample_plan(&s);
		assert_null(said(&s, "program-missing"));
		assert_holds(sample_after(&s, files[i]), parts[i]);
		assert_true(strv_has(&first_check(&s)->expect, "bin/vfio-wizard"));
		sample_close(&s);
	}
}

static void rescue_goes_into_the_list_of_binaries(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "arch-systemd-boot");
	support_put(s.dir, "/etc/mkinitcpio.d/linux.preset",
		"PRESETS=('default')\nALL_config=/etc/mine.conf\nALL_kver=/boot/vmlinuz-linux\n"
		"default_image=/boot/initramfs-linux.img\n");
	support_put(s.dir, "/etc/mine.conf", "MODULES=()\nFILES=()\nBINARIES=(strace)\n");
	support_put(s.dir, "/usr/bin/vfio-wizard", "");
	choose(&s);
	s.choice.options = CHOICE_RESCUE;
	sample_plan(&s);
	assert_holds(
		sample_after(&s, "/etc/mine.conf"), "\nBINARIES=(strace /usr/sbin/vfio-wizard)\n");
	sample_close(&s);
}

/* ---- mkinitcpio --------------------------------------------------------------------------- */

static void mkinitcpio_reads_a_drop_in(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "arch-systemd-boot");
	choose(&s);
	sample_plan(&s);
	assert_holds(sample_after(&s, TARGET_MKINITCPIO),
		"\nMODULES=(vfio_pci vfio vfio_iommu_type1 \"${MODULES[@]}\")\n");
	assert_holds(sample_after(&s, TARGET_MKINITCPIO),
		"\nFILES+=(" TARGET_SCRIPT " " CHOICE_PATH " " TARGET_MODPROBE ")\n");
	assert_null(sample_after(&s, "/etc/mkinitcpio.conf"));
	assert_null(said(&s, "initramfs-hooks"));
	assert_commands(&s, COMMAND_INITRAMFS, "/usr/bin/mkinitcpio -P\n");
	assert_commands(&s, COMMAND_CHECK,
		"/usr/bin/lsinitcpio /boot/initramfs-linux-lts.img\n"
		"/usr/bin/lsinitcpio /boot/initramfs-linux.img\n");
	sample_close(&s);
}

/* linux-lts names its configuration, and so reads no drop-in; linux does. */
static void a_preset_with_its_own_configuration_is_served_there(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "arch-grub");
	support_put(s.dir, "/etc/mkinitcpio.conf",
		"MODULES=(amdgpu) # mine\nFILES=()\nHOOKS=(base udev block)\n");
	choose(&s);
	sample_plan(&s);
	assert_non_null(sample_after(&s, TARGET_MKINITCPIO));
	assert_string_equal(sample_after(&s, "/etc/mkinitcpio.conf"),
		"MODULES=(amdgpu vfio_pci vfio vfio_iommu_type1) # mine\n"
		"FILES=(" TARGET_SCRIPT " " CHOICE_PATH " " TARGET_MODPROBE ")\n"
		"HOOKS=(base udev block)\n");
	/* Named by an option of one image. */
	support_put(s.dir, "/etc/my.conf", "MODULES=()\nFILES=()\nHOOKS=(base)\n");
	support_put(s.dir, "/etc/mkinitcpio.d/linux.preset",
		"ALL_kver=/boot/vmlinuz-linux\nPRESETS=(default)\n"
		"default_image=/boot/initramfs-linux.img\n"
		"default_options=\"-S autodetect -c /etc/my.conf\"\n");
	sample_plan(&s);
	assert_holds(
		sample_after(&s, "/etc/my.conf"), "MODULES=(vfio_pci vfio vfio_iommu_type1)\n");
	assert_null(sample_after(&s, TARGET_MKINITCPIO));
	assert_holds(sample_after(&s, WORDS_PATH), "array /etc/mkinitcpio.conf MODULES vfio_pci\n");
	sample_close(&s);
}

/* Before version 36. */
static void without_drop_ins_the_words_go_into_the_configuration(void **state)
{
	_cleanup_free_ char *directory = NULL;
	struct sample s;

	(void)state;
	open_sample(&s, "arch-systemd-boot");
	assert_true(asprintf(&directory, "%s/etc/mkinitcpio.conf.d", s.dir) > 0);
	assert_int_equal(rmdir(directory), 0);
	choose(&s);
	sample_plan(&s);
	assert_null(sample_after(&s, TARGET_MKINITCPIO));
	assert_holds(sample_after(&s, "/etc/mkinitcpio.conf"),
		"\nMODULES=(vfio_pci vfio vfio_iommu_type1)\n");
	sample_close(&s);
}

static void mkinitcpio_without_a_shell_or_presets_is_told(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "arch-systemd-boot");
	support_put(s.dir, "/etc/mkinitcpio.conf", "HOOKS=(systemd modconf block)\n");
	choose(&s);
	sample_plan(&s);
	assert_non_null(said(&s, "initramfs-hooks"));
	assert_null(said(&s, "initramfs-by-hand"));
	sample_drop(&s, "/etc/mkinitcpio.d/linux.preset");
	sample_drop(&s, "/etc/mkinitcpio.d/linux-lts.preset");
	sample_plan(&s);
	assert_non_null(said(&s, "initramfs-by-hand"));
	assert_commands(&s, COMMAND_INITRAMFS, "");
	sample_close(&s);
}

/* ---- booster ------------------------------------------------------------------------------ */

static void open_booster(struct sample *s, const char *machine)
{
	sample_open(s, machine, "arch-systemd-boot");
	s->machine->host.initramfs = INITRAMFS_BOOSTER;
	support_put(s->dir, "/boot/booster-linux.img", "");
	support_put(s->dir, "/boot/booster-linux-lts.img", "");
	support_put(s->dir, "/usr/bin/booster", "");
	support_put(s->dir, "/etc/booster.yaml", "universal: false\n");
}

static const char *reason_for(const struct sample *s, const char *address)
{
	for (size_t i = 0; i < s->plan->forecast.n; i++)
		if (strcmp(s->plan->forecast.v[i].device->address, address) == 0)
			return s->plan->forecast.v[i].reason;
	return NULL;
}

/* Loaded there without an override, vfio-pci would leave the devices to the host's drivers. */
static void booster_stays_without_vfio_where_vfio_bind_has_to_run(void **state)
{
	struct sample s;

	(void)state;
	open_booster(&s, "amd-x370-2x-rx480");
	assert_int_equal(choice_add(&s.choice, machine_device(s.machine, "0000:26:00.0")), 0);
	sample_plan(&s);
	assert_null(sample_after(&s, "/etc/booster.yaml"));
	assert_commands(&s, COMMAND_INITRAMFS, "");
	assert_holds(reason_for(&s, "0000:26:00.0"), "then vfio-bind.service moves it");
	/* The twin stays with the host. */
	s.choice.options = CHOICE_IDS;
	sample_plan(&s);
	assert_null(sample_after(&s, "/etc/booster.yaml"));
	sample_close(&s);
}

static void booster_binds_by_ids_that_are_exact(void **state)
{
	struct sample s;

	(void)state;
	open_booster(&s, "intel-z690-vmd-2x-navi");
	choose(&s);
	s.choice.options = CHOICE_IDS;
	sample_plan(&s);
	assert_holds(sample_after(&s, "/etc/booster.yaml"), "universal: false\n");
	assert_holds(sample_after(&s, "/etc/booster.yaml"),
		"modules_force_load: vfio_pci,vfio,vfio_iommu_type1\n");
	assert_commands(&s, COMMAND_INITRAMFS, "/usr/lib/booster/regenerate_images\n");
	assert_commands(&s, COMMAND_CHECK,
		"/usr/bin/booster ls /boot/booster-linux-lts.img\n"
		"/usr/bin/booster ls /boot/booster-linux.img\n");
	assert_int_equal(first_check(&s)->expect.n, 1);
	assert_true(strv_has(&first_check(&s)->expect, "vfio_pci.ko"));
	assert_holds(reason_for(&s, GPU), "by its ids");

	/* ids= on the kernel command line count last, and these are not ours. */
	support_put(s.dir, "/proc/cmdline", "root=/dev/sda1 vfio-pci.ids=8086:a12f\n");
	sample_look(&s);
	s.machine->host.initramfs = INITRAMFS_BOOSTER;
	sample_plan(&s);
	assert_null(sample_after(&s, "/etc/booster.yaml"));
	sample_close(&s);
}

/* ---- there and back ------------------------------------------------------------------------ */

static void there_and_back(struct sample *s)
{
	/* patch would remove the directories that it empties. */
	static const char *const keep[] = {"/etc/sysconfig/mine", "/etc/modprobe.d/mine",
		"/etc/systemd/system/basic.target.wants/mine", "/usr/local/bin/mine",
		"/etc/dracut.conf.d/mine", "/etc/mkinitcpio.conf.d/mine", "/etc/grub.d/mine",
		"/etc/kernel/cmdline.d/mine", "/var/lib/vfio-wizard/mine"};
	_cleanup_free_ char *before = NULL, *later = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
		support_put(s->dir, keep[i], "");
	before = support_tree(s->dir, NULL);
	choose(s);
	s->choice.options = CHOICE_IDS;
	sample_plan(s);
	sample_patch(s);
	sample_plan(s);
	assert_int_equal(s->plan->n_changes, 0);
	assert_commands(s, COMMAND_INITRAMFS, "");
	choice_free(&s->choice);
	sample_plan(s);
	assert_commands(s, COMMAND_CHECK, "");
	assert_true(s->plan->n_commands > 0);
	sample_patch(s);
	later = support_tree(s->dir, NULL);
	support_assert_same(before, later);
	sample_close(s);
}

static void twice_is_once_and_giving_back_leaves_no_trace(void **state)
{
	static const char *const roots[] = {
		"fedora", "rhel9", "opensuse-tumbleweed", "arch-grub", "arch-systemd-boot"};
	struct sample s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		open_sample(&s, roots[i]);
		there_and_back(&s);
	}
	open_booster(&s, "intel-z690-vmd-2x-navi");
	there_and_back(&s);
	open_booster(&s, "intel-z690-vmd-2x-navi");
	sample_drop(&s, "/etc/booster.yaml");
	there_and_back(&s);
}

/* ---- another generator than before ---------------------------------------------------------- */

static void what_another_generator_left_goes(void **state)
{
	struct sample s;

	(void)state;
	open_sample(&s, "fedora");
	support_put(s.dir, TARGET_MKINITCPIO, TARGET_MARK ".\nMODULES=()\n");
	support_put(s.dir, TARGET_HOOK, "#!/bin/sh\n" TARGET_MARK ".\n");
	support_put(s.dir, "/etc/booster.yaml", "modules_force_load: vfio_pci,mine\n");
	support_put(s.dir, WORDS_PATH, "booster /etc/booster.yaml %- vfio_pci\n");
	choose(&s);
	sample_plan(&s);
	assert_int_equal(s.plan->n_commands, 8);
	assert_string_equal(sample_after(&s, "/etc/booster.yaml"), "modules_force_load: mine\n");
	assert_commands(&s, COMMAND_INITRAMFS,
		"/usr/bin/dracut --force /boot/initramfs-7.1.3-200.fc44.x86_64.img.new "
		"7.1.3-200.fc44.x86_64\n"
		"/usr/bin/dracut --force /boot/initramfs-7.1.4-200.fc44.x86_64.img.new "
		"7.1.4-200.fc44.x86_64\n");
	sample_close(&s);
}

#define T(f) cmocka_unit_test(f)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(images_are_those_of_the_kernels),
		T(images_are_found_by_presets_and_names),
		T(the_longer_version_is_meant),
		T(presets_that_are_not_understood_are_told),
		T(dracut_builds_beside_what_boots),
		T(ids_are_in_the_image_where_they_are_used),
		T(dracut_writes_what_the_entries_name),
		T(recorded_for_one_kernel_is_done_for_those_that_are_there),
		T(dracut_has_each_familys_own_way),
		T(dracut_is_asked_for_what_every_kernel_has),
		T(what_cannot_be_looked_into_is_told),
		T(mkinitcpio_reads_a_drop_in),
		T(a_preset_with_its_own_configuration_is_served_there),
		T(without_drop_ins_the_words_go_into_the_configuration),
		T(rescue_brings_the_program_and_terminals),
		T(rescue_goes_into_the_list_of_binaries),
		T(mkinitcpio_without_a_shell_or_presets_is_told),
		T(booster_stays_without_vfio_where_vfio_bind_has_to_run),
		T(booster_binds_by_ids_that_are_exact),
		T(twice_is_once_and_giving_back_leaves_no_trace),
		T(what_another_generator_left_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
