#include "tests/support_fuzz.h"

#include "core/manifest.h"
#include "core/words.h"

#include <string.h>

/* A word that was cut would be taken out of a file as another word. */
static void check_whole(const char *text)
{
	for (const char *nul = strstr(text, "%00"); nul; nul = strstr(nul + 1, "%00")) {
		const char *line = nul;

		while (line > text && line[-1] != '\n')
			line--;
		if (line[strspn(line, " ")] != '#')
			support_fuzz_broken("a word with a NUL byte", "", line);
	}
}

/* Once more as text, "" where nothing is ours; false: it was refused. */
static bool again(const char *text, char **ret)
{
	_cleanup_(words_free) struct words words = {0};
	struct error err = {0};
	int r = words_parse(text, &words, &err);

	if (r < 0) {
		support_fuzz_refused(r, &err);
		return false;
	}
	check_whole(text);
	for (size_t i = 0; i < words.n; i++)
		if (!manifest_path_ok(words.v[i].path))
			support_fuzz_broken("a path that may leave the root", "", words.v[i].path);
	if (words_format(&words, ret) < 0)
		abort();
	if (!*ret)
		*ret = strdup("");
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = support_fuzz_text(data, size), *one = NULL, *two = NULL;

	if (!text || !again(text, &one))
		return 0;
	if (!again(one, &two))
		support_fuzz_broken("what was written is refused", text, one);
	support_fuzz_same("what was read, written again", one, two);
	return 0;
}
