/* struct app: what is observed, wanted and planned, kept consistent in one place. */
#include "screens/screens.h"

#include <errno.h>

static void drop_plans(struct app *app)
{
	app->plan = plan_free(app->plan);
	app->rollback = plan_free(app->rollback);
	app->plan_error = (struct error){0};
}

int app_choice_changed(struct app *app)
{
	struct findings findings = {0};
	int r;

	drop_plans(app);
	rescue_free(&app->rescue);
	strv_free(&app->accepted);
	r = check_choice(app->machine, &app->choice, &app->existing, &findings);
	if (r == 0)
		r = check_fitness(app->root, app->machine, &app->choice, &app->existing, &findings);
	if (r < 0) {
		findings_free(&findings);
		return r;
	}
	findings_free(&app->findings);
	app->findings = findings;
	return 0;
}

/* Out of memory ends it; anything else is told on the first screen, and the rest stays usable. */
static int note_trouble(struct app *app, int r, const struct error *err)
{
	if (r >= 0)
		return 0;
	if (r == -ENOMEM)
		return r;
	return strv_add_unique(&app->trouble, err->text);
}

static int load_choice(struct app *app)
{
	struct choice installed = {0};
	struct error err = {0};
	int r;

	r = note_trouble(app, choice_load(app->root, &installed, &err), &err);
	if (r < 0)
		return r;
	choice_free(&app->installed);
	app->installed = installed;
	choice_free(&app->choice);
	return choice_copy(&app->choice, &app->installed);
}

/* What boots this system is as the installed choice says. */
static int load_requirements(struct app *app)
{
	struct requirements requirements = {0};
	int r = check_requirements(app->machine, &app->installed, &requirements);

	if (r < 0)
		return r;
	requirements_free(&app->requirements);
	app->requirements = requirements;
	return 0;
}

static int load_existing(struct app *app, const struct machine *machine)
{
	struct existing existing = {0};
	struct error err = {0};
	int r;

	r = note_trouble(app, existing_scan(app->root, machine, &app->choice, &existing, &err), &err);
	if (r < 0)
		return r;
	existing_free(&app->existing);
	app->existing = existing;
	return 0;
}

int app_system_changed(struct app *app)
{
	int r = load_existing(app, app->machine);

	return r < 0 ? r : app_choice_changed(app);
}

int app_reload_snapshots(struct app *app)
{
	struct snapshots snapshots = {0};
	int r;

	if (trial_load(app->root, &app->trial, NULL) < 0)
		app->trial = (struct trial){0};

	app->snapshots_error = (struct error){0};
	r = snapshots_load(app->root, &snapshots, &app->snapshots_error);
	if (r == 0 && !snapshots.n)
		r = rescue_hidden(app->root, SNAPSHOT_DIR, &app->snapshots_error);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		app->snapshots_error.code = r;
	snapshots_free(&app->snapshots);
	app->snapshots = snapshots;
	return 0;
}

int app_reload(struct app *app)
{
	int r;

	strv_free(&app->trouble);
	if ((r = load_choice(app)) < 0 || (r = load_requirements(app)) < 0 ||
		(r = load_existing(app, app->machine)) < 0 || (r = app_reload_snapshots(app)) < 0)
		return r;
	return app_choice_changed(app);
}

int app_look(struct app *app)
{
	rescue_free(&app->rescue);
	return rescue_look(app->root, &app->rescue);
}

int app_open(struct app *app, struct error *err)
{
	int r;

	r = machine_scan(app->root, MACHINE_ALL, &app->machine, err);
	if (r < 0)
		return r;
	r = app_reload(app);
	if (r < 0) {
		app_close(app);
		return error_no_memory(err);
	}
	return 0;
}

void app_close(struct app *app)
{
	drop_plans(app);
	rescue_free(&app->rescue);
	strv_free(&app->accepted);
	strv_free(&app->trouble);
	findings_free(&app->findings);
	requirements_free(&app->requirements);
	existing_free(&app->existing);
	snapshots_free(&app->snapshots);
	choice_free(&app->choice);
	choice_free(&app->installed);
	app->machine = machine_free(app->machine);
}

/* Plans, findings and settings borrow from the old machine, so they go first. */
static int change_machine(struct app *app, struct machine *machine, struct requirements *new)
{
	drop_plans(app);
	findings_free(&app->findings);
	requirements_free(&app->requirements);
	machine_free(app->machine);
	app->machine = machine;
	app->requirements = *new;
	return app_choice_changed(app);
}

int app_rescan(struct app *app, struct error *err)
{
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(requirements_free) struct requirements requirements = {0};
	int r;

	r = machine_scan(app->root, MACHINE_ALL, &machine, err);
	if (r < 0)
		return r;
	r = check_requirements(machine, &app->installed, &requirements);
	if (r >= 0)
		r = load_existing(app, machine);
	if (r >= 0) {
		struct requirements taken = requirements;

		requirements = (struct requirements){0};
		r = change_machine(app, TAKE_PTR(machine), &taken);
	}
	return r < 0 ? error_no_memory(err) : 0;
}

int app_plan(struct app *app)
{
	int r;

	app->plan = plan_free(app->plan);
	app->plan_error = (struct error){0};
	r = plan_build(app->root, app->machine, &app->choice, &app->plan, &app->plan_error);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		app->plan_error.code = r;
	return 0;
}

const char *app_lose(const struct app *app)
{
	if (choice_same(&app->choice, &app->installed))
		return NULL;
	return app->applied ? "The choice of devices and options has not been applied and will be "
			      "forgotten."
			    : "The choice of devices and options has not been applied and will be "
			      "forgotten. Nothing on this system was changed.";
}
