#include "core/verify.h"

#include "core/space.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct search {
	const char *version;
	char *image;
	struct timespec built;
};

/* The version is a word of the path, and not the beginning of a longer one: of 6.1 and 6.1-rt. */
static bool is_of(const char *path, const char *version)
{
	for (const char *p = path; (p = strstr(p, version)); p++) {
		const char *end = p + strlen(version);

		if (p > path && strchr("-/", p[-1]) &&
			(!*end || *end == '/' || strcmp(end, ".img") == 0))
			return true;
	}
	return false;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static int take_image(void *arg, const char *path, const struct stat *st)
{
	struct search *search = arg;
	char *copy;

	if (!is_of(path, search->version) ||
		(search->image && !is_later(&st->st_mtim, &search->built)))
		return 0;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	free(search->image);
	search->image = copy;
	search->built = st->st_mtim;
	return 0;
}

static int add(struct verdicts *verdicts, struct search *search, const struct stat *choice)
{
	struct kernel_verdict *kernel;

	if (base_grow(&verdicts->kernels, verdicts->n_kernels, sizeof(*kernel)) < 0)
		return -ENOMEM;
	kernel = &verdicts->kernels[verdicts->n_kernels];
	kernel->version = strdup(search->version);
	if (!kernel->version)
		return -ENOMEM;
	verdicts->n_kernels++;
	kernel->image = TAKE_PTR(search->image);
	kernel->covered = !kernel->image                               ? UNKNOWN
			  : is_later(&choice->st_mtim, &search->built) ? NO
								       : YES;
	return 0;
}

int verify_kernels(
	const struct root *root, const struct machine *machine, struct verdicts *verdicts)
{
	struct stat choice;
	int r = 0;

	if (root_stat(root, CHOICE_PATH, &choice) < 0)
		return 0;
	for (size_t k = 0; r == 0 && k < machine->n_kernels; k++) {
		struct search search = {.version = machine->kernels[k].version};

		r = space_images(root, take_image, &search);
		if (r == 0)
			r = add(verdicts, &search, &choice);
		free(search.image);
	}
	return r;
}
