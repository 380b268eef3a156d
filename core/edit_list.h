/* What the editors of lists share: the words of a list as spans of a text, what shall become of
 * them, and the text with that done.  Each grammar (edit_*.c) finds the words, and is the only
 * caller of what is declared here.
 *
 * Every editor takes the same two lists:
 *   ours    words that earlier edits of this text added; in the end those that are ours now.  The
 *           caller keeps it between edits: nothing in the text could tell them from the person's.
 *   wanted  words that shall be there.  What is there already stays as and where it is; what is
 *           missing is added behind the last word; what is ours and no longer wanted goes.
 * So an empty `wanted` gives back the text as it was before the first edit. */
#ifndef CORE_EDIT_LIST_H
#define CORE_EDIT_LIST_H

#include "core/base.h"

struct edit_list;

struct edit_item {
	char *value;             /* the word as the reader of the file sees it, without quotes */
	size_t from;             /* where the gap before the word begins, behind any comment */
	size_t start, end;       /* its bytes in the text, quotes included; from <= start */
	struct edit_list *inner; /* of key=a,b: the elements "key=a" and "key=b"; else NULL */
	bool drop;               /* it goes, and the gap before it */
};

struct edit_list {
	struct edit_item *items; /* in the order of the text, not overlapping */
	size_t n;
	size_t at;        /* where the first word goes while there is none */
	struct strv more; /* words to add */
	/* Each added word is written between these; the separator only behind another word. */
	const char *separator, *before, *after;
};
#define EDIT_LIST(sep, quote)                                                                      \
	{                                                                                          \
		.separator = (sep), .before = (quote), .after = (quote)                            \
	}

/* Copies n bytes of value.  0 or -ENOMEM. */
int edit_list_add(
	struct edit_list *list, const char *value, size_t n, size_t from, size_t start, size_t end);
void edit_list_free(struct edit_list *list);

/* Where each byte of a decoded value stands in the text. */
struct edit_span {
	size_t start, end;
};

/* Adds the words of a kernel command line, in s[0..n): blanks separate, double quotes keep blanks
 * (lib/cmdline.c next_arg()).  map: where each byte of s is, NULL: at base and on.  from: where the
 * gap before the first word begins.  Values of keys that take comma lists get `inner`.
 * 1: ended by "--", behind which words are init's; -EINVAL: a quote is not closed; -ENOMEM. */
int edit_list_words(struct edit_list *list, const char *s, size_t n, const struct edit_span *map,
	size_t base, size_t from);

/* Equal as kernel parameters: in names '-' and '_' are one. */
bool edit_list_same_word(const char *a, const char *b);
bool edit_list_same(const char *a, const char *b); /* strcmp() */
/* The word is `part`, or a comma list with that element: modprobe.blacklist=a,b holds
 * modprobe.blacklist=a. */
bool edit_list_holds(const char *word, const char *part);

/* Marks words to drop and collects words to add.  *ret_ours: the words that are ours then. */
int edit_list_settle(struct edit_list *list, bool (*same)(const char *a, const char *b),
	const struct strv *ours, const struct strv *wanted, struct strv *ret_ours);
bool edit_list_is_settled(const struct edit_list *list); /* there is nothing to do */

/* The text with that done. */
int edit_list_write(const struct edit_list *list, const char *text, char **ret);
/* The values that the list shall have then, comma lists taken apart. */
int edit_list_values(const struct edit_list *list, struct strv *ret);

/* The edit of `what` is right if the list, read again, is the list that was meant; else -EINVAL. */
int edit_list_verify(const char *path, const char *what, const struct edit_list *meant,
	const struct edit_list *found, struct error *err);

size_t edit_list_line(const char *text, size_t position); /* from 1 */

/* Only these bytes occur in the words: [A-Za-z0-9_] and `others`.  What comes from outside must not
 * break the quoting of a file; -EINVAL with the word in *err. */
int edit_list_check_words(
	const char *path, const struct strv *words, const char *others, struct error *err);

/* edit_block() for a text that there is, and shall be. */
int edit_list_block(
	const char *path, const char *text, const char *body, char **ret, struct error *err);
/* edit_block_line() of a variable, KEY=..., likewise. */
int edit_list_block_line(const char *path, const char *text, const char *key, const char *body,
	char **ret, struct error *err);

/* Replaces *ours by *fresh, which is empty then. */
void edit_list_keep(struct strv *ours, struct strv *fresh);

#endif
