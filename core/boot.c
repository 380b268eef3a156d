#include "core/boot.h"

#include "core/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EFIVARS "/sys/firmware/efi/efivars/"
#define LOADER_GUID "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"      /* systemd-boot(7) */

const struct boot_kind boot_loader_kinds[] = {
	{BOOT_UNKNOWN, "unknown", "not known", false, false},
	{BOOT_OTHER, "other", "another boot loader", false, false},
	{BOOT_GRUB_D, "grub.d", "GRUB (/etc/default/grub.d)", true, false},
	{0},
};

const struct boot_kind boot_initramfs_kinds[] = {
	{INITRAMFS_UNKNOWN, "unknown", "not known", false, false},
	{INITRAMFS_OTHER, "other", "another generator", false, false},
	{INITRAMFS_TOOLS, "initramfs-tools", "initramfs-tools", true, true},
	{INITRAMFS_DRACUT, "dracut", "dracut", true, true},
	{INITRAMFS_MKINITCPIO, "mkinitcpio", "mkinitcpio", true, true},
	{INITRAMFS_BOOSTER, "booster", "booster", true, false},
	{0},
};

static const struct boot_kind *find_kind(const struct boot_kind *table, int kind)
{
	for (const struct boot_kind *k = table; k->name; k++)
		if (k->kind == kind)
			return k;
	return table;
}

const struct boot_kind *boot_loader_kind(enum boot_loader kind)
{
	return find_kind(boot_loader_kinds, (int)kind);
}

const struct boot_kind *boot_initramfs_kind(enum initramfs kind)
{
	return find_kind(boot_initramfs_kinds, (int)kind);
}

