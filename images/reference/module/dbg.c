// SPDX-License-Identifier: GPL-2.0-only
/* DbgPrint and its kin: the kernel's log has them, each line begun with the word "driver:". */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>

#include "ntlab_internal.h"

#define LINE 512

struct specification {
	char linux_format[16];	/* flags and width for snprintf, without the conversion */
	bool wide;
	bool is64;
	char conversion;
};

/* Reads "%-08I64x" and the like; what follows it. */
static const char *parse(const char *format, struct specification *spec)
{
	int length = 0;

	memset(spec, 0, sizeof(*spec));
	spec->linux_format[length++] = '%';
	for (format++; *format && strchr("-+ #0123456789.", *format); format++)
		if (length < 10)
			spec->linux_format[length++] = *format;
	for (; *format && strchr("hlwIzt", *format); format++) {
		spec->wide |= *format == 'w' || *format == 'l';
		spec->is64 |= *format == 'z' || *format == 't' || (*format == 'l' && format[1] == 'l');
		if (*format == 'I' && format[1] == '6' && format[2] == '4') {
			spec->is64 = true;
			format += 2;
		}
	}
	spec->conversion = *format;
	return *format ? format + 1 : format;
}

static int put_string(char *to, int room, const char *text, const u16 *wide, int limit)
{
	int i;

	for (i = 0; i < room - 1 && i < limit && (text ? text[i] : wide[i]); i++)
		to[i] = text ? text[i] : wide[i] < 0x80 ? wide[i] : '?';
	to[i] = '\0';
	return i;
}

static int put_counted(char *to, int room, const struct unicode_string *string, bool wide)
{
	if (!string || !string->buffer)
		return put_string(to, room, "(null)", NULL, room);
	if (wide)
		return put_string(to, room, NULL, string->buffer, string->length / 2);
	return put_string(to, room, (const char *)string->buffer, NULL, string->length);
}

static int put_number(char *to, int room, struct specification *spec, u64 value)
{
	bool is_signed = spec->conversion == 'd' || spec->conversion == 'i';
	char format[20];

	if (!spec->is64)
		value = is_signed ? (u64)(s64)(s32)value : (u32)value;
	snprintf(format, sizeof(format), "%sll%c", spec->linux_format, spec->conversion);
	return min(snprintf(to, room, format, value), room - 1);
}

static int put_one(char *to, int room, struct specification *spec, u64 value)
{
	const void *pointer = (const void *)value;

	switch (spec->conversion) {
	case 'd':
	case 'i':
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		return put_number(to, room, spec, value);
	case 'p':
		return min(snprintf(to, room, "%016llX", value), room - 1);
	case 'c':
	case 'C':
		return min(snprintf(to, room, "%c", (char)value), room - 1);
	case 'Z':
		return put_counted(to, room, pointer, spec->wide);
	case 'S':
		return put_string(to, room, NULL, pointer ? pointer : (const u16[]){ '-', 0 }, room);
	case 's':
		if (!pointer)
			return put_string(to, room, "(null)", NULL, room);
		return spec->wide ? put_string(to, room, NULL, pointer, room)
				  : put_string(to, room, pointer, NULL, room);
	default:
		return put_string(to, room, "?", NULL, room);
	}
}

static void format_line(char *line, int room, const char *format, __builtin_ms_va_list arguments)
{
	struct specification spec;
	int at = 0;

	while (*format && at < room - 1) {
		if (format[0] != '%' || format[1] == '%') {
			format += format[0] == '%';
			line[at++] = *format++;
			continue;
		}
		format = parse(format, &spec);
		at += put_one(line + at, room - at, &spec, __builtin_va_arg(arguments, u64));
	}
	line[at] = '\0';
}

static void print(const char *format, __builtin_ms_va_list arguments)
{
	char line[LINE];

	format_line(line, sizeof(line), format, arguments);
	pr_info("driver: %s%s", line, strchr(line, '\n') ? "" : "\n");
}

static u32 MS DbgPrint(const char *format, ...)
{
	__builtin_ms_va_list arguments;

	__builtin_ms_va_start(arguments, format);
	print(format, arguments);
	__builtin_ms_va_end(arguments);
	return STATUS_SUCCESS;
}

static u32 MS DbgPrintEx(u32 component, u32 level, const char *format, ...)
{
	__builtin_ms_va_list arguments;

	__builtin_ms_va_start(arguments, format);
	print(format, arguments);
	__builtin_ms_va_end(arguments);
	return STATUS_SUCCESS;
}

static u32 MS vDbgPrintEx(u32 component, u32 level, const char *format, __builtin_ms_va_list arguments)
{
	print(format, arguments);
	return STATUS_SUCCESS;
}

/* RtlStringCb*Printf and its kin are inline functions around these. */
static int MS nt_vsnprintf(char *buffer, size_t size, const char *format, __builtin_ms_va_list arguments)
{
	char line[LINE];
	size_t length;

	format_line(line, sizeof(line), format, arguments);
	length = strlen(line);
	memcpy(buffer, line, min(size, length + 1));
	return length < size ? (int)length : -1;
}

static int MS nt_snprintf(char *buffer, size_t size, const char *format, ...)
{
	__builtin_ms_va_list arguments;
	int length;

	__builtin_ms_va_start(arguments, format);
	length = nt_vsnprintf(buffer, size, format, arguments);
	__builtin_ms_va_end(arguments);
	return length;
}

static void MS DbgBreakPoint(void)
{
	pr_info("driver: breakpoint\n");
}

const struct nt_export dbg_exports[] = {
	NT_EXPORT(DbgPrint),
	NT_EXPORT(DbgPrintEx),
	NT_EXPORT(vDbgPrintEx),
	NT_EXPORT(DbgBreakPoint),
	NT_EXPORT_AS("_vsnprintf", nt_vsnprintf),
	NT_EXPORT_AS("_snprintf", nt_snprintf),
	{}
};
