/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream that is served: standard input and output, or a serial port
 * (\\.\COM2) or virtio port (\\.\Global\NAME).
 */
#include <windows.h>

#include "wskctl.h"

static HANDLE input;
static HANDLE output;
static BOOL is_port;

static int fail(const char *port)
{
    fprintf(stderr, "wskctl: %s: error %lu\n", port, GetLastError());
    return -1;
}

/* What it is set to when it is a serial port; a virtio port knows no settings. */
static int set_line(HANDLE port)
{
    COMMTIMEOUTS wait_for_all = {0};
    DCB line = {.DCBlength = sizeof(line)};

    if (!GetCommState(port, &line))
        return 0;
    line.BaudRate = CBR_115200;
    line.ByteSize = 8;
    line.Parity = NOPARITY;
    line.StopBits = ONESTOPBIT;
    line.fBinary = TRUE;
    line.fParity = FALSE;
    line.fNull = FALSE;
    line.fAbortOnError = FALSE;
    line.fOutX = line.fInX = FALSE;
    line.fOutxCtsFlow = line.fOutxDsrFlow = line.fDsrSensitivity = FALSE;
    return SetCommState(port, &line) && SetCommTimeouts(port, &wait_for_all) ? 0 : -1;
}

int stream_open(const char *port)
{
    is_port = port != NULL;
    if (!is_port) {
        input = GetStdHandle(STD_INPUT_HANDLE);
        output = GetStdHandle(STD_OUTPUT_HANDLE);
        return 0;
    }
    /* Overlapped: otherwise no answer could be written while the next request is waited for. */
    input = output =
        CreateFileA(port, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (input == INVALID_HANDLE_VALUE || set_line(input))
        return fail(port);
    return 0;
}

typedef BOOL(WINAPI *transfer)(HANDLE, void *, DWORD, DWORD *, OVERLAPPED *);

static DWORD move(HANDLE handle, transfer function, void *bytes, DWORD size)
{
    OVERLAPPED request = {0};
    DWORD moved = 0;

    if (!is_port)
        return function(handle, bytes, size, &moved, NULL) ? moved : 0;
    request.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    if (!request.hEvent)
        return 0;
    if (function(handle, bytes, size, NULL, &request) || GetLastError() == ERROR_IO_PENDING)
        if (!GetOverlappedResult(handle, &request, &moved, TRUE))
            moved = 0;
    CloseHandle(request.hEvent);
    return moved;
}

static int move_all(HANDLE handle, transfer function, void *bytes, size_t size)
{
    char *next = bytes;

    while (size) {
        DWORD moved = move(handle, function, next, size < 0x10000 ? (DWORD)size : 0x10000);

        if (!moved)
            return -1;
        next += moved;
        size -= moved;
    }
    return 0;
}

int stream_read(void *bytes, size_t size)
{
    return move_all(input, (transfer)ReadFile, bytes, size);
}

int stream_write(const void *head, size_t head_size, const void *body, size_t body_size)
{
    if (move_all(output, (transfer)WriteFile, (void *)head, head_size))
        return -1;
    return move_all(output, (transfer)WriteFile, (void *)body, body_size);
}
