/* SPDX-License-Identifier: Apache-2.0
 *
 * A driver whose unload routine takes three seconds, and one (-DQUICK) whose controls must go on meanwhile.
 * The slow one also leaves a work item, which is still at work on its device when the unload routine has returned.
 */
#include "lab.h"

static UNICODE_STRING device_name, link_name;

static NTSTATUS NTAPI control(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

#ifndef QUICK
static PIO_WORKITEM item;

static VOID NTAPI at_work(PDEVICE_OBJECT device, PVOID context)
{
    (void)context;
    pause_ms(500);
    check(device->Type == 3 && device->DriverObject == own, "work-item-has-its-device");
    IoFreeWorkItem(item);
    DbgPrintEx(0, 0, "%s: end\n", suite);
}
#endif

static VOID NTAPI unload(PDRIVER_OBJECT driver)
{
#ifndef QUICK
    pause_ms(3000);
    item = IoAllocateWorkItem(driver->DeviceObject);
    IoQueueWorkItem(item, at_work, DelayedWorkQueue, NULL);
#endif
    IoDeleteSymbolicLink(&link_name);
    IoDeleteDevice(driver->DeviceObject);
}

static VOID run(VOID)
{
    PDEVICE_OBJECT device;

#ifdef QUICK
    suite = "quick";
    RtlInitUnicodeString(&device_name, L"\\Device\\quick");
    RtlInitUnicodeString(&link_name, L"\\DosDevices\\quick");
#else
    suite = "stuck";
    RtlInitUnicodeString(&device_name, L"\\Device\\stuck");
    RtlInitUnicodeString(&link_name, L"\\DosDevices\\stuck");
#endif
    IoCreateDevice(own, 0, &device_name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    IoCreateSymbolicLink(&link_name, &device_name);
    own->MajorFunction[IRP_MJ_CREATE] = control;
    own->MajorFunction[IRP_MJ_CLOSE] = control;
    own->MajorFunction[IRP_MJ_DEVICE_CONTROL] = control;
    own->DriverUnload = unload;
}
