# SPDX-License-Identifier: Apache-2.0
"""The variants that scenarios are made in, and the numbers of wsk.h that plans use."""

from enum import IntEnum, StrEnum

from harness.core.abi import abi

WSK_FLAG_ABORTIVE = 0x1  # WskDisconnect, and what its event callback is told
WSK_FLAG_AT_DISPATCH_LEVEL = 0x8  # what event callbacks are told
WSK_FLAG_NODELAY = 0x2  # WskSend
WSK_FLAG_WAITALL = 0x2  # WskReceive
WSK_FLAG_DRAIN = 0x4  # WskReceive

SOL_SOCKET = 0xFFFF
SO_REUSEADDR = 0x4
SO_KEEPALIVE = 0x8
SO_SNDBUF = 0x1001
SO_EXCLUSIVEADDRUSE = 0xFFFFFFFB  # ~SO_REUSEADDR
IPPROTO_TCP = 6
TCP_NODELAY = 1
TCP_MAXRT = 5
IPPROTO_IPV6 = 41
IPV6_V6ONLY = 27
SO_CONDITIONAL_ACCEPT = 0x3002
SO_WSK_SECURITY = 0x4001
SO_WSK_EVENT_CALLBACK = 0x4002
WSK_EVENT_DISABLE = 0x80000000
SIO_ADDRESS_LIST_QUERY = 0x48000016
SIO_ADDRESS_LIST_CHANGE = 0x28000017
SIO_WSK_QUERY_IDEAL_SEND_BACKLOG = 0x4F000003
SIO_WSK_QUERY_RECEIVE_BACKLOG = 0x4F000004
SIO_WSK_SET_TCP_SILENT_MODE = 0x2F000007
WSK_TRANSPORT_LIST_QUERY = 2
WSK_CACHE_SD = 4
WSK_RELEASE_SD = 5
WSK_SET_STATIC_EVENT_CALLBACKS = 7


class _Named(IntEnum):
    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


class Family(_Named):
    """Address family of a socket."""

    IPV4 = abi.wsktest_family.WSKTEST_FAMILY_IPV4.value
    IPV6 = abi.wsktest_family.WSKTEST_FAMILY_IPV6.value


class Category(_Named):
    """Socket category: which dispatch table the socket has."""

    BASIC = abi.wsktest_category.WSKTEST_CATEGORY_BASIC.value
    LISTEN = abi.wsktest_category.WSKTEST_CATEGORY_LISTEN.value
    CONNECTION = abi.wsktest_category.WSKTEST_CATEGORY_CONNECTION.value
    DATAGRAM = abi.wsktest_category.WSKTEST_CATEGORY_DATAGRAM.value
    STREAM = abi.wsktest_category.WSKTEST_CATEGORY_STREAM.value


class Context(_Named):
    """Where a WSK call is made."""

    PASSIVE = abi.wsktest_context.WSKTEST_CONTEXT_PASSIVE.value
    APC = abi.wsktest_context.WSKTEST_CONTEXT_APC.value
    DISPATCH = abi.wsktest_context.WSKTEST_CONTEXT_DISPATCH.value
    DPC = abi.wsktest_context.WSKTEST_CONTEXT_DPC.value
    SPINLOCK = abi.wsktest_context.WSKTEST_CONTEXT_SPINLOCK.value
    COMPLETION = abi.wsktest_context.WSKTEST_CONTEXT_COMPLETION.value
    CALLBACK = abi.wsktest_context.WSKTEST_CONTEXT_CALLBACK.value


class Irp(_Named):
    """Where the IRP of a call comes from."""

    ALLOCATED = abi.wsktest_irp.WSKTEST_IRP_ALLOCATED.value
    INITIALIZED = abi.wsktest_irp.WSKTEST_IRP_INITIALIZED.value
    REUSED = abi.wsktest_irp.WSKTEST_IRP_REUSED.value
    NONE = abi.wsktest_irp.WSKTEST_IRP_NONE.value
    PASSED_DOWN = abi.wsktest_irp.WSKTEST_IRP_PASSED_DOWN.value


