#include "core/host.h"

#include "core/boot.h"
#include "core/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ACPI_TABLES "/sys/firmware/acpi/tables"

int host_hardware_root(const struct root *root, struct root **opened, const struct root **ret)
{
	int r;

	*ret = root;
	if (root_is_live(root) == root_sysfs_is_live(root))
		return 0;
	*ret = NULL;
	if (root_is_live(root))
		return 0;
	r = root_open("/", NULL, opened, NULL);
	if (r == 0)
		*ret = *opened;
	return r;
}

static int copy(char **ret, const char *text)
{
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* A rescue system's /proc, mounted into the system that is being configured, is not about that. */
static bool is_foreign_proc(const struct root *root)
{
	_cleanup_close_ int fd = -EBADF;
	struct statfs fs;

	if (root_runs(root))
		return false;
	fd = root_open_path(root, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* ---- IOMMU -------------------------------------------------------------------------------- */

/* The names of the units: drivers/iommu/intel/dmar.c and drivers/iommu/amd/init.c. */
static enum firmware_iommu firmware_of(const struct strv *units, const struct strv *tables,
	bool tables_seen)
{
	if (strv_has(tables, "DMAR"))
		return FIRMWARE_VTD;
	if (strv_has(tables, "IVRS"))
		return FIRMWARE_AMDVI;
	for (size_t i = 0; i < units->n; i++) {
		if (base_starts(units->v[i], "dmar"))
			return FIRMWARE_VTD;
		if (base_starts(units->v[i], "ivhd"))
			return FIRMWARE_AMDVI;
	}
	return tables_seen ? FIRMWARE_NONE : FIRMWARE_UNKNOWN;
}

int host_scan_iommu(const struct root *root, struct machine *machine, struct error *err)
{
	_cleanup_(strv_free) struct strv units = {0}, tables = {0};
	int r_units = root_list(root, "/sys/class/iommu", &units);
	int r_tables = root_list(root, ACPI_TABLES, &tables);

	if (r_units == -ENOMEM || r_tables == -ENOMEM)
		return error_no_memory(err);
	machine->host.firmware = firmware_of(&units, &tables, tables.n > 0);
	machine->host.iommu_active = units.n > 0 || machine->n_groups > 0;
	return 0;
}

/* ---- kernels ------------------------------------------------------------------------------ */

static int compare_kernels(const void *a, const void *b)
{
	const struct kernel *x = a, *y = b;

	return strverscmp(x->version, y->version);
}

/* depmod(8) leaves modules.dep; what is left behind of a removed kernel has none.  Versions become
 * words of commands: none is an option there or a pattern. */
static bool is_kernel(const struct root *root, const char *version)
{
	static const char *const index[] = {"modules.dep", "modules.dep.bin"};

	if (*version == '-' ||
		version[strspn(version, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789.+-_~:@,=")])
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(index); i++) {
		char path[512];

		if (snprintf(path, sizeof(path), "/lib/modules/%s/%s", version, index[i]) <
				(int)sizeof(path) &&
			root_exists(root, path))
			return true;
	}
	return false;
}

/* Where distributions keep the configuration: with the image, with the modules (Debian's newest kernels
 * there only), with the headers.  /proc/config.gz is the running kernel's, and packed. */
static int read_config(const struct root *root, const char *version, char **ret)
{
	static const char *const place[] = {"/boot/config-%s", "/lib/modules/%s/config",
		"/usr/src/linux-headers-%s/.config", "/lib/modules/%s/build/.config"};

	*ret = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(place) && !*ret; i++) {
		const char *mark = strchr(place[i], '%');
		char path[512];
		int r;

		if (snprintf(path, sizeof(path), "%.*s%s%s", (int)(mark - place[i]), place[i],
			    version, mark + 2) >= (int)sizeof(path))
			continue;
		r = root_read_optional(root, path, ret);
		if (r < 0)
			return r;
	}
	return 0;
}

static int intel_default(const struct root *root, const char *version, enum tristate *ret)
{
	_cleanup_free_ char *config = NULL;
	int r = read_config(root, version, &config);

	if (r < 0)
		return r;
	*ret = !config ? UNKNOWN :
	       strstr(config, "\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y\n") ? YES : NO;
	return 0;
}

static int add_kernel(const struct root *root, struct machine *machine, const char *version)
{
	struct kernel *kernel;

	if (base_grow(&machine->kernels, machine->n_kernels, sizeof(*machine->kernels)) < 0)
		return -ENOMEM;
	kernel = &machine->kernels[machine->n_kernels];
	if (copy(&kernel->version, version) < 0)
		return -ENOMEM;
	machine->n_kernels++;
	kernel->running = base_same(version, machine->host.release);
	return intel_default(root, version, &kernel->intel_default_on);
}

int host_scan_kernels(const struct root *root, struct machine *machine, struct error *err)
{
	_cleanup_(strv_free) struct strv versions = {0};
	char release[256];
	int r = 0;

	if (!is_foreign_proc(root) &&
		root_attr(root, "/proc/sys/kernel/osrelease", release, sizeof(release)) > 0)
		r = copy(&machine->host.release, release);
	if (r == 0 && root_list(root, "/lib/modules", &versions) == -ENOMEM)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < versions.n; i++)
		if (is_kernel(root, versions.v[i]))
			r = add_kernel(root, machine, versions.v[i]);
	if (r < 0)
		return error_no_memory(err);
	if (!machine->n_kernels)
		return 0;
	qsort(machine->kernels, machine->n_kernels, sizeof(*machine->kernels), compare_kernels);
	machine->kernels[machine->n_kernels - 1].next = true;
	return 0;
}

/* ---- the running machine ------------------------------------------------------------------ */

static enum tristate cpu_virtualization(const struct root *running)
{
	char text[8192], *flags, *end;

	/* The first processor is enough, and the whole file is long to make. */
	if (root_attr(running, "/proc/cpuinfo", text, sizeof(text)) <= 0)
		return UNKNOWN;
	flags = strstr(text, "\nflags");
	if (!flags)
		return UNKNOWN;
	flags++;
	end = strchr(flags, '\n');
	if (end)
		*end = '\0';
	return machine_has_token(flags, "vmx") || machine_has_token(flags, "svm") ? YES : NO;
}

/* A saved tree may have kept the name only, and its absence there says nothing. */
static enum tristate kvm(const struct root *running)
{
	struct stat st;

	if (root_stat(running, "/dev/kvm", &st) < 0)
		return root_is_live(running) ? NO : UNKNOWN;
	return S_ISCHR(st.st_mode) || !root_is_live(running) ? YES : NO;
}

/* Remapped interrupts have chips named IR-...: drivers/iommu/intel/irq_remapping.c, amd/iommu.c.
 * Without an active IOMMU nothing is known yet. */
static int interrupt_remapping(const struct root *running, struct host *host)
{
	_cleanup_free_ char *text = NULL;
	int r = root_read_optional(running, "/proc/interrupts", &text);

	if (!text)
		return r;
	if (strstr(text, " IR-"))
		host->interrupt_remapping = YES;
	else if (host->iommu_active && host->cpu_virtualization == YES)
		host->interrupt_remapping = NO;
	return 0;
}

/* "none [integrity] confidentiality": security/lockdown/lockdown.c, lockdown_read(). */
static enum tristate lockdown(const struct root *root)
{
	char text[128];

	if (root_attr(root, "/sys/kernel/security/lockdown", text, sizeof(text)) <= 0)
		return UNKNOWN;
	if (strstr(text, "[none]"))
		return NO;
	return strchr(text, '[') ? YES : UNKNOWN;
}

/* /.dockerenv stays behind in a disk made from an image; a container runs on an overlay. */
static bool on_overlay(const struct root *root)
{
	struct statfs fs;

	return fstatfs(root_fd(root), &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

static enum tristate container(const struct root *root)
{
	static const char *const mark[] = {
		"/run/systemd/container", "/run/.containerenv", "/run/host/container-manager",
	};

	for (size_t i = 0; i < ARRAY_SIZE(mark); i++)
		if (root_exists(root, mark[i]))
			return YES;
	if (root_exists(root, "/.dockerenv") && on_overlay(root))
		return YES;
	return root_runs(root) ? NO : UNKNOWN;
}

/* Whoever asks may not be allowed to write: that is another matter. */
static int read_only(const struct root *root, enum tristate *ret)
{
	_cleanup_free_ char *etc = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct statvfs fs;
	struct statx st;
	int r = root_resolve(root, "/etc", &etc, NULL);

	*ret = UNKNOWN;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	fd = openat(root_fd(root), etc[1] ? etc + 1 : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstatvfs(fd, &fs) < 0)
		return 0;
	*ret = fs.f_flag & ST_RDONLY || (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &st) == 0 &&
						st.stx_attributes & STATX_ATTR_IMMUTABLE)
		       ? YES
		       : NO;
	return 0;
}

/* The options of / in fstab(5) say ro. */
static bool fstab_has_ro(char *fstab)
{
	struct mounts_wanted wanted;

	for (char *line; (line = strsep(&fstab, "\n"));)
		if (mounts_wanted(line, &wanted) && strcmp(wanted.point, "/") == 0)
			return mounts_has_option(wanted.options, "ro");
	return false;
}

bool host_root_is_read_only(const struct root *root)
{
	_cleanup_free_ char *fstab = NULL;
	struct statvfs fs;

	if (root_runs(root))
		return fstatvfs(root_fd(root), &fs) == 0 && fs.f_flag & ST_RDONLY;
	return root_read_text(root, "/etc/fstab", &fstab, NULL) == 0 && fstab_has_ro(fstab);
}

int host_read_cmdline(const struct root *root, char **ret)
{
	_cleanup_free_ char *text = NULL;
	int r = is_foreign_proc(root) ? 0 : root_read_optional(root, "/proc/cmdline", &text);

	if (r < 0)
		return r;
	if (text)
		text[strcspn(text, "\n")] = '\0';
	*ret = TAKE_PTR(text);
	return 0;
}

/* ---- the system below the root ------------------------------------------------------------ */

/* One assignment of os-release(5): shell syntax, of which only quotes and backslashes matter. */
static int os_value(const char *text, const char *key, char **ret)
{
	_cleanup_(str_free) struct str value = {0};
	size_t n = strlen(key);
	const char *line;
	char quote = 0;

	for (line = text; line && !(strncmp(line, key, n) == 0 && line[n] == '=');)
		line = (line = strchr(line, '\n')) ? line + 1 : NULL;
	if (!line)
		return 0;
	for (const char *p = line + n + 1; *p && *p != '\n'; p++) {
		if (quote ? *p == quote : *p == '"' || *p == '\'') {
			quote = quote ? 0 : *p;
			continue;
		}
		if (*p == '\\' && quote != '\'' && p[1] && p[1] != '\n')
			p++;
		str_addc(&value, *p);
	}
	return str_take(&value, ret);
}

static int os_release(const struct root *root, struct host *host)
{
	_cleanup_free_ char *text = NULL;
	int r = root_read_optional(root, "/etc/os-release", &text);

	if (r == 0 && !text)
		r = root_read_optional(root, "/usr/lib/os-release", &text);
	if (r < 0 || !text)
		return r;
	if (os_value(text, "ID", &host->os_id) < 0 ||
		os_value(text, "ID_LIKE", &host->os_like) < 0 ||
		os_value(text, "VERSION_ID", &host->os_version) < 0 ||
		os_value(text, "PRETTY_NAME", &host->os_name) < 0)
		return -ENOMEM;
	return 0;
}

static const char *stanza_field(const char *stanza, const char *end, const char *name, size_t *ret)
{
	size_t n = strlen(name);

	for (const char *p = stanza; p && p < end; p = (p = strchr(p, '\n')) ? p + 1 : NULL)
		if (strncmp(p, name, n) == 0) {
			p += n + strspn(p + n, " ");
			*ret = strcspn(p, "\n");
			return p;
		}
	return NULL;
}

bool host_package(const char *status, const char *name, char *version, size_t size)
{
	char key[128];

	(void)snprintf(key, sizeof(key), "Package: %s\n", name);
	for (const char *p = status; p && (p = strstr(p, key)); p++) {
		const char *end = strstr(p, "\n\n"), *field;
		size_t n;

		end = end ? end : p + strlen(p);
		if (p != status && p[-1] != '\n')
			continue;
		/* want, error flag, state: deb(5), dpkg-query(1). */
		field = stanza_field(p, end, "Status:", &n);
		if (!field || n < 10 || strncmp(field + n - 10, " installed", 10) != 0)
			continue;
		field = stanza_field(p, end, "Version:", &n);
		if (version)
			(void)snprintf(version, size, "%.*s", field ? (int)n : 0,
				field ? field : "");
		return true;
	}
	return false;
}

/* "1:9.0.0-4+deb12u2" -> "9.0.0" */
static int upstream_version(char *version, char **ret)
{
	char *colon = strchr(version, ':');
	char *start = colon ? colon + 1 : version;

	start[strspn(start, "0123456789.")] = '\0';
	return *start ? copy(ret, start) : 0;
}

/* The library's name holds its version: libvirt.so.0.9000.0 is 9.0.0 (libvirt's meson.build:
 * major * 1000 + minor, then micro). */
static int library_version(const struct root *root, const char *directory, char **ret)
{
	_cleanup_(strv_free) struct strv names = {0};

	if (root_list(root, directory, &names) == -ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; i < names.n; i++) {
		unsigned number, micro;
		char end;

		if (sscanf(names.v[i], "libvirt.so.0.%6u.%6u%c", &number, &micro, &end) != 2)
			continue;
		if (asprintf(ret, "%u.%u.%u", number / 1000, number % 1000, micro) >= 0)
			return 0;
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int libvirt_by_library(const struct root *root, char **ret)
{
	static const char *const place[] = {
		"/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib",
	};
	int r = 0;

	if (!root_exists(root, "/usr/sbin/libvirtd") && !root_exists(root, "/usr/sbin/virtqemud"))
		return 0;
	for (size_t i = 0; r == 0 && !*ret && i < ARRAY_SIZE(place); i++)
		r = library_version(root, place[i], ret);
	return r;
}

static int libvirt(const struct root *root, const char *packages, struct host *host)
{
	char version[128];

	if (host_package(packages, "libvirt-daemon", version, sizeof(version)))
		return upstream_version(version, &host->libvirt);
	return packages ? 0 : libvirt_by_library(root, &host->libvirt);
}

static bool opennebula(const struct root *root, const char *packages)
{
	static const char *const package[] = {"opennebula", "opennebula-node", "opennebula-node-kvm"};

	for (size_t i = 0; i < ARRAY_SIZE(package); i++)
		if (host_package(packages, package[i], NULL, 0))
			return true;
	return root_exists(root, "/var/lib/one/remotes") || root_exists(root, "/var/tmp/one");
}

static int scan_running(const struct root *root, struct host *host)
{
	_cleanup_(root_closep) struct root *opened = NULL;
	const struct root *running;
	int r = host_hardware_root(root, &opened, &running);

	if (r < 0)
		return r;
	host->lockdown = lockdown(root);
	host->cpu_virtualization = running ? cpu_virtualization(running) : UNKNOWN;
	host->kvm = running ? kvm(running) : UNKNOWN;
	host->interrupt_remapping = UNKNOWN;
	return running ? interrupt_remapping(running, host) : 0;
}

/* sd_booted(3) of the running one.  Else what the kernel starts: the program may be there beside another
 * init, as with Debian's sysvinit-core. */
static bool has_systemd(const struct root *root)
{
	_cleanup_free_ char *init = NULL;
	const char *name;

	if (root_runs(root) && root_exists(root, "/run/systemd/system"))
		return true;
	if (!root_exists(root, "/sbin/init"))
		return root_exists(root, "/usr/lib/systemd/systemd") ||
		       root_exists(root, "/lib/systemd/systemd");
	if (root_resolve(root, "/sbin/init", &init, NULL) < 0)
		return false;
	name = strrchr(init, '/');
	return name && strcmp(name, "/systemd") == 0;
}

int host_scan(const struct root *root, struct machine *machine, struct error *err)
{
	_cleanup_free_ char *packages = NULL;
	struct host *host = &machine->host;
	int r = scan_running(root, host);

	host->container = container(root);
	if (r == 0)
		r = read_only(root, &host->read_only);
	if (r == 0)
		r = host_read_cmdline(root, &host->cmdline);
	if (r == 0)
		r = os_release(root, host);
	if (r == 0)
		r = root_read_optional(root, "/var/lib/dpkg/status", &packages);
	if (r == 0)
		r = libvirt(root, packages, host);
	host->opennebula = opennebula(root, packages);
	host->without_systemd = !has_systemd(root);
	if (r == 0)
		r = boot_scan(root, packages, host);
	if (r == 0)
		r = boot_next(root, machine);
	return r < 0 ? error_no_memory(err) : 0;
}

static void release_candidates(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->n; i++) {
		free(candidates->v[i].name);
		free(candidates->v[i].evidence);
	}
	free(candidates->v);
}

void host_release(struct machine *machine)
{
	struct host *host = &machine->host;
	char *const owned[] = {
		host->os_id, host->os_like, host->os_version, host->os_name, host->cmdline,
		host->release, host->libvirt, host->boot_loader_found.name,
		host->boot_loader_found.evidence, host->initramfs_found.name,
		host->initramfs_found.evidence,
	};

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free(owned[i]);
	release_candidates(&host->boot_loader_others);
	release_candidates(&host->initramfs_others);
	for (size_t i = 0; i < machine->n_kernels; i++)
		free(machine->kernels[i].version);
	free(machine->kernels);
}
