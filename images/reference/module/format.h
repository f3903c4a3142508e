/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Formatted text, by the rules of Microsoft's C library.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include "ntlab_internal.h"

/* Where formatted text goes: narrow or wide, of whose characters no more than `room` are written. */
struct text {
	char *narrow;
	u16 *wide;
	size_t room;
	size_t length;	/* what all of it would take */
};

void format_text(struct text *to, const struct text *format, __builtin_ms_va_list arguments);

#endif
