#include "core/txn_private.h"

#include "core/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* One name is enough: only the holder of the lock writes.  A dot in front and no known ending: no
 * reader of drop-in directories takes it. */
#define TEMP ".vfio-wizard.new"
#define ACL  "system.posix_acl_access"

static const char *remedy(int code)
{
	switch (code) {
	case -EROFS:
		return "; remount it writable: mount -o remount,rw";
	case -ENOSPC:
	case -EDQUOT:
		return "; free some space there and try again";
	case -EACCES:
	case -EPERM:
		return geteuid() ? "; run this as root (sudo)"
				 : "; look for an immutable flag (lsattr) or a security module";
	case -ENOTDIR:
	case -ELOOP:
		return "; something that is not a directory is on the way to it";
	case -EBUSY:
		return "; something is mounted there";
	case -EIO:
		return "; the disk may be failing, see dmesg";
	default:
		return "";
	}
}

int txn_fail(struct error *err, int code, const char *path, const char *doing)
{
	return error_set(err, code, "%s: %s: %s%s", path, doing, strerror(-code), remedy(code));
}

static int make_directory(int parent, const char *name, mode_t mode)
{
	_cleanup_close_ int fd = -EBADF;
	/* Not chmod afterwards: a crash in between would leave a directory that nobody can read. */
	mode_t mask = umask(0);
	int r = mkdirat(parent, name, mode) < 0 ? -errno : 0;

	(void)umask(mask);
	if (r < 0)
		return r;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fsync(parent) < 0) {
		r = -errno;
		(void)unlinkat(parent, name, AT_REMOVEDIR);
		return r;
	}
	return TAKE_FD(fd);
}

/* Opens the directory `name`, or makes it when mode is not 0. */
static int enter(int parent, const char *name, mode_t mode, bool *ret_made)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	*ret_made = false;
	if (fd >= 0)
		return fd;
	if (errno != ENOENT || !mode)
		return -errno;
	fd = make_directory(parent, name, mode);
	*ret_made = fd >= 0;
	return fd;
}

/* The directory path[0..len).  Without memory of its own: it goes back, too. */
static int open_directory(int root, const char *path, size_t len, bool make, mode_t mode,
	struct strv *made, struct error *err)
{
	_cleanup_close_ int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];
	const char *p = path + strspn(path, "/"), *end = path + len;

	if (fd < 0)
		return txn_fail(err, -errno, "/", "opening");
	for (size_t n; p < end; p += strspn(p, "/")) {
		bool is_new;
		int next;

		n = strcspn(p, "/");
		if (n >= sizeof(name) || strncmp(p, "..", n) == 0)
			return txn_fail(err, -EINVAL, path, "not a resolved path");
		memcpy(name, p, n);
		name[n] = '\0';
		p += n;
		next = enter(fd, name, !make ? 0 : p + strspn(p, "/") < end ? 0755 : mode, &is_new);
		if (next < 0)
			return txn_fail(err, next, path, make ? "making directories" : "opening");
		if (is_new && made && strv_addf(made, "%.*s", (int)(p - path), path) < 0) {
			(void)unlinkat(fd, name, AT_REMOVEDIR);
			base_closep(&next);
			return txn_fail(err, -ENOMEM, path, "making directories");
		}
		base_closep(&fd);
		fd = next;
	}
	return TAKE_FD(fd);
}

int txn_open_directory(
	int root, const char *path, bool make, mode_t mode, struct strv *made, struct error *err)
{
	return open_directory(root, path, strlen(path), make, mode, made, err);
}

/* The directory that `path` lies in; *name is the last part. */
static int open_parent(int root, const char *path, bool make, const char **name, struct error *err)
{
	const char *slash = strrchr(path, '/');

	if (!slash || !slash[1])
		return txn_fail(err, -EINVAL, path, "not a resolved path");
	*name = slash + 1;
	return open_directory(root, path, (size_t)(slash - path), make, 0755, NULL, err);
}

int txn_remove_directory(int root, const char *path, struct error *err)
{
	const char *name;
	_cleanup_close_ int dir = open_parent(root, path, false, &name, err);

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0)
		return errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY
			       ? 0
			       : txn_fail(err, -errno, path, "removing");
	return fsync(dir) < 0 ? txn_fail(err, -errno, path, "removing") : 0;
}

