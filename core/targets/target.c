#include "core/targets/target.h"

#include "core/boot.h"
#include "core/edit.h"
#include "core/edit_cmdline.h"
#include "core/edit_shell.h"
#include "core/manifest.h"
#include "core/parameters.h"

#include <errno.h>
#include <string.h>

const struct target *const target_all[] = {
	&target_trial,
	&target_vfio_bind,
	&target_modprobe,
	&target_vfio_nodes,
	&target_libvirt,
	&target_opennebula,
	&target_initramfs_tools,
	&target_dracut,
	&target_mkinitcpio,
	&target_booster,
	&target_grub_entry,
	&target_loader_entry,
	&target_grub,
	&target_grubby,
	&target_pbl,
	&target_sdbootutil,
	&target_ostree,
	&target_grub_default,
	&target_kernel_install,
	&target_proxmox,
	&target_entries,
	&target_uki,
	&target_u_boot,
	&target_manual,
	NULL,
};

int target_no_spare(const struct target_input *in, struct plan *plan, const char *instead)
{
	if (!in->choice->n)
		return 0;
	return findings_add(&plan->findings, "no-spare-entry", SEVERITY_INFO, NULL, -1, instead,
		"The boot menu gets no entry \"without passthrough\" here (%s).  If the host comes "
		"up without a picture or a network, the way back is %s among the kernel's "
		"parameters for that boot, or a rescue system with vfio-wizard on it.",
		boot_loader_kind(in->loader)->title, parameters_way_back(in->machine));
}

bool target_changed(const struct plan *plan, const struct target *target)
{
	for (size_t i = 0; i < plan->n_changes; i++)
		if (strcmp(plan->changes[i].target, target->name) == 0)
			return true;
	return false;
}

/* Adds the change unless there is none; two changes of a file are one, or none. */
static int add(struct plan *plan, const struct target *target, const char *path,
	const struct content *before, const struct content *after, struct error *err)
{
	struct change *earlier = plan_find_change(plan, path);

	if (earlier) {
		content_free(&earlier->after);
		if (content_copy(&earlier->after, after) < 0)
			return error_no_memory(err);
		if (content_same(&earlier->before, &earlier->after))
			plan_drop_change(plan, earlier);
		return 0;
	}
	if (content_same(before, after))
		return 0;
	if (plan_add_change(plan, target->name, path, before, after) < 0)
		return error_no_memory(err);
	return 0;
}

static int note_replaced(struct plan *plan, const char *path, struct error *err)
{
	if (findings_add(&plan->findings, "file-replaced", SEVERITY_WARNING, NULL, -1,
		    "look at the difference; rolling back brings the present file back",
		    "%s was not written by vfio-wizard and is replaced", path) < 0)
		return error_no_memory(err);
	return 0;
}

/* What is at a path of ours, and whether it really is ours. */
static bool is_ours(const struct content *content, const char *where)
{
	if (content->kind == CONTENT_LINK)
		return where && base_same(content->text, where);
	return content->kind == CONTENT_FILE && strstr(content->text, TARGET_MARK);
}

/* How systemd, udev and modprobe have a file of theirs switched off. */
static bool is_masked(const struct target_input *in, const char *path)
{
	char where[32];

	return root_link(in->root, path, where, sizeof(where)) > 0 &&
	       strcmp(where, "/dev/null") == 0;
}

static int own(const struct target_input *in, struct plan *plan, const struct target *target,
	const char *path, const struct content *wanted, const char *where, struct error *err)
{
	_cleanup_(content_free) struct content before = {0};
	_cleanup_free_ char *resolved = NULL;
	bool masked = !where && is_masked(in, path);
	int r;

	if (masked && wanted->kind != CONTENT_ABSENT)
		return error_set(err, -EINVAL,
			"%s is a link to /dev/null, which switches it off; remove the link (that of a "
			"unit with systemctl unmask)",
			path);
	r = masked ? 0 : content_read(in->root, path, where != NULL, &resolved, &before, err);
	if (masked || r < 0)
		return r;
	if (before.kind != CONTENT_ABSENT && !is_ours(&before, where) &&
		!content_same(&before, wanted)) {
		if (wanted->kind == CONTENT_ABSENT)
			return 0;
		r = note_replaced(plan, resolved, err);
		if (r < 0)
			return r;
	}
	return add(plan, target, resolved, &before, wanted, err);
}

int target_own_file(const struct target_input *in, struct plan *plan, const struct target *target,
	const char *path, mode_t mode, const char *text, struct error *err)
{
	_cleanup_(content_free) struct content wanted = {0};

	if (text) {
		wanted = (struct content){.kind = CONTENT_FILE, .mode = mode, .text = strdup(text)};
		if (!wanted.text)
			return error_no_memory(err);
	}
	return own(in, plan, target, path, &wanted, NULL, err);
}

int target_own_link(const struct target_input *in, struct plan *plan, const struct target *target,
	const char *path, const char *where, bool is_wanted, struct error *err)
{
	_cleanup_(content_free) struct content wanted = {0};

	if (is_wanted) {
		wanted =
			(struct content){.kind = CONTENT_LINK, .mode = 0777, .text = strdup(where)};
		if (!wanted.text)
			return error_no_memory(err);
	}
	return own(in, plan, target, path, &wanted, where, err);
}

