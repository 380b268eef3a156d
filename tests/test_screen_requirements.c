/* The requirements and options screens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support_ui_app.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ui_app u;

static int group_setup(void **state)
{
	(void)state;
	ui_app_system(&u, false);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	ui_app_remove(&u);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	ui_app_open(&u);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ui_app_close(&u);
	return 0;
}

/* Every requirement with its state in words, and the first that needs something in full. */
static void test_all_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < u.app.requirements.n; i++) {
		const struct requirement *q = &u.app.requirements.v[i];
		char row[64];

		ui_app_keys(&u, TERM_KEY_HOME);
		snprintf(row, sizeof(row), "> %s", q->title);
		for (size_t k = 0; k < i; k++)
			ui_app_keys(&u, TERM_KEY_DOWN);
		assert_on_screen(u.t, row);
		if (*q->remedy)
			assert_on_screen(u.t, "What to do:");
		else
			assert_not_on_screen(u.t, "What to do:");
	}
	assert_on_screen(u.t, "IOMMU");
	assert_on_screen(u.t, "GRUB");
	assert_on_screen(u.t, "initramfs-tools");
	assert_on_screen(u.t, "Devices can be viewed all the same");
}

static struct requirement *requirement(const char *id)
{
	for (size_t i = 0; i < u.app.requirements.n; i++)
		if (base_same(u.app.requirements.v[i].id, id))
			return &u.app.requirements.v[i];
	fail_msg("no requirement %s", id);
	return NULL;
}

/* The screen reads what it shows when it comes into view. */
static void come_into_view(void)
{
	u.w = wizard_free(u.w);
	assert_int_equal(
		wizard_new(&u.w, u.t,
			&(struct wizard_config){
				.name = "vfio-wizard", .steps = screens_steps, .app = &u.app},
			NULL),
		0);
	ui_app_settle(&u);
}

/* The cursor begins where something is to be done, and the remedy is there without a key. */
static void test_missing(void **state)
{
	struct requirement *q = requirement("iommu");
	_cleanup_free_ char *title = NULL;

	(void)state;
	for (size_t i = 0; i < u.app.requirements.n; i++)
		u.app.requirements.v[i].state = REQUIREMENT_OK;
	q->state = REQUIREMENT_MISSING;
	free(q->text);
	free(q->remedy);
	q->text = strdup("switched off");
	q->remedy = strdup("go on: the plan holds intel_iommu=on");
	assert_true(asprintf(&title, "> %s", q->title) > 0);
	come_into_view();
	assert_on_screen(u.t, title);
	assert_on_screen(u.t, "MISSING switched off");
	assert_on_screen(u.t, "What to do:");
	assert_on_screen(u.t, "go on: the plan holds intel_iommu=on");
	assert_on_screen(u.t, "1 of ");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_devices);
}

static void test_refusal(void **state)
{
	(void)state;
	snprintf(
		u.app.refusal, sizeof(u.app.refusal), "only root may change this system: use sudo");
	ui_app_keys(&u, 'r', TERM_KEY_END);
	assert_on_screen(u.t, "Look only");
	assert_on_screen(u.t, "only root may change this system: use sudo");
}

/* What is installed already is judged. */
static void test_verdicts(void **state)
{
	const struct device *nic = machine_device(u.app.machine, NIC);

	(void)state;
	assert_int_equal(choice_add(&u.app.installed, nic), 0);
	ui_app_keys(&u, TERM_KEY_ENTER, TERM_KEY_ESC, TERM_KEY_END);
	assert_on_screen(u.t, "> Chosen");
	assert_on_screen(u.t, NIC " is not on vfio-pci");
}

static void test_unreadable_choice(void **state)
{
	_cleanup_free_ char *path = NULL;

	(void)state;
	ui_app_close(&u);
	support_put(u.dir, CHOICE_PATH, "# Written by vfio-wizard\nDEVICES=\"what is this\"\n");
	ui_app_open(&u);
	ui_app_keys(&u, TERM_KEY_END);
	assert_on_screen(u.t, "Unreadable");
	assert_on_screen(u.t, CHOICE_PATH);
	assert_true(asprintf(&path, "%s" CHOICE_PATH, u.dir) > 0);
	assert_int_equal(unlink(path), 0);
}

