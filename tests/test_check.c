#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/check.h"
#include "core/existing.h"
#include "tests/support_machine.h"

#include <stdio.h>
#include <string.h>

/* Two cards with the same ids (GPU and its audio), a network card behind a bridge with a neighbour
 * in the same group, and an NVMe disk. */
struct fixture {
	struct support_machine m;
	struct device *port, *gpu, *audio, *twin, *bridge, *nic, *neighbour, *disk;
	struct choice choice;
	struct existing existing;
	struct findings found;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct support_machine *m;

	assert_non_null(f);
	m = &f->m;
	support_machine_init(m);
	f->port = support_device(
		m, "0000:00:01.0", "8086:1901:0000:0000", 0x060400, 1, "pcieport", "");
	f->disk = support_device(
		m, "0000:00:17.0", "8086:a102:0000:0000", 0x010601, 5, "ahci", "ahci");
	f->gpu = support_device(
		m, "0000:01:00.0", "10de:1b80:1043:8591", 0x030000, 1, "nouveau", "nouveau nvidia");
	f->audio = support_device(m, "0000:01:00.1", "10de:10f0:1043:8591", 0x040300, 1,
		"snd_hda_intel", "snd_hda_intel");
	f->twin = support_device(
		m, "0000:02:00.0", "10de:1b80:1043:8591", 0x030000, 2, "nouveau", "nouveau nvidia");
	f->bridge = support_device(m, "0000:03:00.0", "1b21:1080:0000:0000", 0x060400, 7, NULL, "");
	f->nic = support_device(
		m, "0000:04:01.0", "10ec:8139:10ec:8139", 0x020000, 7, "8139cp", "8139cp 8139too");
	f->neighbour = support_device(
		m, "0000:04:02.0", "8086:100e:8086:001e", 0x020000, 7, "e1000", "e1000");
	f->gpu->parent = f->audio->parent = f->port;
	f->nic->parent = f->neighbour->parent = f->bridge;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	choice_free(&f->choice);
	existing_free(&f->existing);
	findings_free(&f->found);
	support_machine_free(&f->m);
	free(f);
	return 0;
}

static void choose(struct fixture *f, const struct device *device)
{
	assert_int_equal(choice_add(&f->choice, device), 0);
}

static void check(struct fixture *f)
{
	findings_free(&f->found);
	assert_int_equal(check_choice(&f->m.machine, &f->choice, &f->existing, &f->found), 0);
	for (size_t i = 0; i < f->found.n; i++) {
		assert_true(strlen(f->found.v[i].text) > 10);
		assert_non_null(f->found.v[i].remedy);
	}
}

static const struct finding *find(const struct fixture *f, const char *id)
{
	for (size_t i = 0; i < f->found.n; i++)
		if (strcmp(f->found.v[i].id, id) == 0)
			return &f->found.v[i];
	return NULL;
}

static const struct finding *found(const struct fixture *f, const char *id, enum severity severity,
	const struct device *device, const char *text)
{
	static const struct finding none;
	const struct finding *finding = find(f, id);

	if (!finding) {
		fail_msg("%s was not found", id);
		return &none;
	}
	assert_int_equal(finding->severity, severity);
	assert_ptr_equal(finding->device, device);
	if (!strstr(finding->text, text))
		fail_msg("'%s' lacks '%s'", finding->text, text);
	return finding;
}

static void advises(const struct fixture *f, const char *id, const char *text)
{
	const struct finding *finding = find(f, id);

	if (!finding || !strstr(finding->remedy, text))
		fail_msg("%s: '%s' lacks '%s'", id, finding ? finding->remedy : "", text);
}

static void a_whole_card_in_a_group_of_its_own_worries_nobody(void **state)
{
	struct fixture *f = *state;

	choose(f, f->gpu);
	choose(f, f->audio);
	check(f);
	found(f, "group-bridge", SEVERITY_INFO, f->gpu, "0000:00:01.0");
	found(f, "identical-device", SEVERITY_INFO, f->gpu, "0000:02:00.0");
	assert_int_equal(findings_worst(&f->found), SEVERITY_INFO);
	assert_null(find(f, "group-shared"));
	assert_null(find(f, "function-left-behind"));
}

