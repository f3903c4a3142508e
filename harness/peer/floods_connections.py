# SPDX-License-Identifier: Apache-2.0
"""A peer that connects as often as it can."""

import asyncio
import contextlib

from harness.core.errors import UsageError
from harness.core.units import s, seconds
from harness.peer.base import Peer
from harness.peer.connection import Connection
from harness.peer.connection_source import ConnectionSource


class FloodsConnections(Peer):
    """Connects, resets the connection and connects again, for `for_` ns; needs `.connecting()`."""

    def __init__(self, *, for_: int = 2 * s) -> None:
        super().__init__()
        self.for_ = for_

    async def behave(self, connection: Connection) -> None:
        connection.reset()

    async def _serve(self, door: ConnectionSource) -> None:
        await self._add(door)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds(self.for_)):
                while True:
                    await self._add(door)

    async def _add(self, door: ConnectionSource) -> None:
        connection = await door.next()
        self.connections.append(connection)
        await self.behave(connection)

    def _listen(self, host: str, port: int) -> ConnectionSource:
        raise UsageError("a peer that floods is one that connects: say .connecting()")
