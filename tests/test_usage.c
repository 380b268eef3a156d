#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/usage_private.h"
#include "tests/mktree.h"
#include "tests/support.h"

#include <errno.h>
#include <fcntl.h>
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
	"title t\nsource s\niommu yes\nunits dmar0\n" VGA " 8086:0102 - 030000 09 1 i915 boot_vga\n"
	"0000:00:1c.0 8086:1c10 - 060400 b4 2 pcieport\n"
	"0000:00:1d.0 8086:1c11 - 060400 b4 3 pcieport\n" USB
	" 8086:1e31 - 0c0330 04 4 xhci_hcd child=block:usb1/1-1/host6/block/sdz@65:144\n" SATA
	" 8086:1c02 - 010601 04 5 ahci child=block:ata1/host0/block/sda@8:0"
	" child=block:ata1/host0/block/sda/sda1@8:1 child=block:ata2/host1/block/sdb@8:16\n" NVME
	" 144d:a808 - 010802 00 6 nvme parent=0000:00:1c.0"
	" child=block:nvme/nvme0/nvme0n1@259:0 child=block:nvme/nvme0/nvme0n1/nvme0n1p1@259:1"
	" child=block:nvme/nvme0/nvme0n1/nvme0n1p2@259:2\n" NIC
	" 8086:10d3 - 020000 00 7 e1000e parent=0000:00:1d.0 child=net:net/eth0\n";

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

/* A directory below a device, as a driver makes it, and its entry of a class. */
static void made(struct fixture *f, const char *address, const char *class, const char *below)
{
	_cleanup_free_ char *child = NULL;

	assert_true(asprintf(&child, "%s:%s", class, below) > 0);
	assert_int_equal(mktree_attach(f->dir, address, child), 0);
}

/* One of no PCI device. */
static void made_elsewhere(
	struct fixture *f, const char *class, const char *name, const char *below)
{
	_cleanup_free_ char *entry = NULL, *to = NULL, *file = NULL;

	assert_true(asprintf(&entry, "/sys/class/%s/%s", class, name) > 0);
	assert_true(asprintf(&to, "../../devices/%s", below) > 0);
	assert_true(asprintf(&file, "/sys/devices/%s/uevent", below) > 0);
	support_put(f->dir, file, "");
	link_in(f->dir, entry, to);
}

static void put(struct fixture *f, const char *path, const char *text)
{
	support_put(f->dir, path, text);
}

static bool is_unknown(const struct fixture *f, const char *what, const char *reason)
{
	for (size_t i = 0; i < f->machine->n_unknown_uses; i++)
		if (strcmp(f->machine->unknown_uses[i].what, what) == 0)
			return strstr(f->machine->unknown_uses[i].reason, reason) != NULL;
	return false;
}

static size_t count_of(const struct fixture *f, const char *address, enum use_kind kind)
{
	const struct device *device = machine_device(f->machine, address);
	size_t n = 0;

	for (size_t i = 0; i < device->n_uses; i++)
		n += device->uses[i].kind == kind;
	return n;
}

/* Some use of that kind says exactly this. */
static void assert_says(
	const struct fixture *f, const char *address, enum use_kind kind, const char *text)
{
	const struct device *device = machine_device(f->machine, address);

	for (size_t i = 0; i < device->n_uses; i++)
		if (device->uses[i].kind == kind && strcmp(device->uses[i].text, text) == 0)
			return;
	for (size_t i = 0; i < device->n_uses; i++)
		print_message(
			"%s: %d %s\n", address, (int)device->uses[i].kind, device->uses[i].text);
	fail_msg("%s: nothing says '%s'", address, text);
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
	assert_string_equal(use_of(f, SATA, USE_ROOT_DISK),
		"/ is on sda1 through RAID `md0`, device mapper `dm-0` and device mapper `dm-1`");
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
		ROUTES "eth0\t0000FEA9\t00000000\t0001\t0\t0\t100\t0000FFFF\t0\t0\t0\n"
		       "eth0\t0000000A\t0100A8C0\t0003\t0\t0\t100\t000000FF\t0\t0\t0\n"
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
	mounts(f, "\n - \n1 2 3 4 5 6\n1 2 3 4 / 6 -\n1 2 3 4 / 6 - ext4\n28 1 ../../ / / rw - x "
		  "/dev/\n"
		  "28 1 8:1 / \\04 rw a b c d e - ext4 - - -\n\377");
	assert_used(f, USE_ROOT_DISK, NULL);
}

/* ---- disks ---------------------------------------------------------------------------------- */

static void test_names_of_layers(void **state)
{
	struct fixture *f = *state;

	stacked(f, "md0", "9:0", "sda1", "nvme0n1p1", NULL);
	stacked(f, "dm-0", "253:0", "md0", NULL);
	stacked(f, "dm-1", "253:1", "dm-0", NULL);
	stacked(f, "dm-2", "253:2", "dm-1", NULL);
	put(f, "/sys/class/block/md0/md/level", "raid1\n");
	put(f, "/sys/class/block/dm-0/dm/name", "cryptroot\n");
	put(f, "/sys/class/block/dm-0/dm/uuid", "CRYPT-LUKS2-0a1b-cryptroot\n");
	put(f, "/sys/class/block/dm-1/dm/name", "vg-pool_tdata\n");
	put(f, "/sys/class/block/dm-1/dm/uuid", "LVM-abc-tdata\n");
	put(f, "/sys/class/block/dm-2/dm/name", "vg-root\n");
	put(f, "/sys/class/block/dm-2/dm/uuid", "LVM-abc\n");
	mounts(f, "28 1 253:2 / / rw - ext4 /dev/mapper/vg-root rw\n");
	assert_says(f, SATA, USE_ROOT_DISK,
		"/ is on sda1 through RAID1 `md0`, LUKS `cryptroot` and LVM `vg-root`");
	assert_says(f, NVME, USE_ROOT_DISK,
		"/ is on nvme0n1p1 through RAID1 `md0`, LUKS `cryptroot` and LVM `vg-root`");
}

