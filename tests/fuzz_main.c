/* Runs a fuzz target on its corpus, tests/fuzz/NAME/, or on the files that are named: what a fuzzer
 * once found stays found. */
#include "tests/support_fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static void run(const char *path, int number)
{
	static uint8_t data[65536];
	FILE *f = fopen(path, "rbe");
	size_t n;

	if (!f) {
		printf("not ok %d - %s: cannot be read\n", number, path);
		return;
	}
	n = fread(data, 1, sizeof(data), f);
	(void)fclose(f);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(data, n);
	printf("ok %d - %s\n", number, path);
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	_cleanup_free_ char *directory = NULL;
	struct dirent **entries = NULL;
	int n;

	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			run(argv[i], i);
		return 0;
	}
	if (!base_starts(name, "fuzz_") || asprintf(&directory, "tests/fuzz/%s", name + 5) < 0)
		return 1;
	n = scandir(directory, &entries, NULL, alphasort);
	for (int i = 0, number = 0; i < n; i++) {
		_cleanup_free_ struct dirent *entry = entries[i];
		_cleanup_free_ char *path = NULL;

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s/%s", directory, entry->d_name) < 0)
			return 1;
		run(path, ++number);
	}
	free(entries);
	return n < 0;
}
