#include "core/bls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t"

static void free_entry(struct bls_entry *entry)
{
	free(entry->path);
	free(entry->id);
	free(entry->version);
	free(entry->kernel);
	free(entry->options);
}

void bls_free(struct bls_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		free_entry(&entries->v[i]);
	free(entries->v);
	*entries = (struct bls_entries){0};
}

bool bls_is_own(const char *name)
{
	size_t n = strlen(name), m = strlen(BLS_OWN);

	return n >= m && strcmp(name + n - m, BLS_OWN) == 0;
}

bool bls_is_rescue(const struct bls_entry *entry)
{
	return strstr(entry->id, "0-rescue") || strstr(entry->kernel, "0-rescue") ||
	       bls_is_own(entry->path);
}

/* The values of all lines that begin with the key. */
static int find_value(const char *text, const char *key, char **ret)
{
	_cleanup_(str_free) struct str out = {0};
	size_t n = strlen(key);

	for (const char *p = text; *p; p += *p == '\n') {
		size_t len;

		p += strspn(p, BLANKS);
		len = strcspn(p, "\r\n");
		if (len > n && strncmp(p, key, n) == 0 && strchr(BLANKS, p[n])) {
			const char *value = p + n + strspn(p + n, BLANKS);

			str_add(&out, out.len ? " " : "");
			str_addn(&out, value, len - (size_t)(value - p));
		}
		p += strcspn(p, "\n");
	}
	return str_take(&out, ret);
}

static int fill_entry(struct bls_entry *entry, const char *name, size_t n, const char *text)
{
	entry->id = strndup(name, n);
	if (!entry->id || find_value(text, "version", &entry->version) < 0 ||
		find_value(text, "linux", &entry->kernel) < 0 ||
		find_value(text, "options", &entry->options) < 0)
		return -ENOMEM;
	return 0;
}

static int read_entry(const struct root *root, const char *directory, const char *name, size_t n,
	struct bls_entries *entries, struct error *err)
{
	struct bls_entry entry = {0};
	_cleanup_free_ char *text = NULL;
	int r;

	if (asprintf(&entry.path, "%s/%s", directory, name) < 0)
		return error_no_memory(err);
	r = root_read_text(root, entry.path, &text, err);
	if (r == 0 && (fill_entry(&entry, name, n, text) < 0 ||
			      base_grow(&entries->v, entries->n, sizeof(*entries->v)) < 0))
		r = error_no_memory(err);
	if (r < 0) {
		free_entry(&entry);
		return r;
	}
	entries->v[entries->n++] = entry;
	return 0;
}

int bls_read(
	const struct root *root, const char *directory, struct bls_entries *ret, struct error *err)
{
	_cleanup_(bls_free) struct bls_entries entries = {0};
	_cleanup_(strv_free) struct strv names = {0};
	int r = root_list(root, directory, &names);

	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return error_set(err, r, "%s: %s", directory, strerror(-r));
	for (size_t i = 0; i < names.n; i++) {
		size_t n = strlen(names.v[i]);

		if (n <= 5 || strcmp(names.v[i] + n - 5, ".conf") != 0)
			continue;
		r = read_entry(root, directory, names.v[i], n - 5, &entries, err);
		if (r < 0)
			return r;
	}
	*ret = entries;
	entries = (struct bls_entries){0};
	return 0;
}
