# SPDX-License-Identifier: Apache-2.0
"""A peer that is slower than the guest."""

from harness.core.units import KiB, MiB, ms, s
from harness.peer.base import Peer
from harness.peer.connection import Connection
from harness.peer.connection_source import ConnectionSource
from harness.peer.kernel import Dialer, Listener

_STEP = 20 * ms


class ReadsSlowly(Peer):
    """Reads to EOF at most `rate` bytes a second from a buffer of `buffer` bytes, then closes."""

    def __init__(
        self, *, rate: int = 1 * MiB, buffer: int = 16 * KiB, exchange: int = 0, connections: int = 1
    ) -> None:
        super().__init__(exchange=exchange, connections=connections)
        self.rate = rate
        self.buffer = buffer

    async def behave(self, connection: Connection) -> None:
        while connection.ended == "open":
            await connection.read(max(1, self.rate * _STEP // s))
            if connection.ended == "open":
                await connection.hold(_STEP)

    def _listen(self, host: str, port: int) -> ConnectionSource:
        return Listener(host, port, self.expected, receive_buffer=self.buffer)

    def _call(self, host: str, guest: str, port: int) -> ConnectionSource:
        return Dialer(host, guest, port, receive_buffer=self.buffer)
