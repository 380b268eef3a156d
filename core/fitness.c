#include "core/fitness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEVICES "/sys/bus/pci/devices"

/* Flags of a line of the file resource (include/linux/ioport.h), and which line is the ROM. */
#define RESOURCE_MEM   0x00000200
#define RESOURCE_UNSET 0x20000000
#define RESOURCE_ROM   6

/* "" if it cannot be read. */
static void attribute(const struct root *root, const struct device *device, const char *name,
	char *ret, size_t size)
{
	char path[128];

	(void)snprintf(path, sizeof(path), DEVICES "/%s/%s", device->address, name);
	if (root_attr(root, path, ret, size) < 0)
		*ret = '\0';
}

static bool has_file(const struct root *root, const struct device *device, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), DEVICES "/%s/%s", device->address, name);
	return root_exists(root, path);
}

/* A saved tree may have been made without the files that only root can write. */
static bool shows_resets(const struct root *root, const struct machine *machine)
{
	if (root_sysfs_is_live(root))
		return true;
	for (size_t i = 0; i < machine->n_devices && i < 64; i++)
		if (has_file(root, &machine->devices[i], "reset") ||
			has_file(root, &machine->devices[i], "reset_method"))
			return true;
	return false;
}

static void read_reset(const struct root *root, const struct machine *machine,
	const struct device *device, struct fitness *f)
{
	attribute(root, device, "reset_method", f->reset, sizeof(f->reset));
	/* An administrator may have emptied it: then nothing resets the device. */
	if (*f->reset)
		f->resets = YES;
	else if (has_file(root, device, "reset_method"))
		f->resets = NO;
	else if (has_file(root, device, "reset"))
		f->resets = YES;
	else
		f->resets = shows_resets(root, machine) ? NO : UNKNOWN;
}

static void read_bar(int number, uint64_t start, uint64_t end, uint64_t flags, struct fitness *f)
{
	uint64_t size = end - start + 1;

	if (!(flags & RESOURCE_MEM) || end <= start)
		return;
	if (size > f->largest)
		f->largest = size;
	if (f->unassigned < 0 && (flags & RESOURCE_UNSET || !start)) {
		f->unassigned = number;
		f->unassigned_size = size;
	}
}

/* A line each: six BARs, the ROM, what SR-IOV and bridges have. */
static void read_resources(const struct root *root, const struct device *device, struct fitness *f)
{
	_cleanup_free_ char *text = NULL;
	char path[128];
	bool any = false, rom = false;
	int number = 0;

	(void)snprintf(path, sizeof(path), DEVICES "/%s/resource", device->address);
	if (root_read_text(root, path, &text, NULL) < 0)
		return;
	for (const char *line = text; *line && number <= RESOURCE_ROM; number++) {
		uint64_t start, end, flags;

		if (sscanf(line, "0x%16" SCNx64 " 0x%16" SCNx64 " 0x%16" SCNx64, &start, &end,
			    &flags) != 3)
			return;
		any |= end > 0;
		if (number == RESOURCE_ROM)
			rom = end > 0;
		else
			read_bar(number, start, end, flags, f);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	/* A tree without any resource was made by something that does not know them. */
	if (any)
		f->rom = rom || has_file(root, device, "rom") ? YES : NO;
}

static unsigned lanes(const struct root *root, const struct device *device, const char *name)
{
	char text[16];
	uint64_t n;

	attribute(root, device, name, text, sizeof(text));
	/* 255 is the kernel's word for unknown. */
	return base_number(text, 10, 64, &n) < 0 ? 0 : (unsigned)n;
}

static void read_link(const struct root *root, const struct device *device, struct fitness *f)
{
	attribute(root, device, "current_link_speed", f->speed, sizeof(f->speed));
	attribute(root, device, "max_link_speed", f->speed_max, sizeof(f->speed_max));
	f->width = lanes(root, device, "current_link_width");
	f->width_max = lanes(root, device, "max_link_width");
}

/* Where there is but one node, it matters to nobody. */
static int read_numa(const struct root *root, const struct device *device)
{
	char text[64];
	uint64_t n;

	if (root_attr(root, "/sys/devices/system/node/online", text, sizeof(text)) < 0 ||
		!strpbrk(text, "-,"))
		return -1;
	attribute(root, device, "numa_node", text, sizeof(text));
	return base_number(text, 10, 4096, &n) < 0 ? -1 : (int)n;
}

/* Lines "0x<first> 0x<last> <type>"; "direct-relaxable" does not bind (Linux 5.3). */
static void read_regions(const struct root *root, const struct device *device, struct fitness *f)
{
	_cleanup_free_ char *text = NULL;
	char path[128];

	if (device->group < 0)
		return;
	(void)snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%" PRId64 "/reserved_regions",
		device->group);
	if (root_read_text(root, path, &text, NULL) < 0)
		return;
	for (const char *line = text; *line; line += *line == '\n') {
		uint64_t first, last;
		char type[24];

		if (sscanf(line, "0x%16" SCNx64 " 0x%16" SCNx64 " %23s", &first, &last, type) ==
				3 &&
			strcmp(type, "direct") == 0) {
			(void)snprintf(f->direct, sizeof(f->direct),
				"0x%016" PRIx64 " 0x%016" PRIx64, first, last);
			return;
		}
		line += strcspn(line, "\n");
	}
}

struct fitness fitness_read(
	const struct root *root, const struct machine *machine, const struct device *device)
{
	struct fitness f = {.rom = UNKNOWN, .unassigned = -1};

	read_reset(root, machine, device, &f);
	attribute(root, device, "power_state", f.power, sizeof(f.power));
	read_resources(root, device, &f);
	read_link(root, device, &f);
	f.numa = read_numa(root, device);
	read_regions(root, device, &f);
	return f;
}

/* Since which kernel; stable series may have the later ones earlier. */
static const struct {
	uint16_t device;
	unsigned major, minor;
} denied[] = {
	{0x0435, 5, 9},                 /* QAT DH895xCC and its virtual functions */
	{0x0443, 5, 9}, {0x19e2, 5, 9}, /* QAT C3xxx */
	{0x19e3, 5, 9}, {0x37c8, 5, 9}, /* QAT C62x */
	{0x37c9, 5, 9}, {0x0b25, 6, 9}, /* DSA of Sapphire Rapids */
	{0x0cfe, 6, 9},                 /* IAX of Sapphire Rapids */
};

enum fitness_denial fitness_denial(
	const struct machine *machine, const struct existing *existing, const struct device *device)
{
	const struct kernel *next = machine_next_kernel(machine);
	const char *version = next ? next->version : machine->host.release;

	for (size_t i = 0; device->vendor == 0x8086 && i < ARRAY_SIZE(denied); i++) {
		if (device->device != denied[i].device)
			continue;
		if (version &&
			!machine_version_reaches(version, denied[i].major, denied[i].minor, 0))
			return FITNESS_DENIED_ELSEWHERE;
		return existing && existing->denylist_off ? FITNESS_DENIAL_OFF : FITNESS_DENIED;
	}
	return FITNESS_ALLOWED;
}
