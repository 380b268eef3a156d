/* After a reboot: is every chosen device where the forecast said?  Pure. */
#ifndef CORE_VERIFY_H
#define CORE_VERIFY_H

#include "core/choice.h"
#include "core/existing.h"

struct verdict {
	char address[24];
	char *expected;              /* "vfio-pci" */
	char *actual;                /* NULL: no driver, or no such device */
	bool ok;
	char *reason;                /* when ok what else has changed, mostly "" */
	char now_at[24];             /* where the chosen card is, by choice_locate(); "": not known */
};

struct verdicts {
	struct verdict *v;
	size_t n;
};

int verify_choice(const struct machine *machine, const struct choice *choice, struct verdicts *ret);
void verdicts_free(struct verdicts *verdicts);

#endif
