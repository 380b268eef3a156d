#include "core/words.h"

#include "core/edit_booster.h"
#include "core/edit_cmdline.h"
#include "core/edit_ruby_pci.h"
#include "core/edit_shell.h"
#include "core/edit_virconf.h"
#include "core/edit_yaml_pci.h"
#include "core/manifest.h"
#include "core/targets/target.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* In the file. */
static const char *const names[] = {
	[WORDS_CMDLINE] = "cmdline",
	[WORDS_ENTRY] = "entry",
	[WORDS_SHELL] = "shell",
	[WORDS_ARRAY] = "array",
	[WORDS_VIRCONF] = "virconf",
	[WORDS_PCI_CONF] = "pci.conf",
	[WORDS_PCI_RB] = "pci.rb",
	[WORDS_BOOSTER] = "booster",
	[WORDS_TOOL] = "tool",
};

static void free_list(struct words_list *list)
{
	free(list->path);
	free(list->key);
	strv_free(&list->ours);
}

void words_free(struct words *words)
{
	for (size_t i = 0; i < words->n; i++)
		free_list(&words->v[i]);
	free(words->v);
	*words = (struct words){0};
}

static bool is_at(const struct words_list *list, const struct words_place *place)
{
	return list->grammar == place->grammar && strcmp(list->path, place->path) == 0 &&
	       strcmp(list->key, place->key) == 0;
}

struct words_list *words_at(struct words *words, const struct words_place *place)
{
	struct words_list list = {.grammar = place->grammar};

	for (size_t i = 0; i < words->n; i++)
		if (is_at(&words->v[i], place))
			return &words->v[i];
	list.path = strdup(place->path);
	list.key = strdup(place->key);
	if (!list.path || !list.key || base_grow(&words->v, words->n, sizeof(*words->v)) < 0) {
		free_list(&list);
		return NULL;
	}
	words->v[words->n] = list;
	return &words->v[words->n++];
}

const struct strv *words_ours(const struct words *words, const struct words_place *place)
{
	for (size_t i = 0; i < words->n; i++)
		if (is_at(&words->v[i], place))
			return &words->v[i].ours;
	return NULL;
}

/* Lists of kernel parameters, in whatever grammar they are kept. */
static bool has_parameters(const struct words_list *list)
{
	return list->grammar == WORDS_CMDLINE || list->grammar == WORDS_ENTRY ||
	       list->grammar == WORDS_TOOL || list->grammar == WORDS_SHELL;
}

int words_parameters(const struct words *words, struct strv *ret)
{
	for (size_t i = 0; i < words->n; i++)
		for (size_t k = 0; has_parameters(&words->v[i]) && k < words->v[i].ours.n; k++)
			if (strv_add_unique(ret, words->v[i].ours.v[k]) < 0)
				return -ENOMEM;
	return 0;
}

/* -- the file: GRAMMAR PATH KEY WORD, and "made SUM GRAMMAR PATH KEY" -- */

static void put_place(struct str *out, const struct words_list *list)
{
	str_addf(out, "%s ", names[list->grammar]);
	manifest_escape(out, list->path, strlen(list->path));
	str_addc(out, ' ');
	manifest_escape(out, list->key, strlen(list->key));
}

int words_format(const struct words *words, char **ret)
{
	_cleanup_(str_free) struct str out = {0};

	for (size_t i = 0; i < words->n; i++) {
		const struct words_list *list = &words->v[i];

		if (!list->ours.n)
			continue;
		if (!out.len)
			str_add(&out, TARGET_MARK
				": what it added to files that are not its own, so that just this\n"
				"# can be taken out again.\n");
		if (list->made) {
			str_addf(&out, "made %016" PRIx64 " ", list->made);
			put_place(&out, list);
			str_addc(&out, '\n');
		}
		for (size_t k = 0; k < list->ours.n; k++) {
			put_place(&out, list);
			str_addc(&out, ' ');
			manifest_escape(&out, list->ours.v[k], strlen(list->ours.v[k]));
			str_addc(&out, '\n');
		}
	}
	if (str_check(&out) < 0)
		return -ENOMEM;
	*ret = out.len ? TAKE_PTR(out.s) : NULL;
	return 0;
}

static int grammar_by_name(const char *name, enum words_grammar *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (enum words_grammar)i;
			return 0;
		}
	return -EINVAL;
}

/* -EINVAL: a wrong escape, or a NUL byte, behind which the rest would be lost. */
static int parse_field(const char *field, struct str *ret)
{
	int r = manifest_unescape(field, strlen(field), ret);

	return r == 0 && ret->s && strlen(ret->s) != ret->len ? -EINVAL : r;
}

static int parse_place(struct words *words, char *const f[3], struct words_list **ret)
{
	_cleanup_(str_free) struct str path = {0}, key = {0};
	struct words_place place;
	int r = grammar_by_name(f[0], &place.grammar);

	if (r == 0)
		r = parse_field(f[1], &path);
	if (r == 0)
		r = parse_field(f[2], &key);
	if (r < 0)
		return r;
	if (!path.s || !manifest_path_ok(path.s))
		return -EINVAL;
	place.path = path.s;
	place.key = key.s ? key.s : "";
	*ret = words_at(words, &place);
	return *ret ? 0 : -ENOMEM;
}

