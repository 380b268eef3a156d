/* Boot loaders whose configuration is a person's own (rEFInd, Limine, Syslinux), or a tool's that
 * has no way to be asked for words of ours alone.  It is read, and the lines that it needs are
 * shown and kept in a file; it is never edited. */
#include "core/targets/entries.h"

#include "core/boot.h"
#include "core/edit_cmdline.h"
#include "core/parameters.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where a file of one of them can be, and the words before the parameters: mkrlconf(8) and
 * refind.conf, limine's CONFIG.md, syslinux's syslinux.txt. */
static const struct loader {
	enum boot_loader kind; /* without paths: of one in `sources` */
	const char *paths[12], *keys[5];
	const char *headings; /* first bytes of a line that begins another entry */
	const char *instead;  /* for target_no_spare() */
} loaders[] = {
	{BOOT_KERNELSTUB, {0}, {0}, "", "press e at the boot menu to add it"},
	{BOOT_SDBOOT_MANAGE, {0}, {0}, "", "press e at the boot menu to add it"},
	{BOOT_REFIND,
		{"/boot/refind_linux.conf", "/efi/refind_linux.conf", "/boot/efi/refind_linux.conf",
			"/efi/EFI/refind/refind.conf", "/boot/efi/EFI/refind/refind.conf",
			"/boot/EFI/refind/refind.conf"},
		{"options "}, "", "press F2 twice at the entry to add it"},
	{BOOT_LIMINE,
		{"/boot/limine.conf", "/boot/limine/limine.conf", "/boot/EFI/limine/limine.conf",
			"/boot/EFI/BOOT/limine.conf", "/efi/limine.conf", "/efi/limine/limine.conf",
			"/efi/EFI/limine/limine.conf", "/boot/efi/limine.conf",
			"/boot/efi/EFI/limine/limine.conf", "/boot/limine.cfg"},
		{"cmdline:", "kernel_cmdline:", "cmdline=", "kernel_cmdline="},
		"/:", "press E at the entry to add it, where the editor is on"},
	{BOOT_SYSLINUX,
		{"/boot/syslinux/syslinux.cfg", "/boot/syslinux/extlinux.conf",
			"/boot/extlinux/extlinux.conf", "/boot/extlinux.conf",
			"/boot/EFI/syslinux/syslinux.cfg", "/efi/EFI/syslinux/syslinux.cfg",
			"/boot/efi/EFI/syslinux/syslinux.cfg"},
		{"append "}, "", "press Tab at the entry to add it"},
};

/* What a tool writes anew with each kernel or image, from the words of another file: kernelstub
 * (installer.py of pop-os/kernelstub), sdboot-manage of Manjaro and CachyOS, limine-mkinitcpio-hook
 * and limine-entry-tool of Arch's, update-extlinux of Alpine's. */
static const struct source {
	enum boot_loader kind;
	const char *path, *key; /* key NULL: the tool puts them there */
	const char *tool;
} sources[] = {
	{BOOT_KERNELSTUB, "/etc/kernelstub/configuration", NULL, "kernelstub --add-options"},
	{BOOT_SDBOOT_MANAGE, "/etc/sdboot-manage.conf", "LINUX_OPTIONS", "sdboot-manage gen"},
	{BOOT_LIMINE, "/etc/default/limine", "KERNEL_CMDLINE[default]",
		"limine-mkinitcpio, or limine-update where that is what there is"},
	{BOOT_SYSLINUX, "/etc/update-extlinux.conf", "default_kernel_opts", "update-extlinux"},
};

/* A line that gives a normal boot its parameters. */
struct line {
	char *path, *text, *value;
	size_t number;
	size_t end; /* where in the text more of them go */
};

struct lines {
	struct line *v;
	size_t n;
};

static void lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++) {
		free(lines->v[i].path);
		free(lines->v[i].text);
		free(lines->v[i].value);
	}
	free(lines->v);
}

static const struct loader *find_loader(const struct target_input *in)
{
	for (size_t i = 0; i < ARRAY_SIZE(loaders); i++)
		if (loaders[i].kind == in->loader)
			return &loaders[i];
	return NULL;
}

static bool detect(const struct target_input *in)
{
	return find_loader(in);
}

/* -- reading -- */

/* The span between the quotes that begin at `start`; false: there are none. */
static bool quoted(const char *text, size_t start, size_t *from, size_t *to)
{
	const char *end = text[start] == '"' ? strchr(text + start + 1, '"') : NULL;

	if (!end)
		return false;
	*from = start + 1;
	*to = (size_t)(end - text);
	return true;
}

/* Of refind_linux.conf: "TITLE" "PARAMETERS". */
static bool titled(const char *text, size_t *from, size_t *to)
{
	size_t a, b;

	return quoted(text, 0, &a, &b) &&
	       quoted(text, b + 1 + strspn(text + b + 1, " \t"), from, to);
}

