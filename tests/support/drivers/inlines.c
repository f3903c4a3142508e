/* SPDX-License-Identifier: Apache-2.0
 *
 * What the WDK's headers do without calling the kernel: IRQL by CR8, processor and thread by GS,
 * time and version by KUSER_SHARED_DATA. It must agree with what the kernel's functions say.
 */
#include "lab.h"

#pragma GCC diagnostic ignored "-Warray-bounds" /* what GS leads to is no object of C's */

#define SHARED 0xFFFFF78000000000ull
#define SHARED_INTERRUPT_TIME (*(volatile LONG64 *)(SHARED + 0x8))
#define SHARED_SYSTEM_TIME (*(volatile LONG64 *)(SHARED + 0x14))
#define SHARED_MAJOR_VERSION (*(volatile ULONG *)(SHARED + 0x26c))
#define SHARED_TICK_COUNT (*(volatile LONG64 *)(SHARED + 0x320))
#define SECOND 10000000ll

extern PETHREAD(NTAPI *__imp_PsGetCurrentThread)(VOID);

/* By every register that an instruction can name, one after the other. */
#define OLD(X) X("rax") X("rcx") X("rdx") X("rbx") X("rbp") X("rsi") X("rdi")
#define NEW(X) X("r8") X("r9") X("r10") X("r11") X("r12") X("r13") X("r14") X("r15")
#define RAISE_AND_READ(name)                                                                                 \
    __asm__ volatile("push %%" name "\n\tmov $2, %%" name "\n\tmov %%" name ", %%cr8\n\txor %%" name         \
                     ", %%" name "\n\tmov %%cr8, %%" name "\n\tpush %%" name "\n\tmov $0, %%" name           \
                     "\n\tmov %%" name ", %%cr8\n\tpop %0\n\tpop %%" name                                    \
                     : "=m"(last_read)                                                                       \
                     :                                                                                       \
                     : "memory");                                                                            \
    levels[at++] = last_read;

static ULONG64 last_read; /* not on the stack, which moves meanwhile */
static KDPC dpc;
static volatile LONG dpcs;
static volatile KIRQL in_dpc_level;

static VOID NTAPI in_dpc(PKDPC self, PVOID context, PVOID one, PVOID two)
{
    (void)self, (void)context, (void)one, (void)two;
    in_dpc_level = (KIRQL)__readcr8();
    InterlockedIncrement(&dpcs);
}

static VOID levels(VOID)
{
    KSPIN_LOCK lock = 0;
    KIRQL old;

    check(KeGetCurrentIrql() == PASSIVE_LEVEL && get_irql() == PASSIVE_LEVEL, "passive-both-ways");
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    check(old == PASSIVE_LEVEL && get_irql() == DISPATCH_LEVEL, "raised-inline-is-raised");
    KeLowerIrql(old);
    check(get_irql() == PASSIVE_LEVEL, "lowered-inline-is-lowered");
    old = raise_irql(DISPATCH_LEVEL);
    check(KeGetCurrentIrql() == DISPATCH_LEVEL, "raised-by-call-reads-inline");
    lower_irql(old);
    KeRaiseIrql(APC_LEVEL, &old);
    check(KeGetCurrentIrql() == APC_LEVEL && get_irql() == APC_LEVEL, "apc-level-both-ways");
    KeLowerIrql(old);
    KeAcquireSpinLock(&lock, &old);
    check(__readcr8() == DISPATCH_LEVEL, "spin-lock-reads-inline");
    KeReleaseSpinLock(&lock, old);
    check(__readcr8() == PASSIVE_LEVEL, "spin-lock-released-reads-inline");
}

static VOID every_register(VOID)
{
    ULONG64 levels[16] = {0};
    BOOLEAN good = TRUE;
    int at = 0, i;

    OLD(RAISE_AND_READ)
    NEW(RAISE_AND_READ)
    for (i = 0; i < at; i++)
        good = good && levels[i] == DISPATCH_LEVEL;
    check(good && at == 15, "every-register");
}

/* A DPC of this processor waits until the level is lowered. */
static VOID dpcs_wait(VOID)
{
    KIRQL old;

    KeInitializeDpc(&dpc, in_dpc, NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    KeStallExecutionProcessor(20000);
    check(dpcs == 0, "no-dpc-at-a-level-raised-inline");
    KeLowerIrql(old);
    pause_ms(200);
    check(dpcs == 1 && in_dpc_level == DISPATCH_LEVEL, "dpc-after-lowering-inline");
}

static VOID processor(VOID)
{
    KIRQL old = raise_irql(DISPATCH_LEVEL);
    ULONG number = KeGetCurrentProcessorNumberEx(NULL);
    UCHAR *pcr = (UCHAR *)__readgsqword(0x18);

    check(__readgsdword(0x1a4) == number && __readgsbyte(0x184) == (UCHAR)number, "processor-number");
    check(*(UCHAR **)(pcr + 0x18) == pcr && *(ULONG *)(pcr + 0x1a4) == number, "processor-block");
    check(*(ULONG *)(__readgsqword(0x20) + 0x24) == number, "processor-control-block");
    check((PVOID)__readgsqword(0x188) == (PVOID)__imp_PsGetCurrentThread(), "current-thread");
    lower_irql(old);
}

/* What the import library does not know. */
static PVOID find(PCWSTR name)
{
    UNICODE_STRING string;

    RtlInitUnicodeString(&string, name);
    return MmGetSystemRoutineAddress(&string);
}

static VOID shared_data(VOID)
{
    LONG64 first = SHARED_TICK_COUNT, before = SHARED_INTERRUPT_TIME, now, system, ticks, interrupt;
    VOID(NTAPI * system_time)(PLARGE_INTEGER) = find(L"KeQuerySystemTimePrecise");
    ULONGLONG(NTAPI * interrupt_time)(PULONG64) = find(L"KeQueryInterruptTimePrecise");
    LARGE_INTEGER after;
    ULONG64 counter;
    int i;

    for (i = 0; i < 500 && SHARED_TICK_COUNT < first + 2; i++)
        pause_ms(10);
    check(SHARED_TICK_COUNT >= first + 2, "ticks");
    check(SHARED_INTERRUPT_TIME > before, "interrupt-time-goes-on");
    system = SHARED_SYSTEM_TIME;
    system_time(&after);
    check(system <= after.QuadPart && after.QuadPart - system < 5 * SECOND, "system-time");
    interrupt = SHARED_INTERRUPT_TIME;
    now = (LONG64)interrupt_time(&counter);
    check(interrupt <= now && now - interrupt < 5 * SECOND, "interrupt-time");
    do {
        ticks = SHARED_TICK_COUNT;
        interrupt = SHARED_INTERRUPT_TIME;
    } while (ticks != SHARED_TICK_COUNT);
    now = interrupt - ticks * KeQueryTimeIncrement();
    check(now >= -SECOND / 10 && now <= SECOND / 10, "tick-count-times-increment");
    check(SHARED_MAJOR_VERSION == 10, "version");
    check(MmIsAddressValid((PVOID)SHARED), "shared-data-is-valid");
}

static VOID run(VOID)
{
    lab_open("inlines");
    check(*(USHORT *)own->DriverStart == 0x5a4d, "headers-are-mapped");
    levels();
    every_register();
    dpcs_wait();
    processor();
    shared_data();
    lab_close();
}
