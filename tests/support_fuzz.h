/* What every fuzz target needs; with tests/fuzz_main.c or libFuzzer it is a program. */
#ifndef TESTS_SUPPORT_FUZZ_H
#define TESTS_SUPPORT_FUZZ_H

#include "core/base.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes as text, up to a NUL; NULL: too long.  The caller frees. */
char *support_fuzz_text(const uint8_t *data, size_t size);

/* A law does not hold: says what was to be and what is, and ends the program. */
void support_fuzz_broken(const char *law, const char *expected, const char *found)
	__attribute__((noreturn));
/* Ends the program unless the two are equal; shown from the first line on that is not. */
void support_fuzz_same(const char *law, const char *expected, const char *found);
/* A refusal has a reason, fit for a terminal, and is not for want of memory. */
void support_fuzz_refused(int r, const struct error *err);

/* A directory for trees, with a file beside them that no link below them may lead to.  It goes when this
 * program ends, however that is. */
const char *support_fuzz_scratch(void);
/* Ends the program unless that file is as it was. */
void support_fuzz_outside(void);

#endif
