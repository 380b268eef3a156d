#include "tests/support_edit.h"

#include "core/edit_virconf.h"

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_virconf("qemu.conf", text, "acl", ours, wanted, ret, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = {"/dev/vfio/vfio", "/dev/vfio/1", "/a", "/b"};

	support_edit_input(edit, words, ARRAY_SIZE(words), data, size);
	return 0;
}
