#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/support.h"
#include "tests/mktree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char *support_scratch(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = NULL;

	assert_true(asprintf(&dir, "%s/vfio-wizard-XXXXXX", tmp && *tmp ? tmp : "/tmp") > 0);
	assert_non_null(mkdtemp(dir));
	return dir;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void support_remove(char *dir)
{
	if (!dir)
		return;
	(void)nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(dir);
}

char *support_system(const char *machine, const char *root)
{
	char *dir = support_scratch();
	char path[512];

	if (root) {
		(void)snprintf(path, sizeof(path), "tests/fixtures/roots/%s", root);
		assert_int_equal(mktree_root(path, dir), 0);
	}
	if (machine) {
		(void)snprintf(path, sizeof(path), "tests/fixtures/machines/%s.facts", machine);
		assert_int_equal(mktree_machine(path, dir), 0);
	}
	return dir;
}

void support_put(const char *dir, const char *path, const char *text)
{
	_cleanup_free_ char *full = NULL;
	FILE *f;

	assert_true(asprintf(&full, "%s%s", dir, path) > 0);
	for (char *slash = full + strlen(dir) + (*path != '\0'); (slash = strchr(slash, '/'));
		slash++) {
		*slash = '\0';
		assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* -errno, or the length. */
static ssize_t read_all(int fd, struct str *out)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			str_addn(out, buf, (size_t)n);
	}
	return (ssize_t)out->len;
}

char *support_get(const char *dir, const char *path)
{
	_cleanup_free_ char *full = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct str text = {0};
	char *ret;

	assert_true(asprintf(&full, "%s%s", dir, path) > 0);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	assert_true(read_all(fd, &text) >= 0);
	assert_int_equal(str_take(&text, &ret), 0);
	return ret;
}

/* nftw() hands no pointer on. */
static struct {
	const char *dir;
	const char *const *without;
	struct strv lines;
} tree;

static bool is_left_out(const char *path)
{
	for (size_t i = 0; tree.without && tree.without[i]; i++) {
		size_t n = strlen(tree.without[i]);

		if (strncmp(path, tree.without[i], n) == 0 && (!path[n] || path[n] == '/'))
			return true;
	}
	return false;
}

static int add_entry(const char *full, const struct stat *st, int type, struct FTW *ftw)
{
	const char *path = full + strlen(tree.dir);
	_cleanup_free_ char *text = NULL;
	char link[4096] = "";

	(void)type;
	(void)ftw;
	if (is_left_out(path))
		return 0;
	if (S_ISLNK(st->st_mode))
		assert_true(readlink(full, link, sizeof(link) - 1) >= 0);
	else if (S_ISREG(st->st_mode))
		text = support_get(tree.dir, path);
	assert_int_equal(strv_addf(&tree.lines, "%s %o %u:%u %s%s", path, st->st_mode, st->st_uid,
				 st->st_gid, link, text ? text : ""),
		0);
	return 0;
}

char *support_tree(const char *dir, const char *const *without)
{
	_cleanup_(str_free) struct str out = {0};
	char *ret;

	tree.dir = dir;
	tree.without = without;
	assert_int_equal(nftw(dir, add_entry, 16, FTW_PHYS), 0);
	strv_sort(&tree.lines);
	for (size_t i = 0; i < tree.lines.n; i++)
		str_addf(&out, "%s\n", tree.lines.v[i]);
	strv_free(&tree.lines);
	assert_int_equal(str_take(&out, &ret), 0);
	return ret;
}

void support_assert_same(const char *before, const char *after)
{
	size_t at = 0, start;

	while (before[at] && before[at] == after[at])
		at++;
	if (before[at] == after[at])
		return;
	for (start = at; start > 0 && before[start - 1] != '\n';)
		start--;
	fail_msg("before: %.*s\nafter:  %.*s", (int)strcspn(before + start, "\n"), before + start,
		(int)strcspn(after + start, "\n"), after + start);
}

void support_says(const char *text, const char *what)
{
	if (!text || !strstr(text, what))
		fail_msg("not in it: %s\n%s", what, text ? text : "(nothing)");
}

int support_run(const char *const argv[], struct str *out)
{
	int pipes[2], status;
	pid_t pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		(void)dup2(null, 0);
		(void)dup2(pipes[1], 1);
		(void)dup2(pipes[1], 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	(void)close(pipes[1]);
	{
		struct str text = {0};

		assert_true(read_all(pipes[0], &text) >= 0);
		if (out)
			*out = text;
		else
			str_free(&text);
	}
	(void)close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
