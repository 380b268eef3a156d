#include "core/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define FIRST "vfio-wizard snapshot 1\n"
/* Far above what a plan makes; keeps a forged manifest from taking the day. */
#define FILES_MAX 4096

/* The numbers of the stages, which outlive this program. */
static const unsigned stages[] = {
	[COMMAND_PREPARE] = 0,
	[COMMAND_INITRAMFS] = 1,
	[COMMAND_BOOT_LOADER] = 2,
	[COMMAND_UNDO] = 3,
	[COMMAND_PLACE] = 4,
	[COMMAND_CHECK] = 5,
};

uint64_t manifest_sum(const char *text, size_t len)
{
	uint64_t sum = 14695981039346656037u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (unsigned char)text[i]) * 1099511628211u;
	return sum;
}

void manifest_escape(struct str *out, const char *bytes, size_t n)
{
	if (n == 0)
		str_add(out, "%-");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c <= ' ' || c >= 0x7f || c == '%')
			str_addf(out, "%%%02X", c);
		else
			str_addc(out, (char)c);
	}
}

static int hex(char c)
{
	const char *digits = "0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int manifest_unescape(const char *field, size_t n, struct str *out)
{
	if (n == 2 && memcmp(field, "%-", 2) == 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		if (field[i] != '%') {
			str_addc(out, field[i]);
			continue;
		}
		if (n - i < 3 || hex(field[i + 1]) < 0 || hex(field[i + 2]) < 0)
			return -EINVAL;
		str_addc(out, (char)(hex(field[i + 1]) << 4 | hex(field[i + 2])));
		i += 2;
	}
	return str_check(out);
}

bool manifest_path_ok(const char *path)
{
	size_t len = strlen(path);

	if (len < 2 || len >= PATH_MAX || *path != '/')
		return false;
	for (const char *p = path; *p;) {
		size_t n = strcspn(++p, "/");

		if (n == 0 || n > NAME_MAX || strncmp(p, ".", n) == 0 ||
			(n == 2 && strncmp(p, "..", n) == 0))
			return false;
		p += n;
	}
	return true;
}

/* -- writing -- */

static void put(struct str *out, const char *key, const char *text)
{
	str_addf(out, "%s ", key);
	manifest_escape(out, text, strlen(text));
	str_addc(out, '\n');
}

static void put_content(
	struct str *out, const char *side, const struct content *content, uint64_t *sum)
{
	const struct attributes *attributes = content->attributes;

	if (content->kind == CONTENT_ABSENT) {
		str_addf(out, "%s absent\n", side);
		return;
	}
	if (content->kind == CONTENT_FILE) {
		*sum = manifest_sum(content->text, strlen(content->text));
		str_addf(out, "%s file %o %u %u %016" PRIx64 "\n", side, content->mode,
			attributes->uid, attributes->gid, *sum);
	} else {
		str_addf(out, "%s link %u %u ", side, attributes->uid, attributes->gid);
		manifest_escape(out, content->text, strlen(content->text));
		str_addc(out, '\n');
	}
	for (size_t i = 0; i < attributes->xattrs.n; i++)
		str_addf(out, "xattr %s\n", attributes->xattrs.v[i]);
}

static void put_words(struct str *out, const struct strv *words)
{
	for (size_t i = 0; i < words->n; i++) {
		str_addc(out, ' ');
		manifest_escape(out, words->v[i], strlen(words->v[i]));
	}
	str_addc(out, '\n');
}

static void put_command(struct str *out, const struct command *command)
{
	str_addf(out, "command %u", stages[command->stage]);
	put_words(out, &command->argv);
	put(out, "purpose", command->purpose);
	if (command->undo.n) {
		str_add(out, "undo");
		put_words(out, &command->undo);
	}
	if (command->about)
		put(out, "about", command->about);
	for (size_t i = 0; i < command->expect.n; i++)
		put(out, "expect", command->expect.v[i]);
}

int manifest_format(struct snapshot *snapshot, char **ret)
{
	_cleanup_(str_free) struct str out = {0};

	str_add(&out, FIRST);
	str_addf(&out, "time %" PRId64 "\n", snapshot->time);
	put(&out, "summary", snapshot->summary);
	for (size_t i = 0; i < snapshot->undoes.n; i++)
		put(&out, "undoes", snapshot->undoes.v[i]);
	for (size_t i = 0; i < snapshot->n_files; i++) {
		struct snapshot_file *file = &snapshot->files[i];

		put(&out, "file", file->path);
		put_content(&out, "before", &file->before, &file->before_sum);
		put_content(&out, "after", &file->after, &file->after_sum);
	}
	for (size_t i = 0; i < snapshot->directories.n; i++)
		put(&out, "directory", snapshot->directories.v[i]);
	for (size_t i = 0; i < snapshot->n_commands; i++)
		put_command(&out, &snapshot->commands[i]);
	if (str_check(&out) < 0)
		return -ENOMEM;
	str_addf(&out, "end %016" PRIx64 "\n", manifest_sum(out.s, out.len));
	return str_take(&out, ret);
}

/* -- reading -- */

struct parse {
	struct snapshot *s;
	struct content *content; /* the one that an xattr belongs to */
	bool before, after;      /* met for the last file */
	bool time;
	const char *why; /* what is wrong, when a handler says -EUCLEAN */
};

static int bad(struct parse *p, const char *why)
{
	p->why = why;
	return -EUCLEAN;
}

static int take_text(struct parse *p, const char *field, char **ret)
{
	_cleanup_(str_free) struct str text = {0};
	int r = manifest_unescape(field, strlen(field), &text);

	if (r == -EINVAL)
		return bad(p, "a wrong escape");
	if (r < 0)
		return r;
	if (text.len && strlen(text.s) != text.len)
		return bad(p, "a NUL byte");
	return str_take(&text, ret);
}

static int take_path(struct parse *p, const char *field, char **ret)
{
	_cleanup_free_ char *path = NULL;
	int r = take_text(p, field, &path);

	if (r < 0)
		return r;
	if (!manifest_path_ok(path))
		return bad(p, "a path that is not absolute and normal");
	*ret = TAKE_PTR(path);
	return 0;
}

static int on_time(struct parse *p, const struct strv *f)
{
	uint64_t n;

	if (f->n != 2 || p->time || base_number(f->v[1], 10, INT64_MAX, &n) < 0)
		return bad(p, "not one time");
	p->s->time = (int64_t)n;
	p->time = true;
	return 0;
}

static int on_summary(struct parse *p, const struct strv *f)
{
	if (f->n != 2 || p->s->summary)
		return bad(p, "not one summary");
	return take_text(p, f->v[1], &p->s->summary);
}

static int on_undoes(struct parse *p, const struct strv *f)
{
	uint64_t number;

	if (f->n != 2 || snapshot_number(f->v[1], &number) < 0)
		return bad(p, "not the id of a snapshot");
	return strv_add(&p->s->undoes, f->v[1]);
}

static bool file_complete(const struct parse *p)
{
	return p->s->n_files == 0 || (p->before && p->after);
}

static int on_file(struct parse *p, const struct strv *f)
{
	struct snapshot *s = p->s;
	_cleanup_free_ char *path = NULL;
	int r;

	if (f->n != 2 || !file_complete(p) || s->n_files == FILES_MAX)
		return bad(p, "a file out of place");
	r = take_path(p, f->v[1], &path);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n_files; i++)
		if (strcmp(s->files[i].path, path) == 0)
			return bad(p, "a file named twice");
	if (base_grow(&s->files, s->n_files, sizeof(*s->files)) < 0)
		return -ENOMEM;
	s->files[s->n_files++].path = TAKE_PTR(path);
	p->before = p->after = false;
	p->content = NULL;
	return 0;
}

