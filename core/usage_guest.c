/* Guests and programs: who has devices open, what libvirt's guests are promised, where sound plays.
 */
#include "core/usage_private.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

/* ---- open files ----------------------------------------------------------------------------- */

/* As distributions call it: Debian, RHEL, Proxmox VE. */
static bool is_qemu(const char *comm)
{
	return base_starts(comm, "qemu-system") || base_starts(comm, "qemu-kvm") ||
	       strcmp(comm, "kvm") == 0;
}

/* "QEMU guest win10 (process 4711)": by the words of its command line, else by its name.  1: it is
 * a guest. */
static int name_process(const struct usage *usage, const char *pid, char *ret, size_t size)
{
	_cleanup_free_ char *line = NULL;
	const char *guest = NULL, *p;
	char path[64], comm[64];
	size_t n = 0;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	r = root_read(usage->running, path, &line, &n, NULL);
	if (r == -ENOMEM)
		return r;
	for (p = line; !guest && p && p < line + n; p += strlen(p) + 1)
		if (strcmp(p, "-name") == 0 && p + strlen(p) + 1 < line + n)
			guest = p + strlen(p) + 1;
	if (guest && base_starts(guest, "guest="))
		guest += strlen("guest=");
	(void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	if (root_attr(usage->running, path, comm, sizeof(comm)) <= 0)
		(void)snprintf(comm, sizeof(comm), "a process");
	if (guest && is_qemu(comm))
		(void)snprintf(ret, size, "QEMU guest %.*s (process %s)", (int)strcspn(guest, ","),
			guest, pid);
	else
		(void)snprintf(ret, size, "%s (process %s)", comm, pid);
	return is_qemu(comm);
}

/* A mediated device (a vGPU) has a group of its own and is no PCI function: its directory is below
 * the card's, which is with the host's driver. */
static int tell_mediated(struct usage *usage, uint64_t group, const char *who)
{
	_cleanup_(strv_free) struct strv names = {0};
	char directory[64], place[PATH_MAX];
	int r;

	(void)snprintf(directory, sizeof(directory), "/sys/kernel/iommu_groups/%llu/devices",
		(unsigned long long)group);
	r = root_list(usage->root, directory, &names);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r >= 0 && i < names.n; i++)
		r = usage_tell_path(usage, usage_place(usage, directory, names.v[i], place),
			USE_GUEST, "%s has it open, by its mediated device %s", who, names.v[i]);
	return r;
}

/* Who opens the node of a group has all of it that is VFIO's. */
static int tell_group(struct usage *usage, const char *number, const char *who)
{
	_cleanup_free_ char *text = NULL;
	bool any = false;
	uint64_t id;
	int r = 0;

	if (base_number(number, 10, INT64_MAX, &id) < 0)
		return 0;
	if (asprintf(&text, "%s has it open", who) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	for (size_t i = 0; r >= 0 && i < usage->machine->n_devices; i++) {
		const struct device *d = &usage->machine->devices[i];

		if (d->group != (int64_t)id)
			continue;
		any = true;
		if (device_is_vfio_driver(d->driver))
			r = usage_tell(usage, d, USE_GUEST, text);
	}
	return r < 0 || any ? r : tell_mediated(usage, id, who);
}

/* /dev/nvidia0: which card that is, the driver says below /proc/driver/nvidia/gpus/ADDRESS. */
static int tell_nvidia(struct usage *usage, const char *number, const char *who)
{
	_cleanup_(strv_free) struct strv cards = {0};
	int r = root_list(usage->running, "/proc/driver/nvidia/gpus", &cards);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (size_t i = 0; r >= 0 && i < cards.n; i++) {
		_cleanup_free_ char *text = NULL;
		char path[128];
		const char *minor;

		(void)snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%.64s/information",
			cards.v[i]);
		r = usage_read(usage, NULL, path, &text);
		minor = text ? strstr(text, "Device Minor:") : NULL;
		if (!minor)
			continue;
		minor += strlen("Device Minor:");
		minor += strspn(minor, " \t");
		if (strcspn(minor, " \n") == strlen(number) && base_starts(minor, number))
			r = usage_tell_path(usage, cards.v[i], USE_PROGRAM, "%s has it open", who);
	}
	return r;
}

static int tell_class(struct usage *usage, const char *directory, const char *name,
	enum use_kind kind, const char *who)
{
	char place[PATH_MAX];

	usage_place(usage, directory, name, place);
	return usage_tell_path(usage, place, kind, "%s has it open", who);
}

static const char *after(const char *text, const char *prefix)
{
	return base_starts(text, prefix) ? text + strlen(prefix) : NULL;
}

