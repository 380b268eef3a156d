/* Boot loaders: what the plan does to the files of each, on the samples of their distributions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/plan.h"
#include "core/snapshot.h"
#include "core/targets/target.h"
#include "tests/support.h"
#include "tests/support_sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MACHINE "intel-z690-vmd-2x-navi"
#define GPU     "0000:03:00.0"
#define CMDLINE "/etc/kernel/cmdline"
#define ROOT_ID "root=UUID=7f1d2a64-9c1e-4b53-8f0e-2d5c5f0b9a11"

/* The boot loader and the initramfs are known: how they are found out is another test. */
static struct sample open_sample(
	const char *root, enum boot_loader loader, enum initramfs initramfs)
{
	struct sample s;

	sample_open(&s, MACHINE, root);
	s.machine->host.boot_loader = loader;
	s.machine->host.initramfs = initramfs;
	return s;
}

/* The machine is read again with what the test has put into the tree. */
static void look(struct sample *s)
{
	const struct host known = s->machine->host;

	sample_look(s);
	s->machine->host.boot_loader = known.boot_loader;
	s->machine->host.initramfs = known.initramfs;
}

static int try_plan(struct sample *s, unsigned options, struct error *err)
{
	choice_free(&s->choice);
	sample_choose(s, GPU);
	s->choice.options = options;
	return sample_try(s, err);
}

/* intel_iommu=on and iommu=pt are wanted of each. */
static void plan(struct sample *s)
{
	struct error err = {0};

	if (try_plan(s, CHOICE_IOMMU_PT, &err) < 0)
		fail_msg("%s", err.text);
}

static void refused(struct sample *s, const char *why)
{
	struct error err = {0};

	assert_true(try_plan(s, CHOICE_IOMMU_PT, &err) < 0);
	if (!strstr(err.text, why))
		fail_msg("not \"%s\": %s", why, err.text);
}

static void plan_release(struct sample *s)
{
	choice_free(&s->choice);
	sample_plan(s);
}

static const char *after(const struct sample *s, const char *path)
{
	const char *text = sample_after(s, path);

	if (!text)
		fail_msg("the plan does not change %s", path);
	return text ? text : "";
}

static void has(const struct sample *s, const char *path, const char *text)
{
	if (!strstr(after(s, path), text))
		fail_msg("%s lacks \"%s\": %s", path, text, after(s, path));
}

/* One that the plan must have. */
static const struct finding *the_finding(const struct sample *s, const char *id)
{
	static char nothing[] = "";
	static const struct finding none = {.text = nothing};
	const struct finding *found = sample_finding(s, id);

	if (!found)
		fail_msg("there is no finding %s", id);
	return found ? found : &none;
}

/* The commands whose program is `name`, each on a line. */
static char *runs(const struct sample *s, const char *name)
{
	struct str out = {0};
	char *text = NULL;

	for (size_t i = 0; i < s->plan->n_commands; i++) {
		const struct strv *argv = &s->plan->commands[i].argv;

		if (strcmp(strrchr(argv->v[0], '/') + 1, name) != 0)
			continue;
		for (size_t k = 0; k < argv->n; k++)
			str_addf(&out, "%s%s", k ? " " : "", argv->v[k]);
		str_addc(&out, '\n');
	}
	assert_int_equal(str_take(&out, &text), 0);
	return text;
}

static void runs_just(const struct sample *s, const char *name, const char *expected)
{
	_cleanup_free_ char *text = runs(s, name);

	assert_string_equal(text, expected);
}

/* Every file of the system. */
static char *files(const struct sample *s)
{
	const char *argv[] = {"sh", "-c",
		"cd \"$1\" && find boot efi etc usr/local var -type f -exec cksum {} + 2>/dev/null "
		"| sort",
		"sh", s->dir, NULL};
	struct str out = {0};
	char *text = NULL;

	(void)support_run(argv, &out);
	assert_int_equal(str_take(&out, &text), 0);
	return text;
}

/* Applied twice is once, and release is as if it had never been.  The system is a fresh one. */
static void there_and_back(struct sample *s)
{
	_cleanup_free_ char *before = files(s), *now = NULL;

	plan(s);
	sample_write(s);
	plan(s);
	assert_int_equal(s->plan->n_changes, 0);
	assert_int_equal(s->plan->n_commands, 0);
	plan_release(s);
	sample_write(s);
	now = files(s);
	support_assert_same(before, now);
}

/* -- GRUB -- */

static void grub_words_go_into_its_file(void **state)
{
	struct sample s = open_sample("arch-grub", BOOT_GRUB, INITRAMFS_MKINITCPIO);

	(void)state;
	plan(&s);
	has(&s, "/etc/default/grub",
		"GRUB_CMDLINE_LINUX_DEFAULT=\"loglevel=3 quiet intel_iommu=on iommu=pt\"\n");
	runs_just(&s, "grub-mkconfig", "/usr/bin/grub-mkconfig -o /boot/grub/grub.cfg\n");
	assert_null(sample_finding(&s, "boot-loader-by-hand"));
	there_and_back(&s);
	sample_close(&s);
}

/* Ubuntu's images for clouds do it: what /etc/default/grub says is not what GRUB gets. */
static void grub_drop_ins_may_begin_anew(void **state)
{
	struct sample s = open_sample("debian12", BOOT_GRUB_D, INITRAMFS_TOOLS);

	(void)state;
	support_put(s.dir, TARGET_GRUB_DEFAULT,
		"GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on "
		"iommu=pt\"\nGRUB_CMDLINE_LINUX=\"\"\n");
	look(&s);
	plan(&s);
	assert_null(sample_change(&s, TARGET_GRUB));
	support_put(s.dir, "/etc/default/grub.d/50-cloudimg-settings.cfg",
		"GRUB_CMDLINE_LINUX_DEFAULT=\"console=tty1 console=ttyS0\"\n");
	plan(&s);
	has(&s, TARGET_GRUB, "=\"$GRUB_CMDLINE_LINUX_DEFAULT intel_iommu=on iommu=pt\"\n");
	support_put(s.dir, "/etc/default/grub.d/50-cloudimg-settings.cfg",
		"GRUB_CMDLINE_LINUX_DEFAULT=\"console=ttyS0 ${GRUB_CMDLINE_LINUX_DEFAULT}\"\n");
	plan(&s);
	assert_null(sample_change(&s, TARGET_GRUB));
	sample_close(&s);
}

