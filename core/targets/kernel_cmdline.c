#include "core/targets/kernel_cmdline.h"

#include "core/edit_cmdline.h"
#include "core/host.h"
#include "core/targets/entries.h"

#include <errno.h>
#include <string.h>

#define VENDOR_CMDLINE "/usr/lib/kernel/cmdline"

static const struct words_place place = {WORDS_CMDLINE, TARGET_CMDLINE, ""};

/* -- what it is made of -- */

static const struct entry *newest(const struct entries *entries)
{
	const struct entry *ret = NULL;

	for (size_t i = 0; i < entries->n; i++) {
		const struct entry *entry = &entries->v[i];

		if (!entry->spare && (!ret || strverscmp(strrchr(entry->path, '/'),
						      strrchr(ret->path, '/')) > 0))
			ret = entry;
	}
	return ret;
}

static int from_options(const struct entry *entry, char **ret, struct error *err)
{
	_cleanup_(strv_free) struct strv words = {0};
	_cleanup_(str_free) struct str line = {0};
	int r = edit_cmdline_read(entry->path, entry->text, EDIT_CMDLINE_ENTRY, &words, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < words.n; i++)
		str_addf(&line, strpbrk(words.v[i], " \t") ? "%s\"%s\"" : "%s%s", i ? " " : "",
			words.v[i]);
	if (str_check(&line) < 0)
		return error_no_memory(err);
	r = edit_cmdline_from_running(line.s ? line.s : "", ret, err);
	return r == -EINVAL ? error_set(err, r,
				      "%s has no root=, or is no normal boot; write the kernel "
				      "parameters that find the root file system to " TARGET_CMDLINE
				      ", then try again",
				      entry->path)
			    : r;
}

static int from_entry(const struct target_input *in, char **ret, struct error *err)
{
	_cleanup_(target_entries_free) struct entries entries = {0};
	struct error why = {0};
	const struct entry *entry;

	if (target_entries_read(in, &entries, &why) < 0)
		return error_no_memory(err);
	entry = newest(&entries);
	return entry ? from_options(entry, ret, err)
		     : error_set(err, -ENOENT,
			       TARGET_CMDLINE
			       " is missing, and neither a running kernel of this system nor a "
			       "boot loader entry says what belongs into it; write the kernel "
			       "parameters that find the root file system there, then try again");
}

int target_kernel_cmdline_fresh(const struct target_input *in, char **ret, struct error *err)
{
	_cleanup_free_ char *vendor = NULL, *running = NULL;
	struct error why = {0};
	int r = target_read_optional(in, VENDOR_CMDLINE, &vendor, &why);

	if (r < 0 || host_read_cmdline(in->root, &running) < 0)
		return error_no_memory(err);
	if (r == 0 && why.code < 0)
		return error_set(err, why.code, "%s", why.text);
	if (r > 0) {
		*ret = TAKE_PTR(vendor);
		return 0;
	}
	return running ? edit_cmdline_from_running(running, ret, err) : from_entry(in, ret, err);
}

/* -- whether it may be missing -- */

enum missing {
	MISSING_FINE,
	MISSING_KEEPS,   /* the running line, which counts then, has our words */
	MISSING_FOREIGN, /* the running line is not that of this system */
};

/* 0 or -ENOMEM. */
static int judge(const struct root *root, const struct strv *ours, enum missing *ret)
{
	_cleanup_free_ char *running = NULL;

	*ret = MISSING_FINE;
	if (root_exists(root, VENDOR_CMDLINE))
		return 0;
	if (host_read_cmdline(root, &running) < 0)
		return -ENOMEM;
	if (!running)
		*ret = MISSING_FOREIGN;
	for (size_t i = 0; running && ours && i < ours->n; i++)
		if (machine_has_token(running, ours->v[i]))
			*ret = MISSING_KEEPS;
	return 0;
}

static int tell(struct plan *plan, enum missing missing)
{
	return findings_add(&plan->findings, "kernel-cmdline-kept", SEVERITY_INFO, NULL, -1,
		"delete it after the next normal boot if you want it gone",
		missing == MISSING_KEEPS ? TARGET_CMDLINE
			" stays, without what vfio-wizard added: while it is "
			"missing every boot entry gets the parameters of the "
			"running kernel, and those still have it."
					 : TARGET_CMDLINE
			" has to be there, as this system does not run: every boot "
			"entry would get the parameters of the kernel that does.");
}

