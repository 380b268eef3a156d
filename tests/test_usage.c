#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/machine.h"
#include "tests/mktree.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NVME "0000:02:00.0"
#define SATA "0000:00:17.0"
#define NIC  "0000:03:00.0"
#define USB  "0000:00:14.0"
#define VGA  "0000:00:02.0"

static const char facts[] =
	"title t\nsource s\niommu yes\nunits dmar0\n"
	VGA " 8086:0102 - 030000 09 1 i915 boot_vga\n"
	"0000:00:1c.0 8086:1c10 - 060400 b4 2 pcieport\n"
	"0000:00:1d.0 8086:1c11 - 060400 b4 3 pcieport\n"
	USB " 8086:1e31 - 0c0330 04 4 xhci_hcd child=block:usb1/1-1/host6/block/sdz@65:144\n"
	SATA " 8086:1c02 - 010601 04 5 ahci child=block:ata1/host0/block/sda@8:0"
	" child=block:ata1/host0/block/sda/sda1@8:1 child=block:ata2/host1/block/sdb@8:16\n"
	NVME " 144d:a808 - 010802 00 6 nvme parent=0000:00:1c.0"
	" child=block:nvme/nvme0/nvme0n1@259:0 child=block:nvme/nvme0/nvme0n1/nvme0n1p1@259:1"
	" child=block:nvme/nvme0/nvme0n1/nvme0n1p2@259:2\n"
	NIC " 8086:10d3 - 020000 00 7 e1000e parent=0000:00:1d.0 child=net:net/eth0\n";

struct fixture {
	char *dir;
	struct root *root;
	struct machine *machine;
};

static void link_in(const char *dir, const char *path, const char *text)
{
	_cleanup_free_ char *full = NULL, *keep = NULL;

	/* support_put() for the directories above. */
	assert_true(asprintf(&keep, "%s.", path) > 0);
	support_put(dir, keep, "");
	assert_true(asprintf(&full, "%s%s.", dir, path) > 0);
	assert_int_equal(unlink(full), 0);
	full[strlen(full) - 1] = '\0';
	assert_int_equal(symlink(text, full), 0);
}

/* The kernel marks partitions so. */
static void partition(struct fixture *f, const char *name)
{
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "/sys/class/block/%s/partition", name) > 0);
	support_put(f->dir, path, "1\n");
}

/* A virtual block device: dm-0 on the devices that follow, NULL-terminated, links below /sys. */
static void stacked(struct fixture *f, const char *name, const char *number, ...)
{
	_cleanup_free_ char *class = NULL, *dev = NULL, *to = NULL;
	const char *below;
	va_list ap;

	assert_true(asprintf(&class, "/sys/class/block/%s", name) > 0);
	assert_true(asprintf(&dev, "/sys/dev/block/%s", number) > 0);
	assert_true(asprintf(&to, "../../devices/virtual/block/%s", name) > 0);
	link_in(f->dir, class, to);
	link_in(f->dir, dev, to);
	va_start(ap, number);
	while ((below = va_arg(ap, const char *))) {
		_cleanup_free_ char *slave = NULL, *target = NULL;

		assert_true(asprintf(&slave, "/sys/devices/virtual/block/%s/slaves/%s", name,
				    below) > 0);
		assert_true(asprintf(&target, "../../../../../class/block/%s", below) > 0);
		link_in(f->dir, slave, target);
	}
	va_end(ap);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	_cleanup_free_ char *path = NULL;

	assert_non_null(f);
	f->dir = support_scratch();
	support_put(f->dir, "/facts", facts);
	assert_true(asprintf(&path, "%s/facts", f->dir) > 0);
	assert_int_equal(mktree_machine(path, f->dir), 0);
	partition(f, "sda1");
	partition(f, "nvme0n1p1");
	partition(f, "nvme0n1p2");
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

	if (root_open(f->dir, NULL, &f->root, &err) < 0 ||
		machine_scan(f->root, MACHINE_USES, &f->machine, &err) < 0)
		fail_msg("%s", err.text);
}

static void mounts(struct fixture *f, const char *text)
{
	support_put(f->dir, "/proc/self/mountinfo", text);
	scan(f);
}

static const char *use_of(const struct fixture *f, const char *address, enum use_kind kind)
{
	const struct device *device = machine_device(f->machine, address);

	assert_non_null(device);
	for (size_t i = 0; i < device->n_uses; i++)
		if (device->uses[i].kind == kind)
			return device->uses[i].text;
	return NULL;
}

/* Exactly these devices, NULL-terminated, have a use of this kind. */
static void assert_used(const struct fixture *f, enum use_kind kind, ...)
{
	size_t expected = 0, found = 0;
	const char *address;
	va_list ap;

	va_start(ap, kind);
	while ((address = va_arg(ap, const char *))) {
		if (!use_of(f, address, kind))
			fail_msg("%s has no use %d", address, (int)kind);
		expected++;
	}
	va_end(ap);
	for (size_t i = 0; i < f->machine->n_devices; i++)
		found += use_of(f, f->machine->devices[i].address, kind) != NULL;
	assert_int_equal(found, expected);
}

