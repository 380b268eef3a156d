#include "core/edit_yaml.h"

#include "core/edit.h"
#include "core/edit_flow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLANKS     " \t\r"
#define MAX_INDENT 32

enum kind { ABSENT, EMPTY, SCALAR, BRACKETS, LINES };

struct node {
	enum kind kind;
	size_t line;  /* where the key begins */
	size_t colon; /* behind its colon */
	size_t end;   /* behind the value */
	bool plain;   /* a scalar without quotes */
	struct edit_list list;
	char before[MAX_INDENT + 4]; /* of an added line */
};

static void node_free(struct node *node)
{
	edit_list_free(&node->list);
}

struct reader {
	const char *text;
	const struct edit_yaml_key *key;
	struct edit_flow flow; /* its pos is where we are */
};

static int wrong(struct reader *r, size_t pos, const char *why)
{
	r->flow.pos = pos;
	r->flow.why = why;
	return -EINVAL;
}

static size_t next_line(const char *text, size_t pos)
{
	pos += strcspn(text + pos, "\n");
	return pos + (text[pos] == '\n');
}

/* The first line at pos or behind it with more than a comment. */
static size_t content(const char *text, size_t pos)
{
	for (;;) {
		size_t first = pos + strspn(text + pos, BLANKS);

		if (!text[first] || (text[first] != '\n' && text[first] != '#'))
			return pos;
		pos = next_line(text, pos);
	}
}

static bool is_item(const char *p)
{
	return p[0] == '-' && (!p[1] || strchr(BLANKS "\n", p[1]));
}

/* Length of a key of the mapping at p with its colon, 0: it is none. */
static size_t key_length(const char *p)
{
	bool quoted = *p == '\'' || *p == '"';
	size_t n;

	if (!*p || (!quoted && strchr("-?,[]{}#&*!|>%@`", *p)))
		return 0;
	n = 1 + strcspn(p + 1, *p == '"' ? "\"\\\n" : *p == '\'' ? "'\n" : ":\n ");
	if (quoted && p[n] == *p)
		n++;
	return p[n] == ':' && (!p[n + 1] || strchr(BLANKS "\n", p[n + 1])) ? n + 1 : 0;
}

/* A word without quotes, up to a comment; *end is behind its last byte. */
static int plain_scalar(struct reader *r, size_t start, size_t *end)
{
	const char *text = r->text;
	size_t pos = start;

	if (strchr("[]{},#&*!|>%@`\"'", text[start]) ||
		(strchr("-?:", text[start]) && strchr(BLANKS "\n", text[start + 1])))
		return wrong(r, start, "YAML of a kind that is not understood");
	while (text[pos] && text[pos] != '\n' &&
		!(text[pos] == '#' && strchr(BLANKS, text[pos - 1]))) {
		if (text[pos] == ':' && (!text[pos + 1] || strchr(BLANKS "\n", text[pos + 1])))
			return wrong(r, start, "YAML of a kind that is not understood");
		pos++;
	}
	while (strchr(BLANKS, text[pos - 1]))
		pos--;
	r->flow.pos = *end = pos;
	return 0;
}

static bool is_null(const char *text, size_t start, size_t end)
{
	static const char *const words[] = {"~", "null", "Null", "NULL"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == end - start &&
			memcmp(text + start, words[i], end - start) == 0)
			return true;
	return false;
}

static int read_scalar(struct reader *r, struct node *node)
{
	const char *text = r->text;
	size_t start = r->flow.pos, end;
	int e;

	node->kind = SCALAR;
	node->plain = text[start] != '\'' && text[start] != '"';
	e = node->plain ? plain_scalar(r, start, &end) : edit_flow_string(&r->flow, &start, &end);
	if (e < 0)
		return e;
	node->end = r->flow.pos;
	if (node->plain && is_null(text, start, end)) {
		node->kind = EMPTY;
		return 0;
	}
	if (!r->key->commas)
		return wrong(r, start, "a string where a list belongs");
	node->list.separator = ",";
	node->list.before = node->list.after = "";
	return edit_flow_commas(text, start, end, &node->list);
}

