#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/root.h"
#include "tests/support.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* DIR/outside is what nothing below the root DIR/root may reach. */
struct fixture {
	char *dir, *top;
	struct root *root;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = {0};

	assert_non_null(f);
	f->dir = support_scratch();
	assert_true(asprintf(&f->top, "%s/root", f->dir) > 0);
	support_put(f->dir, "/outside", "secret\n");
	support_put(f->dir, "/root/etc/real", "text\n");
	support_put(f->top, "/sys/bus/pci/x", "1\n");
	if (root_open(f->top, NULL, &f->root, &err) < 0)
		fail_msg("%s", err.text);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->root = root_close(f->root);
	support_remove(f->dir);
	free(f->top);
	free(f);
	return 0;
}

static void link_to(struct fixture *f, const char *path, const char *text)
{
	_cleanup_free_ char *full = NULL;

	assert_true(asprintf(&full, "%s%s", f->top, path) > 0);
	assert_int_equal(symlink(text, full), 0);
}

static void assert_text(struct fixture *f, const char *path, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	struct error err = {0};
	size_t len = 0;

	if (root_read(f->root, path, &text, &len, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(text, expected);
	assert_int_equal(len, strlen(expected));
}

static void assert_unread(struct fixture *f, const char *path, int code)
{
	char *text = NULL;
	struct error err = {0};

	assert_int_equal(root_read(f->root, path, &text, NULL, &err), code);
	assert_null(text);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, path));
}

static void test_read(void **state)
{
	struct fixture *f = *state;

	assert_text(f, "/etc/real", "text\n");
	support_put(f->top, "/etc/empty", "");
	assert_text(f, "/etc/empty", "");
	assert_unread(f, "/etc/none", -ENOENT);
	assert_unread(f, "/etc/real/below", -ENOTDIR);
	assert_unread(f, "/etc", -EISDIR);
	link_to(f, "/etc/a", "b");
	link_to(f, "/etc/b", "a");
	assert_unread(f, "/etc/a", -ELOOP);
}

static void test_links_stay_inside(void **state)
{
	struct fixture *f = *state;

	link_to(f, "/etc/absolute", "/etc/real");
	link_to(f, "/etc/up", "../../../../../../etc/real");
	link_to(f, "/etc/escape", "../../outside");
	link_to(f, "/etc/host", f->dir);
	link_to(f, "/lib", "usr/lib");
	support_put(f->top, "/usr/lib/x", "lib\n");
	assert_text(f, "/etc/absolute", "text\n");
	assert_text(f, "/etc/up", "text\n");
	assert_text(f, "/lib/x", "lib\n");
	assert_unread(f, "/etc/escape", -ENOENT);
	assert_unread(f, "/etc/host/outside", -ENOENT);
	assert_unread(f, "/../outside", -ENOENT);
}

