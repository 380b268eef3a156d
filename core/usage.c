#include "core/usage.h"

#include "core/host.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Disks on disks on disks: deeper than any real stack, and an end for a loop in a made-up tree. */
#define DEPTH_MAX 16
#define STEPS_MAX 20000

#define MOUNTS "/proc/self/mountinfo"

struct usage {
	const struct root *root;     /* /sys */
	const struct root *running;  /* /proc and /dev of the system that uses it; NULL: unknown */
	const char *slash;           /* the mount point there of the root being configured */
	struct machine *machine;
	unsigned steps;
};

/* What is used: told to every device on the way to it. */
struct claim {
	enum use_kind kind;
	const char *text;
};

static int add_use(struct device *device, const struct claim *claim)
{
	struct use *use;

	for (size_t i = 0; i < device->n_uses; i++)
		if (device->uses[i].kind == claim->kind &&
			strcmp(device->uses[i].text, claim->text) == 0)
			return 0;
	if (base_grow(&device->uses, device->n_uses, sizeof(*device->uses)) < 0)
		return -ENOMEM;
	use = &device->uses[device->n_uses];
	use->kind = claim->kind;
	use->text = strdup(claim->text);
	if (!use->text)
		return -ENOMEM;
	device->n_uses++;
	return 0;
}

/* Every PCI function in a path below /sys/devices serves what is at its end: the disk controller,
 * and above it a VMD controller.  Bridges do too, but a bridge is never given away. */
