/* Dangers are accepted by typing their name, one after the other. */
#ifndef SCREENS_CONSENT_H
#define SCREENS_CONSENT_H

#include "core/check.h"
#include "tui/widget.h"

/* The first finding that cannot be overridden, or NULL. */
const struct finding *consent_block(const struct findings *findings);

/* Opens the question for the first danger whose id is not in accepted.  1: asked; 0: none is left.
 */
int consent_ask(const struct findings *findings, const struct strv *accepted,
	struct widget_dialog *dialog, int cmd);
/* The answer was yes: takes down the dialog's word. */
int consent_given(struct strv *accepted, const struct widget_dialog *dialog);

#endif