static void every_member_that_stays_is_named(void **state)
{
	struct fixture *f = *state;
	const struct finding *shared;

	choose(f, f->nic);
	check(f);
	shared = found(f, "group-shared", SEVERITY_WARNING, f->nic, "0000:04:02.0");
	assert_int_equal(shared->group, 7);
	advises(f, "group-shared", "choose them too");
	found(f, "group-bridge", SEVERITY_INFO, f->nic, "0000:03:00.0");
	choose(f, f->neighbour);
	check(f);
	assert_null(find(f, "group-shared"));
}

static void a_member_that_the_host_needs_is_not_offered(void **state)
{
	struct fixture *f = *state;

	support_use(&f->m, f->neighbour, USE_NETWORK, "the default route goes through eth0");
	choose(f, f->nic);
	check(f);
	advises(f, "group-shared", "the host needs 0000:04:02.0");
	advises(f, "group-shared", "put the card into another slot");
}

static void what_is_soldered_on_has_no_other_slot(void **state)
{
	struct fixture *f = *state;

	f->nic->parent = NULL;
	choose(f, f->nic);
	check(f);
	advises(f, "group-shared", "choose them too, or leave this group alone");
	support_use(&f->m, f->neighbour, USE_NETWORK, "the default route goes through eth0");
	check(f);
	advises(f, "group-shared", "0000:04:02.0 Device 8086:100e: leave this group alone");
	f->neighbour->driver = NULL;
	f->neighbour->n_uses = 0;
	f->bridge->driver = support_keep(&f->m, "shpchp");
	check(f);
	advises(f, "group-shared", "modprobe.d; or leave this group alone");
}

static void drivers_that_vfio_accepts_do_not_share_a_group(void **state)
{
	static const char *const drivers[] = {"pci-stub", "pcieport", NULL};
	struct fixture *f = *state;

	choose(f, f->nic);
	strv_free(&f->m.modules[f->neighbour - f->m.devices]);
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		f->neighbour->driver = support_keep(&f->m, drivers[i]);
		check(f);
		assert_null(find(f, "group-shared"));
		found(f, "group-idle", SEVERITY_INFO, f->nic, "0000:04:02.0");
	}
	/* A bridge with a driver of its own is in the way of newer kernels. */
	f->bridge->driver = support_keep(&f->m, "shpchp");
	check(f);
	found(f, "group-shared", SEVERITY_WARNING, f->nic, "0000:03:00.0");
}

static void a_driverless_member_that_a_module_claims_is_a_warning(void **state)
{
	struct fixture *f = *state;

	f->neighbour->driver = NULL;
	choose(f, f->nic);
	check(f);
	assert_null(find(f, "group-shared"));
	found(f, "group-idle", SEVERITY_WARNING, f->nic, "0000:04:02.0");
	assert_int_equal(strv_add(&f->existing.blacklist, "e1000"), 0);
	check(f);
	found(f, "group-idle", SEVERITY_INFO, f->nic, "0000:04:02.0");
}

static void a_member_that_vfio_only_holds_until_the_reboot_shares_the_group(void **state)
{
	struct fixture *f = *state;

	f->neighbour->driver = support_keep(&f->m, "vfio-pci");
	choose(f, f->nic);
	check(f);
	found(f, "group-shared", SEVERITY_WARNING, f->nic, "0000:04:02.0");
	assert_int_equal(strv_add(&f->existing.overrides, "0000:04:02.0 vfio-pci"), 0);
	check(f);
	assert_null(find(f, "group-shared"));
}

