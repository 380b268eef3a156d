#include "core/edit_ruby_pci.h"

#include "core/edit_flow.h"
#include "core/edit_yaml_pci.h"

#include <errno.h>
#include <string.h>

#define BLANKS " \t\r"

enum kind { ABSENT, NIL, STRING, ARRAY };

struct node {
	enum kind kind;
	struct edit_list list;
};

static void node_free(struct node *node)
{
	edit_list_free(&node->list);
}

/* Where the value begins, if the line assigns the constant. */
static const char *assigned(const char *line)
{
	line += strspn(line, BLANKS);
	if (!base_starts(line, "FILTER"))
		return NULL;
	line += 6 + strspn(line + 6, BLANKS);
	/* Not FILTER == x, FILTER =~ x. */
	if (*line != '=' || strchr("=~>", line[1]))
		return NULL;
	return line + 1 + strspn(line + 1, BLANKS);
}

static int read_value(struct edit_flow *flow, struct node *node)
{
	const char *p = flow->text + flow->pos;
	size_t start, end;
	int r = 0;

	node->list = (struct edit_list)EDIT_LIST(",", "");
	if (*p == '[') {
		node->kind = ARRAY;
		node->list = (struct edit_list)EDIT_LIST(", ", "'");
		r = edit_flow_brackets(flow, &node->list);
	} else if (*p == '\'' || *p == '"') {
		node->kind = STRING;
		r = edit_flow_string(flow, &start, &end);
		if (r == 0)
			r = edit_flow_commas(flow->text, start, end, &node->list);
	} else if (base_starts(p, "nil")) {
		node->kind = NIL;
		flow->pos += 3;
	}
	if (r < 0)
		return r;
	if (node->kind == ABSENT || !edit_flow_at_end(flow)) {
		flow->why = "more than nil, a string or an array of strings";
		return -EINVAL;
	}
	return 0;
}

static int find_filter(struct edit_flow *flow, struct node *node)
{
	const char *text = flow->text;
	bool comment = false;

	for (size_t pos = 0; text[pos] && !base_starts(text + pos, "__END__");) {
		const char *value = assigned(text + pos);
		int r;

		comment = comment ? !base_starts(text + pos, "=end")
				  : base_starts(text + pos, "=begin");
		if (value && !comment) {
			flow->pos = (size_t)(value - text);
			flow->why = "set twice";
			r = node->kind == ABSENT ? read_value(flow, node) : -EINVAL;
			if (r < 0)
				return r;
			pos = flow->pos;
		}
		pos += strcspn(text + pos, "\n");
		pos += text[pos] == '\n';
	}
	return 0;
}

static int find(const char *path, const char *text, struct node *node, struct error *err)
{
	struct edit_flow flow = {.text = text};
	int r;

	*node = (struct node){.kind = ABSENT};
	r = find_filter(&flow, node);
	if (r == -EINVAL)
		return error_set(err, r, "%s:%zu: FILTER: %s; write one string there by hand", path,
			edit_list_line(text, flow.pos), flow.why);
	return r < 0 ? error_no_memory(err) : 0;
}

int edit_ruby_pci_read(const char *path, const char *text, struct strv *ret, struct error *err)
{
	_cleanup_(node_free) struct node node = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = find(path, text, &node, err);

	if (r == 0 && edit_list_values(&node.list, &words) < 0)
		r = error_no_memory(err);
	if (r < 0)
		return r;
	edit_list_keep(ret, &words);
	return node.kind == ABSENT ? 0 : node.kind == NIL ? 2 : 1;
}

/* What is wanted, or of that only what is there already if every card passes anyhow. */
static int needed(const struct node *node, const struct strv *wanted, struct strv *ret)
{
	_cleanup_(strv_free) struct strv there = {0};
	bool all = node->kind == NIL;

	if (edit_list_values(&node->list, &there) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < there.n; i++)
		all |= edit_yaml_pci_is_all(there.v[i]);
	for (size_t i = 0; i < wanted->n; i++)
		if ((!all || strv_has(&there, wanted->v[i])) && strv_add(ret, wanted->v[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int check(const char *path, const char *out, const struct node *meant, struct error *err)
{
	_cleanup_(node_free) struct node found = {0};
	int r = find(path, out, &found, err);

	return r < 0 ? r : edit_list_verify(path, "FILTER", &meant->list, &found.list, err);
}

int edit_ruby_pci(const char *path, const char *text, struct strv *ours, const struct strv *wanted,
	char **ret, struct error *err)
{
	_cleanup_(node_free) struct node node = {0};
	_cleanup_(strv_free) struct strv shall = {0}, fresh = {0};
	_cleanup_free_ char *out = NULL;
	int r = edit_list_check_words(path, wanted, ":*", err);

	if (r == 0)
		r = find(path, text, &node, err);
	if (r < 0)
		return r;
	if (node.kind == ABSENT && wanted->n)
		return error_set(err, -EINVAL,
			"%s: no FILTER; if this is OpenNebula 4.14 to 5.4, write FILTER = '' there "
			"by "
			"hand",
			path);
	if (needed(&node, wanted, &shall) < 0 ||
		edit_list_settle(&node.list, edit_list_same, ours, &shall, &fresh) < 0 ||
		edit_list_write(&node.list, text, &out) < 0)
		return error_no_memory(err);
	r = check(path, out, &node, err);
	if (r < 0)
		return r;
	edit_list_keep(ours, &fresh);
	*ret = TAKE_PTR(out);
	return 0;
}
