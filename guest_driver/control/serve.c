/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and answers as frames on a stream. Scenarios run side by side, each
 * on a thread of its own: they wait most of their time.
 */
#include <stdlib.h>
#include <string.h>

#include "wskctl.h"

struct request {
    struct wsktest_frame frame;
    void *payload;
};

static void answer(const struct request *request, uint32_t status, const void *payload, uint32_t length)
{
    struct wsktest_frame frame = request->frame;

    frame.status = status;
    frame.length = length;
    platform_lock();
    stream_write(&frame, sizeof(frame), payload, length);
    platform_unlock();
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
    uint32_t status = run_scenario(request->payload, request->frame.length, &trace, &size);

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
    uint32_t status = describe(text, sizeof(text));

    answer(request, status, text, status == STATUS_OK ? (uint32_t)strlen(text) : 0);
    request_free(request);
}

static void home(struct request *request)
{
    struct wsktest_home home;
    uint32_t status = STATUS_BAD_REQUEST;

    if (request->frame.length == sizeof(home)) {
        memcpy(&home, request->payload, sizeof(home));
        status = platform_home(&home);
    }
    answer(request, status, NULL, 0);
    request_free(request);
}

/* NULL at the end of the stream or when it is not what a harness would send. */
static struct request *read_request(void)
{
    struct request *request = calloc(1, sizeof(*request));

    if (!request)
        return NULL;
    if (stream_read(&request->frame, sizeof(request->frame)) == 0 &&
        request->frame.magic == WSKTEST_FRAME_MAGIC && request->frame.length <= WSKTEST_MAX_FRAME) {
        request->payload = malloc(request->frame.length + 1);
        if (request->payload && stream_read(request->payload, request->frame.length) == 0)
            return request;
    }
    request_free(request);
    return NULL;
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
    case WSKTEST_FRAME_HOME:
        home(request);
        return;
    default:
        answer(request, STATUS_BAD_REQUEST, NULL, 0);
    }
    request_free(request);
}

int serve(const char *port)
{
    struct request hello = {{WSKTEST_FRAME_MAGIC, WSKTEST_FRAME_HELLO, 0, 0, 0, 0}, NULL};
    struct request *request;

    if (stream_open(port))
        return 1;
    answer(&hello, STATUS_OK, NULL, 0);
    while ((request = read_request()) != NULL)
        handle(request);
    return 0;
}