static int take_owner(struct parse *p, struct content *content, const char *uid, const char *gid)
{
	uint64_t u, g;

	if (base_number(uid, 10, UINT32_MAX - 1, &u) < 0 ||
		base_number(gid, 10, UINT32_MAX - 1, &g) < 0)
		return bad(p, "a wrong owner");
	content->attributes = calloc(1, sizeof(*content->attributes));
	if (!content->attributes)
		return -ENOMEM;
	content->attributes->uid = (uid_t)u;
	content->attributes->gid = (gid_t)g;
	p->content = content;
	return 0;
}

static int take_content(
	struct parse *p, const struct strv *f, struct content *content, uint64_t *sum)
{
	const char *kind = f->n > 1 ? f->v[1] : "";
	uint64_t mode;
	int r;

	if (f->n == 2 && strcmp(kind, "absent") == 0) {
		p->content = NULL;
		return 0;
	}
	if (f->n == 6 && strcmp(kind, "file") == 0) {
		if (base_number(f->v[2], 8, 07777, &mode) < 0 ||
			base_number(f->v[5], 16, UINT64_MAX, sum) < 0)
			return bad(p, "a wrong mode or sum");
		content->kind = CONTENT_FILE;
		content->mode = (mode_t)mode;
		return take_owner(p, content, f->v[3], f->v[4]);
	}
	if (f->n != 5 || strcmp(kind, "link") != 0)
		return bad(p, "neither file nor link nor absent");
	content->kind = CONTENT_LINK;
	content->mode = 0777;
	r = take_text(p, f->v[4], &content->text);
	if (r == 0 && !*content->text)
		r = bad(p, "an empty link");
	return r < 0 ? r : take_owner(p, content, f->v[2], f->v[3]);
}

