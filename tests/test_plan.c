/* Plans on a sample system: what they write, that twice is once, that release leaves no trace, and
 * that the real programs of a distribution read the files as meant. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/diff.h"
#include "core/plan.h"
#include "core/targets/target.h"
#include "tests/support.h"
#include "tests/support_sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* The change of `path`, which the plan must have. */
static const struct change *change_at(const struct sample *s, const char *path)
{
	static const struct change none;
	const struct change *change = sample_change(s, path);

	if (!change)
		fail_msg("the plan does not change %s", path);
	return change ? change : &none;
}

static const char *after(const struct sample *s, const char *path)
{
	return change_at(s, path)->after.text;
}

#define GPU   "0000:01:00.0"
#define AUDIO "0000:01:00.1"
#define Z170  "intel-z170-gtx960"

static void the_whole_recipe_is_in_the_plan(void **state)
{
	struct sample s = {0};

	(void)state;
	sample_open(&s, Z170, "debian12");
	sample_choose(&s, GPU);
	sample_choose(&s, AUDIO);
	sample_plan(&s);
	assert_non_null(strstr(after(&s, CHOICE_PATH), GPU "=10de:1401:"));
	assert_non_null(strstr(after(&s, TARGET_MODPROBE), "softdep nouveau pre: vfio-pci\n"));
	assert_non_null(
		strstr(after(&s, TARGET_MODPROBE), "softdep snd_hda_intel pre: vfio-pci\n"));
	assert_null(strstr(after(&s, TARGET_MODPROBE), "blacklist"));
	assert_non_null(strstr(after(&s, TARGET_MODULES), "\nvfio_pci\n"));
	assert_non_null(strstr(after(&s, TARGET_GRUB), " intel_iommu=on\""));
	assert_null(sample_change(&s, "/etc/default/grub"));
	assert_string_equal(after(&s, TARGET_UNIT_LINK), TARGET_UNIT);
	assert_int_equal(change_at(&s, TARGET_SCRIPT)->after.mode, 0755);
	assert_int_equal(s.plan->n_commands, 4);
	assert_string_equal(s.plan->commands[0].argv.v[0], "/usr/sbin/update-initramfs");
	assert_string_equal(s.plan->commands[1].argv.v[0], "/usr/bin/lsinitramfs");
	assert_string_equal(s.plan->commands[3].argv.v[0], "/usr/sbin/update-grub");
	assert_string_equal(s.plan->summary, "bind " GPU ", " AUDIO);
	sample_close(&s);
}

static void planning_again_changes_nothing(void **state)
{
	struct sample s = {0};

	(void)state;
	sample_open(&s, Z170, "debian12");
	sample_choose(&s, GPU);
	sample_plan(&s);
	sample_patch(&s);
	sample_plan(&s);
	assert_true(plan_is_empty(s.plan));
	assert_string_equal(s.plan->summary, "nothing to change");
	sample_close(&s);
}

static void release_leaves_no_trace(void **state)
{
	/* patch makes directories; the transaction's own tests look at those. */
	static const char *const without[] = {
		"/etc/sysconfig", "/etc/systemd/system/basic.target.wants", NULL};
	struct sample s = {0};
	_cleanup_free_ char *before = NULL, *later = NULL;

	(void)state;
	sample_open(&s, Z170, "debian12");
	/* patch would remove the directories that it empties. */
	support_put(s.dir, "/etc/initramfs-tools/hooks/mine", "");
	support_put(s.dir, "/etc/modprobe.d/mine.conf", "");
	support_put(s.dir, "/etc/default/grub.d/mine.cfg", "");
	support_put(s.dir, "/etc/systemd/system/mine.service", "");
	support_put(s.dir, "/usr/local/bin/mine", "");
	before = support_tree(s.dir, without);
	sample_choose(&s, GPU);
	s.choice.options = CHOICE_IOMMU_PT | CHOICE_BLACKLIST | CHOICE_IDS;
	sample_plan(&s);
	sample_patch(&s);
	choice_free(&s.choice);
	sample_plan(&s);
	assert_string_equal(s.plan->summary, "give back " GPU);
	sample_patch(&s);
	later = support_tree(s.dir, without);
	support_assert_same(before, later);
	sample_close(&s);
}

static void another_choice_gives_the_first_back(void **state)
{
	struct sample s = {0};

	(void)state;
	sample_open(&s, Z170, "debian12");
	sample_choose(&s, GPU);
	sample_plan(&s);
	sample_patch(&s);
	choice_free(&s.choice);
	sample_choose(&s, AUDIO);
	sample_plan(&s);
	assert_string_equal(s.plan->summary, "bind " AUDIO "; give back " GPU);
	assert_null(strstr(after(&s, CHOICE_PATH), GPU));
	assert_null(strstr(after(&s, TARGET_MODPROBE), "nouveau"));
	sample_close(&s);
}

