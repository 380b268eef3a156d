/* Data on disks that are not mounted: what is on them by udev's database, or by their first blocks.
 */
#include "core/usage_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define UDEV "/run/udev/data"

/* Named of what stands on a disk; more are only counted. */
#define HOLDERS_MAX 4

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
static void describe(struct str *text, const char *type, const char *label)
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

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strcmp(parts[i].type, type) == 0) {
			str_addf(text, " is %s", parts[i].text);
			return;
		}
	str_addf(text, " holds %s%s%s", type, *label ? " " : "", label);
}

/* What stands on a disk has it in use without a mount: guests run from logical volumes.  Where
 * nothing does, somebody may have the disk itself open: that is told with the programs. */
static int add_holders(struct usage *usage, struct str *text, const char *place)
{
	_cleanup_(strv_free) struct strv names = {0};
	char path[PATH_MAX], name[128];

	if (snprintf(path, sizeof(path), "%s/holders", place) < (int)sizeof(path) &&
		root_list(usage->root, path, &names) == -ENOMEM)
		return -ENOMEM;
	if (!names.n) {
		if (text->len)
			str_add(text, ", not mounted");
		return 0;
	}
	str_add(text, text->len ? ", and " : ": ");
	for (size_t i = 0; i < names.n && i < HOLDERS_MAX; i++) {
		usage_attr(usage, name, sizeof(name), "/sys/class/block/%s/dm/name", names.v[i]);
		str_addf(text, "%s%s", i ? ", " : "", names.v[i]);
		if (*name)
			str_addf(text, " `%s`", name);
	}
	if (names.n > HOLDERS_MAX)
		str_addf(text, " and %zu more", names.n - HOLDERS_MAX);
	str_add(text, names.n == 1 ? " stands on it" : " stand on it");
	return 0;
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

/* udev's word for what is on it, else our own. */
static int find_type(struct usage *usage, const char *name, const char *place, struct str *text)
{
	_cleanup_free_ char *entry = NULL;
	char number[64], path[PATH_MAX], type[64] = "", label[64] = "";
	int r = 0;

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
	if (*type)
		describe(text, type, label);
	return r;
}

static int each_disk(struct usage *usage, const char *name, const char *place)
{
	_cleanup_(str_free) struct str text = {0};
	struct usage_claim claim = {.kind = USE_IDLE_DISK, .text = ""};
	int r;

	if (!is_disk(name, place) || strv_has(&usage->in_use, name) ||
		(!usage_on_pci(usage, place) && !strstr(place, "/nvme-subsystem/")))
		return 0;
	r = find_type(usage, name, place, &text);
	if (r >= 0)
		r = add_holders(usage, &text, place);
	if (r < 0 || str_check(&text) < 0)
		return -ENOMEM;
	claim.tail = text.s;
	return text.len ? usage_claim(usage, place, &claim) : 0;
}

int usage_data(struct usage *usage)
{
	return usage->running ? usage_each(usage, USAGE_DATA, "/sys/class/block", each_disk) : 0;
}
