/* Everything observed about a machine: devices, groups, kernels, host facts.  One immutable
 * snapshot; strings and arrays belong to it. */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

#include "core/base.h"
#include "core/root.h"

enum tristate { UNKNOWN = -1, NO = 0, YES = 1 };

/* What to scan beyond the address, ids, class, group and driver of each device and host.firmware
 * and host.iommu_active: each costs time that not every caller wants to pay. */
enum machine_scan {
	MACHINE_NAMES   = 1 << 0,    /* device and class names from pci.ids */
	MACHINE_MODULES = 1 << 1,    /* kernels, modules that can drive each device */
	MACHINE_USES    = 1 << 2,    /* what the host itself uses each device for; boot_vga */
	MACHINE_HOST    = 1 << 3,    /* boot loader, initramfs, libvirt, ... (implies kernels) */
	MACHINE_DETAILS = 1 << 4,    /* what is marked so below: files that few callers ask for */
	MACHINE_ALL     = MACHINE_NAMES | MACHINE_MODULES | MACHINE_USES | MACHINE_HOST |
		      MACHINE_DETAILS,
};

/* What the host does with a device, the worst to lose first: up to USE_INPUT its own disk, screen,
 * network or keyboard. */
enum use_kind {
	USE_ROOT_DISK,               /* a disk behind it carries /, /usr or /var */
	USE_BOOT_DISK,               /* /boot, /boot/efi or /efi */
	USE_MOUNTED_DISK,            /* another file system that is mounted, or is to be in boot */
	USE_SWAP_DISK,               /* swap, or what hibernation resumes from */
	USE_NETWORK,                 /* a default route, an address, this very SSH session */
	USE_BOOT_DISPLAY,            /* the firmware's screen, or the console now */
	USE_SERIAL_CONSOLE,
	USE_INPUT,                   /* a keyboard */
	USE_GUEST,                   /* a process has it open through VFIO, or QEMU a disk behind it */
	USE_SCREEN,                  /* a monitor is connected */
	USE_PROGRAM,                 /* programs have it open, or a disk behind it; sound is playing */
	USE_SERVICE,                 /* TPM, watchdog, Bluetooth, Thunderbolt */
	USE_IDLE_DISK,               /* data on a disk that is not mounted */
	USE_CLAIMED,                 /* the configuration of a guest names it */
	USE_POINTER,                 /* a mouse */
	USE_LINK,                    /* a network link with a carrier */
};

struct use {
	enum use_kind kind;
	char *text;                  /* "/ is on nvme0n1p2 through LUKS `cryptroot`" */
	char *spare;                 /* what stands on other devices as well, and does without one of
	                                them: "RAID1 `md0`", "bond `bond0`"; NULL: nothing in between */
};

/* A kind of use that could not be looked at: what is not listed is then unknown, not unused. */
struct unknown_use {
	const char *what;            /* "disks", "guests", ... static; each at most once */
	char *reason;                /* "/proc/self/mountinfo: No such file or directory" */
};

/* One PCI function. */
struct device {
	char address[24];            /* "0000:01:00.0", lower case; the domain may have 8 digits */
	uint32_t domain;
	uint8_t bus, slot, function;
	uint16_t vendor, device, subsystem_vendor, subsystem_device;   /* 0: none, or unreadable */
	uint32_t class;              /* 24 bits: base class, subclass, programming interface */
	uint8_t revision;            /* MACHINE_DETAILS */
	int64_t group;               /* IOMMU group number, -1: none */
	char *driver;                /* bound now, NULL: none */
	char *modalias;              /* as the kernel makes it from the ids (MACHINE_MODULES) */
	char *name;                  /* "Vendor Device", NULL: vendor not in pci.ids */
	size_t vendor_len;           /* bytes of name that are the vendor's */
	char *class_name;            /* "VGA compatible controller", NULL: not in pci.ids */
	const struct strv *modules;  /* modules of any kernel that claim it; never NULL, may be empty */
	bool boot_vga;               /* the firmware's console; MACHINE_DETAILS or _USES */
	/* MACHINE_DETAILS: */
	const struct device *parent; /* the bridge above it, NULL: on a root bus or unknown */
	const struct device *physfn; /* the physical function of this virtual function */
	size_t functions;            /* virtual functions of it that are switched on */
	bool twin;                   /* another device has its identity */
	bool override_set;           /* driver_override holds a name */
	struct use *uses;            /* worst first (MACHINE_USES) */
	size_t n_uses;
};