static void grub_writes_every_menu_once(void **state)
{
	struct sample s = open_sample("arch-grub", BOOT_GRUB, INITRAMFS_MKINITCPIO);
	_cleanup_free_ char *link = NULL;

	(void)state;
	support_put(s.dir, "/efi/grub/grub.cfg", "");
	assert_true(asprintf(&link, "%s/boot/grub2", s.dir) > 0);
	assert_int_equal(symlink("grub", link), 0);
	plan(&s);
	runs_just(&s, "grub-mkconfig",
		"/usr/bin/grub-mkconfig -o /boot/grub/grub.cfg\n"
		"/usr/bin/grub-mkconfig -o /efi/grub/grub.cfg\n");
	sample_close(&s);
}

static void grub_without_its_tool_is_told(void **state)
{
	struct sample s = open_sample("arch-grub", BOOT_GRUB, INITRAMFS_MKINITCPIO);

	(void)state;
	sample_drop(&s, "/usr/bin/grub-mkconfig");
	plan(&s);
	runs_just(&s, "grub-mkconfig", "");
	assert_non_null(sample_finding(&s, "boot-loader-by-hand"));
	sample_close(&s);
}

static void grub_keeps_what_every_entry_gets(void **state)
{
	struct sample s = open_sample("arch-grub", BOOT_GRUB, INITRAMFS_MKINITCPIO);

	(void)state;
	support_put(s.dir, "/etc/default/grub",
		"GRUB_CMDLINE_LINUX_DEFAULT='quiet'\n"
		"GRUB_CMDLINE_LINUX=\"intel_iommu=on root=/dev/x\"\n");
	look(&s);
	plan(&s);
	assert_string_equal(after(&s, "/etc/default/grub"),
		"GRUB_CMDLINE_LINUX_DEFAULT='quiet iommu=pt'\n"
		"GRUB_CMDLINE_LINUX=\"intel_iommu=on root=/dev/x\"\n");
	there_and_back(&s);
	sample_close(&s);
}

static void grub_too_long_or_computed_is_refused(void **state)
{
	struct sample s = open_sample("arch-grub", BOOT_GRUB, INITRAMFS_MKINITCPIO);
	_cleanup_(str_free) struct str text = {0};

	(void)state;
	support_put(s.dir, "/etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=$(cat /x)\n");
	look(&s);
	refused(&s, "/etc/default/grub:1");
	for (size_t k = 0; k < 2; k++) {
		str_free(&text);
		str_add(&text, k ? "GRUB_CMDLINE_LINUX=\"" : "GRUB_CMDLINE_LINUX_DEFAULT=\"");
		for (size_t i = 0; i < 200; i++)
			str_addf(&text, "option%04zu ", i);
		str_add(&text, "\"\n");
		support_put(s.dir, "/etc/default/grub", text.s);
		look(&s);
		refused(&s, "the kernel reads 2047");
	}
	sample_close(&s);
}

static void proxmox_copies_grubs_menu(void **state)
{
	struct sample s = open_sample("proxmox-grub", BOOT_GRUB_D, INITRAMFS_TOOLS);

	(void)state;
	plan(&s);
	has(&s, TARGET_GRUB, " iommu=pt\"");
	assert_string_equal(
		s.plan->commands[s.plan->n_commands - 2].argv.v[0], "/usr/sbin/update-grub");
	runs_just(&s, "proxmox-boot-tool", "/usr/sbin/proxmox-boot-tool refresh\n");
	there_and_back(&s);
	sample_close(&s);
}

/* -- /etc/kernel/cmdline -- */

static void proxmox_words_go_into_the_command_line(void **state)
{
	struct sample s = open_sample("proxmox-systemd-boot", BOOT_PROXMOX, INITRAMFS_TOOLS);

	(void)state;
	plan(&s);
	assert_string_equal(after(&s, CMDLINE), "root=ZFS=rpool/ROOT/pve-1 boot=zfs iommu=pt \n");
	runs_just(&s, "proxmox-boot-tool", "/usr/sbin/proxmox-boot-tool refresh\n");
	there_and_back(&s);
	sample_close(&s);
}

static void kernel_install_gets_a_whole_line(void **state)
{
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_TOOLS);

	(void)state;
	plan(&s);
	assert_string_equal(after(&s, CMDLINE), ROOT_ID " ro quiet intel_iommu=on iommu=pt\n");
	runs_just(&s, "update-initramfs", "/usr/sbin/update-initramfs -u -k all\n");
	runs_just(&s, "kernel-install", "");
	runs_just(&s, "grep",
		"/bin/grep -rh --include=*6.12.117+deb13-amd64*.conf ^options "
		"/boot/efi/loader/entries\n");
	assert_true(strv_has(&s.plan->commands[s.plan->n_commands - 1].expect, "iommu=pt"));
	there_and_back(&s);
	sample_close(&s);
}

static void kernel_install_takes_the_vendors_line(void **state)
{
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_TOOLS);

	(void)state;
	support_put(s.dir, "/usr/lib/kernel/cmdline", "root=/dev/vendor\n");
	look(&s);
	plan(&s);
	assert_string_equal(after(&s, CMDLINE), "root=/dev/vendor intel_iommu=on iommu=pt\n");
	there_and_back(&s);
	sample_close(&s);
}

/* A system that does not run: its newest entry says what it boots with. */
static void kernel_install_of_another_system_takes_its_entry(void **state)
{
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_TOOLS);

	(void)state;
	sample_drop(&s, "/proc/cmdline");
	look(&s);
	plan(&s);
	assert_string_equal(after(&s, CMDLINE), ROOT_ID " ro quiet intel_iommu=on iommu=pt\n");
	sample_write(&s);
	/* kernel-install would take the line of the system that runs. */
	plan_release(&s);
	assert_string_equal(after(&s, CMDLINE), ROOT_ID " ro quiet\n");
	assert_non_null(sample_finding(&s, "kernel-cmdline-kept"));
	sample_close(&s);
}

