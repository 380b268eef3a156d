/* The text of a snapshot's manifest.  Pure.  One line each, fields parted by one blank, bytes out of
 * the printable ones and blank and '%' as %XX, an empty field as "%-":
 *
 *   vfio-wizard snapshot 1
 *   time SECONDS
 *   summary TEXT
 *   undoes ID                      any number
 *   file PATH                      any number; before, after and their xattrs follow
 *   before absent
 *   after file MODE UID GID SUM    or: link UID GID WHERE
 *   xattr NAME=VALUE
 *   directory PATH                 any number
 *   command STAGE ARG...           any number; its purpose and its undo, if it has one, follow
 *   purpose TEXT
 *   undo ARG...
 *   about PATH                     where the undo depends on a file
 *   expect TEXT                    of a check, any number
 *   end SUM                        of every byte before this line
 */
#ifndef CORE_MANIFEST_H
#define CORE_MANIFEST_H

#include "core/snapshot.h"

/* FNV-1a, 64 bits: finds damage, not malice. */
uint64_t manifest_sum(const char *text, size_t len);

/* The sums of the files are made from their texts here.  -ENOMEM. */
int manifest_format(struct snapshot *snapshot, char **ret);

/* Fills what the manifest has; the texts of files stay NULL.  -EUCLEAN with the line and the
 * reason: every path is absolute and normal, nothing is missing or twice, the sum is right.  On
 * failure too *ret may hold something; the caller frees it. */
int manifest_parse(const char *text, struct snapshot *ret, struct error *err);

/* The escapes of one field; reading it back may give bytes of any value.  -EINVAL. */
void manifest_escape(struct str *out, const char *bytes, size_t n);
int manifest_unescape(const char *field, size_t n, struct str *out);

/* Absolute, without "//", "." and "..", with room for every system call. */
bool manifest_path_ok(const char *path);

#endif