static void a_function_left_behind_is_named_once(void **state)
{
	struct fixture *f = *state;

	struct device *usb = support_device(
		&f->m, "0000:04:02.1", "8086:100f:8086:001e", 0x0c0330, 7, "xhci_hcd", "xhci_pci");

	usb->parent = f->bridge;
	choose(f, f->neighbour);
	choose(f, usb);
	(void)support_device(&f->m, "0000:04:02.2", "8086:1010:8086:001e", 0x0c8000, 7, NULL, "");
	check(f);
	found(f, "function-left-behind", SEVERITY_WARNING, f->neighbour, "0000:04:02.2");
	for (size_t i = 0, n = 0; i < f->found.n; i++) {
		n += strcmp(f->found.v[i].id, "function-left-behind") == 0;
		assert_true(n <= 1);
	}
	choice_remove(&f->choice, f->neighbour->address);
	choice_remove(&f->choice, usb->address);
	choose(f, f->gpu);
	check(f);
	found(f, "function-left-behind", SEVERITY_WARNING, f->gpu, "belongs to the same card");
	(void)support_device(&f->m, "0000:01:00.2", "10de:10f1:1043:8591", 0x0c0330, 1, NULL, "");
	check(f);
	found(f, "function-left-behind", SEVERITY_WARNING, f->gpu, "10de:10f1 belong to the same card");
	/* Of the chipset's functions that is no news. */
	f->gpu->parent = NULL;
	choose(f, f->gpu);
	check(f);
	found(f, "function-left-behind", SEVERITY_INFO, f->gpu, "0000:01:00.1");
}

static void bridges_and_parents_of_virtual_functions_are_blocked(void **state)
{
	struct fixture *f = *state;

	choose(f, f->port);
	check(f);
	found(f, "bridge-selected", SEVERITY_BLOCK, f->port, "0000:00:01.0");
	choice_remove(&f->choice, f->port->address);
	f->neighbour->physfn = f->nic;
	f->nic->functions = 1;
	choose(f, f->nic);
	check(f);
	found(f, "sriov-parent", SEVERITY_BLOCK, f->nic, "1 virtual function");
	choice_remove(&f->choice, f->nic->address);
	choose(f, f->neighbour);
	check(f);
	assert_null(find(f, "sriov-parent"));
	found(f, "sriov-function", SEVERITY_WARNING, f->neighbour, "0000:04:01.0");
}

static void what_the_host_loses_is_danger(void **state)
{
	static const struct {
		enum use_kind kind;
		const char *id;
	} cases[] = {
		{USE_ROOT_DISK, "root-disk"},
		{USE_MOUNTED_DISK, "mounted-disk"},
		{USE_SWAP_DISK, "swap-disk"},
		{USE_NETWORK, "network-in-use"},
		{USE_BOOT_DISPLAY, "boot-display"},
	};
	struct fixture *f = *state;

	choose(f, f->disk);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f->disk->n_uses = 0;
		support_use(&f->m, f->disk, cases[i].kind, "/ is on sda1");
		check(f);
		found(f, cases[i].id, SEVERITY_DANGER, f->disk, "/ is on sda1");
	}
}

static void spare(struct fixture *f, struct device *device, enum use_kind kind, const char *layer)
{
	support_use(&f->m, device, kind, "in use");
	device->uses[device->n_uses - 1].spare = support_keep(&f->m, layer);
}

/* The words are true: with one side of a mirror the host boots all the same, with both it does not. */
static void what_stands_on_others_too_is_not_lost(void **state)
{
	struct fixture *f = *state;

	spare(f, f->disk, USE_ROOT_DISK, "RAID1 `md0`");
	spare(f, f->nic, USE_ROOT_DISK, "RAID1 `md0`");
	spare(f, f->twin, USE_ROOT_DISK, "RAID1 `md1`");
	choose(f, f->disk);
	check(f);
	found(f, "root-disk", SEVERITY_DANGER, f->disk,
		"in use. The host keeps it through the rest of RAID1 `md0`, without redundancy.");
	choose(f, f->nic);
	check(f);
	found(f, "root-disk", SEVERITY_DANGER, f->disk, "this host would not boot");
}

/* What of a bond has no link carries nothing. */
static void a_bond_lives_on_a_link_that_is_up(void **state)
{
	struct fixture *f = *state;

	spare(f, f->disk, USE_NETWORK, "bond `bond0`");
	spare(f, f->gpu, USE_NETWORK, "bond `bond0`");
	choose(f, f->disk);
	check(f);
	found(f, "network-in-use", SEVERITY_DANGER, f->disk, "loses a network connection");
	support_use(&f->m, f->gpu, USE_LINK, "up");
	check(f);
	found(f, "network-in-use", SEVERITY_DANGER, f->disk, "the rest of bond `bond0`");
}