static void test_no_file(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *fifo = NULL, *big = NULL;

	assert_true(asprintf(&fifo, "%s/etc/fifo", f->top) > 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_unread(f, "/etc/fifo", -EINVAL);
	support_put(f->top, "/etc/big", "x");
	assert_true(asprintf(&big, "%s/etc/big", f->top) > 0);
	assert_int_equal(truncate(big, (off_t)ROOT_FILE_MAX + 1), 0);
	assert_unread(f, "/etc/big", -EFBIG);
}

static void test_text(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct error err = {0};
	FILE *file;

	assert_true(asprintf(&path, "%s/etc/binary", f->top) > 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite("a\nb\0c\n", 1, 6, file), 6);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(root_read_text(f->root, "/etc/binary", &text, &err), -EILSEQ);
	assert_null(text);
	assert_non_null(strstr(err.text, "/etc/binary:2:"));
	assert_int_equal(root_read_text(f->root, "/etc/real", &text, &err), 0);
	assert_string_equal(text, "text\n");
}

static void test_attributes(void **state)
{
	struct fixture *f = *state;
	char buf[8];

	support_put(f->top, "/sys/v", "0x8086\n");
	support_put(f->top, "/sys/long", "0123456789\n");
	assert_int_equal(root_attr(f->root, "/sys/v", buf, sizeof(buf)), 6);
	assert_string_equal(buf, "0x8086");
	assert_int_equal(root_attr(f->root, "/sys/long", buf, sizeof(buf)), 7);
	assert_string_equal(buf, "0123456");
	assert_int_equal(root_attr(f->root, "/sys/none", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(root_attr(f->root, "/sys/bus", buf, sizeof(buf)), -EISDIR);
	link_to(f, "/etc/l", "to");
	assert_int_equal(root_link(f->root, "/etc/l", buf, sizeof(buf)), 2);
	assert_string_equal(buf, "to");
	assert_true(root_link(f->root, "/etc/real", buf, sizeof(buf)) < 0);
}

static void test_list(void **state)
{
	struct fixture *f = *state;
	struct strv names = {0};

	support_put(f->top, "/d/b", "");
	support_put(f->top, "/d/a", "");
	support_put(f->top, "/d/.hidden/x", "");
	assert_int_equal(root_list(f->root, "/d", &names), 0);
	assert_int_equal(names.n, 3);
	assert_string_equal(names.v[0], ".hidden");
	assert_string_equal(names.v[2], "b");
	assert_int_equal(root_list(f->root, "/none", &names), -ENOENT);
	assert_int_equal(root_list(f->root, "/d/a", &names), -ENOTDIR);
	strv_free(&names);
	assert_true(root_exists(f->root, "/d/a"));
	assert_false(root_exists(f->root, "/d/c"));
}

static void assert_resolved(struct fixture *f, const char *path, const char *expected)
{
	_cleanup_free_ char *real = NULL;
	struct error err = {0};

	if (root_resolve(f->root, path, &real, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(real, expected);
}

static void test_resolve(void **state)
{
	struct fixture *f = *state;
	struct error err = {0};
	char *real = NULL;

	link_to(f, "/lib", "usr/lib");
	link_to(f, "/etc/link", "real");
	link_to(f, "/etc/dangling", "/var/new/file");
	link_to(f, "/etc/escape", "../../../outside");
	link_to(f, "/etc/loop", "loop");
	assert_resolved(f, "/", "/");
	assert_resolved(f, "//etc/./../etc//real/", "/etc/real");
	assert_resolved(f, "/etc/link", "/etc/real");
	assert_resolved(f, "/lib/modules/1", "/usr/lib/modules/1");
	assert_resolved(f, "/etc/dangling", "/var/new/file");
	assert_resolved(f, "/etc/escape", "/outside");
	assert_resolved(f, "/not/there/yet", "/not/there/yet");
	assert_int_equal(root_resolve(f->root, "/etc/loop", &real, &err), -ELOOP);
	assert_non_null(strstr(err.text, "/etc/loop"));
	assert_null(real);
}

static void give(struct fixture *f, const char *path, uid_t uid)
{
	_cleanup_free_ char *full = NULL;

	assert_true(asprintf(&full, "%s%s", f->top, path) > 0);
	assert_int_equal(lchown(full, uid, uid), 0);
}

/* Who may put a link into a directory does not choose which file root changes. */
static void test_links_of_others(void **state)
{
	struct fixture *f = *state;
	struct error err = {0};
	char *real = NULL;

	if (geteuid() != 0)
		skip();
	support_put(f->dir, "/root/home/conf", "text\n");
	link_to(f, "/home/own", "conf");
	link_to(f, "/home/etc", "../etc");
	link_to(f, "/home/new", "/etc/new");
	link_to(f, "/home/friend", "own");
	give(f, "/home/conf", 12);
	give(f, "/home/own", 12);
	give(f, "/home/etc", 12);
	give(f, "/home/new", 12);
	give(f, "/home/friend", 13);
	assert_resolved(f, "/home/own", "/home/conf");
	assert_int_equal(root_resolve(f->root, "/home/etc/real", &real, &err), -EPERM);
	assert_non_null(strstr(err.text, "/home/etc/real: "));
	assert_non_null(strstr(err.text, " lead to /etc/real,"));
	assert_int_equal(root_resolve(f->root, "/home/new", &real, &err), -EPERM);
	assert_int_equal(root_resolve(f->root, "/home/friend", &real, &err), -EPERM);
	assert_null(real);
	give(f, "/home/etc", 0);
	assert_resolved(f, "/home/etc/real", "/etc/real");
}

/* /sys is the tree's own where it has PCI devices, or the one that is named, never a mixture. */
static void test_sysfs(void **state)
{
	struct fixture *f = *state;
	_cleanup_(root_closep) struct root *other = NULL;
	_cleanup_free_ char *sysfs = NULL;
	struct error err = {0};
	char buf[8];

	assert_false(root_is_live(f->root));
	assert_false(root_sysfs_is_live(f->root));
	assert_string_equal(root_path(f->root), f->top);
	support_put(f->dir, "/named/bus/pci/x", "2\n");
	assert_true(asprintf(&sysfs, "%s/named", f->dir) > 0);
	assert_int_equal(root_open(f->top, sysfs, &other, &err), 0);
	assert_string_equal(root_sysfs(other), sysfs);
	assert_int_equal(root_attr(other, "/sys/bus/pci/x", buf, sizeof(buf)), 1);
	assert_string_equal(buf, "2");
	assert_int_equal(root_attr(f->root, "/sys/bus/pci/x", buf, sizeof(buf)), 1);
	assert_string_equal(buf, "1");
}

static void test_live(void **state)
{
	struct fixture *f = *state;
	_cleanup_(root_closep) struct root *live = NULL, *mounted = NULL;
	struct error err = {0};

	assert_int_equal(root_open("/", NULL, &live, &err), 0);
	assert_true(root_is_live(live));
	assert_true(root_sysfs_is_live(live));
	assert_string_equal(root_sysfs(live), "/sys");
	/* A mounted system, whose own /sys is empty: the hardware is the running machine's. */
	assert_int_equal(root_open(f->dir, NULL, &mounted, &err), 0);
	assert_false(root_is_live(mounted));
	assert_true(root_sysfs_is_live(mounted));
}

static void test_open_fails(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *none = NULL, *file = NULL;
	struct root *root = NULL;
	struct error err = {0};

	assert_true(asprintf(&none, "%s/none", f->dir) > 0);
	assert_true(asprintf(&file, "%s/outside", f->dir) > 0);
	assert_int_equal(root_open(none, NULL, &root, &err), -ENOENT);
	assert_non_null(strstr(err.text, none));
	assert_int_equal(root_open(file, NULL, &root, &err), -ENOTDIR);
	assert_int_equal(root_open(f->top, none, &root, &err), -ENOENT);
	assert_null(root);
	assert_null(root_close(NULL));
}

/* From here on this process has no openat2(2), as on kernels before 5.6. */
static int forbid_openat2(void **state)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = ARRAY_SIZE(filter), .filter = filter};

	(void)state;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_read), T(test_links_stay_inside), T(test_no_file), T(test_text),
		T(test_attributes), T(test_list), T(test_resolve), T(test_links_of_others), T(test_sysfs), T(test_live),
		T(test_open_fails),
	};

	return cmocka_run_group_tests_name("openat2", tests, NULL, NULL) +
	       cmocka_run_group_tests_name("without openat2", tests, forbid_openat2, NULL);
}
