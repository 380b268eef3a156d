/* The rows of the devices screen: a heading per IOMMU group and its devices below it. */
#ifndef SCREENS_TREE_H
#define SCREENS_TREE_H

#include "core/choice.h"
#include "core/existing.h"
#include "core/machine.h"
#include "tui/widget.h"

enum tree_kind {
	TREE_LOST_HEADING, /* over what was chosen and is not there as it was */
	TREE_LOST,
	TREE_GROUP,
	TREE_NO_GROUP, /* heading over the devices without a group */
	TREE_DEVICE,
};

struct tree_row {
	enum tree_kind kind;
	const struct group *group;   /* TREE_GROUP */
	const struct device *device; /* TREE_DEVICE */
	char address[24];            /* TREE_LOST */
};

struct tree {
	struct tree_row *v;
	size_t n;
};

/* The row of a device that can be pointed to, for drawing. */
struct tree_view {
	const struct tree *tree;
	const struct machine *machine;
	const struct choice *choice;
	const struct existing *existing;
};

/* filter: only devices in whose address, name, ids, driver or class it occurs; "": all.
 * The rows point into the machine.  *tree is replaced. */
int tree_build(struct tree *tree, const struct machine *machine, const struct choice *choice,
	const char *filter);
void tree_free(struct tree *tree);

/* "0000:01:00.0" of a row, "" of a heading. */
const char *tree_address(const struct tree *tree, size_t row);
/* The row of this address; otherwise `otherwise`. */
size_t tree_find(const struct tree *tree, const char *address, size_t otherwise);
/* The first row of the next (or previous) group. */
size_t tree_next_group(const struct tree *tree, size_t row, bool forward);

/* In a word what the host uses it for, "" for nothing. */
const char *tree_use_word(const struct device *device);

extern const struct widget_rows tree_rows; /* data: struct tree_view */

#endif