static void the_firmwares_screen_is_danger_whoever_says_so(void **state)
{
	struct fixture *f = *state;

	f->gpu->boot_vga = true;
	choose(f, f->gpu);
	check(f);
	found(f, "boot-display", SEVERITY_DANGER, f->gpu, "0000:01:00.0");
	assert_null(find(f, "only-display"));
	choose(f, f->twin);
	check(f);
	found(f, "only-display", SEVERITY_DANGER, f->twin, "0000:02:00.0");
}

static void the_last_keyboard_and_network_are_danger(void **state)
{
	struct fixture *f = *state;

	support_use(&f->m, f->nic, USE_NETWORK, "eth0 is up");
	support_use(&f->m, f->neighbour, USE_NETWORK, "eth1 is up");
	support_use(&f->m, f->disk, USE_INPUT, "a keyboard");
	support_use(&f->m, f->gpu, USE_INPUT, "another keyboard");
	choose(f, f->neighbour);
	choose(f, f->disk);
	f->nic->group = 70;
	check(f);
	assert_null(find(f, "only-network"));
	assert_null(find(f, "last-keyboard"));
	choose(f, f->nic);
	f->gpu->n_uses = 0;
	check(f);
	found(f, "only-network", SEVERITY_DANGER, f->neighbour, "0000:04:02.0");
	found(f, "last-keyboard", SEVERITY_DANGER, f->disk, "0000:00:17.0");
}

static void every_kind_of_use_has_its_finding(void **state)
{
	static const struct {
		enum use_kind kind;
		const char *id;
		enum severity severity;
	} cases[] = {
		{USE_BOOT_DISK, "boot-disk", SEVERITY_DANGER},
		{USE_SERIAL_CONSOLE, "serial-console", SEVERITY_DANGER},
		{USE_GUEST, "guest-running", SEVERITY_WARNING},
		{USE_SCREEN, "screen-connected", SEVERITY_WARNING},
		{USE_PROGRAM, "program-running", SEVERITY_WARNING},
		{USE_SERVICE, "service-lost", SEVERITY_WARNING},
		{USE_IDLE_DISK, "disk-data", SEVERITY_WARNING},
		{USE_CLAIMED, "guest-defined", SEVERITY_INFO},
	};
	struct fixture *f = *state;

	choose(f, f->disk);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f->disk->n_uses = 0;
		support_use(&f->m, f->disk, cases[i].kind, "what it is");
		check(f);
		found(f, cases[i].id, cases[i].severity, f->disk, "what it is");
	}
	f->disk->n_uses = 0;
	support_use(&f->m, f->disk, USE_POINTER, "mouse");
	support_use(&f->m, f->disk, USE_LINK, "eth0 has a link");
	support_use(&f->m, f->gpu, USE_LINK, "eth1 has a link");
	check(f);
	assert_int_equal(findings_worst(&f->found), SEVERITY_INFO);
}

/* A disk with forty mounts is one finding. */
static void uses_of_one_kind_are_one_finding(void **state)
{
	struct fixture *f = *state;
	size_t n = 0;

	choose(f, f->disk);
	support_use(&f->m, f->disk, USE_ROOT_DISK, "/ is on sda1");
	for (int i = 0; i < 7; i++)
		support_use(&f->m, f->disk, USE_MOUNTED_DISK, i ? "/home is on sda3" : "/srv is on sda2");
	check(f);
	for (size_t i = 0; i < f->found.n; i++)
		n += strcmp(f->found.v[i].id, "mounted-disk") == 0;
	assert_int_equal(n, 1);
	found(f, "mounted-disk", SEVERITY_DANGER, f->disk,
		"/srv is on sda2; /home is on sda3; /home is on sda3; /home is on sda3; and 3 more. ");
	found(f, "root-disk", SEVERITY_DANGER, f->disk, "/ is on sda1. ");
}

