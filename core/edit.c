#include "core/edit.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define BEGIN "# vfio-wizard: begin"
#define END   "# vfio-wizard: end"

/* What taking the block out must undo besides: said at the end of the begin line. */
#define MADE_FILE    " (made this file)"
#define MADE_NEWLINE " (added the newline above)"

struct block {
	const char *start, *end; /* of the block in the text; end is after its last newline */
	bool made_file, made_newline;
};

static const char *line_end(const char *line)
{
	const char *newline = strchr(line, '\n');

	return newline ? newline + 1 : line + strlen(line);
}

/* The line, without its newline, is `text` and nothing else. */
static bool is_line(const char *line, const char *text)
{
	size_t n = strlen(text);

	return strncmp(line, text, n) == 0 && (line[n] == '\n' || line[n] == '\0');
}

static bool is_begin(const char *line, struct block *block)
{
	block->made_file = is_line(line, BEGIN MADE_FILE);
	block->made_newline = is_line(line, BEGIN MADE_NEWLINE);
	return block->made_file || block->made_newline || is_line(line, BEGIN);
}

/* 1: found, 0: none. */
static int find_block(const char *path, const char *text, struct block *ret, struct error *err)
{
	struct block block = {0}, other;
	size_t number = 1;
	size_t begin = 0;

	for (const char *line = text; *line; line = line_end(line), number++) {
		if (!begin && is_begin(line, &block)) {
			begin = number;
			block.start = line;
		} else if (begin && !block.end && is_line(line, END)) {
			block.end = line_end(line);
		} else if (block.end && is_begin(line, &other)) {
			return error_set(err, -EINVAL,
				"%s:%zu: a second \"" BEGIN "\"; remove one of the two blocks",
				path, number);
		}
	}
	if (begin && !block.end)
		return error_set(err, -EINVAL,
			"%s:%zu: \"" BEGIN "\" without its \"" END
			"\"; put that line back below our lines, or remove this one",
			path, begin);
	*ret = block;
	return begin > 0;
}

static void add_block(struct str *out, const char *body, const char *made)
{
	str_add(out, BEGIN);
	str_add(out, made);
	str_addc(out, '\n');
	str_add(out, body);
	str_add(out, END "\n");
}

static const char *made_of(const struct block *block)
{
	return block->made_file ? MADE_FILE : block->made_newline ? MADE_NEWLINE : "";
}

static void replace_block(
	struct str *out, const char *text, const struct block *block, const char *body)
{
	size_t before = (size_t)(block->start - text);

	if (!*body && block->made_newline && before && !*block->end)
		before--;
	str_addn(out, text, before);
	if (*body)
		add_block(out, body, made_of(block));
	str_add(out, block->end);
}

static void append_block(struct str *out, const char *text, const char *body)
{
	bool open = text && *text && text[strlen(text) - 1] != '\n';

	if (text)
		str_add(out, text);
	if (!*body)
		return;
	if (open)
		str_addc(out, '\n');
	add_block(out, body, !text ? MADE_FILE : open ? MADE_NEWLINE : "");
}

int edit_block(const char *path, const char *text, const char *body, char **ret, struct error *err)
{
	_cleanup_(str_free) struct str out = {0};
	struct block block = {0};
	int found = text ? find_block(path, text, &block, err) : 0;

	if (found < 0)
		return found;
	if (found)
		replace_block(&out, text, &block, body);
	else
		append_block(&out, text, body);
	if (!out.len && !*body && (!text || block.made_file)) {
		*ret = NULL;
		return 0;
	}
	return str_take(&out, ret) < 0 ? error_no_memory(err) : 0;
}

static size_t count(const char *line, size_t n, char c)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += line[i] == c;
	return found;
}

/* Nothing that is begun in the line ends in another one, as nothing of ours does. */
static bool is_whole(const char *line, size_t n)
{
	return count(line, n, '"') % 2 == 0 && count(line, n, '\'') % 2 == 0 &&
	       count(line, n, '(') == count(line, n, ')') &&
	       count(line, n, '[') == count(line, n, ']');
}

/* What shall be in the block.  False: it was edited by hand. */
static bool replace_line(struct str *out, const struct block *block, const char *key, char mark,
	const char *body)
{
	const char *end, *line = line_end(block->start);

	for (; !is_line(line, END); line = end) {
		end = line_end(line);
		if (!is_whole(line, (size_t)(end - line)))
			return false;
		if (base_starts(line, key) && line[strlen(key)] == mark) {
			str_add(out, body);
			body = "";
		} else {
			str_addn(out, line, (size_t)(end - line));
		}
	}
	str_add(out, body);
	return true;
}

int edit_block_line(const char *path, const char *text, const char *key, char mark,
	const char *body, char **ret, struct error *err)
{
	_cleanup_(str_free) struct str all = {0};
	struct block block = {0};
	int found = text ? find_block(path, text, &block, err) : 0;

	if (found < 0)
		return found;
	if (!found || !replace_line(&all, &block, key, mark, body))
		return edit_block(path, text, body, ret, err);
	if (str_check(&all) < 0)
		return error_no_memory(err);
	return edit_block(path, text, all.s ? all.s : "", ret, err);
}

/* Skips blanks and "export", as sh does before an assignment. */
static const char *assignment(const char *line, const char *key)
{
	size_t n = strlen(key);

	line += strspn(line, " \t");
	if (base_starts(line, "export ") || base_starts(line, "export\t"))
		line += 7 + strspn(line + 7, " \t");
	return strncmp(line, key, n) == 0 && line[n] == '=' ? line + n + 1 : NULL;
}

static const char *skip_variable(const char *p)
{
	if (*p == '{')
		return p + strcspn(p, "}\n") + (p[strcspn(p, "}\n")] == '}');
	while (isalnum((unsigned char)*p) || *p == '_')
		p++;
	return p;
}

/* Behind a '$': it is that variable. */
static bool is_variable(const char *p, const char *key)
{
	size_t n = strlen(key);

	p += *p == '{';
	return strncmp(p, key, n) == 0 && !isalnum((unsigned char)p[n]) && p[n] != '_';
}

/* Reads one sh word, quotes and all; returns where it ends.  *refers: it has $key. */
static const char *shell_value(const char *p, const char *key, struct str *out, bool *refers)
{
	char quote = 0;

	for (; *p; p++) {
		if (quote ? *p == quote : *p == '"' || *p == '\'') {
			quote = quote ? 0 : *p;
		} else if (!quote && strchr(" \t\n;#&|", *p)) {
			break;
		} else if (quote != '\'' && *p == '\\' && p[1]) {
			p++;
			if (*p != '\n')
				str_addc(out, *p);
		} else if (quote != '\'' && *p == '$') {
			*refers |= is_variable(p + 1, key);
			p = skip_variable(p + 1) - 1;
		} else {
			str_addc(out, *p);
		}
	}
	return p;
}

int edit_shell_words(const char *text, const char *key, struct strv *ret, bool *ret_anew)
{
	bool anew = false;

	if (!ret_anew)
		ret_anew = &anew;
	*ret_anew = false;
	for (const char *line = text; *line; line = line_end(line)) {
		_cleanup_(str_free) struct str value = {0};
		const char *p = assignment(line, key);
		bool adds = strchr(" \t", *line);

		if (!p)
			continue;
		line = shell_value(p, key, &value, &adds);
		if (str_check(&value) < 0)
			return -ENOMEM;
		if (!adds) {
			strv_free(ret);
			*ret_anew = true;
		}
		if (value.s && strv_split(ret, value.s, " \t\n") < 0)
			return -ENOMEM;
		if (!*line)
			break;
	}
	return 0;
}
