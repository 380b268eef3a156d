/* Options: how the chosen devices are bound, each with what it costs. */
#include "screens/screens.h"

#include <stdio.h>

enum cmd { CMD_TOGGLE = 1 };

#define OPTIONS_MAX 16

struct state {
	struct widget_list list;
	const char *useless[OPTIONS_MAX]; /* why the option does nothing for this choice, or NULL */
};

/* What drawing a row needs. */
struct view {
	const struct state *st;
	const struct app *app;
};

static const char *const help[] = {
	"Each option changes how the chosen devices are bound. Without any of them the devices "
	"are bound by address and identity, and every driver stays usable for the host's other "
	"devices.",
	"Space takes an option or drops it. An option that does nothing for this choice says why.",
	NULL,
};

static const struct wizard_key keys[] = {
	{' ', CMD_TOGGLE, NULL, "Take or drop"},
	{0},
};

static size_t count(void)
{
	size_t n = 0;

	while (n < OPTIONS_MAX && choice_option_names[n].name)
		n++;
	return n;
}

static bool some_identity_is_owned(const struct app *app)
{
	for (size_t i = 0; i < app->choice.n; i++) {
		const struct device *d = machine_device(app->machine, app->choice.picks[i].address);

		if (d && choice_owns_identity(&app->choice, app->machine, d))
			return true;
	}
	return false;
}

static bool some_module_is_owned(const struct app *app)
{
	for (size_t i = 0; i < app->choice.n; i++) {
		const struct device *d = machine_device(app->machine, app->choice.picks[i].address);

		for (size_t k = 0; d && k < d->modules->n; k++)
			if (!device_is_vfio_driver(d->modules->v[k]) &&
				choice_owns_module(&app->choice, app->machine, d->modules->v[k]))
				return true;
	}
	return false;
}

static const char *why_useless(const struct app *app, unsigned bit)
{
	if (!app->choice.n)
		return "No device is chosen.";
	if (bit == CHOICE_BLACKLIST && !some_module_is_owned(app))
		return "Every driver concerned also serves a device that stays with the host.";
	if (bit == CHOICE_IDS && app->existing.ids_on_cmdline)
		return "The kernel command line already holds vfio-pci.ids=, which would win.";
	if (bit == CHOICE_TRIAL_SSH && !(app->choice.options & CHOICE_TRIAL))
		return "Only with the first boot on trial.";
	if (bit == CHOICE_LIBVIRT_ACL && !app->machine->host.libvirt)
		return "libvirt is not installed here.";
	if (bit == CHOICE_OPENNEBULA && !app->machine->host.opennebula)
		return "OpenNebula is not installed here.";
	if (bit == CHOICE_IDS && !some_identity_is_owned(app))
		return "Each chosen device has a twin with the same ids that stays with the host.";
	return NULL;
}

static void draw_row(const void *data, size_t row, struct term *t, struct term_rect r)
{
	const struct view *v = data;
	const struct choice_option_name *o = &choice_option_names[row];
	bool useless = v->st->useless[row];

	term_putf(t, r.y, r.x, r.w, useless ? TERM_DIM : TERM_NORMAL, "[%c] %s%s",
		v->app->choice.options & o->bit ? 'x' : ' ', o->text,
		useless ? " (no effect)" : "");
}

static const struct widget_rows rows = {.draw = draw_row};

static int enter(void *state, struct app *app)
{
	struct state *st = state;

	size_t n = count();

	for (size_t i = 0; i < n; i++)
		st->useless[i] = why_useless(app, choice_option_names[i].bit);
	widget_list_set(&st->list, n, st->list.cur, &rows, NULL);
	return 0;
}

static struct term_rect list_rect(const struct state *st, struct term_rect r)
{
	int h = (int)st->list.n;

	return (struct term_rect){r.y + 2, r.x, h < r.h - 2 ? h : r.h - 2, r.w};
}

static void draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct state *st = state;
	const struct choice_option_name *o = &choice_option_names[st->list.cur];
	struct term_rect list = list_rect(st, r), below = r;
	const struct view view = {st, app};
	const char *why = st->useless[st->list.cur];

	term_put(t, r.y, r.x, r.w, TERM_HEADING,
		"How the chosen devices are bound. All of these may stay off.");
	widget_list_draw(&st->list, t, list, true, &rows, &view);
	below.y = list.y + list.h + 1;
	below.h = r.y + r.h - below.y;
	if (why) {
		int used = widget_paragraph(t, below, TERM_WARNING, why);

		below.y += used;
		below.h -= used;
	}
	widget_paragraph(t, below, TERM_NORMAL, o->consequence);
}

static void toggle(struct state *st, struct app *app, struct wizard_event *ev)
{
	const struct choice_option_name *o = &choice_option_names[st->list.cur];
	const char *why = st->useless[st->list.cur];

	if (why && !(app->choice.options & o->bit)) {
		snprintf(ev->notice, sizeof(ev->notice), "Not taken: %s", why);
		return;
	}
	app->choice.options ^= o->bit;
	for (size_t i = 0; i < st->list.n; i++)
		st->useless[i] = why_useless(app, choice_option_names[i].bit);
	if (app_choice_changed(app) < 0)
		snprintf(ev->notice, sizeof(ev->notice),
			"Out of memory: the findings are out of date.");
}

static enum wizard_nav event(void *state, struct app *app, struct wizard_event *ev)
{
	struct state *st = state;

	if (ev->type != WIZARD_EVENT_KEY)
		return WIZARD_STAY;
	if (ev->cmd == CMD_TOGGLE)
		toggle(st, app, ev);
	else
		widget_list_key(&st->list, ev->key, list_rect(st, ev->rect).h, &rows, NULL);
	return WIZARD_STAY;
}

const struct wizard_screen screen_options = {
	.title = "Options",
	.help = help,
	.keys = keys,
	.size = sizeof(struct state),
	.enter = enter,
	.draw = draw,
	.event = event,
};
