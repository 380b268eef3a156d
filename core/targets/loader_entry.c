/* The entry "without passthrough" where each entry of the boot menu is a file: a copy of that of
 * the kernel that boots next, with vfio-pci kept from loading.
 *
 * It must be nobody's default, so it sorts last.  systemd-boot puts entries without sort-key behind
 * those with one, and sorts them by falling version of their names.  GRUB's blscfg takes the name
 * apart as NAME-VERSION-RELEASE, each falling, and reads no key for it: beside PREFIX-VERSION.conf
 * PREFIX-0-... is the last but for the rescue entry, as long as the last word has no '-'.
 *
 * grubby(8) changes every entry whose `linux` is, letter by letter, that of the kernel that it is
 * told. GRUB takes two slashes for one, so with them the copy stays as it is. */
#include "core/bls.h"
#include "core/targets/entries.h"
#include "core/targets/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t"
#define TITLE  ", without passthrough"
#define WORDS  "module_blacklist=vfio_pci vfio-pci.ids="

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_KERNEL_INSTALL || in->loader == BOOT_ENTRIES ||
	       in->loader == BOOT_GRUB_BLS;
}

/* -- of which entry -- */

/* The version stands in text[0..n) as a word of a path. */
static bool names_version(const char *text, size_t n, const char *version)
{
	size_t m = strlen(version);

	for (size_t i = 1; m && i + m <= n; i++)
		if (strchr("-/", text[i - 1]) && strncmp(text + i, version, m) == 0 &&
			(i + m == n || strchr("/+.", text[i + m])))
			return true;
	return false;
}

static bool is_line(const char *line, const char *key)
{
	size_t n = strlen(key);

	return strncmp(line, key, n) == 0 && line[n] && strchr(BLANKS, line[n]);
}

/* Arch names a kernel's file after its package. */
static bool boots(const struct target_input *in, const struct entry *entry, const char *version)
{
	const char *name = strrchr(entry->path, '/'), *line = entry->text;
	char path[256], package[128] = "";

	if (names_version(name, strlen(name), version))
		return true;
	if (snprintf(path, sizeof(path), "/usr/lib/modules/%s/pkgbase", version) <
		(int)sizeof(path))
		(void)root_attr(in->root, path, package, sizeof(package));
	for (; line; line = strchr(line, '\n')) {
		size_t n;

		line += strspn(line, " \t\r\n");
		n = strcspn(line, "\r\n");
		if (is_line(line, "linux") &&
			(names_version(line, n, version) || names_version(line, n, package)))
			return true;
	}
	return false;
}

/* NULL: there is none to make it from. */
static const struct entry *find(const struct target_input *in, const struct entries *entries)
{
	const struct kernel *next = machine_next_kernel(in->machine);
	const struct entry *first = NULL;

	for (size_t i = 0; i < entries->n; i++) {
		const struct entry *entry = &entries->v[i];

		if (entry->spare ||
			(in->loader == BOOT_GRUB_BLS && !base_starts(entry->path, "/boot/loader/")))
			continue;
		if (next && boots(in, entry, next->version))
			return entry;
		if (!first)
			first = entry;
	}
	return in->loader == BOOT_GRUB_BLS ? NULL : first;
}

/* Of "PREFIX-VERSION.conf", or "PREFIX-VERSION+TRIES.conf" while boots are counted, the bytes
 * before the version; 0: it is not called so. */
static size_t prefix(const char *base, const char *version)
{
	size_t n = strlen(version);

	for (const char *p = base; *version && (p = strstr(p, version)); p++)
		if (p > base + 1 && p[-1] == '-' && (p[n] == '+' || strcmp(p + n, ".conf") == 0))
			return (size_t)(p - base);
	return 0;
}

/* Beside it.  *ret NULL: GRUB would not sort it last. */
static int name(const struct target_input *in, const struct entry *entry, char **ret)
{
	const struct kernel *next = machine_next_kernel(in->machine);
	const char *base = strrchr(entry->path, '/') + 1;
	size_t n = next ? prefix(base, next->version) : 0;

	if (!n && in->loader == BOOT_GRUB_BLS)
		return 0;
	n += (size_t)(base - entry->path);
	return asprintf(ret, "%.*s" BLS_OWN, (int)n, entry->path) < 0 ? -ENOMEM : 0;
}

/* -- what is in it -- */

