/* The devices screen: what it shows, what Space does, and that the cursor stays where it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support_ui_app.h"

#include "tests/mktree.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

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
	ui_app_keys(&u, TERM_KEY_ENTER);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ui_app_close(&u);
	return 0;
}

static bool is_chosen(const char *address)
{
	return choice_find(&u.app.choice, address) != NULL;
}

static void test_picture(void **state)
{
	(void)state;
	ui_app_focus(&u, CARD);
	assert_screen(u.t,
		" vfio-wizard: Devices                                               Step 2 of 5\n"
		"13 devices in 10 groups; none chosen.\n"
		"  Group 0 (DMA): 1 device\n"
		"   -  0000:00:00.0 Host bridge                  8086:0100 no driver   bridge\n"
		"  Group 1 (DMA): 3 devices, 2 go together\n"
		"   -  0000:00:01.0 PCI bridge                   8086:0101 pcieport    bridge\n"
		"> [ ] 0000:01:00.0 VGA compatible controller    10de:1b80 nouveau\n"
		"  [ ] 0000:01:00.1 Audio device                 10de:10f0 snd_hda_int\n"
		"  Group 2 (DMA): 1 device\n"
		"  [ ] 0000:00:02.0 VGA compatible controller    8086:0102 i915        display\n"
		"  Group 3 (DMA): 1 device\n"
		"   -  0000:00:1c.0 PCI bridge                   8086:1c10 pcieport    bridge\n"
		"  Group 4 (DMA): 1 device\n"
		"   -  0000:00:1c.1 PCI bridge                   8086:1c12 pcieport    bridge\n"
		"  Group 5 (DMA): 1 device\n"
		"   -  0000:00:1c.2 PCI bridge                   8086:1c14 pcieport    bridge\n"
		"  Group 6 (DMA): 1 device\n"
		"   -  0000:00:1c.3 PCI bridge                   8086:1c16 pcieport    bridge   v\n"
		"────────────────────────────────────────────────────────────────────────────────\n"
		"0000:01:00.0 VGA compatible controller\n"
		"Warning: function-left-behind, group-shared\n"
		"Group 1: besides it 1 to choose too, 1 harmless\n"
		"Driver: nouveau; modules: nouveau\n"
		" Enter Options  Esc Back  Space Choose  / Filter  i Detail       q Quit  ? "
		"Help\n");
}

/* Nothing is lost: every device of the machine is a row, the ungrouped one last. */
static void test_every_device(void **state)
{
	(void)state;
	for (size_t i = 0; i < u.app.machine->n_devices; i++)
		ui_app_focus(&u, u.app.machine->devices[i].address);
	ui_app_keys(&u, TERM_KEY_END);
	assert_on_screen(u.t, "In no IOMMU group: a guest cannot use these");
	assert_on_screen(u.t, "> [ ] " NO_GROUP);
	ui_app_keys(&u, 'i');
	assert_on_screen(u.t, "In no IOMMU group: no guest can use it");
}

static void test_whole_card(void **state)
{
	(void)state;
	ui_app_focus(&u, CARD_SOUND);
	ui_app_keys(&u, ' ');
	assert_on_screen(u.t, "Choose the whole card");
	assert_int_equal(u.app.choice.n, 0);
	ui_app_keys(&u, 'x', TERM_KEY_DOWN, ' ');
	assert_int_equal(u.app.choice.n, 0);
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_int_equal(u.app.choice.n, 2);
	assert_true(is_chosen(CARD) && is_chosen(CARD_SOUND));
	assert_on_screen(u.t, "> [x] " CARD_SOUND);
	assert_on_screen(u.t, "2 of 13 devices chosen");

	ui_app_keys(&u, ' ');
	assert_on_screen(u.t, "Give back the whole card");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_int_equal(u.app.choice.n, 0);
}

static void test_one_function(void **state)
{
	(void)state;
	ui_app_focus(&u, CARD);
	ui_app_keys(&u, ' ', TERM_KEY_ESC);
	assert_int_equal(u.app.choice.n, 0);
	assert_ptr_equal(wizard_current(u.w), &screen_devices);
	ui_app_keys(&u, ' ', 'o');
	assert_int_equal(u.app.choice.n, 1);
	assert_true(is_chosen(CARD));
	/* What else is in the group is said at once. */
	assert_on_screen(u.t, "Group 1 also holds " CARD_SOUND);
	assert_on_screen(u.t, "group-shared");
	/* Its last function is chosen without a question: none would be left behind. */
	ui_app_focus(&u, CARD_SOUND);
	ui_app_keys(&u, ' ');
	assert_int_equal(u.app.choice.n, 2);
}

