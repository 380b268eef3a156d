/* GRUB with loader entries on Fedora, RHEL and their kin: grubby(8) keeps the parameters in the
 * entries.
 *
 * It is called once for each kernel, --update-kernel=PATH, not for ALL, since ALL also
 * - changes the rescue entry, which is a way back;
 * - cuts /etc/kernel/cmdline down to its first line, whatever that is;
 * - writes GRUB_CMDLINE_LINUX= over GRUB_CMDLINE_LINUX_DEFAULT= lines of /etc/default/grub
 * (grubby-bls of EL8, EL9 and Fedora).  Both files are edited here instead, where the difference is
 * seen: new kernels take the first, grub2-mkconfig the second.
 *
 * --args=KEY=VALUE deletes every word with that key, so all of them are handed over anew.
 *
 * RHEL 8: entries say $kernelopts, a variable of grubenv which they all share, the rescue entry
 * too. */
#include "core/targets/tool.h"

#include "core/bls.h"
#include "core/edit_cmdline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GRUBBY   TARGET_GRUBBY
#define ENTRIES  "/boot/loader/entries"
#define GRUBENV  "/boot/grub2/grubenv"
#define VARIABLE "kernelopts"
#define MACHINE  "/etc/machine-id"

static const struct words_place cmdline_place = {WORDS_CMDLINE, "/etc/kernel/cmdline", ""};
static const struct words_place default_place = {
	WORDS_SHELL, "/etc/default/grub", "GRUB_CMDLINE_LINUX"};

/* What holds the parameters of one kernel, or of all that share grubenv's. */
struct kept {
	const char *name; /* the file, for errors */
	const char *text; /* the command line in it */
	char *key;        /* in the record: what --update-kernel takes, or VARIABLE */
	struct strv ours;
	struct strv theirs;
};

struct grubby {
	const struct target_input *in;
	struct bls_entries entries;
	char *grubenv, *kernelopts; /* NULL: no entry says $kernelopts */
	struct kept *v;
	size_t n;
};

static void grubby_free(struct grubby *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->v[i].key);
		strv_free(&g->v[i].ours);
		strv_free(&g->v[i].theirs);
	}
	free(g->v);
	free(g->grubenv);
	free(g->kernelopts);
	bls_free(&g->entries);
}

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_GRUB_BLS;
}

static const char *program(const struct target_input *in)
{
	static const char *const paths[] = {GRUBBY, "/usr/bin/grubby", NULL};

	return root_first(in->root, paths);
}

/* -- what the entries hold -- */

static bool has_variable(const char *options)
{
	_cleanup_(strv_free) struct strv words = {0};

	return strv_split(&words, options, " \t") == 0 && strv_has(&words, "$" VARIABLE);
}

/* Systems that share /boot name their entries after their machine-id. */
static bool is_foreign(const struct bls_entry *entry, const char *machine_id)
{
	size_t n = strspn(entry->id, "0123456789abcdef");

	return n == 32 && entry->id[n] == '-' && *machine_id &&
	       strncmp(entry->id, machine_id, n) != 0;
}

/* As grubby finds it: `linux` is below the file system of /boot, or below /. */
static char *kernel_path(const char *value)
{
	char *path = NULL;

	if (value[0] != '/' || strchr(value + 1, '/'))
		return strdup(value);
	return asprintf(&path, "/boot%s", value) < 0 ? NULL : path;
}

static int add_kept(struct grubby *g, const char *name, const char *text, char *key)
{
	const struct words_place all = {WORDS_TOOL, GRUBBY, ""}, one = {WORDS_TOOL, GRUBBY, key};
	const struct strv *const recorded[] = {
		words_ours(g->in->words, &all), words_ours(g->in->words, &one)};
	struct kept *kept;

	if (!key || base_grow(&g->v, g->n, sizeof(*g->v)) < 0) {
		free(key);
		return -ENOMEM;
	}
	kept = &g->v[g->n++];
	*kept = (struct kept){.name = name, .text = text, .key = key};
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++)
		for (size_t k = 0; recorded[i] && k < recorded[i]->n; k++)
			if (strv_add_unique(&kept->ours, recorded[i]->v[k]) < 0)
				return -ENOMEM;
	return 0;
}

