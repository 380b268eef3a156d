/* kernel-install(8), for the targets whose images or entries it makes. */
#ifndef CORE_TARGETS_KERNEL_INSTALL_H
#define CORE_TARGETS_KERNEL_INSTALL_H

#include "core/targets/target.h"

/* Adds what makes the entries (or unified images) of all kernels anew, for `target`.  It stands in
 * the stage of the initramfs, behind that one's own command: it copies the images.  Debian's
 * update-initramfs runs it by a hook.  kernel-install add-all came with systemd 255 and only finds
 * /usr/lib/modules/VERSION/vmlinuz, which Debian does not have. */
int target_kernel_install_add(const struct target_input *in, struct plan *plan,
	const struct target *target, struct error *err);
/* The same without that hook, for what in->root and in->machine have.  -ENOMEM. */
int target_kernel_install_run(const struct target_input *in, struct plan *plan);
/* struct target.left of a target whose images or entries it makes. */
int target_kernel_install_left(const struct target_input *in);
/* The texts that a command line must hold once the parameters are in it. */
int target_kernel_install_expect(const struct target_input *in, struct strv *ret);

#endif
