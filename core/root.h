/* Reading below a root directory: the live system, a mounted one, a saved tree.
 *
 * Every path is absolute as the system below the root sees it ("/etc/fstab").  Symbolic links,
 * absolute ones too, are resolved inside the root (openat2(2) RESOLVE_IN_ROOT), so nothing below
 * it can name a file outside.  "/sys/..." is read from the tree chosen at root_open().
 * Nothing here writes. */
#ifndef CORE_ROOT_H
#define CORE_ROOT_H

#include "core/base.h"

#include <sys/stat.h>

/* More than any configuration file here has; what is longer is refused, not cut. */
#define ROOT_FILE_MAX (8u << 20)

struct root;

/* dir: the system to look at.  sysfs: a directory with bus/pci in it, or NULL: DIR/sys where that
 * has bus/pci, else the live /sys.  Errors name the directory. */
int root_open(const char *dir, const char *sysfs, struct root **ret, struct error *err);
struct root *root_close(struct root *root);            /* returns NULL; takes NULL */
void root_closep(struct root **root);

const char *root_path(const struct root *root);        /* absolute path of the directory */
const char *root_sysfs(const struct root *root);       /* path of the sysfs in use, as libpci wants it */
bool root_is_live(const struct root *root);            /* it is our own "/": paths need no prefix */
/* For a sentence: what is typed here to work on it, "vfio-wizard", "vfio-wizard --root /mnt". */
const char *root_command(const struct root *root);
/* It is live, and the system that runs: in a chroot "/" is another one's than that of process 1
 * (/proc/1/root, as systemd's running_in_chroot() has it), and /proc is that one's.  Who may not look
 * is told that it runs. */
bool root_runs(const struct root *root);
bool root_sysfs_is_live(const struct root *root);      /* hardware is read from the live /sys */

/* The descriptor of the directory (O_PATH), for the writer.  Stays the root's. */
int root_fd(const struct root *root);

/* A descriptor for what the functions below have no words for (locks, attributes); flags as
 * open(2) has them, for reading.  The caller closes it.  -errno. */
int root_open_path(const struct root *root, const char *path, int flags);

/* A whole regular file, NUL-terminated; *ret_len (may be NULL) counts without that NUL.
 * -ENOENT, -EISDIR, -ELOOP, -EFBIG ..., the error naming the path and the remedy.
 * The caller frees *ret. */
int root_read(const struct root *root, const char *path, char **ret, size_t *ret_len,
	struct error *err);

/* As root_read, but only text: a NUL byte is -EILSEQ, with the line. */
int root_read_text(const struct root *root, const char *path, char **ret, struct error *err);

/* As root_read_text, for what need not be there: 0, and *ret NULL where it cannot be read; only
 * memory is an error. */
int root_read_optional(const struct root *root, const char *path, char **ret);

/* One short value as sysfs and /proc have them, without the newline; at most size-1 bytes.
 * Returns the length, or -errno; no error text: such a file missing is an answer, not a fault. */
ssize_t root_attr(const struct root *root, const char *path, char *buf, size_t size);

/* The link's own text.  Returns the length, or -errno. */
ssize_t root_link(const struct root *root, const char *path, char *buf, size_t size);

/* Names in a directory without "." and "..", sorted.  A missing directory is -ENOENT. */
int root_list(const struct root *root, const char *path, struct strv *ret);

/* Follows links.  0 or -errno. */
int root_stat(const struct root *root, const char *path, struct stat *ret);
bool root_exists(const struct root *root, const char *path);
/* The first of these paths (NULL-terminated) that exists; NULL: none. */
const char *root_first(const struct root *root, const char *const paths[]);

/* Bytes that root may still write to the file system at `path`.  0 or -errno. */
int root_space(const struct root *root, const char *path, uint64_t *ret);

/* Where `path` really is below the root: an absolute path without symbolic links whose last part
 * may not exist yet.  A dangling link gives the place it points to.  -ELOOP, -ENOTDIR, ... with
 * the error filled; -EPERM: a link that is neither root's nor one's own leads to what its owner does
 * not own, so somebody else would choose what is changed.  Directories on the way may be missing too:
 * they are kept as they are written. */
int root_resolve(const struct root *root, const char *path, char **ret, struct error *err);

#endif
