/* The script vfio-bind, run by real shells on a small tree that stands for /sys and /etc. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base.h"
#include "tests/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIPT "core/targets/vfio-bind.sh"
#define CARD   "0000:04:00.0"
#define TWIN   "0000:01:00.0"
#define IDS    "8086:10d3:8086:0000"

static char dir[] = "/tmp/vfio-bind-XXXXXX";

static char *path(const char *name)
{
	static char buf[4][512];
	static unsigned next;
	char *p = buf[next++ % ARRAY_SIZE(buf)];

	(void)snprintf(p, sizeof(buf[0]), "%s/%s", dir, name);
	return p;
}

static void put(const char *name, const char *text)
{
	char *file = path(name);
	FILE *f;

	for (char *slash = strchr(file + sizeof(dir), '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(file, 0755);
		*slash = '/';
	}
	f = fopen(file, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void assert_file(const char *name, const char *expected)
{
	char text[512] = "";
	FILE *f = fopen(path(name), "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	(void)fclose(f);
	assert_string_equal(text, expected);
}

static int run(const char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int said = open(path("said"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

		(void)dup2(said, 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void put_device(const char *address, const char *device_id)
{
	static const char *const names[] = {
		"vendor", "device", "subsystem_vendor", "subsystem_device"};
	const char *values[] = {"0x8086\n", device_id, "0x8086\n", "0x0000\n"};
	char name[256];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(name, sizeof(name), "sys/devices/%s/%s", address, names[i]);
		put(name, values[i]);
	}
	(void)snprintf(name, sizeof(name), "sys/devices/%s/driver_override", address);
	put(name, "(null)\n");
	(void)snprintf(name, sizeof(name), "sys/devices/%s/iommu_group", address);
	put(name, "");
}

/* The script with its fixed places moved into the scratch directory. */
static void put_script(void)
{
	FILE *f = fopen(SCRIPT, "r");
	_cleanup_(str_free) struct str out = {0};
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (base_starts(line, "modprobe="))
			str_addf(&out, "modprobe=%s/modprobe\n", dir);
		else if (base_starts(line, "config="))
			str_addf(&out, "config=%s/config\n", dir);
		else if (base_starts(line, "cmdline="))
			str_addf(&out, "cmdline=%s/cmdline\n", dir);
		else if (base_starts(line, "snapshots="))
			str_addf(&out, "snapshots=%s/snapshots\n", dir);
		else if (base_starts(line, "pci="))
			str_addf(&out, "pci=%s/sys\n", dir);
		else
			str_add(&out, line);
	}
	(void)fclose(f);
	put("vfio-bind", out.s);
}

/* modprobe writes down how it was called and whether the override was there by then. */
static void put_modprobe(int status)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		"#!/bin/sh\necho \"$@\" >%s/called\ncat %s/sys/devices/" CARD
		"/driver_override >%s/seen\nexit %d\n",
		dir, dir, dir, status);
	put("modprobe", text);
	assert_int_equal(chmod(path("modprobe"), 0755), 0);
}

static int set_up(void **state)
{
	const char *clean[] = {"rm", "-rf", path("sys/devices"), NULL};

	(void)state;
	assert_int_equal(run(clean), 0);
	put_script();
	put_modprobe(0);
	put_device(CARD, "0x10d3\n");
	put_device(TWIN, "0x10d3\n");
	put("sys/drivers_probe", "");
	put("sys/drivers/vfio-pci/bind", "");
	put("called", "");
	put("cmdline", "BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 ro quiet singleton\n");
	(void)unlink(path("sys/drivers/vfio-pci/" CARD));
	put("config", "# Written by vfio-wizard.\nDEVICES=\"" CARD "=" IDS "\"\nOPTIONS=\"\"\n");
	return 0;
}

static const char *const *const shells[] = {
	(const char *const[]){"dash", NULL},
	(const char *const[]){"bash", "--posix", NULL},
	(const char *const[]){"busybox", "sh", NULL},
};

/* Runs the script with the arguments under one shell. */
static int bind_with(const char *const *shell, const char *a, const char *b)
{
	const char *argv[8];
	size_t n = 0;

	while (shell[n]) {
		argv[n] = shell[n];
		n++;
	}
	argv[n++] = path("vfio-bind");
	argv[n++] = a;
	argv[n++] = b;
	argv[n] = NULL;
	return run(argv);
}