int target_own_block(const struct target_input *in, struct plan *plan, const struct target *target,
	const char *path, const char *body, struct error *err)
{
	_cleanup_(content_free) struct content before = {0}, after = {0};
	_cleanup_free_ char *resolved = NULL;
	int r = content_read(in->root, path, false, &resolved, &before, err);

	if (r < 0)
		return r;
	r = edit_block(path, before.text, body, &after.text, err);
	if (r < 0)
		return r;
	if (after.text) {
		after.kind = CONTENT_FILE;
		after.mode = before.kind == CONTENT_FILE ? before.mode : 0644;
	}
	return add(plan, target, resolved, &before, &after, err);
}

static uint64_t sum(const char *text)
{
	return manifest_sum(text, strlen(text));
}

/* What the list's file shall be; *after stays absent where it goes, or was never there. */
static int edit_list_of(struct words_list *list, const struct words_place *place,
	const struct content *before, const char *fresh, const struct strv *wanted,
	struct content *after, struct error *err)
{
	const char *text = before->text ? before->text : wanted->n ? fresh : NULL;
	int r;

	if (!text) {
		strv_free(&list->ours);
		return 0;
	}
	r = words_edit(place, text, &list->ours, wanted, &after->text, err);
	if (r < 0)
		return r;
	if (!before->text)
		list->made = sum(fresh);
	if (!list->ours.n && list->made && after->text && sum(after->text) == list->made)
		free(TAKE_PTR(after->text));
	if (after->text) {
		after->kind = CONTENT_FILE;
		after->mode = before->kind == CONTENT_FILE ? before->mode : 0644;
	}
	return 0;
}

int target_own_words(const struct target_input *in, struct plan *plan, const struct target *target,
	const struct words_place *place, const char *fresh, const struct strv *wanted,
	struct error *err)
{
	_cleanup_(content_free) struct content before = {0}, after = {0};
	_cleanup_free_ char *resolved = NULL;
	struct words_list *list = words_at(in->words, place);
	const struct change *earlier;
	int r;

	if (!list)
		return error_no_memory(err);
	list->visited = true;
	if (!wanted->n && !list->ours.n)
		return 0;
	r = content_read(in->root, place->path, false, &resolved, &before, err);
	if (r < 0)
		return r;
	earlier = plan_find_change(plan, resolved);
	r = edit_list_of(
		list, place, earlier ? &earlier->after : &before, fresh, wanted, &after, err);
	return r < 0 ? r : add(plan, target, resolved, &before, &after, err);
}

int target_words_theirs(const struct target_input *in, const struct words_place *place,
	struct strv *theirs, struct error *why)
{
	_cleanup_(strv_free) struct strv ours = {0};
	_cleanup_free_ char *text = NULL;
	int r = target_read_optional(in, place->path, &text, why);

	return r <= 0 ? r
		      : target_parameters(
				place, text, words_ours(in->words, place), theirs, &ours, why);
}

int target_list(
	const struct target_input *in, const char *directory, const char *suffix, struct strv *ret)
{
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(in->root, directory, &names);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (names.v[i][0] != '.' && base_ends(names.v[i], suffix))
			r = strv_addf(ret, "%s/%s", directory, names.v[i]);
	return r;
}

int target_finish(const struct target_input *in, struct plan *plan, struct error *err)
{
	static const struct target self = {.name = "words"};
	static const struct strv none;
	_cleanup_free_ char *text = NULL;

	for (size_t i = 0; i < in->words->n; i++) {
		struct words_list *list = &in->words->v[i];
		const struct words_place place = {list->grammar, list->path, list->key};
		int r;

		if (list->visited || list->grammar == WORDS_TOOL)
			continue;
		r = target_own_words(in, plan, &self, &place, NULL, &none, err);
		if (r < 0)
			return r;
	}
	if (words_format(in->words, &text) < 0)
		return error_no_memory(err);
	return target_own_file(in, plan, &self, WORDS_PATH, 0644, text, err);
}

int target_read_optional(
	const struct target_input *in, const char *path, char **ret, struct error *why)
{
	struct error err = {0};
	int r = root_read_text(in->root, path, ret, &err);

	if (r == 0)
		return 1;
	if (r != -ENOENT && r != -ENOTDIR && r != -ENOMEM)
		*why = err;
	return r == -ENOMEM ? r : 0;
}

const char *target_program(const struct target_input *in)
{
	static const char *const places[] = {"/usr/local/sbin/vfio-wizard", "/usr/sbin/vfio-wizard",
		"/usr/local/bin/vfio-wizard", "/usr/bin/vfio-wizard", NULL};

	return root_first(in->root, places);
}

int target_parameters(const struct words_place *place, const char *text,
	const struct strv *recorded, struct strv *theirs, struct strv *ours, struct error *why)
{
	static const struct strv none;
	_cleanup_(strv_free) struct strv left = {0}, words = {0}, others = {0};
	_cleanup_free_ char *bare = NULL;
	struct error err = {0};
	int r = recorded ? strv_copy(&left, recorded) : 0;

	if (r == 0)
		r = words_read(place, text, &words, &err);
	if (r == 0)
		r = words_edit(place, text, &left, &none, &bare, &err);
	if (r == 0)
		r = words_read(place, bare, &others, &err);
	if (r < 0 && r != -ENOMEM) {
		*why = err;
		return 0;
	}
	for (size_t i = 0; r == 0 && recorded && i < recorded->n; i++)
		if (edit_cmdline_has(&words, recorded->v[i]))
			r = strv_add(ours, recorded->v[i]);
	return r < 0 ? r : strv_copy(theirs, &others);
}
