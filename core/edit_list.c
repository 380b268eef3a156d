#include "core/edit_list.h"

#include "core/edit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Keys whose value is a list of names or ids separated by commas.  Of several module_blacklist= or
 * vfio-pci.ids= the kernel takes the last one only, so a value is added there. */
static const char *const list_keys[] = {"modprobe.blacklist", "module_blacklist", "blacklist",
	"rd.driver.pre", "rd.driver.post", "rd.driver.blacklist", "rd.modules_force_load",
	"vfio-pci.ids"};

int edit_list_add(
	struct edit_list *list, const char *value, size_t n, size_t from, size_t start, size_t end)
{
	_cleanup_free_ char *copy = strndup(value, n);

	if (!copy || base_grow(&list->items, list->n, sizeof(*list->items)) < 0)
		return -ENOMEM;
	list->items[list->n++] = (struct edit_item){
		.value = TAKE_PTR(copy), .from = from, .start = start, .end = end};
	return 0;
}

static void free_items(struct edit_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i].value);
	free(list->items);
	strv_free(&list->more);
}

void edit_list_free(struct edit_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].inner)
			free_items(list->items[i].inner);
		free(list->items[i].inner);
	}
	free_items(list);
	*list = (struct edit_list){0};
}

size_t edit_list_line(const char *text, size_t position)
{
	size_t line = 1;

	for (size_t i = 0; i < position && text[i]; i++)
		line += text[i] == '\n';
	return line;
}

static bool same_bytes(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((a[i] == '-' ? '_' : a[i]) != (b[i] == '-' ? '_' : b[i]))
			return false;
	return true;
}

bool edit_list_same_word(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return n == strcspn(b, "=") && same_bytes(a, b, n) && strcmp(a + n, b + n) == 0;
}

bool edit_list_same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Length of "key=" where that key takes a comma list, else 0. */
static size_t list_key(const char *word)
{
	size_t n = strcspn(word, "=");

	for (size_t i = 0; word[n] && i < ARRAY_SIZE(list_keys); i++)
		if (strlen(list_keys[i]) == n && same_bytes(word, list_keys[i], n))
			return n + 1;
	return 0;
}

bool edit_list_holds(const char *word, const char *part)
{
	size_t key = list_key(part), n = strlen(part + key);

	if (edit_list_same_word(word, part))
		return true;
	if (!key || list_key(word) != key || !same_bytes(word, part, key))
		return false;
	for (const char *p = word + key; *(p += strspn(p, ",")); p += strcspn(p, ","))
		if (strcspn(p, ",") == n && memcmp(p, part + key, n) == 0)
			return true;
	return false;
}

/* "key=a,b" as "key=a" and "key=b", any other word as it is. */
static int add_parts(struct strv *parts, const char *word)
{
	size_t key = list_key(word);

	if (!key || !word[key + strspn(word + key, ",")])
		return strv_add(parts, word);
	for (const char *p = word + key; *(p += strspn(p, ",")); p += strcspn(p, ","))
		if (strv_addf(parts, "%.*s%.*s", (int)key, word, (int)strcspn(p, ","), p) < 0)
			return -ENOMEM;
	return 0;
}

