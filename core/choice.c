#include "core/choice.h"

#include "core/targets/target.h"

#include <errno.h>
#include <inttypes.h>
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

static bool has_ids(const struct pick *pick, const struct device *device)
{
	return pick->vendor == device->vendor && pick->device == device->device &&
	       pick->subsystem_vendor == device->subsystem_vendor &&
	       pick->subsystem_device == device->subsystem_device;
}

static bool has_path(const struct pick *pick, const struct device *device)
{
	char path[DEVICE_PATH_SIZE];

	return *pick->path && device_path(device, path, sizeof(path)) &&
	       strcmp(path, pick->path) == 0;
}

/* Cards with the same ids may have changed addresses among themselves, which does no harm. */
static bool is_slot_chosen(const struct choice *choice, const struct device *device)
{
	for (size_t i = 0; i < choice->n; i++)
		if (has_ids(&choice->picks[i], device) && has_path(&choice->picks[i], device))
			return true;
	return false;
}

bool choice_has(const struct choice *choice, const struct device *device)
{
	const struct pick *pick = choice_find(choice, device->address);

	return pick && has_ids(pick, device) &&
	       (!device->twin || !*pick->path || has_path(pick, device) ||
		       is_slot_chosen(choice, device));
}

static int put_pick(struct choice *choice, const struct pick *pick)
{
	size_t i = find_place(choice, pick->address);

	if (!choice_find(choice, pick->address)) {
		if (base_grow(&choice->picks, choice->n, sizeof(*choice->picks)) < 0)
			return -ENOMEM;
		memmove(&choice->picks[i + 1], &choice->picks[i],
			(choice->n - i) * sizeof(*choice->picks));
		choice->n++;
	}
	choice->picks[i] = *pick;
	return 0;
}

int choice_add(struct choice *choice, const struct device *device)
{
	struct pick pick = {
		.vendor = device->vendor,
		.device = device->device,
		.subsystem_vendor = device->subsystem_vendor,
		.subsystem_device = device->subsystem_device,
		.group = device->group,
	};

	(void)snprintf(pick.address, sizeof(pick.address), "%s", device->address);
	(void)device_path(device, pick.path, sizeof(pick.path));
	return put_pick(choice, &pick);
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
	       a->subsystem_device == b->subsystem_device && a->group == b->group &&
	       strcmp(a->path, b->path) == 0;
}

bool choice_same(const struct choice *a, const struct choice *b)
{
	if (a->n != b->n || a->options != b->options)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_pick(&a->picks[i], &b->picks[i]))
			return false;
	return true;
}

