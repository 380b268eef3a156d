#include "core/edit_cmdline.h"

#include "core/edit_list.h"

#include <errno.h>
#include <string.h>

#define BLANKS " \t\r\v\f"

/* What the words that are written may hold besides letters, digits and '_'. */
#define WORD_BYTES "-.,:=/@+%"

struct parsed {
	struct edit_list list;
	size_t gap;     /* where the gap before the next word begins */
	bool has_line;  /* there is a line whose value is looked at */
	bool has_place; /* list.at is a place for a first word */
};

static void parsed_free(struct parsed *parsed)
{
	edit_list_free(&parsed->list);
}

/* Where the value of a line begins; NULL: it has none. */
static const char *line_value(const char *line, enum edit_cmdline_form form)
{
	const char *p = line + strspn(line, BLANKS);

	if (*p == '#')
		return NULL;
	if (form == EDIT_CMDLINE_FILE)
		return line;
	return base_starts(p, "options ") || base_starts(p, "options\t") ? p + 8 : NULL;
}

/* As edit_list_words(). */
static int parse_line(struct parsed *parsed, const char *text, size_t pos, size_t end,
	enum edit_cmdline_form form)
{
	struct edit_list *list = &parsed->list;
	const char *value = line_value(text + pos, form);
	size_t before = list->n, start;
	int r;

	if (!value) {
		parsed->gap = end + 1;
		return 0;
	}
	start = (size_t)(value - text);
	parsed->has_line = true;
	if (form == EDIT_CMDLINE_ENTRY)
		parsed->gap = start;
	r = edit_list_words(list, value, end - start, NULL, start, parsed->gap);
	if (list->n > before) {
		parsed->gap = list->items[list->n - 1].end;
	} else if (r == 0 && !parsed->has_place) {
		parsed->has_place = true;
		list->at = start;
	}
	return r;
}

static int parse(const char *path, const char *text, enum edit_cmdline_form form,
	struct parsed *ret, struct error *err)
{
	*ret = (struct parsed){.list = EDIT_LIST(" ", "")};
	for (size_t pos = 0, end;; pos = end + 1) {
		int r;

		end = pos + strcspn(text + pos, "\n");
		r = parse_line(ret, text, pos, end, form);
		if (r == -EINVAL)
			return error_set(err, r, "%s:%zu: a double quote is not closed; close it",
				path, edit_list_line(text, pos));
		if (r < 0)
			return error_no_memory(err);
		if (r > 0 || !text[end])
			return 0;
	}
}

int edit_cmdline_read(const char *path, const char *text, enum edit_cmdline_form form,
	struct strv *ret, struct error *err)
{
	_cleanup_(parsed_free) struct parsed parsed = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = parse(path, text, form, &parsed, err);

	for (size_t i = 0; r == 0 && i < parsed.list.n; i++)
		if (strv_add(&words, parsed.list.items[i].value) < 0)
			r = error_no_memory(err);
	if (r == 0)
		edit_list_keep(ret, &words);
	return r;
}

bool edit_cmdline_has(const struct strv *words, const char *word)
{
	for (size_t i = 0; i < words->n; i++)
		if (edit_list_holds(words->v[i], word))
			return true;
	return false;
}

size_t edit_cmdline_length(const char *text, enum edit_cmdline_form form)
{
	size_t length = 0;

	for (size_t pos = 0, end;; pos = end + 1) {
		const char *p = line_value(text + pos, form);

		end = pos + strcspn(text + pos, "\n");
		while (p && *(p += strspn(p, BLANKS)) && *p != '\n') {
			size_t n = strcspn(p, BLANKS "\n");

			length += n + (length > 0);
			p += n;
		}
		if (!text[end])
			return length;
	}
}

/* An options line of our own, in a marked block. */
static int put_line(const char *path, const char *text, const struct strv *wanted, char **ret,
	struct error *err)
{
	_cleanup_(str_free) struct str body = {0};

	for (size_t i = 0; i < wanted->n; i++)
		str_addf(&body, "%s %s", i ? "" : "options", wanted->v[i]);
	str_add(&body, wanted->n ? "\n" : "");
	if (str_check(&body) < 0)
		return error_no_memory(err);
	return edit_list_block(path, text, body.s, ret, err);
}

static int check_length(
	const char *path, const char *text, enum edit_cmdline_form form, struct error *err)
{
	size_t length = edit_cmdline_length(text, form);

	if (length <= EDIT_CMDLINE_MAX)
		return 0;
	return error_set(err, -E2BIG,
		"%s: the kernel command line would have %zu bytes, the kernel reads %d; remove "
		"parameters that are not needed",
		path, length, EDIT_CMDLINE_MAX);
}

