#include "tests/support_fuzz.h"

#include "core/diff.h"

#include <stdio.h>
#include <string.h>

/* Between the two texts of an input, whose first byte says what each of them is. */
#define BETWEEN "\n====\n"
#define CONTEXT 3
#define SMALL   100 /* lines, so that the shortest script can be told by its definition */

/* A text as lines; the last one may have no newline. */
struct lines {
	const char *v[65536];
	size_t length[65536], n;
};

static struct lines before, after;

static void split(struct lines *lines, const char *text)
{
	lines->n = 0;
	for (; *text; text += lines->length[lines->n++]) {
		size_t n = strcspn(text, "\n");

		lines->v[lines->n] = text;
		lines->length[lines->n] = n + (text[n] == '\n');
	}
}

/* A patch being applied, strictly: nothing is searched for. */
struct patch {
	const char *old; /* what is left of the text before */
	struct str new;  /* what was made so far */
	size_t old_line, new_line;
	size_t old_left, new_left; /* of the hunk */
	size_t context;            /* lines that are the same, in a row */
};

static __attribute__((noreturn)) void wrong(const char *law, const char *line)
{
	support_fuzz_broken(law, "", line);
}

static size_t number(const char **at, size_t without)
{
	char *end;
	size_t n = strtoul(*at, &end, 10);

	if (end == *at)
		return without;
	*at = end;
	return n;
}

/* "12,3" or "12"; the first line is counted from 0 here, "4,0" is behind line 4. */
static const char *range(const char *at, size_t *first, size_t *n)
{
	*first = number(&at, 0);
	*n = 1;
	if (*at == ',') {
		at++;
		*n = number(&at, 0);
	}
	*first -= *n != 0;
	return at;
}

static void copy_line(struct patch *p)
{
	size_t n = strcspn(p->old, "\n");

	n += p->old[n] == '\n';
	str_addn(&p->new, p->old, n);
	p->old += n;
	p->old_line++;
	p->new_line++;
}

static void end_hunk(const struct patch *p, const char *line)
{
	if (p->old_left || p->new_left)
		wrong("a hunk with fewer lines than it says", line);
	if (p->context > CONTEXT)
		wrong("more context than three lines", line);
}

static void take_hunk(struct patch *p, const char *line)
{
	size_t old, new;

	end_hunk(p, line);
	if (!base_starts(line, "@@ -") || !base_starts(range(line + 4, &old, &p->old_left), " +"))
		wrong("a hunk's first line", line);
	(void)range(strchr(line, '+') + 1, &new, &p->new_left);
	if (old < p->old_line)
		wrong("a hunk that goes back", line);
	while (p->old_line < old && *p->old)
		copy_line(p);
	if (p->old_line != old || p->new_line != new)
		wrong("a hunk in the wrong place", line);
	p->context = 0;
}

/* noted: "\ No newline at end of file" follows. */
static void take_line(struct patch *p, const struct diff_line *line, bool noted)
{
	const char *text = line->text + 1;
	size_t n = strcspn(p->old, "\n");

	if (line->kind != DIFF_ADDED) {
		if (p->old_left-- == 0 || strlen(text) != n || strncmp(text, p->old, n) != 0 ||
			noted != (p->old[n] == '\0'))
			wrong("not the line that is there", line->text);
		p->old += n + (p->old[n] == '\n');
		p->old_line++;
	}
	if (line->kind != DIFF_REMOVED) {
		if (p->new_left-- == 0)
			wrong("a hunk with more lines than it says", line->text);
		str_addf(&p->new, "%s%s", text, noted ? "" : "\n");
		p->new_line++;
	}
	p->context = line->kind == DIFF_SAME ? p->context + 1 : 0;
	if (p->context > 2 * CONTEXT)
		wrong("more context than needed", line->text);
}

/* The lines from *i on up to the next file, applied to `old`; *changed counts what is not the same.
 */
