/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mktree: write a machine, a distribution's root or a broken tree below a directory. */
#include "tests/mktree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"mktree machine FACTS DIR                           DIR/sys of a machine\n"
	"mktree synthetic N DIR [--seed S] [--no-groups]    ... of an invented one\n"
	"mktree root FIXTURE DIR                            a distribution's files\n"
	"mktree attach DIR ADDRESS SUBSYSTEM:PATH[@DEV]     one more child of a device\n";

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

/* 0, -errno, or 1 for a call that is not understood */
static int run(int argc, char **argv)
{
	const char *verb = argc > 3 ? argv[1] : "";

	if (strcmp(verb, "synthetic") == 0)
		return synthetic(argc, argv);
	if (strcmp(verb, "machine") == 0 && argc == 4)
		return mktree_machine(argv[2], argv[3]);
	if (strcmp(verb, "root") == 0 && argc == 4)
		return mktree_root(argv[2], argv[3]);
	if (strcmp(verb, "attach") == 0 && argc == 5)
		return mktree_attach(argv[2], argv[3], argv[4]);
	return 1;
}

int main(int argc, char **argv)
{
	int r = run(argc, argv);

	if (r == 1)
		fputs(usage, stderr);
	return r == 0 ? 0 : r == 1 ? 2 : 1;
}