static void test_bridge(void **state)
{
	(void)state;
	ui_app_focus(&u, PORT);
	ui_app_keys(&u, ' ');
	assert_int_equal(u.app.choice.n, 0);
	assert_on_screen(u.t, "A bridge stays with the host; its group can be used all the same.");
	ui_app_focus(&u, HOST_BRIDGE);
	ui_app_keys(&u, ' ');
	assert_int_equal(u.app.choice.n, 0);
}

/* The danger is told before the device is chosen: at a glance, in full at a key, and in full once
 * it is chosen. */
static void test_danger(void **state)
{
	(void)state;
	ui_app_focus(&u, ROOT_DISK);
	assert_on_screen(u.t, "root disk");
	assert_on_screen(u.t, "DANGER: root-disk");
	assert_on_screen(u.t, "The host uses it: / is on nvme0n1");
	assert_on_screen(u.t, "Group 7, alone in it");
	ui_app_keys(&u, 'i');
	assert_on_screen(u.t, "DANGER: " ROOT_DISK);
	ui_app_keys(&u, 'i');
	assert_not_on_screen(u.t, "DANGER: " ROOT_DISK);
	ui_app_keys(&u, ' ');
	assert_true(is_chosen(ROOT_DISK));
	assert_on_screen(u.t, "DANGER: " ROOT_DISK);
	assert_on_screen(u.t, "1 danger");
}

static void test_identical(void **state)
{
	(void)state;
	ui_app_focus(&u, NIC);
	ui_app_keys(&u, ' ');
	assert_true(is_chosen(NIC));
	assert_false(is_chosen(NIC_TWIN));
	assert_on_screen(u.t, "identical-device");
}

static void test_filter(void **state)
{
	(void)state;
	ui_app_keys(&u, '/');
	ui_app_text(&u, "E1000");
	assert_on_screen(u.t, "Show only: E1000");
	assert_on_screen(u.t, NIC);
	assert_on_screen(u.t, NIC_TWIN);
	assert_not_on_screen(u.t, CARD);
	/* Letters that are keys elsewhere are text here, and Enter keeps the filter. */
	ui_app_text(&u, "q?");
	assert_not_on_screen(u.t, NIC);
	ui_app_keys(&u, TERM_KEY_BACKSPACE, TERM_KEY_BACKSPACE, TERM_KEY_ENTER);
	assert_ptr_equal(wizard_current(u.w), &screen_devices);
	assert_on_screen(u.t, "> [ ] " NIC);
	assert_on_screen(u.t, "2 of 13 devices; none chosen.");
	ui_app_keys(&u, TERM_KEY_DOWN, ' ');
	assert_true(is_chosen(NIC_TWIN));
	ui_app_keys(&u, '/', TERM_KEY_ESC);
	assert_on_screen(u.t, "> [x] " NIC_TWIN);
	assert_not_on_screen(u.t, "Only");
}

static void test_nothing_found(void **state)
{
	(void)state;
	ui_app_keys(&u, '/');
	ui_app_text(&u, "no such thing");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_on_screen(u.t, "\"no such thing\" is in no device; / and Esc show all.");
	ui_app_keys(&u, ' ', 'n', 'p', 'i', 'i', TERM_KEY_DOWN);
	assert_int_equal(u.app.choice.n, 0);
	/* How to see all again is told on a narrow terminal, too. */
	term_resize(u.t, 20, 60);
	ui_app_keys(&u, '/');
	ui_app_text(&u, " however long it is");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_on_screen(u.t, " is in no device; / and Esc show all.");
	ui_app_keys(&u, '/', TERM_KEY_ESC);
	assert_on_screen(u.t, HOST_BRIDGE);
}

static void test_groups(void **state)
{
	(void)state;
	ui_app_keys(&u, 'n');
	assert_on_screen(u.t, ">  -  " PORT);
	ui_app_keys(&u, 'n');
	assert_on_screen(u.t, "> [ ] " VGA);
	ui_app_focus(&u, CARD_SOUND);
	ui_app_keys(&u, 'p');
	assert_on_screen(u.t, ">  -  " HOST_BRIDGE);
	ui_app_keys(&u, 'p');
	assert_on_screen(u.t, ">  -  " HOST_BRIDGE);
	for (int i = 0; i < 20; i++)
		ui_keys(u.w, 'n');
	ui_app_settle(&u);
	assert_on_screen(u.t, "> [ ] " NO_GROUP);
}

