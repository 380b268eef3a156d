/*
 * Kernel modules without a compiler: an ELF object that holds a .modinfo section and a symbol
 * table is all that depmod and libkmod look at.  Module NAME exports the symbol NAME_here, and
 * depends on another by using its symbol, as depmod believes symbols and not "depends=".
 */
#include "tests/mktree_modules.h"
#include "tests/mktree_out.h"

#include <elf.h>
#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KERNELS_MAX 8

struct module {
	char *path;    /* "kernel/drivers/vfio/vfio", without .ko */
	char *depends; /* "a,b" or "" */
	char *info;    /* lines KEY=VALUE */
	bool builtin;
};

/* A block of the file: some kernels, all with the same modules. */
struct block {
	char *kernel[KERNELS_MAX];
	size_t n_kernel;
	struct module *module;
	size_t n_module;
};

enum { NONE, MODINFO, SYMTAB, STRTAB, SHSTRTAB, SECTIONS };

struct object {
	Elf64_Ehdr header;
	Elf64_Shdr section[SECTIONS];
	char names[40]; /* "", .modinfo, .symtab, .strtab, .shstrtab */
	;
};

static void module_clear(struct module *m)
{
	free(m->path);
	free(m->depends);
	free(m->info);
}

static void block_clear(struct block *b)
{
	for (size_t i = 0; i < b->n_kernel; i++)
		free(b->kernel[i]);
	for (size_t i = 0; i < b->n_module; i++)
		module_clear(&b->module[i]);
	free(b->module);
	*b = (struct block){.n_kernel = 0};
}

/* The kernel's own spelling of a module's name, from its path. */
static struct mktree_path name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct mktree_path p = mktree_out_path("%s", slash ? slash + 1 : path);

	for (char *s = strchr(p.s, '-'); s; s = strchr(s, '-'))
		*s = '_';
	return p;
}

static void section(
	struct object *o, int i, Elf64_Word name, Elf64_Word type, size_t at, size_t size)
{
	o->section[i].sh_name = name;
	o->section[i].sh_type = type;
	o->section[i].sh_offset = at;
	o->section[i].sh_size = size;
	o->section[i].sh_addralign = 1;
}

/* The tables in front of an object whose sections follow in their order. */
static void object_tables(struct object *o, size_t modinfo, size_t symtab, size_t strtab)
{
	static const char names[] = "\0.modinfo\0.symtab\0.strtab\0.shstrtab";
	size_t at = sizeof(*o);

	memset(o, 0, sizeof(*o));
	memcpy(o->header.e_ident, ELFMAG "\2\1\1", 7);
	o->header.e_type = ET_REL;
	o->header.e_machine = EM_X86_64;
	o->header.e_version = EV_CURRENT;
	o->header.e_shoff = offsetof(struct object, section);
	o->header.e_ehsize = sizeof(o->header);
	o->header.e_shentsize = sizeof(o->section[0]);
	o->header.e_shnum = SECTIONS;
	o->header.e_shstrndx = SHSTRTAB;
	memcpy(o->names, names, sizeof(names));
	section(o, SHSTRTAB, 26, SHT_STRTAB, offsetof(struct object, names), sizeof(names));
	section(o, SYMTAB, 10, SHT_SYMTAB, at, symtab);
	section(o, MODINFO, 1, SHT_PROGBITS, at + symtab, modinfo);
	section(o, STRTAB, 18, SHT_STRTAB, at + symtab + modinfo, strtab);
	o->section[SYMTAB].sh_link = STRTAB;
	o->section[SYMTAB].sh_info = 1;
	o->section[SYMTAB].sh_entsize = sizeof(Elf64_Sym);
	o->section[SYMTAB].sh_addralign = 8;
}

/* One symbol: exported by this module, or used from another. */
static void symbol(FILE *symtab, FILE *strtab, const char *name, bool here)
{
	Elf64_Sym s = {.st_info = STB_GLOBAL << 4, .st_shndx = here ? SHN_ABS : SHN_UNDEF};

	s.st_name = (Elf64_Word)ftell(strtab);
	fprintf(strtab, "%s%s_here%c", here ? "__crc_" : "", name, 0);
	fwrite(&s, sizeof(s), 1, symtab);
}

static void symbols(const struct module *m, FILE *symtab, FILE *strtab)
{
	static const Elf64_Sym first;
	const char *s = m->depends;

	fwrite(&first, sizeof(first), 1, symtab);
	fputc(0, strtab);
	symbol(symtab, strtab, name_of(m->path).s, true);
	while (*s) {
		int n = (int)strcspn(s, ",");

		symbol(symtab, strtab, name_of(PATH("%.*s", n, s)).s, false);
		s += n + (s[n] == ',');
	}
}

