#include "tests/support_edit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char *broken(const char *law, const char *a, const char *b)
{
	char *text = NULL;

	if (asprintf(&text, "%s:\n--- expected\n%s\n--- found\n%s\n", law, a, b) < 0)
		abort();
	return text;
}

static bool same_words(const struct strv *a, const struct strv *b)
{
	for (size_t i = 0; a->n == b->n && i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return a->n == b->n;
}

/* The bytes of `part` are in `whole`, in their order. */
static bool is_within(const char *part, const char *whole)
{
	for (; *whole && *part; whole++)
		part += *whole == *part;
	return *part == '\0';
}

/* Edits and checks that the same edit again, with and without knowing what is ours, is no edit. */
static char *put(support_edit_fn *edit, const char *text, struct strv *ours,
	const struct strv *wanted, char **ret, bool *refused)
{
	_cleanup_free_ char *out = NULL, *again = NULL, *unknown = NULL;
	_cleanup_(strv_free) struct strv before = {0}, after = {0}, none = {0};
	struct error err = {0};

	if (strv_copy(&before, ours) < 0)
		abort();
	if (edit(text, ours, wanted, &out, &err) < 0) {
		*refused = true;
		if (out || !same_words(&before, ours))
			return broken("a refused edit gave something", "", out ? out : "ours");
		return err.code == -EINVAL || err.code == -E2BIG
			       ? NULL
			       : broken("refused without a reason", "", err.text);
	}
	if (strv_copy(&after, ours) < 0)
		abort();
	if (edit(out, ours, wanted, &again, &err) < 0)
		return broken("the same edit again is refused", out, err.text);
	if (strcmp(out, again) != 0)
		return broken("the same edit again", out, again);
	if (!same_words(&after, ours))
		return broken("what is ours after the same edit again", out, again);
	if (edit(out, &none, wanted, &unknown, &err) < 0)
		return broken("the edit by somebody else is refused", out, err.text);
	/* What stands in a block of ours is known as ours from the text. */
	if (strcmp(out, unknown) != 0 || (none.n && !same_words(&none, &after)))
		return broken("the same edit by somebody else", out, unknown);
	*ret = TAKE_PTR(out);
	return NULL;
}

char *support_edit_laws(support_edit_fn *edit, const char *text, const struct strv *first,
	const struct strv *second, bool exact, bool *ret_done)
{
	_cleanup_free_ char *one = NULL, *two = NULL, *back = NULL;
	_cleanup_(strv_free) struct strv ours = {0};
	const struct strv none = {0};
	bool refused = false;
	char *wrong = put(edit, text, &ours, first, &one, &refused);

	if (ret_done)
		*ret_done = !refused;
	if (wrong || refused)
		return wrong;
	if (exact && !is_within(text, one))
		return broken("bytes were lost", text, one);
	wrong = put(edit, one, &ours, second, &two, &refused);
	if (wrong)
		return wrong;
	wrong = put(edit, two ? two : one, &ours, &none, &back, &refused);
	if (wrong)
		return wrong;
	if (!back)
		return broken("what was put in cannot be taken out", text, two ? two : one);
	if (ours.n)
		return broken("what is taken out is still ours", "", ours.v[0]);
	return exact && strcmp(text, back) != 0 ? broken("what is taken out", text, back) : NULL;
}

void support_edit_pick(struct strv *words, const char *const *from, size_t n, uint8_t bits)
{
	for (size_t i = 0; i < n; i++)
		if ((bits >> i & 1) && strv_add(words, from[i]) < 0)
			abort();
}

void support_edit_fuzz(support_edit_fn *edit, const char *text, const struct strv *first,
	const struct strv *second, bool exact)
{
	_cleanup_free_ char *wrong = support_edit_laws(edit, text, first, second, exact, NULL);

	if (!wrong)
		return;
	(void)fprintf(stderr, "%s\n", wrong);
	abort();
}

void support_edit_input(support_edit_fn *edit, const char *const *words, size_t n,
	const uint8_t *data, size_t size)
{
	_cleanup_(strv_free) struct strv first = {0}, second = {0};
	_cleanup_free_ char *text = NULL;

	if (size < 2)
		return;
	support_edit_pick(&first, words, n, data[0]);
	support_edit_pick(&second, words, n, data[1]);
	text = support_fuzz_text(data + 2, size - 2);
	if (text)
		support_edit_fuzz(edit, text, &first, &second, !strstr(text, "vfio-wizard"));
}

/* One step of support_edit_two(); false: refused. */
static bool step(support_edit_fn *edit, char **text, struct strv *ours, const struct strv *wanted)
{
	char *out = NULL;

	if (edit(*text, ours, wanted, &out, NULL) < 0)
		return false;
	free(*text);
	*text = out;
	return true;
}

void support_edit_two(support_edit_fn *one, support_edit_fn *other, const char *text,
	const struct strv *wanted, bool exact)
{
	_cleanup_(strv_free) struct strv ours = {0}, others = {0};
	_cleanup_free_ char *now = strdup(text), *both = NULL;
	const struct strv none = {0};

	if (!now)
		abort();
	if (!step(one, &now, &ours, wanted) || !step(other, &now, &others, wanted))
		return;
	both = strdup(now);
	if (!both || !step(one, &now, &ours, wanted))
		support_fuzz_broken("refused beside another list", text, now);
	support_fuzz_same("beside another list, the same edit again", both, now);
	if (!step(one, &now, &ours, &none) || !step(other, &now, &others, &none))
		support_fuzz_broken("two lists cannot be taken out", text, now);
	if (exact)
		support_fuzz_same("two lists, taken out", text, now);
}
