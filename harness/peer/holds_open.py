# SPDX-License-Identifier: Apache-2.0
"""A peer that keeps its own direction open after the guest ended its."""

from harness.peer.base import Peer
from harness.peer.connection import Connection

_PORTIONS = 10


class HoldsOpen(Peer):
    """After EOF holds its side open for `for_` ns, sends `sends` spread over that time, then closes.

    It sends `tells` when it has the guest's FIN: who receives that knows that its FIN is acknowledged.
    """

    def __init__(
        self, *, for_: int, sends: bytes = b"", tells: bytes = b"", exchange: int = 0, connections: int = 1
    ) -> None:
        super().__init__(exchange=exchange, connections=connections)
        self.for_ = for_
        self.sends = sends
        self.tells = tells

    async def behave(self, connection: Connection) -> None:
        await connection.read_to_end()
        await connection.send(self.tells)
        size = -(-len(self.sends) // _PORTIONS)
        for number in range(_PORTIONS):
            await connection.hold(self.for_ // _PORTIONS)
            if connection.ended == "reset":
                return
            await connection.send(self.sends[number * size : (number + 1) * size])
