#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/edit_ruby_pci.h"
#include "tests/support.h"
#include "tests/support_edit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* As OpenNebula 4.14 ships it, shortened. */
#define HEAD                                                                                       \
	"#!/usr/bin/env ruby\n\n"                                                                  \
	"# A nil filter will retrieve all PCI cards.\n"                                            \
	"# FILTER = '::0300' # all VGA cards\n\n"
#define TAIL                                                                                       \
	"\nrequire 'shellwords'\n\n"                                                               \
	"def get_pci(filter=nil)\n"                                                                \
	"    command = \"lspci -mmnn\"\n"                                                          \
	"    command << \" -d #{filter}\" if filter\n"                                             \
	"end\n\n"                                                                                  \
	"filter = FILTER\n"

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_ruby_pci("/var/lib/one/pci.rb", text, ours, wanted, ret, err);
}

static void words_of(struct strv *words, const char *text)
{
	assert_int_equal(strv_split(words, text, " "), 0);
}

/* Ruby takes the script, and this is its filter. */
static void check_value(const char *text, const char *value)
{
	_cleanup_(str_free) struct str script = {0}, out = {0};
	const char *const check[] = {"/usr/bin/env", "ruby", "-c", "-e", text, NULL};
	const char *argv[] = {"/usr/bin/env", "ruby", "-e", NULL, NULL};

	str_add(&script, text);
	str_add(&script, "\nputs FILTER.inspect.tr('\"', \"'\")\n");
	assert_int_equal(str_check(&script), 0);
	if (support_run(check, NULL) == 127)
		return;
	assert_int_equal(support_run(check, NULL), 0);
	argv[3] = script.s;
	assert_int_equal(support_run(argv, &out), 0);
	out.s[strcspn(out.s, "\n")] = '\0';
	assert_string_equal(out.s, value);
}

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

static void strings_and_arrays_get_our_patterns(void **state)
{
	(void)state;
	check(HEAD "FILTER = \"0:0\"\n" TAIL, "10de:11bf 8086:*",
		HEAD "FILTER = \"0:0,10de:11bf,8086:*\"\n" TAIL, "'0:0,10de:11bf,8086:*'");
	check(HEAD "FILTER='8086::0300,::0106' # mine\n" TAIL, "::0106 10de:1",
		HEAD "FILTER='8086::0300,::0106,10de:1' # mine\n" TAIL,
		"'8086::0300,::0106,10de:1'");
	check("FILTER = [ 'a:b', # c\n  \"c:d\",\n]\n", "e:f",
		"FILTER = [ 'a:b', # c\n  \"c:d\", 'e:f',\n]\n", "['a:b', 'c:d', 'e:f']");
	check("=begin\nFILTER = 'x'\n=end\nFILTER = ''\n", "e:f",
		"=begin\nFILTER = 'x'\n=end\nFILTER = 'e:f'\n", "'e:f'");
}

static void a_filter_that_lets_all_pass_stays(void **state)
{
	(void)state;
	check(HEAD "FILTER = nil\n" TAIL, "10de:1", HEAD "FILTER = nil\n" TAIL, "nil");
	check("FILTER = '*:*' # all\n", "10de:1", "FILTER = '*:*' # all\n", "'*:*'");
}

static void refused(const char *text, const char *reason)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0};
	_cleanup_free_ char *out = NULL;
	struct error err = {0};

	words_of(&words, "10de:1");
	if (edit(text, &ours, &words, &out, &err) != -EINVAL)
		fail_msg("%s: not refused", text);
	assert_null(out);
	if (!base_starts(err.text, "/var/lib/one/pci.rb:") || !strstr(err.text, reason))
		fail_msg("\"%s\" without \"%s\"", err.text, reason);
}

static void what_is_more_than_that_is_refused_by_line(void **state)
{
	(void)state;
	refused(HEAD TAIL, "no FILTER");
	refused("\nFILTER = ENV['x']\n", ":2: FILTER: more than nil");
	refused("FILTER = %w[a b]\n", "more than nil");
	refused("FILTER = 'a' + x\n", "more than nil");
	refused("FILTER = nil || 'a'\n", "more than nil");
	refused("FILTER = \"a#{x}\"\n", "an escape");
	refused("FILTER = 'a\\'b'\n", "an escape");
	refused("FILTER = [a]\n", "more than quoted strings");
	refused("FILTER = ['a'\n", "not closed");
	refused("FILTER = 'a\n", "not closed");
	refused("FILTER = 'a'\nFILTER = 'b'\n", ":2: FILTER: set twice");
	refused("if FILTER == 'a'\n__END__\nFILTER = 'a'\n", "no FILTER");
}

static void words_are_read(void **state)
{
	_cleanup_(strv_free) struct strv words = {0};

	(void)state;
	assert_int_equal(edit_ruby_pci_read("p", "FILTER = 'a:b,c:d'", &words, NULL), 1);
	assert_int_equal(words.n, 2);
	assert_int_equal(edit_ruby_pci_read("p", "FILTER = nil", &words, NULL), 2);
	assert_int_equal(edit_ruby_pci_read("p", "# FILTER = nil", &words, NULL), 0);
	assert_int_equal(words.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_and_arrays_get_our_patterns),
		cmocka_unit_test(a_filter_that_lets_all_pass_stays),
		cmocka_unit_test(what_is_more_than_that_is_refused_by_line),
		cmocka_unit_test(words_are_read),
	};

	return cmocka_run_group_tests_name("edit_ruby_pci", tests, NULL, NULL);
}
