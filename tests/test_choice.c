#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/choice.h"
#include "tests/support.h"
#include "tests/support_machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GPU   "0000:01:00.0=10de:1b80:1043:8591"
#define AUDIO "0000:01:00.1=10de:10f0:1043:8591"

static struct choice parse(const char *text)
{
	struct choice choice = {0};
	struct error err = {0};

	if (choice_parse(text, &choice, &err) < 0)
		fail_msg("%s", err.text);
	return choice;
}

static void what_is_written_is_what_is_read(void **state)
{
	struct choice choice = parse("# mine\nDEVICES=\"" AUDIO "\t" GPU " 10000:e1:00.0="
				     "8086:a80c:0000:0000\"\nOPTIONS=\"ids iommu-pt\"\nOTHER=1\n");
	struct choice again;
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(choice.n, 3);
	assert_string_equal(choice.picks[0].address, "0000:01:00.0");
	assert_int_equal(choice.picks[0].device, 0x1b80);
	assert_int_equal(choice.picks[1].subsystem_device, 0x8591);
	assert_string_equal(choice.picks[2].address, "10000:e1:00.0");
	assert_int_equal(choice.options, CHOICE_IDS | CHOICE_IOMMU_PT);
	assert_int_equal(choice_format(&choice, &text), 0);
	assert_non_null(strstr(
		text, "\nDEVICES=\"" GPU " " AUDIO " 10000:e1:00.0=8086:a80c:0000:0000\"\n"));
	assert_non_null(strstr(text, "\nOPTIONS=\"iommu-pt ids\"\n"));
	again = parse(text);
	assert_true(choice_same(&choice, &again));
	choice_free(&choice);
	choice_free(&again);
}

static void the_place_is_kept_beside_the_identity(void **state)
{
	struct choice choice =
		parse("PLACES=\"01:00.0=0000:00:01.0/00.0,21 0000:01:00.1=0000:00:01.0/"
		      "00.1 0000:77:00.0=0000:77:00.0,3\"\nDEVICES=\"" GPU " " AUDIO "\"\n");
	struct choice again, old = parse("DEVICES=\"" GPU "\"\nOPTIONS=\"\"\n");
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(choice.n, 2);
	assert_string_equal(choice.picks[0].path, "0000:00:01.0/00.0");
	assert_int_equal(choice.picks[0].group, 21);
	assert_string_equal(choice.picks[1].path, "0000:00:01.0/00.1");
	assert_int_equal(choice.picks[1].group, -1);
	assert_int_equal(choice_format(&choice, &text), 0);
	assert_non_null(strstr(text, "\nPLACES=\"0000:01:00.0=0000:00:01.0/00.0,21 "
				     "0000:01:00.1=0000:00:01.0/00.1\"\n"));
	again = parse(text);
	assert_true(choice_same(&choice, &again));
	again.picks[0].group = 22;
	assert_false(choice_same(&choice, &again));
	/* Files of before have none. */
	assert_string_equal(old.picks[0].path, "");
	assert_int_equal(old.picks[0].group, -1);
	choice_free(&choice);
	choice_free(&again);
	choice_free(&old);
}

static void addresses_are_made_whole_and_repetitions_dropped(void **state)
{
	struct choice choice = parse("DEVICES=\"01:00.0=10DE:1B80:1043:8591 " GPU "\"  \n");

	(void)state;
	assert_int_equal(choice.n, 1);
	assert_string_equal(choice.picks[0].address, "0000:01:00.0");
	choice_free(&choice);
}

static void refused(const char *text, const char *where, const char *why)
{
	struct choice choice = {.n = 77};
	struct error err = {0};

	assert_int_equal(choice_parse(text, &choice, &err), -EINVAL);
	if (!strstr(err.text, where) || !strstr(err.text, why))
		fail_msg("'%s' lacks '%s' or '%s'", err.text, where, why);
	assert_int_equal(choice.n, 77);
}

static void what_vfio_bind_would_not_read_is_refused_by_line(void **state)
{
	(void)state;
	refused("\n# x\nDEVICES=" GPU "\n", CHOICE_PATH ":3:", "double quotes");
	refused("DEVICES='" GPU "'\n", ":1:", "double quotes");
	refused("DEVICES=\"" GPU "\n" AUDIO "\"\n", ":1:", "double quotes");
	refused("DEVICES=\"" GPU "\"\r\n", ":1:", "double quotes");
	refused("DEVICES=\"\"\nDEVICES=\"" GPU "\"\n", ":2:", "twice");
	refused("export DEVICES=\"\"\n", ":1:", "not a comment");
	refused("0000:01:00.0\n", ":1:", "not a comment");
	refused("=x\n", ":1:", "not a comment");
}

