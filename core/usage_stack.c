/* Devices on devices: from what the host uses down to the hardware that it stands on. */
#include "core/usage_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Deeper and wider than any real stack, and an end for a loop in a made-up tree. */
#define DEPTH_MAX 16
#define STEPS_MAX 20000

/* What lies between the thing and the hardware: "LUKS", "cryptroot". */
struct layer {
	const struct layer *above;
	char kind[32], name[128];
};

struct walk {
	const struct usage_claim *claim;
	const struct layer *layers; /* the lowest first */
	const char *leaf;  /* the partition, while its disk is looked for; NULL: not there yet */
	const char *spare; /* the lowest layer that does without one of its parts; NULL: none */
	int depth;
};

static int below(struct usage *usage, const char *path, struct walk walk);

/* LVM on LVM (a cache, a mirror) is one: the highest is what a person knows. */
static const struct layer *shown(const struct layer *l)
{
	while (l && l->above && strcmp(l->kind, "LVM") == 0 && strcmp(l->above->kind, "LVM") == 0)
		l = l->above;
	return l;
}

/* " through RAID1 `md0`, LUKS `cryptroot` and LVM `vg-root`" */
static void add_layers(struct str *text, const struct layer *layers, const char *join)
{
	for (const struct layer *l = shown(layers), *next; l; l = next) {
		next = shown(l->above);
		str_addf(text, "%s%s%s`%s`", join, l->kind, *l->kind ? " " : "", l->name);
		join = next && !next->above ? " and " : ", ";
	}
}

/* iSCSI, NVMe over fabrics, network block devices: on some network card, which /sys does not tell.
 */
static bool is_remote(const char *path)
{
	static const char *const marks[] = {"/session", "/nvme-fabrics/", "/virtual/block/nbd",
		"/virtual/block/drbd", "/devices/rbd/"};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (strstr(path, marks[i]))
			return true;
	return false;
}

static int tell(struct usage *usage, const char *path, const struct walk *walk)
{
	_cleanup_(str_free) struct str text = {0};
	int r;

	str_addf(&text, "%s%s", walk->claim->text, walk->leaf);
	add_layers(&text, walk->layers, walk->claim->kind == USE_NETWORK ? " in " : " through ");
	str_add(&text, walk->claim->tail ? walk->claim->tail : "");
	if (str_check(&text) < 0)
		return -ENOMEM;
	usage->spare = walk->spare;
	r = usage_tell_path(usage, path, walk->claim->kind, "%s", text.s);
	usage->spare = NULL;
	if (r == 0 && walk->claim->kind != USE_NETWORK && is_remote(path))
		r = usage_unknown(usage, USAGE_DISKS, "%s, which comes over the network", text.s);
	return r;
}

/* Names in a directory that begin with `prefix` and are links: what is no link is the thing itself.
 */
static int follow(struct usage *usage, const char *directory, const char *prefix, struct walk walk)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(usage->root, directory, &names), found = 0;

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		char link[PATH_MAX], path[PATH_MAX];

		if (!base_starts(names.v[i], prefix) ||
			snprintf(path, sizeof(path), "%s/%s", directory, names.v[i]) >=
				(int)sizeof(path) ||
			root_link(usage->root, path, link, sizeof(link)) <= 0)
			continue;
		found++;
		r = below(usage, path, walk);
	}
	return r < 0 ? r : found;
}

/* The whole disk of a partition; another device itself. */
static void whole(const struct usage *usage, const char *path, char disk[PATH_MAX])
{
	char text[16], *slash;

	(void)snprintf(disk, PATH_MAX, "%s", path);
	slash = strrchr(disk, '/');
	if (*usage_attr(usage, text, sizeof(text), "%s/partition", path) && slash)
		*slash = '\0';
}

/* A disk of NVMe multipath stands on the controllers beside it. */
static int beside(struct usage *usage, char *disk, struct walk walk)
{
	char *slash = strrchr(disk, '/'), spare[NAME_MAX + 32];

	if (!slash || !strstr(disk, "/nvme-subsystem/"))
		return 0;
	(void)snprintf(spare, sizeof(spare), "NVMe multipath `%s`", slash + 1);
	walk.spare = spare;
	*slash = '\0';
	return follow(usage, disk, "nvme", walk);
}

