#include "core/rebuild.h"
#include "core/rescue.h"
#include "core/snapshot.h"

#include "core/targets/kernel_cmdline.h"
#include "core/targets/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What has to be done to one path: from what the newest snapshot left to what the oldest met. */
struct undo {
	const struct snapshot_file *newest;
	bool cut_short; /* the newest: either side may be there */
	const struct content *target;
};

struct undos {
	struct undo *v;
	size_t n;
};

static void undos_free(struct undos *undos)
{
	free(undos->v);
}

static struct undo *find_undo(struct undos *undos, const char *path)
{
	for (size_t i = 0; i < undos->n; i++)
		if (strcmp(undos->v[i].newest->path, path) == 0)
			return &undos->v[i];
	return NULL;
}

/* Called from the newest snapshot to the oldest, so that changes are undone last first. */
static int add_undos(struct undos *undos, const struct snapshot *s)
{
	for (size_t i = s->n_files; i-- > 0;) {
		struct undo *undo = find_undo(undos, s->files[i].path);

		if (!undo) {
			if (base_grow(&undos->v, undos->n, sizeof(*undos->v)) < 0)
				return -ENOMEM;
			undo = &undos->v[undos->n++];
			undo->newest = &s->files[i];
			undo->cut_short = s->cut_short;
		}
		undo->target = &s->files[i].before;
	}
	return 0;
}

static bool same_with_owner(const struct content *a, const struct content *b)
{
	return content_same(a, b) && (!a->attributes || !b->attributes || a->on_fat || b->on_fat ||
					     (a->attributes->uid == b->attributes->uid &&
						     a->attributes->gid == b->attributes->gid));
}

static int add_changed(struct plan *plan, const struct snapshot_file *file,
	const struct content *now, const char *doing)
{
	const struct content *ours = file->left.text ? &file->left : &file->after;

	if (plan_add_edit(plan, file->path, ours, now) < 0)
		return -ENOMEM;
	return findings_add(&plan->findings, "file-changed", SEVERITY_DANGER, NULL, -1,
		"look at the difference and copy what you want to keep before you go on",
		"%s was changed since vfio-wizard wrote it; %s undoes that change too.", file->path,
		doing);
}

/* The file itself and what it is now, its attributes too. */
static int read_now(
	const struct root *root, const char *path, struct content *ret, struct error *err)
{
	_cleanup_(content_free) struct content now = {0};
	_cleanup_free_ char *resolved = NULL;
	int r = content_read(root, path, true, &resolved, &now, err);

	if (r == 0 && strcmp(resolved, path) != 0)
		return error_set(err, -ESTALE,
			"%s: a directory on the way is a symbolic link by now, to %s; move that "
			"back first",
			path, resolved);
	if (r == 0 && now.kind != CONTENT_ABSENT)
		r = snapshot_read_attributes(root, path, &now, err);
	if (r < 0)
		return r;
	*ret = now;
	now = (struct content){0};
	return 0;
}

static bool is_after(const struct content *now, const struct snapshot_file *file)
{
	return same_with_owner(now, &file->after) ||
	       (file->left.text && same_with_owner(now, &file->left));
}

int snapshot_file_side(const struct root *root, const struct snapshot_file *file,
	enum snapshot_side *ret, struct error *err)
{
	_cleanup_(content_free) struct content now = {0};
	int r = read_now(root, file->path, &now, err);

	if (r < 0)
		return r;
	*ret = is_after(&now, file)                   ? SNAPSHOT_AFTER
	       : same_with_owner(&now, &file->before) ? SNAPSHOT_BEFORE
						      : SNAPSHOT_NEITHER;
	return 0;
}

static int plan_undo(
	const struct root *root, const struct undo *undo, struct plan *plan, struct error *err)
{
	_cleanup_(content_free) struct content now = {0};
	const char *path = undo->newest->path;
	int r = read_now(root, path, &now, err);

	if (r < 0)
		return r;
	if (same_with_owner(&now, undo->target))
		return 0;
	if (!is_after(&now, undo->newest) &&
		!(undo->cut_short && same_with_owner(&now, &undo->newest->before)))
		r = add_changed(plan, undo->newest, &now, "going back");
	if (r == 0)
		r = plan_add_change(plan, "snapshot", path, &now, undo->target);
	return r < 0 ? error_no_memory(err) : 0;
}