int choice_copy(struct choice *to, const struct choice *from)
{
	struct choice copy = {.options = from->options};

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

/* Picked, and not to be found where it was. */
static bool is_lost(
	const struct choice *choice, const struct machine *machine, const struct pick *pick)
{
	const struct device *device = machine_device(machine, pick->address);

	return !device || !choice_has(choice, device);
}

/* Another one of these ids is lost as well, so one place for the two tells nothing. */
static bool has_rival(
	const struct choice *choice, const struct machine *machine, const struct device *device)
{
	size_t n = 0;

	for (size_t i = 0; i < choice->n; i++)
		n += has_ids(&choice->picks[i], device) &&
		     is_lost(choice, machine, &choice->picks[i]);
	return n > 1;
}

const struct device *choice_locate(const struct choice *choice, const struct machine *machine,
	const struct pick *pick, bool *is_sure)
{
	const struct device *by_path = NULL, *by_ids = NULL;
	size_t paths = 0, ids = 0;

	if (is_sure)
		*is_sure = true;
	if (!is_lost(choice, machine, pick))
		return machine_device(machine, pick->address);
	for (size_t i = 0; i < machine->n_devices; i++) {
		const struct device *device = &machine->devices[i];

		if (!has_ids(pick, device) || choice_has(choice, device))
			continue;
		by_ids = device;
		ids++;
		if (!has_path(pick, device))
			continue;
		by_path = device;
		paths++;
	}
	if (paths == 1)
		return by_path;
	if (is_sure)
		*is_sure = false;
	return ids == 1 && !has_rival(choice, machine, by_ids) ? by_ids : NULL;
}

bool choice_has_moved(const struct choice *choice, const struct machine *machine)
{
	for (size_t i = 0; i < choice->n; i++)
		if (is_lost(choice, machine, &choice->picks[i]) &&
			choice_locate(choice, machine, &choice->picks[i], NULL))
			return true;
	return false;
}

/* What is found wins over what is lost where both have one address. */
int choice_follow(struct choice *choice, const struct machine *machine)
{
	struct choice new = {.options = choice->options};
	int r = 0;

	for (size_t i = 0; r == 0 && i < choice->n; i++)
		if (!choice_locate(choice, machine, &choice->picks[i], NULL))
			r = put_pick(&new, &choice->picks[i]);
	for (size_t i = 0; r == 0 && i < choice->n; i++) {
		const struct device *device =
			choice_locate(choice, machine, &choice->picks[i], NULL);

		if (device)
			r = choice_add(&new, device);
	}
	if (r < 0) {
		choice_free(&new);
		return r;
	}
	choice_free(choice);
	*choice = new;
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

/* One file being read; the words point into `value`. */
struct parser {
	struct choice choice;
	struct choice places; /* address, path and group only */
	size_t line;
	bool has_devices, has_options, has_places;
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

/* Sorted once, at the end. */
static int append(struct parser *p, struct choice *to, const struct pick *pick)
{
	if (base_grow(&to->picks, to->n, sizeof(*to->picks)) < 0)
		return error_set(p->err, -ENOMEM, "out of memory");
	to->picks[to->n++] = *pick;
	return 0;
}

static int parse_device(struct parser *p, char *word)
{
	struct pick pick = {.group = -1};
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
	return append(p, &p->choice, &pick);
}

/* "0000:01:00.0=0000:00:01.0/00.0,21", the group only where there was one. */
static int parse_place(struct parser *p, char *word)
{
	struct pick pick = {.group = -1};
	char *path = strchr(word, '='), *group = strchr(word, ',');
	uint64_t number = 0;

	if (path)
		*path++ = '\0';
	if (group)
		*group++ = '\0';
	if (!path || strlen(path) >= sizeof(pick.path) ||
		path[strspn(path, "0123456789abcdef:./")] ||
		machine_parse_address(word, pick.address, sizeof(pick.address), NULL) < 0 ||
		(group && base_number(group, 10, INT64_MAX, &number) < 0))
		return wrong(p,
			"not ADDRESS=PATH,GROUP; remove the line PLACES, or choose the device "
			"again",
			word);
	(void)snprintf(pick.path, sizeof(pick.path), "%s", path);
	if (group)
		pick.group = (int64_t)number;
	return append(p, &p->places, &pick);
}

static int parse_option(struct parser *p, char *word)
{
	unsigned bit = choice_option_by_name(word);

	if (!bit)
		return wrong(p, "no such option; remove it", word);
	p->choice.options |= bit;
	return 0;
}

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
	const struct {
		const char *key;
		bool *seen;
		int (*parse)(struct parser *p, char *word);
	} known[] = {
		{"DEVICES", &p->has_devices, parse_device},
		{"OPTIONS", &p->has_options, parse_option},
		{"PLACES", &p->has_places, parse_place},
	};
	size_t k = 0;
	char *value;
	int r;

	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#' || *line == ';')
		return 0;
	value = strchr(line, '=');
	if (!value || !is_name(line, (size_t)(value - line)))
		return wrong(p, "not a comment and not KEY=\"VALUE\"; remove the line", line);
	*value++ = '\0';
	while (k < ARRAY_SIZE(known) && strcmp(line, known[k].key) != 0)
		k++;
	if (k == ARRAY_SIZE(known))
		return 0;
	if (*known[k].seen)
		return wrong(p, "set twice; keep one of the lines", line);
	*known[k].seen = true;
	r = unquote(p, &value);
	if (r < 0)
		return r;
	return parse_words(p, value, known[k].parse);
}

/* Sorts and drops repetitions; the same address with two identities is an error. */
static int settle(struct parser *p)
{
	struct choice *c = &p->choice;
	size_t kept = 0;

	if (c->n)
		qsort(c->picks, c->n, sizeof(*c->picks), compare_picks);
	if (p->places.n)
		qsort(p->places.picks, p->places.n, sizeof(*c->picks), compare_picks);
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
	for (size_t i = 0; i < c->n; i++) {
		const struct pick *place = choice_find(&p->places, c->picks[i].address);

		if (!place)
			continue;
		c->picks[i].group = place->group;
		memcpy(c->picks[i].path, place->path, sizeof(place->path));
	}
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
	choice_free(&p.places);
	if (r < 0) {
		choice_free(&p.choice);
		return r;
	}
	*ret = p.choice;
	return 0;
}

static void format_places(const struct choice *choice, struct str *out)
{
	const char *blank = "";

	for (size_t i = 0; i < choice->n; i++) {
		const struct pick *p = &choice->picks[i];

		if (!*p->path)
			continue;
		str_addf(out, "%s%s=%s", blank, p->address, p->path);
		if (p->group >= 0)
			str_addf(out, ",%" PRId64, p->group);
		blank = " ";
	}
}

int choice_format(const struct choice *choice, char **ret)
{
	_cleanup_(str_free) struct str out = {0};
	const char *blank = "";

	str_add(&out, TARGET_MARK
		".  Devices for virtual machines: vfio-bind binds each to vfio-pci where the\n"
		"# ids at its address are these: ADDRESS=VENDOR:DEVICE:SUBVENDOR:SUBDEVICE.  Of "
		"cards\n"
		"# with the same ids PLACES tells which, by its way from the root bus.\n"
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
	str_add(&out, "\"\nPLACES=\"");
	format_places(choice, &out);
	str_add(&out, "\"\n");
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
