#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/mounts.h"

#include <stdlib.h>
#include <string.h>

static void test_entry(void **state)
{
	char plain[] = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,x=y";
	char bare[] = "22 1 0:20 / /proc rw - proc proc";
	struct mounts_entry e;

	(void)state;
	assert_true(mounts_entry(plain, &e));
	assert_string_equal(e.number, "98:0");
	assert_string_equal(e.inside, "/mnt1");
	assert_string_equal(e.point, "/mnt 2");
	assert_string_equal(e.type, "ext3");
	assert_string_equal(e.source, "/dev/root");
	assert_true(mounts_entry(bare, &e));
	assert_string_equal(e.point, "/proc");
	assert_string_equal(e.source, "proc");
}

/* Each in memory of just its size, so that a sanitizer sees a step too far. */
static void test_entry_cut_short(void **state)
{
	static const char whole[] = "36 35 98:0 / /mnt\\04 rw master:1 - ext3 /dev/root rw";
	struct mounts_entry e;

	(void)state;
	for (size_t n = 0; n < strlen(whole); n++) {
		char *line = strndup(whole, n);

		assert_non_null(line);
		assert_int_equal(mounts_entry(line, &e),
			n >= strlen("36 35 98:0 / /mnt\\04 rw master:1 - ext3 "));
		free(line);
	}
}

static void test_wanted(void **state)
{
	static const char *const others[] = {
		"", "  ", "# /dev/sda1 / ext4", "\t#", "/dev/sda1", "/dev/sda1 /boot"};
	char full[] = "UUID=1234\t/srv/my\\040disk  ext4 ro,noauto 0 2\r";
	char least[] = " LABEL=x none swap";
	struct mounts_wanted w;

	(void)state;
	assert_true(mounts_wanted(full, &w));
	assert_string_equal(w.source, "UUID=1234");
	assert_string_equal(w.point, "/srv/my disk");
	assert_string_equal(w.type, "ext4");
	assert_string_equal(w.options, "ro,noauto");
	assert_true(mounts_wanted(least, &w));
	assert_string_equal(w.type, "swap");
	assert_string_equal(w.options, "");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		char *line = strdup(others[i]);

		assert_non_null(line);
		assert_false(mounts_wanted(line, &w));
		free(line);
	}
}

static void test_has_option(void **state)
{
	(void)state;
	assert_true(mounts_has_option("noauto", "noauto"));
	assert_true(mounts_has_option("ro,noauto,nofail", "noauto"));
	assert_true(mounts_has_option("ro,noauto", "noauto"));
	assert_false(mounts_has_option("ro,noautomatic", "noauto"));
	assert_false(mounts_has_option("x-noauto", "noauto"));
	assert_false(mounts_has_option("", "noauto"));
}

static void test_options(void **state)
{
	static const struct {
		const char *options, *kept;
	} cases[] = {
		{"", ""},
		{"defaults", "defaults"},
		{"noauto,nofail", ""},
		{"noatime,x-systemd.automount,subvol=/@/var,nofail", "noatime,subvol=/@/var"},
		{"umask=0077,user,users,user=me,_netdev,comment=a b,x-gvfs-show", "umask=0077"},
		{"ro,rw,auto,owner,group", "rw"},
		{"user_xattr,usrquota,automatic,nofails,errors=remount-ro",
			"user_xattr,usrquota,automatic,nofails,errors=remount-ro"},
		{"X-mount.mkdir=0700,X-mount.subdir=a,,bind,", "X-mount.subdir=a,bind"},
		{"context=\"u:r:t:s0:c1,c2\",nofail", "context=\"u:r:t:s0:c1,c2\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *kept = NULL;

		assert_int_equal(mounts_options(cases[i].options, &kept), 0);
		assert_string_equal(kept, cases[i].kept);
		free(kept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_entry_cut_short),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_has_option),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
