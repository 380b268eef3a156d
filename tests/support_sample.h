/* Plans on a sample system: a real machine's devices with a distribution's files below a scratch
 * directory. */
#ifndef TESTS_SUPPORT_SAMPLE_H
#define TESTS_SUPPORT_SAMPLE_H

#include "core/plan.h"

struct sample {
	char *dir;
	struct root *root;
	struct machine *machine;
	struct choice choice;
	struct plan *plan;           /* NULL before sample_plan() */
};

/* Both by their names in tests/fixtures. */
void sample_open(struct sample *s, const char *machine, const char *root);
void sample_close(struct sample *s);
/* Reads all of it again, with what the test has put there; the choice stays. */
void sample_look(struct sample *s);
void sample_choose(struct sample *s, const char *address);
/* plan_build(): what it returns, or that it succeeds. */
int sample_try(struct sample *s, struct error *err);
void sample_plan(struct sample *s);

/* Of the plan; NULL: it has none. */
const struct change *sample_change(const struct sample *s, const char *path);
const struct finding *sample_finding(const struct sample *s, const char *id);
/* The text that a path gets, "" where it goes; NULL: the plan leaves it alone. */
const char *sample_after(const struct sample *s, const char *path);

/* Writes what the plan says: by the real patch program, for which the diff is made, or with modes
 * and links as well. */
void sample_patch(const struct sample *s);
void sample_write(const struct sample *s);
void sample_drop(const struct sample *s, const char *path);

#endif
