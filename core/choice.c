#include "core/choice.h"

#include "core/boot.h"
#include "core/targets/target.h"
#include "core/trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct choice_option_name choice_option_names[] = {
	{CHOICE_IOMMU_PT, "iommu-pt", "identity DMA for the host's own devices (iommu=pt)",
		"The host's own DMA gets a little faster, and is no longer fenced in by the "
		"IOMMU."},
	{CHOICE_BLACKLIST, "blacklist", "blacklist the drivers that only chosen devices use",
		"Such a driver no longer loads by itself, also not for a card that is added "
		"later."},
	{CHOICE_IDS, "ids", "bind by ids= where every card with those ids is chosen",
		"A card with the same ids that is added later goes to the guests as well."},
	{CHOICE_LIBVIRT_ACL, "libvirt-acl", "device nodes into libvirt's cgroup_device_acl",
		"Only for devices on a raw QEMU command line: libvirt admits the nodes of each "
		"<hostdev> by itself. The list replaces the built-in one, which then stays as it "
		"is "
		"now when libvirt is upgraded, and it holds group numbers, which change with the "
		"hardware."},
	{CHOICE_OPENNEBULA, "opennebula", "OpenNebula's monitoring reports the devices",
		"The filter is the front-end's and counts for all its hosts: cards of the same "
		"kind "
		"are then reported there too."},
	{CHOICE_VFIO_GROUP, "vfio-group", "the group kvm may open the nodes in /dev/vfio",
		"For QEMU that is run by a user: whoever is in the group kvm can then use every "
		"device that is bound to vfio-pci."},
	{CHOICE_TRIAL, "trial", "the first boot is on trial: it must be confirmed",
		"Unless somebody confirms it in time (c in the wizard, or vfio-wizard confirm), the "
		"machine takes the change back by itself and boots again."},
	{CHOICE_TRIAL_SSH, "trial-ssh", "a login over SSH confirms the first boot",
		"With the option trial: whoever comes in over SSH has shown that the host is "
		"reached."},
	{0, NULL, NULL, NULL},
};

