/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream that is served: standard input and output, or a serial port
 * (\\.\COM2) or virtio port (\\.\Global\NAME).
 */
#include <stdio.h>
#include <windows.h>

#include "stream.h"

static HANDLE input;
static HANDLE output;
static BOOL is_port;
static BOOL is_serial;

#define PORT_BUFFER 0x10000 /* bytes that the driver is asked to hold, each way */

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
    is_serial = TRUE;
    SetupComm(port, PORT_BUFFER, PORT_BUFFER); /* a wish: what holds less is paced by the other side */
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

/* What a request has moved when it ends, or when `gap_ms` have passed and it is given up. */
static DWORD end_of(HANDLE handle, OVERLAPPED *request, int gap_ms)
{
    DWORD moved = 0;

    if (WaitForSingleObject(request->hEvent, gap_ms == FOREVER || !is_serial ? INFINITE : (DWORD)gap_ms) !=
        WAIT_OBJECT_0)
        CancelIo(handle);
    return GetOverlappedResult(handle, request, &moved, TRUE) || GetLastError() == ERROR_OPERATION_ABORTED
               ? moved
               : 0;
}

static DWORD move(HANDLE handle, transfer function, void *bytes, DWORD size, int gap_ms)
{
    OVERLAPPED request = {0};
    DWORD moved = 0;

    if (!is_port)
        return function(handle, bytes, size, &moved, NULL) ? moved : 0;
    request.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    if (!request.hEvent)
        return 0;
    if (function(handle, bytes, size, NULL, &request) || GetLastError() == ERROR_IO_PENDING)
        moved = end_of(handle, &request, gap_ms);
    CloseHandle(request.hEvent);
    return moved;
}

static size_t move_all(HANDLE handle, transfer function, void *bytes, size_t size, int gap_ms)
{
    size_t moved = 0;

    while (moved < size) {
        size_t left = size - moved;
        DWORD part =
            move(handle, function, (char *)bytes + moved, left < 0x10000 ? (DWORD)left : 0x10000, gap_ms);

        if (!part)
            break;
        moved += part;
    }
    return moved;
}

size_t stream_read(void *bytes, size_t size, int gap_ms)
{
    return move_all(input, (transfer)ReadFile, bytes, size, gap_ms);
}

int stream_write(const void *head, size_t head_size, const void *body, size_t body_size)
{
    if (move_all(output, (transfer)WriteFile, (void *)head, head_size, FOREVER) < head_size)
        return -1;
    return move_all(output, (transfer)WriteFile, (void *)body, body_size, FOREVER) < body_size ? -1 : 0;
}

const char *stream_trouble(void)
{
    DWORD errors = 0;

    if (!is_serial || !ClearCommError(input, &errors, NULL))
        return NULL;
    if (errors & (CE_OVERRUN | CE_RXOVER))
        return "the serial port reports an overrun";
    return errors & (CE_FRAME | CE_RXPARITY) ? "the serial port reports damaged bytes" : NULL;
}
