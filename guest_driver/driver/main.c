/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver and device: one device object, three device controls.
 */
#include "../include/wsktest_abi.h"
#include "provider.h"
#include "run.h"

#define DEVICE_NAME L"\\Device\\WskTest"
#define LINK_NAME L"\\DosDevices\\WskTest"

static PDEVICE_OBJECT control_device;

/* Full access for SYSTEM and Administrators, none for anybody else:
 * O:BAG:SYD:P(A;;GA;;;SY)(A;;GA;;;BA), as a self-relative security descriptor. */
/* clang-format off */
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
/* clang-format on */

static NTSTATUS CompleteIrp(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

_Function_class_(DRIVER_DISPATCH)
_IRQL_requires_max_(PASSIVE_LEVEL)
static NTSTATUS NTAPI DispatchCreateClose(PDEVICE_OBJECT object, PIRP irp)
{
    (void)object;
    return CompleteIrp(irp, STATUS_SUCCESS, 0);
}

static NTSTATUS QueryClock(VOID *buffer, ULONG output_size, ULONG *written)
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

static NTSTATUS QueryInfo(VOID *buffer, ULONG output_size, ULONG *written)
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
    answer->wsk_version = ProviderClient()->npi.Dispatch->Version;
    answer->os_major = os.dwMajorVersion;
    answer->os_minor = os.dwMinorVersion;
    answer->os_build = os.dwBuildNumber;
    answer->processors = KeQueryActiveProcessorCount(NULL);
    answer->leaked_runs = RunLeakedCount();
    *written = sizeof(*answer);
    return STATUS_SUCCESS;
}

_Function_class_(DRIVER_DISPATCH)
_IRQL_requires_max_(PASSIVE_LEVEL)
static NTSTATUS NTAPI DispatchDeviceControl(PDEVICE_OBJECT object, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    VOID *buffer = irp->AssociatedIrp.SystemBuffer;
    ULONG input_size = stack->Parameters.DeviceIoControl.InputBufferLength;
    ULONG output_size = stack->Parameters.DeviceIoControl.OutputBufferLength;
    ULONG written = 0;
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;

    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case WSKTEST_IOCTL_RUN:
        status = RunScenario(buffer, input_size, output_size, &written);
        break;
    case WSKTEST_IOCTL_CLOCK:
        status = QueryClock(buffer, output_size, &written);
        break;
    case WSKTEST_IOCTL_INFO:
        status = QueryInfo(buffer, output_size, &written);
        break;
    }
    /* A leaked run's IRPs may still call our completion routine: our code must stay. */
    if (RunLeakedCount())
        object->DriverObject->DriverUnload = NULL;
    return CompleteIrp(irp, status, written);
}

static NTSTATUS RestrictToAdministrators(VOID)
{
    HANDLE handle;
    NTSTATUS status = ObOpenObjectByPointer(control_device, OBJ_KERNEL_HANDLE, NULL, WRITE_DAC | WRITE_OWNER,
                                            NULL, KernelMode, &handle);

    if (!NT_SUCCESS(status))
        return status;
    status = ZwSetSecurityObject(
        handle, OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
        (PSECURITY_DESCRIPTOR)admins_only);
    ZwClose(handle);
    return status;
}

static NTSTATUS CreateControlDevice(PDRIVER_OBJECT driver)
{
    UNICODE_STRING name;
    UNICODE_STRING link;
    NTSTATUS status;

    RtlInitUnicodeString(&name, DEVICE_NAME);
    RtlInitUnicodeString(&link, LINK_NAME);
    status = IoCreateDevice(driver, 0, &name, FILE_DEVICE_NETWORK, FILE_DEVICE_SECURE_OPEN, FALSE,
                            &control_device);
    if (!NT_SUCCESS(status))
        return status;
    status = RestrictToAdministrators();
    if (NT_SUCCESS(status))
        status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status))
        IoDeleteDevice(control_device);
    return status;
}

_Function_class_(DRIVER_UNLOAD)
_IRQL_requires_max_(PASSIVE_LEVEL)
static VOID NTAPI UnloadDriver(PDRIVER_OBJECT driver)
{
    UNICODE_STRING link;

    (void)driver;
    RtlInitUnicodeString(&link, LINK_NAME);
    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(control_device);
    ProviderStop();
}

_Function_class_(DRIVER_INITIALIZE)
_IRQL_requires_max_(PASSIVE_LEVEL)
NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    NTSTATUS status;

    (void)registry_path;
    IrqlInitialize();
    status = ProviderStart();
    if (!NT_SUCCESS(status))
        return status;
    status = CreateControlDevice(driver);
    if (!NT_SUCCESS(status)) {
        ProviderStop();
        return status;
    }
    driver->MajorFunction[IRP_MJ_CREATE] = DispatchCreateClose;
    driver->MajorFunction[IRP_MJ_CLOSE] = DispatchCreateClose;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = DispatchDeviceControl;
    driver->DriverUnload = UnloadDriver;
    return STATUS_SUCCESS;
}
