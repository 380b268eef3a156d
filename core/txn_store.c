#include "core/txn_private.h"

#include "core/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A snapshot that is being written, and one that is being removed. */
#define NEW     "new"
#define OLD     "old"
#define RESERVE "reserve"

static const char *const words[] = {
	[SNAPSHOT_COMPLETE] = "complete",
	[SNAPSHOT_ROLLED_BACK] = "rolled-back",
};

static int fail_to_remove(struct error *err, const char *name, const char *entry)
{
	int code = -errno;

	return error_set(err, code,
		"%s/%s%s%s: it is in the way and cannot be removed (%s); look at it "
		"and remove it",
		SNAPSHOT_DIR, name, *entry ? "/" : "", entry, strerror(-code));
}

/* Flat, as every snapshot is: what is not is none of ours, and stays.  0: there is nothing there.
 */
static int remove_tree(int parent, const char *name, struct error *err)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		r = errno == ENOENT ? 0 : fail_to_remove(err, name, "");
		base_closep(&fd);
		return r;
	}
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			unlinkat(fd, entry->d_name, 0) < 0 && r == 0)
			r = fail_to_remove(err, name, entry->d_name);
	(void)closedir(dir);
	if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
		r = fail_to_remove(err, name, "");
	return r;
}

void txn_store_remove(struct txn_store *store, const char *id)
{
	/* Under another name first: a crash leaves no snapshot with half of its files. */
	if (renameat(store->snapshots, id, store->snapshots, OLD) < 0)
		return;
	(void)remove_tree(store->snapshots, OLD, NULL);
	(void)fsync(store->snapshots);
}

/* Only for the message: not worth a failure. */
static void note(int fd, const char *text)
{
	if (ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, text, strlen(text), 0);
}

/* The lock belongs to the open file and goes with the last process that has it, however its owner
 * ends: a program that outlives us works on, and nobody may start it a second time beside it. */
static int take_lock(const struct root *root, struct txn_store *store, struct error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	_cleanup_close_ int fd = -EBADF;
	char pid[24];
	struct stat st;

	do {
		base_closep(&fd);
		fd = openat(store->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return txn_fail(err, -errno, SNAPSHOT_LOCK, "opening");
		if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
			return errno == EAGAIN || errno == EACCES
				       ? snapshot_held(root, -EAGAIN, err)
				       : txn_fail(err, -errno, SNAPSHOT_LOCK, "locking");
		if (fstat(fd, &st) < 0)
			return txn_fail(err, -errno, SNAPSHOT_LOCK, "locking");
		/* Its owner removed it while this one waited for it. */
	} while (st.st_nlink == 0);
	(void)snprintf(pid, sizeof(pid), "%d\n", getpid());
	note(fd, pid);
	store->lock = TAKE_FD(fd);
	return 0;
}

void txn_store_runs(struct txn_store *store, pid_t pid, const char *program)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "%d\n%d %s\n", getpid(), pid, program);
	note(store->lock, text);
}

static void give_lock_back(struct txn_store *store)
{
	struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	if (store->lock >= 0)
		(void)fcntl(store->lock, F_OFD_SETLK, &lock);
	base_closep(&store->lock);
}

/* Ours alone to write; mode says who may look. */
static int open_own(int root, const char *path, mode_t mode, struct strv *made, struct error *err)
{
	_cleanup_close_ int fd = txn_open_directory(root, path, true, mode, made, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return txn_fail(err, -errno, path, "opening");
	if (st.st_uid != geteuid())
		return error_set(err, -EPERM,
			"%s: belongs to user %u, so what is in it cannot be trusted; look at it "
			"and remove it",
			path, st.st_uid);
	if ((st.st_mode & 0777) != mode && fchmod(fd, mode) < 0)
		return txn_fail(err, -errno, path, "setting who may look");
	return TAKE_FD(fd);
}

static int open_store(const struct root *root, struct txn_store *store, struct error *err)
{
	_cleanup_free_ char *snapshots = NULL;
	int r = root_resolve(root, SNAPSHOT_STATE_DIR, &store->path, err);

	if (r < 0)
		return r;
	if (asprintf(&snapshots, "%s/snapshots", store->path) < 0)
		return error_no_memory(err);
	/* What was added to files that everybody may read is no secret, and `plan` needs it. */
	store->dir = open_own(store->root, store->path, 0755, &store->made, err);
	if (store->dir < 0)
		return store->dir;
	r = take_lock(root, store, err);
	if (r < 0)
		return r;
	store->snapshots = open_own(store->root, snapshots, 0700, &store->made, err);
	if (store->snapshots < 0)
		return store->snapshots;
	return 0;
}

int txn_store_open(const struct root *root, struct txn_store *ret, struct error *err)
{
	int r;

	*ret = (struct txn_store){
		.root = root_fd(root), .dir = -EBADF, .snapshots = -EBADF, .lock = -EBADF};
	r = open_store(root, ret, err);
	if (r < 0)
		txn_store_close(ret, r == -EAGAIN);
	return r;
}

void txn_store_close(struct txn_store *store, bool trace)
{
	if (!trace && store->path && strv_has(&store->made, store->path) && store->dir >= 0)
		(void)unlinkat(store->dir, "lock", 0);
	for (size_t i = store->made.n; !trace && i-- > 0;)
		(void)txn_remove_directory(store->root, store->made.v[i], NULL);
	base_closep(&store->snapshots);
	base_closep(&store->dir);
	give_lock_back(store);
	strv_free(&store->made);
	free(TAKE_PTR(store->path));
}

static int write_copies(int dir, const struct snapshot *snapshot, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < snapshot->n_files; i++) {
		const struct snapshot_file *file = &snapshot->files[i];
		char before[32], after[32];

		(void)snprintf(before, sizeof(before), "before-%zu", i);
		(void)snprintf(after, sizeof(after), "after-%zu", i);
		if (file->before.kind == CONTENT_FILE)
			r = txn_write_new(dir, before, file->before.text, err);
		if (r == 0 && file->after.kind == CONTENT_FILE)
			r = txn_write_new(dir, after, file->after.text, err);
	}
	return r;
}

