#include "core/existing_private.h"

#include "core/choice.h"
#include "core/targets/target.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* More, and longer ones, are of no use to a person. */
#define NOTES_MAX 64
#define NOTE_MAX  240

/* vfio-pci's buffer for ids= (drivers/vfio/pci/vfio_pci.c): a longer value and it does not load. */
#define IDS_MAX 1023

static void free_ids(struct existing *existing)
{
	for (size_t i = 0; i < existing->n_ids; i++)
		free(existing->ids[i].where);
	free(existing->ids);
	existing->ids = NULL;
	existing->n_ids = 0;
}

void existing_free(struct existing *existing)
{
	free_ids(existing);
	strv_free(&existing->overrides);
	strv_free(&existing->notes);
	strv_free(&existing->cmdline);
	strv_free(&existing->softdeps);
	strv_free(&existing->blacklist);
	free(existing->install);
	*existing = (struct existing){0};
}

bool existing_mentions_vfio(const char *text)
{
	return strstr(text, "vfio") != NULL;
}

bool existing_meets(const char *pattern, const char *module)
{
	char normal[128];

	if (strlen(pattern) >= sizeof(normal))
		return false;
	(void)snprintf(normal, sizeof(normal), "%s", pattern);
	for (char *p = normal; *p; p++)
		if (*p == '-')
			*p = '_';
	return fnmatch(normal, module, 0) == 0;
}

int existing_note(struct existing *e, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	if (e->notes.n > NOTES_MAX)
		return 0;
	if (e->notes.n == NOTES_MAX)
		return strv_add(&e->notes, "there are more such lines");
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	if (n > NOTE_MAX)
		(void)strcpy(text + NOTE_MAX - 3, "...");
	return strv_add_unique(&e->notes, text);
}

/* A number as the kernel's sscanf("%x") takes it; UINT32_MAX too stands in ids= for "any". */
static bool scan_hex(const char **text, uint32_t *ret)
{
	char *end;
	unsigned long value;

	if (!isxdigit((unsigned char)**text))
		return false;
	value = strtoul(*text, &end, 16);
	*text = end;
	*ret = (uint32_t)value;
	return true;
}

/* VENDOR:DEVICE[:SUBVENDOR[:SUBDEVICE[:CLASS[:MASK]]]]; what follows is ignored, as the kernel
 * does. */
static bool parse_id(const char *text, struct existing_ids *ret)
{
	struct existing_ids id = {.subsystem_vendor = UINT32_MAX, .subsystem_device = UINT32_MAX};
	uint32_t *const fields[] = {&id.vendor, &id.device, &id.subsystem_vendor,
		&id.subsystem_device, &id.class, &id.class_mask};
	size_t n = 0;

	while (n < ARRAY_SIZE(fields) && scan_hex(&text, fields[n])) {
		n++;
		if (*text++ != ':')
			break;
	}
	if (n < 2)
		return false;
	*ret = id;
	return true;
}

static int add_id(struct existing *e, const char *text, const char *where)
{
	struct existing_ids id;

	if (!parse_id(text, &id))
		return existing_note(
			e, "%s: ids= holds \"%s\", which is no id; vfio-pci skips it", where, text);
	id.where = strdup(where);
	if (!id.where || base_grow(&e->ids, e->n_ids, sizeof(*e->ids)) < 0) {
		free(id.where);
		return -ENOMEM;
	}
	e->ids[e->n_ids++] = id;
	return 0;
}

/* The last ids= wins: this one takes the place of all before. */
int existing_set_ids(struct existing *e, const char *value, const char *where)
{
	_cleanup_(strv_free) struct strv items = {0};
	int r = 0;

	if (e->n_ids)
		r = existing_note(e, "%s: ids= has no effect, since the one of %s comes later",
			e->ids[0].where, where);
	if (r == 0 && strlen(value) > IDS_MAX)
		r = existing_note(e,
			"%s: ids= is longer than %d characters; vfio-pci does not load with it",
			where, IDS_MAX);
	if (r < 0 || strv_split(&items, value, ",\"") < 0)
		return -ENOMEM;
	free_ids(e);
	for (size_t i = 0; r == 0 && i < items.n; i++)
		r = add_id(e, items.v[i], where);
	return r;
}

