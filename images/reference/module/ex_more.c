// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions that drivers raise, what they probe, things to be done once, comparing memory. */
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

#include "ntlab_internal.h"

#define STATUS_ACCESS_VIOLATION 0xc0000005u
#define STATUS_DATATYPE_MISALIGNMENT 0x80000002u

/* Nobody handles an exception here. */
static void __noreturn raise(u32 status, const void *caller)
{
	if (KeGetCurrentIrql() >= DISPATCH_LEVEL)
		bugcheck(KMODE_EXCEPTION_NOT_HANDLED, (s32)status, caller, 0, 0);
	if (driver_in_system_thread())
		bugcheck(SYSTEM_THREAD_EXCEPTION_NOT_HANDLED, (s32)status, caller, 0, 0);
	bugcheck(SYSTEM_SERVICE_EXCEPTION, status, caller, 0, 0);
}

static void __noreturn MS ExRaiseStatus(u32 status)
{
	raise(status, __builtin_return_address(0));
}

static void __noreturn MS ExRaiseAccessViolation(void)
{
	raise(STATUS_ACCESS_VIOLATION, __builtin_return_address(0));
}

static void __noreturn MS ExRaiseDatatypeMisalignment(void)
{
	raise(STATUS_DATATYPE_MISALIGNMENT, __builtin_return_address(0));
}

static void probe(const void *address, size_t length, u32 alignment, const void *caller)
{
	u64 first = (u64)address;

	if (!length)
		return;
	if (alignment && first & (alignment - 1))
		raise(STATUS_DATATYPE_MISALIGNMENT, caller);
	if (first + length < first || first + length > TASK_SIZE_MAX)
		raise(STATUS_ACCESS_VIOLATION, caller);
}

static void MS ProbeForRead(const void *address, size_t length, u32 alignment)
{
	probe(address, length, alignment, __builtin_return_address(0));
}

static void MS ProbeForWrite(void *address, size_t length, u32 alignment)
{
	probe(address, length, alignment, __builtin_return_address(0));
}

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

const struct nt_export ex_more_exports[] = {
	NT_EXPORT(ExRaiseStatus),
	NT_EXPORT(ExRaiseAccessViolation),
	NT_EXPORT(ExRaiseDatatypeMisalignment),
	NT_EXPORT(ProbeForRead),
	NT_EXPORT(ProbeForWrite),
	NT_EXPORT(RtlRunOnceInitialize),
	NT_EXPORT(RtlRunOnceBeginInitialize),
	NT_EXPORT(RtlRunOnceComplete),
	NT_EXPORT(RtlRunOnceExecuteOnce),
	NT_EXPORT(RtlCompareMemory),
	{}
};
