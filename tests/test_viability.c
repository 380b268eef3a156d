/* What becomes of the members of a group, and what check says of groups and slots. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/check.h"
#include "core/viability.h"
#include "tests/support_machine.h"

#include <string.h>

/* A card in a slot whose root port also leads to a disk controller, and an empty port. */
struct fixture {
	struct support_machine m;
	struct device *host, *port, *empty, *gpu, *audio, *disk;
	struct choice choice;
	struct existing existing;
	struct findings found;
	struct slot slots[2];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct support_machine *m;

	assert_non_null(f);
	m = &f->m;
	support_machine_init(m);
	f->host = support_device(m, "0000:00:01.0", "1022:1452:0000:0000", 0x060000, 1, NULL, "");
	f->port = support_device(
		m, "0000:00:01.1", "1022:1453:0000:0000", 0x060400, 1, "pcieport", "");
	f->empty = support_device(
		m, "0000:00:03.1", "1022:1454:0000:0000", 0x060400, 2, "pcieport", "");
	f->gpu = support_device(
		m, "0000:01:00.0", "10de:1b80:1043:8591", 0x030000, 1, "nouveau", "nouveau");
	f->audio = support_device(m, "0000:01:00.1", "10de:10f0:1043:8591", 0x040300, 1,
		"snd_hda_intel", "snd_hda_intel");
	f->disk = support_device(
		m, "0000:02:00.0", "144d:a804:0000:0000", 0x010802, 1, "nvme", "nvme");
	f->gpu->parent = f->audio->parent = f->disk->parent = f->port;
	assert_int_equal(choice_add(&f->choice, f->gpu), 0);
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

static enum viability_role role(const struct fixture *f, const struct device *device)
{
	return viability_role(&f->m.machine, &f->choice, &f->existing, device);
}

static const struct finding *find(struct fixture *f, const char *id)
{
	findings_free(&f->found);
	assert_int_equal(check_choice(&f->m.machine, &f->choice, &f->existing, &f->found), 0);
	for (size_t i = 0; i < f->found.n; i++)
		if (strcmp(f->found.v[i].id, id) == 0)
			return &f->found.v[i];
	return NULL;
}

static void says(struct fixture *f, const char *id, enum severity severity, const char *text,
	const char *remedy)
{
	const struct finding *finding = find(f, id);

	if (!finding)
		fail_msg("%s was not found", id);
	else if (!strstr(finding->text, text) || !strstr(finding->remedy, remedy))
		fail_msg("'%s' lacks '%s', or '%s' '%s'", finding->text, text, finding->remedy,
			remedy);
	else
		assert_int_equal(finding->severity, severity);
}

static void each_member_has_its_role(void **state)
{
	struct fixture *f = *state;
	const struct group *group = machine_group(&f->m.machine, 1);
	struct viability v;

	assert_int_equal(role(f, f->gpu), VIABILITY_CHOSEN);
	assert_int_equal(role(f, f->audio), VIABILITY_ALONG);
	assert_int_equal(role(f, f->port), VIABILITY_BRIDGE);
	assert_int_equal(role(f, f->host), VIABILITY_IDLE);
	support_use(&f->m, f->disk, USE_ROOT_DISK, "/ is on nvme0n1p2");
	assert_int_equal(role(f, f->disk), VIABILITY_BLOCKED);
	v = viability_of(&f->m.machine, &f->choice, &f->existing, group);
	assert_int_equal(viability_hindrances(&v), 2);
	assert_ptr_equal(v.first[VIABILITY_BLOCKED], f->disk);
	assert_int_equal(v.counts[VIABILITY_BRIDGE], 1);
	assert_int_equal(v.domains, 1);
	says(f, "group-shared", SEVERITY_WARNING, "(nvme)", "the host needs 0000:02:00.0");
}

static void what_vfio_pci_refuses_cannot_go_along(void **state)
{
	struct fixture *f = *state;

	f->audio->functions = 2;
	assert_int_equal(role(f, f->audio), VIABILITY_BLOCKED);
	f->audio->functions = 0;
	f->disk->driver = NULL;
	says(f, "group-shared", SEVERITY_WARNING, "0000:01:00.1", "choose them too");
	f->audio->vendor = 0x8086;
	f->audio->device = 0x37c8;
	says(f, "group-shared", SEVERITY_WARNING, "0000:01:00.1", "cannot be given to a guest");
}

static void without_a_driver_it_matters_who_could_take_it(void **state)
{
	struct fixture *f = *state;

	f->disk->driver = NULL;
	assert_int_equal(role(f, f->disk), VIABILITY_CLAIMED);
	assert_int_equal(strv_add(&f->existing.blacklist, "nvme"), 0);
	assert_int_equal(role(f, f->disk), VIABILITY_IDLE);
	/* Held by vfio-pci only until the reboot, and then nobody takes it. */
	f->disk->driver = support_keep(&f->m, "vfio-pci");
	assert_int_equal(role(f, f->disk), VIABILITY_IDLE);
	strv_free(&f->existing.blacklist);
	assert_int_equal(role(f, f->disk), VIABILITY_ALONG);
	f->disk->driver = support_keep(&f->m, "pci-stub");
	assert_int_equal(role(f, f->disk), VIABILITY_IDLE);
}

static void bridges_with_drivers_hinder_from_linux_5_19_on(void **state)
{
	struct fixture *f = *state;

	f->port->driver = support_keep(&f->m, "shpchp");
	assert_true(viability_is_strict(&f->m.machine));
	assert_int_equal(role(f, f->port), VIABILITY_BLOCKED);
	f->disk->driver = f->audio->driver = NULL;
	says(f, "group-shared", SEVERITY_WARNING, "(shpchp)", "keep the driver shpchp from");
	f->m.kernel.version = support_keep(&f->m, "5.15.0-92-generic");
	assert_false(viability_is_strict(&f->m.machine));
	assert_int_equal(role(f, f->port), VIABILITY_BRIDGE);
	says(f, "group-bridge", SEVERITY_WARNING, "until Linux 5.19", "newer kernel");
	/* A host bridge is a plain device to both rules. */
	f->host->driver = support_keep(&f->m, "k10temp");
	assert_int_equal(role(f, f->host), VIABILITY_BLOCKED);
	f->m.kernel.version = support_keep(&f->m, "5.19.0");
	assert_true(viability_is_strict(&f->m.machine));
	f->m.machine.n_kernels = 0;
	f->m.machine.host.release = NULL;
	assert_true(viability_is_strict(&f->m.machine));
}

static void another_place_is_named_where_the_tree_shows_one(void **state)
{
	struct fixture *f = *state;

	says(f, "group-shared", SEVERITY_WARNING, "0000:02:00.0",
		"root port 0000:00:03.1 has nothing behind it and a group of its own, which a slot "
		"that it leads to would give the card");
	f->slots[0] = (struct slot){.name = support_keep(&f->m, "4"), .port = f->empty};
	f->slots[1] =
		(struct slot){.name = support_keep(&f->m, "1"), .device = f->gpu, .port = f->port};
	f->m.machine.slots = f->slots;
	f->m.machine.n_slots = 2;
	says(f, "group-shared", SEVERITY_WARNING, "", "slot 4 (below 0000:00:03.1) is empty");
	assert_null(strstr(find(f, "group-shared")->remedy, "slot 1"));
	/* It is taken by a card that would change places. */
	f->slots[0].device = support_device(
		&f->m, "0000:03:00.0", "8086:10d3:0000:0000", 0x020000, 2, "e1000e", "e1000e");
	f->m.devices[6].parent = f->empty;
	says(f, "group-shared", SEVERITY_WARNING, "", "slot 4, where 0000:03:00.0");
	assert_null(strstr(find(f, "group-shared")->remedy, "root port"));
	/* Its own is none, though another function in it has a group of its own. */
	f->gpu->parent = f->empty;
	assert_null(strstr(find(f, "group-shared")->remedy, "slot 4"));
	/* What is part of the mainboard goes nowhere. */
	f->gpu->parent = NULL;
	assert_null(strstr(find(f, "group-shared")->remedy, "slot 4"));
}

static void an_empty_port_in_a_shared_group_is_no_better_place(void **state)
{
	struct fixture *f = *state;

	(void)support_device(
		&f->m, "0000:04:00.0", "8086:10d3:0000:0000", 0x020000, 2, "e1000e", "e1000e");
	assert_null(strstr(find(f, "group-shared")->remedy, "root port"));
}

static void a_card_in_several_groups_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct device *usb = support_device(
		&f->m, "0000:05:00.0", "1b21:1242:0000:0000", 0x0c0330, 5, "xhci_hcd", "xhci_pci");
	struct device *more = support_device(
		&f->m, "0000:05:00.1", "1b21:1243:0000:0000", 0x0c0330, 6, "xhci_hcd", "xhci_pci");
	size_t n = 0;