#define FOR_EACH_SHELL(s)                                                                          \
	for (size_t i_ = 0; i_ < ARRAY_SIZE(shells) && ((s) = shells[i_]) && set_up(state) == 0;   \
		i_++)

static void early_sets_the_override_before_vfio_pci_loads(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		assert_int_equal(bind_with(shell, "--early", "disable_idle_d3=1"), 0);
		assert_file("seen", "vfio-pci\n");
		assert_file("called", "--ignore-install vfio-pci disable_idle_d3=1\n");
		assert_file("sys/devices/" CARD "/driver_override", "vfio-pci\n");
		assert_file("sys/devices/" TWIN "/driver_override", "(null)\n");
	}
}

static void early_gives_everything_back_if_vfio_pci_may_not_load(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		put_modprobe(1);
		assert_int_equal(bind_with(shell, "--early", NULL), 1);
		assert_file("sys/devices/" CARD "/driver_override", "\n");
		assert_file("sys/drivers_probe", CARD "\n");
	}
}

/* Only what vfio-pci has; and not so that its ids= take it again at once. */
static void what_was_bound_is_given_back(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		assert_int_equal(bind_with(shell, "--give-back", NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "(null)\n");
		put("sys/drivers/vfio-pci/" CARD, "");
		put("sys/devices/" CARD "/driver/unbind", "");
		put("sys/devices/" CARD "/uevent", "");
		assert_int_equal(bind_with(shell, "--give-back", NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "\n");
		assert_file("sys/devices/" CARD "/driver/unbind", CARD "\n");
		assert_file("sys/devices/" CARD "/uevent", "add\n");
		assert_file("sys/drivers/vfio-pci/remove_id", "8086 10d3 8086 0000\n");
		assert_file("sys/drivers_probe", CARD "\n");
	}
}

static void another_card_at_the_address_is_left_alone(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		put_device(CARD, "0x10d4\n");
		assert_int_equal(bind_with(shell, "--early", NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "(null)\n");
		assert_int_equal(bind_with(shell, CARD "=" IDS, NULL), 1);
		assert_file("sys/devices/" CARD "/driver_override", "(null)\n");
		assert_file("sys/drivers_probe", "");
	}
}

static void without_a_group_the_device_stays_with_the_host(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		(void)unlink(path("sys/devices/" CARD "/iommu_group"));
		assert_int_equal(bind_with(shell, "--early", NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "(null)\n");
	}
}

static void a_recovery_boot_binds_nothing(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		put("cmdline", "BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 ro single dis_ucode_ldr\n");
		assert_int_equal(bind_with(shell, "--early", "ids=8086:10d3"), 0);
		assert_file("sys/devices/" CARD "/driver_override", "(null)\n");
		assert_file("called", "--ignore-install vfio-pci ids=8086:10d3 ids=\n");
		assert_int_equal(bind_with(shell, CARD "=" IDS, NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "(null)\n");
	}
}

/* Fedora's rescue entry has no other word. */
static void a_boot_of_the_rescue_kernel_binds_nothing(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		put("cmdline", "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-0-rescue-4f3c root=UUID=1-2 ro rhgb "
			       "quiet\n");
		assert_int_equal(bind_with(shell, CARD "=" IDS, NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "(null)\n");
	}
}

static void late_fails_and_gives_back_what_vfio_pci_does_not_take(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		assert_int_equal(bind_with(shell, CARD "=" IDS, NULL), 1);
		assert_file("sys/devices/" CARD "/driver_override", "\n");
		assert_file("sys/drivers_probe", CARD "\n");
	}
}

static void late_leaves_a_bound_device_as_it_is(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		put("sys/drivers/vfio-pci/" CARD, "");
		assert_int_equal(bind_with(shell, CARD "=" IDS, NULL), 0);
		assert_file("sys/drivers_probe", "");
		assert_file("called", "vfio-pci\n");
	}
}

static void nonsense_names_no_path(void **state)
{
	static const char *const bad[] = {"../../etc/passwd=1:2:3:4", "=", "", "0000:04:00.0",
		"; reboot", "$(reboot)=1:2:3:4"};
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
			assert_int_equal(bind_with(shell, bad[i], NULL), 1);
		put("config", "DEVICES=\"$(touch /tmp/x) `id` ../..=1:2:3:4\"\nDEVICES=\n\n\\");
		assert_int_equal(bind_with(shell, "--early", NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "(null)\n");
	}
}

