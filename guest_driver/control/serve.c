/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and answers as frames on a stream. Scenarios run side by side, each
 * on a thread of its own: they wait most of their time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "device.h"
#include "frame.h"
#include "platform.h"
#include "serve.h"
#include "stream.h"

struct request {
    struct wsktest_frame frame;
    void *payload;
};

static void answer(const struct request *request, uint32_t status, const void *payload, uint32_t length)
{
    struct wsktest_frame frame = request->frame;

    frame.status = status;
    frame.length = length;
    frame_write(frame, payload);
}

static void request_free(struct request *request)
{
    free(request->payload);
    free(request);
}

static void run(void *argument)
{
    struct request *request = argument;
    void *trace = NULL;
    uint32_t size = 0;
    uint32_t status = device_run(request->payload, request->frame.length, &trace, &size);

    answer(request, status, trace, size);
    free(trace);
    request_free(request);
}

static void clock(struct request *request)
{
    struct wsktest_clock clock;
    uint32_t written = 0;
    uint32_t status = platform_control(WSKTEST_IOCTL_CLOCK, NULL, 0, &clock, sizeof(clock), &written);

    answer(request, status, &clock, status == STATUS_OK ? written : 0);
    request_free(request);
}

static void info(struct request *request)
{
    char text[INFO_SIZE];
    uint32_t status = device_info(text, sizeof(text));

    answer(request, status, text, status == STATUS_OK ? (uint32_t)strlen(text) : 0);
    request_free(request);
}

static void change_address(struct request *request)
{
    struct wsktest_address_change change;
    uint32_t status = STATUS_BAD_REQUEST;

    if (request->frame.length == sizeof(change)) {
        memcpy(&change, request->payload, sizeof(change));
        status = address_change(&change);
    }
    answer(request, status, NULL, 0);
    request_free(request);
}

/* FRAME_WHOLE: *request is to be handled. */
static enum frame_end read_request(struct request **request, struct frame_trouble *trouble)
{
    enum frame_end end;

    *request = calloc(1, sizeof(**request));
    if (!*request) {
        snprintf(trouble->text, sizeof(trouble->text), "no memory for a request");
        return FRAME_BROKEN;
    }
    end = frame_read(&(*request)->frame, &(*request)->payload, trouble);
    if (end != FRAME_WHOLE)
        free(*request);
    return end;
}

static void handle(struct request *request)
{
    switch (request->frame.kind) {
    case WSKTEST_FRAME_RUN:
        if (platform_thread(run, request) == 0)
            return;
        answer(request, STATUS_NO_MEMORY_HERE, NULL, 0);
        break;
    case WSKTEST_FRAME_CLOCK:
        clock(request);
        return;
    case WSKTEST_FRAME_INFO:
        info(request);
        return;
    case WSKTEST_FRAME_ADDRESS:
        change_address(request);
        return;
    default:
        answer(request, STATUS_BAD_REQUEST, NULL, 0);
    }
    request_free(request);
}

/* The other side is told too: a serial port has no end that it could see. */
static int give_up(const char *trouble)
{
    struct wsktest_frame frame = {.kind = WSKTEST_FRAME_BROKEN, .length = (uint32_t)strlen(trouble)};

    fprintf(stderr, "wskctl: %s\n", trouble);
    frame_write(frame, trouble);
    return 1;
}

int serve(const char *port)
{
    struct wsktest_frame hello = {.kind = WSKTEST_FRAME_HELLO};
    struct request *request;
    struct frame_trouble trouble;
    enum frame_end end;

    if (stream_open(port))
        return 1;
    frame_init();
    frame_write(hello, NULL);
    while ((end = read_request(&request, &trouble)) == FRAME_WHOLE)
        handle(request);
    return end == FRAME_NONE ? 0 : give_up(trouble.text);
}