static void wrong_devices_and_options_are_named(void **state)
{
	(void)state;
	refused("DEVICES=\"0000:01:00.0\"\n", "0000:01:00.0", "no ids");
	refused("DEVICES=\"0000:01:00=10de:1b80:1043:8591\"\n", ":1:", "not a device");
	refused("DEVICES=\"../../x=10de:1b80:1043:8591\"\n", ":1:", "not a device");
	refused("DEVICES=\"0000:01:00.0=10de:1b80\"\n", "10de:1b80", "hexadecimal");
	refused("DEVICES=\"0000:01:00.0=10de:1b80:1043:859g\"\n", "859g", "hexadecimal");
	refused("DEVICES=\"0000:01:00.0=10de:1b80:1043-8591\"\n", "1043-8591", "hexadecimal");
	refused("DEVICES=\"0000:01:00.0=+0de:1b80:1043:8591\"\n", "+0de", "hexadecimal");
	refused("DEVICES=\"0000:01:00.0=10de:1b80:1043:85911\"\n", "85911", "hexadecimal");
	refused("DEVICES=\"" GPU " 0000:01:00.0=10de:1b81:1043:8591\"\n", "0000:01:00.0",
		"two identities");
	refused("PLACES=\"0000:01:00.0\"\n", ":1:", "ADDRESS=PATH,GROUP");
	refused("PLACES=\"0000:01:00.0=../x,1\"\n", ":1:", "ADDRESS=PATH,GROUP");
	refused("PLACES=\"0000:01:00.0=0000:00:01.0,-1\"\n", ":1:", "ADDRESS=PATH,GROUP");
	refused("PLACES=\"\"\nPLACES=\"\"\n", ":2:", "twice");
	refused("OPTIONS=\"iommu-pt fly\"\n", "fly", "no such option");
}

static void nothing_is_an_empty_choice(void **state)
{
	static const char *const texts[] = {"", "\n\n", "# x", "; x", "DEVICES=\"\"", "A_1=\\\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct choice choice = parse(texts[i]);

		assert_int_equal(choice.n, 0);
		choice_free(&choice);
	}
}

static void a_long_list_is_read_in_order(void **state)
{
	_cleanup_(str_free) struct str text = {0};
	struct choice choice;

	(void)state;
	str_add(&text, "DEVICES=\"");
	for (unsigned i = 20000; i > 0; i--)
		str_addf(&text, "%04x:00:00.0=8086:0001:0000:0000 ", i);
	str_add(&text, "\"\n");
	choice = parse(text.s);
	assert_int_equal(choice.n, 20000);
	assert_string_equal(choice.picks[0].address, "0001:00:00.0");
	assert_non_null(choice_find(&choice, "4e20:00:00.0"));
	choice_free(&choice);
}

/* ---- below a root ---- */

static int load(const char *text, struct choice *choice, struct error *err)
{
	char *dir = support_scratch();
	struct root *root = NULL;
	int r;

	support_put(dir, "/sys/bus/pci/devices/x", "");
	if (text)
		support_put(dir, CHOICE_PATH, text);
	assert_int_equal(root_open(dir, NULL, &root, err), 0);
	r = choice_load(root, choice, err);
	root_close(root);
	support_remove(dir);
	return r;
}

static void no_file_and_the_recipes_file_are_empty_choices(void **state)
{
	struct choice choice = {.n = 77};
	struct error err = {0};

	(void)state;
	assert_int_equal(load(NULL, &choice, &err), 0);
	assert_int_equal(choice.n, 0);
	choice.n = 77;
	assert_int_equal(load("DEVICES=\"0000:04:00.0 0000:05:00.0\"\n", &choice, &err), 0);
	assert_int_equal(choice.n, 0);
	assert_int_equal(err.code, 0);
}

static void our_own_file_damaged_is_an_error(void **state)
{
	struct choice choice = {.n = 77};
	struct error err = {0};

	(void)state;
	assert_int_equal(
		load("# Written by vfio-wizard\nDEVICES=\"0000:04:00.0\"\n", &choice, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, CHOICE_PATH ":2:"));
	assert_int_equal(choice.n, 77);
	assert_int_equal(load("# Written by vfio-wizard\nDEVICES=\"" GPU "\"\n", &choice, &err), 0);
	assert_int_equal(choice.n, 1);
	choice_free(&choice);
}

/* ---- with a machine ---- */

