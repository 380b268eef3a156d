#ifndef TESTS_MKTREE_MODULES_H
#define TESTS_MKTREE_MODULES_H

/* Makes DIR/lib/modules/VERSION for every kernel of a "modules" file: module files with a real
 * .modinfo, and the indexes that the real depmod makes of them. */
int mktree_modules(const char *modules_file, const char *dir);

#endif
