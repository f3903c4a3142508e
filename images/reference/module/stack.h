/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Stacks for drivers.
 */
#ifndef STACK_H
#define STACK_H

#include "ntlab_internal.h"

void stack_run(driver_body body, void *argument, u64 *saved);
void stack_return(u64 saved);
void stack_exit(void);

#endif
