/* Systems that are refused before anything is written (host.refusal), each with what to do by hand.
 * Pure. */
#ifndef CORE_REFUSAL_H
#define CORE_REFUSAL_H

#include "core/choice.h"
#include "core/machine.h"

/* Why, in one or two sentences; NULL for REFUSAL_NONE. */
const char *refusal_reason(enum refusal refusal);
/* What to do instead, for exactly these devices; choice NULL: whatever will be chosen.  The caller
 * frees; -ENOMEM. */
int refusal_remedy(const struct machine *machine, const struct choice *choice, char **ret);

#endif
