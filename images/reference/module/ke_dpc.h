/* SPDX-License-Identifier: GPL-2.0-only
 *
 * KDPC and KTIMER, for what else is made of them.
 */
#ifndef KE_DPC_H
#define KE_DPC_H

#include "ntlab_internal.h"

struct kdpc {
	u8 type;
	u8 importance;
	u16 number;		/* of the processor + 1, 0 for the one that queues it */
	u32 pad;
	struct list_head list;
	void MS (*routine)(struct kdpc *dpc, void *context, void *argument1, void *argument2);
	void *context;
	void *argument1;
	void *argument2;
	void *queued;		/* NULL while it is in no queue */
};

static_assert(sizeof(struct kdpc) == 0x40);

struct running_timer;

struct ktimer {
	struct kevent header;
	u64 due;
	struct running_timer *running;
	void *pad;
	struct kdpc *dpc;
	u32 processor;
	u32 period;	/* in ms */
};

static_assert(sizeof(struct ktimer) == 0x40);

void MS KeInitializeDpc(struct kdpc *dpc, void *routine, void *context);
BOOLEAN MS KeRemoveQueueDpc(struct kdpc *dpc);
void MS KeFlushQueuedDpcs(void);
void MS KeInitializeTimerEx(struct ktimer *timer, u32 type);
BOOLEAN MS KeSetTimerEx(struct ktimer *timer, s64 due, s32 period, struct kdpc *dpc);
BOOLEAN MS KeCancelTimer(struct ktimer *timer);

#endif
