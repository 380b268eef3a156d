/* Building a machine in memory: for the reader of facts and the inventor of machines. */
#ifndef TESTS_MKTREE_MACHINE_H
#define TESTS_MKTREE_MACHINE_H

#include "tests/mktree.h"

/* A formatted string that lives as long as the machine; NULL without memory. */
const char *mktree_machine_keep(struct mktree_machine *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* One more device, without a group; NULL without memory.  Invalidates earlier pointers. */
struct mktree_device *mktree_machine_add(struct mktree_machine *m);
/* Takes "SUBSYSTEM:PATH[@DEV]" apart, in place. */
int mktree_machine_child(struct mktree_device *d, char *text);
/* By address, which mktree_facts_find() relies on. */
void mktree_machine_sort(struct mktree_machine *m);

#endif
