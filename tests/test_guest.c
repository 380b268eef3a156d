/* What a guest's definition says: read by a real XML parser, and by eye for the others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/guest.h"
#include "core/txn.h"
#include "tests/support.h"
#include "tests/support_machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	struct support_machine m;
	struct choice choice;
	struct device *gpu, *audio, *nvme, *far;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	support_machine_init(&f->m);
	f->nvme = support_device(
		&f->m, "0000:02:00.0", "144d:a808:144d:a801", 0x010802, 2, "nvme", "nvme");
	f->gpu = support_device(
		&f->m, "0000:03:00.0", "10de:1b80:1043:8591", 0x030000, 3, "nouveau", "nouveau");
	f->audio = support_device(&f->m, "0000:03:00.1", "10de:10f0:1043:8591", 0x040300, 3,
		"snd_hda_intel", "snd_hda_intel");
	f->far = support_device(
		&f->m, "10000:e1:00.0", "8086:0b60:8086:0000", 0x010802, 9, "nvme", "nvme");
	f->nvme->name = support_keep(&f->m, "Sams--ung & <NVMe> \x1b[2J");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	choice_free(&f->choice);
	support_machine_free(&f->m);
	free(f);
	return 0;
}

static char *describe(struct fixture *f, enum guest_format format)
{
	struct str out = {0};
	char *text = NULL;

	assert_int_equal(guest_describe(&f->m.machine, &f->choice, format, &out), 0);
	assert_int_equal(str_take(&out, &text), 0);
	return text;
}

static void choose(struct fixture *f, const struct device *device)
{
	assert_int_equal(choice_add(&f->choice, device), 0);
}

/* As libvirt's XML is read: every host address and where the guest gets it. */
static void libvirt_xml_is_well_formed(void **state)
{
	static const char script[] =
		"import sys, xml.etree.ElementTree as e\n"
		"for h in e.fromstring('<d>' + sys.argv[1] + '</d>').findall('hostdev'):\n"
		"    n = lambda a: [int(a.get(k), 16) for k in "
		"('domain','bus','slot','function')]\n"
		"    g = h.find('address')\n"
		"    print(h.get('managed'), *n(h.find('source/address')), '->',\n"
		"          *(n(g) + [g.get('multifunction')] if g is not None else ['any']))\n";
	struct fixture *f = *state;
	_cleanup_free_ char *xml = NULL;
	_cleanup_(str_free) struct str out = {0};

	choose(f, f->nvme);
	choose(f, f->gpu);
	choose(f, f->audio);
	choose(f, f->far);
	xml = describe(f, GUEST_LIBVIRT);
	assert_null(strchr(xml, '\x1b'));
	assert_int_equal(
		support_run((const char *const[]){"python3", "-c", script, xml, NULL}, &out), 0);
	assert_string_equal(out.s, "yes 0 2 0 0 -> any\n"
				   "yes 0 3 0 0 -> 0 17 0 0 on\n"
				   "yes 0 3 0 1 -> 0 17 0 1 None\n"
				   "yes 65536 225 0 0 -> any\n");
}

static void qemu_keeps_a_card_together(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *text = NULL;

	choose(f, f->nvme);
	choose(f, f->gpu);
	choose(f, f->audio);
	text = describe(f, GUEST_QEMU);
	assert_string_equal(text,
		"-device pcie-root-port,id=vfio0,chassis=16\n"
		"-device vfio-pci,host=0000:02:00.0,bus=vfio0,addr=00.0\n"
		"-device pcie-root-port,id=vfio1,chassis=17\n"
		"-device vfio-pci,host=0000:03:00.0,bus=vfio1,addr=00.0,multifunction=on\n"
		"-device vfio-pci,host=0000:03:00.1,bus=vfio1,addr=00.1\n");
}

/* A guest looks at no function where there is no function 0. */
static void a_card_without_its_first_function_has_one_in_the_guest(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *text = NULL;

	choose(f, f->audio);
	text = describe(f, GUEST_QEMU);
	assert_non_null(strstr(text, "host=0000:03:00.1,bus=vfio0,addr=00.0\n"));
}

static void proxmox_names_a_slot_only_for_a_whole_card(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *part = NULL, *whole = NULL;

	choose(f, f->gpu);
	part = describe(f, GUEST_PROXMOX);
	assert_string_equal(part, "hostpci0: 0000:03:00.0,pcie=1\n");
	choose(f, f->audio);
	choose(f, f->far);
	whole = describe(f, GUEST_PROXMOX);
	assert_string_equal(whole, "hostpci0: 0000:03:00,pcie=1\n"
				   "hostpci1: 10000:e1:00.0,pcie=1\n");
}

static void what_is_gone_is_said(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *text = NULL;

	choose(f, f->nvme);
	f->nvme->device++;
	text = describe(f, GUEST_LIBVIRT);
	assert_string_equal(text, "<!-- 0000:02:00.0 is chosen, but is not there -->\n");
}

static void saving_replaces_nothing(void **state)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	char *dir = support_scratch();
	struct error err = {0};

	(void)state;
	assert_true(asprintf(&path, "%s/out", dir) > 0);
	assert_int_equal(txn_save(path, "one\n", &err), 0);
	assert_int_equal(txn_save(path, "two\n", &err), -EEXIST);
	assert_non_null(strstr(err.text, "name another file"));
	text = support_get(dir, "/out");
	assert_string_equal(text, "one\n");
	assert_int_equal(txn_save("/nowhere/x", "", &err), -ENOENT);
	support_remove(dir);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(libvirt_xml_is_well_formed),
		T(qemu_keeps_a_card_together),
		T(a_card_without_its_first_function_has_one_in_the_guest),
		T(proxmox_names_a_slot_only_for_a_whole_card),
		T(what_is_gone_is_said),
		cmocka_unit_test(saving_replaces_nothing),
	};

	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
