#include "tests/support_fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
	if (strcmp(expected, found) != 0)
		support_fuzz_broken(law, expected, found);
}

void support_fuzz_refused(int r, const struct error *err)
{
	if (r >= 0 || r == -ENOMEM || err->code != r || !*err->text)
		support_fuzz_broken("refused without a reason", strerror(-r), err->text);
	for (const char *p = err->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			support_fuzz_broken("a reason with control characters", "", err->text);
}
