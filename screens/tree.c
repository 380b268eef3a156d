#include "screens/tree.h"

#include "core/viability.h"
#include "screens/summary.h"

#include <stdio.h>
#include <string.h>

void tree_free(struct tree *tree)
{
	free(tree->v);
	*tree = (struct tree){0};
}

static int add(struct tree *tree, const struct tree_row *row)
{
	int r = base_grow(&tree->v, tree->n, sizeof(*tree->v));

	if (r < 0)
		return r;
	tree->v[tree->n++] = *row;
	return 0;
}

static bool contains(const char *text, const char *filter)
{
	return text && strcasestr(text, filter);
}

static bool passes(const struct device *d, const char *filter)
{
	char ids[16];

	if (!*filter)
		return true;
	snprintf(ids, sizeof(ids), "%04x:%04x", d->vendor, d->device);
	return contains(d->address, filter) || contains(d->name, filter) || contains(ids, filter) ||
	       contains(d->driver, filter) || contains(d->class_name, filter) ||
	       contains(tree_use_word(d), filter);
}

static int add_lost(struct tree *tree, const struct machine *machine, const struct choice *choice)
{
	bool headed = false;
	int r = 0;

	for (size_t i = 0; i < choice->n && r == 0; i++) {
		const struct pick *pick = &choice->picks[i];
		const struct device *d = machine_device(machine, pick->address);
		struct tree_row row = {.kind = TREE_LOST};

		if (d && choice_has(choice, d))
			continue;
		if (!headed)
			r = add(tree, &(struct tree_row){.kind = TREE_LOST_HEADING});
		headed = true;
		memcpy(row.address, pick->address, sizeof(row.address));
		if (r == 0)
			r = add(tree, &row);
	}
	return r;
}

/* One device, and the heading before the first of its kind. */
static int add_device(struct tree *tree, const struct tree_row *heading, bool *headed,
	const struct device *device)
{
	int r = 0;

	if (!*headed)
		r = add(tree, heading);
	*headed = true;
	return r < 0 ? r : add(tree, &(struct tree_row){.kind = TREE_DEVICE, .device = device});
}

/* In a long group the bridges, which can be left alone, come last. */
#define LONG_GROUP 8

static int add_group(struct tree *tree, const struct group *group, const char *filter)
{
	const struct tree_row heading = {.kind = TREE_GROUP, .group = group};
	bool headed = false, is_long = group->n_devices > LONG_GROUP;
	int r = 0;

	for (int pass = 0; pass <= (is_long ? 1 : 0); pass++)
		for (size_t i = 0; i < group->n_devices && r == 0; i++) {
			const struct device *d = group->devices[i];

			if (passes(d, filter) && (!is_long || device_is_path(d) == (pass > 0)))
				r = add_device(tree, &heading, &headed, d);
		}
	return r;
}

static int add_without_group(struct tree *tree, const struct machine *machine, const char *filter)
{
	const struct tree_row heading = {.kind = TREE_NO_GROUP};
	bool headed = false;
	int r = 0;

	for (size_t i = 0; i < machine->n_devices && r == 0; i++)
		if (machine->devices[i].group < 0 && passes(&machine->devices[i], filter))
			r = add_device(tree, &heading, &headed, &machine->devices[i]);
	return r;
}

int tree_build(struct tree *tree, const struct machine *machine, const struct choice *choice,
	const char *filter)
{
	struct tree new = {0};
	int r = add_lost(&new, machine, choice);

	for (size_t i = 0; i < machine->n_groups && r == 0; i++)
		r = add_group(&new, &machine->groups[i], filter);
	if (r == 0)
		r = add_without_group(&new, machine, filter);
	if (r < 0) {
		tree_free(&new);
		return r;
	}
	tree_free(tree);
	*tree = new;
	return 0;
}

const char *tree_address(const struct tree *tree, size_t row)
{
	if (row >= tree->n)
		return "";
	return tree->v[row].kind == TREE_DEVICE ? tree->v[row].device->address
						: tree->v[row].address;
}

size_t tree_find(const struct tree *tree, const char *address, size_t otherwise)
{
	for (size_t i = 0; *address && i < tree->n; i++)
		if (base_same(tree_address(tree, i), address))
			return i;
	return otherwise;
}

static bool is_heading(const struct tree_row *row)
{
	return row->kind != TREE_DEVICE && row->kind != TREE_LOST;
}

size_t tree_next_group(const struct tree *tree, size_t row, bool forward)
{
	size_t i = row;

	if (forward) {
		while (++i < tree->n)
			if (is_heading(&tree->v[i]))
				return i + 1;
		return row;
	}
	while (i > 0 && !is_heading(&tree->v[i]))
		i--;
	while (i > 0)
		if (is_heading(&tree->v[--i]))
			return i + 1;
	return i + 1;
}

/* --- drawing --- */

const char *tree_use_word(const struct device *device)
{
	static const char *const words[] = {
		[USE_ROOT_DISK] = "root disk",
		[USE_BOOT_DISK] = "boot disk",
		[USE_MOUNTED_DISK] = "disk",
		[USE_SWAP_DISK] = "swap",
		[USE_NETWORK] = "network",
		[USE_BOOT_DISPLAY] = "display",
		[USE_SERIAL_CONSOLE] = "console",
		[USE_INPUT] = "keyboard",
		[USE_GUEST] = "guest",
		[USE_SCREEN] = "monitor",
		[USE_PROGRAM] = "programs",
		[USE_SERVICE] = "service",
		[USE_IDLE_DISK] = "data",
		[USE_CLAIMED] = "for guest",
		[USE_POINTER] = "mouse",
		[USE_LINK] = "link",
	};

	if (device_is_path(device))
		return "bridge";
	return device->n_uses ? words[device->uses->kind] : "";
}

