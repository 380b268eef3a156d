#include "screens/consent.h"

const struct finding *consent_block(const struct findings *findings)
{
	for (size_t i = 0; i < findings->n; i++)
		if (findings->v[i].severity == SEVERITY_BLOCK)
			return &findings->v[i];
	return NULL;
}

static void ask(
	const struct findings *findings, const char *id, struct widget_dialog *dialog, int cmd)
{
	_cleanup_(str_free) struct str text = {0};

	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *f = &findings->v[i];

		if (f->severity == SEVERITY_DANGER && base_same(f->id, id))
			str_addf(&text, "%s\n", f->text);
	}
	str_addf(&text, "To go on all the same, type: %s", id);
	/* Without memory for the text the question still names the danger. */
	widget_ask_word(dialog, cmd, "Danger", str_check(&text) < 0 ? id : text.s, id);
}

int consent_ask(const struct findings *findings, const struct strv *accepted,
	struct widget_dialog *dialog, int cmd)
{
	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *f = &findings->v[i];

		if (f->severity != SEVERITY_DANGER || strv_has(accepted, f->id))
			continue;
		ask(findings, f->id, dialog, cmd);
		return 1;
	}
	return 0;
}

int consent_given(struct strv *accepted, const struct widget_dialog *dialog)
{
	return strv_add(accepted, dialog->word);
}
