/* Screens: what the firmware and the console draw on, and where monitors are. */
#include "core/usage_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* has_console: whether the card with the console is told already, this one or another. */
static int find_firmware(struct usage *usage, bool has_console)
{
	for (size_t i = 0; i < usage->machine->n_devices; i++)
		if (usage->machine->devices[i].boot_vga &&
			usage_tell(usage, &usage->machine->devices[i], USE_BOOT_DISPLAY,
				has_console ? "the firmware's screen"
					    : "the firmware's screen, and the console") < 0)
			return -ENOMEM;
	return 0;
}

/* Who draws without a driver of the card: efifb, vesafb, simplefb, simpledrm, efidrm, and what the
 * kernel itself keeps free for them (BOOTFB). */
static bool is_firmware_picture(const char *name)
{
	static const char *const names[] = {
		"BOOTFB",
		"efifb",
		"vesafb",
		"simplefb",
		"simpledrm",
		"efidrm",
		"vesadrm",
		"simple-framebuffer",
		"efi-framebuffer",
		"vesa-framebuffer",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (base_starts(name, names[i]))
			return true;
	return false;
}

/* Below such a platform device simpledrm has a connector until Linux 6.9, always connected: whose
 * memory it draws in, its path does not say. */
static bool is_of_firmware(const char *place)
{
	for (; (place = strchr(place, '/')); place++)
		if (is_firmware_picture(place + 1))
			return true;
	return false;
}

/* kernel/resource.c, r_show(): two blanks for each level, a range, " : ", the owner.  The owner's
 * names are there for everybody, the numbers for root only. */
static int find_picture(struct usage *usage)
{
	_cleanup_free_ char *text = NULL;
	const struct device *owner[8] = {0};
	char *rest, *line;
	int r = usage_read(usage, NULL, "/proc/iomem", &text);

	rest = text;
	while (r >= 0 && rest && (line = strsep(&rest, "\n"))) {
		size_t level = strspn(line, " ") / 2;
		const char *name = strstr(line, " : ");

		if (!name || level >= ARRAY_SIZE(owner))
			continue;
		name += 3;
		owner[level] = machine_device(usage->machine, name);
		if (!owner[level] && level)
			owner[level] = owner[level - 1];
		if (owner[level] && !device_is_bridge(owner[level]) && is_firmware_picture(name))
			r = usage_tell(usage, owner[level], USE_BOOT_DISPLAY,
				"the picture that the firmware left is in its memory");
	}
	return r;
}

/* The text console is on frame buffer 0 unless somebody moved it: fbcon's map begins there. */
static int find_console(struct usage *usage)
{
	char place[PATH_MAX], name[64], bound[8] = "";
	_cleanup_(strv_free) struct strv consoles = {0};
	int r = root_list(usage->root, "/sys/class/vtconsole", &consoles);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < consoles.n && strcmp(bound, "1") != 0; i++)
		if (strstr(usage_attr(usage, name, sizeof(name), "/sys/class/vtconsole/%s/name",
				   consoles.v[i]),
			    "frame buffer"))
			usage_attr(usage, bound, sizeof(bound), "/sys/class/vtconsole/%s/bind",
				consoles.v[i]);
	usage_place(usage, "/sys/class/graphics", "fb0", place);
	if (strcmp(bound, "1") != 0 || !*place)
		return 0;
	usage_attr(usage, name, sizeof(name), "%s/name", place);
	return usage_tell_path(usage, place, USE_BOOT_DISPLAY,
		"the console is shown on it (fb0, %s)", *name ? name : "unnamed");
}

/* Who draws on "card0", which only root may know: drivers/gpu/drm/drm_debugfs.c,
 * drm_clients_info(). Twenty columns of a command, which may have blanks; then "tgid dev master
 * ...". */
static int find_master(struct usage *usage, const char *card, const char *place)
{
	_cleanup_free_ char *text = NULL, *path = NULL;
	char *rest, *line;
	int r = 0;

	if (asprintf(&path, "/sys/kernel/debug/dri/%s/clients", card + strlen("card")) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = root_read_text(usage->root, path, &text, NULL);
	for (rest = text; r >= 0 && (line = strsep(&rest, "\n"));) {
		const int width = 20;
		unsigned pid;
		char master;

		if (strlen(line) <= (size_t)width ||
			sscanf(line + width, " %u %*u %c", &pid, &master) != 2 || master != 'y')
			continue;
		r = usage_tell_path(usage, place, USE_SCREEN,
			"%.*s (process %u) draws the screen on it", width - (int)strspn(line, " "),
			line + strspn(line, " "), pid);
	}
	return r == -ENOMEM ? r : 0;
}

/* "card0-HDMI-A-1" is a connector of card0; "card0" and "renderD128" are the card. */
static int each_drm(struct usage *usage, const char *name, const char *place)
{
	const char *connector = base_starts(name, "card") ? strchr(name, '-') : NULL;
	char status[32];

	if (base_starts(name, "card") && !connector)
		return find_master(usage, name, place);
	if (!connector || strstr(place, "/virtual/") ||
		strcmp(usage_attr(usage, status, sizeof(status), "%s/status", place),
			"connected") != 0)
		return 0;
	if (!usage_on_pci(usage, place) && !is_of_firmware(place))
		usage->machine->elsewhere |= 1u << USE_SCREEN;
	return usage_tell_path(
		usage, place, USE_SCREEN, "a monitor is connected (%s)", connector + 1);
}

int usage_display(struct usage *usage)
{
	int r = find_console(usage);

	if (r >= 0)
		r = find_firmware(usage, r > 0);
	if (r >= 0)
		r = usage_each(usage, USAGE_SCREEN, "/sys/class/drm", each_drm);
	return r < 0 || !usage->running ? r : find_picture(usage);
}
