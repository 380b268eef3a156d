/* Errors, cleanup and growing strings: what every file of core leans on. */
#ifndef CORE_BASE_H
#define CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#define _cleanup_(f)       __attribute__((cleanup(f)))
#define _cleanup_free_     _cleanup_(base_freep)
#define _cleanup_close_    _cleanup_(base_closep)
#define _printf_(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define _must_check_       __attribute__((warn_unused_result))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) took_ = (p);                                                         \
		(p) = NULL;                                                                        \
		took_;                                                                             \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int took_ = (fd);                                                                  \
		(fd) = -EBADF;                                                                     \
		took_;                                                                             \
	})

void base_freep(void *p);    /* p points to a pointer from malloc, or to NULL */
void base_closep(int *fd);   /* negative: nothing to close */

/* Why a call failed, in words for the person: names the file and what to do.  The caller owns
 * it; a function that fails fills it once, where the path is known.  May be NULL everywhere. */
struct error {
	int code;            /* -errno; 0: nothing failed */
	char text[1024];
};

/* Fills *err (when not NULL) and returns code, so that `return error_set(err, -EIO, ...)` keeps
 * the flow.  code is negative.  Control characters in the text are replaced by '?'. */
int error_set(struct error *err, int code, const char *fmt, ...) _printf_(3, 4);
int error_no_memory(struct error *err); /* the same for -ENOMEM, which it returns */

/* A growing string.  Zero-initialised is empty and valid.  Once memory runs out, `failed` stays
 * set and every further call does nothing: build the whole text, then ask once with str_check(). */
struct str {
	char *s;             /* NUL-terminated; NULL only while empty */
	size_t len, cap;
	bool failed;
};
void str_add(struct str *s, const char *text);
void str_addn(struct str *s, const char *text, size_t n);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) _printf_(2, 3);
int str_check(const struct str *s) _must_check_;           /* 0 or -ENOMEM */
/* Hands the text over (never NULL on success: "" when empty); s is empty afterwards. */
int str_take(struct str *s, char **ret) _must_check_;
void str_free(struct str *s);

/* A list of strings, NULL-terminated so that it is an argv.  Owns its strings. */
struct strv {
	char **v;            /* NULL while empty */
	size_t n;
};
int strv_add(struct strv *l, const char *text) _must_check_;         /* copies */
int strv_addf(struct strv *l, const char *fmt, ...) _printf_(2, 3) _must_check_;
int strv_add_unique(struct strv *l, const char *text) _must_check_;
bool strv_has(const struct strv *l, const char *text);
int strv_copy(struct strv *to, const struct strv *from) _must_check_;
/* Splits at any of the bytes in separators; empty pieces are left out. */
int strv_split(struct strv *l, const char *text, const char *separators) _must_check_;
void strv_sort(struct strv *l);
/* All of them, with a blank between. */
void str_add_words(struct str *s, const struct strv *words);
void strv_free(struct strv *l);

/* Room for element n of an array: grows *array (elements of `size` bytes) by doubling.
 * The new element is zeroed.  0 or -ENOMEM; on failure the array is as it was. */
int base_grow(void *array, size_t n, size_t size) _must_check_;

/* A whole string as a number, no sign, no blanks.  -EINVAL, or -ERANGE above max. */
int base_number(const char *text, int base, uint64_t max, uint64_t *ret) _must_check_;

bool base_starts(const char *text, const char *prefix);
bool base_ends(const char *text, const char *suffix);      /* and something before it */
bool base_same(const char *a, const char *b);              /* equal, NULL equals NULL */

/* Equal as kernel module names: '-' and '_' are one (modprobe.d(5)). */
bool base_same_module(const char *a, const char *b);

#endif
