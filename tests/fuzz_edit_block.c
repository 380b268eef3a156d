#include "tests/support_edit.h"

#include "core/edit.h"

/* The lines of the block as words. */
static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	_cleanup_(strv_free) struct strv now = {0};
	_cleanup_(str_free) struct str body = {0};
	int r;

	for (size_t i = 0; i < wanted->n; i++)
		str_addf(&body, "%s\n", wanted->v[i]);
	if (strv_copy(&now, wanted) < 0 || str_check(&body) < 0)
		abort();
	r = edit_block("modules", text, body.s ? body.s : "", ret, err);
	if (r < 0)
		return r;
	strv_free(ours);
	*ours = now;
	now = (struct strv){0};
	return 0;
}

/* A file that is not there comes and goes. */
static void check_new(const char *body)
{
	_cleanup_free_ char *text = NULL, *again = NULL, *none = NULL;

	if (edit_block("modules", NULL, body, &text, NULL) < 0 ||
		edit_block("modules", text, body, &again, NULL) < 0)
		support_fuzz_broken("a new file is refused", "", body);
	support_fuzz_same("the same edit again", text, again);
	if (edit_block("modules", text, "", &none, NULL) < 0 || none)
		support_fuzz_broken("what is left of a file that we made", "", none ? none : text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = {"vfio", "vfio_pci", "# a comment", ""};
	_cleanup_(strv_free) struct strv values = {0};
	_cleanup_free_ char *text = size < 2 ? NULL : support_fuzz_text(data + 2, size - 2);

	if (!text)
		return 0;
	check_new("vfio\nvfio_pci\n");
	support_edit_input(edit, words, ARRAY_SIZE(words), data, size);
	if (edit_shell_words(text, "K", &values, NULL) < 0)
		abort();
	return 0;
}
