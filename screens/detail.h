/* Everything about one device, as a page: what matters for choosing it comes first. */
#ifndef SCREENS_DETAIL_H
#define SCREENS_DETAIL_H

#include "screens/page.h"
#include "screens/screens.h"

/* cost: the findings if the device were chosen, which for a bridge nobody asks. */
void detail_device(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost);
/* The same at a glance, the worst first: for page_draw_brief(). */
void detail_brief(struct page *page, const struct app *app, const struct device *device,
	const struct findings *cost);
/* A chosen address where the chosen device is not. */
void detail_lost(struct page *page, const struct app *app, const char *address);

#endif