static int claim_path(struct usage *usage, const char *path, const struct claim *claim)
{
	_cleanup_(strv_free) struct strv parts = {0};

	if (strv_split(&parts, path, "/") < 0)
		return -ENOMEM;
	for (size_t i = 0; i < parts.n; i++) {
		const struct device *found = machine_device(usage->machine, parts.v[i]);
		struct device *device;

		if (!found || device_is_bridge(found))
			continue;
		device = &usage->machine->devices[found - usage->machine->devices];
		if (add_use(device, claim) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int claim_below(struct usage *usage, const char *path, const struct claim *claim, int depth);

/* Follows the links of a directory whose names begin with `prefix`.  Only links are followed: a
 * directory beside them is the thing itself. */
static int claim_links(struct usage *usage, const char *directory, const char *prefix,
	const struct claim *claim, int depth)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(usage->root, directory, &names);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		_cleanup_free_ char *link = NULL;
		char text[PATH_MAX];

		if (!base_starts(names.v[i], prefix))
			continue;
		if (asprintf(&link, "%s/%s", directory, names.v[i]) < 0) {
			link = NULL;
			return -ENOMEM;
		}
		if (root_link(usage->root, link, text, sizeof(text)) > 0)
			r = claim_below(usage, link, claim, depth + 1);
	}
	return r;
}

/* A partition stands on its disk, and a disk of NVMe multipath on the controllers beside it. */
static int claim_above(struct usage *usage, const char *path, const struct claim *claim, int depth)
{
	_cleanup_free_ char *partition = NULL, *above = strdup(path);
	char *slash = above ? strrchr(above, '/') : NULL;

	if (!slash || asprintf(&partition, "%s/partition", path) < 0) {
		partition = NULL;
		return -ENOMEM;
	}
	*slash = '\0';
	if (root_exists(usage->root, partition))
		return claim_below(usage, above, claim, depth + 1);
	if (strstr(above, "/nvme-subsystem/"))
		return claim_links(usage, above, "nvme", claim, depth);
	return 0;
}

/* What a block or network device at `path` (a link, or a directory) stands on. */
static int claim_below(struct usage *usage, const char *path, const struct claim *claim, int depth)
{
	_cleanup_free_ char *real = NULL, *slaves = NULL;
	int r;

	if (depth > DEPTH_MAX || ++usage->steps > STEPS_MAX || !root_exists(usage->root, path))
		return 0;
	r = root_resolve(usage->root, path, &real, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (asprintf(&slaves, "%s/slaves", real) < 0) {
		slaves = NULL;
		return -ENOMEM;
	}
	r = claim_path(usage, real, claim);
	if (r == 0)
		r = claim_links(usage, slaves, "", claim, depth);          /* dm, md, bcache */
	if (r == 0)
		r = claim_links(usage, real, "lower_", claim, depth);      /* bridge, bond, VLAN */
	return r < 0 ? r : claim_above(usage, real, claim, depth);
}

/* "/dev/sda2", "/dev/mapper/vg-root": the block device by that name. */
static int claim_source(struct usage *usage, const char *source, const struct claim *claim)
{
	_cleanup_free_ char *real = NULL, *path = NULL;
	int r;

	if (!base_starts(source, "/dev/"))
		return 0;
	r = root_resolve(usage->running, source, &real, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (asprintf(&path, "/sys/class/block/%s", strrchr(real, '/') + 1) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return claim_below(usage, path, claim, 0);
}

/* One line of mountinfo, proc_pid_mountinfo(5):
 * 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
struct mount {
	const char *number, *point, *type, *source;
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
		bool escape = c == '\\' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3]);

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
	*ret = (struct mount){field[2], unescape(field[4]), type, unescape(source)};
	return true;
}

/* A btrfs is on every device beside the one that the mount names. */
static int claim_btrfs(struct usage *usage, const char *source, const struct claim *claim)
{
	_cleanup_(strv_free) struct strv systems = {0};
	_cleanup_free_ char *real = NULL;
	int r = root_resolve(usage->running, source, &real, NULL);

	if (r == 0)
		r = root_list(usage->root, "/sys/fs/btrfs", &systems);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < systems.n; i++) {
		_cleanup_free_ char *member = NULL;

		if (asprintf(&member, "/sys/fs/btrfs/%s/devices%s", systems.v[i],
			    strrchr(real, '/')) < 0) {
			member = NULL;
			return -ENOMEM;
		}
		if (!root_exists(usage->root, member))
			continue;
		*strrchr(member, '/') = '\0';
		return claim_links(usage, member, "", claim, 0);
	}
	return 0;
}

/* udev's database knows what is on each block device: E:ID_FS_LABEL= is the pool's name. */
static int is_pool_member(const struct root *running, const char *entry, const char *pool)
{
	_cleanup_free_ char *path = NULL, *text = NULL, *label = NULL;
	int r;

	if (asprintf(&path, "/run/udev/data/%s", entry) < 0)
		path = NULL;
	if (asprintf(&label, "\nE:ID_FS_LABEL=%s\n", pool) < 0)
		label = NULL;
	if (!path || !label)
		return -ENOMEM;
	r = root_read_text(running, path, &text, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return strstr(text, "\nE:ID_FS_TYPE=zfs_member\n") && strstr(text, label);
}

/* The kernel does not tell what a ZFS pool is made of. */
static int claim_pool(struct usage *usage, const char *source, const struct claim *claim)
{
	_cleanup_free_ char *pool = strndup(source, strcspn(source, "/"));
	_cleanup_(strv_free) struct strv entries = {0};
	int r = root_list(usage->running, "/run/udev/data", &entries);

	if (!pool || r == -ENOMEM)
		return -ENOMEM;
	r = 0;
	for (size_t i = 0; r == 0 && i < entries.n; i++) {
		_cleanup_free_ char *path = NULL;
		int member = entries.v[i][0] == 'b' ?
				     is_pool_member(usage->running, entries.v[i], pool) :
				     0;

		if (member <= 0) {
			r = member;
			continue;
		}
		if (asprintf(&path, "/sys/dev/block/%s", entries.v[i] + 1) < 0)
			path = NULL;
		r = path ? claim_below(usage, path, claim, 0) : -ENOMEM;
	}
	return r;
}

/* By number where the file system has a device of its own that /sys knows, else by its source. */
static int claim_device(struct usage *usage, const struct mount *mount, const struct claim *claim)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (strcmp(mount->type, "zfs") == 0)
		return claim_pool(usage, mount->source, claim);
	if (asprintf(&path, "/sys/dev/block/%s", mount->number) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (root_exists(usage->root, path))
		return claim_below(usage, path, claim, 0);
	r = claim_source(usage, mount->source, claim);
	if (r == 0 && strcmp(mount->type, "btrfs") == 0)
		r = claim_btrfs(usage, mount->source, claim);
	return r;
}

static int claim_mount(struct usage *usage, const struct mount *mount)
{
	bool is_root = strcmp(mount->point, usage->slash) == 0;
	_cleanup_free_ char *text = NULL;
	struct claim claim = {is_root ? USE_ROOT_DISK : USE_MOUNTED_DISK, NULL};

	if (asprintf(&text, "%s is on %s", is_root ? "/" : mount->point,
		    base_starts(mount->source, "/dev/") ? mount->source + 5 : mount->source) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	claim.text = text;
	return claim_device(usage, mount, &claim);
}

/* Calls `each` for every line of a file of the running system; no file, no lines. */
static int each_line(struct usage *usage, const char *path, int (*each)(struct usage *, char *))
{
	_cleanup_free_ char *text = NULL;
	char *rest, *line;
	int r = root_read_text(usage->running, path, &text, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	rest = text;
	while (r == 0 && (line = strsep(&rest, "\n")))
		r = each(usage, line);
	return r;
}

static int mount_line(struct usage *usage, char *line)
{
	struct mount mount;

	return parse_mount(line, &mount) ? claim_mount(usage, &mount) : 0;
}

static int find_mounts(struct usage *usage)
{
	return each_line(usage, MOUNTS, mount_line);
}

/* Only swap on a device: a file's device is mounted, and found there. */
static int swap_line(struct usage *usage, char *line)
{
	_cleanup_free_ char *text = NULL;
	struct claim claim = {USE_SWAP_DISK, NULL};

	line[strcspn(line, " \t")] = '\0';
	if (!base_starts(line, "/dev/"))
		return 0;
	if (asprintf(&text, "swap is on %s", line + strlen("/dev/")) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	claim.text = text;
	return claim_source(usage, line, &claim);
}

static int find_swap(struct usage *usage)
{
	return each_line(usage, "/proc/swaps", swap_line);
}

static int claim_interface(struct usage *usage, const char *name)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct claim claim = {USE_NETWORK, NULL};

	if (strchr(name, '/') || strcmp(name, "lo") == 0)
		return 0;
	if (asprintf(&path, "/sys/class/net/%s", name) < 0)
		path = NULL;
	if (asprintf(&text, "the default route goes through %s", name) < 0)
		text = NULL;
	claim.text = text;
	return path && text ? claim_below(usage, path, &claim, 0) : -ENOMEM;
}

/* net/ipv4/fib_trie.c, fib_route_seq_show(): name, destination, gateway, flags, three counters,
 * mask, in hexadecimal. */
static int route_line(struct usage *usage, char *line)
{
	_cleanup_(strv_free) struct strv field = {0};

	if (strv_split(&field, line, " \t") < 0)
		return -ENOMEM;
	if (field.n < 8 || strcmp(field.v[1], "00000000") != 0 ||
		strcmp(field.v[7], "00000000") != 0)
		return 0;
	return claim_interface(usage, field.v[0]);
}

/* net/ipv6/route.c, rt6_info_route(): destination, its prefix length, ..., name last.  The kernel's
 * own "unreachable" default is on lo. */
static int route6_line(struct usage *usage, char *line)
{
	_cleanup_(strv_free) struct strv field = {0};

	if (strv_split(&field, line, " \t") < 0)
		return -ENOMEM;
	if (field.n < 10 || strspn(field.v[0], "0") != 32 || strcmp(field.v[1], "00") != 0)
		return 0;
	return claim_interface(usage, field.v[field.n - 1]);
}

static int find_routes(struct usage *usage)
{
	int r = each_line(usage, "/proc/net/route", route_line);

	return r < 0 ? r : each_line(usage, "/proc/net/ipv6_route", route6_line);
}

static int find_boot_display(struct usage *usage)
{
	const struct claim claim = {USE_BOOT_DISPLAY, "the firmware's screen, and the console"};

	for (size_t i = 0; i < usage->machine->n_devices; i++)
		if (usage->machine->devices[i].boot_vga &&
			add_use(&usage->machine->devices[i], &claim) < 0)
			return -ENOMEM;
	return 0;
}

static const struct finder {
	int (*find)(struct usage *usage);
	bool asks_running;           /* reads /proc */
} finders[] = {
	{find_mounts, true},
	{find_swap, true},
	{find_routes, true},
	{find_boot_display, false},
};

/* The root being configured may be mounted somewhere in the running system: its "/" is the last
 * mount point that its path lies in. */
static int find_slash(struct usage *usage, char **ret)
{
	_cleanup_free_ char *text = NULL;
	const char *path = root_path(usage->root);
	char *rest, *line;
	size_t best = 0;
	int r;

	r = root_read_text(usage->running, MOUNTS, &text, NULL);
	if (r == -ENOMEM)
		return r;
	rest = r == 0 && usage->running != usage->root ? text : NULL;
	*ret = strdup("/");
	while (*ret && (line = strsep(&rest, "\n"))) {
		struct mount mount;
		size_t n;

		if (!parse_mount(line, &mount))
			continue;
		n = strlen(mount.point);
		if (n < best || n < 2 || !base_starts(path, mount.point) ||
			(path[n] && path[n] != '/'))
			continue;
		best = n;
		free(*ret);
		*ret = strdup(mount.point);
	}
	return *ret ? 0 : -ENOMEM;
}

int usage_scan(const struct root *root, struct machine *machine, struct error *err)
{
	_cleanup_(root_closep) struct root *opened = NULL;
	_cleanup_free_ char *slash = NULL;
	struct usage usage = {.root = root, .machine = machine};
	int r = host_hardware_root(root, &opened, &usage.running);

	if (r == 0 && usage.running)
		r = find_slash(&usage, &slash);
	usage.slash = slash;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(finders); i++)
		if (usage.running || !finders[i].asks_running)
			r = finders[i].find(&usage);
	return r < 0 ? error_set(err, r, "out of memory") : 0;
}
