#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/forecast.h"
#include "tests/support_machine.h"

#include <stdio.h>
#include <string.h>

struct fixture {
	struct support_machine m;
	struct device *port, *gpu, *twin, *usb, *usb2;
	struct choice before, choice;
	struct existing existing;
	struct forecast forecast;
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
	f->gpu = support_device(
		m, "0000:01:00.0", "10de:1b80:1043:8591", 0x030000, 1, "nouveau", "nouveau nvidia");
	f->twin = support_device(
		m, "0000:02:00.0", "10de:1b80:1043:8591", 0x030000, 2, "nouveau", "nouveau nvidia");
	f->usb = support_device(
		m, "0000:03:00.0", "1b21:1242:1043:8675", 0x0c0330, 3, "xhci_hcd", "xhci_pci");
	f->usb2 = support_device(
		m, "0000:04:00.0", "1912:0014:0000:0000", 0x0c0330, 4, "xhci_hcd", "xhci_pci");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	choice_free(&f->before);
	choice_free(&f->choice);
	existing_free(&f->existing);
	forecast_free(&f->forecast);
	support_machine_free(&f->m);
	free(f);
	return 0;
}

static void choose(struct choice *choice, const struct device *device)
{
	assert_int_equal(choice_add(choice, device), 0);
}

static void drive(struct fixture *f, struct device *device, const char *driver)
{
	device->driver = support_keep(&f->m, driver);
}

/* The forecast says `next` for the device, and `reason` is in its reason; every other device stays.
 */
static void expect(
	struct fixture *f, const struct device *device, const char *next, const char *reason)
{
	const struct machine *machine = &f->m.machine;

	forecast_free(&f->forecast);
	assert_int_equal(
		forecast_build(machine, &f->before, &f->choice, &f->existing, &f->forecast), 0);
	assert_int_equal(f->forecast.n, machine->n_devices);
	for (size_t i = 0; i < f->forecast.n; i++) {
		const struct forecast_entry *e = &f->forecast.v[i];

		assert_ptr_equal(e->device, &machine->devices[i]);
		assert_ptr_equal(e->now, e->device->driver);
		if (e->device != device)
			continue;
		if (!base_same(e->next, next))
			fail_msg("%s: %s", e->next ? e->next : "none", e->reason);
		if (!strstr(e->reason, reason))
			fail_msg("'%s' lacks '%s'", e->reason, reason);
	}
}

static void the_chosen_one_is_bound_and_its_twin_stays(void **state)
{
	struct fixture *f = *state;

	choose(&f->choice, f->gpu);
	expect(f, f->gpu, "vfio-pci", "by address and identity");
	expect(f, f->twin, "nouveau", "");
	expect(f, f->port, "pcieport", "");
	f->choice.options = CHOICE_IDS;
	expect(f, f->gpu, "vfio-pci", "by address and identity");
	choose(&f->choice, f->twin);
	expect(f, f->twin, "vfio-pci", "by its ids");
}

static void drivers_in_the_kernel_come_first(void **state)
{
	struct fixture *f = *state;

	choose(&f->choice, f->usb);
	support_module(&f->m, "xhci_pci", MODULE_BUILTIN);
	expect(f, f->usb, "vfio-pci", "xhci_pci is built into");
	support_module(&f->m, "xhci_pci", MODULE_LOADABLE);
	support_module(&f->m, "vfio_pci", MODULE_BUILTIN);
	expect(f, f->usb, "vfio-pci", "vfio-pci.ids= on the kernel command line");
	choose(&f->choice, f->gpu); /* which has a twin */
	expect(f, f->gpu, "vfio-pci", "vfio-pci is built into");
}

static void an_initramfs_that_is_not_ours_binds_late(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->m.machine.host;

	choose(&f->choice, f->usb);
	choose(&f->choice, f->gpu);
	host->initramfs = INITRAMFS_OTHER;
	expect(f, f->usb, "vfio-pci", "nothing in the initramfs binds it");
	host->initramfs = INITRAMFS_OSTREE;
	host->boot_loader = BOOT_OSTREE;
	expect(f, f->usb, "vfio-pci", "nothing in the initramfs binds it");
	choose(&f->choice, f->usb2); /* the last one that xhci_pci drives */
	expect(f, f->usb, "vfio-pci", "vfio-pci.ids= on the kernel command line");
	expect(f, f->gpu, "vfio-pci", "nothing in the initramfs binds it");
	host->boot_loader = BOOT_OTHER;
	expect(f, f->usb, "vfio-pci", "nothing in the initramfs binds it");
}

