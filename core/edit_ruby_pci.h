/* The FILTER constant in OpenNebula's pci.rb (4.14 to 5.4; later versions have pci.conf): patterns
 * as lspci -d takes them, divided by commas.  nil reports every card (get_devices() there).  Pure.
 */
#ifndef CORE_EDIT_RUBY_PCI_H
#define CORE_EDIT_RUBY_PCI_H

#include "core/base.h"

/* 1: *ret has the patterns; 0: there is no FILTER; 2: it is nil. */
int edit_ruby_pci_read(const char *path, const char *text, struct strv *ret, struct error *err);

/* Merges `wanted` into the string or array and takes out what is ours and not wanted; see
 * edit_list.h for both lists.  nil, and a filter that lets every card pass, stay as they are.
 * -EINVAL: no FILTER, or one that is more than nil, strings and arrays of them, with the line. */
int edit_ruby_pci(const char *path, const char *text, struct strv *ours, const struct strv *wanted,
	char **ret, struct error *err);

#endif
