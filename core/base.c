#include "core/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void base_freep(void *p)
{
	void **pointer = p;

	free(*pointer);
	*pointer = NULL;
}

void base_closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -EBADF;
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	for (char *p = err->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return code;
}

int error_no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

static bool str_room(struct str *s, size_t more)
{
	size_t cap = s->cap ? s->cap : 64;
	char *bigger;

	if (s->failed || more >= SIZE_MAX / 2 - s->len) {
		s->failed = true;
		return false;
	}
	while (cap < s->len + more + 1)
		cap *= 2;
	if (cap == s->cap)
		return true;
	bigger = realloc(s->s, cap);
	if (!bigger) {
		s->failed = true;
		return false;
	}
	s->s = bigger;
	s->cap = cap;
	return true;
}

void str_addn(struct str *s, const char *text, size_t n)
{
	if (!str_room(s, n))
		return;
	memcpy(s->s + s->len, text, n);
	s->len += n;
	s->s[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
	str_addn(s, text, strlen(text));
}

void str_addc(struct str *s, char c)
{
	str_addn(s, &c, 1);
}

void str_addf(struct str *s, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		s->failed = true;
		return;
	}
	str_addn(s, text, (size_t)n);
}

int str_check(const struct str *s)
{
	return s->failed ? -ENOMEM : 0;
}

int str_take(struct str *s, char **ret)
{
	str_addn(s, "", 0);
	if (s->failed)
		return -ENOMEM;
	*ret = s->s;
	*s = (struct str){0};
	return 0;
}

void str_free(struct str *s)
{
	free(s->s);
	*s = (struct str){0};
}

int base_grow(void *array, size_t n, size_t size)
{
	void **a = array;
	void *bigger;
	size_t cap;

	/* Full exactly when n is 0 or a power of two from 8 on: no capacity to keep. */
	if (n == 0 || (n >= 8 && (n & (n - 1)) == 0)) {
		cap = n < 8 ? 8 : n * 2;
		bigger = reallocarray(*a, cap, size);
		if (!bigger)
			return -ENOMEM;
		*a = bigger;
	}
	memset((char *)*a + n * size, 0, size);
	return 0;
}

static int strv_own(struct strv *l, char *text)
{
	_cleanup_free_ char *mine = text;

	/* One place more than the strings: the NULL that makes it an argv. */
	if (!mine || base_grow(&l->v, l->n, sizeof(*l->v)) < 0)
		return -ENOMEM;
	if (base_grow(&l->v, l->n + 1, sizeof(*l->v)) < 0)
		return -ENOMEM;
	l->v[l->n++] = TAKE_PTR(mine);
	return 0;
}

int strv_add(struct strv *l, const char *text)
{
	return strv_own(l, strdup(text));
}

int strv_addf(struct strv *l, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return strv_own(l, n < 0 ? NULL : text);
}

bool strv_has(const struct strv *l, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], text) == 0)
			return true;
	return false;
}

int strv_add_unique(struct strv *l, const char *text)
{
	return strv_has(l, text) ? 0 : strv_add(l, text);
}

int strv_copy(struct strv *to, const struct strv *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (strv_add(to, from->v[i]) < 0)
			return -ENOMEM;
	return 0;
}

void str_add_words(struct str *s, const struct strv *words)
{
	for (size_t i = 0; i < words->n; i++)
		str_addf(s, "%s%s", i ? " " : "", words->v[i]);
}

int strv_split(struct strv *l, const char *text, const char *separators)
{
	while (*(text += strspn(text, separators))) {
		size_t n = strcspn(text, separators);

		if (strv_own(l, strndup(text, n)) < 0)
			return -ENOMEM;
		text += n;
	}
	return 0;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare_strings);
}

void strv_free(struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strv){0};
}

int base_number(const char *text, int base, uint64_t max, uint64_t *ret)
{
	unsigned long long n;
	char *end;

	if (!strchr("0123456789abcdefABCDEF", *text) || !*text)
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, base);
	if (*end || end == text)
		return -EINVAL;
	if (errno || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

bool base_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool base_ends(const char *text, const char *suffix)
{
	size_t n = strlen(text), m = strlen(suffix);

	return n > m && strcmp(text + n - m, suffix) == 0;
}

bool base_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool base_same_module(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}
