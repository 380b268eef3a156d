#include "core/module.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Head of an index of depmod(8), in big endian: magic, version, offset of the root node, with flags
 * for what that node has (libkmod-index.c); no flag, and nothing more is read. */
#define INDEX_HEAD   3
#define INDEX_MAGIC  0xb007f457u
#define INDEX_OFFSET 0x0fffffffu

/* Of interest beside what claims a device. */
static const char *const vfio_modules[] = {
	"vfio", "vfio_iommu_type1", "vfio_pci", "vfio_pci_core", "vfio_virqfd",
};

/* One list for each different modalias, in the order of modaliases. */
struct machine_private {
	struct strv *lists;
	size_t n_lists;
};

/* One libkmod context for each kernel; NULL where its indexes cannot be read. */
struct contexts {
	struct kmod_ctx **v;
	size_t n;
};

static void contexts_free(struct contexts *contexts)
{
	for (size_t i = 0; i < contexts->n; i++)
		kmod_unref(contexts->v[i]);
	free(contexts->v);
}

static void quiet(void *data, int priority, const char *file, int line, const char *fn,
	const char *format, va_list args)
{
	(void)data;
	(void)priority;
	(void)file;
	(void)line;
	(void)fn;
	(void)format;
	(void)args;
}

/* libkmod maps an index and trusts it, and opens whatever is there.  depmod writes the root node
 * last, so an index that was cut short (the disk was full) has it behind its end.  As those below:
 * 1, 0 or -ENOMEM. */
static int is_sound_index(const struct root *root, const char *directory, const char *name)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	uint32_t head[INDEX_HEAD];
	struct stat st;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	/* libkmod follows a link of another root out of it. */
	fd = root_open_path(root, path,
		O_RDONLY | O_NONBLOCK | O_NOCTTY | (root_is_live(root) ? 0 : O_NOFOLLOW));
	if (fd == -ENOENT || fd == -ENOMEM)
		return fd == -ENOENT ? 1 : fd;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
		be32toh(head[0]) != INDEX_MAGIC)
		return false;
	return be32toh(head[2]) <= INDEX_OFFSET || (be32toh(head[2]) & INDEX_OFFSET) < st.st_size;
}

/* As depmod writes it: about any other line libkmod complains to standard error, and quotes it. */
static int is_sound_softdep(const struct root *root, const char *directory)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	int r;

	if (asprintf(&path, "%s/modules.softdep", directory) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = root_read_text(root, path, &text, NULL);
	for (const char *line = text; line && *line; line += strspn(line, "\n")) {
		if (*line != '#' && !base_starts(line, "softdep "))
			return false;
		line += strcspn(line, "\n");
	}
	return r == -ENOMEM ? r : r == 0 || r == -ENOENT;
}

static int are_sound(const struct root *root, const char *directory)
{
	static const char *const indexes[] = {"modules.dep.bin", "modules.alias.bin",
		"modules.symbols.bin", "modules.builtin.bin", "modules.builtin.alias.bin"};

	int r = 1;

	for (size_t i = 0; r == 1 && i < ARRAY_SIZE(indexes); i++)
		r = is_sound_index(root, directory, indexes[i]);
	return r == 1 ? is_sound_softdep(root, directory) : r;
}

/* No configuration of modprobe.d: the running system's says nothing about the one below the root,
 * and what a line there does has to be known with its file and line (existing.c). */
static int context_new(const struct root *root, const char *modules, struct kernel *kernel,
	struct kmod_ctx **ret)
{
	static const char *const no_config[] = {NULL};
	const char *base = root_is_live(root) ? "" : root_path(root);
	_cleanup_free_ char *path = NULL, *resolved = NULL, *directory = NULL;
	struct kmod_ctx *ctx;
	int r;

	*ret = NULL;
	if (asprintf(&path, "%s/%s", modules, kernel->version) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = root_resolve(root, path, &resolved, NULL);
	if (r == 0)
		r = are_sound(root, resolved);
	kernel->indexed = r == 1;
	if (!kernel->indexed)
		return r == -ENOMEM ? r : 0;
	if (asprintf(&directory, "%s%s", base, resolved) < 0) {
		directory = NULL;
		return -ENOMEM;
	}
	ctx = kmod_new(directory, no_config);
	if (!ctx || !kmod_get_dirname(ctx)) {
		kmod_unref(ctx);
		return -ENOMEM;
	}
	kmod_set_log_fn(ctx, quiet, NULL);
	/* It says -ENOMEM of whatever hinders it. */
	errno = 0;
	kernel->indexed = kmod_load_resources(ctx) >= 0;
	r = !kernel->indexed && errno == ENOMEM ? -ENOMEM : 0;
	if (!kernel->indexed)
		ctx = kmod_unref(ctx);
	*ret = ctx;
	return r;
}

static int contexts_open(const struct root *root, struct machine *machine, struct contexts *ret,
	struct error *err)
{
	_cleanup_free_ char *modules = NULL;
	int r = root_resolve(root, "/lib/modules", &modules, err);

