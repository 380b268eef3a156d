/* What is read of single devices, and the facts of a tree that tell where a card is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/check.h"
#include "core/fitness.h"
#include "tests/mktree.h"
#include "tests/support.h"
#include "tests/support_machine.h"

#include <stdio.h>
#include <string.h>

#define PORT  "0000:00:01.0"
#define EMPTY "0000:00:03.1"
#define GPU   "0000:01:00.0"
#define AUDIO "0000:01:00.1"
#define NVME  "0000:02:00.0"
#define QAT   "0000:03:00.0"

static const char facts[] =
	"title t\nsource s\niommu yes\nunits dmar0\n" PORT
	" 8086:1901 - 060400 07 1 pcieport bus=00-01-01\n" EMPTY
	" 8086:1905 - 060400 07 2 pcieport bus=00-07-07\n"
	"0000:00:1c.0 8086:1c10 - 060400 b4 3 pcieport bus=00-02-02\n"
	"0000:00:1d.0 8086:1c11 - 060400 b4 4 pcieport bus=00-03-03\n" GPU
	" 10de:1b80 1043:8591 030000 a1 1 nouveau parent=" PORT "\n" AUDIO
	" 10de:10f0 1043:8591 040300 a1 1 snd_hda_intel parent=" PORT "\n" NVME
	" 144d:a808 144d:a801 010802 00 7 nvme parent=0000:00:1c.0 reset=flr,bus\n" QAT
	" 8086:37c8 - 0b4000 04 8 - parent=0000:00:1d.0\n";

struct fixture {
	char *dir;
	struct root *root;
	struct machine *machine;
	struct choice choice;
	struct existing existing;
	struct findings found;
};

static void put(struct fixture *f, const char *address, const char *name, const char *text)
{
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "/sys/bus/pci/devices/%s/%s", address, name) > 0);
	support_put(f->dir, path, text);
}

static void look(struct fixture *f)
{
	struct error err = {0};

	f->machine = machine_free(f->machine);
	f->root = root_close(f->root);
	assert_int_equal(root_open(f->dir, NULL, &f->root, &err), 0);
	assert_int_equal(machine_scan(f->root, MACHINE_DETAILS, &f->machine, &err), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	_cleanup_free_ char *path = NULL;

	assert_non_null(f);
	f->dir = support_scratch();
	support_put(f->dir, "/facts", facts);
	assert_true(asprintf(&path, "%s/facts", f->dir) > 0);
	assert_int_equal(mktree_machine(path, f->dir), 0);
	look(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	choice_free(&f->choice);
	existing_free(&f->existing);
	findings_free(&f->found);
	f->machine = machine_free(f->machine);
	f->root = root_close(f->root);
	support_remove(f->dir);
	free(f);
	return 0;
}

static struct fitness of(struct fixture *f, const char *address)
{
	return fitness_read(f->root, f->machine, machine_device(f->machine, address));
}

static void choose(struct fixture *f, const char *address)
{
	assert_int_equal(choice_add(&f->choice, machine_device(f->machine, address)), 0);
}

static const struct finding *find(struct fixture *f, const char *id)
{
	findings_free(&f->found);
	assert_int_equal(
		check_fitness(f->root, f->machine, &f->choice, &f->existing, &f->found), 0);
	for (size_t i = 0; i < f->found.n; i++)
		if (strcmp(f->found.v[i].id, id) == 0)
			return &f->found.v[i];
	return NULL;
}

static void says(struct fixture *f, const char *id, enum severity severity, const char *text)
{
	const struct finding *finding = find(f, id);

	if (!finding)
		fail_msg("%s was not found", id);
	else if (!strstr(finding->text, text))
		fail_msg("'%s' lacks '%s'", finding->text, text);
	else
		assert_int_equal(finding->severity, severity);
}

static void ways_to_reset(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(of(f, NVME).reset, "flr bus");
	assert_int_equal(of(f, NVME).resets, YES);
	/* The tree shows resets, so one without has none. */
	assert_int_equal(of(f, GPU).resets, NO);
	put(f, GPU, "reset", "");
	assert_int_equal(of(f, GPU).resets, YES);
	/* Emptied by the administrator. */
	put(f, GPU, "reset_method", "\n");
	assert_int_equal(of(f, GPU).resets, NO);
}

