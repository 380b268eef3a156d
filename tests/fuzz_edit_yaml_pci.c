#include "tests/support_edit.h"

#include "core/edit_yaml_pci.h"

#include <string.h>

static enum edit_yaml_pci_key key;

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_yaml_pci("pci.conf", text, key, ours, wanted, ret, err);
}

static int edit_other(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_yaml_pci("pci.conf", text, EDIT_YAML_PCI_DEVICE_NAME, ours, wanted, ret, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = {"1:2", "a:3", "::3", "a"};
	_cleanup_(strv_free) struct strv first = {0}, second = {0};
	_cleanup_free_ char *text = NULL;
	bool exact;

	if (size < 2)
		return 0;
	key = data[0] >> 6 & 1;
	support_edit_pick(&first, words, ARRAY_SIZE(words), data[0]);
	support_edit_pick(&second, words, ARRAY_SIZE(words), data[1]);
	text = support_fuzz_text(data + 2, size - 2);
	if (!text)
		return 0;
	/* A block of ours that is there already is not the person's to get back. */
	exact = !strstr(text, "vfio-wizard");
	support_edit_fuzz(edit, text, &first, &second, exact);
	support_edit_two(edit, edit_other, text, &first, exact);
	return 0;
}
