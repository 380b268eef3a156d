#include "tests/support_edit.h"

#include "core/edit_shell.h"

#include <string.h>

static enum edit_shell_kind kind;

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_shell("grub", text, "K", kind, ours, wanted, ret, err);
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
	exact = !strstr(text, "vfio-wizard");
	for (const char *p = text; exact && (p = strstr(p, "K")); p++) {
		p += strspn(p, "K+");
		exact = p[0] == '=' && p[1] && strchr("\"'(", p[1]);
	}
	support_edit_fuzz(edit, text, &first, &second, exact);
	return 0;
}