/* A bridge (class 06 04, 07, 09): VFIO accepts it in a group, and it is never bound. */
bool device_is_bridge(const struct device *device);
/* Host, ISA, PCI and PCIe bridges: the host's own paths, never to be given away.  Other devices of
 * class 06 (NVSwitch is one) are devices like any other. */
bool device_is_path(const struct device *device);
/* A driver under which VFIO counts a device as its own: vfio-pci or a variant of it. */
bool device_is_vfio_driver(const char *driver);
/* The host itself would lose something that it needs: a use up to USE_INPUT. */
bool device_is_needed(const struct device *device);
bool device_has_use(const struct device *device, enum use_kind kind);
/* Functions of one slot are one card. */
bool device_same_card(const struct device *a, const struct device *b);
/* The way to it from the root bus, as the kernel's pci= parameter writes it: "0000:00:01.0/00.0".  It
 * stays when buses are numbered anew, and differs where a card moved to another slot.  Needs
 * MACHINE_DETAILS.  False, and "", where it does not fit. */
#define DEVICE_PATH_SIZE 96
bool device_path(const struct device *device, char *buf, size_t size);
/* Same vendor, device and subsystem ids. */
bool device_same_identity(const struct device *a, const struct device *b);
/* "Vendor Device", or the class name, or "Device 10de:1b80": never NULL. Writes into buf if needed. */
const char *device_label(const struct device *device, char *buf, size_t size);

/* Members are in address order. */
struct group {
	int64_t id;
	char *type;                  /* sysfs type: "DMA", "DMA-FQ"; NULL: unknown; MACHINE_DETAILS */
	const struct device **devices;
	size_t n_devices;
};

/* A slot that the kernel knows by name: /sys/bus/pci/slots (MACHINE_DETAILS). */
struct slot {
	char *name;                  /* what the firmware calls it: "4" */
	const struct device *device; /* first function in it, NULL: empty */
	const struct device *port;   /* the bridge above it, NULL: on a root bus or unknown */
};

enum module_state { MODULE_MISSING, MODULE_LOADABLE, MODULE_BUILTIN };

/* A module that claims some device, or one of vfio's. states[k] belongs to machine.kernels[k]. */
struct module {
	char *name;                  /* with '_' */
	enum module_state *states;
};

/* An installed kernel: a directory of /lib/modules with modules.dep(.bin) in it. */
struct kernel {
	char *version;
	bool running;
	bool next;                   /* the one that boots next, as far as known: boot_next(), else the newest */
	bool indexed;                /* depmod's .bin indexes are readable */
	enum tristate intel_default_on;   /* CONFIG_INTEL_IOMMU_DEFAULT_ON=y */
};

enum firmware_iommu { FIRMWARE_UNKNOWN, FIRMWARE_NONE, FIRMWARE_VTD, FIRMWARE_AMDVI };

/* What starts the kernel and where its parameters are kept; boot_loader_kind() has names for each. */
enum boot_loader {
	BOOT_UNKNOWN,
	BOOT_OTHER,          /* known by name, and not set up by vfio-wizard */
	BOOT_GRUB_D,         /* GRUB, /etc/default/grub.d: Debian and its children */
	BOOT_GRUB,           /* GRUB, /etc/default/grub alone: Arch and others */
	BOOT_GRUB_BLS,       /* GRUB with loader entries, by grubby: Fedora, RHEL */
	BOOT_PBL,            /* GRUB by update-bootloader: openSUSE */
	BOOT_SDBOOTUTIL,     /* systemd-boot or grub2-bls by sdbootutil: openSUSE */
	BOOT_KERNEL_INSTALL, /* systemd-boot, entries by kernel-install */
	BOOT_ENTRIES,        /* systemd-boot, entries by hand */
	BOOT_UKI,            /* unified kernel images */
	BOOT_PROXMOX,        /* systemd-boot by proxmox-boot-tool */
	BOOT_OSTREE,         /* deployments of rpm-ostree */
	BOOT_U_BOOT_MENU,
	BOOT_KERNELSTUB, /* from here on: told what to add, never edited */
	BOOT_SDBOOT_MANAGE,
	BOOT_REFIND,
	BOOT_LIMINE,
	BOOT_SYSLINUX,
};

enum initramfs {
	INITRAMFS_UNKNOWN,
	INITRAMFS_OTHER,
	INITRAMFS_TOOLS,             /* initramfs-tools */
	INITRAMFS_DRACUT,
	INITRAMFS_MKINITCPIO,
	INITRAMFS_BOOSTER,
	INITRAMFS_OSTREE,            /* made on the server, or by rpm-ostree initramfs */
};