unsigned choice_option_by_name(const char *name)
{
	for (const struct choice_option_name *o = choice_option_names; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o->bit;
	return 0;
}

void choice_free(struct choice *choice)
{
	free(choice->picks);
	*choice = (struct choice){0};
}

/* A longer address has a higher domain: sysfs writes domains without leading zeros above four
 * digits. */
static int compare_addresses(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	return n != m ? (n < m ? -1 : 1) : strcmp(a, b);
}

static int compare_picks(const void *a, const void *b)
{
	return compare_addresses(
		((const struct pick *)a)->address, ((const struct pick *)b)->address);
}

/* Where the address is, or would be. */
static size_t find_place(const struct choice *choice, const char *address)
{
	size_t low = 0, high = choice->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_addresses(choice->picks[middle].address, address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct pick *choice_find(const struct choice *choice, const char *address)
{
	size_t i = find_place(choice, address);

	return i < choice->n && strcmp(choice->picks[i].address, address) == 0 ? &choice->picks[i]
									       : NULL;
}

bool pick_matches(const struct pick *pick, const struct device *device)
{
	return pick->vendor == device->vendor && pick->device == device->device &&
	       pick->subsystem_vendor == device->subsystem_vendor &&
	       pick->subsystem_device == device->subsystem_device;
}

bool choice_has(const struct choice *choice, const struct device *device)
{
	const struct pick *pick = choice_find(choice, device->address);

	return pick && pick_matches(pick, device);
}

int choice_add(struct choice *choice, const struct device *device)
{
	size_t i = find_place(choice, device->address);
	struct pick pick = {
		.vendor = device->vendor,
		.device = device->device,
		.subsystem_vendor = device->subsystem_vendor,
		.subsystem_device = device->subsystem_device,
	};

	(void)snprintf(pick.address, sizeof(pick.address), "%s", device->address);
	if (!choice_find(choice, device->address)) {
		if (base_grow(&choice->picks, choice->n, sizeof(*choice->picks)) < 0)
			return -ENOMEM;
		memmove(&choice->picks[i + 1], &choice->picks[i],
			(choice->n - i) * sizeof(*choice->picks));
		choice->n++;
	}
	choice->picks[i] = pick;
	return 0;
}

void choice_remove(struct choice *choice, const char *address)
{
	size_t i = find_place(choice, address);

	if (!choice_find(choice, address))
		return;
	choice->n--;
	memmove(&choice->picks[i], &choice->picks[i + 1], (choice->n - i) * sizeof(*choice->picks));
}

static bool same_pick(const struct pick *a, const struct pick *b)
{
	return strcmp(a->address, b->address) == 0 && a->vendor == b->vendor &&
	       a->device == b->device && a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device;
}

bool choice_same(const struct choice *a, const struct choice *b)
{
	if (a->n != b->n || a->options != b->options || a->boot_loader != b->boot_loader ||
		a->initramfs != b->initramfs || a->trial_minutes != b->trial_minutes)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_pick(&a->picks[i], &b->picks[i]))
			return false;
	return true;
}

int choice_copy(struct choice *to, const struct choice *from)
{
	struct choice copy = {.options = from->options,
		.boot_loader = from->boot_loader,
		.initramfs = from->initramfs,
		.trial_minutes = from->trial_minutes};

	/* One by one, so that the copy has the room that base_grow() counts on. */
	for (; copy.n < from->n; copy.n++) {
		if (base_grow(&copy.picks, copy.n, sizeof(*copy.picks)) < 0) {
			choice_free(&copy);
			return -ENOMEM;
		}
		copy.picks[copy.n] = from->picks[copy.n];
	}
	*to = copy;
	return 0;
}

bool choice_owns_identity(
	const struct choice *choice, const struct machine *machine, const struct device *device)
{
	for (size_t i = 0; i < machine->n_devices; i++)
		if (device_same_identity(&machine->devices[i], device) &&
			!choice_has(choice, &machine->devices[i]))
			return false;
	return true;
}

static bool claims(const struct device *device, const char *module)
{
	if (device->driver && base_same_module(device->driver, module))
		return true;
	for (size_t i = 0; i < device->modules->n; i++)
		if (base_same_module(device->modules->v[i], module))
			return true;
	return false;
}

bool choice_owns_module(
	const struct choice *choice, const struct machine *machine, const char *module)
{
	bool any = false;

	for (size_t i = 0; i < machine->n_devices; i++) {
		if (!claims(&machine->devices[i], module))
			continue;
		if (!choice_has(choice, &machine->devices[i]))
			return false;
		any = true;
	}
	return any;
}

static bool is_candidate(const struct candidates *candidates, int kind)
{
	for (size_t i = 0; i < candidates->n; i++)
		if (candidates->v[i].kind == kind)
			return true;
	return false;
}

enum boot_loader choice_boot_loader(const struct choice *choice, const struct machine *machine)
{
	return choice && is_candidate(&machine->host.boot_loader_others, (int)choice->boot_loader)
		       ? choice->boot_loader
		       : machine->host.boot_loader;
}

enum initramfs choice_initramfs(const struct choice *choice, const struct machine *machine)
{
	return choice && is_candidate(&machine->host.initramfs_others, (int)choice->initramfs)
		       ? choice->initramfs
		       : machine->host.initramfs;
}

unsigned choice_trial_minutes(const struct choice *choice)
{
	return choice->trial_minutes ? choice->trial_minutes : TRIAL_MINUTES_DEFAULT;
}

static int no_candidate(const struct detected *found, const struct candidates *others,
	const struct boot_kind *table, const char *name, struct error *err)
{
	_cleanup_(str_free) struct str may = {0};

	for (const struct boot_kind *k = table + 1; k->name; k++)
		if (k->kind == found->kind || is_candidate(others, k->kind))
			str_addf(&may, "%s%s", may.len ? ", " : "", k->name);
	if (str_check(&may) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	return error_set(err, -ENOENT, "this system cannot have %s; what it may have: %s", name,
		may.len ? may.s : "nothing that is known");
}

/* *ret: the kind, or that of the unknown one where it is what was found. */
static int decide(const struct detected *found, const struct candidates *others,
	const struct boot_kind *table, const char *name, int *ret, struct error *err)
{
	const struct boot_kind *kind = boot_kind_by_name(table, name);

	if (!kind)
		return error_set(err, -EINVAL, "there is no %s", name);
	if (kind->kind != found->kind && !is_candidate(others, kind->kind))
		return no_candidate(found, others, table, name, err);
	*ret = kind->kind == found->kind ? table->kind : kind->kind;
	return 0;
}

int choice_set_boot_loader(struct choice *choice, const struct machine *machine, const char *name,
	struct error *err)
{
	const struct host *host = &machine->host;
	int kind, r = decide(&host->boot_loader_found, &host->boot_loader_others, boot_loader_kinds,
			  name, &kind, err);

	if (r == 0)
		choice->boot_loader = (enum boot_loader)kind;
	return r;
}

int choice_set_initramfs(struct choice *choice, const struct machine *machine, const char *name,
	struct error *err)
{
	const struct host *host = &machine->host;
	int kind, r = decide(&host->initramfs_found, &host->initramfs_others,
			  boot_initramfs_kinds, name, &kind, err);

	if (r == 0)
		choice->initramfs = (enum initramfs)kind;
	return r;
}

/* One file being read; the words point into `value`. */
struct parser {
	struct choice choice;
	size_t line;
	struct strv seen; /* keys */
	struct error *err;
};

static int wrong(const struct parser *p, const char *why, const char *word)
{
	return error_set(p->err, -EINVAL, "%s:%zu: %s: %s", CHOICE_PATH, p->line, word, why);
}

/* Exactly "10de:1b80:1043:8591". */
static int parse_ids(const char *text, struct pick *pick)
{
	uint16_t *const fields[] = {
		&pick->vendor, &pick->device, &pick->subsystem_vendor, &pick->subsystem_device};

	if (strlen(text) != 19)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++, text += 5) {
		char field[5] = {text[0], text[1], text[2], text[3], '\0'};
		uint64_t value;

		if (base_number(field, 16, 0xffff, &value) < 0 || text[4] != (i < 3 ? ':' : '\0'))
			return -EINVAL;
		*fields[i] = (uint16_t)value;
	}
	return 0;
}

static int parse_device(struct parser *p, char *word)
{
	struct pick pick = {0};
	struct error shape = {0};
	char *ids = strchr(word, '=');

	if (!ids)
		return wrong(p,
			"no ids after it; write ADDRESS=VENDOR:DEVICE:SUBVENDOR:SUBDEVICE, "
			"or remove it and choose the device again",
			word);
	*ids++ = '\0';
	if (machine_parse_address(word, pick.address, sizeof(pick.address), &shape) < 0)
		return wrong(p, shape.text, "not a device");
	if (parse_ids(ids, &pick) < 0)
		return wrong(p,
			"not VENDOR:DEVICE:SUBVENDOR:SUBDEVICE in four hexadecimal digits "
			"each; remove it and choose the device again",
			ids);
	if (base_grow(&p->choice.picks, p->choice.n, sizeof(*p->choice.picks)) < 0)
		return error_set(p->err, -ENOMEM, "out of memory");
	p->choice.picks[p->choice.n++] = pick;
	return 0;
}

static int parse_option(struct parser *p, char *word)
{
	unsigned bit = choice_option_by_name(word);

	if (!bit)
		return wrong(p, "no such option; remove it", word);
	p->choice.options |= bit;
	return 0;
}

static int parse_boot_loader(struct parser *p, char *word)
{
	const struct boot_kind *kind = boot_kind_by_name(boot_loader_kinds, word);

	if (!kind)
		return wrong(p, "no boot loader by that name; remove the line", word);
	p->choice.boot_loader = (enum boot_loader)kind->kind;
	return 0;
}

static int parse_initramfs(struct parser *p, char *word)
{
	const struct boot_kind *kind = boot_kind_by_name(boot_initramfs_kinds, word);

	if (!kind)
		return wrong(p, "no initramfs generator by that name; remove the line", word);
	p->choice.initramfs = (enum initramfs)kind->kind;
	return 0;
}

static int parse_minutes(struct parser *p, char *word)
{
	uint64_t minutes;

	if (base_number(word, 10, TRIAL_MINUTES_MAX, &minutes) < 0 || !minutes)
		return wrong(p, "not a number of minutes; remove the line", word);
	p->choice.trial_minutes = (unsigned)minutes;
	return 0;
}

static const struct {
	const char *key;
	int (*parse)(struct parser *p, char *word);
} keys[] = {
	{"DEVICES", parse_device},
	{"OPTIONS", parse_option},
	{"BOOT_LOADER", parse_boot_loader},
	{"INITRAMFS", parse_initramfs},
	{"TRIAL_MINUTES", parse_minutes},
};

static int parse_words(
	struct parser *p, const char *value, int (*parse)(struct parser *p, char *word))
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = 0;

	if (strv_split(&words, value, " \t") < 0)
		return error_set(p->err, -ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < words.n; i++)
		r = parse(p, words.v[i]);
	return r;
}

static bool is_name(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(text[i] == '_' || (text[i] >= 'A' && text[i] <= 'Z') ||
			    (text[i] >= 'a' && text[i] <= 'z') ||
			    (i > 0 && text[i] >= '0' && text[i] <= '9')))
			return false;
	return n > 0;
}

