/* Boot loader, initramfs generator, and whether such a system is supported. */
#ifndef CORE_BOOT_H
#define CORE_BOOT_H

#include "core/machine.h"

/* What is known of a kind.  Tables end with name NULL; the first entry is the unknown one. */
struct boot_kind {
	int kind;                    /* enum boot_loader or enum initramfs */
	const char *name;            /* for the choice file and --boot-loader, --initramfs: "grub" */
	const char *title;           /* for a person */
	bool is_set_up;              /* a target changes it: core/targets */
	bool binds_early;            /* initramfs: vfio-bind runs in it, before the host's drivers load */
	const char *take_out; /* boot loader: how a person takes a kernel parameter out; NULL: in
				 its configuration */
};
extern const struct boot_kind boot_loader_kinds[], boot_initramfs_kinds[];
const struct boot_kind *boot_kind_of(const struct boot_kind *table, int kind); /* never NULL */
const struct boot_kind *boot_loader_kind(enum boot_loader kind);
const struct boot_kind *boot_initramfs_kind(enum initramfs kind);
bool boot_loader_is_by_hand(enum boot_loader kind);    /* told what to add to it, never edited */
/* For a sentence: how a person takes a kernel parameter out of its configuration. */
const char *boot_loader_take_out(enum boot_loader kind);
/* NULL: no such name. */
const struct boot_kind *boot_kind_by_name(const struct boot_kind *table, const char *name);

/* Where GRUB's generator and what it makes may be, for root_first(). */
extern const char *const boot_grub_mkconfig[], *const boot_grub_menus[];

/* For host.c.  Fills host->boot_loader, initramfs, what was found, proxmox_boot and refusal, from the rest of
 * *host.
 * packages: the text of /var/lib/dpkg/status, NULL: there is none. */
int boot_scan(const struct root *root, const char *packages, struct host *host);

/* For host.c, after boot_scan() and the kernels.  kernels[].next goes to the one that the boot loader is set
 * to start, where that is written down by name; else it stays the newest. */
int boot_next(const struct root *root, struct machine *machine);

#endif
