/* What the person and other tools already configured for VFIO: read once, used by check, forecast
 * and plan.  Our own files are left out. */
#ifndef CORE_EXISTING_H
#define CORE_EXISTING_H

#include "core/choice.h"
#include "core/machine.h"

/* One entry of an ids= list; UINT32_MAX in an id stands for every value (vfio_pci_fill_ids()). */
struct existing_ids {
	uint32_t vendor, device, subsystem_vendor, subsystem_device;
	uint32_t class, class_mask;  /* matches where (class ^ device's) & class_mask is 0 */
	char *where;                 /* "/etc/modprobe.d/local.conf:3", "the kernel command line" */
};

struct existing {
	/* The ids= that modprobe really gives vfio-pci: the last option wins, the command line last
	 * of all (kmod concatenates every options line, module parameters take the last). */
	struct existing_ids *ids;
	size_t n_ids;
	bool ids_on_cmdline;
	struct strv overrides;       /* "0000:01:00.0 vfio-pci": driverctl(8), /etc/driverctl.d */
	struct strv notes;           /* hand-made settings met: one line each, with file and line */
	struct strv cmdline;         /* kernel parameters that the boot loader's configuration holds,
	                                ours left out */
	struct strv softdeps;        /* "r8169 pre: realtek"; ask by existing_softdep() */
	struct strv blacklist;       /* modules that modprobe.d or the command line blacklist */
	bool scripts;                /* a rule, unit or script that binds as only its author knows */
	char *install;               /* where an install line for vfio-pci is, NULL: none */
	bool denylist_off;           /* vfio-pci's disable_denylist=1 */
	bool loader_is_left, images_are_left; /* to the person: no menu, no image is written here */
	bool vfio_refused;           /* module_blacklist=vfio_pci in the boot loader configuration */
};

/* choice: which boot loader's configuration counts (choice_boot_loader()); may be NULL.
 * What cannot be read or parsed is a note: it is not ours, and kmod goes on too.  Fails only for
 * want of memory. */
int existing_scan(const struct root *root, const struct machine *machine,
	const struct choice *choice, struct existing *ret, struct error *err);
/* An ids= entry or an override gives it to vfio-pci. */
bool existing_binds(const struct existing *existing, const struct device *device,
	const char **ret_where);
/* The driver that driverctl gives the device at every boot, NULL: no override. */
const char *existing_override(const struct existing *existing, const struct device *device);
/* module_blacklist= among these kernel parameters refuses vfio-pci. */
bool existing_refuses_vfio(const struct strv *cmdline);
bool existing_blacklists(const struct existing *existing, const char *module);

/* Modules that a softdep line, or the module itself, asks to load before and after `module`.
 *
 * kmod obeys only the first softdep and the first install line that match a module: files in the
 * order of their names, and a module's own softdep among them as if in a file "modules.softdep" (seen
 * with kmod 30: `softdep r8169 pre: vfio-pci` in zz-x.conf does nothing, since r8169 itself asks for
 * "pre: realtek"; in 00-x.conf it works, and then realtek must be repeated).  options are the
 * other way round: there the last one wins.  Names are added to *pre and *post once each. */
int existing_softdep(const struct existing *existing, const char *module, struct strv *pre,
	struct strv *post);
void existing_free(struct existing *existing);

#endif
