/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes the guest's processors away, all of them, so that whoever watches the guest has something to notice.
 */
#include "stages.h"

#define MOST_PROCESSORS 64

static KDPC dpcs[MOST_PROCESSORS];

_Function_class_(KDEFERRED_ROUTINE)
static VOID NTAPI LoopForEver(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    (void)dpc, (void)context, (void)one, (void)two;
    for (;;)
        __asm__ volatile("pause");
}

/* Interrupts stay on: what comes through them, as an NMI does, still finds a kernel. */
VOID FreezeProcessors(VOID)
{
    ULONG count = KeQueryActiveProcessorCount(NULL);
    ULONG here;

    IrqlRaise(DISPATCH_LEVEL);
    here = KeGetCurrentProcessorNumberEx(NULL);
    for (ULONG number = 0; number < count && number < MOST_PROCESSORS; number++) {
        if (number == here)
            continue;
        KeInitializeDpc(&dpcs[number], LoopForEver, NULL);
        KeSetTargetProcessorDpc(&dpcs[number], (CCHAR)number);
        KeInsertQueueDpc(&dpcs[number], NULL, NULL);
    }
    LoopForEver(NULL, NULL, NULL, NULL);
}