/* prefix is "" for a module file, "NAME." in the list of built-in ones */
static void modinfo(const struct module *m, const char *prefix, const char *version, FILE *f)
{
	const char *s = m->info;

	while (*s) {
		int n = (int)strcspn(s, "\n");

		fprintf(f, "%s%.*s%c", prefix, n, s, 0);
		s += n + (s[n] == '\n');
	}
	fprintf(f, "%slicense=GPL%c", prefix, 0);
	if (m->builtin) {
		fprintf(f, "%sfile=%s%c", prefix, m->path + strlen("kernel/"), 0);
		return;
	}
	fprintf(f, "depends=%s%c", m->depends, 0);
	fprintf(f, "name=%s%c", name_of(m->path).s, 0);
	fprintf(f, "vermagic=%s SMP preempt mod_unload modversions %c", version, 0);
}

struct buffer {
	char *data;
	size_t size;
	FILE *file;
};

static bool buffers_open(struct buffer *b, size_t n)
{
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		b[i] = (struct buffer){.data = NULL};
		b[i].file = open_memstream(&b[i].data, &b[i].size);
		ok = ok && b[i].file;
	}
	return ok;
}

static void buffers_end(struct buffer *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (b[i].file)
			fclose(b[i].file);
		b[i].file = NULL;
	}
}

static void buffers_free(struct buffer *b, size_t n)
{
	buffers_end(b, n);
	for (size_t i = 0; i < n; i++)
		free(b[i].data);
}

static void write_object(
	struct mktree_out *o, const char *path, const struct module *m, const char *version)
{
	struct buffer part[4]; /* symtab, modinfo, strtab; the whole */
	struct object head;

	if (!buffers_open(part, 4)) {
		buffers_free(part, 4);
		mktree_out_fail(o, -ENOMEM, path);
		return;
	}
	symbols(m, part[0].file, part[2].file);
	modinfo(m, "", version, part[1].file);
	buffers_end(part, 3);
	object_tables(&head, part[1].size, part[0].size, part[2].size);
	fwrite(&head, sizeof(head), 1, part[3].file);
	for (size_t i = 0; i < 3; i++)
		fwrite(part[i].data, part[i].size, 1, part[3].file);
	buffers_end(part, 4);
	mktree_out_data(o, path, part[3].data, part[3].size);
	buffers_free(part, 4);
}

static void write_module(struct mktree_out *o, const char *base, const char *version,
	const struct module *m, const struct buffer list[3])
{
	if (!m->builtin)
		fprintf(list[0].file, "%s.ko\n", m->path);
	if (!m->builtin) {
		write_object(o, PATH("%s/%s.ko", base, m->path), m, version);
		return;
	}
	fprintf(list[1].file, "%s.ko\n", m->path);
	modinfo(m, PATH("%s.", name_of(m->path).s), version, list[2].file);
}

