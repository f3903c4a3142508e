/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Where the drivers' images lie, and what a stack says of them: for a bugcheck, and for a driver that hangs.
 */
#ifndef DRIVER_STACK_H
#define DRIVER_STACK_H

#include <linux/types.h>

void driver_stack_add_image(const char *name, const void *base, u32 size);
void driver_stack_drop_image(const void *base);
u64 driver_stack_offset(const void *address);
const void *driver_stack_address(u64 offset);
void driver_tell_stack(void);
void driver_tell_trace(void);

#endif
