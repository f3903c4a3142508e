/* SPDX-License-Identifier: Apache-2.0
 *
 * Sections and their views, and IRPs that the I/O manager makes for a driver.
 */
#include "lab.h"

#define BYTES 0x3000
#define CODE(method) CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, method, FILE_ANY_ACCESS)
#define CURRENT_PROCESS ((HANDLE)(LONG_PTR) - 1)

/* ---- Sections ---- */

static OBJECT_ATTRIBUTES named(PUNICODE_STRING name)
{
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, name, OBJ_KERNEL_HANDLE, NULL, NULL);
    return attributes;
}

static UCHAR *view_of(HANDLE section, LONGLONG from, SIZE_T *size, ULONG protection)
{
    LARGE_INTEGER offset = {.QuadPart = from};
    PVOID base = NULL;

    return NT_SUCCESS(ZwMapViewOfSection(section, CURRENT_PROCESS, &base, 0, 0, &offset, size, ViewUnmap, 0,
                                         protection))
               ? base
               : NULL;
}

static VOID memory(VOID)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\BaseNamedObjects\\Ours");
    OBJECT_ATTRIBUTES attributes = named(&name);
    LARGE_INTEGER size = {.QuadPart = BYTES};
    SIZE_T whole = 0, part = 0x1000, beyond = BYTES + 1, all = 0;
    HANDLE section, again = NULL, other;
    UCHAR *one, *two, *three;
    PVOID object = NULL;

    check(ZwCreateSection(&section, SECTION_ALL_ACCESS, &attributes, &size, PAGE_READWRITE, SEC_COMMIT,
                          NULL) == STATUS_SUCCESS,
          "section");
    check(ZwCreateSection(&other, SECTION_ALL_ACCESS, &attributes, &size, PAGE_READWRITE, SEC_COMMIT, NULL) ==
              STATUS_OBJECT_NAME_COLLISION,
          "name-is-taken");
    check(ZwOpenSection(&again, SECTION_ALL_ACCESS, &attributes) == STATUS_SUCCESS, "opened-by-its-name");
    one = view_of(section, 0, &whole, PAGE_READWRITE);
    two = view_of(again, 0, &part, PAGE_READONLY);
    check(one && two && whole == BYTES && part == 0x1000, "views-of-two-sizes");
    one[5] = 42;
    check(two[5] == 42 && one[6] == 0, "both-show-the-same");
    check(!view_of(section, 0, &beyond, PAGE_READWRITE), "view-beyond-the-end");
    check(ZwUnmapViewOfSection(CURRENT_PROCESS, two) == STATUS_SUCCESS &&
              ZwUnmapViewOfSection(CURRENT_PROCESS, two) == STATUS_NOT_MAPPED_VIEW,
          "unmapped-once");
    check(ObReferenceObjectByHandle(again, SECTION_ALL_ACCESS, NULL, KernelMode, &object, NULL) ==
              STATUS_SUCCESS,
          "section-object");
    ZwClose(again);
    ZwClose(section);
    check(one[5] == 42, "view-outlives-the-handles");
    ZwUnmapViewOfSection(CURRENT_PROCESS, one);
    check(MmMapViewInSystemSpace(object, (PVOID *)&three, &all) == STATUS_SUCCESS && three[5] == 42 &&
              all == BYTES,
          "view-of-the-object");
    MmUnmapViewInSystemSpace(three);
    ObDereferenceObject(object);
    check(ZwOpenSection(&again, SECTION_ALL_ACCESS, &attributes) == STATUS_OBJECT_NAME_NOT_FOUND,
          "gone-with-its-last-reference");
}

static VOID file(VOID)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\??\\C:\\sections.bin");
    OBJECT_ATTRIBUTES attributes = named(&name);
    LARGE_INTEGER start = {.QuadPart = 0};
    IO_STATUS_BLOCK status;
    HANDLE handle, section = NULL, empty;
    SIZE_T size = 0;
    char text[] = "hello";
    UCHAR *view;

    ZwCreateFile(&handle, GENERIC_READ | GENERIC_WRITE, &attributes, &status, NULL, 0, 0, FILE_OVERWRITE_IF,
                 FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
    check(ZwCreateSection(&empty, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READWRITE, SEC_COMMIT, handle) ==
              STATUS_MAPPED_FILE_SIZE_ZERO,
          "section-of-an-empty-file");
    ZwWriteFile(handle, NULL, NULL, NULL, &status, text, 5, &start, NULL);
    check(ZwCreateSection(&section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READWRITE, SEC_COMMIT, handle) ==
              STATUS_SUCCESS,
          "section-of-a-file");
    view = view_of(section, 0, &size, PAGE_READWRITE);
    check(view && !memcmp(view, "hello", 6) && size == 0x1000, "shows-the-file");
    view[0] = 'j';
    ZwUnmapViewOfSection(CURRENT_PROCESS, view);
    ZwClose(section);
    ZwReadFile(handle, NULL, NULL, NULL, &status, text, 5, &start, NULL);
    check(!memcmp(text, "jello", 5), "the-file-has-what-was-written");
    ZwClose(handle);
}

/* ---- IRPs that are made ---- */

static PDEVICE_OBJECT device;
static PIRP pended;

