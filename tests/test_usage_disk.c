/* What disks are used for, through everything that may lie between a mount and a PCI function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/mktree.h"
#include "tests/support.h"
#include "tests/support_uses.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void test_partition(void **state)
{
	struct uses_host *f = *state;

	uses_mounts(f, "28 1 259:2 / / rw shared:1 - ext4 /dev/nvme0n1p2 rw\n"
		       "29 28 8:1 / /srv/my\\040data rw - xfs /dev/sda1 rw\n");
	uses_only(f, USE_ROOT_DISK, NVME, NULL);
	assert_string_equal(uses_of(f, NVME, USE_ROOT_DISK), "/ is on nvme0n1p2");
	uses_only(f, USE_MOUNTED_DISK, SATA, NULL);
	assert_string_equal(uses_of(f, SATA, USE_MOUNTED_DISK), "/srv/my data is on sda1");
	uses_only(f, USE_BOOT_DISPLAY, VGA, NULL);
	uses_only(f, USE_NETWORK, NULL);
}

static void test_usb_disk(void **state)
{
	struct uses_host *f = *state;

	uses_mounts(f, "28 1 65:144 / / rw - ext4 /dev/sdz rw\n");
	uses_only(f, USE_ROOT_DISK, USB, NULL);
}

/* LVM on LUKS on a mirror of a partition of each controller. */
static void test_stack(void **state)
{
	struct uses_host *f = *state;

	uses_stacked(f, "md0", "9:0", "sda1", "nvme0n1p1", NULL);
	uses_stacked(f, "dm-0", "253:0", "md0", NULL);
	uses_stacked(f, "dm-1", "253:1", "dm-0", NULL);
	uses_mounts(f, "28 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n");
	uses_only(f, USE_ROOT_DISK, SATA, NVME, NULL);
	assert_string_equal(uses_of(f, SATA, USE_ROOT_DISK),
		"/ is on sda1 through RAID `md0`, device mapper `dm-0` and device mapper `dm-1`");
}

static void test_stack_loop(void **state)
{
	struct uses_host *f = *state;

	uses_stacked(f, "dm-0", "253:0", "dm-0", "dm-1", "sdb", NULL);
	uses_stacked(f, "dm-1", "253:1", "dm-0", "dm-1", NULL);
	uses_mounts(f, "28 1 253:1 / / rw - ext4 /dev/mapper/vg-root rw\n");
	uses_only(f, USE_ROOT_DISK, SATA, NULL);
}

static void test_btrfs(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/sys/fs/btrfs/features/raid56", "1\n");
	uses_link(f->dir, "/sys/fs/btrfs/2c8ab/devices/sdb", "../../../../class/block/sdb");
	uses_link(f->dir, "/sys/fs/btrfs/2c8ab/devices/nvme0n1p2",
		"../../../../class/block/nvme0n1p2");
	uses_mounts(f, "28 1 0:30 /@ / rw - btrfs /dev/sdb rw,subvol=/@\n");
	uses_only(f, USE_ROOT_DISK, SATA, NVME, NULL);
}

static void test_zfs(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/run/udev/data/b8:1",
		"S:disk/by-id/x\nE:ID_FS_LABEL=rpool\nE:ID_FS_TYPE=zfs_member\n");
	support_put(f->dir, "/run/udev/data/b259:1",
		"S:disk/by-id/x\nE:ID_FS_LABEL=tank\nE:ID_FS_TYPE=zfs_member\n");
	support_put(f->dir, "/run/udev/data/b65:144",
		"S:disk/by-id/x\nE:ID_FS_LABEL=rpool\nE:ID_FS_TYPE=ext4\n");
	uses_mounts(f, "28 1 0:30 / / rw - zfs rpool/ROOT/pve-1 rw\n");
	uses_only(f, USE_ROOT_DISK, SATA, NULL);
}

