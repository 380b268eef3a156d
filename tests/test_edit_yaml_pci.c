#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/edit_yaml_pci.h"
#include "tests/support.h"
#include "tests/support_edit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* As OpenNebula 5.12 to 7 ship it, shortened. */
#define HEAD                                                                                       \
	"# This option specifies the main filters for PCI card monitoring.\n"                      \
	"# For example:\n"                                                                         \
	"#   :filter:\n"                                                                           \
	"#     - '10de:*'      # all NVIDIA VGA cards\n"                                           \
	"#   :filter: '0:0'    # no devices\n"                                                     \
	"#\n"
#define TAIL                                                                                       \
	"\n# The PCI cards list can be even more filtered.\n"                                      \
	":short_address: []\n\n"                                                                   \
	":device_name: []\n\n"                                                                     \
	"# List of NVIDIA vendor IDs\n"                                                            \
	":nvidia_vendors:\n"                                                                       \
	"  - '10de'\n"

static enum edit_yaml_pci_key key;

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_yaml_pci("/etc/pci.conf", text, key, ours, wanted, ret, err);
}

static void words_of(struct strv *words, const char *text)
{
	assert_int_equal(strv_split(words, text, " "), 0);
}

/* What Ruby and Python find at the key, as their inspect and repr write it. */
static void check_value(const char *text, const char *value)
{
	static const char *const names[] = {":filter", ":short_address", ":device_name"};
	static const char ruby[] =
		"d = YAML.load(ARGV[0], permitted_classes: [Symbol]); "
		"n = d[:nvidia_vendors]; abort 'the rest is gone' if n && n != ['10de']; "
		"puts d[ARGV[1].delete(':').to_sym].inspect.tr('\"', \"'\")";
	static const char python[] = "import sys, yaml; print(repr(yaml.safe_load(sys.argv[1])"
				     "[sys.argv[2]]).replace('None', 'nil'))";
	const char *const programs[][8] = {
		{"/usr/bin/env", "ruby", "-ryaml", "-e", ruby, "--", text, names[key]},
		{"/usr/bin/env", "/usr/bin/python3", "-c", python, text, names[key], NULL}};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		const char *argv[9] = {NULL};
		_cleanup_(str_free) struct str out = {0};
		int status;

		memcpy(argv, programs[i], sizeof(programs[i]));
		status = support_run(argv, &out);
		/* The program, or its module for YAML, is not installed. */
		if (status == 127 || (out.s && strstr(out.s, "ModuleNotFoundError")))
			continue;
		if (status != 0)
			fail_msg("%s on\n%s", out.s ? out.s : "nothing said", text);
		out.s[strcspn(out.s, "\n")] = '\0';
		assert_string_equal(out.s, value);
	}
}

