/* A page of paragraphs to read: wrapped to whatever width it is drawn at, scrolled, with sections.
 *
 * Adding never fails; once memory has run out every further call does nothing, and page_check()
 * says so at the end. */
#ifndef SCREENS_PAGE_H
#define SCREENS_PAGE_H

#include "core/base.h"
#include "tui/widget.h"

struct page;

struct page *page_new(void);                          /* NULL: out of memory */
struct page *page_free(struct page *page);            /* NULL is fine; returns NULL */
void page_clear(struct page *page);                   /* no paragraphs, at its top */
int page_check(const struct page *page) _must_check_; /* 0 or -ENOMEM */

/* The first line of a section, after a blank line unless it is the page's first. */
void page_heading(struct page *page, const char *fmt, ...) _printf_(2, 3);
/* A paragraph, wrapped, every line begins at cell `indent`. */
void page_add(struct page *page, enum term_style style, int indent, const char *fmt, ...)
	_printf_(4, 5);
/* One line as it is: not wrapped, scrolled sideways. */
void page_line(struct page *page, enum term_style style, const char *text);
/* Everything that was added so far must be seen: see page_unseen(). */
void page_must_see(struct page *page);

void page_draw(const struct page *page, struct term *t, struct term_rect r);
/* Only its first rows, as many as fit, without saying how many there are. */
void page_draw_top(const struct page *page, struct term *t, struct term_rect r);
/* The same, each paragraph cut to one row: a glance that costs a slow line little. */
void page_draw_brief(const struct page *page, struct term *t, struct term_rect r);
/* Scrolling keys, and Tab and Backtab from section to section.  Returns whether it was one. */
bool page_key(struct page *page, uint32_t key, struct term_rect r);
/* Some of what must be seen was never on the screen; at another width it begins anew.  Call it
 * before the page moves: it also takes down what is visible now. */
bool page_unseen(struct page *page, struct term_rect r);
/* To the first of it that was not. */
void page_go_on(struct page *page);
/* The lines of the page at this width. */
size_t page_rows(const struct page *page, int width);

#endif
