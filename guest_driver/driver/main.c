/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver and device: one device object, three device controls.
 */
#include "wsktest.h"

#define DEVICE_NAME L"\\Device\\WskTest"
#define LINK_NAME L"\\DosDevices\\WskTest"

static PDEVICE_OBJECT device;

/* Full access for SYSTEM and Administrators, none for anybody else:
 * O:BAG:SYD:P(A;;GA;;;SY)(A;;GA;;;BA), as a self-relative security descriptor. */
static const UCHAR admins_only[] = {
    1, 0, 0x04, 0x90,                   /* revision, SE_DACL_PRESENT|PROTECTED|SELF_RELATIVE */
    20, 0, 0, 0, 36, 0, 0, 0,           /* owner, group */
    0, 0, 0, 0, 48, 0, 0, 0,            /* no SACL, DACL */
    1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0, /* S-1-5-32-544 */
    1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0,                /* S-1-5-18 */
    2, 0, 52, 0, 2, 0, 0, 0,                            /* ACL: 52 bytes, 2 entries */
    0, 0, 20, 0, 0xff, 0x01, 0x1f, 0x00, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0,
    0, 0, 24, 0, 0xff, 0x01, 0x1f, 0x00, 1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0,
};

static NTSTATUS finish(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS NTAPI open_or_close(PDEVICE_OBJECT object, PIRP irp)
{
    (void)object;
    return finish(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS clock(VOID *buffer, ULONG output_size, ULONG *written)
{
    struct wsktest_clock *answer = buffer;
    LARGE_INTEGER frequency;

    if (output_size < sizeof(*answer))
        return STATUS_BUFFER_TOO_SMALL;
    answer->qpc = (ULONG64)KeQueryPerformanceCounter(&frequency).QuadPart;
    answer->qpc_frequency = (ULONG64)frequency.QuadPart;
    *written = sizeof(*answer);
    return STATUS_SUCCESS;
}

static NTSTATUS info(VOID *buffer, ULONG output_size, ULONG *written)
{
    struct wsktest_info *answer = buffer;
    RTL_OSVERSIONINFOW os;

    if (output_size < sizeof(*answer))
        return STATUS_BUFFER_TOO_SMALL;
    memset(answer, 0, sizeof(*answer));
    memset(&os, 0, sizeof(os));
    os.dwOSVersionInfoSize = sizeof(os);
    RtlGetVersion(&os);
    answer->abi_version = WSKTEST_ABI_VERSION;
    answer->wsk_version = provider()->npi.Dispatch->Version;
    answer->os_major = os.dwMajorVersion;
    answer->os_minor = os.dwMinorVersion;
    answer->os_build = os.dwBuildNumber;
    answer->processors = KeQueryActiveProcessorCount(NULL);
    answer->leaked_runs = run_leaked();
    *written = sizeof(*answer);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI device_control(PDEVICE_OBJECT object, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    VOID *buffer = irp->AssociatedIrp.SystemBuffer;
    ULONG input_size = stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG output_size = stack->Parameters.DeviceIoControl.OutputBufferLength;
    ULONG written = 0;
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;

    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case WSKTEST_IOCTL_RUN:
        status = run_scenario(buffer, input_size, output_size, &written);
        break;
    case WSKTEST_IOCTL_CLOCK:
        status = clock(buffer, output_size, &written);
        break;
    case WSKTEST_IOCTL_INFO:
        status = info(buffer, output_size, &written);
        break;
    }
    /* A leaked run's IRPs may still call our completion routine: our code must stay. */
    if (run_leaked())
        object->DriverObject->DriverUnload = NULL;
    return finish(irp, status, written);
}

static NTSTATUS restrict_access(VOID)
{
    HANDLE handle;
    NTSTATUS status = ObOpenObjectByPointer(device, OBJ_KERNEL_HANDLE, NULL, WRITE_DAC | WRITE_OWNER, NULL,
                                            KernelMode, &handle);

    if (!NT_SUCCESS(status))
        return status;
    status = ZwSetSecurityObject(handle,
                                 OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION |
                                     DACL_SECURITY_INFORMATION,
                                 (PSECURITY_DESCRIPTOR)admins_only);
    ZwClose(handle);
    return status;
}

static NTSTATUS create_device(PDRIVER_OBJECT driver)
{
    UNICODE_STRING name;
    UNICODE_STRING link;
    NTSTATUS status;

    RtlInitUnicodeString(&name, DEVICE_NAME);
    RtlInitUnicodeString(&link, LINK_NAME);
    status = IoCreateDevice(driver, 0, &name, FILE_DEVICE_NETWORK, FILE_DEVICE_SECURE_OPEN, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    status = restrict_access();
    if (NT_SUCCESS(status))
        status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status))
        IoDeleteDevice(device);
    return status;
}

static VOID NTAPI unload(PDRIVER_OBJECT driver)
{
    UNICODE_STRING link;

    (void)driver;
    RtlInitUnicodeString(&link, LINK_NAME);
    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(device);
    provider_stop();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    NTSTATUS status;

    (void)registry_path;
    irql_init();
    status = provider_start();
    if (!NT_SUCCESS(status))
        return status;
    status = create_device(driver);
    if (!NT_SUCCESS(status)) {
        provider_stop();
        return status;
    }
    driver->MajorFunction[IRP_MJ_CREATE] = open_or_close;
    driver->MajorFunction[IRP_MJ_CLOSE] = open_or_close;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = device_control;
    driver->DriverUnload = unload;
    return STATUS_SUCCESS;
}
