#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/parameters.h"
#include "tests/support_machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct strv words(const char *text)
{
	struct strv ret = {0};

	assert_int_equal(strv_split(&ret, text, "|"), 0);
	return ret;
}

static void is(const struct strv *words, const char *expected)
{
	_cleanup_(str_free) struct str text = {0};

	for (size_t i = 0; i < words->n; i++)
		str_addf(&text, "%s%s", i ? "|" : "", words->v[i]);
	assert_string_equal(text.len ? text.s : "", expected);
}

/* -- what a choice needs -- */

struct want {
	struct support_machine m;
	struct choice choice;
	struct device *gpu, *audio;
};

static int setup(void **state)
{
	struct want *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	support_machine_init(&w->m);
	w->gpu = support_device(
		&w->m, "0000:01:00.0", "10de:1b80:1043:8591", 0x030000, 1, "nouveau", "nouveau");
	w->audio = support_device(&w->m, "0000:01:00.1", "10de:10f0:1043:8591", 0x040300, 1,
		"snd_hda_intel", "snd_hda_intel");
	assert_int_equal(choice_add(&w->choice, w->gpu), 0);
	assert_int_equal(choice_add(&w->choice, w->audio), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct want *w = *state;

	choice_free(&w->choice);
	support_machine_free(&w->m);
	free(w);
	return 0;
}

static void wants(const struct want *w, const char *expected)
{
	_cleanup_(strv_free) struct strv ret = {0};

	assert_int_equal(parameters_wanted(&w->m.machine, &w->choice, &ret), 0);
	is(&ret, expected);
}

static void intel_asks_for_its_iommu_unless_every_kernel_has_it_on(void **state)
{
	struct want *w = *state;

	w->m.kernel.intel_default_on = NO;
	wants(w, "intel_iommu=on");
	w->m.kernel.intel_default_on = UNKNOWN;
	wants(w, "intel_iommu=on");
	w->m.kernel.intel_default_on = YES;
	wants(w, "");
	w->m.kernel.intel_default_on = NO;
	w->m.machine.host.firmware = FIRMWARE_AMDVI;
	wants(w, "");
}

static void pass_through_is_an_option(void **state)
{
	struct want *w = *state;

	w->m.kernel.intel_default_on = YES;
	w->choice.options = CHOICE_IOMMU_PT;
	wants(w, "iommu=pt");
}

static void nothing_chosen_needs_nothing(void **state)
{
	struct want *w = *state;

	choice_free(&w->choice);
	w->choice = (struct choice){.options = CHOICE_IOMMU_PT};
	w->m.kernel.intel_default_on = NO;
	wants(w, "");
}

/* modprobe.d does not reach it. */
static void ids_for_a_vfio_pci_that_is_built_in(void **state)
{
	struct want *w = *state;

	w->m.kernel.intel_default_on = YES;
	support_module(&w->m, "vfio_pci", MODULE_LOADABLE);
	wants(w, "");
	w->m.states[machine_module(&w->m.machine, "vfio_pci") - w->m.machine.modules] =
		MODULE_BUILTIN;
	wants(w, "vfio-pci.ids=10de:1b80:1043:8591|vfio-pci.ids=10de:10f0:1043:8591");
	/* module_blacklist= does not reach it either. */
	assert_string_equal(
		parameters_way_back(&w->m.machine), "module_blacklist=vfio_pci vfio-pci.ids=");
	/* A twin of the card stays with the host: ids= would take it too. */
	support_device(
		&w->m, "0000:02:00.0", "10de:1b80:1043:8591", 0x030000, 2, "nouveau", "nouveau");
	wants(w, "vfio-pci.ids=10de:10f0:1043:8591");
}

/* -- behind a line of the person's -- */

static void behind(const char *theirs, const char *wanted, const char *expected)
{
	_cleanup_(strv_free) struct strv line = words(theirs), want = words(wanted), ret = {0};
	struct error err = {0};

	if (parameters_behind(&line, &want, &ret, &err) < 0)
		fail_msg("%s", err.text);
	is(&ret, expected);
}

static void what_is_there_is_not_repeated(void **state)
{
	(void)state;
	behind("", "intel_iommu=on|iommu=pt", "intel_iommu=on|iommu=pt");
	behind("quiet|intel_iommu=on", "intel_iommu=on|iommu=pt", "iommu=pt");
	behind("quiet|root=/dev/x", "intel_iommu=on", "intel_iommu=on");
	behind("quiet", "", "");
}

/* Of several such words the kernel takes the last. */
static void a_comma_list_holds_theirs_too(void **state)
{
	(void)state;
	behind("vfio-pci.ids=1:2", "vfio-pci.ids=3:4|vfio-pci.ids=5:6", "vfio-pci.ids=1:2,3:4,5:6");
	behind("vfio_pci.ids=1:2,3:4", "vfio-pci.ids=3:4", "");
	behind("quiet", "vfio-pci.ids=3:4|vfio-pci.ids=5:6", "vfio-pci.ids=3:4,5:6");
}

static void blanks_in_quotes_are_theirs(void **state)
{
	(void)state;
	behind("dyndbg=file vfio.c +p|quiet", "intel_iommu=on", "intel_iommu=on");
}

static void a_line_that_the_kernel_would_cut_is_refused(void **state)
{
	_cleanup_(strv_free) struct strv line = {0}, want = words("intel_iommu=on"), ret = {0};
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < 203; i++)
		assert_int_equal(strv_addf(&line, "word%05zu", i), 0);
	assert_int_equal(strv_add(&line, "12"), 0);
	/* 203 words of 9 bytes, one of 2, one of 14 and the gaps: 2047. */
	assert_int_equal(parameters_behind(&line, &want, &ret, &err), 0);
	free(line.v[203]);
	line.v[203] = strdup("123");
	assert_int_equal(parameters_behind(&line, &want, &ret, &err), -E2BIG);
	assert_non_null(strstr(err.text, "the kernel command line would have 2048 bytes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			intel_asks_for_its_iommu_unless_every_kernel_has_it_on, setup, teardown),
		cmocka_unit_test_setup_teardown(pass_through_is_an_option, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_chosen_needs_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ids_for_a_vfio_pci_that_is_built_in, setup, teardown),
		cmocka_unit_test(what_is_there_is_not_repeated),
		cmocka_unit_test(a_comma_list_holds_theirs_too),
		cmocka_unit_test(blanks_in_quotes_are_theirs),
		cmocka_unit_test(a_line_that_the_kernel_would_cut_is_refused),
	};

	return cmocka_run_group_tests_name("parameters", tests, NULL, NULL);
}
