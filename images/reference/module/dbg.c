// SPDX-License-Identifier: GPL-2.0-only
/* DbgPrint and its kin: the kernel's log has them, each line begun with the word "driver:". And the C library's printf. */
#include <linux/kernel.h>
#include <linux/string.h>

#include "format.h"

#define LINE 512	/* more than that DbgPrint cuts */

static void print(char *format, __builtin_ms_va_list arguments)
{
	char line[LINE];
	struct text to = { .narrow = line, .room = LINE - 1 };

	format_text(&to, &(struct text){ .narrow = format }, arguments);
	line[min_t(size_t, to.length, LINE - 1)] = '\0';
	pr_info("driver: %s%s", line, strchr(line, '\n') ? "" : "\n");
}

static u32 MS DbgPrint(char *format, ...)
{
	__builtin_ms_va_list arguments;

	__builtin_ms_va_start(arguments, format);
	print(format, arguments);
	__builtin_ms_va_end(arguments);
	return STATUS_SUCCESS;
}

static u32 MS DbgPrintEx(u32 component, u32 level, char *format, ...)
{
	__builtin_ms_va_list arguments;

	__builtin_ms_va_start(arguments, format);
	print(format, arguments);
	__builtin_ms_va_end(arguments);
	return STATUS_SUCCESS;
}

static u32 MS vDbgPrintEx(u32 component, u32 level, char *format, __builtin_ms_va_list arguments)
{
	print(format, arguments);
	return STATUS_SUCCESS;
}

/* RtlStringCb*Printf and its kin are inline functions around these. -1 where there is no room; a text that just
 * fits has no zero behind it. */
static int MS nt_vsnprintf(char *buffer, size_t size, char *format, __builtin_ms_va_list arguments)
{
	struct text to = { .narrow = buffer, .room = size };

	format_text(&to, &(struct text){ .narrow = format }, arguments);
	if (to.length < size)
		buffer[to.length] = '\0';
	return to.length <= size ? (int)to.length : -1;
}

static int MS nt_vsnwprintf(u16 *buffer, size_t size, u16 *format, __builtin_ms_va_list arguments)
{
	struct text to = { .wide = buffer, .room = size };

	format_text(&to, &(struct text){ .wide = format }, arguments);
	if (to.length < size)
		buffer[to.length] = 0;
	return to.length <= size ? (int)to.length : -1;
}

static int MS nt_snprintf(char *buffer, size_t size, char *format, ...)
{
	__builtin_ms_va_list arguments;
	int length;

	__builtin_ms_va_start(arguments, format);
	length = nt_vsnprintf(buffer, size, format, arguments);
	__builtin_ms_va_end(arguments);
	return length;
}

static int MS nt_snwprintf(u16 *buffer, size_t size, u16 *format, ...)
{
	__builtin_ms_va_list arguments;
	int length;

	__builtin_ms_va_start(arguments, format);
	length = nt_vsnwprintf(buffer, size, format, arguments);
	__builtin_ms_va_end(arguments);
	return length;
}

static int MS nt_sprintf(char *buffer, char *format, ...)
{
	__builtin_ms_va_list arguments;
	int length;

	__builtin_ms_va_start(arguments, format);
	length = nt_vsnprintf(buffer, INT_MAX, format, arguments);
	__builtin_ms_va_end(arguments);
	return length;
}

static int MS nt_swprintf(u16 *buffer, u16 *format, ...)
{
	__builtin_ms_va_list arguments;
	int length;

	__builtin_ms_va_start(arguments, format);
	length = nt_vsnwprintf(buffer, INT_MAX, format, arguments);
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
	NT_EXPORT_AS("_vsnwprintf", nt_vsnwprintf),
	NT_EXPORT_AS("_snwprintf", nt_snwprintf),
	NT_EXPORT_AS("sprintf", nt_sprintf),
	NT_EXPORT_AS("swprintf", nt_swprintf),
	{}
};
