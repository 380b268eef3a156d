/* Apply, done, snapshots and rollback: the whole walk on a scratch system, and what goes wrong on
 * it. */
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

static const char *const state_files[] = {"/var/lib/vfio-wizard", NULL};

static struct ui_app u;

static int setup(void **state)
{
	(void)state;
	ui_app_system(&u, false);
	ui_app_open(&u);
	return 0;
}

/* With programs that run, as root only. */
static int setup_programs(void **state)
{
	(void)state;
	ui_app_system(&u, geteuid() == 0);
	ui_app_open(&u);
	u.app.no_commands = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ui_app_remove(&u);
	return 0;
}

static void put_program(const char *path, const char *text)
{
	_cleanup_free_ char *full = NULL;

	support_put(u.dir, path, text);
	assert_true(asprintf(&full, "%s%s", u.dir, path) > 0);
	assert_int_equal(chmod(full, 0755), 0);
}

static void put_programs(const char *update_initramfs)
{
	const char *preload = getenv("LD_PRELOAD");

	/* valgrind has no pidfd_open(2). */
	if (geteuid() != 0 || (preload && strstr(preload, "vgpreload")))
		skip();
	put_program("/usr/sbin/update-initramfs", update_initramfs);
	put_program("/usr/bin/lsinitramfs",
		"#!/bin/sh\necho vfio-pci.ko usr/local/bin/vfio-bind etc/sysconfig/vfio-bind "
		"etc/modprobe.d/00-vfio-wizard.conf\n");
	put_program("/usr/sbin/update-grub", "#!/bin/sh\necho updating grub\n");
}

static void to_apply(const char *address)
{
	while (wizard_current(u.w) != &screen_devices)
		ui_app_keys(&u, wizard_current(u.w) == &screen_requirements ? TERM_KEY_ENTER
									    : TERM_KEY_ESC);
	ui_app_focus(&u, address);
	ui_app_keys(&u, ' ', TERM_KEY_ENTER, TERM_KEY_ENTER, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_apply);
}

static char *tree(void)
{
	return support_tree(u.dir, state_files);
}

static void test_walk(void **state)
{
	_cleanup_free_ char *before = tree(), *applied = NULL, *after = NULL, *file = NULL;

	(void)state;
	to_apply(NIC);
	assert_on_screen(u.t, "Ready: ");
	assert_on_screen(u.t, "Capital A applies it. Up to then nothing is written.");
	/* Stray keys apply nothing. */
	ui_app_keys(&u, TERM_KEY_ENTER, ' ', 'a', 'y', TERM_KEY_DOWN);
	after = tree();
	assert_string_equal(before, after);
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_on_screen(u.t, "Press capital A to apply");

	ui_app_keys(&u, 'A');
	assert_on_screen(u.t, "Applied: ");
	assert_on_screen(u.t, "Restart the host");
	ui_app_keys(&u, TERM_KEY_END);
	assert_on_screen(u.t, "vfio-wizard verify");
	assert_on_screen(u.t, "module_blacklist=vfio_pci");
	file = support_get(u.dir, CHOICE_PATH);
	assert_non_null(strstr(file, NIC "=8086:10d3:8086:a01f"));
	assert_true(choice_has(&u.app.installed, machine_device(u.app.machine, NIC)));
	applied = tree();
	assert_string_not_equal(before, applied);

	/* Going back shows what is there now; applying again changes nothing. */
	ui_app_keys(&u, TERM_KEY_ESC);
	assert_ptr_equal(wizard_current(u.w), &screen_review);
	assert_on_screen(u.t, "Nothing to change");
	ui_app_keys(&u, TERM_KEY_ESC, TERM_KEY_ESC);
	assert_on_screen(u.t, "> [x] " NIC);

	ui_app_keys(&u, 's');
	assert_ptr_equal(wizard_current(u.w), &screen_snapshots);
	assert_on_screen(u.t, "complete");
	assert_not_on_screen(u.t, "then /usr/sbin/update-grub");
	ui_app_keys(&u, 'i', TERM_KEY_END);
	assert_on_screen(u.t, "then /usr/sbin/update-grub");
	ui_app_keys(&u, TERM_KEY_ENTER, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_rollback);
	assert_on_screen(u.t, "Capital R rolls back");
	assert_on_screen(u.t, "diff --git");
	ui_app_keys(&u, TERM_KEY_ENTER, 'r', ' ', 'y');
	free(after);
	after = tree();
	assert_string_equal(applied, after);
	ui_app_keys(&u, 'R');
	assert_on_screen(u.t, "Done: ");
	free(after);
	after = tree();
	assert_string_equal(before, after);
	assert_int_equal(u.app.installed.n, 0);
	assert_int_equal(u.app.choice.n, 0);

	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_snapshots);
	assert_on_screen(u.t, "rolled-back");
	ui_app_keys(&u, TERM_KEY_ESC);
	assert_ptr_equal(wizard_current(u.w), &screen_devices);
	assert_on_screen(u.t, "> [ ] " NIC);
}

