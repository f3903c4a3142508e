// SPDX-License-Identifier: GPL-2.0-only
/* Counted strings. The ANSI code page of this guest is Latin-1. */
#include <linux/ctype.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "ntlab_internal.h"

#define STRING_TAG 0x67727453u	/* "Strg" */
#define STATUS_INVALID_PARAMETER_2 0xc00000f0u

static u16 lower(u16 letter)
{
	return letter < 0x80 ? tolower(letter) : letter;
}

/* ANSI_STRING and UNICODE_STRING differ in the size of what `buffer` holds. */
static void MS RtlInitAnsiString(struct unicode_string *string, char *text)
{
	size_t length = text ? strnlen(text, 0xfffe) : 0;

	string->length = length;
	string->maximum_length = text ? length + 1 : 0;
	string->buffer = (u16 *)text;
}

static NTSTATUS MS RtlAnsiStringToUnicodeString(struct unicode_string *to, const struct unicode_string *from,
						BOOLEAN allocate)
{
	const u8 *text = (const u8 *)from->buffer;
	u32 size = from->length * 2 + 2;
	u32 i;

	if (size > 0xffff)
		return STATUS_INVALID_PARAMETER_2;
	if (allocate) {
		to->buffer = pool_allocate_for(size, STRING_TAG, __builtin_return_address(0));
		to->maximum_length = size;
	}
	if (!to->buffer)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (from->length * 2 > to->maximum_length)
		return STATUS_BUFFER_OVERFLOW;
	for (i = 0; i < from->length; i++)
		to->buffer[i] = text[i];
	to->length = from->length * 2;
	if (to->maximum_length >= size)
		to->buffer[i] = 0;
	return STATUS_SUCCESS;
}

static NTSTATUS MS RtlUnicodeStringToAnsiString(struct unicode_string *to, const struct unicode_string *from,
						BOOLEAN allocate)
{
	u32 length = from->length / 2;
	u8 *text;
	u32 i;

	if (allocate) {
		to->buffer = pool_allocate_for(length + 1, STRING_TAG, __builtin_return_address(0));
		to->maximum_length = length + 1;
	}
	text = (u8 *)to->buffer;
	if (!text)
		return STATUS_INSUFFICIENT_RESOURCES;
	if (length > to->maximum_length)
		return STATUS_BUFFER_OVERFLOW;
	for (i = 0; i < length; i++)
		text[i] = from->buffer[i] < 0x100 ? from->buffer[i] : '?';
	to->length = length;
	if (to->maximum_length > length)
		text[length] = 0;
	return STATUS_SUCCESS;
}

static void MS RtlFreeUnicodeString(struct unicode_string *string)
{
	if (string->buffer)
		ExFreePoolWithTag(string->buffer, STRING_TAG);
	memset(string, 0, sizeof(*string));
}

static s32 MS RtlCompareUnicodeString(const struct unicode_string *a, const struct unicode_string *b,
				      BOOLEAN ignore_case)
{
	u32 common = min(a->length, b->length) / 2;
	u32 i;

	for (i = 0; i < common; i++) {
		s32 difference = ignore_case ? lower(a->buffer[i]) - lower(b->buffer[i]) : a->buffer[i] - b->buffer[i];

		if (difference)
			return difference;
	}
	return (s32)a->length - (s32)b->length;
}

static BOOLEAN MS RtlEqualUnicodeString(const struct unicode_string *a, const struct unicode_string *b,
					BOOLEAN ignore_case)
{
	return RtlCompareUnicodeString(a, b, ignore_case) == 0;
}

static void MS RtlCopyUnicodeString(struct unicode_string *to, const struct unicode_string *from)
{
	u16 length = from ? min(from->length, to->maximum_length) : 0;

	if (length)
		memcpy(to->buffer, from->buffer, length);
	to->length = length;
}

static NTSTATUS append(struct unicode_string *to, const u16 *text, u32 bytes)
{
	if (to->length + bytes > to->maximum_length)
		return STATUS_BUFFER_TOO_SMALL;
	memcpy((u8 *)to->buffer + to->length, text, bytes);
	to->length += bytes;
	return STATUS_SUCCESS;
}

static NTSTATUS MS RtlAppendUnicodeStringToString(struct unicode_string *to, const struct unicode_string *from)
{
	return append(to, from->buffer, from->length);
}

static NTSTATUS MS RtlAppendUnicodeToString(struct unicode_string *to, const u16 *text)
{
	u32 length = 0;

	while (text && text[length] && length < 0x7fff)
		length++;
	return append(to, text, length * 2);
}

static u16 MS RtlUpcaseUnicodeChar(u16 letter)
{
	return letter < 0x80 ? toupper(letter) : letter;
}

static size_t MS nt_strlen(const char *text)
{
	return strlen(text);
}

static int MS nt_strcmp(const char *a, const char *b)
{
	return strcmp(a, b);
}

static int MS nt_strncmp(const char *a, const char *b, size_t size)
{
	return strncmp(a, b, size);
}

static size_t MS nt_wcslen(const u16 *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

GUARD(RtlInitAnsiString);
GUARD(RtlCompareUnicodeString);
GUARD(RtlEqualUnicodeString);
GUARD(RtlCopyUnicodeString);
GUARD(RtlAppendUnicodeStringToString);
GUARD(RtlAppendUnicodeToString);
GUARD(nt_strlen);
GUARD(nt_strcmp);
GUARD(nt_strncmp);
GUARD(nt_wcslen);

const struct nt_export string_exports[] = {
	NT_GUARDED("RtlInitAnsiString", RtlInitAnsiString),
	NT_GUARDED("RtlInitString", RtlInitAnsiString),
	NT_EXPORT(RtlAnsiStringToUnicodeString),
	NT_EXPORT(RtlUnicodeStringToAnsiString),
	NT_EXPORT(RtlFreeUnicodeString),
	NT_EXPORT_AS("RtlFreeAnsiString", RtlFreeUnicodeString),
	NT_GUARDED("RtlCompareUnicodeString", RtlCompareUnicodeString),
	NT_GUARDED("RtlEqualUnicodeString", RtlEqualUnicodeString),
	NT_GUARDED("RtlCopyUnicodeString", RtlCopyUnicodeString),
	NT_GUARDED("RtlAppendUnicodeStringToString", RtlAppendUnicodeStringToString),
	NT_GUARDED("RtlAppendUnicodeToString", RtlAppendUnicodeToString),
	NT_EXPORT(RtlUpcaseUnicodeChar),
	NT_GUARDED("strlen", nt_strlen),
	NT_GUARDED("strcmp", nt_strcmp),
	NT_GUARDED("strncmp", nt_strncmp),
	NT_GUARDED("wcslen", nt_wcslen),
	{}
};
