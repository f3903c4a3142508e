/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows: the service control manager and NtDeviceIoControlFile, whose result
 * is the driver's own NTSTATUS and not a Win32 error made from it.
 */
#include <process.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>
#include <winternl.h>

#include "platform.h"

#define BAD_IMAGE_HASH 577 /* ERROR_INVALID_IMAGE_HASH, which mingw's winerror.h lacks */
#define STOP_LIMIT_MS 10000
#define STOP_POLL_MS 20

static SRWLOCK output_lock = SRWLOCK_INIT;

static int fail(const char *what)
{
    DWORD error = GetLastError();
    char text[512] = "";

    FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, error, 0, text,
                   sizeof(text), NULL);
    text[strcspn(text, "\r\n")] = '\0';
    fprintf(stderr, "wskctl: %s: error %lu: %s\n", what, error, text);
    return -1;
}

/* Installed again, perhaps from elsewhere: the service that is there gets the new path. */
static SC_HANDLE create_or_change(SC_HANDLE manager, const char *path)
{
    SC_HANDLE service =
        CreateServiceA(manager, SERVICE_NAME, SERVICE_NAME, SERVICE_ALL_ACCESS, SERVICE_KERNEL_DRIVER,
                       SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, path, NULL, NULL, NULL, NULL, NULL);

    if (service || GetLastError() != ERROR_SERVICE_EXISTS)
        return service;
    service = OpenServiceA(manager, SERVICE_NAME, SERVICE_CHANGE_CONFIG);
    if (service && !ChangeServiceConfigA(service, SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START,
                                         SERVICE_ERROR_NORMAL, path, NULL, NULL, NULL, NULL, NULL, NULL)) {
        CloseServiceHandle(service);
        return NULL;
    }
    return service;
}

int platform_install(const char *path)
{
    char absolute[MAX_PATH];
    DWORD length = GetFullPathNameA(path, sizeof(absolute), absolute, NULL);
    SC_HANDLE manager;
    SC_HANDLE service;

    if (!length || length >= sizeof(absolute) || GetFileAttributesA(absolute) == INVALID_FILE_ATTRIBUTES)
        return fail(path);
    manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
    if (!manager)
        return fail("the service manager refuses (run as administrator)");
    service = create_or_change(manager, absolute);
    if (!service)
        fail("the driver service cannot be created");
    else
        CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return service ? 0 : -1;
}

static int with_service(DWORD access, int (*action)(SC_HANDLE))
{
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = manager ? OpenServiceA(manager, SERVICE_NAME, access) : NULL;
    int result = service ? action(service) : fail("the driver service cannot be opened");

    if (service)
        CloseServiceHandle(service);
    if (manager)
        CloseServiceHandle(manager);
    return result;
}

static int start(SC_HANDLE service)
{
    if (StartServiceA(service, 0, NULL))
        return 0;
    return fail(GetLastError() == BAD_IMAGE_HASH
                    ? "the driver cannot be started (test signing is off, or it was changed after signing)"
                    : "the driver cannot be started");
}

static int stop(SC_HANDLE service)
{
    SERVICE_STATUS status;

    if (!ControlService(service, SERVICE_CONTROL_STOP, &status))
        return fail("the driver cannot be stopped (after a hung scenario it stays loaded on purpose)");
    for (DWORD waited = 0; waited < STOP_LIMIT_MS; waited += STOP_POLL_MS) {
        if (QueryServiceStatus(service, &status) && status.dwCurrentState == SERVICE_STOPPED)
            return 0;
        Sleep(STOP_POLL_MS);
    }
    fprintf(stderr, "wskctl: the driver did not stop within %d s (after a hung scenario it stays loaded)\n",
            STOP_LIMIT_MS / 1000);
    return -1;
}

static int delete(SC_HANDLE service)
{
    return DeleteService(service) ? 0 : fail("the driver service cannot be deleted");
}

int platform_start(void)
{
    return with_service(SERVICE_START, start);
}

int platform_stop(void)
{
    return with_service(SERVICE_STOP | SERVICE_QUERY_STATUS, stop);
}

int platform_remove(void)
{
    return with_service(DELETE, delete);
}

/* A handle for each request: a synchronous file object would run them one after the other. */
uint32_t platform_control(uint32_t code, const void *input, uint32_t input_size, void *output,
                          uint32_t output_size, uint32_t *written)
{
    HANDLE device =
        CreateFileA("\\\\.\\" DEVICE_NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    IO_STATUS_BLOCK io = {0};
    NTSTATUS status;

    *written = 0;
    if (device == INVALID_HANDLE_VALUE)
        return 0xc0000034u; /* STATUS_OBJECT_NAME_NOT_FOUND */
    status = NtDeviceIoControlFile(device, NULL, NULL, NULL, &io, code, (void *)input, input_size, output,
                                   output_size);
    CloseHandle(device);
    *written = (uint32_t)io.Information;
    return (uint32_t)status;
}

/* What passes for Windows may be Wine, which says so. */
int platform_info(char *text, size_t size)
{
    typedef const char *(*wine_version)(void);
    wine_version wine = (wine_version)(void *)GetProcAddress(GetModuleHandleA("ntdll"), "wine_get_version");

    return wine ? snprintf(text, size, "host=wine %s\n", wine()) : snprintf(text, size, "host=windows\n");
}

struct start {
    void (*function)(void *);
    void *argument;
};

static unsigned __stdcall enter(void *argument)
{
    struct start start = *(struct start *)argument;

    free(argument);
    start.function(start.argument);
    return 0;
}

int platform_thread(void (*function)(void *), void *argument)
{
    struct start *start = malloc(sizeof(*start));
    uintptr_t thread;

    if (!start)
        return -1;
    *start = (struct start){function, argument};
    thread = _beginthreadex(NULL, 0, enter, start, 0, NULL);
    if (!thread) {
        free(start);
        return -1;
    }
    CloseHandle((HANDLE)thread);
    return 0;
}

void platform_lock(void)
{
    AcquireSRWLockExclusive(&output_lock);
}

void platform_unlock(void)
{
    ReleaseSRWLockExclusive(&output_lock);
}
