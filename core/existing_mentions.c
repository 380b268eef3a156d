/* Files that load vfio's modules or bind devices in ways of their own: the person's, the recipe's,
 * and what other tools leave (vfio-pci-bind's rules, ProxMenux, quickpassthrough). */
#include "core/existing_private.h"

#include "core/choice.h"
#include "core/targets/target.h"

#include <errno.h>
#include <string.h>

/* Lines that mention the word, except our own.  1: there is one. */
static int note_mentions(struct existing *e, const char *text, const char *path, const char *word)
{
	bool ours = false, found = false;
	size_t number = 0;

	if (strstr(text, TARGET_MARK))
		return 0;
	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = strndup(text, n);

		if (!line)
			return -ENOMEM;
		number++;
		if (base_starts(line, "# vfio-wizard: ")) {
			ours = base_starts(line, "# vfio-wizard: begin");
		} else if (!ours && line[strspn(line, " \t")] != '#' && strstr(line, word)) {
			found = true;
			if (existing_note(e, "%s:%zu: %s", path, number, line) < 0)
				return -ENOMEM;
		}
		text += n + (text[n] == '\n');
	}
	return found;
}

static int module_list(struct existing *e, const char *text, const char *path)
{
	int r = note_mentions(e, text, path, "vfio");

	return r < 0 ? r : 0;
}

static int script(struct existing *e, const char *text, const char *path)
{
	int by_name = note_mentions(e, text, path, "vfio");
	int by_file = by_name < 0 ? by_name : note_mentions(e, text, path, "driver_override");

	if (by_file < 0)
		return by_file;
	e->scripts |= by_name || by_file;
	return 0;
}

/* Who may open /dev/vfio is another matter than who binds. */
static int udev_rules(struct existing *e, const char *text, const char *path)
{
	int by_name = note_mentions(e, text, path, "vfio-pci");
	int by_file = by_name < 0 ? by_name : note_mentions(e, text, path, "driver_override");

	if (by_file < 0)
		return by_file;
	e->scripts |= by_name || by_file;
	return 0;
}

/* cgroup_device_acl with group nodes: their numbers change with the hardware. */
static int qemu_conf(struct existing *e, const char *text, const char *path)
{
	int r = note_mentions(e, text, path, "\"/dev/vfio/");

	return r < 0 ? r : 0;
}

/* The recipe's own file, or one by hand: choice_load() leaves it alone. */
static int bind_config(struct existing *e, const char *text, const char *path)
{
	struct choice choice = {0};
	int r = strstr(text, TARGET_MARK) ? 0 : choice_parse(text, &choice, NULL);

	choice_free(&choice);
	if (r == -EINVAL)
		r = note_mentions(e, text, path, "DEVICES=");
	return r < 0 ? r : 0;
}

/* suffix NULL: one file.  Of one name, the file of an earlier directory hides the others. */
static const struct {
	const char *paths[5];
	const char *suffix;
	existing_handle handle;
} places[] = {
	{{"/etc/modules"}, NULL, module_list},
	{{TARGET_MODULES}, NULL, module_list},
	{{CHOICE_PATH}, NULL, bind_config},
	{{"/etc/libvirt/qemu.conf"}, NULL, qemu_conf},
	{{"/etc/modules-load.d", "/run/modules-load.d", "/usr/local/lib/modules-load.d",
		 "/usr/lib/modules-load.d"},
		".conf", module_list},
	{{"/etc/dracut.conf"}, NULL, module_list},
	{{"/etc/dracut.conf.d"}, ".conf", module_list},
	{{"/etc/udev/rules.d", "/run/udev/rules.d"}, ".rules", udev_rules},
	{{"/etc/initramfs-tools/scripts/init-top"}, "", script},
	{{"/etc/initcpio/hooks"}, "", script},
	{{"/etc/systemd/system"}, ".service", script},
	{{"/etc/rc.local"}, NULL, script},
};

static int scan_file(
	struct existing *e, const struct root *root, const char *path, existing_handle handle)
{
	_cleanup_free_ char *text = NULL;
	int r = existing_read_config(e, root, path, &text);

	return r > 0 ? handle(e, text, path) : r;
}

int existing_mentions(struct existing *e, const struct root *root)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++)
		r = places[i].suffix ? existing_read_directories(e, root, places[i].paths,
					       places[i].suffix, places[i].handle)
				     : scan_file(e, root, places[i].paths[0], places[i].handle);
	return r;
}