/* Makes it with what counts while it is missing. */
static int make(
	const struct target_input *in, struct plan *plan, const char *target, struct error *err)
{
	const struct content before = {.kind = CONTENT_ABSENT};
	_cleanup_(content_free) struct content after = {.kind = CONTENT_FILE, .mode = 0644};
	_cleanup_free_ char *path = NULL;
	int r = target_kernel_cmdline_fresh(in, &after.text, err);

	if (r == 0)
		r = root_resolve(in->root, TARGET_CMDLINE, &path, err);
	if (r < 0)
		return r;
	return plan_add_change(plan, target, path, &before, &after) < 0 ||
			       tell(plan, MISSING_FOREIGN) < 0
		       ? error_no_memory(err)
		       : 0;
}

int target_kernel_cmdline_plan(const struct target_input *in, struct plan *plan,
	const struct target *target, struct error *err)
{
	struct words_list *list = words_at(in->words, &place);
	bool is_there = root_exists(in->root, TARGET_CMDLINE);
	_cleanup_free_ char *fresh = NULL;
	enum missing missing;
	int r = 0;

	if (!list || judge(in->root, &list->ours, &missing) < 0)
		return error_no_memory(err);
	if (!is_there && !in->parameters->n && in->choice->n && missing == MISSING_FOREIGN)
		return make(in, plan, target->name, err);
	if (!is_there && in->parameters->n)
		r = target_kernel_cmdline_fresh(in, &fresh, err);
	if (r == 0 && !in->parameters->n && list->made && missing != MISSING_FINE) {
		list->made = 0;
		r = tell(plan, missing) < 0 ? error_no_memory(err) : 0;
	}
	return r < 0 ? r : target_own_words(in, plan, target, &place, fresh, in->parameters, err);
}

int target_kernel_cmdline_parameters(
	const struct target_input *in, struct strv *theirs, struct error *why)
{
	const struct words_place vendor = {WORDS_CMDLINE, VENDOR_CMDLINE, ""};
	const char *running = in->machine->host.cmdline;

	if (root_exists(in->root, TARGET_CMDLINE))
		return target_words_theirs(in, &place, theirs, why);
	if (root_exists(in->root, VENDOR_CMDLINE) || !running)
		return target_words_theirs(in, &vendor, theirs, why);
	return strv_split(theirs, running, " \t\n");
}

/* -- going back -- */

/* The plan runs kernel-install, by itself or by Debian's hook of update-initramfs. */
static bool is_read(const struct root *root, const struct plan *plan)
{
	bool hook = root_exists(root, "/etc/initramfs/post-update.d/systemd-boot");

	for (size_t i = 0; i < plan->n_commands; i++) {
		const char *name = strrchr(plan->commands[i].argv.v[0], '/');

		if (name && (strcmp(name, "/kernel-install") == 0 ||
				    (hook && strcmp(name, "/update-initramfs") == 0)))
			return true;
	}
	return false;
}

/* It stays without our words instead of going. */
static int keep(struct plan *plan, struct change *change, const struct strv *recorded,
	enum missing missing, struct error *err)
{
	static const struct strv none;
	_cleanup_(strv_free) struct strv ours = {0};
	_cleanup_free_ char *bare = NULL;
	int r;

	if (recorded && strv_copy(&ours, recorded) < 0)
		return error_no_memory(err);
	r = words_edit(&place, change->before.text, &ours, &none, &bare, err);
	if (r < 0)
		return r;
	content_free(&change->after);
	change->after = (struct content){
		.kind = CONTENT_FILE, .mode = change->before.mode, .text = TAKE_PTR(bare)};
	return tell(plan, missing) < 0 ? error_no_memory(err) : 0;
}

/* Where nothing says what to make it of, no boot partition is mounted, and no entry is written. */
static int make_where_known(const struct root *root, struct plan *plan, struct error *err)
{
	const struct target_input in = {.root = root};
	int r = make(&in, plan, "snapshot", err);

	return r == -ENOENT || r == -EINVAL ? 0 : r;
}

int target_kernel_cmdline_back(const struct root *root, struct plan *plan, struct error *err)
{
	_cleanup_(words_free) struct words words = {0};
	_cleanup_free_ char *path = NULL;
	struct change *change;
	enum missing missing;
	int r = root_resolve(root, TARGET_CMDLINE, &path, NULL);

	if (r == -ENOMEM || words_load(root, &words, NULL) == -ENOMEM)
		return error_no_memory(err);
	if (r < 0)
		return 0;
	change = plan_find_change(plan, path);
	if (change ? change->after.kind != CONTENT_ABSENT
		   : root_exists(root, path) || !is_read(root, plan))
		return 0;
	if (judge(root, words_ours(&words, &place), &missing) < 0)
		return error_no_memory(err);
	if (missing == MISSING_FINE)
		return 0;
	return change ? keep(plan, change, words_ours(&words, &place), missing, err)
		      : make_where_known(root, plan, err);
}
