#include "core/edit_yaml_pci.h"

#include "core/edit_list.h"
#include "core/edit_yaml.h"

#include <string.h>

/* Nothing but "any" between its colons. */
bool edit_yaml_pci_is_all(const char *pattern)
{
	return strchr(pattern, ':') && !pattern[strspn(pattern, ":* ")];
}

static const struct edit_yaml_key keys[] = {
	[EDIT_YAML_PCI_FILTER] = {.name = ":filter",
		.commas = true,
		.lists = true,
		.null = EDIT_YAML_NULL_ALL,
		.none = "'0:0'",
		.word_bytes = ":*",
		.same = edit_list_same,
		.is_all = edit_yaml_pci_is_all,
		.quote = true},
	[EDIT_YAML_PCI_SHORT_ADDRESS] = {.name = ":short_address",
		.lists = true,
		.null = EDIT_YAML_NULL_WRONG,
		.none = "[]",
		.word_bytes = ":.",
		.same = edit_list_same},
	[EDIT_YAML_PCI_DEVICE_NAME] = {.name = ":device_name",
		.lists = true,
		.null = EDIT_YAML_NULL_WRONG,
		.none = "[]",
		.word_bytes = " .*^$-/+()",
		.same = edit_list_same},
};

int edit_yaml_pci_read(const char *path, const char *text, enum edit_yaml_pci_key key,
	struct strv *ret, struct error *err)
{
	return edit_yaml_read(path, text, &keys[key], ret, err);
}

int edit_yaml_pci(const char *path, const char *text, enum edit_yaml_pci_key key, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err)
{
	return edit_yaml(path, text, &keys[key], ours, wanted, ret, err);
}
