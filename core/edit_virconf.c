#include "core/edit_virconf.h"

#include "core/edit_list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_NESTING 32
#define WORD_BYTES  "-./:@+%"
#define LETTERS     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS      "0123456789"

struct parsed {
	const char *key;
	struct edit_list list; /* of the first entry of that key */
	bool found;
	bool no_list; /* it is there, and no list of strings */
	size_t name;  /* where it begins */
	size_t pos;   /* how far the text was read */
};

static void parsed_free(struct parsed *p)
{
	edit_list_free(&p->list);
}

static void skip(struct parsed *p, const char *text, const char *bytes)
{
	p->pos += strspn(text + p->pos, bytes);
}

#define BLANKS   " \t"
#define ANYBLANK " \t\r\n"

/* What is wrong, NULL: nothing, "": memory ran out. */
typedef const char *complaint;

static complaint parse_string(struct parsed *p, const char *text, struct edit_list *list)
{
	const char *begin = text + p->pos, *end;
	size_t quotes = 1, n;

	/* As virconf does: with fewer than seven bytes left, two quotes and a string. */
	if (base_starts(begin, "\"\"\"") && begin[3] && begin[4] && begin[5] && begin[6]) {
		quotes = 3;
		end = strstr(begin + 3, "\"\"\"");
	} else {
		end = begin + 1 + strcspn(begin + 1, *begin == '"' ? "\"\r\n" : "'\r\n");
		end = *end == *begin ? end : NULL;
	}
	if (!end)
		return "a string is not closed";
	n = (size_t)(end - begin) - quotes;
	p->pos += n + 2 * quotes;
	if (list && edit_list_add(list, begin + quotes, n,
			    list->n ? list->items[list->n - 1].end : (size_t)(begin - text),
			    (size_t)(begin - text), p->pos) < 0)
		return "";
	return NULL;
}

static complaint parse_value(
	struct parsed *p, const char *text, struct edit_list *list, int nesting);

static complaint parse_list(struct parsed *p, const char *text, struct edit_list *list, int nesting)
{
	complaint wrong = NULL;
	bool first = true;

	if (nesting > MAX_NESTING)
		return "lists are nested too deep";
	if (list)
		list->at = p->pos + 1;
	p->pos++;
	skip(p, text, ANYBLANK);
	for (; text[p->pos] && text[p->pos] != ']'; first = false) {
		if (!first) {
			if (text[p->pos] != ',')
				return text[p->pos] == '#' ? "a comment inside a list"
							   : "a comma is missing in a list";
			p->pos++;
			skip(p, text, ANYBLANK);
			if (text[p->pos] == ']')
				break;
		}
		wrong = parse_value(p, text, list, nesting + 1);
		if (wrong)
			return wrong;
		skip(p, text, ANYBLANK);
	}
	if (!text[p->pos])
		return "a list is not closed with ]";
	p->pos++;
	return NULL;
}

/* list: where strings are collected, or NULL. */
static complaint parse_value(
	struct parsed *p, const char *text, struct edit_list *list, int nesting)
{
	skip(p, text, BLANKS);
	if (text[p->pos] == '"' || text[p->pos] == '\'')
		return parse_string(p, text, list);
	/* Of our own list only: what is no string in it makes libvirt refuse it. */
	if (list && nesting)
		p->no_list = true;
	if (text[p->pos] == '[')
		return parse_list(p, text, nesting ? NULL : list, nesting);
	p->pos += text[p->pos] && strchr("+-", text[p->pos]);
	if (!text[p->pos] || !strchr(DIGITS, text[p->pos]))
		return text[p->pos] == '#' ? "a comment inside a list" : "a value is missing";
	skip(p, text, DIGITS);
	return NULL;
}

/* name = value, and a comment. */
static complaint parse_entry(struct parsed *p, const char *text)
{
	size_t name = p->pos, n;
	bool ours;
	complaint wrong;

	if (!text[name] || !strchr(LETTERS, text[name]))
		return "a name is missing";
	skip(p, text, LETTERS DIGITS "_");
	n = p->pos - name;
	ours = !p->found && n == strlen(p->key) && strncmp(text + name, p->key, n) == 0;
	skip(p, text, BLANKS);
	if (text[p->pos] != '=')
		return "a \"=\" is missing";
	p->pos++;
	skip(p, text, BLANKS);
	if (ours) {
		p->found = true;
		p->name = name;
		p->no_list = text[p->pos] != '[';
	}
	wrong = parse_value(p, text, ours && !p->no_list ? &p->list : NULL, 0);
	if (wrong)
		return wrong;
	skip(p, text, BLANKS);
	if (text[p->pos] == '#')
		p->pos += strcspn(text + p->pos, "\r\n");
	return NULL;
}

