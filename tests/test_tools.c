/* Boot loaders whose kernel parameters a program keeps: what it is called with, what takes that
 * back, and what is remembered as ours. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/plan.h"
#include "core/snapshot.h"
#include "core/txn.h"
#include "tests/support.h"
#include "tests/support_sample.h"
#include "tests/support_txn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MACHINE "intel-z690-vmd-2x-navi"
#define ID      "4f3c2b1a0d9e48c7b6a5948372615041"
#define ENTRY   "/boot/loader/entries/" ID "-"
#define OLD     "7.1.3-200.fc44.x86_64"
#define NEW     "7.1.4-200.fc44.x86_64"
#define LATER   "7.1.5-200.fc44.x86_64"
#define ROOT_FS "root=UUID=7f1d2a64-9c1e-4b53-8f0e-2d5c5f0b9a11 ro"

static void open_sample(struct sample *s, const char *root)
{
	sample_open(s, MACHINE, root);
}

static void put(const struct sample *s, const char *path, const char *text)
{
	support_put(s->dir, path, text);
}

static void put_entry(const struct sample *s, const char *version, const char *options)
{
	char *path = NULL, *text = NULL;

	assert_true(asprintf(&path, ENTRY "%s.conf", version) > 0);
	assert_true(
		asprintf(&text,
			"title Fedora\nversion %s\nlinux /vmlinuz-%s\ninitrd /initramfs-%s.img\n"
			"options " ROOT_FS " %s\n",
			version, version, version, options) > 0);
	put(s, path, text);
	free(path);
	free(text);
}

/* Looks at the files as they are now.  options: of the choice; with is_chosen, the graphics card.
 */
static int try_plan(struct sample *s, bool is_chosen, unsigned options, struct error *err)
{
	sample_look(s);
	choice_free(&s->choice);
	assert_int_equal(s->machine->host.refusal, REFUSAL_NONE);
	s->choice.options = options;
	if (is_chosen)
		sample_choose(s, "0000:03:00.0");
	return sample_try(s, err);
}

static void plan(struct sample *s, bool is_chosen, unsigned options)
{
	struct error err = {0};

	if (try_plan(s, is_chosen, options, &err) < 0)
		fail_msg("%s", err.text);
}

static const char *after(const struct sample *s, const char *path)
{
	const char *text = sample_after(s, path);

	return text ? text : "unchanged";
}

static char *line_of(const struct strv *argv)
{
	_cleanup_(str_free) struct str out = {0};
	char *ret = NULL;

	for (size_t i = 0; i < argv->n; i++)
		str_addf(&out, "%s%s", i ? "|" : "", argv->v[i]);
	assert_int_equal(str_take(&out, &ret), 0);
	return ret;
}

/* Command n of those for the boot loader; NULL: there are no more. */
static const struct command *loader_command(const struct sample *s, size_t n)
{
	for (size_t i = 0; i < s->plan->n_commands; i++)
		if (s->plan->commands[i].stage == COMMAND_BOOT_LOADER && n-- == 0)
			return &s->plan->commands[i];
	return NULL;
}

/* That command, and what takes it back; NULL: there is none. */
static void expect(const struct sample *s, size_t n, const char *argv, const char *undo)
{
	const struct command *command = loader_command(s, n);
	char *line;

	if (!argv || !command) {
		assert_null(argv);
		assert_null(command);
		return;
	}
	line = line_of(&command->argv);
	assert_string_equal(line, argv);
	free(line);
	line = line_of(&command->undo);
	assert_string_equal(line, undo);
	free(line);
}

#define GRUBBY(version) "/usr/sbin/grubby|--update-kernel=/boot/vmlinuz-" version "|"

/* --args= deletes all words with the key: they are handed over anew.  The undo names ours alone. */
static void grubby_keeps_what_the_person_set(void **state)
{
	struct sample s = {0};

	(void)state;
	open_sample(&s, "fedora");
	put_entry(&s, OLD, "iommu=soft quiet intel_iommu=off modprobe.blacklist=pcspkr");
	plan(&s, true, CHOICE_IOMMU_PT);
	expect(&s, 0, GRUBBY(OLD) "--args=iommu=soft intel_iommu=off intel_iommu=on iommu=pt",
		GRUBBY(OLD) "--remove-args=intel_iommu=on iommu=pt");
	expect(&s, 1, GRUBBY(NEW) "--args=intel_iommu=on iommu=pt",
		GRUBBY(NEW) "--remove-args=intel_iommu=on iommu=pt");
	expect(&s, 2, NULL, NULL);
	sample_close(&s);
}

