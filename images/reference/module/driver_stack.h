/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What a stack says of the drivers on it: for a bugcheck, and for a driver that hangs.
 */
#ifndef DRIVER_STACK_H
#define DRIVER_STACK_H

#include <linux/types.h>

u64 driver_stack_offset(const void *address);
void driver_tell_stack(void);
void driver_tell_trace(void);

#endif