static void without_systemd_only_the_initramfs_binds(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->m.machine.host;

	host->without_systemd = true;
	host->initramfs = INITRAMFS_TOOLS;
	choose(&f->choice, f->gpu);
	expect(f, f->gpu, "vfio-pci", "by address");
	host->initramfs = INITRAMFS_OTHER;
	expect(f, f->gpu, "nouveau", "without systemd");
	host->initramfs = INITRAMFS_TOOLS;
	support_module(&f->m, "nouveau", MODULE_BUILTIN);
	expect(f, f->gpu, "nouveau", "without systemd");
}

static void without_vfio_the_host_keeps_everything(void **state)
{
	struct fixture *f = *state;

	choose(&f->choice, f->gpu);
	support_module(&f->m, "vfio_pci", MODULE_MISSING);
	expect(f, f->gpu, "nouveau", "no vfio-pci");
	support_module(&f->m, "vfio_pci", MODULE_LOADABLE);
	f->existing.vfio_refused = true;
	expect(f, f->gpu, "nouveau", "module_blacklist");
}

static void an_iommu_that_stays_off_keeps_vfio_away(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->m.machine.host;

	choose(&f->choice, f->gpu);
	host->iommu_active = false;
	host->cmdline = support_keep(&f->m, "quiet");
	f->gpu->group = -1;
	expect(f, f->gpu, "vfio-pci", "by address");
	host->firmware = FIRMWARE_NONE;
	expect(f, f->gpu, "nouveau", "firmware");
	/* With vfio-pci until now, it goes back as well. */
	drive(f, f->gpu, "vfio-pci");
	expect(f, f->gpu, "nouveau", "firmware");
	host->firmware = FIRMWARE_UNKNOWN;
	expect(f, f->gpu, "vfio-pci", "if the IOMMU is on then");
	host->firmware = FIRMWARE_VTD;
	host->boot_loader = BOOT_UNKNOWN;
	expect(f, f->gpu, "nouveau", "by hand");
}

static void one_device_may_be_out_of_reach(void **state)
{
	struct fixture *f = *state;

	choose(&f->choice, f->gpu);
	choose(&f->choice, f->port);
	f->gpu->group = -1;
	expect(f, f->gpu, "nouveau", "no IOMMU group");
	expect(f, f->port, "pcieport", "bridge");
	f->gpu->group = 1;
	f->usb2->physfn = f->gpu;
	f->gpu->functions = 1;
	expect(f, f->gpu, "nouveau", "virtual functions");
	choose(&f->choice, f->usb2);
	expect(f, f->usb2, "vfio-pci", "0000:01:00.0 has made");
}

static void what_is_given_back_gets_its_driver(void **state)
{
	struct fixture *f = *state;

	choose(&f->before, f->gpu);
	choose(&f->before, f->usb);
	drive(f, f->gpu, "vfio-pci");
	drive(f, f->usb, "vfio-pci");
	expect(f, f->gpu, "nouveau", "given back");
	expect(f, f->usb, "xhci_hcd", "given back");
	/* No example is left on the host: names that differ from their module's are known. */
	drive(f, f->usb2, "vfio-pci");
	expect(f, f->usb, "xhci_hcd", "given back");
	drive(f, f->twin, NULL);
	expect(f, f->gpu, "nouveau", "given back");
	assert_int_equal(strv_add(&f->existing.blacklist, "nouveau"), 0);
	expect(f, f->gpu, "nvidia", "given back");
	assert_int_equal(strv_add(&f->existing.blacklist, "nvidia"), 0);
	expect(f, f->gpu, NULL, "no module");
	drive(f, f->usb, NULL);
	expect(f, f->usb, NULL, "given back");
	f->usb->override_set = true;
	expect(f, f->usb, "xhci_hcd", "given back");
	/* Never bound at all: it stays where it is. */
	drive(f, f->gpu, "nouveau");
	expect(f, f->gpu, "nouveau", "given back");
}

