/* What is said about choices on the machines of fixtures/machines, as somebody who knows such
 * hardware would say it.  A choice, one table row; what is not in the row is not said. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/check.h"
#include "core/existing.h"
#include "tests/mktree.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

/* Of each machine what its host uses, and drivers that are missing in the capture. */
static const struct {
	const char *name, *host;
} machines[] = {
	{"amd-b350-giant-group0", "nvme=0000:01:00.0 network=0000:1e:00.0 keyboard=0000:25:00.3"},
	{"amd-b550m-rtx2070s-gt710",
		"disk=0000:02:00.1 network=0000:2a:00.0 keyboard=0000:02:00.0"},
	{"amd-raphael-acs-override", "nvme=0000:04:00.0 network=0000:11:00.0 keyboard=0000:15:00.0 "
				     "acs-override"},
	{"amd-x370-2x-rx480", "nvme=0000:01:00.0 network=0000:1f:00.0 keyboard=0000:28:00.3"},
	{"amd-x570-1080ti-gt710", "nvme=0000:01:00.0 network=0000:06:00.0 keyboard=0000:0e:00.3"},
	{"desktop-ryzen-1600-sysfs", "network=0000:03:00.0 keyboard=0000:0b:00.3"},
	{"desktop-z790-82576-14vfs",
		"nvme=0000:02:00.0 network=0000:06:00.0 keyboard=0000:00:14.0"},
	{"intel-b85-gtx970-pcibridge",
		"disk=0000:00:1f.2 network=0000:03:00.0 keyboard=0000:00:14.0"},
	{"intel-z170-gtx960", "disk=0000:00:17.0 network=0000:00:1f.6 keyboard=0000:00:14.0"},
	{"intel-z690-vmd-2x-navi", "nvme=0000:05:00.0 network=0000:0a:00.0 keyboard=0000:00:14.0"},
	{"laptop-acer-a715-vmd", "nvme=10000:e1:00.0 network=0000:3e:00.0"},
	{"laptop-i7-1270p-sysfs", "nvme=0000:04:00.0 network=0000:00:14.3"},
	{"laptop-msi-gf72-gtx1060m", "disk=0000:00:17.0 network=0000:02:00.0"},
	{"laptop-mx150-kabylake", "iwlwifi@0000:3b:00.0 nvme=0000:3d:00.0 network=0000:3b:00.0"},
	{"old-fujitsu-p8010", "disk=0000:00:1f.2 network=0000:04:00.0"},
	{"server-dl380-gen8", "disk=0000:02:00.0 network=0000:03:00.0"},
	{"server-epyc-2x-h100nvl", "nvme=0000:21:00.0 network=0000:02:00.0"},
};

