#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/diff.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* -- trees made from the two sides of changes -- */

static void lay(const char *dir, const char *path, const struct content *content)
{
	char *full = NULL;

	if (content->kind == CONTENT_ABSENT)
		return;
	support_put(dir, path, content->kind == CONTENT_FILE ? content->text : "");
	assert_true(asprintf(&full, "%s%s", dir, path) > 0);
	if (content->kind == CONTENT_LINK) {
		assert_int_equal(unlink(full), 0);
		assert_int_equal(symlink(content->text, full), 0);
	} else {
		assert_int_equal(chmod(full, content->mode), 0);
	}
	free(full);
}

/* The tree as text; directories that hold nothing are of no interest to a patch. */
static char *picture(const char *dir)
{
	(void)support_run((const char *const[]){"/usr/bin/find", dir, "-mindepth", "1", "-type",
				  "d", "-empty", "-delete", NULL},
		NULL);
	return support_tree(dir, NULL);
}

static void patch_gives(const struct change *changes, size_t n, const char *const argv_of_tool[])
{
	char *before = support_scratch(), *after = support_scratch(), *have, *want, *text;
	struct plan plan = {.n_changes = n};
	char command[600];
	struct str out = {0};

	plan.changes = calloc(n, sizeof(*changes));
	assert_non_null(plan.changes);
	memcpy(plan.changes, changes, n * sizeof(*changes));
	for (size_t i = 0; i < n; i++) {
		lay(before, changes[i].path, &changes[i].before);
		lay(after, changes[i].path, &changes[i].after);
	}
	assert_int_equal(diff_plan(&plan, &text), 0);
	/* Outside of the tree, so that it does not count as a file of it. */
	snprintf(command, sizeof(command), "%s.patch", before);
	support_put("/", command, text);
	snprintf(
		command, sizeof(command), "cd %s && %s <%s.patch", before, argv_of_tool[0], before);
	if (*text && support_run((const char *const[]){"/bin/sh", "-c", command, NULL}, &out) != 0)
		fail_msg("%s\n%s\n%s", argv_of_tool[0], out.s, text);
	have = picture(before);
	want = picture(after);
	if (strcmp(have, want) != 0)
		fail_msg("--- have\n%s--- want\n%s--- patch\n%s", have, want, text);
	snprintf(command, sizeof(command), "%s.patch", before);
	unlink(command);
	free(plan.changes);
	free(text);
	free(have);
	free(want);
	str_free(&out);
	support_remove(before);
	support_remove(after);
}

static const char *const patch[] = {"patch -p1 --force --silent", NULL};
static const char *const git[] = {"git apply --whitespace=nowarn -", NULL};

#define FILE_(m, t)                                                                                \
	{                                                                                          \
		.kind = CONTENT_FILE, .mode = (m), .text = (char *)(uintptr_t)(t)                  \
	}
#define LINK_(t)                                                                                   \
	{                                                                                          \
		.kind = CONTENT_LINK, .mode = 0777, .text = (char *)(uintptr_t)(t)                 \
	}
#define NONE_                                                                                      \
	{                                                                                          \
		.kind = CONTENT_ABSENT                                                             \
	}
#define PATH_(p) .path = (char *)(uintptr_t)(p)

