#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/mktree.h"
#include "tests/support.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MACHINES "tests/fixtures/machines/"
#define ROOTS    "tests/fixtures/roots/"

static char *scratch(void **state)
{
	support_remove(*state);
	*state = support_scratch();
	return *state;
}

static int teardown(void **state)
{
	support_remove(*state);
	*state = NULL;
	return 0;
}

static void assert_attr(const char *dir, const char *device, const char *name, const char *text)
{
	char path[PATH_MAX];
	_cleanup_free_ char *got = NULL;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device, name);
	got = support_get(dir, path);
	assert_non_null(got);
	assert_string_equal(got, text);
}

static void assert_number(
	const char *dir, const char *device, const char *name, int digits, unsigned int n)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%0*x\n", digits, n);
	assert_attr(dir, device, name, text);
}

/* The last component of a link of a device, "-" when there is none. */
static const char *link_name(const char *dir, const char *device, const char *name)
{
	static char link[PATH_MAX];
	char path[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/%s", dir, device, name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return "-";
	assert_int_equal(access(path, F_OK), 0); /* it leads somewhere */
	link[n] = '\0';
	return strrchr(link, '/') + 1;
}

static void assert_device(const char *dir, const struct mktree_machine *m, size_t i)
{
	const struct mktree_device *d = &m->device[i];
	char group[32] = "-";

	assert_number(dir, d->address, "vendor", 4, d->vendor);
	assert_number(dir, d->address, "device", 4, d->device);
	assert_number(dir, d->address, "subsystem_vendor", 4, d->subvendor);
	assert_number(dir, d->address, "subsystem_device", 4, d->subdevice);
	assert_number(dir, d->address, "class", 6, d->class);
	assert_number(dir, d->address, "revision", 2, d->revision);
	if (d->group >= 0)
		snprintf(group, sizeof(group), "%lld", d->group);
	assert_string_equal(link_name(dir, d->address, "iommu_group"), group);
	assert_string_equal(link_name(dir, d->address, "driver"), d->driver ? d->driver : "-");
	assert_string_equal(link_name(dir, d->address, "physfn"), d->physfn[0] ? d->physfn : "-");
}

static size_t entries(const char *dir, const char *path)
{
	char full[PATH_MAX];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	d = opendir(full);
	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void every_machine_shows_its_facts(void **state)
{
	glob_t g;

	assert_int_equal(glob(MACHINES "*.facts", 0, NULL, &g), 0);
	assert_int_equal(g.gl_pathc, 17);
	for (size_t k = 0; k < g.gl_pathc; k++) {
		const char *dir = scratch(state);
		struct mktree_machine *m = NULL;

		assert_int_equal(mktree_facts_load(g.gl_pathv[k], &m), 0);
		assert_int_equal(mktree_sys_write(m, dir), 0);
		assert_int_equal(entries(dir, "sys/bus/pci/devices"), m->n_device);
		for (size_t i = 0; i < m->n_device; i++)
			assert_device(dir, m, i);
		m = mktree_facts_free(m);
	}
	globfree(&g);
}

static void a_parent_is_the_directory_above(void **state)
{
	const char *dir = scratch(state);
	char *above;
	char path[PATH_MAX];

	assert_int_equal(mktree_machine(MACHINES "laptop-acer-a715-vmd.facts", dir), 0);
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/10000:e1:00.0/..", dir);
	above = realpath(path, NULL);
	assert_non_null(above);
	assert_non_null(strstr(above, "/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.2"));
	free(above);
}

static void a_machine_can_have_its_iommu_off(void **state)
{
	const char *dir = scratch(state);

	assert_int_equal(mktree_machine_without(MACHINES "amd-x570-1080ti-gt710.facts", dir), 0);
	assert_int_equal(entries(dir, "sys/kernel/iommu_groups"), 0);
	assert_string_equal(link_name(dir, "0000:00:00.0", "iommu_group"), "-");
}

static void a_synthetic_machine_has_exactly_n_functions(void **state)
{
	static const unsigned int sizes[] = {1, 2, 3, 12, 100, 777};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const char *dir = scratch(state);

		assert_int_equal(mktree_synthetic(sizes[i], (unsigned int)i, true, dir), 0);
		assert_int_equal(entries(dir, "sys/bus/pci/devices"), sizes[i]);
	}
}

static void a_large_synthetic_machine_has_unique_addresses(void **state)
{
	struct mktree_machine *m = NULL;

	(void)state;
	assert_int_equal(mktree_synthetic_make(20000, 7, &m), 0);
	assert_int_equal(m->n_device, 20000);
	for (size_t i = 0; i < m->n_device; i++) {
		const struct mktree_device *d = &m->device[i];

		assert_int_equal(strlen(d->address), 12);
		assert_true(mktree_facts_find(m, d->address) == d);
		assert_true(i == 0 || strcmp(m->device[i - 1].address, d->address) != 0);
		assert_true(!d->parent[0] || mktree_facts_find(m, d->parent));
	}
	mktree_facts_free(m);
}

/* What modprobe resolves in dir; newlines become blanks. */
static void assert_resolves(
	const char *dir, const char *version, const char *alias, const char *expected)
{
	const char *const argv[] = {
		"modprobe", "-C", "/dev/null", "-d", dir, "-S", version, "-R", alias, NULL};
	_cleanup_(str_free) struct str out = {0};

	support_run(argv, &out);
	assert_non_null(out.s);
	for (char *s = strchr(out.s, '\n'); s; s = strchr(s, '\n'))
		*s = ' ';
	assert_string_equal(out.s, expected);
}

#define GTX "pci:v000010DEd00001B06sv00001462sd00003609bc03sc00i00"
#define SSD "pci:v0000144Dd0000A808sv0000144Dsd0000A801bc01sc08i02"
#define NIC "pci:v000010ECd00008168sv00001462sd00007C95bc02sc00i00"

static void modules_answer_to_the_real_modprobe(void **state)
{
	const char *dir = scratch(state);

	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	assert_int_equal(mktree_root(ROOTS "debian12", dir), 0);
	assert_resolves(dir, "6.1.0-56-amd64", GTX, "nouveau ");
	assert_resolves(dir, "6.1.0-56-amd64", SSD, "nvme ");
	assert_resolves(dir, "6.1.0-55-amd64", NIC, "r8169 ");
	assert_resolves(dir, "6.1.0-55-amd64", "vfio_virqfd", "vfio_virqfd ");
	assert_int_equal(mktree_root(ROOTS "debian13", scratch(state)), 0);
	assert_resolves(*state, "6.12.117+deb13-amd64", GTX, "nouveau ");
	assert_resolves(*state, "6.12.107+deb13-amd64", "vfio-pci", "vfio_pci ");
}

static const struct {
	const char *name;
	size_t kernels;
} roots[] = {
	{"arch-grub", 2},
	{"arch-limine", 2},
	{"arch-refind", 2},
	{"arch-systemd-boot", 2},
	{"arch-uki", 2},
	{"debian-dracut", 2},
	{"debian-systemd-boot", 2},
	{"debian-u-boot", 2},
	{"debian12", 2},
	{"debian13", 2},
	{"devuan", 2},
	{"fedora", 2},
	{"nixos", 0},
	{"opennebula-4.14", 2},
	{"opennebula-5.12", 2},
	{"opennebula-6.10", 2},
	{"opennebula-7", 2},
	{"opensuse-tumbleweed", 2},
	{"proxmox-grub", 2},
	{"proxmox-systemd-boot", 2},
	{"rhel9", 2},
	{"silverblue", 1},
	{"ubuntu2404", 2},
};

/* The loadable or built-in module of that path, in the kernel's own list of them. */
static bool listed(const char *dir, const char *version, const char *list, const char *path)
{
	_cleanup_free_ char *file = NULL, *line = NULL, *text = NULL;

	assert_true(asprintf(&file, "/lib/modules/%s/%s", version, list) > 0);
	assert_true(asprintf(&line, "%s.ko", path) > 0);
	text = support_get(dir, file);
	return text && strstr(text, line);
}

static void assert_indexed(const char *dir, size_t kernels)
{
	_cleanup_free_ char *modules = NULL;
	glob_t g;

	assert_true(asprintf(&modules, "%s/lib/modules/*", dir) > 0);
	assert_int_equal(glob(modules, 0, NULL, &g), kernels ? 0 : GLOB_NOMATCH);
	assert_int_equal(g.gl_pathc, kernels);
	for (size_t i = 0; i < kernels; i++)
		assert_resolves(dir, strrchr(g.gl_pathv[i], '/') + 1, GTX, "nouveau ");
	globfree(&g);
}

static void every_root_is_built_and_indexed(void **state)
{
	glob_t g;

	assert_int_equal(glob(ROOTS "*", 0, NULL, &g), 0);
	assert_int_equal(g.gl_pathc, ARRAY_SIZE(roots));
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *dir = scratch(state);

		assert_string_equal(g.gl_pathv[i] + strlen(ROOTS), roots[i].name);
		assert_int_equal(mktree_root(g.gl_pathv[i], dir), 0);
		assert_indexed(dir, roots[i].kernels);
	}
	globfree(&g);
}