/* Every key that works is in the help. */
static void test_keys(void **state)
{
	static const char *const labels[] = {"Snapshots", "Guest", "Look again"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		ui_app_keys(&u, '?');
		for (int k = 0; k < 10 && ui_find_row(u.t, labels[i]) < 0; k++)
			ui_app_keys(&u, TERM_KEY_PAGE_DOWN);
		assert_on_screen(u.t, labels[i]);
		ui_app_keys(&u, TERM_KEY_ENTER);
	}
	ui_app_keys(&u, 'g');
	assert_ptr_equal(wizard_current(u.w), &screen_guest);
}

static void test_position(void **state)
{
	(void)state;
	ui_app_focus(&u, NIC);
	ui_app_keys(&u, TERM_KEY_ENTER, TERM_KEY_ESC);
	assert_on_screen(u.t, "> [ ] " NIC);
	ui_app_keys(&u, 'r');
	assert_on_screen(u.t, "> [ ] " NIC);
	assert_on_screen(u.t, "Looked again: 13 devices");
}

/* A device that vanished or was replaced stays visible, so that it can be dropped. */
static void test_lost(void **state)
{
	struct device other = *machine_device(u.app.machine, NIC);
	struct device gone = {.address = "0000:77:00.0", .vendor = 0x1234, .device = 0x5678};

	(void)state;
	other.subsystem_device++;
	assert_int_equal(choice_add(&u.app.choice, &other), 0);
	assert_int_equal(choice_add(&u.app.choice, &gone), 0);
	assert_int_equal(app_choice_changed(&u.app), 0);
	ui_app_keys(&u, TERM_KEY_ESC, TERM_KEY_ENTER, TERM_KEY_HOME);
	assert_on_screen(u.t, "Chosen, but not there as it was chosen");
	assert_on_screen(u.t, "> [x] " NIC);
	assert_on_screen(u.t, "was chosen as [8086:10d3]");
	ui_app_keys(&u, TERM_KEY_DOWN);
	assert_on_screen(u.t, "No device is at this address now");
	ui_app_keys(&u, ' ');
	assert_false(is_chosen("0000:77:00.0"));
	/* Choosing what is there now replaces what was chosen there. */
	ui_app_keys(&u, '/');
	ui_app_text(&u, "e1000e");
	ui_app_keys(&u, TERM_KEY_ENTER);
	ui_app_keys(&u, TERM_KEY_HOME, TERM_KEY_DOWN);
	assert_on_screen(u.t, "> [ ] " NIC);
	ui_app_keys(&u, ' ');
	assert_true(choice_has(&u.app.choice, machine_device(u.app.machine, NIC)));
	assert_not_on_screen(u.t, "not there as it was");
}

/* One key moves the choice, all of a card, to where it is now. */
static void test_moved(void **state)
{
	const char *const functions[] = {CARD, CARD_SOUND};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		struct device before = *machine_device(u.app.machine, functions[i]);

		before.bus = 9;
		snprintf(before.address, sizeof(before.address), "0000:09:00.%zu", i);
		assert_int_equal(choice_add(&u.app.choice, &before), 0);
	}
	assert_int_equal(app_choice_changed(&u.app), 0);
	ui_app_keys(&u, TERM_KEY_ESC, TERM_KEY_ENTER, TERM_KEY_HOME);
	assert_on_screen(u.t, "> [x] 0000:09:00.0 is now at " CARD " (m: move the choice)");
	assert_on_screen(u.t, "The card is now at " CARD);
	assert_on_screen(u.t, "m Move choice");
	assert_on_screen(u.t, "2 warnings");
	ui_app_keys(&u, 'm');
	assert_on_screen(u.t, "The choice has moved");
	assert_on_screen(u.t, "> [x] " CARD);
	assert_int_equal(u.app.choice.n, 2);
	assert_true(is_chosen(CARD) && is_chosen(CARD_SOUND));
	assert_not_on_screen(u.t, "not there as it was");
	assert_not_on_screen(u.t, "m Move choice");
	/* And then the key is none. */
	ui_app_keys(&u, 'm');
	assert_int_equal(u.app.choice.n, 2);
}

