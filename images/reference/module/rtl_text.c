// SPDX-License-Identifier: GPL-2.0-only
/* Numbers, addresses, GUIDs and UTF-8 as text. */
#include <linux/ctype.h>
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/nls.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "ntlab_internal.h"

#define STRING_TAG 0x67727453u	/* "Strg": RtlFreeUnicodeString() frees it */
#define GUID_LENGTH 38		/* "{12345678-1234-1234-1234-123456789abc}" */
#define ADDRESS_LENGTH 46
#define STATUS_SOME_NOT_MAPPED 0x00000107u

/* ASCII for what is wide; "" for what is no ASCII, or too long. */
static const char *narrow(const u16 *text, char *buffer, size_t size)
{
	size_t i;

	for (i = 0; text[i] && text[i] < 0x80 && i < size - 1; i++)
		buffer[i] = text[i];
	buffer[text[i] ? 0 : i] = '\0';
	return buffer;
}

static u16 *widen(u16 *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	*to = 0;
	return to;
}

/* ---- Numbers ---- */

static NTSTATUS MS RtlIntegerToUnicodeString(u32 value, u32 base, struct unicode_string *to)
{
	static const char digits[] = "0123456789ABCDEF";
	char text[33];
	int at = sizeof(text) - 1, length;

	base = base ? base : 10;
	if (base != 2 && base != 8 && base != 10 && base != 16)
		return STATUS_INVALID_PARAMETER;
	text[at] = '\0';
	do
		text[--at] = digits[value % base];
	while (value /= base);
	length = (sizeof(text) - 1 - at) * 2;
	if (length > to->maximum_length)
		return STATUS_BUFFER_OVERFLOW;
	to->length = length;
	for (; text[at]; at++)
		to->buffer[length / 2 - (sizeof(text) - 1 - at)] = text[at];
	if (to->maximum_length > length)
		to->buffer[length / 2] = 0;
	return STATUS_SUCCESS;
}

static u32 digit(u16 c)
{
	return c >= '0' && c <= '9' ? c - '0' : c < 0x80 && isxdigit(c) ? tolower(c) - 'a' + 10 : 99;
}

/* Base 0: by what it begins with. What follows the number is left. */
static NTSTATUS MS RtlUnicodeStringToInteger(const struct unicode_string *string, u32 base, u32 *value)
{
	const u16 *text = string->buffer;
	u32 count = string->length / 2, i = 0, sum = 0;
	bool negative = false;

	while (i < count && text[i] <= ' ')
		i++;
	if (i < count && (text[i] == '-' || text[i] == '+'))
		negative = text[i++] == '-';
	if (!base && i + 1 < count && text[i] == '0')
		base = text[i + 1] == 'x' ? 16 : text[i + 1] == 'o' ? 8 : text[i + 1] == 'b' ? 2 : 0;
	if (base != 10 && i + 1 < count && text[i] == '0' &&
	    text[i + 1] == (base == 16 ? 'x' : base == 8 ? 'o' : 'b'))
		i += 2;
	base = base ? base : 10;
	if (base != 2 && base != 8 && base != 10 && base != 16)
		return STATUS_INVALID_PARAMETER;
	for (; i < count && digit(text[i]) < base; i++)
		sum = sum * base + digit(text[i]);
	*value = negative ? -sum : sum;
	return STATUS_SUCCESS;
}

/* ---- Addresses ---- */

static char *MS RtlIpv4AddressToStringA(const u8 *address, char *text)
{
	return text + sprintf(text, "%pI4", address);
}

static u16 *MS RtlIpv4AddressToStringW(const u8 *address, u16 *text)
{
	char buffer[ADDRESS_LENGTH];

	RtlIpv4AddressToStringA(address, buffer);
	return widen(text, buffer);
}

static char *MS RtlIpv6AddressToStringA(const u8 *address, char *text)
{
	return text + sprintf(text, "%pI6c", address);
}

static u16 *MS RtlIpv6AddressToStringW(const u8 *address, u16 *text)
{
	char buffer[ADDRESS_LENGTH];

	RtlIpv6AddressToStringA(address, buffer);
	return widen(text, buffer);
}