/* The words that earlier plans of ours brought into the entry, out of it again. */
static int strip(const struct target_input *in, const struct entry *entry, char **ret)
{
	static const struct strv none;
	const struct words_place self = {WORDS_ENTRY, entry->path, ""},
				 places[] = {self, {WORDS_CMDLINE, TARGET_CMDLINE, ""},
					 {WORDS_TOOL, TARGET_GRUBBY, ""}};
	_cleanup_(strv_free) struct strv ours = {0};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct strv *words = words_ours(in->words, &places[i]);

		for (size_t k = 0; words && k < words->n; k++)
			if (strv_add_unique(&ours, words->v[k]) < 0)
				return -ENOMEM;
	}
	return words_edit(&self, entry->text, &ours, &none, ret, NULL);
}

/* What is behind "--" is init's. */
static void add_options(struct str *out, const char *line)
{
	const char *end = strstr(line, " -- ");
	size_t n = end ? (size_t)(end - line) : strlen(line);

	str_addn(out, line, n);
	str_add(out, " " WORDS);
	str_addf(out, "%s\n", line + n);
}

static void add_line(
	const struct target_input *in, struct str *out, const char *line, bool is_last_options)
{
	static const char *const dropped[] = {"title", "version", "sort-key", "id"};
	size_t key = strcspn(line, BLANKS), gap = strspn(line + key, BLANKS);

	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		if (is_line(line, dropped[i]))
			return;
	if (is_last_options)
		add_options(out, line);
	else if (in->loader == BOOT_GRUB_BLS && is_line(line, "linux") && line[key + gap] == '/')
		str_addf(out, "linux /%s\n", line + key + gap);
	else if (line[0] != '#')
		str_addf(out, "%s\n", line);
}

static int split(const char *text, struct strv *lines, size_t *title, size_t *options)
{
	if (strv_split(lines, text, "\r\n") < 0)
		return -ENOMEM;
	*title = *options = lines->n;
	for (size_t i = 0; i < lines->n; i++) {
		char *line = lines->v[i];

		memmove(line, line + strspn(line, BLANKS), strlen(line + strspn(line, BLANKS)) + 1);
		if (is_line(line, "title"))
			*title = i;
		else if (is_line(line, "options"))
			*options = i;
	}
	return 0;
}

static int build(const struct target_input *in, const struct entry *entry, char **ret)
{
	_cleanup_(strv_free) struct strv lines = {0};
	_cleanup_(str_free) struct str out = {0};
	_cleanup_free_ char *bare = NULL;
	const char *title = "Linux";
	size_t at_title = 0, at_options = 0;
	int r = strip(in, entry, &bare);

	if (r == 0)
		r = split(bare, &lines, &at_title, &at_options);
	if (r < 0)
		return r;
	if (at_title < lines.n) {
		title = lines.v[at_title] + strlen("title");
		title += strspn(title, BLANKS);
	}
	str_addf(&out, TARGET_MARK ": starts the host without passthrough.\ntitle %s" TITLE "\n",
		title);
	for (size_t i = 0; i < lines.n; i++)
		add_line(in, &out, lines.v[i], i == at_options);
	if (at_options == lines.n)
		str_add(&out, "options " WORDS "\n");
	return str_take(&out, ret);
}

/* -- the change -- */

/* Ours in this directory, but for the one that stays (may be NULL). */
static int drop(const struct target_input *in, struct plan *plan, const char *directory,
	const char *stays, struct error *err)
{
	_cleanup_(strv_free) struct strv paths = {0};
	int r = target_list(in, directory, ".conf", &paths);

	if (r < 0)
		return error_no_memory(err);
	for (size_t i = 0; r == 0 && i < paths.n; i++)
		if (bls_is_own(paths.v[i]) && (!stays || strcmp(paths.v[i], stays) != 0))
			r = target_own_file(
				in, plan, &target_loader_entry, paths.v[i], 0, NULL, err);
	return r;
}

static int drop_all(const struct target_input *in, struct plan *plan, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && target_entries_places[i]; i++)
		r = drop(in, plan, target_entries_places[i], NULL, err);
	return r;
}

/* On an EFI system partition every file has one and the same mode, whatever is asked for. */
static int put(const struct target_input *in, struct plan *plan, const struct entry *entry,
	const char *path, const char *text, struct error *err)
{
	_cleanup_(content_free) struct content like = {0};
	_cleanup_free_ char *directory = strndup(path, (size_t)(strrchr(path, '/') - path));
	_cleanup_free_ char *resolved = NULL;
	int r;

	if (!directory)
		return error_no_memory(err);
	r = content_read(in->root, entry->path, false, &resolved, &like, err);
	if (r == 0)
		r = drop(in, plan, directory, path, err);
	return r < 0 ? r
		     : target_own_file(in, plan, &target_loader_entry, path, like.mode, text, err);
}

