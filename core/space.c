#include "core/space.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* vfio-pci, what it needs, and the script: some hundred kilobytes, compressed or not. */
#define GROWTH (1u << 20)
/* $BOOT/ENTRY-TOKEN/VERSION/initrd is the deepest (kernel-install). */
#define DEPTH_MAX 3

/* One file system with images. */
struct disk {
	dev_t dev;
	char path[256]; /* a directory on it */
	uint64_t biggest;
	unsigned n_images;
};

struct disks {
	struct disk v[4];
	size_t n;
};

/* As Debian, Fedora, openSUSE, Arch and kernel-install name them. */
static bool is_image(const char *name)
{
	return base_starts(name, "initrd") || base_starts(name, "initramfs") ||
	       base_starts(name, "booster-");
}

static int look(const struct root *root, const char *directory, unsigned depth,
	int (*take)(void *arg, const char *path, const struct stat *st), void *arg)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(root, directory, &names);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		_cleanup_free_ char *path = NULL;
		struct stat st;

		if (asprintf(&path, "%s/%s", directory, names.v[i]) < 0)
			return -ENOMEM;
		if (root_stat(root, path, &st) < 0)
			continue;
		if (S_ISREG(st.st_mode) && is_image(names.v[i]))
			r = take(arg, path, &st);
		else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			r = look(root, path, depth + 1, take, arg);
	}
	return r;
}

int space_images(const struct root *root,
	int (*take)(void *arg, const char *path, const struct stat *st), void *arg)
{
	int r = look(root, "/boot", 0, take, arg);

	return r < 0 ? r : look(root, "/efi", 0, take, arg);
}

static int count_image(void *arg, const char *path, const struct stat *st)
{
	struct disks *disks = arg;
	struct disk *disk = NULL;
	size_t len = (size_t)(strrchr(path, '/') - path);

	for (size_t i = 0; i < disks->n; i++)
		if (disks->v[i].dev == st->st_dev)
			disk = &disks->v[i];
	if (!disk && disks->n == ARRAY_SIZE(disks->v))
		return 0;
	if (!disk) {
		disk = &disks->v[disks->n++];
		*disk = (struct disk){.dev = st->st_dev};
	}
	/* The outermost directory is how people know the file system. */
	if (!disk->n_images || len < strlen(disk->path))
		(void)snprintf(disk->path, sizeof(disk->path), "%.*s", (int)len, path);
	disk->n_images++;
	if ((uint64_t)st->st_size > disk->biggest)
		disk->biggest = (uint64_t)st->st_size;
	return 0;
}

static int judge(const struct root *root, const struct disk *disk, struct plan *plan)
{
	uint64_t room, need = disk->biggest + (uint64_t)disk->n_images * GROWTH;

	if (root_space(root, disk->path, &room) < 0 || room >= need)
		return 0;
	return findings_add(&plan->findings, "boot-space", SEVERITY_DANGER, NULL, -1,
		"remove kernels that are not needed any more, or other files there, and try again",
		"%s has %" PRIu64
		" MiB left, and rebuilding its %u initramfs %s needs about %" PRIu64
		" MiB: a build that runs out of room fails, and with some generators leaves the "
		"kernel without an image.",
		disk->path, room >> 20, disk->n_images, disk->n_images == 1 ? "image" : "images",
		(need + (1u << 20) - 1) >> 20);
}

int space_check(const struct root *root, struct plan *plan)
{
	struct disks disks = {0};
	bool builds = false;
	int r = 0;

	for (size_t i = 0; i < plan->n_commands; i++)
		builds |= plan->commands[i].stage == COMMAND_INITRAMFS;
	if (builds)
		r = space_images(root, count_image, &disks);
	for (size_t i = 0; r == 0 && i < disks.n; i++)
		r = judge(root, &disks.v[i], plan);
	return r;
}
