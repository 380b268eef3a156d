#include "core/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 40
#define INIT_ROOT "/proc/1/root"

struct root {
	int fd, sysfs_fd;
	char *path, *sysfs, *command;
	bool live, sysfs_live;
};

struct root *root_close(struct root *root)
{
	if (!root)
		return NULL;
	base_closep(&root->fd);
	base_closep(&root->sysfs_fd);
	free(root->path);
	free(root->sysfs);
	free(root->command);
	free(root);
	return NULL;
}

void root_closep(struct root **root)
{
	*root = root_close(*root);
}

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static int open_directory(const char *dir, int *ret_fd, char **ret_path, struct error *err)
{
	_cleanup_close_ int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *path;

	if (fd < 0)
		return error_set(err, -errno, "%s: %s; name an existing directory", dir,
			strerror(errno));
	path = realpath(dir, NULL);
	if (!path)
		return error_set(err, -errno, "%s: %s", dir, strerror(errno));
	*ret_path = path;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int choose_sysfs(struct root *root, const char *sysfs, struct error *err)
{
	_cleanup_free_ char *own = NULL, *pci = NULL;
	struct stat st;

	if (sysfs)
		return open_directory(sysfs, &root->sysfs_fd, &root->sysfs, err);
	if (asprintf(&own, "%s/sys", root->live ? "" : root->path) < 0 ||
		asprintf(&pci, "%s/bus/pci", own) < 0)
		return error_no_memory(err);
	if (stat(pci, &st) == 0 && S_ISDIR(st.st_mode))
		return open_directory(own, &root->sysfs_fd, &root->sysfs, err);
	return open_directory("/sys", &root->sysfs_fd, &root->sysfs, err);
}

int root_open(const char *dir, const char *sysfs, struct root **ret, struct error *err)
{
	_cleanup_(root_closep) struct root *root = calloc(1, sizeof(*root));
	int r;

	if (!root)
		return error_no_memory(err);
	root->fd = root->sysfs_fd = -EBADF;
	r = open_directory(dir, &root->fd, &root->path, err);
	if (r < 0)
		return r;
	root->live = same_file(root->fd, "/");
	if (asprintf(&root->command, "vfio-wizard%s%s", root->live ? "" : " --root ",
		    root->live ? "" : root->path) < 0) {
		root->command = NULL;
		return error_no_memory(err);
	}
	r = choose_sysfs(root, sysfs, err);
	if (r < 0)
		return r;
	root->sysfs_live = same_file(root->sysfs_fd, "/sys");
	*ret = TAKE_PTR(root);
	return 0;
}

const char *root_path(const struct root *root)
{
	return root->path;
}

const char *root_sysfs(const struct root *root)
{
	return root->sysfs;
}

const char *root_command(const struct root *root)
{
	return root->command;
}

bool root_is_live(const struct root *root)
{
	return root->live;
}

bool root_runs(const struct root *root)
{
	return root->live && (same_file(root->fd, INIT_ROOT) || access(INIT_ROOT, F_OK) < 0);
}

bool root_sysfs_is_live(const struct root *root)
{
	return root->sysfs_live;
}

int root_fd(const struct root *root)
{
	return root->fd;
}

/* Picks the tree that `path` lies in and makes it relative to that tree. */
static int tree_of(const struct root *root, const char **path)
{
	int fd = root->fd;

	if (base_starts(*path, "/sys/") || strcmp(*path, "/sys") == 0) {
		fd = root->sysfs_fd;
		*path += 4;
	}
	*path += strspn(*path, "/");
	if (!**path)
		*path = ".";
	return fd;
}

/* Takes the first part off *rest into part[]; false when nothing is left. */
static bool next_part(const char **rest, char *part, size_t size)
{
	size_t n;

	*rest += strspn(*rest, "/");
	n = strcspn(*rest, "/");
	if (n == 0 || n >= size)
		return false;
	memcpy(part, *rest, n);
	part[n] = '\0';
	*rest += n;
	return true;
}

static void drop_last(struct str *s)
{
	while (s->len && s->s[s->len - 1] != '/')
		s->s[--s->len] = '\0';
	if (s->len)
		s->s[--s->len] = '\0';
}

/* How a walk reads a link whose directory is known to be free of links. */
struct walk {
	ssize_t (*read)(const struct walk *walk, const char *path, char *buf, size_t size);
	const struct root *root;
	int tree;
	bool keep_last;              /* the last part is not followed */
	uid_t *owner;                /* of root's: whose links were followed, see is_theirs() */
};

/* Walks the parts of `rest`, which it takes, into *done, a path without links; at a link puts its
 * text before what is left. */
static int walk_path(const struct walk *walk, struct str *done, char *rest, struct error *err)
{
	_cleanup_free_ char *todo = rest;
	char part[NAME_MAX + 1], link[PATH_MAX];
	const char *p = todo;
	int links = 0;

	while (next_part(&p, part, sizeof(part))) {
		size_t before = done->len;
		char *again;

		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			drop_last(done);
			continue;
		}
		str_addf(done, "/%s", part);
		if (str_check(done) < 0)
			return error_no_memory(err);
		if ((walk->keep_last && !p[strspn(p, "/")]) ||
			walk->read(walk, done->s, link, sizeof(link)) < 0)
			continue;
		if (++links > LINKS_MAX)
			return error_set(err, -ELOOP,
				"%s: symbolic links form a loop; remove the wrong one", done->s);
		done->len = link[0] == '/' ? 0 : before;
		done->s[done->len] = '\0';
		if (asprintf(&again, "%s/%s", link, p) < 0)
			return error_no_memory(err);
		free(todo);
		p = todo = again;
	}
	return *p ? error_set(err, -ENAMETOOLONG, "%s: a name in the path is too long", done->s) : 0;
}