/* With native multipath the disk hangs on no PCI device, and both controllers lead to it. */
static void test_nvme_multipath(void **state)
{
	static const char subsystem[] = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0";
	struct uses_host *f = *state;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/nvme9n1/nvme9n1p1/partition", subsystem);
	support_put(f->dir, path, "1\n");
	(void)snprintf(path, sizeof(path), "%s/nvme0", subsystem);
	uses_link(f->dir, path, "../../../pci0000:00/0000:00:1c.0/" NVME "/nvme/nvme0");
	uses_link(f->dir, "/sys/dev/block/259:9",
		"../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme9n1/nvme9n1p1");
	uses_mounts(f, "28 1 259:9 / / rw - ext4 /dev/nvme9n1p1 rw\n");
	uses_only(f, USE_ROOT_DISK, NVME, NULL);
}

/* Given away, the VMD controller would take the disk with it. */
static void test_vmd(void **state)
{
	struct uses_host *f = *state;
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
	uses_mounts(f, "28 1 259:50 / / rw - ext4 /dev/nvme5n1 rw\n");
	uses_only(f, USE_ROOT_DISK, "0000:00:0e.0", "10000:e1:00.0", NULL);
}

/* A saved tree need not have /sys/dev/block. */
static void test_by_name(void **state)
{
	struct uses_host *f = *state;

	uses_link(f->dir, "/dev/mapper/vg-root", "../dm-7");
	uses_stacked(f, "dm-7", "253:7", "sdb", NULL);
	uses_mounts(f, "28 1 99:99 / / rw - ext4 /dev/mapper/vg-root rw\n");
	uses_only(f, USE_ROOT_DISK, SATA, NULL);
}

static void test_swap(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/proc/swaps",
		"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
		"/dev/sda1                               partition\t999420\t\t0\t\t-2\n"
		"/swapfile                               file\t\t999420\t\t0\t\t-3\n");
	uses_scan(f);
	uses_only(f, USE_SWAP_DISK, SATA, NULL);
	assert_string_equal(uses_of(f, SATA, USE_SWAP_DISK), "swap is on sda1");
}

static void test_names_of_layers(void **state)
{
	struct uses_host *f = *state;

	uses_stacked(f, "md0", "9:0", "sda1", "nvme0n1p1", NULL);
	uses_stacked(f, "dm-0", "253:0", "md0", NULL);
	uses_stacked(f, "dm-1", "253:1", "dm-0", NULL);
	uses_stacked(f, "dm-2", "253:2", "dm-1", NULL);
	support_put(f->dir, "/sys/class/block/md0/md/level", "raid1\n");
	support_put(f->dir, "/sys/class/block/dm-0/dm/name", "cryptroot\n");
	support_put(f->dir, "/sys/class/block/dm-0/dm/uuid", "CRYPT-LUKS2-0a1b-cryptroot\n");
	support_put(f->dir, "/sys/class/block/dm-1/dm/name", "vg-pool_tdata\n");
	support_put(f->dir, "/sys/class/block/dm-1/dm/uuid", "LVM-abc-tdata\n");
	support_put(f->dir, "/sys/class/block/dm-2/dm/name", "vg-root\n");
	support_put(f->dir, "/sys/class/block/dm-2/dm/uuid", "LVM-abc\n");
	uses_mounts(f, "28 1 253:2 / / rw - ext4 /dev/mapper/vg-root rw\n");
	uses_says(f, SATA, USE_ROOT_DISK,
		"/ is on sda1 through RAID1 `md0`, LUKS `cryptroot` and LVM `vg-root`");
	uses_says(f, NVME, USE_ROOT_DISK,
		"/ is on nvme0n1p1 through RAID1 `md0`, LUKS `cryptroot` and LVM `vg-root`");
}

static void test_multipath(void **state)
{
	struct uses_host *f = *state;

	uses_stacked(f, "dm-0", "253:0", "sda", "sdz", NULL);
	uses_stacked(f, "dm-1", "253:1", "dm-0", NULL);
	support_put(f->dir, "/sys/class/block/dm-0/dm/uuid", "mpath-3600508b4\n");
	support_put(f->dir, "/sys/class/block/dm-0/dm/name", "mpatha\n");
	support_put(f->dir, "/sys/class/block/dm-1/dm/uuid", "part1-mpath-3600508b4\n");
	support_put(f->dir, "/sys/class/block/dm-1/dm/name", "mpatha-part1\n");
	uses_mounts(f, "28 1 253:1 / / rw - ext4 /dev/mapper/mpatha-part1 rw\n");
	uses_only(f, USE_ROOT_DISK, SATA, USB, NULL);
	uses_says(f, USB, USE_ROOT_DISK,
		"/ is on sdz through multipath `mpatha` and multipath `mpatha-part1`");
}

