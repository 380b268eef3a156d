#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/edit_virconf.h"
#include "tests/support_edit.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY "cgroup_device_acl"

/* As Debian 12 ships it (libvirt 9.0.0), shortened. */
#define BEFORE                                                                                     \
	"# Master configuration file for the QEMU driver.\n"                                       \
	"\n"                                                                                       \
	"#vnc_listen = \"0.0.0.0\"\n"                                                              \
	"user = \"libvirt-qemu\"  # set by the package\n"                                          \
	"\n"                                                                                       \
	"# This is the basic set of devices allowed / required by\n"                               \
	"# all virtual machines.\n"                                                                \
	"#\n"
#define SAMPLE                                                                                     \
	"#cgroup_device_acl = [\n"                                                                 \
	"#    \"/dev/null\", \"/dev/full\", \"/dev/zero\",\n"                                      \
	"#    \"/dev/random\", \"/dev/urandom\",\n"                                                \
	"#    \"/dev/ptmx\", \"/dev/kvm\"\n"                                                       \
	"#]\n"                                                                                     \
	"#\n"                                                                                      \
	"# RDMA migration requires the following extra files to be added to the list:\n"           \
	"#   \"/dev/infiniband/rdma_cm\"\n"
#define AFTER "\n\n# The default format\n#save_image_format = \"raw\"\n"
#define ENTRY                                                                                      \
	"cgroup_device_acl = [\n"                                                                  \
	"    \"/dev/null\", \"/dev/full\", \"/dev/zero\",\n"                                       \
	"    \"/dev/random\", \"/dev/urandom\",\n"                                                 \
	"    \"/dev/ptmx\", \"/dev/kvm\""

static int edit(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_virconf("/etc/libvirt/qemu.conf", text, KEY, ours, wanted, ret, err);
}

static void words_of(struct strv *words, const char *text)
{
	assert_int_equal(strv_split(words, text, " "), 0);
}

/* The parser of libvirt itself, which its library keeps for its own daemons. */
static struct {
	void *(*read)(const char *text, unsigned int flags);
	int (*list)(void *conf, const char *key, bool string_too, char ***values);
	int (*free)(void *conf);
} libvirt;

static void quiet(void *data, void *error)
{
	(void)data;
	(void)error;
}

static int open_libvirt(void **state)
{
	void *library = dlopen("libvirt.so.0", RTLD_NOW);
	int (*initialize)(void);
	void (*on_error)(void *data, void (*function)(void *data, void *error));

	(void)state;
	if (!library)
		return 0;
	*(void **)&initialize = dlsym(library, "virInitialize");
	*(void **)&on_error = dlsym(library, "virSetErrorFunc");
	*(void **)&libvirt.list = dlsym(library, "virConfGetValueStringList");
	*(void **)&libvirt.free = dlsym(library, "virConfFree");
	*(void **)&libvirt.read = dlsym(library, "virConfReadString");
	if (!initialize || !on_error || !libvirt.list || !libvirt.free || initialize() < 0)
		libvirt.read = NULL;
	else
		on_error(NULL, quiet);
	return 0;
}

/* As edit_virconf_read(), and libvirt agrees. */
static int read_both(const char *text, struct strv *words)
{
	int r = edit_virconf_read("qemu.conf", text, KEY, words, NULL), theirs = -1;
	char **values = NULL;
	void *conf;

	if (!libvirt.read)
		return r;
	conf = libvirt.read(text, 0);
	if (conf)
		theirs = libvirt.list(conf, KEY, false, &values);
	assert_int_equal(theirs < 0, r < 0);
	for (size_t i = 0; r == 1 && i <= words->n; i++)
		assert_true(base_same(values[i], i < words->n ? words->v[i] : NULL));
	for (size_t i = 0; values && values[i]; i++)
		free(values[i]);
	free(values);
	if (conf)
		libvirt.free(conf);
	return r;
}