/* Four numbers, as strict readers want it; `strict` or not. */
static NTSTATUS MS RtlIpv4StringToAddressA(const char *text, BOOLEAN strict, const char **end, u8 *address)
{
	return in4_pton(text, -1, address, -1, end) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS MS RtlIpv4StringToAddressW(const u16 *text, BOOLEAN strict, const u16 **end, u8 *address)
{
	char buffer[ADDRESS_LENGTH];
	const char *stop;
	NTSTATUS status = RtlIpv4StringToAddressA(narrow(text, buffer, sizeof(buffer)), strict, &stop, address);

	if (NT_SUCCESS(status))
		*end = text + (stop - buffer);
	return status;
}

static NTSTATUS MS RtlIpv6StringToAddressA(const char *text, const char **end, u8 *address)
{
	return in6_pton(text, -1, address, -1, end) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static NTSTATUS MS RtlIpv6StringToAddressW(const u16 *text, const u16 **end, u8 *address)
{
	char buffer[ADDRESS_LENGTH];
	const char *stop;
	NTSTATUS status = RtlIpv6StringToAddressA(narrow(text, buffer, sizeof(buffer)), &stop, address);

	if (NT_SUCCESS(status))
		*end = text + (stop - buffer);
	return status;
}

/* ---- GUIDs ---- */

static NTSTATUS MS RtlStringFromGUID(const u8 *guid, struct unicode_string *string)
{
	char text[GUID_LENGTH + 1];

	snprintf(text, sizeof(text), "{%pUL}", guid);
	string->buffer = pool_allocate_for(sizeof(text) * 2, STRING_TAG, __builtin_return_address(0));
	if (!string->buffer)
		return STATUS_INSUFFICIENT_RESOURCES;
	widen(string->buffer, text);
	string->length = GUID_LENGTH * 2;
	string->maximum_length = sizeof(text) * 2;
	return STATUS_SUCCESS;
}

static NTSTATUS MS RtlGUIDFromString(const struct unicode_string *string, guid_t *guid)
{
	char text[GUID_LENGTH + 1];

	if (string->length != GUID_LENGTH * 2)
		return STATUS_INVALID_PARAMETER;
	rtl_to_ascii(string, text, sizeof(text));
	text[GUID_LENGTH - 1] = text[GUID_LENGTH - 1] == '}' ? '\0' : '?';
	return text[0] == '{' && !guid_parse(text + 1, guid) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* ---- UTF-8: sizes are in bytes, and nothing is added at the end ---- */

static NTSTATUS MS RtlUTF8ToUnicodeN(u16 *to, u32 room, u32 *written, const u8 *from, u32 size)
{
	NTSTATUS status = STATUS_SUCCESS;
	u32 length = 0;

	while (size) {
		unicode_t c;
		int used = utf8_to_utf32(from, size, &c);
		u32 units;

		if (used <= 0) {
			status = STATUS_SOME_NOT_MAPPED;
			c = 0xfffd;
			used = 1;
		}
		units = c < 0x10000 ? 1 : 2;
		if (to && length + units * 2 > room) {
			status = STATUS_BUFFER_TOO_SMALL;
			break;
		}
		if (to && units == 1)
			to[length / 2] = c;
		else if (to) {
			to[length / 2] = 0xd800 + ((c - 0x10000) >> 10);
			to[length / 2 + 1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		length += units * 2;
		from += used;
		size -= used;
	}
	*written = length;
	return status;
}

static bool is_pair(const u16 *text, u32 count)
{
	return count > 1 && text[0] >> 10 == 0x36 && text[1] >> 10 == 0x37;
}

static NTSTATUS MS RtlUnicodeToUTF8N(u8 *to, u32 room, u32 *written, const u16 *from, u32 size)
{
	NTSTATUS status = STATUS_SUCCESS;
	u32 count = size / 2, length = 0;

	while (count) {
		u32 used = is_pair(from, count) ? 2 : 1;
		unicode_t c = used == 2 ? 0x10000 + ((from[0] & 0x3ff) << 10) + (from[1] & 0x3ff) : from[0];
		u8 bytes[6];
		int made;

		if (used == 1 && from[0] >> 11 == 0x1b) {	/* half a pair */
			status = STATUS_SOME_NOT_MAPPED;
			c = 0xfffd;
		}
		made = utf32_to_utf8(c, bytes, sizeof(bytes));
		if (to && length + made > room) {
			status = STATUS_BUFFER_TOO_SMALL;
			break;
		}
		if (to)
			memcpy(to + length, bytes, made);
		length += made;
		from += used;
		count -= used;
	}
	*written = length;
	return status;
}

const struct nt_export rtl_text_exports[] = {
	NT_EXPORT(RtlIntegerToUnicodeString),
	NT_EXPORT(RtlUnicodeStringToInteger),
	NT_EXPORT(RtlIpv4AddressToStringA),
	NT_EXPORT(RtlIpv4AddressToStringW),
	NT_EXPORT(RtlIpv6AddressToStringA),
	NT_EXPORT(RtlIpv6AddressToStringW),
	NT_EXPORT(RtlIpv4StringToAddressA),
	NT_EXPORT(RtlIpv4StringToAddressW),
	NT_EXPORT(RtlIpv6StringToAddressA),
	NT_EXPORT(RtlIpv6StringToAddressW),
	NT_EXPORT(RtlStringFromGUID),
	NT_EXPORT(RtlGUIDFromString),
	NT_EXPORT(RtlUTF8ToUnicodeN),
	NT_EXPORT(RtlUnicodeToUTF8N),
	{}
};
