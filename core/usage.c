/* The frame: who is told what, what is unknown, and the small readers that all parts need. */
#include "core/usage_private.h"

#include "core/host.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of one kind; a person reads no more, and the worst is told by the first. */
#define USES_MAX 64
/* Bytes of reasons why one kind of use is unknown. */
#define REASONS_MAX 160

static int add_use(
	struct usage *usage, const struct device *to, enum use_kind kind, const char *text)
{
	struct device *device = &usage->machine->devices[to - usage->machine->devices];
	size_t same = 0;
	struct use *use;

	for (size_t i = 0; i < device->n_uses; i++) {
		if (device->uses[i].kind != kind)
			continue;
		if (++same == USES_MAX || strcmp(device->uses[i].text, text) == 0)
			return 0;
	}
	if (base_grow(&device->uses, device->n_uses, sizeof(*device->uses)) < 0)
		return -ENOMEM;
	use = &device->uses[device->n_uses];
	use->kind = kind;
	use->text = strdup(text);
	use->spare = usage->spare ? strdup(usage->spare) : NULL;
	if (!use->text || (usage->spare && !use->spare)) {
		free(use->text);
		free(use->spare);
		return -ENOMEM;
	}
	device->n_uses++;
	return 0;
}

/* The function that a virtual function belongs to; details of devices may not have been read. */
static const struct device *physical(const struct usage *usage, const struct device *device)
{
	char path[128], link[PATH_MAX], *slash;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/physfn", device->address);
	if (root_link(usage->root, path, link, sizeof(link)) <= 0)
		return NULL;
	slash = strrchr(link, '/');
	return machine_device(usage->machine, slash ? slash + 1 : link);
}

int usage_tell(
	struct usage *usage, const struct device *device, enum use_kind kind, const char *text)
{
	const struct device *parent = kind < USE_IDLE_DISK ? physical(usage, device) : NULL;
	_cleanup_free_ char *by = NULL;

	if (add_use(usage, device, kind, text) < 0)
		return -ENOMEM;
	if (!parent || parent == device)
		return 0;
	if (asprintf(&by, "%s, by its virtual function %s", text, device->address) < 0) {
		by = NULL;
		return -ENOMEM;
	}
	return add_use(usage, parent, kind, by);
}

/* The next PCI function in a path that is not a bridge; *rest begins at its start. */
static const struct device *next_function(const struct usage *usage, const char **rest)
{
	while (**rest) {
		const struct device *device;
		char part[24];
		size_t n;

		*rest += strspn(*rest, "/");
		n = strcspn(*rest, "/");
		if (n >= sizeof(part) || !n) {
			*rest += n;
			continue;
		}
		memcpy(part, *rest, n);
		part[n] = '\0';
		*rest += n;
		device = machine_device(usage->machine, part);
		if (device && !device_is_bridge(device))
			return device;
	}
	return NULL;
}

bool usage_on_pci(const struct usage *usage, const char *path)
{
	return next_function(usage, &path) != NULL;
}

int usage_tell_path(struct usage *usage, const char *path, enum use_kind kind, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	const struct device *device;
	va_list ap;
	int n, told = 0;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	for (; (device = next_function(usage, &path)); told++)
		if (usage_tell(usage, device, kind, text) < 0)
			return -ENOMEM;
	usage->told += (unsigned)told;
	return told;
}

static struct unknown_use *find_unknown(struct machine *machine, const char *what)
{
	for (size_t i = 0; i < machine->n_unknown_uses; i++)
		if (strcmp(machine->unknown_uses[i].what, what) == 0)
			return &machine->unknown_uses[i];
	return NULL;
}

/* One more reason, unless it is told or a person would not read that far. */
static int add_reason(struct unknown_use *unknown, char *reason)
{
	_cleanup_free_ char *more = reason, *both = NULL;

	if (strstr(unknown->reason, more) || strlen(unknown->reason) > REASONS_MAX)
		return 0;
	if (asprintf(&both, "%s, %s", unknown->reason, more) < 0) {
		both = NULL;
		return -ENOMEM;
	}
	free(unknown->reason);
	unknown->reason = TAKE_PTR(both);
	return 0;
}

int usage_unknown(struct usage *usage, const char *what, const char *fmt, ...)
{
	struct machine *m = usage->machine;
	struct unknown_use *unknown = find_unknown(m, what);
	char *reason;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&reason, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	if (unknown)
		return add_reason(unknown, reason);
	if (base_grow(&m->unknown_uses, m->n_unknown_uses, sizeof(*m->unknown_uses)) < 0) {
		free(reason);
		return -ENOMEM;
	}
	m->unknown_uses[m->n_unknown_uses++] = (struct unknown_use){what, reason};
	return 0;
}

