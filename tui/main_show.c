#include "tui/main.h"

#include "core/plan.h"
#include "core/guest.h"
#include "core/report.h"
#include "core/rescue.h"
#include "core/snapshot.h"
#include "core/txn.h"
#include "core/verify.h"

#include <errno.h>
#include <string.h>

int main_list(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(str_free) struct str out = {0};
	int r;

	r = main_open(o,
		MACHINE_NAMES | MACHINE_MODULES | MACHINE_USES |
			(o->json ? MACHINE_HOST | MACHINE_DETAILS : 0),
		&root, &machine);
	if (r != 0)
		return r;
	return main_print(report_list(machine, o->json, &out), &out);
}

/* The plan for what the command line names. */
static int build_plan(const struct main_options *o, const struct root *root,
	const struct machine *machine, struct plan **ret)
{
	_cleanup_(choice_free) struct choice choice = {0};
	struct error err = {0};
	int r = main_choice(o, root, machine, &choice);

	if (r != 0)
		return r;
	return plan_build(root, machine, &choice, ret, &err) < 0
		       ? main_error(MAIN_FAILED, "%s", err.text)
		       : MAIN_DONE;
}

int main_check(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(choice_free) struct choice installed = {0};
	_cleanup_(requirements_free) struct requirements requirements = {0};
	_cleanup_(plan_freep) struct plan *plan = NULL;
	_cleanup_(str_free) struct str out = {0};
	int r, failed = MAIN_DONE;

	r = main_open(o, MACHINE_ALL, &root, &machine);
	if (r != 0)
		return r;
	if (o->n_args || o->boot_loader || o->initramfs)
		failed = build_plan(o, root, machine, &plan);
	if (failed == MAIN_USAGE)
		return failed;
	r = choice_load(root, &installed, NULL);
	if (r != -ENOMEM)
		r = check_requirements(machine, &installed, &requirements);
	if (r == 0)
		r = report_check(
			&requirements, o->n_args && plan ? &plan->findings : NULL, o->json, &out);
	r = main_print(r, &out);
	return r ? r : failed;
}

int main_plan(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(plan_freep) struct plan *plan = NULL;
	_cleanup_(str_free) struct str out = {0};
	int r;

	r = main_open(o, MACHINE_ALL, &root, &machine);
	if (r == 0)
		r = build_plan(o, root, machine, &plan);
	if (r != 0)
		return r;
	return main_print(report_plan(plan, o->json, &out), &out);
}

static bool format_by_name(const char *name, enum guest_format *ret)
{
	for (unsigned i = 0; guest_format_name(i); i++)
		if (strcmp(guest_format_name(i), name) == 0) {
			*ret = (enum guest_format)i;
			return true;
		}
	return false;
}

/* The devices of the command line, or those that are chosen already. */
static int guest_choice(const struct main_options *o, const struct root *root,
	const struct machine *machine, struct choice *ret)
{
	struct error err = {0};

	if (o->n_args)
		return main_choice(o, root, machine, ret);
	if (choice_load(root, ret, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	return ret->n ? MAIN_DONE
		      : main_usage("nothing is chosen here: guest needs devices; "
				   "`vfio-wizard list` shows them");
}

int main_guest(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(choice_free) struct choice choice = {0};
	_cleanup_(str_free) struct str out = {0};
	enum guest_format format = GUEST_LIBVIRT;
	struct error err = {0};
	int r;

	if (o->format && !format_by_name(o->format, &format))
		return main_usage("there is no format %s: libvirt, qemu or proxmox", o->format);
	r = main_open(o, MACHINE_NAMES, &root, &machine);
	if (r == 0)
		r = guest_choice(o, root, machine, &choice);
	if (r != 0)
		return r;
	r = guest_describe(machine, &choice, format, &out);
	if (r < 0 || !o->output)
		return main_print(r, &out);
	if (txn_save(o->output, out.s ? out.s : "", &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	return MAIN_DONE;
}

static bool all_ok(const struct verdicts *verdicts)
{
	for (size_t i = 0; i < verdicts->n; i++)
		if (!verdicts->v[i].ok)
			return false;
	return true;
}

int main_verify(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(choice_free) struct choice choice = {0};
	_cleanup_(existing_free) struct existing existing = {0};
	_cleanup_(verdicts_free) struct verdicts verdicts = {0};
	_cleanup_(str_free) struct str out = {0};
	struct error err = {0};
	int r;

	r = main_open(o, MACHINE_ALL, &root, &machine);
	if (r != 0)
		return r;
	if (choice_load(root, &choice, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	r = verify_choice(machine, &choice, &verdicts);
	if (r == 0 && choice.n)
		r = existing_scan(root, machine, &choice, &existing, &err);
	if (r == 0 && choice.n)
		r = verify_kernels(root, machine, &choice, &existing, &verdicts);
	if (r == 0 && choice.n)
		r = verify_spare(root, machine, &choice, &verdicts);
	if (r == 0)
		r = report_verify(&verdicts, o->json, &out);
	r = main_print(r, &out);
	return r == MAIN_DONE && !all_ok(&verdicts) ? MAIN_FAILED : r;
}

void main_note_interrupted(const struct root *root, const struct snapshots *snapshots)
{
	const struct snapshot *s = snapshots_interrupted(snapshots);

	if (s)
		(void)main_error(MAIN_FAILED,
			"change %s was cut short; `%s recover` finishes it or takes it back", s->id,
			root_command(root));
}

void main_look_for_interrupted(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};

	if (root_open(o->root, o->sysfs, &root, NULL) == 0 &&
		snapshots_load(root, &snapshots, NULL) == 0)
		main_note_interrupted(root, &snapshots);
}

int main_snapshots_load(const struct root *root, struct snapshots *ret)
{
	struct error err = {0};

	if (snapshots_load(root, ret, &err) < 0 ||
		(!ret->n && rescue_hidden(root, SNAPSHOT_DIR, &err) < 0))
		return main_error(MAIN_FAILED, "%s", err.text);
	return MAIN_DONE;
}

int main_snapshots(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	_cleanup_(str_free) struct str out = {0};
	const struct snapshot *one;
	int r;

	if (o->n_args && (strcmp(o->args[0], "show") != 0 || o->n_args != 2))
		return main_usage("snapshots takes nothing, or: show ID");
	r = main_open(o, 0, &root, NULL);
	if (r == 0)
		r = main_snapshots_load(root, &snapshots);
	if (r != 0)
		return r;
	if (!o->n_args)
		return main_print(report_snapshots(&snapshots, o->json, &out), &out);
	one = snapshots_find(&snapshots, o->args[1]);
	if (!one)
		return main_error(MAIN_FAILED,
			"no snapshot %s; `%s snapshots` lists those there are", o->args[1],
			root_command(root));
	if (one->damaged)
		return main_error(MAIN_FAILED, "snapshot %s is damaged: %s", one->id, one->damaged);
	return main_print(report_snapshot(one, o->json, &out), &out);
}
