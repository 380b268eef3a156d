/* Trees that no kernel makes, or only at a bad moment. */
#include "tests/mktree.h"
#include "tests/mktree_machine.h"
#include "tests/mktree_out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES  "sys/bus/pci/devices/"
#define VICTIM   DEVICES MKTREE_VICTIM
#define MEGABYTE ((size_t)1 << 20)

/* Clears the screen, rings, sets the title, and a line end in the middle. */
#define CONTROL_NAME "\033[2J\a\033]0;x\033\\\nevil\177\302\233H"

static void no_vendor(struct mktree_out *o)
{
	mktree_out_remove(o, VICTIM "/vendor");
}

static void no_config(struct mktree_out *o)
{
	mktree_out_remove(o, VICTIM "/config");
}

static void short_config(struct mktree_out *o)
{
	mktree_out_text(o, VICTIM "/config", "\003");
}

static void empty_files(struct mktree_out *o)
{
	mktree_out_text(o, VICTIM "/vendor", "");
	mktree_out_text(o, VICTIM "/class", "");
	mktree_out_text(o, VICTIM "/boot_vga", "");
}

static void binary_files(struct mktree_out *o)
{
	mktree_out_data(o, VICTIM "/class", "\0\377\0\377\n", 5);
	mktree_out_data(o, VICTIM "/modalias", "pci:v\0\033[2Jd", 11);
}

static void dangling(struct mktree_out *o)
{
	mktree_out_symlink(o, DEVICES "0000:fe:00.0", "../../../devices/gone/0000:fe:00.0");
}

static void loop(struct mktree_out *o)
{
	mktree_out_symlink(o, DEVICES "0000:fe:00.0", "0000:fe:00.1");
	mktree_out_symlink(o, DEVICES "0000:fe:00.1", "0000:fe:00.0");
}

static void not_a_directory(struct mktree_out *o)
{
	mktree_out_text(o, DEVICES "0000:fe:00.0", "a file\n");
}

static void strange_names(struct mktree_out *o)
{
	mktree_out_dir(o, DEVICES "0000:zz:00.0");
	mktree_out_dir(o, DEVICES "not an address");
	mktree_out_dir(o, DEVICES CONTROL_NAME);
}

static void control_driver(struct mktree_out *o)
{
	mktree_out_dir(o, "sys/bus/pci/drivers/" CONTROL_NAME);
	/* as seen from the device's own place, not from the link to it */
	mktree_out_symlink(o, VICTIM "/driver", "../../../../../bus/pci/drivers/" CONTROL_NAME);
	mktree_out_text(o, VICTIM "/driver_override", CONTROL_NAME "\n");
}

static void long_modalias(struct mktree_out *o)
{
	char *text = malloc(MEGABYTE);

	if (!text) {
		mktree_out_fail(o, -ENOMEM, VICTIM);
		return;
	}
	memset(text, 'A', MEGABYTE);
	memcpy(text, "pci:v", 5);
	mktree_out_data(o, VICTIM "/modalias", text, MEGABYTE);
	free(text);
}

static void garbage_group(struct mktree_out *o)
{
	mktree_out_symlink(
		o, VICTIM "/iommu_group", "../../../../../kernel/iommu_groups/-1x\033[2J");
}

static void group_number(struct mktree_out *o, const char *number)
{
	mktree_out_text(o, PATH("sys/kernel/iommu_groups/%s/type", number), "DMA\n");
	mktree_out_symlink(o, PATH("sys/kernel/iommu_groups/%s/devices/%s", number, MKTREE_VICTIM),
		PATH("../../../../bus/pci/devices/%s", MKTREE_VICTIM));
	mktree_out_symlink(
		o, VICTIM "/iommu_group", PATH("../../../../../kernel/iommu_groups/%s", number));
}

static void huge_group(struct mktree_out *o)
{
	group_number(o, "4294967296");
}

static void overflow_group(struct mktree_out *o)
{
	group_number(o, "99999999999999999999999");
}

static void lost_member(struct mktree_out *o)
{
	mktree_out_symlink(o, "sys/kernel/iommu_groups/0/devices/0000:fe:00.0",
		"../../../../devices/gone/0000:fe:00.0");
}