/* The value without its quotes.  vfio-bind reads KEY="..." on one line and nothing else, so
 * anything else here would be chosen and never bound. */
static int unquote(struct parser *p, char **value)
{
	size_t n = strlen(*value);

	while (n && strchr(" \t", (*value)[n - 1]))
		n--;
	if (n < 2 || (*value)[0] != '"' || (*value)[n - 1] != '"')
		return wrong(p, "the value must stand in double quotes on this one line", *value);
	(*value)[n - 1] = '\0';
	(*value)++;
	return 0;
}

static int parse_line(struct parser *p, char *line)
{
	int (*parse)(struct parser * p, char *word) = NULL;
	char *value;
	int r;

	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#' || *line == ';')
		return 0;
	value = strchr(line, '=');
	if (!value || !is_name(line, (size_t)(value - line)))
		return wrong(p, "not a comment and not KEY=\"VALUE\"; remove the line", line);
	*value++ = '\0';
	for (size_t i = 0; !parse && i < ARRAY_SIZE(keys); i++)
		if (strcmp(line, keys[i].key) == 0)
			parse = keys[i].parse;
	if (!parse)
		return 0;
	if (strv_has(&p->seen, line))
		return wrong(p, "set twice; keep one of the lines", line);
	if (strv_add(&p->seen, line) < 0)
		return error_set(p->err, -ENOMEM, "out of memory");
	r = unquote(p, &value);
	return r < 0 ? r : parse_words(p, value, parse);
}

