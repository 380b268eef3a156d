/* GRUB's menu entry "without passthrough", made by a script that grub-mkconfig runs last, so that the
 * numbers of other entries stay. */
#include "core/targets/target.h"

static const char script[] = {
#include "core/targets/grub-entry.inc"
	'\0'};

int target_grub_entry(const struct target_input *in, struct plan *plan, const struct target *target,
	struct error *err)
{
	return target_own_file(in, plan, target, TARGET_GRUB_ENTRY, 0755,
		in->choice->n ? script : NULL, err);
}