int existing_read_config(struct existing *e, const struct root *root, const char *path, char **ret)
{
	struct error why = {0};
	char link[16];
	int r;

	if (root_link(root, path, link, sizeof(link)) > 0 && strcmp(link, "/dev/null") == 0)
		return 0;
	r = root_read_text(root, path, ret, &why);
	if (r == 0)
		return 1;
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	return r == -ENOMEM ? r : existing_note(e, "%s (not looked at)", why.text);
}

struct config_file {
	char *name, *path;
	size_t rank; /* of its directory: of one name, the lowest is read */
};

struct config_files {
	struct config_file *v;
	size_t n;
};

static void free_files(struct config_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->v[i].name);
		free(files->v[i].path);
	}
	free(files->v);
}

static int compare_files(const void *left, const void *right)
{
	const struct config_file *a = left, *b = right;
	int by_name = strcmp(a->name, b->name);

	return by_name ? by_name : (a->rank < b->rank ? -1 : a->rank > b->rank);
}

static int add_file(
	struct config_files *files, const char *directory, const char *name, size_t rank)
{
	struct config_file file = {.name = strdup(name), .rank = rank};

	if (asprintf(&file.path, "%s/%s", directory, name) < 0)
		file.path = NULL;
	if (!file.name || !file.path || base_grow(&files->v, files->n, sizeof(*files->v)) < 0) {
		free(file.name);
		free(file.path);
		return -ENOMEM;
	}
	files->v[files->n++] = file;
	return 0;
}

static int list_files(struct existing *e, const struct root *root, const char *directory,
	const char *suffix, size_t rank, struct config_files *files)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(root, directory, &names);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r == -ENOMEM ? r
				    : existing_note(
					      e, "%s: %s (not looked at)", directory, strerror(-r));
	for (size_t i = 0; i < names.n; i++)
		if (names.v[i][0] != '.' && base_ends(names.v[i], suffix) &&
			add_file(files, directory, names.v[i], rank) < 0)
			return -ENOMEM;
	return 0;
}

int existing_read_directories(struct existing *e, const struct root *root,
	const char *const directories[], const char *suffix, existing_handle handle)
{
	_cleanup_(free_files) struct config_files files = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && directories[i]; i++)
		r = list_files(e, root, directories[i], suffix, i, &files);
	if (r == 0 && files.n)
		qsort(files.v, files.n, sizeof(*files.v), compare_files);
	for (size_t i = 0; r == 0 && i < files.n; i++) {
		_cleanup_free_ char *text = NULL;

		if (i && strcmp(files.v[i - 1].name, files.v[i].name) == 0)
			continue;
		r = existing_read_config(e, root, files.v[i].path, &text);
		if (r > 0)
			r = handle(e, text, files.v[i].path);
	}
	return r;
}

static int add_override(struct existing *e, const struct root *root, const char *name)
{
	char path[300], driver[64], address[24];
	struct error why = {0};

	if (machine_parse_address(name + 4, address, sizeof(address), &why) < 0)
		return existing_note(e, "/etc/driverctl.d/%s: %s", name, why.text);
	(void)snprintf(path, sizeof(path), "/etc/driverctl.d/%s", name);
	if (root_attr(root, path, driver, sizeof(driver)) <= 0 || strpbrk(driver, " \t"))
		return existing_note(e, "%s: holds no driver's name", path);
	return strv_addf(&e->overrides, "%s %s", address, driver);
}

/* driverctl(8): one file for each device, its text the driver's name. */
static int scan_driverctl(struct existing *e, const struct root *root)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(root, "/etc/driverctl.d", &names);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (base_starts(names.v[i], "pci-"))
			r = add_override(e, root, names.v[i]);
	return r;
}

