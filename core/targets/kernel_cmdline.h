/* /etc/kernel/cmdline: what kernel-install(8), proxmox-boot-tool, ukify(1), mkinitcpio and u-boot-update
 * give every kernel.  Each of their targets works on it by these, and only the detected one does. */
#ifndef CORE_TARGETS_KERNEL_CMDLINE_H
#define CORE_TARGETS_KERNEL_CMDLINE_H

#include "core/targets/target.h"

#define KERNEL_CMDLINE "/etc/kernel/cmdline"

/* Our words in it, for `target`.  Where it is not there it is made from what is read in its place:
 * /usr/lib/kernel/cmdline, the line of the running kernel, and for a system that does not run the
 * options of its newest entry.  -EINVAL, with what to do: none of them finds the root file system.
 *
 * One that we made goes with our words, but not while the running kernel has them: without the file the
 * tools would take the running line, and with it our words, for good. */
int kernel_cmdline_plan(const struct target_input *in, struct plan *plan,
	const struct target *target, struct error *err);
/* As a target's parameters(). */
int kernel_cmdline_parameters(
	const struct target_input *in, struct strv *theirs, struct error *why);
/* What a first one begins with, one line; NULL while nothing is to be added. */
int kernel_cmdline_fresh(const struct target_input *in, char **ret, struct error *err);

#endif
