/* Lists in libvirt's configuration files, such as cgroup_device_acl in /etc/libvirt/qemu.conf.
 * Pure.
 *
 * The grammar is that of libvirt's src/util/virconf.c: of two entries the first counts; comments
 * stand on their own or behind a value, never inside a list; one mistake anywhere and the daemon
 * does not start, so a file with one is refused. */
#ifndef CORE_EDIT_VIRCONF_H
#define CORE_EDIT_VIRCONF_H

#include "core/base.h"

/* 1: *ret has the strings of the entry's list; 0: no such entry; -EINVAL: libvirt refuses the file,
 * or the entry is no list of strings. */
int edit_virconf_read(
	const char *path, const char *text, const char *key, struct strv *ret, struct error *err);

/* The list that libvirt uses without an entry, from the commented sample of the installed version:
 * an entry replaces it, so it has to begin with these.  1, or 0: there is no such sample. */
int edit_virconf_default(const char *text, const char *key, struct strv *ret);

/* Brings `wanted` into the list of `key` and takes out what is ours and not wanted; see edit_list.h
 * for both lists.  Without an entry one is made behind the commented sample, in a marked block: the
 * sample's list and `wanted`.  What somebody added inside that block stays, and then the block too.
 * -EINVAL: as above, there is no sample, or the list would be empty, with the line and what to do.
 * The caller frees *ret; *ours changes only on success. */
int edit_virconf(const char *path, const char *text, const char *key, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err);

#endif
