#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/edit_booster.h"
#include "tests/support_edit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_booster("/etc/booster.yaml", text, ours, wanted, ret, err);
}

static void words_of(struct strv *words, const char *text)
{
	assert_int_equal(strv_split(words, text, " "), 0);
}

static void check(const char *text, const char *wanted, const char *expected)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0}, none = {0};
	_cleanup_free_ char *out = NULL, *wrong = NULL;
	struct error err = {0};
	bool done = false;

	words_of(&words, wanted);
	if (edit(text, &ours, &words, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(out, expected);
	wrong = support_edit_laws(edit, text, &words, &none, true, &done);
	if (wrong)
		fail_msg("%s", wrong);
	assert_true(done);
}

static void modules_are_merged(void **state)
{
	(void)state;
	check("network:\n  dhcp: on\nmodules_force_load: nvme,vfio-pci # c\nstrip: true\n",
		"vfio_pci vfio",
		"network:\n  dhcp: on\nmodules_force_load: nvme,vfio-pci,vfio # c\nstrip: true\n");
	check("modules_force_load: 'nvme, xhci_pci'", "vfio",
		"modules_force_load: 'nvme, xhci_pci,vfio'");
	check("modules_force_load:   # none\nmodules: -*,hid_apple\n", "vfio_pci vfio",
		"modules_force_load: vfio_pci,vfio   # none\nmodules: -*,hid_apple\n");
	check("modules_force_load: ''\n", "vfio", "modules_force_load: 'vfio'\n");
	check("universal: false\n", "vfio_pci vfio",
		"universal: false\n# vfio-wizard: begin\nmodules_force_load: vfio_pci,vfio\n"
		"# vfio-wizard: end\n");
	check("", "vfio", "# vfio-wizard: begin\nmodules_force_load: vfio\n# vfio-wizard: end\n");
}

static void a_file_that_was_not_there_goes_again(void **state)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0}, none = {0};
	_cleanup_free_ char *out = NULL;
	char *back = NULL;

	(void)state;
	words_of(&words, "vfio_pci");
	assert_int_equal(edit(NULL, &ours, &none, &back, NULL), 0);
	assert_null(back);
	assert_int_equal(edit(NULL, &ours, &words, &out, NULL), 0);
	assert_string_equal(out, "# vfio-wizard: begin (made this file)\n"
				 "modules_force_load: vfio_pci\n# vfio-wizard: end\n");
	assert_int_equal(edit(out, &ours, &none, &back, NULL), 0);
	assert_null(back);
}

static void refused(const char *text, const char *reason)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0};
	_cleanup_free_ char *out = NULL;
	struct error err = {0};

	words_of(&words, "vfio_pci");
	assert_int_equal(edit(text, &ours, &words, &out, &err), -EINVAL);
	assert_null(out);
	if (!base_starts(err.text, "/etc/booster.yaml:") || !strstr(err.text, reason))
		fail_msg("\"%s\" without \"%s\"", err.text, reason);
}

static void what_booster_does_not_take_is_refused_by_line(void **state)
{
	_cleanup_(strv_free) struct strv words = {0};

	(void)state;
	refused("a: 1\nmodules_force_load: [a]\n", ":2: modules_force_load: a list where a string");
	refused("modules_force_load:\n  - a\n", "a list where a string");
	refused("modules_force_load: ~\n", ":1: modules_force_load is null");
	refused("modules_force_load: a\nmodules_force_load: b\n", ":2:");
	refused("{modules: a}\n", ":1:");
	assert_int_equal(edit_booster_read("p", "modules_force_load: a, b\n", &words, NULL), 1);
	assert_int_equal(words.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_are_merged),
		cmocka_unit_test(a_file_that_was_not_there_goes_again),
		cmocka_unit_test(what_booster_does_not_take_is_refused_by_line),
	};

	return cmocka_run_group_tests_name("edit_booster", tests, NULL, NULL);
}