/* dm/uuid begins with who made it: dmsetup(8), cryptsetup's and multipath's prefixes. */
static void name_mapping(const struct usage *usage, const char *path, struct layer *layer)
{
	static const struct {
		const char *prefix, *kind;
	} makers[] = {
		{"CRYPT-LUKS", "LUKS"},
		{"CRYPT-VERITY", "verity"},
		{"CRYPT-", "encryption"},
		{"LVM-", "LVM"},
		{"mpath-", "multipath"},
		{"DMRAID-", "RAID"},
	};
	char uuid[256], name[sizeof(layer->name)];
	const char *maker = uuid;

	usage_attr(usage, uuid, sizeof(uuid), "%s/dm/uuid", path);
	if (base_starts(uuid, "part") && strchr(uuid, '-'))
		maker = strchr(uuid, '-') + 1;
	if (*usage_attr(usage, name, sizeof(name), "%s/dm/name", path))
		memcpy(layer->name, name, sizeof(name));
	(void)snprintf(layer->kind, sizeof(layer->kind), "device mapper");
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (base_starts(maker, makers[i].prefix)) {
			(void)snprintf(layer->kind, sizeof(layer->kind), "%s", makers[i].kind);
			return;
		}
}

static void upper(char *text)
{
	for (; *text; text++)
		*text = (char)toupper((unsigned char)*text);
}

static void name_disk(const struct usage *usage, const char *path, struct layer *layer)
{
	if (base_starts(layer->name, "dm-")) {
		name_mapping(usage, path, layer);
	} else if (base_starts(layer->name, "md")) {
		usage_attr(usage, layer->kind, sizeof(layer->kind), "%s/md/level", path);
		upper(layer->kind);
		if (!*layer->kind)
			(void)snprintf(layer->kind, sizeof(layer->kind), "RAID");
	} else if (base_starts(layer->name, "bcache")) {
		(void)snprintf(layer->kind, sizeof(layer->kind), "bcache");
	}
}

/* uevent's DEVTYPE: bridge, bond, vlan, macvlan, team. */
static void name_link(const struct usage *usage, const char *path, struct layer *layer)
{
	char text[512], *type;

	usage_attr(usage, text, sizeof(text), "%s/uevent", path);
	type = base_starts(text, "DEVTYPE=") ? text : strstr(text, "\nDEVTYPE=");
	if (!type)
		return;
	type = strchr(type, '=') + 1;
	type[strcspn(type, "\n")] = '\0';
	(void)snprintf(layer->kind, sizeof(layer->kind), "%.31s", type);
}

/* RAID1 as long as it is whole; other levels can lose one disk, and perhaps not two of a
 * controller. */
static bool does_without_one(const struct usage *usage, const char *path, const char *kind)
{
	char degraded[16];

	if (strcmp(kind, "RAID1") == 0)
		return strcmp(usage_attr(usage, degraded, sizeof(degraded), "%s/md/degraded", path),
			       "0") == 0;
	return strcmp(kind, "multipath") == 0 || strcmp(kind, "bond") == 0 ||
	       strcmp(kind, "team") == 0;
}

static bool stands_on_one(const char *kind)
{
	return strcmp(kind, "LUKS") == 0 || strcmp(kind, "encryption") == 0 ||
	       strcmp(kind, "verity") == 0;
}

/* What a device without a leaf so far stands on: the lower links, or the disks of its disk.  1
 * where there is any. */
