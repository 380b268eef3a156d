/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/text.h"

#include <limits.h>

#define BROKEN 0xfffd

static size_t decode(const char *text, size_t len, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 9 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

	*ret = BROKEN;
	if (n > len || n > 4)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < least[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 1;
	*ret = c;
	return n;
}

/* Characters that only change how others look: direction, joining, invisible ones. */
static int is_format(uint32_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0xad || c == 0x61c ||
	       c >= 0xe0000;
}

/* 0 for a combining mark, -1 for what cannot be shown. */
static int cells_of(uint32_t c)
{
	char bytes[MB_LEN_MAX];
	mbstate_t state = {0};

	if (c < 0x7f)
		return c >= ' ' ? 1 : -1;
	if (c < 0xa0 || is_format(c) || wcrtomb(bytes, (wchar_t)c, &state) == (size_t)-1)
		return -1;
	return wcwidth((wchar_t)c);
}

size_t text_next(const char *text, size_t len, int column, struct text_cell *ret)
{
	uint32_t c;
	size_t used = decode(text, len, &c);

	*ret = (struct text_cell){.part = {(wchar_t)c}, .n = 1, .cells = cells_of(c)};
	if (c == '\t') {
		ret->part[0] = ' ';
		ret->cells = 8 - column % 8;
		return used;
	}
	if (ret->cells < 1) {
		ret->part[0] = cells_of(BROKEN) == 1 ? BROKEN : '?';
		ret->cells = 1;
	}
	while (used < len && (unsigned char)text[used] >= 0x80) {
		size_t n = decode(text + used, len - used, &c);

		if (cells_of(c) != 0)
			break;
		if (ret->n < TEXT_PARTS)
			ret->part[ret->n++] = (wchar_t)c;
		used += n;
	}
	return used;
}

size_t text_encode(char *ret, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned int lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; c >>= 6)
		ret[i] = (char)(0x80 | (c & 0x3f));
	ret[0] = (char)(lead[n] | c);
	return n;
}
