/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kinds of steps have in common, and where each category's dispatch
 * table has the function of each.
 */
#include "wsktest.h"

/* 1 + position, in the order in which the WDK documents the members. */
static const UCHAR positions[][WSKTEST_STEP_CLOSE + 1] = {
    [WSKTEST_CATEGORY_BASIC] = {[WSKTEST_STEP_CONTROL_SOCKET] = 1, [WSKTEST_STEP_CLOSE] = 2},
    [WSKTEST_CATEGORY_LISTEN] = {
        [WSKTEST_STEP_CONTROL_SOCKET] = 1, [WSKTEST_STEP_CLOSE] = 2, [WSKTEST_STEP_BIND] = 3,
        [WSKTEST_STEP_ACCEPT] = 4, [WSKTEST_STEP_INSPECT_COMPLETE] = 5, [WSKTEST_STEP_GET_LOCAL_ADDRESS] = 6,
    },
    [WSKTEST_CATEGORY_CONNECTION] = {
        [WSKTEST_STEP_CONTROL_SOCKET] = 1, [WSKTEST_STEP_CLOSE] = 2, [WSKTEST_STEP_BIND] = 3,
        [WSKTEST_STEP_CONNECT] = 4, [WSKTEST_STEP_GET_LOCAL_ADDRESS] = 5,
        [WSKTEST_STEP_GET_REMOTE_ADDRESS] = 6, [WSKTEST_STEP_SEND] = 7, [WSKTEST_STEP_RECEIVE] = 8,
        [WSKTEST_STEP_DISCONNECT] = 9, [WSKTEST_STEP_RELEASE] = 10, [WSKTEST_STEP_CONNECT_EX] = 11,
    },
    [WSKTEST_CATEGORY_DATAGRAM] = {
        [WSKTEST_STEP_CONTROL_SOCKET] = 1, [WSKTEST_STEP_CLOSE] = 2, [WSKTEST_STEP_BIND] = 3,
        [WSKTEST_STEP_SEND_TO] = 4, [WSKTEST_STEP_RECEIVE_FROM] = 5, [WSKTEST_STEP_RELEASE] = 6,
        [WSKTEST_STEP_GET_LOCAL_ADDRESS] = 7,
    },
    [WSKTEST_CATEGORY_STREAM] = {
        [WSKTEST_STEP_CONTROL_SOCKET] = 1, [WSKTEST_STEP_CLOSE] = 2, [WSKTEST_STEP_BIND] = 3,
        [WSKTEST_STEP_ACCEPT] = 4, [WSKTEST_STEP_CONNECT] = 5, [WSKTEST_STEP_LISTEN] = 6,
        [WSKTEST_STEP_SEND] = 7, [WSKTEST_STEP_RECEIVE] = 8, [WSKTEST_STEP_DISCONNECT] = 9,
        [WSKTEST_STEP_RELEASE] = 10, [WSKTEST_STEP_GET_LOCAL_ADDRESS] = 11,
        [WSKTEST_STEP_GET_REMOTE_ADDRESS] = 12, [WSKTEST_STEP_CONNECT_EX] = 13,
    },
};

ULONG kind_slot(ULONG kind, ULONG category)
{
    if (category >= RTL_NUMBER_OF(positions) || kind > WSKTEST_STEP_CLOSE)
        return 0;
    return positions[category][kind];
}

BOOLEAN kind_is_call(ULONG kind)
{
    return kind >= WSKTEST_STEP_SOCKET && kind <= WSKTEST_STEP_CLOSE;
}

BOOLEAN kind_creates_socket(ULONG kind)
{
    return kind == WSKTEST_STEP_SOCKET || kind == WSKTEST_STEP_SOCKET_CONNECT;
}

BOOLEAN kind_uses_socket(ULONG kind)
{
    return kind_is_call(kind) && !kind_creates_socket(kind) && kind != WSKTEST_STEP_CONTROL_CLIENT;
}

BOOLEAN kind_has_irp(ULONG kind)
{
    return kind_is_call(kind) && kind != WSKTEST_STEP_RELEASE;
}

BOOLEAN kind_receives(ULONG kind)
{
    return kind == WSKTEST_STEP_RECEIVE || kind == WSKTEST_STEP_RECEIVE_FROM;
}

BOOLEAN kind_hooks(const struct wsktest_step *step)
{
    return step->context == WSKTEST_CONTEXT_COMPLETION || step->context == WSKTEST_CONTEXT_CALLBACK;
}
