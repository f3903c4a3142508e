/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream that is served: standard input and output, or a serial or virtio port.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "stream.h"

static int input = STDIN_FILENO;
static int output = STDOUT_FILENO;
static int is_serial;
static struct serial_icounter_struct counted; /* when the port was opened */

int stream_open(const char *port)
{
    struct termios settings;

    if (!port)
        return 0;
    input = output = open(port, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (input < 0) {
        fprintf(stderr, "wskctl: %s: %s\n", port, strerror(errno));
        return -1;
    }
    if (tcgetattr(input, &settings) == 0) { /* a virtio port has none */
        cfmakeraw(&settings);
        tcsetattr(input, TCSANOW, &settings);
        ioctl(input, TIOCGICOUNT, &counted);
        is_serial = 1;
    }
    return 0;
}

static int readable(int gap_ms)
{
    struct pollfd wanted = {.fd = input, .events = POLLIN};
    int ready;

    do
        ready = poll(&wanted, 1, is_serial ? gap_ms : FOREVER);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

size_t stream_read(void *bytes, size_t size, int gap_ms)
{
    size_t read_bytes = 0;

    while (read_bytes < size && readable(gap_ms)) {
        ssize_t got = read(input, (char *)bytes + read_bytes, size - read_bytes);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        read_bytes += (size_t)got;
    }
    return read_bytes;
}

const char *stream_trouble(void)
{
    struct serial_icounter_struct now;

    if (!is_serial || ioctl(input, TIOCGICOUNT, &now))
        return NULL;
    if (now.overrun != counted.overrun || now.buf_overrun != counted.buf_overrun)
        return "the serial port counts overruns";
    return NULL;
}

int stream_write(const void *head, size_t head_size, const void *body, size_t body_size)
{
    struct iovec left[2] = {{(void *)head, head_size}, {(void *)body, body_size}};
    struct iovec *first = left;
    size_t sent;

    while (left[0].iov_len + left[1].iov_len) {
        ssize_t result = writev(output, first, left[0].iov_len ? 2 : 1);

        if (result < 0 && errno == EINTR)
            continue;
        if (result < 0)
            return -1;
        sent = (size_t)result;
        for (int i = 0; i < 2; i++) {
            size_t part = sent < left[i].iov_len ? sent : left[i].iov_len;

            left[i].iov_base = (char *)left[i].iov_base + part;
            left[i].iov_len -= part;
            sent -= part;
        }
        first = left[0].iov_len ? left : left + 1;
    }
    return 0;
}