/* From the last page into the snapshots and back: the page tells that it is no longer so. */
static void test_rolled_back_since(void **state)
{
	(void)state;
	to_apply(NIC);
	ui_app_keys(&u, 'A', 's', TERM_KEY_ENTER, 'R', TERM_KEY_ENTER, TERM_KEY_ESC);
	assert_ptr_equal(wizard_current(u.w), &screen_apply);
	assert_on_screen(u.t, "This was rolled back since.");
	assert_on_screen(u.t, "Applied: ");
}

/* "Nothing was changed" is said only where it is so. */
static void test_quit_after_applying(void **state)
{
	(void)state;
	to_apply(NIC);
	ui_app_keys(&u, 'q');
	assert_on_screen(u.t, "forgotten. Nothing on this system was changed.");
	ui_app_keys(&u, 'n', 'A', '?');
	assert_on_screen(u.t, "Capital A applies");
	assert_not_on_screen(u.t, "Nothing was written");
	ui_app_keys(&u, TERM_KEY_ENTER);
	to_apply(NIC_TWIN);
	ui_app_keys(&u, 'q');
	assert_on_screen(u.t, "forgotten.");
	assert_not_on_screen(u.t, "Nothing on this");
}

/* A rollback while a plan waits makes the plan void. */
static void test_void_plan(void **state)
{
	_cleanup_free_ char *before = NULL, *after = NULL;

	(void)state;
	to_apply(NIC);
	ui_app_keys(&u, 'A');
	to_apply(NIC_TWIN);
	ui_app_keys(&u, 's', TERM_KEY_ENTER, 'R', TERM_KEY_ENTER, TERM_KEY_ESC);
	assert_ptr_equal(wizard_current(u.w), &screen_apply);
	assert_on_screen(u.t, "The system was changed meanwhile");
	before = tree();
	ui_app_keys(&u, 'A');
	assert_on_screen(u.t, "Not applied");
	after = tree();
	assert_string_equal(before, after);
}

/* A change that was cut short is told first, and can be finished: its choice goes to the review. */
static void test_interrupted(void **state)
{
	_cleanup_free_ char *path = NULL;

	(void)state;
	to_apply(NIC);
	ui_app_keys(&u, 'A');
	assert_true(asprintf(&path, SNAPSHOT_DIR "/%s/state", u.app.snapshots.v[0].id) > 0);
	ui_app_close(&u);
	/* As if the machine had died when one file was not written yet. */
	support_put(u.dir, path, "pending\n");
	support_put(u.dir, "/etc/initramfs-tools/modules", "");
	ui_app_open(&u);
	assert_on_screen(u.t, "> Interrupted");
	ui_app_keys(&u, 's');
	assert_on_screen(u.t, "interrupted");
	ui_app_keys(&u, 'f');
	assert_ptr_equal(wizard_current(u.w), &screen_review);
	assert_true(choice_has(&u.app.choice, machine_device(u.app.machine, NIC)));
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_apply);
	assert_on_screen(u.t, "/etc/initramfs-tools/modules");
	ui_app_keys(&u, 'A');
	assert_on_screen(u.t, "Applied: ");
	for (size_t i = 0; i < u.app.snapshots.n; i++)
		assert_int_not_equal(u.app.snapshots.v[i].state, SNAPSHOT_INTERRUPTED);
}

/* So is a going back that was cut short: what is left of it is on the rollback screen. */
static void test_interrupted_going_back(void **state)
{
	_cleanup_free_ char *path = NULL, *before = NULL, *after = NULL;

	(void)state;
	before = tree();
	to_apply(NIC);
	ui_app_keys(&u, 'A', 's', TERM_KEY_ENTER, TERM_KEY_END, 'R');
	assert_on_screen(u.t, "Done: undo");
	assert_true(asprintf(&path, SNAPSHOT_DIR "/%s/state", u.app.snapshots.v[0].id) > 0);
	ui_app_close(&u);
	support_put(u.dir, path, "pending\n");
	ui_app_open(&u);
	assert_on_screen(u.t, "> Interrupted");
	ui_app_keys(&u, 's', 'f');
	assert_ptr_equal(wizard_current(u.w), &screen_rollback);
	ui_app_keys(&u, TERM_KEY_END, 'R');
	assert_on_screen(u.t, "Done: undo");
	for (size_t i = 0; i < u.app.snapshots.n; i++)
		assert_int_not_equal(u.app.snapshots.v[i].state, SNAPSHOT_INTERRUPTED);
	after = tree();
	support_assert_same(before, after);
}

