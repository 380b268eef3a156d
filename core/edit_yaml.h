/* One key at the top of a YAML file whose value is a list of words: 'a,b', ['a', 'b'] or lines of
 * "- 'a'".  Pure.  For the editors of such files (edit_yaml_pci.h, edit_booster.h).
 *
 * What is understood is a block mapping at the top with values as people write them; anything else
 * of YAML in the way is refused with its line. */
#ifndef CORE_EDIT_YAML_H
#define CORE_EDIT_YAML_H

#include "core/base.h"

enum edit_yaml_null { EDIT_YAML_NULL_ALL, EDIT_YAML_NULL_NONE, EDIT_YAML_NULL_WRONG };

/* How the program that reads the file takes the key. */
struct edit_yaml_key {
	const char *name;         /* without the colon behind it: ":filter" */
	bool commas;              /* a string is a list with commas; else a string is wrong */
	bool lists;               /* a list is right */
	enum edit_yaml_null null; /* no value: nothing needs adding, a list of none, or a mistake */
	const char *none;         /* what stands for no word when lines of "- a" go: "[]" */
	const char *word_bytes;   /* what words may hold besides letters, digits and '_' */
	bool (*same)(const char *a, const char *b);
	bool (*is_all)(const char *word); /* with this word nothing needs adding; may be NULL */
	bool quote;                       /* a value of our own is written as 'a,b', not a,b */
};

/* 1: *ret has the words; 0: no such key; 2: the key without a value.  -EINVAL as below. */
int edit_yaml_read(const char *path, const char *text, const struct edit_yaml_key *key,
	struct strv *ret, struct error *err);

/* Brings `wanted` into the value and takes out what is ours and not wanted; see edit_list.h for
 * both lists.  A missing key is added in a marked block at the end; text NULL and *ret NULL are a
 * file that is not there, as for edit_block().  -EINVAL: with the line and what to do. */
int edit_yaml(const char *path, const char *text, const struct edit_yaml_key *key,
	struct strv *ours, const struct strv *wanted, char **ret, struct error *err);

#endif
