#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/boot.h"
#include "core/machine.h"
#include "tests/mktree.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EFIVARS "/sys/firmware/efi/efivars/"
#define GUID    "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

struct fixture {
	char *dir;
	struct root *root;
	struct machine *machine;
	const struct host *host;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	_cleanup_free_ char *path = NULL;

	assert_non_null(f);
	f->dir = support_scratch();
	support_put(f->dir, "/facts", "title t\nsource s\niommu no\n"
				      "0000:00:02.0 8086:0102 - 030000 09 - i915 boot_vga\n");
	assert_true(asprintf(&path, "%s/facts", f->dir) > 0);
	assert_int_equal(mktree_machine(path, f->dir), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	machine_free(f->machine);
	root_close(f->root);
	support_remove(f->dir);
	free(f);
	return 0;
}

static void scan(struct fixture *f)
{
	struct error err = {0};

	f->machine = machine_free(f->machine);
	f->root = root_close(f->root);
	if (root_open(f->dir, NULL, &f->root, &err) < 0 ||
		machine_scan(f->root, MACHINE_HOST, &f->machine, &err) < 0)
		fail_msg("%s", err.text);
	f->host = &f->machine->host;
}

static void put(struct fixture *f, const char *path, const char *text)
{
	support_put(f->dir, path, text);
}

static void put_bytes(struct fixture *f, const char *path, const char *bytes, size_t n)
{
	_cleanup_free_ char *full = NULL;
	FILE *file;

	put(f, path, "");
	assert_true(asprintf(&full, "%s%s", f->dir, path) > 0);
	file = fopen(full, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

/* An EFI variable as the kernel shows it: attributes, UTF-16LE, a NUL. */
static void put_efi(struct fixture *f, const char *path, const char *text)
{
	char bytes[256] = {6};
	size_t n = 4;

	for (const char *p = text; *p; p++, n += 2)
		bytes[n] = *p;
	put_bytes(f, path, bytes, n + 2);
}

static void gone(struct fixture *f, const char *path)
{
	_cleanup_free_ char *full = NULL;

	assert_true(asprintf(&full, "%s%s", f->dir, path) > 0);
	assert_int_equal(remove(full), 0);
}

static void debian(struct fixture *f)
{
	put(f, "/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
	put(f, "/usr/sbin/update-grub", "#!/bin/sh\n");
	put(f, "/usr/sbin/grub-mkconfig",
		"#!/bin/sh\nfor x in ${sysconfdir}/default/grub.d/*.cfg ; do\n");
	put(f, "/boot/grub/grub.cfg", "# made by grub-mkconfig\n");
}

/* ---- a whole system ----------------------------------------------------------------------- */

static void test_debian12(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mktree_root("tests/fixtures/roots/debian12", f->dir), 0);
	scan(f);
	assert_string_equal(f->host->os_id, "debian");
	assert_string_equal(f->host->os_version, "12");
	assert_string_equal(f->host->os_name, "Debian GNU/Linux 12 (bookworm)");
	assert_null(f->host->os_like);
	assert_string_equal(f->host->release, "6.1.0-56-amd64");
	assert_string_equal(f->host->libvirt, "9.0.0");
	assert_int_equal(f->host->boot_loader, BOOT_GRUB_D);
	assert_non_null(strstr(f->host->boot_loader_found.name, "grub.d"));
	assert_non_null(strstr(f->host->boot_loader_found.evidence, "BOOT_IMAGE="));
	assert_int_equal(f->host->initramfs, INITRAMFS_TOOLS);
	assert_non_null(strstr(f->host->initramfs_found.evidence, "package"));
	assert_true(base_starts(f->host->cmdline, "BOOT_IMAGE="));
	assert_null(strchr(f->host->cmdline, '\n'));
	assert_int_equal(f->host->refusal, REFUSAL_NONE);
	assert_false(f->host->opennebula);
	assert_int_equal(f->machine->n_kernels, 2);
	assert_true(f->machine->kernels[1].running && f->machine->kernels[1].next);
	assert_int_equal(f->machine->kernels[1].intel_default_on, NO);
}

/* Nothing is known of an empty tree, and nothing is claimed. */
static void test_empty(void **state)
{
	struct fixture *f = *state;

	scan(f);
	assert_null(f->host->os_id);
	assert_null(f->host->cmdline);
	assert_null(f->host->release);
	assert_null(f->host->libvirt);
	assert_int_equal(f->host->firmware, FIRMWARE_UNKNOWN);
	assert_int_equal(f->host->interrupt_remapping, UNKNOWN);
	assert_int_equal(f->host->cpu_virtualization, UNKNOWN);
	assert_int_equal(f->host->kvm, UNKNOWN);
	assert_int_equal(f->host->lockdown, UNKNOWN);
	assert_int_equal(f->host->read_only, UNKNOWN);
	assert_int_equal(f->host->container, UNKNOWN);
	assert_int_equal(f->host->boot_loader, BOOT_UNKNOWN);
	assert_int_equal(f->host->initramfs, INITRAMFS_UNKNOWN);
	assert_null(f->host->boot_loader_found.name);
	assert_non_null(f->host->boot_loader_found.evidence);
	assert_int_equal(f->host->refusal, REFUSAL_NO_SYSTEM);
}

static void test_os_release(void **state)
{
	struct fixture *f = *state;

	put(f, "/usr/lib/os-release", "NAME=x\nXID=no\nID='linux mint'\nID_LIKE=\"ubuntu debian\"\n"
				      "PRETTY_NAME=\"A \\\"B\\\" $C\"\nVERSION_ID=");
	scan(f);
	assert_string_equal(f->host->os_id, "linux mint");
	assert_string_equal(f->host->os_like, "ubuntu debian");
	assert_string_equal(f->host->os_name, "A \"B\" $C");
	assert_string_equal(f->host->os_version, "");
	assert_int_equal(f->host->refusal, REFUSAL_NONE);
	put(f, "/etc/os-release", "ID=fedora\n");
	scan(f);
	assert_string_equal(f->host->os_id, "fedora");
	assert_int_equal(f->host->refusal, REFUSAL_NONE);
}

/* ---- kernels ------------------------------------------------------------------------------ */

static void test_kernel_order(void **state)
{
	static const char *const order[] = {
		"5.10.0-30-amd64", "6.1.0-9-amd64", "6.1.0-10-amd64", "6.1.0-10-cloud-amd64",
		"6.1.100-1", "6.12.0-rc1", "6.12.1",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep%s", order[i],
			i % 2 ? ".bin" : "");
		put(f, path, "");
	}
	put(f, "/lib/modules/7.0.0-left/kernel/x.ko", "");
	put(f, "/lib/modules/file", "");
	put(f, "/proc/sys/kernel/osrelease", "6.1.0-10-amd64\n");
	/* Names that a command would take for something else. */
	put(f, "/lib/modules/--kver=6.2/modules.dep", "");
	put(f, "/lib/modules/6*/modules.dep", "");
	put(f, "/lib/modules/6 1\n/modules.dep", "");
	scan(f);
	assert_int_equal(f->machine->n_kernels, ARRAY_SIZE(order));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		assert_string_equal(f->machine->kernels[i].version, order[i]);
		assert_int_equal(f->machine->kernels[i].running, i == 2);
		assert_int_equal(f->machine->kernels[i].next, i == ARRAY_SIZE(order) - 1);
	}
	assert_string_equal(machine_next_kernel(f->machine)->version, "6.12.1");
}

static void kernels(struct fixture *f)
{
	put(f, "/lib/modules/6.1.0-5/modules.dep", "");
	put(f, "/lib/modules/6.1.0-55/modules.dep", "");
	put(f, "/lib/modules/6.9.1/modules.dep", "");
}

static void assert_next(struct fixture *f, const char *version)
{
	scan(f);
	assert_string_equal(machine_next_kernel(f->machine)->version, version);
}

static void test_next_of_grub(void **state)
{
	struct fixture *f = *state;

	debian(f);
	kernels(f);
	put(f, "/etc/default/grub", "GRUB_DEFAULT=0\n");
	assert_next(f, "6.9.1");
	put(f, "/etc/default/grub", "GRUB_DEFAULT=\"Advanced options>Debian, with Linux 6.1.0-55\"\n");
	assert_next(f, "6.1.0-55");
	put(f, "/etc/default/grub.d/pin.cfg",
		"GRUB_DEFAULT=\"advanced>gnulinux-6.1.0-5-advanced\"\n");
	assert_next(f, "6.1.0-5");
	gone(f, "/etc/default/grub.d/pin.cfg");
	put(f, "/boot/grub/grubenv", "# GRUB Environment Block\nsaved_entry=gnulinux-6.1.0-5-x\n####");
	assert_next(f, "6.1.0-55");
	put(f, "/etc/default/grub", "GRUB_DEFAULT=saved\n");
	assert_next(f, "6.1.0-5");
	put(f, "/boot/grub/grubenv", "saved_entry=gnulinux-6.1.0-5-x\nnext_entry=x-6.1.0-55\n");
	assert_next(f, "6.1.0-55");
	put(f, "/boot/grub/grubenv", "saved_entry=5.10.1\nnext_entry=\n");
	assert_next(f, "6.9.1");
}

static void test_next_of_systemd_boot(void **state)
{
	struct fixture *f = *state;

	kernels(f);
	put(f, "/lib/modules/6.1.0-5/pkgbase", "linux\n");
	put(f, "/lib/modules/6.9.1/pkgbase", "linux-lts\n");
	put_efi(f, EFIVARS "LoaderInfo" GUID, "systemd-boot 257");
	put(f, "/boot/loader/loader.conf", "timeout 3\n#default b.conf\n");
	put(f, "/boot/loader/entries/a.conf", "linux /vmlinuz-linux\n");
	put(f, "/boot/loader/entries/b.conf", "linux /vmlinuz-6.1.0-55\n");
	assert_next(f, "6.9.1");
	put(f, "/boot/loader/loader.conf", "default  a.conf\n");
	assert_next(f, "6.1.0-5");
	put_efi(f, EFIVARS "LoaderEntryDefault" GUID, "b.conf");
	assert_next(f, "6.1.0-55");
	put_efi(f, EFIVARS "LoaderEntryOneShot" GUID, "../entries/a.conf");
	assert_next(f, "6.9.1");
	put_efi(f, EFIVARS "LoaderEntryOneShot" GUID, "a.conf");
	assert_next(f, "6.1.0-5");
}

static void test_next_of_ostree(void **state)
{
	struct fixture *f = *state;

	kernels(f);
	put(f, "/run/ostree-booted", "");
	put(f, "/usr/bin/rpm-ostree", "");
	put(f, "/boot/loader/entries/ostree-9.conf", "linux /ostree/x/vmlinuz-6.9.1\n");
	put(f, "/boot/loader/entries/ostree-10.conf", "linux /ostree/y/vmlinuz-6.1.0-5\n");
	assert_next(f, "6.1.0-5");
}

static void test_kernel_config(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *link = NULL;

	put(f, "/lib/modules/1/modules.dep", "");
	put(f, "/lib/modules/2/modules.dep", "");
	put(f, "/lib/modules/3/modules.dep", "");
	put(f, "/lib/modules/4/modules.dep", "");
	put(f, "/lib/modules/5/modules.dep", "");
	put(f, "/lib/modules/6/modules.dep", "");
	put(f, "/boot/config-1", "#\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y\n");
	put(f, "/boot/config-2", "#\n# CONFIG_INTEL_IOMMU_DEFAULT_ON is not set\n");
	put(f, "/lib/modules/2/config", "#\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y\n");
	put(f, "/lib/modules/3/config", "#\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y\n");
	put(f, "/usr/src/linux-headers-5/.config", "#\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y\n");
	put(f, "/usr/src/kernels/6/.config", "#\n");
	assert_true(asprintf(&link, "%s/lib/modules/6/build", f->dir) > 0);
	assert_int_equal(symlink("/usr/src/kernels/6", link), 0);
	scan(f);
	assert_int_equal(f->machine->kernels[0].intel_default_on, YES);
	assert_int_equal(f->machine->kernels[1].intel_default_on, NO);
	assert_int_equal(f->machine->kernels[2].intel_default_on, YES);
	assert_int_equal(f->machine->kernels[3].intel_default_on, UNKNOWN);
	assert_int_equal(f->machine->kernels[4].intel_default_on, YES);
	assert_int_equal(f->machine->kernels[5].intel_default_on, NO);
}

/* ---- hardware ----------------------------------------------------------------------------- */

static void assert_firmware(struct fixture *f, enum firmware_iommu firmware, bool active)
{
	scan(f);
	assert_int_equal(f->host->firmware, firmware);
	assert_int_equal(f->host->iommu_active, active);
}

static void test_firmware(void **state)
{
	struct fixture *f = *state;

	put(f, "/sys/firmware/acpi/tables/DSDT", "");
	assert_firmware(f, FIRMWARE_NONE, false);
	put(f, "/sys/firmware/acpi/tables/IVRS", "");
	assert_firmware(f, FIRMWARE_AMDVI, false);
	put(f, "/sys/firmware/acpi/tables/DMAR", "");
	assert_firmware(f, FIRMWARE_VTD, false);
}

static void test_firmware_by_units(void **state)
{
	struct fixture *f = *state;

	put(f, "/sys/class/iommu/dmar0/x", "");
	assert_firmware(f, FIRMWARE_VTD, true);
	gone(f, "/sys/class/iommu/dmar0/x");
	gone(f, "/sys/class/iommu/dmar0");
	put(f, "/sys/class/iommu/ivhd1/x", "");
	assert_firmware(f, FIRMWARE_AMDVI, true);
}

static void test_cpu(void **state)
{
	struct fixture *f = *state;

	put(f, "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu svm_lock ht\nbugs\t: vmx svm\n");
	put(f, "/dev/kvm", "");
	put(f, "/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	scan(f);
	assert_int_equal(f->host->cpu_virtualization, NO);
	assert_int_equal(f->host->kvm, YES);
	assert_int_equal(f->host->lockdown, YES);
	put(f, "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx ht\nbugs\t:\n");
	put(f, "/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	scan(f);
	assert_int_equal(f->host->cpu_virtualization, YES);
	assert_int_equal(f->host->lockdown, NO);
}

static void test_interrupt_remapping(void **state)
{
	struct fixture *f = *state;

	put(f, "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx ht\n");
	put(f, "/proc/interrupts", "           CPU0\n  1:  9  PCI-MSI-0000:00:1f.2  0-edge  ahci\n");
	scan(f);
	assert_int_equal(f->host->interrupt_remapping, UNKNOWN);
	put(f, "/sys/class/iommu/dmar0/x", "");
	scan(f);
	assert_int_equal(f->host->interrupt_remapping, NO);
	put(f, "/proc/interrupts", "           CPU0\n  1:  9  IR-PCI-MSI-0000:00:1f.2  0-edge  ahci\n");
	scan(f);
	assert_int_equal(f->host->interrupt_remapping, YES);
}

static void test_etc_is_writable(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/x", "");
	scan(f);
	assert_int_equal(f->host->read_only, NO);
}

/* ---- boot loader -------------------------------------------------------------------------- */

static void assert_loader(struct fixture *f, enum boot_loader loader, const char *evidence)
{
	scan(f);
	if (f->host->boot_loader != loader || !strstr(f->host->boot_loader_found.evidence, evidence))
		fail_msg("%d, %s", (int)f->host->boot_loader, f->host->boot_loader_found.evidence);
	assert_int_equal(f->host->boot_loader_found.kind, loader);
	if (loader)
		assert_non_null(f->host->boot_loader_found.name);
	else
		assert_null(f->host->boot_loader_found.name);
}

/* What else it may be, by the names of the kinds, in order. */
static void assert_others(struct fixture *f, const char *names)
{
	_cleanup_(str_free) struct str have = {0};
	const struct candidates *others = &f->host->boot_loader_others;

	for (size_t i = 0; i < others->n; i++) {
		str_addf(&have, "%s%s", i ? " " : "",
			boot_loader_kind((enum boot_loader)others->v[i].kind)->name);
		assert_true(*others->v[i].evidence);
		assert_string_equal(others->v[i].name,
			boot_loader_kind((enum boot_loader)others->v[i].kind)->title);
	}
	assert_int_equal(str_check(&have), 0);
	assert_string_equal(have.s ? have.s : "", names);
}

/* From the strongest sign to the weakest: each is put beside all weaker ones and wins. */
static void test_loader_order(void **state)
{
	struct fixture *f = *state;

	debian(f);
	assert_loader(f, BOOT_GRUB_D, "no other boot loader");
	put(f, "/proc/cmdline", "root=/dev/sda1 ro\n");
	assert_loader(f, BOOT_UNKNOWN, "no BOOT_IMAGE=");
	assert_others(f, "grub.d");
	put(f, "/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro\n");
	assert_loader(f, BOOT_GRUB_D, "BOOT_IMAGE=");
	assert_others(f, "");
	put_efi(f, EFIVARS "LoaderInfo" GUID, "Linux EFI stub 7.2.0");
	assert_loader(f, BOOT_GRUB_D, "BOOT_IMAGE=");
	put_efi(f, EFIVARS "LoaderInfo" GUID, "GRUB 2.12");
	assert_loader(f, BOOT_GRUB_D, "GRUB 2.12");
	put_efi(f, EFIVARS "LoaderInfo" GUID, "Limine 9.0");
	assert_loader(f, BOOT_LIMINE, "Limine 9.0");
	assert_others(f, "grub.d");
	put_efi(f, EFIVARS "LoaderInfo" GUID, "systemd-boot 252.39-1");
	assert_loader(f, BOOT_OTHER, "no entry of this system");
	put_efi(f, EFIVARS "StubInfo" GUID, "systemd-stub 252");
	put(f, "/proc/cmdline", "root=/dev/sda1 ro\n");
	assert_loader(f, BOOT_UKI, "StubInfo");
	put(f, "/etc/NIXOS", "");
	assert_loader(f, BOOT_OTHER, "NIXOS");
	put(f, "/run/ostree-booted", "");
	assert_loader(f, BOOT_OTHER, "no /usr/bin/rpm-ostree");
	put(f, "/usr/bin/rpm-ostree", "");
	assert_loader(f, BOOT_OSTREE, "ostree");
	assert_others(f, "");
}

/* A loader's files beside GRUB's, and nothing that says which one booted. */
static void test_loader_doubt(void **state)
{
	struct fixture *f = *state;

	debian(f);
	put(f, "/boot/efi/loader/loader.conf", "timeout 3\n");
	put(f, "/boot/efi/loader/entries/mine.conf", "linux /vmlinuz\n");
	assert_loader(f, BOOT_UNKNOWN, "nothing tells");
	assert_others(f, "grub.d entries");
	put(f, "/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro\n");
	assert_loader(f, BOOT_GRUB_D, "BOOT_IMAGE=");
	assert_others(f, "entries");
	put(f, "/boot/extlinux/extlinux.conf", "default l0\n");
	assert_loader(f, BOOT_UNKNOWN, "extlinux");
	assert_others(f, "grub.d entries syslinux");
	put(f, "/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro initrd=/initrd\n");
	assert_loader(f, BOOT_SYSLINUX, "initrd=");
}

static void test_u_boot(void **state)
{
	struct fixture *f = *state;

	put(f, "/boot/extlinux/extlinux.conf", "default l0\n");
	assert_loader(f, BOOT_SYSLINUX, "/boot/extlinux/extlinux.conf");
	put(f, "/usr/sbin/u-boot-update", "");
	assert_loader(f, BOOT_U_BOOT_MENU, "u-boot-update");
	/* U-Boot gives no BOOT_IMAGE=, and so GRUB did not boot. */
	debian(f);
	put(f, "/proc/cmdline", "root=/dev/mmcblk0p1\n");
	assert_loader(f, BOOT_U_BOOT_MENU, "u-boot-update");
	assert_others(f, "grub.d");
}

static void test_grub_kinds(void **state)
{
	struct fixture *f = *state;

	debian(f);
	put(f, "/proc/cmdline", "ro BOOT_IMAGE=/vmlinuz\n");
	put(f, "/etc/os-release", "ID=gentoo\n");
	assert_loader(f, BOOT_GRUB_D, "grub.d");
	gone(f, "/usr/sbin/update-grub");
	assert_loader(f, BOOT_OTHER, "no /usr/sbin/update-grub");
	/* Every grub-mkconfig names the directory of its parts. */
	put(f, "/usr/sbin/grub-mkconfig", "grub_mkconfig_dir=${sysconfdir}/grub.d\n");
	assert_loader(f, BOOT_GRUB, "no drop-ins");
	gone(f, "/usr/sbin/grub-mkconfig");
	assert_loader(f, BOOT_OTHER, "no grub-mkconfig");
}

static void test_grub_entries(void **state)
{
	struct fixture *f = *state;

	put(f, "/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro\n");
	put(f, "/usr/sbin/grub2-mkconfig", "");
	put(f, "/boot/loader/entries/a.conf", "linux /vmlinuz\n");
	assert_loader(f, BOOT_GRUB, "no drop-ins");
	put(f, "/etc/default/grub", "GRUB_ENABLE_BLSCFG=true\n");
	assert_loader(f, BOOT_OTHER, "/boot/loader/entries");
	assert_string_equal(f->host->boot_loader_found.name,
		"GRUB with loader entries and without grubby");
	put(f, "/usr/sbin/grubby", "");
	assert_loader(f, BOOT_GRUB_BLS, "grubby");
	put(f, "/etc/default/grub", "GRUB_TIMEOUT=5\n");
	assert_loader(f, BOOT_GRUB_BLS, "grubby");
	put(f, "/etc/default/grub", "GRUB_ENABLE_BLSCFG=\"false\"\n");
	assert_loader(f, BOOT_GRUB, "no drop-ins");
}

static void test_suse(void **state)
{
	struct fixture *f = *state;

	put(f, "/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro\n");
	put(f, "/usr/sbin/grub2-mkconfig", "");
	put(f, "/usr/sbin/update-bootloader", "");
	put(f, "/etc/sysconfig/bootloader", "LOADER_TYPE=\"grub2-efi\"\n");
	assert_loader(f, BOOT_PBL, "LOADER_TYPE=grub2-efi");
	put(f, "/etc/sysconfig/bootloader", "LOADER_TYPE=\"grub2-bls\"\n");
	assert_loader(f, BOOT_GRUB, "no drop-ins");
	put(f, "/usr/bin/sdbootutil", "");
	assert_loader(f, BOOT_SDBOOTUTIL, "sdbootutil");
	put_efi(f, EFIVARS "LoaderInfo" GUID, "systemd-boot 258");
	put(f, "/etc/sysconfig/bootloader", "LOADER_TYPE=systemd-boot\n");
	assert_loader(f, BOOT_SDBOOTUTIL, "systemd-boot 258");
}

/* Who made the entry that booted; where that is not known, whose there are. */
static void test_systemd_boot(void **state)
{
	struct fixture *f = *state;

	put_efi(f, EFIVARS "LoaderInfo" GUID, "systemd-boot 257");
	put(f, "/usr/bin/kernel-install", "");
	put(f, "/etc/machine-id", "4f3c\n");
	put(f, "/etc/kernel/entry-token", "mine\n");
	put(f, "/efi/loader/entries/4f3d-6.1.conf", "title x\nmachine-id 4f3d\n");
	assert_loader(f, BOOT_OTHER, "no entry of this system");
	put(f, "/efi/loader/entries/minesweeper.conf", "title x\n");
	assert_loader(f, BOOT_ENTRIES, "/efi/loader/entries/minesweeper.conf");
	assert_others(f, "");
	put(f, "/boot/loader/entries/mine-6.1.conf", "title x\nmachine-id 4f3c\n");
	assert_loader(f, BOOT_KERNEL_INSTALL, "mine-6.1.conf, made");
	assert_others(f, "entries");
	put_efi(f, EFIVARS "LoaderEntrySelected" GUID, "minesweeper.conf");
	assert_loader(f, BOOT_ENTRIES, "started this boot");
	assert_null(strstr(f->host->boot_loader_found.evidence, "mine-6.1"));
	put(f, "/boot/loader/entries/4f3c-6.2+2-1.conf", "title x\n");
	put_efi(f, EFIVARS "LoaderEntrySelected" GUID, "4f3c-6.2");
	assert_loader(f, BOOT_KERNEL_INSTALL, "4f3c-6.2+2-1.conf, made");
	assert_others(f, "");
	gone(f, "/usr/bin/kernel-install");
	assert_loader(f, BOOT_ENTRIES, "4f3c-6.2+2-1.conf");
	put(f, "/usr/bin/sdboot-manage", "");
	assert_loader(f, BOOT_SDBOOT_MANAGE, "/usr/bin/sdboot-manage");
	put(f, "/usr/bin/kernelstub", "");
	assert_loader(f, BOOT_KERNELSTUB, "/usr/bin/kernelstub");
}

static void test_uki(void **state)
{
	struct fixture *f = *state;

	put_efi(f, EFIVARS "LoaderInfo" GUID, "systemd-boot 257");
	put(f, "/efi/EFI/Linux/arch.efi", "");
	assert_loader(f, BOOT_UKI, "/efi/EFI/Linux/arch.efi");
	put(f, "/etc/mkinitcpio.d/linux.preset", "default_uki=\"/efi/EFI/Linux/arch.efi\"\n");
	assert_loader(f, BOOT_UKI, "linux.preset");
	put(f, "/etc/kernel/install.conf", "layout=uki\n");
	assert_loader(f, BOOT_UKI, "layout=uki");
	put(f, "/boot/loader/entries/mine.conf", "title x\n");
	assert_loader(f, BOOT_ENTRIES, "mine.conf");
	assert_others(f, "uki");
	gone(f, EFIVARS "LoaderInfo" GUID);
	put_efi(f, EFIVARS "LoaderInfo" GUID, "systemd-stub 249");
	assert_loader(f, BOOT_UKI, "systemd-stub 249");
}

static void test_proxmox(void **state)
{
	struct fixture *f = *state;

	debian(f);
	put(f, "/etc/kernel/proxmox-boot-uuids", "");
	assert_loader(f, BOOT_GRUB_D, "");
	assert_false(f->host->proxmox_boot);
	put(f, "/etc/kernel/proxmox-boot-uuids", "ABCD-1234\n");
	assert_loader(f, BOOT_UNKNOWN, "");
	assert_others(f, "grub.d proxmox");
	put(f, "/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro\n");
	assert_loader(f, BOOT_GRUB_D, "");
	assert_true(f->host->proxmox_boot);
	put(f, "/proc/cmdline", "initrd=\\EFI\\proxmox\\6.17\\initrd.img ro\n");
	assert_loader(f, BOOT_PROXMOX, "initrd=\\EFI\\proxmox");
	kernels(f);
	put(f, "/etc/kernel/proxmox-boot-pin", "6.1.0-5\n");
	assert_next(f, "6.1.0-5");
	put(f, "/etc/kernel/next-boot-pin", "6.1.0-55\n");
	assert_next(f, "6.1.0-55");
}

/* Every sample distribution, as it runs and as a disk that lies there. */
static void test_samples(void **state)
{
	static const struct {
		const char *root, *loader, *initramfs, *disk;
	} samples[] = {
		{"arch-grub", "grub", "mkinitcpio", "grub"},
		{"arch-systemd-boot", "entries", "mkinitcpio", "entries"},
		{"debian12", "grub.d", "initramfs-tools", "grub.d"},
		{"debian13", "grub.d", "initramfs-tools", "grub.d"},
		{"debian-dracut", "grub.d", "dracut", "grub.d"},
		{"debian-systemd-boot", "kernel-install", "initramfs-tools", "kernel-install"},
		{"fedora", "grub-bls", "dracut", "grub-bls"},
		{"nixos", "other", "unknown", "other"},
		{"opensuse-tumbleweed", "sdbootutil", "dracut", "sdbootutil"},
		{"proxmox-grub", "grub.d", "initramfs-tools", "unknown"},
		{"proxmox-systemd-boot", "proxmox", "initramfs-tools", "proxmox"},
		{"rhel9", "grub-bls", "dracut", "grub-bls"},
		{"silverblue", "ostree", "ostree", "ostree"},
		{"ubuntu2404", "grub.d", "initramfs-tools", "grub.d"},
	};
	struct fixture *f = *state;
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		teardown(state);
		setup(state);
		f = *state;
		(void)snprintf(path, sizeof(path), "tests/fixtures/roots/%s", samples[i].root);
		assert_int_equal(mktree_root(path, f->dir), 0);
		scan(f);
		assert_string_equal(boot_loader_kind(f->host->boot_loader)->name, samples[i].loader);
		assert_string_equal(
			boot_initramfs_kind(f->host->initramfs)->name, samples[i].initramfs);
		(void)snprintf(path, sizeof(path), "%s/proc", f->dir);
		support_remove(strdup(path));
		(void)snprintf(path, sizeof(path), "%s/sys/firmware", f->dir);
		support_remove(strdup(path));
		scan(f);
		assert_string_equal(boot_loader_kind(f->host->boot_loader)->name, samples[i].disk);
		assert_string_equal(
			boot_initramfs_kind(f->host->initramfs)->name, samples[i].initramfs);
	}
}

static void test_damaged_efi_variable(void **state)
{
	struct fixture *f = *state;
	char bytes[3000];

	debian(f);
	(void)memset(bytes, 'x', sizeof(bytes));
	put_bytes(f, EFIVARS "LoaderInfo" GUID, bytes, 3);
	assert_loader(f, BOOT_GRUB_D, "no other boot loader");
	put_bytes(f, EFIVARS "LoaderInfo" GUID, bytes, sizeof(bytes));
	assert_loader(f, BOOT_GRUB_D, "no other boot loader");
	put_efi(f, EFIVARS "LoaderInfo" GUID, "\033[2Jloader");
	assert_loader(f, BOOT_OTHER, "LoaderInfo: [2Jloader");
}

/* The program may be there beside another init. */
static void test_systemd(void **state)
{
	struct fixture *f = *state;
	char link[128];

	scan(f);
	assert_true(f->host->without_systemd);
	put(f, "/lib/systemd/systemd", "");
	scan(f);
	assert_false(f->host->without_systemd);
	put(f, "/sbin/init", "sysvinit");
	scan(f);
	assert_true(f->host->without_systemd);
	/* What runs is a rescue system's. */
	put(f, "/run/systemd/system/x", "");
	scan(f);
	assert_true(f->host->without_systemd);
	gone(f, "/sbin/init");
	(void)snprintf(link, sizeof(link), "%s/sbin/init", f->dir);
	assert_int_equal(symlink("../lib/systemd/systemd", link), 0);
	scan(f);
	assert_false(f->host->without_systemd);
}

/* ---- initramfs ---------------------------------------------------------------------------- */

static void assert_initramfs(struct fixture *f, enum initramfs initramfs, const char *name)
{
	scan(f);
	assert_int_equal(f->host->initramfs, initramfs);
	assert_true(base_same(f->host->initramfs_found.name, name));
}

/* dracut has an update-initramfs too: the file alone says nothing. */
static void test_initramfs(void **state)
{
	struct fixture *f = *state;

	put(f, "/usr/sbin/update-initramfs", "#!/bin/sh\nexec dracut \"$@\"\n");
	assert_initramfs(f, INITRAMFS_UNKNOWN, NULL);
	put(f, "/usr/sbin/update-initramfs", "#!/bin/sh\nmkinitramfs -o\n");
	assert_initramfs(f, INITRAMFS_TOOLS, "initramfs-tools");
	put(f, "/var/lib/dpkg/status",
		"Package: initramfs-tools\nStatus: deinstall ok config-files\nVersion: 0.142\n\n"
		"Package: dracut\nStatus: install ok installed\nVersion: 112-7\n");
	assert_initramfs(f, INITRAMFS_DRACUT, "dracut");
	put(f, "/var/lib/dpkg/status",
		"Package: dracut\nStatus: deinstall ok config-files\nVersion: 112-7\n\n"
		"Package: initramfs-tools\nStatus: install ok installed\nVersion: 0.142\n\n");
	assert_initramfs(f, INITRAMFS_TOOLS, "initramfs-tools");
	put(f, "/var/lib/dpkg/status", "Package: tiny-initramfs\nStatus: install ok installed\n\n");
	assert_initramfs(f, INITRAMFS_UNKNOWN, NULL);
	gone(f, "/usr/sbin/update-initramfs");
	assert_initramfs(f, INITRAMFS_UNKNOWN, NULL);
	put(f, "/usr/bin/mkinitcpio", "");
	assert_initramfs(f, INITRAMFS_MKINITCPIO, "mkinitcpio");
}

/* Several generators: what the kernel was given, then what is set up, else nobody knows. */
static void test_initramfs_doubt(void **state)
{
	struct fixture *f = *state;

	put(f, "/usr/bin/mkinitcpio", "");
	put(f, "/usr/bin/dracut", "");
	put(f, "/usr/bin/booster", "");
	assert_initramfs(f, INITRAMFS_UNKNOWN, NULL);
	assert_int_equal(f->host->initramfs_others.n, 3);
	put(f, "/boot/booster-linux.img", "");
	assert_initramfs(f, INITRAMFS_BOOSTER, "booster");
	put(f, "/etc/mkinitcpio.d/linux.preset", "PRESETS=(default)\n");
	assert_initramfs(f, INITRAMFS_MKINITCPIO, "mkinitcpio");
	put(f, "/proc/cmdline", "initrd=\\ucode.img initrd=\\booster-linux.img root=/dev/booster-x\n");
	assert_initramfs(f, INITRAMFS_BOOSTER, "booster");
	assert_int_equal(f->host->initramfs_others.n, 2);
	assert_int_equal(f->host->initramfs_others.v[0].kind, INITRAMFS_MKINITCPIO);
	assert_int_equal(f->host->initramfs_others.v[1].kind, INITRAMFS_DRACUT);
	put(f, "/proc/cmdline", "initrd=\\initramfs.img root=/dev/booster-x\n");
	assert_initramfs(f, INITRAMFS_MKINITCPIO, "mkinitcpio");
}

/* ---- what is installed -------------------------------------------------------------------- */

static void test_libvirt_package(void **state)
{
	struct fixture *f = *state;

	put(f, "/var/lib/dpkg/status",
		"Package: libvirt-daemon-driver-qemu\nStatus: install ok installed\nVersion: 1\n\n"
		"Package: libvirt-daemon\nStatus: install ok installed\n"
		"Version: 1:11.3.0-3+deb13u2\nDescription: x\n\n");
	scan(f);
	assert_string_equal(f->host->libvirt, "11.3.0");
	put(f, "/var/lib/dpkg/status",
		"Package: libvirt-daemon\nStatus: deinstall ok config-files\nVersion: 9.0.0-4\n\n");
	put(f, "/usr/sbin/libvirtd", "");
	put(f, "/usr/lib64/libvirt.so.0.9000.0", "");
	scan(f);
	assert_null(f->host->libvirt);
}

static void test_libvirt_library(void **state)
{
	struct fixture *f = *state;

	put(f, "/usr/lib64/libvirt.so.0", "");
	put(f, "/usr/lib64/libvirt.so.0.11003.2", "");
	put(f, "/usr/lib64/libvirt.so.0.99999999.0x", "");
	scan(f);
	assert_null(f->host->libvirt);
	put(f, "/usr/sbin/virtqemud", "");
	scan(f);
	assert_string_equal(f->host->libvirt, "11.3.2");
}

static void test_opennebula(void **state)
{
	struct fixture *f = *state;

	put(f, "/var/lib/dpkg/status",
		"Package: opennebula-node-kvm\nStatus: install ok installed\nVersion: 6.10\n\n");
	scan(f);
	assert_true(f->host->opennebula);
}

/* ---- what is refused ---------------------------------------------------------------------- */

static void assert_refused(struct fixture *f, enum refusal refusal)
{
	scan(f);
	assert_int_equal(f->host->refusal, refusal);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/os-release", "ID=aeon\n");
	put(f, "/etc/fstab", "#x / btrfs ro 0 0\nUUID=1 / btrfs defaults,rows 0 0\n");
	put(f, "/usr/sbin/transactional-update", "");
	assert_refused(f, REFUSAL_NONE);
	put(f, "/etc/fstab", "UUID=1\t/ btrfs  noatime,ro 0 0\n");
	assert_refused(f, REFUSAL_TRANSACTIONAL);
	gone(f, "/usr/sbin/transactional-update");
	assert_refused(f, REFUSAL_NONE);
	put(f, "/ostree/repo/config", "");
	assert_refused(f, REFUSAL_OSTREE);
	put(f, "/usr/bin/bootc", "");
	assert_refused(f, REFUSAL_BOOTC);
	put(f, "/usr/bin/rpm-ostree", "");
	assert_refused(f, REFUSAL_NONE);
	put(f, "/etc/os-release", "NAME=x\n");
	assert_refused(f, REFUSAL_NO_SYSTEM);
	put(f, "/etc/os-release", "ID=nixos\n");
	assert_refused(f, REFUSAL_NIXOS);
	put(f, "/run/systemd/container", "lxc\n");
	assert_refused(f, REFUSAL_CONTAINER);
	assert_int_equal(f->host->container, YES);
}

/* Every file a directory, a loop, or full of bytes that are no text: facts are unknown, no more. */
static void test_hostile_files(void **state)
{
	static const char *const file[] = {
		"/etc/os-release", "/proc/cmdline", "/proc/cpuinfo", "/proc/interrupts",
		"/proc/sys/kernel/osrelease", "/var/lib/dpkg/status", "/usr/sbin/update-initramfs",
		"/sys/kernel/security/lockdown", "/boot/config-1", EFIVARS "LoaderInfo" GUID,
	};
	struct fixture *f = *state;

	put(f, "/lib/modules/1/modules.dep", "");
	for (size_t i = 0; i < ARRAY_SIZE(file); i++)
		put_bytes(f, file[i], "\0\377\n\0ID=debian\n", 15);
	scan(f);
	assert_null(f->host->os_id);
	assert_null(f->host->cmdline);
	for (size_t i = 0; i < ARRAY_SIZE(file); i++) {
		_cleanup_free_ char *full = NULL;

		gone(f, file[i]);
		assert_true(asprintf(&full, "%s%s", f->dir, file[i]) > 0);
		assert_int_equal(i % 2 ? mkdir(full, 0755) : symlink(full, full), 0);
	}
	scan(f);
	assert_null(f->host->os_id);
	assert_int_equal(f->machine->n_kernels, 1);
	assert_int_equal(f->host->initramfs, INITRAMFS_UNKNOWN);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_debian12), T(test_empty), T(test_os_release), T(test_kernel_order),
		T(test_kernel_config), T(test_next_of_grub), T(test_next_of_systemd_boot), T(test_next_of_ostree), T(test_firmware), T(test_firmware_by_units), T(test_cpu),
		T(test_interrupt_remapping), T(test_etc_is_writable), T(test_loader_order),
		T(test_loader_doubt), T(test_u_boot), T(test_grub_kinds), T(test_grub_entries), T(test_suse), T(test_systemd_boot), T(test_uki), T(test_proxmox), T(test_samples), T(test_systemd), T(test_initramfs_doubt), T(test_damaged_efi_variable),
		T(test_initramfs), T(test_libvirt_package), T(test_libvirt_library), T(test_opennebula),
		T(test_refused), T(test_hostile_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
