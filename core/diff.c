#include "core/diff.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CONTEXT 3
/* Where the search for the shortest script gives up: edits each way, comparisons in all. */
#define EDITS_MAX 4096
#define WORK_MAX  (64u << 20)

struct line {
	const char *s;
	size_t len; /* with the newline, so that a last line without one differs */
	uint64_t hash;
};

struct side {
	struct line *v;
	size_t n;
	bool *changed; /* one for each line: not on the other side */
};

struct box {
	long a, a_end, b, b_end; /* lines a..a_end of one side, b..b_end of the other */
};

struct search {
	struct side a, b;
	long *ahead, *back; /* furthest line reached on each diagonal, either direction */
	unsigned work;
};

static void side_free(struct side *side)
{
	free(side->v);
	free(side->changed);
}

static void search_free(struct search *s)
{
	side_free(&s->a);
	side_free(&s->b);
	free(s->ahead);
	free(s->back);
}

static int side_read(struct side *side, const char *text)
{
	while (*text) {
		const char *end = strchrnul(text, '\n');
		struct line line = {.s = text, .hash = 14695981039346656037u};

		line.len = (size_t)(end - text) + (*end == '\n');
		for (size_t i = 0; i < line.len; i++)
			line.hash = (line.hash ^ (unsigned char)text[i]) * 1099511628211u;
		if (base_grow(&side->v, side->n, sizeof(*side->v)) < 0)
			return -ENOMEM;
		side->v[side->n++] = line;
		text += line.len;
	}
	side->changed = calloc(side->n + 1, sizeof(*side->changed));
	return side->changed ? 0 : -ENOMEM;
}

static bool same(struct search *s, long a, long b)
{
	const struct line *x = &s->a.v[a], *y = &s->b.v[b];

	s->work++;
	return x->hash == y->hash && x->len == y->len && memcmp(x->s, y->s, x->len) == 0;
}

static void trim(struct search *s, struct box *box)
{
	while (box->a < box->a_end && box->b < box->b_end && same(s, box->a, box->b)) {
		box->a++;
		box->b++;
	}
	while (box->a < box->a_end && box->b < box->b_end &&
		same(s, box->a_end - 1, box->b_end - 1)) {
		box->a_end--;
		box->b_end--;
	}
}

/* One diagonal k at `edits` edits, forwards or backwards.  *x..*u is the run of same lines met. */
static void follow(
	struct search *s, const struct box *box, bool forward, long edits, long k, long *x, long *u)
{
	long *v = (forward ? s->ahead : s->back) + EDITS_MAX + 1;
	long n = box->a_end - box->a, m = box->b_end - box->b;
	bool down = k == -edits || (k != edits && v[k - 1] < v[k + 1]);
	long a = down ? v[k + 1] : v[k - 1] + 1;

	*x = a;
	while (a < n && a - k < m &&
		(forward ? same(s, box->a + a, box->b + a - k)
			 : same(s, box->a_end - 1 - a, box->b_end - 1 - a + k)))
		a++;
	v[k] = *u = a;
}

/* Finds the middle of a shortest script: *head ends where *tail begins but for lines that are the
 * same.  False: the search took too long. */
static bool divide(struct search *s, const struct box *box, struct box *head, struct box *tail)
{
	long n = box->a_end - box->a, m = box->b_end - box->b, w = n - m, x, u;
	long limit = (n + m + 1) / 2;

	s->ahead[EDITS_MAX + 2] = s->back[EDITS_MAX + 2] = 0;
	for (long edits = 0; edits <= limit && edits <= EDITS_MAX; edits++) {
		for (int turn = 0; turn < 2; turn++) {
			bool forward = turn == 0;
			const long *other = (forward ? s->back : s->ahead) + EDITS_MAX + 1;
			long reach = forward ? edits - 1 : edits;
			long low = edits > m ? edits - 2 * m : -edits;
			long high = edits > n ? 2 * n - edits : edits;

			for (long k = low; k <= high; k += 2) {
				long y, z = w - k;

				follow(s, box, forward, edits, k, &x, &u);
				if ((w & 1) != forward || z < -reach || z > reach ||
					u + other[z] < n)
					continue;
				y = x - k;
				*head = *tail = *box;
				head->a_end = box->a + (forward ? x : n - u);
				head->b_end = box->b + (forward ? y : m - (u - k));
				tail->a = box->a + (forward ? u : n - x);
				tail->b = box->b + (forward ? u - k : m - y);
				return true;
			}
		}
		if (s->work > WORK_MAX)
			return false;
	}
	return false;
}