static void a_twin_that_stays_is_not_bound_by_ids(void **state)
{
	struct sample s = {0};

	(void)state;
	sample_open(&s, "amd-x370-2x-rx480", "debian12");
	sample_choose(&s, "0000:26:00.0");
	s.choice.options = CHOICE_IDS;
	sample_plan(&s);
	assert_non_null(sample_finding(&s, "identical-device"));
	assert_null(sample_change(&s, TARGET_IDS));
	assert_null(sample_change(&s, TARGET_GRUB));
	sample_choose(&s, "0000:27:00.0");
	sample_plan(&s);
	assert_non_null(strstr(after(&s, TARGET_IDS), "options vfio-pci ids=1002:67df:"));
	sample_close(&s);
}

static void the_persons_own_ids_stay_in_force(void **state)
{
	struct sample s = {0};

	(void)state;
	sample_open(&s, Z170, "debian12");
	support_put(s.dir, "/etc/modprobe.d/mine.conf", "options vfio-pci ids=8086:a12f\n");
	sample_choose(&s, AUDIO);
	s.choice.options = CHOICE_IDS;
	sample_plan(&s);
	assert_non_null(strstr(after(&s, TARGET_IDS), "ids=8086:a12f"));
	assert_non_null(strstr(after(&s, TARGET_IDS), ",10de:0fba:"));
	sample_close(&s);
}

static void blacklist_only_where_every_device_is_chosen(void **state)
{
	struct sample s = {0};

	(void)state;
	sample_open(&s, Z170, "debian12");
	sample_choose(&s, GPU);
	sample_choose(&s, AUDIO);
	s.choice.options = CHOICE_BLACKLIST;
	sample_plan(&s);
	assert_non_null(strstr(after(&s, TARGET_MODPROBE), "\nblacklist nouveau\n"));
	/* The board's own sound is snd_hda_intel's too. */
	assert_null(strstr(after(&s, TARGET_MODPROBE), "blacklist snd_hda_intel"));
	sample_close(&s);
}

static void a_file_of_the_person_in_our_place_is_told_and_never_deleted(void **state)
{
	struct sample s = {0};

	(void)state;
	sample_open(&s, Z170, "debian12");
	support_put(s.dir, TARGET_SCRIPT, "#!/bin/sh\nmodprobe vfio-pci\n");
	sample_plan(&s);
	assert_true(plan_is_empty(s.plan));
	sample_choose(&s, GPU);
	sample_plan(&s);
	assert_non_null(sample_finding(&s, "file-replaced"));
	assert_non_null(strstr(change_at(&s, TARGET_SCRIPT)->before.text, "modprobe vfio-pci"));
	sample_close(&s);
}

static void what_stands_in_the_way_is_named(
	const char *path, const char *text, const char *expected)
{
	struct sample s = {0};
	struct error err = {0};
	_cleanup_free_ char *full = NULL;

	sample_open(&s, Z170, "debian12");
	sample_choose(&s, GPU);
	assert_true(asprintf(&full, "%s%s", s.dir, path) > 0);
	(void)unlink(full);
	if (text)
		support_put(s.dir, path, text);
	else
		assert_int_equal(mkdir(full, 0755), 0);
	assert_true(sample_try(&s, &err) < 0);
	if (!strstr(err.text, path) || !strstr(err.text, expected))
		fail_msg("\"%s\" names not %s or not \"%s\"", err.text, path, expected);
	sample_close(&s);
}

static void bad_files_are_named(void **state)
{
	(void)state;
	what_stands_in_the_way_is_named(TARGET_MODULES, NULL, "directory");
	what_stands_in_the_way_is_named(TARGET_MODULES, "# vfio-wizard: begin\nx\n", ":1:");
	what_stands_in_the_way_is_named(
		CHOICE_PATH, TARGET_MARK ".\nDEVICES=\"nonsense\"\n", ":2:");
}

static void links_are_followed_inside_the_root(void **state)
{
	struct sample s = {0};
	_cleanup_free_ char *link = NULL;

	(void)state;
	sample_open(&s, Z170, "debian12");
	assert_true(asprintf(&link, "%s" TARGET_MODULES, s.dir) > 0);
	(void)unlink(link);
	support_put(s.dir, "/srv/modules", "loop\n");
	/* Points outside for anyone who does not stay below the root. */
	assert_int_equal(symlink("/../../../../../../srv/modules", link), 0);
	sample_choose(&s, GPU);
	sample_plan(&s);
	assert_non_null(sample_change(&s, "/srv/modules"));
	assert_true(base_starts(after(&s, "/srv/modules"), "loop\n"));
	sample_close(&s);
}

