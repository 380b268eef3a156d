#include "core/rescue.h"

#include "core/mounts.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

/* Where what boots, and what the program itself keeps, may be a file system of its own. */
static const char *const places[] = {
	"/usr", "/usr/local", "/var", "/var/lib", "/boot", "/boot/efi", "/boot/firmware", "/efi"};

void rescue_free(struct rescue *rescue)
{
	for (size_t i = 0; i < rescue->n; i++) {
		free(rescue->v[i].point);
		free(rescue->v[i].source);
		free(rescue->v[i].type);
		free(rescue->v[i].options);
		free(rescue->v[i].text);
	}
	free(rescue->v);
	*rescue = (struct rescue){0};
}

static int add(struct rescue *rescue, enum rescue_kind kind, const struct mounts_wanted *what,
	const char *fmt, ...) _printf_(4, 5);

static int add(struct rescue *rescue, enum rescue_kind kind, const struct mounts_wanted *what,
	const char *fmt, ...)
{
	struct rescue_item *item;
	va_list ap;
	int n;

	if (base_grow(&rescue->v, rescue->n, sizeof(*rescue->v)) < 0)
		return -ENOMEM;
	item = &rescue->v[rescue->n++];
	item->kind = kind;
	item->point = strdup(what->point);
	item->source = strdup(what->source);
	item->type = strdup(what->type);
	va_start(ap, fmt);
	n = vasprintf(&item->text, fmt, ap);
	va_end(ap);
	if (n < 0)
		item->text = NULL;
	return item->point && item->source && item->type && item->text
		       ? mounts_options(what->options, &item->options)
		       : -ENOMEM;
}

/* As an initramfs leaves them, and init=/bin/sh without one does not. */
static int look_at_kernel(struct rescue *rescue)
{
	static const struct {
		const char *point, *type;
		long magic; /* statfs(2); devtmpfs is a tmpfs to it */
		const char *loss;
	} kernels[] = {
		{"/proc", "proc", PROC_SUPER_MAGIC, "what is mounted cannot be seen"},
		{"/sys", "sysfs", SYSFS_MAGIC, "no device can be seen"},
		{"/dev", "devtmpfs", TMPFS_MAGIC, "commands find no disk"},
		{"/run", "tmpfs", TMPFS_MAGIC, "commands have no place for what is temporary"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kernels); i++) {
		struct statfs fs;

		if (statfs(kernels[i].point, &fs) == 0 && fs.f_type == kernels[i].magic)
			continue;
		r = add(rescue, RESCUE_KERNEL,
			&(struct mounts_wanted){
				kernels[i].type, kernels[i].point, kernels[i].type, ""},
			"%s is not mounted: %s.", kernels[i].point, kernels[i].loss);
	}
	return r;
}

static int look_at_root(const struct root *root, struct rescue *rescue)
{
	struct statvfs fs;

	if (fstatvfs(root_fd(root), &fs) < 0 || !(fs.f_flag & ST_RDONLY))
		return 0;
	return add(rescue, RESCUE_READ_ONLY, &(struct mounts_wanted){"", "/", "", ""},
		"The file system of %s is mounted read-only: nothing can be put back.",
		root_is_live(root) ? "/" : root_path(root));
}

static int add_mounted(char *mounts, struct strv *points)
{
	struct mounts_entry entry;
	char *line;
	int r = 0;

	while (r >= 0 && (line = strsep(&mounts, "\n")))
		if (mounts_entry(line, &entry))
			r = strv_add(points, entry.point);
	return r < 0 ? r : 0;
}

static bool is_place(const char *point)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (strcmp(places[i], point) == 0)
			return true;
	return false;
}

/* No link on the way leads out of the root, and mountinfo knows none. */
static int resolve(const struct root *root, const char *path, char **ret)
{
	int r = root_resolve(root, path, ret, NULL);

	if (r == -ENOMEM || (r < 0 && !(*ret = strdup(path))))
		return -ENOMEM;
	return 0;
}

