# SPDX-License-Identifier: Apache-2.0
"""A peer that calls and does not wait for an answer."""

import asyncio

from harness.core.errors import UsageError
from harness.core.units import ms, seconds
from harness.peer.base import Moments
from harness.peer.connection import Connection
from harness.peer.connection_source import ConnectionSource
from harness.peer.kernel import CALL_PAUSE_S
from harness.peer.scripted import ScriptedDialer, ScriptedPeer
from harness.peer.scripted_tcp import TcpBehaviour


class HangsUp(ScriptedPeer):
    """Sends a SYN and, when nobody has answered it for `after` ns, a RST; from another port again.

    It does so `times` times, or until it is refused: a listener that holds its SYN back and a closed
    port whose firewall says nothing look alike, so the first that meets silence need not have met the
    listener. It needs `.connecting()`.
    """

    def __init__(self, *, after: int = 300 * ms, times: int = 5) -> None:
        super().__init__(connections=times)
        self.after = after

    def moments(self) -> Moments:
        for connection in self.connections:
            yield connection.accepted_ns, "sent a SYN"
            yield connection.shut_ns, "sent a RST, as nobody had answered"

    async def behave(self, connection: Connection) -> None:
        """There is nothing left to do: what its door hands out is over."""

    async def _serve(self, door: ConnectionSource) -> None:
        for _ in range(self.expected):
            connection = await door.next()
            if connection.ended == "reset":
                return
            self.connections.append(connection)

    def _listen(self, host: str, port: int) -> ConnectionSource:
        raise UsageError("a peer that hangs up is one that connects: say .connecting()")

    def _call(self, host: str, guest: str, port: int) -> ConnectionSource:
        return _Impatient(host, guest, port, self.after)


class _Impatient(ScriptedDialer):
    """Dials again when a guest without a listener refuses, until it has met silence once."""

    def __init__(self, host: str, guest: str, port: int, patience: int) -> None:
        super().__init__(host, guest, port, TcpBehaviour())
        self._patience = patience

    async def next(self) -> Connection:
        while True:
            raw, connection = self._begin()
            await connection.open(seconds(self._patience))
            if connection.ended != "reset":
                connection.reset()
                self._met = True
                return connection
            if self._met:
                return connection
            self.in_vain |= {raw.port}
            self._end(*self._open.pop())
            await asyncio.sleep(CALL_PAUSE_S)
