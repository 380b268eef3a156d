#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/words.h"
#include "tests/support.h"

#include <errno.h>
#include <string.h>

static struct root *open_root(const char *dir)
{
	struct root *root = NULL;
	struct error err = {0};

	if (root_open(dir, NULL, &root, &err) < 0)
		fail_msg("%s", err.text);
	return root;
}

/* As words_load() reads the text. */
static int load(const char *text, struct words *ret, struct error *err)
{
	char *dir = support_scratch();
	_cleanup_(root_closep) struct root *root = NULL;
	int r;

	support_put(dir, "/sys/bus/pci/devices/x", "");
	if (text)
		support_put(dir, WORDS_PATH, text);
	root = open_root(dir);
	r = words_load(root, ret, err);
	support_remove(dir);
	return r;
}

static const struct words_place cmdline = {WORDS_CMDLINE, "/etc/kernel/cmdline", ""},
				entry = {WORDS_ENTRY, "/boot/loader/entries/a b.conf", ""},
				grub = {WORDS_SHELL, "/etc/default/grub",
					"GRUB_CMDLINE_LINUX_DEFAULT"},
				acl = {WORDS_VIRCONF, "/etc/libvirt/qemu.conf",
					"cgroup_device_acl"},
				tool = {WORDS_TOOL, "/usr/sbin/grubby", ""};

static void add(struct words *words, const struct words_place *place, const char *word)
{
	struct words_list *list = words_at(words, place);

	assert_non_null(list);
	assert_int_equal(strv_add(&list->ours, word), 0);
}

