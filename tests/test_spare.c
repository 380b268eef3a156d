/* The boot entry without passthrough once it was made, and the systems whose menu gets none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/verify.h"
#include "tests/support.h"
#include "tests/support_sample.h"

#include <stdio.h>
#include <string.h>

#define GPU     "0000:03:00.0"
#define ENTRIES "/boot/efi/loader/entries/"
#define ID      "4f3c2b1a0d9e48c7b6a5948372615041"
#define OWN     ENTRIES ID "-0-without_passthrough.conf"
#define NEXT    "6.12.117+deb13-amd64"
#define OTHER   "6.12.107+deb13-amd64"
#define MEND    "; to write it anew, run `vfio-wizard apply " GPU "`"

/* Chosen, and the files written. */
static void open_applied(struct sample *s, const char *root)
{
	sample_open(s, "intel-z690-vmd-2x-navi", root);
	sample_choose(s, GPU);
	sample_plan(s);
	sample_write(s);
}

/* path NULL: there is nothing to say of one. */
static void expect(const struct sample *s, const char *path, const char *trouble)
{
	struct verdicts verdicts = {0};

	assert_int_equal(verify_spare(s->root, s->machine, &s->choice, &verdicts), 0);
	assert_true(base_same(verdicts.spare, path));
	if (path)
		assert_string_equal(verdicts.spare_trouble, trouble);
	verdicts_free(&verdicts);
}

/* What was said is what applying again mends. */
static void mended(struct sample *s, const char *path)
{
	sample_plan(s);
	assert_non_null(sample_after(s, path));
	sample_write(s);
	expect(s, path, "");
}

static void boots_next(struct sample *s, const char *version)
{
	for (size_t i = 0; i < s->machine->n_kernels; i++)
		s->machine->kernels[i].next = strcmp(s->machine->kernels[i].version, version) == 0;
}

static void a_copy_that_lost_its_kernel_is_told(void **state)
{
	static const char *const files[] = {"linux", "initrd.img-" NEXT};
	struct sample s;

	(void)state;
	open_applied(&s, "debian-systemd-boot");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char gone[200], trouble[400], *text = NULL;

		support_put(s.dir, "/boot/efi/" ID "/" NEXT "/linux", "");
		support_put(s.dir, "/boot/efi/" ID "/" NEXT "/initrd.img-" NEXT, "");
		expect(&s, OWN, "");
		snprintf(gone, sizeof(gone), "/boot/efi/" ID "/" NEXT "/%s", files[i]);
		sample_drop(&s, gone);
		/* As this entry names it: from the root, or from its partition. */
		text = support_get(s.dir, OWN);
		snprintf(trouble, sizeof(trouble), "it names %s, which is gone" MEND,
			strstr(text, gone) ? gone : gone + strlen("/boot/efi"));
		expect(&s, OWN, trouble);
		free(text);
	}
	sample_close(&s);
}

static void a_copy_of_another_kernel_is_told_and_mended(void **state)
{
	struct sample s;

	(void)state;
	open_applied(&s, "debian-systemd-boot");
	support_put(s.dir, "/boot/efi/" ID "/" OTHER "/linux", "");
	support_put(s.dir, "/boot/efi/" ID "/" OTHER "/initrd.img-" OTHER, "");
	boots_next(&s, OTHER);
	expect(&s, OWN, "it starts another kernel than " OTHER ", which boots next" MEND);
	mended(&s, OWN);
	/* Nothing could be made better: there is no entry of that kernel. */
	sample_drop(&s, ENTRIES ID "-" NEXT ".conf");
	boots_next(&s, NEXT);
	expect(&s, OWN, "");
	sample_close(&s);
}

static void one_that_is_not_there_is_told_and_mended(void **state)
{
	struct sample s;

	(void)state;
	open_applied(&s, "debian-systemd-boot");
	expect(&s, OWN, "");
	sample_drop(&s, OWN);
	/* A person's, of that name. */
	support_put(s.dir, "/boot/loader/entries/0-without_passthrough.conf",
		"title Mine, without passthrough\nlinux /x\n");
	expect(&s, OWN, "it is not there" MEND);
	mended(&s, OWN);
	/* No entry can be seen: nothing is known. */
	sample_drop(&s, OWN);
	sample_drop(&s, ENTRIES ID "-" NEXT ".conf");
	sample_drop(&s, ENTRIES ID "-" OTHER ".conf");
	expect(&s, NULL, NULL);
	sample_close(&s);
}

