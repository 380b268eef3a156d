/* Keyboards, mice, serial consoles, and parts of which a host has one: TPM, watchdog, Bluetooth,
 * Thunderbolt. */
#include "core/usage_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* linux/input-event-codes.h */
#define REL_X    0x00
#define REL_Y    0x01
#define ABS_X    0x00
#define ABS_Y    0x01
#define BTN_LEFT 0x110

#define BLUETOOTH "/sys/class/bluetooth"

/* A bit of a map as input_bits_to_string() prints it: words of the kernel's long, the highest
 * first. */
static bool has_bit(const char *map, unsigned bit)
{
	_cleanup_(strv_free) struct strv words = {0};
	const unsigned width = 8 * sizeof(long);
	uint64_t word;

	if (strv_split(&words, map, " ") < 0 || bit / width >= words.n)
		return false;
	return base_number(words.v[words.n - 1 - bit / width], 16, UINT64_MAX, &word) == 0 &&
	       word >> bit % width & 1;
}

/* The first row and the letters, as udev's input_id has it: a power button has keys too. */
static bool is_keyboard(const char *keys)
{
	for (unsigned key = 1; key < 32; key++)
		if (!has_bit(keys, key))
			return false;
	return true;
}

static int tell_at(struct usage *usage, const char *place, enum use_kind kind, const char *text)
{
	if (!usage_on_pci(usage, place))
		usage->machine->elsewhere |= 1u << kind;
	return usage_tell_path(usage, place, kind, "%s", text);
}

/* "hci0:256" is a connection of hci0. */
static bool is_adapter(const char *name)
{
	return !strchr(name, ':');
}

/* BlueZ makes keyboards and mice by uhid, BUS_BLUETOOTH of linux/input.h in their name: no adapter
 * is in their place, so it may be any that there is. */
static int tell_adapters(struct usage *usage, enum use_kind kind, const char *text)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(usage->root, BLUETOOTH, &names);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		char place[PATH_MAX];

		if (is_adapter(names.v[i]) && *usage_place(usage, BLUETOOTH, names.v[i], place))
			r = tell_at(usage, place, kind, text);
	}
	return r;
}

static int each_input(struct usage *usage, const char *name, const char *place)
{
	bool keyboard, pointer = false, bluetooth = strstr(place, "/misc/uhid/0005:");
	char keys[512], moves[64], label[128], text[256];
	enum use_kind kind;

	if (!base_starts(name, "input") || !name[strlen("input")] ||
		(strstr(place, "/virtual/") && !bluetooth))
		return 0;
	usage_attr(usage, keys, sizeof(keys), "%s/capabilities/key", place);
	keyboard = is_keyboard(keys);
	if (!keyboard && has_bit(keys, BTN_LEFT)) {
		usage_attr(usage, moves, sizeof(moves), "%s/capabilities/rel", place);
		pointer = has_bit(moves, REL_X) && has_bit(moves, REL_Y);
		usage_attr(usage, moves, sizeof(moves), "%s/capabilities/abs", place);
		pointer |= has_bit(moves, ABS_X) && has_bit(moves, ABS_Y);
	}
	if (!keyboard && !pointer)
		return 0;
	kind = keyboard ? USE_INPUT : USE_POINTER;
	usage_attr(usage, label, sizeof(label), "%s/name", place);
	(void)snprintf(text, sizeof(text), "%s %s%s", keyboard ? "keyboard" : "mouse",
		*label ? label : name, bluetooth ? " over Bluetooth" : "");
	return bluetooth ? tell_adapters(usage, kind, text) : tell_at(usage, place, kind, text);
}

static int add_consoles(const char *text, const char *before, struct strv *names)
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = strv_split(&words, text, " \t\n");

	for (size_t i = 0; r == 0 && i < words.n; i++)
		if (base_starts(words.v[i], before) && !strchr(words.v[i], '/')) {
			words.v[i][strcspn(words.v[i], ",")] = '\0';
			r = strv_add_unique(names, words.v[i] + strlen(before));
		}
	return r;
}

/* The consoles of the kernel, now and by its command line ("console=ttyS4,115200"). */
static int find_serial(struct usage *usage)
{
	_cleanup_(strv_free) struct strv names = {0};
	_cleanup_free_ char *cmdline = NULL;
	char active[256];
	int r;

	usage_attr(usage, active, sizeof(active), "/sys/class/tty/console/active");
	r = add_consoles(active, "", &names);
	if (r == 0 && usage->running)
		r = usage_read(usage, USAGE_INPUT, "/proc/cmdline", &cmdline);
	if (r == 0 && cmdline)
		r = add_consoles(cmdline, "console=", &names);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		char place[PATH_MAX];

		usage_place(usage, "/sys/class/tty", names.v[i], place);
		r = usage_tell_path(usage, place, USE_SERIAL_CONSOLE,
			"the kernel's serial console is on %s", names.v[i]);
	}
	return r;
}

static int each_tpm(struct usage *usage, const char *name, const char *place)
{
	return usage_tell_path(usage, place, USE_SERVICE, "the TPM (%s)", name);
}

static int each_watchdog(struct usage *usage, const char *name, const char *place)
{
	char state[16];
	bool active =
		strcmp(usage_attr(usage, state, sizeof(state), "%s/state", place), "active") == 0;

	return usage_tell_path(
		usage, place, USE_SERVICE, "the watchdog (%s%s)", name, active ? ", running" : "");
}

static int each_bluetooth(struct usage *usage, const char *name, const char *place)
{
	return is_adapter(name) ? usage_tell_path(usage, place, USE_SERVICE, "Bluetooth (%s)", name)
				: 0;
}

/* "0-0" is the host itself, "0-1" what is connected to it, "0-0:1.1" a retimer. */
static int each_thunderbolt(struct usage *usage, const char *name, const char *place)
{
	const char *port = strchr(name, '-');
	char label[128];

	if (!port || strcmp(port, "-0") == 0 || strpbrk(name, ":."))
		return 0;
	usage_attr(usage, label, sizeof(label), "%s/device_name", place);
	return usage_tell_path(usage, place, USE_SERVICE, "a Thunderbolt device is connected (%s)",
		*label ? label : name);
}

int usage_input(struct usage *usage)
{
	static const struct {
		const char *what, *directory;
		int (*each)(struct usage *usage, const char *name, const char *place);
	} classes[] = {
		{USAGE_INPUT, "/sys/class/input", each_input},
		{NULL, "/sys/class/tpm", each_tpm},
		{NULL, "/sys/class/watchdog", each_watchdog},
		{NULL, BLUETOOTH, each_bluetooth},
		{NULL, "/sys/bus/thunderbolt/devices", each_thunderbolt},
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(classes); i++)
		r = usage_each(usage, classes[i].what, classes[i].directory, classes[i].each);
	return r < 0 ? r : find_serial(usage);
}