static void check_laws(const char *text, const struct strv *wanted)
{
	_cleanup_(strv_free) struct strv second = {0};
	_cleanup_free_ char *wrong = NULL;
	bool done = false;

	words_of(&second, "/dev/vfio/vfio /dev/vfio/99");
	wrong = support_edit_laws(edit, text, wanted, &second, true, &done);
	if (wrong)
		fail_msg("%s", wrong);
	assert_true(done);
}

/* The edit gives `expected`, in which libvirt finds `n` devices; taken out again, the start. */
static void check(const char *text, const char *wanted, const char *expected, size_t n)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0}, found = {0};
	_cleanup_free_ char *out = NULL;
	struct error err = {0};

	words_of(&words, wanted);
	if (edit(text, &ours, &words, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(out, expected);
	assert_int_equal(read_both(out, &found), 1);
	assert_int_equal(found.n, n);
	check_laws(text, &words);
}

static void the_default_of_the_installed_version_is_kept(void **state)
{
	_cleanup_(strv_free) struct strv words = {0};

	(void)state;
	check(BEFORE SAMPLE AFTER, "/dev/vfio/vfio /dev/vfio/45",
		BEFORE SAMPLE
		"# vfio-wizard: begin\n" ENTRY
		", \"/dev/vfio/vfio\", \"/dev/vfio/45\"\n]\n# vfio-wizard: end\n" AFTER,
		9);
	check(BEFORE SAMPLE AFTER, "/dev/kvm",
		BEFORE SAMPLE "# vfio-wizard: begin\n" ENTRY "\n]\n# vfio-wizard: end\n" AFTER, 7);
	assert_int_equal(edit_virconf_default(BEFORE SAMPLE, KEY, &words), 1);
	assert_int_equal(words.n, 7);
	assert_string_equal(words.v[6], "/dev/kvm");
	assert_int_equal(edit_virconf_default(BEFORE AFTER, KEY, &words), 0);
}

static void an_entry_is_added_to_in_place(void **state)
{
	(void)state;
	check(KEY " = [ \"/dev/null\",\n\t'/dev/vfio/45' ]\n", "/dev/vfio/45 /dev/vfio/46",
		KEY " = [ \"/dev/null\",\n\t'/dev/vfio/45', \"/dev/vfio/46\" ]\n", 3);
	check("a = 1; " KEY "=['/dev/null',]# c\n", "/dev/x",
		"a = 1; " KEY "=['/dev/null', \"/dev/x\",]# c\n", 2);
	check(KEY " = [\n\"\"\"/dev/null\"\"\"\r\n]\r\n", "/dev/x",
		KEY " = [\n\"\"\"/dev/null\"\"\", \"/dev/x\"\r\n]\r\n", 2);
	/* The first entry counts, and only one that is none of a comment or a string. */
	check("#" KEY " = [ \"/a\" ]\n" KEY " = [ '/b' ]\n" KEY " = [ '/c' ]\n", "/a",
		"#" KEY " = [ \"/a\" ]\n" KEY " = [ '/b', \"/a\" ]\n" KEY " = [ '/c' ]\n", 2);
	check("s = \"\"\"\n" KEY " = [ '/x' ]\n\"\"\"\n" KEY " = ['/b']", "/a",
		"s = \"\"\"\n" KEY " = [ '/x' ]\n\"\"\"\n" KEY " = ['/b', \"/a\"]", 2);
	check("x" KEY " = ['/b']\n" KEY " = ['/b']\n", "/a",
		"x" KEY " = ['/b']\n" KEY " = ['/b', \"/a\"]\n", 2);
}

static void stale_groups_go(void **state)
{
	_cleanup_(strv_free) struct strv ours = {0}, wanted = {0};
	_cleanup_free_ char *out = NULL;

	(void)state;
	words_of(&ours, "/dev/vfio/45 /dev/vfio/46");
	words_of(&wanted, "/dev/vfio/46 /dev/vfio/7");
	assert_int_equal(edit(KEY " = [ \"/dev/null\", \"/dev/vfio/45\", \"/dev/vfio/46\" ]\n",
				 &ours, &wanted, &out, NULL),
		0);
	assert_string_equal(out, KEY " = [ \"/dev/null\", \"/dev/vfio/46\", \"/dev/vfio/7\" ]\n");
	assert_int_equal(ours.n, 2);
}

static void what_somebody_adds_to_our_block_stays(void **state)
{
	static const char with[] =
		SAMPLE "# vfio-wizard: begin\n" ENTRY
		       ", \"/dev/vfio/45\", \"/dev/mine\"\n]\n# vfio-wizard: end\n";
	_cleanup_(strv_free) struct strv ours = {0}, none = {0};
	_cleanup_free_ char *out = NULL;

	(void)state;
	words_of(&ours, "/dev/vfio/45");
	assert_int_equal(edit(with, &ours, &none, &out, NULL), 0);
	assert_string_equal(out,
		SAMPLE "# vfio-wizard: begin\n" ENTRY ", \"/dev/mine\"\n]\n# vfio-wizard: end\n");
	assert_int_equal(ours.n, 0);
}

static void refused(const char *text, const char *reason)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0}, found = {0};
	_cleanup_free_ char *out = NULL;
	struct error err = {0};

	words_of(&words, "/dev/vfio/vfio");
	(void)read_both(text, &found);
	if (edit(text, &ours, &words, &out, &err) != -EINVAL)
		fail_msg("%s: not refused", text);
	assert_null(out);
	assert_true(base_starts(err.text, "/etc/libvirt/qemu.conf:"));
	if (!strstr(err.text, reason))
		fail_msg("\"%s\" without \"%s\"", err.text, reason);
}

