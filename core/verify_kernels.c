#include "core/verify.h"

#include "core/forecast.h"
#include "core/images.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* NULL: the kernel has none. */
static const char *newest(const struct root *root, const struct images *images,
	const struct kernel *kernel, struct timespec *ret_built)
{
	const char *path = NULL;

	for (size_t i = 0; i < images->n; i++) {
		struct stat st;

		if (images->v[i].kernel != kernel || root_stat(root, images->v[i].path, &st) < 0 ||
			(path && !is_later(&st.st_mtim, ret_built)))
			continue;
		path = images->v[i].path;
		*ret_built = st.st_mtim;
	}
	return path;
}

/* 0 or -ENOMEM. */
static int find_rebuild(enum initramfs initramfs, struct kernel_verdict *kernel)
{
	int r = 0;

	if (initramfs == INITRAMFS_TOOLS)
		r = asprintf(&kernel->rebuild, "update-initramfs -u -k %s", kernel->version);
	else if (initramfs == INITRAMFS_DRACUT && !base_ends(kernel->image, ".efi"))
		r = asprintf(
			&kernel->rebuild, "dracut --force %s %s", kernel->image, kernel->version);
	else if (initramfs == INITRAMFS_MKINITCPIO)
		r = asprintf(&kernel->rebuild, "mkinitcpio -P");
	if (r < 0)
		kernel->rebuild = NULL;
	return r < 0 ? -ENOMEM : 0;
}

static int add(struct verdicts *verdicts, const struct root *root, const struct images *images,
	enum initramfs initramfs, const struct kernel *of, const struct stat *choice)
{
	struct kernel_verdict *kernel;
	struct timespec built = {0};
	const char *image = newest(root, images, of, &built);

	if (base_grow(&verdicts->kernels, verdicts->n_kernels, sizeof(*kernel)) < 0)
		return -ENOMEM;
	kernel = &verdicts->kernels[verdicts->n_kernels++];
	*kernel = (struct kernel_verdict){
		.version = strdup(of->version), .image = image ? strdup(image) : NULL};
	kernel->covered = !image ? UNKNOWN : is_later(&choice->st_mtim, &built) ? NO : YES;
	if (!kernel->version || (image && !kernel->image))
		return -ENOMEM;
	return kernel->covered == NO ? find_rebuild(initramfs, kernel) : 0;
}

int verify_kernels(const struct root *root, const struct machine *machine,
	const struct choice *choice, const struct existing *existing, struct verdicts *verdicts)
{
	_cleanup_(images_free) struct images images = {0};
	struct stat written;
	int r;

	if (!forecast_is_early(machine, choice, existing) ||
		root_stat(root, CHOICE_PATH, &written) < 0)
		return 0;
	r = images_find(root, machine, &images);
	for (size_t k = 0; r == 0 && k < machine->n_kernels; k++)
		r = add(verdicts, root, &images, choice_initramfs(choice, machine),
			&machine->kernels[k], &written);
	return r;
}
