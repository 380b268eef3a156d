/* systemd-boot with entries by hand: our words in the options of each.  There is nothing to run. */
#include "core/targets/entries.h"

#include "core/edit_cmdline.h"
#include "core/verify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* In the order in which kernel-install looks for its $BOOT. */
static const char *const places[] = {"/efi", "/boot", "/boot/efi"};
const char *const target_entries_places[] = {
	"/efi/loader/entries", "/boot/loader/entries", "/boot/efi/loader/entries", NULL};

void target_entries_free(struct entries *entries)
{
	for (size_t i = 0; i < entries->n; i++) {
		free(entries->v[i].path);
		free(entries->v[i].text);
	}
	free(entries->v);
	*entries = (struct entries){0};
}

/* The value of a line "KEY VALUE", up to its end; NULL: there is none. */
static const char *find_key(const char *text, const char *key)
{
	size_t n = strlen(key);

	while (text) {
		text += strspn(text, " \t\r\n");
		if (strncmp(text, key, n) == 0 && (text[n] == ' ' || text[n] == '\t'))
			return text + n + strspn(text + n, " \t");
		text = strchr(text, '\n');
	}
	return NULL;
}

/* The kernel has an EFI stub, so `efi` starts Linux too where it gets a root=. */
static bool boots_linux(const char *path, const char *text)
{
	_cleanup_(strv_free) struct strv words = {0};

	if (find_key(text, "linux"))
		return true;
	if (!find_key(text, "efi") ||
		edit_cmdline_read(path, text, EDIT_CMDLINE_ENTRY, &words, NULL) < 0)
		return false;
	for (size_t i = 0; i < words.n; i++)
		if (base_starts(words.v[i], "root="))
			return true;
	return false;
}

bool target_entries_is_spare(const char *name, size_t n)
{
	static const char *const words[] = {
		"fallback", "rescue", "recovery", "emergency", "without passthrough"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (size_t k = 0; k + strlen(words[i]) <= n; k++)
			if (strncasecmp(name + k, words[i], strlen(words[i])) == 0)
				return true;
	return false;
}

static bool is_spare(const char *name, const char *text)
{
	const char *title = find_key(text, "title");

	return target_entries_is_spare(name, strlen(name)) ||
	       (title && target_entries_is_spare(title, strcspn(title, "\n"))) ||
	       strstr(text, "# vfio-wizard: leave");
}

/* *ret: started by it, the host keeps every device. */
static int is_way_back(const char *path, const char *text, bool *ret)
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = edit_cmdline_read(path, text, EDIT_CMDLINE_ENTRY, &words, NULL);

	*ret = r >= 0 && verify_boot_is_spare(&words);
	return r == -ENOMEM ? r : 0;
}

static int add(struct entries *entries, const char *path, char **text)
{
	struct entry entry = {.path = strdup(path)};

	if (!entry.path || is_way_back(path, *text, &entry.way_back) < 0 ||
		base_grow(&entries->v, entries->n, sizeof(*entries->v)) < 0) {
		free(entry.path);
		return -ENOMEM;
	}
	entry.spare = is_spare(strrchr(path, '/') + 1, *text);
	entry.text = TAKE_PTR(*text);
	entries->v[entries->n++] = entry;
	return 0;
}

static int read_entry(const struct target_input *in, const char *directory, const char *name,
	struct entries *entries, struct error *why)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	int r;

	if (!base_ends(name, ".conf"))
		return 0;
	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return -ENOMEM;
	r = target_read_optional(in, path, &text, why);
	return r > 0 && boots_linux(path, text) ? add(entries, path, &text) : r < 0 ? r : 0;
}

/* `seen`: one partition can be at several of the places. */
static int read_directory(const struct target_input *in, const char *directory,
	struct entries *entries, struct strv *seen, struct error *why)
{
	_cleanup_(strv_free) struct strv names = {0};
	_cleanup_free_ char *resolved = NULL;
	int r = root_resolve(in->root, directory, &resolved, NULL);

	if (r < 0 || strv_has(seen, resolved))
		return r == -ENOMEM ? r : 0;
	r = root_list(in->root, resolved, &names);
	if (r < 0) {
		if (r != -ENOENT && r != -ENOTDIR && r != -ENOMEM)
			error_set(why, r, "%s: %s", resolved, strerror(-r));
		return r == -ENOMEM ? r : 0;
	}
	r = strv_add(seen, resolved);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = read_entry(in, directory, names.v[i], entries, why);
	return r;
}