static int add_all_parts(struct strv *parts, const struct strv *words)
{
	for (size_t i = 0; i < words->n; i++)
		if (add_parts(parts, words->v[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* A word of a command line, as offsets: its bytes, and without quotes name..equals and value..stop.
 */
struct token {
	size_t start, end;
	size_t name, equals, value, stop;
	bool closed;
};

static bool is_blank(char c)
{
	return c && strchr(" \t\n\v\f\r", c);
}

static bool next_token(const char *s, size_t n, size_t *pos, struct token *ret)
{
	struct token t = {.closed = true};
	size_t i = *pos;

	while (i < n && is_blank(s[i]))
		i++;
	if (i == n)
		return false;
	t.start = i;
	for (; i < n && (!t.closed || !is_blank(s[i])); i++)
		if (s[i] == '"')
			t.closed = !t.closed;
	t.end = *pos = i;
	*ret = t;
	return true;
}

/* Quotes around the whole word or around the value are no part of them, as in next_arg(). */
static void split_token(const char *s, struct token *t)
{
	bool quoted = s[t->start] == '"';
	const char *equals;

	t->name = t->equals = t->value = t->start + quoted;
	t->stop = t->end;
	equals = memchr(s + t->name, '=', t->end - t->name);
	if (equals) {
		t->equals = t->value = (size_t)(equals - s) + 1;
		if (t->value < t->end && s[t->value] == '"') {
			quoted = true;
			t->value++;
		}
	}
	if (quoted && t->stop > t->value && s[t->stop - 1] == '"')
		t->stop--;
}

static size_t raw_start(size_t i, const struct edit_span *map, size_t base)
{
	return map ? map[i].start : base + i;
}

static size_t raw_end(size_t i, const struct edit_span *map, size_t base)
{
	return map ? map[i - 1].end : base + i;
}

static int add_element(struct edit_list *inner, const char *key, const char *element, size_t n,
	struct edit_span raw)
{
	_cleanup_(str_free) struct str value = {0};
	size_t from = inner->n ? inner->items[inner->n - 1].end : raw.start;

	str_addn(&value, key, list_key(key));
	str_addn(&value, element, n);
	if (str_check(&value) < 0)
		return -ENOMEM;
	return edit_list_add(inner, value.s, value.len, from, raw.start, raw.end);
}

/* Takes s[pos..stop), the value of a key with commas, apart. */
static int add_inner(struct edit_item *item, const char *s, size_t pos, size_t stop,
	const struct edit_span *map, size_t base)
{
	struct edit_list *inner = calloc(1, sizeof(*inner));

	if (!inner)
		return -ENOMEM;
	*inner = (struct edit_list)EDIT_LIST(",", "");
	item->inner = inner;
	while (pos < stop) {
		const char *comma = memchr(s + pos, ',', stop - pos);
		size_t end = comma ? (size_t)(comma - s) : stop;
		struct edit_span raw;

		if (end > pos) {
			raw.start = raw_start(pos, map, base);
			raw.end = raw_end(end, map, base);
			if (add_element(inner, item->value, s + pos, end - pos, raw) < 0)
				return -ENOMEM;
		}
		pos = end + 1;
	}
	return 0;
}

static bool has_elements(const char *s, const struct token *t, const char *value)
{
	const char *p = s + t->value;
	size_t n = t->stop - t->value;

	return list_key(value) && !memchr(p, '"', n) && strspn(value + list_key(value), ",") < n;
}

static int add_word(struct edit_list *list, const char *s, const struct token *t,
	const struct edit_span *map, size_t base, size_t from)
{
	_cleanup_(str_free) struct str value = {0};

	str_addn(&value, s + t->name, t->equals - t->name);
	str_addn(&value, s + t->value, t->stop - t->value);
	if (str_check(&value) < 0 ||
		edit_list_add(list, value.s, value.len, from, raw_start(t->start, map, base),
			raw_end(t->end, map, base)) < 0)
		return -ENOMEM;
	if (!has_elements(s, t, value.s))
		return 0;
	return add_inner(&list->items[list->n - 1], s, t->value, t->stop, map, base);
}

int edit_list_words(struct edit_list *list, const char *s, size_t n, const struct edit_span *map,
	size_t base, size_t from)
{
	struct token t;

	for (size_t pos = 0; next_token(s, n, &pos, &t); from = list->items[list->n - 1].end) {
		if (!t.closed)
			return -EINVAL;
		if (t.end - t.start == 2 && memcmp(s + t.start, "--", 2) == 0)
			return 1;
		split_token(s, &t);
		if (add_word(list, s, &t, map, base, from) < 0)
			return -ENOMEM;
	}
	return 0;
}

typedef bool same_fn(const char *a, const char *b);

static bool has_same(const struct strv *words, size_t n, same_fn *same, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (same(words->v[i], word))
			return true;
	return false;
}

/* The last one: of two the later is what an edit added. */
static struct edit_item *find_last(const struct edit_list *list, same_fn *same, const char *word)
{
	struct edit_item *found = NULL;

	for (size_t i = list->n; !found && i-- > 0;) {
		struct edit_item *item = &list->items[i];

		if (item->inner)
			found = find_last(item->inner, same, word);
		else if (!item->drop && same(item->value, word))
			found = item;
	}
	return found;
}

/* The last comma list of the word's key. */
static struct edit_list *find_inner(const struct edit_list *list, const char *word)
{
	size_t key = list_key(word);

	for (size_t i = list->n; key && i-- > 0;) {
		const struct edit_item *item = &list->items[i];

		if (item->inner && list_key(item->value) == key &&
			same_bytes(item->value, word, key))
			return item->inner;
	}
	return NULL;
}

/* As an element of a word of the same key that is to be added too, or as a word. */
static int add_more(struct strv *more, const char *word)
{
	size_t key = list_key(word);

	for (size_t i = 0; key && i < more->n; i++) {
		char *longer = NULL;

		if (list_key(more->v[i]) != key || !same_bytes(more->v[i], word, key))
			continue;
		if (asprintf(&longer, "%s,%s", more->v[i], word + key) < 0)
			return -ENOMEM;
		free(more->v[i]);
		more->v[i] = longer;
		return 0;
	}
	return strv_add(more, word);
}

/* 1: was there, 0: was not and is added. */
static int want(struct edit_list *list, same_fn *same, const char *word)
{
	struct edit_list *inner = find_inner(list, word);

	if (find_last(inner ? inner : list, same, word))
		return 1;
	return inner ? strv_add(&inner->more, word + list_key(word)) : add_more(&list->more, word);
}

int edit_list_settle(struct edit_list *list, same_fn *same, const struct strv *ours,
	const struct strv *wanted, struct strv *ret_ours)
{
	_cleanup_(strv_free) struct strv was = {0}, shall = {0}, fresh = {0};

	if (add_all_parts(&was, ours) < 0 || add_all_parts(&shall, wanted) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < was.n; i++) {
		struct edit_item *item = NULL;

		if (!has_same(&shall, shall.n, same, was.v[i]))
			item = find_last(list, same, was.v[i]);
		if (item)
			item->drop = true;
	}
	for (size_t i = 0; i < shall.n; i++) {
		const char *word = shall.v[i];
		int r = has_same(&shall, i, same, word) ? 1 : want(list, same, word);

		if (r < 0 || ((r == 0 || has_same(&was, was.n, same, word)) &&
				     strv_add_unique(&fresh, word) < 0))
			return -ENOMEM;
	}
	edit_list_keep(ret_ours, &fresh);
	return 0;
}

static bool is_dropped(const struct edit_item *item)
{
	if (!item->inner || item->inner->more.n)
		return item->drop;
	for (size_t i = 0; i < item->inner->n; i++)
		if (!item->inner->items[i].drop)
			return false;
	return true;
}

bool edit_list_is_settled(const struct edit_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].drop ||
			(list->items[i].inner && !edit_list_is_settled(list->items[i].inner)))
			return false;
	return list->more.n == 0;
}

/* Writes text[pos..end).  A word goes with the gap before it; the first ones with the gap behind.
 */
static void write_list(
	const struct edit_list *list, const char *text, size_t pos, size_t end, struct str *out)
{
	bool kept = false;

	for (size_t i = 0; i < list->n; i++) {
		const struct edit_item *item = &list->items[i];
		const struct edit_item *next = i + 1 < list->n ? item + 1 : NULL;

		if (is_dropped(item)) {
			str_addn(out, text + pos, (kept ? item->from : item->start) - pos);
			pos = !kept && next && next->from == item->end ? next->start : item->end;
			continue;
		}
		str_addn(out, text + pos, item->start - pos);
		if (item->inner)
			write_list(item->inner, text, item->start, item->end, out);
		else
			str_addn(out, text + item->start, item->end - item->start);
		pos = item->end;
		kept = true;
	}
	if (!list->n && list->more.n) {
		str_addn(out, text + pos, list->at - pos);
		pos = list->at;
	}
	for (size_t i = 0; i < list->more.n; i++) {
		str_add(out, kept || i ? list->separator : "");
		str_add(out, list->before);
		str_add(out, list->more.v[i]);
		str_add(out, list->after);
	}
	str_addn(out, text + pos, end - pos);
}

int edit_list_write(const struct edit_list *list, const char *text, char **ret)
{
	_cleanup_(str_free) struct str out = {0};

	write_list(list, text, 0, strlen(text), &out);
	return str_take(&out, ret);
}

static int kept_values(const struct edit_list *list, struct strv *ret)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct edit_item *item = &list->items[i];
		const struct edit_list *inner = item->inner;

		if (inner ? kept_values(inner, ret) < 0
			  : !item->drop && strv_add(ret, item->value) < 0)
			return -ENOMEM;
		for (size_t k = 0; inner && k < inner->more.n; k++)
			if (strv_addf(ret, "%.*s%s", (int)list_key(item->value), item->value,
				    inner->more.v[k]) < 0)
				return -ENOMEM;
	}
	return 0;
}

