#include "tests/support_fuzz.h"

#include "tests/support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OUTSIDE      "/outside/file"
#define OUTSIDE_TEXT "not to be touched\n"

char *support_fuzz_text(const uint8_t *data, size_t size)
{
	char *text = size < 65536 ? calloc(1, size + 1) : NULL;

	if (text && size)
		memcpy(text, data, size);
	return text;
}

void support_fuzz_broken(const char *law, const char *expected, const char *found)
{
	(void)fprintf(stderr, "%s:\n--- expected\n%s\n--- found\n%s\n", law, expected, found);
	abort();
}

void support_fuzz_same(const char *law, const char *expected, const char *found)
{
	size_t at = 0, line = 0;

	for (; expected[at] && expected[at] == found[at]; at++)
		if (expected[at] == '\n')
			line = at + 1;
	if (expected[at] != found[at])
		support_fuzz_broken(law, expected + line, found + line);
}

void support_fuzz_refused(int r, const struct error *err)
{
	if (r >= 0 || r == -ENOMEM || err->code != r || !*err->text)
		support_fuzz_broken("refused without a reason", strerror(-r), err->text);
	for (const char *p = err->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			support_fuzz_broken("a reason with control characters", "", err->text);
}

const char *support_fuzz_scratch(void)
{
	static char *dir;
	_cleanup_free_ char *command = NULL;

	if (dir)
		return dir;
	dir = support_scratch();
	support_put(dir, OUTSIDE, OUTSIDE_TEXT);
	/* A shell that waits for the end of this program. */
	if (asprintf(&command, "trap '' INT TERM; cat >/dev/null; rm -rf '%s'", dir) < 0 ||
		!popen(command, "we"))
		abort();
	return dir;
}

void support_fuzz_outside(void)
{
	_cleanup_free_ char *text = support_get(support_fuzz_scratch(), OUTSIDE);

	support_fuzz_same("a file outside of the root", OUTSIDE_TEXT, text ? text : "");
}
