// SPDX-License-Identifier: GPL-2.0-only
/* What the compiler and the C library ask the kernel for, besides memory and formatted text. */
#include <linux/ctype.h>
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <linux/string.h>

#include "ntlab_internal.h"

static char *MS nt_strcpy(char *to, const char *from)
{
	return strcpy(to, from);
}

/* Of our own: Linux has done away with its strncpy(). */
static char *MS nt_strncpy(char *to, const char *from, size_t size)
{
	size_t length = strnlen(from, size);

	memcpy(to, from, length);
	memset(to + length, 0, size - length);
	return to;
}

static char *MS nt_strcat(char *to, const char *from)
{
	return strcat(to, from);
}

static size_t MS nt_strnlen(const char *text, size_t size)
{
	return strnlen(text, size);
}

static char *MS nt_strchr(const char *text, int c)
{
	return strchr(text, c);
}

static char *MS nt_strrchr(const char *text, int c)
{
	return strrchr(text, c);
}

static char *MS nt_strstr(const char *text, const char *part)
{
	return strstr(text, part);
}

static int MS nt_stricmp(const char *a, const char *b)
{
	return strcasecmp(a, b);
}

static int MS nt_strnicmp(const char *a, const char *b, size_t size)
{
	return strncasecmp(a, b, size);
}

static int compare_wide(const u16 *a, const u16 *b, size_t size, bool ignore_case)
{
	size_t i;

	for (i = 0; i < size; i++) {
		u16 one = ignore_case && a[i] < 0x80 ? tolower(a[i]) : a[i];
		u16 other = ignore_case && b[i] < 0x80 ? tolower(b[i]) : b[i];

		if (one != other || !one)
			return one - other;
	}
	return 0;
}

static int MS nt_wcscmp(const u16 *a, const u16 *b)
{
	return compare_wide(a, b, SIZE_MAX, false);
}

static int MS nt_wcsncmp(const u16 *a, const u16 *b, size_t size)
{
	return compare_wide(a, b, size, false);
}

static int MS nt_wcsicmp(const u16 *a, const u16 *b)
{
	return compare_wide(a, b, SIZE_MAX, true);
}

static int MS nt_wcsnicmp(const u16 *a, const u16 *b, size_t size)
{
	return compare_wide(a, b, size, true);
}

static size_t MS nt_wcsnlen(const u16 *text, size_t size)
{
	size_t length = 0;

	while (length < size && text[length])
		length++;
	return length;
}

static u16 *MS nt_wcscpy(u16 *to, const u16 *from)
{
	size_t i = 0;

	do
		to[i] = from[i];
	while (from[i++]);
	return to;
}

static u16 *MS nt_wcschr(u16 *text, u16 c)
{
	for (; *text != c; text++)
		if (!*text)
			return NULL;
	return text;
}

static int MS nt_tolower(int c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static int MS nt_toupper(int c)
{
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

/* A stack is there as a whole: a large frame need not be touched page by page. No register may change. */
void nt_chkstk(void);
asm(".pushsection .text\n"
    ".type nt_chkstk, @function\n"
    "nt_chkstk:\n"
    "	" ASM_RET
    ".size nt_chkstk, .-nt_chkstk\n"
    ".popsection\n");
STACK_FRAME_NON_STANDARD(nt_chkstk);

GUARD(nt_strcpy);
GUARD(nt_strncpy);
GUARD(nt_strcat);
GUARD(nt_strnlen);
GUARD(nt_strchr);
GUARD(nt_strrchr);
GUARD(nt_strstr);
GUARD(nt_stricmp);
GUARD(nt_strnicmp);
GUARD(nt_wcscmp);
GUARD(nt_wcsncmp);
GUARD(nt_wcsicmp);
GUARD(nt_wcsnicmp);
GUARD(nt_wcsnlen);
GUARD(nt_wcscpy);
GUARD(nt_wcschr);

const struct nt_export crt_exports[] = {
	NT_GUARDED("strcpy", nt_strcpy),
	NT_GUARDED("strncpy", nt_strncpy),
	NT_GUARDED("strcat", nt_strcat),
	NT_GUARDED("strnlen", nt_strnlen),
	NT_GUARDED("strchr", nt_strchr),
	NT_GUARDED("strrchr", nt_strrchr),
	NT_GUARDED("strstr", nt_strstr),
	NT_GUARDED("_stricmp", nt_stricmp),
	NT_GUARDED("_strnicmp", nt_strnicmp),
	NT_GUARDED("wcscmp", nt_wcscmp),
	NT_GUARDED("wcsncmp", nt_wcsncmp),
	NT_GUARDED("_wcsicmp", nt_wcsicmp),
	NT_GUARDED("_wcsnicmp", nt_wcsnicmp),
	NT_GUARDED("wcsnlen", nt_wcsnlen),
	NT_GUARDED("wcscpy", nt_wcscpy),
	NT_GUARDED("wcschr", nt_wcschr),
	NT_EXPORT_AS("tolower", nt_tolower),
	NT_EXPORT_AS("toupper", nt_toupper),
	NT_EXPORT_AS("__chkstk", nt_chkstk),
	{}
};
