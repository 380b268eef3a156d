/* What existing.c shares with existing_modprobe.c; nobody else's. */
#ifndef CORE_EXISTING_PRIVATE_H
#define CORE_EXISTING_PRIVATE_H

#include "core/existing.h"

typedef int (*existing_handle)(struct existing *e, const char *text, const char *path);

/* One line for a person: each once, and only so many. */
int existing_note(struct existing *e, const char *fmt, ...) _printf_(2, 3);
/* The last ids= wins: this one takes the place of all before. */
int existing_set_ids(struct existing *e, const char *value, const char *where);
/* "disable_denylist=1", a parameter of vfio-pci; anything else is left alone. */
void existing_set_denylist(struct existing *e, const char *parameter);
bool existing_mentions_vfio(const char *text);
/* A pattern of modprobe.d meets a module; kmod takes '-' as '_' in both. */
bool existing_meets(const char *pattern, const char *module);

/* A file that is not there, or masked by a link to /dev/null, is an empty one, and what cannot be
 * read is a note: 0.  1: *ret is its text. */
int existing_read_config(struct existing *e, const struct root *root, const char *path, char **ret);
/* Every file with that suffix, sorted by name; a name in an earlier directory hides later ones. */
int existing_read_directories(struct existing *e, const struct root *root,
	const char *const directories[], const char *suffix, existing_handle handle);

/* Hand-made settings, and those of other tools, that are reported and left as they are. */
int existing_mentions(struct existing *e, const struct root *root);
int existing_modprobe(struct existing *e, const struct root *root);
/* The modules' own, which depmod collects for each kernel. */
int existing_softdeps(struct existing *e, const struct root *root, const struct machine *machine);

#endif
