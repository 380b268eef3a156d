/* Files laid over a tree and taken away again, as a text says: for a fuzzer, which cannot make the
 * whole tree anew each time.  The text has sections, each begun by a line
 *
 *   == PATH   a file: the lines up to the next section
 *   => PATH   a symbolic link to where its first line says
 *   ++ PATH   a directory
 *   || PATH   a pipe
 *   -- PATH   nothing
 *
 * A line with any other path is a line like others, and so is a path where there is a directory. */
#ifndef TESTS_SUPPORT_OVERLAY_H
#define TESTS_SUPPORT_OVERLAY_H

#include "core/base.h"

/* One thing that was there before, or a directory that was not. */
struct support_laid {
	char *path, *text;
	size_t size;
	mode_t mode; /* with its type; 0: nothing was there */
};

struct support_overlay {
	int root;
	struct support_laid *v;
	size_t n;
};

/* root: descriptor of the directory, borrowed; nothing outside of it is touched, whatever links
 * there are on the way.  paths: NULL-terminated. */
void support_overlay_lay(
	struct support_overlay *overlay, int root, const char *text, const char *const *paths);
/* All is as it was before. */
void support_overlay_lift(struct support_overlay *overlay);
/* The tree goes as it is. */
void support_overlay_forget(struct support_overlay *overlay);

#endif