	if (r < 0)
		return r;
	ret->v = calloc(machine->n_kernels + 1, sizeof(struct kmod_ctx *));
	if (!ret->v)
		return -ENOMEM;
	for (ret->n = 0; ret->n < machine->n_kernels; ret->n++) {
		r = context_new(root, modules, &machine->kernels[ret->n], &ret->v[ret->n]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int lookup(struct kmod_ctx *ctx, const char *modalias, struct strv *names)
{
	struct kmod_list *list = NULL, *item;
	int r;

	errno = 0;
	r = kmod_module_new_from_lookup(ctx, modalias, &list);
	if (r == -ENOMEM || errno == ENOMEM) {
		kmod_module_unref_list(list);
		return -ENOMEM;
	}
	r = 0;
	kmod_list_foreach(item, list)
	{
		struct kmod_module *module = kmod_module_get_module(item);

		if (r == 0)
			r = strv_add_unique(names, kmod_module_get_name(module));
		kmod_module_unref(module);
	}
	kmod_module_unref_list(list);
	return r;
}

static int compare_modalias(const void *a, const void *b)
{
	const struct device *x = *(const struct device *const *)a;
	const struct device *y = *(const struct device *const *)b;

	return strcmp(x->modalias, y->modalias);
}

/* Machines have many functions and few different ones: each modalias is looked up once. */
static int fill_lists(struct machine *machine, struct device **sorted,
	const struct contexts *contexts)
{
	struct machine_private *private = machine->private;

	for (size_t i = 0; i < machine->n_devices; i++) {
		if (i == 0 || compare_modalias(&sorted[i], &sorted[i - 1]) != 0) {
			struct strv *list = &private->lists[private->n_lists++];

			for (size_t k = 0; k < contexts->n; k++)
				if (contexts->v[k] &&
					lookup(contexts->v[k], sorted[i]->modalias, list) < 0)
					return -ENOMEM;
		}
		sorted[i]->modules = &private->lists[private->n_lists - 1];
	}
	return 0;
}

static int claim(struct machine *machine, const struct contexts *contexts)
{
	_cleanup_free_ struct device **sorted = calloc(machine->n_devices + 1, sizeof(*sorted));

	machine->private = calloc(1, sizeof(*machine->private));
	if (!sorted || !machine->private)
		return -ENOMEM;
	machine->private->lists = calloc(machine->n_devices + 1, sizeof(struct strv));
	if (!machine->private->lists)
		return -ENOMEM;
	for (size_t i = 0; i < machine->n_devices; i++)
		sorted[i] = &machine->devices[i];
	qsort(sorted, machine->n_devices, sizeof(*sorted), compare_modalias);
	return fill_lists(machine, sorted, contexts);
}

/* Whether a module is loaded now is not asked: libkmod would answer from the live /sys.  0 or
 * -ENOMEM. */
static int find_state(struct kmod_ctx *ctx, const char *name, enum module_state *ret)
{
	struct kmod_module *module = NULL;
	int r = ctx ? kmod_module_new_from_name(ctx, name, &module) : -ENOENT;

	*ret = MODULE_MISSING;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	/* It says "none" for want of memory, too. */
	errno = 0;
	if (kmod_module_get_path(module))
		*ret = MODULE_LOADABLE;
	else if (errno == ENOMEM)
		r = -ENOMEM;
	else if (kmod_module_get_initstate(module) == KMOD_MODULE_BUILTIN)
		*ret = MODULE_BUILTIN;
	else if (errno == ENOMEM)
		r = -ENOMEM;
	kmod_module_unref(module);
	return r;
}

static int add_module(struct machine *machine, const struct contexts *contexts, const char *name)
{
	struct module *module;

	if (base_grow(&machine->modules, machine->n_modules, sizeof(*machine->modules)) < 0)
		return -ENOMEM;
	module = &machine->modules[machine->n_modules++];
	module->name = strdup(name);
	module->states = calloc(contexts->n + 1, sizeof(*module->states));
	if (!module->name || !module->states)
		return -ENOMEM;
	for (size_t k = 0; k < contexts->n; k++)
		if (find_state(contexts->v[k], name, &module->states[k]) < 0)
			return -ENOMEM;
	return 0;
}

static int add_modules(struct machine *machine, const struct contexts *contexts)
{
	_cleanup_(strv_free) struct strv names = {0};
	const struct machine_private *private = machine->private;

	for (size_t i = 0; i < ARRAY_SIZE(vfio_modules); i++)
		if (strv_add_unique(&names, vfio_modules[i]) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < private->n_lists; i++)
		for (size_t j = 0; j < private->lists[i].n; j++)
			if (strv_add_unique(&names, private->lists[i].v[j]) < 0)
				return -ENOMEM;
	strv_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		if (add_module(machine, contexts, names.v[i]) < 0)
			return -ENOMEM;
	return 0;
}

int module_scan(const struct root *root, struct machine *machine, struct error *err)
{
	_cleanup_(contexts_free) struct contexts contexts = {0};
	int r = contexts_open(root, machine, &contexts, err);

	if (r == 0)
		r = claim(machine, &contexts);
	if (r == 0)
		r = add_modules(machine, &contexts);
	return r == -ENOMEM ? error_no_memory(err) : r;
}

void module_release(struct machine *machine)
{
	struct machine_private *private = machine->private;

	for (size_t i = 0; private && i < private->n_lists; i++)
		strv_free(&private->lists[i]);
	if (private)
		free(private->lists);
	free(private);
	for (size_t i = 0; i < machine->n_modules; i++) {
		free(machine->modules[i].name);
		free(machine->modules[i].states);
	}
	free(machine->modules);
}