static void grubby_takes_back_what_is_ours(void **state)
{
	struct sample s = {0};

	(void)state;
	open_sample(&s, "fedora");
	put_entry(&s, NEW, "quiet");
	plan(&s, true, 0);
	sample_write(&s);
	put_entry(&s, OLD, "quiet intel_iommu=on");
	put_entry(&s, NEW, "quiet intel_iommu=on");
	plan(&s, true, 0);
	assert_true(plan_is_empty(s.plan));

	/* A kernel that came without, and one that took it from /etc/kernel/cmdline. */
	put_entry(&s, "7.1.5", "quiet");
	put_entry(&s, "7.1.6", "quiet intel_iommu=on");
	plan(&s, true, 0);
	assert_int_equal(s.plan->n_changes, 0);
	expect(&s, 0, GRUBBY("7.1.5") "--args=intel_iommu=on",
		GRUBBY("7.1.5") "--remove-args=intel_iommu=on");
	expect(&s, 1, NULL, NULL);
	plan(&s, false, 0);
	expect(&s, 0, GRUBBY(OLD) "--remove-args=intel_iommu=on",
		GRUBBY(OLD) "--args=intel_iommu=on");
	expect(&s, 2, GRUBBY("7.1.6") "--remove-args=intel_iommu=on",
		GRUBBY("7.1.6") "--args=intel_iommu=on");
	expect(&s, 3, NULL, NULL);
	sample_close(&s);
}

/* What one kernel had before stays when the others give it back. */
static void grubby_leaves_a_kernel_that_had_it(void **state)
{
	struct sample s = {0};

	(void)state;
	open_sample(&s, "fedora");
	put_entry(&s, OLD, "intel_iommu=on");
	put_entry(&s, NEW, "quiet");
	plan(&s, true, 0);
	expect(&s, 0, GRUBBY(NEW) "--args=intel_iommu=on",
		GRUBBY(NEW) "--remove-args=intel_iommu=on");
	expect(&s, 1, NULL, NULL);
	sample_write(&s);
	put_entry(&s, NEW, "quiet intel_iommu=on");
	plan(&s, true, 0);
	assert_true(plan_is_empty(s.plan));
	plan(&s, false, 0);
	expect(&s, 0, GRUBBY(NEW) "--remove-args=intel_iommu=on",
		GRUBBY(NEW) "--args=intel_iommu=on");
	expect(&s, 1, NULL, NULL);
	sample_close(&s);
}

static void grubby_is_not_given_what_it_would_spoil(void **state)
{
	struct sample s = {0};
	struct error err = {0};

	(void)state;
	open_sample(&s, "fedora");
	put_entry(&s, OLD, "iommu=soft&hard");
	assert_int_equal(try_plan(&s, true, CHOICE_IOMMU_PT, &err), -EINVAL);
	assert_non_null(strstr(err.text, "iommu=soft&hard"));
	assert_non_null(strstr(err.text, ENTRY OLD ".conf"));
	sample_close(&s);
}

static void entries_of_another_system_are_left_alone(void **state)
{
	struct sample s = {0};

	(void)state;
	open_sample(&s, "fedora");
	put(&s, "/boot/loader/entries/0123456789abcdef0123456789abcdef-6.conf",
		"linux /vmlinuz-6\noptions root=/dev/sdb1\n");
	plan(&s, true, 0);
	expect(&s, 2, NULL, NULL);
	sample_close(&s);
}

/* RHEL 8: one value in grubenv for every entry. */
static void kernelopts_are_set_where_entries_share_them(void **state)
{
	static const char entry[] =
		"version " OLD "\nlinux /vmlinuz-" OLD "\noptions $kernelopts $tuned_params\n";
	struct sample s = {0};

	(void)state;
	open_sample(&s, "fedora");
	sample_drop(&s, "/etc/kernel/cmdline");
	sample_drop(&s, ENTRY NEW ".conf");
	put(&s, ENTRY OLD ".conf", entry);
	put(&s, "/boot/grub2/grubenv",
		"# GRUB Environment Block\nsaved_entry=x\nkernelopts=" ROOT_FS " quiet \n####");
	plan(&s, true, 0);
	expect(&s, 0,
		"/usr/bin/grub2-editenv|/boot/grub2/grubenv|set|kernelopts=" ROOT_FS
		" quiet intel_iommu=on",
		"/usr/bin/grub2-editenv|/boot/grub2/grubenv|set|kernelopts=" ROOT_FS " quiet");
	expect(&s, 1, NULL, NULL);
	assert_string_equal(after(&s, "/etc/kernel/cmdline"), "unchanged");
	sample_close(&s);
}