static struct row {
	const char *machine, *devices;
	const char *found; /* "severity id device" by line, worst first */
} rows[] = {
	/* A card, and in its group another, which the firmware draws on: both or none. */
	{"amd-b350-giant-group0", "0000:24:00.0 0000:24:00.1",
		"danger boot-display 0000:23:00.0\n"
		"danger only-display 0000:24:00.0\n"
		"warning group-shared 0000:24:00.0\n"
		"info group-bridge 0000:24:00.0\n"
		"info group-idle 0000:24:00.0"},
	{"amd-b350-giant-group0", "0000:23:00.0 0000:23:00.1 0000:24:00.0 0000:24:00.1",
		"danger boot-display 0000:23:00.0\n"
		"danger only-display 0000:24:00.0\n"
		"info group-bridge 0000:23:00.0\n"
		"info group-idle 0000:23:00.0"},
	/* An added USB card, and in its group the disk of the system and the network card. */
	{"amd-b350-giant-group0", "0000:22:00.0",
		"danger root-disk 0000:01:00.0\n"
		"danger swap-disk 0000:01:00.0\n"
		"danger network-in-use 0000:1e:00.0\n"
		"danger only-network 0000:1e:00.0\n"
		"warning group-shared 0000:22:00.0\n"
		"info group-bridge 0000:22:00.0\n"
		"info group-idle 0000:22:00.0"},
	/* The processor's own USB controller: a group of its own, but the only keyboard. */
	{"amd-b350-giant-group0", "0000:25:00.3",
		"danger last-keyboard 0000:25:00.3\n"
		"warning function-left-behind 0000:25:00.3\n"
		"warning group-shared 0000:25:00.3\n"
		"info group-bridge 0000:25:00.3\n"
		"info group-idle 0000:25:00.3"},
	/* All four functions of a card in a slot of the processor's. */
	{"amd-b550m-rtx2070s-gt710", "0000:2b:00.0 0000:2b:00.1 0000:2b:00.2 0000:2b:00.3", ""},
	/* A card in a slot of the chipset's: everything of the chipset goes along. */
	{"amd-b550m-rtx2070s-gt710", "0000:04:00.0 0000:04:00.1",
		"danger last-keyboard 0000:02:00.0\n"
		"danger root-disk 0000:02:00.1\n"
		"danger swap-disk 0000:02:00.1\n"
		"danger boot-display 0000:04:00.0\n"
		"danger network-in-use 0000:2a:00.0\n"
		"danger only-network 0000:2a:00.0\n"
		"warning group-shared 0000:04:00.0\n"
		"info group-bridge 0000:04:00.0"},
	/* Each function in a group of its own, by the override. */
	{"amd-raphael-acs-override", "0000:05:00.0",
		"warning acs-override -\n"
		"warning function-left-behind 0000:05:00.0"},
	{"amd-raphael-acs-override", "0000:05:00.0 0000:05:00.1 0000:05:00.2 0000:05:00.3",
		"warning acs-override -\n"
		"info card-split 0000:05:00.0"},
	{"amd-raphael-acs-override", "0000:03:00.0 0000:03:00.1",
		"danger boot-display 0000:03:00.0\n"
		"warning acs-override -\n"
		"info card-split 0000:03:00.0"},
	/* One of two identical cards, and both. */
	{"amd-x370-2x-rx480", "0000:27:00.0 0000:27:00.1",
		"info identical-device 0000:27:00.0\n"
		"info identical-device 0000:27:00.1"},
	{"amd-x370-2x-rx480", "0000:26:00.0 0000:26:00.1 0000:27:00.0 0000:27:00.1",
		"danger boot-display 0000:26:00.0\n"
		"danger only-display 0000:27:00.0"},
	/* A second card for the guest is no loss. */
	{"amd-x570-1080ti-gt710", "0000:0c:00.0 0000:0c:00.1", ""},
	/* USB controllers of the chipset share a group with each other. */
	{"amd-x570-1080ti-gt710", "0000:08:00.1",
		"warning function-left-behind 0000:08:00.1\n"
		"warning group-shared 0000:08:00.1\n"
		"info group-bridge 0000:08:00.1\n"
		"info group-idle 0000:08:00.1\n"
		"info identical-device 0000:08:00.1"},
	/* No groups: the IOMMU is not on. One port of a network card with two. */
	{"desktop-ryzen-1600-sysfs", "0000:06:00.0",
		"warning iommu-off -\n"
		"warning function-left-behind 0000:06:00.0\n"
		"info identical-device 0000:06:00.0"},
	{"desktop-ryzen-1600-sysfs", "0000:0a:00.0 0000:0a:00.1",
		"danger boot-display 0000:0a:00.0\n"
		"danger only-display 0000:0a:00.0\n"
		"warning iommu-off -"},
	/* A virtual function, the parent of some, and graphics that vfio-pci has already. */
	{"desktop-z790-82576-14vfs", "0000:07:10.0",
		"warning sriov-function 0000:07:10.0\n"
		"info identical-device 0000:07:10.0"},
	{"desktop-z790-82576-14vfs", "0000:07:00.0",
		"block sriov-parent 0000:07:00.0\n"
		"warning function-left-behind 0000:07:00.0\n"
		"info identical-device 0000:07:00.0"},
	{"desktop-z790-82576-14vfs", "0000:00:02.0", ""},
	{"intel-b85-gtx970-pcibridge", "0000:01:00.0 0000:01:00.1",
		"info group-bridge 0000:01:00.0"},
	/* The SMBus shares its group with the SATA controller that the system is on. */
	{"intel-b85-gtx970-pcibridge", "0000:00:1f.3",
		"danger root-disk 0000:00:1f.2\n"
		"danger swap-disk 0000:00:1f.2\n"
		"warning group-shared 0000:00:1f.3\n"
		"info function-left-behind 0000:00:1f.3"},
	{"intel-z170-gtx960", "0000:01:00.0 0000:01:00.1", "info group-bridge 0000:01:00.0"},
	/* Sound on the mainboard beside the SMBus. */
	{"intel-z170-gtx960", "0000:00:1f.3",
		"warning group-shared 0000:00:1f.3\n"
		"info function-left-behind 0000:00:1f.3\n"
		"info group-idle 0000:00:1f.3"},
	/* Cards with bridges of their own, whose functions are apart; one is the guest's already.
	 */
	{"intel-z690-vmd-2x-navi", "0000:03:00.0 0000:03:00.1", "info card-split 0000:03:00.0"},
	{"intel-z690-vmd-2x-navi", "0000:04:00.0 0000:04:00.1", ""},
	/* A VMD controller with nothing behind it, and one with the system's disk; that disk alone.
	 */
	{"intel-z690-vmd-2x-navi", "0000:00:0e.0", ""},
	{"laptop-acer-a715-vmd", "0000:00:0e.0",
		"danger root-disk 0000:00:0e.0\n"
		"danger swap-disk 0000:00:0e.0\n"
		"warning iommu-off -"},
	{"laptop-acer-a715-vmd", "10000:e1:00.0",
		"danger root-disk 10000:e1:00.0\n"
		"danger swap-disk 10000:e1:00.0\n"
		"warning iommu-off -"},
	/* The half of a laptop's graphics that has no screen. */
	{"laptop-acer-a715-vmd", "0000:01:00.0", "warning iommu-off -"},
	{"laptop-acer-a715-vmd", "0000:00:02.0",
		"danger boot-display 0000:00:02.0\n"
		"danger only-display 0000:00:02.0\n"
		"warning iommu-off -"},
	/* A laptop's other graphics, and those that its screen is on. */
	{"laptop-msi-gf72-gtx1060m", "0000:01:00.0", "info group-bridge 0000:01:00.0"},
	{"laptop-msi-gf72-gtx1060m", "0000:00:02.0", "danger boot-display 0000:00:02.0"},
	/* Graphics without a screen, in one group with the network card and the card reader. */
	{"laptop-mx150-kabylake", "0000:01:00.0",
		"danger network-in-use 0000:3b:00.0\n"
		"danger only-network 0000:3b:00.0\n"
		"warning group-shared 0000:01:00.0\n"
		"info group-bridge 0000:01:00.0"},
	/* A laptop's only disk, network, USB. */
	{"laptop-i7-1270p-sysfs", "0000:04:00.0",
		"danger root-disk 0000:04:00.0\n"
		"danger swap-disk 0000:04:00.0"},
	{"laptop-i7-1270p-sysfs", "0000:00:14.3",
		"danger network-in-use 0000:00:14.3\n"
		"danger only-network 0000:00:14.3\n"
		"info function-left-behind 0000:00:14.3"},
	{"laptop-i7-1270p-sysfs", "0000:00:14.0",
		"info function-left-behind 0000:00:14.0\n"
		"info group-idle 0000:00:14.0"},
	/* Nothing can be given away without an IOMMU; a card in the CardBus slot. */
	{"old-fujitsu-p8010", "0000:04:00.0",
		"danger network-in-use 0000:04:00.0\n"
		"danger only-network 0000:04:00.0\n"
		"warning iommu-off -"},
	{"old-fujitsu-p8010", "0000:1d:00.0", "warning iommu-off -"},
	/* A port beside the one of the network, the RAID controller, the remote console's graphics.
	 */
	{"server-dl380-gen8", "0000:03:00.1",
		"danger network-in-use 0000:03:00.0\n"
		"danger only-network 0000:03:00.0\n"
		"warning function-left-behind 0000:03:00.1\n"
		"warning group-shared 0000:03:00.1\n"
		"info identical-device 0000:03:00.1"},
	{"server-dl380-gen8", "0000:02:00.0",
		"danger root-disk 0000:02:00.0\n"
		"danger swap-disk 0000:02:00.0"},
	{"server-dl380-gen8", "0000:01:00.1",
		"danger boot-display 0000:01:00.1\n"
		"danger only-display 0000:01:00.1\n"
		"warning function-left-behind 0000:01:00.1\n"
		"warning group-shared 0000:01:00.1"},
	/* One of two identical cards that compute, both, and the other port of the network's card.
	 */
	{"server-epyc-2x-h100nvl", "0000:c1:00.0", "info identical-device 0000:c1:00.0"},
	{"server-epyc-2x-h100nvl", "0000:c1:00.0 0000:e1:00.0", ""},
	{"server-epyc-2x-h100nvl", "0000:02:00.1",
		"warning function-left-behind 0000:02:00.1\n"
		"info identical-device 0000:02:00.1"},
};
/* Debian 13 without a machine: each row puts its own into it. */
static char *dir;