static int scan_left(struct existing *e, const struct target_input *in)
{
	for (size_t i = 0; target_all[i]; i++) {
		const struct target *target = target_all[i];
		int left = target->left && target->detect(in) ? target->left(in) : 0;

		if (left < 0)
			return left;
		e->loader_is_left |= (left & TARGET_PARAMETERS) != 0;
		e->images_are_left |= (left & TARGET_IMAGES) != 0;
	}
	return 0;
}

/* What the boot loader's configuration gives the kernel; *ours: what is ours in it. */
static int scan_loader(struct existing *e, const struct target_input *in, struct strv *ours)
{
	struct error why = {0};
	int r = scan_left(e, in);

	for (size_t i = 0; r == 0 && target_all[i]; i++)
		if (target_all[i]->parameters && target_all[i]->detect(in))
			r = target_all[i]->parameters(in, &e->cmdline, ours, &why);
	if (r == 0 && why.code < 0)
		r = existing_note(e, "%s (not looked at)", why.text);
	return r;
}

static int add_blacklist(struct existing *e, const char *names)
{
	_cleanup_(strv_free) struct strv list = {0};
	int r = strv_split(&list, names, ",");

	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = strv_add(&e->blacklist, list.v[i]);
	return r;
}

/* As kstrtobool() of the kernel reads it. */
void existing_set_denylist(struct existing *e, const char *parameter)
{
	size_t n = strlen("disable_denylist");

	if (strncmp(parameter, "disable_denylist", n) == 0 && strchr("=", parameter[n]))
		e->denylist_off = !parameter[n] ||
				  (parameter[n + 1] && strchr("1yYtT", parameter[n + 1])) ||
				  strncasecmp(parameter + n + 1, "on", 2) == 0;
}

/* PARAMETER=VALUE if `word` is one of vfio-pci's. */
static const char *vfio_parameter(const char *word)
{
	word += *word == '"';
	return base_starts(word, "vfio-pci.") || base_starts(word, "vfio_pci.") ? word + 9 : NULL;
}

static int parameter(struct existing *e, const char *word, const char *where)
{
	const char *of_vfio = vfio_parameter(word);

	if (of_vfio && base_starts(of_vfio, "ids=")) {
		e->ids_on_cmdline = true;
		return existing_set_ids(e, of_vfio + 4, where);
	}
	if (of_vfio)
		existing_set_denylist(e, of_vfio);
	if (base_starts(word, "modprobe.blacklist="))
		return add_blacklist(e, word + 19);
	if (base_starts(word, "module_blacklist="))
		return add_blacklist(e, word + 17);
	if (base_starts(word, "amd_iommu=") && strcmp(word + 10, "on") == 0)
		return existing_note(e,
			"kernel parameter %s is no valid one: AMD's IOMMU is on without it", word);
	if (base_starts(word, "pci-stub.ids=") || existing_mentions_vfio(word))
		return existing_note(e, "kernel parameter %s", word);
	return 0;
}

/* The running command line without what is ours. */
static int scan_running(struct existing *e, const char *cmdline, const struct strv *ours)
{
	static const struct words_place place = {WORDS_CMDLINE, "/proc/cmdline", ""};
	_cleanup_(strv_free) struct strv words = {0}, found = {0};
	struct error why = {0};
	int r = target_parameters(&place, cmdline ? cmdline : "", ours, &words, &found, &why);

	if (r == 0 && why.code < 0)
		r = existing_note(e, "%s (not looked at)", why.text);
	for (size_t i = 0; r == 0 && i < words.n; i++)
		if (!strv_has(&e->cmdline, words.v[i]))
			r = parameter(e, words.v[i], "the kernel command line");
	return r;
}

static int scan_configured(struct existing *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->cmdline.n; i++)
		r = parameter(e, e->cmdline.v[i], "the boot loader's kernel parameters");
	return r;
}

