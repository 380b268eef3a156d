#include "core/images.h"

#include "core/presets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where a partition that boot loaders read may be mounted. */
static const char *const boots[] = {"/efi", "/boot", "/boot/efi"};

struct search {
	const struct root *root;
	const struct machine *machine;
	struct images images;
	int r; /* once memory ran out, nothing more is added */
};

void images_free(struct images *images)
{
	for (size_t i = 0; i < images->n; i++)
		free(images->v[i].path);
	free(images->v);
	*images = (struct images){0};
}

/* -- which kernel -- */

/* The version stands in a file's name or path as a word of it. */
static bool has_version(const char *name, const char *version)
{
	for (const char *p = name; (p = strstr(p, version)); p++) {
		const char *end = p + strlen(version);

		if ((p == name || strchr("-/@", p[-1])) &&
			(!*end || strchr("-/+", *end) || strcmp(end, ".efi") == 0 ||
				strcmp(end, ".img") == 0))
			return true;
	}
	return false;
}

/* Of "6.1" and "6.1-rt" in "vmlinuz-6.1-rt" the longer one is meant. */
static const struct kernel *kernel_by_version(const struct machine *machine, const char *name)
{
	const struct kernel *found = NULL;

	for (size_t k = 0; k < machine->n_kernels; k++) {
		const char *version = machine->kernels[k].version;

		if (has_version(name, version) &&
			(!found || strlen(version) > strlen(found->version)))
			found = &machine->kernels[k];
	}
	return found;
}

/* Arch names the files of a kernel after its package. */
static bool read_package(
	const struct search *s, const struct kernel *kernel, char *ret, size_t size)
{
	char path[512];

	return snprintf(path, sizeof(path), "/usr/lib/modules/%s/pkgbase", kernel->version) <
		       (int)sizeof(path) &&
	       root_attr(s->root, path, ret, size) > 0;
}

static const struct kernel *kernel_by_file(const struct search *s, const char *file)
{
	const struct kernel *kernel = kernel_by_version(s->machine, file);
	const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
	char package[128];

	if (kernel || !base_starts(name, "vmlinuz-"))
		return kernel;
	for (size_t k = 0; k < s->machine->n_kernels; k++)
		if (read_package(s, &s->machine->kernels[k], package, sizeof(package)) &&
			strcmp(name + strlen("vmlinuz-"), package) == 0)
			return &s->machine->kernels[k];
	return NULL;
}

/* -- what is there -- */

static bool is_known(const struct search *s, const char *path)
{
	for (size_t i = 0; i < s->images.n; i++)
		if (strcmp(s->images.v[i].path, path) == 0)
			return true;
	return false;
}

/* False: there is no such file. */
static bool add(struct search *s, const struct kernel *kernel, const char *path)
{
	struct image image = {.kernel = kernel};
	size_t place = s->images.n;

	if (path[0] != '/' || !root_exists(s->root, path))
		return false;
	if (s->r < 0 || is_known(s, path))
		return true;
	image.is_uki = base_ends(path, ".efi");
	image.is_boosters = strstr(path, "/booster-") != NULL;
	image.path = strdup(path);
	if (!image.path || base_grow(&s->images.v, s->images.n, sizeof(*s->images.v)) < 0) {
		free(image.path);
		s->r = -ENOMEM;
		return true;
	}
	for (; place && s->images.v[place - 1].kernel > kernel; place--)
		s->images.v[place] = s->images.v[place - 1];
	s->images.v[place] = image;
	s->images.n++;
	return true;
}

static void add_at(struct search *s, const struct kernel *kernel, const char *before,
	const char *name, const char *after)
{
	char path[512];

	if (snprintf(path, sizeof(path), "%s%s%s", before, name, after) < (int)sizeof(path))
		(void)add(s, kernel, path);
}

static void add_places(struct search *s, const struct kernel *kernel)
{
	char package[128];

	add_at(s, kernel, "/boot/initrd.img-", kernel->version, "");
	add_at(s, kernel, "/boot/initramfs-", kernel->version, ".img");
	add_at(s, kernel, "/boot/initrd-", kernel->version, "");
	add_at(s, kernel, "/usr/lib/modules/", kernel->version, "/initrd");
	if (!read_package(s, kernel, package, sizeof(package)) || strchr(package, '/'))
		return;
	add_at(s, kernel, "/boot/initramfs-", package, ".img");
	add_at(s, kernel, "/boot/booster-", package, ".img");
}

static void add_presets(struct search *s)
{
	_cleanup_(presets_free) struct presets presets = {0};

	if (presets_load(s->root, &presets, NULL) < 0)
		s->r = -ENOMEM;
	for (size_t i = 0; i < presets.n; i++) {
		const struct preset *preset = &presets.v[i];
		const struct kernel *kernel =
			preset->kernel ? kernel_by_file(s, preset->kernel) : NULL;

		if (kernel && preset->image)
			(void)add(s, kernel, preset->image);
		if (kernel && preset->uki)
			(void)add(s, kernel, preset->uki);
	}
}

/* -- entries of the Boot Loader Specification -- */

/* Images of microcode go before the initramfs. */
static bool is_microcode(const char *path)
{
	return strstr(path, "ucode") || strstr(path, "-uc.img");
}

