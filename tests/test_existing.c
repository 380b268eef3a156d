#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/choice.h"
#include "core/existing.h"
#include "core/targets/target.h"
#include "tests/support.h"
#include "tests/support_machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	struct support_machine m;
	struct device *gpu, *audio, *nic;
	char *dir;
	struct existing e;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	support_machine_init(&f->m);
	f->gpu = support_device(
		&f->m, "0000:01:00.0", "10de:1b80:1043:8591", 0x030000, 1, "nouveau", "nouveau");
	f->audio = support_device(&f->m, "0000:01:00.1", "10de:10f0:1043:8591", 0x040300, 1,
		"snd_hda_intel", "snd_hda_intel");
	f->nic = support_device(
		&f->m, "0000:02:00.0", "10ec:8168:1458:e000", 0x020000, 2, "r8169", "r8169");
	f->m.machine.host.cmdline = NULL;
	f->dir = support_scratch();
	support_put(f->dir, "/sys/bus/pci/devices/x", "");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	existing_free(&f->e);
	support_machine_free(&f->m);
	support_remove(f->dir);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *path, const char *text)
{
	support_put(f->dir, path, text);
}

static void scan(struct fixture *f)
{
	struct root *root = NULL;
	struct error err = {0};

	existing_free(&f->e);
	assert_int_equal(root_open(f->dir, NULL, &root, &err), 0);
	if (existing_scan(root, &f->m.machine, NULL, &f->e, &err) < 0)
		fail_msg("%s", err.text);
	root_close(root);
}

static bool noted(const struct fixture *f, const char *text)
{
	for (size_t i = 0; i < f->e.notes.n; i++)
		if (strstr(f->e.notes.v[i], text))
			return true;
	return false;
}

static const char *binder(const struct fixture *f, const struct device *device)
{
	const char *where = NULL;

	return existing_binds(&f->e, device, &where) ? where : NULL;
}

static void an_empty_system_has_nothing(void **state)
{
	struct fixture *f = *state;

	scan(f);
	assert_int_equal(f->e.n_ids, 0);
	assert_int_equal(f->e.notes.n, 0);
	assert_null(binder(f, f->gpu));
}

static void the_last_ids_wins_in_the_order_of_names(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/modprobe.d/b.conf",
		"# x\noptions vfio-pci ids=10de:1b80,10de:10f0 disable_vga=1\n");
	put(f, "/usr/lib/modprobe.d/a.conf", "options vfio_pci ids=10ec:8168\n");
	scan(f);
	assert_string_equal(binder(f, f->gpu), "/etc/modprobe.d/b.conf:2");
	assert_string_equal(binder(f, f->audio), "/etc/modprobe.d/b.conf:2");
	assert_null(binder(f, f->nic));
	assert_true(noted(f, "/usr/lib/modprobe.d/a.conf:1: ids= has no effect"));
	put(f, "/lib/modprobe.d/c.conf", "options vfio-pci ids=10ec:8168\n");
	scan(f);
	assert_string_equal(binder(f, f->nic), "/lib/modprobe.d/c.conf:1");
	assert_null(binder(f, f->gpu));
}

static void a_name_in_an_earlier_directory_hides_later_ones(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/modprobe.d/vfio.conf", "# nothing\n");
	put(f, "/run/modprobe.d/vfio.conf", "options vfio-pci ids=10de:1b80\n");
	put(f, "/lib/modprobe.d/vfio.conf", "options vfio-pci ids=10de:1b80\n");
	scan(f);
	assert_null(binder(f, f->gpu));
	/* A link to /dev/null masks too, and is no mistake. */
	put(f, "/lib/modprobe.d/masked.conf", "options vfio-pci ids=10de:1b80\n");
	{
		_cleanup_(str_free) struct str path = {0};

		str_addf(&path, "%s/etc/modprobe.d/masked.conf", f->dir);
		assert_int_equal(symlink("/dev/null", path.s), 0);
	}
	scan(f);
	assert_null(binder(f, f->gpu));
	assert_int_equal(f->e.notes.n, 0);
}

static void continued_lines_and_other_files_are_read_as_kmod_does(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/modprobe.d/a.conf",
		"\n# comment \\\noptions vfio-pci ids=10ec:8168\n"
		"  options\tvfio_pci \\\n   ids=\"10de:1b80\"\n");
	put(f, "/etc/modprobe.d/b.conf.bak", "options vfio-pci ids=10de:10f0\n");
	put(f, "/etc/modprobe.d/.c.conf", "options vfio-pci ids=10de:10f0\n");
	scan(f);
	assert_string_equal(binder(f, f->gpu), "/etc/modprobe.d/a.conf:4");
	assert_null(binder(f, f->nic));
	assert_null(binder(f, f->audio));
}