/* One file that is missing tells enough of a tree. */
static int note_missing(struct usage *usage, const char *what, const char *path, int r)
{
	if (!what || find_unknown(usage->machine, what))
		return 0;
	return usage_unknown(usage, what, "%s: %s", path, strerror(-r));
}

int usage_read(struct usage *usage, const char *what, const char *path, char **ret)
{
	int r = root_read_text(usage->running, path, ret, NULL);

	if (r == 0)
		return 0;
	*ret = NULL;
	return r == -ENOMEM ? r : note_missing(usage, what, path, r);
}

/* The link of a class is "../../devices/..."; only another form has to be walked. */
const char *usage_place(
	const struct usage *usage, const char *directory, const char *name, char path[PATH_MAX])
{
	static const char usual[] = "../../devices/";
	_cleanup_free_ char *real = NULL;
	char link[PATH_MAX], full[PATH_MAX];
	int n = 0;

	path[0] = '\0';
	if (snprintf(full, sizeof(full), "%s/%s", directory, name) >= (int)sizeof(full))
		return path;
	if (root_link(usage->root, full, link, sizeof(link)) > 0 && base_starts(link, usual) &&
		!strstr(link + strlen(usual), "../"))
		n = snprintf(path, PATH_MAX, "/sys/%s", link + strlen("../../"));
	else if (root_exists(usage->root, full) &&
		 root_resolve(usage->root, full, &real, NULL) == 0)
		n = snprintf(path, PATH_MAX, "%s", real);
	if (n >= PATH_MAX)
		path[0] = '\0';
	return path;
}

const char *usage_attr(const struct usage *usage, char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(path) || root_attr(usage->root, path, buf, size) < 0)
		buf[0] = '\0';
	return buf;
}

int usage_each(struct usage *usage, const char *what, const char *directory,
	int (*each)(struct usage *usage, const char *name, const char *place))
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(usage->root, directory, &names);

	if (r < 0 && r != -ENOMEM)
		return r == -ENOENT && root_sysfs_is_live(usage->root)
			       ? 0
			       : note_missing(usage, what, directory, r);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		char path[PATH_MAX];

		usage_place(usage, directory, names.v[i], path);
		if (*path)
			r = each(usage, names.v[i], path);
	}
	return r;
}

static int compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->text, y->text);
}

static int find_all(struct usage *usage)
{
	static int (*const parts[])(struct usage * usage) = {
		usage_disks,
		usage_network,
		usage_display,
		usage_input,
		usage_guests,
		usage_data,
	};
	int r = usage->running ? usage_find_slash(usage) : 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(parts); i++)
		r = parts[i](usage);
	return r;
}

bool usage_is_offline(const struct usage *usage)
{
	return usage->running && usage->running != usage->root;
}

/* What cannot be known at all, or only of the system that runs now, which is not the one that is
 * being configured: what is found of that is told all the same. */
static int note_foreign(struct usage *usage)
{
	static const char *const of_a_machine[] = {
		USAGE_DISKS, USAGE_DATA, USAGE_NETWORK, USAGE_SCREEN, USAGE_GUESTS, USAGE_PROGRAMS};
	static const char *const of_a_system[] = {USAGE_NETWORK, USAGE_GUESTS, USAGE_PROGRAMS};
	int r = 0;

	for (size_t i = 0; r == 0 && !usage->running && i < ARRAY_SIZE(of_a_machine); i++)
		r = usage_unknown(usage, of_a_machine[i],
			"%s is of another machine than the running system",
			root_sysfs(usage->root));
	for (size_t i = 0; r == 0 && usage_is_offline(usage) && i < ARRAY_SIZE(of_a_system); i++)
		r = usage_unknown(usage, of_a_system[i], "the system in %s does not run now",
			root_path(usage->root));
	return r;
}

int usage_scan(const struct root *root, struct machine *machine, struct error *err)
{
	_cleanup_(root_closep) struct root *opened = NULL;
	struct usage usage = {.root = root, .machine = machine};
	int r = host_hardware_root(root, &opened, &usage.running);

	if (r == 0)
		r = note_foreign(&usage);
	if (r == 0)
		r = find_all(&usage);
	for (size_t i = 0; i < machine->n_devices; i++)
		if (machine->devices[i].n_uses > 1)
			qsort(machine->devices[i].uses, machine->devices[i].n_uses,
				sizeof(struct use), compare_uses);
	free(usage.slash);
	strv_free(&usage.in_use);
	strv_free(&usage.numbers);
	strv_free(&usage.interfaces);
	strv_free(&usage.virtual_links);
	return r < 0 ? error_no_memory(err) : 0;
}

void usage_release(struct machine *machine)
{
	for (size_t i = 0; i < machine->n_unknown_uses; i++)
		free(machine->unknown_uses[i].reason);
	free(machine->unknown_uses);
}
