/* Deployments of rpm-ostree(1), which keeps the kernel parameters.  Each call makes a new
 * deployment, so there is one, with all that comes and goes; the deployments before it keep their
 * own.  What is in /etc goes along into the new one when the system shuts down
 * (ostree-finalize-staged.service), and /usr is not written to: /usr/local is a link into /var. */
#include "core/targets/tool.h"

#include "core/bls.h"

#include <errno.h>
#include <string.h>

#define PROGRAM "/usr/bin/rpm-ostree"
#define ENTRIES "/boot/loader/entries"

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_OSTREE;
}

/* The entry of the deployment that boots next: ostree numbers them, the first one highest. */
static const struct bls_entry *next_entry(const struct bls_entries *entries)
{
	const struct bls_entry *next = NULL;
	uint64_t highest = 0;

	for (size_t i = 0; i < entries->n; i++) {
		uint64_t version;

		if (base_number(entries->v[i].version, 10, UINT32_MAX, &version) == 0 &&
			(!next || version > highest)) {
			next = &entries->v[i];
			highest = version;
		}
	}
	return next;
}

static int add_words(const char *option, const struct strv *words, struct strv *argv)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->n; i++)
		r = strv_addf(argv, "%s%s", option, words->v[i]);
	return r;
}

static int build_argv(const struct strv *from, const struct strv *to, struct strv *ret)
{
	_cleanup_(strv_free) struct strv fresh = {0}, gone = {0};

	if (target_difference(to, from, &fresh) < 0 || target_difference(from, to, &gone) < 0 ||
		strv_add(ret, PROGRAM) < 0 || strv_add(ret, "kargs") < 0)
		return -ENOMEM;
	return add_words("--delete-if-present=", &gone, ret) < 0
		       ? -ENOMEM
		       : add_words("--append-if-missing=", &fresh, ret);
}

static int add_command(struct plan *plan, const struct target_line *line)
{
	_cleanup_(strv_free) struct strv argv = {0}, undo = {0};

	if (build_argv(&line->now, &line->then, &argv) < 0 ||
		build_argv(&line->then, &line->now, &undo) < 0)
		return -ENOMEM;
	return plan_add_undoable(plan, COMMAND_BOOT_LOADER,
		"make a deployment with these kernel parameters", (const char *const *)argv.v,
		(const char *const *)undo.v, NULL);
}

static int plan_entry(const struct target_input *in, const struct bls_entry *entry,
	struct plan *plan, struct error *err)
{
	static const struct strv none;
	const struct words_place place = {WORDS_TOOL, PROGRAM, ""};
	const struct strv *recorded = words_ours(in->words, &place);
	_cleanup_(target_line_free) struct target_line line = {0};
	_cleanup_(strv_free) struct strv ours = {0};
	int r;

	if (recorded && strv_copy(&ours, recorded) < 0)
		return error_no_memory(err);
	r = target_line(entry->path, entry->options, &ours, detect(in) ? in->parameters : &none,
		&line, err);
	if (r < 0)
		return r;
	if (!target_line_stays(&line) && add_command(plan, &line) < 0)
		return error_no_memory(err);
	target_forget(in, PROGRAM);
	for (size_t i = 0; i < ours.n; i++)
		if (target_record(in, PROGRAM, "", ours.v[i]) < 0)
			return error_no_memory(err);
	return 0;
}

/* /etc, and with it vfio-bind, is in the deployments before it too: these are no way back for sure.
 */
static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(bls_free) struct bls_entries entries = {0};
	const struct bls_entry *next;
	int r;

	if (!detect(in) && !target_has_record(in, PROGRAM))
		return 0;
	if (detect(in) && target_no_spare(in, plan, "press e at the boot menu to add it") < 0)
		return error_no_memory(err);
	r = bls_read(in->root, ENTRIES, &entries, err);
	if (r < 0)
		return target_unread(plan, "rpm-ostree", r, err);
	next = next_entry(&entries);
	if (next)
		return plan_entry(in, next, plan, err);
	if (detect(in))
		return error_set(err, -ENOENT, "%s: no entry of a deployment is there", ENTRIES);
	target_forget(in, PROGRAM);
	return 0;
}

static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	const struct words_place kept = {WORDS_TOOL, PROGRAM, ""};
	_cleanup_(bls_free) struct bls_entries entries = {0};
	const struct bls_entry *next;
	struct words_place place;
	struct error err = {0};
	int r = bls_read(in->root, ENTRIES, &entries, &err);

	if (r < 0)
		*why = err;
	if (r == -ENOMEM)
		return r;
	next = next_entry(&entries);
	if (!next)
		return 0;
	place = (struct words_place){WORDS_CMDLINE, next->path, ""};
	return target_parameters(
		&place, next->options, words_ours(in->words, &kept), theirs, ours, why);
}

const struct target target_ostree = {
	.name = "rpm-ostree", .detect = detect, .plan = plan, .parameters = parameters};
