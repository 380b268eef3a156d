/* What the files of a system say of each boot loader.  A file that lies there proves nothing: these
 * are the details of a loader that is proved, or candidates. */
#include "core/boot_private.h"

#include "core/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void boot_sign_free(struct boot_sign *sign)
{
	str_free(&sign->text);
}

static int done(const struct boot_sign *sign)
{
	return str_check(&sign->text);
}

/* The first name in a directory that ends so; "" where there is none. */
static int first_name(
	const struct boot *boot, const char *directory, const char *suffix, char *buf, size_t size)
{
	_cleanup_(strv_free) struct strv names = {0};

	*buf = '\0';
	if (root_list(boot->root, directory, &names) == -ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; !*buf && i < names.n; i++)
		if (base_ends(names.v[i], suffix))
			(void)snprintf(buf, size, "%s", names.v[i]);
	return 0;
}

/* ---- openSUSE ----------------------------------------------------------------------------- */

/* /etc/sysconfig/bootloader says what is installed, and so which tool keeps it. */
int boot_sign_suse(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	static const char *const pbl[] = {
		"/usr/sbin/update-bootloader", "/usr/bin/update-bootloader", NULL};
	static const char sdbootutil[] = "/usr/bin/sdbootutil";
	const char *tool = root_first(boot->root, pbl);
	char type[32];
	int r = boot_setting(
		boot->root, "/etc/sysconfig/bootloader", "LOADER_TYPE", type, sizeof(type));

	(void)entries;
	if (r < 0)
		return r;
	if (strcmp(type, "grub2-bls") == 0 || strcmp(type, "systemd-boot") == 0) {
		if (!root_exists(boot->root, sdbootutil))
			return 0;
		sign->kind = BOOT_SDBOOTUTIL;
		tool = sdbootutil;
	} else if (tool && (strcmp(type, "grub2") == 0 || strcmp(type, "grub2-efi") == 0)) {
		sign->kind = BOOT_PBL;
	} else {
		return 0;
	}
	str_addf(&sign->text, "LOADER_TYPE=%s in /etc/sysconfig/bootloader; %s", type, tool);
	return done(sign);
}

/* ---- GRUB --------------------------------------------------------------------------------- */

bool boot_sign_grub_is_installed(const struct boot *boot)
{
	return root_first(boot->root, boot_grub_mkconfig) &&
	       root_first(boot->root, boot_grub_menus);
}

/* Loader entries read by GRUB: Fedora and its kin, where grubby keeps them. */
static int sign_bls(const struct boot *boot, struct boot_sign *sign)
{
	static const char entries[] = "/boot/loader/entries";
	static const char *const grubby[] = {"/usr/bin/grubby", "/usr/sbin/grubby", NULL};
	const char *tool = root_first(boot->root, grubby);
	_cleanup_(strv_free) struct strv unread = {0};
	char enabled[16], name[256];
	bool on;
	int r = boot_setting(
		boot->root, "/etc/default/grub", "GRUB_ENABLE_BLSCFG", enabled, sizeof(enabled));

	if (r == 0)
		r = first_name(boot, entries, ".conf", name, sizeof(name));
	/* Where the setting is missing, the patched grub-mkconfig has it on. */
	on = strcmp(enabled, "true") == 0 || (!*enabled && tool);
	if (r < 0 || !on)
		return r;
	/* Only root may list them there. */
	if (!*name && root_list(boot->root, entries, &unread) != -EACCES)
		return 0;
	sign->kind = tool ? BOOT_GRUB_BLS : BOOT_OTHER;
	sign->name = tool ? NULL : "GRUB with loader entries and without grubby";
	str_addf(&sign->text, "%s%s%s%s", *enabled ? "GRUB_ENABLE_BLSCFG=true; " : "", entries,
		tool ? "; " : "", tool ? tool : "");
	return done(sign);
}

/* Debian's grub-mkconfig reads drop-ins; that is told by the script, not by the distribution. */
static int sign_mkconfig(const struct boot *boot, struct boot_sign *sign)
{
	const char *tool = root_first(boot->root, boot_grub_mkconfig);
	_cleanup_free_ char *script = NULL;
	bool drop_ins;

	if (tool && root_read_text(boot->root, tool, &script, NULL) == -ENOMEM)
		return -ENOMEM;
	drop_ins = script && strstr(script, "default/grub.d/");
	sign->kind = BOOT_OTHER;
	if (!tool) {
		sign->name = "GRUB without grub-mkconfig";
		str_add(&sign->text, "no grub-mkconfig");
	} else if (drop_ins && !root_exists(boot->root, "/usr/sbin/update-grub")) {
		sign->name = "GRUB without update-grub";
		str_add(&sign->text, "no /usr/sbin/update-grub");
	} else {
		sign->kind = drop_ins ? BOOT_GRUB_D : BOOT_GRUB;
		str_addf(&sign->text, "%s reads /etc/default/grub%s", tool,
			drop_ins ? ".d" : " and no drop-ins");
	}
	return done(sign);
}

int boot_sign_grub(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	int r = boot_sign_suse(boot, entries, sign);

	if (r == 0 && !sign->kind)
		r = sign_bls(boot, sign);
	if (r == 0 && !sign->kind)
		r = sign_mkconfig(boot, sign);
	return r;
}

/* ---- systemd-boot and unified kernel images ----------------------------------------------- */

bool boot_sign_systemd_boot_is_installed(const struct boot *boot)
{
	static const char *const paths[] = {
		"/efi/loader/loader.conf",
		"/boot/loader/loader.conf",
		"/boot/efi/loader/loader.conf",
		"/efi/EFI/systemd",
		"/boot/EFI/systemd",
		"/boot/efi/EFI/systemd",
		NULL,
	};

	return root_first(boot->root, paths);
}

