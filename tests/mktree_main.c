/* mktree: write a machine, a distribution's root or a broken tree below a directory. */
#include "tests/mktree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"mktree machine FACTS DIR [--no-groups]             DIR/sys of a machine\n"
	"mktree synthetic N DIR [--seed S] [--no-groups]    ... of an invented one\n"
	"mktree root FIXTURE DIR                            a distribution's files\n"
	"mktree attach DIR ADDRESS SUBSYSTEM:PATH[@DEV]     one more child of a device\n"
	"mktree disk DIR ADDRESS NAME                       ... the disk with / and swap\n"
	"mktree network DIR ADDRESS NAME                    ... the default route\n"
	"mktree broken KIND DIR                             a small machine, broken; KIND:\n";

static int synthetic(int argc, char **argv)
{
	unsigned int seed = 1;
	bool groups = true;

	for (int i = 4; i < argc; i++) {
		if (strcmp(argv[i], "--no-groups") == 0)
			groups = false;
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = (unsigned int)strtoul(argv[++i], NULL, 10);
		else
			return 1;
	}
	return mktree_synthetic((unsigned int)strtoul(argv[2], NULL, 10), seed, groups, argv[3]);
}

static int machine(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[4], "--no-groups") == 0)
		return mktree_machine_without(argv[2], argv[3]);
	return argc == 4 ? mktree_machine(argv[2], argv[3]) : 1;
}

static void help(void)
{
	fputs(usage, stderr);
	for (size_t i = 0; mktree_broken_name(i); i++)
		fprintf(stderr, "    %-20s %s\n", mktree_broken_name(i), mktree_broken_what(i));
}

/* 0, -errno, or 1 for a call that is not understood */
static int run(int argc, char **argv)
{
	const char *verb = argc > 3 ? argv[1] : "";

	if (strcmp(verb, "synthetic") == 0)
		return synthetic(argc, argv);
	if (strcmp(verb, "machine") == 0)
		return machine(argc, argv);
	if (strcmp(verb, "root") == 0 && argc == 4)
		return mktree_root(argv[2], argv[3]);
	if (strcmp(verb, "attach") == 0 && argc == 5)
		return mktree_attach(argv[2], argv[3], argv[4]);
	if (strcmp(verb, "disk") == 0 && argc == 5)
		return mktree_disk(argv[2], argv[3], argv[4]);
	if (strcmp(verb, "network") == 0 && argc == 5)
		return mktree_network(argv[2], argv[3], argv[4]);
	if (strcmp(verb, "broken") == 0 && argc == 4)
		return mktree_broken(argv[2], argv[3]);
	return 1;
}

int main(int argc, char **argv)
{
	int r = run(argc, argv);

	if (r == 1)
		help();
	return r == 0 ? 0 : r == 1 ? 2 : 1;
}
