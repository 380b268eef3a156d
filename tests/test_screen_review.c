/* The review: everything that would happen is on it, and nothing goes on unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support_ui_app.h"

#include <stdio.h>
#include <string.h>

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

static void choose(const char *address)
{
	const struct device *device = machine_device(u.app.machine, address);

	assert_non_null(device);
	assert_int_equal(choice_add(&u.app.choice, device), 0);
	assert_int_equal(app_choice_changed(&u.app), 0);
}

static void to_review(void)
{
	ui_app_keys(&u, TERM_KEY_ENTER, TERM_KEY_ENTER, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_review);
}

/* Pages down to the end; whether the text was there, on one row. */
static bool is_somewhere(const char *text)
{
	bool found = ui_find_row(u.t, text) >= 0;

	ui_app_keys(&u, TERM_KEY_HOME);
	for (int i = 0; i < 100 && !found; i++) {
		found = ui_find_row(u.t, text) >= 0;
		ui_app_keys(&u, TERM_KEY_PAGE_DOWN);
	}
	ui_app_keys(&u, TERM_KEY_HOME);
	return found;
}

/* All but its last rows, which depend on how long the files are. */
static void test_picture(void **state)
{
	static const char *const rows[] = {
		"vfio-wizard: Review Step 4 of 5",
		"What will change",
		"To vfio-pci: 0000:03:00.0 Ethernet controller",
		"9 files and 4 commands; 2 notes.",
		"",
		"What to know before going on",
		"Note: Whether the host uses these devices is not known in full: network",
		"(/sys/class/net: No such file or directory); screens (/sys/class/drm: No such",
		"file or directory); keyboards and other parts (/sys/class/input: No such file or",
		"directory); guests, programs (/proc: no processes there); data on disks not in",
		"use (/run/udev/data/b259:0 is not there). [use-unknown]",
		"What to do: run this on the machine itself, as root",
		"Note: 0000:03:00.0 Ethernet controller has the same ids as 0000:04:00.0. Binding",
		"goes by address, so what is not chosen stays with the host. [identical-device]",
		"What to do: make sure that this is the one you mean",
		"",
		"Drivers after the next boot",
		"0000:03:00.0 Ethernet controller: e1000e -> vfio-pci",
		"chosen; bound by address and identity before its own driver loads",
		"12 devices keep the driver that they have now.",
		"",
	};

	(void)state;
	choose(NIC);
	to_review();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_row(u.t, (int)i, rows[i]);
	assert_row(u.t, 23, "Enter Apply... Esc Back Tab Next section q Quit ? Help");
}

/* The end of the page is not what comes before it. */
static void test_end_is_not_all(void **state)
{
	(void)state;
	choose(NIC);
	to_review();
	term_resize(u.t, 15, 60);
	ui_app_keys(&u, TERM_KEY_END, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_review);
	assert_on_screen(u.t, "read on");
	/* Where it was left off. */
	assert_on_screen(u.t, "[identical-device]");
	for (int i = 0; i < 5 && wizard_current(u.w) == &screen_review; i++)
		ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_apply);
}

/* Each change as a diff, each command, each affected device. */
static void test_complete(void **state)
{
	(void)state;
	choose(CARD);
	choose(CARD_SOUND);
	to_review();
	assert_non_null(u.app.plan);
	assert_true(u.app.plan->n_changes > 3);
	for (size_t i = 0; i < u.app.plan->n_changes; i++)
		assert_true(is_somewhere(u.app.plan->changes[i].path));
	assert_true(is_somewhere("+DEVICES="));
	for (size_t i = 0; i < u.app.plan->n_commands; i++)
		assert_true(is_somewhere(u.app.plan->commands[i].argv.v[0]));
	assert_true(is_somewhere(CARD " VGA compatible controller: nouveau -> vfio-pci"));
	assert_true(is_somewhere("11 devices keep the driver that they have now"));
	assert_true(is_somewhere("@@ "));
}

static void test_colours(void **state)
{
	int y;

	(void)state;
	choose(NIC);
	to_review();
	for (int i = 0; i < 30 && ui_find_row(u.t, "+DEVICES=") < 0; i++)
		ui_app_keys(&u, TERM_KEY_PAGE_DOWN);
	y = ui_find_row(u.t, "+DEVICES=");
	assert_true(y > 0);
	assert_int_equal(term_style_at(u.t, y, 0), TERM_DIFF_ADD);
}

static void test_nothing(void **state)
{
	(void)state;
	to_review();
	assert_on_screen(u.t, "Nothing to change");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_review);
	assert_on_screen(u.t, "There is nothing to apply");
}

