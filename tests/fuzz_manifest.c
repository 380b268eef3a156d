#include "tests/support_fuzz.h"

#include "core/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void check_path(const char *path)
{
	if (!manifest_path_ok(path) || *path != '/' || strstr(path, "/../") || strstr(path, "//"))
		support_fuzz_broken("a path that may leave the root", "", path);
}

static void check_program(const struct strv *argv, bool may_be_none)
{
	if (argv->n ? argv->v[0][0] != '/' : !may_be_none)
		support_fuzz_broken("a program without a path", "", argv->n ? argv->v[0] : "");
}

static void check(const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_files; i++)
		check_path(s->files[i].path);
	for (size_t i = 0; i < s->directories.n; i++)
		check_path(s->directories.v[i]);
	for (size_t i = 0; i < s->n_commands; i++) {
		check_program(&s->commands[i].argv, false);
		check_program(&s->commands[i].undo, true);
		if (s->commands[i].about)
			check_path(s->commands[i].about);
	}
}

/* The texts are files of their own, which are not here. */
static void fill(struct content *content)
{
	if (content->kind != CONTENT_FILE)
		return;
	content->text = strdup("text\n");
	if (!content->text)
		abort();
}

/* Once more as text; false: it was refused. */
static bool again(const char *text, char **ret)
{
	_cleanup_(snapshot_free) struct snapshot s = {0};
	struct error err = {0};
	int r = manifest_parse(text, &s, &err);

	if (r < 0) {
		support_fuzz_refused(r, &err);
		return false;
	}
	check(&s);
	for (size_t i = 0; i < s.n_files; i++) {
		fill(&s.files[i].before);
		fill(&s.files[i].after);
	}
	if (manifest_format(&s, ret) < 0)
		abort();
	return true;
}

static void run(const char *text)
{
	_cleanup_free_ char *one = NULL, *two = NULL;

	if (!again(text, &one))
		return;
	if (!again(one, &two))
		support_fuzz_broken("what was written is refused", text, one);
	support_fuzz_same("what was read, written again", one, two);
}

/* A corpus file has no last line: no fuzzer would find its sum. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = support_fuzz_text(data, size), *whole = NULL;

	if (!text)
		return 0;
	if (asprintf(&whole, "%send %016" PRIx64 "\n", text, manifest_sum(text, strlen(text))) < 0)
		abort();
	run(text);
	run(whole);
	return 0;
}
