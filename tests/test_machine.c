#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/machine.h"
#include "tests/mktree.h"
#include "tests/support.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PCI "/sys/bus/pci/devices"

struct fixture {
	char *dir;
	struct root *root;
	struct machine *machine;
	struct mktree_machine *facts;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->dir = support_scratch();
	*state = f;
	return 0;
}

static void forget(struct fixture *f)
{
	f->machine = machine_free(f->machine);
	f->root = root_close(f->root);
	f->facts = mktree_facts_free(f->facts);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	forget(f);
	support_remove(f->dir);
	free(f);
	return 0;
}

static void scan(struct fixture *f, unsigned what)
{
	struct error err = {0};

	f->machine = machine_free(f->machine);
	f->root = root_close(f->root);
	if (root_open(f->dir, NULL, &f->root, &err) < 0 ||
		machine_scan(f->root, what, &f->machine, &err) < 0)
		fail_msg("%s", err.text);
}

/* A tree from the text of a facts file. */
static void scan_facts(struct fixture *f, const char *facts, unsigned what)
{
	_cleanup_free_ char *path = NULL;

	support_put(f->dir, "/facts", facts);
	assert_true(asprintf(&path, "%s/facts", f->dir) > 0);
	assert_int_equal(mktree_machine(path, f->dir), 0);
	scan(f, what);
}

static void link_in(const char *dir, const char *path, const char *text)
{
	_cleanup_free_ char *full = NULL;

	assert_true(asprintf(&full, "%s%s", dir, path) > 0);
	(void)unlink(full);
	assert_int_equal(symlink(text, full), 0);
}

static void remove_in(const char *dir, const char *path)
{
	_cleanup_free_ char *full = NULL;

	assert_true(asprintf(&full, "%s%s", dir, path) > 0);
	assert_int_equal(remove(full), 0);
}

static const struct device *at(const struct fixture *f, const char *address)
{
	const struct device *device = machine_device(f->machine, address);

	if (!device)
		fail_msg("%s is lost", address);
	return device;
}

/* ---- real machines ------------------------------------------------------------------------ */

static void assert_basics(const struct device *d, const struct mktree_device *fact)
{
	assert_string_equal(d->address, fact->address);
	assert_int_equal(d->vendor, fact->vendor);
	assert_int_equal(d->device, fact->device);
	assert_int_equal(d->subsystem_vendor, fact->subvendor);
	assert_int_equal(d->subsystem_device, fact->subdevice);
	assert_int_equal(d->class, fact->class);
	assert_int_equal(d->group, fact->group);
	assert_true(base_same(d->driver, fact->driver));
}

static void assert_details(const struct device *d, const struct mktree_device *fact)
{
	assert_int_equal(d->revision, fact->revision);
	assert_int_equal(d->boot_vga, fact->boot_vga);
	assert_string_equal(d->physfn ? d->physfn->address : "", fact->physfn);
	if (*fact->parent)
		assert_string_equal(d->parent ? d->parent->address : "", fact->parent);
	assert_false(d->override_set);
}

/* Every device is in its group and in no other, in the order of addresses. */
static void assert_groups(const struct machine *m)
{
	size_t members = 0, with = 0;

	for (size_t i = 0; i < m->n_devices; i++)
		with += m->devices[i].group >= 0;
	for (size_t i = 0; i < m->n_groups; i++) {
		const struct group *g = &m->groups[i];

		assert_true(i == 0 || m->groups[i - 1].id < g->id);
		assert_true(g->n_devices > 0);
		assert_ptr_equal(machine_group(m, g->id), g);
		for (size_t k = 0; k < g->n_devices; k++) {
			assert_int_equal(g->devices[k]->group, g->id);
			assert_true(k == 0 || g->devices[k - 1] < g->devices[k]);
		}
		members += g->n_devices;
	}
	assert_int_equal(members, with);
}