static void a_root_changes_what_it_is_based_on(void **state)
{
	static const char loader[] =
		"/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
	static const char version[] = "6.14.0-35-generic";
	const char *dir = scratch(state);
	_cleanup_free_ char *config = NULL, *text = NULL, *dropped = NULL;

	assert_int_equal(mktree_root(ROOTS "ubuntu2404", dir), 0);
	config = support_get(dir, "/etc/initramfs-tools/initramfs.conf");
	assert_non_null(config);
	dropped = support_get(dir, "/boot/config-6.1.0-56-amd64");
	assert_null(dropped);
	text = support_get(dir, loader);
	assert_non_null(text);
	assert_memory_equal(text, "\6\0\0\0G\0R\0U\0B\0 \0", 14);
	assert_true(listed(dir, version, "modules.builtin", "kernel/drivers/usb/host/xhci-hcd"));
	assert_false(listed(dir, version, "modules.order", "kernel/drivers/usb/host/xhci-hcd"));
	assert_true(listed(dir, version, "modules.order", "kernel/drivers/usb/host/xhci-pci"));
}

static void drivers_are_built_in_where_they_are(void **state)
{
	static const char fedora[] = "7.1.4-200.fc44.x86_64", el[] = "5.14.0-570.17.1.el9_6.x86_64";
	static const char virqfd[] = "kernel/drivers/vfio/vfio_virqfd";

	assert_int_equal(mktree_root(ROOTS "fedora", scratch(state)), 0);
	assert_true(listed(*state, fedora, "modules.builtin", "kernel/drivers/ata/ahci"));
	assert_true(listed(*state, fedora, "modules.builtin", "kernel/drivers/usb/host/xhci-pci"));
	assert_false(listed(*state, fedora, "modules.order", "kernel/drivers/usb/host/xhci-pci"));
	assert_true(listed(*state, fedora, "modules.order", "kernel/drivers/nvme/host/nvme"));
	assert_int_equal(mktree_root(ROOTS "rhel9", scratch(state)), 0);
	assert_true(listed(*state, el, "modules.builtin", "kernel/drivers/usb/host/xhci-pci"));
	assert_true(listed(*state, el, "modules.order", "kernel/drivers/ata/ahci"));
	assert_false(listed(*state, el, "modules.order", virqfd));
	assert_int_equal(mktree_root(ROOTS "debian12", scratch(state)), 0);
	assert_true(listed(*state, "6.1.0-56-amd64", "modules.order", virqfd));
}

