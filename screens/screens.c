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

static int run(struct app *app, struct term *term, const struct wizard_screen *const *steps,
	const char *(*lose)(const struct app *app))
{
	const struct wizard_config config = {
		.name = "vfio-wizard",
		.steps = steps,
		.app = app,
		.lose = lose,
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

int screens_run(struct app *app, struct term *term)
{
	return run(app, term, screens_steps, app_lose);
}

int screens_rescue(struct app *app, struct term *term)
{
	static const struct wizard_screen *const steps[] = {&screen_rescue, NULL};

	return run(app, term, steps, NULL);
}
