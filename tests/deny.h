/* Allocations that fail, those of the libraries too: definitions, for the one file of a test. */
#ifndef TESTS_DENY_H
#define TESTS_DENY_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* While deny_counting: of the allocations, the one that fails; 0: none. */
static unsigned deny_at, deny_count;
static bool deny_counting;

#ifndef __SANITIZE_ADDRESS__
#define DENY_WORKS   true
#define DENY_VISIBLE __attribute__((visibility("default")))

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static bool deny_this(void)
{
	if (!deny_counting || ++deny_count != deny_at)
		return false;
	errno = ENOMEM;
	return true;
}

DENY_VISIBLE void *malloc(size_t size)
{
	return deny_this() ? NULL : __libc_malloc(size);
}

DENY_VISIBLE void *calloc(size_t n, size_t size)
{
	return deny_this() ? NULL : __libc_calloc(n, size);
}

DENY_VISIBLE void *realloc(void *p, size_t size)
{
	return deny_this() ? NULL : __libc_realloc(p, size);
}
#else
#define DENY_WORKS false
#endif

#endif
