/* What the person wants: the chosen devices by address and identity, and the options.
 *
 * It is kept in /etc/sysconfig/vfio-bind, the file that vfio-bind reads at boot, so that what is
 * chosen and what is bound cannot differ:
 *
 *   DEVICES="0000:01:00.0=10de:1b80:1043:8591 0000:01:00.1=10de:10f0:1043:8591"
 *   OPTIONS="iommu-pt"
 *   PLACES="0000:01:00.0=0000:00:01.0/00.0,21 0000:01:00.1=0000:00:01.0/00.1,21"
 *   BOOT_LOADER="grub.d"         only where the person decided: names of boot_loader_kinds[],
 *   INITRAMFS="dracut"           boot_initramfs_kinds[]
 *   TRIAL_MINUTES="5"            where it is not the default
 *
 * PLACES tells cards with the same ids apart: the way from the root bus (device_path()) and the IOMMU
 * group, if there was one.  A file without it is as good, but for that.
 */
#ifndef CORE_CHOICE_H
#define CORE_CHOICE_H

#include "core/machine.h"

#define CHOICE_PATH "/etc/sysconfig/vfio-bind"

struct pick {
	char address[24];
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
	char path[DEVICE_PATH_SIZE]; /* when it was chosen; "": not known */
	int64_t group;               /* when it was chosen; -1: none, or not known */
};

enum choice_option {
	CHOICE_IOMMU_PT  = 1 << 0,   /* iommu=pt: identity DMA for the host's own devices */
	CHOICE_BLACKLIST = 1 << 1,   /* blacklist drivers that serve chosen devices only */
	CHOICE_IDS       = 1 << 2,   /* bind by options vfio-pci ids= where that is exact */
	CHOICE_LIBVIRT_ACL = 1 << 3, /* group nodes into libvirt's cgroup_device_acl */
	CHOICE_OPENNEBULA = 1 << 4,  /* OpenNebula's monitoring reports the devices */
	CHOICE_VFIO_GROUP = 1 << 5,  /* group kvm may open the nodes in /dev/vfio */
	CHOICE_TRIAL     = 1 << 6,   /* core/trial.h */
	CHOICE_TRIAL_SSH = 1 << 7,   /* a login over SSH confirms */
	CHOICE_RESCUE    = 1 << 8,   /* vfio-wizard itself in the initramfs */
};

struct choice {
	struct pick *picks;          /* sorted by address, no address twice */
	size_t n;
	unsigned options;            /* bits of enum choice_option */
	enum boot_loader boot_loader;   /* BOOT_UNKNOWN: as found; ask choice_boot_loader() */
	enum initramfs initramfs;       /* INITRAMFS_UNKNOWN: as found */
	unsigned trial_minutes;         /* 0: the default; ask choice_trial_minutes() */
};

/* Names for the command line, the file and the options screen; NULL-terminated by name. */
struct choice_option_name {
	unsigned bit;
	const char *name;            /* "iommu-pt" */
	const char *text;            /* one line for a person */
	const char *consequence;     /* what it costs */
};
extern const struct choice_option_name choice_option_names[];
unsigned choice_option_by_name(const char *name);             /* 0: no such option */

/* text -> choice.  Errors name CHOICE_PATH, the line and what to do.  Unknown assignments and
 * comments are accepted and ignored. */
int choice_parse(const char *text, struct choice *ret, struct error *err);
/* choice -> the whole file.  The caller frees. */
int choice_format(const struct choice *choice, char **ret);
/* What is installed below the root.  No file is an empty choice, and so is one that does not parse and
 * was not written by us (the recipe's own has no identities): existing_scan() notes that one. */
int choice_load(const struct root *root, struct choice *ret, struct error *err);

/* What the plan is for: as the person decided where the machine may be so (host.*_others), else as
 * found.  choice may be NULL. */
enum boot_loader choice_boot_loader(const struct choice *choice, const struct machine *machine);
enum initramfs choice_initramfs(const struct choice *choice, const struct machine *machine);

unsigned choice_trial_minutes(const struct choice *choice);

/* The person decides, by the name of a kind (boot.h): what was found is no decision, and kept as
 * BOOT_UNKNOWN or INITRAMFS_UNKNOWN.  -EINVAL: there is no such name; -ENOENT: this system cannot have it,
 * and the error says what it may have. */
int choice_set_boot_loader(struct choice *choice, const struct machine *machine, const char *name,
	struct error *err);
int choice_set_initramfs(struct choice *choice, const struct machine *machine, const char *name,
	struct error *err);

int choice_add(struct choice *choice, const struct device *device);   /* again: no change */
void choice_remove(struct choice *choice, const char *address);
const struct pick *choice_find(const struct choice *choice, const char *address);
/* Chosen at its address by its ids; and where another device has the same ids, in a slot where one
 * with them was chosen. */
bool choice_has(const struct choice *choice, const struct device *device);
bool choice_same(const struct choice *a, const struct choice *b);
int choice_copy(struct choice *to, const struct choice *from);  /* *to is overwritten, not freed */
void choice_free(struct choice *choice);

/* Where the picked device is now: at its address; or on the way from the root bus where it was, under
 * another address; or else the only one with its ids that is not chosen, of which *is_sure (may be NULL) is
 * false: it may be a card that the host had all along.  NULL: nowhere, or one of several. */
const struct device *choice_locate(const struct choice *choice, const struct machine *machine,
	const struct pick *pick, bool *is_sure);
/* Some device is elsewhere, and choice_follow() would move the choice there. */
bool choice_has_moved(const struct choice *choice, const struct machine *machine);
/* What was picked is chosen where it is now, in the group where it is now; the rest stays. */
int choice_follow(struct choice *choice, const struct machine *machine);

/* Every device of the machine with this one's identity is chosen, so ids= would bind no other. */
bool choice_owns_identity(const struct choice *choice, const struct machine *machine,
	const struct device *device);
/* Every device that this module claims on the machine is chosen. */
bool choice_owns_module(const struct choice *choice, const struct machine *machine,
	const char *module);

#endif