	usb->parent = more->parent = f->empty;
	assert_int_equal(choice_add(&f->choice, usb), 0);
	assert_null(find(f, "card-split"));
	assert_int_equal(choice_add(&f->choice, more), 0);
	says(f, "card-split", SEVERITY_INFO, "0000:05:00.1 (group 6)", "one guest");
	for (size_t i = 0; i < f->found.n; i++)
		n += strcmp(f->found.v[i].id, "card-split") == 0;
	assert_int_equal(n, 1);
}

static void a_group_across_domains_names_who_makes_them(void **state)
{
	struct fixture *f = *state;
	struct device *vmd = support_device(
		&f->m, "0000:06:0e.0", "8086:467f:0000:0000", 0x010400, 9, "vmd", "vmd");
	struct device *nvme = support_device(
		&f->m, "10000:e1:00.0", "144d:a808:0000:0000", 0x010802, 9, "nvme", "nvme");
	struct viability v;

	assert_int_equal(choice_add(&f->choice, nvme), 0);
	says(f, "group-domains", SEVERITY_WARNING, "0000:06:0e.0", "VMD");
	v = viability_of(&f->m.machine, NULL, NULL, machine_group(&f->m.machine, 9));
	assert_int_equal(v.domains, 2);
	vmd->driver = NULL;
	says(f, "group-domains", SEVERITY_INFO, "several PCI domains", "");
}