/* These write the entries anew with each kernel or image, whoever edited them. */
static enum boot_loader by_tool(const struct boot *boot)
{
	if (root_exists(boot->root, "/usr/bin/kernelstub"))
		return BOOT_KERNELSTUB;
	return root_exists(boot->root, "/usr/bin/sdboot-manage") ? BOOT_SDBOOT_MANAGE
								 : BOOT_ENTRIES;
}

/* Entries come from a generator, or from a person. */
static void sign_entries(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	bool generator = root_exists(boot->root, "/usr/bin/kernel-install");

	if (entries->generated || entries->by_hand) {
		sign->kind = entries->generated && generator ? BOOT_KERNEL_INSTALL : by_tool(boot);
		str_add(&sign->text, entries->evidence.s);
		if (boot_loader_is_by_hand(sign->kind))
			str_addf(&sign->text, "; /usr/bin/%s", boot_loader_kind(sign->kind)->name);
	} else if (generator && host_package(boot->packages, "systemd-boot", NULL, 0)) {
		/* It has hooks that run kernel-install; the entries themselves may be for root
		 * only. */
		sign->kind = BOOT_KERNEL_INSTALL;
		str_add(&sign->text, "package systemd-boot is installed");
	}
}

int boot_sign_systemd_boot(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	int r;

	if (boot->host->proxmox_boot) {
		sign->kind = BOOT_PROXMOX;
		str_add(&sign->text, "/etc/kernel/proxmox-boot-uuids lists boot partitions");
		return done(sign);
	}
	r = boot_sign_suse(boot, entries, sign);
	if (r < 0 || sign->kind == BOOT_SDBOOTUTIL)
		return r;
	str_free(&sign->text);
	sign->kind = BOOT_UNKNOWN;
	sign_entries(boot, entries, sign);
	if (!sign->kind)
		r = boot_sign_uki(boot, entries, sign);
	if (r < 0 || sign->kind)
		return r < 0 ? r : done(sign);
	sign->kind = BOOT_OTHER;
	sign->name = "systemd-boot";
	str_add(&sign->text, entries->unreadable
				     ? "its entries can be read by root only"
				     : "no entry of this system in /efi, /boot or /boot/efi");
	return done(sign);
}

/* mkinitcpio makes one where a preset names it. */
static int sign_preset(const struct boot *boot, struct boot_sign *sign)
{
	static const char directory[] = "/etc/mkinitcpio.d";
	char name[128], path[256], image[256];
	int r = first_name(boot, directory, ".preset", name, sizeof(name));

	if (r < 0 || !*name)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	r = boot_setting(boot->root, path, "default_uki", image, sizeof(image));
	if (r == 0 && *image)
		str_addf(&sign->text, "default_uki= in %s", path);
	return r;
}

int boot_sign_uki(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	static const char *const places[] = {
		"/efi/EFI/Linux", "/boot/EFI/Linux", "/boot/efi/EFI/Linux"};
	char layout[32], name[256];
	int r = boot_setting(
		boot->root, "/etc/kernel/install.conf", "layout", layout, sizeof(layout));

	(void)entries;
	if (r == 0 && strcmp(layout, "uki") == 0)
		str_add(&sign->text, "layout=uki in /etc/kernel/install.conf");
	if (r == 0 && !sign->text.len)
		r = sign_preset(boot, sign);
	for (size_t i = 0; r == 0 && !sign->text.len && i < ARRAY_SIZE(places); i++) {
		r = first_name(boot, places[i], ".efi", name, sizeof(name));
		if (r == 0 && *name)
			str_addf(&sign->text, "%s/%s", places[i], name);
	}
	if (sign->text.len)
		sign->kind = BOOT_UKI;
	return r < 0 ? r : done(sign);
}

/* ---- the others --------------------------------------------------------------------------- */

static int sign_file(const struct boot *boot, struct boot_sign *sign, enum boot_loader kind,
	const char *const paths[])
{
	const char *file = root_first(boot->root, paths);

	if (!file)
		return 0;
	sign->kind = kind;
	str_add(&sign->text, file);
	return done(sign);
}

/* extlinux.conf is read by U-Boot and by EXTLINUX; Debian's u-boot-menu makes it. */
int boot_sign_extlinux(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	static const char *const paths[] = {"/boot/extlinux/extlinux.conf",
		"/boot/syslinux/syslinux.cfg", "/boot/extlinux.conf", NULL};
	static const char u_boot_update[] = "/usr/sbin/u-boot-update";

	(void)entries;
	if (!root_exists(boot->root, paths[0]) || !root_exists(boot->root, u_boot_update))
		return sign_file(boot, sign, BOOT_SYSLINUX, paths);
	sign->kind = BOOT_U_BOOT_MENU;
	str_addf(&sign->text, "%s; %s", u_boot_update, paths[0]);
	return done(sign);
}

int boot_sign_refind(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	static const char *const paths[] = {"/boot/refind_linux.conf",
		"/efi/EFI/refind/refind.conf", "/boot/EFI/refind/refind.conf",
		"/boot/efi/EFI/refind/refind.conf", NULL};

	(void)entries;
	return sign_file(boot, sign, BOOT_REFIND, paths);
}

int boot_sign_limine(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	static const char *const paths[] = {"/boot/limine.conf", "/boot/limine/limine.conf",
		"/boot/EFI/limine/limine.conf", "/efi/limine.conf", "/efi/EFI/limine/limine.conf",
		"/boot/efi/limine.conf", "/boot/efi/EFI/limine/limine.conf", NULL};

	(void)entries;
	return sign_file(boot, sign, BOOT_LIMINE, paths);
}
