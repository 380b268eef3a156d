/* Which boot loader starts a system: what proves itself first, then what its files suggest. */
#include "core/boot_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef int ask_fn(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign);

struct scan {
	const struct boot *boot;
	struct host *host;
	char loader[64], stub[64]; /* LoaderInfo, StubInfo: what really booted; "": unknown */
	struct boot_entries entries;
};

/* ---- what the loaders told ---------------------------------------------------------------- */

/* GRUB and SYSLINUX put it there; systemd's loader entries have it taken out. */
static bool has_boot_image(const struct host *host)
{
	return machine_has_word(host->cmdline, "BOOT_IMAGE=");
}

/* ---- what proves itself ------------------------------------------------------------------- */

static int is(struct scan *s, enum boot_loader kind, const char *name, const char *evidence)
{
	return boot_found(&s->host->boot_loader_found, boot_loader_kind(kind), name, evidence);
}

/* `proof` and `what` prove the loader; in which way it is configured here `ask` tells. */
static int proved(struct scan *s, const char *proof, const char *what, ask_fn *ask)
{
	_cleanup_(boot_sign_free) struct boot_sign sign = {0};
	_cleanup_(str_free) struct str text = {0};
	int r = ask(s->boot, &s->entries, &sign);

	if (r < 0)
		return r;
	str_addf(&text, "%s%s; %s", proof, what, sign.text.s);
	return str_check(&text) < 0 ? -ENOMEM : is(s, sign.kind, sign.name, text.s);
}

/* Each loader names itself so: GRUB's module bli, systemd's boot.c, Limine's bli.c. */
static int by_loader_info(struct scan *s)
{
	static const char proof[] = "EFI variable LoaderInfo: ";
	static const struct {
		const char *prefix;
		enum boot_loader kind;
	} loaders[] = {
		{"systemd-stub", BOOT_UKI},
		{"Limine", BOOT_LIMINE},
		{"rEFInd", BOOT_REFIND},
		{"", BOOT_OTHER},
	};
	char text[128];
	size_t i = 0;

	if (base_starts(s->loader, "GRUB"))
		return proved(s, proof, s->loader, boot_sign_grub);
	if (base_starts(s->loader, "systemd-boot"))
		return proved(s, proof, s->loader, boot_sign_systemd_boot);
	(void)snprintf(text, sizeof(text), "%s%s", proof, s->loader);
	while (!base_starts(s->loader, loaders[i].prefix))
		i++;
	return is(s, loaders[i].kind, loaders[i].kind == BOOT_OTHER ? s->loader : NULL, text);
}

static int by_cmdline(struct scan *s)
{
	static const char proxmox[] = "initrd=\\EFI\\proxmox\\";
	static const char line[] = " on the kernel command line";

	if (s->host->proxmox_boot && machine_has_word(s->host->cmdline, proxmox))
		return proved(s, proxmox, line, boot_sign_systemd_boot);
	if (!has_boot_image(s->host))
		return is(s, BOOT_UNKNOWN, NULL,
			"no BOOT_IMAGE= on the kernel command line, so GRUB did not start this "
			"kernel");
	/* Only SYSLINUX and its kin name the image as well. */
	if (machine_has_word(s->host->cmdline, "initrd="))
		return is(s, BOOT_SYSLINUX, NULL,
			"BOOT_IMAGE= and initrd= on the kernel command line");
	if (root_exists(s->boot->root, "/boot/extlinux/extlinux.conf"))
		return is(s, BOOT_UNKNOWN, NULL,
			"BOOT_IMAGE= on the kernel command line can be GRUB's or that of "
			"/boot/extlinux/extlinux.conf");
	return proved(s, "BOOT_IMAGE=", line, boot_sign_grub);
}

static int by_ostree(struct scan *s)
{
	bool tool = root_exists(s->boot->root, "/usr/bin/rpm-ostree");

	return is(s, tool ? BOOT_OSTREE : BOOT_OTHER, tool ? NULL : "ostree without rpm-ostree",
		tool ? "/run/ostree-booted or /ostree/repo; /usr/bin/rpm-ostree"
		     : "/run/ostree-booted or /ostree/repo; no /usr/bin/rpm-ostree");
}

