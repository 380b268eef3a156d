#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/edit_cmdline.h"
#include "tests/support_edit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum edit_cmdline_form form;

static int edit_file(const char *text, struct strv *ours, const struct strv *wanted, char **ret,
	struct error *err)
{
	return edit_cmdline("/etc/kernel/cmdline", text, form, ours, wanted, ret, err);
}

static void words_of(struct strv *words, const char *text)
{
	assert_int_equal(strv_split(words, text, " "), 0);
}

/* The edit gives `expected`; taken out again, the start. */
static void check(const char *text, const char *wanted, const char *expected)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0}, none = {0};
	_cleanup_free_ char *out = NULL, *wrong = NULL;
	struct error err = {0};
	bool done = false;

	words_of(&words, wanted);
	if (edit_file(text, &ours, &words, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(out, expected);
	wrong = support_edit_laws(edit_file, text, &words, &none, true, &done);
	if (wrong)
		fail_msg("%s", wrong);
	assert_true(done);
}

static void words_go_behind_the_last_one(void **state)
{
	(void)state;
	form = EDIT_CMDLINE_FILE;
	check("root=/dev/sda1 ro  quiet\n", "intel_iommu=on iommu=pt",
		"root=/dev/sda1 ro  quiet intel_iommu=on iommu=pt\n");
	check("root=x", "a", "root=x a");
	check("root=x \t\n", "a", "root=x a \t\n");
	check("root=x\r\nquiet\r\n", "a", "root=x\r\nquiet a\r\n");
	check("root=x\nquiet\n\n# the end\n", "a", "root=x\nquiet a\n\n# the end\n");
	check("", "a b", "a b");
	check("# nothing yet\n", "a", "# nothing yet\na");
}

static void what_is_there_stays_as_it_is(void **state)
{
	(void)state;
	form = EDIT_CMDLINE_FILE;
	check("intel_iommu=on root=x\n", "intel_iommu=on", "intel_iommu=on root=x\n");
	check("intel-iommu=\"on\" root=x\n", "intel_iommu=on", "intel-iommu=\"on\" root=x\n");
	check("\"intel_iommu=on\"\n", "intel_iommu=on", "\"intel_iommu=on\"\n");
	check("# intel_iommu=on\nroot=x\n", "intel_iommu=on",
		"# intel_iommu=on\nroot=x intel_iommu=on\n");
	check("dyndbg=\"file a.c +p; intel_iommu=on\"\n", "intel_iommu=on",
		"dyndbg=\"file a.c +p; intel_iommu=on\" intel_iommu=on\n");
}

static void what_follows_two_dashes_is_inits(void **state)
{
	(void)state;
	form = EDIT_CMDLINE_FILE;
	check("root=x -- a\n", "a", "root=x a -- a\n");
	check("root=x -- a\nb\n", "b", "root=x b -- a\nb\n");
}

static void comma_lists_are_merged(void **state)
{
	(void)state;
	form = EDIT_CMDLINE_FILE;
	check("modprobe.blacklist=nouveau ro\n", "modprobe.blacklist=nvidia,nouveau",
		"modprobe.blacklist=nouveau,nvidia ro\n");
	check("ro modprobe.blacklist=\"nouveau\"\n", "modprobe.blacklist=nvidia",
		"ro modprobe.blacklist=\"nouveau,nvidia\"\n");
	check("\"modprobe.blacklist=nouveau\" ro\n", "modprobe.blacklist=nvidia",
		"\"modprobe.blacklist=nouveau,nvidia\" ro\n");
	check("rd.driver.pre= ro\n", "rd.driver.pre=vfio-pci",
		"rd.driver.pre= ro rd.driver.pre=vfio-pci\n");
	check("ro\n", "rd.driver.pre=a,b rd.driver.pre=c", "ro rd.driver.pre=a,b,c\n");
	/* Of several the kernel takes the last. */
	check("vfio_pci.ids=1:1 vfio-pci.ids=2:2\n", "vfio-pci.ids=1:1",
		"vfio_pci.ids=1:1 vfio-pci.ids=2:2,1:1\n");
	check("root=a,b\n", "root=b", "root=a,b root=b\n");
}

static void entries_have_their_words_in_options_lines(void **state)
{
	(void)state;
	form = EDIT_CMDLINE_ENTRY;
	check("title   Arch\nlinux   /vmlinuz\noptions root=x rw\n", "a",
		"title   Arch\nlinux   /vmlinuz\noptions root=x rw a\n");
	check("options root=x\noptions\tquiet\ninitrd /i\n", "a",
		"options root=x\noptions\tquiet a\ninitrd /i\n");
	check("options \nlinux /v\n", "a", "options a\nlinux /v\n");
	check("#options a\n  options root=x", "a", "#options a\n  options root=x a");
	check("title a\n", "a b",
		"title a\n# vfio-wizard: begin\noptions a b\n# vfio-wizard: end\n");
	check("options $kernelopts\n", "a", "options $kernelopts a\n");
}

/* The person's own line makes ours unnecessary. */
static void a_line_of_the_persons_takes_the_place_of_ours(void **state)
{
	_cleanup_(strv_free) struct strv ours = {0}, wanted = {0};
	_cleanup_free_ char *out = NULL;

	(void)state;
	form = EDIT_CMDLINE_ENTRY;
	words_of(&ours, "a");
	words_of(&wanted, "a");
	assert_int_equal(edit_file("# vfio-wizard: begin\noptions a\n# vfio-wizard: end\n"
				   "options root=x\n",
				 &ours, &wanted, &out, NULL),
		0);
	assert_string_equal(out, "options root=x a\n");
}

static void only_what_is_ours_goes(void **state)
{
	_cleanup_(strv_free) struct strv ours = {0}, wanted = {0};
	_cleanup_free_ char *one = NULL, *two = NULL, *three = NULL;

	(void)state;
	form = EDIT_CMDLINE_FILE;
	words_of(&wanted, "quiet a modprobe.blacklist=x,y");
	assert_int_equal(
		edit_file("quiet modprobe.blacklist=y z\n", &ours, &wanted, &one, NULL), 0);
	assert_string_equal(one, "quiet modprobe.blacklist=y,x z a\n");
	assert_int_equal(ours.n, 2);
	assert_true(strv_has(&ours, "a") && strv_has(&ours, "modprobe.blacklist=x"));
	strv_free(&wanted);
	words_of(&wanted, "b a");
	/* Somebody wrote between them, and moved ours. */
	assert_int_equal(
		edit_file("a quiet modprobe.blacklist=y,x,w z\n", &ours, &wanted, &two, NULL), 0);
	assert_string_equal(two, "a quiet modprobe.blacklist=y,w z b\n");
	strv_free(&wanted);
	assert_int_equal(edit_file(two, &ours, &wanted, &three, NULL), 0);
	assert_string_equal(three, "quiet modprobe.blacklist=y,w z\n");
	assert_int_equal(ours.n, 0);
}

static void comments_before_what_goes_stay(void **state)
{
	_cleanup_(strv_free) struct strv ours = {0}, none = {0};
	_cleanup_free_ char *out = NULL, *entry = NULL;

	(void)state;
	form = EDIT_CMDLINE_FILE;
	words_of(&ours, "a");
	assert_int_equal(edit_file("root=x\n# why\na b\n", &ours, &none, &out, NULL), 0);
	assert_string_equal(out, "root=x\n# why\n b\n");
	form = EDIT_CMDLINE_ENTRY;
	words_of(&ours, "a");
	assert_int_equal(
		edit_file("options x\ninitrd /i\noptions a\n", &ours, &none, &entry, NULL), 0);
	assert_string_equal(entry, "options x\ninitrd /i\noptions \n");
}

static void refused(const char *text, const char *wanted, int code, const char *reason)
{
	_cleanup_(strv_free) struct strv ours = {0}, words = {0};
	_cleanup_free_ char *out = NULL;
	struct error err = {0};

	words_of(&words, wanted);
	assert_int_equal(edit_file(text, &ours, &words, &out, &err), code);
	assert_null(out);
	if (!strstr(err.text, reason))
		fail_msg("\"%s\" without \"%s\"", err.text, reason);
}

static void what_is_not_safe_is_refused(void **state)
{
	_cleanup_(str_free) struct str text = {0};

	(void)state;
	form = EDIT_CMDLINE_FILE;
	refused("root=x\nfoo=\"bar\n", "a", -EINVAL, "/etc/kernel/cmdline:2: a double quote");
	refused("# only this", "a", -EINVAL, "no line there takes");
	refused("-- a", "a", -EINVAL, "no line there takes");
	refused("root=x", "a\"b", -EINVAL, "cannot be written");
	refused("root=x", "$(reboot)", -EINVAL, "cannot be written");
	str_add(&text, "# of comments nothing counts\n");
	for (size_t i = 0; i < 2040; i++)
		str_addc(&text, 'x');
	str_add(&text, "  y\n");
	assert_int_equal(edit_cmdline_length(text.s, form), 2042);
	check("root=x", "abc", "root=x abc");
	refused(text.s, "abcde", -E2BIG, "2048 bytes");
	text.len -= 4;
	str_add(&text, "\n");
	check(text.s, "", text.s);
}

static void words_are_read(void **state)
{
	_cleanup_(strv_free) struct strv words = {0};

	(void)state;
	assert_int_equal(edit_cmdline_read("p", "a \"b c\" d=\"e f\" modprobe.blacklist=x,y -- z\n",
				 EDIT_CMDLINE_FILE, &words, NULL),
		0);
	assert_int_equal(words.n, 4);
	assert_string_equal(words.v[1], "b c");
	assert_string_equal(words.v[2], "d=e f");
	assert_true(edit_cmdline_has(&words, "a"));
	assert_true(edit_cmdline_has(&words, "modprobe.blacklist=y"));
	assert_false(edit_cmdline_has(&words, "modprobe.blacklist=z"));
	assert_false(edit_cmdline_has(&words, "z"));
}

static void running(const char *line, const char *expected)
{
	_cleanup_free_ char *out = NULL;
	struct error err = {0};
	int r = edit_cmdline_from_running(line, &out, &err);

	if (!expected) {
		assert_int_equal(r, -EINVAL);
		assert_non_null(strstr(err.text, "/proc/cmdline"));
		assert_null(out);
		return;
	}
	assert_int_equal(r, 0);
	assert_string_equal(out, expected);
}

static void the_first_file_is_made_from_the_running_line(void **state)
{
	(void)state;
	running("BOOT_IMAGE=/vmlinuz-6 root=UUID=1 ro quiet\n", "root=UUID=1 ro quiet\n");
	running("initrd=\\a\\initrd root=x rw systemd.machine_id=0123", "root=x rw\n");
	running("initrd=a root=x foo=\"b c\" initrd=b -- z\n", "root=x foo=\"b c\" -- z\n");
	running("BOOT_IMAGE=/v ro quiet\n", NULL);
	running("root= ro\n", NULL);
	running("ro -- root=x\n", NULL);
	running("root=x ro single\n", NULL);
	running("root=x module_blacklist=nouveau,vfio_pci\n", NULL);
	running("root=x foo=\"bar\n", NULL);
	running("", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_go_behind_the_last_one),
		cmocka_unit_test(what_is_there_stays_as_it_is),
		cmocka_unit_test(what_follows_two_dashes_is_inits),
		cmocka_unit_test(comma_lists_are_merged),
		cmocka_unit_test(entries_have_their_words_in_options_lines),
		cmocka_unit_test(a_line_of_the_persons_takes_the_place_of_ours),
		cmocka_unit_test(only_what_is_ours_goes),
		cmocka_unit_test(comments_before_what_goes_stay),
		cmocka_unit_test(what_is_not_safe_is_refused),
		cmocka_unit_test(words_are_read),
		cmocka_unit_test(the_first_file_is_made_from_the_running_line),
	};

	return cmocka_run_group_tests_name("edit_cmdline", tests, NULL, NULL);
}