class Callback(_Named):
    """An event callback of the client's, as WskReceiveEvent and its like."""

    RECEIVE = abi.wsktest_callback.WSKTEST_CALLBACK_RECEIVE.value
    DISCONNECT = abi.wsktest_callback.WSKTEST_CALLBACK_DISCONNECT.value
    SEND_BACKLOG = abi.wsktest_callback.WSKTEST_CALLBACK_SEND_BACKLOG.value
    ACCEPT = abi.wsktest_callback.WSKTEST_CALLBACK_ACCEPT.value
    INSPECT = abi.wsktest_callback.WSKTEST_CALLBACK_INSPECT.value
    ABORT = abi.wsktest_callback.WSKTEST_CALLBACK_ABORT.value
    RECEIVE_FROM = abi.wsktest_callback.WSKTEST_CALLBACK_RECEIVE_FROM.value


# The bit of each in WSK_EVENT_CALLBACK_CONTROL; inspections come with SO_CONDITIONAL_ACCEPT.
EVENT_BITS = {
    Callback.SEND_BACKLOG: 0x010,
    Callback.RECEIVE: 0x040,
    Callback.DISCONNECT: 0x080,
    Callback.RECEIVE_FROM: 0x100,
    Callback.ACCEPT: 0x200,
}


class Action(_Named):
    """The answer of an event callback to what it is offered."""

    TAKE = abi.wsktest_action.WSKTEST_ACTION_TAKE.value
    PARTIAL = abi.wsktest_action.WSKTEST_ACTION_PARTIAL.value
    RETAIN = abi.wsktest_action.WSKTEST_ACTION_RETAIN.value
    REFUSE = abi.wsktest_action.WSKTEST_ACTION_REFUSE.value


class InspectAction(_Named):
    """WSK_INSPECT_ACTION."""

    REJECT = 0
    ACCEPT = 1
    PEND = 2


class Request(_Named):
    """WSK_CONTROL_SOCKET_TYPE."""

    SET_OPTION = 0
    GET_OPTION = 1
    IOCTL = 2


class Origin(StrEnum):
    """Ways to make a connected socket."""

    WSK_SOCKET = "wsk-socket"  # WskSocket, WskBind, WskConnect
    WSK_SOCKET_CONNECT = "wsk-socket-connect"  # WskSocketConnect does all three
    WSK_CONNECT_EX = "wsk-connect-ex"  # WskSocket, WskBind, WskConnectEx
    STREAM_CONNECT = "stream-connect"  # the same as WSK_SOCKET, with a stream socket
    STREAM_CONNECT_EX = "stream-connect-ex"


class Arrival(StrEnum):
    """Ways to accept a connection that the peer makes."""

    WSK_ACCEPT = "wsk-accept"
    WSK_ACCEPT_EVENT = "wsk-accept-event"
    STREAM_ACCEPT = "stream-accept"  # WskListen and WskAccept of a stream socket


IPV4, IPV6 = Family.IPV4, Family.IPV6
WSK_SOCKET, WSK_SOCKET_CONNECT = Origin.WSK_SOCKET, Origin.WSK_SOCKET_CONNECT
PASSIVE, DISPATCH = Context.PASSIVE, Context.DISPATCH
APC, DPC, SPINLOCK = Context.APC, Context.DPC, Context.SPINLOCK

FAMILIES = (IPV4, IPV6)
CONTEXTS = (PASSIVE, DISPATCH)
ALL_CONTEXTS = (PASSIVE, APC, DISPATCH, DPC, SPINLOCK)
ORIGINS = (WSK_SOCKET, WSK_SOCKET_CONNECT)
ALL_ORIGINS = tuple(Origin)
ARRIVALS = tuple(Arrival)
ANY_CPU = abi.WSKTEST_ANY_CPU