/* A partition has no slaves of its own: its disk has. */
/* What the host does without one of is told apart, as long as no part of it is missing. */
static void test_redundant_layers(void **state)
{
	struct uses_host *f = *state;
	const struct device *sata;

	uses_stacked(f, "md0", "9:0", "sda1", "nvme0n1p1", NULL);
	uses_stacked(f, "md1", "9:1", "sdb", "nvme0n1p2", NULL);
	uses_stacked(f, "dm-0", "253:0", "md0", NULL);
	support_put(f->dir, "/sys/class/block/md0/md/level", "raid1\n");
	support_put(f->dir, "/sys/class/block/md0/md/degraded", "0\n");
	support_put(f->dir, "/sys/class/block/md1/md/level", "raid1\n");
	support_put(f->dir, "/sys/class/block/md1/md/degraded", "1\n");
	support_put(f->dir, "/sys/class/block/dm-0/dm/uuid", "LVM-abc\n");
	uses_mounts(f, "28 1 253:0 / / rw - ext4 /dev/dm-0 rw\n"
		       "29 28 9:1 / /srv rw - ext4 /dev/md1 rw\n");
	sata = machine_device(f->machine, SATA);
	assert_int_equal(sata->n_uses, 2);
	assert_string_equal(sata->uses[0].text, "/ is on sda1 through RAID1 `md0` and LVM `dm-0`");
	assert_string_equal(sata->uses[0].spare, "RAID1 `md0`");
	assert_string_equal(machine_device(f->machine, NVME)->uses[0].spare, "RAID1 `md0`");
	assert_string_equal(sata->uses[1].text, "/srv is on sdb through RAID1 `md1`");
	assert_null(sata->uses[1].spare);
}

/* Of a mirror over a volume that itself stands on two disks, either disk takes half of the mirror. */
static void test_redundancy_above_a_volume(void **state)
{
	struct uses_host *f = *state;

	uses_stacked(f, "dm-0", "253:0", "sda1", "nvme0n1p1", NULL);
	uses_stacked(f, "md0", "9:0", "dm-0", "sdz", NULL);
	support_put(f->dir, "/sys/class/block/dm-0/dm/uuid", "LVM-abc\n");
	support_put(f->dir, "/sys/class/block/md0/md/level", "raid1\n");
	support_put(f->dir, "/sys/class/block/md0/md/degraded", "0\n");
	uses_mounts(f, "28 1 9:0 / / rw - ext4 /dev/md0 rw\n");
	assert_null(machine_device(f->machine, SATA)->uses[0].spare);
	assert_string_equal(machine_device(f->machine, USB)->uses[0].spare, "RAID1 `md0`");
}

static void test_partition_of_a_raid(void **state)
{
	struct uses_host *f = *state;

	uses_stacked(f, "md127", "9:127", "sdb", "sdz", NULL);
	support_put(f->dir, "/sys/devices/virtual/block/md127/md127p1/partition", "1\n");
	support_put(f->dir, "/sys/devices/virtual/block/md127/md/level", "raid10\n");
	uses_link(f->dir, "/sys/dev/block/259:40", "../../devices/virtual/block/md127/md127p1");
	uses_mounts(f, "28 1 259:40 / / rw - ext4 /dev/md127p1 rw\n");
	uses_only(f, USE_ROOT_DISK, SATA, USB, NULL);
	uses_says(f, SATA, USE_ROOT_DISK, "/ is on sdb through RAID10 `md127p1`");
}

