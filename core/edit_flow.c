#include "core/edit_flow.h"

#include <errno.h>
#include <string.h>

#define BLANKS " \t\r"
/* What a plain word in brackets may consist of: enough for ids and addresses. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:*/-"

static int wrong(struct edit_flow *flow, const char *why)
{
	flow->why = why;
	return -EINVAL;
}

int edit_flow_string(struct edit_flow *flow, size_t *start, size_t *end)
{
	const char *open = flow->text + flow->pos;
	/* A doubled or escaped quote, an escape, what Ruby fills in. */
	size_t n = strcspn(open + 1, *open == '"' ? "\"\\#\n" : "'\\\n");
	char close = open[1 + n];

	if (close == '\n' || !close)
		return wrong(flow, "a string that is not closed on its line");
	if (close != *open || open[2 + n] == *open)
		return wrong(flow, "an escape in a string");
	*start = flow->pos + 1;
	*end = flow->pos + 1 + n;
	flow->pos += n + 2;
	return 0;
}

static bool is_comment(const struct edit_flow *flow)
{
	return flow->text[flow->pos] == '#' && flow->pos &&
	       strchr(BLANKS "\n", flow->text[flow->pos - 1]);
}

/* Over blanks, lines and comments; *from moves behind the last comment. */
static void skip_gap(struct edit_flow *flow, size_t *from)
{
	for (;;) {
		flow->pos += strspn(flow->text + flow->pos, BLANKS "\n");
		if (!is_comment(flow))
			return;
		flow->pos += strcspn(flow->text + flow->pos, "\n");
		*from = flow->pos + (flow->text[flow->pos] == '\n');
	}
}

static int take_item(struct edit_flow *flow, struct edit_list *list, size_t from)
{
	size_t outer = flow->pos, start = outer, end = outer;
	char c = flow->text[outer];
	int r = 0;

	if (c == '\'' || c == '"') {
		r = edit_flow_string(flow, &start, &end);
	} else {
		end += c == '*' || c == '-' || c == ':' ? 0 : strspn(flow->text + outer, PLAIN);
		if (!flow->plain || end == start)
			return wrong(flow, "more than quoted strings in a list");
		flow->pos = end;
	}
	if (r < 0)
		return r;
	return edit_list_add(list, flow->text + start, end - start, from, outer, flow->pos);
}

int edit_flow_brackets(struct edit_flow *flow, struct edit_list *list)
{
	size_t from = ++flow->pos;
	bool comma = true;
	int r = 0;

	list->at = from;
	for (;;) {
		skip_gap(flow, &from);
		if (!flow->text[flow->pos])
			return wrong(flow, "a list that is not closed");
		if (flow->text[flow->pos] == ']')
			break;
		if (flow->text[flow->pos] == ',' && !comma) {
			comma = true;
			flow->pos++;
			continue;
		}
		if (!comma)
			return wrong(flow, "no comma between the items of a list");
		r = take_item(flow, list, from);
		if (r < 0)
			return r;
		from = flow->pos;
		comma = false;
	}
	flow->pos++;
	return 0;
}

int edit_flow_commas(const char *text, size_t start, size_t end, struct edit_list *list)
{
	size_t from = start;

	list->at = start;
	while (start < end) {
		const char *comma = memchr(text + start, ',', end - start);
		size_t stop = comma ? (size_t)(comma - text) : end, last = stop;
		size_t first = start + strspn(text + start, BLANKS);

		while (last > first && strchr(BLANKS, text[last - 1]))
			last--;
		if (last > first) {
			if (edit_list_add(list, text + first, last - first, from, first, last) < 0)
				return -ENOMEM;
			from = last;
		}
		start = stop + 1;
	}
	return 0;
}

bool edit_flow_at_end(const struct edit_flow *flow)
{
	size_t blanks = strspn(flow->text + flow->pos, BLANKS);
	char next = flow->text[flow->pos + blanks];

	return !next || next == '\n' || (next == '#' && blanks);
}