void txn_sweep(int root, const char *path)
{
	const char *name;
	_cleanup_close_ int dir = open_parent(root, path, false, &name, NULL);

	if (dir >= 0 && unlinkat(dir, TEMP, 0) == 0)
		(void)fsync(dir);
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int txn_write_new(int dir, const char *name, const char *text, struct error *err)
{
	_cleanup_close_ int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return txn_fail(err, -errno, SNAPSHOT_DIR, "writing the snapshot");
	r = write_all(fd, text, strlen(text));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? txn_fail(err, r, SNAPSHOT_DIR, "writing the snapshot") : 0;
}

static int set_xattr(int fd, const char *field)
{
	_cleanup_(str_free) struct str name = {0}, value = {0};
	const char *equal = strchr(field, '=');

	if (!equal || manifest_unescape(field, (size_t)(equal - field), &name) < 0 ||
		manifest_unescape(equal + 1, strlen(equal + 1), &value) < 0 || !name.len)
		return -EINVAL;
	if (fsetxattr(fd, name.s, value.s ? value.s : "", value.len, 0) == 0)
		return 0;
	/* In a container the kernel gives labels of its own and lets nobody set them. */
	if ((errno == EPERM || errno == ENOTSUP) && base_starts(name.s, "security."))
		return 0;
	return -errno;
}

static bool has_acl(const struct attributes *attributes)
{
	for (size_t i = 0; i < attributes->xattrs.n; i++)
		if (base_starts(attributes->xattrs.v[i], ACL "="))
			return true;
	return false;
}

/* chown takes set-id bits and capabilities away, the mode bounds an access list: this order. */
static int dress(int fd, const struct content *content)
{
	const struct attributes *attributes = content->attributes;
	struct statfs fs;
	struct stat st;
	int r = 0;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	/* It would refuse an owner that is not the mount's. */
	if (fs.f_type == MSDOS_SUPER_MAGIC)
		return 0;
	if ((st.st_uid != attributes->uid || st.st_gid != attributes->gid) &&
		fchown(fd, attributes->uid, attributes->gid) < 0)
		return -errno;
	/* A default list of the directory would give more people access than the mode tells. */
	if (!has_acl(attributes) && fremovexattr(fd, ACL) < 0 && errno != ENODATA &&
		errno != ENOTSUP)
		return -errno;
	for (size_t i = 0; r == 0 && i < attributes->xattrs.n; i++)
		r = set_xattr(fd, attributes->xattrs.v[i]);
	if (r == 0 && fchmod(fd, content->mode) < 0)
		r = -errno;
	return r;
}

static int make_file(int dir, const struct content *content)
{
	_cleanup_close_ int fd =
		openat(dir, TEMP, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, content->text, strlen(content->text));
	if (r == 0)
		r = dress(fd, content);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

static int make_link(int dir, const struct content *content)
{
	struct stat st;

	if (symlinkat(content->text, dir, TEMP) < 0)
		return -errno;
	if (fstatat(dir, TEMP, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if ((st.st_uid != content->attributes->uid || st.st_gid != content->attributes->gid) &&
		fchownat(dir, TEMP, content->attributes->uid, content->attributes->gid,
			AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int replace(int dir, const char *name, const struct content *content)
{
	int r;

	if (unlinkat(dir, TEMP, 0) < 0 && errno != ENOENT)
		return -errno;
	r = content->kind == CONTENT_FILE ? make_file(dir, content) : make_link(dir, content);
	if (r == 0 && renameat(dir, TEMP, dir, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, TEMP, 0);
	return r;
}

int txn_put(int root, const char *path, const struct content *content, struct error *err)
{
	const char *doing = content->kind == CONTENT_ABSENT ? "deleting" : "writing", *name;
	_cleanup_close_ int dir =
		open_parent(root, path, content->kind != CONTENT_ABSENT, &name, err);
	int r = 0;

	if (dir == -ENOENT && content->kind == CONTENT_ABSENT)
		return 0;
	if (dir < 0)
		return dir;
	if (content->kind != CONTENT_ABSENT)
		r = replace(dir, name, content);
	else if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		r = -errno;
	if (r == 0 && fsync(dir) < 0)
		r = -errno;
	return r < 0 ? txn_fail(err, r, path, doing) : 0;
}

/* -- file systems -- */

int txn_sync(const struct root *root, struct error *err)
{
	static const char *const places[] = {
		"/", "/boot", "/boot/efi", "/efi", "/etc", "/usr", "/var"};
	dev_t done[ARRAY_SIZE(places)] = {0};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_close_ int fd = root_open_path(root, places[i], O_RDONLY | O_DIRECTORY);
		struct stat st;
		size_t k = 0;

		if (fd < 0 || fstat(fd, &st) < 0)
			continue;
		while (k < n && done[k] != st.st_dev)
			k++;
		if (k < n)
			continue;
		if (syncfs(fd) < 0)
			return txn_fail(err, -errno, places[i], "writing to the disk");
		done[n++] = st.st_dev;
	}
	return 0;
}
