/* What the targets of all initramfs generators share: which modules and files an image has to hold,
 * when images have to be built anew, and how the new ones are looked into. */
#ifndef CORE_TARGETS_INITRAMFS_H
#define CORE_TARGETS_INITRAMFS_H

#include "core/images.h"
#include "core/targets/target.h"

/* Some installed kernel has it as a module. */
bool initramfs_is_loadable(const struct machine *machine, const char *name);

/* Modules of VFIO by whose names a generator may be asked that fails, or stops there, on one that a
 * kernel has not: every installed kernel has them, and not every one built in.  Never vfio_virqfd,
 * which is gone since 6.2 and comes with what needs it.  None, and a finding, where a kernel has no
 * vfio-pci while another has.  generator: its name, for that. */
int initramfs_modules(
	const struct target_input *in, struct plan *plan, const char *generator, struct strv *ret);

/* Files of ours that vfio-bind needs in an image: those that are there once the plan is carried
 * out. Called after the plan() of the targets of binding. */
int initramfs_files(const struct target_input *in, const struct plan *plan, struct strv *ret);

/* Option rescue: vfio-wizard itself, *ret_program (NULL: not asked for, or not installed, which is the
 * finding program-missing), and the descriptions of terminals that it may be shown on, added to *ret.
 * Its libraries are the generator's business. */
int initramfs_rescue(const struct target_input *in, struct plan *plan, const char **ret_program,
	struct strv *ret);

/* Something that is in the images was changed: by `self` or the targets of binding. */
bool initramfs_is_stale(const struct plan *plan, const struct target *self);

/* Looks into every image of this generator after it was built, unified ones left out: `program`
 * (argv, the image comes behind it) must list vfio-pci, where that is a module of the image's
 * kernel, the files, and with the option rescue vfio-wizard. place: those images alone whose paths begin so, where others are copied
 * from them later; NULL: all.  The finding initramfs-unchecked for each kernel that has none, and
 * where the program is not installed.  An empty choice asks for nothing. */
int initramfs_check(const struct target_input *in, struct plan *plan, const char *const program[],
	const struct images *images, const char *place);
/* That finding. */
int initramfs_unchecked(const struct target_input *in, struct plan *plan, const char *fmt, ...)
	_printf_(3, 4);

/* Where dracut(8) is: distributions that have not merged their directories keep it with root's
 * programs. */
const char *initramfs_dracut(const struct root *root);
/* Adds what has dracut build the images of the machine's kernels, for whatever files there are then;
 * in_place: for kernel-install to take them from there, not beside the old ones first.  -ENOMEM. */
int target_dracut_now(
	const struct root *root, const struct machine *machine, struct plan *plan, bool in_place);

/* update-initramfs(8), of initramfs-tools and from 112 on of Debian's dracut: the command for every
 * kernel, and which of the images are new then: a place as above. */
extern const char *const initramfs_update[];
const char *initramfs_updated_place(const struct target_input *in);

#endif
