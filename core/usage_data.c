/* Data on disks that nobody uses now: what is on them by udev's database, or by their first blocks.
 */
#include "core/usage_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define UDEV "/run/udev/data"

#define RAID_MAGIC "\xfc\x4e\x2b\xa9"

/* What stands where: libblkid's superblocks/ of util-linux. */
static const struct magic {
	const char *type, *bytes;
	size_t offset, n;
} magics[] = {
	{"crypto_LUKS", "LUKS\xba\xbe", 0, 6},
	{"xfs", "XFSB", 0, 4},
	{"ntfs", "NTFS    ", 3, 8},
	{"vfat", "FAT32   ", 82, 8},
	{"vfat", "FAT16   ", 54, 8},
	{"LVM2_member", "LVM2 001", 512 + 24, 8},
	{"ext4", "\x53\xef", 1024 + 56, 2},
	{"swap", "SWAPSPACE2", 4096 - 10, 10},
	{"linux_raid_member", RAID_MAGIC, 4096, 4},
	{"linux_raid_member", RAID_MAGIC, 0, 4},
	{"bcache", "\xc6\x85\x73\xf6\x4e\x1a\x45\xca", 4096 + 24, 8},
	{"btrfs", "_BHRfS_M", 65536 + 64, 8},
};

/* The value of E:KEY= in an entry of udev's database, "" for none. */
static const char *value_of(const char *entry, const char *key, char *buf, size_t size)
{
	const char *line = entry;

	buf[0] = '\0';
	for (; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (base_starts(line, "E:") && base_starts(line + 2, key) &&
			line[2 + strlen(key)] == '=') {
			line += 3 + strlen(key);
			(void)snprintf(buf, size, "%.*s", (int)strcspn(line, "\n"), line);
			break;
		}
	return buf;
}

/* Two of the versions of Linux's RAID end the disk (mdadm's super0.c and super1.c): in the last
 * whole 64 KiB but one, or 8 KiB before its end, at a multiple of 4 KiB. */
static bool is_raid_member(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	const off_t places[] = {(size & ~(off_t)0xffff) - 0x10000, (size - 0x2000) & ~(off_t)0xfff};
	char bytes[4];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (places[i] > 0 && pread(fd, bytes, sizeof(bytes), places[i]) == sizeof(bytes) &&
			memcmp(bytes, RAID_MAGIC, sizeof(bytes)) == 0)
			return true;
	return false;
}

/* A RAID of the kinds that end the disk may show the file system in it at the beginning. */
int usage_signature(int fd, char *type, size_t size)
{
	size_t max = magics[ARRAY_SIZE(magics) - 1].offset + 8;
	_cleanup_free_ char *data = malloc(max);
	const char *found = NULL;
	ssize_t n;

	if (!data)
		return -ENOMEM;
	n = pread(fd, data, max, 0);
	if (n < 0)
		return -errno;
	if (is_raid_member(fd))
		found = "linux_raid_member";
	for (size_t i = 0; !found && i < ARRAY_SIZE(magics); i++)
		if (magics[i].offset + magics[i].n <= (size_t)n &&
			memcmp(data + magics[i].offset, magics[i].bytes, magics[i].n) == 0)
			found = magics[i].type;
	(void)snprintf(type, size, "%s", found ? found : "");
	return 0;
}

/* Only a live system has the device itself, and only where the node is that device. */
static int look_at(
	struct usage *usage, const char *name, const char *number, char *type, size_t size)
{
	_cleanup_close_ int fd = -EBADF;
	char path[NAME_MAX + 8], found[64];
	struct stat st;
	int r = -ENOENT;

	if (!root_is_live(usage->running))
		return usage_unknown(usage, USAGE_DATA, "%s/b%s is not there", UDEV, number);
	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	for (char *p = path + strlen("/dev/"); *p; p++)
		*p = *p == '!' ? '/' : *p;
	fd = root_open_path(usage->running, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISBLK(st.st_mode)) {
		(void)snprintf(found, sizeof(found), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
		r = strcmp(found, number) == 0 ? usage_signature(fd, type, size) : -ENODEV;
	} else if (fd < 0) {
		r = fd;
	}
	if (r < 0 && r != -ENOMEM)
		return usage_unknown(usage, USAGE_DATA, "%s: %s", path, strerror(-r));
	return r;
}

/* In words what a signature means. */
static void describe(
	const char *type, const char *label, struct usage_claim *claim, char *tail, size_t size)
{
	static const struct {
		const char *type, *text;
	} parts[] = {
		{"LVM2_member", "part of an LVM volume group"},
		{"linux_raid_member", "part of a RAID"},
		{"crypto_LUKS", "encrypted with LUKS"},
		{"zfs_member", "part of a ZFS pool"},
		{"bcache", "part of a bcache"},
		{"swap", "swap space"},
	};
	const char *text = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strcmp(parts[i].type, type) == 0)
			text = parts[i].text;
	claim->kind = USE_IDLE_DISK;
	claim->text = "";
	claim->tail = tail;
	if (text)
		(void)snprintf(tail, size, " is %s, not in use now", text);
	else
		(void)snprintf(tail, size, " holds %s%s%s, not in use now", type, *label ? " " : "",
			label);
}

/* Loops, RAM disks, optical drives and what only stands on disks hold nothing of their own. */
static bool is_disk(const char *name, const char *place)
{
	static const char *const other[] = {"loop", "ram", "zram", "sr", "fd", "dm-", "md", "nbd"};

	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		if (base_starts(name, other[i]))
			return false;
	return !strstr(place, "/virtual/") || strstr(place, "/nvme-subsystem/");
}

static int each_disk(struct usage *usage, const char *name, const char *place)
{
	_cleanup_free_ char *entry = NULL;
	char number[64], path[PATH_MAX], type[64] = "", label[64] = "", tail[256];
	struct usage_claim claim;
	int r = 0;

	if (!is_disk(name, place) || strv_has(&usage->in_use, name) ||
		(!usage_on_pci(usage, place) && !strstr(place, "/nvme-subsystem/")))
		return 0;
	usage_attr(usage, number, sizeof(number), "%s/dev", place);
	if (!*number)
		return 0;
	(void)snprintf(path, sizeof(path), UDEV "/b%s", number);
	if (usage_read(usage, NULL, path, &entry) < 0)
		return -ENOMEM;
	if (entry) {
		value_of(entry, "ID_FS_TYPE", type, sizeof(type));
		value_of(entry, "ID_FS_LABEL", label, sizeof(label));
	} else {
		r = look_at(usage, name, number, type, sizeof(type));
	}
	if (r < 0 || !*type)
		return r;
	describe(type, label, &claim, tail, sizeof(tail));
	return usage_claim(usage, place, &claim);
}

int usage_data(struct usage *usage)
{
	return usage->running ? usage_each(usage, USAGE_DATA, "/sys/class/block", each_disk) : 0;
}