static int parse_line(struct words *words, const char *line)
{
	_cleanup_(strv_free) struct strv f = {0};
	_cleanup_(str_free) struct str word = {0};
	struct words_list *list;
	int r;

	if (strv_split(&f, line, " ") < 0)
		return -ENOMEM;
	if (!f.n || f.v[0][0] == '#')
		return 0;
	if (f.n == 5 && strcmp(f.v[0], "made") == 0) {
		r = parse_place(words, &f.v[2], &list);
		if (r < 0)
			return r;
		return base_number(f.v[1], 16, UINT64_MAX, &list->made) < 0 ? -EINVAL : 0;
	}
	if (f.n != 4)
		return -EINVAL;
	r = parse_place(words, f.v, &list);
	if (r == 0)
		r = parse_field(f.v[3], &word);
	if (r < 0)
		return r;
	return word.s ? strv_add_unique(&list->ours, word.s) : -EINVAL;
}

int words_parse(const char *text, struct words *ret, struct error *err)
{
	_cleanup_(words_free) struct words words = {0};
	size_t number = 0;
	int r = 0;

	for (const char *p = text; r == 0 && *p; p += *p == '\n') {
		size_t n = strcspn(p, "\n");
		_cleanup_free_ char *line = strndup(p, n);

		number++;
		r = line ? parse_line(&words, line) : -ENOMEM;
		p += n;
	}
	if (r == -EINVAL)
		return error_set(err, r,
			"%s:%zu: not a line of this file; remove it, and take what it was for out "
			"by hand",
			WORDS_PATH, number);
	if (r < 0)
		return error_no_memory(err);
	*ret = words;
	words = (struct words){0};
	return 0;
}

int words_load(const struct root *root, struct words *ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	int r = root_read_text(root, WORDS_PATH, &text, err);

	if (r == -ENOENT || r == -ENOTDIR) {
		*ret = (struct words){0};
		return 0;
	}
	if (r == -EACCES)
		return error_set(err, r, WORDS_PATH ": only root may look; run this as root (sudo)");
	return r < 0 ? r : words_parse(text, ret, err);
}

/* -- editing -- */

static int read_shell(
	const struct words_place *place, const char *text, struct strv *ret, struct error *err)
{
	int r = edit_shell_read(place->path, text, place->key, ret, err);

	return r < 0 ? r : 0;
}

int words_read(
	const struct words_place *place, const char *text, struct strv *ret, struct error *err)
{
	switch (place->grammar) {
	case WORDS_CMDLINE:
		return edit_cmdline_read(place->path, text, EDIT_CMDLINE_FILE, ret, err);
	case WORDS_ENTRY:
		return edit_cmdline_read(place->path, text, EDIT_CMDLINE_ENTRY, ret, err);
	case WORDS_SHELL:
	case WORDS_ARRAY:
		return read_shell(place, text, ret, err);
	case WORDS_VIRCONF:
	case WORDS_PCI_CONF:
	case WORDS_PCI_RB:
	case WORDS_BOOSTER:
	case WORDS_TOOL:
		break;
	}
	return error_set(err, -EINVAL, "%s holds no kernel parameters", place->path);
}

static int edit_pci_conf(const struct words_place *place, const char *text, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err)
{
	static const char *const keys[] = {
		[EDIT_YAML_PCI_FILTER] = "filter",
		[EDIT_YAML_PCI_SHORT_ADDRESS] = "short_address",
		[EDIT_YAML_PCI_DEVICE_NAME] = "device_name",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i], place->key) == 0)
			return edit_yaml_pci(place->path, text, (enum edit_yaml_pci_key)i, ours,
				wanted, ret, err);
	return error_set(err, -EINVAL, "%s: no list is called %s", place->path, place->key);
}

int words_edit(const struct words_place *place, const char *text, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err)
{
	const char *path = place->path, *key = place->key;

	switch (place->grammar) {
	case WORDS_CMDLINE:
		return edit_cmdline(path, text, EDIT_CMDLINE_FILE, ours, wanted, ret, err);
	case WORDS_ENTRY:
		return edit_cmdline(path, text, EDIT_CMDLINE_ENTRY, ours, wanted, ret, err);
	case WORDS_SHELL:
		return edit_shell(path, text, key, EDIT_SHELL_STRING, ours, wanted, ret, err);
	case WORDS_ARRAY:
		return edit_shell(path, text, key, EDIT_SHELL_ARRAY, ours, wanted, ret, err);
	case WORDS_VIRCONF:
		return edit_virconf(path, text, key, ours, wanted, ret, err);
	case WORDS_PCI_CONF:
		return edit_pci_conf(place, text, ours, wanted, ret, err);
	case WORDS_PCI_RB:
		return edit_ruby_pci(path, text, ours, wanted, ret, err);
	case WORDS_BOOSTER:
		return edit_booster(path, text, ours, wanted, ret, err);
	case WORDS_TOOL:
		break;
	}
	return error_set(err, -EINVAL, "%s keeps no file", path);
}