static void an_example_counts_only_where_one_module_is_in_question(void **state)
{
	struct fixture *f = *state;

	(void)support_device(&f->m, "0000:05:00.0", "1002:7310:1002:0000", 0x030000, 5, "radeon",
		"amdgpu radeon");
	(void)support_device(
		&f->m, "0000:06:00.0", "1002:67df:1002:0000", 0x030000, 6, "vfio-pci", "amdgpu");
	choose(&f->before, &f->m.devices[6]);
	expect(f, &f->m.devices[6], "amdgpu", "given back");
}

static void another_device_at_the_address_is_left_alone(void **state)
{
	struct fixture *f = *state;

	choose(&f->choice, f->gpu);
	f->gpu->subsystem_device = 1;
	expect(f, f->gpu, "nouveau", "not the device that was chosen");
}

static void add_ids(struct fixture *f, uint32_t vendor, uint32_t device)
{
	struct existing *e = &f->existing;

	assert_int_equal(base_grow(&e->ids, e->n_ids, sizeof(*e->ids)), 0);
	e->ids[e->n_ids] = (struct existing_ids){
		vendor, device, UINT32_MAX, UINT32_MAX, 0, 0, strdup("/etc/modprobe.d/x.conf:3")};
	e->n_ids++;
}

static void ids_of_others_bind_the_twin_too(void **state)
{
	struct fixture *f = *state;

	add_ids(f, 0x10de, 0x1b80);
	expect(f, f->twin, "nouveau", "");
	choose(&f->choice, f->gpu);
	expect(f, f->twin, "vfio-pci", "/etc/modprobe.d/x.conf:3");
	support_module(&f->m, "nouveau", MODULE_BUILTIN);
	expect(f, f->twin, "nouveau", "");
	/* Given back by us, still held by others. */
	drive(f, f->twin, "vfio-pci");
	choose(&f->before, f->twin);
	expect(f, f->twin, "vfio-pci", "/etc/modprobe.d/x.conf:3");
	f->existing.vfio_refused = true;
	expect(f, f->twin, "nouveau", "given back");
}

static void what_vfio_holds_without_a_cause_goes_back(void **state)
{
	struct fixture *f = *state;

	drive(f, f->gpu, "vfio-pci");
	expect(f, f->gpu, "nouveau", "only until then");
	f->existing.install = strdup("/etc/modprobe.d/x.conf:1");
	expect(f, f->gpu, "vfio-pci", "by hand");
	free(f->existing.install);
	f->existing.install = NULL;
	assert_int_equal(strv_add(&f->existing.overrides, "0000:01:00.0 vfio-pci"), 0);
	expect(f, f->gpu, "vfio-pci", "driverctl");
	choose(&f->choice, f->usb);
	assert_int_equal(strv_add(&f->existing.overrides, "0000:03:00.0 xhci_hcd"), 0);
	expect(f, f->usb, "vfio-pci", "driverctl gives it to xhci_hcd");
}

/* ---- the IOMMU alone ---- */

static void iommu(struct fixture *f, const char *running, const char *configured,
	enum forecast_iommu expected, const char *parameter)
{
	char buf[100] = "?";
	enum forecast_iommu found;

	f->m.machine.host.cmdline = support_keep(&f->m, running);
	strv_free(&f->existing.cmdline);
	assert_int_equal(strv_split(&f->existing.cmdline, configured, " "), 0);
	assert_int_equal(
		forecast_iommu(&f->m.machine, &f->choice, &f->existing, &found, buf, sizeof(buf)),
		0);
	assert_int_equal(found, expected);
	assert_string_equal(buf, parameter);
}