/* Whoever goes along is as much a loss as the chosen one. */
static void members_that_go_along_count(void **state)
{
	struct fixture *f = *state;

	support_use(&f->m, f->neighbour, USE_NETWORK, "the default route goes through eth1");
	choose(f, f->nic);
	check(f);
	found(f, "network-in-use", SEVERITY_DANGER, f->neighbour,
		"is in group 7 with 0000:04:01.0 and has to go along: the default route");
	found(f, "only-network", SEVERITY_DANGER, f->neighbour,
		"is in group 7 with 0000:04:01.0 and has to go along: no other network card");
	/* VFIO accepts it without a driver and under pci-stub: then it stays what it is. */
	f->neighbour->driver = support_keep(&f->m, "pci-stub");
	check(f);
	assert_null(find(f, "network-in-use"));
	/* The group of the choice alone does not count. */
	f->neighbour->driver = support_keep(&f->m, "e1000");
	f->neighbour->group = 8;
	check(f);
	assert_null(find(f, "network-in-use"));
}

/* Where there is room for one danger only, it is the worst. */
static void the_worst_danger_of_a_device_is_the_first(void **state)
{
	struct fixture *f = *state;

	support_use(&f->m, f->disk, USE_ROOT_DISK, "/ is on sda2");
	support_use(&f->m, f->disk, USE_BOOT_DISK, "/boot is on sda1");
	support_use(&f->m, f->disk, USE_INPUT, "a keyboard");
	choose(f, f->disk);
	check(f);
	assert_string_equal(f->found.v[0].id, "root-disk");
	assert_string_equal(f->found.v[1].id, "boot-disk");
	assert_string_equal(f->found.v[2].id, "last-keyboard");
}

static void two_of_three_keyboards_may_go(void **state)
{
	struct fixture *f = *state;

	support_use(&f->m, f->disk, USE_INPUT, "keyboard A");
	support_use(&f->m, f->audio, USE_INPUT, "keyboard B");
	support_use(&f->m, f->twin, USE_INPUT, "keyboard C");
	choose(f, f->disk);
	choose(f, f->audio);
	f->gpu->driver = NULL;
	check(f);
	assert_null(find(f, "last-keyboard"));
	choose(f, f->twin);
	check(f);
	found(f, "last-keyboard", SEVERITY_DANGER, f->twin, "0000:02:00.0");
	/* A PS/2 keyboard stays. */
	f->m.machine.elsewhere = 1u << USE_INPUT;
	check(f);
	assert_null(find(f, "last-keyboard"));
}

static void the_only_link_is_the_last_network(void **state)
{
	struct fixture *f = *state;

	support_use(&f->m, f->disk, USE_LINK, "eth0 has a link");
	support_use(&f->m, f->twin, USE_LINK, "eth1 has a link");
	choose(f, f->disk);
	check(f);
	assert_null(find(f, "only-network"));
	choose(f, f->twin);
	check(f);
	found(f, "only-network", SEVERITY_DANGER, f->twin, "with a link");
	f->m.machine.elsewhere = 1u << USE_LINK;
	check(f);
	assert_null(find(f, "only-network"));
}

/* The other half of a laptop's graphics shows nothing by itself. */
static void a_3d_controller_is_no_display(void **state)
{
	struct fixture *f = *state;

	f->twin->class = 0x030200;
	choose(f, f->gpu);
	check(f);
	found(f, "only-display", SEVERITY_DANGER, f->gpu, "0000:01:00.0");
	support_use(&f->m, f->twin, USE_SCREEN, "a monitor is connected (DP-1)");
	check(f);
	assert_null(find(f, "only-display"));
	choice_remove(&f->choice, f->gpu->address);
	f->twin->n_uses = 0;
	choose(f, f->twin);
	check(f);
	assert_null(find(f, "only-display"));
}

/* The other card counts if something of the host can draw on it after the next boot. */
static void a_card_that_nothing_draws_on_is_no_display(void **state)
{
	struct fixture *f = *state;

	choose(f, f->gpu);
	check(f);
	assert_null(find(f, "only-display"));
	f->twin->driver = NULL;
	check(f);
	assert_null(find(f, "only-display"));
	f->twin->driver = support_keep(&f->m, "vfio-pci");
	check(f);
	assert_null(find(f, "only-display"));
	f->existing.scripts = true;
	check(f);
	found(f, "only-display", SEVERITY_DANGER, f->gpu, "0000:01:00.0");
	f->existing.scripts = false;
	strv_free(&f->m.modules[f->twin - f->m.devices]);
	check(f);
	found(f, "only-display", SEVERITY_DANGER, f->gpu, "0000:01:00.0");
	f->twin->driver = NULL;
	check(f);
	found(f, "only-display", SEVERITY_DANGER, f->gpu, "0000:01:00.0");
	/* The firmware's picture needs no driver. */
	f->twin->boot_vga = true;
	check(f);
	assert_null(find(f, "only-display"));
}