static int depmod(const char *dir, const char *version)
{
	static const char *const program[] = {
		"/usr/sbin/depmod", "/sbin/depmod", "/usr/bin/depmod"};
	char *argv[] = {strdup("depmod"), strdup("-b"), strdup(dir), strdup(version), NULL};
	char *env[] = {NULL};
	int r = ENOENT, status = 0;
	pid_t pid = -1;

	for (size_t i = 0; i < sizeof(program) / sizeof(*program) && r == ENOENT; i++)
		r = posix_spawn(&pid, program[i], NULL, NULL, argv, env);
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	if (r)
		return -r;
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

static int write_kernel(const char *dir, const char *version, const struct block *b)
{
	static const char *const name[] = {
		"modules.order", "modules.builtin", "modules.builtin.modinfo"};
	struct mktree_out o = mktree_out_open(dir);
	struct mktree_path base = mktree_out_path("lib/modules/%s", version);
	struct buffer list[3];
	int r;

	if (!buffers_open(list, 3))
		mktree_out_fail(&o, -ENOMEM, base.s);
	for (size_t i = 0; i < b->n_module && !o.error; i++)
		write_module(&o, base.s, version, &b->module[i], list);
	buffers_end(list, 3);
	for (size_t i = 0; i < 3 && !o.error; i++)
		mktree_out_data(&o, PATH("%s/%s", base.s, name[i]), list[i].data, list[i].size);
	buffers_free(list, 3);
	r = o.error ? 0 : depmod(dir, version);
	if (r < 0)
		mktree_out_fail(&o, r, "depmod");
	return mktree_out_close(&o);
}

static int block_end(struct block *b, const char *dir)
{
	int r = 0;

	for (size_t i = 0; i < b->n_kernel && r == 0; i++)
		r = write_kernel(dir, b->kernel[i], b);
	block_clear(b);
	return r;
}

static int add_info(struct block *b, const char *line)
{
	struct module *m = b->n_module ? &b->module[b->n_module - 1] : NULL;
	char *info;

	if (!m || asprintf(&info, "%s%s\n", m->info, line) < 0)
		return m ? -ENOMEM : -EINVAL;
	free(m->info);
	m->info = info;
	return 0;
}

static struct module *find(struct block *b, const char *name)
{
	for (size_t i = 0; i < b->n_module; i++)
		if (strcmp(name_of(b->module[i].path).s, name_of(name).s) == 0)
			return &b->module[i];
	return NULL;
}

/* "builtin NAME..." and "without NAME...": what this distribution has otherwise than another. */
static int change(struct block *b, char *names, bool without)
{
	const char *name;

	while ((name = strsep(&names, " "))) {
		struct module *m = find(b, name);

		if (!m)
			return -ENOENT;
		if (!without) {
			m->builtin = true;
			continue;
		}
		module_clear(m);
		memmove(m, m + 1, (size_t)(b->module + --b->n_module - m) * sizeof(*m));
	}
	return 0;
}

/* PATH [builtin] [depends=NAME,...] */
static int add_module(struct block *b, char *line)
{
	struct module *m = reallocarray(b->module, b->n_module + 1, sizeof(*m));
	char *path = strsep(&line, " "), *w;
	const char *depends = "";

	if (!m)
		return -ENOMEM;
	b->module = m;
	m += b->n_module++;
	*m = (struct module){.builtin = false};
	while ((w = strsep(&line, " "))) {
		if (strcmp(w, "builtin") == 0)
			m->builtin = true;
		else if (strncmp(w, "depends=", 8) == 0)
			depends = w + 8;
		else
			return -EINVAL;
	}
	m->path = strdup(path);
	m->depends = strdup(depends);
	m->info = strdup("");
	return m->path && m->depends && m->info ? 0 : -ENOMEM;
}

static int add_kernel(struct block *b, const char *version, const char *dir)
{
	int r = b->n_module ? block_end(b, dir) : 0;

	if (r < 0 || b->n_kernel == KERNELS_MAX)
		return r < 0 ? r : -E2BIG;
	b->kernel[b->n_kernel] = strdup(version);
	return b->kernel[b->n_kernel] ? (b->n_kernel++, 0) : -ENOMEM;
}

static int read_file(struct block *b, const char *file, const char *dir);

/* "like NAME": the modules of the root NAME beside this one. */
static int like(struct block *b, const char *name, const char *file)
{
	const char *slash = strrchr(file, '/');

	return read_file(
		b, PATH("%.*s/../%s/modules", slash ? (int)(slash - file) : 0, file, name), NULL);
}

/* dir NULL: of a file that another is like, whose kernels are not ours. */
static int add_line(struct block *b, char *line, const char *file, const char *dir)
{
	if (!*line || *line == '#')
		return 0;
	if (*line == '\t')
		return add_info(b, line + 1);
	if (strncmp(line, "kernel ", 7) == 0)
		return dir ? add_kernel(b, line + 7, dir) : 0;
	if (!b->n_kernel)
		return -EINVAL;
	if (strncmp(line, "like ", 5) == 0)
		return like(b, line + 5, file);
	if (strncmp(line, "builtin ", 8) == 0 || strncmp(line, "without ", 8) == 0)
		return change(b, line + 8, *line == 'w');
	return add_module(b, line);
}

static int read_file(struct block *b, const char *file, const char *dir)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t size = 0;
	int r = f ? 0 : -errno;

	if (!f)
		return r;
	while (r == 0 && getline(&line, &size, f) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		r = add_line(b, line, file, dir);
		if (r < 0)
			fprintf(stderr, "%s: %s: %s\n", file, line, strerror(-r));
	}
	free(line);
	fclose(f);
	return r;
}

int mktree_modules(const char *modules_file, const char *dir)
{
	struct block b = {.n_kernel = 0};
	int r;

	if (access(modules_file, F_OK) < 0)
		return errno == ENOENT ? 0 : -errno;
	r = read_file(&b, modules_file, dir);
	if (r == 0)
		r = block_end(&b, dir);
	block_clear(&b);
	return r;
}
