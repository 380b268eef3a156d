#include "tests/support_overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *need(void *p)
{
	if (!p)
		abort();
	return p;
}

/* Links are followed inside the root only. */
static int open_in(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static void keep(struct support_overlay *o, const char *path, char *text, size_t size, mode_t mode)
{
	if (base_grow(&o->v, o->n, sizeof(*o->v)) < 0)
		abort();
	o->v[o->n++] = (struct support_laid){need(strdup(path)), text, size, mode};
}

/* The directory that the file at path is in, made where it is missing; negative: it cannot be. */
static int open_parent(struct support_overlay *o, const char *path)
{
	int dir = open_in(o->root, "/", O_PATH | O_DIRECTORY);

	for (const char *slash = path; dir >= 0 && (slash = strchr(slash + 1, '/'));) {
		_cleanup_free_ char *part = need(strndup(path, (size_t)(slash - path)));
		int next = open_in(o->root, part, O_PATH | O_DIRECTORY);

		if (next < 0 && errno == ENOENT &&
			mkdirat(dir, strrchr(part, '/') + 1, 0755) == 0) {
			keep(o, part, NULL, 0, 0);
			next = open_in(o->root, part, O_PATH | O_DIRECTORY);
		}
		base_closep(&dir);
		dir = next;
	}
	return dir;
}

static char *read_link(int dir, const char *name)
{
	char where[PATH_MAX];
	ssize_t n = readlinkat(dir, name, where, sizeof(where) - 1);

	if (n < 0)
		abort();
	where[n] = '\0';
	return need(strdup(where));
}

/* Files of a tree of tests are small. */
static char *read_file(int dir, const char *name, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *text = need(calloc(1, size + 1));

	if (read(fd, text, size) != (ssize_t)size)
		abort();
	return text;
}

static void put_file(int dir, const char *name, const char *text, size_t n, mode_t mode)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n || fchmod(fd, mode & 07777) < 0)
		abort();
}

/* What is at name is remembered and goes.  False: it stays. */
static bool take_away(struct support_overlay *o, int dir, const char *name, const char *path)
{
	struct stat st = {0};
	char *text = NULL;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISLNK(st.st_mode))
			text = read_link(dir, name);
		else if (S_ISREG(st.st_mode))
			text = read_file(dir, name, (size_t)st.st_size);
		else
			return false;
		if (unlinkat(dir, name, 0) < 0)
			abort();
	}
	keep(o, path, text, (size_t)st.st_size, st.st_mode);
	return true;
}

static void lay(struct support_overlay *o, char kind, const char *path, const char *text, size_t n)
{
	_cleanup_close_ int dir = open_parent(o, path);
	const char *name = strrchr(path, '/') + 1;
	_cleanup_free_ char *where = need(strndup(text, strcspn(text, "\n")));

	if (dir < 0 || !take_away(o, dir, name, path))
		return;
	if (kind == '=')
		put_file(dir, name, text, n, 0644);
	else if ((kind == '>' && *where && symlinkat(where, dir, name) < 0) ||
		 (kind == '+' && mkdirat(dir, name, 0755) < 0) ||
		 (kind == '|' && mkfifoat(dir, name, 0644) < 0))
		abort();
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

/* The path of a line that begins a section, NULL: it is another line.  *kind: its second byte. */
static const char *head(const char *line, const char *const *paths, char *kind)
{
	_cleanup_free_ char *copy = need(strndup(line, strcspn(line, "\n")));
	const char *heads[] = {"== ", "=> ", "++ ", "|| ", "-- "};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		if (!base_starts(copy, heads[i]))
			continue;
		*kind = copy[1];
		for (const char *const *p = paths; *p; p++)
			if (strcmp(*p, copy + 3) == 0)
				return *p;
	}
	return NULL;
}

void support_overlay_lay(
	struct support_overlay *o, int root, const char *text, const char *const *paths)
{
	*o = (struct support_overlay){.root = root};
	while (*text) {
		char kind, other;
		const char *path = head(text, paths, &kind), *start = next_line(text);

		text = start;
		if (!path)
			continue;
		while (*text && !head(text, paths, &other))
			text = next_line(text);
		lay(o, kind, path, start, (size_t)(text - start));
	}
}

/* A directory that others have put something into stays. */
static void put_back(struct support_overlay *o, struct support_laid *laid)
{
	_cleanup_close_ int dir = open_parent(o, laid->path);
	const char *name = strrchr(laid->path, '/') + 1;

	if (dir < 0 || (unlinkat(dir, name, 0) < 0 && errno != ENOENT &&
			       unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY))
		abort();
	if (S_ISLNK(laid->mode) && symlinkat(laid->text, dir, name) < 0)
		abort();
	if (S_ISREG(laid->mode))
		put_file(dir, name, laid->text, laid->size, laid->mode);
}

void support_overlay_lift(struct support_overlay *o)
{
	while (o->n) {
		struct support_laid laid = o->v[--o->n];

		put_back(o, &laid);
		free(laid.path);
		free(laid.text);
	}
	free(o->v);
	*o = (struct support_overlay){0};
}

void support_overlay_forget(struct support_overlay *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->v[i].path);
		free(o->v[i].text);
	}
	free(o->v);
	*o = (struct support_overlay){0};
}