static void test_keys(void **state)
{
	(void)state;
	ui_app_keys(&u, 's');
	assert_ptr_equal(wizard_current(u.w), &screen_snapshots);
	assert_on_screen(u.t, "There are no snapshots");
	ui_app_keys(&u, TERM_KEY_ESC);
	assert_ptr_equal(wizard_current(u.w), &screen_requirements);
	ui_app_keys(&u, '?');
	assert_on_screen(u.t, "MISSING means that a guest cannot use a");
	ui_app_keys(&u, TERM_KEY_ESC, 'r');
	assert_on_screen(u.t, "Looked again: 13 devices, 10 IOMMU groups.");
}

static void test_sizes(void **state)
{
	static const int sizes[][2] = {{20, 60}, {60, 200}, {15, 60}, {5, 20}, {24, 80}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		term_resize(u.t, sizes[i][0], sizes[i][1]);
		ui_app_keys(&u, TERM_KEY_END, TERM_KEY_HOME);
		if (sizes[i][0] >= WIZARD_MIN_ROWS)
			assert_on_screen(u.t, "> CPU");
	}
}

/* A slip must not switch off what brings the machine back. */
static void test_confirm_before_the_boot(void **state)
{
	(void)state;
	u.app.trial = (struct trial){.minutes = 10, .boot = "earlier"};
	come_into_view();
	assert_on_screen(u.t, "> On trial");
	assert_on_screen(u.t, "Restart, and if all is well then, press c");
	assert_on_screen(u.t, "c Confirm");
	ui_app_keys(&u, 'c');
	assert_on_screen(u.t, "Confirm untried?");
	assert_on_screen(u.t, "nothing takes the change back");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_int_equal(u.app.trial.minutes, 10);
	ui_app_keys(&u, 'c', 'y');
	assert_on_screen(u.t, "Confirmed: what is applied stays.");
	assert_int_equal(u.app.trial.minutes, 0);
}

/* --- options --- */

static void to_options(const char *choose)
{
	ui_app_keys(&u, TERM_KEY_ENTER);
	if (choose) {
		ui_app_focus(&u, choose);
		ui_app_keys(&u, ' ');
		if (base_same(choose, CARD))
			ui_app_keys(&u, TERM_KEY_ENTER);
	}
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_options);
}

/* What a small terminal has no room for is there with a key. */
static void test_detail(void **state)
{
	(void)state;
	term_resize(u.t, 15, 60);
	for (size_t i = 0; i < u.app.requirements.n; i++) {
		const struct requirement *q = &u.app.requirements.v[i];
		char start[24];

		ui_app_keys(&u, TERM_KEY_HOME);
		for (size_t k = 0; k < i; k++)
			ui_app_keys(&u, TERM_KEY_DOWN);
		assert_on_screen(u.t, "i Detail");
		ui_app_keys(&u, 'i');
		snprintf(start, sizeof(start), "%s", q->text);
		assert_on_screen(u.t, start);
		for (int k = 0; *q->remedy && k < 20 && ui_find_row(u.t, "What to do:") < 0; k++)
			ui_app_keys(&u, TERM_KEY_DOWN);
		if (*q->remedy)
			assert_on_screen(u.t, "What to do:");
		ui_app_keys(&u, TERM_KEY_ENTER);
	}
	to_options(CARD);
	assert_on_screen(u.t, "i Detail");
	ui_app_keys(&u, TERM_KEY_END, 'i');
	assert_on_screen(u.t, "mount -o remount,rw that.");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_options);
}

