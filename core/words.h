/* Lists of words in files of somebody else's, whatever their grammar, and which of those words are
 * ours: /var/lib/vfio-wizard/words says it, since nothing in the files could.  So exactly what was
 * added can be taken out again. */
#ifndef CORE_WORDS_H
#define CORE_WORDS_H

#include "core/root.h"

#define WORDS_PATH "/var/lib/vfio-wizard/words"

enum words_grammar {
	WORDS_CMDLINE,               /* edit_cmdline.h: a file that is a kernel command line */
	WORDS_ENTRY,                 /* edit_cmdline.h: options lines of a boot loader entry */
	WORDS_SHELL,                 /* edit_shell.h: KEY="a b" */
	WORDS_ARRAY,                 /* edit_shell.h: KEY=(a b) */
	WORDS_VIRCONF,               /* edit_virconf.h */
	WORDS_PCI_CONF,              /* edit_yaml_pci.h: filter, short_address, device_name */
	WORDS_PCI_RB,                /* edit_ruby_pci.h */
	WORDS_BOOSTER,               /* edit_booster.h */
	WORDS_TOOL,                  /* no file: kept by the program at `path`, such as grubby(8) */
};

/* One list. */
struct words_place {
	enum words_grammar grammar;
	const char *path;
	const char *key;             /* "" where the grammar has none */
};

struct words_list {
	enum words_grammar grammar;
	char *path, *key;
	struct strv ours;
	uint64_t made;               /* manifest_sum() of the text with which we made the file; 0: we
	                                did not make it */
	bool visited;                /* by a target, while a plan is built */
};

struct words {
	struct words_list *v;
	size_t n;
};

/* text -> words.  -EINVAL names the line and what to do. */
int words_parse(const char *text, struct words *ret, struct error *err);
/* What is kept below the root.  None is not an error. */
int words_load(const struct root *root, struct words *ret, struct error *err);
/* The whole file; *ret NULL: there is nothing of ours. */
int words_format(const struct words *words, char **ret);
void words_free(struct words *words);

/* The list of a place, made where it is not there yet; NULL: out of memory. */
struct words_list *words_at(struct words *words, const struct words_place *place);
/* What is ours at a place; NULL: nothing. */
const struct strv *words_ours(const struct words *words, const struct words_place *place);
/* Every kernel parameter of ours that some list has. */
int words_parameters(const struct words *words, struct strv *ret);

/* The words of a list of kernel parameters, in a file of WORDS_CMDLINE, _ENTRY, _SHELL or _ARRAY; added to
 * *ret.  Errors as the editors have them. */
int words_read(const struct words_place *place, const char *text, struct strv *ret, struct error *err);

/* The editor of the grammar (edit_list.h has the meaning of both lists); not for WORDS_TOOL. */
int words_edit(const struct words_place *place, const char *text, struct strv *ours,
	const struct strv *wanted, char **ret, struct error *err);

#endif