static void compare(struct fixture *f, const char *file)
{
	assert_int_equal(mktree_facts_load(file, &f->facts), 0);
	scan(f, MACHINE_ALL);
	assert_int_equal(f->machine->n_devices, f->facts->n_device);
	for (size_t i = 0; i < f->facts->n_device; i++) {
		assert_basics(&f->machine->devices[i], &f->facts->device[i]);
		assert_details(&f->machine->devices[i], &f->facts->device[i]);
	}
	assert_groups(f->machine);
	scan(f, 0);
	assert_int_equal(f->machine->n_devices, f->facts->n_device);
	for (size_t i = 0; i < f->facts->n_device; i++)
		assert_basics(&f->machine->devices[i], &f->facts->device[i]);
}

static void test_real_machines(void **state)
{
	struct fixture *f = *state;
	glob_t files = {0};

	assert_int_equal(glob("tests/fixtures/machines/*.facts", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 17);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		print_message("# %s\n", files.gl_pathv[i]);
		assert_int_equal(mktree_machine(files.gl_pathv[i], f->dir), 0);
		compare(f, files.gl_pathv[i]);
		forget(f);
		support_remove(f->dir);
		f->dir = support_scratch();
	}
	globfree(&files);
}

static void test_big_machine(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mktree_synthetic_make(1500, 7, &f->facts), 0);
	assert_int_equal(mktree_sys_write(f->facts, f->dir), 0);
	scan(f, MACHINE_DETAILS);
	assert_int_equal(f->machine->n_devices, 1500);
	for (size_t i = 0; i < 1500; i++) {
		assert_basics(&f->machine->devices[i], &f->facts->device[i]);
		assert_string_equal(at(f, f->facts->device[i].address)->address,
			f->facts->device[i].address);
	}
	assert_groups(f->machine);
}

/* ---- unusual machines --------------------------------------------------------------------- */

static void test_domains_and_groups(void **state)
{
	struct fixture *f = *state;
	const struct group *group;

	scan_facts(f,
		"title t\nsource s\niommu yes\nunits dmar0\n"
		"0000:00:0e.0 8086:467f - 010400 00 3 vmd\n"
		"1001:00:00.0 8086:0001 - 020000 00 2147483647 -\n"
		"10000:e0:06.0 8086:464d - 060400 02 3 pcieport\n"
		"10000:e1:00.0 144d:a80a 144d:a801 010802 00 3 nvme parent=10000:e0:06.0\n"
		"fffffffe:ff:1f.7 8086:0002 - 020000 00 300 -\n"
		"0000:00:1f.0 8086:0003 - 060100 00 - -\n",
		MACHINE_DETAILS);
	assert_int_equal(f->machine->n_devices, 6);
	assert_string_equal(f->machine->devices[2].address, "1001:00:00.0");
	assert_string_equal(f->machine->devices[3].address, "10000:e0:06.0");
	assert_int_equal(at(f, "fffffffe:ff:1f.7")->domain, 0xfffffffe);
	assert_int_equal(at(f, "00:1f.0")->group, -1);
	assert_ptr_equal(at(f, "10000:e1:00.0")->parent, at(f, "10000:e0:06.0"));
	assert_int_equal(f->machine->n_groups, 3);
	group = machine_group(f->machine, 3);
	assert_non_null(group);
	assert_int_equal(group->n_devices, 3);
	assert_string_equal(group->devices[2]->address, "10000:e1:00.0");
	assert_non_null(machine_group(f->machine, 2147483647));
	assert_null(machine_group(f->machine, 4));
	assert_null(machine_group(f->machine, -1));
	assert_groups(f->machine);
}

static void test_no_iommu(void **state)
{
	struct fixture *f = *state;

	scan_facts(f, "title t\nsource s\niommu no\n"
		      "0000:00:02.0 8086:0102 - 030000 09 - i915 boot_vga\n", MACHINE_ALL);
	assert_int_equal(f->machine->n_devices, 1);
	assert_int_equal(f->machine->n_groups, 0);
	assert_false(f->machine->host.iommu_active);
	assert_true(f->machine->devices[0].boot_vga);
	assert_non_null(f->machine->devices[0].modules);
	assert_null(machine_group(f->machine, 0));
}