static void no_group_directory(struct mktree_out *o)
{
	mktree_out_symlink(o, VICTIM "/iommu_group", "../../../../../kernel/iommu_groups/777");
}

static int add_device(struct mktree_machine *m, const char *address, const char *parent)
{
	struct mktree_device *d = mktree_machine_add(m);

	if (!d)
		return -ENOMEM;
	snprintf(d->address, sizeof(d->address), "%s", address);
	snprintf(d->parent, sizeof(d->parent), "%s", parent);
	d->vendor = 0x8086;
	d->device = 0x09ab;
	d->class = 0x088000;
	mktree_machine_sort(m);
	return 0;
}

static int wide_domain(struct mktree_machine *m)
{
	int r = add_device(m, "10000:e0:06.0", "");

	return r < 0 ? r : add_device(m, "10000:e1:00.0", "10000:e0:06.0");
}

static int invalid_domain(struct mktree_machine *m)
{
	return add_device(m, "ffffffff:ff:1f.7", "");
}

/* Two bridges that call each other parent cannot be written, but their bus numbers can. */
static int bus_loop(struct mktree_machine *m)
{
	for (size_t i = 0; i < m->n_device; i++)
		if (m->device[i].bridge) {
			m->device[i].bus[1] = m->device[i].bus[0];
			m->device[i].bus[2] = 0;
		}
	return 0;
}

/* What is done to the machine before it is written, or to the tree afterwards. */
static const struct {
	const char *name, *what;
	int (*before)(struct mktree_machine *m);
	void (*after)(struct mktree_out *o);
} broken[] = {
	{"no-vendor", "a device without the file vendor, as when it is being removed", NULL,
		no_vendor},
	{"no-config", "a device without configuration space", NULL, no_config},
	{"short-config", "a configuration space of one byte", NULL, short_config},
	{"empty-files", "attributes of no bytes", NULL, empty_files},
	{"binary-files", "attributes with NUL and other bytes", NULL, binary_files},
	{"dangling", "a device that is a link to nowhere", NULL, dangling},
	{"loop", "two devices that are links to each other", NULL, loop},
	{"not-a-directory", "a device that is a file", NULL, not_a_directory},
	{"strange-names", "devices whose names are no addresses", NULL, strange_names},
	{"control-driver", "a driver's name with escape sequences and a line end", NULL,
		control_driver},
	{"long-modalias", "a modalias of one megabyte", NULL, long_modalias},
	{"garbage-group", "a group that is not a number", NULL, garbage_group},
	{"huge-group", "group 4294967296", NULL, huge_group},
	{"overflow-group", "a group number beyond 64 bits", NULL, overflow_group},
	{"lost-member", "a group that names a device that is gone", NULL, lost_member},
	{"no-group-directory", "a device in a group that does not exist", NULL, no_group_directory},
	{"wide-domain", "a domain beyond 16 bits, as VMD makes them", wide_domain, NULL},
	{"bus-loop", "bridges whose bus numbers lead back to themselves", bus_loop, NULL},
	{"invalid-domain", "domain ffffffff, which libpci refuses", invalid_domain, NULL},
};

#define KINDS (sizeof(broken) / sizeof(*broken))

const char *mktree_broken_name(size_t i)
{
	return i < KINDS ? broken[i].name : NULL;
}

const char *mktree_broken_what(size_t i)
{
	return i < KINDS ? broken[i].what : NULL;
}

static int break_it(size_t kind, const char *dir)
{
	struct mktree_machine *m = NULL;
	struct mktree_out o;
	int r = mktree_synthetic_make(12, 1, &m);

	if (r == 0 && broken[kind].before)
		r = broken[kind].before(m);
	if (r == 0)
		r = mktree_sys_write(m, dir);
	mktree_facts_free(m);
	if (r < 0 || !broken[kind].after)
		return r;
	o = mktree_out_open(dir);
	broken[kind].after(&o);
	return mktree_out_close(&o);
}

int mktree_broken(const char *name, const char *dir)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(broken[i].name, name) == 0)
			return break_it(i, dir);
	return -EINVAL;
}
