/* Disks that the host uses: mounts, swap, hibernation, fstab, ZFS pools. */
#include "core/usage_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MOUNTS "/proc/self/mountinfo"
#define SWAPS  "/proc/swaps"
#define FSTAB  "/etc/fstab"

/* One line of mountinfo, proc_pid_mountinfo(5):
 * 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
struct mount {
	const char *number, *inside, *point, *type, *source;
};

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Blanks and such are written as \040. */
static const char *unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		int c = *from;
		bool escape =
			c == '\\' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3]);

		if (escape)
			c = (from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0');
		*to = (char)c;
		from += escape ? 4 : 1;
	}
	*to = '\0';
	return text;
}

static bool parse_mount(char *line, struct mount *ret)
{
	char *field[6], *rest = line, *end, *type, *source;

	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		if (!(field[i] = strsep(&rest, " ")) || !rest)
			return false;
	end = base_starts(rest, "- ") ? rest + 2 : strstr(rest, " - ");
	if (!end)
		return false;
	end += *end == ' ' ? 3 : 0;
	type = strsep(&end, " ");
	source = end ? strsep(&end, " ") : NULL;
	if (!source)
		return false;
	*ret = (struct mount){field[2], field[3], unescape(field[4]), type, unescape(source)};
	return true;
}

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
	struct usage *usage, const struct mount *mount, const struct usage_claim *claim)
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
static int is_told(struct usage *usage, const struct mount *mount)
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
	struct mount mount;
	const char *point;
	int r;

	if (!parse_mount(line, &mount))
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
	struct mount mount;
	size_t best = 0;

	if (usage_read(usage, NULL, MOUNTS, &text) < 0)
		return -ENOMEM;
	rest = text;
	while (rest && (line = strsep(&rest, "\n"))) {
		_cleanup_free_ char *copy = strdup(line);
		size_t n;

		if (!copy)
			return -ENOMEM;
		if (!parse_mount(line, &mount))
			continue;
		n = strlen(mount.point);
		if (n < best || !base_starts(file, mount.point) || (n > 1 && file[n] != '/'))
			continue;
		best = n;
		free(found);
		found = TAKE_PTR(copy);
	}
	return found && parse_mount(found, &mount) ? claim_mount(usage, &mount, claim) : 0;
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
	unescape(line);
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

static bool has_option(const char *options, const char *option)
{
	size_t n = strlen(option);

	for (const char *p = options; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
		if (strncmp(p, option, n) == 0 && (!p[n] || p[n] == ','))
			return true;
	return false;
}

/* fstab(5): device, mount point, type, options.  What boot does not wait for is idle. */
static int claim_entry(struct usage *usage, const struct strv *field)
{
	_cleanup_free_ char *text = NULL;
	const char *options = field->n > 3 ? field->v[3] : "";
	bool swap = strcmp(field->v[2], "swap") == 0;
	bool idle = has_option(options, "noauto");
	struct usage_claim claim = {
		.tail = idle ? " when it is mounted (/etc/fstab, noauto)"
			     : " (/etc/fstab, not in use now)",
	};
	int n = swap ? asprintf(&text, "swap is on ")
		     : asprintf(&text, "%s is on ", unescape(field->v[1]));

	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	claim.text = text;
	claim.kind = idle ? USE_IDLE_DISK : swap ? USE_SWAP_DISK : kind_of(field->v[1]);
	return usage_claim_source(usage, unescape(field->v[0]), &claim);
}

/* What is mounted or swap already says so itself. */
static int fstab_line(struct usage *usage, char *line)
{
	_cleanup_(strv_free) struct strv field = {0};
	char name[NAME_MAX + 1];
	int r;

	if (line[strspn(line, " \t")] == '#')
		return 0;
	if (strv_split(&field, line, " \t") < 0)
		return -ENOMEM;
	if (field.n < 3)
		return 0;
	r = usage_source(usage, unescape(field.v[0]), name);
	if (r <= 0 || strv_has(&usage->in_use, name))
		return r;
	return claim_entry(usage, &field);
}

/* Of the system being configured; a rescue system's own is of no interest. */
static int find_fstab(struct usage *usage)
{
	_cleanup_free_ char *text = NULL;
	int r = root_read_text(usage->root, FSTAB, &text, NULL);

	if (r == -ENOENT || r == -ENOMEM)
		return r == -ENOMEM ? r : 0;
	if (r < 0)
		return usage_unknown(usage, USAGE_DISKS, FSTAB ": %s", strerror(-r));
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
	r = read_lines(usage, MOUNTS, mount_line);
	if (r >= 0)
		r = read_lines(usage, SWAPS, swap_line);
	if (r >= 0)
		r = find_resume(usage);
	if (r >= 0)
		r = find_pools(usage);
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

	if (usage_read(usage, NULL, MOUNTS, &text) < 0)
		return -ENOMEM;
	rest = usage->running != usage->root ? text : NULL;
	usage->slash = strdup("/");
	while (usage->slash && (line = strsep(&rest, "\n"))) {
		struct mount mount;
		size_t n;

		if (!parse_mount(line, &mount))
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
