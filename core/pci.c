#include "core/pci.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"

/* libpci reports every fault through a callback that gets no data and must not return: the
 * reason for the one static jump target, and for keeping each setjmp in a function that does
 * nothing else.  Not reentrant. */
static jmp_buf fault;

static const struct strv no_modules;

/* Where a scan is. */
struct scan {
	const struct root *root;
	struct pci_access *access;
	int devices;                 /* the directory of DEVICES */
	unsigned what;
	int lookup;                  /* flags for pci_lookup_name() */
};

static __attribute__((noreturn)) void on_error(char *msg, ...)
{
	(void)msg;
	longjmp(fault, 1);
}

static void on_message(char *msg, ...)
{
	(void)msg;
}

static void access_free(struct pci_access **access)
{
	if (*access)
		pci_cleanup(*access);
}

/* What libpci takes as char * it only reads or copies. */
static char *literal(const char *text)
{
	union {
		const char *in;
		char *out;
	} u = {.in = text};

	return u.out;
}

static bool access_start(struct pci_access *access, char *path)
{
	if (setjmp(fault))
		return false;
	if (pci_set_param(access, literal("sysfs.path"), path) < 0)
		return false;
	pci_init(access);
	return true;
}

static int access_new(const struct root *root, struct pci_access **ret, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_(access_free) struct pci_access *access = NULL;

	if (asprintf(&path, "%s/bus/pci", root_sysfs(root)) < 0) {
		path = NULL;
		return error_no_memory(err);
	}
	access = pci_alloc();
	access->error = on_error;
	access->warning = access->debug = on_message;
	/* Anything else would go on to I/O ports and /dev/mem. */
	access->method = PCI_ACCESS_SYS_BUS_PCI;
	access->id_lookup_mode = 0;
	if (!access_start(access, path))
		return error_set(err, -EIO, "%s: libpci cannot read it", path);
	*ret = TAKE_PTR(access);
	return 0;
}

/* A pci.ids that is damaged half way gives its first half. */
static bool names_load(struct pci_access *access)
{
	if (setjmp(fault))
		return true;
	return pci_load_name_list(access);
}

static const char *name_of(const struct scan *scan, char *buf, int size, int kind, int a, int b)
{
	if (setjmp(fault))
		return NULL;
	return pci_lookup_name(scan->access, buf, size, scan->lookup | kind, a, b);
}

/* Asking for numbers instead of nothing where the vendor is known: "Intel ... Device 1234". */
static int read_names(const struct scan *scan, struct device *device)
{
	int vendor = device->vendor, id = device->device, class = (int)(device->class >> 8);
	char buf[512];
	const char *name;

	name = name_of(scan, buf, sizeof(buf), PCI_LOOKUP_VENDOR | PCI_LOOKUP_NO_NUMBERS, vendor, 0);
	if (name) {
		device->vendor_len = strlen(name);
		name = name_of(scan, buf, sizeof(buf), PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE,
			vendor, id);
	}
	if (name && !(device->name = strdup(name)))
		return -ENOMEM;
	name = name_of(scan, buf, sizeof(buf), PCI_LOOKUP_CLASS | PCI_LOOKUP_NO_NUMBERS, class, 0);
	if (name && !(device->class_name = strdup(name)))
		return -ENOMEM;
	return 0;
}

/* libpci opens these by itself, and would wait for ever at a pipe, which a saved tree may hold. */
static bool is_safe(const struct scan *scan, const struct device *device, int fields)
{
	static const struct {
		int field;
		const char *name;
	} files[] = {
		{PCI_FILL_MODULE_ALIAS, "modalias"},
		{PCI_FILL_CLASS | PCI_FILL_CLASS_EXT, "class"},
		{PCI_FILL_CLASS_EXT, "revision"},
		{PCI_FILL_IDENT, "vendor"},
		{PCI_FILL_IDENT, "device"},
		{PCI_FILL_SUBSYS, "subsystem_vendor"},
		{PCI_FILL_SUBSYS, "subsystem_device"},
		{PCI_FILL_IDENT, "config"},
	};
	struct stat st;

	for (size_t i = 0; !root_sysfs_is_live(scan->root) && i < ARRAY_SIZE(files); i++) {
		char path[64];

		if (!(files[i].field & fields))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", device->address, files[i].name);
		if (fstatat(scan->devices, path, &st, 0) == 0 && !S_ISREG(st.st_mode))
			return false;
	}
	return true;
}

static struct pci_dev *libpci_read(const struct scan *scan, const struct device *device, int fields)
{
	struct pci_dev *volatile dev = NULL;