/* Lines NAME=VALUE, filled up with '#'. */
static int read_kernelopts(struct grubby *g, struct error *err)
{
	int r = root_read_text(g->in->root, GRUBENV, &g->grubenv, err);
	const char *at = g->grubenv;

	if (r < 0)
		return r;
	while (at && !base_starts(at, VARIABLE "=")) {
		at = strchr(at, '\n');
		at += at != NULL;
	}
	if (!at)
		return error_set(err, -EINVAL,
			"%s: has no " VARIABLE ", which entries in %s refer to; set it with "
			"grub2-editenv, or write the parameters into the entries",
			GRUBENV, ENTRIES);
	at += strlen(VARIABLE "=");
	g->kernelopts = strndup(at, strcspn(at, "\n"));
	if (!g->kernelopts || add_kept(g, GRUBENV, g->kernelopts, strdup(VARIABLE)) < 0)
		return error_no_memory(err);
	return 0;
}

static int read_entries(struct grubby *g, struct error *err)
{
	bool is_shared = false;
	char machine_id[64];
	int r = bls_read(g->in->root, ENTRIES, &g->entries, err);

	if (root_attr(g->in->root, MACHINE, machine_id, sizeof(machine_id)) < 0)
		machine_id[0] = '\0';
	for (size_t i = 0; r == 0 && i < g->entries.n; i++) {
		const struct bls_entry *entry = &g->entries.v[i];

		if (!*entry->kernel || bls_is_rescue(entry) || is_foreign(entry, machine_id))
			continue;
		if (has_variable(entry->options))
			is_shared = true;
		else if (add_kept(g, entry->path, entry->options, kernel_path(entry->kernel)) < 0)
			return error_no_memory(err);
	}
	return r == 0 && is_shared ? read_kernelopts(g, err) : r;
}

static int kept_parameters(
	const struct kept *kept, struct strv *theirs, struct strv *ours, struct error *why)
{
	const struct words_place place = {WORDS_CMDLINE, kept->name, ""};

	return target_parameters(&place, kept->text, &kept->ours, theirs, ours, why);
}

/* -- what to call -- */

/* grubby hands the line to echo and sed without quotes. */
static int check_word(const char *name, const char *word, struct error *err)
{
	if (!word[strcspn(word, " \t\"'\\&*?[")])
		return 0;
	return error_set(err, -EINVAL,
		"%s: grubby would not keep the kernel parameter %s as it is; change the parameters "
		"there by hand",
		name, word);
}

static int add_words(const char *option, const char *name, const struct strv *words,
	struct strv *argv, struct error *err)
{
	_cleanup_(str_free) struct str text = {0};

	if (!words->n)
		return 0;
	str_add(&text, option);
	for (size_t i = 0; i < words->n; i++) {
		int r = check_word(name, words->v[i], err);

		if (r < 0)
			return r;
		str_addf(&text, "%s%s", i ? " " : "", words->v[i]);
	}
	return str_check(&text) < 0 || strv_add(argv, text.s) < 0 ? error_no_memory(err) : 0;
}

static bool has_key(const struct strv *words, const char *word)
{
	for (size_t i = 0; i < words->n; i++)
		if (target_same_key(words->v[i], word))
			return true;
	return false;
}

/* From one line to another.  --remove-args is done first, and takes whole words. */
static int build_argv(const char *path, const struct kept *kept, const struct strv *from,
	const struct strv *to, struct strv *ret, struct error *err)
{
	_cleanup_(strv_free) struct strv fresh = {0}, gone = {0}, args = {0}, removed = {0};
	int r = 0;

	if (target_difference(to, from, &fresh) < 0 || target_difference(from, to, &gone) < 0)
		return error_no_memory(err);
	for (size_t i = 0; r == 0 && i < to->n; i++)
		if (has_key(&fresh, to->v[i]))
			r = strv_add(&args, to->v[i]);
	for (size_t i = 0; r == 0 && i < gone.n; i++)
		if (!has_key(&fresh, gone.v[i]))
			r = strv_add(&removed, gone.v[i]);
	if (r < 0 || strv_add(ret, path) < 0 || strv_addf(ret, "--update-kernel=%s", kept->key) < 0)
		return error_no_memory(err);
	r = add_words("--remove-args=", kept->name, &removed, ret, err);
	return r < 0 ? r : add_words("--args=", kept->name, &args, ret, err);
}