static int add_again(struct plan *plan, const struct command *command)
{
	if (plan_has_command(plan, command))
		return 0;
	if (command->stage == COMMAND_CHECK)
		return plan_add_check(plan, command->purpose, (const char *const *)command->argv.v,
			&command->expect, command->about);
	return plan_add_undoable(plan, command->stage, command->purpose,
		(const char *const *)command->argv.v, (const char *const *)command->undo.v,
		command->about);
}

/* The command the other way round, on the other side of the files.  Of one and its opposite the one
 * that is added last says how it shall be, so the others go. */
static int add_reverse(struct plan *plan, const struct command *command)
{
	static const char word[] = "take back: ";
	bool is_back = base_starts(command->purpose, word);
	_cleanup_free_ char *purpose = NULL;

	if (asprintf(&purpose, "%s%s", is_back ? "" : word,
		    command->purpose + (is_back ? strlen(word) : 0)) < 0)
		return -ENOMEM;
	plan_drop_command(plan, &command->argv);
	plan_drop_command(plan, &command->undo);
	return plan_add_undoable(plan,
		command->stage == COMMAND_UNDO ? COMMAND_BOOT_LOADER : COMMAND_UNDO, purpose,
		(const char *const *)command->undo.v, (const char *const *)command->argv.v,
		command->about);
}

/* What it is about is there no more, and its program would fail for that. */
static bool is_moot(const struct command *command, const void *root)
{
	struct stat st;

	return command->about && root_stat(root, command->about, &st) == -ENOENT;
}

/* Whatever the files are then: from old ones it builds the old. */
static bool is_done_again(const struct command *command)
{
	return !command->undo.n && command->stage != COMMAND_CHECK;
}

static int add_commands_back(struct plan *plan, const struct snapshot *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_commands; i++)
		if (is_done_again(&s->commands[i]))
			r = add_again(plan, &s->commands[i]);
	for (size_t i = s->n_commands; r == 0 && i-- > 0;)
		if (s->commands[i].undo.n)
			r = add_reverse(plan, &s->commands[i]);
	return r;
}

/* When all of them are added, also those of kernels that are gone: for what is there now. */
static int settle_commands(const struct root *root, struct plan *plan, struct error *err)
{
	int r = target_kernels_now(root, plan, err);

	if (r == 0)
		(void)plan_drop_commands(plan, is_moot, root);
	return r;
}

int snapshot_choice(
	const struct root *root, const struct snapshot *s, struct choice *ret, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	int r = root_resolve(root, CHOICE_PATH, &path, err);

	for (size_t i = 0; r == 0 && i < s->n_files; i++) {
		const struct content *after = &s->files[i].after;

		if (strcmp(s->files[i].path, path) == 0)
			return choice_parse(
				after->kind == CONTENT_FILE ? after->text : "", ret, err);
	}
	return r < 0 ? r : error_set(err, -ENOENT, "change %s left the choice as it was", s->id);
}

/* The snapshot is on its way to the choice that the plan wants.  1, 0 or -ENOMEM. */
static int wants_the_same(
	const struct root *root, const struct plan *plan, const struct snapshot *s)
{
	_cleanup_(choice_free) struct choice choice = {0};
	int r = snapshot_choice(root, s, &choice, NULL);

	if (r == -ENOENT)
		return choice_same(&plan->before, &plan->after);
	return r < 0 ? (r == -ENOMEM ? r : 0) : choice_same(&choice, &plan->after);
}

static int go_on(const struct root *root, struct plan *plan, const struct snapshot *s)
{
	int same = wants_the_same(root, plan, s), r = same < 0 ? same : 0;
	char remedy[400];

	for (size_t i = 0; r == 0 && i < s->n_commands; i++)
		if (same || is_done_again(&s->commands[i]))
			r = add_again(plan, &s->commands[i]);
	plan->takes_over = true;
	(void)snprintf(remedy, sizeof(remedy),
		"go on, or take it back with `%.300s recover --back`", root_command(root));
	return r < 0 ? r
		     : findings_add(&plan->findings, "interrupted", SEVERITY_WARNING, NULL, -1,
			       remedy, "Change %s was cut short; this plan takes over from there.",
			       s->id);
}