static const struct change edges[] = {
	{PATH_("/etc/new"), .before = NONE_, .after = FILE_(0644, "one\ntwo\n")},
	{PATH_("/etc/new-script"), .before = NONE_, .after = FILE_(0755, "#!/bin/sh\n")},
	{PATH_("/etc/new-private"), .before = NONE_, .after = FILE_(0600, "x\n")},
	{PATH_("/etc/new-empty"), .before = NONE_, .after = FILE_(0755, "")},
	{PATH_("/etc/new-no-newline"), .before = NONE_, .after = FILE_(0644, "x")},
	{PATH_("/etc/gone"), .before = FILE_(0644, "a\nb\n"), .after = NONE_},
	{PATH_("/etc/gone-empty"), .before = FILE_(0644, ""), .after = NONE_},
	{PATH_("/etc/gone-no-newline"), .before = FILE_(0755, "a\nb"), .after = NONE_},
	{PATH_("/etc/filled"), .before = FILE_(0644, ""), .after = FILE_(0644, "a\n")},
	{PATH_("/etc/emptied"), .before = FILE_(0644, "a\nb\n"), .after = FILE_(0644, "")},
	{PATH_("/etc/newline-added"), .before = FILE_(0644, "a\nb"),
		.after = FILE_(0644, "a\nb\n")},
	{PATH_("/etc/newline-lost"), .before = FILE_(0644, "a\nb\n"), .after = FILE_(0644, "a\nb")},
	{PATH_("/etc/no-newline-both"), .before = FILE_(0644, "a\nb"),
		.after = FILE_(0644, "c\nb")},
	{PATH_("/etc/mode"), .before = FILE_(0644, "a\n"), .after = FILE_(0755, "a\n")},
	{PATH_("/etc/mode-and-text"), .before = FILE_(0644, "a\n"), .after = FILE_(0700, "b\n")},
	{PATH_("/etc/crlf"), .before = FILE_(0644, "a\r\nb\r\n"), .after = FILE_(0644, "a\r\nc\n")},
	{PATH_("/etc/looks-like-a-patch"), .before = FILE_(0644, "--- a\n+++ b\n@@ -1 +1 @@\n"),
		.after = FILE_(0644, "-- a\n++ b\n@@ -1 +1 @@\ndiff --git a/x b/x\n")},
	{PATH_("/etc/a name"), .before = FILE_(0644, "a\n"), .after = FILE_(0644, "b\n")},
	{PATH_("/etc/a name b/a name"), .before = FILE_(0644, "a\n"), .after = FILE_(0755, "a\n")},
	{PATH_("/etc/quo\"te\\and\ttab"), .before = NONE_, .after = FILE_(0644, "b\n")},
	{PATH_("/etc/gr\xc3\xbc\xc3\x9f\x65"), .before = FILE_(0644, "a\n"), .after = NONE_},
	{PATH_("/etc/link-new"), .before = NONE_, .after = LINK_("../usr/lib/x")},
	{PATH_("/etc/link-gone"), .before = LINK_("../usr/lib/x"), .after = NONE_},
	{PATH_("/etc/link-moved"), .before = LINK_("x"), .after = LINK_("a place/with blanks")},
	{PATH_("/etc/to-link"), .before = FILE_(0644, "text\n"), .after = LINK_("elsewhere")},
	{PATH_("/etc/to-file"), .before = LINK_("elsewhere"), .after = FILE_(0755, "text\n")},
};

static void edges_by_patch(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		patch_gives(&edges[i], 1, patch);
	patch_gives(edges, ARRAY_SIZE(edges), patch);
}

/* git has two modes for files only. */
static void edges_by_git(void **state)
{
	(void)state;
	if (support_run((const char *const[]){"/bin/sh", "-c", "command -v git", NULL}, NULL) != 0)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		if ((edges[i].after.mode & 077) != 0 || edges[i].after.kind == CONTENT_ABSENT)
			patch_gives(&edges[i], 1, git);
}

static uint32_t seed = 1;

static unsigned roll(unsigned sides)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % sides;
}

static char *random_text(void)
{
	struct str text = {0};
	unsigned lines = roll(3) ? roll(12) : roll(80), words = 1 + roll(20);
	char *ret = NULL;

	for (unsigned i = 0; i < lines; i++)
		str_addf(&text, "%u%s\n", roll(words), roll(9) ? "" : " ");
	if (text.len && roll(5) == 0)
		text.s[--text.len] = '\0';
	assert_int_equal(str_take(&text, &ret), 0);
	return ret;
}

/* Some lines of the text left out, some put in. */
static char *mutated(const char *from)
{
	struct str text = {0};
	unsigned often = 1 + roll(20);
	char *ret = NULL;

	while (*from) {
		size_t n = strcspn(from, "\n");

		n += from[n] == '\n';
		if (roll(often))
			str_addn(&text, from, n);
		if (!roll(often) && (!text.len || text.s[text.len - 1] == '\n'))
			str_addf(&text, "%u\n", roll(8));
		from += n;
	}
	assert_int_equal(str_take(&text, &ret), 0);
	return ret;
}

static void random_pairs(void **state)
{
	enum { BATCH = 250, BATCHES = 8 };
	static struct change changes[BATCH];

	(void)state;
	for (int batch = 0; batch < BATCHES; batch++) {
		for (size_t i = 0; i < BATCH; i++) {
			struct change *c = &changes[i];

			assert_true(asprintf(&c->path, "/d%u/f%zu", roll(9), i) > 0);
			c->before.kind = c->after.kind = CONTENT_FILE;
			c->before.mode = roll(8) ? 0644 : 0755;
			c->after.mode = roll(8) ? 0644 : 0600;
			c->before.text = random_text();
			c->after.text = roll(4) ? mutated(c->before.text) : random_text();
		}
		patch_gives(changes, BATCH, patch);
		for (size_t i = 0; i < BATCH; i++) {
			free(changes[i].path);
			content_free(&changes[i].before);
			content_free(&changes[i].after);
		}
	}
}

/* -- the form of it -- */

