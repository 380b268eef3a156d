/* A card: the functions that are chosen and given back together. */
#ifndef SCREENS_CARD_H
#define SCREENS_CARD_H

#include "screens/page.h"
#include "screens/screens.h"

/* Whether d is a function of the card that `of` is on.  Functions of one slot of a root bus are parts
 * of the mainboard, and virtual functions sit in the slot of any: neither makes a card. */
bool card_has(const struct device *d, const struct device *of);
/* The card has another function that is not yet where this one goes. */
bool card_has_more(const struct app *app, const struct device *of);
/* The page anew: the question whether to take or give back all of it, and each function, all of which
 * must be seen.  0 or -ENOMEM. */
int card_describe(const struct app *app, const struct device *of, struct page *page);

#endif