	if (!is_safe(scan, device, fields))
		return NULL;
	if (setjmp(fault)) {
		if (dev)
			pci_free_dev(dev);
		return NULL;
	}
	dev = pci_get_dev(scan->access, (int)device->domain, device->bus, device->slot,
		device->function);
	pci_fill_info(dev, fields);
	return dev;
}

static uint32_t number(const struct scan *scan, const char *address, const char *name)
{
	char path[128], value[32];
	uint64_t n = 0;

	(void)snprintf(path, sizeof(path), DEVICES "/%s/%s", address, name);
	if (root_attr(scan->root, path, value, sizeof(value)) < 0 ||
		base_number(value, 16, UINT32_MAX, &n) < 0)
		return 0;
	return (uint32_t)n;
}

/* A device that libpci gave up: what can be read is read, since a group that hides a member is
 * worse than a member without a name. */
static void read_broken(const struct scan *scan, struct device *device)
{
	const char *address = device->address;

	device->vendor = (uint16_t)number(scan, address, "vendor");
	device->device = (uint16_t)number(scan, address, "device");
	device->class = number(scan, address, "class") & 0xffffff;
	device->revision = (uint8_t)number(scan, address, "revision");
	device->subsystem_vendor = (uint16_t)number(scan, address, "subsystem_vendor");
	device->subsystem_device = (uint16_t)number(scan, address, "subsystem_device");
}

static void read_files(const struct scan *scan, struct device *device)
{
	struct pci_dev *dev = libpci_read(scan, device,
		PCI_FILL_IDENT | PCI_FILL_CLASS | PCI_FILL_CLASS_EXT | PCI_FILL_SUBSYS);

	if (!dev) {
		read_broken(scan, device);
		return;
	}
	device->vendor = dev->vendor_id;
	device->device = dev->device_id;
	device->class = (uint32_t)dev->device_class << 8 | dev->prog_if;
	device->revision = dev->rev_id;
	device->subsystem_vendor = dev->subsys_vendor_id;
	device->subsystem_device = dev->subsys_id;
	pci_free_dev(dev);
}

/* The kernel makes it in this form, drivers/pci/pci-sysfs.c, modalias_show(). */
static bool parse_modalias(const char *text, struct device *device)
{
	unsigned v, d, sv, sd, base, sub, interface;
	int end = 0;

	if (sscanf(text, "pci:v%8Xd%8Xsv%8Xsd%8Xbc%2Xsc%2Xi%2X%n", &v, &d, &sv, &sd, &base, &sub,
		    &interface, &end) != 7 ||
		text[end + (int)strspn(text + end, "\n")])
		return false;
	device->vendor = (uint16_t)v;
	device->device = (uint16_t)d;
	device->subsystem_vendor = (uint16_t)sv;
	device->subsystem_device = (uint16_t)sd;
	device->class = base << 16 | sub << 8 | interface;
	return true;
}

static int make_modalias(struct device *device)
{
	if (asprintf(&device->modalias, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X",
		    device->vendor, device->device, device->subsystem_vendor,
		    device->subsystem_device, device->class >> 16, device->class >> 8 & 0xff,
		    device->class & 0xff) >= 0)
		return 0;
	device->modalias = NULL;
	return -ENOMEM;
}

/* The modalias holds every id in one file; only where it cannot be read are the six files. */
static void read_ids(const struct scan *scan, struct device *device)
{
	int details = scan->what & MACHINE_DETAILS ? PCI_FILL_CLASS_EXT : 0;
	struct pci_dev *dev = libpci_read(scan, device, PCI_FILL_MODULE_ALIAS | details);
	bool known = dev && dev->module_alias && parse_modalias(dev->module_alias, device);

	if (known)
		device->revision = dev->rev_id;
	if (dev)
		pci_free_dev(dev);
	if (!known)
		read_files(scan, device);
}

/* The last part but `drop` of a link's text.  libpci has driver and group too, by realpath(3) of
 * every part of the path: twenty system calls for each. */
