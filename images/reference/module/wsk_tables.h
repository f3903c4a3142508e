/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_TABLES_H
#define WSK_TABLES_H

#include "wsk_types.h"

extern const void *const wsk_provider_table;
const void *wsk_table_of(u32 category);

#endif
