// SPDX-License-Identifier: GPL-2.0-only
/* The rest of the C library: what is bounded, sorted, searched, read as a number. */
#include <linux/kernel.h>
#include <linux/string.h>

#include "ntlab_internal.h"

#define INVALID 22	/* errno_t: EINVAL, */
#define OUT_OF_RANGE 34	/* ERANGE; */
#define CUT_SHORT 80	/* STRUNCATE */
#define TRUNCATE (~(size_t)0)	/* _TRUNCATE */

static size_t wide_length(const u16 *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

static char *MS nt_strncat(char *to, const char *from, size_t size)
{
	return strncat(to, from, size);
}

static char *MS nt_strpbrk(const char *text, const char *any)
{
	return strpbrk(text, any);
}

static u16 *MS nt_wcsncpy(u16 *to, const u16 *from, size_t size)
{
	size_t i;

	for (i = 0; i < size && from[i]; i++)
		to[i] = from[i];
	memset(to + i, 0, (size - i) * sizeof(*to));
	return to;
}

static u16 *MS nt_wcsncat(u16 *to, const u16 *from, size_t size)
{
	u16 *end = to + wide_length(to);

	while (size-- && *from)
		*end++ = *from++;
	*end = 0;
	return to;
}

static u16 *MS nt_wcscat(u16 *to, const u16 *from)
{
	return nt_wcsncat(to, from, ~(size_t)0);
}

static u16 *MS nt_wcsrchr(u16 *text, u16 c)
{
	size_t i = wide_length(text) + 1;

	while (i--)
		if (text[i] == c)
			return text + i;
	return NULL;
}

static u16 *MS nt_wcsstr(u16 *text, const u16 *part)
{
	size_t length = wide_length(part);

	for (;; text++) {
		size_t i = 0;

		while (i < length && text[i] == part[i])
			i++;
		if (i == length)
			return text;
		if (!*text)
			return NULL;
	}
}

/* Whole numbers: blanks, a sign, digits; what follows is not looked at. */
static int MS nt_atoi(const char *text)
{
	return simple_strtol(skip_spaces(text) + (*skip_spaces(text) == '+'), NULL, 10);
}

/* ---- Bounded: the buffer is left empty where there is no room, and they say so; Windows' kernel does no more ---- */

static int MS nt_strncpy_s(char *to, size_t room, const char *from, size_t count)
{
	size_t length;

	if (!to || !room || !from)
		return INVALID;
	length = strnlen(from, count);
	if (length < room) {
		memcpy(to, from, length);
		to[length] = '\0';
		return 0;
	}
	if (count != TRUNCATE) {
		*to = '\0';
		return OUT_OF_RANGE;
	}
	memcpy(to, from, room - 1);
	to[room - 1] = '\0';
	return CUT_SHORT;
}

static int MS nt_strcpy_s(char *to, size_t room, const char *from)
{
	return nt_strncpy_s(to, room, from, TRUNCATE - 1);
}

static int MS nt_strcat_s(char *to, size_t room, const char *from)
{
	size_t used = to ? strnlen(to, room) : 0;
	int error = used < room ? nt_strcpy_s(to + used, room - used, from) : INVALID;

	if (error && to && room)
		*to = '\0';
	return error;
}

static int MS nt_wcscpy_s(u16 *to, size_t room, const u16 *from)
{
	size_t length;

	if (!to || !room || !from)
		return INVALID;
	length = wide_length(from);
	if (length >= room) {
		*to = 0;
		return OUT_OF_RANGE;
	}
	memcpy(to, from, (length + 1) * sizeof(*to));
	return 0;
}

static int MS nt_wcscat_s(u16 *to, size_t room, const u16 *from)
{
	size_t used = 0;
	int error;

	while (to && used < room && to[used])
		used++;
	error = used < room ? nt_wcscpy_s(to + used, room - used, from) : INVALID;
	if (error && to && room)
		*to = 0;
	return error;
}

static int MS nt_memmove_s(void *to, size_t room, const void *from, size_t size)
{
	if (!size)
		return 0;
	if (!to || !from)
		return INVALID;
	if (size > room)
		return OUT_OF_RANGE;
	memmove(to, from, size);
	return 0;
}

/* ---- Sorted ---- */

typedef int MS (*comparison)(const void *one, const void *other);

static void swap_bytes(u8 *one, u8 *other, size_t size)
{
	while (size--)
		swap(one[size], other[size]);
}

/* Linux' own calls back in another convention. */
static void MS nt_qsort(u8 *base, size_t count, size_t size, comparison compare)
{
	size_t i, j;

	for (i = 1; i < count; i++)
		for (j = i; j && compare(base + j * size, base + (j - 1) * size) < 0; j--)
			swap_bytes(base + j * size, base + (j - 1) * size, size);
}

static void *MS nt_bsearch(const void *key, u8 *base, size_t count, size_t size, comparison compare)
{
	while (count) {
		u8 *middle = base + count / 2 * size;
		int order = compare(key, middle);

		if (!order)
			return middle;
		if (order > 0) {
			base = middle + size;
			count--;
		}
		count /= 2;
	}
	return NULL;
}

GUARD(nt_strncat);
GUARD(nt_strpbrk);
GUARD(nt_wcsncpy);
GUARD(nt_wcsncat);
GUARD(nt_wcscat);
GUARD(nt_wcsrchr);
GUARD(nt_wcsstr);
GUARD(nt_strncpy_s);
GUARD(nt_strcpy_s);
GUARD(nt_strcat_s);
GUARD(nt_wcscpy_s);
GUARD(nt_wcscat_s);
GUARD(nt_memmove_s);

const struct nt_export crt_more_exports[] = {
	NT_GUARDED("strncat", nt_strncat),
	NT_GUARDED("strpbrk", nt_strpbrk),
	NT_GUARDED("wcsncpy", nt_wcsncpy),
	NT_GUARDED("wcsncat", nt_wcsncat),
	NT_GUARDED("wcscat", nt_wcscat),
	NT_GUARDED("wcsrchr", nt_wcsrchr),
	NT_GUARDED("wcsstr", nt_wcsstr),
	NT_EXPORT_AS("atoi", nt_atoi),
	NT_EXPORT_AS("atol", nt_atoi),
	NT_GUARDED("strncpy_s", nt_strncpy_s),
	NT_GUARDED("strcpy_s", nt_strcpy_s),
	NT_GUARDED("strcat_s", nt_strcat_s),
	NT_GUARDED("wcscpy_s", nt_wcscpy_s),
	NT_GUARDED("wcscat_s", nt_wcscat_s),
	NT_GUARDED("memcpy_s", nt_memmove_s),
	NT_GUARDED("memmove_s", nt_memmove_s),
	NT_EXPORT_AS("qsort", nt_qsort),
	NT_EXPORT_AS("bsearch", nt_bsearch),
	{}
};
