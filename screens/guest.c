/* Guest: what a guest's definition says for the chosen devices, to copy or to save. */
#include "core/guest.h"
#include "core/txn.h"
#include "screens/page.h"
#include "screens/screens.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "vfio-wizard-guest.txt"

enum cmd { CMD_SAVE = 1 };

struct state {
	struct page *page;
	struct str text;
};

static const char *const help[] = {
	"What the definition of a guest says for the chosen devices: the elements of libvirt's "
	"domain XML (virsh edit GUEST, inside <devices>), the arguments of QEMU for a guest with "
	"-machine q35, and the lines of Proxmox VE's configuration (/etc/pve/qemu-server/ID.conf).",
	"The functions of one card stay together as one card of the guest. w saves all of it "
	"in " FILE_NAME
	" in the directory where vfio-wizard was started; a file that is there is left "
	"alone. In a shell: vfio-wizard guest.",
	NULL,
};

static const struct wizard_key keys[] = {
	{'w', CMD_SAVE, NULL, "Save"},
	{TERM_KEY_ENTER, 0, NULL, "Back"},
	{TERM_KEY_TAB, 0, NULL, "Next section"},
	{0},
};

static const char *const titles[] = {
	[GUEST_LIBVIRT] = "libvirt: inside <devices>",
	[GUEST_QEMU] = "QEMU: arguments, with -machine q35",
	[GUEST_PROXMOX] = "Proxmox VE: lines of the guest's configuration",
};

static int add_format(struct state *st, const struct app *app, enum guest_format format)
{
	_cleanup_(strv_free) struct strv lines = {0};
	_cleanup_(str_free) struct str text = {0};

	if (guest_describe(app->machine, &app->choice, format, &text) < 0 ||
		strv_split(&lines, text.s ? text.s : "", "\n") < 0)
		return -ENOMEM;
	page_heading(st->page, "%s", titles[format]);
	for (size_t i = 0; i < lines.n; i++)
		page_line(st->page, TERM_NORMAL, lines.v[i]);
	str_addf(&st->text, "%s# %s\n%s", st->text.len ? "\n" : "", titles[format],
		text.s ? text.s : "");
	return str_check(&st->text);
}

static int enter(void *state, struct app *app)
{
	struct state *st = state;
	int r = 0;

	if (!st->page)
		st->page = page_new();
	if (!st->page)
		return -ENOMEM;
	page_clear(st->page);
	str_free(&st->text);
	if (!app->choice.n)
		page_add(st->page, TERM_NORMAL, 0, "No device is chosen.");
	for (size_t i = 0; r == 0 && app->choice.n && i < ARRAY_SIZE(titles); i++)
		r = add_format(st, app, (enum guest_format)i);
	return r < 0 ? r : page_check(st->page);
}

static void draw(const void *state, const struct app *app, struct term *t, struct term_rect r)
{
	const struct state *st = state;

	(void)app;
	page_draw(st->page, t, r);
}

static void save(const struct state *st, struct wizard_event *ev)
{
	struct error err = {0};

	if (!st->text.len)
		snprintf(ev->notice, sizeof(ev->notice), "No device is chosen.");
	else if (txn_save(FILE_NAME, st->text.s, &err) < 0)
		snprintf(ev->notice, sizeof(ev->notice), "Not saved: %.140s", err.text);
	else
		snprintf(ev->notice, sizeof(ev->notice), "Saved as " FILE_NAME ".");
}

static enum wizard_nav event(void *state, struct app *app, struct wizard_event *ev)
{
	struct state *st = state;

	(void)app;
	if (ev->cmd == CMD_SAVE)
		save(st, ev);
	else if (ev->type == WIZARD_EVENT_KEY)
		page_key(st->page, ev->key, ev->rect);
	return WIZARD_STAY;
}

static void free_state(void *state, struct app *app)
{
	struct state *st = state;

	(void)app;
	page_free(st->page);
	str_free(&st->text);
}

const struct wizard_screen screen_guest = {
	.title = "Guest",
	.help = help,
	.keys = keys,
	.size = sizeof(struct state),
	.enter = enter,
	.draw = draw,
	.event = event,
	.free = free_state,
};
