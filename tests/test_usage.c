/* What the other parts of a host are used for, and what is not known. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/mktree.h"
#include "tests/support.h"
#include "tests/support_uses.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* ---- screens, keys and other parts ---------------------------------------------------------- */

static void shows_console(struct uses_host *f, const char *address, const char *name)
{
	uses_made(f, address, "graphics", "graphics/fb0");
	support_put(f->dir, "/sys/class/graphics/fb0/name", name);
	support_put(f->dir, "/sys/class/vtconsole/vtcon0/name", "(S) dummy device\n");
	support_put(f->dir, "/sys/class/vtconsole/vtcon0/bind", "0\n");
	support_put(f->dir, "/sys/class/vtconsole/vtcon1/name", "(M) frame buffer device\n");
	support_put(f->dir, "/sys/class/vtconsole/vtcon1/bind", "1\n");
}

static void test_screens(void **state)
{
	struct uses_host *f = *state;

	uses_made(f, VGA, "drm", "drm/card0");
	uses_made(f, VGA, "drm", "drm/card0/card0-HDMI-A-1");
	uses_made(f, VGA, "drm", "drm/card0/card0-DP-1");
	support_put(f->dir, "/sys/class/drm/card0-HDMI-A-1/status", "connected\n");
	support_put(f->dir, "/sys/class/drm/card0-DP-1/status", "disconnected\n");
	shows_console(f, VGA, "i915drmfb\n");
	uses_scan(f);
	uses_only(f, USE_SCREEN, VGA, NULL);
	uses_says(f, VGA, USE_SCREEN, "a monitor is connected (HDMI-A-1)");
	uses_says(f, VGA, USE_BOOT_DISPLAY, "the console is shown on it (fb0, i915drmfb)");
	assert_int_equal(uses_count(f, VGA, USE_SCREEN), 1);
}

/* The firmware's card may be VFIO's; then the console is where the host still draws. */
static void test_console_of_another_card(void **state)
{
	struct uses_host *f = *state;

	shows_console(f, NIC, "amdgpudrmfb\n");
	uses_scan(f);
	uses_only(f, USE_BOOT_DISPLAY, VGA, NIC, NULL);
	uses_says(f, VGA, USE_BOOT_DISPLAY, "the firmware's screen");
	uses_says(f, NIC, USE_BOOT_DISPLAY, "the console is shown on it (fb0, amdgpudrmfb)");
}

static void test_console_that_is_not_found(void **state)
{
	struct uses_host *f = *state;

	uses_scan(f);
	uses_only(f, USE_BOOT_DISPLAY, VGA, NULL);
	uses_says(f, VGA, USE_BOOT_DISPLAY, "the firmware's screen, and the console");
}

/* The table as Linux 6.1 and 6.15 print it. */
static void test_who_draws(void **state)
{
	struct uses_host *f = *state;

	uses_made(f, VGA, "drm", "drm/card0");
	uses_made(f, SATA, "drm", "drm/card1");
	support_put(f->dir, "/sys/kernel/debug/dri/0/clients",
		"             command  tgid dev master a   uid      magic\n"
		"      systemd-logind   610   0   n    y     0          0\n"
		"         gnome shell  1812   0   y    y  1000          1\n"
		"   \n");
	support_put(f->dir, "/sys/kernel/debug/dri/1/clients",
		"             command  tgid dev master a   uid      magic                 name id\n"
		"                Xorg 31812   1   y    y     0          0              <unset>  "
		"5\n");
	uses_scan(f);
	uses_only(f, USE_SCREEN, VGA, SATA, NULL);
	uses_says(f, VGA, USE_SCREEN, "gnome shell (process 1812) draws the screen on it");
	uses_says(f, SATA, USE_SCREEN, "Xorg (process 31812) draws the screen on it");
	assert_int_equal(uses_count(f, VGA, USE_SCREEN), 1);
}

