/* The parts of a plan as sections of a page: what review and rollback show alike. */
#ifndef SCREENS_SUMMARY_H
#define SCREENS_SUMMARY_H

#include "core/check.h"
#include "core/plan.h"
#include "screens/page.h"
#include "screens/screens.h"

/* "AMD/ATI Ellesmere [Radeon RX 470/480]": the name with its vendor cut short, where there is one.
 * Never NULL; writes into buf if needed. */
const char *summary_name(const struct device *device, char *buf, size_t size);

enum term_style summary_style(enum severity severity);
const char *summary_word(enum severity severity); /* "Warning" */

/* "1 danger, 2 warnings": what is not zero, worst first; "nothing to warn of". */
const char *summary_count(const struct findings *findings, char *buf, size_t size);

/* "7 files and 1 command". */
const char *summary_amount(const struct plan *plan, char *buf, size_t size);

/* One finding: a word for its severity, text and id; below it what to do. */
void summary_finding(struct page *page, const struct finding *finding);

/* Sections, each with its heading; nothing when there is nothing to tell. */
void summary_findings(struct page *page, const struct findings *findings);
void summary_forecast(struct page *page, const struct plan *plan);
/* What somebody changed in files that the plan overwrites. */
void summary_edits(struct page *page, const struct plan *plan);
void summary_files(struct page *page, const struct plan *plan);
void summary_commands(struct page *page, const struct app *app, const struct plan *plan);

#endif