/* A danger takes its word, typed whole; Esc and a wrong word stay. */
static void test_danger(void **state)
{
	(void)state;
	choose(ROOT_DISK);
	to_review();
	assert_on_screen(u.t, "DANGER: ");
	assert_on_screen(u.t, "1 danger");
	ui_app_keys(&u, TERM_KEY_ENTER);
	for (int i = 0; i < 10 && ui_find_row(u.t, "type: root-disk") < 0; i++)
		ui_app_keys(&u, TERM_KEY_ENTER);
	assert_on_screen(u.t, "type: root-disk");
	ui_app_keys(&u, TERM_KEY_ENTER, TERM_KEY_ESC);
	assert_ptr_equal(wizard_current(u.w), &screen_review);
	assert_int_equal(u.app.accepted.n, 0);

	ui_app_keys(&u, TERM_KEY_ENTER);
	ui_app_text(&u, "yes");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_review);
	assert_int_equal(u.app.accepted.n, 0);
	ui_app_keys(&u, TERM_KEY_ESC, TERM_KEY_ENTER);
	ui_app_text(&u, "root-disk");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_apply);

	/* It is asked once for a choice, and again for another. */
	ui_app_keys(&u, TERM_KEY_ESC, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_apply);
	choose(NIC);
	ui_app_keys(&u, TERM_KEY_ESC, TERM_KEY_ENTER);
	for (int i = 0; i < 10 && ui_find_row(u.t, "type: root-disk") < 0; i++)
		ui_app_keys(&u, TERM_KEY_ENTER);
	assert_on_screen(u.t, "type: root-disk");
}

/* Each danger by its own word. */
static void test_two_dangers(void **state)
{
	(void)state;
	term_resize(u.t, 60, 100);
	choose(ROOT_DISK);
	choose(VGA);
	to_review();
	assert_on_screen(u.t, "2 dangers");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_on_screen(u.t, "type: boot-display");
	ui_app_text(&u, "boot-display");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_on_screen(u.t, "type: root-disk");
	ui_app_text(&u, "root-disk");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_apply);
}

static void test_blocked(void **state)
{
	(void)state;
	choose(PORT);
	to_review();
	assert_on_screen(u.t, "IMPOSSIBLE: ");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_on_screen(u.t, "This choice is impossible");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_review);
}

/* Findings that do not fit have to be read to their end: Enter turns the page instead. */
static void test_must_be_seen(void **state)
{
	int pages = 0;

	(void)state;
	term_resize(u.t, 15, 60);
	choose(CARD);
	choose(NIC);
	to_review();
	assert_true(u.app.plan->findings.n > 2);
	assert_int_equal(findings_worst(&u.app.plan->findings), SEVERITY_WARNING);
	while (wizard_current(u.w) == &screen_review) {
		assert_true(pages++ < 20);
		ui_app_keys(&u, TERM_KEY_ENTER);
		if (wizard_current(u.w) == &screen_review)
			assert_on_screen(u.t, "There is more to know");
	}
	assert_true(pages > 1);
}

/* The rows of the findings at this width, from a terminal that has room for all. */
static void all_findings(struct strv *rows)
{
	_cleanup_free_ char *dump = NULL;
	char *from, *end;

	term_resize(u.t, 200, 60);
	wizard_draw(u.w);
	dump = term_dump(u.t);
	from = strstr(dump, "What to know before going on");
	end = strstr(dump, "Drivers after the next boot");
	assert_true(from && end);
	*end = '\0';
	assert_int_equal(strv_split(rows, from, "\n"), 0);
}

/* With Enter alone every row of them comes into view, also the one that a notice takes away. */
static void test_every_row_is_seen(void **state)
{
	_cleanup_(strv_free) struct strv rows = {0};

	(void)state;
	choose(CARD);
	choose(NIC);
	to_review();
	all_findings(&rows);
	assert_true(rows.n > 20);
	term_resize(u.t, 15, 60);
	wizard_draw(u.w);
	while (wizard_current(u.w) == &screen_review) {
		for (size_t i = 0; i < rows.n; i++)
			if (*rows.v[i] && ui_find_row(u.t, rows.v[i]) >= 0)
				*rows.v[i] = '\0';
		ui_app_keys(&u, TERM_KEY_ENTER);
	}
	for (size_t i = 0; i < rows.n; i++)
		assert_string_equal(rows.v[i], "");
}

static void test_no_plan(void **state)
{
	(void)state;
	choose(NIC);
	support_put(u.dir, CHOICE_PATH "/is", "a directory");
	to_review();
	assert_on_screen(u.t, "There is no plan for this choice");
	assert_on_screen(u.t, CHOICE_PATH);
	ui_app_keys(&u, TERM_KEY_ENTER, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_review);
}

static void test_sizes(void **state)
{
	static const int sizes[][2] = {{20, 60}, {60, 200}, {15, 60}, {5, 20}, {24, 80}};

	(void)state;
	choose(CARD);
	to_review();
	ui_app_keys(&u, TERM_KEY_END);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		term_resize(u.t, sizes[i][0], sizes[i][1]);
		ui_app_keys(&u, TERM_KEY_TAB, TERM_KEY_BACKTAB, TERM_KEY_END);
		if (sizes[i][0] >= WIZARD_MIN_ROWS)
			assert_on_screen(u.t, "update-initramfs");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_picture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_is_not_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_colours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_danger, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_dangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_must_be_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_row_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_plan, setup, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
