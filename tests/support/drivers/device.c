/* SPDX-License-Identifier: Apache-2.0
 *
 * What the I/O manager gives a driver with the requests of a program: its own names, file objects and what it keeps
 * in them, buffers by MDL, the end of an opening. DEED says what a dispatch routine does that it must not.
 */
#include "lab.h"

#ifndef DEED
#define DEED 0
#endif
#define DEED_IS(name) (DEED == name)
enum {
    RIGHT,
    RETURN_ANOTHER_STATUS,
    RETURN_WITHOUT_COMPLETING,
    MARK_AND_RETURN_SUCCESS,
    RETURN_PENDING_UNMARKED,
};

#define BUFFERED 0x222000
#define IN_DIRECT 0x222001
#define OUT_DIRECT 0x222002
#define HOLD_THE_FILE 0x222004

static UNICODE_STRING device_name = RTL_CONSTANT_STRING(L"\\Device\\device");
static UNICODE_STRING link_name = RTL_CONSTANT_STRING(L"\\DosDevices\\device");
static PFILE_OBJECT opened;
static PIO_WORKITEM item;
static BOOLEAN held, let_go;
static KEVENT cleaned, closed; /* the file that was held */
static LONG files;             /* that are open */

static NTSTATUS complete(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS NTAPI create(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);

    opened = stack->FileObject;
    check(opened->Type == IO_TYPE_FILE && opened->DeviceObject == device && !opened->FsContext,
          "file-object");
    check(irp->RequestorMode == UserMode && stack->Parameters.Create.Options >> 24 == FILE_OPEN, "create");
    opened->FsContext = ExAllocatePoolWithTag(NonPagedPoolNx, SOME, 'tseT');
    files++;
    return complete(irp, STATUS_SUCCESS, 0);
}

static VOID NTAPI let_file_go(PDEVICE_OBJECT device, PVOID file)
{
    (void)device;
    KeWaitForSingleObject(&cleaned, Executive, KernelMode, FALSE, NULL);
    let_go = TRUE;
    ObDereferenceObject(file);
    IoFreeWorkItem(item);
}

/* What is behind the MDL is the program's second buffer: all zeros. */
static ULONG_PTR answer_directly(PIRP irp, const IO_STACK_LOCATION *stack)
{
    ULONG size = stack->Parameters.DeviceIoControl.OutputBufferLength;
    UCHAR *input = irp->AssociatedIrp.SystemBuffer, *mapped;

    check(irp->MdlAddress && MmGetMdlByteCount(irp->MdlAddress) == size, "mdl");
    mapped = MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority);
    check(mapped && mapped != input && !mapped[0] && !mapped[size - 1], "mdl-is-the-second-buffer");
    memset(mapped, input[0] + 1, size);
    return size;
}

static ULONG_PTR answer(PDEVICE_OBJECT device, PIRP irp, const IO_STACK_LOCATION *stack)
{
    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case IN_DIRECT:
    case OUT_DIRECT:
        return answer_directly(irp, stack);
    case HOLD_THE_FILE:
        held = TRUE;
        ObReferenceObject(stack->FileObject);
        item = IoAllocateWorkItem(device);
        IoQueueWorkItem(item, let_file_go, DelayedWorkQueue, stack->FileObject);
        return 0;
    default:
        check(!irp->MdlAddress, "buffered-has-no-mdl");
        return 0;
    }
}

static NTSTATUS misbehave(PIRP irp)
{
    if (DEED_IS(RETURN_ANOTHER_STATUS))
        complete(irp, STATUS_UNSUCCESSFUL, 0);
    if (DEED_IS(MARK_AND_RETURN_SUCCESS)) {
        IoMarkIrpPending(irp);
        complete(irp, STATUS_SUCCESS, 0);
    }
    return DEED_IS(RETURN_PENDING_UNMARKED) ? STATUS_PENDING : STATUS_SUCCESS;
}

static NTSTATUS NTAPI control(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);

    if (!DEED_IS(RIGHT))
        return misbehave(irp);
    check(irp->RequestorMode == UserMode && stack->FileObject == opened && opened->FsContext, "control");
    return complete(irp, STATUS_SUCCESS, answer(device, irp, stack));
}

static NTSTATUS NTAPI cleanup(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    check(IoGetCurrentIrpStackLocation(irp)->FileObject == opened && irp->RequestorMode == KernelMode,
          "cleanup");
    if (held)
        KeSetEvent(&cleaned, 0, FALSE);
    return complete(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI close(PDEVICE_OBJECT device, PIRP irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;

    (void)device;
    check(file == opened && files-- == 1, "one-close-of-each-file");
    if (held) {
        check(KeReadStateEvent(&cleaned) && let_go, "no-close-before-cleanup-and-the-last-reference");
        KeSetEvent(&closed, 0, FALSE);
    }
    ExFreePoolWithTag(file->FsContext, 'tseT');
    return complete(irp, STATUS_SUCCESS, 0);
}

static VOID NTAPI unload(PDRIVER_OBJECT driver)
{
    if (DEED_IS(RIGHT))
        KeWaitForSingleObject(&closed, Executive, KernelMode, FALSE, NULL);
    IoDeleteSymbolicLink(&link_name);
    IoDeleteDevice(driver->DeviceObject);
    DbgPrintEx(0, 0, "%s: end\n", suite);
}

static VOID names(VOID)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Driver\\device");
    UNICODE_STRING service = RTL_CONSTANT_STRING(L"device");
    UNICODE_STRING key =
        RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\device");

    check(RtlEqualUnicodeString(&own->DriverName, &name, TRUE), "driver-name");
    check(own->DriverExtension->DriverObject == own &&
              RtlEqualUnicodeString(&own->DriverExtension->ServiceKeyName, &service, TRUE),
          "driver-extension");
    check(RtlEqualUnicodeString(own_key, &key, TRUE), "registry-path");
    check(own->HardwareDatabase && own->HardwareDatabase->Length, "hardware-database");
}

static VOID run(VOID)
{
    PDEVICE_OBJECT device;

    suite = "device";
    KeInitializeEvent(&cleaned, NotificationEvent, FALSE);
    KeInitializeEvent(&closed, NotificationEvent, FALSE);
    names();
    IoCreateDevice(own, 0, &device_name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    IoCreateSymbolicLink(&link_name, &device_name);
    own->MajorFunction[IRP_MJ_CREATE] = create;
    own->MajorFunction[IRP_MJ_CLEANUP] = cleanup;
    own->MajorFunction[IRP_MJ_CLOSE] = close;
    own->MajorFunction[IRP_MJ_DEVICE_CONTROL] = control;
    own->DriverUnload = unload;
}
