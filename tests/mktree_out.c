#include "tests/mktree_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void mktree_out_fail(struct mktree_out *o, int error, const char *path)
{
	if (o->error)
		return;
	o->error = error;
	fprintf(stderr, "mktree: %s: %s\n", path, strerror(-error));
}

struct mktree_path mktree_out_path(const char *format, ...)
{
	struct mktree_path p;
	va_list ap;

	va_start(ap, format);
	if (vsnprintf(p.s, sizeof(p.s), format, ap) >= (int)sizeof(p.s))
		p.s[0] = '\0'; /* refused by the system, which names the error */
	va_end(ap);
	return p;
}

/* Makes every directory of path up to its last slash. */
static int make_parents(int fd, const char *path)
{
	char part[4096];

	for (const char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(s - path), path);
		if (mkdirat(fd, part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

struct mktree_out mktree_out_open(const char *dir)
{
	struct mktree_out o = {.fd = -1};
	int r = make_parents(AT_FDCWD, dir);

	if (r == 0 && mkdir(dir, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		o.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && o.fd < 0)
		r = -errno;
	if (r < 0)
		mktree_out_fail(&o, r, dir);
	return o;
}

int mktree_out_close(struct mktree_out *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	return o->error;
}

void mktree_out_dir(struct mktree_out *o, const char *path)
{
	if (o->error || mkdirat(o->fd, path, 0755) == 0 || errno == EEXIST)
		return;
	if (errno == ENOENT && make_parents(o->fd, path) == 0 && mkdirat(o->fd, path, 0755) == 0)
		return;
	mktree_out_fail(o, -errno, path);
}

void mktree_out_mode(struct mktree_out *o, const char *path, mode_t mode)
{
	if (!o->error && fchmodat(o->fd, path, mode, 0) < 0)
		mktree_out_fail(o, -errno, path);
}

static int open_new(int fd, const char *path)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
	int f = openat(fd, path, flags, 0644);

	if (f < 0 && errno == ENOENT && make_parents(fd, path) == 0)
		f = openat(fd, path, flags, 0644);
	return f < 0 ? -errno : f;
}

void mktree_out_data(struct mktree_out *o, const char *path, const void *data, size_t size)
{
	const char *p = data;
	ssize_t n = 0;
	int f;

	if (o->error)
		return;
	f = open_new(o->fd, path);
	if (f < 0) {
		mktree_out_fail(o, f, path);
		return;
	}
	for (; size > 0 && n >= 0; size -= (size_t)n, p += n) {
		n = write(f, p, size);
		if (n < 0) {
			mktree_out_fail(o, -errno, path);
			n = 0;
			size = 0;
		}
	}
	close(f);
}

void mktree_out_text(struct mktree_out *o, const char *path, const char *text)
{
	mktree_out_data(o, path, text, strlen(text));
}

void mktree_out_printf(struct mktree_out *o, const char *path, const char *format, ...)
{
	char buf[8192];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(buf, sizeof(buf), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf))
		mktree_out_fail(o, -EOVERFLOW, path);
	else
		mktree_out_data(o, path, buf, (size_t)n);
}

void mktree_out_remove(struct mktree_out *o, const char *path)
{
	if (!o->error && unlinkat(o->fd, path, 0) < 0)
		mktree_out_fail(o, -errno, path);
}

void mktree_out_symlink(struct mktree_out *o, const char *path, const char *text)
{
	if (o->error || symlinkat(text, o->fd, path) == 0)
		return;
	if (errno == EEXIST && unlinkat(o->fd, path, 0) == 0 && symlinkat(text, o->fd, path) == 0)
		return;
	if (errno == ENOENT && make_parents(o->fd, path) == 0 && symlinkat(text, o->fd, path) == 0)
		return;
	mktree_out_fail(o, -errno, path);
}

void mktree_out_link(struct mktree_out *o, const char *path, const char *target)
{
	char text[4096] = "";
	size_t same = 0, n = 0;

	for (size_t i = 0; path[i] && path[i] == target[i]; i++)
		if (path[i] == '/')
			same = i + 1;
	for (const char *s = strchr(path + same, '/'); s; s = strchr(s + 1, '/'))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "../");
	snprintf(text + n, sizeof(text) - n, "%s", target + same);
	mktree_out_symlink(o, path, text);
}