static void a_first_cmdline_has_the_root_and_no_variables(void **state)
{
	struct sample s = {0};

	(void)state;
	open_sample(&s, "rhel9");
	plan(&s, true, 0);
	assert_true(base_starts(after(&s, "/etc/kernel/cmdline"), ROOT_FS " crashkernel="));
	assert_null(strchr(after(&s, "/etc/kernel/cmdline"), '$'));
	assert_non_null(strstr(after(&s, "/etc/kernel/cmdline"), " quiet intel_iommu=on\n"));
	sample_close(&s);
}

static void who_cannot_read_the_entries_is_told(void **state)
{
	struct sample s = {0};
	char *entries = NULL;

	(void)state;
	if (geteuid() != 0)
		skip();
	open_sample(&s, "fedora");
	assert_true(asprintf(&entries, "%s/boot/loader/entries", s.dir) > 0);
	assert_int_equal(chmod(s.dir, 0755), 0);
	assert_int_equal(chmod(entries, 0700), 0);
	assert_int_equal(seteuid(65534), 0);
	plan(&s, true, 0);
	assert_int_equal(seteuid(0), 0);
	expect(&s, 0, NULL, NULL);
	assert_non_null(sample_finding(&s, "entries-unread"));
	sample_close(&s);
	free(entries);
}

static void update_bootloader_reads_our_words(void **state)
{
	static const char config[] = "GRUB_CMDLINE_LINUX_DEFAULT=\"splash=silent\"\n# mine\n";
	struct sample s = {0};

	(void)state;
	open_sample(&s, "opensuse-tumbleweed");
	sample_drop(&s, "/usr/bin/sdbootutil");
	put(&s, "/etc/sysconfig/bootloader", "LOADER_TYPE=\"grub2-efi\"\n");
	put(&s, "/etc/default/grub", config);
	plan(&s, true, 0);
	assert_string_equal(after(&s, "/etc/default/grub"),
		"GRUB_CMDLINE_LINUX_DEFAULT=\"splash=silent intel_iommu=on\"\n# mine\n");
	expect(&s, 0, "/usr/sbin/update-bootloader|--config", "");
	sample_write(&s);
	plan(&s, true, 0);
	assert_true(plan_is_empty(s.plan));
	plan(&s, false, 0);
	assert_string_equal(after(&s, "/etc/default/grub"), config);
	expect(&s, 0, "/usr/sbin/update-bootloader|--config", "");
	sample_close(&s);
}

/* Before 2025 it read no cmdline.d. */
static void an_old_sdbootutil_gets_words_in_the_file(void **state)
{
	struct sample s = {0};

	(void)state;
	open_sample(&s, "opensuse-tumbleweed");
	put(&s, "/usr/bin/sdbootutil", "#!/bin/sh\n");
	put(&s, "/etc/kernel/cmdline", "root=/dev/sda2 quiet\n");
	put(&s, "/etc/crypttab", "cr_root /dev/sda2 none tpm2-device=auto\n");
	plan(&s, true, 0);
	assert_string_equal(
		after(&s, "/etc/kernel/cmdline"), "root=/dev/sda2 quiet intel_iommu=on\n");
	expect(&s, 0, "/usr/bin/sdbootutil|add-all-kernels", "");
	expect(&s, 1, "/usr/bin/sdbootutil|update-predictions", "");
	assert_non_null(sample_finding(&s, "tpm-unlock"));
	sample_close(&s);
}

/* What is in other files of cmdline.d is theirs. */
static void sdbootutil_s_drop_in_has_what_is_missing(void **state)
{
	struct sample s = {0};

	(void)state;
	open_sample(&s, "opensuse-tumbleweed");
	put(&s, "/etc/kernel/cmdline.d/10-mine.conf", "# vt-d\nintel_iommu=on\n");
	plan(&s, true, CHOICE_IOMMU_PT);
	assert_non_null(
		strstr(after(&s, "/etc/kernel/cmdline.d/zz-vfio-wizard.conf"), "\niommu=pt\n"));
	expect(&s, 0, "/usr/bin/sdbootutil|update-all-entries", "");
	sample_close(&s);
}

#define KARGS "/usr/bin/rpm-ostree|kargs|"

