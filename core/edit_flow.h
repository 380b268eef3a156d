/* Quoted strings, "a,b" and ['a', 'b'] as YAML and Ruby both write them.  For edit_yaml.c and
 * edit_ruby_pci.c only. */
#ifndef CORE_EDIT_FLOW_H
#define CORE_EDIT_FLOW_H

#include "core/edit_list.h"

struct edit_flow {
	const char *text;
	size_t pos;
	bool plain;      /* in brackets, words without quotes are strings too (YAML) */
	const char *why; /* on -EINVAL: what is in the way, at pos */
};

/* 'a' or "a" at pos, on one line and without escapes: [*start, *end) is what is inside; pos is
 * behind it then.  -EINVAL. */
int edit_flow_string(struct edit_flow *flow, size_t *start, size_t *end);

/* [ ... ] at pos, over any number of lines, comments and all; pos is behind it then.  -EINVAL,
 * -ENOMEM. */
int edit_flow_brackets(struct edit_flow *flow, struct edit_list *list);

/* The elements of text[start..end), divided by commas, blanks around them left out.  0 or -ENOMEM.
 */
int edit_flow_commas(const char *text, size_t start, size_t end, struct edit_list *list);

/* Nothing but a comment is left of the line at pos. */
bool edit_flow_at_end(const struct edit_flow *flow);

#endif
