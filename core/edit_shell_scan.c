#include "core/edit_shell_scan.h"

#include <errno.h>
#include <string.h>

#define MAX_NESTING 32

static int wrong(struct edit_shell_scan *scan, size_t pos, const char *why)
{
	scan->wrong = pos;
	scan->why = why;
	return -EINVAL;
}

static int skip_group(
	struct edit_shell_scan *scan, const char *text, size_t *pos, char close, int nesting);

/* '...' */
static int skip_single(struct edit_shell_scan *scan, const char *text, size_t *pos)
{
	const char *end = strchr(text + *pos + 1, '\'');

	if (!end)
		return wrong(scan, *pos, "a quote is not closed");
	*pos = (size_t)(end - text) + 1;
	return 0;
}

/* $(...), ${...}, or no more than the '$'. */
static int skip_dollar(struct edit_shell_scan *scan, const char *text, size_t *pos, int nesting)
{
	char open = text[*pos + 1];

	(*pos)++;
	if (open != '(' && open != '{')
		return 0;
	(*pos)++;
	return skip_group(scan, text, pos, open == '(' ? ')' : '}', nesting + 1);
}

/* One byte, or what it opens. */
static int skip_one(
	struct edit_shell_scan *scan, const char *text, size_t *pos, bool in_quotes, int nesting)
{
	switch (text[*pos]) {
	case '\\':
		*pos += text[*pos + 1] ? 2 : 1;
		return 0;
	case '$':
		return skip_dollar(scan, text, pos, nesting);
	case '`':
		(*pos)++;
		return skip_group(scan, text, pos, '`', nesting + 1);
	case '"':
		(*pos)++;
		return skip_group(scan, text, pos, '"', nesting + 1);
	case '\'':
		if (!in_quotes)
			return skip_single(scan, text, pos);
		break;
	}
	(*pos)++;
	return 0;
}

static bool is_comment(const char *text, size_t pos)
{
	return text[pos] == '#' && strchr(" \t\n(", text[pos - 1]);
}

/* From behind what opens it to behind `close`. */
static int skip_group(
	struct edit_shell_scan *scan, const char *text, size_t *pos, char close, int nesting)
{
	size_t open = *pos - 1;
	int r = nesting > MAX_NESTING ? wrong(scan, open, "quotes are nested too deep") : 0;

	while (r == 0 && text[*pos] && text[*pos] != close) {
		if (close == ')' && is_comment(text, *pos)) {
			*pos += strcspn(text + *pos, "\n");
		} else if (close == ')' && text[*pos] == '(') {
			(*pos)++;
			r = skip_group(scan, text, pos, ')', nesting + 1);
		} else {
			r = skip_one(scan, text, pos, close == '"', nesting);
		}
	}
	if (r == 0 && !text[*pos])
		r = wrong(scan, open, "a quote or parenthesis is not closed");
	if (r == 0)
		(*pos)++;
	return r;
}

int edit_shell_scan_word(struct edit_shell_scan *scan, const char *text, size_t *pos)
{
	int r = 0;

	while (r == 0 && text[*pos] && !strchr(" \t\n;&|<>()", text[*pos]))
		r = skip_one(scan, text, pos, false, 0);
	return r;
}

/* Where the walk over the commands is. */
struct walk {
	struct edit_shell_scan *scan;
	const char *text, *key;
	size_t pos;
	size_t first;            /* assignments before this one belong to earlier commands */
	int blocks, parentheses; /* that are open */
	bool at_start;           /* the next word may be an assignment or a command */
	bool conditional;        /* behind && or ||, or in a pipe */
	bool declares, unsets;   /* arguments of export, of unset */
};

static void next_command(struct walk *w, bool conditional)
{
	w->conditional = conditional;
	w->at_start = true;
	w->declares = w->unsets = false;
	w->first = w->scan->n;
}

static int record(struct walk *w, const struct edit_shell_assignment *assignment)
{
	struct edit_shell_scan *scan = w->scan;
	struct edit_shell_assignment *a;

	if (base_grow(&scan->assignments, scan->n, sizeof(*scan->assignments)) < 0)
		return -ENOMEM;
	a = &scan->assignments[scan->n++];
	*a = *assignment;
	if (!a->unsafe && (w->conditional || w->blocks || w->parentheses))
		a->unsafe = "is set on a condition";
	return 0;
}

/* Length of a variable's name at p, 0: none. */
static size_t name_length(const char *p)
{
	size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

	return *p >= '0' && *p <= '9' ? 0 : n;
}