bool existing_refuses_vfio(const struct strv *cmdline)
{
	for (size_t i = 0; i < cmdline->n; i++) {
		const char *name = cmdline->v[i] + strlen("module_blacklist=");
		char word[sizeof("vfio_pci")];

		if (!base_starts(cmdline->v[i], "module_blacklist="))
			continue;
		for (size_t n; *name; name += n + (name[n] == ',')) {
			n = strcspn(name, ",");
			(void)snprintf(word, sizeof(word), "%.*s", (int)n, name);
			if (n < sizeof(word) && base_same_module(word, "vfio_pci"))
				return true;
		}
	}
	return false;
}

/* In the order of force: what comes later wins. */
static int scan_cmdlines(struct existing *e, const struct root *root, const struct machine *machine,
	const struct choice *choice)
{
	_cleanup_(strv_free) struct strv ours = {0};
	_cleanup_(words_free) struct words words = {0};
	struct target_input in = {
		.root = root,
		.machine = machine,
		.choice = choice,
		.loader = choice_boot_loader(choice, machine),
		.initramfs = choice_initramfs(choice, machine),
		.words = &words,
	};
	int r = words_load(root, &words, NULL);

	/* A damaged record is the plan's to complain about. */
	if (r == 0)
		r = words_parameters(&words, &ours);
	if (r != -ENOMEM)
		r = scan_loader(e, &in, &ours);
	if (r == 0)
		r = scan_running(e, machine->host.cmdline, &ours);
	return r < 0 ? r : scan_configured(e);
}

int existing_scan(const struct root *root, const struct machine *machine,
	const struct choice *choice, struct existing *ret, struct error *err)
{
	struct existing e = {0};
	int r = existing_modprobe(&e, root);

	if (r == 0)
		r = existing_softdeps(&e, root, machine);
	if (r == 0)
		r = scan_driverctl(&e, root);
	if (r == 0)
		r = scan_cmdlines(&e, root, machine, choice);
	if (r == 0)
		r = existing_mentions(&e, root);
	if (r < 0) {
		existing_free(&e);
		return error_no_memory(err);
	}
	e.vfio_refused = existing_refuses_vfio(&e.cmdline);
	*ret = e;
	return 0;
}

static bool same_or_any(uint32_t wanted, uint32_t value)
{
	return wanted == UINT32_MAX || wanted == value;
}

static bool id_matches(const struct existing_ids *id, const struct device *device)
{
	return same_or_any(id->vendor, device->vendor) && same_or_any(id->device, device->device) &&
	       same_or_any(id->subsystem_vendor, device->subsystem_vendor) &&
	       same_or_any(id->subsystem_device, device->subsystem_device) &&
	       !((id->class ^ device->class) & id->class_mask);
}

const char *existing_override(const struct existing *existing, const struct device *device)
{
	size_t n = strlen(device->address);

	for (size_t i = 0; i < existing->overrides.n; i++) {
		const char *line = existing->overrides.v[i];

		if (strncmp(line, device->address, n) == 0 && line[n] == ' ')
			return line + n + 1;
	}
	return NULL;
}

bool existing_binds(
	const struct existing *existing, const struct device *device, const char **ret_where)
{
	const char *override = existing_override(existing, device);

	if (override) {
		if (device_is_vfio_driver(override) && ret_where)
			*ret_where = "/etc/driverctl.d";
		return device_is_vfio_driver(override);
	}
	for (size_t i = 0; i < existing->n_ids; i++) {
		if (!id_matches(&existing->ids[i], device))
			continue;
		if (ret_where)
			*ret_where = existing->ids[i].where;
		return true;
	}
	return false;
}

bool existing_blacklists(const struct existing *existing, const char *module)
{
	for (size_t i = 0; i < existing->blacklist.n; i++)
		if (base_same_module(existing->blacklist.v[i], module))
			return true;
	return false;
}