/* What systemd calls masked: written through the link, the unit would be in /dev, or nowhere. */
static void what_is_switched_off_is_said(void **state)
{
	struct sample s = {0};
	struct error err = {0};
	_cleanup_free_ char *link = NULL;

	(void)state;
	sample_open(&s, Z170, "debian12");
	support_put(s.dir, "/etc/systemd/system/own.service", "");
	assert_true(asprintf(&link, "%s" TARGET_UNIT, s.dir) > 0);
	assert_int_equal(symlink("/dev/null", link), 0);
	sample_choose(&s, GPU);
	assert_int_equal(sample_try(&s, &err), -EINVAL);
	assert_non_null(strstr(err.text, TARGET_UNIT " is a link to /dev/null"));
	choice_free(&s.choice);
	sample_plan(&s);
	assert_true(plan_is_empty(s.plan));
	sample_close(&s);
}

static void modprobe_reads_it_as_meant(void **state)
{
	_cleanup_(str_free) struct str out = {0};
	_cleanup_free_ char *conf = NULL;
	struct sample s = {0};

	(void)state;
	sample_open(&s, Z170, "debian12");
	sample_choose(&s, GPU);
	sample_choose(&s, AUDIO);
	sample_plan(&s);
	sample_patch(&s);
	assert_true(asprintf(&conf, "%s/etc/modprobe.d", s.dir) > 0);
	{
		const char *argv[] = {"modprobe", "-n", "-v", "-C", conf, "-d", s.dir, "-S",
			machine_next_kernel(s.machine)->version, "nouveau", NULL};
		const char *install, *driver;

		assert_int_equal(support_run(argv, &out), 0);
		install = strstr(out.s, "install if [ -x " TARGET_SCRIPT " ]");
		driver = strstr(out.s, "/nouveau.ko");
		assert_non_null(install);
		assert_non_null(driver);
		assert_true(install < driver);
	}
	sample_close(&s);
}

static void systemd_takes_the_unit(void **state)
{
	_cleanup_(str_free) struct str out = {0};
	_cleanup_free_ char *root = NULL;
	struct sample s = {0};

	(void)state;
	sample_open(&s, Z170, "debian12");
	sample_choose(&s, GPU);
	sample_plan(&s);
	sample_patch(&s);
	assert_true(asprintf(&root, "--root=%s", s.dir) > 0);
	{
		const char *argv[] = {"systemd-analyze", root, "--recursive-errors=no", "--man=no",
			"verify", "vfio-bind.service", NULL};

		if (support_run(argv, &out) != 0)
			fail_msg("%s", out.s);
		if (out.s && strstr(out.s, "vfio-bind"))
			fail_msg("%s", out.s);
	}
	sample_close(&s);
}

static void systemd_takes_the_units_of_a_trial(void **state)
{
	static const char program[] = "/usr/local/sbin/vfio-wizard";
	static const char *const units[] = {"vfio-wizard-trial.service", "vfio-wizard-trial.timer",
		"vfio-wizard-tried.service", "vfio-wizard-confirm.service",
		"vfio-wizard-confirm.path"};
	_cleanup_free_ char *root = NULL, *full = NULL;
	struct sample s = {0};

	(void)state;
	sample_open(&s, Z170, "debian12");
	support_put(s.dir, program, "");
	assert_true(asprintf(&full, "%s%s", s.dir, program) > 0);
	assert_int_equal(chmod(full, 0755), 0);
	sample_choose(&s, GPU);
	s.choice.options = CHOICE_TRIAL | CHOICE_TRIAL_SSH;
	sample_plan(&s);
	/* What takes an unconfirmed change back is there before anything else is. */
	assert_string_equal(s.plan->changes[0].target, "trial");
	sample_patch(&s);
	assert_true(asprintf(&root, "--root=%s", s.dir) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		_cleanup_(str_free) struct str out = {0};
		const char *argv[] = {"systemd-analyze", root, "--recursive-errors=no", "--man=no",
			"verify", units[i], NULL};

		if (support_run(argv, &out) != 0 || (out.s && strstr(out.s, "vfio-wizard")))
			fail_msg("%s: %s", units[i], out.s);
	}
	sample_close(&s);
}

static void sh_reads_the_drop_in_as_meant(void **state)
{
	_cleanup_(str_free) struct str out = {0};
	_cleanup_free_ char *file = NULL;
	struct sample s = {0};

	(void)state;
	sample_open(&s, Z170, "debian12");
	sample_choose(&s, GPU);
	s.choice.options = CHOICE_IOMMU_PT;
	sample_plan(&s);
	sample_patch(&s);
	assert_true(asprintf(&file, "%s" TARGET_GRUB, s.dir) > 0);
	{
		const char *argv[] = {"sh", "-euc",
			"GRUB_CMDLINE_LINUX_DEFAULT=quiet; . \"$1\"; echo "
			"$GRUB_CMDLINE_LINUX_DEFAULT",
			"sh", file, NULL};

		assert_int_equal(support_run(argv, &out), 0);
		assert_string_equal(out.s, "quiet intel_iommu=on iommu=pt\n");
	}
	sample_close(&s);
}

