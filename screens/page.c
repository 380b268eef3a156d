#include "screens/page.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INDENT_MAX 16

enum kind { PARAGRAPH, LINE, HEADING };

struct paragraph {
	enum kind kind;
	enum term_style style;
	int indent;
	char *text;
};

struct row {
	size_t start, len; /* in layout.text */
	enum term_style style;
	bool heading;
};

/* The rows at one width. */
struct layout {
	int width; /* 0: none made */
	struct str text;
	struct row *rows;
	size_t n;
	size_t must_see; /* rows from the top that belong to what must be seen */
};

struct page {
	struct paragraph *v;
	size_t n;
	size_t must_see; /* paragraphs */
	bool seen;       /* all of them were visible once */
	size_t seen_to;  /* rows from the top that were, at the width of the layout */
	bool failed;
	struct layout layout;
	struct widget_text view;
};

struct page *page_new(void)
{
	return calloc(1, sizeof(struct page));
}

static void layout_clear(struct layout *l)
{
	str_free(&l->text);
	free(l->rows);
	*l = (struct layout){0};
}

void page_clear(struct page *page)
{
	for (size_t i = 0; i < page->n; i++)
		free(page->v[i].text);
	free(page->v);
	layout_clear(&page->layout);
	*page = (struct page){0};
}

struct page *page_free(struct page *page)
{
	if (page)
		page_clear(page);
	free(page);
	return NULL;
}

int page_check(const struct page *page)
{
	return page->failed ? -ENOMEM : 0;
}

static void add(struct page *page, const struct paragraph *what, const char *text)
{
	struct paragraph *p;

	if (page->failed || base_grow(&page->v, page->n, sizeof(*page->v)) < 0) {
		page->failed = true;
		return;
	}
	p = &page->v[page->n];
	*p = *what;
	p->text = strdup(text);
	if (!p->text) {
		page->failed = true;
		return;
	}
	page->n++;
	layout_clear(&page->layout);
}

static void addv(struct page *page, const struct paragraph *what, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
static void addv(struct page *page, const struct paragraph *what, const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		page->failed = true;
		return;
	}
	add(page, what, text);
}

void page_heading(struct page *page, const char *fmt, ...)
{
	va_list ap;

	if (page->n)
		page_line(page, TERM_NORMAL, "");
	va_start(ap, fmt);
	addv(page, &(struct paragraph){.kind = HEADING, .style = TERM_HEADING}, fmt, ap);
	va_end(ap);
}

void page_add(struct page *page, enum term_style style, int indent, const char *fmt, ...)
{
	const struct paragraph what = {
		.kind = PARAGRAPH,
		.style = style,
		.indent = indent < 0            ? 0
			  : indent > INDENT_MAX ? INDENT_MAX
						: indent,
	};
	va_list ap;

	va_start(ap, fmt);
	addv(page, &what, fmt, ap);
	va_end(ap);
}

void page_line(struct page *page, enum term_style style, const char *text)
{
	add(page, &(struct paragraph){.kind = LINE, .style = style}, text);
}

void page_must_see(struct page *page)
{
	page->must_see = page->n;
	layout_clear(&page->layout);
}

/* --- rows at a width --- */

static int layout_row(struct layout *l, const struct paragraph *p, const char *text, size_t len)
{
	int r = base_grow(&l->rows, l->n, sizeof(*l->rows));

	if (r < 0)
		return r;
	l->rows[l->n] = (struct row){
		.start = l->text.len,
		.style = p->style,
		.heading = p->kind == HEADING && text == p->text,
	};
	for (int i = 0; i < p->indent; i++)
		str_addc(&l->text, ' ');
	str_addn(&l->text, text, len);
	l->rows[l->n].len = l->text.len - l->rows[l->n].start;
	l->n++;
	return str_check(&l->text);
}

