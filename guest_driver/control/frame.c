/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames on the stream: each has a checksum, because a serial port may lose bytes
 * and says nothing.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "platform.h"
#include "stream.h"

#define CRC_POLYNOMIAL 0xedb88320u /* CRC-32 of IEEE 802.3, reflected, as zlib computes it */

static uint32_t crc_table[256];

static void fill_crc_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ CRC_POLYNOMIAL : crc >> 1;
        crc_table[byte] = crc;
    }
}

static uint32_t crc_over(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *next = bytes;

    while (size--)
        crc = crc >> 8 ^ crc_table[(crc ^ *next++) & 0xff];
    return crc;
}

static uint32_t checksum(struct wsktest_frame frame, const void *payload)
{
    frame.checksum = 0;
    return ~crc_over(crc_over(~0u, &frame, sizeof(frame)), payload, frame.length);
}

void frame_init(void)
{
    fill_crc_table();
}

int frame_write(struct wsktest_frame frame, const void *payload)
{
    int result;

    frame.magic = WSKTEST_FRAME_MAGIC;
    frame.version = WSKTEST_FRAME_VERSION;
    frame.checksum = checksum(frame, payload);
    platform_lock();
    result = stream_write(&frame, sizeof(frame), payload, frame.length);
    platform_unlock();
    return result;
}

static enum frame_end broken(struct frame_trouble *trouble, const char *format, ...)
{
    const char *port = stream_trouble();
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    vsnprintf(trouble->text, sizeof(trouble->text), format, arguments);
    va_end(arguments);
    length = strlen(trouble->text);
    if (port)
        snprintf(trouble->text + length, sizeof(trouble->text) - length, "; %s", port);
    return FRAME_BROKEN;
}

static enum frame_end check_header(const struct wsktest_frame *frame, struct frame_trouble *trouble)
{
    if (frame->magic != WSKTEST_FRAME_MAGIC)
        return broken(trouble, "what came is no frame: it begins with 0x%08x", frame->magic);
    if (frame->version != WSKTEST_FRAME_VERSION)
        return broken(trouble, "what came is a frame of version %u, not %u: install the driver again",
                      frame->version, WSKTEST_FRAME_VERSION);
    if (frame->length > WSKTEST_MAX_FRAME)
        return broken(trouble, "what came announces a frame of %u bytes, more than the %u there may be",
                      frame->length, WSKTEST_MAX_FRAME);
    return FRAME_WHOLE;
}

static enum frame_end read_header(struct wsktest_frame *frame, struct frame_trouble *trouble)
{
    char *bytes = (char *)frame;
    size_t got = stream_read(bytes, 1, FOREVER);

    if (!got)
        return FRAME_NONE;
    got += stream_read(bytes + 1, sizeof(*frame) - 1, FRAME_GAP_MS);
    if (got < sizeof(*frame))
        return broken(trouble, "bytes were lost: only %zu of the %zu of a frame's header came", got,
                      sizeof(*frame));
    return check_header(frame, trouble);
}

/* What has begun must come whole: a gap is what lost bytes leave. */
static enum frame_end read_payload(const struct wsktest_frame *frame, void *payload,
                                   struct frame_trouble *trouble)
{
    size_t got;

    if (!payload)
        return broken(trouble, "no memory for a frame of %u bytes", frame->length);
    got = stream_read(payload, frame->length, FRAME_GAP_MS);
    if (got < frame->length)
        return broken(trouble, "bytes were lost: only %zu of a frame's %u came", got, frame->length);
    if (checksum(*frame, payload) != frame->checksum)
        return broken(trouble, "bytes were lost or damaged: the checksum of a frame of %u bytes is wrong",
                      frame->length);
    return FRAME_WHOLE;
}

enum frame_end frame_read(struct wsktest_frame *frame, void **payload, struct frame_trouble *trouble)
{
    enum frame_end end = read_header(frame, trouble);

    if (end != FRAME_WHOLE)
        return end;
    *payload = malloc(frame->length + 1);
    end = read_payload(frame, *payload, trouble);
    if (end != FRAME_WHOLE)
        free(*payload);
    return end;
}