static bool link_part(const struct scan *scan, const char *address, const char *name, int drop,
	char *buf, size_t size)
{
	char path[128], text[PATH_MAX], *slash;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s%s", address, name);
	n = readlinkat(scan->devices, path, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	while (drop-- > 0 && (slash = strrchr(text, '/')))
		*slash = '\0';
	slash = strrchr(text, '/');
	n = snprintf(buf, size, "%s", slash ? slash + 1 : text);
	return n > 0 && (size_t)n < size;
}

static int read_links(const struct scan *scan, struct device *device)
{
	char name[256];
	uint64_t group;

	device->group = -1;
	if (link_part(scan, device->address, "/iommu_group", 0, name, sizeof(name)) &&
		base_number(name, 10, INT64_MAX, &group) == 0)
		device->group = (int64_t)group;
	if (link_part(scan, device->address, "/driver", 0, name, sizeof(name)) &&
		!(device->driver = strdup(name)))
		return -ENOMEM;
	return 0;
}

static void parse_numbers(struct device *device)
{
	unsigned domain = 0, bus = 0, slot = 0, function = 0;

	(void)sscanf(device->address, "%x:%x:%x.%x", &domain, &bus, &slot, &function);
	device->domain = domain;
	device->bus = (uint8_t)bus;
	device->slot = (uint8_t)slot;
	device->function = (uint8_t)function;
}

/* 1: read, 0: there is no such device (any more). */
static int read_device(const struct scan *scan, const char *name, struct device *device)
{
	int r;

	if (machine_parse_address(name, device->address, sizeof(device->address), NULL) < 0 ||
		strcmp(name, device->address) != 0)
		return 0;
	parse_numbers(device);
	device->modules = &no_modules;
	read_ids(scan, device);
	r = read_links(scan, device);
	if (r == 0 && scan->what & MACHINE_NAMES)
		r = read_names(scan, device);
	if (r == 0 && scan->what & MACHINE_MODULES)
		r = make_modalias(device);
	if (r < 0)
		return r;
	return device->vendor || faccessat(scan->devices, name, F_OK, 0) == 0;
}

static void device_clear(struct device *device)
{
	free(device->driver);
	free(device->modalias);
	free(device->name);
	free(device->class_name);
	for (size_t i = 0; i < device->n_uses; i++) {
		free(device->uses[i].text);
		free(device->uses[i].spare);
	}
	free(device->uses);
	*device = (struct device){0};
}

int pci_compare(const void *a, const void *b)
{
	const struct device *x = a, *y = b;
	uint32_t at_x = (uint32_t)(x->bus << 8 | x->slot << 3 | x->function);
	uint32_t at_y = (uint32_t)(y->bus << 8 | y->slot << 3 | y->function);

	if (x->domain != y->domain)
		return x->domain < y->domain ? -1 : 1;
	return at_x < at_y ? -1 : at_x > at_y;
}

static int read_devices(const struct scan *scan, const struct strv *names, struct machine *machine)
{
	machine->devices = calloc(names->n + 1, sizeof(*machine->devices));
	if (!machine->devices)
		return -ENOMEM;
	for (size_t i = 0; i < names->n; i++) {
		struct device *device = &machine->devices[machine->n_devices];
		int r = read_device(scan, names->v[i], device);

		if (r > 0)
			machine->n_devices++;
		else
			device_clear(device);
		if (r < 0)
			return r;
	}
	qsort(machine->devices, machine->n_devices, sizeof(*machine->devices), pci_compare);
	return 0;
}

static void read_boot_vga(const struct scan *scan, struct device *device)
{
	char path[128], value[16];

	if (device->class >> 16 != 3)
		return;
	(void)snprintf(path, sizeof(path), DEVICES "/%s/boot_vga", device->address);
	device->boot_vga = root_attr(scan->root, path, value, sizeof(value)) > 0 &&
			   strcmp(value, "1") == 0;
}

static void read_details(const struct scan *scan, const struct machine *machine,
	struct device *device)
{
	char path[128], value[256];

	if (link_part(scan, device->address, "", 1, value, sizeof(value)))
		device->parent = machine_device(machine, value);
	if (link_part(scan, device->address, "/physfn", 0, value, sizeof(value)))
		device->physfn = machine_device(machine, value);
	(void)snprintf(path, sizeof(path), DEVICES "/%s/driver_override", device->address);
	device->override_set = root_attr(scan->root, path, value, sizeof(value)) > 0 &&
			       strcmp(value, "(null)") != 0;
}

static int compare_identities(const void *a, const void *b)
{
	const struct device *x = *(const struct device *const *)a;
	const struct device *y = *(const struct device *const *)b;
	uint64_t of_x = (uint64_t)x->vendor << 48 | (uint64_t)x->device << 32 |
			(uint64_t)x->subsystem_vendor << 16 | x->subsystem_device;
	uint64_t of_y = (uint64_t)y->vendor << 48 | (uint64_t)y->device << 32 |
			(uint64_t)y->subsystem_vendor << 16 | y->subsystem_device;

	return of_x < of_y ? -1 : of_x > of_y;
}

/* What one device knows of the others. */
static int relate(struct machine *machine)
{
	_cleanup_free_ struct device **sorted = calloc(machine->n_devices + 1, sizeof(*sorted));
	size_t n = machine->n_devices;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct device *physfn = machine->devices[i].physfn;

		sorted[i] = &machine->devices[i];
		if (physfn)
			machine->devices[physfn - machine->devices].functions++;
	}
	qsort(sorted, n, sizeof(*sorted), compare_identities);
	for (size_t i = 1; i < n; i++)
		if (device_same_identity(sorted[i - 1], sorted[i]))
			sorted[i - 1]->twin = sorted[i]->twin = true;
	return 0;
}

