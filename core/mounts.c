#include "core/mounts.h"

#include <string.h>

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

char *mounts_unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		int c = *from;
		bool escape =
			c == '\\' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3]);

		if (escape)
			c = (from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0');
		*to = (char)c;
		from += escape ? 4 : 1;
	}
	*to = '\0';
	return text;
}

bool mounts_entry(char *line, struct mounts_entry *ret)
{
	char *field[6], *rest = line, *end, *type, *source;

	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		if (!(field[i] = strsep(&rest, " ")) || !rest)
			return false;
	end = base_starts(rest, "- ") ? rest + 2 : strstr(rest, " - ");
	if (!end)
		return false;
	end += *end == ' ' ? 3 : 0;
	type = strsep(&end, " ");
	source = end ? strsep(&end, " ") : NULL;
	if (!source)
		return false;
	*ret = (struct mounts_entry){
		field[2], field[3], mounts_unescape(field[4]), type, mounts_unescape(source)};
	return true;
}

/* The next word, cut off in place; NULL at the end. */
static char *next_word(char **rest)
{
	char *word;

	do
		word = strsep(rest, " \t\r");
	while (word && !*word);
	return word;
}

bool mounts_wanted(char *line, struct mounts_wanted *ret)
{
	char *source = next_word(&line), *point = next_word(&line), *type = next_word(&line);
	char *options = next_word(&line);

	if (!type || *source == '#')
		return false;
	*ret = (struct mounts_wanted){
		mounts_unescape(source), mounts_unescape(point), type, options ? options : ""};
	return true;
}

/* fstab(5), mount(8), systemd.mount(5).  X-mount.subdir says what is mounted, so it is none of
 * these. */
static bool is_for_others(const char *option, size_t n)
{
	static const char *const words[] = {"auto", "noauto", "nofail", "_netdev", "user", "nouser",
		"users", "owner", "group", "ro"};
	static const char *const beginnings[] = {
		"x-", "X-mount.mkdir", "X-fstrim.", "comment=", "user="};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == n && strncmp(option, words[i], n) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
		if (base_starts(option, beginnings[i]))
			return true;
	return false;
}

int mounts_options(const char *options, char **ret)
{
	_cleanup_(str_free) struct str out = {0};

	for (const char *p = options; *p; p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (n && !is_for_others(p, n)) {
			str_add(&out, out.len ? "," : "");
			str_addn(&out, p, n);
		}
		p += n;
	}
	return str_take(&out, ret);
}

bool mounts_has_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = options; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
		if (strncmp(p, name, n) == 0 && (!p[n] || p[n] == ','))
			return true;
	return false;
}
