#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/edit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH_OF "/etc/initramfs-tools/modules"

static char *edit(const char *text, const char *body)
{
	struct error err = {0};
	char *out = NULL;

	assert_int_equal(edit_block(PATH_OF, text, body, &out, &err), 0);
	return out;
}

static const char *const starts[] = {
	"",
	"\n",
	"abc\n",
	"abc",
	"# comment\n\nloop\n",
	"crlf\r\nline\r\n",
	"a\n\n\n",
	"# vfio-wizard: beginning\n",
	" # vfio-wizard: begin\n",
	"\xff\xfe\n",
};

static void what_is_taken_out_again_leaves_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		_cleanup_free_ char *with = edit(starts[i], "vfio\nvfio_pci\n");
		_cleanup_free_ char *twice = edit(with, "vfio\nvfio_pci\n");
		_cleanup_free_ char *without = edit(with, "");

		assert_non_null(strstr(with, "vfio\nvfio_pci\n"));
		assert_string_equal(with, twice);
		assert_string_equal(without, starts[i]);
	}
}

static void a_file_that_was_not_there_goes_again(void **state)
{
	_cleanup_free_ char *with = edit(NULL, "vfio\n");
	_cleanup_free_ char *more = NULL, *kept = NULL;

	(void)state;
	assert_string_equal(with, "# vfio-wizard: begin (made this file)\nvfio\n"
				  "# vfio-wizard: end\n");
	assert_null(edit(with, ""));
	assert_null(edit(NULL, ""));
	/* What somebody wrote into it since stays. */
	assert_true(asprintf(&more, "%sloop\n", with) > 0);
	kept = edit(more, "");
	assert_string_equal(kept, "loop\n");
}

static void another_body_takes_the_place_of_the_first(void **state)
{
	_cleanup_free_ char *one = edit("a\nb", "one\n");
	_cleanup_free_ char *two = edit(one, "two\nthree\n");
	_cleanup_free_ char *none = edit(two, "");

	(void)state;
	assert_null(strstr(two, "one"));
	assert_non_null(strstr(two, "a\nb\n# vfio-wizard: begin"));
	assert_string_equal(none, "a\nb");
}

static void lines_below_the_block_stay(void **state)
{
	_cleanup_free_ char *with = edit("a", "one\n");
	_cleanup_free_ char *more = NULL, *without = NULL;

	(void)state;
	assert_true(asprintf(&more, "%slater\n", with) > 0);
	without = edit(more, "");
	assert_string_equal(without, "a\nlater\n");
}

static void a_block_that_is_not_whole_is_named_by_line(void **state)
{
	struct error err = {0};
	char *out = NULL;

	(void)state;
	assert_int_equal(
		edit_block(PATH_OF, "a\n# vfio-wizard: begin\nb\n", "c\n", &out, &err), -EINVAL);
	assert_null(out);
	assert_non_null(strstr(err.text, PATH_OF ":2:"));
	assert_int_equal(edit_block(PATH_OF,
				 "# vfio-wizard: begin\n# vfio-wizard: end\n"
				 "# vfio-wizard: begin\n# vfio-wizard: end\n",
				 "c\n", &out, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, PATH_OF ":3:"));
}

static void check_words(const char *text, const char *expected)
{
	_cleanup_(strv_free) struct strv words = {0};
	_cleanup_(str_free) struct str joined = {0};

	assert_int_equal(edit_shell_words(text, "K", &words, NULL), 0);
	for (size_t i = 0; i < words.n; i++)
		str_addf(&joined, "%s%s", i ? "|" : "", words.v[i]);
	str_add(&joined, "");
	assert_string_equal(joined.s ? joined.s : "", expected);
}

static void words_are_read_as_sh_reads_them(void **state)
{
	(void)state;
	check_words("K=\"a b\"\n", "a|b");
	check_words("K='a b' # c\n", "a|b");
	check_words("K=a b\n", "a");
	check_words("  export K=a\nK=\"$K b\"\n", "a|b");
	check_words("K=\"${K} b ${X:-y} c\"\n", "b|c");
	check_words("K=\"a \\\n b\"\nKK=c\n#K=d\n", "a|b");
	check_words("K=\"a=\\\"b c\\\"\"\n", "a=\"b|c\"");
	check_words("K=a\nK=b\n", "b");
	check_words("K=a\nif x; then\n\tK=b\nfi\n", "a|b");
	check_words("K=\"a $L\"\nK=\"b $KL\"\nK=\"$K_ c\"\n", "c");
	check_words("K=\"open", "open");
	check_words("K=$", "");
	check_words("K=\"${", "");
	check_words("K=\\", "\\");
	check_words("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_out_again_leaves_every_byte),
		cmocka_unit_test(a_file_that_was_not_there_goes_again),
		cmocka_unit_test(another_body_takes_the_place_of_the_first),
		cmocka_unit_test(lines_below_the_block_stay),
		cmocka_unit_test(a_block_that_is_not_whole_is_named_by_line),
		cmocka_unit_test(words_are_read_as_sh_reads_them),
	};

	return cmocka_run_group_tests_name("edit", tests, NULL, NULL);
}
