#include "core/verify.h"

#include "core/targets/target.h"

#include <errno.h>

int verify_spare(const struct root *root, const struct machine *machine,
	const struct choice *choice, struct verdicts *verdicts)
{
	const struct target_input in = {.root = root,
		.machine = machine,
		.choice = choice,
		.loader = choice_boot_loader(choice, machine)};
	_cleanup_free_ char *path = NULL, *trouble = NULL;
	_cleanup_(str_free) struct str out = {0};
	int r = target_loader_entry_look(&in, &path, &trouble);

	if (r < 0 || !path)
		return r;
	if (trouble) {
		str_addf(&out, "%s; to write it anew, run `vfio-wizard apply", trouble);
		for (size_t i = 0; i < choice->n; i++)
			str_addf(&out, " %s", choice->picks[i].address);
		str_addc(&out, '`');
	}
	r = str_take(&out, &verdicts->spare_trouble);
	if (r == 0)
		verdicts->spare = TAKE_PTR(path);
	return r;
}