static void who_switched_the_denylist_off_is_known(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/modprobe.d/a.conf", "options vfio-pci disable_denylist=0\n");
	scan(f);
	assert_false(f->e.denylist_off);
	put(f, "/etc/modprobe.d/b.conf", "options vfio_pci disable_idle_d3=1 disable_denylist\n");
	scan(f);
	assert_true(f->e.denylist_off);
	put(f, "/etc/default/grub", "GRUB_CMDLINE_LINUX=\"vfio-pci.disable_denylist=n\"\n");
	scan(f);
	assert_false(f->e.denylist_off);
	put(f, "/etc/modprobe.d/b.conf", "options other disable_denylist=1\n");
	put(f, "/etc/default/grub", "GRUB_CMDLINE_LINUX=\"vfio_pci.disable_denylist=on\"\n");
	scan(f);
	assert_true(f->e.denylist_off);
}

static void ids_match_by_subsystem_and_class(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/modprobe.d/a.conf",
		"options vfio-pci ids=10de:1b80:1043:0001,nonsense,"
		"10de:ffffffff:ffffffff:ffffffff:040300:ffff00\n");
	scan(f);
	assert_int_equal(f->e.n_ids, 2);
	assert_null(binder(f, f->gpu));
	assert_non_null(binder(f, f->audio));
	assert_true(noted(f, "a.conf:1: ids= holds \"nonsense\""));
}

static void the_command_line_beats_every_file(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/modprobe.d/a.conf", "options vfio-pci ids=10de:1b80\n");
	put(f, "/etc/default/grub",
		"GRUB_CMDLINE_LINUX_DEFAULT=\"quiet vfio-pci.ids=10ec:8168\"\n");
	scan(f);
	assert_true(f->e.ids_on_cmdline);
	assert_null(binder(f, f->gpu));
	assert_non_null(binder(f, f->nic));
	assert_true(strv_has(&f->e.cmdline, "quiet"));
	f->m.machine.host.cmdline = support_keep(&f->m, "quiet vfio_pci.ids=10de:10f0");
	put(f, "/etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet\"\n");
	scan(f);
	assert_string_equal(binder(f, f->audio), "the kernel command line");
}

static void our_own_files_are_left_out(void **state)
{
	struct fixture *f = *state;

	put(f, TARGET_MODPROBE,
		TARGET_MARK ".\nsoftdep nouveau pre: vfio-pci\ninstall vfio-pci x\n");
	put(f, TARGET_IDS, TARGET_MARK ".\noptions vfio-pci ids=10de:1b80\n");
	put(f, TARGET_GRUB,
		"GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT "
		"vfio-pci.ids=10de:10f0\"\n");
	put(f, TARGET_MODULES,
		"# vfio-wizard: begin (made this file)\nvfio_pci\n# vfio-wizard: end\n");
	put(f, CHOICE_PATH, TARGET_MARK "\nDEVICES=\"0000:01:00.0=10de:1b80:1043:8591\"\n");
	f->m.machine.host.cmdline = support_keep(&f->m, "vfio-pci.ids=10de:10f0");
	scan(f);
	assert_int_equal(f->e.n_ids, 0);
	assert_int_equal(f->e.notes.n, 0);
	assert_int_equal(f->e.cmdline.n, 0);
	assert_int_equal(f->e.softdeps.n, 0);
	assert_null(f->e.install);
	assert_false(f->e.ids_on_cmdline);
}

