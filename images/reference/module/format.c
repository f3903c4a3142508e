// SPDX-License-Identifier: GPL-2.0-only
/* printf and its kin, as drivers know them: "%I64x", "%wZ", "%hS", "%-*.*ls". */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "format.h"

struct specification {
	char flags[6];
	int width;
	int precision;	/* -1 without one */
	u8 bytes;	/* of a number */
	bool wide;	/* of characters: "l" or "w"; */
	bool narrow;	/* or "h" */
	char conversion;
};

/* The format itself is read through this too. */
struct reader {
	const struct text *text;
	size_t at;
};

static u16 letter(const struct text *text, size_t at)
{
	return text->wide ? text->wide[at] : (u8)text->narrow[at];
}

static u16 peek(const struct reader *reader)
{
	return letter(reader->text, reader->at);
}

static bool skip(struct reader *reader, const char *word)
{
	size_t i;

	for (i = 0; word[i]; i++)
		if (letter(reader->text, reader->at + i) != word[i])
			return false;
	reader->at += i;
	return true;
}

static void put(struct text *to, u16 c)
{
	if (to->length < to->room) {
		if (to->wide)
			to->wide[to->length] = c;
		else
			to->narrow[to->length] = c < 0x100 ? c : '?';
	}
	to->length++;
}

static void pad(struct text *to, int count, char c)
{
	while (count-- > 0)
		put(to, c);
}

static int number_or_argument(struct reader *reader, __builtin_ms_va_list *arguments)
{
	int number = 0;

	if (skip(reader, "*"))
		return (int)__builtin_va_arg(*arguments, u64);
	for (; peek(reader) >= '0' && peek(reader) <= '9'; reader->at++)
		number = min(number * 10 + peek(reader) - '0', 0xffff);
	return number;
}

static void read_size(struct reader *reader, struct specification *spec)
{
	for (;;) {
		if (skip(reader, "I64") || skip(reader, "ll"))
			spec->bytes = 8;
		else if (skip(reader, "I32"))
			spec->bytes = 4;
		else if (skip(reader, "hh"))
			spec->bytes = 1;
		else if (skip(reader, "I") || skip(reader, "z") || skip(reader, "t") || skip(reader, "j"))
			spec->bytes = 8;
		else if (skip(reader, "l") || skip(reader, "w"))
			spec->wide = true;	/* a long has four bytes */
		else if (skip(reader, "h"))
			spec->narrow = true;
		else
			return;
	}
}

static void read_specification(struct reader *reader, struct specification *spec, __builtin_ms_va_list *arguments)
{
	int flags = 0;

	memset(spec, 0, sizeof(*spec));
	spec->precision = -1;
	spec->bytes = 4;
	for (; peek(reader) && peek(reader) < 0x80 && strchr("-+ #0", peek(reader)); reader->at++)
		if (flags < sizeof(spec->flags) - 1)
			spec->flags[flags++] = peek(reader);
	spec->width = number_or_argument(reader, arguments);
	if (skip(reader, "."))
		spec->precision = number_or_argument(reader, arguments);
	read_size(reader, spec);
	spec->conversion = peek(reader) < 0x80 ? peek(reader) : '?';
	if (peek(reader))
		reader->at++;
}

static void put_string(struct text *to, struct specification *spec, const struct text *string)
{
	int length = 0, i;
	int limit = spec->precision < 0 ? (int)string->room : min_t(int, spec->precision, string->room);
	bool left = strchr(spec->flags, '-');

	if (spec->width < 0) {
		left = true;
		spec->width = -spec->width;
	}
	while (length < limit && letter(string, length))
		length++;
	if (!left)
		pad(to, spec->width - length, ' ');
	for (i = 0; i < length; i++)
		put(to, letter(string, i));
	if (left)
		pad(to, spec->width - length, ' ');
}

static void put_characters(struct text *to, struct specification *spec, const void *characters, bool wide, size_t limit)
{
	struct text string = { .narrow = wide ? NULL : (char *)characters, .wide = wide ? (u16 *)characters : NULL,
			       .room = limit };

	if (!characters)
		string = (struct text){ .narrow = "(null)", .room = 6 };
	put_string(to, spec, &string);
}

static void put_counted(struct text *to, struct specification *spec, const struct unicode_string *string)
{
	if (!string || !string->buffer)
		put_characters(to, spec, NULL, false, 0);
	else
		put_characters(to, spec, string->buffer, spec->wide, string->length / (spec->wide ? 2 : 1));
}

/* A number, by Linux' own function: it knows the same flags. */
static void put_number(struct text *to, struct specification *spec, u64 value)
{
	bool is_signed = spec->conversion == 'd' || spec->conversion == 'i';
	int unused = 64 - 8 * (spec->narrow ? 2 : spec->bytes);
	char format[24], digits[128];
	int i;

	value = is_signed ? (u64)((s64)(value << unused) >> unused) : value << unused >> unused;
	snprintf(format, sizeof(format), "%%%s*.*ll%c", spec->flags, spec->conversion);
	snprintf(digits, sizeof(digits), format, clamp(spec->width, -100, 100), min(spec->precision, 100), value);
	for (i = 0; digits[i]; i++)
		put(to, digits[i]);
}

static void put_pointer(struct text *to, struct specification *spec, u64 value)
{
	char digits[20];

	snprintf(digits, sizeof(digits), "%016llX", value);
	put_characters(to, spec, digits, false, sizeof(digits));
}

static void put_one(struct text *to, struct specification *spec, u64 value)
{
	bool other = spec->conversion == 'S' || spec->conversion == 'C';	/* as wide as the format is not */
	bool wide = spec->wide || (!spec->narrow && other != !!to->wide);

	switch (spec->conversion) {
	case 'd':
	case 'i':
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_number(to, spec, value);
		break;
	case 'p':
		put_pointer(to, spec, value);
		break;
	case 'c':
	case 'C':
		spec->precision = 1;
		put_characters(to, spec, &value, wide, 1);
		break;
	case 'Z':
		put_counted(to, spec, (const void *)value);
		break;
	case 's':
	case 'S':
		put_characters(to, spec, (const void *)value, wide, INT_MAX);
		break;
	default:
		put(to, '?');
	}
}

void format_text(struct text *to, const struct text *format, __builtin_ms_va_list arguments)
{
	struct reader reader = { .text = format };
	struct specification spec;

	while (peek(&reader)) {
		if (!skip(&reader, "%")) {
			put(to, peek(&reader));
			reader.at++;
		} else if (skip(&reader, "%")) {
			put(to, '%');
		} else {
			read_specification(&reader, &spec, &arguments);
			if (spec.conversion)
				put_one(to, &spec, __builtin_va_arg(arguments, u64));
		}
	}
}
