/* SPDX-License-Identifier: Apache-2.0
 *
 * IRQL as the running kernel wants it handled. Where ntoskrnl exports the
 * functions they are used, because a kernel may do more than move CR8; where
 * it does not (on x64 the WDK inlines them), CR8 is the IRQL.
 */
#include "platform.h"

typedef KIRQL(NTAPI *GET_IRQL)(VOID);
typedef KIRQL(NTAPI *RAISE_IRQL)(KIRQL);
typedef VOID(NTAPI *LOWER_IRQL)(KIRQL);

static GET_IRQL exported_get;
static RAISE_IRQL exported_raise;
static LOWER_IRQL exported_lower;

static PVOID FindExport(PCWSTR name)
{
    UNICODE_STRING string;

    RtlInitUnicodeString(&string, name);
    return MmGetSystemRoutineAddress(&string);
}

static KIRQL ReadCr8(VOID)
{
    ULONG64 value;

    __asm__ volatile("mov %%cr8, %0" : "=r"(value));
    return (KIRQL)value;
}

static VOID WriteCr8(KIRQL level)
{
    ULONG64 value = level;

    __asm__ volatile("mov %0, %%cr8" : : "r"(value) : "memory");
}

VOID IrqlInitialize(VOID)
{
    exported_get = (GET_IRQL)FindExport(L"KeGetCurrentIrql");
    exported_raise = (RAISE_IRQL)FindExport(L"KfRaiseIrql");
    exported_lower = (LOWER_IRQL)FindExport(L"KeLowerIrql");
    if (!exported_get || !exported_raise || !exported_lower)
        exported_get = NULL; /* all or none: they belong together */
}

KIRQL IrqlCurrent(VOID)
{
    return exported_get ? exported_get() : ReadCr8();
}

KIRQL IrqlRaise(KIRQL level)
{
    KIRQL old;

    if (exported_get)
        return exported_raise(level);
    old = ReadCr8();
    WriteCr8(level);
    return old;
}

VOID IrqlLower(KIRQL level)
{
    if (exported_get)
        exported_lower(level);
    else
        WriteCr8(level);
}

KIRQL IrqlAcquireSpinLock(PKSPIN_LOCK lock)
{
    KIRQL before = IrqlRaise(DISPATCH_LEVEL);

    KeAcquireSpinLockAtDpcLevel(lock);
    return before;
}

VOID IrqlReleaseSpinLock(PKSPIN_LOCK lock, KIRQL before)
{
    KeReleaseSpinLockFromDpcLevel(lock);
    IrqlLower(before);
}
