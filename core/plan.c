#include "core/plan.h"

#include "core/parameters.h"
#include "core/rebuild.h"
#include "core/rescue.h"
#include "core/snapshot.h"
#include "core/targets/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

void content_free(struct content *content)
{
	free(content->text);
	if (content->attributes)
		strv_free(&content->attributes->xattrs);
	free(content->attributes);
	*content = (struct content){0};
}

bool content_same(const struct content *a, const struct content *b)
{
	bool has_mode = a->kind == CONTENT_FILE && !a->on_fat && !b->on_fat;

	return a->kind == b->kind && (!has_mode || a->mode == b->mode) &&
	       base_same(a->text, b->text);
}

static int attributes_copy(struct content *to, const struct attributes *from)
{
	to->attributes = calloc(1, sizeof(*to->attributes));
	if (!to->attributes)
		return -ENOMEM;
	to->attributes->uid = from->uid;
	to->attributes->gid = from->gid;
	return strv_copy(&to->attributes->xattrs, &from->xattrs);
}

int content_copy(struct content *to, const struct content *from)
{
	_cleanup_(content_free) struct content copy = {
		.kind = from->kind, .mode = from->mode, .on_fat = from->on_fat};

	if (from->text) {
		copy.text = strdup(from->text);
		if (!copy.text)
			return -ENOMEM;
	}
	if (from->attributes && attributes_copy(&copy, from->attributes) < 0)
		return -ENOMEM;
	*to = copy;
	copy = (struct content){0};
	return 0;
}

void command_free(struct command *command)
{
	strv_free(&command->argv);
	strv_free(&command->undo);
	strv_free(&command->expect);
	free(command->purpose);
	free(command->about);
	*command = (struct command){0};
}

/* Resolves the directory of `path` only: the last part is the link itself. */
static int resolve_parent(const struct root *root, const char *path, char **ret, struct error *err)
{
	_cleanup_free_ char *parent = NULL, *resolved = NULL;
	const char *slash = strrchr(path, '/');
	int r;

	parent = strndup(path, slash ? (size_t)(slash - path) : 0);
	if (!parent)
		return error_no_memory(err);
	r = root_resolve(root, *parent ? parent : "/", &resolved, err);
	if (r < 0)
		return r;
	if (asprintf(ret, "%s%s", strcmp(resolved, "/") == 0 ? "" : resolved,
		    slash ? slash : path) < 0)
		return error_no_memory(err);
	return 0;
}

static int read_link(
	const struct root *root, const char *path, struct content *ret, struct error *err)
{
	char where[PATH_MAX];
	ssize_t n = root_link(root, path, where, sizeof(where));

	if (n < 0)
		return (int)n;
	ret->text = strdup(where);
	if (!ret->text)
		return error_no_memory(err);
	ret->kind = CONTENT_LINK;
	ret->mode = 0777;
	return 0;
}

static bool is_on_fat(const struct root *root, const char *path)
{
	_cleanup_close_ int fd = root_open_path(root, path, O_PATH);
	struct statfs fs;

	return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == MSDOS_SUPER_MAGIC;
}

static int read_file(
	const struct root *root, const char *path, struct content *ret, struct error *err)
{
	struct stat st;
	int r = root_stat(root, path, &st);

	if (r == -ENOENT)
		return 0;
	if (r == -ENOTDIR)
		return error_set(err, r,
			"%s: something on the way to it is not a directory; move that away", path);
	if (r < 0)
		return error_set(err, r, "%s: %s", path, strerror(-r));
	r = root_read_text(root, path, &ret->text, err);
	if (r < 0)
		return r;
	ret->kind = CONTENT_FILE;
	ret->mode = st.st_mode & 07777;
	ret->on_fat = is_on_fat(root, path);
	return 0;
}

int content_read(const struct root *root, const char *path, bool want_link, char **ret_path,
	struct content *ret, struct error *err)
{
	_cleanup_free_ char *resolved = NULL;
	_cleanup_(content_free) struct content content = {0};
	int r;

