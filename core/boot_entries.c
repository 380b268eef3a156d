/* Loader entries: which are this system's, and whether a generator or a person makes them. */
#include "core/boot_private.h"

#include "core/bls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where the boot partitions are mounted. */
static const char *const places[] = {"/efi", "/boot", "/boot/efi"};

struct reader {
	const struct boot *boot;
	const char *selected;
	char machine[64],
		token[64]; /* /etc/machine-id, /etc/kernel/entry-token: names of entries */
	bool booted;       /* the selected entry was met */
	struct boot_entries *entries;
};

void boot_entries_free(struct boot_entries *entries)
{
	str_free(&entries->evidence);
}

/* "ID+3-1.conf" counts the tries of entry ID; the variable has it with or without ".conf". */
static bool is_selected(const char *selected, const char *name)
{
	size_t n = strcspn(name, "+"), m = strlen(selected);

	if (!name[n])
		n -= strlen(".conf");
	if (m > 5 && strcmp(selected + m - 5, ".conf") == 0)
		m -= 5;
	return m == n && strncmp(selected, name, n) == 0;
}

static bool is_of_other_system(const struct reader *r, const char *text)
{
	static const char key[] = "\nmachine-id";
	const char *value = strstr(text, key);

	if (!value || !*r->machine)
		return false;
	value += strlen(key);
	value += strspn(value, " \t");
	return strncmp(value, r->machine, strlen(r->machine)) != 0;
}

static bool begins_with(const char *name, const char *token)
{
	return *token && base_starts(name, token) && name[strlen(token)] == '-';
}

static void count(struct reader *r, const char *directory, const char *name, bool generated)
{
	struct boot_entries *e = r->entries;
	size_t *n = generated ? &e->generated : &e->by_hand;

	r->booted = *r->selected && is_selected(r->selected, name);
	if (r->booted) {
		str_free(&e->evidence);
		e->generated = e->by_hand = 0;
	}
	if ((*n)++ == 0)
		str_addf(&e->evidence, "%s%s/%s, %s by kernel-install%s",
			e->evidence.len ? "; " : "", directory, name,
			generated ? "made" : "not made", r->booted ? ", started this boot" : "");
}

/* 90-loaderentry.install names itself in the first lines of what it makes. */
static int look_at(struct reader *r, const char *directory, const char *name)
{
	_cleanup_free_ char *text = NULL;
	char path[512];
	int k;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return 0;
	k = root_read_text(r->boot->root, path, &text, NULL);
	if (k < 0 || is_of_other_system(r, text))
		return k == -ENOMEM ? k : 0;
	count(r, directory, name,
		strstr(text, "90-loaderentry.install") || begins_with(name, r->machine) ||
			begins_with(name, r->token));
	return 0;
}

static int look_into(struct reader *r, const char *directory)
{
	_cleanup_(strv_free) struct strv names = {0};
	int k = root_list(r->boot->root, directory, &names);

	if (k == -EACCES || k == -EPERM)
		r->entries->unreadable = true;
	if (k < 0)
		return k == -ENOMEM ? k : 0;
	/* What we made tells nothing of who makes the others. */
	for (size_t i = 0; k == 0 && !r->booted && i < names.n; i++)
		if (base_ends(names.v[i], ".conf") && !bls_is_own(names.v[i]))
			k = look_at(r, directory, names.v[i]);
	return k;
}

int boot_entries_read(const struct boot *boot, const char *selected, struct boot_entries *ret)
{
	struct boot_entries entries = {0};
	struct reader r = {.boot = boot, .selected = selected, .entries = &entries};
	int k = 0;

	(void)root_attr(boot->root, "/etc/machine-id", r.machine, sizeof(r.machine));
	(void)root_attr(boot->root, "/etc/kernel/entry-token", r.token, sizeof(r.token));
	for (size_t i = 0; k == 0 && !r.booted && i < ARRAY_SIZE(places); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "%s/loader/entries", places[i]);
		k = look_into(&r, path);
	}
	if (k == 0)
		k = str_check(&entries.evidence);
	if (k < 0) {
		boot_entries_free(&entries);
		return k;
	}
	*ret = entries;
	return 0;
}
