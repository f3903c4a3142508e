// SPDX-License-Identifier: GPL-2.0-only
/* Things to be done once, comparing memory. */
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

#include "ntlab_internal.h"

/* ---- RTL_RUN_ONCE: 0, then 1 while somebody is at it, then the context with 2 ---- */

#define ONCE_RUNNING 1ull
#define ONCE_DONE 2ull
#define RTL_RUN_ONCE_CHECK_ONLY 1
#define RTL_RUN_ONCE_ASYNC 2
#define RTL_RUN_ONCE_INIT_FAILED 4

typedef u32 MS (*once_routine)(u64 *once, void *parameter, void **context);

static void MS RtlRunOnceInitialize(u64 *once)
{
	WRITE_ONCE(*once, 0);
}

static bool once_done(u64 *once, void **context)
{
	u64 state = smp_load_acquire(once);

	if (!(state & ONCE_DONE))
		return false;
	if (context)
		*context = (void *)(state & ~3ull);
	return true;
}

static NTSTATUS MS RtlRunOnceBeginInitialize(u64 *once, u32 flags, void **context)
{
	for (;;) {
		if (once_done(once, context))
			return STATUS_SUCCESS;
		if (flags & RTL_RUN_ONCE_CHECK_ONLY)
			return STATUS_UNSUCCESSFUL;
		if (flags & RTL_RUN_ONCE_ASYNC || !cmpxchg(once, 0, ONCE_RUNNING))
			return STATUS_PENDING;
		wait_var_event(once, READ_ONCE(*once) != ONCE_RUNNING);
	}
}

static NTSTATUS MS RtlRunOnceComplete(u64 *once, u32 flags, void *context)
{
	u64 from = flags & RTL_RUN_ONCE_ASYNC ? 0 : ONCE_RUNNING;
	u64 to = flags & RTL_RUN_ONCE_INIT_FAILED ? 0 : (u64)context | ONCE_DONE;
	NTSTATUS status = cmpxchg(once, from, to) == from ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;

	wake_up_var(once);
	return status;
}

static NTSTATUS MS RtlRunOnceExecuteOnce(u64 *once, once_routine routine, void *parameter, void **context)
{
	NTSTATUS status = RtlRunOnceBeginInitialize(once, 0, context);
	void *made = NULL;

	if (status != STATUS_PENDING)
		return status;
	if (!routine(once, parameter, &made)) {
		RtlRunOnceComplete(once, RTL_RUN_ONCE_INIT_FAILED, NULL);
		return STATUS_UNSUCCESSFUL;
	}
	if (context)
		*context = made;
	return RtlRunOnceComplete(once, 0, made);
}

/* How many bytes are the same from the first on. */
static size_t MS RtlCompareMemory(const u8 *a, const u8 *b, size_t size)
{
	size_t same = 0;

	while (same < size && a[same] == b[same])
		same++;
	return same;
}

GUARD(RtlCompareMemory);

const struct nt_export ex_more_exports[] = {
	NT_EXPORT(RtlRunOnceInitialize),
	NT_EXPORT(RtlRunOnceBeginInitialize),
	NT_EXPORT(RtlRunOnceComplete),
	NT_EXPORT(RtlRunOnceExecuteOnce),
	NT_GUARDED("RtlCompareMemory", RtlCompareMemory),
	{}
};
