/* Which initramfs generator a system uses. */
#include "core/boot_private.h"

#include "core/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct generator {
	enum initramfs kind;
	const char *program;
	/* What it leaves where it makes the images: a directory, and the ends of a name in it. */
	const char *directory, *prefix, *suffix;
};

/* Where several are installed, as on Arch, the one that is set up; where all are, the first. */
static const struct generator generators[] = {
	{INITRAMFS_MKINITCPIO, "/usr/bin/mkinitcpio", "/etc/mkinitcpio.d", "", ".preset"},
	{INITRAMFS_BOOSTER, "/usr/bin/booster", "/boot", "booster-", ".img"},
	{INITRAMFS_DRACUT, "/usr/bin/dracut", "", "", ""},
};

static int is(const struct boot *boot, enum initramfs kind, const char *evidence)
{
	return boot_found(&boot->host->initramfs_found, boot_initramfs_kind(kind), NULL, evidence);
}

/* The boot loader named its image to the kernel: systemd-boot, rEFInd and SYSLINUX do. */
static bool is_on_cmdline(const struct boot *boot, const struct generator *g)
{
	const char *word = boot->host->cmdline;

	while (word && *g->prefix && (word = strstr(word, "initrd="))) {
		const char *name = strstr(word, g->prefix);

		if (name && strcspn(word, " ") > (size_t)(name - word))
			return true;
		word += strlen("initrd=");
	}
	return false;
}

/* What it leaves, for the evidence; 1, 0 or -ENOMEM. */
static int trace(const struct boot *boot, const struct generator *g, struct str *evidence)
{
	_cleanup_(strv_free) struct strv names = {0};

	if (is_on_cmdline(boot, g)) {
		str_addf(evidence, "%s; initrd= on the kernel command line", g->program);
		return 1;
	}
	if (!*g->directory)
		return 0;
	if (root_list(boot->root, g->directory, &names) == -ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; i < names.n; i++) {
		if (base_starts(names.v[i], g->prefix) && base_ends(names.v[i], g->suffix)) {
			str_addf(evidence, "%s; %s/%s", g->program, g->directory, names.v[i]);
			return 1;
		}
	}
	return 0;
}

/* A generator that is installed: the one that is used, if `found` says so, else one that may be. */
static int judge(const struct boot *boot, const struct generator *g, bool *found)
{
	const struct boot_kind *kind = boot_initramfs_kind(g->kind);
	struct host *host = boot->host;
	_cleanup_(str_free) struct str evidence = {0};
	int r;

	if (!root_exists(boot->root, g->program))
		return 0;
	r = trace(boot, g, &evidence);
	if (r == 0)
		str_add(&evidence, g->program);
	if (r < 0 || str_check(&evidence) < 0)
		return -ENOMEM;
	if (r == 0 || *found)
		return boot_may_be(
			&host->initramfs_others, &host->initramfs_found, kind, evidence.s);
	*found = true;
	return boot_found(&host->initramfs_found, kind, NULL, evidence.s);
}

static int by_traces(const struct boot *boot)
{
	bool found = false;
	int r = is(boot, INITRAMFS_UNKNOWN, "no initramfs generator that can be told");

	/* What the running kernel was given beats what merely lies about. */
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(generators); i++)
		if (is_on_cmdline(boot, &generators[i]))
			r = judge(boot, &generators[i], &found);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(generators); i++)
		r = judge(boot, &generators[i], &found);
	if (r == 0 && !found && boot->host->initramfs_others.n > 1)
		r = is(boot, INITRAMFS_UNKNOWN,
			"several generators, and nothing tells which one is used");
	if (r == 0 && !found && boot->host->initramfs_others.n == 1)
		boot_adopt(&boot->host->initramfs_others, 0, &boot->host->initramfs_found);
	return r;
}

/* Debian's dracut has an update-initramfs of its own from version 112 on, so the package decides,
 * and without a package list what the script calls. */
static int find(const struct boot *boot)
{
	static const char script[] = "/usr/sbin/update-initramfs";
	_cleanup_free_ char *text = NULL;

	if (boot_is_ostree(boot))
		return is(boot, INITRAMFS_OSTREE, "it comes with the deployment");
	if (root_read_text(boot->root, script, &text, NULL) == -ENOMEM)
		return -ENOMEM;
	if (host_package(boot->packages, "dracut", NULL, 0))
		return is(boot, INITRAMFS_DRACUT, "package dracut is installed");
	if (text && host_package(boot->packages, "initramfs-tools", NULL, 0))
		return is(boot, INITRAMFS_TOOLS,
			"package initramfs-tools is installed; /usr/sbin/update-initramfs");
	if (text && !boot->packages && strstr(text, "mkinitramfs"))
		return is(boot, INITRAMFS_TOOLS, "/usr/sbin/update-initramfs calls mkinitramfs");
	return by_traces(boot);
}

int boot_initramfs_scan(const struct boot *boot)
{
	int r = find(boot);

	boot->host->initramfs = (enum initramfs)boot->host->initramfs_found.kind;
	return r;
}
