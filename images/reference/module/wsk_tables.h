/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_TABLES_H
#define WSK_TABLES_H

#include "wsk_types.h"

const void *wsk_provider_table(void);
const void *wsk_table_of(u32 category);

#endif