static void draw_group(
	const struct tree_view *v, const struct group *g, struct term *t, struct term_rect r)
{
	const struct viability via = viability_of(v->machine, v->choice, v->existing, g);
	size_t along = via.counts[VIABILITY_ALONG] + via.counts[VIABILITY_CLAIMED];
	bool is_hindered = via.counts[VIABILITY_CHOSEN] && viability_hindrances(&via);
	char text[160];
	int n = snprintf(text, sizeof(text), "Group %lld%s%.16s%s: %zu %s", (long long)g->id,
		g->type ? " (" : "", g->type ? g->type : "", g->type ? ")" : "", g->n_devices,
		g->n_devices == 1 ? "device" : "devices");

	if (via.counts[VIABILITY_BLOCKED] && g->n_devices > 1)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", %zu kept by the host",
			via.counts[VIABILITY_BLOCKED]);
	if (via.counts[VIABILITY_CHOSEN] && along)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", %zu to choose too", along);
	else if (along > 1)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", %zu go together", along);
	if (via.domains > 1)
		(void)snprintf(text + n, sizeof(text) - (size_t)n, ", %zu domains", via.domains);
	term_put(t, r.y, r.x, r.w, is_hindered ? TERM_WARNING : TERM_HEADING, text);
}

static void draw_heading(
	const struct tree_view *v, const struct tree_row *row, struct term *t, struct term_rect r)
{
	switch (row->kind) {
	case TREE_GROUP:
		draw_group(v, row->group, t, r);
		break;
	case TREE_NO_GROUP:
		term_put(t, r.y, r.x, r.w, TERM_HEADING,
			"In no IOMMU group: a guest cannot use these");
		break;
	case TREE_LOST_HEADING:
		term_put(t, r.y, r.x, r.w, TERM_WARNING, "Chosen, but not there as it was chosen");
		break;
	case TREE_LOST:
	case TREE_DEVICE:
		break;
	}
}

#define IDS_WIDTH    10
#define DRIVER_WIDTH 12
#define USE_WIDTH    9
#define WIDE_ENOUGH  70 /* for the ids */

static const char *mark(const struct tree_view *v, const struct device *d)
{
	if (device_is_path(d))
		return " -  ";
	return choice_has(v->choice, d) ? "[x] " : "[ ] ";
}

static void draw_device(
	const struct tree_view *v, const struct device *d, struct term *t, struct term_rect r)
{
	enum term_style style = device_is_path(d) ? TERM_DIM : TERM_NORMAL;
	int ids = r.w >= WIDE_ENOUGH ? IDS_WIDTH : 0;
	int right = r.x + r.w - ids - DRIVER_WIDTH - USE_WIDTH, x = r.x;
	char buf[128];

	/* The gaps, too: a change of style between any two columns costs a slow line most. */
	term_fill(t, (struct term_rect){r.y, x, 1, right + ids + DRIVER_WIDTH - x}, style);
	x += term_put(t, r.y, x, 4, style, mark(v, d));
	x += term_put(t, r.y, x, r.w - 4, style, d->address) + 1;
	term_put(t, r.y, x, right - x - 1, style, summary_name(d, buf, sizeof(buf)));
	if (ids)
		term_putf(t, r.y, right, ids, style, "%04x:%04x", d->vendor, d->device);
	term_put(t, r.y, right + ids, DRIVER_WIDTH - 1, style, d->driver ? d->driver : "no driver");
	term_put(t, r.y, right + ids + DRIVER_WIDTH, USE_WIDTH, device_is_needed(d) ? TERM_WARNING : style,
		tree_use_word(d));
}

static void draw_lost(
	const struct tree_view *v, const struct tree_row *row, struct term *t, struct term_rect r)
{
	const struct pick *pick = choice_find(v->choice, row->address);
	bool is_sure = false;
	const struct device *now =
		pick ? choice_locate(v->choice, v->machine, pick, &is_sure) : NULL;

	if (now)
		term_putf(t, r.y, r.x, r.w, TERM_WARNING,
			"[x] %s is now %sat %s (m: move the choice)", row->address,
			is_sure ? "" : "perhaps ", now->address);
	else
		term_putf(t, r.y, r.x, r.w, TERM_WARNING, "[x] %s", row->address);
}

static bool selectable(const void *data, size_t row)
{
	return !is_heading(&((const struct tree_view *)data)->tree->v[row]);
}

static void draw_row(const void *data, size_t i, struct term *t, struct term_rect r)
{
	const struct tree_view *v = data;
	const struct tree_row *row = &v->tree->v[i];

	if (row->kind == TREE_DEVICE)
		draw_device(v, row->device, t, r);
	else if (row->kind == TREE_LOST)
		draw_lost(v, row, t, r);
	else
		draw_heading(v, row, t, r);
}

const struct widget_rows tree_rows = {
	.selectable = selectable,
	.draw = draw_row,
	.bar = 2 + 4 + 12, /* the marks and an address as most are */
};
