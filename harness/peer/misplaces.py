# SPDX-License-Identifier: Apache-2.0
"""Peers that send a segment with a sequence number that is not due."""

import time

from harness.core.errors import UsageError
from harness.peer.base import Moments
from harness.peer.scripted import ScriptedPeer
from harness.peer.scripted_connection import ScriptedConnection
from harness.peer.trigger import AT_ONCE, After
from harness.wire.packets import FIN, PSH, RST, Flag

OUT_OF_WINDOW = 100_000  # without window scaling, which these peers do not offer, a window ends before it
_ONE_SEGMENT = 1000  # bytes, which every guest takes in one


class Misplaces(ScriptedPeer):
    """The base of its kinds: sends one segment at the moment given, `by` bytes beyond its place.

    Then reads to EOF and closes, as if nothing had been.
    """

    flags: Flag

    def __init__(
        self, *, by: int = OUT_OF_WINDOW, after: After = AT_ONCE, exchange: int = 0, connections: int = 1
    ) -> None:
        super().__init__(exchange=exchange, connections=connections)
        self.by = by
        self.after = after
        self.misplaced: int | None = None  # when it was sent

    def moments(self) -> Moments:
        yield from super().moments()
        yield self.misplaced, f"sent a {self.flags} {self.by} bytes off its place"

    async def behave(self, connection: ScriptedConnection) -> None:
        await self.after.reached(connection)
        self.misplaced = time.time_ns()
        connection.tcp.misplace(self.flags, self.by)
        await connection.read_to_end()


class MisplacesReset(Misplaces):
    """A RST outside the window, or inside it but not at its beginning (RFC 9293, 3.10.7.4)."""

    flags = RST


class MisplacesFin(Misplaces):
    """A FIN outside the window, or beyond data that never comes."""

    flags = FIN


class RepeatsData(ScriptedPeer):
    """Sends `data`, then the same segment `times` times more, then reads to EOF and closes."""

    def __init__(self, data: bytes, *, times: int = 1, exchange: int = 0, connections: int = 1) -> None:
        if len(data) > _ONE_SEGMENT:
            raise UsageError(f"{len(data)} bytes do not fit in a segment: at most {_ONE_SEGMENT}")
        super().__init__(exchange=exchange, connections=connections)
        self.data = data
        self.times = times

    async def behave(self, connection: ScriptedConnection) -> None:
        await connection.send(self.data)
        for _ in range(self.times):
            connection.tcp.misplace(PSH, -len(self.data), self.data)
        await connection.read_to_end()