static void what_is_written_is_read(void **state)
{
	_cleanup_(words_free) struct words words = {0}, again = {0};
	_cleanup_free_ char *text = NULL, *second = NULL;
	struct error err = {0};

	(void)state;
	add(&words, &cmdline, "intel_iommu=on");
	add(&words, &cmdline, "dyndbg=\"file x +p\"");
	words_at(&words, &cmdline)->made = 0x123456789abcdef0;
	add(&words, &entry, "iommu=pt");
	add(&words, &tool, "%#");
	assert_non_null(words_at(&words, &grub)); /* nothing of ours in it */
	assert_int_equal(words_format(&words, &text), 0);
	if (load(text, &again, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(again.n, 3);
	assert_int_equal(words_ours(&again, &cmdline)->n, 2);
	assert_string_equal(words_ours(&again, &cmdline)->v[1], "dyndbg=\"file x +p\"");
	assert_true(words_at(&again, &cmdline)->made == 0x123456789abcdef0);
	assert_string_equal(words_ours(&again, &entry)->v[0], "iommu=pt");
	assert_string_equal(words_ours(&again, &tool)->v[0], "%#");
	assert_null(words_ours(&again, &grub));
	assert_int_equal(words_format(&again, &second), 0);
	assert_string_equal(text, second);
}

static void nothing_of_ours_is_no_file(void **state)
{
	_cleanup_(words_free) struct words words = {0}, none = {0};
	_cleanup_free_ char *text = NULL;
	struct error err = {0};

	(void)state;
	assert_non_null(words_at(&words, &cmdline));
	assert_int_equal(words_format(&words, &text), 0);
	assert_null(text);
	assert_int_equal(load(NULL, &none, &err), 0);
	assert_int_equal(none.n, 0);
}

static void a_damaged_line_is_named(void **state)
{
	static const char *const lines[] = {
		"cmdline /etc/kernel/cmdline %-\n",
		"unheard /etc/x %- word\n",
		"cmdline /etc/../../x %- word\n",
		"cmdline etc/x %- word\n",
		"cmdline /etc/x %- two words\n",
		"cmdline /etc/x %- %zz\n",
		"made zz cmdline /etc/x %-\n",
		"made 11111111111111111 cmdline /etc/x %-\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_(words_free) struct words words = {0};
		_cleanup_(str_free) struct str text = {0};
		struct error err = {0};

		str_addf(&text, "# a comment\n%s", lines[i]);
		if (load(text.s, &words, &err) == 0)
			fail_msg("taken: %s", lines[i]);
		if (!strstr(err.text, WORDS_PATH ":2: "))
			fail_msg("%s: %s", lines[i], err.text);
		assert_int_equal(words.n, 0);
	}
}

static void places_differ_by_each_part(void **state)
{
	static const struct words_place other[] = {
		{WORDS_ENTRY, "/etc/kernel/cmdline", ""},
		{WORDS_CMDLINE, "/etc/kernel/cmdline2", ""},
		{WORDS_CMDLINE, "/etc/kernel/cmdline", "key"},
	};
	_cleanup_(words_free) struct words words = {0};

	(void)state;
	add(&words, &cmdline, "x");
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		assert_null(words_ours(&words, &other[i]));
	assert_ptr_equal(words_at(&words, &cmdline), words_at(&words, &cmdline));
	assert_int_equal(words.n, 1);
}

/* Wherever they are kept; device nodes are none. */
static void parameters_are_those_of_command_lines(void **state)
{
	_cleanup_(words_free) struct words words = {0};
	_cleanup_(strv_free) struct strv ret = {0};

	(void)state;
	add(&words, &acl, "/dev/vfio/1");
	add(&words, &cmdline, "iommu=pt");
	add(&words, &entry, "iommu=pt");
	add(&words, &grub, "intel_iommu=on");
	add(&words, &tool, "vfio-pci.ids=1:2");
	assert_int_equal(words_parameters(&words, &ret), 0);
	assert_int_equal(ret.n, 3);
	assert_true(strv_has(&ret, "iommu=pt"));
	assert_true(strv_has(&ret, "intel_iommu=on"));
	assert_true(strv_has(&ret, "vfio-pci.ids=1:2"));
}

/* In every grammar: what is added is there, and taken out again leaves the text as it was. */
static void editing_comes_back(
	const struct words_place *place, const char *before, const char *word, const char *expected)
{
	_cleanup_(strv_free) struct strv ours = {0}, wanted = {0}, read = {0};
	_cleanup_free_ char *with = NULL, *back = NULL;
	struct error err = {0};

	assert_int_equal(strv_add(&wanted, word), 0);
	if (words_edit(place, before, &ours, &wanted, &with, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(with, expected);
	assert_true(strv_has(&ours, word));
	if (place->grammar == WORDS_CMDLINE || place->grammar == WORDS_ENTRY ||
		place->grammar == WORDS_SHELL) {
		assert_int_equal(words_read(place, with, &read, &err), 0);
		assert_true(strv_has(&read, word));
	}
	strv_free(&wanted);
	assert_int_equal(words_edit(place, with, &ours, &wanted, &back, &err), 0);
	assert_string_equal(back, before);
	assert_int_equal(ours.n, 0);
}

static void each_grammar_has_its_editor(void **state)
{
	static const struct words_place array = {WORDS_ARRAY, "/etc/mkinitcpio.conf", "MODULES"},
					conf = {WORDS_PCI_CONF, "/x/pci.conf", "short_address"},
					ruby = {WORDS_PCI_RB, "/x/pci.rb", ""},
					booster = {WORDS_BOOSTER, "/etc/booster.yaml", ""};

	(void)state;
	editing_comes_back(&cmdline, "root=/dev/x\n", "iommu=pt", "root=/dev/x iommu=pt\n");
	editing_comes_back(&entry, "title x\noptions root=/dev/x\n", "iommu=pt",
		"title x\noptions root=/dev/x iommu=pt\n");
	editing_comes_back(&grub, "GRUB_CMDLINE_LINUX_DEFAULT='quiet'\n", "iommu=pt",
		"GRUB_CMDLINE_LINUX_DEFAULT='quiet iommu=pt'\n");
	editing_comes_back(&array, "MODULES=(ext4)\n", "vfio", "MODULES=(ext4 vfio)\n");
	editing_comes_back(&acl, "cgroup_device_acl = [ \"/dev/null\" ]\n", "/dev/vfio/vfio",
		"cgroup_device_acl = [ \"/dev/null\", \"/dev/vfio/vfio\" ]\n");
	editing_comes_back(&conf, ":short_address:\n  - '01:00.0'\n", "02:00.0",
		":short_address:\n  - '01:00.0'\n  - '02:00.0'\n");
	editing_comes_back(
		&ruby, "FILTER = '10de:1b80'\n", "10de:1b81", "FILTER = '10de:1b80,10de:1b81'\n");
	editing_comes_back(
		&booster, "modules_force_load: ext4\n", "vfio", "modules_force_load: ext4,vfio\n");
}

static void what_no_file_keeps_is_not_edited(void **state)
{
	_cleanup_(strv_free) struct strv ours = {0}, wanted = {0}, read = {0};
	static const struct words_place bad = {WORDS_PCI_CONF, "/x/pci.conf", "unheard"};
	struct error err = {0};
	char *text = NULL;

	(void)state;
	assert_int_equal(words_edit(&tool, "", &ours, &wanted, &text, &err), -EINVAL);
	assert_int_equal(words_edit(&bad, "", &ours, &wanted, &text, &err), -EINVAL);
	assert_int_equal(words_read(&acl, "", &read, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(nothing_of_ours_is_no_file),
		cmocka_unit_test(a_damaged_line_is_named),
		cmocka_unit_test(places_differ_by_each_part),
		cmocka_unit_test(parameters_are_those_of_command_lines),
		cmocka_unit_test(each_grammar_has_its_editor),
		cmocka_unit_test(what_no_file_keeps_is_not_edited),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
