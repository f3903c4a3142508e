/* SPDX-License-Identifier: Apache-2.0
 *
 * What `serve` talks over, a port or standard input and output: stream_linux.c or stream_windows.c.
 */
#ifndef WSKCTL_STREAM_H
#define WSKCTL_STREAM_H

#include <stddef.h>

#define FOREVER (-1)

/* NULL: standard input and output. 0, or -1 for a port that cannot be opened, after saying so. */
int stream_open(const char *port);

/* All of `size` bytes, or what came until the stream ended or, on a serial port, paused for `gap_ms`. */
size_t stream_read(void *bytes, size_t size, int gap_ms);

/* All of both: 0, or -1 when the stream has ended. */
int stream_write(const void *head, size_t head_size, const void *body, size_t body_size);

/* What the port itself says that it lost, or NULL. */
const char *stream_trouble(void);

#endif
