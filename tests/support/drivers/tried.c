/* SPDX-License-Identifier: Apache-2.0
 *
 * A driver to be tried: sent a SOCKADDR by control 0x222000 of its device Tried, it connects there, sends 100 bytes,
 * disconnects and closes. DEED says what it does wrong.
 */
#include "lab.h"

#define DEED_IS(name) (DEED == name)
enum {
    RIGHT,
    LEAK_POOL,
    LEAK_IRP,
    LEAK_SOCKET,
    HANG_IN_CLOSE,
    BUGCHECK,
    BREAK_A_RULE,
    TOUCH_PAGED_POOL,
};

#define CODE 0x222000
#define BYTES 100

static PDEVICE_OBJECT device;
static UNICODE_STRING device_name = RTL_CONSTANT_STRING(L"\\Device\\Tried");
static UNICODE_STRING link_name = RTL_CONSTANT_STRING(L"\\DosDevices\\Tried");

static KEVENT closed; /* the close has completed */

static VOID misbehave(SOCKET *socket)
{
    OP op;

    (void)socket;
    if (DEED_IS(LEAK_POOL))
        ExAllocatePoolWithTag(NonPagedPoolNx, BYTES, 'kaeL');
    if (DEED_IS(LEAK_IRP))
        IoAllocateIrp(1, FALSE);
    if (DEED_IS(TOUCH_PAGED_POOL)) {
        UCHAR *paged = ExAllocatePoolWithTag(PagedPool, BYTES, 'degP');
        KIRQL old = raise_irql(DISPATCH_LEVEL);

        paged[0] = 1;
        lower_irql(old);
    }
    if (DEED_IS(BUGCHECK)) {
        op_irp(&op);
        IoFreeIrp(op.irp);
        IoFreeIrp(op.irp);
    }
#ifdef IMPORTS_AN_UNKNOWN_NAME
    KePulseEvent(&closed, 0, FALSE);
#endif
}

static NTSTATUS NTAPI close_completed(PDEVICE_OBJECT no_device, PIRP irp, PVOID context)
{
    (void)no_device, (void)irp, (void)context;
    if (!DEED_IS(HANG_IN_CLOSE))
        KeSetEvent(&closed, 0, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static VOID close_and_wait(SOCKET *socket)
{
    PIRP irp = IoAllocateIrp(1, FALSE);

    KeInitializeEvent(&closed, NotificationEvent, FALSE);
    IoSetCompletionRoutine(irp, close_completed, NULL, TRUE, TRUE, TRUE);
    CALL(socket, CLOSE, (SOCKET *, PIRP))(socket, irp);
    if (DEED_IS(HANG_IN_CLOSE))
        return;
    KeWaitForSingleObject(&closed, Executive, KernelMode, FALSE, NULL);
    IoFreeIrp(irp);
}

static NTSTATUS visit(ADDRESS *to)
{
    SOCKET *socket = make_socket(CONNECTION, NULL, NULL, NULL);
    UCHAR *bytes = ExAllocatePoolWithTag(NonPagedPoolNx, BYTES, 'eirT');
    ADDRESS any = {2, 0, {0}};
    NTSTATUS status;
    OP op;

    if (DEED_IS(BREAK_A_RULE))
        any.address[4] = 1; /* sin_zero */
    memset(bytes, 'x', BYTES);
    op_irp(&op);
    op_finish(&op, ((ADDRESS_CALL)socket->slots[BIND])(socket, &any, 0, op.irp));
    op_irp(&op);
    status = op_finish(&op, ((ADDRESS_CALL)socket->slots[C_CONNECT])(socket, to, 0, op.irp));
    if (NT_SUCCESS(status)) {
        send_bytes(socket, bytes, BYTES);
        disconnect(socket, NULL, 0);
    }
    misbehave(socket);
    if (!DEED_IS(LEAK_SOCKET))
        close_and_wait(socket);
    ExFreePoolWithTag(bytes, 'eirT');
    return status;
}

static NTSTATUS NTAPI done(PDEVICE_OBJECT of, PIRP irp)
{
    (void)of;
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI control(PDEVICE_OBJECT of, PIRP irp)
{
    NTSTATUS status = visit(irp->AssociatedIrp.SystemBuffer);

    (void)of;
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static VOID NTAPI unload(PDRIVER_OBJECT driver)
{
    (void)driver;
    if (DEED_IS(HANG_IN_CLOSE))
        KeWaitForSingleObject(&closed, Executive, KernelMode, FALSE, NULL);
    IoDeleteSymbolicLink(&link_name);
    IoDeleteDevice(device);
    lab_close();
}

static VOID run(VOID)
{
    if (!lab_open("tried"))
        return;
    own->DriverUnload = unload;
    own->MajorFunction[IRP_MJ_CREATE] = done;
    own->MajorFunction[IRP_MJ_CLOSE] = done;
    own->MajorFunction[IRP_MJ_DEVICE_CONTROL] = control;
    IoCreateDevice(own, 0, &device_name, FILE_DEVICE_NETWORK, 0, FALSE, &device);
    IoCreateSymbolicLink(&link_name, &device_name);
}