/* First hit wins: from what proves itself to what only hints. */
static int prove(struct scan *s)
{
	char text[128];

	if (boot_is_ostree(s->boot))
		return by_ostree(s);
	if (boot_is_nixos(s->boot))
		return is(s, BOOT_OTHER, "NixOS", "ID=nixos or /etc/NIXOS");
	if (base_starts(s->stub, "systemd-stub") && !has_boot_image(s->host)) {
		(void)snprintf(text, sizeof(text), "EFI variable StubInfo: %s", s->stub);
		return is(s, BOOT_UKI, NULL, text);
	}
	/* The kernel's own stub gives a name where no loader left one. */
	if (*s->loader && !base_starts(s->loader, "Linux EFI stub"))
		return by_loader_info(s);
	if (s->host->cmdline)
		return by_cmdline(s);
	return is(s, BOOT_UNKNOWN, NULL, "nothing tells which boot loader starts this system");
}

/* ---- what else it may be ------------------------------------------------------------------ */

static int if_grub(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	return boot_sign_grub_is_installed(boot) ? boot_sign_grub(boot, entries, sign) : 0;
}

static int if_systemd_boot(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	return boot_sign_systemd_boot_is_installed(boot) || boot->host->proxmox_boot
		       ? boot_sign_systemd_boot(boot, entries, sign)
		       : 0;
}

/* Entries of both makes: the person may know better. */
static int other_entries(
	const struct boot *boot, const struct boot_entries *entries, struct boot_sign *sign)
{
	int found = boot->host->boot_loader_found.kind;

	if (found != BOOT_KERNEL_INSTALL || !entries->by_hand)
		return 0;
	sign->kind = BOOT_ENTRIES;
	str_add(&sign->text, entries->evidence.s);
	return str_check(&sign->text);
}

static int add_candidate(struct scan *s, ask_fn *ask)
{
	_cleanup_(boot_sign_free) struct boot_sign sign = {0};
	int r = ask(s->boot, &s->entries, &sign);

	if (r < 0 || sign.kind == BOOT_UNKNOWN || sign.kind == BOOT_OTHER)
		return r;
	return boot_may_be(&s->host->boot_loader_others, &s->host->boot_loader_found,
		boot_loader_kind(sign.kind), sign.text.s);
}

/* GRUB would have left BOOT_IMAGE=, systemd-boot a name: they can be chosen, but not be taken for
 * it. */
static bool is_out(const struct scan *s, int kind)
{
	static const enum boot_loader grub[] = {BOOT_GRUB, BOOT_GRUB_D, BOOT_GRUB_BLS, BOOT_PBL};
	static const enum boot_loader systemd[] = {BOOT_KERNEL_INSTALL, BOOT_ENTRIES, BOOT_PROXMOX,
		BOOT_KERNELSTUB, BOOT_SDBOOT_MANAGE};

	if (!s->host->cmdline)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(grub); i++)
		if (kind == (int)grub[i])
			return !has_boot_image(s->host);
	for (size_t i = 0; i < ARRAY_SIZE(systemd); i++)
		if (kind == (int)systemd[i])
			return boot_has_variables(s->boot->root);
	return false;
}

/* Where nothing proves itself and all but one candidate are out, that is it. */
static int adopt(struct scan *s)
{
	struct detected *found = &s->host->boot_loader_found;
	struct candidates *others = &s->host->boot_loader_others;
	size_t n = 0, last = 0;
	char *text;

	for (size_t i = 0; i < others->n; i++)
		if (!is_out(s, others->v[i].kind)) {
			last = i;
			n++;
		}
	if (found->kind || n != 1)
		return 0;
	boot_adopt(others, last, found);
	if (asprintf(&text, "%s; no other boot loader that it can be", found->evidence) < 0)
		return -ENOMEM;
	free(found->evidence);
	found->evidence = text;
	return 0;
}

static int look_for_others(struct scan *s)
{
	static ask_fn *const ask[] = {boot_sign_suse, other_entries, if_grub, if_systemd_boot,
		boot_sign_uki, boot_sign_extlinux, boot_sign_refind, boot_sign_limine};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(ask); i++)
		r = add_candidate(s, ask[i]);
	return r < 0 ? r : adopt(s);
}

int boot_loader_scan(const struct boot *boot)
{
	struct scan s = {.boot = boot, .host = boot->host};
	char entry[256] = "";
	int r;

	if (boot_variable(boot->root, "LoaderInfo", s.loader, sizeof(s.loader)) < 0 ||
		boot_variable(boot->root, "StubInfo", s.stub, sizeof(s.stub)) < 0 ||
		boot_variable(boot->root, "LoaderEntrySelected", entry, sizeof(entry)) < 0)
		return -ENOMEM;
	r = boot_entries_read(boot, entry, &s.entries);
	if (r == 0)
		r = prove(&s);
	if (r == 0 && !boot_is_nixos(boot) && !boot_is_ostree(boot))
		r = look_for_others(&s);
	boot->host->boot_loader = (enum boot_loader)boot->host->boot_loader_found.kind;
	boot_entries_free(&s.entries);
	return r;
}