/* The heading of a group says what matters, before and after something of it is chosen. */
static void test_group_heading(void **state)
{
	(void)state;
	assert_on_screen(u.t, "Group 1 (DMA): 3 devices, 2 go together");
	ui_app_focus(&u, CARD);
	ui_app_keys(&u, ' ', 'o');
	assert_on_screen(u.t, "Group 1 (DMA): 3 devices, 1 to choose too");
	assert_on_screen(u.t, "to choose too: " CARD_SOUND " (snd_hda_intel); harmless: 1");
	ui_app_focus(&u, CARD_SOUND);
	ui_app_keys(&u, ' ');
	assert_not_on_screen(u.t, "to choose too");
	assert_on_screen(u.t, "chosen: " CARD " (nouveau); harmless: 1");
}

/* A line for each fact that matters, on the page of the device. */
static void test_fitness(void **state)
{
	(void)state;
	support_put(u.dir, "/sys/bus/pci/devices/" ROOT_DISK "/reset_method", "flr bus\n");
	support_put(u.dir, "/sys/bus/pci/devices/" CARD "/current_link_speed", "2.5 GT/s PCIe\n");
	support_put(u.dir, "/sys/bus/pci/devices/" CARD "/max_link_speed", "8.0 GT/s PCIe\n");
	support_put(u.dir, "/sys/bus/pci/devices/" CARD "/current_link_width", "8\n");
	support_put(u.dir, "/sys/bus/pci/devices/" CARD "/max_link_width", "16\n");
	support_put(u.dir, "/sys/bus/pci/devices/" CARD "/resource",
		"0x0000000000000000 0x00000003ffffffff 0x000000002014220c\n");
	ui_app_focus(&u, CARD);
	ui_app_keys(&u, 'i');
	assert_on_screen(u.t, "Reset: none of its own");
	assert_on_screen(u.t, "Link: x8 at 2.5 GT/s PCIe now, x16 at 8.0 GT/s PCIe at most");
	assert_on_screen(u.t, "Its memory BAR 0 of 16 GiB has no address");
	assert_on_screen(u.t, "No ROM");
	ui_app_keys(&u, TERM_KEY_ESC);
	ui_app_focus(&u, ROOT_DISK);
	ui_app_keys(&u, 'i');
	assert_on_screen(u.t, "Reset: flr bus");
	assert_not_on_screen(u.t, "No ROM");
}

static void test_detail(void **state)
{
	(void)state;
	ui_app_focus(&u, CARD);
	ui_app_keys(&u, 'i');
	assert_on_screen(u.t, "Ids 10de:1b80, subsystem 1043:8591");
	assert_on_screen(u.t, "Class 030000 VGA compatible controller, revision a1");
	assert_on_screen(u.t, "What choosing it means");
	assert_on_screen(u.t, "What to do:");
	ui_app_keys(&u, TERM_KEY_ESC);
	assert_on_screen(u.t, "> [ ] " CARD);
}

/* In a word in the row, in sentences in the detail, and never silent about what is not known. */
static void test_uses(void **state)
{
	(void)state;
	support_put(u.dir, "/proc/net/route",
		"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
		"eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
	assert_int_equal(mktree_attach(u.dir, NIC, "net:net/eth0"), 0);
	assert_int_equal(mktree_attach(u.dir, NIC_TWIN, "net:net/eth1"), 0);
	support_put(u.dir, "/sys/class/net/eth1/carrier", "1\n");
	ui_app_keys(&u, 'r');
	ui_app_focus(&u, ROOT_DISK);
	assert_on_screen(u.t, "nvme        root disk");
	assert_on_screen(u.t, "The host uses it: / is on nvme0n1p2");
	ui_app_focus(&u, NIC);
	assert_on_screen(u.t, "e1000e      network");
	assert_on_screen(u.t, "The host uses it: the default route goes through eth0");
	ui_app_keys(&u, 'i');
	assert_on_screen(
		u.t, "default route goes through eth0. The host loses a network connection");
	ui_app_keys(&u, 'i');
	ui_app_focus(&u, NIC_TWIN);
	assert_on_screen(u.t, "e1000e      link");
	assert_on_screen(u.t, "Also: eth1 has a link");
	ui_app_keys(&u, 'i');
	assert_on_screen(u.t, "Not known, and so perhaps in use: network (");
}

static void test_sizes(void **state)
{
	static const int sizes[][2] = {{24, 80}, {20, 60}, {60, 200}, {15, 60}, {3, 10}, {24, 80}};

	(void)state;
	ui_app_focus(&u, NIC_TWIN);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		term_resize(u.t, sizes[i][0], sizes[i][1]);
		ui_app_settle(&u);
		if (sizes[i][0] >= WIZARD_MIN_ROWS)
			assert_on_screen(u.t, "> [ ] " NIC_TWIN);
	}
}

