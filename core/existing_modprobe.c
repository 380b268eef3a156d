/* What modprobe.d says about vfio. */
#include "core/existing_private.h"

#include "core/targets/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int on_options(
	struct existing *e, const struct strv *words, const char *line, const char *where)
{
	int r = 0;

	if (words->n < 2 || !existing_mentions_vfio(words->v[1]))
		return 0;
	for (size_t i = 2; r == 0 && i < words->n; i++) {
		const char *word = words->v[i] + (words->v[i][0] == '"');

		if (!base_same_module(words->v[1], "vfio_pci"))
			break;
		if (base_starts(word, "ids="))
			r = existing_set_ids(e, word + 4, where);
		existing_set_denylist(e, word);
	}
	return r < 0 ? r : existing_note(e, "%s: %s", where, line);
}

static int on_install(
	struct existing *e, const struct strv *words, const char *line, const char *where)
{
	if (words->n < 2 || !existing_meets(words->v[1], "vfio_pci"))
		return 0;
	if (!e->install) {
		e->install = strdup(where);
		if (!e->install)
			return -ENOMEM;
	}
	return existing_note(e, "%s: %s", where, line);
}

static int on_softdep(
	struct existing *e, const struct strv *words, const char *line, const char *where)
{
	_cleanup_(str_free) struct str text = {0};

	for (size_t i = 1; i < words->n; i++)
		str_addf(&text, "%s%s", i > 1 ? " " : "", words->v[i]);
	if (str_check(&text) < 0 || (text.s && strv_add(&e->softdeps, text.s) < 0))
		return -ENOMEM;
	return existing_mentions_vfio(line) ? existing_note(e, "%s: %s", where, line) : 0;
}

static int on_blacklist(
	struct existing *e, const struct strv *words, const char *line, const char *where)
{
	if (words->n > 1 && strv_add(&e->blacklist, words->v[1]) < 0)
		return -ENOMEM;
	return existing_mentions_vfio(line) ? existing_note(e, "%s: %s", where, line) : 0;
}

static int on_other(
	struct existing *e, const struct strv *words, const char *line, const char *where)
{
	(void)words;
	return existing_mentions_vfio(line) ? existing_note(e, "%s: %s", where, line) : 0;
}

static const struct {
	const char *name;
	int (*handle)(
		struct existing *e, const struct strv *words, const char *line, const char *where);
} commands[] = {
	{"options", on_options},
	{"install", on_install},
	{"softdep", on_softdep},
	{"blacklist", on_blacklist},
	{"alias", on_other},
	{"remove", on_other},
	{"weakdep", on_other},
};

static int modprobe_line(struct existing *e, const char *line, const char *where)
{
	_cleanup_(strv_free) struct strv words = {0};

	if (line[0] == '#')
		return 0;
	if (strv_split(&words, line, " \t") < 0)
		return -ENOMEM;
	if (!words.n || words.v[0][0] == '#')
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(words.v[0], commands[i].name) == 0)
			return commands[i].handle(e, &words, line, where);
	return existing_note(e,
		"%s: \"%.40s\" is no command of modprobe.d; modprobe ignores the line", where,
		words.v[0]);
}

/* Joins lines that end in a backslash, as kmod does; *number counts lines as editors do. */
static const char *next_line(const char *p, struct str *line, size_t *number)
{
	line->len = 0;
	str_add(line, "");
	for (++*number; *p && *p != '\n'; p++) {
		if (*p == '\\' && p[1] == '\n') {
			p++;
			++*number;
		} else {
			str_addc(line, *p);
		}
	}
	return *p ? p + 1 : p;
}

static int modprobe_text(struct existing *e, const char *text, const char *path)
{
	_cleanup_(str_free) struct str line = {0}, where = {0};
	size_t number = 0;
	int r = 0;

	while (r == 0 && *text) {
		size_t first = number + 1;

		text = next_line(text, &line, &number);
		where.len = 0;
		str_addf(&where, "%s:%zu", path, first);
		if (str_check(&line) < 0 || str_check(&where) < 0)
			return -ENOMEM;
		r = modprobe_line(e, line.s, where.s);
	}
	return r;
}

static int modprobe_file(struct existing *e, const char *text, const char *path)
{
	return strstr(text, TARGET_MARK) ? 0 : modprobe_text(e, text, path);
}

/* Search order of libkmod (modprobe.d(5)). */
int existing_modprobe(struct existing *e, const struct root *root)
{
	static const char *const directories[] = {"/etc/modprobe.d", "/run/modprobe.d",
		"/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d", NULL};

	return existing_read_directories(e, root, directories, ".conf", modprobe_file);
}

/* A module's own softdeps, which depmod collects; only those of modules that matter here. */
static int own_softdeps(struct existing *e, const char *text, const struct machine *machine)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, n);
		_cleanup_(strv_free) struct strv words = {0};

		if (!line || strv_split(&words, line, " \t") < 0)
			return -ENOMEM;
		if (words.n > 2 && strcmp(words.v[0], "softdep") == 0 &&
			machine_module(machine, words.v[1]) &&
			strv_add_unique(&e->softdeps, strstr(line, words.v[1])) < 0)
			return -ENOMEM;
		text += n + (text[n] == '\n');
	}
	return 0;
}

int existing_softdeps(struct existing *e, const struct root *root, const struct machine *machine)
{
	for (size_t i = 0; i < machine->n_kernels; i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		int r;

		if (asprintf(&path, "/lib/modules/%s/modules.softdep",
			    machine->kernels[i].version) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		r = existing_read_config(e, root, path, &text);
		if (r > 0)
			r = own_softdeps(e, text, machine);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_softdep(const char *line, const char *module, struct strv *pre, struct strv *post)
{
	_cleanup_(strv_free) struct strv words = {0};
	struct strv *list = NULL;

	if (strv_split(&words, line, " \t") < 0)
		return -ENOMEM;
	if (!words.n || !existing_meets(words.v[0], module))
		return 0;
	for (size_t i = 1; i < words.n; i++) {
		if (strcmp(words.v[i], "pre:") == 0)
			list = pre;
		else if (strcmp(words.v[i], "post:") == 0)
			list = post;
		else if (list && strv_add_unique(list, words.v[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

int existing_softdep(
	const struct existing *existing, const char *module, struct strv *pre, struct strv *post)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < existing->softdeps.n; i++)
		r = add_softdep(existing->softdeps.v[i], module, pre, post);
	return r;
}