static void test_partition(void **state)
{
	struct fixture *f = *state;

	mounts(f, "28 1 259:2 / / rw shared:1 - ext4 /dev/nvme0n1p2 rw\n"
		  "29 28 8:1 / /srv/my\\040data rw - xfs /dev/sda1 rw\n");
	assert_used(f, USE_ROOT_DISK, NVME, NULL);
	assert_string_equal(use_of(f, NVME, USE_ROOT_DISK), "/ is on nvme0n1p2");
	assert_used(f, USE_MOUNTED_DISK, SATA, NULL);
	assert_string_equal(use_of(f, SATA, USE_MOUNTED_DISK), "/srv/my data is on sda1");
	assert_used(f, USE_BOOT_DISPLAY, VGA, NULL);
	assert_used(f, USE_NETWORK, NULL);
}

static void test_usb_disk(void **state)
{
	struct fixture *f = *state;

	mounts(f, "28 1 65:144 / / rw - ext4 /dev/sdz rw\n");
	assert_used(f, USE_ROOT_DISK, USB, NULL);
}

/* LVM on LUKS on a mirror of a partition of each controller. */
static void test_stack(void **state)
{
	struct fixture *f = *state;

	stacked(f, "md0", "9:0", "sda1", "nvme0n1p1", NULL);
	stacked(f, "dm-0", "253:0", "md0", NULL);
	stacked(f, "dm-1", "253:1", "dm-0", NULL);
	mounts(f, "28 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n");
	assert_used(f, USE_ROOT_DISK, SATA, NVME, NULL);
	assert_string_equal(use_of(f, SATA, USE_ROOT_DISK), "/ is on mapper/vg-root");
}

static void test_stack_loop(void **state)
{
	struct fixture *f = *state;

	stacked(f, "dm-0", "253:0", "dm-0", "dm-1", "sdb", NULL);
	stacked(f, "dm-1", "253:1", "dm-0", "dm-1", NULL);
	mounts(f, "28 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n");
	assert_used(f, USE_ROOT_DISK, SATA, NULL);
}

static void test_btrfs(void **state)
{
	struct fixture *f = *state;

	support_put(f->dir, "/sys/fs/btrfs/features/raid56", "1\n");
	link_in(f->dir, "/sys/fs/btrfs/2c8ab/devices/sdb", "../../../../class/block/sdb");
	link_in(f->dir, "/sys/fs/btrfs/2c8ab/devices/nvme0n1p2",
		"../../../../class/block/nvme0n1p2");
	mounts(f, "28 1 0:30 /@ / rw - btrfs /dev/sdb rw,subvol=/@\n");
	assert_used(f, USE_ROOT_DISK, SATA, NVME, NULL);
}

static void test_zfs(void **state)
{
	struct fixture *f = *state;

	support_put(f->dir, "/run/udev/data/b8:1",
		"S:disk/by-id/x\nE:ID_FS_LABEL=rpool\nE:ID_FS_TYPE=zfs_member\n");
	support_put(f->dir, "/run/udev/data/b259:1",
		"S:disk/by-id/x\nE:ID_FS_LABEL=tank\nE:ID_FS_TYPE=zfs_member\n");
	support_put(f->dir, "/run/udev/data/b65:144",
		"S:disk/by-id/x\nE:ID_FS_LABEL=rpool\nE:ID_FS_TYPE=ext4\n");
	mounts(f, "28 1 0:30 / / rw - zfs rpool/ROOT/pve-1 rw\n");
	assert_used(f, USE_ROOT_DISK, SATA, NULL);
}

/* With native multipath the disk hangs on no PCI device, and both controllers lead to it. */
static void test_nvme_multipath(void **state)
{
	static const char subsystem[] = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0";
	struct fixture *f = *state;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/nvme9n1/nvme9n1p1/partition", subsystem);
	support_put(f->dir, path, "1\n");
	(void)snprintf(path, sizeof(path), "%s/nvme0", subsystem);
	link_in(f->dir, path, "../../../pci0000:00/0000:00:1c.0/" NVME "/nvme/nvme0");
	link_in(f->dir, "/sys/dev/block/259:9",
		"../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme9n1/nvme9n1p1");
	mounts(f, "28 1 259:9 / / rw - ext4 /dev/nvme9n1p1 rw\n");
	assert_used(f, USE_ROOT_DISK, NVME, NULL);
}

