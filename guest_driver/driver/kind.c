/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kinds of steps have in common, and where each category's dispatch
 * table has the function of each.
 */
#include "kind.h"

#include "../include/wsk.h"

#define AT(table, function) 1 + FIELD_OFFSET(table, function) / sizeof(WSK_SLOT)
#define BASIC(table)                                                                                       \
    [WSKTEST_STEP_CONTROL_SOCKET] = AT(table, Basic.WskControlSocket),                                    \
    [WSKTEST_STEP_CLOSE] = AT(table, Basic.WskCloseSocket)

static const UCHAR positions[][WSKTEST_STEP_CLOSE + 1] = {
    [WSKTEST_CATEGORY_BASIC] =
        {
            [WSKTEST_STEP_CONTROL_SOCKET] = AT(WSK_PROVIDER_BASIC_DISPATCH, WskControlSocket),
            [WSKTEST_STEP_CLOSE] = AT(WSK_PROVIDER_BASIC_DISPATCH, WskCloseSocket),
        },
    [WSKTEST_CATEGORY_LISTEN] =
        {
            BASIC(WSK_PROVIDER_LISTEN_DISPATCH),
            [WSKTEST_STEP_BIND] = AT(WSK_PROVIDER_LISTEN_DISPATCH, WskBind),
            [WSKTEST_STEP_ACCEPT] = AT(WSK_PROVIDER_LISTEN_DISPATCH, WskAccept),
            [WSKTEST_STEP_INSPECT_COMPLETE] = AT(WSK_PROVIDER_LISTEN_DISPATCH, WskInspectComplete),
            [WSKTEST_STEP_GET_LOCAL_ADDRESS] = AT(WSK_PROVIDER_LISTEN_DISPATCH, WskGetLocalAddress),
        },
    [WSKTEST_CATEGORY_CONNECTION] =
        {
            BASIC(WSK_PROVIDER_CONNECTION_DISPATCH),
            [WSKTEST_STEP_BIND] = AT(WSK_PROVIDER_CONNECTION_DISPATCH, WskBind),
            [WSKTEST_STEP_CONNECT] = AT(WSK_PROVIDER_CONNECTION_DISPATCH, WskConnect),
            [WSKTEST_STEP_GET_LOCAL_ADDRESS] = AT(WSK_PROVIDER_CONNECTION_DISPATCH, WskGetLocalAddress),
            [WSKTEST_STEP_GET_REMOTE_ADDRESS] = AT(WSK_PROVIDER_CONNECTION_DISPATCH, WskGetRemoteAddress),
            [WSKTEST_STEP_SEND] = AT(WSK_PROVIDER_CONNECTION_DISPATCH, WskSend),
            [WSKTEST_STEP_RECEIVE] = AT(WSK_PROVIDER_CONNECTION_DISPATCH, WskReceive),
            [WSKTEST_STEP_DISCONNECT] = AT(WSK_PROVIDER_CONNECTION_DISPATCH, WskDisconnect),
            [WSKTEST_STEP_RELEASE] = AT(WSK_PROVIDER_CONNECTION_DISPATCH, WskRelease),
            [WSKTEST_STEP_CONNECT_EX] = AT(WSK_PROVIDER_CONNECTION_DISPATCH, WskConnectEx),
        },
    [WSKTEST_CATEGORY_DATAGRAM] =
        {
            BASIC(WSK_PROVIDER_DATAGRAM_DISPATCH),
            [WSKTEST_STEP_BIND] = AT(WSK_PROVIDER_DATAGRAM_DISPATCH, WskBind),
            [WSKTEST_STEP_SEND_TO] = AT(WSK_PROVIDER_DATAGRAM_DISPATCH, WskSendTo),
            [WSKTEST_STEP_RECEIVE_FROM] = AT(WSK_PROVIDER_DATAGRAM_DISPATCH, WskReceiveFrom),
            [WSKTEST_STEP_RELEASE] = AT(WSK_PROVIDER_DATAGRAM_DISPATCH, WskRelease),
            [WSKTEST_STEP_GET_LOCAL_ADDRESS] = AT(WSK_PROVIDER_DATAGRAM_DISPATCH, WskGetLocalAddress),
        },
    [WSKTEST_CATEGORY_STREAM] =
        {
            BASIC(WSK_PROVIDER_STREAM_DISPATCH),
            [WSKTEST_STEP_BIND] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskBind),
            [WSKTEST_STEP_ACCEPT] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskAccept),
            [WSKTEST_STEP_CONNECT] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskConnect),
            [WSKTEST_STEP_LISTEN] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskListen),
            [WSKTEST_STEP_SEND] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskSend),
            [WSKTEST_STEP_RECEIVE] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskReceive),
            [WSKTEST_STEP_DISCONNECT] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskDisconnect),
            [WSKTEST_STEP_RELEASE] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskRelease),
            [WSKTEST_STEP_GET_LOCAL_ADDRESS] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskGetLocalAddress),
            [WSKTEST_STEP_GET_REMOTE_ADDRESS] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskGetRemoteAddress),
            [WSKTEST_STEP_CONNECT_EX] = AT(WSK_PROVIDER_STREAM_DISPATCH, WskConnectEx),
        },
};

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
