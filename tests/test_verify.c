#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/verify.h"
#include "tests/support.h"
#include "tests/support_machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
	struct support_machine m;
	struct device *gpu;
	struct choice choice;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	support_machine_init(&f->m);
	f->gpu = support_device(
		&f->m, "0000:01:00.0", "10de:1b80:1043:8591", 0x030000, 1, "nouveau", "nouveau");
	assert_int_equal(choice_add(&f->choice, f->gpu), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	choice_free(&f->choice);
	support_machine_free(&f->m);
	free(f);
	return 0;
}

static void expect(struct fixture *f, bool ok, const char *actual, const char *reason)
{
	struct verdicts verdicts;

	assert_int_equal(verify_choice(&f->m.machine, &f->choice, &verdicts), 0);
	assert_int_equal(verdicts.n, 1);
	assert_string_equal(verdicts.v[0].address, "0000:01:00.0");
	assert_string_equal(verdicts.v[0].expected, "vfio-pci");
	assert_true(base_same(verdicts.v[0].actual, actual));
	assert_int_equal(verdicts.v[0].ok, ok);
	if (!strstr(verdicts.v[0].reason, reason))
		fail_msg("'%s' lacks '%s'", verdicts.v[0].reason, reason);
	if (ok)
		assert_string_equal(verdicts.v[0].reason, "");
	verdicts_free(&verdicts);
}

static void vfio_and_its_variants_are_right(void **state)
{
	struct fixture *f = *state;

	f->gpu->driver = support_keep(&f->m, "vfio-pci");
	expect(f, true, "vfio-pci", "");
	f->gpu->driver = support_keep(&f->m, "mlx5_vfio_pci");
	expect(f, true, "mlx5_vfio_pci", "");
}

static void another_device_is_wrong_even_with_vfio(void **state)
{
	struct fixture *f = *state;

	f->gpu->driver = support_keep(&f->m, "vfio-pci");
	f->gpu->device = 0x2204;
	expect(f, false, "vfio-pci", "10de:2204");
	f->m.machine.n_devices = 0;
	expect(f, false, NULL, "no device is at this address");
}

static void the_reason_is_the_first_thing_that_hinders(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->m.machine.host;

	expect(f, false, "nouveau", "nothing asked for vfio-pci");
	f->gpu->override_set = true;
	f->gpu->driver = NULL;
	expect(f, false, NULL, "did not take it");
	f->gpu->group = -1;
	expect(f, false, NULL, "no IOMMU group");
	host->iommu_active = false;
	expect(f, false, NULL, "the IOMMU is off");
	support_module(&f->m, "vfio_pci", MODULE_MISSING);
	expect(f, false, NULL, "6.1.0-13-amd64 has no vfio-pci");
	host->cmdline = support_keep(&f->m, "quiet module_blacklist=x,vfio-pci");
	expect(f, false, NULL, "module_blacklist");
	host->cmdline = support_keep(&f->m, "ro single module_blacklist=vfio_pci");
	expect(f, false, NULL, "recovery boot (\"single\"");
	host->cmdline =
		support_keep(&f->m, "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-0-rescue-4f3c root=/dev/x ro");
	expect(f, false, NULL, "recovery boot (\"vmlinuz-0-rescue\"");
	host->cmdline = support_keep(&f->m, "BOOT_IMAGE=/vmlinuz-6.1 x=/vmlinuz-0-rescue-4f3c ro");
	expect(f, false, NULL, "has no vfio-pci");
}

/* Another card came in front of it. */
static void a_card_that_moved_is_found_with_the_command(void **state)
{
	struct fixture *f = *state;
	struct device port = {.address = "0000:00:01.0"}, other = {.address = "0000:00:02.0"};

	f->gpu->parent = &port;
	assert_int_equal(choice_add(&f->choice, f->gpu), 0);
	f->gpu->bus = 2;
	(void)snprintf(f->gpu->address, sizeof(f->gpu->address), "0000:02:00.0");
	expect(f, false, NULL,
		"the card chosen as 0000:01:00.0 is now at 0000:02:00.0; nothing was "
		"bound; to follow it, run `vfio-wizard apply 0000:02:00.0` and reboot");
	/* In another slot it may be another card. */
	f->gpu->parent = &other;
	expect(f, false, NULL,
		"the only one with its ids that is not chosen is now at 0000:02:00.0");
}

static void another_group_is_told_though_all_is_well(void **state)
{
	struct fixture *f = *state;
	struct verdicts verdicts;

	f->gpu->driver = support_keep(&f->m, "vfio-pci");
	f->gpu->group = 17;
	assert_int_equal(verify_choice(&f->m.machine, &f->choice, &verdicts), 0);
	assert_true(verdicts.v[0].ok);
	assert_non_null(
		strstr(verdicts.v[0].reason, "group was 1 when it was chosen and is 17 now"));
	assert_string_equal(verdicts.v[0].now_at, "0000:01:00.0");
	verdicts_free(&verdicts);
}

static void an_empty_choice_has_no_verdicts(void **state)
{
	struct fixture *f = *state;
	struct verdicts verdicts;

	choice_remove(&f->choice, "0000:01:00.0");
	assert_int_equal(verify_choice(&f->m.machine, &f->choice, &verdicts), 0);
	assert_int_equal(verdicts.n, 0);
	verdicts_free(&verdicts);
}

