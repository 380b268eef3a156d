/* Rescue: what is missing before this system can be seen and changed, and the offer to mend it. */
#include "core/txn.h"
#include "screens/page.h"
#include "screens/screens.h"

#include <errno.h>
#include <stdio.h>

enum cmd { CMD_MOUNT = 1, CMD_GO_ON };

struct state {
	struct page *page;
	struct strv failed; /* what the last attempt met */
};

static const char *const help[] = {
	"In a rescue shell some file systems are not in their places. m mounts what is listed, in "
	"this order, and makes a read-only root writable. Nothing else is changed, and at the next "
	"boot all is as ever.",
	"Enter goes on without: then less can be seen, and what is put back might not reach the "
	"place that boots.",
	NULL,
};

static const struct wizard_key keys[] = {
	{'m', CMD_MOUNT, NULL, "Mount all"},
	{TERM_KEY_ENTER, CMD_GO_ON, NULL, "Go on"},
	{0},
};

static int fill(struct state *st, const struct app *app)
{
	page_clear(st->page);
	if (!app->rescue.n) {
		page_add(st->page, TERM_NORMAL, 0, "Nothing is missing any more. Enter goes on.");
		return page_check(st->page);
	}
	page_add(st->page, TERM_WARNING, 0, "Something is missing here:");
	for (size_t i = 0; i < app->rescue.n; i++)
		page_add(st->page, TERM_NORMAL, 2, "%zu. %s", i + 1, app->rescue.v[i].text);
	page_add(st->page, TERM_NORMAL, 0, "m mounts all of it, in this order.");
	for (size_t i = 0; i < st->failed.n; i++)
		page_add(st->page, TERM_WARNING, 0, "%s", st->failed.v[i]);
	if (st->failed.n)
		page_add(st->page, TERM_NORMAL, 0,
			"What could not be mounted: mount it by hand in another shell, then press "
			"m again; or "
			"go on without, where nothing that counts is in it.");
	if (*app->refusal)
		page_add(st->page, TERM_WARNING, 0, "%s", app->refusal);
	return page_check(st->page);
}

static int enter(void *state, struct app *app)
{
	struct state *st = state;

	if (!st->page)
		st->page = page_new();
	return st->page ? fill(st, app) : -ENOMEM;
}

static void draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct state *st = state;

	(void)app;
	page_draw(st->page, t, r);
}

/* All that can be: a disk that is gone must not keep the others from their places. */
static void mount_all(struct state *st, struct app *app, struct wizard_event *ev)
{
	int r = 0;

	strv_free(&st->failed);
	for (size_t i = 0; r == 0 && i < app->rescue.n; i++) {
		struct error err = {0};

		if (txn_mount(app->root, &app->rescue.v[i], &err) < 0)
			r = strv_add(&st->failed, err.text);
	}
	/* What is mounted now may tell of more: /proc of /boot. */
	if (r < 0 || app_look(app) < 0 || fill(st, app) < 0)
		snprintf(ev->notice, sizeof(ev->notice), "Out of memory.");
}

static enum wizard_nav event(void *state, struct app *app, struct wizard_event *ev)
{
	struct state *st = state;

	if (ev->cmd == CMD_MOUNT)
		mount_all(st, app, ev);
	if (ev->cmd == CMD_GO_ON) {
		app->go_on = true;
		return WIZARD_NEXT;
	}
	if (!ev->cmd && ev->type == WIZARD_EVENT_KEY)
		page_key(st->page, ev->key, ev->rect);
	return WIZARD_STAY;
}

static void free_state(void *state, struct app *app)
{
	struct state *st = state;

	(void)app;
	page_free(st->page);
	strv_free(&st->failed);
}

const struct wizard_screen screen_rescue = {
	.title = "Rescue",
	.help = help,
	.keys = keys,
	.size = sizeof(struct state),
	.enter = enter,
	.draw = draw,
	.event = event,
	.free = free_state,
};