static void a_tree_without_resets_does_not_tell(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = {"sh", "-c",
		"cd \"$1\" && rm sys/bus/pci/devices/*/reset sys/bus/pci/devices/*/reset_method",
		"sh", f->dir, NULL};

	assert_int_equal(support_run(argv, NULL), 0);
	assert_int_equal(of(f, NVME).resets, UNKNOWN);
	choose(f, NVME);
	assert_null(find(f, "no-reset"));
}

static void without_a_reset_it_counts_who_is_on_the_bus(void **state)
{
	struct fixture *f = *state;

	choose(f, GPU);
	says(f, "no-reset", SEVERITY_WARNING, "second start of the guest may fail");
	choose(f, AUDIO);
	says(f, "no-reset", SEVERITY_INFO, "its bus is reset instead");
	choice_remove(&f->choice, GPU);
	choice_remove(&f->choice, AUDIO);
	choose(f, NVME);
	assert_null(find(f, "no-reset"));
}

static void memory_that_the_firmware_keeps(void **state)
{
	struct fixture *f = *state;

	choose(f, GPU);
	choose(f, AUDIO);
	assert_null(find(f, "rmrr"));
	support_put(f->dir, "/sys/kernel/iommu_groups/1/reserved_regions",
		"0x00000000000a0000 0x00000000000bffff direct-relaxable\n"
		"0x00000000fee00000 0x00000000feefffff msi\n");
	assert_null(find(f, "rmrr"));
	support_put(f->dir, "/sys/kernel/iommu_groups/1/reserved_regions",
		"nonsense\n0x00000000bdf6f000 0x00000000bdf7efff direct\n");
	says(f, "rmrr", SEVERITY_WARNING, "0x00000000bdf6f000 0x00000000bdf7efff");
	assert_ptr_equal(f->found.v[0].device, machine_device(f->machine, GPU));
	assert_int_equal(f->found.n, 3); /* once for the group */
}

static void bars_and_rom(void **state)
{
	struct fixture *f = *state;
	static const char none[] = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
	char text[1024];

	/* All zero: nobody recorded it. */
	assert_int_equal(of(f, GPU).rom, UNKNOWN);
	assert_int_equal(of(f, GPU).largest, 0);
	(void)snprintf(text, sizeof(text),
		"0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n%s"
		"0x0000000000000000 0x00000003ffffffff 0x000000002014220c\n%s%s%s%s",
		none, none, none, none, none);
	put(f, GPU, "resource", text);
	assert_int_equal(of(f, GPU).rom, NO);
	assert_int_equal(of(f, GPU).largest, UINT64_C(16) << 30);
	assert_int_equal(of(f, GPU).unassigned, 2);
	assert_int_equal(of(f, GPU).unassigned_size, UINT64_C(16) << 30);
	put(f, GPU, "rom", "");
	assert_int_equal(of(f, GPU).rom, YES);
	put(f, GPU, "resource", "0x1 0x\n\x1b[2J");
	assert_int_equal(of(f, GPU).rom, UNKNOWN);
}

static void link_power_and_node(void **state)
{
	struct fixture *f = *state;
	struct fitness fit;

	put(f, GPU, "current_link_speed", "2.5 GT/s PCIe\n");
	put(f, GPU, "max_link_speed", "8.0 GT/s PCIe\n");
	put(f, GPU, "current_link_width", "8\n");
	put(f, GPU, "max_link_width", "255\n");
	put(f, GPU, "power_state", "D3cold\n");
	put(f, GPU, "numa_node", "1\n");
	fit = of(f, GPU);
	assert_string_equal(fit.speed, "2.5 GT/s PCIe");
	assert_string_equal(fit.speed_max, "8.0 GT/s PCIe");
	assert_int_equal(fit.width, 8);
	assert_int_equal(fit.width_max, 0);
	assert_string_equal(fit.power, "D3cold");
	assert_int_equal(fit.numa, -1);
	support_put(f->dir, "/sys/devices/system/node/online", "0-1\n");
	assert_int_equal(of(f, GPU).numa, 1);
	assert_int_equal(of(f, NVME).numa, -1);
}

