#include "tests/support_edit.h"

#include "core/edit_shell.h"

#include <string.h>

static enum edit_shell_kind kind;

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_shell("grub", text, "K", kind, ours, wanted, ret, err);
}

static int edit_other(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_shell("grub", text, "L", kind, ours, wanted, ret, err);
}

/* Nowhere a value without quotes, which would get some. */
static bool has_quotes(const char *text)
{
	for (const char *p = text; (p = strpbrk(p, "KL")); p++) {
		p += strspn(p, "KL+");
		if (p[0] != '=' || !p[1] || !strchr("\"'(", p[1]))
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = {
		"a", "b=1", "vfio-pci.ids=1:2,3:4", "modprobe.blacklist=a", "vfio_pci", "c"};
	_cleanup_(strv_free) struct strv first = {0}, second = {0};
	_cleanup_free_ char *text = NULL;
	bool exact;

	if (size < 3)
		return 0;
	kind = data[0] & 1 ? EDIT_SHELL_ARRAY : EDIT_SHELL_STRING;
	support_edit_pick(&first, words, ARRAY_SIZE(words), data[1]);
	support_edit_pick(&second, words, ARRAY_SIZE(words), data[2]);
	text = support_fuzz_text(data + 3, size - 3);
	if (!text)
		return 0;
	/* A block of ours that is there already is not the person's to get back; bare words get
	 * quotes. */
	exact = !strstr(text, "vfio-wizard") && has_quotes(text);
	support_edit_fuzz(edit, text, &first, &second, exact);
	support_edit_two(edit, edit_other, text, &first, exact);
	return 0;
}