	r = want_link ? resolve_parent(root, path, &resolved, err)
		      : root_resolve(root, path, &resolved, err);
	if (r < 0)
		return r;
	r = want_link ? read_link(root, resolved, &content, err) : -EINVAL;
	if (r < 0 && r != -ENOMEM) /* not a link: what else is there, or why it cannot be read */
		r = read_file(root, resolved, &content, err);
	if (r < 0)
		return r;
	if (ret_path)
		*ret_path = TAKE_PTR(resolved);
	*ret = content;
	content = (struct content){0};
	return 0;
}

static void change_free(struct change *change)
{
	free(change->path);
	content_free(&change->before);
	content_free(&change->after);
}

void plan_drop_change(struct plan *plan, struct change *change)
{
	size_t i = (size_t)(change - plan->changes);

	change_free(change);
	memmove(change, change + 1, (--plan->n_changes - i) * sizeof(*change));
}

struct plan *plan_free(struct plan *plan)
{
	if (!plan)
		return NULL;
	for (size_t i = 0; i < plan->n_changes; i++)
		change_free(&plan->changes[i]);
	free(plan->changes);
	for (size_t i = 0; i < plan->n_edits; i++)
		change_free(&plan->edits[i]);
	free(plan->edits);
	for (size_t i = 0; i < plan->n_commands; i++)
		command_free(&plan->commands[i]);
	free(plan->commands);
	forecast_free(&plan->forecast);
	findings_free(&plan->findings);
	choice_free(&plan->before);
	choice_free(&plan->after);
	strv_free(&plan->undoes);
	free(plan->summary);
	free(plan);
	return NULL;
}

void plan_freep(struct plan **plan)
{
	*plan = plan_free(*plan);
}

bool plan_is_empty(const struct plan *plan)
{
	return plan->n_changes == 0 && plan->n_commands == 0 && plan->undoes.n == 0 &&
	       !plan->takes_over;
}

static int add_change(struct change **list, size_t *n, const char *target, const char *path,
	const struct content *before, const struct content *after)
{
	struct change change = {.target = target, .path = strdup(path)};

	if (!change.path || content_copy(&change.before, before) < 0 ||
		content_copy(&change.after, after) < 0 || base_grow(list, *n, sizeof(**list)) < 0) {
		change_free(&change);
		return -ENOMEM;
	}
	/* It can be given no other. */
	if ((before->on_fat || after->on_fat) && before->kind == after->kind)
		change.after.mode = change.before.mode;
	(*list)[(*n)++] = change;
	return 0;
}

int plan_add_change(struct plan *plan, const char *target, const char *path,
	const struct content *before, const struct content *after)
{
	return add_change(&plan->changes, &plan->n_changes, target, path, before, after);
}

int plan_add_edit(
	struct plan *plan, const char *path, const struct content *ours, const struct content *now)
{
	return add_change(&plan->edits, &plan->n_edits, "", path, ours, now);
}

static int copy_words(struct strv *to, const char *const words[])
{
	int r = 0;

	for (; r == 0 && words && *words; words++)
		r = strv_add(to, *words);
	return r;
}

/* Takes *command, at the end of its stage. */
static int add_command(struct plan *plan, struct command *command)
{
	size_t place = plan->n_commands;

	if (base_grow(&plan->commands, plan->n_commands, sizeof(*plan->commands)) < 0)
		return -ENOMEM;
	for (; place && plan->commands[place - 1].stage > command->stage; place--)
		plan->commands[place] = plan->commands[place - 1];
	plan->commands[place] = *command;
	plan->n_commands++;
	*command = (struct command){0};
	return 0;
}

int plan_add_undoable(struct plan *plan, enum command_stage stage, const char *purpose,
	const char *const argv[], const char *const undo[], const char *about)
{
	_cleanup_(command_free) struct command command = {
		.stage = stage, .purpose = strdup(purpose)};

	if (!command.purpose || copy_words(&command.argv, argv) < 0 ||
		copy_words(&command.undo, undo) < 0)
		return -ENOMEM;
	if (about && !(command.about = strdup(about)))
		return -ENOMEM;
	return add_command(plan, &command);
}