/* grub2-editenv(1) sets the whole value. */
static int build_editenv(
	const struct kept *kept, const struct strv *words, struct strv *ret, struct error *err)
{
	static const char *const argv[] = {"/usr/bin/grub2-editenv", GRUBENV, "set"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(argv); i++)
		r = strv_add(ret, argv[i]);
	return r < 0 ? error_no_memory(err) : add_words(VARIABLE "=", kept->name, words, ret, err);
}

static int add_command(struct plan *plan, const char *path, const struct kept *kept,
	const struct target_line *line, struct error *err)
{
	_cleanup_(strv_free) struct strv argv = {0}, undo = {0};
	bool is_shared = strcmp(kept->key, VARIABLE) == 0;
	int r = is_shared ? build_editenv(kept, &line->then, &argv, err)
			  : build_argv(path, kept, &line->now, &line->then, &argv, err);

	if (r == 0)
		r = is_shared ? build_editenv(kept, &line->now, &undo, err)
			      : build_argv(path, kept, &line->then, &line->now, &undo, err);
	if (r < 0)
		return r;
	if (plan_add_undoable(plan, COMMAND_BOOT_LOADER,
		    is_shared ? "set the parameters that all kernels share"
			      : "set the parameters of this kernel",
		    (const char *const *)argv.v, (const char *const *)undo.v, kept->name) < 0)
		return error_no_memory(err);
	return 0;
}

/* -- the record: "" has what no kernel had before, so kernels to come, which take it from
 * /etc/kernel/cmdline, have it from us.  What some kernel had is recorded for each of the others.
 * -- */

static bool somebody_has(const struct grubby *g, const char *word)
{
	for (size_t i = 0; i < g->n; i++)
		if (edit_cmdline_has(&g->v[i].theirs, word))
			return true;
	return false;
}

static int record(const struct grubby *g, const struct strv *common)
{
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < g->v[i].ours.n; k++) {
			const char *word = g->v[i].ours.v[k];
			bool is_common = strv_has(common, word) || !somebody_has(g, word);

			if (target_record(g->in, GRUBBY, is_common ? "" : g->v[i].key, word) < 0)
				return -ENOMEM;
		}
	return 0;
}

