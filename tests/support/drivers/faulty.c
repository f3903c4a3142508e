/* SPDX-License-Identifier: Apache-2.0
 *
 * A driver with one fault that the processor finds, or that nobody does: FAULT says which. Some are met
 * in DriverEntry, some in a control (ntload faulty =0), some in a DPC.
 */
#include "lab.h"

#pragma GCC diagnostic ignored "-Winfinite-recursion" /* it is meant */

enum {
    FAST_FAIL = 1,
    BREAKPOINT_INLINE,
    WRITE_NULL,
    WRITE_NULL_IN_CONTROL,
    WRITE_NULL_AT_DISPATCH,
    COPY_FROM_NULL_AT_DISPATCH,
    READ_NOTHING,
    WRITE_CONSTANT,
    CALL_DATA,
    DIVIDE,
    DIVIDE_IN_DPC,
    ILLEGAL_IN_CONTROL,
    READ_NONCANONICAL,
    ENDLESS_RECURSION,
    LOOP_IN_DPC,
    LOOP_AT_DISPATCH,
    MISALIGNED_SSE,
};

VOID *memcpy(VOID *to, const VOID *from, SIZE_T size);

static UCHAR data[64];
static const ULONG constant = 1;
static UNICODE_STRING device_name, link_name;
static KDPC dpc;
static volatile LONG zero;

static __attribute__((noinline)) LONG recurse(volatile UCHAR *before)
{
    volatile UCHAR room[512];

    room[0] = before ? before[0] : 1;
    return recurse(room) + room[0];
}

static VOID fault(VOID)
{
    switch (FAULT) {
    case FAST_FAIL:
        __asm__ volatile("int $0x29" : : "c"(3));
        break;
    case BREAKPOINT_INLINE:
        __asm__ volatile("int3");
        break;
    case WRITE_NULL_AT_DISPATCH:
        raise_irql(DISPATCH_LEVEL);
        /* fall through */
    case WRITE_NULL:
    case WRITE_NULL_IN_CONTROL:
        __asm__ volatile("movl $1, (%0)" : : "r"((ULONG_PTR)8) : "memory");
        break;
    case COPY_FROM_NULL_AT_DISPATCH:
        raise_irql(DISPATCH_LEVEL);
        memcpy(data, (PVOID)(ULONG_PTR)zero, 8);
        break;
    case READ_NOTHING:
        zero = *(volatile LONG *)0xffffa00000000000ull;
        break;
    case WRITE_CONSTANT:
        *(volatile ULONG *)&constant = 2;
        break;
    case CALL_DATA:
        data[0] = 0xc3;
        ((VOID (*)(VOID))(ULONG_PTR)data)();
        break;
    case DIVIDE:
    case DIVIDE_IN_DPC:
        __asm__ volatile("xor %%edx, %%edx\n\tdivl %0" : : "m"(zero) : "rax", "rdx");
        break;
    case ILLEGAL_IN_CONTROL:
        __asm__ volatile("ud2");
        break;
    case READ_NONCANONICAL:
        zero = *(volatile LONG *)0x8000000000000000ull;
        break;
    case ENDLESS_RECURSION:
        zero = recurse(NULL);
        break;
    case LOOP_AT_DISPATCH:
        raise_irql(DISPATCH_LEVEL);
        /* fall through */
    case LOOP_IN_DPC:
        while (!zero)
            YieldProcessor();
        break;
    case MISALIGNED_SSE:
        __asm__ volatile("movaps (%0), %%xmm0" : : "r"((ULONG_PTR)data | 1));
        break;
    }
}

static VOID NTAPI in_dpc(PKDPC self, PVOID context, PVOID one, PVOID two)
{
    (void)self, (void)context, (void)one, (void)two;
    fault();
}

static NTSTATUS NTAPI control(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    if (IoGetCurrentIrpStackLocation(irp)->MajorFunction == IRP_MJ_DEVICE_CONTROL)
        fault();
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static VOID run(VOID)
{
    PDEVICE_OBJECT device;

    suite = "faulty";
    if (FAULT == WRITE_NULL_IN_CONTROL || FAULT == ILLEGAL_IN_CONTROL) {
        RtlInitUnicodeString(&device_name, L"\\Device\\faulty");
        RtlInitUnicodeString(&link_name, L"\\DosDevices\\faulty");
        IoCreateDevice(own, 0, &device_name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
        IoCreateSymbolicLink(&link_name, &device_name);
        own->MajorFunction[IRP_MJ_CREATE] = control;
        own->MajorFunction[IRP_MJ_DEVICE_CONTROL] = control;
    } else if (FAULT == DIVIDE_IN_DPC || FAULT == LOOP_IN_DPC) {
        KeInitializeDpc(&dpc, in_dpc, NULL);
        KeInsertQueueDpc(&dpc, NULL, NULL);
    } else {
        fault();
    }
}
