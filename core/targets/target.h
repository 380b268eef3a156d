/* A target is one thing on the system that a plan may change.  A new boot loader, initramfs
 * generator or consumer is one file beside this one and one line in target_all[]. */
#ifndef CORE_TARGETS_TARGET_H
#define CORE_TARGETS_TARGET_H

#include "core/plan.h"
#include "core/words.h"

/* The files that are wholly ours. */
#define TARGET_SCRIPT    "/usr/local/bin/vfio-bind"
#define TARGET_UNIT      "/etc/systemd/system/vfio-bind.service"
#define TARGET_UNIT_LINK "/etc/systemd/system/basic.target.wants/vfio-bind.service"
/* Sorts first: of several softdep or install lines for a module kmod obeys the first. */
#define TARGET_MODPROBE  "/etc/modprobe.d/00-vfio-wizard.conf"
/* Sorts last: of several ids= the last counts, and this one holds every other file's too. */
#define TARGET_IDS       "/etc/modprobe.d/zz-vfio-wizard.conf"
#define TARGET_GRUB      "/etc/default/grub.d/zz-vfio-wizard.cfg"
#define TARGET_GRUB_ENTRY "/etc/grub.d/42_vfio-wizard"
/* Sorts last, as zz-vfio-wizard.conf does: sdbootutil's. */
#define TARGET_SDBOOT_CMDLINE "/etc/kernel/cmdline.d/zz-vfio-wizard.conf"
#define TARGET_CMDLINE_D "/etc/cmdline.d/90-vfio-wizard.conf"
#define TARGET_DRACUT    "/etc/dracut.conf.d/90-vfio-wizard.conf"
#define TARGET_DRACUT_UKI "/etc/dracut.conf.d/zz-vfio-wizard-cmdline.conf"
/* Behind every file that assigns MODULES. */
#define TARGET_MKINITCPIO "/etc/mkinitcpio.conf.d/zz-vfio-wizard.conf"
#define TARGET_U_BOOT    "/etc/u-boot-menu/conf.d/90-vfio-wizard.conf"
/* For a person to read: what to add to a boot loader's configuration by hand. */
#define TARGET_NOTE      "/etc/vfio-wizard/boot-loader"
#define TARGET_HOOK      "/etc/initramfs-tools/hooks/vfio-wizard"
/* Marked block in a file of the person's. */
#define TARGET_MODULES   "/etc/initramfs-tools/modules"
/* Words in files of the person's. */
#define TARGET_MKINITCPIO_CONF "/etc/mkinitcpio.conf"
#define TARGET_BOOSTER   "/etc/booster.yaml"
#define TARGET_GRUB_DEFAULT "/etc/default/grub"
#define TARGET_CMDLINE   "/etc/kernel/cmdline"

/* What a target works from. */
struct target_input {
	const struct root *root;
	const struct machine *machine;
	const struct choice *choice;           /* empty: remove every trace of ours */
	const struct existing *existing;       /* NULL while it is being found out */
	enum boot_loader loader;               /* choice_boot_loader() */
	enum initramfs initramfs;              /* choice_initramfs() */
	const struct strv *parameters;         /* parameters_wanted() */
	struct words *words;                   /* ours in other files: target_own_words() keeps it */
};

enum target_left {
	TARGET_PARAMETERS = 1 << 0,            /* kernel parameters */
	TARGET_IMAGES = 1 << 1,                /* what is in the initramfs */
};

struct target {
	const char *name;
	/* This system has it.  Where it has not, plan() is asked with an empty choice, so that what
	 * was left there in other days is taken back. */
	bool (*detect)(const struct target_input *in);
	/* Adds the changes that take the files from what they are to what the choice asks. */
	int (*plan)(const struct target_input *in, struct plan *plan, struct error *err);
	/* Adds the command that makes changed files effective; called in the table's order after
	 * every plan(), when any file changed.  NULL: none. */
	int (*commands)(const struct target_input *in, struct plan *plan, struct error *err);
	/* What would make changed files effective is not there, or not known: that is left to the
	 * person.  Bits of enum target_left, or -ENOMEM.  NULL: nothing ever. */
	int (*left)(const struct target_input *in);
	/* Boot loaders: the kernel parameters that the configuration gives a normal boot, apart by who
	 * put them there.  What cannot be read or parsed gives none and is told in *why (never NULL);
	 * what is not there is no trouble.  Fails only with -ENOMEM.  NULL: not a boot loader. */
	int (*parameters)(const struct target_input *in, struct strv *theirs, struct strv *ours,
		struct error *why);
};

/* NULL-terminated, in the order of writing and of commands: what takes an unconfirmed change back first,
 * then files of binding and the initramfs, the boot loader last. */
extern const struct target *const target_all[];

/* First comment of every file that is wholly ours.  A file in its place without it is the person's:
 * it is replaced only with the finding file-replaced, and never deleted. */
#define TARGET_MARK "# Written by vfio-wizard"

