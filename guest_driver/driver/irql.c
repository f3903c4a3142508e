/* SPDX-License-Identifier: Apache-2.0
 *
 * IRQL as the running kernel wants it handled. Where ntoskrnl exports the
 * functions they are used, because a kernel may do more than move CR8; where
 * it does not (on x64 the WDK inlines them), CR8 is the IRQL.
 */
#include "wsktest.h"

typedef KIRQL (NTAPI *get_irql)(VOID);
typedef KIRQL (NTAPI *raise_irql)(KIRQL);
typedef VOID (NTAPI *lower_irql)(KIRQL);

static get_irql exported_get;
static raise_irql exported_raise;
static lower_irql exported_lower;

static PVOID find(PCWSTR name)
{
    UNICODE_STRING string;

    RtlInitUnicodeString(&string, name);
    return MmGetSystemRoutineAddress(&string);
}

static KIRQL read_cr8(VOID)
{
    ULONG64 value;

    __asm__ volatile("mov %%cr8, %0" : "=r"(value));
    return (KIRQL)value;
}

static VOID write_cr8(KIRQL level)
{
    ULONG64 value = level;

    __asm__ volatile("mov %0, %%cr8" : : "r"(value) : "memory");
}

VOID irql_init(VOID)
{
    exported_get = (get_irql)find(L"KeGetCurrentIrql");
    exported_raise = (raise_irql)find(L"KfRaiseIrql");
    exported_lower = (lower_irql)find(L"KeLowerIrql");
    if (!exported_get || !exported_raise || !exported_lower)
        exported_get = NULL; /* all or none: they belong together */
}

KIRQL irql_current(VOID)
{
    return exported_get ? exported_get() : read_cr8();
}

KIRQL irql_raise(KIRQL level)
{
    KIRQL old;

    if (exported_get)
        return exported_raise(level);
    old = read_cr8();
    write_cr8(level);
    return old;
}

VOID irql_lower(KIRQL level)
{
    if (exported_get)
        exported_lower(level);
    else
        write_cr8(level);
}

KIRQL irql_lock(PKSPIN_LOCK lock)
{
    KIRQL before = irql_raise(DISPATCH_LEVEL);

    KeAcquireSpinLockAtDpcLevel(lock);
    return before;
}

VOID irql_unlock(PKSPIN_LOCK lock, KIRQL before)
{
    KeReleaseSpinLockFromDpcLevel(lock);
    irql_lower(before);
}