/* A way back that cannot be made stops nothing. */
static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(target_entries_free) struct entries entries = {0};
	_cleanup_free_ char *path = NULL, *text = NULL;
	const struct entry *entry = NULL;
	struct error why = {0};
	int r = 0;

	if (in->choice->n)
		r = target_entries_read(in, &entries, &why);
	if (r == 0)
		entry = find(in, &entries);
	if (entry)
		r = name(in, entry, &path);
	if (r == 0 && path)
		r = build(in, entry, &text);
	/* Another name than GRUB could sort last. */
	if (r == 0 && !text && !why.code && in->loader == BOOT_GRUB_BLS)
		r = target_no_spare(in, plan, "press e at the boot menu to add it");
	if (r == -ENOMEM)
		return error_no_memory(err);
	return text ? put(in, plan, entry, path, text, err) : drop_all(in, plan, err);
}

/* -- how it is -- */

/* A path in an entry begins at its partition, or at / where GRUB reads it from there. */
static int is_gone(
	const struct target_input *in, const struct entry *entry, const char *file, bool *ret)
{
	const char *end = strstr(entry->path, "/loader/entries/");
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%.*s%s", end ? (int)(end - entry->path) : 0, entry->path, file) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	*ret = root_stat(in->root, path, &st) == -ENOENT &&
	       root_stat(in->root, file, &st) == -ENOENT;
	return 0;
}

/* The first file that the line names and that is not there; what is no path is a variable of
 * GRUB's. */
static int find_gone(
	const struct target_input *in, const struct entry *entry, const char *line, char **ret)
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = strv_split(&words, line, BLANKS);

	for (size_t i = 1; r == 0 && !*ret && i < words.n; i++) {
		bool gone = false;

		if (words.v[i][0] == '/')
			r = is_gone(in, entry, words.v[i], &gone);
		if (gone && !(*ret = strdup(words.v[i])))
			r = -ENOMEM;
	}
	return r;
}

/* *ret NULL: it starts the kernel that boots next, as far as its files go. */
static int find_trouble(const struct target_input *in, const struct entry *own,
	const struct entry *from, char **ret)
{
	const struct kernel *next = machine_next_kernel(in->machine);
	_cleanup_(strv_free) struct strv lines = {0};
	_cleanup_free_ char *gone = NULL;
	size_t title, options;
	int r = split(own->text, &lines, &title, &options);

	for (size_t i = 0; r == 0 && !gone && i < lines.n; i++)
		if (is_line(lines.v[i], "linux") || is_line(lines.v[i], "initrd") ||
			is_line(lines.v[i], "efi"))
			r = find_gone(in, own, lines.v[i], &gone);
	if (r < 0)
		return r;
	if (gone)
		r = asprintf(ret, "it names %s, which is gone", gone);
	else if (from && next && boots(in, from, next->version) && !boots(in, own, next->version))
		r = asprintf(
			ret, "it starts another kernel than %s, which boots next", next->version);
	return r < 0 ? -ENOMEM : 0;
}

int target_loader_entry_look(const struct target_input *in, char **ret, char **trouble)
{
	_cleanup_(target_entries_free) struct entries entries = {0};
	_cleanup_free_ char *path = NULL, *why = NULL;
	const struct entry *own = NULL, *from = NULL;
	struct error unread = {0};
	int r = detect(in) ? target_entries_read(in, &entries, &unread) : 0;

	for (size_t i = 0; r == 0 && !own && i < entries.n; i++)
		if (bls_is_own(entries.v[i].path) && base_starts(entries.v[i].text, TARGET_MARK))
			own = &entries.v[i];
	if (r == 0)
		from = find(in, &entries);
	if (own)
		r = (path = strdup(own->path)) ? find_trouble(in, own, from, &why) : -ENOMEM;
	else if (from && !unread.code)
		r = name(in, from, &path);
	if (r == 0 && path && !own && !(why = strdup("it is not there")))
		r = -ENOMEM;
	if (r < 0)
		return r;
	*ret = TAKE_PTR(path);
	*trouble = TAKE_PTR(why);
	return 0;
}

const struct target target_loader_entry = {.name = "loader-entry", .detect = detect, .plan = plan};
