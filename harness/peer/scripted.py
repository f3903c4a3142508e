# SPDX-License-Identifier: Apache-2.0
"""Peers whose TCP is a script of ours, for what a kernel will not do."""

import asyncio
import dataclasses
import functools

from harness.peer.base import Peer
from harness.peer.connection import Connection
from harness.peer.connection_source import Address, ConnectionSource, unused
from harness.peer.kernel import CALL_PAUSE_S, call_limits
from harness.peer.raw_port import RawPort
from harness.peer.scripted_connection import ScriptedConnection
from harness.peer.scripted_tcp import TcpBehaviour
from harness.peer.segment import Segment
from harness.wire.packets import SYN

_MOST_CONNECTIONS = 1024


class ScriptedPeer(Peer):
    """`behaviour` is what its connections withhold from their first segment on."""

    def __init__(
        self, behaviour: TcpBehaviour | None = None, *, exchange: int = 0, connections: int = 1
    ) -> None:
        super().__init__(exchange=exchange, connections=connections)
        self._behaviour = behaviour or TcpBehaviour()

    def reset(self) -> None:
        """Our RST on every connection, now."""
        for connection in self.connections:
            connection.reset()

    def _listen(self, host: str, port: int) -> ConnectionSource:
        return ScriptedListener(host, port, self._behaviour)

    def _call(self, host: str, guest: str, port: int) -> ConnectionSource:
        return ScriptedDialer(host, guest, port, self._behaviour)


class ScriptedListener(ConnectionSource):
    """Accepts connections at one port, which all of them share."""

    def __init__(self, host: str, port: int, behaviour: TcpBehaviour) -> None:
        self._raw = RawPort(host, port)
        self.port = self._raw.port
        self._behaviour = behaviour
        self._connections: dict[Address, ScriptedConnection] = {}
        self._established: asyncio.Queue[Connection] = asyncio.Queue()

    async def next(self) -> Connection:
        self._raw.start(self._receive)
        return await self._established.get()

    def close(self) -> None:
        for connection in self._connections.values():
            connection.vanish()
        self._raw.close()

    def _receive(self, guest: Address, segment: Segment) -> None:
        connection = self._connections.get(guest)
        if connection and connection.tcp.over and segment.flags == SYN:  # the guest uses its port again
            connection.vanish()
            connection = None
        if connection is None:
            if segment.flags != SYN or len(self._connections) == _MOST_CONNECTIONS:
                return
            connection = ScriptedConnection(self._raw, guest, dataclasses.replace(self._behaviour))
            self._connections[guest] = connection
        was_established = connection.tcp.established
        connection.receive(segment)
        if connection.tcp.established and not was_established:
            self._established.put_nowait(connection)


class ScriptedDialer(ConnectionSource):
    """Connects to a listener in the guest, from a port of its own each time, until there is one."""

    def __init__(self, host: str, guest: str, port: int, behaviour: TcpBehaviour) -> None:
        self.port = port
        self._host, self._guest = host, (guest, port)
        self._behaviour = behaviour
        self._met = False
        self._open: list[tuple[RawPort, ScriptedConnection]] = []

    async def next(self) -> Connection:
        for limit in call_limits():
            raw, connection = self._begin()
            if await connection.open(limit):
                self._met = True
                self.in_vain -= {raw.port}
                return connection
            if not self._met:
                self.in_vain |= {raw.port}
            self._end(*self._open.pop())
            await asyncio.sleep(CALL_PAUSE_S)
        raise AssertionError("attempts have no end")

    def close(self) -> None:
        while self._open:
            self._end(*self._open.pop())

    def _begin(self) -> tuple[RawPort, ScriptedConnection]:
        """An attempt from a port of its own, which has sent nothing yet."""
        raw = unused(lambda: RawPort(self._host, 0), lambda port: port.port, self.in_vain)
        connection = ScriptedConnection(raw, self._guest, dataclasses.replace(self._behaviour))
        self._open.append((raw, connection))
        raw.start(functools.partial(self._receive, connection))
        return raw, connection

    def _receive(self, connection: ScriptedConnection, guest: Address, segment: Segment) -> None:
        if guest == self._guest:
            connection.receive(segment)

    def _end(self, raw: RawPort, connection: ScriptedConnection) -> None:
        connection.vanish()
        raw.close()
