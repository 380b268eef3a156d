#include "tests/support_edit.h"

#include "core/edit_booster.h"

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_booster("booster.yaml", text, ours, wanted, ret, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = {"vfio_pci", "vfio", "a-b", "c"};

	support_edit_input(edit, words, ARRAY_SIZE(words), data, size);
	return 0;
}