/* The edit gives `expected`, where programs find `value`; taken out again, the start. */
static void check(const char *text, const char *wanted, const char *expected, const char *value)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0}, none = {0};
	_cleanup_free_ char *out = NULL, *wrong = NULL;
	struct error err = {0};
	bool done = false;

	words_of(&words, wanted);
	if (edit(text, &ours, &words, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(out, expected);
	check_value(out, value);
	wrong = support_edit_laws(edit, text, &words, &none, true, &done);
	if (wrong)
		fail_msg("%s", wrong);
	assert_true(done);
}

static void a_filter_in_a_string_gets_our_patterns(void **state)
{
	(void)state;
	key = EDIT_YAML_PCI_FILTER;
	check(HEAD ":filter: '0:0'\n" TAIL, "10de:11bf 8086:*",
		HEAD ":filter: '0:0,10de:11bf,8086:*'\n" TAIL, "'0:0,10de:11bf,8086:*'");
	check(":filter:  \"a:b, c:d\" # mine\n", "c:d e:f", ":filter:  \"a:b, c:d,e:f\" # mine\n",
		"'a:b, c:d,e:f'");
	check("---\n:filter: 10de:11bf\n", "e:f", "---\n:filter: 10de:11bf,e:f\n",
		"'10de:11bf,e:f'");
	check(":filter: ''", "e:f", ":filter: 'e:f'", "'e:f'");
}

static void a_filter_in_a_list_gets_our_patterns(void **state)
{
	(void)state;
	key = EDIT_YAML_PCI_FILTER;
	check(HEAD ":filter:\n  - '10de:*'      # all\n  # and\n  - \"10de:11bf\"\n" TAIL, "8086:1",
		HEAD ":filter:\n  - '10de:*'      # all\n  # and\n  - \"10de:11bf\"\n  - "
		     "'8086:1'\n" TAIL,
		"['10de:*', '10de:11bf', '8086:1']");
	check(":filter: # c\n- 'a:b'\n\n# d\n:x: 1", "c:d",
		":filter: # c\n- 'a:b'\n- 'c:d'\n\n# d\n:x: 1", "['a:b', 'c:d']");
	check(":filter:\n    - 'a:b'", "c:d", ":filter:\n    - 'a:b'\n    - 'c:d'",
		"['a:b', 'c:d']");
	check(":filter: [ 'a:b', # c\n  'c:d' ]\n", "e:f",
		":filter: [ 'a:b', # c\n  'c:d', 'e:f' ]\n", "['a:b', 'c:d', 'e:f']");
	check(":filter: []\n", "e:f g:h", ":filter: ['e:f', 'g:h']\n", "['e:f', 'g:h']");
}

static void a_filter_that_lets_all_pass_stays(void **state)
{
	(void)state;
	key = EDIT_YAML_PCI_FILTER;
	check(":filter: '*:*'\n", "10de:1", ":filter: '*:*'\n", "'*:*'");
	check(":filter:\n  - a:b\n  - '*:*:*'\n", "10de:1", ":filter:\n  - a:b\n  - '*:*:*'\n",
		"['a:b', '*:*:*']");
	check(":filter:\n:x: 1\n", "10de:1", ":filter:\n:x: 1\n", "nil");
	check(":filter: ~ # all\n", "10de:1", ":filter: ~ # all\n", "nil");
	assert_true(edit_yaml_pci_is_all(":"));
	assert_false(edit_yaml_pci_is_all("::0300"));
	assert_false(edit_yaml_pci_is_all(""));
}

static void addresses_are_a_list(void **state)
{
	(void)state;
	key = EDIT_YAML_PCI_SHORT_ADDRESS;
	check(HEAD ":filter: '*:*'\n" TAIL, "07:00.0 08:00.1",
		HEAD ":filter: '*:*'\n"
		     "\n# The PCI cards list can be even more filtered.\n"
		     ":short_address: ['07:00.0', '08:00.1']\n\n"
		     ":device_name: []\n\n"
		     "# List of NVIDIA vendor IDs\n"
		     ":nvidia_vendors:\n"
		     "  - '10de'\n",
		"['07:00.0', '08:00.1']");
}

static void a_missing_key_is_added_in_a_block(void **state)
{
	(void)state;
	key = EDIT_YAML_PCI_FILTER;
	check(HEAD, "a:b c:d",
		HEAD "# vfio-wizard: begin\n:filter: 'a:b,c:d'\n# vfio-wizard: end\n", "'a:b,c:d'");
	key = EDIT_YAML_PCI_SHORT_ADDRESS;
	check(":nvidia_vendors:\n  - '10de'", "07:00.0",
		":nvidia_vendors:\n  - '10de'\n# vfio-wizard: begin (added the newline above)\n"
		":short_address: ['07:00.0']\n# vfio-wizard: end\n",
		"['07:00.0']");
}

/* Without a line left the key would have no value, which reports every card. */
static void a_list_of_which_all_goes_means_none(void **state)
{
	_cleanup_(strv_free) struct strv ours = {0}, none = {0};
	_cleanup_free_ char *out = NULL, *addresses = NULL;

	(void)state;
	key = EDIT_YAML_PCI_FILTER;
	words_of(&ours, "a:b c:d");
	assert_int_equal(
		edit(":filter: # c\n  - 'a:b'\n  - 'c:d'\n:x: 1\n", &ours, &none, &out, NULL), 0);
	assert_string_equal(out, ":filter: '0:0' # c\n:x: 1\n");
	check_value(out, "'0:0'");
	key = EDIT_YAML_PCI_SHORT_ADDRESS;
	words_of(&ours, "07:00.0");
	assert_int_equal(edit(":short_address:\n- '07:00.0'\n", &ours, &none, &addresses, NULL), 0);
	assert_string_equal(addresses, ":short_address: []\n");
	check_value(addresses, "[]");
}

static void refused(const char *text, const char *reason)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0};
	_cleanup_free_ char *out = NULL;
	struct error err = {0};

	words_of(&words, "07:00");
	if (edit(text, &ours, &words, &out, &err) != -EINVAL)
		fail_msg("%s: not refused", text);
	assert_null(out);
	if (!base_starts(err.text, "/etc/pci.conf:") || !strstr(err.text, reason))
		fail_msg("\"%s\" without \"%s\"", err.text, reason);
}

