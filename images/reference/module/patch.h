/* SPDX-License-Identifier: GPL-2.0-only
 *
 * patch.c: instructions of drivers that mean something else under Linux.
 */
#ifndef PATCH_H
#define PATCH_H

#include "ntlab_internal.h"

struct pt_regs;

void patch_init(void);
NTSTATUS patch_code(struct pe_image *image, u32 rva, u32 size);
void patch_forget(struct pe_image *image);
bool patch_emulate(const struct pe_image *image, struct pt_regs *regs);

#endif
