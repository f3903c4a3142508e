# SPDX-License-Identifier: Apache-2.0
"""A peer that vanishes without a word."""

import time

from harness.peer.base import Moments
from harness.peer.scripted import ScriptedPeer
from harness.peer.scripted_connection import ScriptedConnection
from harness.peer.scripted_tcp import TcpBehaviour
from harness.peer.trigger import AT_ONCE, After


class BlackHole(ScriptedPeer):
    """Neither hears nor says anything from the moment given on, as if both directions were cut."""

    def __init__(self, *, after: After = AT_ONCE, exchange: int = 0, connections: int = 1) -> None:
        hears = None if after.delay else exchange + after.received
        super().__init__(TcpBehaviour(hears=hears), exchange=exchange, connections=connections)
        self.after = after
        self.vanished: int | None = None  # when the last connection did

    def moments(self) -> Moments:
        yield from super().moments()
        yield self.vanished, "vanished"

    async def behave(self, connection: ScriptedConnection) -> None:
        await self.after.reached(connection)
        self.vanished = time.time_ns()
        connection.vanish()
