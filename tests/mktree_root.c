/* A distribution's root from its fixture: root/ copied, manifest obeyed, modules made. */
#include "tests/mktree.h"
#include "tests/mktree_modules.h"
#include "tests/mktree_out.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Reads a whole file; the caller frees.  NULL with errno. */
static char *slurp(const char *path, size_t *size)
{
	FILE *f = fopen(path, "re"), *copy;
	char *data = NULL, buf[4096];
	size_t n;

	if (!f)
		return NULL;
	copy = open_memstream(&data, size);
	while (copy && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		fwrite(buf, 1, n, copy);
	fclose(f);
	if (copy)
		fclose(copy);
	return data;
}

static void copy_file(struct mktree_out *o, const char *from, const char *to)
{
	size_t size = 0;
	char *data = slurp(from, &size);

	if (data)
		mktree_out_data(o, to, data, size);
	else
		mktree_out_fail(o, -errno, from);
	free(data);
}

static void copy(struct mktree_out *o, const char *from, const char *to)
{
	DIR *d = opendir(from);
	struct dirent *e;

	if (!d) {
		if (errno == ENOTDIR)
			copy_file(o, from, to);
		else
			mktree_out_fail(o, -errno, from);
		return;
	}
	while (!o->error && (e = readdir(d))) {
		char *below = NULL;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (asprintf(&below, "%s/%s", from, e->d_name) < 0)
			mktree_out_fail(o, -ENOMEM, from);
		else
			copy(o, below, PATH("%s%s%s", to, *to ? "/" : "", e->d_name));
		free(below);
	}
	closedir(d);
}

/* One line of the manifest; modes wait until the files are there. */
static void obey(struct mktree_out *o, char *line, bool modes)
{
	char *verb = strsep(&line, " "), *path = strsep(&line, " ");

	if (!*verb || *verb == '#')
		return;
	if (strcmp(verb, "mode") == 0 && line) {
		/* "mode MODE PATH" */
		if (modes)
			mktree_out_mode(o, line, (mode_t)strtoul(path, NULL, 8));
	} else if (strcmp(verb, "link") == 0 && line) {
		if (!modes)
			mktree_out_symlink(o, path, line);
	} else if (strcmp(verb, "dir") == 0 && path && !line) {
		if (!modes)
			mktree_out_dir(o, path);
	} else
		mktree_out_fail(o, -EINVAL, path ? path : verb);
}

static void manifest(struct mktree_out *o, const char *file, bool modes)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t size = 0;

	if (!f) {
		mktree_out_fail(o, -errno, file);
		return;
	}
	while (!o->error && getline(&line, &size, f) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		obey(o, line, modes);
	}
	free(line);
	fclose(f);
}

int mktree_root(const char *fixture_dir, const char *dir)
{
	struct mktree_out o = mktree_out_open(dir);
	int r;

	if (!o.error)
		manifest(&o, PATH("%s/manifest", fixture_dir), false);
	if (!o.error)
		copy(&o, PATH("%s/root", fixture_dir), "");
	if (!o.error)
		manifest(&o, PATH("%s/manifest", fixture_dir), true);
	r = mktree_out_close(&o);
	return r < 0 ? r : mktree_modules(PATH("%s/modules", fixture_dir), dir);
}
