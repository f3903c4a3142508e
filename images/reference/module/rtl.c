// SPDX-License-Identifier: GPL-2.0-only
/* Strings, memory, versions. */
#include <linux/kernel.h>
#include <linux/string.h>

#include "ntlab_internal.h"

static void MS RtlInitUnicodeString(struct unicode_string *string, u16 *text)
{
	size_t length = 0;

	while (text && text[length] && length < 0x7ffe)
		length++;
	string->length = length * 2;
	string->maximum_length = text ? length * 2 + 2 : 0;
	string->buffer = text;
}

/* Characters outside ASCII become '?'; too long a string is cut. */
char *rtl_to_ascii(const struct unicode_string *string, char *buffer, size_t size)
{
	size_t length = min_t(size_t, string->length / 2, size - 1);
	size_t i;

	for (i = 0; i < length; i++)
		buffer[i] = string->buffer[i] < 0x80 ? string->buffer[i] : '?';
	buffer[length] = '\0';
	return buffer;
}

struct os_version {
	u32 size;
	u32 major;
	u32 minor;
	u32 build;
	u32 platform;
};

/* The interface generation of Windows 10, and a build number no Windows has. */
static NTSTATUS MS RtlGetVersion(struct os_version *version)
{
	version->major = 10;
	version->minor = 0;
	version->build = 0;
	version->platform = 2;
	return STATUS_SUCCESS;
}

static void *MS nt_memcpy(void *to, const void *from, size_t size)
{
	return memcpy(to, from, size);
}

static void *MS nt_memmove(void *to, const void *from, size_t size)
{
	return memmove(to, from, size);
}

static void *MS nt_memset(void *to, int value, size_t size)
{
	return memset(to, value, size);
}

static int MS nt_memcmp(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size);
}

GUARD(RtlInitUnicodeString);
GUARD(nt_memcpy);
GUARD(nt_memmove);
GUARD(nt_memset);
GUARD(nt_memcmp);

const struct nt_export rtl_exports[] = {
	NT_GUARDED("RtlInitUnicodeString", RtlInitUnicodeString),
	NT_EXPORT(RtlGetVersion),
	NT_GUARDED("memcpy", nt_memcpy),
	NT_GUARDED("memmove", nt_memmove),
	NT_GUARDED("memset", nt_memset),
	NT_GUARDED("memcmp", nt_memcmp),
	{}
};