static char *apply(const struct diff *diff, size_t *i, const char *old, size_t *changed)
{
	struct patch p = {.old = old};
	size_t start = *i;
	char *ret;

	for (; *i < diff->n; ++*i) {
		const struct diff_line *line = &diff->v[*i];

		if (*i > start && line->kind == DIFF_HEADER && base_starts(line->text, "diff "))
			break;
		if (line->kind == DIFF_HUNK)
			take_hunk(&p, line->text);
		else if (line->kind != DIFF_HEADER && line->kind != DIFF_NOTE)
			take_line(&p, line, *i + 1 < diff->n && diff->v[*i + 1].kind == DIFF_NOTE);
		*changed += line->kind == DIFF_ADDED || line->kind == DIFF_REMOVED;
	}
	end_hunk(&p, "the last one");
	str_add(&p.new, p.old);
	if (str_take(&p.new, &ret) < 0)
		abort();
	return ret;
}

static bool same_line(size_t a, size_t b)
{
	return before.length[a] == after.length[b] &&
	       memcmp(before.v[a], after.v[b], before.length[a]) == 0;
}

/* Lines removed and added at least: what is not in a longest common subsequence. */
static size_t shortest(void)
{
	static size_t common[SMALL + 1][SMALL + 1];

	for (size_t a = 0; a <= before.n; a++)
		common[a][after.n] = 0;
	for (size_t b = 0; b <= after.n; b++)
		common[before.n][b] = 0;
	for (size_t a = before.n; a-- > 0;)
		for (size_t b = after.n; b-- > 0;) {
			size_t down = common[a + 1][b], right = common[a][b + 1];

			common[a][b] = same_line(a, b) ? common[a + 1][b + 1] + 1
				       : down > right  ? down
						       : right;
		}
	return before.n + after.n - 2 * common[0][0];
}

static void check(const struct change *change)
{
	_cleanup_(diff_free) struct diff diff = {0};
	const char *a = change->before.text, *b = change->after.text;
	bool two = change->before.kind && change->after.kind &&
		   change->before.kind != change->after.kind;
	_cleanup_free_ char *made = NULL, *gone = NULL;
	size_t i = 0, changed = 0;

	if (diff_change(change, &diff) < 0)
		abort();
	if (two) {
		gone = apply(&diff, &i, a, &changed);
		support_fuzz_same("a file that goes", "", gone);
	}
	made = apply(&diff, &i, two || !a ? "" : a, &changed);
	support_fuzz_same("the patch, applied", b ? b : "", made);
	if (i != diff.n)
		wrong("more than one file", diff.v[i].text);
	if ((diff.n == 0) != content_same(&change->before, &change->after))
		wrong("a diff of nothing, or none of something", "");
	split(&before, a ? a : "");
	split(&after, b ? b : "");
	if (!two && before.n <= SMALL && after.n <= SMALL && changed != shortest())
		wrong("not the shortest script", made);
}

/* Two bits each: 0 no such file, 1 a file, 2 a script, 3 a link. */
static void set(struct content *content, unsigned bits, char *text)
{
	content->kind = bits == 0 ? CONTENT_ABSENT : bits == 3 ? CONTENT_LINK : CONTENT_FILE;
	content->mode = bits == 2 ? 0755 : bits == 3 ? 0777 : 0644;
	content->text = bits ? text : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/etc/default/grub";
	struct change change = {.path = path, .target = ""};
	_cleanup_free_ char *text = size ? support_fuzz_text(data + 1, size - 1) : NULL;
	char *second = text ? strstr(text, BETWEEN) : NULL;

	if (!second)
		return 0;
	/* The newline before the line stays the first text's. */
	second[1] = '\0';
	if (data[0] & 0x10)
		second[0] = '\0';
	set(&change.before, data[0] & 3, text);
	set(&change.after, data[0] >> 2 & 3, second + strlen(BETWEEN));
	if (change.before.kind || change.after.kind)
		check(&change);
	return 0;
}