const struct boot_kind *boot_kind_by_name(const struct boot_kind *table, const char *name)
{
	for (const struct boot_kind *k = table; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

/* What is known when the boot loader is asked for. */
struct boot {
	const struct root *root;
	const char *packages;
	struct host *host;
	char loader[64];             /* LoaderInfo: the loader that really booted; "" unknown */
	bool grub_tools;             /* Debian's update-grub and grub-mkconfig */
};

static int found(struct detected *detected, int kind, const char *name, const char *evidence)
{
	detected->kind = kind;
	detected->name = name ? strdup(name) : NULL;
	detected->evidence = strdup(evidence);
	return detected->evidence && (!name || detected->name) ? 0 : -ENOMEM;
}

static int is_loader(struct boot *boot, enum boot_loader kind, const char *name,
	const char *evidence)
{
	boot->host->boot_loader = kind;
	return found(&boot->host->boot_loader_found, (int)kind, name, evidence);
}

/* A rescue system's loader says nothing about the one of the system that is being configured. */
static bool is_own_sysfs(const struct boot *boot)
{
	return root_is_live(boot->root) == root_sysfs_is_live(boot->root);
}

/* An EFI variable is four bytes of attributes and, here, UTF-16 text. */
static void read_loader(struct boot *boot)
{
	_cleanup_free_ char *raw = NULL;
	size_t len, n = 0;

	if (!is_own_sysfs(boot))
		return;
	if (root_read(boot->root, EFIVARS "LoaderInfo" LOADER_GUID, &raw, &len, NULL) < 0)
		return;
	for (size_t i = 4; i + 1 < len && n + 1 < sizeof(boot->loader); i += 2)
		if (raw[i] >= ' ' && raw[i] < 0x7f && !raw[i + 1])
			boot->loader[n++] = raw[i];
	boot->loader[n] = '\0';
}

static bool is_ostree(const struct boot *boot)
{
	return root_exists(boot->root, "/run/ostree-booted") ||
	       root_exists(boot->root, "/ostree/repo");
}

static bool is_nixos(const struct boot *boot)
{
	return base_same(boot->host->os_id, "nixos") || root_exists(boot->root, "/etc/NIXOS");
}

static bool is_proxmox_boot(const struct boot *boot)
{
	struct stat st;

	return root_stat(boot->root, "/etc/kernel/proxmox-boot-uuids", &st) == 0 && st.st_size > 0;
}

/* What other loaders leave: enough to doubt GRUB where nothing tells which one booted. */
static const char *other_loader(const struct boot *boot)
{
	static const char *const place[] = {
		"/boot/extlinux/extlinux.conf", "/boot/loader/loader.conf",
		"/boot/efi/loader/loader.conf", "/efi/loader/loader.conf",
		"/boot/refind_linux.conf", "/boot/limine.conf",
	};

	for (size_t i = 0; i < ARRAY_SIZE(place); i++)
		if (root_exists(boot->root, place[i]))
			return place[i];
	return NULL;
}

/* GRUB and extlinux put it there; systemd's loader entries have it taken out. */
static bool has_boot_image(const struct host *host)
{
	return base_starts(host->cmdline, "BOOT_IMAGE=") || strstr(host->cmdline, " BOOT_IMAGE=");
}

static int is_grub(struct boot *boot, const char *evidence)
{
	if (!host_is_debian(boot->host))
		return is_loader(boot, BOOT_OTHER, "GRUB", evidence);
	if (!boot->grub_tools)
		return is_loader(boot, BOOT_OTHER, "GRUB without update-grub", evidence);
	return is_loader(boot, BOOT_GRUB_D, "GRUB", evidence);
}

/* Nothing booted here that could be asked: an offline system, or a saved tree. */
static int guess_loader(struct boot *boot)
{
	const char *other = other_loader(boot);

	if (other)
		return is_loader(boot, BOOT_UNKNOWN, NULL, other);
	if (boot->grub_tools && root_exists(boot->root, "/boot/grub/grub.cfg"))
		return is_grub(boot,
			"/usr/sbin/update-grub and /boot/grub/grub.cfg, and no other loader; "
			"nothing tells which loader last started it");
	return is_loader(boot, BOOT_UNKNOWN, NULL, "no boot loader that can be told");
}

static int named_loader(struct boot *boot)
{
	char evidence[160];

	(void)snprintf(evidence, sizeof(evidence), "EFI variable LoaderInfo: %s", boot->loader);
	if (base_starts(boot->loader, "GRUB"))
		return is_grub(boot, evidence);
	return is_loader(boot, BOOT_OTHER, boot->loader, evidence);
}

static int loader_by_cmdline(struct boot *boot)
{
	const char *other = other_loader(boot);

	if (!has_boot_image(boot->host))
		return is_loader(boot, BOOT_UNKNOWN, NULL,
			"no BOOT_IMAGE= on the kernel command line, so GRUB did not start this kernel");
	if (other && base_starts(other, "/boot/extlinux"))
		return is_loader(boot, BOOT_UNKNOWN, NULL,
			"BOOT_IMAGE= on the kernel command line can be GRUB's or that of /boot/extlinux/extlinux.conf");
	return is_grub(boot, "BOOT_IMAGE= on the kernel command line");
}

/* First hit wins: from what proves itself to what only hints. */
static int find_loader(struct boot *boot)
{
	if (is_ostree(boot))
		return is_loader(boot, BOOT_OTHER, "ostree", "/run/ostree-booted or /ostree/repo");
	if (is_nixos(boot))
		return is_loader(boot, BOOT_OTHER, "NixOS", "ID=nixos or /etc/NIXOS");
	if (boot->host->proxmox_boot)
		return is_loader(boot, BOOT_OTHER, "proxmox-boot-tool",
			"/etc/kernel/proxmox-boot-uuids lists boot partitions");
	if (boot->loader[0])
		return named_loader(boot);
	if (is_own_sysfs(boot) && root_exists(boot->root, EFIVARS "StubInfo" LOADER_GUID))
		return is_loader(boot, BOOT_OTHER, "unified kernel image",
			"EFI variable StubInfo");
	return boot->host->cmdline ? loader_by_cmdline(boot) : guess_loader(boot);
}

static int is_initramfs(
	struct boot *boot, enum initramfs kind, const char *name, const char *evidence)
{
	boot->host->initramfs = kind;
	return found(&boot->host->initramfs_found, (int)kind, name, evidence);
}

/* Debian's dracut has an update-initramfs of its own from version 112 on, so the package decides,
 * and without a package list what the script calls. */
static int find_initramfs(struct boot *boot)
{
	static const char script[] = "/usr/sbin/update-initramfs";
	_cleanup_free_ char *text = NULL;

	if (root_read_text(boot->root, script, &text, NULL) == -ENOMEM)
		return -ENOMEM;
	if (host_package(boot->packages, "dracut", NULL, 0))
		return is_initramfs(
			boot, INITRAMFS_DRACUT, "dracut", "package dracut is installed");
	if (text && host_package(boot->packages, "initramfs-tools", NULL, 0))
		return is_initramfs(boot, INITRAMFS_TOOLS, "initramfs-tools",
			"package initramfs-tools is installed; /usr/sbin/update-initramfs");
	if (text && !boot->packages && strstr(text, "mkinitramfs"))
		return is_initramfs(boot, INITRAMFS_TOOLS, "initramfs-tools",
			"/usr/sbin/update-initramfs calls mkinitramfs");
	if (root_exists(boot->root, "/usr/bin/dracut"))
		return is_initramfs(boot, INITRAMFS_DRACUT, "dracut", "/usr/bin/dracut");
	if (root_exists(boot->root, "/usr/bin/mkinitcpio"))
		return is_initramfs(
			boot, INITRAMFS_MKINITCPIO, "mkinitcpio", "/usr/bin/mkinitcpio");
	return is_initramfs(
		boot, INITRAMFS_UNKNOWN, NULL, "no initramfs generator that can be told");
}

/* Systems that are refused, each with what to do instead. */
static const char *refusal(const struct boot *boot)
{
	const struct host *host = boot->host;

	if (host->container == YES)
		return "This is a container: it does not own the machine's devices or its boot. "
		       "Run vfio-wizard on the host.";
	if (is_nixos(boot))
		return "NixOS builds its boot from configuration.nix, which overwrites other changes. "
		       "Set there boot.kernelParams, boot.initrd.kernelModules = [ \"vfio_pci\" ] and "
		       "boot.extraModprobeConfig, then run nixos-rebuild boot.";
	if (is_ostree(boot))
		return "This is an ostree system, whose kernel command line belongs to its "
		       "deployments. Use rpm-ostree kargs --append-if-missing=vfio-pci.ids=... and "
		       "--append-if-missing=intel_iommu=on, then reboot.";
	if (!host->os_id)
		return "There is no /etc/os-release, so the distribution is unknown. Name the root "
		       "directory of a system with --root.";
	if (!host_is_debian(host))
		return "This distribution is not of the Debian family, the only one that is "
		       "configured so far. By hand: vfio-pci.ids=... on the kernel command line, "
		       "vfio_pci in the initramfs, and a softdep in /etc/modprobe.d.";
	return NULL;
}

int boot_scan(const struct root *root, const char *packages, struct host *host)
{
	struct boot boot = {.root = root, .packages = packages, .host = host};
	const char *refused;
	int r;

	boot.grub_tools = root_exists(root, "/usr/sbin/update-grub") &&
			  root_exists(root, "/usr/sbin/grub-mkconfig");
	host->proxmox_boot = is_proxmox_boot(&boot);
	read_loader(&boot);
	r = find_loader(&boot);
	if (r == 0)
		r = find_initramfs(&boot);
	refused = refusal(&boot);
	if (r == 0 && refused && !(host->unsupported = strdup(refused)))
		r = -ENOMEM;
	return r;
}
