#include "tui/main.h"

#include "core/plan.h"
#include "core/snapshot.h"

#include <errno.h>
#include <stdio.h>

static int carry_out_choice(const struct main_options *o, const struct root *root,
	const struct machine *machine, const struct choice *choice)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct error err = {0};

	if (plan_build(root, machine, choice, &plan, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	return main_carry_out(o, root, plan);
}

int main_apply(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(choice_free) struct choice choice = {0};
	int r;

	r = main_open(o, MACHINE_ALL, &root, &machine);
	if (r == 0)
		r = main_choice(o, root, machine, &choice);
	return r != 0 ? r : carry_out_choice(o, root, machine, &choice);
}

/* Takes the devices of the command line out of the choice.  One that is not chosen is fine, one
 * that nobody knows is not: it may be a slip. */
static int take_out(
	const struct main_options *o, const struct machine *machine, struct choice *choice)
{
	struct error err = {0};
	char address[24];

	for (size_t i = 0; i < o->n_args; i++) {
		if (machine_parse_address(o->args[i], address, sizeof(address), &err) < 0)
			return main_usage("%s", err.text);
		if (!choice_find(choice, address) && !machine_device(machine, address))
			return main_error(MAIN_FAILED,
				"%s is neither chosen nor a device of this machine", address);
		choice_remove(choice, address);
	}
	return MAIN_DONE;
}

int main_release(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(machine_freep) struct machine *machine = NULL;
	_cleanup_(choice_free) struct choice choice = {0};
	struct error err = {0};
	int r;

	if (o->all == (o->n_args > 0))
		return main_usage("release takes devices, or --all");
	r = main_open(o, MACHINE_ALL, &root, &machine);
	if (r != 0)
		return r;
	if (!o->all) {
		if (choice_load(root, &choice, &err) < 0)
			return main_error(MAIN_FAILED, "%s", err.text);
		r = take_out(o, machine, &choice);
	}
	return r != 0 ? r : carry_out_choice(o, root, machine, &choice);
}

/* How far the interrupted change came, and what can be done. */
static int show_interrupted(const struct root *root, const struct snapshot *s)
{
	static const char *const words[] = {
		[SNAPSHOT_BEFORE] = "  as before  ",
		[SNAPSHOT_AFTER] = "  done       ",
		[SNAPSHOT_NEITHER] = "  neither    ",
	};
	struct error err = {0};
	enum snapshot_side side;

	if (s->damaged)
		return main_error(MAIN_FAILED, "snapshot %s is damaged: %s", s->id, s->damaged);
	printf("Change %s was cut short: ", s->id);
	main_show_line("", s->summary);
	for (size_t i = 0; i < s->n_files; i++) {
		if (snapshot_file_side(root, &s->files[i], &side, &err) < 0)
			(void)main_error(MAIN_FAILED, "%s", err.text);
		else
			main_show_line(words[side], s->files[i].path);
	}
	for (size_t i = 0; i < s->n_commands; i++)
		main_show_command("  unknown    ", &s->commands[i]);
	printf("To do the rest:   %s recover --finish\nTo take it back:  %s recover --back\n",
		root_command(root), root_command(root));
	return MAIN_FAILED;
}

int main_recover(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	_cleanup_(plan_freep) struct plan *plan = NULL;
	const struct snapshot *s;
	struct error err = {0};
	int r;

	if (o->finish && o->back)
		return main_usage("recover takes --finish or --back");
	r = main_open(o, 0, &root, NULL);
	if (r != 0)
		return r;
	r = main_snapshots_load(root, &snapshots);
	if (r != 0)
		return r;
	s = snapshots_interrupted(&snapshots);
	if (snapshots.n && snapshots.v[0].state == SNAPSHOT_APPLYING) {
		(void)snapshot_held(root, -EBUSY, &err);
		return main_error(MAIN_FAILED, "%s", err.text);
	}
	if (!s) {
		puts("No change was cut short");
		return MAIN_DONE;
	}
	if (!o->finish && !o->back)
		return show_interrupted(root, s);
	r = o->finish ? snapshot_finish_plan(root, &snapshots, &plan, &err)
		      : snapshot_rollback_plan(root, &snapshots, s->id, &plan, &err);
	if (r < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	return main_carry_out(o, root, plan);
}

int main_rollback(const struct main_options *o)
{
	_cleanup_(root_closep) struct root *root = NULL;
	_cleanup_(snapshots_free) struct snapshots snapshots = {0};
	_cleanup_(plan_freep) struct plan *plan = NULL;
	const char *id = o->n_args ? o->args[0] : NULL;
	struct error err = {0};
	int r;

	r = main_open(o, 0, &root, NULL);
	if (r == 0)
		r = main_snapshots_load(root, &snapshots);
	if (r != 0)
		return r;
	main_note_interrupted(root, &snapshots);
	if (snapshot_rollback_plan(root, &snapshots, id, &plan, &err) < 0)
		return main_error(MAIN_FAILED, "%s", err.text);
	return main_carry_out(o, root, plan);
}