static int outside(const struct root *root, const char *resolved, char **ret)
{
	if (asprintf(ret, "%s%s", root_is_live(root) ? "" : root_path(root), resolved) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* Of a bind mount it is a directory of the system below the root. */
static int find_source(const struct root *root, struct mounts_wanted *wanted, char **buffer)
{
	_cleanup_free_ char *resolved = NULL;

	if (wanted->source[0] != '/' || !(mounts_has_option(wanted->options, "bind") ||
						mounts_has_option(wanted->options, "rbind")))
		return 0;
	if (resolve(root, wanted->source, &resolved) < 0 || outside(root, resolved, buffer) < 0)
		return -ENOMEM;
	wanted->source = *buffer;
	return 0;
}

/* A running system whose EFI partition a person mounts by hand does not start by files on it that
 * we change: they would not have been found. */
static bool is_by_hand(const struct root *root, const struct mounts_wanted *wanted)
{
	return root_runs(root) && mounts_has_option(wanted->options, "noauto") &&
	       !mounts_has_option(wanted->options, "x-systemd.automount") &&
	       (strcmp(wanted->point, "/boot/efi") == 0 || strcmp(wanted->point, "/efi") == 0);
}

/* What is mounted on demand or by hand (noauto) too: what is written here is for nothing else.  An
 * automount that waits for its demand is in mountinfo, so it is in its place. */
static int look_at_wanted(const struct root *root, struct rescue *rescue,
	struct mounts_wanted wanted, const struct strv *mounted)
{
	_cleanup_free_ char *resolved = NULL, *point = NULL, *directory = NULL;
	const char *source = wanted.source;

	if (!is_place(wanted.point) || is_by_hand(root, &wanted))
		return 0;
	if (resolve(root, wanted.point, &resolved) < 0 || outside(root, resolved, &point) < 0 ||
		find_source(root, &wanted, &directory) < 0)
		return -ENOMEM;
	if (strv_has(mounted, point))
		return 0;
	wanted.point = resolved;
	return add(rescue, RESCUE_FILE_SYSTEM, &wanted,
		"%s of this system (%s) is not mounted at %s.", wanted.point, source, point);
}

static int compare_points(const void *a, const void *b)
{
	return strcmp(
		((const struct rescue_item *)a)->point, ((const struct rescue_item *)b)->point);
}

static int look_at_fstab(const struct root *root, struct rescue *rescue)
{
	_cleanup_(root_closep) struct root *live = NULL;
	_cleanup_(strv_free) struct strv mounted = {0};
	_cleanup_free_ char *mounts = NULL, *fstab = NULL;
	struct mounts_wanted wanted;
	size_t first = rescue->n;
	int r;

	r = root_open("/", NULL, &live, NULL);
	if (r == 0)
		r = root_read_text(live, MOUNTS_PATH, &mounts, NULL);
	if (r == 0)
		r = root_read_text(root, MOUNTS_FSTAB_PATH, &fstab, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = add_mounted(mounts, &mounted);
	for (char *rest = fstab, *line; r == 0 && (line = strsep(&rest, "\n"));)
		if (mounts_wanted(line, &wanted))
			r = look_at_wanted(root, rescue, wanted, &mounted);
	/* /boot before /boot/efi. */
	if (r == 0 && rescue->n > first)
		qsort(&rescue->v[first], rescue->n - first, sizeof(*rescue->v), compare_points);
	return r;
}

int rescue_look(const struct root *root, struct rescue *ret)
{
	_cleanup_(rescue_free) struct rescue rescue = {0};
	int r = 0;

	if (!root_is_live(root) && !root_sysfs_is_live(root)) {
		*ret = (struct rescue){0};
		return 0;
	}
	if (root_is_live(root))
		r = look_at_kernel(&rescue);
	if (r == 0)
		r = look_at_root(root, &rescue);
	if (r == 0)
		r = look_at_fstab(root, &rescue);
	if (r < 0)
		return r;
	*ret = rescue;
	rescue = (struct rescue){0};
	return 0;
}

int rescue_hidden(const struct root *root, const char *path, struct error *err)
{
	_cleanup_(rescue_free) struct rescue rescue = {0};

	if (rescue_look(root, &rescue) < 0)
		return error_no_memory(err);
	for (size_t i = 0; i < rescue.n; i++)
		if (rescue.v[i].kind == RESCUE_FILE_SYSTEM &&
			base_starts(path, rescue.v[i].point))
			return error_set(err, -ENODEV,
				"%s What vfio-wizard did here is recorded in it, so that cannot be "
				"seen: mount it first, or start the wizard, which offers to.",
				rescue.v[i].text);
	return 0;
}

/* GRUB's menu, and what it loads, is in /boot. */
static bool is_started_from_boot(const struct root *root, const struct plan *plan)
{
	static const char *const others[] = {
		"kernel-install", "sdbootutil", "proxmox-boot-tool", "bootctl"};

	for (size_t i = 0; i < plan->n_commands; i++)
		for (size_t k = 0; k < ARRAY_SIZE(others); k++)
			if (command_runs(&plan->commands[i], others[k]))
				return false;
	return root_exists(root, "/boot/grub/grub.cfg") ||
	       root_exists(root, "/boot/grub2/grub.cfg");
}

bool rescue_is_needed(
	const struct root *root, const struct rescue_item *item, const struct plan *plan)
{
	bool is_esp = strcmp(item->point, "/efi") == 0 || strcmp(item->point, "/boot/efi") == 0;

	for (size_t i = 0; i < plan->n_changes; i++)
		if (base_starts(plan->changes[i].path, item->point))
			return true;
	return plan->n_commands && !(is_esp && is_started_from_boot(root, plan));
}

int rescue_findings(const struct root *root, struct findings *findings)
{
	_cleanup_(rescue_free) struct rescue rescue = {0};
	int r = rescue_look(root, &rescue);

	for (size_t i = 0; r == 0 && i < rescue.n; i++)
		if (rescue.v[i].kind == RESCUE_FILE_SYSTEM)
			r = findings_add(findings, "not-mounted", SEVERITY_DANGER, NULL, -1,
				"mount it first: start the wizard, which offers to, or use --mount",
				"%s What belongs there would be written below it, where nothing "
				"boots from.",
				rescue.v[i].text);
	return r;
}