/* 1: the word at pos was an assignment, and is behind us. */
static int take_assignment(struct walk *w)
{
	const char *p = w->text + w->pos;
	size_t n = name_length(p);
	struct edit_shell_assignment a = {.name = w->pos, .append = p[n] == '+'};
	bool ours = n == strlen(w->key) && strncmp(p, w->key, n) == 0;
	int r;

	if (ours && p[n] == '[')
		a.unsafe = "is set one element at a time";
	else if (!n || p[n + a.append] != '=')
		return 0;
	w->pos += n + a.append + (p[n + a.append] == '=');
	a.array = w->text[w->pos] == '(' && w->text[w->pos - 1] == '=';
	a.start = w->pos += a.array;
	r = a.array ? skip_group(w->scan, w->text, &w->pos, ')', 0)
		    : edit_shell_scan_word(w->scan, w->text, &w->pos);
	a.end = w->pos - a.array;
	/* A carriage return, say: then the parentheses are no array. */
	if (r == 0 && a.array && !strchr(" \t\n;&|<>()", w->text[w->pos]))
		a.unsafe = "goes on behind its closing parenthesis";
	if (r == 0 && ours)
		r = record(w, &a);
	return r < 0 ? r : 1;
}

static bool is_one_of(const char *p, size_t n, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == n && strncmp(p, *words, n) == 0)
			return true;
	return false;
}

/* The first word of a command, text[start..w->pos). */
static void take_command(struct walk *w, size_t start)
{
	static const char *const opening[] = {"if", "while", "until", "{", NULL};
	static const char *const naming[] = {"for", "case", "select", NULL};
	static const char *const between[] = {"then", "else", "elif", "do", "!", "time", NULL};
	static const char *const closing[] = {"fi", "done", "esac", "}", NULL};
	static const char *const declaring[] = {"export", "declare", "typeset", "readonly", NULL};
	static const char *const unsetting[] = {"unset", NULL};
	const char *p = w->text + start;
	size_t n = w->pos - start;

	if (is_one_of(p, n, between))
		return;
	if (is_one_of(p, n, opening)) {
		w->blocks++;
		return;
	}
	w->at_start = false;
	w->blocks += is_one_of(p, n, naming);
	w->blocks -= w->blocks > 0 && is_one_of(p, n, closing);
	w->declares = is_one_of(p, n, declaring);
	w->unsets = is_one_of(p, n, unsetting);
	/* KEY=value command: only that command sees it. */
	for (size_t i = w->first; i < w->scan->n; i++)
		if (!w->scan->assignments[i].unsafe)
			w->scan->assignments[i].unsafe = "is set for one command only";
}

static int take_word(struct walk *w)
{
	size_t start = w->pos, n = strlen(w->key);
	int r = w->at_start || w->declares ? take_assignment(w) : 0;

	if (r)
		return r < 0 ? r : 0;
	r = edit_shell_scan_word(w->scan, w->text, &w->pos);
	if (r < 0)
		return r;
	if (w->unsets && w->pos - start == n && strncmp(w->text + start, w->key, n) == 0)
		return record(w,
			&(struct edit_shell_assignment){
				.name = start, .start = start, .end = start, .unsafe = "is unset"});
	if (w->at_start)
		take_command(w, start);
	return 0;
}

/* Characters that end a command or a word. */
static int take_operator(struct walk *w)
{
	const char *p = w->text + w->pos;
	bool twice = p[1] == *p;

	switch (*p) {
	case '&':
	case '|':
		next_command(w, twice || *p == '|');
		w->pos += twice;
		break;
	case '(':
		w->parentheses++;
		next_command(w, w->conditional);
		break;
	case ')':
		w->parentheses -= w->parentheses > 0;
		next_command(w, w->conditional);
		break;
	case '<':
		if (twice && p[2] != '<')
			return wrong(w->scan, w->pos, "a here-document is not understood");
		w->pos += twice ? 2 : p[1] == '&';
		break;
	case '>':
		w->pos += twice || p[1] == '&';
		break;
	default:
		next_command(w, false);
	}
	w->pos++;
	return 0;
}

int edit_shell_scan(struct edit_shell_scan *scan, const char *text, const char *key)
{
	struct walk w = {.scan = scan, .text = text, .key = key, .at_start = true};
	int r = 0;

	while (r == 0 && text[w.pos]) {
		if (strchr(" \t", text[w.pos]))
			w.pos++;
		else if (text[w.pos] == '\\' && text[w.pos + 1] == '\n')
			w.pos += 2;
		else if (text[w.pos] == '#')
			w.pos += strcspn(text + w.pos, "\n");
		else if (strchr("\n;&|<>()", text[w.pos]))
			r = take_operator(&w);
		else
			r = take_word(&w);
	}
	return r;
}

void edit_shell_scan_free(struct edit_shell_scan *scan)
{
	free(scan->assignments);
	*scan = (struct edit_shell_scan){0};
}
