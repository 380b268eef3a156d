/* machine + choice -> what there is to know before going on.  Pure, but for check_fitness(). */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include "core/choice.h"
#include "core/machine.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_DANGER, SEVERITY_BLOCK };
enum requirement_state { REQUIREMENT_OK, REQUIREMENT_WARNING, REQUIREMENT_MISSING };

/* Something to know about a choice.  ids are stable: scripts name them. */
struct finding {
	const char *id;              /* "group-shared", static */
	enum severity severity;
	const struct device *device; /* the machine's; NULL: the whole choice */
	int64_t group;               /* -1: none */
	char *text;                  /* names the device and the consequence */
	char *remedy;                /* what to do; may be "" */
	size_t order;                /* as it was added */
};

struct findings {
	struct finding *v;           /* worst first, then by address */
	size_t n;
};

struct requirement {
	const char *id;              /* "iommu", "kvm", ... static */
	enum requirement_state state;
	const char *title;           /* "IOMMU", static */
	char *text;
	char *remedy;
};

struct requirements {
	struct requirement *v;
	size_t n;
};

const char *severity_name(enum severity severity);            /* "info" ... */
const char *requirement_state_name(enum requirement_state state);

/* installed: the choice that is, which may say what boots this system; may be NULL. */
int check_requirements(
	const struct machine *machine, const struct choice *installed, struct requirements *ret);
/* existing: what other files already say, from existing_scan(); may be NULL.  Adds to *findings. */
struct existing;
int check_choice(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, struct findings *findings);
/* Why an option (enum choice_option) would do nothing for this choice; static, NULL: it does
 * something. existing may be NULL. */
const char *check_useless(const struct machine *machine, const struct choice *choice,
	const struct existing *existing, unsigned bit);
/* The same for what is read for the chosen devices alone: see fitness.h.  Not pure, but cheap. */
int check_fitness(const struct root *root, const struct machine *machine,
	const struct choice *choice, const struct existing *existing, struct findings *findings);
int findings_add(struct findings *findings, const char *id, enum severity severity,
	const struct device *device, int64_t group, const char *remedy, const char *fmt, ...)
	_printf_(7, 8);
/* The first with this id; NULL: none. */
const struct finding *findings_find(const struct findings *findings, const char *id);
void findings_sort(struct findings *findings);
enum severity findings_worst(const struct findings *findings);  /* SEVERITY_INFO when empty */
void findings_free(struct findings *findings);
void requirements_free(struct requirements *requirements);

#endif