static void drop(const char *path)
{
	char *full = NULL;

	assert_true(asprintf(&full, "%s%s", dir, path) > 0);
	support_remove(full);
}

static void scan(struct root **root, struct machine **machine)
{
	struct error err = {0};

	if (root_open(dir, NULL, root, &err) < 0 ||
		machine_scan(*root, MACHINE_ALL, machine, &err) < 0)
		fail_msg("%s", err.text);
}

/* A capture that tells of some port's driver tells of all drivers. */
static bool tells_drivers(const struct mktree_machine *m)
{
	for (size_t i = 0; i < m->n_device; i++)
		if (base_same(m->device[i].driver, "pcieport"))
			return true;
	return false;
}

/* Where the capture does not tell drivers, a device has the module that Debian's kernel loads for
 * it, or what `host` says ("iwlwifi@0000:3b:00.0"). */
static void write_machine(const char *name, const struct strv *host)
{
	_cleanup_(machine_freep) struct machine *bare = NULL;
	_cleanup_(root_closep) struct root *root = NULL;
	struct mktree_machine *m = NULL;
	char facts[256];

	(void)snprintf(facts, sizeof(facts), "tests/fixtures/machines/%s.facts", name);
	assert_int_equal(mktree_facts_load(facts, &m), 0);
	assert_int_equal(mktree_sys_write(m, dir), 0);
	scan(&root, &bare);
	for (size_t i = 0; i < m->n_device && !tells_drivers(m); i++) {
		const struct device *d = machine_device(bare, m->device[i].address);

		if (!m->device[i].driver && d && d->modules->n)
			m->device[i].driver = d->modules->v[0];
	}
	for (size_t i = 0; i < host->n; i++) {
		char *at = strchr(host->v[i], '@');

		if (at) {
			*at = '\0';
			mktree_facts_find(m, at + 1)->driver = host->v[i];
		}
	}
	drop("/sys");
	assert_int_equal(mktree_sys_write(m, dir), 0);
	mktree_facts_free(m);
}

