/* A distribution's root from its fixture: that of another one first where it is based on it, root/
 * copied, manifest obeyed, modules made. */
#include "tests/mktree.h"
#include "tests/mktree_modules.h"
#include "tests/mktree_out.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* A file, link or directory of the base. */
static void drop(struct mktree_out *o, const char *dir, const char *path)
{
	errno = EIO;
	if (nftw(PATH("%s/%s", dir, path), remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
		mktree_out_fail(o, -errno, path);
}

/* A variable of the boot loader interface: four bytes of attributes, here that boot services made
 * it and the running system may read it, and UTF-16 text. */
static void efivar(struct mktree_out *o, const char *name, const char *text)
{
	char data[1024] = {6};
	size_t size = 4;

	for (const char *s = text; *s && size + 4 <= sizeof(data); s++, size += 2)
		data[size] = *s;
	mktree_out_data(o,
		PATH("sys/firmware/efi/efivars/%s-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", name),
		data, size + 2);
}

/* One line of the manifest; modes wait until the files are there. */
static void obey(struct mktree_out *o, const char *dir, char *line, bool modes)
{
	char *verb = strsep(&line, " "), *path = strsep(&line, " ");

	if (!*verb || *verb == '#' || (strcmp(verb, "mode") == 0) != modes)
		return;
	if (modes && line) /* "mode MODE PATH" */
		mktree_out_mode(o, line, (mode_t)strtoul(path, NULL, 8));
	else if (strcmp(verb, "link") == 0 && line)
		mktree_out_symlink(o, path, line);
	else if (strcmp(verb, "efivar") == 0 && line)
		efivar(o, path, line);
	else if (strcmp(verb, "dir") == 0 && path && !line)
		mktree_out_dir(o, path);
	else if (strcmp(verb, "drop") == 0 && path && !line)
		drop(o, dir, path);
	else if (strcmp(verb, "base") != 0)
		mktree_out_fail(o, -EINVAL, path ? path : verb);
}

static void manifest(struct mktree_out *o, const char *dir, const char *file, bool modes)
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
		obey(o, dir, line, modes);
	}
	free(line);
	fclose(f);
}

/* "base NAME" in the manifest: the fixture NAME beside this one.  Empty: there is none. */
static struct mktree_path base_of(const char *fixture_dir)
{
	FILE *f = fopen(PATH("%s/manifest", fixture_dir), "re");
	struct mktree_path base = {""};
	char line[512], name[256];

	while (f && !*base.s && fgets(line, sizeof(line), f))
		if (sscanf(line, "base %255s", name) == 1)
			base = mktree_out_path("%s/../%s", fixture_dir, name);
	if (f)
		fclose(f);
	return base;
}

/* Everything but the modules. */
static int files(const char *fixture_dir, const char *dir)
{
	struct mktree_path base = base_of(fixture_dir);
	int r = *base.s ? files(base.s, dir) : 0;
	struct mktree_out o;

	if (r < 0)
		return r;
	o = mktree_out_open(dir);
	if (!o.error)
		manifest(&o, dir, PATH("%s/manifest", fixture_dir), false);
	if (!o.error)
		copy(&o, PATH("%s/root", fixture_dir), "");
	if (!o.error)
		manifest(&o, dir, PATH("%s/manifest", fixture_dir), true);
	return mktree_out_close(&o);
}

/* The modules of the first in the line of bases that has some. */
static int modules(const char *fixture_dir, const char *dir)
{
	struct mktree_path base = base_of(fixture_dir);
	struct mktree_path own = mktree_out_path("%s/modules", fixture_dir);

	if (*base.s && access(own.s, F_OK) < 0)
		return modules(base.s, dir);
	return mktree_modules(own.s, dir);
}

int mktree_root(const char *fixture_dir, const char *dir)
{
	int r = files(fixture_dir, dir);

	return r < 0 ? r : modules(fixture_dir, dir);
}