static void context_of_three_lines(void **state)
{
	struct change change = {PATH_("/etc/x"),
		.before = FILE_(0644, "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n"),
		.after = FILE_(0644, "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n")};
	char *text;

	(void)state;
	assert_int_equal(diff_text(&change, &text), 0);
	assert_string_equal(text, "diff --git a/etc/x b/etc/x\n"
				  "--- a/etc/x\n"
				  "+++ b/etc/x\n"
				  "@@ -2,7 +2,7 @@\n"
				  " 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
				  "@@ -13,4 +13,3 @@\n"
				  " 13\n 14\n 15\n-16\n");
	free(text);
}

static void kinds_of_lines(void **state)
{
	static const enum diff_kind want[] = {DIFF_HEADER, DIFF_HEADER, DIFF_HEADER, DIFF_HEADER,
		DIFF_HEADER, DIFF_HUNK, DIFF_SAME, DIFF_REMOVED, DIFF_ADDED, DIFF_NOTE};
	struct change change = {
		PATH_("/x"), .before = FILE_(0644, "a\nb\n"), .after = FILE_(0755, "a\nc")};
	struct diff diff;

	(void)state;
	assert_int_equal(diff_change(&change, &diff), 0);
	assert_int_equal(diff.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < diff.n; i++)
		assert_int_equal(diff.v[i].kind, want[i]);
	assert_string_equal(diff.v[1].text, "old mode 100644");
	assert_string_equal(diff.v[7].text, "-b");
	diff_free(&diff);
}

static void same_gives_nothing(void **state)
{
	struct change change = {
		PATH_("/x"), .before = FILE_(0644, "a\n"), .after = FILE_(0644, "a\n")};
	struct diff diff;

	(void)state;
	assert_int_equal(diff_change(&change, &diff), 0);
	assert_int_equal(diff.n, 0);
	diff_free(&diff);
}

/* The shortest script: as many lines as the longest common subsequence leaves over. */
static size_t shortest(const char *a, const char *b)
{
	static unsigned t[101][101];
	struct strv x = {0}, y = {0};
	size_t n;

	assert_int_equal(strv_split(&x, a, "\n"), 0);
	assert_int_equal(strv_split(&y, b, "\n"), 0);
	for (size_t i = 0; i <= x.n; i++)
		for (size_t j = 0; j <= y.n; j++) {
			unsigned up = i ? t[i - 1][j] : 0, left = j ? t[i][j - 1] : 0;

			t[i][j] = i && j && strcmp(x.v[i - 1], y.v[j - 1]) == 0
					  ? t[i - 1][j - 1] + 1
					  : (up > left ? up : left);
		}
	n = x.n + y.n - 2 * t[x.n][y.n];
	strv_free(&x);
	strv_free(&y);
	return n;
}

static char *closed(char *text)
{
	struct str s = {0};
	char *ret;

	str_add(&s, text);
	if (s.len && s.s[s.len - 1] != '\n')
		str_addc(&s, '\n');
	free(text);
	assert_int_equal(str_take(&s, &ret), 0);
	return ret;
}

static void shortest_script(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct change c = {PATH_("/x"), .before = FILE_(0644, closed(random_text()))};
		size_t edits = 0;
		struct diff diff;

		c.after = c.before;
		c.after.text = closed(roll(2) ? mutated(c.before.text) : random_text());
		assert_int_equal(diff_change(&c, &diff), 0);
		for (size_t k = 0; k < diff.n; k++)
			edits += diff.v[k].kind == DIFF_ADDED || diff.v[k].kind == DIFF_REMOVED;
		assert_int_equal(edits, shortest(c.before.text, c.after.text));
		diff_free(&diff);
		free(c.before.text);
		free(c.after.text);
	}
}

/* -- size -- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void big(const char *what, unsigned lines, unsigned words_a, unsigned words_b)
{
	struct change c = {PATH_("/x")};
	struct str a = {0}, b = {0};
	double start;

	for (unsigned i = 0; i < lines; i++) {
		str_addf(&a, "%u\n", roll(words_a));
		str_addf(&b, "%u\n", roll(words_b));
	}
	c.before = (struct content)FILE_(0644, a.s);
	c.after = (struct content)FILE_(0644, b.s);
	start = seconds();
	patch_gives(&c, 1, patch);
	/* What is quadratic takes minutes. */
	if (seconds() - start > 20)
		fail_msg("%s: %.1f s", what, seconds() - start);
	str_free(&a);
	str_free(&b);
}

static void big_inputs(void **state)
{
	(void)state;
	big("nothing alike", 200000, 1u << 23, 1u << 23);
	big("much alike", 200000, 2, 3);
	big("all the same against noise", 200000, 1, 50);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges_by_patch),
		cmocka_unit_test(edges_by_git),
		cmocka_unit_test(random_pairs),
		cmocka_unit_test(context_of_three_lines),
		cmocka_unit_test(kinds_of_lines),
		cmocka_unit_test(same_gives_nothing),
		cmocka_unit_test(shortest_script),
		cmocka_unit_test(big_inputs),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