/* A keyboard below a USB controller. */
static void add_keyboard(const char *address)
{
	assert_int_equal(mktree_attach(dir, address, "input:usb1/1-3/input/input7"), 0);
	support_put(dir, "/sys/class/input/input7/capabilities/key",
		"10000 7 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n");
	support_put(dir, "/sys/class/input/input7/name", "Logitech K120\n");
}

static const char *after(const char *text, const char *prefix)
{
	return base_starts(text, prefix) ? text + strlen(prefix) : NULL;
}

static void add_uses(const struct strv *host)
{
	for (size_t i = 0; i < host->n; i++) {
		const char *value;

		if ((value = after(host->v[i], "nvme=")))
			assert_int_equal(mktree_disk(dir, value, "nvme0n1"), 0);
		else if ((value = after(host->v[i], "disk=")))
			assert_int_equal(mktree_disk(dir, value, "sda"), 0);
		else if ((value = after(host->v[i], "network=")))
			assert_int_equal(mktree_network(dir, value, "eth0"), 0);
		else if ((value = after(host->v[i], "keyboard=")))
			add_keyboard(value);
		else if (strcmp(host->v[i], "acs-override") == 0)
			support_put(dir, "/proc/cmdline",
				"BOOT_IMAGE=/vmlinuz pcie_acs_override=downstream,multifunction\n");
	}
}

