/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WSK_WORK_H
#define WSK_WORK_H

#include "wsk_objects.h"

void wsk_work(struct work_struct *work);

#endif
