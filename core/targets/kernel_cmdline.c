#include "core/targets/kernel_cmdline.h"

#include "core/edit_cmdline.h"
#include "core/targets/entries.h"

#include <errno.h>
#include <string.h>

#define VENDOR_CMDLINE "/usr/lib/kernel/cmdline"

static const struct words_place place = {WORDS_CMDLINE, KERNEL_CMDLINE, ""};

/* The newest entry is that of the kernel that boots next; without one of that, the last by name. */
static const struct entry *newest(const struct target_input *in, const struct entries *entries)
{
	const struct kernel *kernel = machine_next_kernel(in->machine);
	const struct entry *last = NULL;

	for (size_t i = 0; i < entries->n; i++) {
		const struct entry *entry = &entries->v[i];

		if (entry->spare)
			continue;
		if (kernel && strstr(entry->path, kernel->version))
			return entry;
		last = entry;
	}
	return last;
}

static int from_entry(const struct target_input *in, char **ret, struct error *err)
{
	_cleanup_(entries_free) struct entries entries = {0};
	_cleanup_(strv_free) struct strv words = {0};
	_cleanup_(str_free) struct str line = {0};
	struct error why = {0};
	const struct entry *entry;
	int r = entries_read(in, &entries, &why);

	if (r < 0)
		return error_set(err, r, "out of memory");
	entry = newest(in, &entries);
	if (!entry)
		return error_set(err, -ENOENT,
			KERNEL_CMDLINE " is missing, and neither a running kernel of this system "
				       "nor a boot loader entry says what belongs into it; write "
				       "the kernel parameters that find the root file system there, "
				       "then try again");
	r = edit_cmdline_read(entry->path, entry->text, EDIT_CMDLINE_ENTRY, &words, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < words.n; i++)
		str_addf(&line, strpbrk(words.v[i], " \t") ? "\"%s\" " : "%s ", words.v[i]);
	if (str_check(&line) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	r = edit_cmdline_from_running(line.s ? line.s : "", ret, err);
	return r == -EINVAL ? error_set(err, r,
				      "%s has no root=; write the kernel parameters that find the "
				      "root file system to " KERNEL_CMDLINE ", then try again",
				      entry->path)
			    : r;
}

int kernel_cmdline_fresh(const struct target_input *in, char **ret, struct error *err)
{
	_cleanup_free_ char *vendor = NULL;
	struct error why = {0};
	int r = target_read_optional(in, VENDOR_CMDLINE, &vendor, &why);

	if (r < 0)
		return error_set(err, r, "out of memory");
	if (r == 0 && why.code < 0)
		return error_set(err, why.code, "%s", why.text);
	if (r > 0)
		*ret = TAKE_PTR(vendor);
	else if (in->machine->host.cmdline)
		return edit_cmdline_from_running(in->machine->host.cmdline, ret, err);
	else
		return from_entry(in, ret, err);
	return 0;
}

static bool is_running_with(const struct target_input *in, const struct strv *words)
{
	for (size_t i = 0; i < words->n; i++)
		if (machine_has_token(in->machine->host.cmdline, words->v[i]))
			return true;
	return false;
}

/* A file of ours stays, without our words, where its going would bring them back. */
static int keep(const struct target_input *in, struct plan *plan, struct error *err)
{
	struct words_list *list = words_at(in->words, &place);

	if (!list)
		return error_set(err, -ENOMEM, "out of memory");
	if (in->parameters->n || !list->made || !is_running_with(in, &list->ours) ||
		root_exists(in->root, VENDOR_CMDLINE))
		return 0;
	list->made = 0;
	if (findings_add(&plan->findings, "kernel-cmdline-kept", SEVERITY_INFO, NULL, -1,
		    "delete it after the next boot if you want it gone",
		    KERNEL_CMDLINE " stays, without what vfio-wizard added: while it is missing "
				   "the running kernel's parameters are taken for every boot, and "
				   "those still have it.") < 0)
		return error_set(err, -ENOMEM, "out of memory");
	return 0;
}

int kernel_cmdline_plan(const struct target_input *in, struct plan *plan,
	const struct target *target, struct error *err)
{
	_cleanup_free_ char *fresh = NULL;
	int r = keep(in, plan, err);

	if (r == 0 && in->parameters->n && !root_exists(in->root, KERNEL_CMDLINE))
		r = kernel_cmdline_fresh(in, &fresh, err);
	return r < 0 ? r : target_own_words(in, plan, target, &place, fresh, in->parameters, err);
}

int kernel_cmdline_parameters(
	const struct target_input *in, struct strv *theirs, struct error *why)
{
	const struct words_place vendor = {WORDS_CMDLINE, VENDOR_CMDLINE, ""};
	const char *running = in->machine->host.cmdline;

	if (root_exists(in->root, KERNEL_CMDLINE))
		return target_words_theirs(in, &place, theirs, why);
	if (root_exists(in->root, VENDOR_CMDLINE) || !running)
		return target_words_theirs(in, &vendor, theirs, why);
	return strv_split(theirs, running, " \t\n");
}