static void a_card_that_others_give_to_vfio_is_no_display(void **state)
{
	struct fixture *f = *state;

	choose(f, f->gpu);
	f->twin->boot_vga = true;
	assert_int_equal(strv_add(&f->existing.overrides, "0000:02:00.0 vfio-pci"), 0);
	check(f);
	found(f, "only-display", SEVERITY_DANGER, f->gpu, "0000:01:00.0");
	f->m.machine.elsewhere = 1u << USE_SCREEN;
	check(f);
	assert_null(find(f, "only-display"));
}

static void what_is_not_known_is_told_with_every_choice(void **state)
{
	char disks[] = "disks", reason[] = "/proc/self/mountinfo: Permission denied", net[] = "network";
	struct unknown_use unknown[] = {{disks, reason}, {net, reason}};
	struct fixture *f = *state;

	f->m.machine.unknown_uses = unknown;
	f->m.machine.n_unknown_uses = 2;
	check(f);
	assert_null(find(f, "use-unknown"));
	choose(f, f->disk);
	check(f);
	found(f, "use-unknown", SEVERITY_INFO, NULL,
		"disks, network (/proc/self/mountinfo: Permission denied)");
	advises(f, "use-unknown", "as root");
	f->m.machine.n_unknown_uses = 0;
	check(f);
	assert_null(find(f, "use-unknown"));
}

static void drivers_are_shared_only_with_what_they_drive(void **state)
{
	struct fixture *f = *state;

	choose(f, f->gpu);
	check(f);
	/* nvidia claims the twin as well, and nouveau has it. */
	found(f, "driver-shared", SEVERITY_INFO, f->gpu, "nouveau also drives 0000:02:00.0");
	for (size_t i = 0; i < f->found.n; i++)
		assert_null(strstr(f->found.v[i].text, "nvidia also"));
	support_module(&f->m, "nouveau", MODULE_BUILTIN);
	check(f);
	found(f, "driver-builtin", SEVERITY_WARNING, f->gpu, "vfio-bind.service moves it later");
	f->m.machine.host.without_systemd = true;
	check(f);
	found(f, "driver-builtin", SEVERITY_WARNING, f->gpu,
		"where the init system runs it, moves");
}

static void a_device_that_changed_or_went_is_bound_no_more(void **state)
{
	struct fixture *f = *state;

	choose(f, f->nic);
	choose(f, f->gpu);
	f->gpu->device++;
	f->twin->device--;
	f->nic->device++;
	f->nic->slot = 9;
	(void)snprintf(f->nic->address, sizeof(f->nic->address), "0000:04:09.0");
	check(f);
	found(f, "identity-changed", SEVERITY_WARNING, f->gpu, "10de:1b80");
	found(f, "device-missing", SEVERITY_WARNING, NULL, "0000:04:01.0");
	assert_null(find(f, "group-bridge"));
}

static void what_moved_is_told_with_where_it_is(void **state)
{
	struct fixture *f = *state;

	choose(f, f->nic);
	choose(f, f->neighbour);
	f->neighbour->group = 8;
	f->nic->bus = 3;
	(void)snprintf(f->nic->address, sizeof(f->nic->address), "0000:03:01.0");
	check(f);
	found(f, "device-moved", SEVERITY_WARNING, f->nic,
		"chosen as 0000:04:01.0 is now at 0000:03:01.0");
	found(f, "group-changed", SEVERITY_INFO, f->neighbour, "/dev/vfio/8");
	assert_null(find(f, "device-missing"));
	assert_int_equal(
		strv_add(&f->existing.notes, "/etc/libvirt/qemu.conf:9: \"/dev/vfio/7\""), 0);
	check(f);
	found(f, "group-changed", SEVERITY_WARNING, f->neighbour, "was in group 7");
}

