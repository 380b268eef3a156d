#include "screens/card.h"

#include "screens/summary.h"

bool card_has(const struct device *d, const struct device *of)
{
	return device_same_card(d, of) && d->parent && !d->physfn && !device_is_path(d);
}

bool card_has_more(const struct app *app, const struct device *of)
{
	const struct machine *m = app->machine;
	bool chosen = choice_has(&app->choice, of);

	if (!card_has(of, of))
		return false;
	for (const struct device *d = m->devices; d < m->devices + m->n_devices; d++)
		if (d != of && card_has(d, of) && choice_has(&app->choice, d) == chosen)
			return true;
	return false;
}

int card_describe(const struct app *app, const struct device *of, struct page *page)
{
	const struct machine *m = app->machine;
	char buf[128];

	page_clear(page);
	page_add(page, TERM_NORMAL, 0, "%s the whole card (o: only this function)?",
		choice_has(&app->choice, of) ? "Give back" : "Choose");
	for (const struct device *d = m->devices; d < m->devices + m->n_devices; d++)
		if (card_has(d, of))
			page_add(page, TERM_NORMAL, 0, "%s %s", d->address,
				summary_name(d, buf, sizeof(buf)));
	page_must_see(page);
	return page_check(page);
}
