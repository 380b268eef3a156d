#include "tests/support_edit.h"

#include "core/edit_cmdline.h"

#include <string.h>

static enum edit_cmdline_form form;

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_cmdline("cmdline", text, form, ours, wanted, ret, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = {"a", "b=1", "vfio-pci.ids=1:2,3:4",
		"modprobe.blacklist=a", "modprobe.blacklist=b,c", "rd.driver.pre=vfio-pci"};
	_cleanup_(strv_free) struct strv first = {0}, second = {0};
	_cleanup_free_ char *text = NULL, *line = NULL;

	if (size < 3)
		return 0;
	form = data[0] & 1 ? EDIT_CMDLINE_ENTRY : EDIT_CMDLINE_FILE;
	support_edit_pick(&first, words, ARRAY_SIZE(words), data[1]);
	support_edit_pick(&second, words, ARRAY_SIZE(words), data[2]);
	text = support_fuzz_text(data + 3, size - 3);
	if (!text)
		return 0;
	/* A block of ours that is there already is not the person's to get back. */
	support_edit_fuzz(edit, text, &first, &second, !strstr(text, "vfio-wizard"));
	(void)edit_cmdline_from_running(text, &line, NULL);
	return 0;
}