/* Room for every file to be put back though the commands have filled the disk.  A file system that
 * cannot set room aside goes without. */
static int write_reserve(int dir, const struct snapshot *snapshot, struct error *err)
{
	_cleanup_close_ int fd =
		openat(dir, RESERVE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	off_t size = 65536;

	for (size_t i = 0; i < snapshot->n_files; i++)
		if (snapshot->files[i].before.kind == CONTENT_FILE)
			size += (off_t)strlen(snapshot->files[i].before.text) + 8192;
	if (fd < 0 || (fallocate(fd, 0, 0, size) < 0 && errno != EOPNOTSUPP && errno != ENOSYS))
		return txn_fail(err, -errno, SNAPSHOT_DIR, "setting room aside");
	return 0;
}

void txn_store_release(struct txn_store *store, const char *id)
{
	int dir = openat(store->snapshots, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir >= 0)
		(void)unlinkat(dir, RESERVE, 0);
	base_closep(&dir);
}

static int write_snapshot(int dir, struct snapshot *snapshot, struct error *err)
{
	_cleanup_free_ char *manifest = NULL;
	int r = manifest_format(snapshot, &manifest);

	if (r < 0)
		return error_no_memory(err);
	r = write_copies(dir, snapshot, err);
	if (r == 0)
		r = txn_write_new(dir, "manifest", manifest, err);
	if (r == 0)
		r = txn_write_new(dir, "state", "pending\n", err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(words); i++)
		if (words[i])
			r = txn_write_new(dir, words[i], words[i], err);
	if (r == 0)
		r = write_reserve(dir, snapshot, err);
	if (r == 0 && fsync(dir) < 0)
		r = txn_fail(err, -errno, SNAPSHOT_DIR, "writing the snapshot");
	return r;
}

int txn_store_write(struct txn_store *store, struct snapshot *snapshot, struct error *err)
{
	_cleanup_close_ int dir = -EBADF;
	int r = remove_tree(store->snapshots, NEW, err);

	/* What one that was killed left. */
	if (r == 0)
		r = remove_tree(store->snapshots, OLD, err);
	if (r < 0)
		return r;
	if (mkdirat(store->snapshots, NEW, 0700) < 0)
		return txn_fail(err, -errno, SNAPSHOT_DIR, "writing the snapshot");
	dir = openat(store->snapshots, NEW, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = dir < 0 ? txn_fail(err, -errno, SNAPSHOT_DIR, "writing the snapshot")
		    : write_snapshot(dir, snapshot, err);
	if (r == 0 && renameat(store->snapshots, NEW, store->snapshots, snapshot->id) < 0)
		r = txn_fail(err, -errno, SNAPSHOT_DIR, "writing the snapshot");
	if (r < 0) {
		(void)remove_tree(store->snapshots, NEW, NULL);
		return r;
	}
	if (fsync(store->snapshots) < 0) {
		r = txn_fail(err, -errno, SNAPSHOT_DIR, "writing the snapshot");
		txn_store_remove(store, snapshot->id);
	}
	return r;
}

int txn_store_keep(struct txn_store *store, const char *id, const char *what, size_t i,
	const char *text, struct error *err)
{
	_cleanup_close_ int dir =
		openat(store->snapshots, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char name[32];
	int r;

	if (dir < 0)
		return txn_fail(err, -errno, SNAPSHOT_DIR, "writing the snapshot");
	(void)snprintf(name, sizeof(name), "%s-%zu", what, i);
	r = txn_write_new(dir, name, text, err);
	if (r < 0)
		(void)unlinkat(dir, name, 0);
	return r;
}

int txn_store_mark(
	struct txn_store *store, const char *id, enum snapshot_state state, struct error *err)
{
	_cleanup_close_ int dir =
		openat(store->snapshots, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0 || renameat(dir, words[state], dir, "state") < 0 || fsync(dir) < 0)
		return txn_fail(err, -errno, SNAPSHOT_DIR, "marking the snapshot");
	return 0;
}