static int through(struct usage *usage, const char *real, const char *disk, struct walk walk)
{
	bool net = walk.claim->kind == USE_NETWORK;
	struct layer layer = {.above = walk.layers};
	char slaves[PATH_MAX], spare[sizeof(layer.kind) + sizeof(layer.name) + 4];

	(void)snprintf(layer.name, sizeof(layer.name), "%.127s", strrchr(real, '/') + 1);
	walk.layers = &layer;
	if (net)
		name_link(usage, real, &layer);
	else
		name_disk(usage, disk, &layer);
	(void)snprintf(spare, sizeof(spare), "%s `%s`", layer.kind, layer.name);
	if (does_without_one(usage, disk, layer.kind))
		walk.spare = spare;
	else if (!stands_on_one(layer.kind))
		walk.spare = NULL;
	if (net)
		return follow(usage, real, "lower_", walk);
	if (snprintf(slaves, sizeof(slaves), "%s/slaves", disk) >= (int)sizeof(slaves))
		return 0;
	return follow(usage, slaves, "", walk);
}

/* What a block or network device at `path` (a link, or a directory) stands on. */
static int below(struct usage *usage, const char *path, struct walk walk)
{
	bool net = walk.claim->kind == USE_NETWORK;
	/* Who has it open does not say what is on it. */
	bool is_open = walk.claim->kind == USE_GUEST || walk.claim->kind == USE_PROGRAM;
	_cleanup_free_ char *real = NULL;
	char disk[PATH_MAX];
	int r;

	if (++walk.depth > DEPTH_MAX || !root_exists(usage->root, path))
		return 0;
	if (++usage->steps > STEPS_MAX)
		return usage_unknown(usage, net ? USAGE_NETWORK : USAGE_DISKS,
			"too many devices stand on each other");
	r = root_resolve(usage->root, path, &real, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	whole(usage, real, disk);
	if (!net && !is_open && (r = strv_add_unique(&usage->in_use, strrchr(real, '/') + 1)) < 0)
		return r;
	if (!walk.leaf) {
		r = through(usage, real, disk, walk);
		if (r != 0)
			return r < 0 ? r : 0;
		walk.leaf = strrchr(real, '/') + 1;
	}
	r = tell(usage, real, &walk);
	return r < 0 ? r : beside(usage, disk, walk);
}

int usage_claim(struct usage *usage, const char *path, const struct usage_claim *claim)
{
	int r;

	if (!root_exists(usage->root, path))
		return 0;
	r = below(usage, path, (struct walk){.claim = claim});
	return r < 0 ? r : 1;
}

int usage_claim_interface(struct usage *usage, const char *name, const struct usage_claim *claim)
{
	char path[PATH_MAX];

	if (strchr(name, '/') || strcmp(name, "lo") == 0 ||
		snprintf(path, sizeof(path), "/sys/class/net/%s", name) >= (int)sizeof(path))
		return 0;
	return usage_claim(usage, path, claim);
}

/* udev writes what is not plain in a label as \x20: systemd's encode_devnode_name(). */
static void add_encoded(struct str *path, const char *value)
{
	for (; *value; value++)
		if (isalnum((unsigned char)*value) || strchr("#+-.:=@_", *value) ||
			(unsigned char)*value >= 0x80)
			str_addc(path, *value);
		else
			str_addf(path, "\\x%02x", (unsigned)(unsigned char)*value);
}

/* "UUID=..." as the link that udev makes; "/dev/..." as it is; false for what is no device. */
static bool add_source(struct str *path, const char *source)
{
	static const struct {
		const char *tag, *place;
	} tags[] = {
		{"UUID=", "by-uuid"},
		{"LABEL=", "by-label"},
		{"PARTUUID=", "by-partuuid"},
		{"PARTLABEL=", "by-partlabel"},
		{"ID=", "by-id"},
	};

	if (base_starts(source, "/dev/")) {
		str_add(path, source);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		const char *value = source + strlen(tags[i].tag);
		size_t n;

		if (!base_starts(source, tags[i].tag))
			continue;
		n = strlen(value);
		str_addf(path, "/dev/disk/%s/", tags[i].place);
		if (n > 1 && *value == '"' && value[n - 1] == '"') {
			_cleanup_free_ char *bare = strndup(value + 1, n - 2);

			path->failed |= !bare;
			add_encoded(path, bare ? bare : "");
		} else {
			add_encoded(path, value);
		}
		return true;
	}
	return false;
}

/* A name below /dev as sysfs has it: "cciss/c0d0" is "cciss!c0d0". */
static void by_name(const char *real, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "/sys/class/block/%s", real + strlen("/dev/"));

	for (char *p = path + strlen("/sys/class/block/"); *p; p++)
		if (*p == '/')
			*p = '!';
	if (n >= PATH_MAX)
		path[0] = '\0';
}

