/* The list of findings: adding, ordering, freeing. */
#include "core/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_INFO] = "info",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_DANGER] = "danger",
		[SEVERITY_BLOCK] = "block",
	};

	return names[severity];
}

int findings_add(struct findings *findings, const char *id, enum severity severity,
	const struct device *device, int64_t group, const char *remedy, const char *fmt, ...)
{
	struct finding finding = {.id = id,
		.severity = severity,
		.device = device,
		.group = group,
		.order = findings->n};
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&finding.text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	finding.remedy = strdup(remedy);
	if (!finding.remedy || base_grow(&findings->v, findings->n, sizeof(*findings->v)) < 0) {
		free(finding.text);
		free(finding.remedy);
		return -ENOMEM;
	}
	findings->v[findings->n++] = finding;
	return 0;
}

/* The whole choice first, then in address order: the machine's devices are one sorted array.
 * Dangers of one device stay as they were added: what it is used for comes with the worst loss
 * first. */
static int compare(const void *left, const void *right)
{
	const struct finding *a = left, *b = right;
	int by_id;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->device != b->device)
		return (uintptr_t)a->device < (uintptr_t)b->device ? -1 : 1;
	if (a->severity == SEVERITY_DANGER)
		return a->order < b->order ? -1 : a->order > b->order;
	by_id = strcmp(a->id, b->id);
	return by_id ? by_id : strcmp(a->text, b->text);
}

void findings_sort(struct findings *findings)
{
	if (findings->n)
		qsort(findings->v, findings->n, sizeof(*findings->v), compare);
}

const struct finding *findings_find(const struct findings *findings, const char *id)
{
	for (size_t i = 0; i < findings->n; i++)
		if (strcmp(findings->v[i].id, id) == 0)
			return &findings->v[i];
	return NULL;
}

enum severity findings_worst(const struct findings *findings)
{
	enum severity worst = SEVERITY_INFO;

	for (size_t i = 0; i < findings->n; i++)
		if (findings->v[i].severity > worst)
			worst = findings->v[i].severity;
	return worst;
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		free(findings->v[i].text);
		free(findings->v[i].remedy);
	}
	free(findings->v);
	*findings = (struct findings){0};
}