static void test_multipath(void **state)
{
	struct fixture *f = *state;

	stacked(f, "dm-0", "253:0", "sda", "sdz", NULL);
	stacked(f, "dm-1", "253:1", "dm-0", NULL);
	put(f, "/sys/class/block/dm-0/dm/uuid", "mpath-3600508b4\n");
	put(f, "/sys/class/block/dm-0/dm/name", "mpatha\n");
	put(f, "/sys/class/block/dm-1/dm/uuid", "part1-mpath-3600508b4\n");
	put(f, "/sys/class/block/dm-1/dm/name", "mpatha-part1\n");
	mounts(f, "28 1 253:1 / / rw - ext4 /dev/mapper/mpatha-part1 rw\n");
	assert_used(f, USE_ROOT_DISK, SATA, USB, NULL);
	assert_says(f, USB, USE_ROOT_DISK,
		"/ is on sdz through multipath `mpatha` and multipath `mpatha-part1`");
}

/* A partition has no slaves of its own: its disk has. */
static void test_partition_of_a_raid(void **state)
{
	struct fixture *f = *state;

	stacked(f, "md127", "9:127", "sdb", "sdz", NULL);
	put(f, "/sys/devices/virtual/block/md127/md127p1/partition", "1\n");
	put(f, "/sys/devices/virtual/block/md127/md/level", "raid10\n");
	link_in(f->dir, "/sys/dev/block/259:40", "../../devices/virtual/block/md127/md127p1");
	mounts(f, "28 1 259:40 / / rw - ext4 /dev/md127p1 rw\n");
	assert_used(f, USE_ROOT_DISK, SATA, USB, NULL);
	assert_says(f, SATA, USE_ROOT_DISK, "/ is on sdb through RAID10 `md127p1`");
}

static void test_kinds_of_mounts(void **state)
{
	struct fixture *f = *state;

	mounts(f, "1 0 0:1 / / rw - rootfs rootfs rw\n"
		  "2 1 259:2 /usr /usr rw - ext4 /dev/nvme0n1p2 rw\n"
		  "3 1 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw\n"
		  "4 1 8:1 / /home rw - xfs /dev/sda1 rw\n"
		  "5 1 8:1 /x /var/lib/kubelet/x rw - xfs /dev/sda1 rw\n"
		  "6 1 8:1 /v /var rw - xfs /dev/sda1 rw\n");
	assert_used(f, USE_ROOT_DISK, NVME, SATA, NULL);
	assert_used(f, USE_BOOT_DISK, NVME, NULL);
	assert_says(f, NVME, USE_BOOT_DISK, "/boot/efi is on nvme0n1p1");
	assert_says(f, SATA, USE_ROOT_DISK, "/var is on sda1");
	/* The same file system at another place is no news. */
	assert_int_equal(count_of(f, SATA, USE_MOUNTED_DISK), 1);
	/* The worst is first. */
	assert_int_equal(machine_device(f->machine, NVME)->uses[0].kind, USE_ROOT_DISK);
}

static void test_many_mounts(void **state)
{
	struct fixture *f = *state;
	struct str text = {0};

	for (int i = 0; i < 500; i++)
		str_addf(&text, "%d 1 0:50 /s%d /m/%d rw - btrfs /dev/sdb rw\n", i + 9, i, i);
	mounts(f, text.s);
	str_free(&text);
	assert_true(count_of(f, SATA, USE_MOUNTED_DISK) > 10);
	assert_true(count_of(f, SATA, USE_MOUNTED_DISK) < 100);
}

static void test_swap_of_other_kinds(void **state)
{
	struct fixture *f = *state;

	made_elsewhere(f, "block", "zram0", "virtual/block/zram0");
	put(f, "/sys/class/block/zram0/backing_dev", "none\n");
	made_elsewhere(f, "block", "zram1", "virtual/block/zram1");
	put(f, "/sys/class/block/zram1/backing_dev", "/dev/sdz\n");
	link_in(f->dir, "/dev/disk/by-uuid/12-34", "../../sdb");
	put(f, "/proc/cmdline", "root=/dev/x resume=UUID=12-34 quiet\n");
	put(f, "/proc/swaps",
		"Filename\tType\tSize\tUsed\tPriority\n"
		"/srv/my\\040swap                         file\t\t9\t\t0\t\t-3\n"
		"/dev/zram0                              partition\t9\t0\t100\n"
		"/dev/zram1                              partition\t9\t0\t100\n");
	mounts(f, "28 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n"
		  "29 28 8:1 / /srv rw - ext4 /dev/sda1 rw\n");
	assert_used(f, USE_SWAP_DISK, SATA, USB, NULL);
	assert_says(f, SATA, USE_SWAP_DISK, "the swap file /srv/my swap is on sda1");
	assert_says(f, SATA, USE_SWAP_DISK, "hibernation resumes from sdb");
	assert_says(f, USB, USE_SWAP_DISK, "swap is on sdz through zram");
}