/* Where in a line its parameters are. */
static bool find_value(const struct loader *loader, const char *text, size_t *from, size_t *to)
{
	size_t start = strspn(text, " \t");

	if (loader->kind == BOOT_REFIND && text[start] == '"')
		return titled(text, from, to);
	for (const char *const *key = loader->keys; *key; key++) {
		size_t n = strlen(*key);

		if (strncasecmp(text + start, *key, n) != 0)
			continue;
		start += n + strspn(text + start + n, " \t");
		if (loader->kind == BOOT_REFIND)
			return quoted(text, start, from, to);
		*from = start;
		*to = strlen(text);
		while (*to > start && isspace((unsigned char)text[*to - 1]))
			(*to)--;
		return true;
	}
	return false;
}

/* A line that begins another entry, with its name. */
static bool is_heading(const struct loader *loader, const char *text)
{
	text += strspn(text, " \t");
	if (loader->kind == BOOT_REFIND)
		return *text == '"' || base_starts(text, "menuentry") ||
		       base_starts(text, "submenuentry");
	if (loader->kind == BOOT_SYSLINUX)
		return strncasecmp(text, "label ", 6) == 0;
	return *text && strchr(loader->headings, *text);
}

/* The last line that mkrlconf writes: a way back. */
static bool is_minimal(const struct loader *loader, const char *text)
{
	return loader->kind == BOOT_REFIND && base_starts(text, "\"Boot with minimal options\"");
}

/* A second name of the same entry. */
static bool is_title(const char *text)
{
	return strncasecmp(text + strspn(text, " \t"), "menu label ", 11) == 0;
}

static int add_line(struct lines *lines, const char *path, const char *text, size_t number,
	size_t from, size_t to)
{
	struct line line = {.path = strdup(path),
		.text = strdup(text),
		.value = strndup(text + from, to - from),
		.number = number,
		.end = to};

	if (!line.path || !line.text || !line.value ||
		base_grow(&lines->v, lines->n, sizeof(*lines->v)) < 0) {
		free(line.path);
		free(line.text);
		free(line.value);
		return -ENOMEM;
	}
	lines->v[lines->n++] = line;
	return 0;
}

static int read_file(
	const struct loader *loader, const char *path, const char *text, struct lines *lines)
{
	bool spare = false;
	size_t number = 0, from, to;
	int r = 0;

	while (r == 0 && *text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, n);

		if (!line)
			return -ENOMEM;
		number++;
		if (is_heading(loader, line))
			spare = target_entries_is_spare(line, n) || is_minimal(loader, line);
		else if (is_title(line))
			spare |= target_entries_is_spare(line, n);
		if (!spare && find_value(loader, line, &from, &to)) {
			_cleanup_free_ char *value = strndup(line + from, to - from);
			_cleanup_(strv_free) struct strv words = {0};

			if (!value || strv_split(&words, value, " \t") < 0)
				return -ENOMEM;
			if (!edit_cmdline_recovery(&words))
				r = add_line(lines, path, line, number, from, to);
		}
		text += n + (text[n] == '\n');
	}
	return r;
}

static int read_lines(const struct target_input *in, const struct loader *loader,
	struct lines *lines, struct error *why)
{
	_cleanup_(strv_free) struct strv seen = {0};

	for (const char *const *path = loader->paths; *path; path++) {
		_cleanup_free_ char *text = NULL, *resolved = NULL;
		int r = root_resolve(in->root, *path, &resolved, NULL);

		if (r == -ENOMEM)
			return r;
		if (r < 0 || strv_has(&seen, resolved))
			continue;
		r = target_read_optional(in, *path, &text, why);
		if (r > 0)
			r = strv_add(&seen, resolved);
		if (r == 0 && text)
			r = read_file(loader, *path, text, lines);
		if (r < 0)
			return r;
	}
	return 0;
}

/* *ret NULL: there is none. */
static int read_source(const struct target_input *in, const struct loader *loader,
	const struct source **ret, struct strv *words, struct error *why)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		_cleanup_free_ char *text = NULL;
		int r;

		if (sources[i].kind != loader->kind)
			continue;
		r = target_read_optional(in, sources[i].path, &text, why);
		if (r > 0 || (r == 0 && !loader->paths[0]))
			*ret = &sources[i];
		return r > 0 ? strv_split(words, text, " \t\n\"'") : r;
	}
	return 0;
}

/* -- telling -- */

/* The words that a line is short of: none where it cannot be made out. */
static int missing(
	const struct target_input *in, const struct line *line, struct strv *ret, struct error *err)
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = edit_cmdline_read(line->path, line->value, EDIT_CMDLINE_FILE, &words, err);

	return r < 0 ? r : parameters_behind(&words, in->parameters, ret, err);
}

static int add_advice(const struct target_input *in, const struct line *line, struct str *out,
	struct strv *files, struct error *err)
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = missing(in, line, &words, err);

	if (r < 0 || !words.n)
		return r;
	str_addf(out, "#\n# Line %zu of %s is now:\n%s\n# and has to be:\n%.*s", line->number,
		line->path, line->text, (int)line->end, line->text);
	for (size_t i = 0; i < words.n; i++)
		str_addf(out, "%s%s", *line->value || i ? " " : "", words.v[i]);
	str_addf(out, "%s\n", line->text + line->end);
	return strv_add_unique(files, line->path) < 0 ? error_no_memory(err) : 0;
}