static int on_before(struct parse *p, const struct strv *f)
{
	struct snapshot_file *file = p->s->n_files ? &p->s->files[p->s->n_files - 1] : NULL;

	if (!file || p->before || p->after)
		return bad(p, "content without a file");
	p->before = true;
	return take_content(p, f, &file->before, &file->before_sum);
}

static int on_after(struct parse *p, const struct strv *f)
{
	struct snapshot_file *file = p->s->n_files ? &p->s->files[p->s->n_files - 1] : NULL;

	if (!file || !p->before || p->after)
		return bad(p, "content without a file");
	p->after = true;
	return take_content(p, f, &file->after, &file->after_sum);
}

static int on_xattr(struct parse *p, const struct strv *f)
{
	const char *equal = f->n == 2 ? strchr(f->v[1], '=') : NULL;

	if (!equal || equal == f->v[1] || !p->content || p->content->kind != CONTENT_FILE)
		return bad(p, "an attribute out of place");
	return strv_add(&p->content->attributes->xattrs, f->v[1]);
}

static int on_directory(struct parse *p, const struct strv *f)
{
	_cleanup_free_ char *path = NULL;
	int r = f->n == 2 ? take_path(p, f->v[1], &path) : bad(p, "not one directory");

	return r < 0 ? r : strv_add(&p->s->directories, path);
}

/* The words of a line from the one with number `first` on, as an argv. */
static int take_argv(struct parse *p, const struct strv *f, size_t first, struct strv *ret)
{
	for (size_t i = first; i < f->n; i++) {
		_cleanup_free_ char *arg = NULL;
		int r = take_text(p, f->v[i], &arg);

		if (r == 0)
			r = strv_add(ret, arg);
		if (r < 0)
			return r;
	}
	return ret->n && ret->v[0][0] == '/' ? 0
					     : bad(p, "a command without the path of a program");
}

static int take_stage(struct parse *p, const char *field, enum command_stage *ret)
{
	uint64_t number;

	if (base_number(field, 10, ARRAY_SIZE(stages) - 1, &number) < 0)
		return bad(p, "a command without a stage");
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		if (stages[i] == number)
			*ret = (enum command_stage)i;
	return 0;
}

static int on_command(struct parse *p, const struct strv *f)
{
	_cleanup_(command_free) struct command command = {0};
	int r = take_stage(p, f->n > 1 ? f->v[1] : "", &command.stage);

	if (r == 0)
		r = take_argv(p, f, 2, &command.argv);
	if (r < 0)
		return r;
	if (base_grow(&p->s->commands, p->s->n_commands, sizeof(*p->s->commands)) < 0)
		return -ENOMEM;
	p->s->commands[p->s->n_commands++] = command;
	command = (struct command){0};
	return 0;
}

static struct command *last_command(struct parse *p)
{
	return p->s->n_commands ? &p->s->commands[p->s->n_commands - 1] : NULL;
}

