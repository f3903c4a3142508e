# SPDX-License-Identifier: Apache-2.0
"""Peers that send, for a guest that may leave it unread."""

from harness.peer.base import Peer
from harness.peer.connection import Connection
from harness.peer.trigger import AT_ONCE, After


class Sends(Peer):
    """Sends `data` at the moment given, and no FIN before the guest's direction has ended."""

    def __init__(
        self, data: bytes, *, after: After = AT_ONCE, exchange: int = 0, connections: int = 1
    ) -> None:
        super().__init__(exchange=exchange, connections=connections)
        self.data = data
        self.after = after

    async def behave(self, connection: Connection) -> None:
        await self.after.reached(connection)
        await connection.send(self.data)
        await connection.read_to_end()


class SendsThenFin(Sends):
    """Sends `data` at the moment given and its FIN behind it, then reads to EOF."""

    async def behave(self, connection: Connection) -> None:
        await self.after.reached(connection)
        await connection.send(self.data)
        connection.finish_sending()
        await connection.read_to_end()