static void what_libvirt_refuses_is_refused_by_line(void **state)
{
	(void)state;
	refused("a = 1\n" KEY " = [ \"/a\", # no\n \"/b\" ]\n", ":2: a comment inside a list");
	refused(KEY " = [ \"/a\" # no\n]\n", ":1: a comment inside a list");
	refused(KEY " = [ \"/a\" \"/b\" ]\n", "a comma is missing");
	refused(KEY " = [ \"/a\"\n", "not closed with ]");
	refused(KEY " = [ \"/a ]\n", "a string is not closed");
	refused(KEY " = [ \"/a\" ] x\n", "goes on behind");
	refused("a = \n" KEY " = [ \"/a\" ]\n", ":1: a value is missing");
	refused("a b\n", "\"=\" is missing");
	refused("\n\n", "a name is missing");
	refused("\xef\xbb\xbf# c\n" SAMPLE, ":1: a name is missing");
	refused("# c\n\n" KEY " = \"/a\"\n", ":3: " KEY " is no list of strings");
	refused(KEY " = [ \"/a\", 1 ]\n", "no list of strings");
	refused(KEY " = [ \"/a\", [ \"/b\" ] ]\n", "no list of strings");
}

static void a_list_that_breaks_every_guest_is_not_made(void **state)
{
	(void)state;
	refused(KEY " = [ ]\n", "so no guest can start");
	refused("# nothing about it\n", "shows what libvirt allows by default");
	refused("#" KEY " = [\n# \"/dev/null\",\n", "shows what libvirt allows by default");
	refused("#" KEY " = [ ]\n", "shows what libvirt allows by default");
}

static void deep_nesting_ends(void **state)
{
	_cleanup_(str_free) struct str text = {0};
	_cleanup_(strv_free) struct strv words = {0};

	(void)state;
	str_add(&text, "a = ");
	for (size_t i = 0; i < 1000000; i++)
		str_addc(&text, '[');
	assert_int_equal(str_check(&text), 0);
	assert_int_equal(edit_virconf_read("p", text.s, KEY, &words, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_of_the_installed_version_is_kept),
		cmocka_unit_test(an_entry_is_added_to_in_place),
		cmocka_unit_test(stale_groups_go),
		cmocka_unit_test(what_somebody_adds_to_our_block_stays),
		cmocka_unit_test(what_libvirt_refuses_is_refused_by_line),
		cmocka_unit_test(a_list_that_breaks_every_guest_is_not_made),
		cmocka_unit_test(deep_nesting_ends),
	};

	return cmocka_run_group_tests_name("edit_virconf", tests, open_libvirt, NULL);
}