/* Before a driver of the card is there: a platform device draws, in the card's memory. */
static void test_firmware_picture(void **state)
{
	struct uses_host *f = *state;

	support_put(f->dir, "/proc/iomem",
		"00000000-00000000 : System RAM\n"
		"00000000-00000000 : PCI Bus 0000:00\n"
		"  00000000-00000000 : PCI Bus 0000:02\n"
		"    00000000-00000000 : " NVME "\n"
		"      00000000-00000000 : nvme\n"
		"  00000000-00000000 : 0000:00:14.0\n"
		"    00000000-00000000 : BOOTFB\n"
		"  00000000-00000000 : simpledrm\n");
	uses_scan(f);
	uses_only(f, USE_BOOT_DISPLAY, VGA, USB, NULL);
	uses_says(f, USB, USE_BOOT_DISPLAY, "the picture that the firmware left is in its memory");
}

static void elsewhere_connected(struct uses_host *f, const char *card, const char *device)
{
	_cleanup_free_ char *below = NULL, *name = NULL, *status = NULL;

	assert_true(asprintf(&name, "%s-Unknown-1", card) > 0);
	assert_true(asprintf(&below, "platform/%s/drm/%s/%s", device, card, name) > 0);
	assert_true(asprintf(&status, "/sys/class/drm/%s/status", name) > 0);
	uses_made_elsewhere(f, "drm", name, below);
	support_put(f->dir, status, "connected\n");
}

/* Until Linux 6.9 a platform device of no parent: no screen beside those of PCI devices. */
static void test_firmware_connector(void **state)
{
	struct uses_host *f = *state;

	elsewhere_connected(f, "card0", "simple-framebuffer.0");
	elsewhere_connected(f, "card1", "efi-framebuffer.0");
	uses_scan(f);
	uses_only(f, USE_SCREEN, NULL);
	assert_int_equal(f->machine->elsewhere, 0);
}

/* A display of the board's own is one. */
static void test_screen_of_no_pci_device(void **state)
{
	struct uses_host *f = *state;

	elsewhere_connected(f, "card0", "fe4b0000.display");
	uses_scan(f);
	assert_true(f->machine->elsewhere & 1u << USE_SCREEN);
}

#define KEYBOARD "10000 7 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n"
#define MOUSE    "1f0000 0 0 0 0\n"

static void test_keyboards(void **state)
{
	struct uses_host *f = *state;

	uses_made(f, USB, "input", "usb1/1-3/1-3:1.0/0003:046D.1/input/input7");
	support_put(f->dir, "/sys/class/input/input7/capabilities/key", KEYBOARD);
	support_put(f->dir, "/sys/class/input/input7/name", "Logitech K120\n");
	uses_made(f, SATA, "input", "usb1/1-4/input/input8");
	support_put(f->dir, "/sys/class/input/input8/capabilities/key", MOUSE);
	support_put(f->dir, "/sys/class/input/input8/capabilities/rel", "1943\n");
	/* Headset buttons, and the keys of a power button. */
	uses_made(f, NVME, "input", "sound/card0/input9");
	support_put(f->dir, "/sys/class/input/input9/capabilities/key", "10000000000000 0\n");
	/* A remote control has digits and no letters. */
	uses_made(f, NVME, "input", "rc/rc0/input10");
	support_put(f->dir, "/sys/class/input/input10/capabilities/key", "ffe\n");
	uses_scan(f);
	uses_only(f, USE_INPUT, USB, NULL);
	uses_says(f, USB, USE_INPUT, "keyboard Logitech K120");
	uses_only(f, USE_POINTER, SATA, NULL);
	assert_int_equal(f->machine->elsewhere, 0);
}

static void test_keyboard_of_a_laptop(void **state)
{
	struct uses_host *f = *state;

	uses_made_elsewhere(f, "input", "input3", "platform/i8042/serio0/input/input3");
	support_put(f->dir, "/sys/class/input/input3/capabilities/key", KEYBOARD);
	uses_made_elsewhere(f, "input", "input4", "virtual/input/input4");
	support_put(f->dir, "/sys/class/input/input4/capabilities/key", KEYBOARD);
	uses_scan(f);
	uses_only(f, USE_INPUT, NULL);
	assert_true(f->machine->elsewhere & 1u << USE_INPUT);
}

static void bluetooth_keyboard(struct uses_host *f)
{
	uses_made_elsewhere(
		f, "input", "input9", "virtual/misc/uhid/0005:046D:B342.0003/input/input9");
	support_put(f->dir, "/sys/class/input/input9/capabilities/key", KEYBOARD);
	support_put(f->dir, "/sys/class/input/input9/name", "K380\n");
}