static void test_group_type(void **state)
{
	struct fixture *f = *state;

	scan_facts(f, "title t\nsource s\niommu yes\nunits dmar0\n"
		      "0000:00:02.0 8086:0102 - 030000 09 4 i915\n", MACHINE_DETAILS);
	support_put(f->dir, "/sys/kernel/iommu_groups/4/type", "identity\n");
	scan(f, MACHINE_DETAILS);
	assert_string_equal(machine_group(f->machine, 4)->type, "identity");
	remove_in(f->dir, "/sys/kernel/iommu_groups/4/type");
	scan(f, MACHINE_DETAILS);
	assert_null(machine_group(f->machine, 4)->type);
}

static void test_override(void **state)
{
	struct fixture *f = *state;

	scan_facts(f, "title t\nsource s\niommu no\n"
		      "0000:00:02.0 8086:0102 - 030000 09 - i915\n", MACHINE_DETAILS);
	assert_false(f->machine->devices[0].override_set);
	support_put(f->dir, PCI "/0000:00:02.0/driver_override", "vfio-pci\n");
	scan(f, MACHINE_DETAILS);
	assert_true(f->machine->devices[0].override_set);
}

static const char three[] = "title t\nsource s\niommu yes\nunits dmar0\n"
			    "0000:00:01.0 8086:0001 - 060400 00 1 pcieport\n"
			    "0000:01:00.0 10de:1b80 1043:8591 030000 a1 2 nouveau parent=0000:00:01.0\n"
			    "0000:01:00.1 10de:10f0 1043:8591 040300 a1 2 - parent=0000:00:01.0\n";

/* A link whose device has gone is what a removal during the scan looks like. */
static void test_vanished(void **state)
{
	struct fixture *f = *state;

	scan_facts(f, three, 0);
	link_in(f->dir, PCI "/0000:01:00.0", "../../../devices/gone/0000:01:00.0");
	scan(f, MACHINE_ALL);
	assert_int_equal(f->machine->n_devices, 2);
	assert_null(machine_device(f->machine, "0000:01:00.0"));
	assert_int_equal(at(f, "0000:01:00.1")->device, 0x10f0);
	assert_int_equal(machine_group(f->machine, 2)->n_devices, 1);
}

static void test_without_modalias(void **state)
{
	struct fixture *f = *state;

	scan_facts(f, three, 0);
	remove_in(f->dir, PCI "/0000:01:00.0/modalias");
	support_put(f->dir, PCI "/0000:01:00.1/modalias", "pci:v000010DEd000010F0 nonsense\n");
	scan(f, MACHINE_ALL);
	assert_int_equal(at(f, "01:00.0")->vendor, 0x10de);
	assert_int_equal(at(f, "01:00.0")->subsystem_device, 0x8591);
	assert_int_equal(at(f, "01:00.0")->class, 0x030000);
	assert_int_equal(at(f, "01:00.0")->revision, 0xa1);
	assert_string_equal(at(f, "01:00.0")->modalias,
		"pci:v000010DEd00001B80sv00001043sd00008591bc03sc00i00");
	assert_int_equal(at(f, "01:00.1")->device, 0x10f0);
}

/* libpci gives up on a device without these; its group must not look smaller for that. */
static void test_broken(void **state)
{
	struct fixture *f = *state;

	scan_facts(f, three, 0);
	remove_in(f->dir, PCI "/0000:01:00.0/modalias");
	remove_in(f->dir, PCI "/0000:01:00.0/vendor");
	assert_int_equal(mkdir(strcat(strcpy((char[512]){0}, f->dir), PCI "/0000:01:00.0/vendor"), 0755),
		0);
	support_put(f->dir, PCI "/0000:01:00.0/class", "nonsense\n");
	scan(f, MACHINE_ALL);
	assert_int_equal(f->machine->n_devices, 3);
	assert_int_equal(at(f, "01:00.0")->vendor, 0);
	assert_int_equal(at(f, "01:00.0")->device, 0x1b80);
	assert_int_equal(at(f, "01:00.0")->class, 0);
	assert_int_equal(at(f, "01:00.0")->group, 2);
	assert_string_equal(at(f, "01:00.0")->driver, "nouveau");
	assert_int_equal(at(f, "01:00.1")->vendor, 0x10de);
}

