/* Disks that the host uses: mounts, swap, hibernation, fstab, ZFS pools. */
#include "core/mounts.h"
#include "core/usage_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SWAPS      "/proc/swaps"
#define POOL_CACHE "/etc/zfs/zpool.cache"

/* A mount point as the root being configured has it; NULL: outside of it. */
static const char *inside(const struct usage *usage, const char *point)
{
	size_t n = strlen(usage->slash);

	if (n < 2)
		return point;
	if (!base_starts(point, usage->slash) || (point[n] && point[n] != '/'))
		return NULL;
	return point[n] ? point + n : "/";
}

/* What a host cannot do without, and what its boot loader cannot. */
static enum use_kind kind_of(const char *point)
{
	static const char *const system[] = {"/", "/usr", "/var"};
	static const char *const boot[] = {"/boot", "/boot/efi", "/efi"};

	for (size_t i = 0; point && i < ARRAY_SIZE(system); i++)
		if (strcmp(point, system[i]) == 0)
			return USE_ROOT_DISK;
	for (size_t i = 0; point && i < ARRAY_SIZE(boot); i++)
		if (strcmp(point, boot[i]) == 0)
			return USE_BOOT_DISK;
	return USE_MOUNTED_DISK;
}

static int claim_each(struct usage *usage, const char *sources, const struct usage_claim *claim)
{
	_cleanup_(strv_free) struct strv each = {0};
	int r = strv_split(&each, sources, ":"), found = 0;

	for (size_t i = 0; r >= 0 && i < each.n; i++) {
		r = usage_claim_source(usage, each.v[i], claim);
		found |= r > 0;
	}
	return r < 0 ? r : found;
}

/* By number where the file system has a device of its own that /sys knows, else by its source. */
static int claim_mount(
	struct usage *usage, const struct mounts_entry *mount, const struct usage_claim *claim)
{
	char path[128];
	int r;

	if (strcmp(mount->type, "zfs") == 0)
		return usage_claim_pool(usage, mount->source, claim);
	if (strcmp(mount->type, "bcachefs") == 0)
		return claim_each(usage, mount->source, claim);
	if (snprintf(path, sizeof(path), "/sys/dev/block/%s", mount->number) < (int)sizeof(path)) {
		r = usage_claim(usage, path, claim);
		if (r != 0)
			return r;
	}
	r = strcmp(mount->type, "btrfs") == 0 ? usage_claim_btrfs(usage, mount->source, claim) : 0;
	return r != 0 ? r : usage_claim_source(usage, mount->source, claim);
}

/* The same file system bound to another place tells nothing new; a subvolume of btrfs does. */
static int is_told(struct usage *usage, const struct mounts_entry *mount)
{
	if (strcmp(mount->inside, "/") != 0 && strcmp(mount->type, "btrfs") != 0 &&
		strv_has(&usage->numbers, mount->number))
		return 1;
	return strv_add_unique(&usage->numbers, mount->number);
}

