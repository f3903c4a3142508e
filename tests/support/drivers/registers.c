/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps values in SSE registers, as compiled code does, across waits, calls of WSK, DPCs and
 * completions, with a program (registers_program.c) that does the same with its own. Compiled
 * without SSE, so that nothing but the functions below ever touches a register.
 */
#include "lab.h"

#define THREADS 3

static KTIMER timer;
static KDPC dpc;
static KEVENT stop;
static PVOID threads[THREADS];
static LONG ended, dpcs, controls;
static LONG lost_over_waits, lost_over_wsk, lost_in_controls, bad_alignment;
static UNICODE_STRING device_name, link_name;

/* xmm0 to xmm15 get `seed` and their number. */
static VOID fill(ULONG64 seed)
{
#define FILL(number)                                                                                         \
    "movq %0, %%xmm" #number "\n\tpunpcklqdq %%xmm" #number ", %%xmm" #number "\n\tinc %0\n\t"
    __asm__ volatile(FILL(0) FILL(1) FILL(2) FILL(3) FILL(4) FILL(5) FILL(6) FILL(7) FILL(8) FILL(9) FILL(10)
                         FILL(11) FILL(12) FILL(13) FILL(14) FILL(15)
                     : "+r"(seed));
}

/* How many of xmm6 to xmm15, those that a function gives back as it found them, are not as filled. */
static LONG lost(ULONG64 seed)
{
    ULONG64 found[20];
    LONG count = 0;
    int i;

#define STORE(number) "movdqu %%xmm" #number ", (" #number " - 6) * 16(%0)\n\t"
    __asm__ volatile(STORE(6) STORE(7) STORE(8) STORE(9) STORE(10) STORE(11) STORE(12) STORE(13) STORE(14)
                         STORE(15)
                     :
                     : "r"(found)
                     : "memory");
    for (i = 0; i < 20; i++)
        count += found[i] != seed + 6 + i / 2;
    return count;
}

/* The frame address of a function whose caller aligned the stack. */
static VOID require_alignment(PVOID frame)
{
    if ((ULONG_PTR)frame % 16)
        InterlockedIncrement(&bad_alignment);
}

static VOID NTAPI in_dpc(PKDPC self, PVOID context, PVOID one, PVOID two)
{
    (void)self, (void)context, (void)one, (void)two;
    require_alignment(__builtin_frame_address(0));
    fill(0xdddddddddddd0000 + InterlockedIncrement(&dpcs));
}

static BOOLEAN stopped(LONG ms)
{
    LARGE_INTEGER wait;

    wait.QuadPart = -10000ll * ms;
    return KeWaitForSingleObject(&stop, Executive, KernelMode, FALSE, &wait) == STATUS_SUCCESS;
}

static VOID NTAPI waits(PVOID number)
{
    ULONG64 seed = 0x1000 * ((ULONG_PTR)number + 1);
    BOOLEAN end;

    require_alignment(__builtin_frame_address(0));
    do {
        fill(seed);
        end = stopped(1);
        InterlockedAdd(&lost_over_waits, lost(seed));
        seed += 0x10000;
    } while (!end);
    InterlockedIncrement(&ended);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI talks(PVOID context)
{
    static UCHAR bytes[256];
    ULONG64 seed = 0xabcd0000;
    PAIR pair;

    (void)context;
    while (make_pair(&pair, base, NULL, NULL) && !stopped(0)) {
        fill(seed);
        send_bytes(pair.near, bytes, sizeof(bytes));
        receive_bytes(pair.far, bytes, sizeof(bytes), 0);
        disconnect(pair.near, NULL, 0);
        InterlockedAdd(&lost_over_wsk, lost(seed));
        drop_pair(&pair);
        seed += 0x100;
    }
    drop_pair(&pair);
    InterlockedIncrement(&ended);
}

static NTSTATUS NTAPI control(PDEVICE_OBJECT device, PIRP irp)
{
    ULONG64 seed = 0x77770000 + InterlockedIncrement(&controls);

    (void)device;
    require_alignment(__builtin_frame_address(0));
    fill(seed);
    pause_ms(1);
    InterlockedAdd(&lost_in_controls, lost(seed));
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static VOID NTAPI unload(PDRIVER_OBJECT driver)
{
    int i;

    KeSetEvent(&stop, 0, FALSE);
    for (i = 0; i < THREADS; i++) {
        KeWaitForSingleObject(threads[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(threads[i]);
    }
    KeCancelTimer(&timer);
    KeFlushQueuedDpcs();
    IoDeleteSymbolicLink(&link_name);
    IoDeleteDevice(driver->DeviceObject);
    check(ended == THREADS && dpcs > 100 && controls > 10, "all-took-part");
    check(!lost_over_waits, "kept-over-waits");
    check(!lost_over_wsk, "kept-over-calls-of-wsk");
    check(!lost_in_controls, "kept-in-a-control");
    check(!bad_alignment, "stack-is-aligned");
    lab_close();
}

static VOID start(int number, PKSTART_ROUTINE routine)
{
    HANDLE handle;

    PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, routine, (PVOID)(ULONG_PTR)number);
    ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, NULL, KernelMode, &threads[number], NULL);
    ZwClose(handle);
}

static VOID run(VOID)
{
    LARGE_INTEGER due;
    PDEVICE_OBJECT device;

    lab_open("registers");
    KeInitializeEvent(&stop, NotificationEvent, FALSE);
    RtlInitUnicodeString(&device_name, L"\\Device\\registers");
    RtlInitUnicodeString(&link_name, L"\\DosDevices\\registers");
    IoCreateDevice(own, 0, &device_name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    IoCreateSymbolicLink(&link_name, &device_name);
    own->MajorFunction[IRP_MJ_CREATE] = control;
    own->MajorFunction[IRP_MJ_CLOSE] = control;
    own->MajorFunction[IRP_MJ_DEVICE_CONTROL] = control;
    own->DriverUnload = unload;
    KeInitializeDpc(&dpc, in_dpc, NULL);
    KeInitializeTimer(&timer);
    due.QuadPart = -10000;
    KeSetTimerEx(&timer, due, 1, &dpc);
    start(0, waits);
    start(1, waits);
    start(2, talks);
}
