/*
 * The writer of test trees: paths are below one directory, directories are made on the way, and
 * the first error stays and turns every later call into nothing, so that callers ask once.
 */
#ifndef TESTS_MKTREE_OUT_H
#define TESTS_MKTREE_OUT_H

#include <stddef.h>
#include <sys/types.h>

struct mktree_out {
	int fd;
	int error; /* 0 or -errno, the first one */
};

/* Opens dir, making it and its parents. */
struct mktree_out mktree_out_open(const char *dir);
/* Closes; returns the first error of all that was written. */
int mktree_out_close(struct mktree_out *o);
/* Notes an error about path and says it on stderr, unless there was one before. */
void mktree_out_fail(struct mktree_out *o, int error, const char *path);

void mktree_out_dir(struct mktree_out *o, const char *path);
void mktree_out_mode(struct mktree_out *o, const char *path, mode_t mode);
void mktree_out_data(struct mktree_out *o, const char *path, const void *data, size_t size);
void mktree_out_text(struct mktree_out *o, const char *path, const char *text);
void mktree_out_remove(struct mktree_out *o, const char *path);
/* A symlink with exactly this text; one that is there already is replaced. */
void mktree_out_symlink(struct mktree_out *o, const char *path, const char *text);
/* A relative symlink at path to target, both below the tree. */
void mktree_out_link(struct mktree_out *o, const char *path, const char *target);
void mktree_out_printf(struct mktree_out *o, const char *path, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A path in a buffer of its own, for the calls above: PATH("sys/%s", name). */
struct mktree_path {
	char s[512];
};
struct mktree_path mktree_out_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define PATH(...) (mktree_out_path(__VA_ARGS__).s)

#endif