static int check(const char *path, const char *text, enum edit_cmdline_form form,
	const struct edit_list *meant, struct error *err)
{
	_cleanup_(parsed_free) struct parsed found = {0};
	int r = parse(path, text, form, &found, err);

	if (r == 0)
		r = edit_list_verify(path, "the kernel command line", meant, &found.list, err);
	return r == 0 ? check_length(path, text, form, err) : r;
}

/* In the lines that are there. */
static int put_words(const char *path, const char *text, enum edit_cmdline_form form,
	struct parsed *parsed, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	_cleanup_(strv_free) struct strv fresh = {0};
	_cleanup_free_ char *out = NULL;
	int r;

	if (edit_list_settle(&parsed->list, edit_list_same_word, ours, wanted, &fresh) < 0)
		return error_no_memory(err);
	if (!parsed->list.n && parsed->list.more.n && !parsed->has_place)
		return error_set(err, -EINVAL,
			"%s: no line there takes kernel parameters; add them by hand", path);
	if (edit_list_write(&parsed->list, text, &out) < 0)
		return error_no_memory(err);
	r = edit_list_is_settled(&parsed->list) ? 0 : check(path, out, form, &parsed->list, err);
	if (r < 0)
		return r;
	edit_list_keep(ours, &fresh);
	*ret = TAKE_PTR(out);
	return 0;
}

int edit_cmdline(const char *path, const char *text, enum edit_cmdline_form form, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err)
{
	_cleanup_(parsed_free) struct parsed parsed = {0};
	_cleanup_(strv_free) struct strv fresh = {0};
	_cleanup_free_ char *bare = NULL, *out = NULL;
	int r = edit_list_check_words(path, wanted, WORD_BYTES, err);

	/* A line of ours counts as none, so that a person's own one later takes its place. */
	if (r == 0 && form == EDIT_CMDLINE_ENTRY)
		r = edit_list_block(path, text, "", &bare, err);
	if (r == 0)
		r = parse(path, bare ? bare : text, form, &parsed, err);
	if (r < 0)
		return r;
	if (parsed.has_line || form == EDIT_CMDLINE_FILE)
		return put_words(path, bare ? bare : text, form, &parsed, ours, wanted, ret, err);
	if (strv_copy(&fresh, wanted) < 0)
		return error_no_memory(err);
	r = put_line(path, text, wanted, &out, err);
	if (r == 0)
		r = check_length(path, out, form, err);
	if (r < 0)
		return r;
	edit_list_keep(ours, &fresh);
	*ret = TAKE_PTR(out);
	return 0;
}

const char *edit_cmdline_recovery(const struct strv *words)
{
	static const char *const names[] = {"single", "s", "S", "1", "recovery", "rescue",
		"emergency", "-b", "systemd.unit=rescue.target", "systemd.unit=emergency.target"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (edit_cmdline_has(words, names[i]))
			return names[i];
	return NULL;
}

static bool is_loaders(const char *word)
{
	return base_starts(word, "BOOT_IMAGE=") || base_starts(word, "initrd=") ||
	       base_starts(word, "systemd.machine_id=");
}

/* What has no root= or is no normal boot must not become the command line of every boot. */
static int check_running(const struct parsed *parsed, struct error *err)
{
	_cleanup_(strv_free) struct strv words = {0};
	const char *recovery;
	bool root = false;

	if (edit_list_values(&parsed->list, &words) < 0)
		return error_no_memory(err);
	recovery = edit_cmdline_recovery(&words);
	if (!recovery && edit_cmdline_has(&words, "module_blacklist=vfio_pci"))
		recovery = "module_blacklist=vfio_pci";
	if (recovery)
		return error_set(err, -EINVAL,
			"/proc/cmdline: this is a recovery boot (\"%s\"); boot as usual, then try "
			"again",
			recovery);
	for (size_t i = 0; i < words.n; i++)
		root |= base_starts(words.v[i], "root=") && words.v[i][5];
	return root ? 0
		    : error_set(err, -EINVAL,
			      "/proc/cmdline has no root=; write the kernel parameters that find "
			      "the "
			      "root file system to /etc/kernel/cmdline, then try again");
}

int edit_cmdline_from_running(const char *running, char **ret, struct error *err)
{
	_cleanup_(parsed_free) struct parsed parsed = {0};
	_cleanup_(str_free) struct str out = {0};
	_cleanup_free_ char *line = NULL;
	int r = parse("/proc/cmdline", running, EDIT_CMDLINE_FILE, &parsed, err);

	if (r == 0)
		r = check_running(&parsed, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < parsed.list.n; i++)
		parsed.list.items[i].drop = is_loaders(parsed.list.items[i].value);
	if (edit_list_write(&parsed.list, running, &line) < 0)
		return error_no_memory(err);
	str_add(&out, line);
	if (!out.len || out.s[out.len - 1] != '\n')
		str_addc(&out, '\n');
	return str_take(&out, ret) < 0 ? error_no_memory(err) : 0;
}