/* A disk, or what stands on one, of which nothing needs to be mounted. */
static int tell_disk(struct usage *usage, const char *pid, const char *file)
{
	struct usage_claim claim = {.tail = " open"};
	char name[NAME_MAX + 1], who[256], text[300];
	struct stat st;
	int r;

	if (root_stat(usage->running, file, &st) == 0 && !S_ISBLK(st.st_mode))
		return 0;
	r = usage_source(usage, file, name);
	if (r <= 0 || (r = name_process(usage, pid, who, sizeof(who))) < 0)
		return r;
	(void)snprintf(text, sizeof(text), "%s has ", who);
	claim.kind = r ? USE_GUEST : USE_PROGRAM;
	claim.text = text;
	return usage_claim_source(usage, file, &claim);
}

static int tell_file(struct usage *usage, const char *pid, const char *file)
{
	const char *name;
	char who[256];

	if (!after(file, "/dev/vfio/") && !after(file, "/dev/dri/") && !after(file, "/dev/nvidia"))
		return tell_disk(usage, pid, file);
	if (name_process(usage, pid, who, sizeof(who)) < 0)
		return -ENOMEM;
	if ((name = after(file, "/dev/vfio/devices/")))
		return tell_class(usage, "/sys/class/vfio-dev", name, USE_GUEST, who);
	if ((name = after(file, "/dev/vfio/")))
		return is_number(name) ? tell_group(usage, name, who) : 0;
	if ((name = after(file, "/dev/dri/")))
		return tell_class(usage, "/sys/class/drm", name, USE_PROGRAM, who);
	name = after(file, "/dev/nvidia");
	return name && is_number(name) ? tell_nvidia(usage, name, who) : 0;
}

/* Each file once, however often a process has it open. */
static int scan_files(struct usage *usage, const char *pid, DIR *dir)
{
	_cleanup_(strv_free) struct strv seen = {0};
	struct dirent *entry;
	int r = 0;

	while (r >= 0 && (entry = readdir(dir))) {
		char file[NAME_MAX + 1]; /* no node that is looked for has a longer name */
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, file, sizeof(file));

		if (n <= 0 || n == sizeof(file))
			continue;
		file[n] = '\0';
		if (!base_starts(file, "/dev/") || strv_has(&seen, file))
			continue;
		r = strv_add(&seen, file);
		if (r == 0)
			r = tell_file(usage, pid, file);
	}
	return r;
}

static int scan_process(struct usage *usage, const char *pid)
{
	char path[64];
	DIR *dir;
	int fd, r;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	fd = root_open_path(usage->running, path, O_RDONLY | O_DIRECTORY);
	if (fd == -EACCES || fd == -EPERM) {
		r = usage_unknown(usage, USAGE_GUESTS,
			"not all processes can be looked at: run this as root");
		return r < 0 ? r
			     : usage_unknown(usage, USAGE_PROGRAMS,
				       "not all processes can be looked at: run this as root");
	}
	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		base_closep(&fd);
		return 0;
	}
	r = scan_files(usage, pid, dir);
	(void)closedir(dir);
	return r;
}

static int find_open(struct usage *usage)
{
	_cleanup_(strv_free) struct strv names = {0};
	bool any = false;
	int r = root_list(usage->running, "/proc", &names);

	if (r == -ENOMEM)
		return r;
	r = 0;
	for (size_t i = 0; r >= 0 && i < names.n; i++)
		if (is_number(names.v[i])) {
			any = true;
			r = scan_process(usage, names.v[i]);
		}
	if (r < 0 || any)
		return r;
	r = usage_unknown(usage, USAGE_GUESTS, "/proc: no processes there");
	return r < 0 ? r : usage_unknown(usage, USAGE_PROGRAMS, "/proc: no processes there");
}

/* ---- libvirt -------------------------------------------------------------------------------- */

/* The value of an attribute in a tag that ends at `end`, as a number; false: none. */
static bool attribute(const char *tag, const char *end, const char *name, uint64_t *ret)
{
	size_t n = strlen(name);

	for (const char *p = tag; (p = memmem(p, (size_t)(end - p), name, n)); p += n) {
		char value[16];
		const char *from = p + n + 2, *to;
		bool hex;

		if (p == tag || !isspace((unsigned char)p[-1]) || from >= end || p[n] != '=' ||
			(p[n + 1] != '\'' && p[n + 1] != '"'))
			continue;
		to = memchr(from, p[n + 1], (size_t)(end - from));
		if (!to || (size_t)(to - from) >= sizeof(value))
			return false;
		memcpy(value, from, (size_t)(to - from));
		value[to - from] = '\0';
		hex = base_starts(value, "0x");
		return base_number(value + (hex ? 2 : 0), hex ? 16 : 10, UINT32_MAX, ret) == 0;
	}
	return false;
}