static const char *host_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (strcmp(machines[i].name, name) == 0)
			return machines[i].host;
	fail_msg("no machine %s", name);
	return "";
}

/* Told of many choices, and tested in test_check: no sample has all files of a running system; and
 * a module serves the host, too. */
static bool is_common(const struct finding *f)
{
	return strcmp(f->id, "use-unknown") == 0 || strcmp(f->id, "driver-shared") == 0;
}

static void tell(const struct findings *found, struct str *said, struct str *texts)
{
	for (size_t i = 0; i < found->n; i++) {
		const struct finding *f = &found->v[i];

		if (is_common(f))
			continue;
		str_addf(said, "%s%s %s %s", said->len ? "\n" : "", severity_name(f->severity),
			f->id, f->device ? f->device->address : "-");
		str_addf(texts, "\n%s: %s\n  %s", f->id, f->text, f->remedy);
	}
	assert_int_equal(str_check(said), 0);
	assert_int_equal(str_check(texts), 0);
}

static void choose(const struct machine *machine, const char *text, struct choice *choice)
{
	_cleanup_(strv_free) struct strv words = {0};

	assert_int_equal(strv_split(&words, text, " "), 0);
	for (size_t i = 0; i < words.n; i++) {
		const struct device *device = machine_device(machine, words.v[i]);

		if (!device)
			fail_msg("no device %s", words.v[i]);
		else
			assert_int_equal(choice_add(choice, device), 0);
	}
}

static void test_row(void **state)
{
	const struct row *row = *state;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(choice_free) struct choice choice = {0};
	_cleanup_(findings_free) struct findings found = {0};
	_cleanup_(str_free) struct str said = {0}, texts = {0};
	_cleanup_(strv_free) struct strv host = {0};

	assert_int_equal(strv_split(&host, host_of(row->machine), " "), 0);
	write_machine(row->machine, &host);
	add_uses(&host);
	scan(&root, &machine);
	drop("/sys");
	drop("/proc");
	drop("/dev");
	choose(machine, row->devices, &choice);
	assert_int_equal(check_choice(machine, &choice, NULL, &found), 0);
	tell(&found, &said, &texts);
	if (strcmp(said.s ? said.s : "", row->found) != 0)
		fail_msg("found:\n%s\nexpected:\n%s\n%s", said.s ? said.s : "", row->found,
			texts.s ? texts.s : "");
}

static int setup(void **state)
{
	(void)state;
	dir = support_system(NULL, "debian13");
	drop("/proc");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	support_remove(dir);
	return 0;
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows)];
	char names[ARRAY_SIZE(rows)][128];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(
			names[i], sizeof(names[i]), "%s: %s", rows[i].machine, rows[i].devices);
		tests[i] = (struct CMUnitTest){
			.name = names[i], .test_func = test_row, .initial_state = &rows[i]};
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