static void settings_by_hand_are_noted_with_file_and_line(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/modprobe.d/a.conf",
		"install vfio-pci /sbin/vfio-override.sh\nblacklist nouveau\nfrobnicate x\n"
		"softdep r8169 pre: vfio_pci\nalias x vfio-pci\n");
	put(f, "/etc/modules", "loop\nvfio_pci\n# vfio\n");
	put(f, TARGET_MODULES, "vfio\n");
	put(f, "/etc/modules-load.d/x.conf", "vfio-pci\n");
	put(f, "/etc/dracut.conf.d/vfio.conf", "# vfio\nforce_drivers+=\" vfio_pci \"\n");
	put(f, "/etc/systemd/system/bind.service", "[Service]\nExecStart=/opt/bind vfio-pci\n");
	put(f, "/etc/udev/rules.d/25-vfio-pci-bind.rules",
		"TAG==\"x\", RUN+=\"vfio-pci-bind.sh\"\n");
	put(f, "/etc/udev/rules.d/60-nodes.rules", "SUBSYSTEM==\"vfio\", GROUP=\"kvm\"\n");
	put(f, "/etc/udev/rules.d/90-x.rules", "\nATTR{driver_override}=\"vfio-pci\"\n");
	put(f, "/etc/initramfs-tools/scripts/init-top/pt", "modprobe vfio-pci\n");
	put(f, CHOICE_PATH, "DEVICES=\"0000:04:00.0\"\n");
	put(f, "/etc/libvirt/qemu.conf",
		"# \"/dev/vfio/vfio\"\ncgroup_device_acl = [\n \"/dev/kvm\", "
		"\"/dev/vfio/45\"\n]\n");
	scan(f);
	assert_string_equal(f->e.install, "/etc/modprobe.d/a.conf:1");
	assert_true(noted(f, "/etc/modprobe.d/a.conf:1: install vfio-pci"));
	assert_true(noted(f, "/etc/modprobe.d/a.conf:3: \"frobnicate\" is no command"));
	assert_true(noted(f, "/etc/modprobe.d/a.conf:4: softdep r8169"));
	assert_true(noted(f, "/etc/modprobe.d/a.conf:5: alias"));
	assert_true(noted(f, "/etc/modules:2: vfio_pci"));
	assert_true(noted(f, TARGET_MODULES ":1: vfio"));
	assert_true(noted(f, "/etc/modules-load.d/x.conf:1: vfio-pci"));
	assert_true(noted(f, "/etc/dracut.conf.d/vfio.conf:2:"));
	assert_true(noted(f, "/etc/systemd/system/bind.service:2:"));
	assert_true(noted(f, "/etc/udev/rules.d/25-vfio-pci-bind.rules:1:"));
	assert_false(noted(f, "60-nodes"));
	assert_true(f->e.scripts);
	assert_true(noted(f, "/etc/udev/rules.d/90-x.rules:2:"));
	assert_true(noted(f, "scripts/init-top/pt:1:"));
	assert_true(noted(f, CHOICE_PATH ":1: DEVICES="));
	assert_true(noted(f, "/etc/libvirt/qemu.conf:3:  \"/dev/kvm\", \"/dev/vfio/45\""));
	assert_int_equal(f->e.notes.n, 14);
	assert_true(existing_blacklists(&f->e, "nouveau"));
	assert_false(existing_blacklists(&f->e, "r8169"));
}

static void softdeps_of_files_and_of_the_module_itself_add_up(void **state)
{
	_cleanup_(strv_free) struct strv pre = {0}, post = {0};
	struct fixture *f = *state;

	put(f, "/lib/modules/6.1.0-13-amd64/modules.softdep",
		"# Soft dependencies\nsoftdep r8169 pre: realtek\nsoftdep unrelated pre: x\n");
	put(f, "/etc/modprobe.d/a.conf",
		"softdep r81* pre: mdio realtek post: led\nsoftdep nouveau post: y\n");
	scan(f);
	assert_int_equal(existing_softdep(&f->e, "r8169", &pre, &post), 0);
	assert_int_equal(pre.n, 2);
	assert_true(strv_has(&pre, "realtek") && strv_has(&pre, "mdio"));
	assert_int_equal(post.n, 1);
	assert_string_equal(post.v[0], "led");
	assert_int_equal(f->e.softdeps.n, 3);
}

static void parameters_without_effect_or_of_others_are_noted(void **state)
{
	struct fixture *f = *state;

	f->m.machine.host.cmdline = support_keep(&f->m,
		"amd_iommu=on amd_iommu=fullflush pci-stub.ids=10de:1b80 rd.driver.pre=vfio-pci");
	scan(f);
	assert_true(noted(f, "amd_iommu=on is no valid one"));
	assert_true(noted(f, "kernel parameter pci-stub.ids=10de:1b80"));
	assert_true(noted(f, "kernel parameter rd.driver.pre=vfio-pci"));
	assert_int_equal(f->e.notes.n, 3);
}

/* What is ours in a list of the person's, or of ours alone, is not the person's after the reboot.
 */
static void our_part_of_a_list_on_the_command_line_is_left_out(void **state)
{
	struct fixture *f = *state;

	put(f, "/var/lib/vfio-wizard/words",
		"tool /usr/sbin/grubby %- vfio-pci.ids=10de:1b80:1043:8591\n"
		"tool /usr/sbin/grubby %- vfio-pci.ids=10de:10f0:1043:8591\n");
	f->m.machine.host.cmdline =
		support_keep(&f->m, "quiet vfio-pci.ids=10de:1b80:1043:8591,10de:10f0:1043:8591");
	scan(f);
	assert_int_equal(f->e.n_ids, 0);
	assert_false(f->e.ids_on_cmdline);
	f->m.machine.host.cmdline = support_keep(
		&f->m, "vfio-pci.ids=10ec:8168,10de:1b80:1043:8591,10de:10f0:1043:8591");
	scan(f);
	assert_int_equal(f->e.n_ids, 1);
	assert_non_null(binder(f, f->nic));
	assert_null(binder(f, f->gpu));
}