static int mount_line(struct usage *usage, char *line)
{
	_cleanup_free_ char *text = NULL;
	struct usage_claim claim = {0};
	struct mounts_entry mount;
	const char *point;
	int r;

	if (!mounts_entry(line, &mount))
		return 0;
	point = inside(usage, mount.point);
	claim.kind = kind_of(point);
	r = is_told(usage, &mount);
	if (r != 0 && (r < 0 || claim.kind == USE_MOUNTED_DISK))
		return r < 0 ? r : 0;
	if (asprintf(&text, "%s is on ", point && usage->slash[1] ? point : mount.point) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	claim.text = text;
	r = claim_mount(usage, &mount, &claim);
	if (r == 0 && point && strcmp(point, "/") == 0 && strcmp(mount.type, "zfs") != 0 &&
		strcmp(mount.type, "rootfs") != 0)
		r = usage_unknown(usage, USAGE_DISKS, "no disk is in /sys for /, %s from %s",
			mount.type, mount.source);
	return r < 0 ? r : 0;
}

/* Calls `each` for every line of a text, which it may change. */
static int each_line(struct usage *usage, char *text, int (*each)(struct usage *, char *))
{
	char *line;
	int r = 0;

	while (r >= 0 && (line = strsep(&text, "\n")))
		r = each(usage, line);
	return r;
}

/* A file is on the mount that its path lies in. */
static int claim_file(struct usage *usage, const char *file, const struct usage_claim *claim)
{
	_cleanup_free_ char *text = NULL, *found = NULL;
	char *rest, *line;
	struct mounts_entry mount;
	size_t best = 0;

	if (usage_read(usage, NULL, MOUNTS_PATH, &text) < 0)
		return -ENOMEM;
	rest = text;
	while (rest && (line = strsep(&rest, "\n"))) {
		_cleanup_free_ char *copy = strdup(line);
		size_t n;

		if (!copy)
			return -ENOMEM;
		if (!mounts_entry(line, &mount))
			continue;
		n = strlen(mount.point);
		if (n < best || !base_starts(file, mount.point) || (n > 1 && file[n] != '/'))
			continue;
		best = n;
		free(found);
		found = TAKE_PTR(copy);
	}
	return found && mounts_entry(found, &mount) ? claim_mount(usage, &mount, claim) : 0;
}

/* zram is memory, but may write what does not compress to a disk. */
static int claim_zram(struct usage *usage, const char *name)
{
	struct usage_claim claim = {USE_SWAP_DISK, "swap is on ", " through zram"};
	char disk[256];

	usage_attr(usage, disk, sizeof(disk), "/sys/class/block/%s/backing_dev", name);
	return base_starts(disk, "/dev/") ? usage_claim_source(usage, disk, &claim) : 0;
}

/* "/dev/sda3 partition 999420 0 -2", "/swapfile file ...": mm/swapfile.c, swap_show(). */
static int swap_line(struct usage *usage, char *line)
{
	struct usage_claim claim = {USE_SWAP_DISK, "swap is on ", NULL};
	_cleanup_free_ char *text = NULL;
	char *type = line + strcspn(line, " \t");
	bool file;

	if (*line != '/' || !*type)
		return 0;
	*type++ = '\0';
	file = base_starts(type + strspn(type, " \t"), "file");
	mounts_unescape(line);
	if (base_starts(line, "/dev/zram"))
		return claim_zram(usage, line + strlen("/dev/"));
	if (!file)
		return usage_claim_source(usage, line, &claim);
	if (asprintf(&text, "the swap file %s is on ", line) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	claim.text = text;
	return claim_file(usage, line, &claim);
}

/* resume=UUID=... of the kernel that runs. */
static int find_resume(struct usage *usage)
{
	const struct usage_claim claim = {USE_SWAP_DISK, "hibernation resumes from ", NULL};
	_cleanup_(strv_free) struct strv words = {0};
	_cleanup_free_ char *text = NULL;
	int r = usage_read(usage, USAGE_DISKS, "/proc/cmdline", &text);

	if (r == 0 && text)
		r = strv_split(&words, text, " \t\n");
	for (size_t i = 0; r >= 0 && i < words.n; i++)
		if (base_starts(words.v[i], "resume="))
			r = usage_claim_source(usage, words.v[i] + strlen("resume="), &claim);
	return r;
}

/* What boot does not wait for is idle. */
static int claim_wanted(struct usage *usage, const struct mounts_wanted *wanted)
{
	_cleanup_free_ char *text = NULL;
	bool swap = strcmp(wanted->type, "swap") == 0;
	bool idle = mounts_has_option(wanted->options, "noauto");
	struct usage_claim claim = {
		.tail = idle ? " when it is mounted (/etc/fstab, noauto)"
			     : " (/etc/fstab, not in use now)",
	};
	int n = swap ? asprintf(&text, "swap is on ") : asprintf(&text, "%s is on ", wanted->point);

	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	claim.text = text;
	claim.kind = idle ? USE_IDLE_DISK : swap ? USE_SWAP_DISK : kind_of(wanted->point);
	return usage_claim_source(usage, wanted->source, &claim);
}

/* What is mounted or swap already says so itself.  A rescue system may not have opened what the
 * host's system is on: LUKS, LVM. */
static int fstab_line(struct usage *usage, char *line)
{
	struct mounts_wanted wanted;
	char name[NAME_MAX + 1];
	int r;

	if (!mounts_wanted(line, &wanted))
		return 0;
	r = usage_source(usage, wanted.source, name);
	if (r == 0 && usage_is_offline(usage) && usage_is_device(wanted.source) &&
		!mounts_has_option(wanted.options, "noauto"))
		return usage_unknown(usage, USAGE_DISKS, "no device is known for %s (%s)",
			wanted.source, MOUNTS_FSTAB_PATH);
	return r <= 0 || strv_has(&usage->in_use, name) ? r : claim_wanted(usage, &wanted);
}

/* Of the system being configured; a rescue system's own is of no interest. */
static int find_fstab(struct usage *usage)
{
	_cleanup_free_ char *text = NULL;
	int r = root_read_text(usage->root, MOUNTS_FSTAB_PATH, &text, NULL);

	if (r == -ENOENT || r == -ENOMEM)
		return r == -ENOMEM ? r : 0;
	if (r < 0)
		return usage_unknown(usage, USAGE_DISKS, MOUNTS_FSTAB_PATH ": %s", strerror(-r));
	return each_line(usage, text, fstab_line);
}

/* Imported pools, mounted or not: the module's statistics have a directory for each. */
static int find_pools(struct usage *usage)
{
	_cleanup_(strv_free) struct strv pools = {0};
	int r = root_list(usage->running, "/proc/spl/kstat/zfs", &pools);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (size_t i = 0; r >= 0 && i < pools.n; i++) {
		_cleanup_free_ char *text = NULL;
		struct usage_claim claim = {.kind = USE_MOUNTED_DISK};
		char path[512];

		(void)snprintf(path, sizeof(path), "/proc/spl/kstat/zfs/%s/state", pools.v[i]);
		if (!root_exists(usage->running, path))
			continue;
		if (asprintf(&text, "the ZFS pool %s is on ", pools.v[i]) < 0) {
			text = NULL;
			return -ENOMEM;
		}
		claim.text = text;
		r = usage_claim_pool(usage, pools.v[i], &claim);
	}
	return r;
}

/* Pools that are imported at boot, or are now and udev knows nothing of their disks.  The file is a
 * packed nvlist; a string in it is followed by a zero byte, of its padding or of the next pair's
 * size. */
static int find_cached_pools(struct usage *usage)
{
	const struct usage_claim claim = {
		USE_MOUNTED_DISK, "a ZFS pool is on ", " (" POOL_CACHE ")"};
	_cleanup_free_ char *data = NULL;
	size_t n = 0;
	int r = root_read(usage->root, POOL_CACHE, &data, &n, NULL);
	const char *end = data + n, *path = data;

	if (r == -ENOENT || r == -ENOMEM)
		return r == -ENOMEM ? r : 0;
	if (r < 0)
		return usage_unknown(usage, USAGE_DISKS, POOL_CACHE ": %s", strerror(-r));
	for (; r >= 0 && (path = memmem(path, (size_t)(end - path), "/dev/", 5)); path++) {
		char source[PATH_MAX], name[NAME_MAX + 1];

		(void)snprintf(source, sizeof(source), "%.*s", (int)(end - path), path);
		r = usage_source(usage, source, name);
		if (r > 0 && !strv_has(&usage->in_use, name))
			r = usage_claim_source(usage, source, &claim);
	}
	return r;
}

static int read_lines(struct usage *usage, const char *path, int (*each)(struct usage *, char *))
{
	_cleanup_free_ char *text = NULL;
	int r = usage_read(usage, USAGE_DISKS, path, &text);

	return r < 0 || !text ? r : each_line(usage, text, each);
}

int usage_disks(struct usage *usage)
{
	int r;

	if (!usage->running)
		return 0;
	r = read_lines(usage, MOUNTS_PATH, mount_line);
	if (r >= 0)
		r = read_lines(usage, SWAPS, swap_line);
	if (r >= 0 && !usage_is_offline(usage))
		r = find_resume(usage);
	if (r >= 0)
		r = find_pools(usage);
	if (r >= 0)
		r = find_cached_pools(usage);
	return r < 0 ? r : find_fstab(usage);
}

/* The root being configured may be mounted somewhere in the running system: its "/" is the last
 * mount point that its path lies in. */
int usage_find_slash(struct usage *usage)
{
	_cleanup_free_ char *text = NULL;
	const char *path = root_path(usage->root);
	char *rest, *line;
	size_t best = 0;

	if (usage_read(usage, NULL, MOUNTS_PATH, &text) < 0)
		return -ENOMEM;
	rest = usage->running != usage->root ? text : NULL;
	usage->slash = strdup("/");
	while (usage->slash && (line = strsep(&rest, "\n"))) {
		struct mounts_entry mount;
		size_t n;

		if (!mounts_entry(line, &mount))
			continue;
		n = strlen(mount.point);
		if (n < best || n < 2 || !base_starts(path, mount.point) ||
			(path[n] && path[n] != '/'))
			continue;
		best = n;
		free(usage->slash);
		usage->slash = strdup(mount.point);
	}
	return usage->slash ? 0 : -ENOMEM;
}
