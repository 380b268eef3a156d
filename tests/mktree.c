#include "tests/mktree.h"

/* Writes the machine and frees it. */
static int write_machine(struct mktree_machine *m, bool groups, const char *dir)
{
	int r;

	if (!groups) {
		m->iommu = MKTREE_IOMMU_NO;
		m->n_unit = 0;
	}
	r = mktree_sys_write(m, dir);
	mktree_facts_free(m);
	return r;
}

int mktree_machine(const char *facts_file, const char *dir)
{
	struct mktree_machine *m = NULL;
	int r = mktree_facts_load(facts_file, &m);

	return r < 0 ? r : write_machine(m, true, dir);
}

int mktree_machine_without(const char *facts_file, const char *dir)
{
	struct mktree_machine *m = NULL;
	int r = mktree_facts_load(facts_file, &m);

	return r < 0 ? r : write_machine(m, false, dir);
}

int mktree_synthetic(unsigned int n, unsigned int seed, bool groups, const char *dir)
{
	struct mktree_machine *m = NULL;
	int r = mktree_synthetic_make(n, seed, &m);

	return r < 0 ? r : write_machine(m, groups, dir);
}