static complaint parse_statement(struct parsed *p, const char *text)
{
	complaint wrong = NULL;

	skip(p, text, ANYBLANK);
	if (text[p->pos] == '#')
		p->pos += strcspn(text + p->pos, "\r\n");
	else
		wrong = parse_entry(p, text);
	if (wrong)
		return wrong;
	skip(p, text, BLANKS);
	if (text[p->pos] && !strchr("\r\n;", text[p->pos]))
		return "the line goes on behind the value";
	p->pos += text[p->pos] == ';';
	skip(p, text, ANYBLANK);
	return NULL;
}

static int parse(
	const char *path, const char *text, const char *key, struct parsed *p, struct error *err)
{
	complaint wrong = NULL;

	*p = (struct parsed){.key = key, .list = EDIT_LIST(", ", "\"")};
	while (!wrong && text[p->pos])
		wrong = parse_statement(p, text);
	if (wrong && !*wrong)
		return error_no_memory(err);
	if (wrong)
		return error_set(err, -EINVAL,
			"%s:%zu: %s; libvirt does not start with that, set it right first", path,
			edit_list_line(text, p->pos), wrong);
	if (p->no_list)
		return error_set(err, -EINVAL,
			"%s:%zu: %s is no list of strings; set it right first", path,
			edit_list_line(text, p->name), key);
	return 0;
}

int edit_virconf_read(
	const char *path, const char *text, const char *key, struct strv *ret, struct error *err)
{
	_cleanup_(parsed_free) struct parsed p = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = parse(path, text, key, &p, err);

	if (r == 0 && edit_list_values(&p.list, &words) < 0)
		r = error_no_memory(err);
	if (r < 0)
		return r;
	edit_list_keep(ret, &words);
	return p.found;
}

/* The sample entry in its comment, text[start..end): whole lines. */
static bool find_sample(const char *text, const char *key, size_t *start, size_t *end)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *p = line + strspn(line, "\n");
		size_t n = strlen(key);

		line = p;
		if (*p++ != '#')
			continue;
		p += strspn(p, BLANKS);
		if (strncmp(p, key, n) != 0 || p[n + strspn(p + n, BLANKS)] != '=')
			continue;
		*start = (size_t)(line - text);
		while (*line == '#')
			line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n');
		*end = (size_t)(line - text);
		return true;
	}
	return false;
}

/* The sample as an entry: its lines without the '#', as far as the value goes.  "": there is none.
 */
static int read_sample(const char *text, const char *key, char **ret_entry, size_t *ret_end)
{
	_cleanup_(parsed_free) struct parsed p = {.key = key, .list = EDIT_LIST(", ", "\"")};
	_cleanup_(str_free) struct str lines = {0};
	size_t start = 0, end = 0;
	complaint wrong;

	if (find_sample(text, key, &start, &end)) {
		for (size_t i = start; i < end; i++)
			if (text[i] != '#' || (i > start && text[i - 1] != '\n'))
				str_addc(&lines, text[i]);
	}
	str_addn(&lines, "", 0);
	if (str_check(&lines) < 0)
		return -ENOMEM;
	skip(&p, lines.s, BLANKS);
	wrong = lines.len ? parse_entry(&p, lines.s) : NULL;
	if (wrong && !*wrong)
		return -ENOMEM;
	if (wrong || p.no_list || !p.list.n)
		p.pos = 0;
	*ret_entry = strndup(lines.s, p.pos);
	*ret_end = end;
	return *ret_entry ? 0 : -ENOMEM;
}

int edit_virconf_default(const char *text, const char *key, struct strv *ret)
{
	_cleanup_free_ char *entry = NULL;
	size_t end;

	if (read_sample(text, key, &entry, &end) < 0)
		return -ENOMEM;
	return *entry ? edit_virconf_read("", entry, key, ret, NULL) : 0;
}

static int check(const char *path, const char *out, const char *key, const struct edit_list *meant,
	struct error *err)
{
	_cleanup_(parsed_free) struct parsed found = {0};
	int r = parse(path, out, key, &found, err);

	return r < 0 ? r : edit_list_verify(path, key, meant, &found.list, err);
}

/* The text with the list's words, each once, settled. */
static int put_words(const char *path, const char *text, struct parsed *p, const struct strv *ours,
	const struct strv *wanted, struct strv *fresh, char **ret, struct error *err)
{
	_cleanup_free_ char *out = NULL;
	size_t kept = 0;
	int r;

	if (edit_list_settle(&p->list, edit_list_same, ours, wanted, fresh) < 0 ||
		edit_list_write(&p->list, text, &out) < 0)
		return error_no_memory(err);
	for (size_t i = 0; i < p->list.n; i++)
		kept += !p->list.items[i].drop;
	if (!kept && !edit_list_is_settled(&p->list))
		return error_set(err, -EINVAL,
			"%s:%zu: %s has nothing but what is ours, so no guest can start; remove "
			"the "
			"entry, or write what it needs, by hand",
			path, edit_list_line(text, p->name), p->key);
	r = edit_list_is_settled(&p->list) ? 0 : check(path, out, p->key, &p->list, err);
	if (r == 0)
		*ret = TAKE_PTR(out);
	return r;
}