static int setup(void **state)
{
	struct support_machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	support_machine_init(m);
	support_device(m, "0000:01:00.0", "10de:1b80:1043:8591", 0x030000, 1, "nouveau", "nouveau");
	support_device(m, "0000:02:00.0", "10de:1b80:1043:8591", 0x030000, 2, "nouveau", "nouveau");
	support_device(m, "0000:03:00.0", "10de:1b80:1043:0001", 0x030000, 3, NULL, "nouveau");
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	support_machine_free(*state);
	free(*state);
	return 0;
}

static void devices_are_added_once_and_removed(void **state)
{
	struct support_machine *m = *state;
	struct choice choice = {0}, copy = {0};

	for (size_t i = 3; i-- > 0;)
		assert_int_equal(choice_add(&choice, &m->devices[i]), 0);
	assert_int_equal(choice_add(&choice, &m->devices[1]), 0);
	assert_int_equal(choice.n, 3);
	assert_string_equal(choice.picks[0].address, "0000:01:00.0");
	assert_string_equal(choice.picks[2].address, "0000:03:00.0");
	assert_int_equal(choice_copy(&copy, &choice), 0);
	assert_true(choice_same(&copy, &choice));
	choice_remove(&copy, "0000:02:00.0");
	choice_remove(&copy, "0000:09:00.0");
	assert_int_equal(copy.n, 2);
	assert_false(choice_same(&copy, &choice));
	assert_null(choice_find(&copy, "0000:02:00.0"));
	assert_true(choice_has(&copy, &m->devices[2]));
	choice_free(&choice);
	choice_free(&copy);
}

static void another_device_at_the_address_is_not_chosen(void **state)
{
	struct support_machine *m = *state;
	struct choice choice = {0};

	assert_int_equal(choice_add(&choice, &m->devices[0]), 0);
	m->devices[0].subsystem_device++;
	assert_false(choice_has(&choice, &m->devices[0]));
	assert_non_null(choice_find(&choice, m->devices[0].address));
	/* Choosing it again takes the device that is there now. */
	assert_int_equal(choice_add(&choice, &m->devices[0]), 0);
	assert_int_equal(choice.n, 1);
	assert_true(choice_has(&choice, &m->devices[0]));
	choice_free(&choice);
}

/* The devices of the machine, which are kept in address order, with other buses. */
static void renumber(struct device *d, uint8_t bus)
{
	d->bus = bus;
	(void)snprintf(d->address, sizeof(d->address), "0000:%02x:00.0", bus);
}

/* Each below a port of its own: two twins and a third device. */
static void put_ports(struct support_machine *m, struct device ports[3])
{
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(ports[i].address, sizeof(ports[i].address), "0000:00:%02x.0", i + 1);
		m->devices[i].parent = &ports[i];
	}
}

static void a_twin_that_took_the_address_is_not_chosen(void **state)
{
	struct support_machine *m = *state;
	struct device ports[3] = {0};
	struct choice choice = {0};
	bool is_sure;

	put_ports(m, ports);
	assert_int_equal(choice_add(&choice, &m->devices[0]), 0);
	assert_string_equal(choice.picks[0].path, "0000:00:01.0/00.0");
	assert_ptr_equal(
		choice_locate(&choice, &m->machine, &choice.picks[0], NULL), &m->devices[0]);
	assert_false(choice_has_moved(&choice, &m->machine));
	/* A card more in front of it: buses count on, and the twin is where the chosen one was. */
	m->devices[0].parent = &ports[1];
	m->devices[1].parent = &ports[0];
	assert_false(choice_has(&choice, &m->devices[0]));
	assert_true(choice_has_moved(&choice, &m->machine));
	assert_ptr_equal(
		choice_locate(&choice, &m->machine, &choice.picks[0], &is_sure), &m->devices[1]);
	assert_true(is_sure);
	assert_int_equal(choice_follow(&choice, &m->machine), 0);
	assert_int_equal(choice.n, 1);
	assert_string_equal(choice.picks[0].address, "0000:02:00.0");
	assert_true(choice_has(&choice, &m->devices[1]));
	assert_false(choice_has_moved(&choice, &m->machine));
	choice_free(&choice);
}

static void twins_that_are_both_chosen_may_change_places(void **state)
{
	struct support_machine *m = *state;
	struct device ports[3] = {0};
	struct choice choice = {0};

	put_ports(m, ports);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(choice_add(&choice, &m->devices[i]), 0);
	m->devices[0].parent = &ports[1];
	m->devices[1].parent = &ports[0];
	assert_true(choice_has(&choice, &m->devices[0]));
	assert_true(choice_has(&choice, &m->devices[1]));
	choice_free(&choice);
}