static bool warns_of(const struct sample *s, const char *id, const char *text)
{
	for (size_t i = 0; i < s->plan->findings.n; i++)
		if (strcmp(s->plan->findings.v[i].id, id) == 0)
			return strstr(s->plan->findings.v[i].text, text) != NULL;
	return false;
}

static void put_image(const struct sample *s, const char *name, off_t size)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/boot/%s", s->dir, name);
	support_put(s->dir, path + strlen(s->dir), "");
	assert_int_equal(truncate(path, size), 0);
}

/* A /boot of its own, with room for the one image and not for the other. */
static void room_for_images(void **state)
{
	struct sample s = {0};
	const char *version;
	char boot[256], name[256];

	(void)state;
	sample_open(&s, Z170, "debian12");
	version = s.machine->kernels[0].version;
	snprintf(boot, sizeof(boot), "%s/boot", s.dir);
	(void)mkdir(boot, 0755);
	if (geteuid() != 0 || mount("tmpfs", boot, "tmpfs", 0, "size=32m") < 0) {
		sample_close(&s);
		skip();
	}
	sample_choose(&s, GPU);
	snprintf(name, sizeof(name), "initrd.img-%s", version);
	put_image(&s, name, 20 << 20);
	put_image(&s, "initrd.img-of-no-kernel", 200 << 20);
	sample_plan(&s);
	assert_false(warns_of(&s, "boot-space", ""));
	put_image(&s, "0123456789abcdef/its/initrd", 31 << 20);
	snprintf(name, sizeof(name), "version %s\ninitrd /0123456789abcdef/its/initrd\n", version);
	support_put(s.dir, "/boot/loader/entries/its.conf", name);
	sample_plan(&s);
	assert_true(warns_of(&s, "boot-space",
		"/boot has 31 MiB left, and rebuilding its 2 initramfs images needs about 33 MiB"));
	/* Without a build it does not matter. */
	choice_free(&s.choice);
	sample_plan(&s);
	assert_false(warns_of(&s, "boot-space", ""));
	assert_int_equal(umount(boot), 0);
	sample_close(&s);
}

/* kernel-install copies a kernel's image over the old one: as long as another kernel has one,
 * something boots whenever the power fails. */
static void the_only_image_is_told(void **state)
{
	struct sample s = {0};
	char path[256];

	(void)state;
	sample_open(&s, Z170, "debian-systemd-boot");
	sample_choose(&s, GPU);
	sample_plan(&s);
	assert_false(warns_of(&s, "only-image", ""));
	sample_drop(&s, "/boot/efi/loader/entries/4f3c2b1a0d9e48c7b6a5948372615041-"
			"6.12.107+deb13-amd64.conf");
	sample_drop(&s, "/boot/initrd.img-6.12.107+deb13-amd64");
	sample_look(&s);
	sample_plan(&s);
	assert_true(warns_of(&s, "only-image", "Only kernel 6.12.117+deb13-amd64 starts"));
	sample_close(&s);

	/* Renamed to its place. */
	sample_open(&s, Z170, "debian12");
	snprintf(path, sizeof(path), "/boot/initrd.img-%s", s.machine->kernels[0].version);
	support_put(s.dir, path, "");
	sample_choose(&s, GPU);
	sample_plan(&s);
	assert_false(warns_of(&s, "only-image", ""));
	sample_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_only_image_is_told),
		cmocka_unit_test(the_whole_recipe_is_in_the_plan),
		cmocka_unit_test(planning_again_changes_nothing),
		cmocka_unit_test(release_leaves_no_trace),
		cmocka_unit_test(room_for_images),
		cmocka_unit_test(another_choice_gives_the_first_back),
		cmocka_unit_test(a_twin_that_stays_is_not_bound_by_ids),
		cmocka_unit_test(the_persons_own_ids_stay_in_force),
		cmocka_unit_test(blacklist_only_where_every_device_is_chosen),
		cmocka_unit_test(a_file_of_the_person_in_our_place_is_told_and_never_deleted),
		cmocka_unit_test(bad_files_are_named),
		cmocka_unit_test(links_are_followed_inside_the_root),
		cmocka_unit_test(what_is_switched_off_is_said),
		cmocka_unit_test(modprobe_reads_it_as_meant),
		cmocka_unit_test(systemd_takes_the_unit),
		cmocka_unit_test(systemd_takes_the_units_of_a_trial),
		cmocka_unit_test(sh_reads_the_drop_in_as_meant),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
