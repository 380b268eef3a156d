/* A target is one thing on the system that a plan may change.  A new boot loader, initramfs
 * generator or consumer is one file beside this one and one line in target_all[]. */
#ifndef CORE_TARGETS_TARGET_H
#define CORE_TARGETS_TARGET_H

#include "core/plan.h"

/* The files that are wholly ours. */
#define TARGET_SCRIPT    "/usr/local/bin/vfio-bind"
#define TARGET_UNIT      "/etc/systemd/system/vfio-bind.service"
#define TARGET_UNIT_LINK "/etc/systemd/system/basic.target.wants/vfio-bind.service"
/* Sorts last, so that where ids= is used ours, which holds every other file's too, wins. */
#define TARGET_MODPROBE  "/etc/modprobe.d/zz-vfio-wizard.conf"
#define TARGET_GRUB      "/etc/default/grub.d/zz-vfio-wizard.cfg"
#define TARGET_HOOK      "/etc/initramfs-tools/hooks/vfio-wizard"
/* Marked block in a file of the person's. */
#define TARGET_MODULES   "/etc/initramfs-tools/modules"

/* What a target works from. */
struct target_input {
	const struct root *root;
	const struct machine *machine;
	const struct choice *choice;           /* empty: remove every trace of ours */
	const struct existing *existing;
};

struct target {
	const char *name;
	/* This system has it. */
	bool (*detect)(const struct target_input *in);
	/* Adds the changes that take the files from what they are to what the choice asks. */
	int (*plan)(const struct target_input *in, struct plan *plan, struct error *err);
	/* Adds the command that makes changed files effective; called after every plan() when any
	 * file changed.  NULL: none. */
	int (*commands)(const struct target_input *in, struct plan *plan, struct error *err);
};

/* NULL-terminated, in the order of writing and of commands: files of binding first, then the
 * initramfs, the boot loader last. */
extern const struct target *const target_all[];

/* Helpers that every target uses.  A whole file of ours: after == NULL deletes it. */
int target_own_file(const struct target_input *in, struct plan *plan, const char *target,
	const char *path, mode_t mode, const char *after, struct error *err);
int target_own_link(const struct target_input *in, struct plan *plan, const char *target,
	const char *path, const char *after, struct error *err);
/* A file of the person's: `edit` turns the present text ("" when absent) into the wanted one;
 * a file that this leaves empty and that did not exist stays absent. */
int target_edit_file(const struct target_input *in, struct plan *plan, const char *target,
	const char *path, int (*edit)(const struct target_input *in, const char *text, char **ret),
	struct error *err);

#endif
