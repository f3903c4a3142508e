/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver needs of the kernel: pool, IRQL and spin locks, time.
 */
#ifndef WSKTEST_PLATFORM_H
#define WSKTEST_PLATFORM_H

#include <ntifs.h>

#include "annotations.h"

#define POOL_TAG 'tksW'
#define MILLISECOND 10000LL /* in the 100 ns units of kernel timeouts */

/* pool.c: non-paged pool, zeroed. */
_IRQL_requires_max_(DISPATCH_LEVEL)
_Must_inspect_result_
PVOID PoolAllocate(_In_ SIZE_T size);

_IRQL_requires_max_(DISPATCH_LEVEL)
VOID PoolFree(_In_opt_ PVOID memory);

/* irql.c: IRQL through the kernel's exports, or CR8 where it has none. */
_IRQL_requires_max_(PASSIVE_LEVEL)
VOID IrqlInitialize(VOID);

KIRQL IrqlCurrent(VOID);

_IRQL_raises_(level)
_IRQL_saves_
KIRQL IrqlRaise(_In_ KIRQL level);

VOID IrqlLower(_In_ _IRQL_restores_ KIRQL level);

_IRQL_requires_max_(DISPATCH_LEVEL)
_IRQL_raises_(DISPATCH_LEVEL)
_IRQL_saves_
_Acquires_lock_(*lock)
KIRQL IrqlAcquireSpinLock(_Inout_ PKSPIN_LOCK lock);

_Releases_lock_(*lock)
VOID IrqlReleaseSpinLock(_Inout_ PKSPIN_LOCK lock, _In_ _IRQL_restores_ KIRQL before);

/* clock.c: the performance counter, and two ways to let time pass. */
ULONG64 ClockNow(VOID);

ULONG64 ClockElapsedUs(_In_ ULONG64 begin);

_IRQL_requires_max_(APC_LEVEL)
VOID ClockSleepUs(_In_ ULONG us);

/* Busy: the processor is held. */
VOID ClockStallUs(_In_ ULONG us);

#endif