/* Given away, the VMD controller would take the disk with it. */
static void test_vmd(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *path = NULL;

	support_put(f->dir, "/facts",
		"title t\nsource s\niommu yes\nunits dmar0\n"
		"0000:00:0e.0 8086:467f - 010400 00 9 vmd\n"
		"10000:e0:06.0 8086:464d - 060400 02 9 pcieport"
		" path=devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0\n"
		"10000:e1:00.0 144d:a80a - 010802 00 9 nvme parent=10000:e0:06.0"
		" child=block:nvme/nvme5/nvme5n1@259:50\n");
	assert_true(asprintf(&path, "%s/facts", f->dir) > 0);
	assert_int_equal(mktree_machine(path, f->dir), 0);
	mounts(f, "28 1 259:50 / / rw - ext4 /dev/nvme5n1 rw\n");
	assert_used(f, USE_ROOT_DISK, "0000:00:0e.0", "10000:e1:00.0", NULL);
}

/* A saved tree need not have /sys/dev/block. */
static void test_by_name(void **state)
{
	struct fixture *f = *state;

	link_in(f->dir, "/dev/mapper/vg-root", "../dm-7");
	stacked(f, "dm-7", "253:7", "sdb", NULL);
	mounts(f, "28 1 99:99 / / rw - ext4 /dev/mapper/vg-root rw\n");
	assert_used(f, USE_ROOT_DISK, SATA, NULL);
}

static void test_swap(void **state)
{
	struct fixture *f = *state;

	support_put(f->dir, "/proc/swaps",
		"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
		"/dev/sda1                               partition\t999420\t\t0\t\t-2\n"
		"/swapfile                               file\t\t999420\t\t0\t\t-3\n");
	scan(f);
	assert_used(f, USE_SWAP_DISK, SATA, NULL);
	assert_string_equal(use_of(f, SATA, USE_SWAP_DISK), "swap is on sda1");
}

#define ROUTES                                                                                     \
	"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

static void test_default_route(void **state)
{
	struct fixture *f = *state;

	support_put(f->dir, "/proc/net/route",
		ROUTES "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
	scan(f);
	assert_used(f, USE_NETWORK, NIC, NULL);
	assert_string_equal(use_of(f, NIC, USE_NETWORK), "the default route goes through eth0");
}

static void test_other_routes(void **state)
{
	struct fixture *f = *state;

	support_put(f->dir, "/proc/net/route",
		ROUTES "eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
		       "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000080\t0\t0\t0\n"
		       "../block/sda\t00000000\t0100A8C0\t0003\t0\t0\t1\t00000000\t0\t0\t0\n"
		       "eth0\t00000000\n");
	scan(f);
	assert_used(f, USE_NETWORK, NULL);
}

/* A bridge for guests on a VLAN on the card, and IPv6 only. */
static void test_bridged_ipv6_route(void **state)
{
	struct fixture *f = *state;

	link_in(f->dir, "/sys/class/net/br0", "../../devices/virtual/net/br0");
	link_in(f->dir, "/sys/devices/virtual/net/br0/lower_eth0.5", "../eth0.5");
	link_in(f->dir, "/sys/devices/virtual/net/eth0.5/lower_eth0", "../../../../class/net/eth0");
	link_in(f->dir, "/sys/devices/virtual/net/eth0.5/upper_br0", "../br0");
	support_put(f->dir, "/proc/net/ipv6_route",
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003      br0\n"
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n");
	scan(f);
	assert_used(f, USE_NETWORK, NIC, NULL);
}

static void test_nonsense(void **state)
{
	struct fixture *f = *state;

	support_put(f->dir, "/proc/swaps", "\n\n/dev/\n/dev/../../etc\n/dev/sda1");
	support_put(f->dir, "/proc/net/route", "\t\t\t\n");
	mounts(f, "\n - \n1 2 3 4 5 6\n1 2 3 4 / 6 -\n1 2 3 4 / 6 - ext4\n28 1 ../../ / / rw - x /dev/\n"
		  "28 1 8:1 / \\04 rw a b c d e - ext4 - - -\n\377");
	assert_used(f, USE_ROOT_DISK, NULL);
}

/* The live system's mounts say nothing about a saved machine, whatever their numbers. */
static void test_foreign_sysfs(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *sysfs = NULL;
	struct error err = {0};
	struct stat st;
	char path[64];

	assert_true(asprintf(&sysfs, "%s/sys", f->dir) > 0);
	assert_int_equal(stat("/", &st), 0);
	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_dev),
		minor(st.st_dev));
	link_in(f->dir, path, "../../class/block/sdb");
	assert_int_equal(root_open("/", sysfs, &f->root, &err), 0);
	if (machine_scan(f->root, MACHINE_USES, &f->machine, &err) < 0)
		fail_msg("%s", err.text);
	assert_used(f, USE_ROOT_DISK, NULL);
	assert_used(f, USE_NETWORK, NULL);
	assert_used(f, USE_BOOT_DISPLAY, VGA, NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_partition), T(test_usb_disk), T(test_stack), T(test_stack_loop), T(test_btrfs),
		T(test_zfs), T(test_nvme_multipath), T(test_vmd), T(test_by_name), T(test_swap),
		T(test_default_route), T(test_other_routes), T(test_bridged_ipv6_route),
		T(test_nonsense), T(test_foreign_sysfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