/* Sorts and drops repetitions; the same address with two identities is an error. */
static int settle(struct parser *p)
{
	struct choice *c = &p->choice;
	size_t kept = 0;

	if (c->n)
		qsort(c->picks, c->n, sizeof(*c->picks), compare_picks);
	for (size_t i = 0; i < c->n; i++) {
		if (kept && strcmp(c->picks[kept - 1].address, c->picks[i].address) == 0) {
			if (!same_pick(&c->picks[kept - 1], &c->picks[i]))
				return error_set(p->err, -EINVAL,
					"%s: %s is there with two identities; keep one",
					CHOICE_PATH, c->picks[i].address);
			continue;
		}
		c->picks[kept++] = c->picks[i];
	}
	c->n = kept;
	return 0;
}

int choice_parse(const char *text, struct choice *ret, struct error *err)
{
	struct parser p = {.err = err};
	int r = 0;

	while (r == 0 && *text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, n);

		p.line++;
		r = line ? parse_line(&p, line) : error_set(err, -ENOMEM, "out of memory");
		text += n + (text[n] == '\n');
	}
	if (r == 0)
		r = settle(&p);
	strv_free(&p.seen);
	if (r < 0) {
		choice_free(&p.choice);
		return r;
	}
	*ret = p.choice;
	return 0;
}

int choice_format(const struct choice *choice, char **ret)
{
	_cleanup_(str_free) struct str out = {0};
	const char *blank = "";

	str_add(&out, TARGET_MARK
		".  Devices for virtual machines: vfio-bind binds each to vfio-pci where the\n"
		"# ids at its address are these: ADDRESS=VENDOR:DEVICE:SUBVENDOR:SUBDEVICE\n"
		"DEVICES=\"");
	for (size_t i = 0; i < choice->n; i++) {
		const struct pick *p = &choice->picks[i];

		str_addf(&out, "%s%s=%04x:%04x:%04x:%04x", i ? " " : "", p->address, p->vendor,
			p->device, p->subsystem_vendor, p->subsystem_device);
	}
	str_add(&out, "\"\nOPTIONS=\"");
	for (const struct choice_option_name *o = choice_option_names; o->name; o++) {
		if (!(choice->options & o->bit))
			continue;
		str_addf(&out, "%s%s", blank, o->name);
		blank = " ";
	}
	str_add(&out, "\"\n");
	if (choice->boot_loader)
		str_addf(&out, "BOOT_LOADER=\"%s\"\n", boot_loader_kind(choice->boot_loader)->name);
	if (choice->initramfs)
		str_addf(&out, "INITRAMFS=\"%s\"\n", boot_initramfs_kind(choice->initramfs)->name);
	if (choice->trial_minutes)
		str_addf(&out, "TRIAL_MINUTES=\"%u\"\n", choice->trial_minutes);
	return str_take(&out, ret);
}

int choice_load(const struct root *root, struct choice *ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct error why = {0};
	int r = root_read_text(root, CHOICE_PATH, &text, &why);

	if (r == 0)
		r = choice_parse(text, ret, &why);
	if (r == -ENOENT || (r == -EINVAL && text && !strstr(text, TARGET_MARK))) {
		*ret = (struct choice){0};
		return 0;
	}
	if (r < 0 && err)
		*err = why;
	return r;
}