/* In an entry, paths begin at its partition, or at / where GRUB reads it from there. */
static void add_named(
	struct search *s, const struct kernel *kernel, const char *boot, const char *word)
{
	char path[512];

	if (word[0] != '/' || is_microcode(word))
		return;
	if (snprintf(path, sizeof(path), "%s%s", boot, word) >= (int)sizeof(path) ||
		!add(s, kernel, path))
		(void)add(s, kernel, word);
}

static int read_entry(struct search *s, const char *boot, const char *text)
{
	_cleanup_(strv_free) struct strv lines = {0}, initrds = {0};
	const struct kernel *by_version = NULL, *by_file = NULL;

	if (strv_split(&lines, text, "\n") < 0)
		return -ENOMEM;
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_(strv_free) struct strv words = {0};

		if (strv_split(&words, lines.v[i], " \t") < 0)
			return -ENOMEM;
		for (size_t k = 1; k < words.n; k++) {
			if (strcmp(words.v[0], "version") == 0)
				by_version = kernel_by_version(s->machine, words.v[k]);
			else if (strcmp(words.v[0], "linux") == 0)
				by_file = kernel_by_file(s, words.v[k]);
			else if (strcmp(words.v[0], "initrd") == 0 &&
				 strv_add(&initrds, words.v[k]) < 0)
				return -ENOMEM;
		}
	}
	for (size_t i = 0; (by_version || by_file) && i < initrds.n; i++)
		add_named(s, by_version ? by_version : by_file, boot, initrds.v[i]);
	return 0;
}

static void add_entries(struct search *s, const char *boot)
{
	_cleanup_(strv_free) struct strv names = {0};
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/loader/entries", boot);
	if (root_list(s->root, path, &names) == -ENOMEM)
		s->r = -ENOMEM;
	for (size_t i = 0; s->r == 0 && i < names.n; i++) {
		_cleanup_free_ char *text = NULL;

		if (snprintf(path, sizeof(path), "%s/loader/entries/%s", boot, names.v[i]) >=
			(int)sizeof(path))
			continue;
		s->r = root_read_text(s->root, path, &text, NULL);
		if (s->r == 0)
			s->r = read_entry(s, boot, text);
		if (s->r != -ENOMEM)
			s->r = 0;
	}
}

static void add_unified(struct search *s, const char *boot)
{
	_cleanup_(strv_free) struct strv names = {0};
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/EFI/Linux", boot);
	if (root_list(s->root, path, &names) == -ENOMEM)
		s->r = -ENOMEM;
	for (size_t i = 0; s->r == 0 && i < names.n; i++) {
		const struct kernel *kernel = kernel_by_version(s->machine, names.v[i]);

		if (kernel && snprintf(path, sizeof(path), "%s/EFI/Linux/%s", boot, names.v[i]) <
				      (int)sizeof(path))
			(void)add(s, kernel, path);
	}
}

int images_find(const struct root *root, const struct machine *machine, struct images *ret)
{
	struct search s = {.root = root, .machine = machine};

	for (size_t k = 0; k < machine->n_kernels; k++)
		add_places(&s, &machine->kernels[k]);
	add_presets(&s);
	for (size_t i = 0; i < ARRAY_SIZE(boots); i++) {
		add_entries(&s, boots[i]);
		add_unified(&s, boots[i]);
	}
	if (s.r < 0) {
		images_free(&s.images);
		return s.r;
	}
	*ret = s.images;
	return 0;
}

/* -- dracut -- */

/* The first of these directories decides, whether or not the entries there are in use. */
static bool is_by_machine_id(const struct root *root, const char **boot, char *id, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(boots); i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "%s/Default", boots[i]);
		if (root_exists(root, path))
			(void)snprintf(id, size, "Default");
	}
	if (!id[0] && root_attr(root, "/etc/machine-id", id, size) <= 0)
		(void)snprintf(id, size, "Default");
	for (size_t i = 0; i < ARRAY_SIZE(boots); i++) {
		char entries[256], directory[256];

		(void)snprintf(entries, sizeof(entries), "%s/loader/entries", boots[i]);
		(void)snprintf(directory, sizeof(directory), "%s/%s", boots[i], id);
		*boot = boots[i];
		if (root_exists(root, entries) && root_exists(root, directory))
			return true;
	}
	return false;
}

bool images_is_dracuts(const struct root *root, const struct image *image)
{
	const char *version = image->kernel->version, *boot;
	char id[128] = "", path[512], kernel[512];

	if (is_by_machine_id(root, &boot, id, sizeof(id)))
		return snprintf(path, sizeof(path), "%s/%s/%s/initrd", boot, id, version) <
			       (int)sizeof(path) &&
		       strcmp(image->path, path) == 0;
	(void)snprintf(path, sizeof(path), "/usr/lib/modules/%s/initrd", version);
	if (root_exists(root, path))
		return strcmp(image->path, path) == 0;
	(void)snprintf(kernel, sizeof(kernel), "/boot/vmlinuz-%s", version);
	(void)snprintf(path, sizeof(path), "/boot/init");
	return root_exists(root, kernel) && base_starts(image->path, path) &&
	       !strchr(image->path + strlen("/boot/"), '/') &&
	       has_version(strrchr(image->path, '/'), version);
}