/* Two slashes, and $tuned_initrd. */
static void what_grub_reads_is_understood(void **state)
{
	static const char entry[] = "/boot/loader/entries/" ID "-7.1.4-200.fc44.x86_64.conf",
			  own[] = "/boot/loader/entries/" ID "-0-without_passthrough.conf";
	struct sample s;

	(void)state;
	sample_open(&s, "intel-z690-vmd-2x-navi", "fedora");
	support_put(s.dir, entry,
		"title Fedora\nversion 7.1.4-200.fc44.x86_64\n"
		"linux /vmlinuz-7.1.4-200.fc44.x86_64\n"
		"initrd /initramfs-7.1.4-200.fc44.x86_64.img $tuned_initrd\noptions root=/dev/x\n");
	sample_choose(&s, GPU);
	sample_plan(&s);
	sample_write(&s);
	expect(&s, own, "");
	sample_drop(&s, "/boot/vmlinuz-7.1.4-200.fc44.x86_64");
	expect(&s, own, "it names //vmlinuz-7.1.4-200.fc44.x86_64, which is gone" MEND);
	sample_close(&s);
	/* GRUB makes it anew with its menu. */
	open_applied(&s, "debian13");
	expect(&s, NULL, NULL);
	sample_close(&s);
}

static void menus_without_one_say_so(void **state)
{
	static const struct {
		const char *root, *instead; /* NULL: nothing has to be said */
	} systems[] = {
		{"opensuse-tumbleweed", "press e at the boot menu"},
		{"proxmox-systemd-boot", "where its editor is on"},
		{"arch-uki", "Secure Boot is off"},
		{"silverblue", "press e at the boot menu"},
		{"debian-u-boot", "choose a rescue entry"},
		{"arch-refind", "F2"},
		{"arch-limine", "press E"},
		{"debian-systemd-boot", NULL},
		{"arch-systemd-boot", NULL},
		{"fedora", NULL},
		{"debian13", NULL},
		{"arch-grub", NULL},
		{"rhel9", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		const struct finding *finding;
		struct sample s;

		sample_open(&s, "intel-z690-vmd-2x-navi", systems[i].root);
		support_put(s.dir, "/boot/loader/loader.conf", "timeout 3\n");
		sample_plan(&s);
		assert_null(sample_finding(&s, "no-spare-entry"));
		sample_choose(&s, GPU);
		sample_plan(&s);
		finding = sample_finding(&s, "no-spare-entry");
		assert_int_equal(finding != NULL, systems[i].instead != NULL);
		if (finding) {
			assert_int_equal(finding->severity, SEVERITY_INFO);
			support_says(finding->remedy, systems[i].instead);
		}
		sample_close(&s);
	}
}

/* Every Ubuntu has the script; it is about those whose root is on ZFS. */
static void ubuntus_zfs_has_none(void **state)
{
	struct sample s;

	(void)state;
	sample_open(&s, "intel-z690-vmd-2x-navi", "ubuntu2404");
	support_put(s.dir, "/etc/grub.d/10_linux_zfs", "#!/bin/sh\n");
	sample_choose(&s, GPU);
	sample_plan(&s);
	assert_null(sample_finding(&s, "no-spare-entry"));
	support_put(s.dir, "/proc/cmdline",
		"BOOT_IMAGE=/BOOT/x@/vmlinuz root=ZFS=rpool/ROOT/x ro quiet\n");
	sample_look(&s);
	sample_choose(&s, GPU);
	sample_plan(&s);
	assert_non_null(sample_finding(&s, "no-spare-entry"));
	sample_close(&s);
}

/* An entry of the person's in which nothing is bound is a way back; a menu without an editor is
 * told once, as a warning. */
static void it_is_said_once(void **state)
{
	struct sample s;

	(void)state;
	sample_open(&s, "intel-z690-vmd-2x-navi", "opensuse-tumbleweed");
	sample_choose(&s, GPU);
	support_put(s.dir, "/boot/efi/loader/loader.conf", "editor no\n");
	sample_plan(&s);
	assert_non_null(sample_finding(&s, "boot-editor-off"));
	assert_null(sample_finding(&s, "no-spare-entry"));
	support_put(s.dir, ENTRIES "rescue.conf", "title Rescue\nlinux /x\noptions root=/dev/x\n");
	sample_plan(&s);
	assert_non_null(sample_finding(&s, "boot-editor-off"));
	support_put(s.dir, ENTRIES "rescue.conf",
		"title Rescue\nlinux /x\noptions root=/dev/x systemd.unit=rescue.target\n");
	sample_plan(&s);
	assert_null(sample_finding(&s, "boot-editor-off"));
	assert_null(sample_finding(&s, "no-spare-entry"));
	sample_close(&s);
}

/* A rescue entry gets ids= too. */
static void ids_leave_no_rescue_entry(void **state)
{
	struct sample s;

	(void)state;
	sample_open(&s, "intel-z690-vmd-2x-navi", "debian-u-boot");
	sample_choose(&s, GPU);
	s.choice.options |= CHOICE_IDS;
	sample_plan(&s);
	support_says(sample_finding(&s, "no-spare-entry")->remedy, "from another system");
	sample_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_that_lost_its_kernel_is_told),
		cmocka_unit_test(a_copy_of_another_kernel_is_told_and_mended),
		cmocka_unit_test(one_that_is_not_there_is_told_and_mended),
		cmocka_unit_test(what_grub_reads_is_understood),
		cmocka_unit_test(menus_without_one_say_so),
		cmocka_unit_test(ubuntus_zfs_has_none),
		cmocka_unit_test(it_is_said_once),
		cmocka_unit_test(ids_leave_no_rescue_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