static void an_only_card_is_the_chosen_one_in_any_slot(void **state)
{
	struct support_machine *m = *state;
	struct device ports[3] = {0};
	struct choice choice = {0};
	bool is_sure;

	put_ports(m, ports);
	assert_int_equal(choice_add(&choice, &m->devices[2]), 0);
	/* Another port now leads to the same bus. */
	m->devices[2].parent = &ports[0];
	assert_true(choice_has(&choice, &m->devices[2]));
	/* And now it is behind another bus as well. */
	renumber(&m->devices[2], 9);
	assert_ptr_equal(
		choice_locate(&choice, &m->machine, &choice.picks[0], &is_sure), &m->devices[2]);
	assert_false(is_sure);
	assert_int_equal(choice_follow(&choice, &m->machine), 0);
	assert_int_equal(choice.n, 1);
	assert_true(choice_has(&choice, &m->devices[2]));
	/* Gone for good: there is nothing to follow. */
	m->machine.n_devices--;
	assert_null(choice_locate(&choice, &m->machine, &choice.picks[0], NULL));
	assert_int_equal(choice_follow(&choice, &m->machine), 0);
	assert_string_equal(choice.picks[0].address, "0000:09:00.0");
	choice_free(&choice);
}

static void a_twin_that_was_chosen_itself_is_not_the_one_that_went(void **state)
{
	struct support_machine *m = *state;
	struct choice choice = {0};

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(choice_add(&choice, &m->devices[i]), 0);
	m->devices[0].vendor++;
	m->devices[1].twin = false;
	assert_null(choice_locate(&choice, &m->machine, &choice.picks[0], NULL));
	assert_false(choice_has_moved(&choice, &m->machine));
	choice_free(&choice);
}

static void of_several_that_it_may_be_it_is_none(void **state)
{
	struct support_machine *m = *state;
	struct device ports[3] = {0};
	struct choice choice = {0};

	put_ports(m, ports);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(choice_add(&choice, &m->devices[i]), 0);
	/* Both moved to slots never seen. */
	(void)snprintf(ports[0].address, sizeof(ports[0].address), "0000:00:1c.0");
	(void)snprintf(ports[1].address, sizeof(ports[1].address), "0000:00:1d.0");
	renumber(&m->devices[2], 0x13);
	renumber(&m->devices[1], 0x12);
	renumber(&m->devices[0], 0x11);
	assert_null(choice_locate(&choice, &m->machine, &choice.picks[0], NULL));
	/* One of the two is gone: which, nobody knows. */
	m->devices[1].vendor++;
	m->devices[0].twin = false;
	assert_null(choice_locate(&choice, &m->machine, &choice.picks[0], NULL));
	assert_null(choice_locate(&choice, &m->machine, &choice.picks[1], NULL));
	choice_free(&choice);
}

static void identities_and_modules_are_owned_when_every_device_is_chosen(void **state)
{
	struct support_machine *m = *state;
	struct choice choice = {0};

	assert_int_equal(choice_add(&choice, &m->devices[0]), 0);
	assert_false(choice_owns_identity(&choice, &m->machine, &m->devices[0]));
	assert_int_equal(choice_add(&choice, &m->devices[1]), 0);
	assert_true(choice_owns_identity(&choice, &m->machine, &m->devices[0]));
	assert_false(choice_owns_module(&choice, &m->machine, "nouveau"));
	assert_int_equal(choice_add(&choice, &m->devices[2]), 0);
	assert_true(choice_owns_module(&choice, &m->machine, "nouveau"));
	assert_false(choice_owns_module(&choice, &m->machine, "radeon"));
	choice_free(&choice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(the_place_is_kept_beside_the_identity),
		cmocka_unit_test(addresses_are_made_whole_and_repetitions_dropped),
		cmocka_unit_test(what_vfio_bind_would_not_read_is_refused_by_line),
		cmocka_unit_test(wrong_devices_and_options_are_named),
		cmocka_unit_test(nothing_is_an_empty_choice),
		cmocka_unit_test(a_long_list_is_read_in_order),
		cmocka_unit_test(no_file_and_the_recipes_file_are_empty_choices),
		cmocka_unit_test(our_own_file_damaged_is_an_error),
		cmocka_unit_test_setup_teardown(
			devices_are_added_once_and_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			another_device_at_the_address_is_not_chosen, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_twin_that_took_the_address_is_not_chosen, setup, teardown),
		cmocka_unit_test_setup_teardown(
			twins_that_are_both_chosen_may_change_places, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_only_card_is_the_chosen_one_in_any_slot, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_twin_that_was_chosen_itself_is_not_the_one_that_went, setup, teardown),
		cmocka_unit_test_setup_teardown(
			of_several_that_it_may_be_it_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(
			identities_and_modules_are_owned_when_every_device_is_chosen, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("choice", tests, NULL, NULL);
}