/* No parameter is wanted, but the initramfs hook runs kernel-install all the same. */
static void kernel_install_of_another_system_never_goes_without(void **state)
{
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_TOOLS);
	struct error err = {0};

	(void)state;
	sample_drop(&s, "/proc/cmdline");
	look(&s);
	s.machine->host.firmware = FIRMWARE_AMDVI;
	assert_int_equal(try_plan(&s, 0, &err), 0);
	assert_string_equal(after(&s, CMDLINE), ROOT_ID " ro quiet\n");
	assert_string_equal(the_finding(&s, "kernel-cmdline-kept")->remedy,
		"delete it after the next normal boot if you want it gone");
	sample_write(&s);
	assert_int_equal(try_plan(&s, 0, &err), 0);
	assert_int_equal(s.plan->n_changes, 0);
	sample_close(&s);
}

static void kernel_install_without_any_line_is_refused(void **state)
{
	static const char entry[] = "/boot/efi/loader/entries/"
				    "4f3c2b1a0d9e48c7b6a5948372615041-6.12.117+deb13-amd64.conf";
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_TOOLS);

	(void)state;
	support_put(s.dir, "/proc/cmdline", "quiet\n");
	look(&s);
	refused(&s, "has no root=");
	support_put(s.dir, "/proc/cmdline", "root=/dev/x ro single\n");
	look(&s);
	refused(&s, "recovery boot");
	sample_drop(&s, "/proc/cmdline");
	support_put(s.dir, entry, "title x\nlinux /x\noptions quiet\n");
	look(&s);
	refused(&s, entry);
	sample_close(&s);
}

/* Once the host has booted with our words, kernel-install would bring them back. */
static void kernel_install_keeps_its_line_while_ours_runs(void **state)
{
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_TOOLS);

	(void)state;
	plan(&s);
	sample_write(&s);
	support_put(s.dir, "/proc/cmdline", ROOT_ID " ro quiet intel_iommu=on iommu=pt\n");
	look(&s);
	plan_release(&s);
	assert_string_equal(after(&s, CMDLINE), ROOT_ID " ro quiet\n");
	assert_non_null(sample_finding(&s, "kernel-cmdline-kept"));
	sample_write(&s);
	plan_release(&s);
	assert_int_equal(s.plan->n_changes, 0);
	sample_close(&s);
}

static void kernel_install_is_run_where_no_hook_does(void **state)
{
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_DRACUT);

	(void)state;
	support_put(s.dir, "/boot/vmlinuz-6.12.117+deb13-amd64", "");
	support_put(s.dir, "/usr/lib/modules/6.12.107+deb13-amd64/vmlinuz", "");
	plan(&s);
	runs_just(&s, "kernel-install",
		"/usr/bin/kernel-install add 6.12.107+deb13-amd64 "
		"/usr/lib/modules/6.12.107+deb13-amd64/vmlinuz "
		"/boot/initrd.img-6.12.107+deb13-amd64\n"
		"/usr/bin/kernel-install add 6.12.117+deb13-amd64 "
		"/boot/vmlinuz-6.12.117+deb13-amd64 /boot/initrd.img-6.12.117+deb13-amd64\n");
	assert_null(sample_finding(&s, "boot-entry-kept"));
	support_put(s.dir, "/usr/lib/modules/6.12.117+deb13-amd64/vmlinuz", "");
	support_put(s.dir, "/usr/bin/kernel-install", "add-all");
	plan(&s);
	runs_just(&s, "kernel-install", "/usr/bin/kernel-install add-all\n");
	sample_close(&s);
}

static void kernel_install_without_an_image_is_told(void **state)
{
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_DRACUT);

	(void)state;
	sample_drop(&s, "/boot/vmlinuz-6.12.107+deb13-amd64");
	plan(&s);
	assert_non_null(strstr(the_finding(&s, "boot-entry-kept")->text, "6.12.107+deb13-amd64"));
	sample_close(&s);
}

/* -- entries by hand -- */

static void entries_get_the_words_but_for_spare_ones(void **state)
{
	static const char fallback[] = "/boot/loader/entries/arch-fallback.conf",
			  mine[] = "/boot/loader/entries/old.conf",
			  tool[] = "/boot/loader/entries/memtest.conf";
	struct sample s = open_sample("arch-systemd-boot", BOOT_ENTRIES, INITRAMFS_MKINITCPIO);

	(void)state;
	support_put(s.dir, fallback, "title Arch\nlinux /x\noptions root=/dev/x\n");
	support_put(
		s.dir, mine, "# vfio-wizard: leave\ntitle Old\nlinux /x\noptions root=/dev/x\n");
	support_put(s.dir, tool, "title Memory test\nefi /memtest.efi\n");
	support_put(s.dir, "/boot/loader/entries/stub.conf",
		"title Stub\nefi /vmlinuz\noptions root=/dev/x\n");
	plan(&s);
	has(&s, "/boot/loader/entries/arch.conf",
		"options " ROOT_ID " rw quiet intel_iommu=on iommu=pt\n");
	has(&s, "/boot/loader/entries/arch-lts.conf",
		"options	" ROOT_ID " rw\n"
		"options	systemd.show_status=true intel_iommu=on iommu=pt\n");
	has(&s, "/boot/loader/entries/stub.conf", "options root=/dev/x intel_iommu=on iommu=pt\n");
	assert_null(sample_change(&s, fallback));
	assert_null(sample_change(&s, mine));
	assert_null(sample_change(&s, tool));
	assert_null(sample_finding(&s, "boot-editor-off"));
	there_and_back(&s);
	sample_close(&s);
}

/* -- the entry without passthrough -- */

#define MACHINE_ID "4f3c2b1a0d9e48c7b6a5948372615041"
#define OFF        " module_blacklist=vfio_pci vfio-pci.ids=\n"

static void an_entry_without_passthrough_is_nobodys_default(void **state)
{
	static const char own[] = "/boot/loader/entries/0-without_passthrough.conf";
	struct sample s = open_sample("arch-systemd-boot", BOOT_ENTRIES, INITRAMFS_MKINITCPIO);

	(void)state;
	support_put(s.dir, "/boot/loader/entries/arch.conf",
		"# mine\n\n title Arch\nsort-key arch\nversion 7\nlinux /vmlinuz-linux\n"
		"initrd /initramfs-linux.img\nmachine-id 4f\noptions root=/dev/x -- one\n"
		"devicetree /x.dtb\n");
	plan(&s);
	assert_string_equal(after(&s, own),
		TARGET_MARK ": starts the host without passthrough.\n"
			    "title Arch, without passthrough\nlinux /vmlinuz-linux\n"
			    "initrd /initramfs-linux.img\nmachine-id 4f\n"
			    "options root=/dev/x module_blacklist=vfio_pci vfio-pci.ids= -- one\n"
			    "devicetree /x.dtb\n");
	assert_null(sample_finding(&s, "boot-editor-off"));
	there_and_back(&s);
	sample_close(&s);
}

