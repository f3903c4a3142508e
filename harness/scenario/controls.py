# SPDX-License-Identifier: Apache-2.0
"""WskControlSocket and WskControlClient as steps of a plan: options, events, security descriptors."""

from typing import Unpack

from harness.core.abi import StepKind, abi
from harness.core.errors import UsageError
from harness.core.units import us
from harness.scenario.calls import Calls, accepted_category
from harness.scenario.control import MAX_DESCRIPTORS, ControlRequest, Descriptor, Input
from harness.scenario.operation import Operation, Socket
from harness.scenario.steps import How
from harness.scenario.values import (
    EVENT_BITS,
    IPPROTO_IPV6,
    IPPROTO_TCP,
    IPV6_V6ONLY,
    PASSIVE,
    SIO_ADDRESS_LIST_CHANGE,
    SIO_ADDRESS_LIST_QUERY,
    SO_CONDITIONAL_ACCEPT,
    SO_WSK_EVENT_CALLBACK,
    SO_WSK_SECURITY,
    SOL_SOCKET,
    TCP_MAXRT,
    WSK_CACHE_SD,
    WSK_EVENT_DISABLE,
    WSK_RELEASE_SD,
    WSK_SET_STATIC_EVENT_CALLBACKS,
    Action,
    Callback,
    Irp,
    Request,
)

_ULONG = 4
_AT_PASSIVE_LEVEL = (SIO_ADDRESS_LIST_QUERY, SIO_ADDRESS_LIST_CHANGE)


