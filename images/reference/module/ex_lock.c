// SPDX-License-Identifier: GPL-2.0-only
/* Reader-writer spin locks, push locks, and queued spin locks at DISPATCH_LEVEL. */
#include <linux/sched.h>
#include <linux/wait_bit.h>

#include "ntlab_internal.h"

/* EX_SPIN_LOCK: how many readers, or the bit of a writer. */
#define WRITER 0x80000000u

static bool take_shared(u32 *lock)
{
	u32 seen = READ_ONCE(*lock);

	return !(seen & WRITER) && cmpxchg(lock, seen, seen + 1) == seen;
}

static bool take_exclusive(u32 *lock)
{
	return cmpxchg(lock, 0, WRITER) == 0;
}

static void drop_shared(u32 *lock)
{
	u32 before = atomic_fetch_dec((atomic_t *)lock);

	if (!before || before & WRITER)
		bugcheck(SPIN_LOCK_NOT_OWNED, lock, before, 0, 0);
}

static void drop_exclusive(u32 *lock)
{
	if (!(xchg(lock, 0) & WRITER))
		bugcheck(SPIN_LOCK_NOT_OWNED, lock, 0, 0, 0);
}

static void require_dispatch(const void *lock)
{
	if (KeGetCurrentIrql() < DISPATCH_LEVEL)
		bugcheck(IRQL_NOT_GREATER_OR_EQUAL, lock, KeGetCurrentIrql(), DISPATCH_LEVEL, 0);
}

static void MS ExAcquireSpinLockSharedAtDpcLevel(u32 *lock)
{
	require_dispatch(lock);
	while (!take_shared(lock))
		cpu_relax();
}

static void MS ExAcquireSpinLockExclusiveAtDpcLevel(u32 *lock)
{
	require_dispatch(lock);
	while (!take_exclusive(lock))
		cpu_relax();
}

static KIRQL MS ExAcquireSpinLockShared(u32 *lock)
{
	KIRQL old = KeRaiseIrqlToDpcLevel();

	ExAcquireSpinLockSharedAtDpcLevel(lock);
	return old;
}

static KIRQL MS ExAcquireSpinLockExclusive(u32 *lock)
{
	KIRQL old = KeRaiseIrqlToDpcLevel();

	ExAcquireSpinLockExclusiveAtDpcLevel(lock);
	return old;
}

static void MS ExReleaseSpinLockSharedFromDpcLevel(u32 *lock)
{
	drop_shared(lock);
}

static void MS ExReleaseSpinLockExclusiveFromDpcLevel(u32 *lock)
{
	drop_exclusive(lock);
}

static void MS ExReleaseSpinLockShared(u32 *lock, KIRQL old)
{
	drop_shared(lock);
	KeLowerIrql(old);
}

static void MS ExReleaseSpinLockExclusive(u32 *lock, KIRQL old)
{
	drop_exclusive(lock);
	KeLowerIrql(old);
}

static u32 MS ExTryConvertSharedSpinLockExclusive(u32 *lock)
{
	return cmpxchg(lock, 1, WRITER) == 1;
}

/* ---- EX_PUSH_LOCK: the same, for those that may wait ---- */

static void MS ExInitializePushLock(u64 *lock)
{
	*lock = 0;
}

static void MS ExAcquirePushLockSharedEx(u64 *lock, u32 flags)
{
	wait_var_event(lock, take_shared((u32 *)lock));
}

static void MS ExAcquirePushLockExclusiveEx(u64 *lock, u32 flags)
{
	wait_var_event(lock, take_exclusive((u32 *)lock));
}

static void MS ExReleasePushLockSharedEx(u64 *lock, u32 flags)
{
	drop_shared((u32 *)lock);
	wake_up_var(lock);
}

static void MS ExReleasePushLockExclusiveEx(u64 *lock, u32 flags)
{
	drop_exclusive((u32 *)lock);
	wake_up_var(lock);
}

/* Whichever of the two it was. */
static void MS ExReleasePushLockEx(u64 *lock, u32 flags)
{
	if (READ_ONCE(*(u32 *)lock) & WRITER)
		ExReleasePushLockExclusiveEx(lock, flags);
	else
		ExReleasePushLockSharedEx(lock, flags);
}

const struct nt_export ex_lock_exports[] = {
	NT_EXPORT(ExAcquireSpinLockShared),
	NT_EXPORT(ExAcquireSpinLockExclusive),
	NT_EXPORT(ExAcquireSpinLockSharedAtDpcLevel),
	NT_EXPORT(ExAcquireSpinLockExclusiveAtDpcLevel),
	NT_EXPORT(ExReleaseSpinLockShared),
	NT_EXPORT(ExReleaseSpinLockExclusive),
	NT_EXPORT(ExReleaseSpinLockSharedFromDpcLevel),
	NT_EXPORT(ExReleaseSpinLockExclusiveFromDpcLevel),
	NT_EXPORT(ExTryConvertSharedSpinLockExclusive),
	NT_EXPORT(ExInitializePushLock),
	NT_EXPORT(ExAcquirePushLockSharedEx),
	NT_EXPORT(ExAcquirePushLockExclusiveEx),
	NT_EXPORT(ExReleasePushLockSharedEx),
	NT_EXPORT(ExReleasePushLockExclusiveEx),
	NT_EXPORT(ExReleasePushLockEx),
	{}
};