static void test_strange_names(void **state)
{
	static const char *const name[] = {
		"nonsense", "0:1:0.0", "0000:01:00.8", "0000:01:20.0", "0000:01:00.0.", "-1:00:00.0",
		"0000:AB:00.0", "00000:01:00.2", "100000000:00:00.0", "\x1b[2J", "0000:01:00.1\n",
	};
	struct fixture *f = *state;

	scan_facts(f, three, 0);
	for (size_t i = 0; i < ARRAY_SIZE(name); i++) {
		_cleanup_free_ char *path = NULL;

		assert_true(asprintf(&path, PCI "/%s", name[i]) > 0);
		link_in(f->dir, path, "0000:01:00.0");
	}
	scan(f, MACHINE_ALL);
	assert_int_equal(f->machine->n_devices, 3);
}

static void test_strange_links(void **state)
{
	struct fixture *f = *state;
	char deep[2000];

	scan_facts(f, three, 0);
	link_in(f->dir, PCI "/0000:01:00.0/iommu_group", "../../99999999999999999999");
	link_in(f->dir, PCI "/0000:01:00.1/iommu_group", "-5");
	(void)memset(deep, 'x', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	link_in(f->dir, PCI "/0000:01:00.1/driver", deep);
	link_in(f->dir, PCI "/0000:00:01.0/driver", "../drivers/");
	scan(f, MACHINE_ALL);
	assert_int_equal(at(f, "01:00.0")->group, -1);
	assert_int_equal(at(f, "01:00.1")->group, -1);
	assert_null(at(f, "01:00.1")->driver);
	assert_null(at(f, "00:01.0")->driver);
}

static void assert_refused(struct fixture *f, const char *sysfs, int code)
{
	struct error err = {0};

	if (root_open(f->dir, sysfs, &f->root, &err) == 0)
		assert_int_equal(machine_scan(f->root, MACHINE_ALL, &f->machine, &err), code);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, f->dir));
	assert_null(f->machine);
	forget(f);
}

static void test_no_pci(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *sysfs = NULL;

	assert_true(asprintf(&sysfs, "%s/sys", f->dir) > 0);
	support_put(f->dir, "/sys/x", "");
	assert_refused(f, sysfs, -ENOENT);
	support_put(f->dir, PCI "/nonsense", "");
	assert_refused(f, sysfs, -ENODEV);
	remove_in(f->dir, PCI "/nonsense");
	remove_in(f->dir, PCI);
	support_put(f->dir, PCI, "a file\n");
	assert_refused(f, sysfs, -ENOTDIR);
}

static void test_live(void **state)
{
	struct fixture *f = *state;
	struct error err = {0};

	if (access("/sys/bus/pci/devices", R_OK) != 0)
		skip();
	assert_int_equal(root_open("/", NULL, &f->root, &err), 0);
	if (machine_scan(f->root, MACHINE_ALL, &f->machine, &err) < 0)
		assert_int_equal(err.code, -ENODEV);
	else
		assert_groups(f->machine);
}

/* ---- names -------------------------------------------------------------------------------- */

static void test_names(void **state)
{
	struct fixture *f = *state;

	scan_facts(f,
		"title t\nsource s\niommu no\n"
		"0000:00:01.0 8086:ffff - 0200ff 00 - -\n"
		"0000:00:02.0 8086:10d3 - 020000 00 - -\n"
		"0000:00:03.0 f00f:1234 - ee0000 00 - -\n",
		0);
	assert_null(f->machine->devices[1].name);
	scan(f, MACHINE_NAMES);
	if (!f->machine->devices[1].name)
		skip();
	assert_string_equal(f->machine->devices[1].class_name, "Ethernet controller");
	assert_non_null(strstr(f->machine->devices[1].name, "82574L"));
	assert_string_equal(f->machine->devices[0].name, "Intel Corporation Device ffff");
	assert_null(f->machine->devices[2].name);
}

static void test_label(void **state)
{
	char name[] = "Vendor Device", class[] = "VGA compatible controller", buf[32];
	struct device d = {.vendor = 0x10de, .device = 0x1b80};

	(void)state;
	assert_string_equal(device_label(&d, buf, sizeof(buf)), "Device 10de:1b80");
	d.class_name = class;
	assert_string_equal(device_label(&d, buf, sizeof(buf)), class);
	d.name = name;
	assert_string_equal(device_label(&d, buf, sizeof(buf)), name);
}