static void test_kinds_of_mounts(void **state)
{
	struct uses_host *f = *state;

	uses_mounts(f, "1 0 0:1 / / rw - rootfs rootfs rw\n"
		       "2 1 259:2 /usr /usr rw - ext4 /dev/nvme0n1p2 rw\n"
		       "3 1 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw\n"
		       "4 1 8:1 / /home rw - xfs /dev/sda1 rw\n"
		       "5 1 8:1 /x /var/lib/kubelet/x rw - xfs /dev/sda1 rw\n"
		       "6 1 8:1 /v /var rw - xfs /dev/sda1 rw\n");
	uses_only(f, USE_ROOT_DISK, NVME, SATA, NULL);
	uses_only(f, USE_BOOT_DISK, NVME, NULL);
	uses_says(f, NVME, USE_BOOT_DISK, "/boot/efi is on nvme0n1p1");
	uses_says(f, SATA, USE_ROOT_DISK, "/var is on sda1");
	/* The same file system at another place is no news. */
	assert_int_equal(uses_count(f, SATA, USE_MOUNTED_DISK), 1);
	/* The worst is first. */
	assert_int_equal(machine_device(f->machine, NVME)->uses[0].kind, USE_ROOT_DISK);
}

static void test_many_mounts(void **state)
{
	struct uses_host *f = *state;
	struct str text = {0};

	for (int i = 0; i < 500; i++)
		str_addf(&text, "%d 1 0:50 /s%d /m/%d rw - btrfs /dev/sdb rw\n", i + 9, i, i);
	uses_mounts(f, text.s);
	str_free(&text);
	assert_true(uses_count(f, SATA, USE_MOUNTED_DISK) > 10);
	assert_true(uses_count(f, SATA, USE_MOUNTED_DISK) < 100);
}

static void test_swap_of_other_kinds(void **state)
{
	struct uses_host *f = *state;

	uses_made_elsewhere(f, "block", "zram0", "virtual/block/zram0");
	support_put(f->dir, "/sys/class/block/zram0/backing_dev", "none\n");
	uses_made_elsewhere(f, "block", "zram1", "virtual/block/zram1");
	support_put(f->dir, "/sys/class/block/zram1/backing_dev", "/dev/sdz\n");
	uses_link(f->dir, "/dev/disk/by-uuid/12-34", "../../sdb");
	support_put(f->dir, "/proc/cmdline", "root=/dev/x resume=UUID=12-34 quiet\n");
	support_put(f->dir, "/proc/swaps",
		"Filename\tType\tSize\tUsed\tPriority\n"
		"/srv/my\\040swap                         file\t\t9\t\t0\t\t-3\n"
		"/dev/zram0                              partition\t9\t0\t100\n"
		"/dev/zram1                              partition\t9\t0\t100\n");
	uses_mounts(f, "28 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n"
		       "29 28 8:1 / /srv rw - ext4 /dev/sda1 rw\n");
	uses_only(f, USE_SWAP_DISK, SATA, USB, NULL);
	uses_says(f, SATA, USE_SWAP_DISK, "the swap file /srv/my swap is on sda1");
	uses_says(f, SATA, USE_SWAP_DISK, "hibernation resumes from sdb");
	uses_says(f, USB, USE_SWAP_DISK, "swap is on sdz through zram");
}