/* BlueZ's: below no device, and gone with the adapter. */
static void test_keyboard_over_bluetooth(void **state)
{
	struct uses_host *f = *state;

	bluetooth_keyboard(f);
	uses_made(f, USB, "bluetooth", "usb1/1-9/bluetooth/hci0");
	uses_made(f, USB, "bluetooth", "usb1/1-9/bluetooth/hci0/hci0:256");
	uses_made(f, NIC, "bluetooth", "usb3/3-1/bluetooth/hci1");
	/* What programs make up has no adapter. */
	uses_made_elsewhere(f, "input", "input8", "virtual/misc/uhid/0003:1.2/input/input8");
	support_put(f->dir, "/sys/class/input/input8/capabilities/key", KEYBOARD);
	uses_scan(f);
	uses_only(f, USE_INPUT, USB, NIC, NULL);
	uses_says(f, USB, USE_INPUT, "keyboard K380 over Bluetooth");
	assert_int_equal(uses_count(f, USB, USE_INPUT), 1);
	assert_int_equal(f->machine->elsewhere, 0);
}

static void test_keyboard_over_serial_bluetooth(void **state)
{
	struct uses_host *f = *state;

	bluetooth_keyboard(f);
	uses_made_elsewhere(f, "bluetooth", "hci0", "platform/serial8250/bluetooth/hci0");
	uses_scan(f);
	uses_only(f, USE_INPUT, NULL);
	assert_true(f->machine->elsewhere & 1u << USE_INPUT);
}

static void test_serial_console(void **state)
{
	struct uses_host *f = *state;

	uses_made(f, USB, "tty", "tty/ttyS4");
	uses_made(f, SATA, "tty", "tty/ttyS5");
	uses_made_elsewhere(f, "tty", "console", "virtual/tty/console");
	support_put(f->dir, "/sys/class/tty/console/active", "tty0 ttyS4\n");
	support_put(f->dir, "/proc/cmdline", "console=ttyS5,115200n8 console=../x quiet\n");
	uses_scan(f);
	uses_only(f, USE_SERIAL_CONSOLE, USB, SATA, NULL);
	uses_says(f, SATA, USE_SERIAL_CONSOLE, "the kernel's serial console is on ttyS5");
}

static void test_services(void **state)
{
	struct uses_host *f = *state;

	uses_made(f, SATA, "tpm", "spi0/tpm/tpm0");
	uses_made(f, SATA, "watchdog", "iTCO_wdt/watchdog/watchdog0");
	support_put(f->dir, "/sys/class/watchdog/watchdog0/state", "active\n");
	uses_made(f, USB, "bluetooth", "usb1/1-9/bluetooth/hci0");
	uses_link(f->dir, "/sys/bus/thunderbolt/devices/0-0",
		"../../../devices/pci0000:00/0000:00:1c.0/" NVME "/domain0/0-0");
	uses_link(f->dir, "/sys/bus/thunderbolt/devices/0-1",
		"../../../devices/pci0000:00/0000:00:1c.0/" NVME "/domain0/0-0/0-1");
	support_put(f->dir, "/sys/bus/pci/devices/" NVME "/domain0/0-0/0-1/device_name", "Dock\n");
	uses_scan(f);
	uses_only(f, USE_SERVICE, SATA, USB, NVME, NULL);
	uses_says(f, SATA, USE_SERVICE, "the TPM (tpm0)");
	uses_says(f, SATA, USE_SERVICE, "the watchdog (watchdog0, running)");
	uses_says(f, USB, USE_SERVICE, "Bluetooth (hci0)");
	uses_says(f, NVME, USE_SERVICE, "a Thunderbolt device is connected (Dock)");
	assert_int_equal(uses_count(f, NVME, USE_SERVICE), 1);
}

/* ---- guests and programs -------------------------------------------------------------------- */