static void yaml_that_is_not_understood_is_refused_by_line(void **state)
{
	(void)state;
	key = EDIT_YAML_PCI_FILTER;
	refused("# c\n:filter: |\n  a\n", ":2: :filter: YAML of a kind");
	refused(":filter: &x 'a'\n", "YAML of a kind");
	refused(":filter: 'it''s'\n", "an escape");
	refused(":filter: \"a\\n\"\n", "an escape");
	refused(":filter: 'a\n", "not closed on its line");
	refused(":filter: ['a'\n", "a list that is not closed");
	refused(":filter: ['a' 'b']\n", "no comma");
	refused(":filter: ['a', ['b']]\n", "more than quoted strings");
	refused(":filter: a\n  b\n", ":2: :filter: a value that goes on");
	refused(":filter:\n  a: b\n", "goes on");
	refused(":filter:\n  - a\n    b\n", ":3: :filter: more than words");
	refused(":filter:\n  - a\n  - - b\n", ":3:");
	refused(":filter: 'a'\n:x: 1\n:filter: 'b'\n", ":3: :filter: a second one");
	refused(":filter: 'a' b\n", "something behind");
	refused("- a\n", ":1:");
	refused("{:filter: 'a'}\n", ":1:");
	refused(":x: 1\n---\n:filter: 'a'\n", ":2:");
	key = EDIT_YAML_PCI_SHORT_ADDRESS;
	refused(":short_address: '07:00.0'\n", "a string where a list belongs");
	refused(":short_address:\n", "no value, where []");
	refused(":short_address: ~\n", "no value, where []");
}

static void words_are_read(void **state)
{
	_cleanup_(strv_free) struct strv words = {0};

	(void)state;
	assert_int_equal(edit_yaml_pci_read(
				 "p", ":filter: 'a:b, c:d'\n", EDIT_YAML_PCI_FILTER, &words, NULL),
		1);
	assert_int_equal(words.n, 2);
	assert_string_equal(words.v[1], "c:d");
	assert_int_equal(
		edit_yaml_pci_read("p", ":filter:\n", EDIT_YAML_PCI_FILTER, &words, NULL), 2);
	assert_int_equal(
		edit_yaml_pci_read("p", "# :filter: a\n", EDIT_YAML_PCI_FILTER, &words, NULL), 0);
	assert_int_equal(words.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filter_in_a_string_gets_our_patterns),
		cmocka_unit_test(a_filter_in_a_list_gets_our_patterns),
		cmocka_unit_test(a_filter_that_lets_all_pass_stays),
		cmocka_unit_test(addresses_are_a_list),
		cmocka_unit_test(a_missing_key_is_added_in_a_block),
		cmocka_unit_test(a_list_of_which_all_goes_means_none),
		cmocka_unit_test(yaml_that_is_not_understood_is_refused_by_line),
		cmocka_unit_test(words_are_read),
	};

	return cmocka_run_group_tests_name("edit_yaml_pci", tests, NULL, NULL);
}