static int on_purpose(struct parse *p, const struct strv *f)
{
	struct command *last = last_command(p);

	if (f->n != 2 || !last || last->purpose)
		return bad(p, "a purpose without a command");
	return take_text(p, f->v[1], &last->purpose);
}

static int on_undo(struct parse *p, const struct strv *f)
{
	struct command *last = last_command(p);

	if (!last || !last->purpose || last->undo.n)
		return bad(p, "an undo without a command");
	return take_argv(p, f, 1, &last->undo);
}

static int on_about(struct parse *p, const struct strv *f)
{
	struct command *last = last_command(p);

	if (f->n != 2 || !last || !last->purpose || last->about)
		return bad(p, "a file that no command is about");
	return take_path(p, f->v[1], &last->about);
}

static int on_expect(struct parse *p, const struct strv *f)
{
	struct command *last = last_command(p);
	_cleanup_free_ char *text = NULL;
	int r;

	if (f->n != 2 || !last || !last->purpose || last->stage != COMMAND_CHECK)
		return bad(p, "an expectation without a check");
	r = take_text(p, f->v[1], &text);
	return r < 0 ? r : strv_add(&last->expect, text);
}

static const struct {
	const char *key;
	int (*take)(struct parse *p, const struct strv *f);
} lines[] = {
	{"time", on_time},
	{"summary", on_summary},
	{"undoes", on_undoes},
	{"file", on_file},
	{"before", on_before},
	{"after", on_after},
	{"xattr", on_xattr},
	{"directory", on_directory},
	{"command", on_command},
	{"purpose", on_purpose},
	{"undo", on_undo},
	{"about", on_about},
	{"expect", on_expect},
};

static int take_line(struct parse *p, const char *line, size_t n)
{
	_cleanup_free_ char *copy = strndup(line, n);
	_cleanup_(strv_free) struct strv fields = {0};

	if (!copy || strv_split(&fields, copy, " ") < 0)
		return -ENOMEM;
	for (size_t i = 0; fields.n && i < ARRAY_SIZE(lines); i++)
		if (strcmp(fields.v[0], lines[i].key) == 0)
			return lines[i].take(p, &fields);
	return bad(p, "an unknown line");
}

/* The last line and its sum.  On success *ret_len is what comes before it. */
static int check_end(const char *text, size_t *ret_len, struct error *err)
{
	size_t len = strlen(text);
	char sum[17];
	uint64_t n;

	if (len < 21 || strncmp(text + len - 21, "end ", 4) != 0 || text[len - 1] != '\n')
		return error_set(err, -EUCLEAN, "the manifest ends too early");
	memcpy(sum, text + len - 17, 16);
	sum[16] = '\0';
	len -= 21;
	if (base_number(sum, 16, UINT64_MAX, &n) < 0 || n != manifest_sum(text, len))
		return error_set(err, -EUCLEAN, "the manifest's sum is wrong");
	*ret_len = len;
	return 0;
}

static int check_whole(struct parse *p)
{
	if (!p->time || !p->s->summary || !file_complete(p))
		return bad(p, "something is missing");
	for (size_t i = 0; i < p->s->n_commands; i++)
		if (!p->s->commands[i].purpose)
			return bad(p, "a command without its purpose");
	return 0;
}

int manifest_parse(const char *text, struct snapshot *ret, struct error *err)
{
	struct parse p = {.s = ret};
	size_t len = 0, line = 1;
	const char *end;
	int r;

	if (!base_starts(text, FIRST))
		return error_set(err, -EUCLEAN, "not a manifest of this version");
	r = check_end(text, &len, err);
	if (r < 0)
		return r;
	end = text + len;
	text += strlen(FIRST);
	while (r == 0 && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		if (!newline)
			newline = end;
		line++;
		r = take_line(&p, text, (size_t)(newline - text));
		text = newline + 1;
	}
	if (r == 0)
		r = check_whole(&p);
	if (r == -EUCLEAN)
		return error_set(err, r, "line %zu of the manifest: %s", line, p.why);
	return r < 0 ? error_no_memory(err) : 0;
}
