/* The driver that each device will have after the next boot, and why.  Pure. */
#ifndef CORE_FORECAST_H
#define CORE_FORECAST_H

#include "core/choice.h"
#include "core/existing.h"
#include "core/machine.h"

struct forecast_entry {
	const struct device *device;
	const char *now;             /* NULL: none; the machine's string */
	char *next;                  /* NULL: none */
	char *reason;
};

struct forecast {
	struct forecast_entry *v;    /* every device of the machine, in its order */
	size_t n;
};

/* before: the choice that is installed now. */
int forecast_build(const struct machine *machine, const struct choice *before,
	const struct choice *choice, const struct existing *existing, struct forecast *ret);
void forecast_free(struct forecast *forecast);

#endif