static void test_fstab(void **state)
{
	struct uses_host *f = *state;

	uses_link(f->dir, "/dev/disk/by-uuid/aa-bb", "../../nvme0n1p2");
	uses_link(f->dir, "/dev/disk/by-label/my\\x20data", "../../sda1");
	support_put(f->dir, "/etc/fstab",
		"# comment /dev/sdb\n\nshort line\n"
		"UUID=aa-bb / ext4 defaults 0 1\n"
		"LABEL=my\\040data /srv/my\\040data ext4 defaults,nofail 0 2\n"
		"/dev/sdz /media/stick vfat user,noauto 0 0\n"
		"/dev/sdb none swap sw 0 0\n"
		"UUID=not-there /gone ext4 defaults 0 2\n"
		"tmpfs /tmp tmpfs rw 0 0\n");
	uses_mounts(f, "28 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
	uses_says(
		f, SATA, USE_MOUNTED_DISK, "/srv/my data is on sda1 (/etc/fstab, not in use now)");
	uses_says(f, SATA, USE_SWAP_DISK, "swap is on sdb (/etc/fstab, not in use now)");
	uses_only(f, USE_IDLE_DISK, USB, NULL);
	uses_says(f, USB, USE_IDLE_DISK,
		"/media/stick is on sdz when it is mounted (/etc/fstab, noauto)");
	assert_int_equal(uses_count(f, NVME, USE_ROOT_DISK), 1);
}

/* Data on disks that nobody mounted, and a disk about which nothing is recorded. */
static void test_idle_data(void **state)
{
	struct uses_host *f = *state;

	support_put(
		f->dir, "/run/udev/data/b8:1", "I:1\nE:ID_FS_TYPE=ext4\nE:ID_FS_LABEL=photos\n");
	support_put(f->dir, "/run/udev/data/b8:0", "E:ID_PART_TABLE_TYPE=gpt\n");
	support_put(f->dir, "/run/udev/data/b8:16", "E:ID_FS_TYPE=LVM2_member\n");
	support_put(f->dir, "/run/udev/data/b259:0", "E:ID_PART_TABLE_TYPE=gpt\n");
	support_put(f->dir, "/run/udev/data/b259:1", "E:ID_FS_TYPE=vfat\n");
	support_put(f->dir, "/run/udev/data/b259:2", "E:ID_FS_TYPE=ext4\n");
	uses_mounts(f, "28 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
	uses_only(f, USE_IDLE_DISK, SATA, NVME, NULL);
	uses_says(f, SATA, USE_IDLE_DISK, "sda1 holds ext4 photos, not mounted");
	uses_says(f, SATA, USE_IDLE_DISK, "sdb is part of an LVM volume group, not mounted");
	uses_says(f, NVME, USE_IDLE_DISK, "nvme0n1p1 holds vfat, not mounted");
	assert_int_equal(uses_count(f, NVME, USE_IDLE_DISK), 1);
	assert_true(uses_is_unknown(f, "data on disks not in use", "b65:144 is not there"));
}

static void holder(struct uses_host *f, const char *disk, const char *name, const char *mapping)
{
	_cleanup_free_ char *path = NULL, *number = NULL, *attr = NULL;

	assert_true(asprintf(&number, "253:%s", name + strcspn(name, "0123456789")) > 0);
	uses_stacked(f, name, number, disk, NULL);
	assert_true(asprintf(&path, "/sys/class/block/%s/holders/%s", disk, name) > 0);
	uses_link(f->dir, path, "../../../virtual/block/it");
	assert_true(asprintf(&attr, "/sys/devices/virtual/block/%s/dm/name", name) > 0);
	if (mapping)
		support_put(f->dir, attr, mapping);
}

/* Guests and daemons use what stands on a disk without a mount: nothing of it is idle. */
static void test_holders(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/run/udev/data/b8:16", "E:ID_FS_TYPE=LVM2_member\n");
	support_put(f->dir, "/run/udev/data/b8:1", "E:ID_FS_TYPE=linux_raid_member\n");
	support_put(f->dir, "/run/udev/data/b8:0", "E:ID_PART_TABLE_TYPE=gpt\n");
	support_put(f->dir, "/run/udev/data/b259:1", "E:ID_PART_ENTRY_NUMBER=1\n");
	holder(f, "sdb", "dm-3", "vg-vm1\n");
	for (int i = 0; i < 6; i++) {
		char name[] = "dm-4";

		name[3] = (char)('4' + i);
		holder(f, "nvme0n1p1", name, "vg-x\n");
	}
	holder(f, "sda1", "md0", NULL);
	uses_mounts(f, "28 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
	uses_only(f, USE_IDLE_DISK, SATA, NVME, NULL);
	uses_says(f, SATA, USE_IDLE_DISK,
		"sdb is part of an LVM volume group, and dm-3 `vg-vm1` stands on it");
	uses_says(f, SATA, USE_IDLE_DISK, "sda1 is part of a RAID, and md0 stands on it");
	uses_says(f, NVME, USE_IDLE_DISK,
		"nvme0n1p1: dm-4 `vg-x`, dm-5 `vg-x`, dm-6 `vg-x`, dm-7 `vg-x` and 2 more stand on "
		"it");
	assert_int_equal(uses_count(f, SATA, USE_IDLE_DISK), 2);
}

/* A file of some size as a disk: what is said to be on it. */
static void assert_signature(struct uses_host *f, const char *path, const char *type)
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

static void disk_with(struct uses_host *f, off_t size, const char *bytes, size_t n, off_t at)
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
	struct uses_host *f = *state;
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
	struct uses_host *f = *state;

	support_put(f->dir, "/proc/spl/kstat/zfs/tank/state", "ONLINE\n");
	support_put(f->dir, "/proc/spl/kstat/zfs/lost/state", "ONLINE\n");
	support_put(f->dir, "/proc/spl/kstat/zfs/arcstats", "");
	support_put(f->dir, "/run/udev/data/b8:1",
		"E:ID_FS_UUID=1\nE:ID_FS_LABEL=tank\nE:ID_FS_TYPE=zfs_member\n");
	uses_mounts(f, "28 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
	uses_only(f, USE_MOUNTED_DISK, SATA, NULL);
	uses_says(f, SATA, USE_MOUNTED_DISK, "the ZFS pool tank is on sda1");
	assert_true(uses_is_unknown(f, "disks", "pool lost"));
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
	struct uses_host *f = *state;
	_cleanup_free_ char *path = NULL;
	FILE *file;

	support_put(f->dir, "/etc/zfs/zpool.cache", "");
	assert_true(asprintf(&path, "%s/etc/zfs/zpool.cache", f->dir) > 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(cache, 1, sizeof(cache), file), sizeof(cache));
	assert_int_equal(fclose(file), 0);
	uses_mounts(f, "28 1 8:1 / /srv rw - ext4 /dev/sda1 rw\n");
	uses_says(f, SATA, USE_MOUNTED_DISK, "/srv is on sda1");
	uses_says(f, SATA, USE_MOUNTED_DISK, "a ZFS pool is on sdb (/etc/zfs/zpool.cache)");
	assert_int_equal(uses_count(f, SATA, USE_MOUNTED_DISK), 2);
}

/* The card that such a disk comes through is not in its path. */
static void test_disks_over_the_network(void **state)
{
	static const char *const places[] = {
		"platform/host2/session1/target2:0:0/2:0:0:1/block/sdx",
		"virtual/nvme-fabrics/ctl/nvme2/nvme2n1",
		"virtual/block/nbd0",
		"rbd/0/block/rbd0",
	};
	struct uses_host *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char mount[128], place[32], to[128];
		const char *name = strrchr(places[i], '/') + 1;

		snprintf(place, sizeof(place), "/sys/dev/block/99:%zu", i);
		snprintf(to, sizeof(to), "../../devices/%s", places[i]);
		snprintf(mount, sizeof(mount), "1 2 99:%zu / /srv rw - ext4 /dev/%s rw\n", i, name);
		uses_made_elsewhere(f, "block", name, places[i]);
		uses_link(f->dir, place, to);
		f->machine = machine_free(f->machine);
		f->root = root_close(f->root);
		uses_mounts(f, mount);
		uses_only(f, USE_MOUNTED_DISK, NULL);
		snprintf(mount, sizeof(mount), "/srv is on %s, which comes over the network", name);
		if (!uses_is_unknown(f, "disks", mount))
			fail_msg("not told: %s", mount);
	}
}

static void test_root_without_a_disk(void **state)
{
	struct uses_host *f = *state;

	uses_mounts(f, "28 1 0:30 / / rw - overlay overlay rw,lowerdir=/a\n");
	uses_only(f, USE_ROOT_DISK, NULL);
	assert_true(uses_is_unknown(f, "disks", "overlay"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, uses_setup, uses_teardown)

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
		T(test_names_of_layers),
		T(test_multipath),
		T(test_redundant_layers),
		T(test_redundancy_above_a_volume),
		T(test_partition_of_a_raid),
		T(test_kinds_of_mounts),
		T(test_many_mounts),
		T(test_swap_of_other_kinds),
		T(test_fstab),
		T(test_idle_data),
		T(test_holders),
		T(test_signatures),
		T(test_pools),
		T(test_cached_pools),
		T(test_disks_over_the_network),
		T(test_root_without_a_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
