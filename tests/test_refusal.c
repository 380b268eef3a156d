/* What a person is told on a system that is refused: the lines for exactly his choice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/plan.h"
#include "core/refusal.h"
#include "tests/support.h"
#include "tests/support_machine.h"

#include <string.h>

struct fixture {
	struct support_machine m;
	struct device *gpu, *audio, *nic, *twin;
	struct choice choice;
	char *remedy;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct support_machine *m;

	assert_non_null(f);
	m = &f->m;
	support_machine_init(m);
	f->gpu = support_device(
		m, "0000:01:00.0", "10de:1b80:1043:8591", 0x030000, 1, "nouveau", "nouveau nvidia");
	f->audio = support_device(m, "0000:01:00.1", "10de:10f0:1043:8591", 0x040300, 1,
		"snd_hda_intel", "snd_hda_intel");
	f->nic =
		support_device(m, "0000:02:00.0", "8086:1533:8086:0001", 0x020000, 2, "igb", "igb");
	f->twin =
		support_device(m, "0000:03:00.0", "8086:1533:8086:0001", 0x020000, 3, "igb", "igb");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	choice_free(&f->choice);
	support_machine_free(&f->m);
	free(f->remedy);
	free(f);
	return 0;
}

static void remedy(struct fixture *f, enum refusal refusal)
{
	free(f->remedy);
	f->remedy = NULL;
	f->m.machine.host.refusal = refusal;
	assert_int_equal(refusal_remedy(&f->m.machine, &f->choice, &f->remedy), 0);
}

static void choose(struct fixture *f, const struct device *device)
{
	assert_int_equal(choice_add(&f->choice, device), 0);
}

static void test_nixos(void **state)
{
	struct fixture *f = *state;

	f->m.kernel.intel_default_on = NO;
	f->choice.options = CHOICE_IOMMU_PT;
	choose(f, f->gpu);
	choose(f, f->audio);
	remedy(f, REFUSAL_NIXOS);
	assert_string_equal(f->remedy,
		"put this into /etc/nixos/configuration.nix:\n"
		"boot.kernelParams = [ \"intel_iommu=on\" \"iommu=pt\" "
		"\"vfio-pci.ids=10de:1b80:1043:8591,10de:10f0:1043:8591\" ];\n"
		"boot.initrd.kernelModules = [ \"vfio_pci\" \"vfio\" \"vfio_iommu_type1\" ];\n"
		"boot.extraModprobeConfig = ''\n"
		"softdep nouveau pre: vfio-pci\n"
		"softdep nvidia pre: vfio-pci\n"
		"softdep snd_hda_intel pre: vfio-pci\n"
		"'';\n"
		"Then run nixos-rebuild boot, and reboot.");
}

/* Of two cards with the same ids only the chosen one, which ids= cannot say. */
static void test_twins(void **state)
{
	struct fixture *f = *state;

	choose(f, f->nic);
	remedy(f, REFUSAL_NIXOS);
	assert_null(strstr(f->remedy, "vfio-pci.ids"));
	assert_non_null(strstr(f->remedy,
		"modprobe vfio-pci\n"
		"echo vfio-pci >/sys/bus/pci/devices/0000:02:00.0/driver_override\n"
		"echo 0000:02:00.0 >/sys/bus/pci/drivers_probe\n'';\n"));
	assert_null(strstr(f->remedy, "0000:03:00.0"));
	remedy(f, REFUSAL_BOOTC);
	assert_non_null(strstr(f->remedy, "0000:02:00.0: another device with the same ids"));
	choose(f, f->twin);
	remedy(f, REFUSAL_BOOTC);
	assert_non_null(strstr(f->remedy, "vfio-pci.ids=8086:1533:8086:0001\"]"));
	assert_null(strstr(f->remedy, "another device"));
}

static void test_images(void **state)
{
	struct fixture *f = *state;

	choose(f, f->gpu);
	remedy(f, REFUSAL_BOOTC);
	assert_non_null(strstr(f->remedy, "/usr/lib/bootc/kargs.d/50-vfio.toml\nkargs = [\""));
	assert_non_null(strstr(f->remedy, "vfio-pci.ids=10de:1b80:1043:8591\"]\n"));
	remedy(f, REFUSAL_OSTREE);
	assert_non_null(strstr(f->remedy, "vfio-pci.ids=10de:1b80:1043:8591."));
	remedy(f, REFUSAL_TRANSACTIONAL);
	assert_non_null(strstr(f->remedy, "`vfio-wizard apply 0000:01:00.0`"));
}

/* Every refusal has words, for a choice and without one. */
static void test_all(void **state)
{
	struct fixture *f = *state;

	for (int i = REFUSAL_NONE + 1; i <= REFUSAL_OSTREE; i++) {
		assert_non_null(refusal_reason((enum refusal)i));
		remedy(f, (enum refusal)i);
		assert_true(strlen(f->remedy) > 10);
	}
	assert_null(refusal_reason(REFUSAL_NONE));
}

/* The plan of a refused system holds what there is to know and nothing to do. */
static void test_plan(void **state)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(choice_free) struct choice choice = {0};
	char *dir = support_system("intel-z690-vmd-2x-navi", "nixos");
	const struct device *card;

	(void)state;
	assert_int_equal(root_open(dir, NULL, &root, NULL), 0);
	assert_int_equal(machine_scan(root, MACHINE_ALL, &machine, NULL), 0);
	card = machine_device(machine, "0000:03:00.0");
	assert_non_null(card);
	assert_int_equal(choice_add(&choice, card), 0);
	assert_int_equal(plan_build(root, machine, &choice, &plan, NULL), 0);
	assert_true(plan->refused);
	assert_true(plan_is_empty(plan));
	assert_string_equal(plan->findings.v[0].id, "unsupported-system");
	for (size_t i = 0; i < plan->forecast.n; i++)
		if (plan->forecast.v[i].device == card)
			assert_string_equal(plan->forecast.v[i].next, "amdgpu");
	support_remove(dir);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_nixos),
		T(test_twins),
		T(test_images),
		T(test_all),
		T(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
