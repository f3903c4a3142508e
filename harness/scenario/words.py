# SPDX-License-Identifier: Apache-2.0
"""The numbers of a step or of an event callback, in the words of wsk.h and of its documents.

A number that has no name here is shown as it is.
"""

from collections.abc import Mapping
from typing import Any

from harness.core.abi import StepKind
from harness.scenario.control import ControlRequest, Input
from harness.scenario.values import (
    EVENT_BITS,
    IPPROTO_IPV6,
    IPPROTO_TCP,
    IPV6_V6ONLY,
    SIO_ADDRESS_LIST_CHANGE,
    SIO_ADDRESS_LIST_QUERY,
    SIO_WSK_QUERY_IDEAL_SEND_BACKLOG,
    SIO_WSK_QUERY_RECEIVE_BACKLOG,
    SIO_WSK_SET_TCP_SILENT_MODE,
    SO_CONDITIONAL_ACCEPT,
    SO_EXCLUSIVEADDRUSE,
    SO_KEEPALIVE,
    SO_REUSEADDR,
    SO_SNDBUF,
    SO_WSK_EVENT_CALLBACK,
    SO_WSK_SECURITY,
    SOL_SOCKET,
    TCP_MAXRT,
    TCP_NODELAY,
    WSK_CACHE_SD,
    WSK_EVENT_DISABLE,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_AT_DISPATCH_LEVEL,
    WSK_FLAG_DRAIN,
    WSK_FLAG_NODELAY,
    WSK_FLAG_WAITALL,
    WSK_RELEASE_SD,
    WSK_SET_STATIC_EVENT_CALLBACKS,
    WSK_TRANSPORT_LIST_QUERY,
    Callback,
    InspectAction,
    Request,
)

_ULONG_BYTES = 4

# The names of flags depend on who is given them: WSK uses each bit more than once.
_OF_STEP: Mapping[Any, Mapping[int, str]] = {
    StepKind.SEND: {0x1: "OOB", WSK_FLAG_NODELAY: "NODELAY"},
    StepKind.RECEIVE: {WSK_FLAG_WAITALL: "WAITALL", WSK_FLAG_DRAIN: "DRAIN"},
    StepKind.DISCONNECT: {WSK_FLAG_ABORTIVE: "ABORTIVE"},
}
_AT_DISPATCH = {WSK_FLAG_AT_DISPATCH_LEVEL: "AT_DISPATCH_LEVEL"}
_OF_CALLBACK: Mapping[Callback, Mapping[int, str]] = {
    Callback.RECEIVE: {0x2: "RELEASE_ASAP", 0x4: "ENTIRE_MESSAGE", **_AT_DISPATCH},
    Callback.DISCONNECT: {WSK_FLAG_ABORTIVE: "ABORTIVE", **_AT_DISPATCH},
}

_OPTIONS = {
    (SOL_SOCKET, SO_REUSEADDR): "SO_REUSEADDR",
    (SOL_SOCKET, SO_KEEPALIVE): "SO_KEEPALIVE",
    (SOL_SOCKET, SO_SNDBUF): "SO_SNDBUF",
    (SOL_SOCKET, SO_EXCLUSIVEADDRUSE): "SO_EXCLUSIVEADDRUSE",
    (SOL_SOCKET, SO_CONDITIONAL_ACCEPT): "SO_CONDITIONAL_ACCEPT",
    (SOL_SOCKET, SO_WSK_SECURITY): "SO_WSK_SECURITY",
    (SOL_SOCKET, SO_WSK_EVENT_CALLBACK): "SO_WSK_EVENT_CALLBACK",
    (IPPROTO_TCP, TCP_NODELAY): "TCP_NODELAY",
    (IPPROTO_TCP, TCP_MAXRT): "TCP_MAXRT",
    (IPPROTO_IPV6, IPV6_V6ONLY): "IPV6_V6ONLY",
}
_IOCTLS = {
    SIO_ADDRESS_LIST_QUERY: "query the address list",
    SIO_ADDRESS_LIST_CHANGE: "wait for a change of the address list",
    SIO_WSK_QUERY_IDEAL_SEND_BACKLOG: "query the ideal send backlog",
    SIO_WSK_QUERY_RECEIVE_BACKLOG: "query the receive backlog",
    SIO_WSK_SET_TCP_SILENT_MODE: "set TCP silent mode",
}


def step_flags(kind: Any, flags: int) -> str:
    """Flags of a WSK call ('WAITALL'), or the action of WskInspectComplete; empty without any."""
    if kind == StepKind.INSPECT_COMPLETE and flags in list(InspectAction):
        return str(InspectAction(flags))
    return _named(flags, _OF_STEP.get(kind, {})) if flags else ""


def callback_flags(callback: Callback, flags: int) -> str:
    """The flags that WSK gave an event callback: 'AT_DISPATCH_LEVEL'; 'no flags' for none."""
    return _named(flags, _OF_CALLBACK.get(callback, _AT_DISPATCH)) if flags else "no flags"


def control(kind: Any, request: ControlRequest) -> str:
    """The request to WskControlSocket or WskControlClient in words: 'enable disconnect event'."""
    if kind == StepKind.CONTROL_CLIENT:
        return _of_client(request)
    if kind != StepKind.CONTROL_SOCKET:
        return f"with security descriptor {request.value}"
    if request.request == Request.IOCTL:
        return _IOCTLS.get(request.code, f"I/O control 0x{request.code:X}")
    if request.level == SOL_SOCKET and request.code == SO_WSK_SECURITY:
        return _of_security(request)
    if request.input == Input.EVENTS:
        return _events(request.value)
    unnamed = f"option 0x{request.code:X} of level {request.level}"
    name = _OPTIONS.get((request.level, request.code), unnamed)
    if request.request == Request.GET_OPTION:
        return f"query {name}"
    return f"set {name} to {_number(request.data)}"


def _of_client(request: ControlRequest) -> str:
    told = {
        WSK_TRANSPORT_LIST_QUERY: "query the transports",
        WSK_CACHE_SD: f"cache security descriptor {request.keep.number if request.keep else '?'}",
        WSK_RELEASE_SD: f"release security descriptor {request.value}",
        WSK_SET_STATIC_EVENT_CALLBACKS: f"on every socket: {_events(request.value)}",
    }
    return told.get(request.code, f"client control 0x{request.code:X}")


def _of_security(request: ControlRequest) -> str:
    if request.request == Request.GET_OPTION:
        return "query the security descriptor"
    return f"set security descriptor {request.value}"


def _events(mask: int) -> str:
    what = "disable" if mask & WSK_EVENT_DISABLE else "enable"
    left = mask & ~WSK_EVENT_DISABLE
    named = []
    for callback, bit in EVENT_BITS.items():
        if left & bit:
            named.append(str(callback))
            left &= ~bit
    named += [f"0x{left:X}"] * bool(left)
    return f"{what} {' and '.join(named) or 'no'} event{'s' * (len(named) > 1)}"


def _number(data: bytes) -> str:
    if 0 < len(data) <= _ULONG_BYTES:
        return str(int.from_bytes(data, "little"))
    return f"{len(data)} bytes"


def _named(flags: int, names: Mapping[int, str]) -> str:
    told = []
    for bit, name in names.items():
        if flags & bit:
            told.append(name)
            flags &= ~bit
    return " + ".join([*told, *([f"0x{flags:X}"] if flags else [])])
