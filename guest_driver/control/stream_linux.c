/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream that is served: standard input and output, or a serial or virtio port.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "wskctl.h"

static int input = STDIN_FILENO;
static int output = STDOUT_FILENO;

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
    }
    return 0;
}

int stream_read(void *bytes, size_t size)
{
    char *next = bytes;

    while (size) {
        ssize_t got = read(input, next, size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        next += got;
        size -= (size_t)got;
    }
    return 0;
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