/* What is in the entry of our block and neither ours nor the default: somebody else's. */
static int find_others(const char *text, const char *key, const char *entry,
	const struct strv *ours, const struct strv *wanted, struct strv *ret)
{
	_cleanup_(parsed_free) struct parsed now = {0}, was = {0};
	_cleanup_(strv_free) struct strv known = {0};

	if (parse("", text, key, &now, NULL) < 0 || !now.found ||
		parse("", entry, key, &was, NULL) < 0)
		return 0;
	if (edit_list_values(&was.list, &known) < 0 || strv_copy(&known, ours) < 0 ||
		strv_copy(&known, wanted) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < now.list.n; i++)
		if (!strv_has(&known, now.list.items[i].value) &&
			strv_add_unique(ret, now.list.items[i].value) < 0)
			return -ENOMEM;
	return 0;
}

/* The body of our block: the sample's entry with what is asked for besides. */
static int make_body(const char *path, const char *entry, const char *key,
	const struct strv *others, const struct strv *wanted, struct strv *fresh, char **ret,
	struct error *err)
{
	_cleanup_(parsed_free) struct parsed p = {0}, q = {0};
	_cleanup_(strv_free) struct strv unused = {0};
	_cleanup_free_ char *with = NULL, *body = NULL;
	const struct strv none = {0};
	int r = parse(path, entry, key, &p, err);

	if (r == 0)
		r = put_words(path, entry, &p, &none, others, &unused, &with, err);
	if (r == 0)
		r = parse(path, with, key, &q, err);
	if (r == 0)
		r = put_words(path, with, &q, &none, wanted, fresh, &body, err);
	if (r < 0)
		return r;
	if (asprintf(ret, "%s\n", body) < 0)
		return error_no_memory(err);
	return 0;
}

/* The block in its place if there is one, else behind the sample. */
static int put_block(const char *path, const char *text, bool has_block, size_t end,
	const char *body, char **ret, struct error *err)
{
	_cleanup_free_ char *head = NULL, *put = NULL;
	int r;

	if (has_block)
		return edit_list_block(path, text, body, ret, err);
	head = strndup(text, end);
	r = head ? edit_list_block(path, head, body, &put, err) : -ENOMEM;
	if (r < 0)
		return head ? r : error_no_memory(err);
	if (asprintf(ret, "%s%s", put, text + end) < 0)
		return error_no_memory(err);
	return 0;
}

/* Without an entry of the person's. */
static int put_entry(const char *path, const char *text, const char *bare, const char *key,
	const struct strv *ours, const struct strv *wanted, struct strv *fresh, char **ret,
	struct error *err)
{
	_cleanup_free_ char *entry = NULL, *body = NULL, *out = NULL;
	_cleanup_(strv_free) struct strv others = {0};
	size_t end;
	int r;

	if (read_sample(bare, key, &entry, &end) < 0 ||
		find_others(text, key, entry, ours, wanted, &others) < 0)
		return error_no_memory(err);
	if (!others.n && !wanted->n) {
		out = strdup(bare);
		*ret = TAKE_PTR(out);
		return *ret ? 0 : error_no_memory(err);
	}
	if (!*entry)
		return error_set(err, -EINVAL,
			"%s: no commented %s shows what libvirt allows by default; write the entry "
			"by "
			"hand, beginning with those",
			path, key);
	r = make_body(path, entry, key, &others, wanted, fresh, &body, err);
	if (r == 0)
		r = put_block(path, text, strcmp(text, bare) != 0, end, body, &out, err);
	if (r == 0)
		*ret = TAKE_PTR(out);
	return r;
}

int edit_virconf(const char *path, const char *text, const char *key, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err)
{
	_cleanup_(parsed_free) struct parsed p = {0};
	_cleanup_(strv_free) struct strv fresh = {0};
	_cleanup_free_ char *bare = NULL;
	int r = edit_list_check_words(path, wanted, WORD_BYTES, err);

	/* An entry of ours counts as none, so that a person's own one later takes its place. */
	if (r == 0)
		r = edit_list_block(path, text, "", &bare, err);
	if (r == 0)
		r = parse(path, bare, key, &p, err);
	if (r < 0)
		return r;
	r = p.found ? put_words(path, bare, &p, ours, wanted, &fresh, ret, err)
		    : put_entry(path, text, bare, key, ours, wanted, &fresh, ret, err);
	if (r == 0)
		edit_list_keep(ours, &fresh);
	return r;
}
