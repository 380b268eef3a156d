#include "core/boot_private.h"

#include "core/edit_shell.h"
#include "core/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EFIVARS "/sys/firmware/efi/efivars"
#define GUID    "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f" /* systemd-boot(7) */

const struct boot_kind boot_loader_kinds[] = {
	{BOOT_UNKNOWN, "unknown", "not known", false, false, NULL},
	{BOOT_OTHER, "other", "another boot loader", false, false, NULL},
	{BOOT_GRUB_D, "grub.d", "GRUB with drop-ins in /etc/default/grub.d", true, false,
		"in /etc/default/grub or a file in /etc/default/grub.d, then update-grub"},
	{BOOT_GRUB, "grub", "GRUB with /etc/default/grub", true, false,
		"in /etc/default/grub, then grub-mkconfig, as this system has it"},
	{BOOT_GRUB_BLS, "grub-bls", "GRUB with loader entries, by grubby", true, false,
		"with grubby --update-kernel=ALL --remove-args=PARAMETER"},
	{BOOT_PBL, "update-bootloader", "GRUB, by update-bootloader", true, false,
		"in /etc/default/grub, then update-bootloader --config"},
	{BOOT_SDBOOTUTIL, "sdbootutil", "loader entries, by sdbootutil", true, false,
		"in /etc/kernel/cmdline, then sdbootutil update-all-entries"},
	{BOOT_KERNEL_INSTALL, "kernel-install", "systemd-boot, entries by kernel-install", true,
		false, "in /etc/kernel/cmdline, then kernel-install add for every kernel"},
	{BOOT_ENTRIES, "entries", "systemd-boot, entries written by hand", true, false,
		"in the line options of every entry in loader/entries"},
	{BOOT_UKI, "uki", "unified kernel images", true, false,
		"where the images get their command line from, then build them anew"},
	{BOOT_PROXMOX, "proxmox", "systemd-boot, by proxmox-boot-tool", true, false,
		"in /etc/kernel/cmdline, then proxmox-boot-tool refresh"},
	{BOOT_OSTREE, "ostree", "deployments of rpm-ostree", true, false,
		"with rpm-ostree kargs --delete=PARAMETER"},
	{BOOT_U_BOOT_MENU, "u-boot-menu", "U-Boot, by u-boot-menu", true, false,
		"in /etc/default/u-boot or /etc/kernel/cmdline, then u-boot-update"},
	{BOOT_KERNELSTUB, "kernelstub", "systemd-boot, by kernelstub", false, false,
		"with kernelstub --delete-options PARAMETER"},
	{BOOT_SDBOOT_MANAGE, "sdboot-manage", "systemd-boot, by sdboot-manage", false, false,
		"in /etc/sdboot-manage.conf, then sdboot-manage gen"},
	{BOOT_REFIND, "refind", "rEFInd", false, false, NULL},
	{BOOT_LIMINE, "limine", "Limine", false, false, NULL},
	{BOOT_SYSLINUX, "syslinux", "SYSLINUX or EXTLINUX", false, false, NULL},
	{0},
};

const char *const boot_grub_mkconfig[] = {"/usr/bin/grub-mkconfig", "/usr/sbin/grub-mkconfig",
	"/usr/bin/grub2-mkconfig", "/usr/sbin/grub2-mkconfig", NULL};
const char *const boot_grub_menus[] = {"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg",
	"/efi/grub/grub.cfg", "/boot/efi/grub/grub.cfg", NULL};

const struct boot_kind boot_initramfs_kinds[] = {
	{INITRAMFS_UNKNOWN, "unknown", "not known", false, false, NULL},
	{INITRAMFS_OTHER, "other", "another generator", false, false, NULL},
	{INITRAMFS_TOOLS, "initramfs-tools", "initramfs-tools", true, true, NULL},
	{INITRAMFS_DRACUT, "dracut", "dracut", true, true, NULL},
	{INITRAMFS_MKINITCPIO, "mkinitcpio", "mkinitcpio", true, true, NULL},
	{INITRAMFS_BOOSTER, "booster", "booster", true, false, NULL},
	{INITRAMFS_OSTREE, "ostree", "that of the ostree deployment", true, false, NULL},
	{0},
};

const struct boot_kind *boot_kind_of(const struct boot_kind *table, int kind)
{
	for (const struct boot_kind *k = table; k->name; k++)
		if (k->kind == kind)
			return k;
	return table;
}

const struct boot_kind *boot_loader_kind(enum boot_loader kind)
{
	return boot_kind_of(boot_loader_kinds, (int)kind);
}

const struct boot_kind *boot_initramfs_kind(enum initramfs kind)
{
	return boot_kind_of(boot_initramfs_kinds, (int)kind);
}

const char *boot_loader_take_out(enum boot_loader kind)
{
	const char *how = boot_loader_kind(kind)->take_out;

	return how ? how : "in the boot loader's own configuration";
}

bool boot_loader_is_by_hand(enum boot_loader kind)
{
	return kind >= BOOT_KERNELSTUB;
}

