# SPDX-License-Identifier: Apache-2.0
"""A peer that ends its direction first."""

from harness.peer.base import Peer
from harness.peer.connection import Connection
from harness.peer.trigger import AT_ONCE, After


class FinFirst(Peer):
    """Sends its FIN at the moment given, then reads to EOF."""

    def __init__(self, *, after: After = AT_ONCE, exchange: int = 0, connections: int = 1) -> None:
        super().__init__(exchange=exchange, connections=connections)
        self.after = after

    async def behave(self, connection: Connection) -> None:
        await self.after.reached(connection)
        connection.finish_sending()
        await connection.read_to_end()