static int read_brackets(struct reader *r, struct node *node)
{
	node->kind = BRACKETS;
	if (!r->key->lists)
		return wrong(r, r->flow.pos, "a list where a string belongs");
	r->flow.plain = true;
	node->list.separator = ", ";
	node->list.before = node->list.after = "'";
	return edit_flow_brackets(&r->flow, &node->list);
}

/* "- 'a'  # comment" at r->flow.pos, whose line begins at `line`. */
static int read_item(struct reader *r, struct node *node, size_t line)
{
	const char *text = r->text;
	size_t start, end;
	int e;

	r->flow.pos++;
	r->flow.pos += strspn(text + r->flow.pos, " ");
	start = r->flow.pos;
	if (!text[start] || strchr("\n\r\t#", text[start]))
		return wrong(r, start, "an item without a value");
	e = text[start] == '\'' || text[start] == '"' ? edit_flow_string(&r->flow, &start, &end)
						      : plain_scalar(r, start, &end);
	if (e < 0)
		return e;
	if (!edit_flow_at_end(&r->flow))
		return wrong(r, start, "more than one word in an item");
	return edit_list_add(
		&node->list, text + start, end - start, line, line, next_line(text, start));
}

/* Lines of "- 'a'" from the one at pos on. */
static int read_lines(struct reader *r, struct node *node, size_t pos)
{
	const char *text = r->text;
	size_t indent = strspn(text + pos, " ");

	node->kind = LINES;
	if (!r->key->lists)
		return wrong(r, pos, "a list where a string belongs");
	if (indent > MAX_INDENT)
		return wrong(r, pos, "a list that is indented very far");
	(void)snprintf(node->before, sizeof(node->before), "%*s- '", (int)indent, "");
	node->list.separator = "";
	node->list.before = node->before;
	node->list.after = "'\n";
	for (; text[pos]; pos = content(text, next_line(text, pos))) {
		size_t depth = strspn(text + pos, " ");
		int e;

		if (depth < indent || (depth == 0 && !is_item(text + pos)))
			break;
		if (depth > indent || !is_item(text + pos + depth))
			return wrong(r, pos, "more than words in a list");
		r->flow.pos = pos + depth;
		e = read_item(r, node, pos);
		if (e < 0)
			return e;
	}
	r->flow.pos = pos;
	return 0;
}

/* The value of our key, behind its colon. */
static int read_value(struct reader *r, struct node *node)
{
	const char *text = r->text;
	size_t next;
	int e = 0;

	node->colon = node->end = r->flow.pos;
	if (edit_flow_at_end(&r->flow)) {
		next = content(text, next_line(text, r->flow.pos));
		if (is_item(text + next + strspn(text + next, " ")))
			return read_lines(r, node, next);
		node->kind = EMPTY;
	} else {
		r->flow.pos += strspn(text + r->flow.pos, " ");
		e = text[r->flow.pos] == '[' ? read_brackets(r, node) : read_scalar(r, node);
		if (e == 0 && !edit_flow_at_end(&r->flow))
			e = wrong(r, r->flow.pos, "something behind the value");
	}
	if (e < 0)
		return e;
	next = content(text, next_line(text, r->flow.pos));
	if (strchr(" \t", text[next]) && text[next])
		return wrong(r, next, "a value that goes on in the next line");
	r->flow.pos = next;
	return 0;
}

/* Finds the key.  What is indented, or a "- ", belongs to the key above it. */
static int find_key(struct reader *r, struct node *node)
{
	const char *text = r->text;
	size_t n = strlen(r->key->name);
	bool keys = false, start = false;

	for (size_t pos; pos = content(text, r->flow.pos), text[pos];) {
		const char *p = text + pos;
		size_t length = key_length(p);
		int e;

		r->flow.pos = next_line(text, pos);
		if (keys && (*p == ' ' || *p == '\t' || is_item(p)))
			continue;
		if (!keys && !start && base_starts(p, "---") &&
			p[3 + strspn(p + 3, BLANKS)] == '\n') {
			start = true;
			continue;
		}
		if (!length)
			return wrong(r, pos, "YAML of a kind that is not understood");
		keys = true;
		if (length != n + 1 || strncmp(p, r->key->name, n) != 0)
			continue;
		if (node->kind != ABSENT)
			return wrong(r, pos, "a second one, the first having no effect");
		node->line = pos;
		r->flow.pos = pos + length;
		e = read_value(r, node);
		if (e < 0)
			return e;
	}
	return 0;
}

