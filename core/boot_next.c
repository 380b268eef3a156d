/* Which kernel boots next: the one that the boot loader's default names. */
#include "core/boot_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The value behind a key at the beginning of a line, and blanks or '='. */
static bool value_of(const char *text, const char *key, char *buf, size_t size)
{
	size_t n = strlen(key);

	*buf = '\0';
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) != 0 || !strchr(" \t=", line[n]))
			continue;
		line += n + strspn(line + n, " \t=");
		(void)snprintf(buf, size, "%.*s", (int)strcspn(line, "\r\n"), line);
	}
	return *buf;
}

/* Of drop-ins, where GRUB reads any, the last one counts: there proxmox-boot-tool pins a kernel. */
static int grub_default(const struct root *root, bool drop_ins, char *buf, size_t size)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = boot_setting(root, "/etc/default/grub", "GRUB_DEFAULT", buf, size);

	if (r == 0 && drop_ins && root_list(root, "/etc/default/grub.d", &names) == -ENOMEM)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		const char *end = strrchr(names.v[i], '.');
		char path[320], set[256];

		if (!end || strcmp(end, ".cfg") != 0)
			continue;
		(void)snprintf(path, sizeof(path), "/etc/default/grub.d/%s", names.v[i]);
		r = boot_setting(root, path, "GRUB_DEFAULT", set, sizeof(set));
		if (*set)
			(void)snprintf(buf, size, "%s", set);
	}
	return r;
}

/* GRUB_DEFAULT= is a title, an id or a number; "saved" is what grub-set-default or the last boot
 * left, and grub-reboot's word goes before all. */
static int by_grub(const struct root *root, bool drop_ins, struct str *ret)
{
	static const char *const files[] = {"/boot/grub/grubenv", "/boot/grub2/grubenv"};
	char set[256], entry[512] = "";
	int r = grub_default(root, drop_ins, set, sizeof(set));

	for (size_t i = 0; r == 0 && !*entry && i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL;

		r = root_read_optional(root, files[i], &text);
		if (text && !value_of(text, "next_entry", entry, sizeof(entry)) &&
			strcmp(set, "saved") == 0)
			(void)value_of(text, "saved_entry", entry, sizeof(entry));
	}
	str_add(ret, *entry ? entry : set);
	return r;
}

/* An entry by its file name, from wherever the boot partition is. */
static int add_entry(const struct root *root, const char *name, struct str *ret)
{
	static const char *const places[] = {"/efi", "/boot", "/boot/efi"};
	int r = 0;

	for (size_t i = 0; r == 0 && !ret->len && i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *text = NULL;
		char path[512];

		if (snprintf(path, sizeof(path), "%s/loader/entries/%s", places[i], name) >=
			(int)sizeof(path))
			continue;
		r = root_read_optional(root, path, &text);
		if (text)
			str_add(ret, text);
	}
	return r;
}

static int by_systemd_boot(const struct root *root, struct str *ret)
{
	static const char *const files[] = {"/efi/loader/loader.conf", "/boot/loader/loader.conf",
		"/boot/efi/loader/loader.conf"};
	char entry[256];
	int r = boot_variable(root, "LoaderEntryOneShot", entry, sizeof(entry));

	if (r == 0 && !*entry)
		r = boot_variable(root, "LoaderEntryDefault", entry, sizeof(entry));
	for (size_t i = 0; r == 0 && !*entry && i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL;

		r = root_read_optional(root, files[i], &text);
		if (text)
			(void)value_of(text, "default", entry, sizeof(entry));
	}
	return r < 0 || !*entry || strchr(entry, '/') ? r : add_entry(root, entry, ret);
}

/* proxmox-boot-tool kernel pin KERNEL, with --next-boot for one boot. */
static int by_proxmox(const struct root *root, struct str *ret)
{
	static const char *const pins[] = {
		"/etc/kernel/next-boot-pin", "/etc/kernel/proxmox-boot-pin"};
	int r = 0;

	for (size_t i = 0; r == 0 && !ret->len && i < ARRAY_SIZE(pins); i++) {
		_cleanup_free_ char *text = NULL;

		r = root_read_optional(root, pins[i], &text);
		if (text)
			str_add(ret, text);
	}
	return r;
}

/* The deployment with the highest number is the default. */
static int by_ostree(const struct root *root, struct str *ret)
{
	_cleanup_(strv_free) struct strv names = {0};
	const char *last = NULL;

	if (root_list(root, "/boot/loader/entries", &names) == -ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; i < names.n; i++)
		if (base_starts(names.v[i], "ostree-") &&
			(!last || strverscmp(last, names.v[i]) < 0))
			last = names.v[i];
	return last ? add_entry(root, last, ret) : 0;
}

/* Arch's images are named after the package: "linux /vmlinuz-linux-lts". */
static bool names_package(const struct root *root, const char *version, const char *text)
{
	char path[512], base[128], image[160];
	const char *at;

	if (snprintf(path, sizeof(path), "/lib/modules/%s/pkgbase", version) >= (int)sizeof(path) ||
		root_attr(root, path, base, sizeof(base)) <= 0)
		return false;
	(void)snprintf(image, sizeof(image), "/vmlinuz-%s", base);
	at = strstr(text, image);
	return at && strchr(" \t\r\n", at[strlen(image)]);
}

static void mark(const struct root *root, struct machine *machine, const char *text)
{
	struct kernel *best = NULL;

	for (size_t i = 0; i < machine->n_kernels; i++) {
		struct kernel *k = &machine->kernels[i];

		if ((strstr(text, k->version) || names_package(root, k->version, text)) &&
			(!best || strlen(k->version) > strlen(best->version)))
			best = k;
	}
	for (size_t i = 0; best && i < machine->n_kernels; i++)
		machine->kernels[i].next = &machine->kernels[i] == best;
}

int boot_next(const struct root *root, struct machine *machine)
{
	enum boot_loader loader = machine->host.boot_loader;
	_cleanup_(str_free) struct str text = {0};
	int r = 0;

	if (loader == BOOT_OSTREE)
		r = by_ostree(root, &text);
	else if (loader == BOOT_KERNEL_INSTALL || loader == BOOT_ENTRIES)
		r = by_systemd_boot(root, &text);
	else if (loader == BOOT_GRUB_D || loader == BOOT_GRUB || loader == BOOT_GRUB_BLS ||
		 loader == BOOT_PBL)
		r = by_grub(root, loader == BOOT_GRUB_D, &text);
	else if (loader == BOOT_PROXMOX)
		r = by_proxmox(root, &text);
	if (r == 0)
		r = str_check(&text);
	if (r == 0 && text.len)
		mark(root, machine, text.s);
	return r;
}