#define EIGHT     "0000:01:00."
#define LONG_NAME "a name as long as those of some controllers are, number"

/* A card of eight functions with names of two rows each. */
static void open_large_card(void)
{
	_cleanup_(str_free) struct str facts = {0};
	_cleanup_free_ char *path = NULL;

	str_addf(&facts,
		"title a large card\nsource made up\niommu yes\nunits dmar0\ncpu intel\ntable "
		"DMAR\n" PORT " 8086:0101 - 060400 09 1 pcieport bus=00-01-01\n");
	for (int i = 0; i < 8; i++)
		str_addf(&facts, EIGHT "%d 8086:150%d - 020000 01 1 ixgbe parent=" PORT "\n", i, i);
	assert_int_equal(str_check(&facts), 0);
	support_put(u.dir, "/facts", facts.s);
	assert_true(asprintf(&path, "%s/facts", u.dir) > 0);
	assert_int_equal(mktree_machine(path, u.dir), 0);
	ui_app_open(&u);
	for (size_t i = 0; i < u.app.machine->n_devices; i++) {
		struct device *d = &u.app.machine->devices[i];

		if (!strncmp(d->address, EIGHT, strlen(EIGHT)))
			assert_true(asprintf(&d->name, LONG_NAME " %u", d->function) > 0);
	}
	ui_app_keys(&u, TERM_KEY_ENTER);
}

/* However many functions go along: none is taken that was not in view. */
static void test_large_card(void **state)
{
	(void)state;
	ui_app_close(&u);
	open_large_card();
	ui_app_focus(&u, EIGHT "0");
	ui_app_keys(&u, ' ');
	assert_on_screen(u.t, "Choose the whole card");
	assert_on_screen(u.t, EIGHT "0");
	assert_on_screen(u.t, EIGHT "7");
	ui_app_keys(&u, TERM_KEY_ESC);
	term_resize(u.t, 15, 60);
	ui_app_keys(&u, ' ');
	assert_on_screen(u.t, "o Only this");
	assert_on_screen(u.t, "Choose the whole card");
	assert_not_on_screen(u.t, LONG_NAME " 7");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_int_equal(u.app.choice.n, 0);
	assert_on_screen(u.t, "read on");
	assert_on_screen(u.t, EIGHT "7");
	ui_app_keys(&u, TERM_KEY_ENTER);
	assert_int_equal(u.app.choice.n, 8);
	ui_app_keys(&u, ' ', TERM_KEY_DOWN, 'o');
	assert_int_equal(u.app.choice.n, 7);
}

/* The time of 50 keys in microseconds, of the fastest of several rounds, so that a busy machine
 * does not count. */
static long long time_of_keys(void)
{
	long long best = INT64_MAX;

	for (int round = 0; round < 8; round++) {
		struct timespec from, to;
		long long spent;

		ui_keys(u.w, TERM_KEY_HOME);
		clock_gettime(CLOCK_MONOTONIC, &from);
		for (int i = 0; i < 50; i++)
			ui_keys(u.w, TERM_KEY_DOWN);
		clock_gettime(CLOCK_MONOTONIC, &to);
		spent = (to.tv_sec - from.tv_sec) * 1000000LL + (to.tv_nsec - from.tv_nsec) / 1000;
		best = spent < best ? spent : best;
	}
	return best;
}

/* A key costs what is visible, not what there is. */
static void test_many(void **state)
{
	long long few, many;

	(void)state;
	ui_app_close(&u);
	assert_int_equal(mktree_synthetic(200, 1, true, u.dir), 0);
	ui_app_open(&u);
	ui_keys(u.w, TERM_KEY_ENTER);
	few = time_of_keys();

	ui_app_close(&u);
	assert_int_equal(mktree_synthetic(10000, 1, true, u.dir), 0);
	ui_app_open(&u);
	assert_true(u.app.machine->n_devices >= 10000);
	ui_keys(u.w, TERM_KEY_ENTER);
	many = time_of_keys();
	print_message("# a key: %lld us of 200 devices, %lld us of 10000\n", few / 50, many / 50);
	/* Going over all devices would make it many times as much. */
	assert_true(many < 3 * few);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_picture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_device, setup, teardown),
		cmocka_unit_test_setup_teardown(test_whole_card, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_function, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bridge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_danger, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identical, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_position, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group_heading, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fitness, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_card, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