static ssize_t read_in_tree(const struct walk *walk, const char *path, char *buf, size_t size)
{
	ssize_t n = readlinkat(walk->tree, path + 1, buf, size - 1);

	if (n >= 0)
		buf[n] = '\0';
	return n;
}

/* For kernels before 5.6, which have no openat2(2). */
static int open_by_walk(int tree, const char *path, int flags)
{
	const struct walk walk = {.read = read_in_tree, .tree = tree,
		.keep_last = flags & O_NOFOLLOW};
	_cleanup_(str_free) struct str done = {0};
	char *copy = strdup(path);
	int fd, r;

	r = copy ? walk_path(&walk, &done, copy, NULL) : -ENOMEM;
	if (r < 0)
		return r;
	fd = openat(tree, done.len ? done.s + 1 : ".", flags | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_in(int dir, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	long fd;

	for (int tries = 0; tries < 64; tries++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno == ENOSYS)
			return open_by_walk(dir, path, flags);
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int root_open_path(const struct root *root, const char *path, int flags)
{
	int tree = tree_of(root, &path);

	return open_in(tree, path, flags);
}

/* O_NONBLOCK: a FIFO in the place of a file must not hold the program. */
static int open_file(const struct root *root, const char *path, struct error *err)
{
	_cleanup_close_ int fd = root_open_path(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd == -ELOOP)
		return error_set(err, fd, "%s: symbolic links form a loop; remove the wrong one",
			path);
	if (fd < 0)
		return error_set(err, fd, "%s: %s", path, strerror(-fd));
	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return error_set(err, -EISDIR, "%s: a directory where a file should be; move it away",
			path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "%s: not a regular file; move it away", path);
	if (st.st_size > (off_t)ROOT_FILE_MAX)
		return error_set(err, -EFBIG, "%s: larger than %u MiB, which no such file is; look at it first",
			path, ROOT_FILE_MAX >> 20);
	return TAKE_FD(fd);
}

int root_read(const struct root *root, const char *path, char **ret, size_t *ret_len,
	struct error *err)
{
	_cleanup_close_ int fd = open_file(root, path, err);
	_cleanup_(str_free) struct str text = {0};
	char buf[8192];
	ssize_t n;
	size_t len;

	if (fd < 0)
		return fd;
	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, "%s: %s", path, strerror(errno));
		str_addn(&text, buf, (size_t)n);
		if (text.len > ROOT_FILE_MAX)
			return error_set(err, -EFBIG, "%s: larger than %u MiB", path,
				ROOT_FILE_MAX >> 20);
	}
	len = text.len;
	if (str_take(&text, ret) < 0)
		return error_set(err, -ENOMEM, "%s: out of memory", path);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int root_read_text(const struct root *root, const char *path, char **ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len, line = 1;
	int r = root_read(root, path, &text, &len, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		if (!text[i])
			return error_set(err, -EILSEQ,
				"%s:%zu: a NUL byte, so this is not a text file; repair or remove it",
				path, line);
		line += text[i] == '\n';
	}
	*ret = TAKE_PTR(text);
	return 0;
}

int root_read_optional(const struct root *root, const char *path, char **ret)
{
	int r = root_read_text(root, path, ret, NULL);

	if (r < 0)
		*ret = NULL;
	return r == -ENOMEM ? r : 0;
}

ssize_t root_attr(const struct root *root, const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = root_open_path(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		n--;
	buf[n] = '\0';
	return n;
}

/* owner: who made the link; NULL: nobody asks. */
static ssize_t read_link(
	const struct root *root, const char *path, char *buf, size_t size, uid_t *owner)
{
	_cleanup_close_ int fd = root_open_path(root, path, O_PATH | O_NOFOLLOW);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", buf, size - 1);
	if (n < 0 || (owner && fstat(fd, &st) < 0))
		return -errno;
	buf[n] = '\0';
	if (owner)
		*owner = st.st_uid;
	return n;
}

ssize_t root_link(const struct root *root, const char *path, char *buf, size_t size)
{
	return read_link(root, path, buf, size, NULL);
}

int root_list(const struct root *root, const char *path, struct strv *ret)
{
	_cleanup_close_ int fd = root_open_path(root, path, O_RDONLY | O_DIRECTORY);
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)TAKE_FD(fd);
	while (r == 0 && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = strv_add(ret, entry->d_name);
	r = r == 0 && errno ? -errno : r;
	(void)closedir(dir);
	strv_sort(ret);
	return r;
}

int root_space(const struct root *root, const char *path, uint64_t *ret)
{
	_cleanup_close_ int fd = root_open_path(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct statvfs space;

	if (fd < 0)
		return fd;
	if (fstatvfs(fd, &space) < 0)
		return -errno;
	*ret = (uint64_t)space.f_bfree * space.f_frsize;
	return 0;
}

int root_stat(const struct root *root, const char *path, struct stat *ret)
{
	_cleanup_close_ int fd = root_open_path(root, path, O_PATH);

	if (fd < 0)
		return fd;
	return fstat(fd, ret) < 0 ? -errno : 0;
}

bool root_exists(const struct root *root, const char *path)
{
	struct stat st;

	return root_stat(root, path, &st) == 0;
}

const char *root_first(const struct root *root, const char *const paths[])
{
	while (*paths && !root_exists(root, *paths))
		paths++;
	return *paths;
}

#define NOBODY  ((uid_t)-1)
#define SEVERAL ((uid_t)-2)

static void note_owner(const struct walk *walk, uid_t uid)
{
	if (uid != 0 && uid != geteuid())
		*walk->owner = *walk->owner == NOBODY || *walk->owner == uid ? uid : SEVERAL;
}

static ssize_t read_in_root(const struct walk *walk, const char *path, char *buf, size_t size)
{
	uid_t owner;
	ssize_t n = read_link(walk->root, path, buf, size, &owner);

	if (n >= 0)
		note_owner(walk, owner);
	return n;
}

/* What a user's link leads to is that user's.  Else whoever may put a link somewhere would choose which
 * file root changes. */
static bool is_theirs(const struct root *root, const char *path, uid_t owner)
{
	struct stat st;

	return owner == NOBODY || (root_stat(root, path, &st) == 0 && st.st_uid == owner);
}

int root_resolve(const struct root *root, const char *path, char **ret, struct error *err)
{
	uid_t owner = NOBODY;
	const struct walk walk = {.read = read_in_root, .root = root, .owner = &owner};
	_cleanup_(str_free) struct str done = {0};
	char *copy = strdup(path);
	int r;

	if (!copy)
		return error_no_memory(err);
	r = walk_path(&walk, &done, copy, err);
	if (r < 0)
		return r;
	if (done.len == 0)
		str_add(&done, "/");
	if (str_check(&done) == 0 && !is_theirs(root, done.s, owner))
		return error_set(err, -EPERM,
			"%s: links of other users on the way lead to %s, which is not theirs; look at "
			"them, and put the file itself in their place",
			path, done.s);
	return str_take(&done, ret) < 0 ? error_no_memory(err) : 0;
}
