/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Pages of their own for blocks of pool.
 */
#ifndef POOL_SPECIAL_H
#define POOL_SPECIAL_H

#include <linux/types.h>

#define SPECIAL_FILL 0xfd

struct special_pages;

void *special_allocate(size_t size, struct special_pages **pages);
u32 special_slack(size_t size);
void special_free(struct special_pages *pages);
bool special_was_freed(u64 address);

#endif
