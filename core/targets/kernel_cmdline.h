/* /etc/kernel/cmdline: what kernel-install(8), proxmox-boot-tool, ukify(1), mkinitcpio and
 * u-boot-update give every kernel.  Each of their targets works on it by these, and only the
 * detected one does.
 *
 * While it is missing those tools take the line of the kernel that runs when they run (and
 * /usr/lib/kernel/cmdline before that).  So it is made complete, or the host would lose its root=;
 * it stays where its going would bring our words back out of the running line; and from a rescue
 * system, whose line is another one, nothing is made anew without it. */
#ifndef CORE_TARGETS_KERNEL_CMDLINE_H
#define CORE_TARGETS_KERNEL_CMDLINE_H

#include "core/targets/target.h"

/* Our words in it, for `target`.  -EINVAL, -ENOENT with what to do: it has to be made, and nothing
 * says with what. */
int target_kernel_cmdline_plan(const struct target_input *in, struct plan *plan,
	const struct target *target, struct error *err);
/* As a target's parameters(). */
int target_kernel_cmdline_parameters(
	const struct target_input *in, struct strv *theirs, struct error *why);
/* What a first one holds: /usr/lib/kernel/cmdline, else the line with which the system runs, else
 * the options of its newest boot loader entry.  Errors as above. */
int target_kernel_cmdline_fresh(const struct target_input *in, char **ret, struct error *err);
/* For a plan that goes back, with all its changes and commands. */
int target_kernel_cmdline_back(const struct root *root, struct plan *plan, struct error *err);

#endif