static void test_refused(void **state)
{
	_cleanup_free_ char *before = tree(), *after = NULL;

	(void)state;
	snprintf(u.app.refusal, sizeof(u.app.refusal), "only root can change this system");
	to_apply(NIC);
	assert_on_screen(u.t, "only root can change this system");
	ui_app_keys(&u, 'A');
	assert_on_screen(u.t, "Not applied");
	ui_app_keys(&u, TERM_KEY_ENTER);
	after = tree();
	assert_string_equal(before, after);
}

/* A file that changed between the review and the key stops it, by name. */
static void test_changed_meanwhile(void **state)
{
	_cleanup_free_ char *before = NULL, *after = NULL;

	(void)state;
	to_apply(NIC);
	support_put(u.dir, "/etc/initramfs-tools/modules", "# somebody was here\n");
	before = tree();
	ui_app_keys(&u, 'A');
	assert_on_screen(u.t, "Nothing was changed");
	assert_on_screen(u.t, "/etc/initramfs-tools/modules");
	after = tree();
	assert_string_equal(before, after);
	/* The review looks again. */
	ui_app_keys(&u, TERM_KEY_ENTER, TERM_KEY_ESC, TERM_KEY_ENTER, 'A');
	assert_on_screen(u.t, "Applied: ");
}

/* A file changed since the snapshot is shown and asked for by name. */
static void test_changed_since(void **state)
{
	_cleanup_free_ char *file = NULL;

	(void)state;
	to_apply(NIC);
	ui_app_keys(&u, 'A');
	assert_on_screen(u.t, "Applied: ");
	support_put(u.dir, "/etc/initramfs-tools/modules", "# precious\n");
	ui_app_keys(&u, 's', TERM_KEY_ENTER);
	assert_on_screen(u.t, "file-changed");
	assert_on_screen(u.t, "DANGER: ");
	assert_on_screen(u.t, "Changed since vfio-wizard wrote it: /etc/initramfs-tools/modules");
	/* Not before all of the edit was in view. */
	ui_app_keys(&u, 'R');
	assert_on_screen(u.t, "Read the findings to their end first.");
	assert_on_screen(u.t, "+# precious");
	ui_app_keys(&u, 'R');
	assert_on_screen(u.t, "type: file-changed");
	ui_app_keys(&u, TERM_KEY_ESC);
	file = support_get(u.dir, "/etc/initramfs-tools/modules");
	assert_string_equal(file, "# precious\n");
	ui_app_keys(&u, 'R');
	ui_app_text(&u, "file-changed");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_on_screen(u.t, "Done: ");
	free(file);
	file = support_get(u.dir, "/etc/initramfs-tools/modules");
	assert_null(strstr(file, "precious"));
}

static void test_output(void **state)
{
	(void)state;
	put_programs("#!/bin/sh\nfor i in 1 2 3; do echo working on $i; done\n");
	to_apply(NIC);
	ui_app_keys(&u, 'A');
	assert_on_screen(u.t, "Applied: ");
	assert_on_screen(u.t, "4 commands run");
	ui_app_keys(&u, 'o');
	assert_on_screen(u.t, "working on 3");
	assert_on_screen(u.t, "updating grub");
	assert_on_screen(u.t, "[####");
	ui_app_keys(&u, 'o');
	assert_on_screen(u.t, "What to do next");
}

/* A failing command: everything is put back, and it says so. */
static void test_failure(void **state)
{
	_cleanup_free_ char *before = NULL, *after = NULL;

	(void)state;
	put_programs("#!/bin/sh\necho no space left; exit 1\n");
	before = tree();
	to_apply(NIC);
	ui_app_keys(&u, 'A');
	assert_on_screen(u.t, "Not applied");
	assert_on_screen(u.t, "It failed");
	ui_app_keys(&u, 'o');
	assert_on_screen(u.t, "no space left");
	after = tree();
	assert_string_equal(before, after);
	/* The choice is not lost. */
	ui_app_keys(&u, TERM_KEY_ESC, TERM_KEY_ESC, TERM_KEY_ESC);
	assert_on_screen(u.t, "> [x] " NIC);
}

/* A rollback that failed says s, and s it is. */
static void test_failed_rollback(void **state)
{
	(void)state;
	put_programs("#!/bin/sh\n[ -e /etc/sysconfig/vfio-bind ]\n");
	to_apply(NIC);
	ui_app_keys(&u, 'A');
	assert_on_screen(u.t, "Applied: ");
	ui_app_keys(&u, 's', TERM_KEY_ENTER, TERM_KEY_END, 'R');
	assert_on_screen(u.t, "Not rolled back");
	ui_app_keys(&u, 's');
	assert_ptr_equal(wizard_current(u.w), &screen_snapshots);
}