static int find(const char *path, const char *text, const struct edit_yaml_key *key,
	struct node *node, struct error *err)
{
	struct reader r = {.text = text, .key = key, .flow = {.text = text}};
	int e;

	*node = (struct node){.kind = ABSENT};
	e = find_key(&r, node);
	if (e == 0 && node->kind == EMPTY && key->null == EDIT_YAML_NULL_WRONG)
		e = wrong(&r, node->line, "no value, where [] or a list belongs");
	if (e == -EINVAL)
		return error_set(err, e,
			"%s:%zu: %s: %s; write it in one of the usual ways by hand", path,
			edit_list_line(text, r.flow.pos), key->name, r.flow.why);
	return e < 0 ? error_no_memory(err) : 0;
}

int edit_yaml_read(const char *path, const char *text, const struct edit_yaml_key *key,
	struct strv *ret, struct error *err)
{
	_cleanup_(node_free) struct node node = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = find(path, text, key, &node, err);

	if (r == 0 && edit_list_values(&node.list, &words) < 0)
		r = error_no_memory(err);
	if (r < 0)
		return r;
	edit_list_keep(ret, &words);
	return node.kind == ABSENT ? 0 : node.kind == EMPTY ? 2 : 1;
}

/* 'a,b' or ['a', 'b'] */
static int add_value(struct str *out, const struct edit_yaml_key *key, const struct strv *wanted)
{
	const char *quote = key->quote ? "'" : "";

	str_add(out, key->commas ? quote : "['");
	for (size_t i = 0; i < wanted->n; i++)
		str_addf(out, "%s%s", !i ? "" : key->commas ? "," : "', '", wanted->v[i]);
	str_add(out, key->commas ? quote : "']");
	return str_check(out);
}