static void test_fstab(void **state)
{
	struct fixture *f = *state;

	link_in(f->dir, "/dev/disk/by-uuid/aa-bb", "../../nvme0n1p2");
	link_in(f->dir, "/dev/disk/by-label/my\\x20data", "../../sda1");
	put(f, "/etc/fstab",
		"# comment /dev/sdb\n\nshort line\n"
		"UUID=aa-bb / ext4 defaults 0 1\n"
		"LABEL=my\\040data /srv/my\\040data ext4 defaults,nofail 0 2\n"
		"/dev/sdz /media/stick vfat user,noauto 0 0\n"
		"/dev/sdb none swap sw 0 0\n"
		"UUID=not-there /gone ext4 defaults 0 2\n"
		"tmpfs /tmp tmpfs rw 0 0\n");
	mounts(f, "28 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
	assert_says(
		f, SATA, USE_MOUNTED_DISK, "/srv/my data is on sda1 (/etc/fstab, not in use now)");
	assert_says(f, SATA, USE_SWAP_DISK, "swap is on sdb (/etc/fstab, not in use now)");
	assert_used(f, USE_IDLE_DISK, USB, NULL);
	assert_says(f, USB, USE_IDLE_DISK,
		"/media/stick is on sdz when it is mounted (/etc/fstab, noauto)");
	assert_int_equal(count_of(f, NVME, USE_ROOT_DISK), 1);
}

/* Data on disks that nobody mounted, and a disk about which nothing is recorded. */
static void test_idle_data(void **state)
{
	struct fixture *f = *state;

	put(f, "/run/udev/data/b8:1", "I:1\nE:ID_FS_TYPE=ext4\nE:ID_FS_LABEL=photos\n");
	put(f, "/run/udev/data/b8:0", "E:ID_PART_TABLE_TYPE=gpt\n");
	put(f, "/run/udev/data/b8:16", "E:ID_FS_TYPE=LVM2_member\n");
	put(f, "/run/udev/data/b259:0", "E:ID_PART_TABLE_TYPE=gpt\n");
	put(f, "/run/udev/data/b259:1", "E:ID_FS_TYPE=vfat\n");
	put(f, "/run/udev/data/b259:2", "E:ID_FS_TYPE=ext4\n");
	mounts(f, "28 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
	assert_used(f, USE_IDLE_DISK, SATA, NVME, NULL);
	assert_says(f, SATA, USE_IDLE_DISK, "sda1 holds ext4 photos, not in use now");
	assert_says(f, SATA, USE_IDLE_DISK, "sdb is part of an LVM volume group, not in use now");
	assert_says(f, NVME, USE_IDLE_DISK, "nvme0n1p1 holds vfat, not in use now");
	assert_int_equal(count_of(f, NVME, USE_IDLE_DISK), 1);
	assert_true(is_unknown(f, "data on disks not in use", "b65:144 is not there"));
}

/* A file of some size as a disk: what is said to be on it. */
static void assert_signature(struct fixture *f, const char *path, const char *type)
{
	_cleanup_free_ char *full = NULL;
	_cleanup_close_ int fd = -EBADF;
	char found[64] = "";

	assert_true(asprintf(&full, "%s%s", f->dir, path) > 0);
	fd = open(full, O_RDONLY);
	assert_true(fd >= 0);
	assert_true(usage_signature(fd, found, sizeof(found)) >= 0);
	assert_string_equal(found, type);
}

static void disk_with(struct fixture *f, off_t size, const char *bytes, size_t n, off_t at)
{
	_cleanup_free_ char *full = NULL;
	_cleanup_close_ int fd = -EBADF;

	assert_true(asprintf(&full, "%s/disk", f->dir) > 0);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
}

/* Where udev wrote nothing: the blocks themselves.  By real tools where they work on a file, else
 * as mdadm's super0.c and super1.c, lvm2's label.c and cryptsetup's luks2.h have it. */
static void test_signatures(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *disk = NULL;
	const off_t odd = (8 << 20) + 12 * 1024 + 512;

	assert_true(asprintf(&disk, "%s/disk", f->dir) > 0);
	disk_with(f, 8 << 20, "", 0, 0);
	assert_signature(f, "/disk", "");
	disk_with(f, 4096, "LUKS\xba\xbe", 6, 0);
	assert_signature(f, "/disk", "crypto_LUKS");
	disk_with(f, 8 << 20, "LABELONE\1\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001", 32, 512);
	assert_signature(f, "/disk", "LVM2_member");
	disk_with(f, 8 << 20, "\xfc\x4e\x2b\xa9\1\0\0\0", 8, 4096);
	assert_signature(f, "/disk", "linux_raid_member");
	disk_with(f, odd, "\xfc\x4e\x2b\xa9\1\0\0\0", 8, (8 << 20) + 4096);
	assert_signature(f, "/disk", "linux_raid_member");
	disk_with(f, odd, "\xfc\x4e\x2b\xa9\0\0\0\0", 8, (8 << 20) - (64 << 10));
	assert_signature(f, "/disk", "linux_raid_member");
	disk_with(f, 8 << 20, "", 0, 0);
	if (support_run((const char *const[]){"mkswap", "-q", disk, NULL}, NULL) == 0)
		assert_signature(f, "/disk", "swap");
	disk_with(f, 8 << 20, "", 0, 0);
	if (support_run((const char *const[]){"mkfs.ext4", "-q", disk, NULL}, NULL) == 0)
		assert_signature(f, "/disk", "ext4");
	disk_with(f, 64 << 20, "", 0, 0);
	if (support_run((const char *const[]){"mkfs.vfat", "-F", "32", disk, NULL}, NULL) == 0)
		assert_signature(f, "/disk", "vfat");
}

static void test_pools(void **state)
{
	struct fixture *f = *state;

	put(f, "/proc/spl/kstat/zfs/tank/state", "ONLINE\n");
	put(f, "/proc/spl/kstat/zfs/lost/state", "ONLINE\n");
	put(f, "/proc/spl/kstat/zfs/arcstats", "");
	put(f, "/run/udev/data/b8:1",
		"E:ID_FS_UUID=1\nE:ID_FS_LABEL=tank\nE:ID_FS_TYPE=zfs_member\n");
	mounts(f, "28 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
	assert_used(f, USE_MOUNTED_DISK, SATA, NULL);
	assert_says(f, SATA, USE_MOUNTED_DISK, "the ZFS pool tank is on sda1");
	assert_true(is_unknown(f, "disks", "pool lost"));
}

/* Pairs of a packed nvlist, as libnvpair's nvs_xdr_nvpair() writes them: two sizes, the name, type
 * 9 (a string), one of it, its length and the string, both padded.  Whoever is in use says so
 * itself. */
static void test_cached_pools(void **state)
{
#define PAIR(name, value, pads)                                                                    \
	"\0\0\0\x30\0\0\0\x30\0\0\0" name "\0\0\0\x9\0\0\0\x1\0\0\0" value pads
	static const char cache[] = "\1\1\0\0\0\0\0\0\0\0\0\1" PAIR("\4name", "\4tank", "")
		PAIR("\4path", "\x9/dev/sda1", "\0\0\0") PAIR("\4path", "\xc/dev/nothere", "")
			PAIR("\4path", "\x8/dev/sdb", "")
				PAIR("\5devid\0\0\0", "\5ata-x", "\0\0\0");
	struct fixture *f = *state;
	_cleanup_free_ char *path = NULL;
	FILE *file;

	put(f, "/etc/zfs/zpool.cache", "");
	assert_true(asprintf(&path, "%s/etc/zfs/zpool.cache", f->dir) > 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(cache, 1, sizeof(cache), file), sizeof(cache));
	assert_int_equal(fclose(file), 0);
	mounts(f, "28 1 8:1 / /srv rw - ext4 /dev/sda1 rw\n");
	assert_says(f, SATA, USE_MOUNTED_DISK, "/srv is on sda1");
	assert_says(f, SATA, USE_MOUNTED_DISK, "a ZFS pool is on sdb (/etc/zfs/zpool.cache)");
	assert_int_equal(count_of(f, SATA, USE_MOUNTED_DISK), 2);
}

static void test_root_without_a_disk(void **state)
{
	struct fixture *f = *state;

	mounts(f, "28 1 0:30 / / rw - overlay overlay rw,lowerdir=/a\n");
	assert_used(f, USE_ROOT_DISK, NULL);
	assert_true(is_unknown(f, "disks", "overlay"));
}

/* ---- network -------------------------------------------------------------------------------- */

static void lower(struct fixture *f, const char *name, const char *type, const char *lower)
{
	_cleanup_free_ char *class = NULL, *to = NULL, *uevent = NULL, *link = NULL, *target = NULL;
	_cleanup_free_ char *text = NULL;

	assert_true(asprintf(&class, "/sys/class/net/%s", name) > 0);
	assert_true(asprintf(&to, "../../devices/virtual/net/%s", name) > 0);
	assert_true(asprintf(&uevent, "/sys/devices/virtual/net/%s/uevent", name) > 0);
	assert_true(asprintf(&text, "DEVTYPE=%s\nINTERFACE=%s\n", type, name) > 0);
	assert_true(asprintf(&link, "/sys/devices/virtual/net/%s/lower_%s", name, lower) > 0);
	assert_true(asprintf(&target, "../../../../class/net/%s", lower) > 0);
	link_in(f->dir, class, to);
	put(f, uevent, text);
	link_in(f->dir, link, target);
}

#define ROUTE_TO(name, to, mask) name "\t" to "\t00000000\t0001\t0\t0\t0\t" mask "\t0\t0\t0\n"
#define NO_IPV6                                                                                    \
	put(f, "/proc/net/ipv6_route", "");                                                        \
	put(f, "/proc/net/if_inet6", "")

static void test_bridge_over_vlan_over_bond(void **state)
{
	struct fixture *f = *state;

	lower(f, "bond0", "bond", "eth0");
	lower(f, "bond0.5", "vlan", "bond0");
	lower(f, "br0", "bridge", "bond0.5");
	put(f, "/proc/net/route",
		ROUTES "br0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" ROUTE_TO(
			"bond0", "0002000A", "00FFFFFF"));
	put(f, "/proc/net/if_inet6",
		"fe800000000000000000000000000001 02 40 20 80     br0\n"
		"20010db8000000000000000000000005 02 40 00 80     br0\n");
	put(f, "/proc/net/ipv6_route", "");
	scan(f);
	assert_used(f, USE_NETWORK, NIC, NULL);
	assert_says(f, NIC, USE_NETWORK,
		"the default route goes through eth0 in bond `bond0`, vlan `bond0.5` and bridge "
		"`br0`");
	assert_says(f, NIC, USE_NETWORK,
		"the network 10.0.2.0/24 is reached through eth0 in bond `bond0`");
	assert_says(f, NIC, USE_NETWORK,
		"the address 2001:db8::5 is on eth0 in bond `bond0`, vlan `bond0.5` and bridge "
		"`br0`");
	assert_int_equal(count_of(f, NIC, USE_NETWORK), 3);
	assert_false(is_unknown(f, "network", ""));
}

/* net/ipv4/fib_trie.c, fib_trie_seq_show(): the address 10.0.2.15, and one on another card. */
static void test_addresses(void **state)
{
	struct fixture *f = *state;

	put(f, "/proc/net/route",
		ROUTES "eth0\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n");
	put(f, "/proc/net/fib_trie",
		"Main:\n  +-- 10.0.2.0/24 2 0 2\n     |-- 10.0.2.0\n        /24 link UNICAST\n"
		"     |-- 10.0.2.15\n        /32 host LOCAL\n"
		"     |-- 10.0.2.255\n        /32 link BROADCAST\n"
		"Local:\n     |-- 10.0.2.15\n        /32 host LOCAL\n"
		"     |-- 10.0.2.16\n        /32 host LOCAL\n"
		"     |-- 10.0.3.15\n        /32 host LOCAL\n");
	scan(f);
	assert_string_equal(use_of(f, NIC, USE_NETWORK),
		"the network 10.0.2.0/24 (with the addresses 10.0.2.15, 10.0.2.16) is reached "
		"through "
		"eth0");
}

static void test_other_tables(void **state)
{
	struct fixture *f = *state;

	put(f, "/proc/net/route", ROUTES);
	NO_IPV6;
	put(f, "/proc/net/fib_trie",
		"Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n"
		"Id 100:\n  |-- 0.0.0.0\n     /0 universe UNICAST\n"
		"Local:\n  +-- 127.0.0.0/8 2 0 2\n");
	scan(f);
	assert_true(is_unknown(f, "network", "table 100"));
}

static void test_link(void **state)
{
	struct fixture *f = *state;

	put(f, "/sys/class/net/eth0/carrier", "1\n");
	made(f, USB, "net", "usb1/1-2/net/usb0");
	put(f, "/sys/class/net/usb0/carrier", "0\n");
	lower(f, "br0", "bridge", "eth0");
	put(f, "/sys/class/net/br0/carrier", "1\n");
	scan(f);
	assert_used(f, USE_LINK, NIC, NULL);
	assert_int_equal(f->machine->elsewhere, 0);
}

static void test_link_elsewhere(void **state)
{
	struct fixture *f = *state;

	made_elsewhere(f, "net", "end0", "platform/soc/net/end0");
	put(f, "/sys/class/net/end0/carrier", "1\n");
	scan(f);
	assert_used(f, USE_LINK, NULL);
	assert_true(f->machine->elsewhere & 1u << USE_LINK);
}

/* Without its physical function there is no virtual one. */
static void test_virtual_function(void **state)
{
	struct fixture *f = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/physfn", NIC);
	link_in(f->dir, path, "../../0000:00:17.0");
	put(f, "/proc/net/route",
		ROUTES "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
	scan(f);
	assert_used(f, USE_NETWORK, NIC, SATA, NULL);
	assert_says(f, SATA, USE_NETWORK,
		"the default route goes through eth0, by its virtual function " NIC);
}

/* sudo drops SSH_CONNECTION, its parent has it; the connection is 192.168.0.7:50022 to .1:22. */
static void session(struct fixture *f, const char *environment, size_t n)
{
	FILE *file;
	char path[256];

	put(f, "/proc/net/route", ROUTES ROUTE_TO("eth0", "0000A8C0", "00FFFFFF"));
	NO_IPV6;
	put(f, "/proc/self/stat", "200 (vfio (wizard) S 150 200 1 0\n");
	put(f, "/proc/self/environ", "TERM=xterm");
	put(f, "/proc/150/stat", "150 (sudo) S 100 150 1 0\n");
	put(f, "/proc/100/stat", "100 (bash) S 1 100 1 0\n");
	(void)snprintf(path, sizeof(path), "%s/proc/100/environ", f->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(environment, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static const char of_ssh[] = "A=b\0SSH_CONNECTION=192.168.0.7 50022 192.168.0.1 22\0X=y";
#define THIS_SESSION "this SSH session comes in through eth0"

static void test_this_session(void **state)
{
	struct fixture *f = *state;

	session(f, of_ssh, sizeof(of_ssh));
	put(f, "/proc/net/tcp",
		"  sl  local_address rem_address   st\n"
		"   0: 0100A8C0:0016 0700A8C0:C366 01 00000000:00000000\n");
	scan(f);
	assert_says(f, NIC, USE_NETWORK, THIS_SESSION);
}

/* Inside tmux, attached from the console since. */
static void test_session_that_is_gone(void **state)
{
	struct fixture *f = *state;

	session(f, of_ssh, sizeof(of_ssh));
	put(f, "/proc/net/tcp", "   0: 0100A8C0:0016 0700A8C0:C366 06 00000000:00000000\n");
	scan(f);
	for (size_t i = 0; i < machine_device(f->machine, NIC)->n_uses; i++)
		assert_string_not_equal(
			machine_device(f->machine, NIC)->uses[i].text, THIS_SESSION);
}

static void test_session_over_ipv6(void **state)
{
	static const char of_ssh6[] = "SSH_CONNECTION=2001:db8::7 50022 2001:db8::5 22";
	struct fixture *f = *state;

	session(f, of_ssh6, sizeof(of_ssh6));
	put(f, "/proc/net/if_inet6", "20010db8000000000000000000000005 02 40 00 80     eth0\n");
	put(f, "/proc/net/tcp6",
		"   0: B80D0120000000000000000005000000:0016 B80D0120000000000000000007000000:C366 "
		"01 "
		"0\n");
	scan(f);
	assert_says(f, NIC, USE_NETWORK, THIS_SESSION);
}

/* ---- screens, keys and other parts ---------------------------------------------------------- */

static void test_screens(void **state)
{
	struct fixture *f = *state;

	made(f, VGA, "drm", "drm/card0");
	made(f, VGA, "drm", "drm/card0/card0-HDMI-A-1");
	made(f, VGA, "drm", "drm/card0/card0-DP-1");
	put(f, "/sys/class/drm/card0-HDMI-A-1/status", "connected\n");
	put(f, "/sys/class/drm/card0-DP-1/status", "disconnected\n");
	made(f, VGA, "graphics", "graphics/fb0");
	put(f, "/sys/class/graphics/fb0/name", "i915drmfb\n");
	put(f, "/sys/class/vtconsole/vtcon0/name", "(S) dummy device\n");
	put(f, "/sys/class/vtconsole/vtcon0/bind", "0\n");
	put(f, "/sys/class/vtconsole/vtcon1/name", "(M) frame buffer device\n");
	put(f, "/sys/class/vtconsole/vtcon1/bind", "1\n");
	scan(f);
	assert_used(f, USE_SCREEN, VGA, NULL);
	assert_says(f, VGA, USE_SCREEN, "a monitor is connected (HDMI-A-1)");
	assert_says(f, VGA, USE_BOOT_DISPLAY, "the console is shown on it (fb0, i915drmfb)");
	assert_int_equal(count_of(f, VGA, USE_SCREEN), 1);
}

/* The table as Linux 6.1 and 6.15 print it. */
static void test_who_draws(void **state)
{
	struct fixture *f = *state;

	made(f, VGA, "drm", "drm/card0");
	made(f, SATA, "drm", "drm/card1");
	put(f, "/sys/kernel/debug/dri/0/clients",
		"             command  tgid dev master a   uid      magic\n"
		"      systemd-logind   610   0   n    y     0          0\n"
		"         gnome shell  1812   0   y    y  1000          1\n"
		"   \n");
	put(f, "/sys/kernel/debug/dri/1/clients",
		"             command  tgid dev master a   uid      magic                 name id\n"
		"                Xorg 31812   1   y    y     0          0              <unset>  "
		"5\n");
	scan(f);
	assert_used(f, USE_SCREEN, VGA, SATA, NULL);
	assert_says(f, VGA, USE_SCREEN, "gnome shell (process 1812) draws the screen on it");
	assert_says(f, SATA, USE_SCREEN, "Xorg (process 31812) draws the screen on it");
	assert_int_equal(count_of(f, VGA, USE_SCREEN), 1);
}

/* Before a driver of the card is there: a platform device draws, in the card's memory. */
static void test_firmware_picture(void **state)
{
	struct fixture *f = *state;

	put(f, "/proc/iomem",
		"00000000-00000000 : System RAM\n"
		"00000000-00000000 : PCI Bus 0000:00\n"
		"  00000000-00000000 : PCI Bus 0000:02\n"
		"    00000000-00000000 : " NVME "\n"
		"      00000000-00000000 : nvme\n"
		"  00000000-00000000 : 0000:00:14.0\n"
		"    00000000-00000000 : BOOTFB\n"
		"  00000000-00000000 : simpledrm\n");
	scan(f);
	assert_used(f, USE_BOOT_DISPLAY, VGA, USB, NULL);
	assert_says(
		f, USB, USE_BOOT_DISPLAY, "the picture that the firmware left is in its memory");
}

#define KEYBOARD "10000 7 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n"
#define MOUSE    "1f0000 0 0 0 0\n"

static void test_keyboards(void **state)
{
	struct fixture *f = *state;

	made(f, USB, "input", "usb1/1-3/1-3:1.0/0003:046D.1/input/input7");
	put(f, "/sys/class/input/input7/capabilities/key", KEYBOARD);
	put(f, "/sys/class/input/input7/name", "Logitech K120\n");
	made(f, SATA, "input", "usb1/1-4/input/input8");
	put(f, "/sys/class/input/input8/capabilities/key", MOUSE);
	put(f, "/sys/class/input/input8/capabilities/rel", "1943\n");
	/* Headset buttons, and the keys of a power button. */
	made(f, NVME, "input", "sound/card0/input9");
	put(f, "/sys/class/input/input9/capabilities/key", "10000000000000 0\n");
	/* A remote control has digits and no letters. */
	made(f, NVME, "input", "rc/rc0/input10");
	put(f, "/sys/class/input/input10/capabilities/key", "ffe\n");
	scan(f);
	assert_used(f, USE_INPUT, USB, NULL);
	assert_says(f, USB, USE_INPUT, "keyboard Logitech K120");
	assert_used(f, USE_POINTER, SATA, NULL);
	assert_int_equal(f->machine->elsewhere, 0);
}

static void test_keyboard_of_a_laptop(void **state)
{
	struct fixture *f = *state;

	made_elsewhere(f, "input", "input3", "platform/i8042/serio0/input/input3");
	put(f, "/sys/class/input/input3/capabilities/key", KEYBOARD);
	made_elsewhere(f, "input", "input4", "virtual/input/input4");
	put(f, "/sys/class/input/input4/capabilities/key", KEYBOARD);
	scan(f);
	assert_used(f, USE_INPUT, NULL);
	assert_true(f->machine->elsewhere & 1u << USE_INPUT);
}

static void test_serial_console(void **state)
{
	struct fixture *f = *state;

	made(f, USB, "tty", "tty/ttyS4");
	made(f, SATA, "tty", "tty/ttyS5");
	made_elsewhere(f, "tty", "console", "virtual/tty/console");
	put(f, "/sys/class/tty/console/active", "tty0 ttyS4\n");
	put(f, "/proc/cmdline", "console=ttyS5,115200n8 console=../x quiet\n");
	scan(f);
	assert_used(f, USE_SERIAL_CONSOLE, USB, SATA, NULL);
	assert_says(f, SATA, USE_SERIAL_CONSOLE, "the kernel's serial console is on ttyS5");
}

static void test_services(void **state)
{
	struct fixture *f = *state;

	made(f, SATA, "tpm", "spi0/tpm/tpm0");
	made(f, SATA, "watchdog", "iTCO_wdt/watchdog/watchdog0");
	put(f, "/sys/class/watchdog/watchdog0/state", "active\n");
	made(f, USB, "bluetooth", "usb1/1-9/bluetooth/hci0");
	link_in(f->dir, "/sys/bus/thunderbolt/devices/0-0",
		"../../../devices/pci0000:00/0000:00:1c.0/" NVME "/domain0/0-0");
	link_in(f->dir, "/sys/bus/thunderbolt/devices/0-1",
		"../../../devices/pci0000:00/0000:00:1c.0/" NVME "/domain0/0-0/0-1");
	put(f, "/sys/bus/pci/devices/" NVME "/domain0/0-0/0-1/device_name", "Dock\n");
	scan(f);
	assert_used(f, USE_SERVICE, SATA, USB, NVME, NULL);
	assert_says(f, SATA, USE_SERVICE, "the TPM (tpm0)");
	assert_says(f, SATA, USE_SERVICE, "the watchdog (watchdog0, running)");
	assert_says(f, USB, USE_SERVICE, "Bluetooth (hci0)");
	assert_says(f, NVME, USE_SERVICE, "a Thunderbolt device is connected (Dock)");
	assert_int_equal(count_of(f, NVME, USE_SERVICE), 1);
}

/* ---- guests and programs -------------------------------------------------------------------- */

static void given(struct fixture *f)
{
	_cleanup_free_ char *path = NULL;

	put(f, "/facts",
		"title t\nsource s\niommu yes\nunits dmar0\n"
		"0000:01:00.0 10de:1b80 - 030000 09 12 vfio-pci\n"
		"0000:01:00.1 10de:10f0 - 040300 09 12 vfio-pci\n"
		"0000:01:00.2 10de:10f1 - 0c0330 09 12 xhci_hcd\n"
		"0000:05:00.0 10de:1b80 - 030000 09 13 nvidia\n");
	assert_true(asprintf(&path, "%s/facts", f->dir) > 0);
	assert_int_equal(mktree_machine(path, f->dir), 0);
}

static void test_running_guests(void **state)
{
	static const char line[] = "qemu-system-x86_64\0-name\0guest=win10,debug-threads=on\0-S";
	struct fixture *f = *state;
	_cleanup_free_ char *path = NULL;
	FILE *file;

	given(f);
	link_in(f->dir, "/proc/4711/fd/21", "/dev/vfio/12");
	link_in(f->dir, "/proc/4711/fd/22", "/dev/vfio/12");
	link_in(f->dir, "/proc/4711/fd/23", "/dev/vfio/vfio");
	link_in(f->dir, "/proc/4711/fd/24", "/dev/vfio/../../etc");
	put(f, "/proc/4711/comm", "qemu-system-x86\n");
	assert_true(asprintf(&path, "%s/proc/4711/cmdline", f->dir) > 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(line, 1, sizeof(line), file), sizeof(line));
	assert_int_equal(fclose(file), 0);
	/* iommufd: the node is of one device. */
	made(f, "0000:05:00.0", "vfio-dev", "vfio-dev/vfio3");
	link_in(f->dir, "/proc/4712/fd/9", "/dev/vfio/devices/vfio3");
	put(f, "/proc/4712/comm", "cloud-hyp\n");
	scan(f);
	assert_used(f, USE_GUEST, "0000:01:00.0", "0000:01:00.1", "0000:05:00.0", NULL);
	assert_says(f, "0000:01:00.1", USE_GUEST, "QEMU guest win10 (process 4711) has it open");
	assert_says(f, "0000:05:00.0", USE_GUEST, "cloud-hyp (process 4712) has it open");
	assert_false(is_unknown(f, "guests", ""));
}

static void test_programs(void **state)
{
	struct fixture *f = *state;

	given(f);
	made(f, "0000:05:00.0", "drm", "drm/card1");
	made(f, "0000:05:00.0", "drm", "drm/renderD129");
	link_in(f->dir, "/proc/900/fd/5", "/dev/dri/renderD129");
	put(f, "/proc/900/comm", "Xorg\n");
	link_in(f->dir, "/proc/901/fd/5", "/dev/nvidia0");
	put(f, "/proc/901/comm", "ollama\n");
	put(f, "/proc/driver/nvidia/gpus/0000:05:00.0/information",
		"Model: \t\t NVIDIA\nDevice Minor: \t 0\n");
	made(f, "0000:01:00.1", "sound", "sound/card0");
	put(f, "/proc/asound/card0/pcm3p/sub0/status", "state: RUNNING\nowner_pid: 5\n");
	made(f, "0000:01:00.2", "sound", "sound/card1");
	put(f, "/proc/asound/card1/pcm3p/sub0/status", "closed\n");
	scan(f);
	assert_used(f, USE_PROGRAM, "0000:05:00.0", "0000:01:00.1", NULL);
	assert_says(f, "0000:05:00.0", USE_PROGRAM, "Xorg (process 900) has it open");
	assert_says(f, "0000:05:00.0", USE_PROGRAM, "ollama (process 901) has it open");
	assert_says(f, "0000:01:00.1", USE_PROGRAM, "sound is running (card0)");
}

static void test_libvirt(void **state)
{
	struct fixture *f = *state;

	given(f);
	put(f, "/etc/libvirt/qemu/win10.xml",
		"<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE.\n-->\n"
		"<domain type='kvm'>\n  <name>win10</name>\n"
		"  <!-- <source><address domain='0' bus='0x05' slot='0x00' "
		"function='0x0'/></source> -->\n"
		"  <devices>\n    <disk type='file'><source file='/x.img'/>\n"
		"    <address type='pci' domain='0x0000' bus='0x05' slot='0x00' "
		"function='0x0'/></disk>\n"
		"    <hostdev mode='subsystem' type='pci' managed='yes'>\n"
		"      <driver name='vfio'/>\n      <source>\n"
		"        <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>\n"
		"      </source>\n"
		"      <address type='pci' domain='0x0000' bus='0x05' slot='0x00' "
		"function='0x0'/>\n"
		"    </hostdev>\n  </devices>\n</domain>\n");
	put(f, "/etc/libvirt/qemu/networks/default.xml", "<network/>\n");
	put(f, "/etc/libvirt/qemu/broken.xml", "<name>x</name><source><address bus='0x01' slot='");
	scan(f);
	assert_used(f, USE_CLAIMED, "0000:01:00.0", NULL);
	assert_says(f, "0000:01:00.0", USE_CLAIMED,
		"libvirt's guest win10 is given it (/etc/libvirt/qemu/win10.xml)");
}

/* ---- what is not known ---------------------------------------------------------------------- */

static void test_nothing_is_known(void **state)
{
	static const char *const what[] = {"disks", "data on disks not in use", "network",
		"screens", "keyboards and other parts", "guests", "programs"};
	struct fixture *f = *state;
	struct str text = {0};

	scan(f);
	for (size_t i = 0; i < ARRAY_SIZE(what); i++)
		if (!is_unknown(f, what[i], ""))
			fail_msg("%s is not unknown", what[i]);
	assert_true(is_unknown(f, "disks", "/proc/self/mountinfo: No such file"));
	machine_unknown(f->machine, &text);
	assert_non_null(strstr(text.s, "guests, programs (/proc"));
	str_free(&text);
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
	(void)snprintf(
		path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	link_in(f->dir, path, "../../class/block/sdb");
	assert_int_equal(root_open("/", sysfs, &f->root, &err), 0);
	if (machine_scan(f->root, MACHINE_USES, &f->machine, &err) < 0)
		fail_msg("%s", err.text);
	assert_used(f, USE_ROOT_DISK, NULL);
	assert_used(f, USE_NETWORK, NULL);
	assert_used(f, USE_BOOT_DISPLAY, VGA, NULL);
	assert_true(is_unknown(f, "disks", "another machine"));
	assert_true(is_unknown(f, "guests", "another machine"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_partition),
		T(test_usb_disk),
		T(test_stack),
		T(test_stack_loop),
		T(test_btrfs),
		T(test_zfs),
		T(test_nvme_multipath),
		T(test_vmd),
		T(test_by_name),
		T(test_swap),
		T(test_default_route),
		T(test_other_routes),
		T(test_bridged_ipv6_route),
		T(test_nonsense),
		T(test_names_of_layers),
		T(test_multipath),
		T(test_partition_of_a_raid),
		T(test_kinds_of_mounts),
		T(test_many_mounts),
		T(test_swap_of_other_kinds),
		T(test_fstab),
		T(test_idle_data),
		T(test_signatures),
		T(test_pools),
		T(test_cached_pools),
		T(test_root_without_a_disk),
		T(test_bridge_over_vlan_over_bond),
		T(test_addresses),
		T(test_other_tables),
		T(test_link),
		T(test_link_elsewhere),
		T(test_virtual_function),
		T(test_this_session),
		T(test_session_that_is_gone),
		T(test_session_over_ipv6),
		T(test_screens),
		T(test_who_draws),
		T(test_firmware_picture),
		T(test_keyboards),
		T(test_keyboard_of_a_laptop),
		T(test_serial_console),
		T(test_services),
		T(test_running_guests),
		T(test_programs),
		T(test_libvirt),
		T(test_nothing_is_known),
		T(test_foreign_sysfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
