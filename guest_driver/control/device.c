/* SPDX-License-Identifier: Apache-2.0
 *
 * Scenarios in and traces out of the driver's device. Neither is understood here: only the room
 * that a trace may need is read out of its scenario.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../include/wsktest_abi.h"
#include "device.h"
#include "platform.h"

static uint32_t clamp(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

/* Room for the trace that a scenario asks for; what does not look like a
 * scenario gets room for the trace header that says so. */
static uint32_t trace_room(const void *bytes, uint32_t size)
{
    struct wsktest_scenario scenario;

    memset(&scenario, 0, sizeof(scenario));
    if (size >= sizeof(scenario))
        memcpy(&scenario, bytes, sizeof(scenario));
    if (scenario.magic != WSKTEST_SCENARIO_MAGIC)
        return (uint32_t)sizeof(struct wsktest_trace);
    return (uint32_t)sizeof(struct wsktest_trace) + clamp(scenario.receive_size, WSKTEST_MAX_RECEIVE) +
           clamp(scenario.event_capacity, WSKTEST_MAX_EVENTS) * (uint32_t)sizeof(struct wsktest_event);
}

uint32_t device_run(const void *scenario, uint32_t size, void **trace, uint32_t *trace_size)
{
    uint32_t room = trace_room(scenario, size);
    uint32_t status;

    *trace_size = 0;
    *trace = malloc(room);
    if (!*trace)
        return STATUS_NO_MEMORY_HERE;
    status = platform_control(WSKTEST_IOCTL_RUN, scenario, size, *trace, room, trace_size);
    if (status != STATUS_OK || *trace_size > room)
        *trace_size = 0;
    return status;
}

uint32_t device_info(char *text, size_t size)
{
    struct wsktest_info info;
    uint32_t written = 0;
    uint32_t status = platform_control(WSKTEST_IOCTL_INFO, NULL, 0, &info, sizeof(info), &written);
    int length;

    if (status != STATUS_OK)
        return status;
    length = snprintf(text, size, "abi=%u\nwsk=%u.%u\nos=%u.%u.%u\nprocessors=%u\nleaked_runs=%u\n",
                      info.abi_version, info.wsk_version >> 8, info.wsk_version & 0xff, info.os_major,
                      info.os_minor, info.os_build, info.processors, info.leaked_runs);
    platform_info(text + length, size - (size_t)length);
    return STATUS_OK;
}