/* The two cards of the tree as the kernel shows them, each below a port: buses are links there. */
static void put_slots(const char *card_port, const char *twin_port)
{
	static const char *const addresses[] = {CARD, TWIN};
	const char *ports[] = {card_port, twin_port};
	const char *clean[] = {"rm", "-rf", path("sys/devices"), path("real"), NULL};

	assert_int_equal(run(clean), 0);
	put("sys/devices/x", "");
	assert_int_equal(unlink(path("sys/devices/x")), 0);
	for (size_t i = 0; i < 2; i++) {
		char name[256], to[512];

		(void)snprintf(name, sizeof(name), "sys/devices/%s", addresses[i]);
		put_device(addresses[i], "0x10d3\n");
		(void)snprintf(to, sizeof(to), "%s/real/pci0000:00/%s", dir, ports[i]);
		{
			const char *make[] = {"mkdir", "-p", to, NULL};
			const char *move[] = {"mv", path(name), to, NULL};

			assert_int_equal(run(make), 0);
			assert_int_equal(run(move), 0);
		}
		(void)snprintf(
			to, sizeof(to), "%s/real/pci0000:00/%s/%s", dir, ports[i], addresses[i]);
		assert_int_equal(symlink(to, path(name)), 0);
	}
}

/* Runs the late half and returns what it said. */
static const char *said_by(const char *const *shell, int status)
{
	static char text[1024];
	char command[1024], words[128] = "";
	const char *argv[] = {"sh", "-c", command, NULL};
	FILE *f;

	for (size_t i = 0; shell[i]; i++)
		(void)snprintf(
			words + strlen(words), sizeof(words) - strlen(words), "%s ", shell[i]);
	(void)snprintf(command, sizeof(command), "%s%s %s=%s >%s 2>&1", words, path("vfio-bind"),
		CARD, IDS, path("said"));
	assert_int_equal(run(argv), status);
	f = fopen(path("said"), "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	(void)fclose(f);
	return text;
}

#define PLACED(place)                                                                              \
	"# Written by vfio-wizard.\nDEVICES=\"" CARD "=" IDS "\"\nOPTIONS=\"\"\nPLACES=\"" CARD    \
	"=" place "\"\n"

static void of_identical_cards_only_the_one_in_the_chosen_slot_is_bound(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		put("config", PLACED("0000:00:1c.0/00.0"));
		put_slots("0000:00:1c.0", "0000:00:1d.0");
		assert_int_equal(bind_with(shell, "--early", NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "vfio-pci\n");
		/* Buses were numbered anew: the twin is at the address, the card at the twin's. */
		put_slots("0000:00:1d.0", "0000:00:1c.0");
		assert_int_equal(bind_with(shell, "--early", NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "(null)\n");
		assert_file("sys/devices/" TWIN "/driver_override", "(null)\n");
		support_says(said_by(shell, 1), "it is now at " TWIN "; nothing is bound");
		/* The twin is another model: then there is no doubt. */
		put("real/pci0000:00/0000:00:1c.0/" TWIN "/device", "0x1521\n");
		assert_int_equal(bind_with(shell, "--early", NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "vfio-pci\n");
	}
}

static void identical_cards_that_are_both_chosen_may_change_places(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		put("config", "DEVICES=\"" CARD "=" IDS " " TWIN "=" IDS "\"\nPLACES=\"" CARD
			      "=0000:00:1c.0/00.0,3 " TWIN "=0000:00:1d.0/00.0\"\n");
		put_slots("0000:00:1d.0", "0000:00:1c.0");
		assert_int_equal(bind_with(shell, "--early", NULL), 0);
		assert_file("sys/devices/" CARD "/driver_override", "vfio-pci\n");
		assert_file("sys/devices/" TWIN "/driver_override", "vfio-pci\n");
	}
}

static void where_a_card_went_is_said(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		put("config", PLACED("0000:00:1c.0/00.0,21"));
		put_slots("0000:00:1c.0", "0000:00:1d.0/0000:05:00.0/0000:06:01.0");
		put_device(CARD, "0x1521\n");
		support_says(said_by(shell, 1), "its ids are now at " TWIN "; nothing is bound");
		assert_file("sys/devices/" TWIN "/driver_override", "(null)\n");
		put("config", PLACED("0000:00:1d.0/00.0/01.0/00.0,21"));
		support_says(said_by(shell, 1),
			CARD ": found 8086:1521:8086:0000 where " IDS
			     " was chosen, it is now at " TWIN "; nothing is bound");
		assert_int_equal(unlink(path("sys/devices/" CARD)), 0);
		support_says(said_by(shell, 1), "no device there, it is now at " TWIN);
		/* A card that was chosen itself has not come from elsewhere. */
		put("config", "DEVICES=\"" CARD "=" IDS " " TWIN "=" IDS "\"\n");
		support_says(said_by(shell, 1), "no device there; nothing is bound");
	}
}

static void another_group_is_said_and_bound(void **state)
{
	const char *const *shell;

	FOR_EACH_SHELL(shell)
	{
		const char *text;

		put("config", PLACED("0000:00:1c.0/00.0,21"));
		put_slots("0000:00:1c.0", "0000:00:1d.0");
		assert_int_equal(unlink(path("sys/devices/" CARD "/iommu_group")), 0);
		put("groups/17/type", "DMA\n");
		assert_int_equal(
			symlink(path("groups/17"), path("sys/devices/" CARD "/iommu_group")), 0);
		put("sys/drivers/vfio-pci/" CARD, "");
		text = said_by(shell, 0);
		support_says(text, "group was 21 and is 17 now");
	}
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	const char *argv[] = {"rm", "-rf", dir, NULL};

	(void)state;
	return run(argv);
}

/* The newest change counts, by its number, but for one that went back by itself; its configuration
 * may be gone already. */
static void an_interrupted_change_is_said(void **state)
{
	static const struct {
		const char *first, *second, *said;
	} cases[] = {
		{"complete\n", "complete\n", "vfio-bind: no device is chosen\n"},
		{"complete\n", "rolled-back", "vfio-bind: no device is chosen\n"},
		{"pending\n", "complete\n", "vfio-bind: no device is chosen\n"},
		{"pending\n", "rolled-back",
			"vfio-bind: change 20261122-000000-9 was cut short: run vfio-wizard "
			"recover\nvfio-bind: no device is chosen\n"},
		{"complete\n", "pending\n",
			"vfio-bind: change 20200101-000000-10 was cut short: run vfio-wizard "
			"recover\nvfio-bind: no device is chosen\n"},
	};

	(void)state;
	put("snapshots/new/state", "pending\n");
	put("snapshots/a-b-c/state", "pending\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t k = 0; k < ARRAY_SIZE(shells); k++) {
			put("snapshots/20261122-000000-9/state", cases[i].first);
			put("snapshots/20200101-000000-10/state", cases[i].second);
			assert_int_equal(bind_with(shells[k], NULL, NULL), 1);
			assert_file("said", cases[i].said);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(early_sets_the_override_before_vfio_pci_loads),
		cmocka_unit_test(early_gives_everything_back_if_vfio_pci_may_not_load),
		cmocka_unit_test(what_was_bound_is_given_back),
		cmocka_unit_test(a_boot_of_the_rescue_kernel_binds_nothing),
		cmocka_unit_test(another_card_at_the_address_is_left_alone),
		cmocka_unit_test(without_a_group_the_device_stays_with_the_host),
		cmocka_unit_test(a_recovery_boot_binds_nothing),
		cmocka_unit_test(late_fails_and_gives_back_what_vfio_pci_does_not_take),
		cmocka_unit_test(late_leaves_a_bound_device_as_it_is),
		cmocka_unit_test(nonsense_names_no_path),
		cmocka_unit_test(of_identical_cards_only_the_one_in_the_chosen_slot_is_bound),
		cmocka_unit_test(identical_cards_that_are_both_chosen_may_change_places),
		cmocka_unit_test(where_a_card_went_is_said),
		cmocka_unit_test(another_group_is_said_and_bound),
		cmocka_unit_test(an_interrupted_change_is_said),
	};

	return cmocka_run_group_tests_name("vfio-bind", tests, make_dir, remove_dir);
}
