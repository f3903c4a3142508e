/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that may be paged out, touched where it may and where it may not: TOUCHED says which. The guest must stop
 * in every case but the first.
 */
#include "lab.h"

enum {
    BELOW_DISPATCH,
    POOL_WRITTEN_AT_DISPATCH,
    POOL_WRITTEN_UNDER_A_SPIN_LOCK,
    POOL_READ_IN_DPC,
    POOL_GIVEN_TO_THE_KERNEL,
    LOOKASIDE_ENTRY_WRITTEN,
    CODE_CALLED_AT_DISPATCH,
    CODE_THAT_RAISES,
    DATA_READ_AT_DISPATCH,
    SECTION_UNLOCKED_TOO_EARLY,
    WHOLE_DRIVER,
    ALLOCATED_AT_DISPATCH,
    FREED_AT_DISPATCH,
};

#define IS(name) (TOUCHED == name)
#define BYTES 100

static __attribute__((section("PAGE"), noinline)) ULONG paged_code(ULONG value)
{
    return value + 1;
}

static __attribute__((section("PAGE"), noinline)) VOID paged_code_that_raises(VOID)
{
    lower_irql(raise_irql(DISPATCH_LEVEL));
}

static __attribute__((section("PAGEDATA"))) volatile ULONG paged_data = 7;

static volatile UCHAR *block;
static volatile ULONG result;
static KEVENT done;
static KDPC dpc;

static VOID NTAPI in_dpc(PKDPC of, PVOID context, PVOID one, PVOID two)
{
    (void)of, (void)context, (void)one, (void)two;
    result = block[0];
    KeSetEvent(&done, 0, FALSE);
}

static UCHAR *paged_block(VOID)
{
    FIND(PVOID, ExAllocatePool2, ULONG64, SIZE_T, ULONG);

    return ExAllocatePool2(0x100 /* POOL_FLAG_PAGED */, BYTES, 'degP');
}

static VOID lookaside(VOID)
{
    FIND(VOID, ExInitializePagedLookasideList, PVOID, PVOID, PVOID, ULONG, SIZE_T, ULONG, USHORT);
    FIND(VOID, ExDeletePagedLookasideList, PVOID);
    static PAGED_LOOKASIDE_LIST list;
    UCHAR *entry;
    KIRQL old;

    ExInitializePagedLookasideList(&list, NULL, NULL, 0, BYTES, 'ooLP', 0);
    entry = ExAllocateFromPagedLookasideList(&list);
    entry[0] = 1;
    old = raise_irql(DISPATCH_LEVEL);
    if (IS(LOOKASIDE_ENTRY_WRITTEN))
        entry[0] = 2;
    lower_irql(old);
    check(entry[0] == 1, "lookaside-entry");
    ExFreeToPagedLookasideList(&list, entry);
    ExDeletePagedLookasideList(&list);
}

static VOID pool(VOID)
{
    UCHAR other[4];
    KIRQL old;

    block = paged_block();
    block[0] = 5;
    old = raise_irql(DISPATCH_LEVEL);
    if (IS(POOL_WRITTEN_AT_DISPATCH))
        block[0] = 6;
    if (IS(POOL_GIVEN_TO_THE_KERNEL))
        memcpy(other, (const UCHAR *)block, sizeof(other));
    if (IS(ALLOCATED_AT_DISPATCH))
        ExAllocatePoolWithTag(PagedPool, BYTES, 'degP');
    if (IS(FREED_AT_DISPATCH))
        ExFreePoolWithTag((PVOID)block, 'degP');
    lower_irql(old);
    check(block[0] == 5 && block[BYTES - 1] == 0, "pool-is-back");
}

static VOID locked_pool(VOID)
{
    PMDL mdl = IoAllocateMdl((PVOID)block, BYTES, FALSE, FALSE, NULL);
    KSPIN_LOCK lock = 0;
    KIRQL old;

    MmProbeAndLockPages(mdl, KernelMode, IoReadAccess);
    KeAcquireSpinLock(&lock, &old);
    block[1] = 9;
    KeReleaseSpinLock(&lock, old);
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
    check(block[1] == 9, "locked-pool-stays");
    if (!IS(POOL_WRITTEN_UNDER_A_SPIN_LOCK))
        return;
    KeAcquireSpinLock(&lock, &old);
    block[1] = 10;
    KeReleaseSpinLock(&lock, old);
}

static VOID pool_in_dpc(VOID)
{
    KeInitializeEvent(&done, NotificationEvent, FALSE);
    KeInitializeDpc(&dpc, in_dpc, NULL);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
}

static VOID code(VOID)
{
    PVOID handle;
    KIRQL old;

    check(paged_code(1) == 2, "paged-code");
    handle = MmLockPagableDataSection((PVOID)paged_code);
    if (IS(SECTION_UNLOCKED_TOO_EARLY))
        MmUnlockPagableImageSection(handle);
    old = raise_irql(DISPATCH_LEVEL);
    result = paged_code(2);
    lower_irql(old);
    if (!IS(SECTION_UNLOCKED_TOO_EARLY))
        MmUnlockPagableImageSection(handle);
    check(result == 3, "locked-code-stays");
    if (IS(CODE_THAT_RAISES))
        paged_code_that_raises();
    old = raise_irql(DISPATCH_LEVEL);
    if (IS(CODE_CALLED_AT_DISPATCH))
        result = paged_code(3);
    if (IS(DATA_READ_AT_DISPATCH))
        result = paged_data;
    lower_irql(old);
    check(paged_data == 7, "paged-data");
}

static VOID whole_driver(VOID)
{
    check(MmPageEntireDriver((PVOID)run) == own->DriverStart, "whole-driver");
    if (!IS(WHOLE_DRIVER))
        MmResetDriverPaging((PVOID)run);
    lower_irql(raise_irql(DISPATCH_LEVEL));
}

static VOID run(VOID)
{
    suite = "paged";
    pool();
    locked_pool();
    if (IS(POOL_READ_IN_DPC))
        pool_in_dpc();
    ExFreePoolWithTag((PVOID)block, 'degP');
    lookaside();
    code();
    whole_driver();
    check(found_all, "every-function-is-there");
    DbgPrintEx(0, 0, "%s: end\n", suite);
}