/* What is wanted, as far as the value needs it. */
static int needed(const struct node *node, const struct edit_yaml_key *key,
	const struct strv *wanted, struct strv *ret)
{
	bool all = node->kind == EMPTY && key->null == EDIT_YAML_NULL_ALL;

	for (size_t i = 0; key->is_all && i < node->list.n; i++)
		all |= key->is_all(node->list.items[i].value);
	for (size_t i = 0; i < wanted->n; i++) {
		bool there = false;

		for (size_t k = 0; k < node->list.n; k++)
			there |= key->same(node->list.items[k].value, wanted->v[i]);
		if ((!all || there) && strv_add(ret, wanted->v[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* `with` and a blank before it instead of text[start..end). */
static int splice(const char *text, size_t start, size_t end, const char *with, char **ret)
{
	_cleanup_(str_free) struct str out = {0};

	str_addn(&out, text, start);
	str_addf(&out, "%s%s", *with ? " " : "", with);
	str_add(&out, text + end);
	return str_take(&out, ret);
}

/* Writes the value in its place; with no word left it must still mean none. */
static int write_value(
	const char *text, const struct edit_yaml_key *key, const struct node *node, char **ret)
{
	_cleanup_(strv_free) struct strv left = {0};
	_cleanup_(str_free) struct str value = {0};
	_cleanup_free_ char *out = NULL;

	if (edit_list_is_settled(&node->list))
		return edit_list_write(&node->list, text, ret);
	if (edit_list_values(&node->list, &left) < 0)
		return -ENOMEM;
	if (node->kind == EMPTY && add_value(&value, key, &left) < 0)
		return -ENOMEM;
	if (node->kind == EMPTY)
		return splice(text, node->colon, node->end, value.s, ret);
	if (node->plain && !left.n)
		return splice(text, node->colon, node->end, "", ret);
	if (edit_list_write(&node->list, text, &out) < 0)
		return -ENOMEM;
	if (node->kind == LINES && !left.n)
		return splice(out, node->colon, node->colon, key->none, ret);
	*ret = TAKE_PTR(out);
	return 0;
}

static int check(const char *path, const char *out, const struct edit_yaml_key *key,
	const struct strv *meant, struct error *err)
{
	_cleanup_(node_free) struct node found = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = find(path, out, key, &found, err);
	bool same;

	if (r == 0 && edit_list_values(&found.list, &words) < 0)
		r = error_no_memory(err);
	if (r < 0)
		return r;
	same = !meant->n || words.n == meant->n;
	for (size_t i = 0; same && i < meant->n; i++)
		same = strcmp(words.v[i], meant->v[i]) == 0;
	return same ? 0
		    : error_set(err, -EINVAL, "%s: %s cannot be edited safely; edit it by hand",
			      path, key->name);
}

static int put_words(const char *path, const char *text, const struct edit_yaml_key *key,
	struct node *node, const struct strv *ours, const struct strv *wanted, struct strv *fresh,
	char **ret, struct error *err)
{
	_cleanup_(strv_free) struct strv shall = {0}, meant = {0};
	_cleanup_free_ char *out = NULL;
	int r;

	if (needed(node, key, wanted, &shall) < 0 ||
		edit_list_settle(&node->list, key->same, ours, &shall, fresh) < 0 ||
		write_value(text, key, node, &out) < 0 || edit_list_values(&node->list, &meant) < 0)
		return error_no_memory(err);
	if (node->kind == EMPTY && node->end > node->colon && meant.n)
		return error_set(err, -EINVAL, "%s:%zu: %s is null; write the list there by hand",
			path, edit_list_line(text, node->line), key->name);
	r = check(path, out, key, &meant, err);
	if (r == 0)
		*ret = TAKE_PTR(out);
	return r;
}

/* A key of our own, in a marked block that may hold others. */
static int put_key(const char *path, const char *text, const struct edit_yaml_key *key,
	const struct strv *wanted, struct strv *fresh, char **ret, struct error *err)
{
	_cleanup_(str_free) struct str body = {0};
	_cleanup_free_ char *out = NULL;
	int r;

	str_addf(&body, "%s: ", key->name);
	if (add_value(&body, key, wanted) < 0 || strv_copy(fresh, wanted) < 0)
		return error_no_memory(err);
	str_addc(&body, '\n');
	if (str_check(&body) < 0)
		return error_no_memory(err);
	r = edit_block_line(path, text, key->name, ':', wanted->n ? body.s : "", &out, err);
	if (r == 0 && wanted->n)
		r = check(path, out, key, wanted, err);
	if (r == 0)
		*ret = TAKE_PTR(out);
	return r;
}

/* The text with a newline at its end, so that lines can be added to it. */
static int close_last_line(const char *text, char **ret, bool *added)
{
	size_t n = strlen(text);

	*added = n && text[n - 1] != '\n';
	return asprintf(ret, "%s%s", text, *added ? "\n" : "") < 0 ? -ENOMEM : 0;
}

int edit_yaml(const char *path, const char *text, const struct edit_yaml_key *key,
	struct strv *ours, const struct strv *wanted, char **ret, struct error *err)
{
	_cleanup_free_ char *bare = NULL, *closed = NULL, *out = NULL;
	_cleanup_(strv_free) struct strv fresh = {0};
	_cleanup_(node_free) struct node node = {0};
	bool added = false;
	int r = edit_list_check_words(path, wanted, key->word_bytes, err);

	/* A key of ours counts as none, so that a person's own one later takes its place. */
	if (r == 0 && text)
		r = edit_block_line(path, text, key->name, ':', "", &bare, err);
	if (r == 0 && close_last_line(bare ? bare : "", &closed, &added) < 0) {
		closed = NULL;
		r = error_no_memory(err);
	}
	if (r == 0)
		r = find(path, closed, key, &node, err);
	if (r < 0)
		return r;
	if (node.kind == ABSENT)
		r = put_key(path, text, key, wanted, &fresh, &out, err);
	else
		r = put_words(path, closed, key, &node, ours, wanted, &fresh, &out, err);
	if (r < 0)
		return r;
	if (node.kind != ABSENT && added)
		out[strlen(out) - 1] = '\0';
	edit_list_keep(ours, &fresh);
	*ret = TAKE_PTR(out);
	return 0;
}
