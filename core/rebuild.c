#include "core/rebuild.h"

#include "core/host.h"
#include "core/images.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* vfio-pci, what it needs, and the script: some hundred kilobytes, compressed or not. */
#define GROWTH (1u << 20)

/* One file system with images. */
struct disk {
	dev_t dev;
	char path[256]; /* a directory on it */
	uint64_t biggest, all;
	unsigned n_images;
};

struct disks {
	struct disk v[4];
	size_t n;
};

static void count_image(struct disks *disks, const char *path, const struct stat *st)
{
	struct disk *disk = NULL;
	size_t len = (size_t)(strrchr(path, '/') - path);

	for (size_t i = 0; i < disks->n; i++)
		if (disks->v[i].dev == st->st_dev)
			disk = &disks->v[i];
	if (!disk && disks->n == ARRAY_SIZE(disks->v))
		return;
	if (!disk) {
		disk = &disks->v[disks->n++];
		*disk = (struct disk){.dev = st->st_dev};
	}
	/* The outermost directory is how people know the file system. */
	if (!disk->n_images || len < strlen(disk->path))
		(void)snprintf(disk->path, sizeof(disk->path), "%.*s", (int)len, path);
	disk->n_images++;
	disk->all += (uint64_t)st->st_size;
	if ((uint64_t)st->st_size > disk->biggest)
		disk->biggest = (uint64_t)st->st_size;
}

static int judge(const struct root *root, const struct disk *disk, bool beside, struct plan *plan)
{
	uint64_t room,
		need = (beside ? disk->all : disk->biggest) + (uint64_t)disk->n_images * GROWTH;

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

static bool builds(const struct plan *plan, enum command_stage stage)
{
	for (size_t i = 0; i < plan->n_commands; i++)
		if (plan->commands[i].stage == stage)
			return true;
	return false;
}

static int check_room(const struct root *root, const struct images *images, struct plan *plan)
{
	bool beside = builds(plan, COMMAND_PLACE);
	struct disks disks = {0};
	int r = 0;

	for (size_t i = 0; i < images->n; i++) {
		struct stat st;

		if (root_stat(root, images->v[i].path, &st) == 0)
			count_image(&disks, images->v[i].path, &st);
	}
	for (size_t i = 0; r == 0 && i < disks.n; i++)
		r = judge(root, &disks.v[i], beside, plan);
	return r;
}

/* Images are by kernel: with the first and the last one all are of the same. */
static int check_only(const struct machine *machine, const struct images *images, struct plan *plan)
{
	enum boot_loader loader = choice_boot_loader(&plan->after, machine);

	if ((loader != BOOT_KERNEL_INSTALL && loader != BOOT_UKI) || !images->n ||
		images->v[0].kernel != images->v[images->n - 1].kernel)
		return 0;
	return findings_add(&plan->findings, "only-image", SEVERITY_WARNING, NULL, -1,
		"install a second kernel first, or have a rescue system at hand",
		"Only kernel %s starts this system, and its new image is written over the old one: "
		"if the power fails in these seconds, nothing here boots.",
		images->v[0].kernel->version);
}

int rebuild_check(const struct root *root, const struct machine *machine, struct plan *plan)
{
	_cleanup_(images_free) struct images images = {0};
	int r;

	if (!builds(plan, COMMAND_INITRAMFS))
		return 0;
	r = images_find(root, machine, &images);
	if (r == 0)
		r = check_room(root, &images, plan);
	return r < 0 ? r : check_only(machine, &images, plan);
}

int rebuild_check_room(const struct root *root, struct plan *plan)
{
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(images_free) struct images images = {0};
	int r;

	if (!builds(plan, COMMAND_INITRAMFS))
		return 0;
	machine = calloc(1, sizeof(*machine));
	r = machine ? host_scan_kernels(root, machine, NULL) : -ENOMEM;
	if (r == 0)
		r = images_find(root, machine, &images);
	if (r == 0)
		r = check_room(root, &images, plan);
	return r == -ENOMEM ? r : 0;
}