static void an_entry_without_passthrough_has_the_place_of_the_others(void **state)
{
	static const char own[] =
		"/boot/efi/loader/entries/" MACHINE_ID "-0-without_passthrough.conf";
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_TOOLS);

	(void)state;
	plan(&s);
	has(&s, own, "/6.12.117+deb13-amd64/linux\n");
	has(&s, own, " quiet systemd.machine_id=" MACHINE_ID OFF);
	assert_null(strstr(after(&s, own), "sort-key"));
	there_and_back(&s);
	sample_close(&s);
}

/* grubby changes every entry whose `linux` is just the one that it is told. */
static void an_entry_without_passthrough_is_not_grubbys(void **state)
{
	static const char own[] = "/boot/loader/entries/" MACHINE_ID "-0-without_passthrough.conf",
			  entry[] =
				  "/boot/loader/entries/" MACHINE_ID "-7.1.4-200.fc44.x86_64.conf";
	struct sample s = open_sample("fedora", BOOT_GRUB_BLS, INITRAMFS_DRACUT);

	(void)state;
	plan(&s);
	has(&s, own, "\nlinux //vmlinuz-7.1.4-200.fc44.x86_64\n");
	has(&s, own, " rhgb quiet" OFF);
	has(&s, own, "\ngrub_users $grub_users\n");
	sample_write(&s);
	plan(&s);
	assert_int_equal(s.plan->n_changes, 0);
	runs_just(&s, "grubby",
		"/usr/sbin/grubby --update-kernel=/boot/vmlinuz-7.1.3-200.fc44.x86_64 "
		"--args=intel_iommu=on iommu=pt\n"
		"/usr/sbin/grubby --update-kernel=/boot/vmlinuz-7.1.4-200.fc44.x86_64 "
		"--args=intel_iommu=on iommu=pt\n");
	plan_release(&s);
	assert_string_equal(after(&s, own), "");
	sample_write(&s);
	sample_drop(&s, entry);
	support_put(s.dir, "/boot/loader/entries/mine.conf",
		"title Mine\nlinux /vmlinuz-7.1.4-200.fc44.x86_64\noptions root=/dev/x\n");
	plan(&s);
	assert_null(sample_change(&s, own)); /* what GRUB would start without being told */
	sample_close(&s);
}

/* The words are in the other entries by then; another kernel comes, another loader takes over. */
static void an_entry_without_passthrough_follows(void **state)
{
	static const char own[] =
		"/boot/efi/loader/entries/" MACHINE_ID "-0-without_passthrough.conf",
			  entry[] = "/boot/efi/loader/entries/" MACHINE_ID
				    "-6.12.117+deb13-amd64.conf",
			  counted[] = "/boot/efi/loader/entries/" MACHINE_ID
				      "-6.12.117+deb13-amd64+3.conf",
			  foreign[] = "/boot/loader/entries/0-without_passthrough.conf";
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_TOOLS);
	char *text = support_get(s.dir, entry), *line = strstr(text, " quiet");
	char *with = NULL;

	(void)state;
	plan(&s);
	sample_write(&s);
	assert_true(asprintf(&with, "%.*s quiet intel_iommu=on iommu=pt%s", (int)(line - text),
			    text, line + strlen(" quiet")) > 0);
	sample_drop(&s, entry);
	support_put(s.dir, counted, with);
	support_put(s.dir, foreign, "title Mine, without passthrough\nlinux /x\n");
	plan(&s);
	assert_null(sample_change(&s, own));
	sample_drop(&s, counted);
	for (size_t i = 0; i < s.machine->n_kernels; i++)
		s.machine->kernels[i].next =
			strcmp(s.machine->kernels[i].version, "6.12.107+deb13-amd64") == 0;
	plan(&s);
	has(&s, own, "/6.12.107+deb13-amd64/linux\n");
	s.machine->host.boot_loader = BOOT_OTHER;
	look(&s);
	plan_release(&s);
	assert_string_equal(after(&s, own), "");
	assert_null(sample_change(&s, foreign));
	sample_close(&s);
	free(with);
	free(text);
}