int snapshot_add_unfinished(const struct root *root, struct plan *plan, struct error *err)
{
	_cleanup_(snapshots_free) struct snapshots list = {0};
	int r = snapshots_load(root, &list, err);

	if (r < 0)
		return r == -EACCES ? 0 : r;
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].state == SNAPSHOT_INTERRUPTED && go_on(root, plan, &list.v[i]) < 0)
			return error_no_memory(err);
	return plan->takes_over ? settle_commands(root, plan, err) : 0;
}

/* The choice on either side, for a forecast.  A file that cannot be read as one must not stand in
 * the way back: it counts as none. */
static int plan_choices(const struct root *root, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	const struct change *change;
	int r = root_resolve(root, CHOICE_PATH, &path, err);

	if (r < 0)
		return r;
	r = choice_load(root, &plan->before, NULL);
	change = plan_find_change(plan, path);
	if (r != -ENOMEM && !change)
		r = choice_copy(&plan->after, &plan->before);
	else if (r != -ENOMEM && change->after.kind == CONTENT_FILE)
		r = choice_parse(change->after.text, &plan->after, NULL);
	return r == -ENOMEM ? error_no_memory(err) : 0;
}

/* What a plan from snapshots applies is on trial as it was when it was planned. */
static void set_trial(struct plan *plan)
{
	if (plan->after.n && plan->after.options & CHOICE_TRIAL)
		plan->trial = choice_trial_minutes(&plan->after);
}

/* A damaged one only where nothing else is left: to be named, since it stands in the way. */
static const struct snapshot *last_to_undo(const struct snapshots *snapshots)
{
	const struct snapshot *damaged = NULL;

	for (size_t i = 0; i < snapshots->n; i++) {
		const struct snapshot *s = &snapshots->v[i];

		if (s->state == SNAPSHOT_ROLLED_BACK || s->undoes.n)
			continue;
		if (!s->damaged)
			return s;
		damaged = damaged ? damaged : s;
	}
	return damaged;
}

/* What came before a snapshot and was cut short goes with it: the half of a change is no state to
 * go back to. */
static const struct snapshot *first_of(const struct snapshots *list, const struct snapshot *first)
{
	for (const struct snapshot *s = first + 1; s < list->v + list->n; s++) {
		if (s->happened && (!s->cut_short || s->damaged))
			break;
		first = s->happened ? s : first;
	}
	return first;
}

static int choose(const struct root *root, const struct snapshots *snapshots, const char *id,
	const struct snapshot **ret, struct error *err)
{
	const struct snapshot *s = id ? snapshots_find(snapshots, id) : last_to_undo(snapshots);

	if (!s && id)
		return error_set(err, -ENOENT, "%s: no such snapshot; `%s snapshots` lists them",
			id, root_command(root));
	if (!s)
		return error_set(
			err, -ENOENT, "there is nothing to go back to: no snapshot stands");
	if (!s->happened)
		return error_set(
			err, -EALREADY, "%s is rolled back already: nothing is left of it", s->id);
	*ret = s->undoes.n ? s : first_of(snapshots, s);
	return 0;
}

/* All that happened from `oldest` on, newest first.  The commands run even if no file has to be
 * changed: what they made may still be of the new state. */
static int compose(const struct root *root, const struct snapshots *snapshots,
	const struct snapshot *oldest, struct plan *plan, struct undos *undos, struct error *err)
{
	for (const struct snapshot *s = snapshots->v; s <= oldest; s++) {
		if (!s->happened)
			continue;
		if (s->state == SNAPSHOT_APPLYING)
			return snapshot_held(root, -EBUSY, err);
		if (s->damaged)
			return error_set(err, -EUCLEAN,
				"snapshot %s is damaged, so there is no safe way back past it: %s",
				s->id, s->damaged);
		if (strv_add(&plan->undoes, s->id) < 0 || add_undos(undos, s) < 0 ||
			add_commands_back(plan, s) < 0)
			return error_no_memory(err);
	}
	return 0;
}

static int summarize(struct plan *plan, const struct snapshot *oldest)
{
	_cleanup_(str_free) struct str text = {0};

	str_addf(&text, "undo: %s", oldest->summary);
	if (plan->undoes.n > 1)
		str_addf(&text, ", and %zu after it", plan->undoes.n - 1);
	return str_take(&text, &plan->summary);
}