static void compare(struct search *s, struct box box)
{
	struct box head, tail;

	trim(s, &box);
	if (box.a == box.a_end || box.b == box.b_end || !divide(s, &box, &head, &tail)) {
		memset(s->a.changed + box.a, true, (size_t)(box.a_end - box.a));
		memset(s->b.changed + box.b, true, (size_t)(box.b_end - box.b));
		return;
	}
	compare(s, head);
	compare(s, tail);
}

static int search_run(struct search *s, const char *before, const char *after)
{
	if (side_read(&s->a, before) < 0 || side_read(&s->b, after) < 0)
		return -ENOMEM;
	s->ahead = calloc(2 * EDITS_MAX + 3, sizeof(*s->ahead));
	s->back = calloc(2 * EDITS_MAX + 3, sizeof(*s->back));
	if (!s->ahead || !s->back)
		return -ENOMEM;
	compare(s, (struct box){.a_end = (long)s->a.n, .b_end = (long)s->b.n});
	return 0;
}

static int add(struct diff *diff, enum diff_kind kind, struct str *text)
{
	char *line;

	if (str_take(text, &line) < 0)
		return -ENOMEM;
	if (base_grow(&diff->v, diff->n, sizeof(*diff->v)) < 0) {
		free(line);
		return -ENOMEM;
	}
	diff->v[diff->n++] = (struct diff_line){.kind = kind, .text = line};
	return 0;
}

static int add_line(struct diff *diff, enum diff_kind kind, const struct line *line)
{
	_cleanup_(str_free) struct str text = {0};
	bool ends = line->s[line->len - 1] == '\n';

	str_addc(&text, kind == DIFF_ADDED ? '+' : kind == DIFF_REMOVED ? '-' : ' ');
	str_addn(&text, line->s, line->len - ends);
	if (add(diff, kind, &text) < 0)
		return -ENOMEM;
	if (ends)
		return 0;
	str_add(&text, "\\ No newline at end of file");
	return add(diff, DIFF_NOTE, &text);
}

/* "12,3", the way of POSIX diff -u: one line is its number alone, none is the line before. */
static void add_range(struct str *text, size_t from, size_t to)
{
	if (to - from == 1)
		str_addf(text, "%zu", from + 1);
	else
		str_addf(text, "%zu,%zu", to == from ? from : from + 1, to - from);
}

static int add_hunk(
	struct diff *diff, const struct search *s, size_t a, size_t a_end, size_t b, size_t b_end)
{
	_cleanup_(str_free) struct str text = {0};
	int r;

	str_add(&text, "@@ -");
	add_range(&text, a, a_end);
	str_add(&text, " +");
	add_range(&text, b, b_end);
	str_add(&text, " @@");
	r = add(diff, DIFF_HUNK, &text);
	while (r == 0 && (a < a_end || b < b_end)) {
		if (a < a_end && s->a.changed[a]) {
			r = add_line(diff, DIFF_REMOVED, &s->a.v[a++]);
		} else if (b < b_end && s->b.changed[b]) {
			r = add_line(diff, DIFF_ADDED, &s->b.v[b++]);
		} else {
			r = add_line(diff, DIFF_SAME, &s->a.v[a++]);
			b++;
		}
	}
	return r;
}

/* Hunks as runs of changed lines with less than twice the context between them. */
static int add_hunks(struct diff *diff, const struct search *s)
{
	size_t a = 0, b = 0, start_a = 0, start_b = 0, quiet = 0;
	bool open = false;
	int r = 0;

	while (r == 0 && (a < s->a.n || b < s->b.n)) {
		bool removed = a < s->a.n && s->a.changed[a], added = b < s->b.n && s->b.changed[b];

		if (removed || added) {
			if (!open) {
				start_a = a - (quiet < CONTEXT ? quiet : CONTEXT);
				start_b = b - (quiet < CONTEXT ? quiet : CONTEXT);
			}
			open = true;
			quiet = 0;
			a += removed;
			b += added;
			continue;
		}
		a++;
		b++;
		if (++quiet > 2 * CONTEXT && open) {
			r = add_hunk(diff, s, start_a, a - quiet + CONTEXT, start_b,
				b - quiet + CONTEXT);
			open = false;
		}
	}
	if (r < 0 || !open)
		return r;
	quiet = quiet > CONTEXT ? quiet - CONTEXT : 0;
	return add_hunk(diff, s, start_a, a - quiet, start_b, b - quiet);
}

/* git's quoting (core.quotePath): in double quotes with C escapes as soon as one byte needs it.
 * A blank needs it too, since without quotes a header of two names could be read in two ways. */
