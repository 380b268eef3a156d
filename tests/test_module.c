#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/machine.h"
#include "tests/mktree.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KERNEL "/usr/lib/modules/6.1.0-56-amd64"

static const char facts[] = "title t\nsource s\niommu no\n"
			    "0000:00:02.0 8086:46a6 17aa:22e7 030000 0c - i915 boot_vga\n"
			    "0000:01:00.0 10de:1b80 1043:8591 030000 a1 - -\n"
			    "0000:02:00.0 8086:1539 - 020000 00 - igb\n"
			    "0000:03:00.0 8086:1539 - 020000 00 - -\n"
			    "0000:04:00.0 f00f:0001 - ff0000 00 - -\n";

struct fixture {
	char *dir;
	struct root *root;
	struct machine *machine;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	_cleanup_free_ char *path = NULL;

	assert_non_null(f);
	f->dir = support_scratch();
	support_put(f->dir, "/facts", facts);
	assert_true(asprintf(&path, "%s/facts", f->dir) > 0);
	assert_int_equal(mktree_machine(path, f->dir), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	machine_free(f->machine);
	root_close(f->root);
	support_remove(f->dir);
	free(f);
	return 0;
}

/* libkmod must not speak to the terminal: standard error is watched meanwhile. */
static void scan(struct fixture *f)
{
	struct error err = {0};
	FILE *said = tmpfile();
	int saved = dup(STDERR_FILENO), r;

	assert_true(said && saved >= 0);
	f->machine = machine_free(f->machine);
	f->root = root_close(f->root);
	assert_true(dup2(fileno(said), STDERR_FILENO) >= 0);
	r = root_open(f->dir, NULL, &f->root, &err);
	if (r == 0)
		r = machine_scan(f->root, MACHINE_MODULES, &f->machine, &err);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	assert_int_equal(ftello(said), 0);
	assert_int_equal(lseek(fileno(said), 0, SEEK_END), 0);
	(void)fclose(said);
	if (r < 0)
		fail_msg("%s", err.text);
}

static void use_root(struct fixture *f, const char *name)
{
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "tests/fixtures/roots/%s", name) > 0);
	assert_int_equal(mktree_root(path, f->dir), 0);
}

static const struct strv *modules_of(const struct fixture *f, const char *address)
{
	const struct device *device = machine_device(f->machine, address);

	assert_non_null(device);
	assert_non_null(device->modules);
	return device->modules;
}

static void test_claims(void **state)
{
	struct fixture *f = *state;

	use_root(f, "debian12");
	scan(f);
	assert_int_equal(modules_of(f, "02:00.0")->n, 1);
	assert_string_equal(modules_of(f, "02:00.0")->v[0], "igb");
	assert_ptr_equal(modules_of(f, "02:00.0"), modules_of(f, "03:00.0"));
	assert_true(strv_has(modules_of(f, "01:00.0"), "nouveau"));
	assert_int_equal(modules_of(f, "04:00.0")->n, 0);
	assert_int_equal(f->machine->n_kernels, 2);
	assert_true(f->machine->kernels[0].indexed);
	for (size_t i = 1; i < f->machine->n_modules; i++)
		assert_true(strcmp(f->machine->modules[i - 1].name,
				    f->machine->modules[i].name) < 0);
}

static void test_states(void **state)
{
	struct fixture *f = *state;

	use_root(f, "debian12");
	scan(f);
	assert_int_equal(machine_module_state(f->machine, "igb"), MODULE_LOADABLE);
	assert_int_equal(machine_module_state(f->machine, "vfio-pci"), MODULE_LOADABLE);
	assert_int_equal(machine_module_state(f->machine, "vfio_virqfd"), MODULE_LOADABLE);
	assert_int_equal(machine_module_state(f->machine, "nonsense"), MODULE_MISSING);
	assert_null(machine_module(f->machine, "nonsense"));
	assert_ptr_equal(machine_module(f->machine, "vfio-pci"),
		machine_module(f->machine, "vfio_pci"));
}

/* What an absolute link names is below the root, for libkmod too; an index that is a link is none.
 */
static void test_links(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *from = NULL, *to = NULL;

	use_root(f, "debian12");
	assert_true(asprintf(&from, "%s" KERNEL, f->dir) > 0);
	assert_true(asprintf(&to, "%s/elsewhere", f->dir) > 0);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(symlink("/elsewhere", from), 0);
	scan(f);
	assert_int_equal(machine_module_state(f->machine, "igb"), MODULE_LOADABLE);
	free(from);
	assert_true(asprintf(&from, "%s/elsewhere/modules.dep.bin", f->dir) > 0);
	free(to);
	assert_true(asprintf(&to, "%s/modules.dep.bin", f->dir) > 0);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(symlink(to, from), 0);
	scan(f);
	for (size_t i = 0; i < f->machine->n_kernels; i++)
		assert_int_equal(f->machine->kernels[i].indexed,
			strcmp(f->machine->kernels[i].version, "6.1.0-56-amd64") != 0);
}

