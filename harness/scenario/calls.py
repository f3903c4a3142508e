# SPDX-License-Identifier: Apache-2.0
"""The functions of a socket's dispatch table, as steps of a plan."""

from typing import Unpack

from harness.core.abi import StepKind, abi
from harness.core.errors import UsageError
from harness.scenario.address import Address, Endpoint
from harness.scenario.buffer import Buffer, pattern
from harness.scenario.control import ControlRequest
from harness.scenario.operation import Operation, Socket
from harness.scenario.steps import How, Steps
from harness.scenario.values import Category, InspectAction, Irp

_ADDRESS = abi.wsktest_address.size


class Calls(Steps):
    """Every method raises UsageError for what the driver would refuse."""

    def socket(
        self,
        family: int,
        *,
        category: Category = Category.CONNECTION,
        control: ControlRequest | None = None,
        **how: Unpack[How],
    ) -> Socket:
        """WskSocket, for a connection socket unless `category` says what."""
        return self._create(StepKind.SOCKET, family, category, how, control=control)

    def socket_connect(
        self,
        *,
        to: Endpoint,
        local: Address | None = None,
        flags: int = 0,
        control: ControlRequest | None = None,
        **how: Unpack[How],
    ) -> Socket:
        """WskSocketConnect: creates, binds and connects a connection socket."""
        remote = Address.of(to)
        local = local or Address.wildcard(remote.family)
        _same_family(local, remote.family)
        fields = {"remote": remote, "local": local, "flags": flags, "control": control}
        return self._create(StepKind.SOCKET_CONNECT, remote.family, Category.CONNECTION, how, **fields)

    def bind(
        self, sock: Socket, *, local: Address | None = None, flags: int = 0, **how: Unpack[How]
    ) -> Operation:
        """WskBind, to any address and port unless `local` says which."""
        local = local or Address.wildcard(sock.family)
        _same_family(local, sock.family)
        return self._use(sock, StepKind.BIND, how, local=local, flags=flags)

    def connect(self, sock: Socket, *, to: Endpoint, flags: int = 0, **how: Unpack[How]) -> Operation:
        """WskConnect."""
        return self._use(sock, StepKind.CONNECT, how, remote=_remote(sock, to), flags=flags)

    def connect_ex(
        self,
        sock: Socket,
        *,
        to: Endpoint,
        data: bytes | int | Buffer | None = None,
        flags: int = 0,
        **how: Unpack[How],
    ) -> Operation:
        """WskConnectEx: connects, and sends `data` when that has succeeded."""
        buffer = None if data is None else self._outgoing(data)
        return self._use(sock, StepKind.CONNECT_EX, how, remote=_remote(sock, to), buffer=buffer, flags=flags)

    def listen(self, sock: Socket, **how: Unpack[How]) -> Operation:
        """WskListen of a stream socket."""
        return self._use(sock, StepKind.LISTEN, how)

    def accept(self, sock: Socket, *, flags: int = 0, **how: Unpack[How]) -> Socket:
        """WskAccept; the socket that is accepted."""
        accepted = self._new_socket(sock.family, accepted_category(sock))
        operation = self._use(
            sock, StepKind.ACCEPT, how, flags=flags, index=accepted.slot, result=2 * _ADDRESS
        )
        accepted.operations.append(operation)
        return accepted

    def inspect_complete(self, sock: Socket, action: InspectAction, **how: Unpack[How]) -> Operation:
        """WskInspectComplete of the inspection that was pended first."""
        return self._use(sock, StepKind.INSPECT_COMPLETE, how, flags=action)

    def send(
        self, sock: Socket, data: bytes | int | Buffer, *, flags: int = 0, **how: Unpack[How]
    ) -> Operation:
        """WskSend of the bytes given, or of so many that differ from step to step."""
        return self._use(sock, StepKind.SEND, how, buffer=self._outgoing(data), flags=flags)

    def receive(self, sock: Socket, size: int | Buffer, *, flags: int = 0, **how: Unpack[How]) -> Operation:
        """WskReceive of at most `size` bytes; WSK_FLAG_DRAIN wants zero."""
        return self._use(sock, StepKind.RECEIVE, how, buffer=_incoming(size), flags=flags)

    def send_to(
        self, sock: Socket, data: bytes | int | Buffer, *, to: Endpoint, flags: int = 0, **how: Unpack[How]
    ) -> Operation:
        """WskSendTo."""
        buffer, remote = self._outgoing(data), _remote(sock, to)
        return self._use(sock, StepKind.SEND_TO, how, buffer=buffer, remote=remote, flags=flags)

    def receive_from(
        self, sock: Socket, size: int | Buffer, *, flags: int = 0, **how: Unpack[How]
    ) -> Operation:
        """WskReceiveFrom."""
        buffer = _incoming(size)
        return self._use(sock, StepKind.RECEIVE_FROM, how, buffer=buffer, flags=flags, result=_ADDRESS)

    def release(self, sock: Socket, **how: Unpack[How]) -> Operation:
        """WskRelease of the indication that was retained first."""
        return self._use(sock, StepKind.RELEASE, how)

    def local_address(self, sock: Socket, **how: Unpack[How]) -> Operation:
        """WskGetLocalAddress."""
        return self._use(sock, StepKind.GET_LOCAL_ADDRESS, how, result=_ADDRESS)

    def remote_address(self, sock: Socket, **how: Unpack[How]) -> Operation:
        """WskGetRemoteAddress."""
        return self._use(sock, StepKind.GET_REMOTE_ADDRESS, how, result=_ADDRESS)

    def disconnect(
        self,
        sock: Socket,
        *,
        flags: int = 0,
        buffer: bytes | int | Buffer | None = None,
        **how: Unpack[How],
    ) -> Operation:
        """WskDisconnect: graceful, unless `flags` has WSK_FLAG_ABORTIVE; `buffer` is sent before it."""
        outgoing = None if buffer is None else self._outgoing(buffer)
        return self._use(sock, StepKind.DISCONNECT, how, buffer=outgoing, flags=flags)

    def close(self, sock: Socket, *, racing: bool = False, **how: Unpack[How]) -> Operation:
        """WskCloseSocket; the plan cannot use the socket after it.

        The driver first lets calls return that other strands are inside of; not when `racing`.
        """
        if racing:
            self._dangerous("a close that races other calls is against the contract")
        return self._use(sock, StepKind.CLOSE, how, racing=racing)

    def _use(self, sock: Socket, kind: object, how: How, **fields: object) -> Operation:
        if how.get("irp") == Irp.NONE and kind != StepKind.CONTROL_SOCKET:
            self._dangerous("a NULL IRP is against the contract")
        return super()._use(sock, kind, how, **fields)

    def _outgoing(self, data: bytes | int | Buffer) -> Buffer:
        if isinstance(data, int):
            return Buffer(pattern(data, seed=len(self.operations)), length=data)
        buffer = data if isinstance(data, Buffer) else Buffer(data)
        if buffer.length and not buffer.data:
            raise UsageError(f"a buffer of {buffer.length} bytes has nothing to send")
        if buffer.excess:
            self._dangerous("a WSK_BUF that is longer than its MDLs is against the contract")
        return buffer


def accepted_category(listener: Socket) -> Category:
    """A stream socket accepts stream sockets, a listening socket connection sockets."""
    return Category.STREAM if listener.category == Category.STREAM else Category.CONNECTION


def _incoming(size: int | Buffer) -> Buffer:
    return size if isinstance(size, Buffer) else Buffer(b"", length=size)


def _remote(sock: Socket, to: Endpoint) -> Address:
    remote = Address.of(to)
    _same_family(remote, sock.family)
    return remote


def _same_family(address: Address, family: int) -> None:
    if address.family != family:
        raise UsageError(f"{address} is not an address for a socket of IPv{int(family)}")
