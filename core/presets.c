#include "core/presets.h"

#include "core/edit_shell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DIRECTORY "/etc/mkinitcpio.d"
#define SUFFIX    ".preset"

static void preset_release(struct preset *preset)
{
	char *const owned[] = {
		preset->file, preset->kernel, preset->config, preset->image, preset->uki};

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free(owned[i]);
}

void presets_free(struct presets *presets)
{
	for (size_t i = 0; i < presets->n; i++)
		preset_release(&presets->v[i]);
	free(presets->v);
	*presets = (struct presets){0};
}

/* One preset file. */
struct file {
	const char *path, *text;
};

/* The words of NAME_WHAT; none where it is not set. */
static int read_words(const struct file *file, const char *name, const char *what, struct strv *ret,
	struct error *why)
{
	_cleanup_(str_free) struct str key = {0};
	int r;

	str_addf(&key, "%s_%s", name, what);
	if (str_check(&key) < 0)
		return -ENOMEM;
	r = edit_shell_read(file->path, file->text, key.s, ret, why);
	return r < 0 ? r : 0;
}

/* NULL: not set, or empty. */
static int read_value(
	const struct file *file, const char *name, const char *what, char **ret, struct error *why)
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = read_words(file, name, what, &words, why);

	if (r < 0 || !words.n)
		return r;
	*ret = strdup(words.v[0]);
	return *ret ? 0 : -ENOMEM;
}

static int read_either(
	const struct file *file, const char *name, const char *what, char **ret, struct error *why)
{
	int r = read_value(file, name, what, ret, why);

	return r == 0 && !*ret ? read_value(file, "ALL", what, ret, why) : r;
}

/* mkinitcpio gets NAME_options behind what the other values make. */
static int read_options(
	const struct file *file, const char *name, char **ret_config, struct error *why)
{
	_cleanup_(strv_free) struct strv words = {0};
	int r = read_words(file, name, "options", &words, why);

	for (size_t i = 0; r == 0 && i + 1 < words.n; i++) {
		if (strcmp(words.v[i], "-c") != 0 && strcmp(words.v[i], "--config") != 0)
			continue;
		free(*ret_config);
		*ret_config = strdup(words.v[i + 1]);
		r = *ret_config ? 0 : -ENOMEM;
	}
	return r;
}

static int add_preset(
	struct presets *presets, const struct file *file, const char *name, struct error *why)
{
	struct preset preset = {.file = strdup(file->path)};
	int r = preset.file ? read_either(file, name, "kver", &preset.kernel, why) : -ENOMEM;

	if (r == 0)
		r = read_either(file, name, "config", &preset.config, why);
	if (r == 0)
		r = read_options(file, name, &preset.config, why);
	if (r == 0)
		r = read_value(file, name, "image", &preset.image, why);
	if (r == 0)
		r = read_value(file, name, "uki", &preset.uki, why);
	if (r == 0)
		r = base_grow(&presets->v, presets->n, sizeof(*presets->v));
	if (r < 0) {
		preset_release(&preset);
		return r;
	}
	presets->v[presets->n++] = preset;
	return 0;
}

static int add_file(
	struct presets *presets, const struct root *root, const char *path, struct error *why)
{
	_cleanup_(strv_free) struct strv names = {0};
	_cleanup_free_ char *text = NULL;
	struct file file = {.path = path};
	int r = root_read_text(root, path, &text, why);

	file.text = text;
	if (r == 0)
		r = edit_shell_read(path, text, "PRESETS", &names, why);
	if (r > 0)
		r = 0;
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = add_preset(presets, &file, names.v[i], why);
	return r == -ENOMEM ? r : 0;
}

int presets_load(const struct root *root, struct presets *ret, struct error *why)
{
	_cleanup_(presets_free) struct presets presets = {0};
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(root, DIRECTORY, &names);

	if (r == -ENOMEM)
		return r;
	for (size_t i = 0; i < names.n; i++) {
		char path[512];

		if (!base_ends(names.v[i], SUFFIX))
			continue;
		if (snprintf(path, sizeof(path), DIRECTORY "/%s", names.v[i]) >= (int)sizeof(path))
			continue;
		r = add_file(&presets, root, path, why);
		if (r < 0)
			return r;
	}
	*ret = presets;
	presets = (struct presets){0};
	return 0;
}