/* The entry of /sys for a device that is named as in fstab(5), "" for none. */
static int find_source(const struct usage *usage, const char *source, char path[PATH_MAX])
{
	_cleanup_(str_free) struct str dev = {0};
	_cleanup_free_ char *real = NULL;
	struct stat st;
	int r;

	path[0] = '\0';
	if (!add_source(&dev, source))
		return 0;
	if (str_check(&dev) < 0)
		return -ENOMEM;
	if (root_stat(usage->running, dev.s, &st) == 0 && S_ISBLK(st.st_mode)) {
		(void)snprintf(path, PATH_MAX, "/sys/dev/block/%u:%u", major(st.st_rdev),
			minor(st.st_rdev));
		if (root_exists(usage->root, path))
			return 0;
	}
	r = root_resolve(usage->running, dev.s, &real, NULL);
	if (r == 0 && base_starts(real, "/dev/"))
		by_name(real, path);
	return r == -ENOMEM ? r : 0;
}

bool usage_is_device(const char *source)
{
	_cleanup_(str_free) struct str dev = {0};

	return add_source(&dev, source);
}

int usage_source(struct usage *usage, const char *source, char name[NAME_MAX + 1])
{
	_cleanup_free_ char *real = NULL;
	char path[PATH_MAX];
	int r = find_source(usage, source, path);

	if (r < 0 || !*path || !root_exists(usage->root, path))
		return r;
	r = root_resolve(usage->root, path, &real, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	(void)snprintf(name, NAME_MAX + 1, "%s", strrchr(real, '/') + 1);
	return 1;
}

int usage_claim_source(struct usage *usage, const char *source, const struct usage_claim *claim)
{
	char path[PATH_MAX];
	int r = find_source(usage, source, path);

	return r < 0 || !*path ? r : usage_claim(usage, path, claim);
}

/* A btrfs is on every device beside the one that the mount names. */
int usage_claim_btrfs(struct usage *usage, const char *source, const struct usage_claim *claim)
{
	_cleanup_(strv_free) struct strv systems = {0};
	_cleanup_free_ char *real = NULL;
	int r = root_resolve(usage->running, source, &real, NULL);

	if (r == 0)
		r = root_list(usage->root, "/sys/fs/btrfs", &systems);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < systems.n; i++) {
		char member[PATH_MAX];

		(void)snprintf(member, sizeof(member), "/sys/fs/btrfs/%s/devices%s", systems.v[i],
			strrchr(real, '/'));
		if (!root_exists(usage->root, member))
			continue;
		*strrchr(member, '/') = '\0';
		return follow(usage, member, "", (struct walk){.claim = claim});
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

int usage_claim_pool(struct usage *usage, const char *source, const struct usage_claim *claim)
{
	_cleanup_free_ char *pool = strndup(source, strcspn(source, "/"));
	_cleanup_(strv_free) struct strv entries = {0};
	int r = root_list(usage->running, "/run/udev/data", &entries), found = 0;

	if (!pool || r == -ENOMEM)
		return -ENOMEM;
	r = 0;
	for (size_t i = 0; r >= 0 && i < entries.n; i++) {
		char path[PATH_MAX];
		int member = entries.v[i][0] == 'b'
				     ? is_pool_member(usage->running, entries.v[i], pool)
				     : 0;

		if (member <= 0) {
			r = member;
			continue;
		}
		(void)snprintf(path, sizeof(path), "/sys/dev/block/%s", entries.v[i] + 1);
		r = usage_claim(usage, path, claim);
		found |= r > 0;
	}
	if (r >= 0 && !found)
		r = usage_unknown(usage, USAGE_DISKS, "no disk is known for the ZFS pool %s", pool);
	return r < 0 ? r : found;
}