static void vtd_is_switched_on_by_the_last_word(void **state)
{
	struct fixture *f = *state;

	choose(&f->choice, f->gpu);
	f->m.machine.host.iommu_active = false;
	iommu(f, "quiet", "quiet", FORECAST_IOMMU_COMES, "");
	/* Ours comes last. */
	iommu(f, "", "intel_iommu=off", FORECAST_IOMMU_COMES, "");
	/* It is not added where the person has it, and there the person's last word counts. */
	iommu(f, "", "intel_iommu=on intel_iommu=off", FORECAST_IOMMU_REFUSED, "intel_iommu=off");
	iommu(f, "", "intel_iommu=off intel_iommu=on,sm_on", FORECAST_IOMMU_COMES, "");
	iommu(f, "", "iommu=pt,off", FORECAST_IOMMU_REFUSED, "iommu=pt,off");
	/* Typed at the boot prompt, gone with the next boot. */
	iommu(f, "iommu=off", "quiet", FORECAST_IOMMU_COMES, "iommu=off");
	iommu(f, "intel_iommu=on", "quiet", FORECAST_IOMMU_UNKNOWN, "");
	f->m.machine.host.iommu_active = true;
	iommu(f, "intel_iommu=on", "", FORECAST_IOMMU_ON, "");
	iommu(f, "intel_iommu=on", "iommu=off", FORECAST_IOMMU_REFUSED, "iommu=off");
	iommu(f, NULL, "xiommu=off iommu=offx", FORECAST_IOMMU_ON, "");
}

static void without_our_parameter_the_kernels_default_counts(void **state)
{
	struct fixture *f = *state;

	f->m.machine.host.iommu_active = false;
	iommu(f, "", "", FORECAST_IOMMU_BY_HAND, "");
	f->m.kernel.intel_default_on = YES;
	iommu(f, "", "", FORECAST_IOMMU_COMES, "");
	choose(&f->choice, f->gpu);
	iommu(f, "", "intel_iommu=off", FORECAST_IOMMU_REFUSED, "intel_iommu=off");
	f->m.machine.host.boot_loader = BOOT_OTHER;
	iommu(f, "intel_iommu=off", "", FORECAST_IOMMU_REFUSED, "intel_iommu=off");
}

static void amd_is_on_unless_told_otherwise(void **state)
{
	struct fixture *f = *state;

	choose(&f->choice, f->gpu);
	f->m.machine.host.firmware = FIRMWARE_AMDVI;
	iommu(f, "", "amd_iommu=off", FORECAST_IOMMU_REFUSED, "amd_iommu=off");
	iommu(f, "", "intel_iommu=off amd_iommu=on", FORECAST_IOMMU_ON, "");
	f->m.machine.host.iommu_active = false;
	iommu(f, "amd_iommu=off", "", FORECAST_IOMMU_COMES, "amd_iommu=off");
	iommu(f, "", "", FORECAST_IOMMU_UNKNOWN, "");
}

static void the_parameter_is_needed_on_intel_only(void **state)
{
	struct fixture *f = *state;

	assert_true(forecast_needs_intel_iommu(&f->m.machine));
	f->m.kernel.intel_default_on = YES;
	assert_false(forecast_needs_intel_iommu(&f->m.machine));
	f->m.machine.n_kernels = 0;
	assert_true(forecast_needs_intel_iommu(&f->m.machine));
	f->m.machine.host.firmware = FIRMWARE_AMDVI;
	assert_false(forecast_needs_intel_iommu(&f->m.machine));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_chosen_one_is_bound_and_its_twin_stays),
		T(drivers_in_the_kernel_come_first),
		T(an_initramfs_that_is_not_ours_binds_late),
		T(without_systemd_only_the_initramfs_binds),
		T(without_vfio_the_host_keeps_everything),
		T(an_iommu_that_stays_off_keeps_vfio_away),
		T(one_device_may_be_out_of_reach),
		T(what_is_given_back_gets_its_driver),
		T(an_example_counts_only_where_one_module_is_in_question),
		T(another_device_at_the_address_is_left_alone),
		T(ids_of_others_bind_the_twin_too),
		T(what_vfio_holds_without_a_cause_goes_back),
		T(vtd_is_switched_on_by_the_last_word),
		T(without_our_parameter_the_kernels_default_counts),
		T(amd_is_on_unless_told_otherwise),
		T(the_parameter_is_needed_on_intel_only),
	};

	return cmocka_run_group_tests_name("forecast", tests, NULL, NULL);
}
