#include "core/edit_shell.h"

#include "core/edit_list.h"
#include "core/edit_shell_scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What the words that are written may hold besides letters, digits and '_': nothing that means
 * anything to a shell, in whatever quotes. */
#define WORD_BYTES "-.,:=/@+%"

/* Stands for the variable itself in its own value. */
#define ITSELF '\001'

/* What the shell makes of a value. */
struct value {
	struct str text;
	struct edit_span *map; /* where each byte of it stands */
	bool has_itself;
};

static void value_free(struct value *v)
{
	str_free(&v->text);
	free(v->map);
}

static int value_add(struct value *v, char c, size_t start, size_t end)
{
	if (base_grow(&v->map, v->text.len, sizeof(*v->map)) < 0)
		return -ENOMEM;
	v->map[v->text.len] = (struct edit_span){start, end};
	str_addc(&v->text, c);
	return str_check(&v->text);
}

struct parsed {
	struct edit_list list; /* words of all assignments that count */
	struct edit_shell_scan scan;
	size_t base; /* the first assignment that counts; scan.n: none */
};

static void parsed_free(struct parsed *p)
{
	edit_list_free(&p->list);
	edit_shell_scan_free(&p->scan);
}

/* The bytes of $KEY, ${KEY} or ${KEY[@]} at p; 0: it is something else. */
static size_t itself_length(const char *p, const char *key)
{
	static const char *const forms[][2] = {{"$", ""}, {"${", "}"}, {"${", "[@]}"}};
	size_t n = strlen(key);

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t before = strlen(forms[i][0]), after = strlen(forms[i][1]);
		const char *end = p + before + n;

		if (base_starts(p, forms[i][0]) && strncmp(p + before, key, n) == 0 &&
			base_starts(end, forms[i][1]) &&
			(after || !strspn(end, "abcdefghijklmnopqrstuvwxyz_"
					       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")))
			return before + n + after;
	}
	return 0;
}

/* One byte of a value, or what it stands for, at *pos. */
static int decode_one(struct value *v, const char *text, size_t *pos, char quote, const char *key)
{
	const char *p = text + *pos;
	size_t start = *pos, itself = itself_length(p, key);

	*pos += 1;
	if (*p == '\\' && p[1] && (!quote || strchr("$`\"\\\n", p[1]))) {
		*pos += 1;
		return p[1] == '\n' ? 0 : value_add(v, p[1], start, *pos);
	}
	if (itself) {
		*pos = start + itself;
		v->has_itself = true;
		return value_add(v, ITSELF, start, *pos);
	}
	if (*p == '$' || *p == '`' || (!quote && strchr("*?[{~", *p)))
		return -EINVAL;
	return value_add(v, *p, start, *pos);
}

/* Of text[pos..end), one word of the shell.  -EINVAL: what it is worth is not written there. */
static int decode(struct value *v, const char *text, size_t pos, size_t end, const char *key)
{
	char quote = 0;
	int r = 0;

	while (r == 0 && pos < end) {
		char c = text[pos];

		if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? 0 : c;
			pos++;
		} else if (quote == '\'') {
			r = value_add(v, c, pos, pos + 1);
			pos++;
		} else {
			r = decode_one(v, text, &pos, quote, key);
		}
	}
	str_addn(&v->text, "", 0);
	return r == 0 ? str_check(&v->text) : r;
}

static int add_string(struct edit_list *list, const char *text, const char *key,
	const struct edit_shell_assignment *a, bool *itself)
{
	_cleanup_(value_free) struct value v = {0};
	int r = decode(&v, text, a->start, a->end, key);

	*itself = v.has_itself;
	if (r < 0 || !v.text.len)
		return r;
	return edit_list_words(list, v.text.s, v.text.len, v.map, 0, v.map[0].start);
}

/* An element from text[pos..end). */
static int add_element(struct edit_list *list, const char *text, const char *key, size_t from,
	size_t pos, size_t end, bool *itself)
{
	_cleanup_(value_free) struct value v = {0};
	int r = decode(&v, text, pos, end, key);

	*itself |= v.has_itself;
	return r < 0 ? r : edit_list_add(list, v.text.s, v.text.len, from, pos, end);
}

static int add_array(struct edit_list *list, const char *text, const char *key,
	const struct edit_shell_assignment *a, bool *itself)
{
	struct edit_shell_scan scan = {0};
	size_t from = a->start;
	int r = 0;

	for (size_t pos = a->start; r == 0 && pos < a->end;) {
		size_t start = pos;

		if (strchr(" \t\n", text[pos])) {
			pos++;
		} else if (text[pos] == '\\' && text[pos + 1] == '\n') {
			pos += 2;
		} else if (text[pos] == '#') {
			pos += strcspn(text + pos, "\n");
			from = pos + 1;
		} else if (strchr(";&|<>()", text[pos])) {
			r = -EINVAL;
		} else {
			r = edit_shell_scan_word(&scan, text, &pos);
			if (r == 0)
				r = add_element(list, text, key, from, start, pos, itself);
			from = pos;
		}
	}
	return r;
}

static int add_words(struct edit_list *list, const char *text, const char *key,
	const struct edit_shell_assignment *a, bool *itself)
{
	*itself = false;
	return a->array ? add_array(list, text, key, a, itself)
			: add_string(list, text, key, a, itself);
}

static int refuse(const char *path, const char *text, size_t pos, const char *key, const char *why,
	struct error *err)
{
	return error_set(err, -EINVAL,
		"%s:%zu: %s %s, which is not safe to edit; set it there by hand to plain words in "
		"quotes",
		path, edit_list_line(text, pos), key, why);
}

/* Finds the first assignment that counts: behind it come only additions to it. */
static int find_base(const char *path, const char *text, const char *key, struct parsed *parsed,
	struct error *err)
{
	bool itself = true;

	parsed->base = parsed->scan.n;
	while (itself && parsed->base > 0) {
		const struct edit_shell_assignment *a = &parsed->scan.assignments[--parsed->base];
		_cleanup_(edit_list_free) struct edit_list words = {0};
		int r = a->unsafe ? 0 : add_words(&words, text, key, a, &itself);

		if (a->unsafe || r == -EINVAL)
			return refuse(path, text, a->name, key,
				a->unsafe ? a->unsafe : "is built from other variables or commands",
				err);
		if (r < 0)
			return error_no_memory(err);
		itself |= a->append;
	}
	return 0;
}

static int parse(
	const char *path, const char *text, const char *key, struct parsed *ret, struct error *err)
{
	struct edit_shell_scan *scan = &ret->scan;
	int r = edit_shell_scan(scan, text, key);
	bool itself;

	ret->list = (struct edit_list)EDIT_LIST(" ", "");
	if (r == -EINVAL)
		return error_set(err, r, "%s:%zu: %s; set that right first", path,
			edit_list_line(text, scan->wrong), scan->why);
	if (r == 0)
		r = find_base(path, text, key, ret, err);
	if (r == -EINVAL)
		return r;
	for (size_t i = ret->base; r == 0 && i < scan->n; i++)
		r = add_words(&ret->list, text, key, &scan->assignments[i], &itself);
	return r < 0 ? error_no_memory(err) : 0;
}

int edit_shell_read(
	const char *path, const char *text, const char *key, struct strv *ret, struct error *err)
{
	_cleanup_(parsed_free) struct parsed parsed = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = parse(path, text, key, &parsed, err);

	for (size_t i = 0; r == 0 && i < parsed.list.n; i++)
		if (!strchr(parsed.list.items[i].value, ITSELF) &&
			strv_add(&words, parsed.list.items[i].value) < 0)
			r = error_no_memory(err);
	if (r < 0)
		return r;
	edit_list_keep(ret, &words);
	return parsed.scan.n > 0;
}

/* A variable of our own, in a marked block that may hold others. */
static int put_variable(const char *path, const char *text, const char *key,
	enum edit_shell_kind kind, const struct strv *wanted, char **ret, struct error *err)
{
	bool array = kind == EDIT_SHELL_ARRAY;
	_cleanup_(str_free) struct str body = {0};
	size_t last = strlen(text);

	last -= last && text[last - 1] == '\n';
	if (wanted->n && last && text[last - 1] == '\\')
		return error_set(err, -EINVAL, "%s:%zu: remove the backslash at the end", path,
			edit_list_line(text, last - 1));
	if (wanted->n)
		str_addf(&body, "%s=%c", key, array ? '(' : '"');
	str_add_words(&body, wanted);
	str_add(&body, !wanted->n ? "" : array ? ")\n" : "\"\n");
	if (str_check(&body) < 0)
		return error_no_memory(err);
	return edit_list_block_line(path, text, key, body.s, ret, err);
}

/* The assignment to which a word is added. */
static const struct edit_shell_assignment *last_place(const struct parsed *parsed)
{
	const struct edit_shell_assignment *all = parsed->scan.assignments;
	size_t i = parsed->base;

	for (; parsed->list.n && i + 1 < parsed->scan.n; i++)
		if (parsed->list.items[parsed->list.n - 1].start < all[i + 1].name)
			break;
	return &all[i];
}

/* A string with neither quotes nor backslashes. */
static bool is_bare(const char *text, const struct edit_shell_assignment *a)
{
	return !a->array && a->start + strcspn(text + a->start, "\"'\\") >= a->end;
}

static int put_words(const char *path, const char *text, const char *key, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err);

/* In double quotes a bare word can have others beside it. */
static int put_quoted(const char *path, const char *text, const char *key,
	const struct edit_shell_assignment *a, struct strv *ours, const struct strv *wanted,
	char **ret, struct error *err)
{
	_cleanup_free_ char *quoted = NULL;

	if (asprintf(&quoted, "%.*s\"%.*s\"%s", (int)a->start, text, (int)(a->end - a->start),
		    text + a->start, text + a->end) < 0) {
		quoted = NULL;
		return error_no_memory(err);
	}
	return put_words(path, quoted, key, ours, wanted, ret, err);
}

static int check(const char *path, const char *text, const char *out, const char *key,
	const struct parsed *meant, struct error *err)
{
	_cleanup_(parsed_free) struct parsed found = {0};
	int r = parse(path, out, key, &found, NULL);

	if (r == 0)
		r = edit_list_verify(path, key, &meant->list, &found.list, err);
	if (r != -EINVAL)
		return r < 0 ? error_no_memory(err) : 0;
	return refuse(path, text, meant->scan.assignments[meant->base].name, key,
		"is quoted word by word", err);
}

/* In the assignments that are there. */
static int put_words(const char *path, const char *text, const char *key, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err)
{
	_cleanup_(parsed_free) struct parsed parsed = {0};
	_cleanup_(strv_free) struct strv fresh = {0};
	_cleanup_free_ char *out = NULL;
	const struct edit_shell_assignment *place;
	int r = parse(path, text, key, &parsed, err);

	if (r < 0)
		return r;
	place = last_place(&parsed);
	parsed.list.at = place->start + (!place->array && place->start < place->end);
	if (edit_list_settle(&parsed.list, edit_list_same_word, ours, wanted, &fresh) < 0)
		return error_no_memory(err);
	if (parsed.list.more.n && is_bare(text, place))
		return put_quoted(path, text, key, place, ours, wanted, ret, err);
	/* What KEY+="" adds to is not known, nor whether a blank divides them. */
	if (parsed.list.more.n && !parsed.list.n && place->append)
		return refuse(path, text, place->name, key, "is added to with no word", err);
	if (edit_list_write(&parsed.list, text, &out) < 0)
		return error_no_memory(err);
	r = edit_list_is_settled(&parsed.list) ? 0 : check(path, text, out, key, &parsed, err);
	if (r < 0)
		return r;
	edit_list_keep(ours, &fresh);
	*ret = TAKE_PTR(out);
	return 0;
}

int edit_shell(const char *path, const char *text, const char *key, enum edit_shell_kind kind,
	struct strv *ours, const struct strv *wanted, char **ret, struct error *err)
{
	_cleanup_(edit_shell_scan_free) struct edit_shell_scan scan = {0};
	_cleanup_(strv_free) struct strv fresh = {0};
	_cleanup_free_ char *bare = NULL;
	int r = edit_list_check_words(path, wanted, WORD_BYTES, err);

	/* An assignment of ours counts as none, so that a person's own one later takes its place.
	 */
	if (r == 0)
		r = edit_list_block_line(path, text, key, "", &bare, err);
	if (r < 0)
		return r;
	r = edit_shell_scan(&scan, bare, key);
	if (r == -ENOMEM)
		return error_no_memory(err);
	if (r < 0 || scan.n)
		return put_words(path, bare, key, ours, wanted, ret, err);
	if (strv_copy(&fresh, wanted) < 0)
		return error_no_memory(err);
	r = put_variable(path, text, key, kind, wanted, ret, err);
	if (r == 0)
		edit_list_keep(ours, &fresh);
	return r;
}
