#include "core/edit_booster.h"

#include "core/edit_yaml.h"

static const struct edit_yaml_key key = {.name = "modules_force_load",
	.commas = true,
	.null = EDIT_YAML_NULL_NONE,
	.word_bytes = "-",
	.same = base_same_module};

int edit_booster_read(const char *path, const char *text, struct strv *ret, struct error *err)
{
	return edit_yaml_read(path, text, &key, ret, err);
}

int edit_booster(const char *path, const char *text, struct strv *ours, const struct strv *wanted,
	char **ret, struct error *err)
{
	return edit_yaml(path, text, &key, ours, wanted, ret, err);
}