static void test_options(void **state)
{
	(void)state;
	to_options(CARD);
	assert_on_screen(u.t, "[ ] ");
	assert_on_screen(u.t, choice_option_names[0].text);
	ui_app_keys(&u, ' ');
	assert_int_equal(u.app.choice.options, choice_option_names[0].bit);
	assert_on_screen(u.t, "> [x] ");
	for (size_t i = 0; choice_option_names[i].name; i++)
		assert_on_screen(u.t, choice_option_names[i].text);
	ui_app_keys(&u, TERM_KEY_ESC, TERM_KEY_ENTER);
	assert_on_screen(u.t, "> [x] ");
	ui_app_keys(&u, ' ');
	assert_int_equal(u.app.choice.options, 0);
}

/* One of two twins: ids= would take both, so the option says that it does nothing. */
static void test_useless_option(void **state)
{
	(void)state;
	to_options(NIC);
	for (size_t i = 0; choice_option_names[i].name && choice_option_names[i].bit != CHOICE_IDS;
		i++)
		ui_app_keys(&u, TERM_KEY_DOWN);
	assert_on_screen(u.t, "has a twin with the same ids");
	ui_app_keys(&u, ' ');
	assert_int_equal(u.app.choice.options, 0);
	assert_on_screen(u.t, "Not taken");
	/* Of both twins it is exact. */
	ui_app_keys(&u, TERM_KEY_ESC);
	ui_app_focus(&u, NIC_TWIN);
	ui_app_keys(&u, ' ', TERM_KEY_ENTER, ' ');
	assert_int_equal(u.app.choice.options, CHOICE_IDS);
}

static void test_options_without_choice(void **state)
{
	(void)state;
	to_options(NULL);
	assert_on_screen(u.t, "No device is chosen.");
	ui_app_keys(&u, ' ');
	assert_int_equal(u.app.choice.options, 0);
}

/* Two boot loaders' files: what was found, what else it may be, and the plan for what is said. */
static void test_which_boot_loader(void **state)
{
	static const char *const files[] = {
		"/boot/loader/entries/mine.conf", "/boot/loader/entries", "/boot/loader/loader.conf",
		"/boot/loader"};

	(void)state;
	ui_app_close(&u);
	support_put(u.dir, files[2], "timeout 3\n");
	support_put(u.dir, files[0], "title Mine\nlinux /vmlinuz\noptions root=/dev/sda1 ro\n");
	ui_app_open(&u);
	ui_app_keys(&u, TERM_KEY_HOME);
	for (size_t i = 0; !base_same(u.app.requirements.v[i].id, "boot-loader"); i++)
		ui_app_keys(&u, TERM_KEY_DOWN);
	assert_on_screen(u.t, "entries (/boot/loader/entries/mine.conf");
	to_options(NIC);
	assert_on_screen(u.t, "> Boot loader: GRUB with drop-ins in /etc/default/grub.d (as found)");
	assert_on_screen(u.t, "BOOT_IMAGE=");
	assert_on_screen(u.t, "1 of 2");
	assert_not_on_screen(u.t, "Initramfs:");
	ui_app_keys(&u, ' ');
	assert_on_screen(u.t, "> Boot loader: systemd-boot, entries written by hand (as you say)");
	assert_on_screen(u.t, "mine.conf");
	assert_int_equal(u.app.choice.boot_loader, BOOT_ENTRIES);
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_on_screen(u.t, "Boot loader: systemd-boot, entries written by hand");
	for (size_t i = 0; i < u.app.plan->n_changes; i++)
		assert_null(strstr(u.app.plan->changes[i].path, "grub"));
	ui_app_keys(&u, TERM_KEY_ESC, ' ');
	assert_int_equal(u.app.choice.boot_loader, BOOT_UNKNOWN);
	assert_on_screen(u.t, "(as found)");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = NULL;

		assert_true(asprintf(&path, "%s%s", u.dir, files[i]) > 0);
		assert_int_equal(remove(path), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable_choice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_confirm_before_the_boot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_options, setup, teardown),
		cmocka_unit_test_setup_teardown(test_useless_option, setup, teardown),
		cmocka_unit_test_setup_teardown(test_options_without_choice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_which_boot_loader, setup, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