static void put_at(const char *dir, const char *path, time_t when)
{
	struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};
	char full[300];

	support_put(dir, path, "");
	snprintf(full, sizeof(full), "%s%s", dir, path);
	assert_int_equal(utimensat(AT_FDCWD, full, times, 0), 0);
}

/* A kernel that came after the choice is covered when its image was built by then. */
static void each_kernels_image_is_old_or_new(void **state)
{
	static const struct {
		const char *version, *image;
		enum tristate covered;
	} expected[] = {
		{"6.1.0-18-amd64", "/boot/initrd.img-6.1.0-18-amd64", YES},
		{"6.1.0-18", "/boot/initrd.img-6.1.0-18", NO},
		{"6.12", "/boot/0123/6.12/initrd", YES},
		{"6.13", NULL, UNKNOWN},
		{"6.14.2-arch1-1", "/boot/initramfs-linux.img", YES},
		{"6.15.1-zen1-1-zen", "/efi/EFI/Linux/zen.efi", NO},
	};
	char *dir = support_scratch(), versions[ARRAY_SIZE(expected)][32];
	struct kernel kernels[ARRAY_SIZE(expected)] = {0};
	struct machine machine = {.kernels = kernels, .n_kernels = ARRAY_SIZE(expected)};
	const struct existing left = {.images_are_left = true};
	struct choice choice = {0};
	struct verdicts verdicts = {0};
	struct root *root = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		snprintf(versions[i], sizeof(versions[i]), "%s", expected[i].version);
		kernels[i].version = versions[i];
	}
	assert_int_equal(root_open(dir, NULL, &root, NULL), 0);
	put_at(dir, "/boot/initrd.img-6.1.0-18-amd64", 2000);
	put_at(dir, "/boot/initrd.img-6.1.0-18", 999);
	put_at(dir, "/boot/initrd.img-6.1.0-18.dpkg-bak", 3000);
	put_at(dir, "/boot/vmlinuz-6.13", 3000);
	put_at(dir, "/boot/initramfs-6.12.img", 500);
	put_at(dir, "/boot/0123/6.12/initrd", 1000);
	support_put(dir, "/boot/loader/entries/0123-6.12.conf",
		"version 6.12\nlinux /0123/6.12/linux\ninitrd /0123/6.12/initrd\n");
	support_put(dir, "/usr/lib/modules/6.14.2-arch1-1/pkgbase", "linux\n");
	put_at(dir, "/boot/initramfs-linux.img", 1000);
	support_put(dir, "/usr/lib/modules/6.15.1-zen1-1-zen/pkgbase", "linux-zen\n");
	put_at(dir, "/efi/EFI/Linux/zen.efi", 999);
	support_put(dir, "/etc/mkinitcpio.d/linux-zen.preset",
		"ALL_kver=/boot/vmlinuz-linux-zen\nPRESETS=('default')\n"
		"default_uki=/efi/EFI/Linux/zen.efi\n");
	/* Nothing is chosen: there is nothing to cover. */
	assert_int_equal(verify_kernels(root, &machine, &choice, NULL, &verdicts), 0);
	assert_int_equal(verdicts.n_kernels, 0);
	put_at(dir, CHOICE_PATH, 1000);
	/* Nor where an image binds nothing. */
	machine.host.initramfs = INITRAMFS_BOOSTER;
	assert_int_equal(verify_kernels(root, &machine, &choice, NULL, &verdicts), 0);
	assert_int_equal(verdicts.n_kernels, 0);
	machine.host.initramfs = INITRAMFS_MKINITCPIO;
	assert_int_equal(verify_kernels(root, &machine, &choice, &left, &verdicts), 0);
	assert_int_equal(verdicts.n_kernels, 0);
	assert_int_equal(verify_kernels(root, &machine, &choice, NULL, &verdicts), 0);
	assert_int_equal(verdicts.n_kernels, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_string_equal(verdicts.kernels[i].version, expected[i].version);
		assert_true(base_same(verdicts.kernels[i].image, expected[i].image));
		assert_int_equal(verdicts.kernels[i].covered, expected[i].covered);
	}
	assert_string_equal(verdicts.kernels[1].rebuild, "mkinitcpio -P");
	assert_null(verdicts.kernels[0].rebuild);
	verdicts_free(&verdicts);
	machine.host.initramfs = INITRAMFS_TOOLS;
	assert_int_equal(verify_kernels(root, &machine, &choice, NULL, &verdicts), 0);
	assert_string_equal(verdicts.kernels[1].rebuild, "update-initramfs -u -k 6.1.0-18");
	verdicts_free(&verdicts);
	machine.host.initramfs = INITRAMFS_DRACUT;
	assert_int_equal(verify_kernels(root, &machine, &choice, NULL, &verdicts), 0);
	assert_string_equal(
		verdicts.kernels[1].rebuild, "dracut --force /boot/initrd.img-6.1.0-18 6.1.0-18");
	assert_null(verdicts.kernels[5].rebuild); /* a unified image */
	verdicts_free(&verdicts);
	root_close(root);
	support_remove(dir);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(vfio_and_its_variants_are_right),
		T(another_device_is_wrong_even_with_vfio),
		T(the_reason_is_the_first_thing_that_hinders),
		T(a_card_that_moved_is_found_with_the_command),
		T(another_group_is_told_though_all_is_well),
		T(an_empty_choice_has_no_verdicts),
		cmocka_unit_test(each_kernels_image_is_old_or_new),
	};

	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
