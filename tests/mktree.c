/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/mktree.h"

int mktree_machine(const char *facts_file, const char *dir)
{
	struct mktree_machine *m = NULL;
	int r = mktree_facts_load(facts_file, &m);

	if (r == 0)
		r = mktree_sys_write(m, dir);
	mktree_facts_free(m);
	return r;
}

int mktree_synthetic(unsigned int n, unsigned int seed, bool groups, const char *dir)
{
	struct mktree_machine *m = NULL;
	int r = mktree_synthetic_make(n, seed, &m);

	if (r == 0 && !groups) {
		m->iommu = MKTREE_IOMMU_NO;
		m->n_unit = 0;
	}
	if (r == 0)
		r = mktree_sys_write(m, dir);
	mktree_facts_free(m);
	return r;
}
