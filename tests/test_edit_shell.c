#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/edit_shell.h"
#include "tests/support.h"
#include "tests/support_edit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum edit_shell_kind kind;

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_shell("/etc/default/grub", text, "K", kind, ours, wanted, ret, err);
}

static void words_of(struct strv *words, const char *text)
{
	assert_int_equal(strv_split(words, text, " "), 0);
}

/* What bash, and without arrays sh too, makes of it: the words, each with a blank behind it. */
static char *shell_words(const char *shell, const char *text)
{
	_cleanup_(str_free) struct str script = {0}, out = {0};
	const char *argv[] = {"/usr/bin/env", shell, "-c", NULL, NULL};
	char *words = NULL;

	str_add(&script, "set -f\n");
	str_add(&script, text);
	str_add(&script,
		kind == EDIT_SHELL_ARRAY ? "\nprintf '%s ' \"${K[@]}\"" : "\nprintf '%s ' $K");
	assert_int_equal(str_check(&script), 0);
	argv[3] = script.s;
	assert_int_equal(support_run(argv, &out), 0);
	assert_int_equal(str_take(&out, &words), 0);
	return words;
}

/* The edit gives `expected`, of which the shell makes `value`; taken out again, the start. */
static void check(const char *text, const char *wanted, const char *expected, const char *value)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0}, none = {0};
	_cleanup_free_ char *out = NULL, *wrong = NULL, *read = NULL;
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
	read = shell_words("bash", out);
	assert_string_equal(read, value);
	if (kind == EDIT_SHELL_STRING && !strstr(text, "+=")) {
		_cleanup_free_ char *plain = shell_words("sh", out);

		assert_string_equal(plain, value);
	}
}

static void strings_keep_their_quotes_and_layout(void **state)
{
	(void)state;
	kind = EDIT_SHELL_STRING;
	check("# a file\nK=\"loglevel=3 quiet\"\nL=1\n", "a b",
		"# a file\nK=\"loglevel=3 quiet a b\"\nL=1\n", "loglevel=3 quiet a b ");
	check("K='quiet' # why\n", "a", "K='quiet a' # why\n", "quiet a ");
	check("K=\"\"\n", "a", "K=\"a\"\n", "a ");
	check("K=\" quiet \"", "a", "K=\" quiet a \"", "quiet a ");
	check("K=\"x \\\n  y\"\n", "a", "K=\"x \\\n  y a\"\n", "x y a ");
	check("  export K='x'; L=2\n", "a", "  export K='x a'; L=2\n", "x a ");
	check("K=\"d=\\\"e\\\"\"\n", "a", "K=\"d=\\\"e\\\" a\"\n", "d=\"e\" a ");
	check("K=\"modprobe.blacklist=x q\"\n", "modprobe.blacklist=y",
		"K=\"modprobe.blacklist=x,y q\"\n", "modprobe.blacklist=x,y q ");
	check("L='it is K=\"x\"'\nK='x'\n", "a", "L='it is K=\"x\"'\nK='x a'\n", "x a ");
}

static void bare_words_get_quotes_and_keep_them(void **state)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0}, none = {0};
	_cleanup_free_ char *out = NULL, *back = NULL;

	(void)state;
	kind = EDIT_SHELL_STRING;
	words_of(&words, "a");
	assert_int_equal(edit("K=quiet # c\n", &ours, &words, &out, NULL), 0);
	assert_string_equal(out, "K=\"quiet a\" # c\n");
	assert_int_equal(edit(out, &ours, &none, &back, NULL), 0);
	assert_string_equal(back, "K=\"quiet\" # c\n");
}

static void the_assignments_that_count_make_the_value(void **state)
{
	(void)state;
	kind = EDIT_SHELL_STRING;
	check("K='x'\nK='y'\n", "x", "K='x'\nK='y x'\n", "y x ");
	check("K='x'\nK=\"$K y\"\n", "x z", "K='x'\nK=\"$K y z\"\n", "x y z ");
	check("K='x'\nK=\"${K} y\"\n", "x", "K='x'\nK=\"${K} y\"\n", "x y ");
	check("K='x'\nK+=' y'\n", "z", "K='x'\nK+=' y z'\n", "x y z ");
	check("if true; then K='x'; fi\nK='y'\n", "z", "if true; then K='x'; fi\nK='y z'\n",
		"y z ");
	/* dracut.conf */
	check("K+=\" nvme ahci \"\n", "vfio_pci", "K+=\" nvme ahci vfio_pci \"\n",
		"nvme ahci vfio_pci ");
}

static void arrays_keep_their_comments(void **state)
{
	(void)state;
	kind = EDIT_SHELL_ARRAY;
	check("# MODULES=(no)\nK=()\n", "vfio_pci vfio", "# MODULES=(no)\nK=(vfio_pci vfio)\n",
		"vfio_pci vfio ");
	check("K=(base udev  block)\n", "a", "K=(base udev  block a)\n", "base udev block a ");
	check("K=(\n  base # it's first\n  udev\n  # no more\n)\n", "a",
		"K=(\n  base # it's first\n  udev a\n  # no more\n)\n", "base udev a ");
	check("K=(x)\nK=(a \"${K[@]}\")\n", "b", "K=(x)\nK=(a \"${K[@]}\" b)\n", "a x b ");
	check("K=(x)\nK+=(y)\n", "x vfio-pci", "K=(x)\nK+=(y vfio-pci)\n", "x y vfio-pci ");
	check("K=(vfio_pci)\n", "vfio-pci", "K=(vfio_pci)\n", "vfio_pci ");
}