/* <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/> */
static const struct device *device_at(const struct usage *usage, const char *tag, const char *end)
{
	uint64_t domain = 0, bus, slot, function;
	char address[32];

	if (!attribute(tag, end, "bus", &bus) || !attribute(tag, end, "slot", &slot) ||
		!attribute(tag, end, "function", &function) || bus > 255 || slot > 31 ||
		function > 7)
		return NULL;
	(void)attribute(tag, end, "domain", &domain);
	(void)snprintf(address, sizeof(address), "%04x:%02x:%02x.%x", (unsigned)domain,
		(unsigned)bus, (unsigned)slot, (unsigned)function);
	return machine_device(usage->machine, address);
}

/* Comments hide what is in them; they become blanks. */
static void drop_comments(char *text)
{
	char *start = text;

	while ((start = strstr(start, "<!--"))) {
		char *end = strstr(start, "-->");

		end = end ? end + 3 : start + strlen(start);
		memset(start, ' ', (size_t)(end - start));
	}
}

/* The addresses between two places of a domain. */
static int tell_addresses(struct usage *usage, const char *at, const char *end, const char *told)
{
	int r = 0;

	while (r >= 0 && (at = strstr(at, "<address ")) && at < end) {
		const char *close = memchr(at, '>', (size_t)(end - at));
		const struct device *device = close ? device_at(usage, at, close) : NULL;

		if (device)
			r = usage_tell(usage, device, USE_CLAIMED, told);
		at++;
	}
	return r;
}

/* The host's devices are the addresses inside <source>: of <hostdev>, of an <interface> that is
 * one, of a disk on an NVMe controller. Others are the guest's own. */
static int read_domain(struct usage *usage, const char *path, char *text)
{
	_cleanup_free_ char *told = NULL;
	const char *at, *end;
	int r = 0;

	drop_comments(text);
	at = strstr(text, "<name>");
	end = at ? strstr(at, "</name>") : NULL;
	if (!end)
		return 0;
	at += strlen("<name>");
	if (asprintf(&told, "libvirt's guest %.*s is given it (%s)", (int)(end - at), at, path) <
		0) {
		told = NULL;
		return -ENOMEM;
	}
	for (at = end; r >= 0 && (at = strstr(at, "<source")); at++) {
		const char *close = strchr(at, '>');

		end = close && close[-1] != '/' ? strstr(close, "</source>") : NULL;
		if (end)
			r = tell_addresses(usage, close, end, told);
	}
	return r;
}

/* The guests that are defined, and, where `root` is the running system, those that are not kept. */
static int find_domains(struct usage *usage, const struct root *root, const char *directory)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(root, directory, &names);

	if (r == -ENOENT || r == -ENOMEM)
		return r == -ENOMEM ? r : 0;
	if (r < 0)
		return usage_unknown(usage, USAGE_GUESTS, "%s: %s", directory, strerror(-r));
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		_cleanup_free_ char *text = NULL;
		char path[PATH_MAX];

		if (!base_ends(names.v[i], ".xml"))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names.v[i]);
		r = root_read_text(root, path, &text, NULL);
		if (r == 0)
			r = read_domain(usage, path, text);
		else if (r != -ENOMEM)
			r = usage_unknown(usage, USAGE_GUESTS, "%s: %s", path, strerror(-r));
	}
	return r;
}

/* ---- sound ---------------------------------------------------------------------------------- */

/* sound/core/pcm.c: "state: RUNNING" in pcm0p/sub0/status, "closed" where nobody is. */
static int is_playing(const struct usage *usage, const char *card)
{
	_cleanup_(strv_free) struct strv streams = {0};
	char path[PATH_MAX], text[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/asound/%s", card);
	r = root_list(usage->running, path, &streams);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < streams.n; i++) {
		_cleanup_(strv_free) struct strv subs = {0};

		if (!base_starts(streams.v[i], "pcm"))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/asound/%s/%s", card, streams.v[i]);
		if (root_list(usage->running, path, &subs) == -ENOMEM)
			return -ENOMEM;
		for (size_t k = 0; k < subs.n; k++) {
			(void)snprintf(path, sizeof(path), "/proc/asound/%s/%s/%s/status", card,
				streams.v[i], subs.v[k]);
			if (root_attr(usage->running, path, text, sizeof(text)) > 0 &&
				base_starts(text, "state: RUNNING"))
				return 1;
		}
	}
	return 0;
}

static int each_sound(struct usage *usage, const char *name, const char *place)
{
	const char *number = after(name, "card");
	int r = number && is_number(number) && usage_on_pci(usage, place) ? is_playing(usage, name)
									  : 0;

	return r <= 0 ? r
		      : usage_tell_path(usage, place, USE_PROGRAM, "sound is running (%s)", name);
}

int usage_guests(struct usage *usage)
{
	int r;

	if (!usage->running)
		return 0;
	r = find_open(usage);
	if (r >= 0)
		r = find_domains(usage, usage->root, "/etc/libvirt/qemu");
	if (r >= 0)
		r = find_domains(usage, usage->running, "/run/libvirt/qemu");
	return r < 0 ? r : usage_each(usage, NULL, "/sys/class/sound", each_sound);
}