/* Ctrl-C asks; No goes on, Yes puts everything back. */
static void test_stop(void **state)
{
	_cleanup_free_ char *before = NULL, *after = NULL;

	(void)state;
	/* Waits for ever where our configuration is there; the way back runs through at once. */
	put_programs("#!/bin/sh\n[ -e /etc/sysconfig/vfio-bind ] || exit 0\n"
		     "echo begun\nread -r never </fifo\n");
	_cleanup_free_ char *fifo = NULL;

	assert_true(asprintf(&fifo, "%s/fifo", u.dir) > 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	before = tree();
	to_apply(NIC);
	ui_keys(u.w, 'A');
	for (int i = 0; i < 1000 && ui_find_row(u.t, "begun") < 0; i++) {
		assert_true(wizard_step(u.w));
		wizard_draw(u.w);
	}
	assert_on_screen(u.t, "begun");
	assert_on_screen(u.t, "Running /usr/sbin/update-initramfs");
	/* Keys of the wizard do nothing now. */
	ui_keys(u.w, TERM_KEY_ENTER, TERM_KEY_ESC, 'q', 's');
	assert_ptr_equal(wizard_current(u.w), &screen_apply);
	ui_keys(u.w, TERM_KEY_INTERRUPT);
	assert_on_screen(u.t, "Stop now?");
	ui_keys(u.w, TERM_KEY_ENTER);
	assert_on_screen(u.t, "Running /usr/sbin/update-initramfs");
	ui_keys(u.w, TERM_KEY_INTERRUPT, 'y');
	ui_app_settle(&u);
	assert_on_screen(u.t, "You stopped it. Every file is as it was before.");
	after = tree();
	assert_string_equal(before, after);
}

static void test_snapshot_position(void **state)
{
	(void)state;
	to_apply(NIC);
	ui_app_keys(&u, 'A');
	to_apply(NIC_TWIN);
	ui_app_keys(&u, 'A', 's', TERM_KEY_DOWN);
	assert_on_screen(u.t, "created " CHOICE_PATH);
	ui_app_keys(&u, TERM_KEY_ENTER, TERM_KEY_ESC);
	assert_on_screen(u.t, "created " CHOICE_PATH);
	ui_app_keys(&u, 'f');
	assert_on_screen(u.t, "Only an interrupted change can be finished.");
	ui_app_keys(&u, TERM_KEY_UP);
	assert_on_screen(u.t, "changed " CHOICE_PATH);
}

/* However long it is, all of it can be read. */
static void test_snapshot_detail(void **state)
{
	char *summary = malloc(8192);

	(void)state;
	to_apply(NIC);
	ui_app_keys(&u, 'A', 's');
	assert_non_null(summary);
	memset(summary, 'x', 8191);
	summary[8191] = '\0';
	free(u.app.snapshots.v[0].summary);
	u.app.snapshots.v[0].summary = summary;
	ui_app_keys(&u, 'i', TERM_KEY_END);
	assert_on_screen(u.t, "then /usr/sbin/update-grub");
	ui_app_keys(&u, 'i');
	assert_on_screen(u.t, "(complete)");
	ui_app_keys(&u, 'i', TERM_KEY_ESC);
	assert_ptr_equal(wizard_current(u.w), &screen_snapshots);
	assert_on_screen(u.t, "Roll back...");
}

static void test_sizes(void **state)
{
	static const int sizes[][2] = {{20, 60}, {60, 200}, {15, 60}, {5, 20}, {24, 80}};

	(void)state;
	to_apply(NIC);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		term_resize(u.t, sizes[i][0], sizes[i][1]);
		ui_app_settle(&u);
	}
	ui_app_keys(&u, 'A');
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		term_resize(u.t, sizes[i][0], sizes[i][1]);
		ui_app_keys(&u, 'o', TERM_KEY_END, 'o');
		if (sizes[i][0] >= WIZARD_MIN_ROWS)
			assert_on_screen(u.t, "o Output");
	}
	ui_app_keys(&u, 's');
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		term_resize(u.t, sizes[i][0], sizes[i][1]);
		ui_app_settle(&u);
		if (sizes[i][0] >= WIZARD_MIN_ROWS)
			assert_on_screen(u.t, "complete");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rolled_back_since, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quit_after_applying, setup, teardown),
		cmocka_unit_test_setup_teardown(test_void_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupted_going_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_since, setup, teardown),
		cmocka_unit_test_setup_teardown(test_output, setup_programs, teardown),
		cmocka_unit_test_setup_teardown(test_failure, setup_programs, teardown),
		cmocka_unit_test_setup_teardown(test_failed_rollback, setup_programs, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup_programs, teardown),
		cmocka_unit_test_setup_teardown(test_snapshot_position, setup, teardown),
		cmocka_unit_test_setup_teardown(test_snapshot_detail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