static void ostree_is_called_once(void **state)
{
	struct sample s = {0};

	(void)state;
	open_sample(&s, "silverblue");
	put(&s, "/boot/loader.1/entries/ostree-2.conf",
		"version 2\noptions root=/dev/sda2 vfio-pci.ids=10de:1b80 ostree=/x\n");
	plan(&s, true, 0);
	expect(&s, 0,
		KARGS
		"--delete-if-present=vfio-pci.ids=10de:1b80|"
		"--append-if-missing=vfio-pci.ids=10de:1b80,1002:73df:1002:0e36|"
		"--append-if-missing=intel_iommu=on|--append-if-missing=rd.driver.pre=vfio-pci",
		KARGS
		"--delete-if-present=vfio-pci.ids=10de:1b80,1002:73df:1002:0e36|"
		"--delete-if-present=intel_iommu=on|--delete-if-present=rd.driver.pre=vfio-pci|"
		"--append-if-missing=vfio-pci.ids=10de:1b80");
	expect(&s, 1, NULL, NULL);
	sample_write(&s);
	put(&s, "/boot/loader.1/entries/ostree-2.conf",
		"version 2\noptions root=/dev/sda2 ostree=/x "
		"vfio-pci.ids=10de:1b80,1002:73df:1002:0e36 intel_iommu=on "
		"rd.driver.pre=vfio-pci\n");
	plan(&s, true, 0);
	assert_true(plan_is_empty(s.plan));
	plan(&s, false, 0);
	expect(&s, 0,
		KARGS
		"--delete-if-present=vfio-pci.ids=10de:1b80,1002:73df:1002:0e36|"
		"--delete-if-present=intel_iommu=on|--delete-if-present=rd.driver.pre=vfio-pci|"
		"--append-if-missing=vfio-pci.ids=10de:1b80",
		KARGS
		"--delete-if-present=vfio-pci.ids=10de:1b80|"
		"--append-if-missing=vfio-pci.ids=10de:1b80,1002:73df:1002:0e36|"
		"--append-if-missing=intel_iommu=on|--append-if-missing=rd.driver.pre=vfio-pci");
	sample_close(&s);
}

/* Applied without its commands, which run by hand; then a kernel comes, which takes its parameters
 * from the older one, and that goes. */
static void grubby_goes_back_on_kernels_that_came(void **state)
{
	struct sample s = {0};
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	struct txn *txn = NULL;

	(void)state;
	open_sample(&s, "fedora");
	plan(&s, true, CHOICE_IOMMU_PT);
	assert_int_equal(txn_begin(s.root, s.plan, TXN_NO_COMMANDS, &txn, NULL), 0);
	assert_int_equal(support_txn_run(txn, NULL), TXN_COMMITTED);
	txn_free(txn);
	put_entry(&s, NEW, "quiet intel_iommu=on iommu=pt");
	put_entry(&s, LATER, "quiet intel_iommu=on iommu=pt");
	sample_drop(&s, ENTRY OLD ".conf");
	s.plan = plan_free(s.plan);
	assert_int_equal(snapshots_load(s.root, &snapshots, NULL), 0);
	assert_int_equal(snapshot_rollback_plan(s.root, &snapshots, NULL, &s.plan, NULL), 0);
	expect(&s, 0, GRUBBY(LATER) "--remove-args=intel_iommu=on iommu=pt",
		GRUBBY(LATER) "--args=intel_iommu=on iommu=pt");
	expect(&s, 1, NULL, NULL);
	for (size_t i = 0; i < s.plan->n_commands; i++)
		assert_false(
			command_runs(&s.plan->commands[i], "grubby") &&
			strv_has(&s.plan->commands[i].argv, "--update-kernel=/boot/vmlinuz-" OLD));
	sample_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grubby_keeps_what_the_person_set),
		cmocka_unit_test(grubby_takes_back_what_is_ours),
		cmocka_unit_test(grubby_leaves_a_kernel_that_had_it),
		cmocka_unit_test(grubby_is_not_given_what_it_would_spoil),
		cmocka_unit_test(grubby_goes_back_on_kernels_that_came),
		cmocka_unit_test(entries_of_another_system_are_left_alone),
		cmocka_unit_test(kernelopts_are_set_where_entries_share_them),
		cmocka_unit_test(a_first_cmdline_has_the_root_and_no_variables),
		cmocka_unit_test(who_cannot_read_the_entries_is_told),
		cmocka_unit_test(update_bootloader_reads_our_words),
		cmocka_unit_test(an_old_sdbootutil_gets_words_in_the_file),
		cmocka_unit_test(sdbootutil_s_drop_in_has_what_is_missing),
		cmocka_unit_test(ostree_is_called_once),
	};

	return cmocka_run_group_tests_name("tools", tests, NULL, NULL);
}
