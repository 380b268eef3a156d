/* GRUB's menu entry "without passthrough", made by a script that grub-mkconfig runs last, so that the
 * numbers of other entries stay. */
#include "core/targets/target.h"

static const char script[] = {
#include "core/targets/grub-entry.inc"
	'\0'};

/* Its commands are those of the target that keeps the parameters. */
static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_GRUB_D || in->loader == BOOT_GRUB || in->loader == BOOT_PBL;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	return target_own_file(in, plan, &target_grub_entry, TARGET_GRUB_ENTRY, 0755,
		in->choice->n ? script : NULL, err);
}

const struct target target_grub_entry = {.name = "grub-entry", .detect = detect, .plan = plan};