static void a_device_without_a_group_is_told(void **state)
{
	struct fixture *f = *state;

	f->disk->group = -1;
	choose(f, f->disk);
	check(f);
	found(f, "group-missing", SEVERITY_WARNING, f->disk, "no IOMMU group");
	f->m.machine.host.iommu_active = false;
	check(f);
	assert_null(find(f, "group-missing"));
}

static void an_iommu_that_is_off_is_told_with_what_helps(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->m.machine.host;

	choose(f, f->disk);
	check(f);
	assert_null(find(f, "iommu-off"));
	host->iommu_active = false;
	host->cmdline = support_keep(&f->m, "quiet");
	check(f);
	found(f, "iommu-off", SEVERITY_WARNING, NULL, "adds intel_iommu=on");
	host->firmware = FIRMWARE_NONE;
	check(f);
	advises(f, "iommu-off", "firmware setup");
	host->firmware = FIRMWARE_VTD;
	host->boot_loader = BOOT_OTHER;
	check(f);
	advises(f, "iommu-off", "add intel_iommu=on");
	found(f, "boot-loader-unknown", SEVERITY_WARNING, NULL, "GRUB");
	host->boot_loader = BOOT_GRUB_D;
	assert_int_equal(strv_add(&f->existing.cmdline, "iommu=off"), 0);
	check(f);
	found(f, "iommu-off", SEVERITY_WARNING, NULL, "iommu=off");
	advises(f, "iommu-off", "remove iommu=off");
}

static void the_kernels_shortcomings_block(void **state)
{
	struct fixture *f = *state;

	choose(f, f->disk);
	support_module(&f->m, "vfio_pci", MODULE_MISSING);
	check(f);
	found(f, "vfio-missing", SEVERITY_BLOCK, NULL, "6.1.0-13-amd64");
	support_module(&f->m, "vfio_pci", MODULE_BUILTIN);
	f->m.kernel.version = support_keep(&f->m, "3.10.0-1160.el7");
	check(f);
	assert_null(find(f, "vfio-missing"));
	found(f, "vfio-builtin", SEVERITY_WARNING, NULL, "built into");
	found(f, "kernel-old", SEVERITY_BLOCK, NULL, "3.10.0");
	f->m.kernel.indexed = false;
	check(f);
	found(f, "vfio-missing", SEVERITY_WARNING, NULL, "no index");
	f->m.machine.n_kernels = 0;
	check(f);
	found(f, "vfio-missing", SEVERITY_WARNING, NULL, "No installed kernel");
}

static void the_systems_shortcomings_are_told(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->m.machine.host;

	choose(f, f->disk);
	host->libvirt = support_keep(&f->m, "1.1.2");
	host->interrupt_remapping = NO;
	host->initramfs = INITRAMFS_OTHER;
	host->container = YES;
	host->read_only = YES;
	f->existing.vfio_refused = true;
	check(f);
	found(f, "libvirt-old", SEVERITY_WARNING, NULL, "1.1.2");
	found(f, "no-interrupt-remapping", SEVERITY_WARNING, NULL, "interrupt");
	found(f, "initramfs-unknown", SEVERITY_WARNING, NULL, "initramfs-tools");
	found(f, "read-only", SEVERITY_BLOCK, NULL, "read-only");
	found(f, "vfio-refused", SEVERITY_WARNING, NULL, "module_blacklist");
	host->refusal = REFUSAL_NIXOS;
	host->libvirt = support_keep(&f->m, "1.1.3");
	check(f);
	found(f, "unsupported-system", SEVERITY_BLOCK, NULL, "NixOS");
	assert_null(find(f, "libvirt-old"));
}

static void giving_everything_back_is_stopped_by_nothing_but_a_read_only_root(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->m.machine.host;

	host->refusal = REFUSAL_BOOTC;
	host->iommu_active = false;
	f->m.machine.n_kernels = 0;
	check(f);
	assert_int_equal(f->found.n, 0);
	host->read_only = YES;
	check(f);
	found(f, "read-only", SEVERITY_BLOCK, NULL, "/etc");
}

