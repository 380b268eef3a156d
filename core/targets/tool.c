#include "core/targets/tool.h"

#include "core/edit_cmdline.h"

#include <errno.h>
#include <string.h>

void target_line_free(struct target_line *line)
{
	strv_free(&line->now);
	strv_free(&line->then);
}

int target_line(const char *name, const char *text, struct strv *ours, const struct strv *wanted,
	struct target_line *ret, struct error *err)
{
	_cleanup_(target_line_free) struct target_line line = {0};
	_cleanup_free_ char *after = NULL;
	int r = edit_cmdline_read(name, text, EDIT_CMDLINE_FILE, &line.now, err);

	if (r == 0)
		r = edit_cmdline(name, text, EDIT_CMDLINE_FILE, ours, wanted, &after, err);
	if (r == 0)
		r = edit_cmdline_read(name, after, EDIT_CMDLINE_FILE, &line.then, err);
	if (r < 0)
		return r;
	*ret = line;
	line = (struct target_line){0};
	return 0;
}

bool target_line_stays(const struct target_line *line)
{
	if (line->now.n != line->then.n)
		return false;
	for (size_t i = 0; i < line->now.n; i++)
		if (strcmp(line->now.v[i], line->then.v[i]) != 0)
			return false;
	return true;
}

int target_difference(const struct strv *in, const struct strv *other, struct strv *ret)
{
	for (size_t i = 0; i < in->n; i++)
		if (!strv_has(other, in->v[i]) && strv_add_unique(ret, in->v[i]) < 0)
			return -ENOMEM;
	return 0;
}

bool target_same_key(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strcspn(b, "=") == n && strncmp(a, b, n) == 0;
}

static bool is_of(const struct words_list *list, const char *path)
{
	return list->grammar == WORDS_TOOL && strcmp(list->path, path) == 0;
}

bool target_has_record(const struct target_input *in, const char *path)
{
	for (size_t i = 0; i < in->words->n; i++)
		if (is_of(&in->words->v[i], path) && in->words->v[i].ours.n)
			return true;
	return false;
}

void target_forget(const struct target_input *in, const char *path)
{
	for (size_t i = 0; i < in->words->n; i++)
		if (is_of(&in->words->v[i], path))
			strv_free(&in->words->v[i].ours);
}

int target_record(
	const struct target_input *in, const char *path, const char *key, const char *word)
{
	const struct words_place place = {WORDS_TOOL, path, key};
	struct words_list *list = words_at(in->words, &place);

	return list ? strv_add_unique(&list->ours, word) : -ENOMEM;
}

int target_unread(struct plan *plan, const char *program, int r, struct error *err)
{
	if (r != -EACCES && r != -EPERM)
		return r;
	if (findings_add(&plan->findings, "entries-unread", SEVERITY_WARNING, NULL, -1,
		    "run the same as root to see them",
		    "The boot loader's entries can only be read by root, so the calls of %s that "
		    "change kernel parameters are not shown.",
		    program) < 0)
		return error_no_memory(err);
	return 0;
}