/* What a plan from the present would be asked, too. */
static int add_risks(const struct root *root, struct plan *plan)
{
	int r = rescue_findings(root, &plan->findings);

	return r < 0 ? r : rebuild_check_room(root, plan);
}

int snapshot_rollback_plan(const struct root *root, const struct snapshots *snapshots,
	const char *id, struct plan **ret, struct error *err)
{
	_cleanup_(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
	_cleanup_(undos_free) struct undos undos = {0};
	const struct snapshot *oldest = NULL;
	int r;

	if (!plan)
		return error_no_memory(err);
	r = choose(root, snapshots, id, &oldest, err);
	if (r == 0)
		r = compose(root, snapshots, oldest, plan, &undos, err);
	for (size_t i = 0; r == 0 && i < undos.n; i++)
		r = plan_undo(root, &undos.v[i], plan, err);
	if (r == 0)
		r = settle_commands(root, plan, err);
	if (r == 0)
		r = target_kernel_cmdline_back(root, plan, err);
	if (r == 0)
		r = plan_choices(root, plan, err);
	if (r < 0)
		return r;
	/* To take back a going back is to apply again; of half of one, what was on trial before it
	 * still is. */
	if (oldest->undoes.n && !oldest->cut_short)
		set_trial(plan);
	if (!plan->n_changes && oldest->state == SNAPSHOT_ROLLED_BACK)
		return error_set(err, -EALREADY, "%s is rolled back already: nothing is left of it",
			oldest->id);
	if (add_risks(root, plan) < 0 || summarize(plan, oldest) < 0)
		return error_no_memory(err);
	*ret = TAKE_PTR(plan);
	return 0;
}

/* -- going on -- */

const struct snapshot *snapshots_interrupted(const struct snapshots *snapshots)
{
	for (size_t i = 0; i < snapshots->n; i++)
		if (snapshots->v[i].happened)
			return snapshots->v[i].state == SNAPSHOT_INTERRUPTED ? &snapshots->v[i]
									     : NULL;
	return NULL;
}

static int finish_file(const struct root *root, const struct snapshot_file *file, struct plan *plan,
	struct error *err)
{
	_cleanup_(content_free) struct content now = {0};
	int r = read_now(root, file->path, &now, err);

	if (r < 0 || is_after(&now, file))
		return r;
	if (!same_with_owner(&now, &file->before))
		r = add_changed(plan, file, &now, "finishing");
	if (r == 0)
		r = plan_add_change(plan, "snapshot", file->path, &now, &file->after);
	return r < 0 ? error_no_memory(err) : 0;
}

static int finish(
	const struct root *root, const struct snapshot *s, struct plan *plan, struct error *err)
{
	int r = 0;

	plan->takes_over = true;
	for (size_t i = 0; r == 0 && i < s->n_files; i++)
		r = finish_file(root, &s->files[i], plan, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < s->n_commands; i++)
		r = add_again(plan, &s->commands[i]);
	if (r == 0 && asprintf(&plan->summary, "finish: %s", s->summary) < 0)
		r = -ENOMEM;
	if (r < 0)
		return error_no_memory(err);
	r = plan_choices(root, plan, err);
	if (r == 0)
		set_trial(plan);
	return r;
}

int snapshot_finish_plan(const struct root *root, const struct snapshots *snapshots,
	struct plan **ret, struct error *err)
{
	const struct snapshot *s = snapshots_interrupted(snapshots);
	_cleanup_(plan_freep) struct plan *plan = NULL;
	int r;

	if (!s)
		return error_set(err, -ENOENT, "no change was cut short");
	if (s->damaged)
		return error_set(err, -EUCLEAN,
			"snapshot %s is damaged, so it cannot be finished: %s", s->id, s->damaged);
	/* To finish a going back is to go back: with what it had undone already. */
	if (s->undoes.n)
		return snapshot_rollback_plan(
			root, snapshots, s->undoes.v[s->undoes.n - 1], ret, err);
	plan = calloc(1, sizeof(*plan));
	if (!plan)
		return error_no_memory(err);
	r = finish(root, s, plan, err);
	if (r == 0)
		r = settle_commands(root, plan, err);
	if (r == 0 && add_risks(root, plan) < 0)
		r = error_no_memory(err);
	if (r == 0)
		*ret = TAKE_PTR(plan);
	return r;
}
