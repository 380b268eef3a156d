/* What choice.c shares with choice_text.c; nobody else's. */
#ifndef CORE_CHOICE_PRIVATE_H
#define CORE_CHOICE_PRIVATE_H

#include "core/choice.h"

int choice_compare(const void *a, const void *b);  /* two picks by address, for qsort() */
bool choice_same_pick(const struct pick *a, const struct pick *b);

#endif