int plan_add_command(
	struct plan *plan, enum command_stage stage, const char *purpose, const char *const argv[])
{
	return plan_add_undoable(plan, stage, purpose, argv, NULL, NULL);
}

int plan_add_check(struct plan *plan, const char *purpose, const char *const argv[],
	const struct strv *expect, const char *about)
{
	_cleanup_(command_free) struct command command = {
		.stage = COMMAND_CHECK, .purpose = strdup(purpose)};

	if (!command.purpose || copy_words(&command.argv, argv) < 0 ||
		strv_copy(&command.expect, expect) < 0)
		return -ENOMEM;
	if (about && !(command.about = strdup(about)))
		return -ENOMEM;
	return add_command(plan, &command);
}

int plan_add_place(
	struct plan *plan, const char *purpose, const char *from, const char *to, const char *about)
{
	const char *const argv[] = {"/bin/mv", "-fT", from, to, NULL};

	return plan_add_undoable(plan, COMMAND_PLACE, purpose, argv, NULL, about);
}

bool plan_concerns(const struct plan *plan, const struct forecast_entry *entry)
{
	return choice_find(&plan->before, entry->device->address) ||
	       choice_find(&plan->after, entry->device->address) ||
	       !base_same(entry->now, entry->next);
}

struct change *plan_find_change(const struct plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->n_changes; i++)
		if (strcmp(plan->changes[i].path, path) == 0)
			return &plan->changes[i];
	return NULL;
}

bool command_runs(const struct command *command, const char *program)
{
	const char *name = command->argv.n ? strrchr(command->argv.v[0], '/') : NULL;

	return name && strcmp(name + 1, program) == 0;
}

/* The file before the last: a manifest may hold anything. */
const char *command_placed(const struct command *place)
{
	return place->argv.n > 2 ? place->argv.v[place->argv.n - 2] : "";
}

const struct command *command_place(
	const struct command *commands, size_t n, const struct command *command)
{
	if (command->stage == COMMAND_PLACE)
		return command;
	for (size_t i = 0; command->stage == COMMAND_INITRAMFS && i < n; i++)
		if (commands[i].stage == COMMAND_PLACE &&
			strv_has(&command->argv, command_placed(&commands[i])))
			return &commands[i];
	return NULL;
}

static bool same_words(const struct strv *a, const struct strv *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

bool plan_has_command(const struct plan *plan, const struct command *command)
{
	for (size_t i = 0; i < plan->n_commands; i++)
		if (same_words(&plan->commands[i].argv, &command->argv))
			return true;
	return false;
}

bool plan_drop_commands(struct plan *plan,
	bool (*is)(const struct command *command, const void *arg), const void *arg)
{
	size_t n = plan->n_commands, kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (is(&plan->commands[i], arg))
			command_free(&plan->commands[i]);
		else
			plan->commands[kept++] = plan->commands[i];
	}
	plan->n_commands = kept;
	return kept < n;
}

static bool runs_these(const struct command *command, const void *argv)
{
	return same_words(&command->argv, argv);
}

void plan_drop_command(struct plan *plan, const struct strv *argv)
{
	(void)plan_drop_commands(plan, runs_these, argv);
}

/* Its own place comes behind it, and before the end. */
static bool is_placed(const struct command *command, const void *end)
{
	return command_place(command, (size_t)((const struct command *)end - command), command);
}

bool plan_drop_placed(struct plan *plan)
{
	return plan_drop_commands(plan, is_placed, plan->commands + plan->n_commands);
}

static void summarize(
	struct str *out, const char *verb, const struct choice *in, const struct choice *not_in)
{
	bool first = true;

