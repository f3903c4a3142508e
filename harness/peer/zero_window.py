# SPDX-License-Identifier: Apache-2.0
"""A peer whose window is closed."""

from harness.peer.base import Moments
from harness.peer.scripted import ScriptedPeer
from harness.peer.scripted_connection import ScriptedConnection
from harness.peer.scripted_tcp import TcpBehaviour
from harness.peer.trigger import Command

KNOCK_LIMIT_S = 2.0


class ZeroWindow(ScriptedPeer):
    """Takes `takes` bytes beyond the exchange, then its window is zero; it acknowledges every probe.

    The window opens on command, or `opens_after` ns after the guest has knocked: sent a probe, or
    something else that has no room. Then the peer reads to EOF and closes. A FIN needs room in the
    window as a byte does. Without `says` the ACK that tells of that is lost: a probe has to find out.
    With `resets_after` it stays closed, and the peer sends a RST that much later. Where nobody
    knocks for KNOCK_LIMIT it goes on as if somebody had.
    """

    def __init__(
        self,
        *,
        takes: int = 0,
        opens_after: int | None = None,
        says: bool = True,
        resets_after: int | None = None,
        exchange: int = 0,
        connections: int = 1,
    ) -> None:
        super().__init__(TcpBehaviour(takes=exchange + takes), exchange=exchange, connections=connections)
        self._opening = Command(opens_after)
        self.says = says
        self.resets_after = resets_after

    @property
    def opened(self) -> int | None:
        """When the window opened."""
        return self._opening.given_ns

    def open_window(self) -> None:
        self._opening.give()

    def moments(self) -> Moments:
        yield from super().moments()
        yield self.opened, "opened its window"

    async def behave(self, connection: ScriptedConnection) -> None:
        if self._opening.is_timed or self.resets_after is not None:
            await connection.until(
                lambda: connection.tcp.knocked or connection.ended != "open", KNOCK_LIMIT_S
            )
        if self.resets_after is not None:
            await connection.hold(self.resets_after)
            connection.reset()
        elif await self._opening.awaited(connection):
            connection.tcp.behaviour.takes = None
            if self.says:
                connection.tcp.acknowledge()
            await connection.read_to_end()