int edit_list_values(const struct edit_list *list, struct strv *ret)
{
	return kept_values(list, ret) < 0 ? -ENOMEM : add_all_parts(ret, &list->more);
}

int edit_list_verify(const char *path, const char *what, const struct edit_list *meant,
	const struct edit_list *found, struct error *err)
{
	_cleanup_(strv_free) struct strv a = {0}, b = {0};
	bool same;

	if (edit_list_values(meant, &a) < 0 || edit_list_values(found, &b) < 0)
		return error_no_memory(err);
	same = a.n == b.n;
	for (size_t i = 0; same && i < a.n; i++)
		same = strcmp(a.v[i], b.v[i]) == 0;
	return same ? 0
		    : error_set(err, -EINVAL, "%s: %s cannot be edited safely; edit it by hand",
			      path, what);
}

static bool is_allowed(char c, const char *others)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || strchr(others, c);
}

int edit_list_check_words(
	const char *path, const struct strv *words, const char *others, struct error *err)
{
	for (size_t i = 0; i < words->n; i++) {
		const char *p = words->v[i];

		while (*p && is_allowed(*p, others))
			p++;
		if (*p || p == words->v[i])
			return error_set(err, -EINVAL, "%s: \"%s\" cannot be written there", path,
				words->v[i]);
	}
	return 0;
}

/* NULL where the block says that it made the file. */
static int keep_file(char *out, char **ret, struct error *err)
{
	if (!out && !(out = strdup("")))
		return error_no_memory(err);
	*ret = out;
	return 0;
}

int edit_list_block(
	const char *path, const char *text, const char *body, char **ret, struct error *err)
{
	char *out = NULL;
	int r = edit_block(path, text, body, &out, err);

	return r < 0 ? r : keep_file(out, ret, err);
}

int edit_list_block_line(const char *path, const char *text, const char *key, const char *body,
	char **ret, struct error *err)
{
	char *out = NULL;
	int r = edit_block_line(path, text, key, '=', body, &out, err);

	return r < 0 ? r : keep_file(out, ret, err);
}

void edit_list_keep(struct strv *ours, struct strv *fresh)
{
	strv_free(ours);
	*ours = *fresh;
	*fresh = (struct strv){0};
}