static int layout_paragraph(struct layout *l, const struct paragraph *p)
{
	int width = l->width - p->indent;
	const char *text = p->text, *next;
	int r = 0;

	if (p->kind == LINE || width < 1)
		return layout_row(l, p, text, strlen(text));
	for (; text && r >= 0; text = next) {
		size_t len = widget_wrap(text, width, &next);

		r = layout_row(l, p, text, len);
	}
	return r;
}

/* Drawing takes a const page: the layout is a cache, and the page is never in read-only memory. */
static const struct layout *layout_at(const struct page *page, int width)
{
	struct layout *l = (struct layout *)(uintptr_t)&page->layout;
	int r = 0;

	if (l->width == width)
		return l;
	layout_clear(l);
	l->width = width;
	((struct page *)(uintptr_t)page)->seen_to = 0;
	for (size_t i = 0; i < page->n && r >= 0; i++) {
		r = layout_paragraph(l, &page->v[i]);
		if (i < page->must_see)
			l->must_see = l->n;
	}
	if (r < 0)
		layout_clear(l); /* tried again at the next frame */
	return l;
}

size_t page_rows(const struct page *page, int width)
{
	return layout_at(page, width)->n;
}

static struct widget_line row_line(const void *data, size_t i)
{
	const struct layout *l = data;
	const struct row *row = &l->rows[i];

	return (struct widget_line){
		.text = (l->text.s ? l->text.s : "") + row->start,
		.len = row->len,
		.style = row->style,
	};
}

static struct widget_text view_at(const struct page *page, const struct layout *l)
{
	struct widget_text view = page->view;

	view.n = l->n;
	return view;
}

void page_draw(const struct page *page, struct term *t, struct term_rect r)
{
	const struct layout *l = layout_at(page, r.w);
	struct widget_text view = view_at(page, l);

	widget_text_draw(&view, t, r, row_line, l);
}

void page_draw_top(const struct page *page, struct term *t, struct term_rect r)
{
	const struct layout *l = layout_at(page, r.w);

	for (size_t i = 0; i < l->n && (int)i < r.h; i++) {
		const struct widget_line line = row_line(l, i);
		const struct term_rect at = {r.y + (int)i, r.x, 1, r.w};

		term_put_part(t, at, 0, line.style, line.text, line.len);
	}
}

void page_draw_brief(const struct page *page, struct term *t, struct term_rect r)
{
	for (size_t i = 0; i < page->n && (int)i < r.h; i++)
		term_put(t, r.y + (int)i, r.x, r.w, page->v[i].style, page->v[i].text);
}

/* --- keys --- */

static size_t section_from(const struct layout *l, size_t top, bool forward)
{
	if (forward) {
		for (size_t i = top + 1; i < l->n; i++)
			if (l->rows[i].heading)
				return i;
		return top;
	}
	for (size_t i = top; i-- > 0;)
		if (l->rows[i].heading)
			return i;
	return 0;
}

bool page_unseen(struct page *page, struct term_rect r)
{
	const struct layout *l = layout_at(page, r.w);
	struct widget_text view = view_at(page, l);
	size_t top = widget_text_top(&view, r.h);

	if (top <= page->seen_to && top + widget_text_rows(&view, r.h) > page->seen_to)
		page->seen_to = top + widget_text_rows(&view, r.h);
	if (page->seen_to >= l->must_see)
		page->seen = true;
	return !page->seen;
}

void page_go_on(struct page *page)
{
	page->view.top = page->seen_to;
	page->view.follow = false;
}

bool page_key(struct page *page, uint32_t key, struct term_rect r)
{
	const struct layout *l = layout_at(page, r.w);

	(void)page_unseen(page, r);
	page->view.n = l->n;
	if (key == TERM_KEY_TAB || key == TERM_KEY_BACKTAB) {
		size_t max = l->n > (size_t)r.h ? l->n - (size_t)r.h + 1 : 0;
		size_t top = section_from(l, page->view.top, key == TERM_KEY_TAB);

		page->view.top = top < max ? top : max;
		return true;
	}
	return widget_text_key(&page->view, key, r.h);
}
