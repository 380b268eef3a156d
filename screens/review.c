/* Review: everything that would happen, before anything does. */
#include "screens/consent.h"
#include "screens/screens.h"
#include "screens/summary.h"

#include "core/boot.h"

#include <errno.h>
#include <stdio.h>

enum cmd { CMD_NEXT = 1, CMD_ACCEPT };

struct state {
	struct page *page;
	struct widget_dialog dialog;
};

static const char *const help[] = {
	"Nothing is written here. The page shows, from its top: what changes, what there is to "
	"know about it (the worst first), the driver that each device will have after the next "
	"boot, every file as a difference (+ is added, - is removed), and every command.",
	"A warning has to be read. A danger means that the host would lose its disk, its screen, "
	"its network or its keyboard: to go on you type its name. What is called impossible "
	"cannot be overridden: go back and choose otherwise.",
	"Tab jumps to the next section, Left and Right scroll long lines.",
	NULL,
};

static const struct wizard_key keys[] = {
	{TERM_KEY_ENTER, CMD_NEXT, NULL, "Apply..."},
	{TERM_KEY_TAB, 0, NULL, "Next section"},
	{0},
};

/* The devices that are in one choice and not in the other. */
static void only_in(struct page *page, const struct app *app, const struct choice *in,
	const struct choice *not_in, const char *what)
{
	for (size_t i = 0; i < in->n; i++) {
		const struct pick *p = &in->picks[i];
		const struct device *device = machine_device(app->machine, p->address);
		char buf[128];

		if (!choice_find(not_in, p->address))
			page_add(page, TERM_NORMAL, 0, "%s %s %s", what, p->address,
				device ? summary_name(device, buf, sizeof(buf))
				       : "(no longer there)");
	}
}

static void changed_options(struct page *page, const struct plan *plan)
{
	unsigned changed = plan->before.options ^ plan->after.options;

	for (const struct choice_option_name *o = choice_option_names; o->name; o++)
		if (changed & o->bit)
			page_add(page, TERM_NORMAL, 0, "Option %s: %s",
				plan->after.options & o->bit ? "taken" : "dropped", o->text);
}

/* What the person said about the system. */
static void changed_system(struct page *page, const struct app *app)
{
	const struct plan *plan = app->plan;

	if (plan->before.boot_loader != plan->after.boot_loader)
		page_add(page, TERM_NORMAL, 0, "Boot loader: %s",
			boot_loader_kind(choice_boot_loader(&plan->after, app->machine))->title);
	if (plan->before.initramfs != plan->after.initramfs)
		page_add(page, TERM_NORMAL, 0, "Initramfs: %s",
			boot_initramfs_kind(choice_initramfs(&plan->after, app->machine))->title);
}

static void page_summary(struct page *page, const struct app *app)
{
	const struct plan *plan = app->plan;
	char amount[64], count[96];

	page_heading(page, "What will change");
	if (*app->refusal)
		page_add(page, TERM_DANGER, 0, "Applying is not possible here: %s", app->refusal);
	only_in(page, app, &plan->after, &plan->before, "To vfio-pci:");
	only_in(page, app, &plan->before, &plan->after, "Back to the host:");
	changed_options(page, plan);
	changed_system(page, app);
	page_add(page, TERM_NORMAL, 0, "%s; %s.", summary_amount(plan, amount, sizeof(amount)),
		summary_count(&plan->findings, count, sizeof(count)));
}

static void page_build(struct page *page, const struct app *app)
{
	if (!app->plan) {
		page_heading(page, "There is no plan for this choice");
		page_add(page, TERM_DANGER, 0, "%s", app->plan_error.text);
		return;
	}
	if (app->plan->refused) {
		page_heading(page, "This system is refused");
		page_add(page, TERM_NORMAL, 0,
			"Nothing is written on it. What to do instead is told below.");
	} else if (plan_is_empty(app->plan)) {
		page_heading(page, "Nothing to change");
		page_add(page, TERM_NORMAL, 0,
			app->plan->after.n ? "Every file already is as this choice wants it."
					   : "No device is chosen, and nothing is installed: go "
					     "back and choose a device.");
	} else {
		page_summary(page, app);
	}
	summary_findings(page, &app->plan->findings);
	page_must_see(page);
	summary_forecast(page, app->plan);
	summary_files(page, app->plan);
	summary_commands(page, app, app->plan);
}

static int enter(void *state, struct app *app)
{
	struct state *st = state;
	int r;

	if (!st->page)
		st->page = page_new();
	if (!st->page)
		return -ENOMEM;
	r = app_plan(app);
	if (r < 0)
		return r;
	page_clear(st->page);
	page_build(st->page, app);
	return page_check(st->page);
}

static void draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	(void)app;
	page_draw(((const struct state *)state)->page, t, r);
}

static enum wizard_nav next(struct state *st, struct app *app, struct wizard_event *ev)
{
	const struct finding *block = app->plan ? consent_block(&app->plan->findings) : NULL;

	if (!app->plan)
		widget_note(&st->dialog, "There is no plan", app->plan_error.text);
	else if (block)
		widget_note(&st->dialog, "This choice is impossible", block->text);
	else if (plan_is_empty(app->plan))
		snprintf(ev->notice, sizeof(ev->notice),
			"There is nothing to apply. Esc goes back.");
	else if (page_unseen(st->page, ev->rect)) {
		page_go_on(st->page);
		snprintf(ev->notice, sizeof(ev->notice),
			"There is more to know: read on, then press Enter.");
	} else if (!consent_ask(&app->plan->findings, &app->accepted, &st->dialog, CMD_ACCEPT))
		return WIZARD_NEXT;
	return WIZARD_STAY;
}

static enum wizard_nav event(void *state, struct app *app, struct wizard_event *ev)
{
	struct state *st = state;

	if (ev->type == WIZARD_EVENT_ANSWER && ev->cmd == CMD_ACCEPT && ev->yes) {
		if (consent_given(&app->accepted, &st->dialog) < 0)
			return WIZARD_STAY;
		return next(st, app, ev);
	}
	if (ev->type != WIZARD_EVENT_KEY)
		return WIZARD_STAY;
	if (ev->cmd == CMD_NEXT)
		return next(st, app, ev);
	page_key(st->page, ev->key, ev->rect);
	return WIZARD_STAY;
}

static struct widget_dialog *dialog(void *state)
{
	return &((struct state *)state)->dialog;
}

static void release(void *state, struct app *app)
{
	struct state *st = state;

	(void)app;
	st->page = page_free(st->page);
}

const struct wizard_screen screen_review = {
	.title = "Review",
	.help = help,
	.keys = keys,
	.size = sizeof(struct state),
	.enter = enter,
	.draw = draw,
	.event = event,
	.free = release,
	.dialog = dialog,
};