static void a_root_and_a_machine_combine(void **state)
{
	const char *dir = scratch(state);
	_cleanup_free_ char *release = NULL, *mounts = NULL, *route = NULL;
	char path[PATH_MAX];

	assert_int_equal(mktree_root(ROOTS "debian12", dir), 0);
	assert_int_equal(mktree_machine(MACHINES "amd-x570-1080ti-gt710.facts", dir), 0);
	release = support_get(dir, "/etc/os-release");
	assert_non_null(release);
	assert_non_null(strstr(release, "VERSION_ID=\"12\""));
	assert_int_equal(mktree_disk(dir, "0000:01:00.0", "sda"), 0);
	mounts = support_get(dir, "/proc/self/mountinfo");
	assert_non_null(strstr(mounts, " 8:2 / / "));
	snprintf(path, sizeof(path), "%s/sys/dev/block/8:2/partition", dir);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(mktree_network(dir, "0000:01:00.0", "enp1s0"), 0);
	route = support_get(dir, "/proc/net/route");
	assert_non_null(strstr(route, "enp1s0\t00000000"));
	assert_int_equal(mktree_attach(dir, "0000:ee:00.0", "net:net/eth9"), -ENODEV);
}

static void every_broken_tree_can_be_written(void **state)
{
	for (size_t i = 0; mktree_broken_name(i); i++)
		assert_int_equal(mktree_broken(mktree_broken_name(i), scratch(state)), 0);
	assert_int_equal(mktree_broken("no such kind", *state), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_machine_shows_its_facts, teardown),
		cmocka_unit_test_teardown(a_parent_is_the_directory_above, teardown),
		cmocka_unit_test_teardown(a_machine_can_have_its_iommu_off, teardown),
		cmocka_unit_test_teardown(a_synthetic_machine_has_exactly_n_functions, teardown),
		cmocka_unit_test(a_large_synthetic_machine_has_unique_addresses),
		cmocka_unit_test_teardown(modules_answer_to_the_real_modprobe, teardown),
		cmocka_unit_test_teardown(every_root_is_built_and_indexed, teardown),
		cmocka_unit_test_teardown(a_root_changes_what_it_is_based_on, teardown),
		cmocka_unit_test_teardown(drivers_are_built_in_where_they_are, teardown),
		cmocka_unit_test_teardown(a_root_and_a_machine_combine, teardown),
		cmocka_unit_test_teardown(every_broken_tree_can_be_written, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
