/* The choice as text: its file, read and written. */
#include "core/choice_private.h"

#include "core/boot.h"
#include "core/targets/target.h"
#include "core/trial.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One file being read; the words point into `value`. */
struct parser {
	struct choice choice;
	struct choice places; /* address, path and group only */
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

/* Sorted once, at the end. */
static int append(struct parser *p, struct choice *to, const struct pick *pick)
{
	if (base_grow(&to->picks, to->n, sizeof(*to->picks)) < 0)
		return error_no_memory(p->err);
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
	{"PLACES", parse_place},
};

static int parse_words(
	struct parser *p, const char *value, int (*parse)(struct parser *p, char *word))
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = 0;

	if (strv_split(&words, value, " \t") < 0)
		return error_no_memory(p->err);
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
		return error_no_memory(p->err);
	r = unquote(p, &value);
	return r < 0 ? r : parse_words(p, value, parse);
}

/* Sorts and drops repetitions; the same address with two identities is an error. */
static int settle(struct parser *p)
{
	struct choice *c = &p->choice;
	size_t kept = 0;

	if (c->n)
		qsort(c->picks, c->n, sizeof(*c->picks), choice_compare);
	if (p->places.n)
		qsort(p->places.picks, p->places.n, sizeof(*c->picks), choice_compare);
	for (size_t i = 0; i < c->n; i++) {
		if (kept && strcmp(c->picks[kept - 1].address, c->picks[i].address) == 0) {
			if (!choice_same_pick(&c->picks[kept - 1], &c->picks[i]))
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
		r = line ? parse_line(&p, line) : error_no_memory(err);
		text += n + (text[n] == '\n');
	}
	if (r == 0)
		r = settle(&p);
	choice_free(&p.places);
	strv_free(&p.seen);
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

		if (!*p->path && p->group < 0)
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
