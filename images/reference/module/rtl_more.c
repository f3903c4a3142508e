// SPDX-License-Identifier: GPL-2.0-only
/* What else drivers ask of Rtl: counted strings, times, addresses with their ports, random numbers. */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/time.h>

#include "ntlab_internal.h"

#define STATUS_NAME_TOO_LONG 0xc0000106u
#define LONGEST 0xfffe	/* bytes of a UNICODE_STRING */
#define NT_UNITS_PER_SECOND 10000000ll
#define DAYS_BEFORE_1970 134774	/* from 1601 on */

static u16 upper(u16 letter)
{
	return letter < 0x80 ? toupper(letter) : letter;
}

static NTSTATUS MS RtlInitUnicodeStringEx(struct unicode_string *string, u16 *text)
{
	u64 bytes = 0;

	while (text && text[bytes / 2])
		bytes += 2;
	*string = (struct unicode_string){ 0 };
	if (bytes + 2 > LONGEST)
		return STATUS_NAME_TOO_LONG;
	if (text)
		*string = (struct unicode_string){ bytes, bytes + 2, 0, text };
	return STATUS_SUCCESS;
}

static BOOLEAN MS RtlPrefixUnicodeString(const struct unicode_string *prefix, const struct unicode_string *string,
					 BOOLEAN ignore_case)
{
	u32 i;

	if (prefix->length > string->length)
		return false;
	for (i = 0; i < prefix->length / 2; i++) {
		u16 one = prefix->buffer[i], other = string->buffer[i];

		if (ignore_case ? upper(one) != upper(other) : one != other)
			return false;
	}
	return true;
}

/* ANSI_STRINGs, whose text is one byte a letter. */
static s32 MS RtlCompareString(const struct unicode_string *one, const struct unicode_string *other, BOOLEAN ignore_case)
{
	const u8 *a = (const u8 *)one->buffer, *b = (const u8 *)other->buffer;
	u32 i;

	for (i = 0; i < min(one->length, other->length); i++) {
		s32 difference = ignore_case ? upper(a[i]) - upper(b[i]) : a[i] - b[i];

		if (difference)
			return difference;
	}
	return (s32)one->length - (s32)other->length;
}

static BOOLEAN MS RtlEqualString(const struct unicode_string *one, const struct unicode_string *other,
				 BOOLEAN ignore_case)
{
	return RtlCompareString(one, other, ignore_case) == 0;
}

/* ---- Times ---- */

struct time_fields {
	s16 year, month, day, hour, minute, second, milliseconds, weekday;
};

static void MS RtlTimeToTimeFields(const s64 *time, struct time_fields *fields)
{
	u32 rest;
	u64 seconds = div_u64_rem(*time, NT_UNITS_PER_SECOND, &rest);
	struct tm tm;

	time64_to_tm((s64)seconds - DAYS_BEFORE_1970 * 86400ll, 0, &tm);
	*fields = (struct time_fields){ tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
					rest / 10000, tm.tm_wday };
}

static BOOLEAN MS RtlTimeFieldsToTime(const struct time_fields *fields, s64 *time)
{
	if (fields->year < 1601 || fields->month < 1 || fields->month > 12 || fields->day < 1 || fields->day > 31)
		return false;
	*time = mktime64(fields->year, fields->month, fields->day, fields->hour, fields->minute, fields->second) +
		DAYS_BEFORE_1970 * 86400ll;
	*time = *time * NT_UNITS_PER_SECOND + fields->milliseconds * 10000;
	return true;
}

/* This guest's clock is UTC's. */
static void MS same_time(const s64 *from, s64 *to)
{
	*to = *from;
}

/* ---- Addresses with their ports; the lengths are in characters, with the zero ---- */

static NTSTATUS put(const char *text, char *narrow, u16 *wide, u32 *length)
{
	u32 needed = strlen(text) + 1, room = *length, i;

	*length = needed;
	if (room < needed)
		return STATUS_INVALID_PARAMETER;
	for (i = 0; i < needed; i++) {
		if (narrow)
			narrow[i] = text[i];
		else
			wide[i] = text[i];
	}
	return STATUS_SUCCESS;
}

static NTSTATUS put_ipv4(const u8 *address, __be16 port, char *narrow, u16 *wide, u32 *length)
{
	char text[24];

	if (port)
		snprintf(text, sizeof(text), "%pI4:%u", address, be16_to_cpu(port));
	else
		snprintf(text, sizeof(text), "%pI4", address);
	return put(text, narrow, wide, length);
}

static NTSTATUS put_ipv6(const u8 *address, u32 scope, __be16 port, char *narrow, u16 *wide, u32 *length)
{
	char text[80], zone[16] = "";

	if (scope)
		snprintf(zone, sizeof(zone), "%%%u", scope);
	if (port)
		snprintf(text, sizeof(text), "[%pI6c%s]:%u", address, zone, be16_to_cpu(port));
	else
		snprintf(text, sizeof(text), "%pI6c%s", address, zone);
	return put(text, narrow, wide, length);
}

static NTSTATUS MS RtlIpv4AddressToStringExA(const u8 *address, __be16 port, char *text, u32 *length)
{
	return put_ipv4(address, port, text, NULL, length);
}

static NTSTATUS MS RtlIpv4AddressToStringExW(const u8 *address, __be16 port, u16 *text, u32 *length)
{
	return put_ipv4(address, port, NULL, text, length);
}

static NTSTATUS MS RtlIpv6AddressToStringExA(const u8 *address, u32 scope, __be16 port, char *text, u32 *length)
{
	return put_ipv6(address, scope, port, text, NULL, length);
}

static NTSTATUS MS RtlIpv6AddressToStringExW(const u8 *address, u32 scope, __be16 port, u16 *text, u32 *length)
{
	return put_ipv6(address, scope, port, NULL, text, length);
}

/* Up to 2^31 - 1; the seed is the state. The numbers are this guest's own. */
static u32 MS RtlRandomEx(u32 *seed)
{
	*seed = (u32)(((u64)*seed * 48271 + 1) % 0x7fffffff);
	return *seed;
}

GUARD(RtlPrefixUnicodeString);
GUARD(RtlCompareString);
GUARD(RtlEqualString);
GUARD(RtlInitUnicodeStringEx);

const struct nt_export rtl_more_exports[] = {
	NT_GUARDED("RtlInitUnicodeStringEx", RtlInitUnicodeStringEx),
	NT_GUARDED("RtlPrefixUnicodeString", RtlPrefixUnicodeString),
	NT_GUARDED("RtlCompareString", RtlCompareString),
	NT_GUARDED("RtlEqualString", RtlEqualString),
	NT_EXPORT(RtlTimeToTimeFields),
	NT_EXPORT(RtlTimeFieldsToTime),
	NT_EXPORT_AS("ExSystemTimeToLocalTime", same_time),
	NT_EXPORT_AS("ExLocalTimeToSystemTime", same_time),
	NT_EXPORT(RtlIpv4AddressToStringExA),
	NT_EXPORT(RtlIpv4AddressToStringExW),
	NT_EXPORT(RtlIpv6AddressToStringExA),
	NT_EXPORT(RtlIpv6AddressToStringExW),
	NT_EXPORT_AS("RtlRandom", RtlRandomEx),
	NT_EXPORT(RtlRandomEx),
	{}
};