	for (size_t i = 0; i < in->n; i++) {
		if (choice_find(not_in, in->picks[i].address))
			continue;
		if (first)
			str_addf(out, "%s%s ", out->len ? "; " : "", verb);
		str_addf(out, "%s%s", first ? "" : ", ", in->picks[i].address);
		first = false;
	}
}

static int plan_summary(struct plan *plan)
{
	_cleanup_(str_free) struct str text = {0};

	if (!plan->refused) {
		summarize(&text, "bind", &plan->after, &plan->before);
		summarize(&text, "give back", &plan->before, &plan->after);
	}
	if (!text.len)
		str_add(&text, plan->refused         ? "nothing: this system is refused"
			       : plan_is_empty(plan) ? "nothing to change"
						     : "refresh the configuration");
	return str_take(&text, &plan->summary);
}

static int run_targets(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const struct choice nothing;
	static const struct strv none;
	struct target_input off = *in;
	int r = 0;

	off.choice = &nothing;
	off.parameters = &none;
	for (size_t i = 0; r == 0 && target_all[i]; i++)
		r = target_all[i]->plan(target_all[i]->detect(in) ? in : &off, plan, err);
	if (r == 0)
		r = target_finish(in, plan, err);
	for (size_t i = 0; r == 0 && plan->n_changes && target_all[i]; i++)
		if (target_all[i]->commands &&
			(target_all[i]->detect(in) || target_changed(plan, target_all[i])))
			r = target_all[i]->commands(in, plan, err);
	return r;
}

static int judge(const struct target_input *in, struct plan *plan, struct error *err)
{
	if (check_choice(in->machine, in->choice, in->existing, &plan->findings) < 0 ||
		check_fitness(in->root, in->machine, in->choice, in->existing, &plan->findings) < 0)
		return error_no_memory(err);
	/* The whole system cannot be configured, whatever is chosen: check_choice() said so. */
	plan->refused = findings_find(&plan->findings, "unsupported-system") ||
			findings_find(&plan->findings, "read-only");
	if (forecast_build(in->machine, &plan->before, plan->refused ? &plan->before : in->choice,
		    in->existing, &plan->forecast) < 0)
		return error_no_memory(err);
	return 0;
}

int plan_build(const struct root *root, const struct machine *machine, const struct choice *choice,
	struct plan **ret, struct error *err)
{
	_cleanup_(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
	_cleanup_(existing_free) struct existing existing = {0};
	_cleanup_(strv_free) struct strv parameters = {0};
	_cleanup_(words_free) struct words words = {0};
	struct target_input in = {
		.root = root,
		.machine = machine,
		.choice = choice,
		.existing = &existing,
		.loader = choice_boot_loader(choice, machine),
		.initramfs = choice_initramfs(choice, machine),
		.parameters = &parameters,
		.words = &words,
	};
	int r;

	if (!plan || choice_copy(&plan->after, choice) < 0 ||
		parameters_wanted(machine, choice, &parameters) < 0)
		return error_no_memory(err);
	r = choice_load(root, &plan->before, err);
	if (r == 0)
		r = words_load(root, &words, err);
	if (r == 0)
		r = existing_scan(root, machine, choice, &existing, err);
	if (r == 0)
		r = judge(&in, plan, err);
	if (r == 0 && !plan->refused)
		r = run_targets(&in, plan, err);
	if (r == 0 && !plan->refused)
		r = snapshot_add_unfinished(root, plan, err);
	if (r == 0 && rebuild_check(root, machine, plan) < 0)
		r = error_no_memory(err);
	if (r < 0)
		return r;
	if (rescue_findings(root, &plan->findings) < 0)
		return error_no_memory(err);
	plan->way_back = parameters_way_back(machine);
	if (choice->n && choice->options & CHOICE_TRIAL)
		plan->trial = choice_trial_minutes(choice);
	findings_sort(&plan->findings);
	if (plan_summary(plan) < 0)
		return error_no_memory(err);
	*ret = TAKE_PTR(plan);
	return 0;
}