static void what_the_kernel_refuses(void **state)
{
	struct fixture *f = *state;
	struct support_machine *m = calloc(1, sizeof(*m));
	struct device *qat, *dsa;

	assert_non_null(m);
	support_machine_init(m);
	qat = support_device(m, "0000:03:00.0", "8086:37c8:0000:0000", 0x0b4000, 8, NULL, "");
	dsa = support_device(m, "0000:04:00.0", "8086:0b25:0000:0000", 0x088000, 9, NULL, "");
	assert_int_equal(fitness_denial(&m->machine, NULL, qat), FITNESS_DENIED);
	assert_int_equal(fitness_denial(&m->machine, NULL, dsa), FITNESS_DENIED_ELSEWHERE);
	m->kernel.version = support_keep(m, "6.9.0");
	assert_int_equal(fitness_denial(&m->machine, NULL, dsa), FITNESS_DENIED);
	m->kernel.version = support_keep(m, "5.8.18");
	assert_int_equal(fitness_denial(&m->machine, NULL, qat), FITNESS_DENIED_ELSEWHERE);
	qat->vendor = 0x1234;
	assert_int_equal(fitness_denial(&m->machine, NULL, qat), FITNESS_ALLOWED);
	support_machine_free(m);
	free(m);
	choose(f, QAT);
	says(f, "denylisted", SEVERITY_BLOCK, "vfio-pci refuses it");
	f->existing.denylist_off = true;
	says(f, "denylisted", SEVERITY_WARNING, "disable_denylist");
}

static void paths_and_twins(void **state)
{
	struct fixture *f = *state;
	const struct device *gpu = machine_device(f->machine, GPU);
	char path[DEVICE_PATH_SIZE], little[8] = "x";

	assert_true(device_path(gpu, path, sizeof(path)));
	assert_string_equal(path, PORT "/00.0");
	assert_true(device_path(gpu->parent, path, sizeof(path)));
	assert_string_equal(path, PORT);
	assert_false(device_path(gpu, little, sizeof(little)));
	assert_string_equal(little, "");
	assert_false(gpu->twin);
	put(f, AUDIO, "modalias", "pci:v000010DEd00001B80sv00001043sd00008591bc04sc03i00\n");
	look(f);
	assert_true(machine_device(f->machine, GPU)->twin);
	assert_true(machine_device(f->machine, AUDIO)->twin);
	assert_false(machine_device(f->machine, NVME)->twin);
}

static void slots_are_full_or_empty(void **state)
{
	struct fixture *f = *state;
	const struct slot *slots;

	support_put(f->dir, "/sys/bus/pci/slots/1/address", "0000:01:00\n");
	support_put(f->dir, "/sys/bus/pci/slots/2/address", "0000:07:00\n");
	support_put(f->dir, "/sys/bus/pci/slots/3/address", "0000:02\n");
	support_put(f->dir, "/sys/bus/pci/slots/4/address", "what:is:this\n");
	support_put(f->dir, "/sys/bus/pci/slots/5/address", "0000:55:00\n");
	look(f);
	slots = f->machine->slots;
	assert_int_equal(f->machine->n_slots, 4);
	assert_string_equal(slots[0].name, "1");
	assert_ptr_equal(slots[0].device, machine_device(f->machine, GPU));
	assert_ptr_equal(slots[0].port, machine_device(f->machine, PORT));
	assert_null(slots[1].device);
	assert_ptr_equal(slots[1].port, machine_device(f->machine, EMPTY));
	assert_ptr_equal(slots[2].device, machine_device(f->machine, NVME));
	assert_string_equal(slots[3].name, "5");
	assert_null(slots[3].port);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ways_to_reset),
		T(a_tree_without_resets_does_not_tell),
		T(without_a_reset_it_counts_who_is_on_the_bus),
		T(memory_that_the_firmware_keeps),
		T(bars_and_rom),
		T(link_power_and_node),
		T(what_the_kernel_refuses),
		T(paths_and_twins),
		T(slots_are_full_or_empty),
	};

	return cmocka_run_group_tests_name("fitness", tests, NULL, NULL);
}