/* From 6.2 on it is a part of vfio. */
static void test_virqfd_is_gone(void **state)
{
	struct fixture *f = *state;

	use_root(f, "debian13");
	scan(f);
	assert_int_equal(machine_module_state(f->machine, "vfio_virqfd"), MODULE_MISSING);
	assert_int_equal(machine_module_state(f->machine, "vfio_pci"), MODULE_LOADABLE);
}

/* A module tree of our own: two kernels that differ, as the real depmod indexes them. */
static void own_kernel(struct fixture *f, const char *version, const char *modules)
{
	_cleanup_free_ char *fixture = NULL, *text = NULL;

	assert_true(asprintf(&text, "kernel %s\n%s", version, modules) > 0);
	support_put(f->dir, "/fixture/modules", text);
	support_put(f->dir, "/fixture/manifest", "");
	support_put(f->dir, "/fixture/root/etc/x", "");
	assert_true(asprintf(&fixture, "%s/fixture", f->dir) > 0);
	assert_int_equal(mktree_root(fixture, f->dir), 0);
}

static void test_kernels_differ(void **state)
{
	struct fixture *f = *state;
	const struct module *module;

	own_kernel(f, "6.1.0-9-amd64",
		"kernel/drivers/vfio/pci/vfio-pci\n\tlicense=GPL\n"
		"kernel/drivers/net/old\n\talias=pci:v00008086d00001539sv*sd*bc*sc*i*\n");
	own_kernel(f, "6.1.0-10-amd64",
		"kernel/drivers/vfio/pci/vfio-pci builtin\n\tlicense=GPL\n"
		"kernel/drivers/net/igb builtin\n"
		"\talias=pci:v00008086d00001539sv*sd*bc*sc*i*\n");
	scan(f);
	assert_int_equal(f->machine->n_kernels, 2);
	assert_string_equal(machine_next_kernel(f->machine)->version, "6.1.0-10-amd64");
	assert_true(strv_has(modules_of(f, "02:00.0"), "igb"));
	assert_true(strv_has(modules_of(f, "02:00.0"), "old"));
	module = machine_module(f->machine, "vfio-pci");
	assert_non_null(module);
	assert_int_equal(module->states[0], MODULE_LOADABLE);
	assert_int_equal(module->states[1], MODULE_BUILTIN);
	assert_int_equal(machine_module_state(f->machine, "vfio_pci"), MODULE_BUILTIN);
	assert_int_equal(machine_module_state(f->machine, "igb"), MODULE_BUILTIN);
	assert_int_equal(machine_module_state(f->machine, "old"), MODULE_MISSING);
}

/* Without depmod's indexes a kernel is known, its modules are not; the other kernel's still are. */
static void test_no_index(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *path = NULL;

	use_root(f, "debian12");
	assert_true(asprintf(&path, "%s" KERNEL "/modules.alias.bin", f->dir) > 0);
	assert_int_equal(truncate(path, 3), 0);
	scan(f);
	assert_int_equal(f->machine->n_kernels, 2);
	assert_true(f->machine->kernels[0].indexed);
	assert_false(f->machine->kernels[1].indexed);
	assert_int_equal(machine_module_state(f->machine, "vfio_pci"), MODULE_MISSING);
	assert_int_equal(machine_module(f->machine, "vfio_pci")->states[0], MODULE_LOADABLE);
	assert_true(strv_has(modules_of(f, "02:00.0"), "igb"));
}

/* What libkmod would crash on, hang on, or quote to the terminal. */
static void test_hostile_files(void **state)
{
	static const char *const names[] = {"modules.dep.bin", "modules.alias.bin",
		"modules.symbols.bin", "modules.builtin.bin", "modules.softdep"};
	struct fixture *f = *state;

	use_root(f, "debian12");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = NULL, *kept = NULL;

		assert_true(asprintf(&path, "%s" KERNEL "/%s", f->dir, names[i]) > 0);
		assert_true(asprintf(&kept, "%s.kept", path) > 0);
		assert_int_equal(rename(path, kept), 0);
		assert_int_equal(mkfifo(path, 0600), 0);
		scan(f);
		assert_false(f->machine->kernels[1].indexed);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(rename(kept, path), 0);
		if (strcmp(names[i], "modules.softdep") == 0)
			continue;
		for (off_t size = 100; size; size /= 2) {
			assert_int_equal(truncate(path, size), 0);
			scan(f);
			assert_false(f->machine->kernels[1].indexed);
		}
		use_root(f, "debian12");
	}
	support_put(f->dir, KERNEL "/modules.softdep", "\033]0;title\007 is no line\n");
	scan(f);
	assert_false(f->machine->kernels[1].indexed);
}

static void test_no_kernel(void **state)
{
	struct fixture *f = *state;

	support_put(f->dir, "/lib/modules/6.1.0-1-amd64/kernel/left-behind.ko", "");
	scan(f);
	assert_int_equal(f->machine->n_kernels, 0);
	assert_null(machine_next_kernel(f->machine));
	assert_int_equal(modules_of(f, "02:00.0")->n, 0);
	assert_int_equal(machine_module_state(f->machine, "vfio_pci"), MODULE_MISSING);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_claims),
		T(test_states),
		T(test_links),
		T(test_virqfd_is_gone),
		T(test_kernels_differ),
		T(test_no_index),
		T(test_hostile_files),
		T(test_no_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
