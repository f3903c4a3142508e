/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kinds of steps have in common, and where each category's dispatch
 * table has the function of each.
 */
#include "kind.h"

#include "../include/wsk.h"

/* 1 + the place of a function in a category's table, which is nothing but pointers to functions. */
#define AT(step, category, function)                                                                         \
    [WSKTEST_STEP_##step] = 1 + FIELD_OFFSET(WSK_PROVIDER_##category##_DISPATCH, function) / sizeof(WSK_SLOT)

/* clang-format off */
static const UCHAR positions[][WSKTEST_STEP_CLOSE + 1] = {
    [WSKTEST_CATEGORY_BASIC] = {
        AT(CONTROL_SOCKET, BASIC, WskControlSocket),
        AT(CLOSE, BASIC, WskCloseSocket),
    },
    [WSKTEST_CATEGORY_LISTEN] = {
        AT(CONTROL_SOCKET, LISTEN, Basic.WskControlSocket),
        AT(CLOSE, LISTEN, Basic.WskCloseSocket),
        AT(BIND, LISTEN, WskBind),
        AT(ACCEPT, LISTEN, WskAccept),
        AT(INSPECT_COMPLETE, LISTEN, WskInspectComplete),
        AT(GET_LOCAL_ADDRESS, LISTEN, WskGetLocalAddress),
    },
    [WSKTEST_CATEGORY_CONNECTION] = {
        AT(CONTROL_SOCKET, CONNECTION, Basic.WskControlSocket),
        AT(CLOSE, CONNECTION, Basic.WskCloseSocket),
        AT(BIND, CONNECTION, WskBind),
        AT(CONNECT, CONNECTION, WskConnect),
        AT(GET_LOCAL_ADDRESS, CONNECTION, WskGetLocalAddress),
        AT(GET_REMOTE_ADDRESS, CONNECTION, WskGetRemoteAddress),
        AT(SEND, CONNECTION, WskSend),
        AT(RECEIVE, CONNECTION, WskReceive),
        AT(DISCONNECT, CONNECTION, WskDisconnect),
        AT(RELEASE, CONNECTION, WskRelease),
        AT(CONNECT_EX, CONNECTION, WskConnectEx),
    },
    [WSKTEST_CATEGORY_DATAGRAM] = {
        AT(CONTROL_SOCKET, DATAGRAM, Basic.WskControlSocket),
        AT(CLOSE, DATAGRAM, Basic.WskCloseSocket),
        AT(BIND, DATAGRAM, WskBind),
        AT(SEND_TO, DATAGRAM, WskSendTo),
        AT(RECEIVE_FROM, DATAGRAM, WskReceiveFrom),
        AT(RELEASE, DATAGRAM, WskRelease),
        AT(GET_LOCAL_ADDRESS, DATAGRAM, WskGetLocalAddress),
    },
    [WSKTEST_CATEGORY_STREAM] = {
        AT(CONTROL_SOCKET, STREAM, Basic.WskControlSocket),
        AT(CLOSE, STREAM, Basic.WskCloseSocket),
        AT(BIND, STREAM, WskBind),
        AT(ACCEPT, STREAM, WskAccept),
        AT(CONNECT, STREAM, WskConnect),
        AT(LISTEN, STREAM, WskListen),
        AT(SEND, STREAM, WskSend),
        AT(RECEIVE, STREAM, WskReceive),
        AT(DISCONNECT, STREAM, WskDisconnect),
        AT(RELEASE, STREAM, WskRelease),
        AT(GET_LOCAL_ADDRESS, STREAM, WskGetLocalAddress),
        AT(GET_REMOTE_ADDRESS, STREAM, WskGetRemoteAddress),
        AT(CONNECT_EX, STREAM, WskConnectEx),
    },
};
/* clang-format on */

ULONG KindDispatchSlot(ULONG kind, ULONG category)
{
    if (category >= RTL_NUMBER_OF(positions) || kind > WSKTEST_STEP_CLOSE)
        return 0;
    return positions[category][kind];
}

BOOLEAN KindIsCall(ULONG kind)
{
    return kind >= WSKTEST_STEP_SOCKET && kind <= WSKTEST_STEP_CLOSE;
}

BOOLEAN KindCreatesSocket(ULONG kind)
{
    return kind == WSKTEST_STEP_SOCKET || kind == WSKTEST_STEP_SOCKET_CONNECT;
}

BOOLEAN KindUsesSocket(ULONG kind)
{
    return KindIsCall(kind) && !KindCreatesSocket(kind) && kind != WSKTEST_STEP_CONTROL_CLIENT;
}

BOOLEAN KindHasIrp(ULONG kind)
{
    return KindIsCall(kind) && kind != WSKTEST_STEP_RELEASE;
}

BOOLEAN KindReceives(ULONG kind)
{
    return kind == WSKTEST_STEP_RECEIVE || kind == WSKTEST_STEP_RECEIVE_FROM;
}

BOOLEAN StepIsHooked(const struct wsktest_step *step)
{
    return step->context == WSKTEST_CONTEXT_COMPLETION || step->context == WSKTEST_CONTEXT_CALLBACK;
}

ULONG KindAcceptedCategory(ULONG category)
{
    return category == WSKTEST_CATEGORY_STREAM ? WSKTEST_CATEGORY_STREAM : WSKTEST_CATEGORY_CONNECTION;
}