static void what_the_file_does_not_set_is_set_in_a_block(void **state)
{
	(void)state;
	kind = EDIT_SHELL_STRING;
	check("# K=\"x\"\nKK=1\necho K=2", "a b",
		"# K=\"x\"\nKK=1\necho K=2\n# vfio-wizard: begin (added the newline above)\n"
		"K=\"a b\"\n# vfio-wizard: end\n",
		"K=2\na b ");
	kind = EDIT_SHELL_ARRAY;
	check("", "a", "# vfio-wizard: begin\nK=(a)\n# vfio-wizard: end\n", "a ");
}

static void only_what_is_ours_goes(void **state)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0}, none = {0};
	_cleanup_free_ char *out = NULL, *back = NULL, *added = NULL;

	(void)state;
	kind = EDIT_SHELL_ARRAY;
	words_of(&words, "a b");
	assert_int_equal(edit("K=(b)\n", &ours, &words, &out, NULL), 0);
	assert_string_equal(out, "K=(b a)\n");
	/* Somebody put things around ours, with a comment. */
	assert_int_equal(edit("K=(c b # kept\n a\n d)\nK+=(e)\n", &ours, &none, &back, NULL), 0);
	assert_string_equal(back, "K=(c b # kept\n\n d)\nK+=(e)\n");
	assert_int_equal(ours.n, 0);
	kind = EDIT_SHELL_STRING;
	words_of(&ours, "a");
	assert_int_equal(edit("K='x'\nK+=\" a y\"\n", &ours, &none, &added, NULL), 0);
	assert_string_equal(added, "K='x'\nK+=\" y\"\n");
}

static void refused(const char *text, const char *reason)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0};
	_cleanup_free_ char *out = NULL;
	struct error err = {0};

	words_of(&words, "new");
	if (edit(text, &ours, &words, &out, &err) != -EINVAL)
		fail_msg("%s: not refused", text);
	assert_null(out);
	assert_true(base_starts(err.text, "/etc/default/grub:"));
	if (!strstr(err.text, reason))
		fail_msg("\"%s\" without \"%s\"", err.text, reason);
}

static void what_is_not_safe_is_refused_by_line(void **state)
{
	(void)state;
	kind = EDIT_SHELL_STRING;
	refused("L=1\nK=\"a", ":2: a quote or parenthesis is not closed");
	refused("K='a", ":1: a quote is not closed");
	refused("\nK=\"$(date) a\"\n", ":2: K is built from");
	refused("K=\"`date` a\"\n", "is built from");
	refused("K=\"a $L\"\n", "is built from");
	refused("K=\"a ${K:-b}\"\n", "is built from");
	refused("K=$'a'\n", "is built from");
	refused("if x; then\n\tK='a'\nfi\n", ":2: K is set on a condition");
	refused("x && K='a'\n", "on a condition");
	refused("for i in a; do K='a'; done\n", "on a condition");
	refused("f() { K='a'; }\n", "on a condition");
	refused("(K='a')\n", "on a condition");
	refused("K='a' run\n", "for one command only");
	refused("K='a'\nunset K\n", ":2: K is unset");
	refused("K='a'\nK[1]='b'\n", ":2: K is set one element");
	refused("cat <<E\nK='a'\nE\n", ":1: a here-document");
	refused("K='a=\"b'\n", "is built from");
	refused("K='a'\" b\"'c'\nK=d'e f'g\n", "word by word");
	refused("K+=''\n", "added to with no word");
	refused("L=1\\\n", ":1: remove the backslash");
	kind = EDIT_SHELL_ARRAY;
	refused("K=(a *)\n", "is built from");
	refused("K=(a $(b))\n", "is built from");
	refused("K=(a\n", ":1: a quote or parenthesis is not closed");
	refused("K=(a)\r\n", "goes on behind");
}

static void deep_nesting_ends(void **state)
{
	_cleanup_(str_free) struct str text = {0};

	(void)state;
	kind = EDIT_SHELL_STRING;
	for (size_t i = 0; i < 100000; i++)
		str_add(&text, "$(");
	assert_int_equal(str_check(&text), 0);
	refused(text.s, "nested too deep");
}

static void words_are_read(void **state)
{
	_cleanup_(strv_free) struct strv words = {0};
	struct error err = {0};

	(void)state;
	assert_int_equal(edit_shell_read("p", "HOOKS=(base 'udev' # no\n \"modconf\")\n", "HOOKS",
				 &words, &err),
		1);
	assert_int_equal(words.n, 3);
	assert_string_equal(words.v[2], "modconf");
	assert_int_equal(edit_shell_read("p", "A=1\n", "HOOKS", &words, &err), 0);
	assert_int_equal(words.n, 0);
	assert_int_equal(edit_shell_read("p", "HOOKS=($A)\n", "HOOKS", &words, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_keep_their_quotes_and_layout),
		cmocka_unit_test(bare_words_get_quotes_and_keep_them),
		cmocka_unit_test(the_assignments_that_count_make_the_value),
		cmocka_unit_test(arrays_keep_their_comments),
		cmocka_unit_test(what_the_file_does_not_set_is_set_in_a_block),
		cmocka_unit_test(only_what_is_ours_goes),
		cmocka_unit_test(what_is_not_safe_is_refused_by_line),
		cmocka_unit_test(deep_nesting_ends),
		cmocka_unit_test(words_are_read),
	};

	return cmocka_run_group_tests_name("edit_shell", tests, NULL, NULL);
}