static void add_name(struct str *text, const char *side, const char *path)
{
	bool plain = true;

	for (const unsigned char *p = (const unsigned char *)path; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || *p == '"' || *p == '\\')
			plain = false;
	str_addf(text, "%s%s", plain ? "" : "\"", side);
	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		if (*p < ' ' || *p >= 0x7f)
			str_addf(text, "\\%03o", *p);
		else
			str_addf(text, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
	}
	str_add(text, plain ? "" : "\"");
}

static unsigned git_mode(const struct content *content)
{
	return content->kind == CONTENT_LINK ? S_IFLNK : S_IFREG | content->mode;
}

static int add_git_header(struct diff *diff, const char *path, const struct content *before,
	const struct content *after)
{
	_cleanup_(str_free) struct str text = {0};
	int r;

	str_add(&text, "diff --git ");
	add_name(&text, "a", path);
	str_addc(&text, ' ');
	add_name(&text, "b", path);
	r = add(diff, DIFF_HEADER, &text);
	if (r < 0)
		return r;
	if (before->kind == CONTENT_ABSENT) {
		str_addf(&text, "new file mode %06o", git_mode(after));
		return add(diff, DIFF_HEADER, &text);
	}
	if (after->kind == CONTENT_ABSENT) {
		str_addf(&text, "deleted file mode %06o", git_mode(before));
		return add(diff, DIFF_HEADER, &text);
	}
	/* A link's mode is told even when it stays: else patch takes it for a file. */
	if (git_mode(before) == git_mode(after) && after->kind == CONTENT_FILE)
		return 0;
	str_addf(&text, "old mode %06o", git_mode(before));
	r = add(diff, DIFF_HEADER, &text);
	if (r < 0)
		return r;
	str_addf(&text, "new mode %06o", git_mode(after));
	return add(diff, DIFF_HEADER, &text);
}

static int add_names(struct diff *diff, const char *path, bool before, bool after)
{
	_cleanup_(str_free) struct str text = {0};
	int r;

	str_add(&text, "--- ");
	add_name(&text, before ? "a" : "", before ? path : "/dev/null");
	r = add(diff, DIFF_HEADER, &text);
	if (r < 0)
		return r;
	str_add(&text, "+++ ");
	add_name(&text, after ? "b" : "", after ? path : "/dev/null");
	return add(diff, DIFF_HEADER, &text);
}

static int add_content(struct diff *diff, const char *path, const struct content *before,
	const struct content *after)
{
	_cleanup_(search_free) struct search s = {0};
	const char *a = before->text ? before->text : "", *b = after->text ? after->text : "";
	int r = add_git_header(diff, path, before, after);

	if (r < 0 || strcmp(a, b) == 0)
		return r;
	r = add_names(diff, path, before->kind != CONTENT_ABSENT, after->kind != CONTENT_ABSENT);
	if (r < 0)
		return r;
	r = search_run(&s, a, b);
	return r < 0 ? r : add_hunks(diff, &s);
}

int diff_change(const struct change *change, struct diff *ret)
{
	static const struct content nothing = {.kind = CONTENT_ABSENT};
	_cleanup_(diff_free) struct diff diff = {0};
	const struct content *before = &change->before, *after = &change->after;
	int r;

	if (content_same(before, after))
		r = 0;
	else if (before->kind != after->kind && before->kind && after->kind) {
		/* git has no header for a file that turns into a link. */
		r = add_content(&diff, change->path, before, &nothing);
		if (r == 0)
			r = add_content(&diff, change->path, &nothing, after);
	} else {
		r = add_content(&diff, change->path, before, after);
	}
	if (r < 0)
		return r;
	*ret = diff;
	diff = (struct diff){0};
	return 0;
}

static int add_text(const struct change *change, struct str *text)
{
	_cleanup_(diff_free) struct diff diff = {0};
	int r = diff_change(change, &diff);

	for (size_t i = 0; r == 0 && i < diff.n; i++) {
		str_add(text, diff.v[i].text);
		str_addc(text, '\n');
	}
	return r;
}

int diff_text(const struct change *change, char **ret)
{
	_cleanup_(str_free) struct str text = {0};

	return add_text(change, &text) < 0 ? -ENOMEM : str_take(&text, ret);
}

int diff_plan(const struct plan *plan, char **ret)
{
	_cleanup_(str_free) struct str text = {0};

	for (size_t i = 0; i < plan->n_changes; i++)
		if (add_text(&plan->changes[i], &text) < 0)
			return -ENOMEM;
	return str_take(&text, ret);
}

void diff_free(struct diff *diff)
{
	for (size_t i = 0; i < diff->n; i++)
		free(diff->v[i].text);
	free(diff->v);
	*diff = (struct diff){0};
}
