/*
 * Trees for tests: a machine's /sys from its facts, a distribution's root from its fixture, trees
 * that are broken on purpose.  fixtures/README describes the files that are read here.
 *
 * Everything is written below DIR, which is made when it does not exist; a machine and a root
 * combine in one DIR.  Functions return 0 or -errno and say on stderr which file was at fault.
 */
#ifndef TESTS_MKTREE_H
#define TESTS_MKTREE_H

#include <stdbool.h>
#include <stddef.h>

#define MKTREE_ADDRESS  20 /* "ffffffff:ff:1f.7" and its NUL */
#define MKTREE_UNITS    8
#define MKTREE_RENAMES  16
#define MKTREE_CHILDREN 8

/* Something that a driver made below its device: a disk, a partition, a network interface. */
struct mktree_child {
	const char *subsystem; /* "block", "net", "drm", ... */
	const char *path;      /* below the device, the last component is the name */
	const char *dev;       /* "259:1", or NULL for none */
};

/* One PCI function.  Strings belong to the machine; NULL or -1 is "none". */
struct mktree_device {
	char address[MKTREE_ADDRESS];
	unsigned int vendor, device, subvendor, subdevice, class, revision;
	long long group;
	const char *driver, *modules, *reset, *path;
	char parent[MKTREE_ADDRESS], physfn[MKTREE_ADDRESS]; /* "" is none */
	bool boot_vga, bridge;
	unsigned char bus[3]; /* of a bridge: primary, secondary, subordinate */
	struct mktree_child child[MKTREE_CHILDREN];
	size_t n_child;
	unsigned char *config;
	size_t config_size;
	const char *place; /* below sys/, set while the tree is written */
};

enum mktree_iommu { MKTREE_IOMMU_UNKNOWN, MKTREE_IOMMU_NO, MKTREE_IOMMU_YES };

struct mktree_machine {
	const char *title, *source;
	const char *cpu;   /* "intel" or "amd" */
	const char *table; /* the firmware's description of the IOMMU; "-": it has none */
	enum mktree_iommu iommu;
	const char *unit[MKTREE_UNITS];
	size_t n_unit;
	struct {
		const char *driver, *module; /* module NULL: the driver shows none */
	} rename[MKTREE_RENAMES];
	size_t n_rename;
	struct mktree_device *device; /* by address */
	size_t n_device, max_device;
	char **kept; /* what the strings point into */
	size_t n_kept, max_kept;
};

/* Reads a facts file; the expected answer of a listing of the tree made from it. */
int mktree_facts_load(const char *facts_file, struct mktree_machine **ret);
struct mktree_machine *mktree_facts_free(struct mktree_machine *m);
struct mktree_device *mktree_facts_find(const struct mktree_machine *m, const char *address);

/* An invented server of exactly n functions; the same seed gives the same machine. */
int mktree_synthetic_make(unsigned int n, unsigned int seed, struct mktree_machine **ret);

/* Writes DIR/sys and DIR/proc/cpuinfo. */
int mktree_sys_write(struct mktree_machine *m, const char *dir);

int mktree_machine(const char *facts_file, const char *dir);
/* The same machine with its IOMMU switched off: no groups, no units. */
int mktree_machine_without(const char *facts_file, const char *dir);
int mktree_synthetic(unsigned int n, unsigned int seed, bool groups, const char *dir);

/* A distribution's root: fixtures/roots/NAME.  Needs depmod where the fixture has modules. */
int mktree_root(const char *fixture_dir, const char *dir);

/* Adds to a device of an existing tree: a child, as "SUBSYSTEM:PATH[@MAJOR:MINOR]". */
int mktree_attach(const char *dir, const char *address, const char *child);

/* What the host uses a device for: the disk "nvme0n1" or "sda", with / on its second partition and
 * swap on its third, and the network interface of the default route. */
int mktree_disk(const char *dir, const char *address, const char *name);
int mktree_network(const char *dir, const char *address, const char *name);

/* A small machine with something wrong in it, mostly at the device MKTREE_VICTIM; a reader must
 * come back from it with an answer or an error.  Names and what is wrong by number, NULL behind
 * the last. */
#define MKTREE_VICTIM "0000:02:00.0"
const char *mktree_broken_name(size_t i);
const char *mktree_broken_what(size_t i);
int mktree_broken(const char *name, const char *dir);

#endif
