/* What passthrough needs, and what of it a machine has. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/check.h"
#include "tests/support_machine.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
	struct support_machine m;
	struct choice installed;
	struct requirements requirements;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	support_machine_init(&f->m);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	requirements_free(&f->requirements);
	support_machine_free(&f->m);
	free(f);
	return 0;
}

static const struct requirement *require(struct fixture *f, const char *id)
{
	static const struct requirement none;

	requirements_free(&f->requirements);
	assert_int_equal(check_requirements(&f->m.machine, &f->installed, &f->requirements), 0);
	for (size_t i = 0; i < f->requirements.n; i++)
		if (strcmp(f->requirements.v[i].id, id) == 0)
			return &f->requirements.v[i];
	fail_msg("no requirement %s", id);
	return &none;
}

static void a_ready_machine_meets_every_requirement(void **state)
{
	struct fixture *f = *state;

	(void)require(f, "cpu");
	for (size_t i = 0; i < f->requirements.n; i++)
		if (f->requirements.v[i].state != REQUIREMENT_OK)
			fail_msg("%s: %s", f->requirements.v[i].id, f->requirements.v[i].text);
	assert_int_equal(f->requirements.n, 14);
	assert_non_null(strstr(require(f, "boot-loader")->text, "BOOT_IMAGE="));
}

static void what_is_unknown_is_never_ok(void **state)
{
	static const char *const ids[] = {"cpu", "iommu-firmware", "iommu", "interrupt-remapping",
		"kernel", "vfio", "kvm", "boot-loader", "initramfs", "distribution",
		"root-writable", "container", "lockdown"};
	struct fixture *f = *state;

	f->m.machine.n_kernels = 0;
	f->m.machine.host = (struct host){.cpu_virtualization = UNKNOWN,
		.interrupt_remapping = UNKNOWN,
		.kvm = UNKNOWN,
		.lockdown = UNKNOWN,
		.read_only = UNKNOWN,
		.container = UNKNOWN,
		.refusal = REFUSAL_NO_SYSTEM};
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_not_equal(require(f, ids[i])->state, REQUIREMENT_OK);
}

static void an_iommu_that_is_off_says_what_switches_it_on(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->m.machine.host;

	host->iommu_active = false;
	host->cmdline = support_keep(&f->m, "quiet");
	assert_int_equal(require(f, "iommu")->state, REQUIREMENT_WARNING);
	assert_non_null(strstr(require(f, "iommu")->remedy, "adds intel_iommu=on"));
	host->cmdline = support_keep(&f->m, "quiet iommu=off");
	host->boot_loader = BOOT_OTHER;
	assert_int_equal(require(f, "iommu")->state, REQUIREMENT_MISSING);
	assert_non_null(strstr(require(f, "iommu")->remedy, "remove iommu=off"));
	host->firmware = FIRMWARE_NONE;
	host->cmdline = NULL;
	assert_int_equal(require(f, "iommu-firmware")->state, REQUIREMENT_MISSING);
	assert_non_null(strstr(require(f, "iommu-firmware")->remedy, "VT-d"));
}

/* What the person said is what is shown, and how to take that back. */
static void what_was_said_of_the_boot_loader_counts(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->m.machine.host;
	char name[] = "GRUB", evidence[] = "its menu";
	struct detected other = {name, evidence, BOOT_GRUB};

	host->boot_loader_others = (struct candidates){&other, 1};
	host->boot_loader_found.kind = host->boot_loader = BOOT_GRUB_D;
	f->installed.boot_loader = BOOT_GRUB;
	assert_non_null(
		strstr(require(f, "boot-loader")->text, "/etc/default/grub, as " CHOICE_PATH));
	assert_non_null(strstr(require(f, "boot-loader")->remedy, "--boot-loader grub.d"));
	f->installed.boot_loader = BOOT_UNKNOWN;
	assert_null(strstr(require(f, "boot-loader")->text, CHOICE_PATH));
	assert_non_null(strstr(require(f, "boot-loader")->remedy, "grub (its menu)"));
	host->boot_loader_others = (struct candidates){0};
}

static void what_is_missing_is_missing(void **state)
{
	struct fixture *f = *state;
	struct host *host = &f->m.machine.host;

	host->cpu_virtualization = NO;
	host->kvm = NO;
	host->read_only = YES;
	host->container = YES;
	host->refusal = REFUSAL_NIXOS;
	support_module(&f->m, "vfio_pci", MODULE_MISSING);
	assert_int_equal(require(f, "cpu")->state, REQUIREMENT_MISSING);
	assert_int_equal(require(f, "kvm")->state, REQUIREMENT_MISSING);
	assert_int_equal(require(f, "root-writable")->state, REQUIREMENT_MISSING);
	assert_int_equal(require(f, "container")->state, REQUIREMENT_MISSING);
	assert_int_equal(require(f, "distribution")->state, REQUIREMENT_MISSING);
	assert_int_equal(require(f, "vfio")->state, REQUIREMENT_MISSING);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_ready_machine_meets_every_requirement),
		T(what_is_unknown_is_never_ok),
		T(an_iommu_that_is_off_says_what_switches_it_on),
		T(what_was_said_of_the_boot_loader_counts),
		T(what_is_missing_is_missing),
	};

	return cmocka_run_group_tests_name("requirements", tests, NULL, NULL);
}
