#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void test_error(void **state)
{
	struct error err = {0};
	char filler[3000];

	(void)state;
	assert_int_equal(error_set(&err, -ENOENT, "%s: %d", "a\033[2J\nb\x7f", 7), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, "a?[2J?b?: 7");
	assert_int_equal(error_set(NULL, -EIO, "%s", "nobody listens"), -EIO);
	(void)memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	assert_int_equal(error_set(&err, -EIO, "%s", filler), -EIO);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void test_str(void **state)
{
	struct str s = {0};
	char *text = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++)
		str_addf(&s, "%d,", i % 10);
	str_add(&s, "end");
	str_addn(&s, "\0x", 2);
	str_addc(&s, '!');
	assert_int_equal(str_check(&s), 0);
	assert_int_equal(s.len, 2006);
	assert_string_equal(s.s + 1996, "8,9,end");
	assert_memory_equal(s.s + 2003, "\0x!", 4);
	assert_int_equal(str_take(&s, &text), 0);
	assert_null(s.s);
	free(text);
	assert_int_equal(str_take(&s, &text), 0);
	assert_string_equal(text, "");
	free(text);
	str_free(&s);
}

/* What has failed stays failed, and what was there stays whole. */
static void test_str_too_long(void **state)
{
	struct str s = {0};
	char *text = NULL;

	(void)state;
	str_add(&s, "here");
	str_addn(&s, "x", SIZE_MAX - 2);
	assert_int_equal(str_check(&s), -ENOMEM);
	str_add(&s, "more");
	assert_string_equal(s.s, "here");
	assert_int_equal(str_take(&s, &text), -ENOMEM);
	assert_null(text);
	str_free(&s);
	assert_int_equal(str_check(&s), 0);
}

static void test_strv(void **state)
{
	struct strv l = {0}, copy = {0};
	char name[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "n%02d", 99 - i);
		assert_int_equal(strv_add_unique(&l, name), 0);
		assert_int_equal(strv_add_unique(&l, name), 0);
		assert_int_equal(l.n, i + 1);
		assert_null(l.v[l.n]);
	}
	strv_sort(&l);
	assert_string_equal(l.v[0], "n00");
	assert_string_equal(l.v[99], "n99");
	assert_true(strv_has(&l, "n42"));
	assert_false(strv_has(&l, "n4"));
	assert_int_equal(strv_addf(&l, "%s-%d", "x", 1), 0);
	assert_int_equal(strv_copy(&copy, &l), 0);
	assert_int_equal(copy.n, 101);
	assert_string_equal(copy.v[100], "x-1");
	assert_ptr_not_equal(copy.v[100], l.v[100]);
	strv_free(&l);
	strv_free(&copy);
	assert_false(strv_has(&l, "x"));
	strv_sort(&l);
}

static void test_split(void **state)
{
	struct strv l = {0};

	(void)state;
	assert_int_equal(strv_split(&l, "", " "), 0);
	assert_int_equal(strv_split(&l, " \t ", " \t"), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(strv_split(&l, "  a,b  c\td ", " \t"), 0);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.v[0], "a,b");
	assert_string_equal(l.v[2], "d");
	assert_null(l.v[3]);
	strv_free(&l);
}

static void test_grow(void **state)
{
	struct {
		int a, b;
	} *array = NULL;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(base_grow(&array, i, sizeof(*array)), 0);
		assert_int_equal(array[i].a, 0);
		array[i].a = array[i].b = (int)i;
	}
	assert_int_equal(array[0].b, 0);
	assert_int_equal(array[999].b, 999);
	free(array);
}

static void test_number(void **state)
{
	static const struct {
		const char *text;
		int base;
		uint64_t max;
		int r;
		uint64_t n;
	} t[] = {
		{"0", 10, 0, 0, 0}, {"42", 10, 42, 0, 42}, {"43", 10, 42, -ERANGE, 0},
		{"1f", 16, 255, 0, 31}, {"0x1F", 16, 255, 0, 31},
		{"ffffffffffffffff", 16, UINT64_MAX, 0, UINT64_MAX},
		{"18446744073709551616", 10, UINT64_MAX, -ERANGE, 0}, {"", 10, 9, -EINVAL, 0},
		{"-1", 10, 9, -EINVAL, 0}, {"+1", 10, 9, -EINVAL, 0}, {" 1", 10, 9, -EINVAL, 0},
		{"1 ", 10, 9, -EINVAL, 0}, {"1f", 10, 99, -EINVAL, 0}, {"f", 10, 99, -EINVAL, 0},
		{"1\n", 10, 99, -EINVAL, 0}, {"0x", 16, 99, -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		uint64_t n = 77;

		assert_int_equal(base_number(t[i].text, t[i].base, t[i].max, &n), t[i].r);
		assert_int_equal(n, t[i].r ? 77 : t[i].n);
	}
}

static void test_compare(void **state)
{
	(void)state;
	assert_true(base_starts("vfio-pci", "vfio"));
	assert_true(base_starts("x", ""));
	assert_false(base_starts("vf", "vfio"));
	assert_true(base_same(NULL, NULL));
	assert_false(base_same("a", NULL));
	assert_false(base_same(NULL, "a"));
	assert_true(base_same("a", "a"));
	assert_true(base_same_module("vfio-pci_core", "vfio_pci-core"));
	assert_false(base_same_module("vfio-pci", "vfio-pc"));
	assert_false(base_same_module("vfio", "vfio_"));
}

static void test_cleanup(void **state)
{
	int fd = open("/dev/null", O_RDONLY), same = fd;
	char *text = strdup("x");

	(void)state;
	assert_true(fd >= 0);
	base_closep(&fd);
	assert_true(fd < 0);
	assert_int_equal(fcntl(same, F_GETFD), -1);
	base_closep(&fd);
	base_freep(&text);
	assert_null(text);
	base_freep(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error), cmocka_unit_test(test_str),
		cmocka_unit_test(test_str_too_long), cmocka_unit_test(test_strv),
		cmocka_unit_test(test_split), cmocka_unit_test(test_grow),
		cmocka_unit_test(test_number), cmocka_unit_test(test_compare),
		cmocka_unit_test(test_cleanup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