/* Why nothing is written on this system: refusal.h has the words. */
enum refusal {
	REFUSAL_NONE,
	REFUSAL_CONTAINER,
	REFUSAL_NO_SYSTEM,           /* no os-release: not the root directory of a system */
	REFUSAL_NIXOS,
	REFUSAL_TRANSACTIONAL,       /* openSUSE MicroOS and its kin, outside of transactional-update */
	REFUSAL_BOOTC,
	REFUSAL_OSTREE,              /* without rpm-ostree */
};

/* How sure, from what: shown on the requirements screen. */
struct detected {
	char *name;                  /* "GRUB", "initramfs-tools"; NULL: unknown */
	char *evidence;              /* "/usr/sbin/update-grub; BOOT_IMAGE= on the command line" */
	int kind;                    /* enum boot_loader or enum initramfs */
};

/* What else it may be, most likely first: the person decides (choice.boot_loader, .initramfs). */
struct candidates {
	struct detected *v;
	size_t n;
};

struct host {
	char *os_id, *os_like, *os_version, *os_name;    /* os-release(5); NULL: unknown */
	char *cmdline;               /* /proc/cmdline below the root, NULL: unknown */
	char *release;               /* the running kernel, NULL: not live and not saved */
	enum firmware_iommu firmware;
	bool iommu_active;           /* /sys/class/iommu or iommu_groups not empty */
	enum tristate interrupt_remapping;
	enum tristate cpu_virtualization;                /* vmx or svm */
	enum tristate kvm;                               /* /dev/kvm */
	enum tristate lockdown;                          /* integrity or confidentiality */
	enum tristate read_only;     /* /etc below the root cannot be written (mounted ro, immutable) */
	enum tristate container;
	char *libvirt;               /* version of the installed daemon, NULL: not installed */
	bool opennebula;
	bool without_systemd; /* another init starts the system: units do nothing */
	enum boot_loader boot_loader;
	enum initramfs initramfs;
	struct detected boot_loader_found, initramfs_found;
	struct candidates boot_loader_others, initramfs_others;
	bool proxmox_boot;           /* proxmox-boot-tool syncs boot partitions, GRUB's too */
	enum refusal refusal;
};

struct machine {
	struct device *devices;      /* sorted by domain, bus, slot, function */
	size_t n_devices;
	struct group *groups;        /* sorted by id */
	size_t n_groups;
	struct slot *slots;          /* sorted by name */
	size_t n_slots;
	struct kernel *kernels;      /* sorted by version, oldest first */
	size_t n_kernels;
	struct module *modules;      /* sorted by name */
	size_t n_modules;
	/* MACHINE_USES: */
	struct unknown_use *unknown_uses;
	size_t n_unknown_uses;
	unsigned elsewhere;          /* bits 1 << USE_...: also there on what is no PCI device */
	struct host host;
	struct machine_private *private;
};

/* what: bits of enum machine_scan.  A device that vanishes during the scan is left out; a machine
 * without PCI is an error that names the directory. */
int machine_scan(const struct root *root, unsigned what, struct machine **ret, struct error *err);
struct machine *machine_free(struct machine *machine);
void machine_freep(struct machine **machine);

/* address: as sysfs has it; the domain "0000:" may be left out.  NULL: no such device. */
const struct device *machine_device(const struct machine *machine, const char *address);
/* Checks the shape of an address ("01:00.0", "0000:01:00.0", "10000:e1:00.0") and writes the full
 * lower-case form.  -EINVAL with the error saying what an address looks like. */
int machine_parse_address(const char *text, char *ret, size_t size, struct error *err);
const struct group *machine_group(const struct machine *machine, int64_t id);
/* The module by name ('-' equals '_'), NULL: no device and no rule asks for it. */
const struct module *machine_module(const struct machine *machine, const char *name);
/* State under the kernel that boots next; MODULE_MISSING for an unknown one. */
enum module_state machine_module_state(const struct machine *machine, const char *name);
const struct kernel *machine_next_kernel(const struct machine *machine);      /* NULL: none installed */
/* "disks, network (no /proc ...); guests (...)": the uses that are unknown; "" where none is. */
void machine_unknown(const struct machine *machine, struct str *out);
/* "6.1.0-13-amd64" is at least major.minor.patch; false also for what is no version. */
bool machine_version_reaches(
	const char *version, unsigned major, unsigned minor, unsigned patch);
bool machine_has_token(const char *cmdline, const char *token);   /* whole words; NULL cmdline: false */

bool machine_has_word(const char *cmdline, const char *start);   /* a word that begins so; NULL: false */

#endif