/* The answer is the request's bytes, each one more. */
static NTSTATUS answer(PIRP irp, UCHAR *to, const UCHAR *from, ULONG length)
{
    ULONG i;

    for (i = 0; i < length; i++)
        to[i] = from[i] + 1;
    irp->IoStatus.Information = length;
    return STATUS_SUCCESS;
}

static NTSTATUS serve_control(PIRP irp, PIO_STACK_LOCATION stack)
{
    ULONG length = stack->Parameters.DeviceIoControl.InputBufferLength;

    switch (stack->Parameters.DeviceIoControl.IoControlCode & 3) {
    case METHOD_BUFFERED:
        return answer(irp, irp->AssociatedIrp.SystemBuffer, irp->AssociatedIrp.SystemBuffer, length);
    case METHOD_NEITHER:
        return answer(irp, irp->UserBuffer, stack->Parameters.DeviceIoControl.Type3InputBuffer, length);
    default:
        return answer(irp, MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority),
                      irp->AssociatedIrp.SystemBuffer, length);
    }
}

static NTSTATUS serve(PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);

    if (stack->MajorFunction == IRP_MJ_READ) {
        memset(irp->AssociatedIrp.SystemBuffer, 'r', stack->Parameters.Read.Length);
        irp->IoStatus.Information = stack->Parameters.Read.Length;
        return stack->Parameters.Read.ByteOffset.QuadPart == 9 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
    }
    if (stack->MajorFunction == IRP_MJ_WRITE)
        return *(UCHAR *)irp->AssociatedIrp.SystemBuffer == 'w' ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
    return serve_control(irp, stack);
}

static NTSTATUS NTAPI dispatch(PDEVICE_OBJECT to, PIRP irp)
{
    NTSTATUS status = serve(irp);

    (void)to;
    irp->IoStatus.Status = status;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS NTAPI pend(PDEVICE_OBJECT to, PIRP irp)
{
    (void)to;
    IoMarkIrpPending(irp);
    pended = irp;
    return STATUS_PENDING;
}

static BOOLEAN controls(ULONG method)
{
    UCHAR question[4] = {1, 2, 3, 4}, reply[8] = {0};
    IO_STATUS_BLOCK status = {0};
    KEVENT event;
    PIRP irp;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(CODE(method), device, question, sizeof(question), reply,
                                        sizeof(reply), FALSE, &event, &status);
    return irp && IoCallDriver(device, irp) == STATUS_SUCCESS && KeReadStateEvent(&event) &&
           status.Status == STATUS_SUCCESS && status.Information == 4 && reply[0] == 2 && reply[3] == 5 &&
           reply[4] == 0;
}

static VOID pended_control(VOID)
{
    LARGE_INTEGER soon = {.QuadPart = -10000000};
    IO_STATUS_BLOCK status = {.Status = STATUS_UNSUCCESSFUL};
    KEVENT event;
    PIRP irp;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp =
        IoBuildDeviceIoControlRequest(CODE(METHOD_BUFFERED), device, NULL, 0, NULL, 0, TRUE, &event, &status);
    check(IoCallDriver(device, irp) == STATUS_PENDING && !KeReadStateEvent(&event), "a-control-that-pends");
    pended->IoStatus.Status = STATUS_SUCCESS;
    pended->IoStatus.Information = 0;
    IoCompleteRequest(pended, IO_NO_INCREMENT);
    check(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &soon) == STATUS_SUCCESS &&
              status.Status == STATUS_SUCCESS,
          "its-maker-is-told");
}

static NTSTATUS NTAPI free_irp(PDEVICE_OBJECT of, PIRP irp, PVOID context)
{
    (void)of;
    *(BOOLEAN *)context = TRUE;
    ExFreePool(irp->AssociatedIrp.SystemBuffer);
    IoFreeIrp(irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static VOID transfers(VOID)
{
    LARGE_INTEGER nine = {.QuadPart = 9};
    UCHAR bytes[4] = {0};
    IO_STATUS_BLOCK status = {0};
    BOOLEAN completed = FALSE;
    KEVENT event;
    PIRP irp;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp = IoBuildSynchronousFsdRequest(IRP_MJ_READ, device, bytes, sizeof(bytes), &nine, &event, &status);
    check(IoCallDriver(device, irp) == STATUS_SUCCESS && bytes[3] == 'r' && status.Information == 4,
          "a-read");
    bytes[0] = 'w';
    irp = IoBuildAsynchronousFsdRequest(IRP_MJ_WRITE, device, bytes, sizeof(bytes), &nine, &status);
    IoSetCompletionRoutine(irp, free_irp, &completed, TRUE, TRUE, TRUE);
    check(IoCallDriver(device, irp) == STATUS_SUCCESS && completed, "a-write");
}

static VOID requests(VOID)
{
    own->MajorFunction[IRP_MJ_DEVICE_CONTROL] = dispatch;
    own->MajorFunction[IRP_MJ_READ] = dispatch;
    own->MajorFunction[IRP_MJ_WRITE] = dispatch;
    own->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = pend;
    IoCreateDevice(own, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    device->Flags |= DO_BUFFERED_IO;
    check(controls(METHOD_BUFFERED), "buffered");
    check(controls(METHOD_OUT_DIRECT), "direct");
    check(controls(METHOD_NEITHER), "neither");
    pended_control();
    transfers();
    IoDeleteDevice(device);
}

static VOID run(VOID)
{
    if (!lab_open("sections"))
        return;
    memory();
    file();
    requests();
    lab_close();
}