int target_entries_read(const struct target_input *in, struct entries *ret, struct error *why)
{
	_cleanup_(target_entries_free) struct entries entries = {0};
	_cleanup_(strv_free) struct strv seen = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && target_entries_places[i]; i++)
		r = read_directory(in, target_entries_places[i], &entries, &seen, why);
	if (r < 0)
		return r;
	*ret = entries;
	entries = (struct entries){0};
	return 0;
}

/* loader.conf(5): the editor is there unless `editor` is false. */
static bool is_editor_off(const char *text)
{
	static const char *const words[] = {"no", "n", "false", "f", "off", "0"};
	const char *value = find_key(text, "editor");
	size_t n = value ? strcspn(value, " \t\r\n") : 0;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (n == strlen(words[i]) && strncasecmp(value, words[i], n) == 0)
			return true;
	return false;
}

int target_entries_warn(
	const struct target_input *in, const struct entries *entries, struct plan *plan)
{
	if (target_changed(plan, &target_loader_entry))
		return 0;
	for (size_t i = 0; i < entries->n; i++)
		if (entries->v[i].way_back)
			return 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *text = NULL;
		struct error why = {0};
		char path[64];
		int r;

		(void)snprintf(path, sizeof(path), "%s/loader/loader.conf", places[i]);
		r = target_read_optional(in, path, &text, &why);
		if (r < 0)
			return r;
		if (r > 0 && is_editor_off(text))
			return findings_add(&plan->findings, "boot-editor-off", SEVERITY_WARNING,
				NULL, -1,
				target_loader_entry.detect(in)
					? "switch it on there, or keep an entry with \"fallback\" "
					  "in its name, which stays as it is, and "
					  "module_blacklist=vfio_pci among its options"
					: "switch it on there",
				"%s switches the boot menu's editor off, so "
				"module_blacklist=vfio_pci "
				"cannot be given there; a host that shows nothing takes a rescue "
				"system to come back.",
				path);
	}
	return 0;
}

int target_entries_no_spare(const struct target_input *in, struct plan *plan, const char *instead)
{
	_cleanup_(target_entries_free) struct entries entries = {0};
	struct error why = {0};
	size_t said = plan->findings.n;
	int r = in->choice->n ? target_entries_read(in, &entries, &why) : 0;

	for (size_t i = 0; r == 0 && i < entries.n; i++)
		if (entries.v[i].way_back)
			return 0;
	if (r == 0 && in->choice->n)
		r = target_entries_warn(in, &entries, plan);
	return r < 0 || plan->findings.n > said ? r : target_no_spare(in, plan, instead);
}

static bool detect(const struct target_input *in)
{
	return in->loader == BOOT_ENTRIES;
}

static int plan(const struct target_input *in, struct plan *plan, struct error *err)
{
	_cleanup_(target_entries_free) struct entries entries = {0};
	struct error why = {0};
	size_t n = 0;
	int r;

	if (!detect(in))
		return 0;
	r = target_entries_read(in, &entries, &why);
	if (r == 0 && in->choice->n)
		r = target_entries_warn(in, &entries, plan);
	if (r < 0)
		return error_no_memory(err);
	for (size_t i = 0; r == 0 && i < entries.n; i++) {
		const struct words_place place = {WORDS_ENTRY, entries.v[i].path, ""};

		n += !entries.v[i].spare;
		if (!entries.v[i].spare)
			r = target_own_words(
				in, plan, &target_entries, &place, NULL, in->parameters, err);
	}
	if (r == 0 && !n && in->parameters->n)
		return why.code < 0
			       ? error_set(err, why.code, "%s", why.text)
			       : error_set(err, -ENOENT,
					 "no boot loader entry that boots Linux is below /efi, "
					 "/boot "
					 "or /boot/efi; mount the EFI system partition, then try "
					 "again");
	return r;
}

/* The entry that boots by default may be any of them. */
static int parameters(
	const struct target_input *in, struct strv *theirs, struct strv *ours, struct error *why)
{
	_cleanup_(target_entries_free) struct entries entries = {0};
	_cleanup_(strv_free) struct strv words = {0};
	int r = target_entries_read(in, &entries, why);

	(void)ours;
	for (size_t i = 0; r == 0 && i < entries.n; i++) {
		const struct words_place place = {WORDS_ENTRY, entries.v[i].path, ""};

		if (!entries.v[i].spare)
			r = target_words_theirs(in, &place, &words, why);
	}
	for (size_t i = 0; r == 0 && i < words.n; i++)
		r = strv_add_unique(theirs, words.v[i]);
	return r;
}

const struct target target_entries = {
	.name = "entries", .detect = detect, .plan = plan, .parameters = parameters};