const struct boot_kind *boot_kind_by_name(const struct boot_kind *table, const char *name)
{
	for (const struct boot_kind *k = table; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

/* A rescue system's loader says nothing about the one of the system that is being configured. */
static bool is_own_sysfs(const struct root *root)
{
	return root_runs(root) == root_sysfs_is_live(root);
}

/* Four bytes of attributes and, in these, UTF-16 text. */
int boot_variable(const struct root *root, const char *name, char *buf, size_t size)
{
	_cleanup_free_ char *raw = NULL;
	char path[128];
	size_t len, n = 0;
	int r;

	*buf = '\0';
	(void)snprintf(path, sizeof(path), EFIVARS "/%s" GUID, name);
	r = is_own_sysfs(root) ? root_read(root, path, &raw, &len, NULL) : -ENOENT;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 4; i + 1 < len && n + 1 < size; i += 2)
		if (raw[i] >= ' ' && raw[i] < 0x7f && !raw[i + 1])
			buf[n++] = raw[i];
	buf[n] = '\0';
	return 0;
}

bool boot_has_variables(const struct root *root)
{
	_cleanup_(strv_free) struct strv names = {0};

	return is_own_sysfs(root) && root_list(root, EFIVARS, &names) == 0 && names.n;
}

int boot_setting(const struct root *root, const char *path, const char *key, char *buf, size_t size)
{
	_cleanup_(strv_free) struct strv words = {0};
	_cleanup_free_ char *text = NULL;
	int r = root_read_text(root, path, &text, NULL);
	size_t n = 0;

	*buf = '\0';
	if (r == 0)
		r = edit_shell_read(path, text, key, &words, NULL);
	for (size_t i = 0; r > 0 && i < words.n && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? " " : "", words.v[i]);
	return r == -ENOMEM ? r : 0;
}

bool boot_is_nixos(const struct boot *boot)
{
	return base_same(boot->host->os_id, "nixos") || root_exists(boot->root, "/etc/NIXOS");
}

bool boot_is_ostree(const struct boot *boot)
{
	return root_exists(boot->root, "/run/ostree-booted") ||
	       root_exists(boot->root, "/ostree/repo");
}

int boot_found(
	struct detected *to, const struct boot_kind *kind, const char *name, const char *evidence)
{
	struct detected new = {.kind = kind->kind, .evidence = strdup(evidence)};

	if (!name && kind->kind)
		name = kind->title;
	new.name = name ? strdup(name) : NULL;
	if (!new.evidence || (name && !new.name)) {
		free(new.name);
		free(new.evidence);
		return -ENOMEM;
	}
	free(to->name);
	free(to->evidence);
	*to = new;
	return 0;
}

int boot_may_be(struct candidates *others, const struct detected *found,
	const struct boot_kind *kind, const char *evidence)
{
	int r;

	if (kind->kind == found->kind)
		return 0;
	for (size_t i = 0; i < others->n; i++)
		if (others->v[i].kind == kind->kind)
			return 0;
	if (base_grow(&others->v, others->n, sizeof(*others->v)) < 0)
		return -ENOMEM;
	r = boot_found(&others->v[others->n], kind, NULL, evidence);
	others->n += r == 0;
	return r;
}

void boot_adopt(struct candidates *others, size_t i, struct detected *found)
{
	free(found->name);
	free(found->evidence);
	*found = others->v[i];
	others->n--;
	memmove(&others->v[i], &others->v[i + 1], (others->n - i) * sizeof(*others->v));
}

/* Proxmox keeps kernels, images and the boot menu in step on the partitions that are listed here.
 */
static bool is_proxmox_boot(const struct root *root)
{
	struct stat st;

	return root_stat(root, "/etc/kernel/proxmox-boot-uuids", &st) == 0 && st.st_size > 0;
}

/* transactional-update makes its changes in a snapshot, in which / is writable. */
static bool is_transactional(const struct boot *boot)
{
	return root_exists(boot->root, "/usr/sbin/transactional-update") &&
	       host_root_is_read_only(boot->root);
}

static enum refusal refusal(const struct boot *boot)
{
	const struct host *host = boot->host;

	if (host->container == YES)
		return REFUSAL_CONTAINER;
	if (boot_is_nixos(boot))
		return REFUSAL_NIXOS;
	if (!host->os_id)
		return REFUSAL_NO_SYSTEM;
	if (boot_is_ostree(boot) && host->boot_loader != BOOT_OSTREE)
		return root_exists(boot->root, "/usr/bin/bootc") ? REFUSAL_BOOTC : REFUSAL_OSTREE;
	return is_transactional(boot) ? REFUSAL_TRANSACTIONAL : REFUSAL_NONE;
}

int boot_scan(const struct root *root, const char *packages, struct host *host)
{
	const struct boot boot = {.root = root, .packages = packages, .host = host};
	int r;

	host->proxmox_boot = is_proxmox_boot(root);
	r = boot_loader_scan(&boot);
	if (r == 0)
		r = boot_initramfs_scan(&boot);
	host->refusal = refusal(&boot);
	return r;
}