class Controls(Calls):
    """Requests go with an IRP unless `irp=Irp.NONE` is said; those of the client, and those that enable
    events, have none: https://learn.microsoft.com/windows-hardware/drivers/network/so-wsk-event-callback
    """

    def __init__(self, *, dangerous: bool, own_client: bool) -> None:
        super().__init__(dangerous=dangerous, own_client=own_client)
        self._descriptors = 0

    def set_option(self, sock: Socket, level: int, code: int, data: bytes, **how: Unpack[How]) -> Operation:
        """WskSetOption."""
        control = ControlRequest(Request.SET_OPTION, code, level, Input.BYTES, data=data)
        return self._control(sock, control, 0, how)

    def get_option(self, sock: Socket, level: int, code: int, size: int, **how: Unpack[How]) -> Operation:
        """WskGetOption of at most `size` bytes."""
        return self._control(sock, ControlRequest(Request.GET_OPTION, code, level), size, how)

    def ioctl(
        self, sock: Socket, code: int, data: bytes = b"", size: int = 0, **how: Unpack[How]
    ) -> Operation:
        """WskIoctl with input `data` and at most `size` bytes of output."""
        if code in _AT_PASSIVE_LEVEL and how.get("context", PASSIVE) != PASSIVE:
            self._dangerous("queries of the address list are made at PASSIVE_LEVEL")
        given = Input.BYTES if data else Input.NONE
        return self._control(sock, ControlRequest(Request.IOCTL, code, input=given, data=data), size, how)

    def dual_mode(self, sock: Socket, **how: Unpack[How]) -> Operation:
        """An IPv6 socket takes IPv4 addresses too, as ::ffff:a.b.c.d; before it is bound."""
        return self.set_option(sock, IPPROTO_IPV6, IPV6_V6ONLY, bytes(_ULONG), **how)

    def give_up_after(self, sock: Socket, seconds: int, **how: Unpack[How]) -> Operation:
        """TCP_MAXRT: how long TCP sends again what nobody acknowledges; a WSK may refuse it."""
        return self.set_option(sock, IPPROTO_TCP, TCP_MAXRT, seconds.to_bytes(_ULONG, "little"), **how)

    def conditional_accept(self, sock: Socket, **how: Unpack[How]) -> Operation:
        """Connections are inspected before they are accepted; before the listener is bound."""
        enabled = (1).to_bytes(_ULONG, "little")
        return self.set_option(sock, SOL_SOCKET, SO_CONDITIONAL_ACCEPT, enabled, **how)

    def enable(self, sock: Socket, *callbacks: Callback, **how: Unpack[How]) -> Operation:
        """Event callbacks on, all in one call."""
        return self.event_mask(sock, _mask(callbacks), **how)

    def disable(self, sock: Socket, callback: Callback, **how: Unpack[How]) -> Operation:
        """One event callback off."""
        return self.event_mask(sock, _mask([callback]) | WSK_EVENT_DISABLE, **how)

    def event_mask(self, sock: Socket, mask: int, **how: Unpack[How]) -> Operation:
        """SO_WSK_EVENT_CALLBACK with any mask; an IRP belongs to disabling alone."""
        enables = not mask & WSK_EVENT_DISABLE
        if enables and how.setdefault("irp", Irp.NONE) != Irp.NONE:
            self._dangerous("an IRP on enabling an event is against the contract")
        control = ControlRequest(Request.SET_OPTION, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, Input.EVENTS, mask)
        return self._control(sock, control, 0, how)

    def on_event(
        self,
        sock: Socket,
        callback: Callback,
        action: Action = Action.TAKE,
        *,
        hold: int = 0,
        size: int = 0,
        part: int = 0,
    ) -> Operation:
        """Sets what an event callback does from now on, after it was held for `hold` ns.

        Up to `size` bytes of what it takes are kept for the timeline's `data`;
        `part` is how many Action.PARTIAL takes.
        """
        if not 0 <= hold <= abi.WSKTEST_MAX_HOLD_US * us:
            raise UsageError(f"a callback is held for at most {abi.WSKTEST_MAX_HOLD_US} us")
        return self._add(
            StepKind.ON_EVENT,
            socket=sock,
            callback=callback,
            action=action,
            delay=hold,
            result=size,
            count=part,
        )

    def on_accept(self, sock: Socket, sockets: int = 1, *, hold: int = 0) -> list[Socket]:
        """The WskAcceptEvent takes so many connections and refuses others; the sockets they become."""
        taken = [self._new_socket(sock.family, accepted_category(sock)) for _ in range(sockets)]
        operation = self._add(
            StepKind.ON_EVENT,
            socket=sock,
            callback=Callback.ACCEPT,
            delay=hold,
            count=sockets,
            index=taken[0].slot,
            result=2 * abi.wsktest_address.size,
        )
        for accepted in taken:
            accepted.operations.append(operation)
        return taken

    def cache_descriptor(self, descriptor: bytes) -> tuple[Descriptor, Operation]:
        """WSK_CACHE_SD of a self-relative security descriptor."""
        kept = self._descriptor()
        control = ControlRequest(code=WSK_CACHE_SD, input=Input.POINTER, data=descriptor, keep=kept)
        return kept, self.control_client(control)

    def release_descriptor(self, descriptor: Descriptor) -> Operation:
        """WSK_RELEASE_SD."""
        control = ControlRequest(code=WSK_RELEASE_SD, input=Input.DESCRIPTOR, value=descriptor.number)
        return self.control_client(control)

    def set_descriptor(self, sock: Socket, descriptor: Descriptor, **how: Unpack[How]) -> Operation:
        """SO_WSK_SECURITY, before the socket is bound."""
        control = ControlRequest(
            Request.SET_OPTION, SO_WSK_SECURITY, SOL_SOCKET, Input.DESCRIPTOR, descriptor.number
        )
        return self._control(sock, control, 0, how)

    def get_descriptor(self, sock: Socket, **how: Unpack[How]) -> tuple[Descriptor, Operation]:
        """SO_WSK_SECURITY: a cached copy, which is to be released."""
        kept = self._descriptor()
        control = ControlRequest(Request.GET_OPTION, SO_WSK_SECURITY, SOL_SOCKET, keep=kept)
        return kept, self._control(sock, control, 0, how)

    def static_events(self, *callbacks: Callback) -> Operation:
        """WSK_SET_STATIC_EVENT_CALLBACKS: on for every socket of the run's own client."""
        self._own()
        control = ControlRequest(
            code=WSK_SET_STATIC_EVENT_CALLBACKS, input=Input.EVENTS, value=_mask(callbacks)
        )
        return self.control_client(control)

    def control_client(self, control: ControlRequest, size: int = 0, *, irp: Irp = Irp.NONE) -> Operation:
        """WskControlClient with at most `size` bytes of output."""
        return self._add(StepKind.CONTROL_CLIENT, control=control, result=size, irp=irp)

    def _control(self, sock: Socket, control: ControlRequest, size: int, how: How) -> Operation:
        return self._use(sock, StepKind.CONTROL_SOCKET, how, control=control, result=size)

    def _descriptor(self) -> Descriptor:
        if self._descriptors == MAX_DESCRIPTORS:
            raise UsageError(f"a scenario has at most {MAX_DESCRIPTORS} security descriptors")
        self._descriptors += 1
        return Descriptor(self._descriptors - 1)


def _mask(callbacks: tuple[Callback, ...] | list[Callback]) -> int:
    mask = 0
    for callback in callbacks:
        if callback not in EVENT_BITS:
            raise UsageError(f"the {callback} event comes with conditional accept, it is not enabled")
        mask |= EVENT_BITS[callback]
    return mask