/* ---- questions ---------------------------------------------------------------------------- */

static void test_parse_address(void **state)
{
	static const struct {
		const char *text, *full;
	} good[] = {
		{"01:00.0", "0000:01:00.0"}, {"0000:01:00.0", "0000:01:00.0"},
		{"0000:AF:1F.7", "0000:af:1f.7"}, {"10000:e1:00.0", "10000:e1:00.0"},
		{"00001:00:00.0", "0001:00:00.0"}, {"FFFFFFFF:00:00.0", "ffffffff:00:00.0"},
	};
	static const char *const bad[] = {
		"", "0", "01:00", "01:00.8", "01:20.0", "1:00.0", "01:0.0", "001:00:00.0",
		"0000:01:00.0 ", " 01:00.0", "0000:01:00.00", "123456789:00:00.0", "0000:01.00.0",
		"01:00.0\n", "g1:00.0", "0x01:00.0", "0000:0000:01:00.0", "+1:00.0", "01:00.",
	};
	struct error err;
	char full[24];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(machine_parse_address(good[i].text, full, sizeof(full), NULL), 0);
		assert_string_equal(full, good[i].full);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct error){0};
		(void)strcpy(full, "untouched");
		assert_int_equal(machine_parse_address(bad[i], full, sizeof(full), &err), -EINVAL);
		assert_string_equal(full, "untouched");
		assert_non_null(strstr(err.text, "0000:01:00.0"));
	}
}

static void test_device_lookup(void **state)
{
	struct fixture *f = *state;

	scan_facts(f, three, 0);
	assert_ptr_equal(machine_device(f->machine, "01:00.1"), &f->machine->devices[2]);
	assert_null(machine_device(f->machine, "01:00.2"));
	assert_null(machine_device(f->machine, "nonsense"));
	assert_true(device_same_card(&f->machine->devices[1], &f->machine->devices[2]));
	assert_false(device_same_card(&f->machine->devices[0], &f->machine->devices[1]));
	assert_false(device_same_identity(&f->machine->devices[1], &f->machine->devices[2]));
	assert_true(device_is_bridge(&f->machine->devices[0]));
	assert_false(device_is_bridge(&f->machine->devices[1]));
}

static void test_vfio_drivers(void **state)
{
	static const char *const yes[] = {"vfio-pci", "vfio_pci", "mlx5_vfio_pci", "xe-vfio-pci",
		"nvgrace-gpu-vfio-pci"};
	static const char *const no[] = {"vfio-pci-core", "pci-stub", "novfio-pci", "nouveau", "", "vfio"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(device_is_vfio_driver(yes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(device_is_vfio_driver(no[i]));
	assert_false(device_is_vfio_driver(NULL));
}

static void test_tokens(void **state)
{
	(void)state;
	assert_true(machine_has_token("ro quiet intel_iommu=on", "intel_iommu=on"));
	assert_true(machine_has_token("intel_iommu=on\n", "intel_iommu=on"));
	assert_true(machine_has_token("\tquiet  ro ", "ro"));
	assert_false(machine_has_token("xintel_iommu=on intel_iommu=on,sm_on", "intel_iommu=on"));
	assert_false(machine_has_token("", "ro"));
	assert_false(machine_has_token("a  b", ""));
	assert_false(machine_has_token(NULL, "ro"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_real_machines), T(test_big_machine), T(test_domains_and_groups),
		T(test_no_iommu), T(test_group_type), T(test_override), T(test_vanished),
		T(test_without_modalias), T(test_broken), T(test_strange_names),
		T(test_strange_links), T(test_no_pci), T(test_live), T(test_names), T(test_device_lookup),
		cmocka_unit_test(test_label), cmocka_unit_test(test_parse_address),
		cmocka_unit_test(test_vfio_drivers), cmocka_unit_test(test_tokens),
	};

	/* Trees are many small files, which a disk takes a minute to write. */
	if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
