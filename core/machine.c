#include "core/machine.h"

#include "core/host.h"
#include "core/module.h"
#include "core/pci.h"
#include "core/slots.h"
#include "core/usage.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CLASS_HOST      0x0600
#define CLASS_ISA       0x0601
#define CLASS_BRIDGE    0x0604
#define CLASS_CARDBUS   0x0607
#define CLASS_SEMI      0x0609

bool device_is_bridge(const struct device *device)
{
	uint32_t class = device->class >> 8;

	return class == CLASS_BRIDGE || class == CLASS_CARDBUS || class == CLASS_SEMI;
}

bool device_is_path(const struct device *device)
{
	uint32_t class = device->class >> 8;

	return device_is_bridge(device) || class == CLASS_HOST || class == CLASS_ISA;
}

/* Every variant in the kernel ends so: mlx5_vfio_pci, nvgrace-gpu-vfio-pci, xe-vfio-pci. */
bool device_is_vfio_driver(const char *driver)
{
	size_t n = driver ? strlen(driver) : 0, tail = strlen("vfio_pci");

	return n >= tail && base_same_module(driver + n - tail, "vfio_pci") &&
	       (n == tail || driver[n - tail - 1] == '_' || driver[n - tail - 1] == '-');
}

bool device_has_use(const struct device *device, enum use_kind kind)
{
	for (size_t i = 0; i < device->n_uses; i++)
		if (device->uses[i].kind == kind)
			return true;
	return false;
}

bool device_is_needed(const struct device *device)
{
	for (size_t i = 0; i < device->n_uses; i++)
		if (device->uses[i].kind <= USE_INPUT)
			return true;
	return device->boot_vga;
}

bool device_same_card(const struct device *a, const struct device *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot;
}

bool device_path(const struct device *device, char *buf, size_t size)
{
	size_t at = size - 1;

	buf[at] = '\0';
	for (const struct device *d = device; d; d = d->parent) {
		char part[32];
		int n = d->parent ? snprintf(part, sizeof(part), "/%02x.%x", d->slot, d->function)
				  : snprintf(part, sizeof(part), "%s", d->address);

		if (n <= 0 || (size_t)n > at) {
			*buf = '\0';
			return false;
		}
		at -= (size_t)n;
		memcpy(buf + at, part, (size_t)n);
	}
	memmove(buf, buf + at, size - at);
	return true;
}

bool device_same_identity(const struct device *a, const struct device *b)
{
	return a->vendor == b->vendor && a->device == b->device &&
	       a->subsystem_vendor == b->subsystem_vendor &&
	       a->subsystem_device == b->subsystem_device;
}

const char *device_label(const struct device *device, char *buf, size_t size)
{
	if (device->name)
		return device->name;
	if (device->class_name)
		return device->class_name;
	(void)snprintf(buf, size, "Device %04x:%04x", device->vendor, device->device);
	return buf;
}

static bool hex_field(const char **text, size_t min, size_t max, uint32_t *ret)
{
	char digits[9];
	uint64_t n;
	size_t len = 0;

	while (len < max && isxdigit((unsigned char)(*text)[len]))
		len++;
	memcpy(digits, *text, len);
	digits[len] = '\0';
	if (len < min || base_number(digits, 16, UINT32_MAX, &n) < 0)
		return false;
	*text += len;
	*ret = (uint32_t)n;
	return true;
}

/* Domain (where `long_form`), bus, slot and function. */
static bool parse_form(const char *p, bool long_form, uint32_t part[4])
{
	part[0] = 0;
	if (long_form && (!hex_field(&p, 4, 8, &part[0]) || *p++ != ':'))
		return false;
	return hex_field(&p, 2, 2, &part[1]) && *p++ == ':' && hex_field(&p, 2, 2, &part[2]) &&
	       part[2] <= 0x1f && *p++ == '.' && hex_field(&p, 1, 1, &part[3]) && part[3] <= 7 &&
	       !*p;
}

static bool parse_address(const char *text, uint32_t part[4])
{
	return parse_form(text, true, part) || parse_form(text, false, part);
}

int machine_parse_address(const char *text, char *ret, size_t size, struct error *err)
{
	uint32_t part[4];

	if (!parse_address(text, part))
		return error_set(err, -EINVAL,
			"%.64s: not a PCI address; one looks like 0000:01:00.0 or 01:00.0", text);
	(void)snprintf(ret, size, "%04x:%02x:%02x.%x", part[0], part[1], part[2], part[3]);
	return 0;
}