static void add_ids(struct fixture *f, uint32_t vendor, uint32_t device)
{
	struct existing *e = &f->existing;

	assert_int_equal(base_grow(&e->ids, e->n_ids, sizeof(*e->ids)), 0);
	e->ids[e->n_ids] = (struct existing_ids){
		vendor, device, UINT32_MAX, UINT32_MAX, 0, 0, strdup("/etc/modprobe.d/x.conf:3")};
	e->n_ids++;
}

static void settings_of_others_that_reach_further_are_told(void **state)
{
	struct fixture *f = *state;

	add_ids(f, 0x10de, 0x1b80);
	f->existing.install = strdup("/etc/modprobe.d/vfio.conf:1");
	assert_int_equal(strv_add(&f->existing.overrides, "0000:04:01.0 8139too"), 0);
	assert_int_equal(strv_add(&f->existing.notes, "/etc/modules:2: vfio"), 0);
	choose(f, f->gpu);
	choose(f, f->nic);
	check(f);
	found(f, "existing-ids", SEVERITY_WARNING, f->twin, "/etc/modprobe.d/x.conf:3");
	found(f, "existing-install", SEVERITY_WARNING, NULL, "ours overrides");
	found(f, "existing-override", SEVERITY_WARNING, f->nic, "8139too");
	found(f, "existing-settings", SEVERITY_INFO, NULL, "/etc/modules:2");
	choose(f, f->twin);
	free(f->existing.install);
	f->existing.install = strdup("/etc/modprobe.d/00-a.conf:1");
	check(f);
	assert_null(find(f, "existing-ids"));
	found(f, "existing-install", SEVERITY_WARNING, NULL, "before ours");
}

static void the_worst_comes_first(void **state)
{
	struct fixture *f = *state;

	support_use(&f->m, f->disk, USE_ROOT_DISK, "/ is on sda1");
	choose(f, f->port);
	choose(f, f->disk);
	choose(f, f->gpu);
	choose(f, f->nic);
	check(f);
	assert_string_equal(f->found.v[0].id, "bridge-selected");
	assert_string_equal(f->found.v[1].id, "root-disk");
	for (size_t i = 1; i < f->found.n; i++) {
		assert_true(f->found.v[i - 1].severity >= f->found.v[i].severity);
		if (f->found.v[i - 1].severity == f->found.v[i].severity)
			assert_true(f->found.v[i - 1].device <= f->found.v[i].device);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_whole_card_in_a_group_of_its_own_worries_nobody),
		T(every_member_that_stays_is_named),
		T(a_member_that_the_host_needs_is_not_offered),
		T(what_is_soldered_on_has_no_other_slot),
		T(drivers_that_vfio_accepts_do_not_share_a_group),
		T(a_driverless_member_that_a_module_claims_is_a_warning),
		T(a_member_that_vfio_only_holds_until_the_reboot_shares_the_group),
		T(a_function_left_behind_is_named_once),
		T(bridges_and_parents_of_virtual_functions_are_blocked),
		T(what_the_host_loses_is_danger),
		T(what_stands_on_others_too_is_not_lost),
		T(a_bond_lives_on_a_link_that_is_up),
		T(the_firmwares_screen_is_danger_whoever_says_so),
		T(the_last_keyboard_and_network_are_danger),
		T(every_kind_of_use_has_its_finding), T(uses_of_one_kind_are_one_finding),
		T(members_that_go_along_count),
		T(the_worst_danger_of_a_device_is_the_first),
		T(two_of_three_keyboards_may_go),
		T(the_only_link_is_the_last_network), T(a_3d_controller_is_no_display),
		T(a_card_that_nothing_draws_on_is_no_display),
		T(a_card_that_others_give_to_vfio_is_no_display),
		T(what_is_not_known_is_told_with_every_choice),
		T(drivers_are_shared_only_with_what_they_drive),
		T(a_device_that_changed_or_went_is_bound_no_more),
		T(what_moved_is_told_with_where_it_is),
		T(a_device_without_a_group_is_told),
		T(an_iommu_that_is_off_is_told_with_what_helps),
		T(the_kernels_shortcomings_block),
		T(the_systems_shortcomings_are_told),
		T(giving_everything_back_is_stopped_by_nothing_but_a_read_only_root),
		T(settings_of_others_that_reach_further_are_told),
		T(the_worst_comes_first),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