static int find_theirs(struct grubby *g)
{
	for (size_t i = 0; i < g->n; i++) {
		_cleanup_(strv_free) struct strv ours = {0};
		struct error why = {0};

		if (kept_parameters(&g->v[i], &g->v[i].theirs, &ours, &why) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int plan_entries(
	struct grubby *g, struct plan *plan, const struct strv *wanted, struct error *err)
{
	const struct words_place all = {WORDS_TOOL, GRUBBY, ""};
	const struct strv *ours = words_ours(g->in->words, &all);
	_cleanup_(strv_free) struct strv common = {0};
	const char *path = program(g->in);

	if ((ours && strv_copy(&common, ours) < 0) || find_theirs(g) < 0)
		return error_no_memory(err);
	for (size_t i = 0; i < g->n; i++) {
		_cleanup_(target_line_free) struct target_line line = {0};
		struct kept *kept = &g->v[i];
		int r = target_line(kept->name, kept->text, &kept->ours, wanted, &line, err);

		if (r == 0 && !target_line_stays(&line))
			r = path ? add_command(plan, path, kept, &line, err)
				 : error_set(err, -ENOENT,
					   GRUBBY ": not there, and only grubby changes the "
						  "parameters of loader entries; install it");
		if (r < 0)
			return r;
	}
	target_forget(g->in, GRUBBY);
	return record(g, &common) < 0 ? error_no_memory(err) : 0;
}

/* -- the files -- */

static const struct kept *next_kept(const struct grubby *g)
{
	const struct kernel *next = machine_next_kernel(g->in->machine);

	for (size_t i = 0; next && i < g->n; i++)
		if (strstr(g->v[i].key, next->version))
			return &g->v[i];
	return g->n ? &g->v[g->n - 1] : NULL;
}

/* A first /etc/kernel/cmdline, from the entry of the kernel that boots next.  Variables stay
 * behind: who uses them (tuned) adds them to new entries by itself.  NULL where kernels share
 * grubenv's parameters, and where the entry is not one to begin with. */
static int first_cmdline(const struct grubby *g, char **ret)
{
	const struct kept *kept = next_kept(g);
	_cleanup_(str_free) struct str line = {0};

	if (!kept || g->kernelopts)
		return 0;
	for (size_t i = 0; i < kept->theirs.n; i++)
		if (kept->theirs.v[i][0] != '$')
			str_addf(&line, strchr(kept->theirs.v[i], ' ') ? "\"%s\" " : "%s ",
				kept->theirs.v[i]);
	if (str_check(&line) < 0)
		return -ENOMEM;
	if (line.len)
		line.s[--line.len] = '\0';
	return edit_cmdline_from_running(line.s ? line.s : "", ret, NULL) == -ENOMEM ? -ENOMEM : 0;
}

static int plan_files(const struct grubby *g, struct plan *plan, struct error *err)
{
	_cleanup_free_ char *fresh = NULL;
	int r;

	if (first_cmdline(g, &fresh) < 0)
		return error_no_memory(err);
	r = target_own_words(
		g->in, plan, &target_grubby, &cmdline_place, fresh, g->in->parameters, err);
	return r < 0 ? r
		     : target_own_words(g->in, plan, &target_grubby, &default_place, NULL,
			       g->in->parameters, err);
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const struct strv none;
	_cleanup_(grubby_free) struct grubby g = {.in = in};
	int r;

	if (!detect(in) && !target_has_record(in, GRUBBY))
		return 0;
	r = read_entries(&g, err);
	if (r < 0)
		return target_unread(plan, "grubby", r, err);
	r = plan_entries(&g, plan, detect(in) ? in->parameters : &none, err);
	return r < 0 || !detect(in) ? r : plan_files(&g, plan, err);
}

/* -- kernels that came since -- */

static bool calls_grubby(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_commands; i++)
		if (command_runs(&plan->commands[i], "grubby"))
			return true;
	return false;
}

static bool has_one_about(const struct plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->n_commands; i++)
		if (base_same(plan->commands[i].about, path))
			return true;
	return false;
}

/* The record as it is, and as the plan leaves it. */
static int load_records(const struct root *root, const struct plan *plan, struct words *now,
	struct words *then, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	const struct change *change;
	int r = words_load(root, now, err);

	if (r == 0)
		r = root_resolve(root, WORDS_PATH, &path, err);
	if (r < 0)
		return r;
	change = plan_find_change(plan, path);
	if (!change)
		return words_load(root, then, err);
	return change->after.kind == CONTENT_FILE ? words_parse(change->after.text, then, err) : 0;
}

static int plan_new(
	struct grubby *g, struct plan *plan, const struct strv *wanted, struct error *err)
{
	const char *path = program(g->in);

	for (size_t i = 0; path && i < g->n; i++) {
		_cleanup_(target_line_free) struct target_line line = {0};
		struct kept *kept = &g->v[i];
		int r;

		if (strcmp(kept->key, VARIABLE) == 0 || has_one_about(plan, kept->name))
			continue;
		r = target_line(kept->name, kept->text, &kept->ours, wanted, &line, err);
		if (r == 0 && !target_line_stays(&line))
			r = add_command(plan, path, kept, &line, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int target_grubby_now(const struct root *root, struct plan *plan, struct error *err)
{
	static const struct words_place all = {WORDS_TOOL, GRUBBY, ""};
	static const struct strv none;
	_cleanup_(words_free) struct words now = {0}, then = {0};
	const struct target_input in = {.root = root, .words = &now};
	_cleanup_(grubby_free) struct grubby g = {.in = &in};
	const struct strv *wanted;
	struct error why = {0};
	int r;

	if (!calls_grubby(plan))
		return 0;
	r = load_records(root, plan, &now, &then, err);
	if (r < 0)
		return r;
	r = read_entries(&g, &why);
	wanted = words_ours(&then, &all);
	if (r == 0)
		r = plan_new(&g, plan, wanted ? wanted : &none, &why);
	if (r < 0 && r != -ENOMEM)
		r = findings_add(&plan->findings, "entries-unread", SEVERITY_WARNING, NULL, -1,
			"look into the entries of newer kernels by hand",
			"What the entries of kernels that came since have of ours is not known: %s",
			why.text);
	return r < 0 ? error_no_memory(err) : 0;
}

static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	_cleanup_(grubby_free) struct grubby g = {.in = in};
	struct error err = {0};
	const struct kept *kept;
	int r = read_entries(&g, &err);

	if (r < 0) {
		*why = err;
		return r == -ENOMEM ? r : 0;
	}
	kept = next_kept(&g);
	return kept ? kept_parameters(kept, theirs, ours, why) : 0;
}

const struct target target_grubby = {
	.name = "grubby", .detect = detect, .plan = plan, .parameters = parameters};
