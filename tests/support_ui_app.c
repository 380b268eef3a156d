#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support_ui_app.h"

#include "tests/mktree.h"
#include "tests/support_txn.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char facts[] =
	"title every case once\nsource made up\niommu yes\nunits dmar0\ncpu intel\ntable "
	"DMAR\n" HOST_BRIDGE " 8086:0100 - 060000 09 0 -\n" PORT
	" 8086:0101 - 060400 09 1 pcieport bus=00-01-01\n" VGA
	" 8086:0102 - 030000 09 2 i915 boot_vga modules=i915\n"
	"0000:00:1c.0 8086:1c10 - 060400 b4 3 pcieport bus=00-02-02\n"
	"0000:00:1c.1 8086:1c12 - 060400 b4 4 pcieport bus=00-03-03\n"
	"0000:00:1c.2 8086:1c14 - 060400 b4 5 pcieport bus=00-04-04\n"
	"0000:00:1c.3 8086:1c16 - 060400 b4 6 pcieport bus=00-05-05\n" CARD
	" 10de:1b80 1043:8591 030000 a1 1 nouveau parent=" PORT " modules=nouveau\n" CARD_SOUND
	" 10de:10f0 1043:8591 040300 a1 1 snd_hda_intel parent=" PORT "\n" ROOT_DISK
	" 144d:a808 144d:a801 010802 00 7 nvme parent=0000:00:1c.0"
	" child=block:nvme/nvme0/nvme0n1@259:0 child=block:nvme/nvme0/nvme0n1/nvme0n1p2@259:2\n" NIC
	" 8086:10d3 8086:a01f 020000 00 8 e1000e parent=0000:00:1c.1\n" NIC_TWIN
	" 8086:10d3 8086:a01f 020000 00 9 e1000e parent=0000:00:1c.2\n" NO_GROUP
	" 1b21:1242 - 0c0330 00 - xhci_hcd parent=0000:00:1c.3\n";

void ui_app_system(struct ui_app *u, bool programs)
{
	char path[4096];

	*u = (struct ui_app){.dir = support_scratch()};
	assert_int_equal(mktree_root("tests/fixtures/roots/debian12", u->dir), 0);
	if (programs)
		support_txn_programs(u->dir);
	support_put(u->dir, "/facts", facts);
	snprintf(path, sizeof(path), "%s/facts", u->dir);
	assert_int_equal(mktree_machine(path, u->dir), 0);
	/* The kernel marks partitions so. */
	support_put(u->dir, "/sys/class/block/nvme0n1p2/partition", "2\n");
}

static void forget_names(struct machine *machine)
{
	for (size_t i = 0; i < machine->n_devices; i++) {
		free(machine->devices[i].name);
		machine->devices[i].name = NULL;
		machine->devices[i].vendor_len = 0;
	}
}

void ui_app_open(struct ui_app *u)
{
	const struct wizard_config config = {
		.name = "vfio-wizard",
		.steps = screens_steps,
		.app = &u->app,
		.lose = app_lose,
	};
	struct error err = {0};

	assert_int_equal(root_open(u->dir, NULL, &u->root, &err), 0);
	u->app = (struct app){.root = u->root, .no_commands = true};
	assert_int_equal(app_open(&u->app, &err), 0);
	forget_names(u->app.machine);
	u->t = ui_open(24, 80);
	assert_int_equal(wizard_new(&u->w, u->t, &config, NULL), 0);
	ui_app_settle(u);
}

void ui_app_close(struct ui_app *u)
{
	u->w = wizard_free(u->w);
	u->t = term_close(u->t);
	app_close(&u->app);
	u->root = root_close(u->root);
}

void ui_app_remove(struct ui_app *u)
{
	ui_app_close(u);
	support_remove(u->dir);
	u->dir = NULL;
}

static bool is_waiting(struct ui_app *u)
{
	const struct wizard_screen *s = wizard_current(u->w);
	struct wizard_wait wait = {.fd = -1, .timeout_ms = -1};

	if (s->wait)
		s->wait(wizard_state(u->w), &u->app, &wait);
	return wait.fd >= 0 || wait.timeout_ms >= 0;
}

void ui_app_settle(struct ui_app *u)
{
	time_t end = time(NULL) + 60;

	while (is_waiting(u)) {
		assert_true(time(NULL) < end);
		wizard_draw(u->w);
		assert_true(wizard_step(u->w));
	}
	wizard_draw(u->w);
}

void ui_app_keys_n(struct ui_app *u, const uint32_t *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ui_keys_n(u->w, &keys[i], 1);
		ui_app_settle(u);
	}
}

void ui_app_text(struct ui_app *u, const char *text)
{
	ui_text(u->w, text);
	ui_app_settle(u);
}

void ui_app_focus(struct ui_app *u, const char *address)
{
	char row[64];

	assert_ptr_equal(wizard_current(u->w), &screen_devices);
	ui_keys(u->w, TERM_KEY_HOME);
	snprintf(row, sizeof(row), "> [ ] %s", address);
	for (int i = 0; i < 100; i++) {
		memcpy(row, "> [ ]", 5);
		if (ui_find_row(u->t, row) >= 0)
			break;
		memcpy(row, "> [x]", 5);
		if (ui_find_row(u->t, row) >= 0)
			break;
		memcpy(row, ">  - ", 5);
		if (ui_find_row(u->t, row) >= 0)
			break;
		ui_keys(u->w, TERM_KEY_DOWN);
	}
	ui_app_settle(u);
	assert_true(ui_find_row(u->t, address) >= 0);
}
