// SPDX-License-Identifier: GPL-2.0-only
/* Spin locks and fast mutexes. A KSPIN_LOCK is 0, or the number of the processor that holds it, from 1. */
#include <linux/sched.h>

#include "ntlab_internal.h"

static void MS KeInitializeSpinLock(u64 *lock)
{
	*lock = 0;
}

static bool try_acquire(u64 *lock, u64 *holder)
{
	*holder = cmpxchg_acquire(lock, 0, raw_smp_processor_id() + 1);
	return !*holder;
}

/* Who holds one stays on its processor: to ask for it there once more is to wait for ever. */
static void acquire(u64 *lock)
{
	u64 holder;

	while (!try_acquire(lock, &holder)) {
		if (holder == raw_smp_processor_id() + 1)
			bugcheck(SPIN_LOCK_ALREADY_OWNED, lock, 0, 0, 0);
		cpu_relax();
	}
}

static void release(u64 *lock)
{
	if (!xchg(lock, 0))
		bugcheck(SPIN_LOCK_NOT_OWNED, lock, 0, 0, 0);
}

static KIRQL MS KeAcquireSpinLockRaiseToDpc(u64 *lock)
{
	KIRQL old = KeRaiseIrqlToDpcLevel();

	acquire(lock);
	return old;
}

static void MS KeReleaseSpinLock(u64 *lock, KIRQL level)
{
	release(lock);
	KeLowerIrql(level);
}

static void require_dispatch(const void *lock)
{
	if (KeGetCurrentIrql() < DISPATCH_LEVEL)
		bugcheck(IRQL_NOT_GREATER_OR_EQUAL, lock, KeGetCurrentIrql(), DISPATCH_LEVEL, 0);
}

static void MS KeAcquireSpinLockAtDpcLevel(u64 *lock)
{
	require_dispatch(lock);
	acquire(lock);
}

static void MS KeReleaseSpinLockFromDpcLevel(u64 *lock)
{
	release(lock);
}

static BOOLEAN MS KeTryToAcquireSpinLockAtDpcLevel(u64 *lock)
{
	u64 holder;

	require_dispatch(lock);
	return try_acquire(lock, &holder);
}

/* KLOCK_QUEUE_HANDLE: a link, the lock, the level to go back to. */
struct queue_handle {
	void *next;
	u64 *lock;
	KIRQL old;
};

static void MS KeAcquireInStackQueuedSpinLock(u64 *lock, struct queue_handle *handle)
{
	handle->lock = lock;
	handle->old = KeAcquireSpinLockRaiseToDpc(lock);
}

static void MS KeReleaseInStackQueuedSpinLock(struct queue_handle *handle)
{
	KeReleaseSpinLock(handle->lock, handle->old);
}

static void MS KeAcquireInStackQueuedSpinLockAtDpcLevel(u64 *lock, struct queue_handle *handle)
{
	handle->lock = lock;
	KeAcquireSpinLockAtDpcLevel(lock);
}

static void MS KeReleaseInStackQueuedSpinLockFromDpcLevel(struct queue_handle *handle)
{
	release(handle->lock);
}

/* ---- Fast and guarded mutexes ---- */

struct fast_mutex {
	s32 count;		/* 1 is free, less than 0 has waiters */
	s32 pad;
	void *owner;
	u32 contention;
	u32 pad2;
	struct kevent event;
	u32 old_irql;
};

static_assert(offsetof(struct fast_mutex, event) == 24 && offsetof(struct fast_mutex, old_irql) == 48);

static void MS KeInitializeGuardedMutex(struct fast_mutex *mutex)
{
	memset(mutex, 0, sizeof(*mutex));
	mutex->count = 1;
	KeInitializeEvent(&mutex->event, DISPATCHER_SYNCHRONIZATION_EVENT, false);
}

static void MS ExAcquireFastMutex(struct fast_mutex *mutex)
{
	KIRQL old = KfRaiseIrql(APC_LEVEL);

	if (mutex->owner == current)
		bugcheck(DRIVER_VERIFIER_DETECTED_VIOLATION, 0x1001, mutex, current, 0);
	if (atomic_fetch_dec((atomic_t *)&mutex->count) != 1)
		KeWaitForSingleObject(&mutex->event, 0, 0, false, NULL);
	mutex->owner = current;
	mutex->old_irql = old;
}

static BOOLEAN MS ExTryToAcquireFastMutex(struct fast_mutex *mutex)
{
	KIRQL old = KfRaiseIrql(APC_LEVEL);

	if (cmpxchg(&mutex->count, 1, 0) != 1) {
		KeLowerIrql(old);
		return false;
	}
	mutex->owner = current;
	mutex->old_irql = old;
	return true;
}

static void MS ExReleaseFastMutex(struct fast_mutex *mutex)
{
	KIRQL old = mutex->old_irql;

	if (mutex->owner != current)
		bugcheck(MUTEX_NOT_OWNED, mutex, mutex->owner, current, 0);
	mutex->owner = NULL;
	if (atomic_fetch_inc((atomic_t *)&mutex->count) != 0)
		KeSetEvent(&mutex->event, 0, false);
	KeLowerIrql(old);
}

/* For who is at APC_LEVEL, or in a critical region, already. */
static void MS ExAcquireFastMutexUnsafe(struct fast_mutex *mutex)
{
	ExAcquireFastMutex(mutex);
	KeLowerIrql(mutex->old_irql);
}

const struct nt_export lock_exports[] = {
	NT_EXPORT(KeInitializeSpinLock),
	NT_EXPORT(KeAcquireSpinLockRaiseToDpc),
	NT_EXPORT(KeReleaseSpinLock),
	NT_EXPORT(KeAcquireSpinLockAtDpcLevel),
	NT_EXPORT(KeReleaseSpinLockFromDpcLevel),
	NT_EXPORT(KeTryToAcquireSpinLockAtDpcLevel),
	NT_EXPORT(KeAcquireInStackQueuedSpinLock),
	NT_EXPORT(KeReleaseInStackQueuedSpinLock),
	NT_EXPORT(KeAcquireInStackQueuedSpinLockAtDpcLevel),
	NT_EXPORT(KeReleaseInStackQueuedSpinLockFromDpcLevel),
	NT_EXPORT(KeInitializeGuardedMutex),
	NT_EXPORT_AS("KeAcquireGuardedMutex", ExAcquireFastMutex),
	NT_EXPORT_AS("KeReleaseGuardedMutex", ExReleaseFastMutex),
	NT_EXPORT(ExAcquireFastMutex),
	NT_EXPORT(ExTryToAcquireFastMutex),
	NT_EXPORT(ExReleaseFastMutex),
	NT_EXPORT(ExAcquireFastMutexUnsafe),
	NT_EXPORT_AS("ExReleaseFastMutexUnsafe", ExReleaseFastMutex),
	NT_EXPORT_AS("KeTryToAcquireGuardedMutex", ExTryToAcquireFastMutex),
	NT_EXPORT_AS("KeAcquireGuardedMutexUnsafe", ExAcquireFastMutexUnsafe),
	NT_EXPORT_AS("KeReleaseGuardedMutexUnsafe", ExReleaseFastMutex),
	{}
};