static void a_menu_without_any_way_back_is_told(void **state)
{
	static const char entries[] = "/boot/efi/loader/entries/" MACHINE_ID;
	struct sample s = open_sample("debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_TOOLS);
	char path[128];

	(void)state;
	support_put(s.dir, "/boot/efi/loader/loader.conf", "editor no\n");
	plan(&s);
	assert_null(sample_finding(&s, "boot-editor-off"));
	(void)snprintf(path, sizeof(path), "%s-6.12.117+deb13-amd64.conf", entries);
	sample_drop(&s, path);
	(void)snprintf(path, sizeof(path), "%s-6.12.107+deb13-amd64.conf", entries);
	sample_drop(&s, path);
	plan(&s);
	assert_non_null(sample_finding(&s, "boot-editor-off"));
	sample_close(&s);
}

static void entries_that_are_not_there_are_asked_for(void **state)
{
	struct sample s = open_sample("arch-systemd-boot", BOOT_ENTRIES, INITRAMFS_MKINITCPIO);

	(void)state;
	sample_drop(&s, "/boot/loader/entries/arch.conf");
	sample_drop(&s, "/boot/loader/entries/arch-lts.conf");
	refused(&s, "mount the EFI system partition");
	plan_release(&s);
	sample_close(&s);
}

/* -- unified kernel images -- */

static struct sample open_mkinitcpio(void)
{
	struct sample s = open_sample("arch-systemd-boot", BOOT_UKI, INITRAMFS_MKINITCPIO);

	support_put(s.dir, "/etc/mkinitcpio.d/linux.preset",
		"ALL_kver=\"/boot/vmlinuz-linux\"\nPRESETS=('default' 'fallback')\n\n"
		"default_uki=\"/boot/EFI/Linux/arch.efi\"\n#default_options=\"--cmdline /x\"\n"
		"fallback_uki=\"/boot/EFI/Linux/arch-fallback.efi\"\n"
		"fallback_options=\"-S autodetect --cmdline /etc/kernel/fallback\"\n");
	support_put(s.dir, "/boot/EFI/Linux/arch.efi", "an image\n");
	return s;
}

static void uki_of_mkinitcpio(void **state)
{
	struct sample s = open_mkinitcpio();

	(void)state;
	plan(&s);
	assert_string_equal(after(&s, CMDLINE), ROOT_ID " rw quiet intel_iommu=on iommu=pt\n");
	runs_just(&s, "mkinitcpio", "/usr/bin/mkinitcpio -P\n");
	runs_just(&s, "grep",
		"/bin/grep -aoF -e intel_iommu=on -e iommu=pt /boot/EFI/Linux/arch.efi\n");
	assert_null(sample_finding(&s, "secure-boot"));
	assert_null(sample_finding(&s, "boot-loader-by-hand"));
	there_and_back(&s);
	sample_close(&s);
}

static void uki_of_mkinitcpio_with_drop_ins(void **state)
{
	struct sample s = open_mkinitcpio();

	(void)state;
	support_put(s.dir, "/etc/cmdline.d/root.conf", "# mine\nroot=/dev/x\niommu=pt rw\n");
	look(&s);
	plan(&s);
	assert_null(sample_change(&s, CMDLINE));
	assert_string_equal(after(&s, "/etc/cmdline.d/90-vfio-wizard.conf"),
		TARGET_MARK ": what PCI passthrough needs on the kernel command line.\n"
			    "intel_iommu=on\n");
	there_and_back(&s);
	/* With the file beside it, which counts is not the same in every version: both ways this
	 * one does. */
	support_put(s.dir, CMDLINE, "root=/dev/y\n");
	look(&s);
	plan(&s);
	assert_string_equal(after(&s, CMDLINE), "root=/dev/y intel_iommu=on iommu=pt\n");
	there_and_back(&s);
	sample_close(&s);
}

static void uki_with_a_command_line_of_its_own_is_told(void **state)
{
	struct sample s = open_mkinitcpio();

	(void)state;
	support_put(s.dir, "/etc/mkinitcpio.d/linux.preset",
		"\ndefault_uki=/boot/EFI/Linux/arch.efi\ndefault_options='--cmdline /etc/mine'\n");
	plan(&s);
	assert_non_null(strstr(the_finding(&s, "boot-loader-by-hand")->text,
		"/etc/mkinitcpio.d/linux.preset:3 names"));
	assert_non_null(
		strstr(the_finding(&s, "boot-loader-by-hand")->text, "intel_iommu=on iommu=pt"));
	sample_close(&s);
}

static void uki_of_kernel_install(void **state)
{
	struct sample s = open_sample("debian-systemd-boot", BOOT_UKI, INITRAMFS_TOOLS);

	(void)state;
	support_put(s.dir, "/etc/kernel/install.conf", "layout=uki\n");
	plan(&s);
	assert_string_equal(after(&s, CMDLINE), ROOT_ID " ro quiet intel_iommu=on iommu=pt\n");
	runs_just(&s, "kernel-install", "");
	runs_just(&s, "update-initramfs", "/usr/sbin/update-initramfs -u -k all\n");
	s.machine->host.initramfs = INITRAMFS_DRACUT;
	plan(&s);
	runs_just(&s, "kernel-install",
		"/usr/bin/kernel-install add 6.12.107+deb13-amd64 "
		"/boot/vmlinuz-6.12.107+deb13-amd64 /boot/initrd.img-6.12.107+deb13-amd64\n"
		"/usr/bin/kernel-install add 6.12.117+deb13-amd64 "
		"/boot/vmlinuz-6.12.117+deb13-amd64 /boot/initrd.img-6.12.117+deb13-amd64\n");
	s.machine->host.initramfs = INITRAMFS_TOOLS;
	there_and_back(&s);
	sample_close(&s);
}

static void uki_of_dracut(void **state)
{
	static const char ours[] = "/etc/dracut.conf.d/zz-vfio-wizard-cmdline.conf";
	struct sample s = open_sample("debian-systemd-boot", BOOT_UKI, INITRAMFS_DRACUT);
	_cleanup_(str_free) struct str out = {0};
	_cleanup_free_ char *conf = NULL;

	(void)state;
	support_put(s.dir, "/etc/dracut.conf.d/uefi.conf", "uefi=\"yes\"\n");
	look(&s);
	plan(&s);
	has(&s, ours, "\nkernel_cmdline+=\" " ROOT_ID " ro quiet intel_iommu=on iommu=pt \"\n");
	assert_null(sample_change(&s, CMDLINE));
	there_and_back(&s);
	support_put(s.dir, "/etc/dracut.conf.d/uefi.conf",
		"uefi=\"yes\"\nkernel_cmdline=\"root=/dev/x iommu=pt\"\n");
	look(&s);
	plan(&s);
	has(&s, ours, "\nkernel_cmdline+=\" intel_iommu=on \"\n");
	sample_write(&s);
	assert_true(asprintf(&conf, "%s/etc/dracut.conf.d", s.dir) > 0);
	{
		const char *argv[] = {"bash", "-ec",
			"for f in \"$1\"/*.conf; do . \"$f\"; done; echo $kernel_cmdline", "bash",
			conf, NULL};

		assert_int_equal(support_run(argv, &out), 0);
		assert_string_equal(out.s, "root=/dev/x iommu=pt intel_iommu=on\n");
	}
	sample_close(&s);
}

/* Why the driver of the card after the next boot is what the plan says. */
static void forecast_is(const struct sample *s, const char *next, const char *reason)
{
	for (size_t i = 0; i < s->plan->forecast.n; i++) {
		const struct forecast_entry *entry = &s->plan->forecast.v[i];

		if (strcmp(entry->device->address, GPU) != 0)
			continue;
		assert_true(base_same(entry->next, next));
		assert_non_null(strstr(entry->reason, reason));
		return;
	}
	fail_msg("no forecast for " GPU);
}

/* Nor is anything foretold that only a new image would bring. */
static void uki_of_nobody_known_is_told(void **state)
{
	struct sample s = open_sample("arch-systemd-boot", BOOT_UKI, INITRAMFS_MKINITCPIO);

	(void)state;
	plan(&s);
	assert_non_null(
		strstr(the_finding(&s, "boot-loader-by-hand")->text, "intel_iommu=on iommu=pt"));
	forecast_is(&s, "vfio-pci", "nothing in the initramfs binds it");
	s.machine->host.iommu_active = false;
	s.machine->host.firmware = FIRMWARE_VTD;
	plan(&s);
	forecast_is(&s, "amdgpu", "the IOMMU stays off until intel_iommu=on");
	sample_close(&s);
}

/* -- what is left to the person -- */

/* With the IOMMU off, which intel_iommu=on would switch on. */
static void assert_promises(struct sample *s, bool parameters, bool early)
{
	s->machine->host.iommu_active = false;
	s->machine->host.cmdline[0] = '\0';
	for (size_t i = 0; i < s->machine->n_kernels; i++)
		s->machine->kernels[i].intel_default_on = NO;
	plan(s);
	assert_int_equal(
		strstr(the_finding(s, "iommu-off")->text, "Applying adds intel_iommu=on") != NULL,
		parameters);
	assert_int_equal(
		strstr(the_finding(s, "iommu-off")->text, "left to you") != NULL, !parameters);
	s->machine->host.iommu_active = true;
	plan(s);
	for (size_t i = 0; i < s->plan->forecast.n; i++) {
		const struct forecast_entry *e = &s->plan->forecast.v[i];

		if (strcmp(e->device->address, GPU) == 0)
			assert_int_equal(
				strstr(e->reason, "nothing in the initramfs") == NULL, early);
	}
}

static void what_is_left_to_the_person_is_not_promised(void **state)
{
	static const struct {
		const char *root;
		enum boot_loader loader;
		enum initramfs initramfs;
		const char *gone[2]; /* what the system loses before */
		bool parameters, early;
	} systems[] = {
		{"arch-uki", BOOT_UKI, INITRAMFS_MKINITCPIO, {NULL}, true, true},
		{"arch-uki", BOOT_UKI, INITRAMFS_MKINITCPIO,
			{"/etc/mkinitcpio.d/linux.preset", "/etc/mkinitcpio.d/linux-lts.preset"},
			false, false},
		{"arch-systemd-boot", BOOT_ENTRIES, INITRAMFS_MKINITCPIO,
			{"/etc/mkinitcpio.d/linux.preset", "/etc/mkinitcpio.d/linux-lts.preset"},
			true, false},
		{"debian-systemd-boot", BOOT_UKI, INITRAMFS_TOOLS, {NULL}, false, false},
		{"debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_TOOLS, {NULL}, true, true},
		{"debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_DRACUT, {NULL}, true, true},
		{"debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_DRACUT,
			{"/usr/bin/kernel-install"}, false, false},
		{"debian-systemd-boot", BOOT_KERNEL_INSTALL, INITRAMFS_DRACUT,
			{"/boot/vmlinuz-6.12.117+deb13-amd64"}, false, false},
		{"arch-grub", BOOT_GRUB, INITRAMFS_MKINITCPIO, {NULL}, true, true},
		{"arch-grub", BOOT_GRUB, INITRAMFS_MKINITCPIO, {"/boot/grub/grub.cfg"}, false,
			true},
		{"arch-grub", BOOT_GRUB, INITRAMFS_MKINITCPIO, {"/usr/bin/grub-mkconfig"}, false,
			true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		struct sample s =
			open_sample(systems[i].root, systems[i].loader, systems[i].initramfs);

		for (size_t k = 0; k < 2 && systems[i].gone[k]; k++)
			sample_drop(&s, systems[i].gone[k]);
		assert_promises(&s, systems[i].parameters, systems[i].early);
		sample_close(&s);
	}
}

/* Only the hook base brings the shell that vfio-bind needs in the image. */
static void images_without_a_shell_are_not_promised(void **state)
{
	struct sample s = open_sample("arch-grub", BOOT_GRUB, INITRAMFS_MKINITCPIO);

	(void)state;
	support_put(s.dir, "/etc/mkinitcpio.conf", "HOOKS=(base systemd modconf block)\n");
	assert_promises(&s, true, true);
	support_put(s.dir, "/etc/mkinitcpio.conf", "HOOKS=(systemd modconf block)\n");
	assert_promises(&s, true, false);
	sample_close(&s);
}

/* The next kernel needs no word for it; an older one would, and gets none where the menu is left.
 */
static void a_parameter_that_nobody_writes_is_not_promised(void **state)
{
	struct sample s = open_sample("arch-grub", BOOT_GRUB, INITRAMFS_MKINITCPIO);

	(void)state;
	sample_drop(&s, "/usr/bin/grub-mkconfig");
	assert_true(s.machine->n_kernels > 1);
	for (size_t i = 0; i < s.machine->n_kernels; i++)
		s.machine->kernels[i].intel_default_on = s.machine->kernels[i].next ? YES : NO;
	s.machine->host.iommu_active = false;
	s.machine->host.cmdline[0] = '\0';
	plan(&s);
	assert_null(strstr(the_finding(&s, "iommu-off")->text, "Applying adds"));
	assert_non_null(strstr(the_finding(&s, "iommu-off")->text, "The next boot switches it on"));
	sample_close(&s);
}

/* The image that has a file of its own is not written anew with them, but with the initramfs. */
static void an_image_with_its_own_command_line_is_not_promised(void **state)
{
	struct sample s = open_mkinitcpio();

	(void)state;
	assert_promises(&s, true, true);
	support_put(s.dir, "/etc/mkinitcpio.d/linux.preset",
		"PRESETS=('default')\ndefault_uki=\"/boot/EFI/Linux/arch.efi\"\n"
		"default_options=\"--cmdline /etc/mine\"\n");
	assert_promises(&s, false, true);
	sample_close(&s);
}

/* The variable as efivarfs shows it: four bytes of attributes and the value. */
static void set_secure_boot(struct sample *s, char value)
{
	static const char name[] = "/sys/firmware/efi/efivars/"
				   "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	const char bytes[] = {6, 0, 0, 0, value};
	_cleanup_free_ char *path = NULL;
	FILE *f;

	support_put(s->dir, name, "");
	assert_true(asprintf(&path, "%s%s", s->dir, name) > 0);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, sizeof(bytes), f), sizeof(bytes));
	assert_int_equal(fclose(f), 0);
}

static void an_image_that_would_not_be_signed_is_a_danger(void **state)
{
	struct sample s = open_mkinitcpio();

	(void)state;
	set_secure_boot(&s, 0);
	plan(&s);
	assert_null(sample_finding(&s, "secure-boot"));
	set_secure_boot(&s, 1);
	plan(&s);
	assert_int_equal(the_finding(&s, "secure-boot")->severity, SEVERITY_DANGER);
	support_put(
		s.dir, "/etc/kernel/uki.conf", "[UKI]\nSecureBootPrivateKey=/etc/keys/db.key\n");
	plan(&s);
	assert_int_equal(the_finding(&s, "secure-boot")->severity, SEVERITY_WARNING);
	sample_drop(&s, "/etc/kernel/uki.conf");
	support_put(s.dir, "/usr/lib/initcpio/post/sbctl", "#!/bin/sh\nsbctl sign -s \"$3\"\n");
	plan(&s);
	assert_int_equal(the_finding(&s, "secure-boot")->severity, SEVERITY_WARNING);
	sample_close(&s);
}

/* -- U-Boot -- */

static void u_boot_gets_a_drop_in(void **state)
{
	static const char ours[] = "/etc/u-boot-menu/conf.d/90-vfio-wizard.conf";
	struct sample s = open_sample("debian13", BOOT_U_BOOT_MENU, INITRAMFS_TOOLS);
	_cleanup_(str_free) struct str out = {0};
	_cleanup_free_ char *file = NULL;

	(void)state;
	support_put(s.dir, "/etc/default/u-boot", "#U_BOOT_PARAMETERS=\"ro quiet\"\n");
	plan(&s);
	has(&s, ours,
		"U_BOOT_PARAMETERS=\"${U_BOOT_PARAMETERS:-ro quiet} intel_iommu=on iommu=pt\"\n");
	runs_just(&s, "u-boot-update", "/usr/sbin/u-boot-update\n");
	there_and_back(&s);
	plan(&s);
	sample_write(&s);
	assert_true(asprintf(&file, "%s%s", s.dir, ours) > 0);
	{
		const char *argv[] = {"sh", "-euc",
			"U_BOOT_PARAMETERS=; . \"$1\"; echo $U_BOOT_PARAMETERS; "
			"U_BOOT_PARAMETERS=mine; . \"$1\"; echo $U_BOOT_PARAMETERS",
			"sh", file, NULL};

		assert_int_equal(support_run(argv, &out), 0);
		assert_string_equal(out.s, "ro quiet intel_iommu=on iommu=pt\n"
					   "mine intel_iommu=on iommu=pt\n");
	}
	sample_close(&s);
}

/* A drop-in would make u-boot-update forget the root= in there. */
static void u_boot_that_reads_the_command_line_gets_it_there(void **state)
{
	struct sample s = open_sample("debian13", BOOT_U_BOOT_MENU, INITRAMFS_TOOLS);

	(void)state;
	support_put(s.dir, CMDLINE, "root=/dev/x rw\n");
	look(&s);
	plan(&s);
	assert_string_equal(after(&s, CMDLINE), "root=/dev/x rw intel_iommu=on iommu=pt\n");
	assert_null(sample_change(&s, "/etc/u-boot-menu/conf.d/90-vfio-wizard.conf"));
	there_and_back(&s);
	support_put(s.dir, "/etc/default/u-boot", "U_BOOT_PARAMETERS=\"ro iommu=pt\"\n");
	look(&s);
	plan(&s);
	assert_null(sample_change(&s, CMDLINE));
	has(&s, "/etc/u-boot-menu/conf.d/90-vfio-wizard.conf", "} intel_iommu=on\"\n");
	there_and_back(&s);
	sample_close(&s);
}

/* -- by hand -- */

#define NOTE "/etc/vfio-wizard/boot-loader"

static void told(enum boot_loader loader, const char *path, const char *text, const char *expected)
{
	struct sample s = open_sample("arch-systemd-boot", loader, INITRAMFS_MKINITCPIO);

	support_put(s.dir, path, text);
	look(&s);
	plan(&s);
	has(&s, NOTE, expected);
	if (strstr(after(&s, NOTE), "fallback") || strstr(after(&s, NOTE), "single") ||
		strstr(after(&s, NOTE), "rescue") || strstr(after(&s, NOTE), "minimal"))
		fail_msg("a way back is to be changed: %s", after(&s, NOTE));
	assert_null(sample_change(&s, path));
	assert_int_equal(the_finding(&s, "boot-loader-by-hand")->severity, SEVERITY_WARNING);
	assert_non_null(strstr(the_finding(&s, "boot-loader-by-hand")->text, path));
	there_and_back(&s);
	sample_close(&s);
}

static void what_to_add_is_told_line_by_line(void **state)
{
	(void)state;
	told(BOOT_REFIND, "/boot/refind_linux.conf",
		"\"Boot with standard options\"  \"root=/dev/x rw quiet\"\n"
		"\"Boot to single-user mode\"    \"root=/dev/x rw quiet single\"\n"
		"\"Boot to repair\"    \"root=/dev/x rw quiet rescue\"\n"
		"\"Boot the fallback\" \"root=/dev/x\"\n"
		"\"Boot with minimal options\"   \"ro root=/dev/x\"\n",
		"# Line 1 of /boot/refind_linux.conf is now:\n"
		"\"Boot with standard options\"  \"root=/dev/x rw quiet\"\n# and has to be:\n"
		"\"Boot with standard options\"  \"root=/dev/x rw quiet intel_iommu=on "
		"iommu=pt\"\n");
	told(BOOT_REFIND, "/efi/EFI/refind/refind.conf",
		"menuentry \"Arch\" {\n\tloader /vmlinuz\n\toptions \"root=/dev/x\" # mine\n}\n",
		"\toptions \"root=/dev/x intel_iommu=on iommu=pt\" # mine\n");
	told(BOOT_LIMINE, "/boot/limine.conf",
		"timeout: 3\n/Arch Linux\n    protocol: linux\n    cmdline: root=/dev/x rw  \n"
		"/Arch Linux (fallback)\n    cmdline: root=/dev/x rw\n",
		"    cmdline: root=/dev/x rw intel_iommu=on iommu=pt  \n");
	told(BOOT_SYSLINUX, "/boot/syslinux/syslinux.cfg",
		"LABEL arch\n  MENU LABEL Arch\n  APPEND root=/dev/x rw\nLABEL archfallback\n"
		"  APPEND root=/dev/x rw\nLABEL rescue\n  append root=/dev/x single\n",
		"  APPEND root=/dev/x rw intel_iommu=on iommu=pt\n");
	told(BOOT_LIMINE, "/boot/limine.conf", "/Arch\n    cmdline: \n",
		"\n    cmdline: intel_iommu=on iommu=pt\n");
}

/* What a tool writes anew is not what to change. */
static void what_the_menu_is_made_from_is_told(void **state)
{
	struct sample s;

	(void)state;
	told(BOOT_LIMINE, "/etc/default/limine", "KERNEL_CMDLINE[default]=\"root=/dev/x quiet\"\n",
		"# Add to KERNEL_CMDLINE[default] in /etc/default/limine:\nintel_iommu=on "
		"iommu=pt\n"
		"# Then run the tool that writes the boot menu from it: limine-mkinitcpio");
	told(BOOT_SYSLINUX, "/etc/update-extlinux.conf", "default_kernel_opts=\"iommu=pt quiet\"\n",
		"# Add to default_kernel_opts in /etc/update-extlinux.conf:\nintel_iommu=on\n");
	told(BOOT_SDBOOT_MANAGE, "/etc/sdboot-manage.conf", "LINUX_OPTIONS=\"quiet\"\n",
		"# Add to LINUX_OPTIONS in /etc/sdboot-manage.conf:\nintel_iommu=on iommu=pt\n");
	told(BOOT_KERNELSTUB, "/etc/kernelstub/configuration",
		"{\n \"user\": {\n  \"kernel_options\": [\n   \"quiet\",\n   \"iommu=pt\"\n  ]\n "
		"}\n}\n",
		":\nkernelstub --add-options \"intel_iommu=on\"\n");
	s = open_sample("arch-systemd-boot", BOOT_LIMINE, INITRAMFS_MKINITCPIO);
	support_put(s.dir, "/boot/limine.conf", "/Arch\n    cmdline: root=/dev/x\n");
	support_put(s.dir, "/etc/default/limine",
		"KERNEL_CMDLINE[default]+='intel_iommu=on iommu=pt'\n");
	look(&s);
	plan(&s);
	assert_null(sample_finding(&s, "boot-loader-by-hand"));
	sample_close(&s);
}

static void nothing_is_told_once_it_is_there(void **state)
{
	struct sample s = open_sample("arch-systemd-boot", BOOT_LIMINE, INITRAMFS_MKINITCPIO);

	(void)state;
	plan(&s);
	has(&s, NOTE, "\nintel_iommu=on iommu=pt\n");
	sample_write(&s);
	support_put(s.dir, "/boot/limine.conf",
		"/Arch\n    cmdline: root=/dev/x iommu=pt intel_iommu=on\n");
	look(&s);
	plan(&s);
	assert_string_equal(after(&s, NOTE), "");
	assert_null(sample_finding(&s, "boot-loader-by-hand"));
	plan_release(&s);
	assert_int_equal(the_finding(&s, "boot-loader-by-hand")->severity, SEVERITY_INFO);
	sample_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grub_words_go_into_its_file),
		cmocka_unit_test(grub_drop_ins_may_begin_anew),
		cmocka_unit_test(grub_writes_every_menu_once),
		cmocka_unit_test(grub_without_its_tool_is_told),
		cmocka_unit_test(grub_keeps_what_every_entry_gets),
		cmocka_unit_test(grub_too_long_or_computed_is_refused),
		cmocka_unit_test(proxmox_copies_grubs_menu),
		cmocka_unit_test(proxmox_words_go_into_the_command_line),
		cmocka_unit_test(kernel_install_gets_a_whole_line),
		cmocka_unit_test(kernel_install_takes_the_vendors_line),
		cmocka_unit_test(kernel_install_of_another_system_takes_its_entry),
		cmocka_unit_test(kernel_install_of_another_system_never_goes_without),
		cmocka_unit_test(kernel_install_without_any_line_is_refused),
		cmocka_unit_test(kernel_install_keeps_its_line_while_ours_runs),
		cmocka_unit_test(kernel_install_is_run_where_no_hook_does),
		cmocka_unit_test(kernel_install_without_an_image_is_told),
		cmocka_unit_test(entries_get_the_words_but_for_spare_ones),
		cmocka_unit_test(an_entry_without_passthrough_is_nobodys_default),
		cmocka_unit_test(an_entry_without_passthrough_has_the_place_of_the_others),
		cmocka_unit_test(an_entry_without_passthrough_is_not_grubbys),
		cmocka_unit_test(an_entry_without_passthrough_follows),
		cmocka_unit_test(a_menu_without_any_way_back_is_told),
		cmocka_unit_test(entries_that_are_not_there_are_asked_for),
		cmocka_unit_test(uki_of_mkinitcpio),
		cmocka_unit_test(uki_of_mkinitcpio_with_drop_ins),
		cmocka_unit_test(uki_with_a_command_line_of_its_own_is_told),
		cmocka_unit_test(uki_of_kernel_install),
		cmocka_unit_test(uki_of_dracut),
		cmocka_unit_test(uki_of_nobody_known_is_told),
		cmocka_unit_test(what_is_left_to_the_person_is_not_promised),
		cmocka_unit_test(images_without_a_shell_are_not_promised),
		cmocka_unit_test(a_parameter_that_nobody_writes_is_not_promised),
		cmocka_unit_test(an_image_with_its_own_command_line_is_not_promised),
		cmocka_unit_test(an_image_that_would_not_be_signed_is_a_danger),
		cmocka_unit_test(u_boot_gets_a_drop_in),
		cmocka_unit_test(u_boot_that_reads_the_command_line_gets_it_there),
		cmocka_unit_test(what_to_add_is_told_line_by_line),
		cmocka_unit_test(what_the_menu_is_made_from_is_told),
		cmocka_unit_test(nothing_is_told_once_it_is_there),
	};

	return cmocka_run_group_tests_name("loaders", tests, NULL, NULL);
}