static void given(struct uses_host *f)
{
	_cleanup_free_ char *path = NULL;

	support_put(f->dir, "/facts",
		"title t\nsource s\niommu yes\nunits dmar0\n"
		"0000:01:00.0 10de:1b80 - 030000 09 12 vfio-pci\n"
		"0000:01:00.1 10de:10f0 - 040300 09 12 vfio-pci\n"
		"0000:01:00.2 10de:10f1 - 0c0330 09 12 xhci_hcd\n"
		"0000:05:00.0 10de:1b80 - 030000 09 13 nvidia\n");
	assert_true(asprintf(&path, "%s/facts", f->dir) > 0);
	assert_int_equal(mktree_machine(path, f->dir), 0);
}

static void qemu(struct uses_host *f, const char *pid, const char *comm)
{
	static const char line[] = "qemu-system-x86_64\0-name\0guest=win10,debug-threads=on\0-S";
	_cleanup_free_ char *name = NULL, *path = NULL;
	FILE *file;

	assert_true(asprintf(&name, "/proc/%s/comm", pid) > 0);
	support_put(f->dir, name, comm);
	assert_true(asprintf(&path, "%s/proc/%s/cmdline", f->dir, pid) > 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(line, 1, sizeof(line), file), sizeof(line));
	assert_int_equal(fclose(file), 0);
}

static void test_running_guests(void **state)
{
	struct uses_host *f = *state;

	given(f);
	uses_link(f->dir, "/proc/4711/fd/21", "/dev/vfio/12");
	uses_link(f->dir, "/proc/4711/fd/22", "/dev/vfio/12");
	uses_link(f->dir, "/proc/4711/fd/23", "/dev/vfio/vfio");
	uses_link(f->dir, "/proc/4711/fd/24", "/dev/vfio/../../etc");
	qemu(f, "4711", "qemu-system-x86\n");
	/* iommufd: the node is of one device. */
	uses_made(f, "0000:05:00.0", "vfio-dev", "vfio-dev/vfio3");
	uses_link(f->dir, "/proc/4712/fd/9", "/dev/vfio/devices/vfio3");
	support_put(f->dir, "/proc/4712/comm", "cloud-hyp\n");
	uses_scan(f);
	uses_only(f, USE_GUEST, "0000:01:00.0", "0000:01:00.1", "0000:05:00.0", NULL);
	uses_says(f, "0000:01:00.1", USE_GUEST, "QEMU guest win10 (process 4711) has it open");
	uses_says(f, "0000:05:00.0", USE_GUEST, "cloud-hyp (process 4712) has it open");
	assert_false(uses_is_unknown(f, "guests", ""));
}

/* Disks that nothing of is mounted: by their nodes, whose links are resolved. */
static void test_open_disks(void **state)
{
	struct uses_host *f = *state;

	uses_stacked(f, "dm-5", "253:5", "sdb", NULL);
	support_put(f->dir, "/sys/devices/virtual/block/dm-5/dm/name", "vg-vm1\n");
	support_put(f->dir, "/sys/devices/virtual/block/dm-5/dm/uuid", "LVM-x\n");
	support_put(f->dir, "/run/udev/data/b8:0", "E:ID_FS_TYPE=ntfs\n");
	qemu(f, "4711", "kvm\n");
	uses_link(f->dir, "/proc/4711/fd/11", "/dev/dm-5");
	uses_link(f->dir, "/proc/4711/fd/12", "/dev/sda");
	uses_link(f->dir, "/proc/4711/fd/13", "/dev/sda");
	support_put(f->dir, "/proc/812/comm", "ceph-osd\n");
	uses_link(f->dir, "/proc/812/fd/3", "/dev/nvme0n1");
	/* Nodes of no disk, and no nodes at all. */
	support_put(f->dir, "/dev/sdz", "");
	uses_link(f->dir, "/proc/812/fd/4", "/dev/sdz");
	uses_link(f->dir, "/proc/812/fd/5", "/dev/shm/sdz (deleted)");
	uses_link(f->dir, "/proc/812/fd/6", "/srv/dev/sdz");
	uses_link(f->dir, "/proc/812/fd/7", "/dev/");
	uses_mounts(f, "");
	uses_only(f, USE_GUEST, SATA, NULL);
	uses_says(f, SATA, USE_GUEST,
		"QEMU guest win10 (process 4711) has sdb through LVM `vg-vm1` open");
	uses_says(f, SATA, USE_GUEST, "QEMU guest win10 (process 4711) has sda open");
	assert_int_equal(uses_count(f, SATA, USE_GUEST), 2);
	uses_only(f, USE_PROGRAM, NVME, NULL);
	uses_says(f, NVME, USE_PROGRAM, "ceph-osd (process 812) has nvme0n1 open");
	/* The host has no use of it, and who takes the controller takes that too. */
	uses_says(f, SATA, USE_IDLE_DISK, "sda holds ntfs, not mounted");
}