const struct device *machine_device(const struct machine *machine, const char *address)
{
	struct device key = {0};
	uint32_t part[4];

	if (!parse_address(address, part))
		return NULL;
	key.domain = part[0];
	key.bus = (uint8_t)part[1];
	key.slot = (uint8_t)part[2];
	key.function = (uint8_t)part[3];
	return bsearch(&key, machine->devices, machine->n_devices, sizeof(key), pci_compare);
}

static int compare_group(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

const struct group *machine_group(const struct machine *machine, int64_t id)
{
	struct group key = {.id = id};

	if (!machine->n_groups)
		return NULL;
	return bsearch(&key, machine->groups, machine->n_groups, sizeof(key), compare_group);
}

const struct module *machine_module(const struct machine *machine, const char *name)
{
	for (size_t i = 0; i < machine->n_modules; i++)
		if (base_same_module(machine->modules[i].name, name))
			return &machine->modules[i];
	return NULL;
}

enum module_state machine_module_state(const struct machine *machine, const char *name)
{
	const struct module *module = machine_module(machine, name);

	for (size_t k = 0; module && k < machine->n_kernels; k++)
		if (machine->kernels[k].next)
			return module->states[k];
	return MODULE_MISSING;
}

const struct kernel *machine_next_kernel(const struct machine *machine)
{
	for (size_t k = 0; k < machine->n_kernels; k++)
		if (machine->kernels[k].next)
			return &machine->kernels[k];
	return NULL;
}

/* Kinds of one reason are told together. */
void machine_unknown(const struct machine *machine, struct str *out)
{
	const struct unknown_use *uses = machine->unknown_uses;
	size_t n = machine->n_unknown_uses;

	for (size_t i = 0; i < n; i++) {
		size_t first = 0;

		while (strcmp(uses[first].reason, uses[i].reason) != 0)
			first++;
		if (first < i)
			continue;
		str_addf(out, "%s%s", out->len ? "; " : "", uses[i].what);
		for (size_t k = i + 1; k < n; k++)
			if (strcmp(uses[k].reason, uses[i].reason) == 0)
				str_addf(out, ", %s", uses[k].what);
		str_addf(out, " (%s)", uses[i].reason);
	}
}

bool machine_has_token(const char *cmdline, const char *token)
{
	size_t len = strlen(token), n;

	for (const char *p = cmdline; p && *p; p += n) {
		p += strspn(p, " \t\n");
		n = strcspn(p, " \t\n");
		if (n == len && len && memcmp(p, token, n) == 0)
			return true;
	}
	return false;
}

bool machine_has_word(const char *cmdline, const char *start)
{
	for (const char *p = cmdline; p && *p; p += strcspn(p, " \t\n")) {
		p += strspn(p, " \t\n");
		if (base_starts(p, start))
			return true;
	}
	return false;
}

bool machine_version_reaches(const char *version, unsigned major, unsigned minor, unsigned patch)
{
	const unsigned wanted[] = {major, minor, patch};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		char *end;
		unsigned long part = strtoul(version, &end, 10);

		if (end == version || part < wanted[i])
			return end == version ? i > 0 && !wanted[i] : false;
		if (part > wanted[i])
			return true;
		version = end + (*end == '.');
	}
	return true;
}

static int scan(const struct root *root, unsigned what, struct machine *machine, struct error *err)
{
	int r = pci_scan(root, what, machine, err);

	if (r == 0 && what & MACHINE_DETAILS)
		r = slots_scan(root, machine, err);
	if (r == 0)
		r = host_scan_iommu(root, machine, err);
	if (r == 0 && what & (MACHINE_MODULES | MACHINE_HOST))
		r = host_scan_kernels(root, machine, err);
	if (r == 0 && what & MACHINE_MODULES)
		r = module_scan(root, machine, err);
	if (r == 0 && what & MACHINE_USES)
		r = usage_scan(root, machine, err);
	if (r == 0 && what & MACHINE_HOST)
		r = host_scan(root, machine, err);
	return r;
}

int machine_scan(const struct root *root, unsigned what, struct machine **ret, struct error *err)
{
	_cleanup_(machine_freep) struct machine *machine = calloc(1, sizeof(*machine));
	int r;

	if (!machine)
		return error_no_memory(err);
	r = scan(root, what, machine, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(machine);
	return 0;
}

struct machine *machine_free(struct machine *machine)
{
	if (!machine)
		return NULL;
	slots_release(machine);
	pci_release(machine);
	usage_release(machine);
	module_release(machine);
	host_release(machine);
	free(machine);
	return NULL;
}

void machine_freep(struct machine **machine)
{
	*machine = machine_free(*machine);
}