static int tell(const struct target_input *in, struct plan *plan, const char *title,
	const struct strv *files)
{
	_cleanup_(str_free) struct str words = {0}, where = {0};

	str_add_words(&words, in->parameters);
	for (size_t i = 0; i < files->n; i++)
		str_addf(&where, "%s%s", i ? " and " : " in ", files->v[i]);
	if (str_check(&words) < 0 || str_check(&where) < 0)
		return -ENOMEM;
	return findings_add(&plan->findings, "boot-loader-by-hand", SEVERITY_WARNING, NULL, -1,
		"do what " TARGET_NOTE " says, before the reboot",
		"%s is not edited: the kernel parameters %s have to be added by hand%s.", title,
		words.s, where.s ? where.s : "");
}

static void begin_note(const struct loader *loader, struct str *out)
{
	str_addf(out,
		TARGET_MARK ": what PCI passthrough needs in the configuration of %s.\n"
			    "# This is for you to read; no program does.\n",
		boot_loader_kind(loader->kind)->title);
}

static int build_for_source(const struct target_input *in, const struct loader *loader,
	const struct source *source, const struct strv *theirs, char **ret, struct strv *files,
	struct error *err)
{
	_cleanup_(strv_free) struct strv words = {0};
	_cleanup_(str_free) struct str out = {0};
	int r = parameters_behind(theirs, in->parameters, &words, err);

	if (r < 0 || !words.n)
		return r;
	begin_note(loader, &out);
	if (source->key)
		str_addf(&out, "#\n# Add to %s in %s:\n", source->key, source->path);
	else
		str_addf(&out, "#\n# Run this as root, which puts them into %s:\n%s \"",
			source->path, source->tool);
	str_add_words(&out, &words);
	str_add(&out, source->key ? "\n" : "\"\n");
	if (source->key)
		str_addf(&out, "# Then run the tool that writes the boot menu from it: %s.\n",
			source->tool);
	if (strv_add(files, source->path) < 0 || str_take(&out, ret) < 0)
		return error_no_memory(err);
	return 0;
}

static int build(const struct target_input *in, const struct loader *loader,
	const struct lines *lines, char **ret, struct strv *files, struct error *err)
{
	_cleanup_(str_free) struct str out = {0};
	int r = 0;

	begin_note(loader, &out);
	if (!lines->n) {
		str_add(&out, "#\n# Add to the parameters of the kernel that you boot:\n");
		str_add_words(&out, in->parameters);
		str_addc(&out, '\n');
	}
	for (size_t i = 0; r == 0 && i < lines->n; i++)
		r = add_advice(in, &lines->v[i], &out, files, err);
	if (r < 0 || (lines->n && !files->n))
		return r;
	return str_take(&out, ret) < 0 ? error_no_memory(err) : 0;
}

static int tell_back(const struct target_input *in, struct plan *plan)
{
	if (!root_exists(in->root, TARGET_NOTE))
		return 0;
	return findings_add(&plan->findings, "boot-loader-by-hand", SEVERITY_INFO, NULL, -1,
		"take them out of it again if you want",
		"What was added to the boot loader's configuration by hand, as " TARGET_NOTE
		" says, stays there.");
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	const struct loader *loader = find_loader(in);
	_cleanup_(lines_free) struct lines lines = {0};
	_cleanup_(strv_free) struct strv files = {0}, words = {0};
	const struct source *source = NULL;
	_cleanup_free_ char *text = NULL;
	struct error why = {0};
	int r = 0;

	if (loader && in->parameters->n) {
		r = read_source(in, loader, &source, &words, &why);
		if (r == 0 && !source)
			r = read_lines(in, loader, &lines, &why);
		if (r < 0)
			return error_no_memory(err);
		r = source ? build_for_source(in, loader, source, &words, &text, &files, err)
			   : build(in, loader, &lines, &text, &files, err);
		if (r < 0)
			return r;
		if (text)
			r = tell(in, plan, boot_loader_kind(loader->kind)->title, &files);
	} else if (loader) {
		r = tell_back(in, plan);
	}
	if (r == 0 && loader)
		r = target_no_spare(in, plan, loader->instead);
	if (r < 0)
		return error_no_memory(err);
	return target_own_file(in, plan, &target_manual, TARGET_NOTE, 0644, text, err);
}

static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	const struct loader *loader = find_loader(in);
	_cleanup_(lines_free) struct lines lines = {0};
	int r = read_lines(in, loader, &lines, why);

	(void)ours;
	for (size_t i = 0; r == 0 && i < lines.n; i++) {
		_cleanup_(strv_free) struct strv words = {0};
		struct error err = {0};

		r = edit_cmdline_read(
			lines.v[i].path, lines.v[i].value, EDIT_CMDLINE_FILE, &words, &err);
		if (r < 0 && r != -ENOMEM) {
			*why = err;
			r = 0;
		}
		for (size_t k = 0; r == 0 && k < words.n; k++)
			r = strv_add_unique(theirs, words.v[k]);
	}
	return r;
}

const struct target target_manual = {
	.name = "by-hand", .detect = detect, .plan = plan, .parameters = parameters};