/* A vGPU: its group has no PCI function, and the card is with the host's driver. */
static void test_guest_with_a_mediated_device(void **state)
{
#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
	struct uses_host *f = *state;

	support_put(f->dir, "/sys/devices/pci0000:00/" VGA "/" UUID "/uevent", "");
	uses_link(f->dir, "/sys/kernel/iommu_groups/45/devices/" UUID,
		"../../../../devices/pci0000:00/" VGA "/" UUID);
	uses_link(f->dir, "/proc/4711/fd/21", "/dev/vfio/45");
	support_put(f->dir, "/proc/4711/comm", "qemu-system-x86\n");
	uses_scan(f);
	uses_only(f, USE_GUEST, VGA, NULL);
	uses_says(f, VGA, USE_GUEST,
		"qemu-system-x86 (process 4711) has it open, by its mediated device " UUID);
}

static void test_programs(void **state)
{
	struct uses_host *f = *state;

	given(f);
	uses_made(f, "0000:05:00.0", "drm", "drm/card1");
	uses_made(f, "0000:05:00.0", "drm", "drm/renderD129");
	uses_link(f->dir, "/proc/900/fd/5", "/dev/dri/renderD129");
	support_put(f->dir, "/proc/900/comm", "Xorg\n");
	uses_link(f->dir, "/proc/901/fd/5", "/dev/nvidia0");
	support_put(f->dir, "/proc/901/comm", "ollama\n");
	support_put(f->dir, "/proc/driver/nvidia/gpus/0000:05:00.0/information",
		"Model: \t\t NVIDIA\nDevice Minor: \t 0\n");
	uses_made(f, "0000:01:00.1", "sound", "sound/card0");
	support_put(
		f->dir, "/proc/asound/card0/pcm3p/sub0/status", "state: RUNNING\nowner_pid: 5\n");
	uses_made(f, "0000:01:00.2", "sound", "sound/card1");
	support_put(f->dir, "/proc/asound/card1/pcm3p/sub0/status", "closed\n");
	uses_scan(f);
	uses_only(f, USE_PROGRAM, "0000:05:00.0", "0000:01:00.1", NULL);
	uses_says(f, "0000:05:00.0", USE_PROGRAM, "Xorg (process 900) has it open");
	uses_says(f, "0000:05:00.0", USE_PROGRAM, "ollama (process 901) has it open");
	uses_says(f, "0000:01:00.1", USE_PROGRAM, "sound is running (card0)");
}

static void test_libvirt(void **state)
{
	struct uses_host *f = *state;

	given(f);
	support_put(f->dir, "/etc/libvirt/qemu/win10.xml",
		"<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE.\n-->\n"
		"<domain type='kvm'>\n  <name>win10</name>\n"
		"  <!-- <source><address domain='0' bus='0x05' slot='0x00' "
		"function='0x0'/></source> -->\n"
		"  <devices>\n    <disk type='file'><source file='/x.img'/>\n"
		"    <address type='pci' domain='0x0000' bus='0x05' slot='0x00' "
		"function='0x0'/></disk>\n"
		"    <hostdev mode='subsystem' type='pci' managed='yes'>\n"
		"      <driver name='vfio'/>\n      <source>\n"
		"        <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>\n"
		"      </source>\n"
		"      <address type='pci' domain='0x0000' bus='0x05' slot='0x00' "
		"function='0x0'/>\n"
		"    </hostdev>\n  </devices>\n</domain>\n");
	support_put(f->dir, "/etc/libvirt/qemu/networks/default.xml", "<network/>\n");
	support_put(f->dir, "/etc/libvirt/qemu/broken.xml",
		"<name>x</name><source><address bus='0x01' slot='");
	uses_scan(f);
	uses_only(f, USE_CLAIMED, "0000:01:00.0", NULL);
	uses_says(f, "0000:01:00.0", USE_CLAIMED,
		"libvirt's guest win10 is given it (/etc/libvirt/qemu/win10.xml)");
}