static int compare_groups(const void *a, const void *b)
{
	const struct device *x = *(const struct device *const *)a;
	const struct device *y = *(const struct device *const *)b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int read_type(const struct root *root, struct group *group)
{
	char path[128], value[64];

	(void)snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%lld/type",
		(long long)group->id);
	if (root_attr(root, path, value, sizeof(value)) <= 0)
		return 0;
	group->type = strdup(value);
	return group->type ? 0 : -ENOMEM;
}

/* The groups share one array of members, sorted by group, then address; groups[0].devices owns
 * it. */
static int make_groups(const struct scan *scan, struct machine *machine)
{
	const struct device **members = calloc(machine->n_devices + 1, sizeof(*members));
	size_t n = 0;

	machine->groups = calloc(machine->n_devices + 1, sizeof(*machine->groups));
	if (!members || !machine->groups) {
		free(members);
		return -ENOMEM;
	}
	machine->groups[0].devices = members;
	for (size_t i = 0; i < machine->n_devices; i++)
		if (machine->devices[i].group >= 0)
			members[n++] = &machine->devices[i];
	qsort(members, n, sizeof(*members), compare_groups);
	for (size_t i = 0; i < n; i++) {
		struct group *group = &machine->groups[machine->n_groups];

		if (i == 0 || members[i]->group != members[i - 1]->group) {
			*group = (struct group){.id = members[i]->group, .devices = members + i};
			machine->n_groups++;
			if (scan->what & MACHINE_DETAILS && read_type(scan->root, group) < 0)
				return -ENOMEM;
		}
		machine->groups[machine->n_groups - 1].n_devices++;
	}
	return 0;
}

void pci_release(struct machine *machine)
{
	for (size_t i = 0; i < machine->n_devices; i++)
		device_clear(&machine->devices[i]);
	if (machine->groups)
		free(machine->groups[0].devices);
	for (size_t i = 0; i < machine->n_groups; i++)
		free(machine->groups[i].type);
	free(machine->groups);
	free(machine->devices);
}

static int scan_all(const struct scan *scan, const struct strv *names, struct machine *machine,
	struct error *err)
{
	int r = read_devices(scan, names, machine);

	if (r == 0 && machine->n_devices == 0)
		return error_set(err, -ENODEV,
			"%s/bus/pci/devices: no PCI device; does this machine have a PCI bus?",
			root_sysfs(scan->root));
	for (size_t i = 0; r == 0 && i < machine->n_devices; i++) {
		if (scan->what & (MACHINE_DETAILS | MACHINE_USES))
			read_boot_vga(scan, &machine->devices[i]);
		if (scan->what & MACHINE_DETAILS)
			read_details(scan, machine, &machine->devices[i]);
	}
	if (r == 0 && scan->what & MACHINE_DETAILS)
		r = relate(machine);
	if (r == 0)
		r = make_groups(scan, machine);
	return r < 0 ? error_no_memory(err) : 0;
}

int pci_scan(const struct root *root, unsigned what, struct machine *machine, struct error *err)
{
	_cleanup_(access_free) struct pci_access *access = NULL;
	_cleanup_(strv_free) struct strv names = {0};
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int devices = -EBADF;
	struct scan scan = {.root = root, .what = what};
	int r = root_list(root, DEVICES, &names);

	if (asprintf(&path, "%s/bus/pci/devices", root_sysfs(root)) < 0) {
		path = NULL;
		return error_no_memory(err);
	}
	if (r == 0 && (devices = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		r = -errno;
	if (r < 0)
		return error_set(err, r, "%s: %s; name a sysfs with PCI devices by --sysfs", path,
			strerror(-r));
	r = access_new(root, &access, err);
	if (r < 0)
		return r;
	scan.access = access;
	scan.devices = devices;
	/* Without pci.ids udev's database may know; beside it, it costs five opens an id. */
	if (what & MACHINE_NAMES && names_load(access))
		scan.lookup = PCI_LOOKUP_NO_HWDB;
	return scan_all(&scan, &names, machine, err);
}
