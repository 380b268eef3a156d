/* What the files of boot share; nobody else's. */
#ifndef CORE_BOOT_PRIVATE_H
#define CORE_BOOT_PRIVATE_H

#include "core/boot.h"

struct boot {
	const struct root *root;
	const char *packages; /* /var/lib/dpkg/status, NULL: there is none */
	struct host *host;
};

/* Which boot loader starts this system, and which others may: host->boot_loader, boot_loader_found,
 * boot_loader_others.  Fails only with -ENOMEM, like the next one. */
int boot_loader_scan(const struct boot *boot);
/* The same for the initramfs. */
int boot_initramfs_scan(const struct boot *boot);

/* A variable of the boot loader interface, as text; "" where there is none.  0 or -ENOMEM. */
int boot_variable(const struct root *root, const char *name, char *buf, size_t size);
bool boot_has_variables(const struct root *root); /* EFI variables can be seen */
/* The value in a file of KEY=VALUE lines; "" where it has none.  0 or -ENOMEM. */
int boot_setting(
	const struct root *root, const char *path, const char *key, char *buf, size_t size);
bool boot_is_nixos(const struct boot *boot);
bool boot_is_ostree(const struct boot *boot);
/* *to becomes that kind, with a name of its own or, where name is NULL, its kind's title.  The
 * unknown kind has no name. */
int boot_found(
	struct detected *to, const struct boot_kind *kind, const char *name, const char *evidence);
/* One candidate more, unless it is the one that was found, or there already. */
int boot_may_be(struct candidates *others, const struct detected *found,
	const struct boot_kind *kind, const char *evidence);
/* Candidate i is the one. */
void boot_adopt(struct candidates *others, size_t i, struct detected *found);

/* ---- boot_entries.c: loader entries of the Boot Loader Specification ----------------------- */

struct boot_entries {
	size_t generated, by_hand; /* of this system; where one is known to have booted, it alone */
	bool unreadable;           /* some can be read by root only */
	struct str evidence;       /* an entry of each make that was found */
};
/* selected: LoaderEntrySelected, the entry that booted; "" where that is not known. */
int boot_entries_read(const struct boot *boot, const char *selected, struct boot_entries *ret);
void boot_entries_free(struct boot_entries *entries);

/* ---- boot_sign.c: what files say of one boot loader ---------------------------------------- */

struct boot_sign {
	enum boot_loader kind; /* BOOT_UNKNOWN: nothing */
	const char *name;      /* static, where the kind's title does not say it; else NULL */
	struct str text;       /* the evidence */
};
/* Each is 0 or -ENOMEM.  The first two are for a loader that is known to be there: which of the
 * ways to configure it this system has; their kind is never BOOT_UNKNOWN. */
int boot_sign_grub(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign);
int boot_sign_systemd_boot(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign);
/* openSUSE's own word for it, in /etc/sysconfig/bootloader. */
int boot_sign_suse(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign);
int boot_sign_uki(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign);
int boot_sign_extlinux(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign);
int boot_sign_refind(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign);
int boot_sign_limine(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign);
bool boot_sign_grub_is_installed(const struct boot *boot);
bool boot_sign_systemd_boot_is_installed(const struct boot *boot);
void boot_sign_free(struct boot_sign *sign);

#endif