/* ---- what is not known ---------------------------------------------------------------------- */

static void test_nothing_is_known(void **state)
{
	static const char *const what[] = {"disks", "data on disks not in use", "network",
		"screens", "keyboards and other parts", "guests", "programs"};
	struct uses_host *f = *state;
	struct str text = {0};

	uses_scan(f);
	for (size_t i = 0; i < ARRAY_SIZE(what); i++)
		if (!uses_is_unknown(f, what[i], ""))
			fail_msg("%s is not unknown", what[i]);
	assert_true(uses_is_unknown(f, "disks", "/proc/self/mountinfo: No such file"));
	machine_unknown(f->machine, &text);
	assert_non_null(strstr(text.s, "guests, programs (/proc"));
	str_free(&text);
}

/* The live system's mounts say nothing about a saved machine, whatever their numbers. */
static void test_foreign_sysfs(void **state)
{
	struct uses_host *f = *state;
	_cleanup_free_ char *sysfs = NULL;
	struct error err = {0};
	struct stat st;
	char path[64];

	assert_true(asprintf(&sysfs, "%s/sys", f->dir) > 0);
	assert_int_equal(stat("/", &st), 0);
	(void)snprintf(
		path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	uses_link(f->dir, path, "../../class/block/sdb");
	assert_int_equal(root_open("/", sysfs, &f->root, &err), 0);
	if (machine_scan(f->root, MACHINE_USES, &f->machine, &err) < 0)
		fail_msg("%s", err.text);
	uses_only(f, USE_ROOT_DISK, NULL);
	uses_only(f, USE_NETWORK, NULL);
	uses_only(f, USE_BOOT_DISPLAY, VGA, NULL);
	assert_true(uses_is_unknown(f, "disks", "another machine"));
	assert_true(uses_is_unknown(f, "guests", "another machine"));
}

/* A rescue system looks at the machine's own hardware for a system that does not run: its own network and
 * programs are not that one's, and what is in LUKS or LVM may not be open. */
static void test_a_system_that_does_not_run(void **state)
{
	static const char *const what[] = {"network", "guests", "programs"};
	struct uses_host *f = *state;
	struct error err = {0};
	char path[600];

	support_put(f->dir, "/mnt/etc/fstab",
		"/dev/mapper/no-such-root / ext4 defaults 0 1\n"
		"UUID=of-no-disk /srv ext4 noauto 0 0\ntmpfs /tmp tmpfs defaults 0 0\n"
		"server:/x /x nfs defaults 0 0\n");
	snprintf(path, sizeof(path), "%s/mnt", f->dir);
	assert_int_equal(root_open(path, "/sys", &f->root, &err), 0);
	if (machine_scan(f->root, MACHINE_USES, &f->machine, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < ARRAY_SIZE(what); i++)
		if (!uses_is_unknown(f, what[i], "/mnt does not run now"))
			fail_msg("%s is not unknown", what[i]);
	assert_true(uses_is_unknown(
		f, "disks", "no device is known for /dev/mapper/no-such-root (/etc/fstab)"));
	assert_false(uses_is_unknown(f, "disks", "of-no-disk"));
	for (size_t i = 0; i < f->machine->n_unknown_uses; i++)
		assert_null(strstr(f->machine->unknown_uses[i].reason, "tmpfs"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, uses_setup, uses_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_screens),
		T(test_console_of_another_card),
		T(test_console_that_is_not_found),
		T(test_who_draws),
		T(test_firmware_picture),
		T(test_firmware_connector),
		T(test_screen_of_no_pci_device),
		T(test_keyboards),
		T(test_keyboard_of_a_laptop),
		T(test_keyboard_over_bluetooth),
		T(test_keyboard_over_serial_bluetooth),
		T(test_serial_console),
		T(test_services),
		T(test_running_guests),
		T(test_open_disks),
		T(test_guest_with_a_mediated_device),
		T(test_programs),
		T(test_libvirt),
		T(test_nothing_is_known),
		T(test_foreign_sysfs),
		T(test_a_system_that_does_not_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
