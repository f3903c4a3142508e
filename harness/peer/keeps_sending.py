# SPDX-License-Identifier: Apache-2.0
"""A peer that sends on whatever the guest does."""

import asyncio

from harness.core.units import ms, s, seconds
from harness.peer.scripted import ScriptedPeer
from harness.peer.scripted_connection import ScriptedConnection
from harness.peer.trigger import AT_ONCE, After

_PORTION = bytes(range(100))


class KeepsSending(ScriptedPeer):
    """Sends `portion` every so often for `for_` ns, also after the guest's FIN and its RST, then closes.

    It begins at the moment given, and sends its last portion `every` ns before it closes.

    Data after the RST goes out as if there had been none, whatever the guest answers.
    """

    def __init__(
        self,
        *,
        portion: bytes = _PORTION,
        every: int = 20 * ms,
        for_: int = 1 * s,
        after: After = AT_ONCE,
        exchange: int = 0,
        connections: int = 1,
    ) -> None:
        super().__init__(exchange=exchange, connections=connections)
        self.portion = portion
        self.every = every
        self.for_ = for_
        self.after = after

    async def behave(self, connection: ScriptedConnection) -> None:
        await self.after.reached(connection)
        for _ in range(self.for_ // self.every):
            await connection.send(self.portion)
            await asyncio.sleep(seconds(self.every))
