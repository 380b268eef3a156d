/* The order of the steps, and the wizard over them. */
#include "screens/screens.h"

const struct wizard_screen *const screens_steps[] = {
	&screen_requirements,
	&screen_devices,
	&screen_options,
	&screen_review,
	&screen_apply,
	NULL,
};

int screens_run(struct app *app, struct term *term)
{
	const struct wizard_config config = {
		.name = "vfio-wizard",
		.steps = screens_steps,
		.app = app,
		.lose = app_lose,
	};
	struct wizard *wizard = NULL;
	int r;

	r = wizard_new(&wizard, term, &config, NULL);
	if (r < 0)
		return r;
	r = wizard_run(wizard);
	wizard_free(wizard);
	return r;
}
