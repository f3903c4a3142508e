# SPDX-License-Identifier: Apache-2.0
"""Peers that speak UDP. Their datagrams are not in the timeline, which knows TCP only."""

import asyncio
import contextlib
import socket
import time

from harness.core.errors import HarnessError, UsageError
from harness.core.units import ms, s, seconds
from harness.peer.base import Peer
from harness.peer.connection import Connection
from harness.peer.connection_source import Address, ConnectionSource

_MAX_DATAGRAM = 65535


class Correspondence(Connection):
    """Datagrams to and from one address of the guest's; `received` is all of them, one behind the other."""

    def __init__(self, sock: socket.socket, guest: Address) -> None:
        super().__init__(guest)
        self.datagrams: list[bytes] = []
        self.sent = 0  # datagrams
        self._sock = sock

    @property
    def received(self) -> bytes:
        return b"".join(self.datagrams)

    async def next_datagram(self) -> bytes:
        """The next from this address; those of others are not heard."""
        while True:
            data, sender = await asyncio.get_running_loop().sock_recvfrom(self._sock, _MAX_DATAGRAM)
            if sender[:2] == self.guest:
                self.datagrams.append(data)
                return data

    async def read(self, size: int) -> None:
        goal = len(self.received) + size
        while len(self.received) < goal:
            await self.next_datagram()

    async def read_to_end(self) -> None:
        """Datagrams have no end; it is the case's."""
        while True:
            await self.next_datagram()

    async def send(self, data: bytes) -> None:
        """One datagram. That nobody is there to take it is nobody's fault."""
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendto(self._sock, data, self.guest)
            self.sent += 1

    async def hold(self, duration: int) -> None:
        await asyncio.sleep(seconds(duration))

    def finish_sending(self) -> None:
        self.shut_ns = self.shut_ns or time.time_ns()

    def reset(self) -> None:
        self.finish_sending()

    def close(self) -> None:
        self.finish_sending()


class Mailbox(ConnectionSource):
    """A UDP port; whoever writes first is the correspondent, unless `guest` says who."""

    def __init__(self, host: str, port: int, guest: Address | None = None) -> None:
        self._sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        try:
            self._sock.bind((host, port))
        except OSError as error:
            self._sock.close()
            raise HarnessError(f"the peer cannot have UDP port {port} of {host}: {error.strerror}") from None
        self._guest = guest
        self.port = guest[1] if guest else self._sock.getsockname()[1]

    async def next(self) -> Connection:
        if self._guest:
            return Correspondence(self._sock, self._guest)
        data, sender = await asyncio.get_running_loop().sock_recvfrom(self._sock, _MAX_DATAGRAM)
        found = Correspondence(self._sock, sender[:2])
        found.datagrams.append(data)
        return found

    def close(self) -> None:
        self._sock.close()


class DatagramPeer(Peer):
    """Has one correspondent."""

    def __init__(self) -> None:
        super().__init__()

    def _listen(self, host: str, port: int) -> ConnectionSource:
        return Mailbox(host, port)

    def _call(self, host: str, guest: str, port: int) -> ConnectionSource:
        return Mailbox(host, 0, (guest, port))


class EchoesDatagrams(DatagramPeer):
    """Sends each of `count` datagrams back to whoever sent the first."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    async def behave(self, connection: Correspondence) -> None:
        for number in range(self.count):
            data = await connection.next_datagram() if number else connection.datagrams[0]
            await connection.send(data)


class FloodsDatagrams(DatagramPeer):
    """Sends `portion` every so often for `for_` ns, whoever takes it; needs `.connecting()`."""

    def __init__(self, *, portion: bytes = bytes(100), every: int = 1 * ms, for_: int = 2 * s) -> None:
        super().__init__()
        self.portion = portion
        self.every = every
        self.for_ = for_

    def _listen(self, host: str, port: int) -> ConnectionSource:
        raise UsageError("a peer that floods is one that connects: say .connecting()")

    async def behave(self, connection: Correspondence) -> None:
        for _ in range(self.for_ // self.every):
            await connection.send(self.portion)
            await connection.hold(self.every)