/* Helpers that every target uses; `target` names it in the change.
 * A whole file of ours: text NULL deletes it. */
int target_own_file(const struct target_input *in, struct plan *plan, const struct target *target,
	const char *path, mode_t mode, const char *text, struct error *err);
/* A symbolic link of ours: where it points; wanted false deletes it. */
int target_own_link(const struct target_input *in, struct plan *plan, const struct target *target,
	const char *path, const char *where, bool wanted, struct error *err);
/* Our marked block (edit_block) in a file of the person's; body "": none. */
int target_own_block(const struct target_input *in, struct plan *plan, const struct target *target,
	const char *path, const char *body, struct error *err);
/* Our words in a list of the person's (words.h; not WORDS_TOOL).  fresh: what the file begins with
 * where it is not there; NULL: then it stays away.  A file that we made and that holds nothing else in
 * the end goes. */
int target_own_words(const struct target_input *in, struct plan *plan, const struct target *target,
	const struct words_place *place, const char *fresh, const struct strv *wanted,
	struct error *err);
/* A configuration file to look at: 1, or 0 where there is none or it cannot be read, which is told in
 * *why unless it is just not there.  Fails only with -ENOMEM. */
int target_read_optional(const struct target_input *in, const char *path, char **ret,
	struct error *why);
/* For target.parameters: the kernel parameters in text, a list of this grammar, apart by who put them
 * there; recorded (may be NULL): what is ours.  Else as parameters(). */
int target_parameters(const struct words_place *place, const char *text,
	const struct strv *recorded, struct strv *theirs, struct strv *ours, struct error *why);
/* For parameters(): the words of a list of the person's, ours left out, added to *theirs.  As there, what
 * cannot be read is told in *why, and only want of memory fails. */
int target_words_theirs(const struct target_input *in, const struct words_place *place,
	struct strv *theirs, struct error *why);
/* Adds the paths of the files in a directory whose names end in `suffix`, sorted; a directory that is not
 * there or cannot be read has none.  -ENOMEM. */
int target_list(
	const struct target_input *in, const char *directory, const char *suffix, struct strv *ret);
/* After every target: takes our words out of lists that none asked for, and keeps the record. */
int target_finish(const struct target_input *in, struct plan *plan, struct error *err);
/* Where vfio-wizard itself is installed below the root; NULL: nowhere. */
const char *target_program(const struct target_input *in);
/* For a sentence: what binds a device that a driver of the host took before. */
const char *target_late_binder(const struct machine *machine);
/* For a plan of commands that were recorded, when it has them all: what they do for one kernel
 * each, images by dracut, entries by kernel-install and grubby, is done for the kernels that are
 * there now. */
int target_kernels_now(const struct root *root, struct plan *plan, struct error *err);
/* For struct command.about of what is done for one kernel: the index of its modules, without which it is
 * no kernel to machine.h.  -ENOMEM. */
int target_kernels_about(const struct root *root, const struct kernel *kernel, char **ret);
/* The entry of target_loader_entry, as it is: *ret its path, NULL where there is none to be; *trouble why it
 * is no way back (it is not there, names files that are not, or another kernel than the one that boots
 * next), NULL: it is one.  -ENOMEM. */
int target_loader_entry_look(const struct target_input *in, char **ret, char **trouble);
/* Finding no-spare-entry: the boot menu gets no entry without passthrough.  instead: what a person does at
 * it, "press e there".  Not for an empty choice.  -ENOMEM. */
int target_no_spare(const struct target_input *in, struct plan *plan, const char *instead);
/* The plan holds a change that `target` asked for. */
bool target_changed(const struct plan *plan, const struct target *target);

/* The first boot on trial. */
#define TARGET_TRIAL_SERVICE "/etc/systemd/system/vfio-wizard-trial.service"
#define TARGET_TRIAL_TIMER   "/etc/systemd/system/vfio-wizard-trial.timer"
#define TARGET_TRIED         "/etc/systemd/system/vfio-wizard-tried.service"
#define TARGET_CONFIRM       "/etc/systemd/system/vfio-wizard-confirm.service"
#define TARGET_CONFIRM_PATH  "/etc/systemd/system/vfio-wizard-confirm.path"

/* The consumers' files. */
#define TARGET_UDEV      "/etc/udev/rules.d/60-vfio-wizard.rules"
#define TARGET_QEMU_CONF "/etc/libvirt/qemu.conf"

extern const struct target target_trial, target_grub_entry, target_loader_entry;
extern const struct target target_vfio_nodes, target_libvirt, target_opennebula;
extern const struct target target_grub_default, target_kernel_install, target_proxmox, target_entries,
	target_uki, target_u_boot, target_manual;
extern const struct target target_vfio_bind, target_modprobe, target_initramfs_tools, target_dracut,
	target_mkinitcpio, target_booster, target_grub, target_grubby, target_pbl, target_sdbootutil,
	target_ostree;

#endif