static void driverctl_overrides_are_found(void **state)
{
	struct fixture *f = *state;

	put(f, "/etc/driverctl.d/pci-0000:01:00.0", "vfio-pci\n");
	put(f, "/etc/driverctl.d/pci-0000:02:00.0", "r8168\n");
	put(f, "/etc/driverctl.d/pci-nonsense", "vfio-pci\n");
	put(f, "/etc/driverctl.d/pci-0000:01:00.1", "");
	put(f, "/etc/modprobe.d/a.conf", "options vfio-pci ids=10ec:8168\n");
	scan(f);
	assert_string_equal(binder(f, f->gpu), "/etc/driverctl.d");
	/* The other override keeps vfio-pci away, whatever ids= says. */
	assert_null(binder(f, f->nic));
	assert_string_equal(existing_override(&f->e, f->nic), "r8168");
	assert_null(existing_override(&f->e, f->audio));
	assert_true(noted(f, "pci-nonsense"));
	assert_true(noted(f, "pci-0000:01:00.1: holds no driver"));
}

static void module_blacklist_in_the_configuration_refuses_vfio(void **state)
{
	struct fixture *f = *state;

	f->m.machine.host.cmdline = support_keep(&f->m, "module_blacklist=nouveau,vfio_pci");
	scan(f);
	assert_false(f->e.vfio_refused);
	assert_true(existing_blacklists(&f->e, "nouveau"));
	put(f, "/etc/default/grub.d/x.cfg", "GRUB_CMDLINE_LINUX=module_blacklist=a,vfio-pci\n");
	scan(f);
	assert_true(f->e.vfio_refused);
}

static void what_cannot_be_read_is_noted_and_the_rest_goes_on(void **state)
{
	struct fixture *f = *state;
	_cleanup_(str_free) struct str path = {0};

	put(f, "/etc/modprobe.d/dir.conf/x", "");
	put(f, "/etc/default/grub/x", "");
	put(f, "/etc/driverctl.d", "a file");
	put(f, "/etc/modprobe.d/zz.conf", "options vfio-pci ids=10de:1b80\n");
	str_addf(&path, "%s/etc/modprobe.d/bin.conf", f->dir);
	{
		FILE *file = fopen(path.s, "w");

		assert_non_null(file);
		assert_int_equal(fwrite("a\n\0b\n", 1, 5, file), 5);
		assert_int_equal(fclose(file), 0);
	}
	scan(f);
	assert_non_null(binder(f, f->gpu));
	assert_true(noted(f, "/etc/modprobe.d/dir.conf"));
	assert_true(noted(f, "/etc/modprobe.d/bin.conf"));
	assert_true(noted(f, "/etc/default/grub"));
}

static void a_flood_of_lines_stays_readable(void **state)
{
	_cleanup_(str_free) struct str text = {0};
	struct fixture *f = *state;

	for (int i = 0; i < 50000; i++)
		str_addf(&text, "alias vfio%d vfio-pci\n", i);
	str_addc(&text, 'v');
	for (int i = 0; i < 50000; i++)
		str_add(&text, "fio");
	put(f, "/etc/modprobe.d/a.conf", text.s);
	put(f, "/etc/modules", text.s);
	scan(f);
	assert_true(f->e.notes.n < 100);
	for (size_t i = 0; i < f->e.notes.n; i++)
		assert_true(strlen(f->e.notes.v[i]) < 300);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_empty_system_has_nothing),
		T(the_last_ids_wins_in_the_order_of_names),
		T(a_name_in_an_earlier_directory_hides_later_ones),
		T(continued_lines_and_other_files_are_read_as_kmod_does),
		T(who_switched_the_denylist_off_is_known),
		T(ids_match_by_subsystem_and_class),
		T(the_command_line_beats_every_file),
		T(our_own_files_are_left_out),
		T(settings_by_hand_are_noted_with_file_and_line),
		T(softdeps_of_files_and_of_the_module_itself_add_up),
		T(parameters_without_effect_or_of_others_are_noted),
		T(our_part_of_a_list_on_the_command_line_is_left_out),
		T(driverctl_overrides_are_found),
		T(module_blacklist_in_the_configuration_refuses_vfio),
		T(what_cannot_be_read_is_noted_and_the_rest_goes_on),
		T(a_flood_of_lines_stays_readable),
	};

	return cmocka_run_group_tests_name("existing", tests, NULL, NULL);
}
