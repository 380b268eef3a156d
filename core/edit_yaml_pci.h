/* OpenNebula's pci.conf (5.6 and later): which PCI cards the probe reports.  Pure.
 *
 * :filter: lists patterns as lspci -d takes them, a string with commas or a list; without a value,
 * or with *:*, every card is reported.  :short_address: and :device_name: are lists that narrow it
 * down, empty ones do not; a device has to pass all three (node-probes.d/pci.rb). */
#ifndef CORE_EDIT_YAML_PCI_H
#define CORE_EDIT_YAML_PCI_H

#include "core/base.h"

enum edit_yaml_pci_key {
	EDIT_YAML_PCI_FILTER,
	EDIT_YAML_PCI_SHORT_ADDRESS,
	EDIT_YAML_PCI_DEVICE_NAME
};

/* 1: *ret has the words; 0: the key is not there; 2: it has no value. */
int edit_yaml_pci_read(const char *path, const char *text, enum edit_yaml_pci_key key,
	struct strv *ret, struct error *err);

/* Merges `wanted` into the key's value and takes out what is ours and not wanted; see edit_list.h
 * for both lists.  A filter that lets every card pass stays as it is.  A first word in an empty
 * :short_address: hides every other card: the caller decides whether that is meant.  Comments and
 * layout stay; a missing key is added in a marked block.  -EINVAL: YAML that is not understood,
 * with the line. */
int edit_yaml_pci(const char *path, const char *text, enum edit_yaml_pci_key key, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err);

/* The pattern lets every card pass. */
bool edit_yaml_pci_is_all(const char *pattern);

#endif