static void groups_that_a_parameter_made_are_doubted(void **state)
{
	struct fixture *f = *state;

	assert_null(find(f, "acs-override"));
	assert_int_equal(strv_add(&f->existing.cmdline, "pcie_acs_override=downstream"), 0);
	says(f, "acs-override", SEVERITY_WARNING, "will be on", "remove pcie_acs_override=");
	f->m.machine.host.cmdline = support_keep(&f->m, "quiet pcie_acs_override=multifunction");
	says(f, "acs-override", SEVERITY_WARNING, "is on the kernel command line", "remove");
	/* Nothing that is proposed is to set it. */
	for (size_t i = 0; i < f->found.n; i++)
		if (strcmp(f->found.v[i].id, "acs-override") != 0)
			assert_null(strstr(f->found.v[i].remedy, "acs"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(each_member_has_its_role),
		T(what_vfio_pci_refuses_cannot_go_along),
		T(without_a_driver_it_matters_who_could_take_it),
		T(bridges_with_drivers_hinder_from_linux_5_19_on),
		T(another_place_is_named_where_the_tree_shows_one),
		T(an_empty_port_in_a_shared_group_is_no_better_place),
		T(a_card_in_several_groups_is_told_once),
		T(a_group_across_domains_names_who_makes_them),
		T(groups_that_a_parameter_made_are_doubted),
	};

	return cmocka_run_group_tests_name("viability", tests, NULL, NULL);
}
