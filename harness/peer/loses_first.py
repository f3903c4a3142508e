# SPDX-License-Identifier: Apache-2.0
"""A peer at the end of a line on which a segment of the guest's is lost."""

from collections.abc import Callable, Mapping

from harness.core.errors import UsageError
from harness.peer.scripted import ScriptedPeer
from harness.peer.scripted_connection import ScriptedConnection
from harness.peer.scripted_tcp import TcpBehaviour
from harness.peer.segment import Segment
from harness.wire.packets import FIN

LOSSES: Mapping[str, Callable[[Segment], bool]] = {
    "fin": lambda segment: FIN in segment.flags,
    "data": lambda segment: bool(segment.payload),
}


class LosesFirst(ScriptedPeer):
    """Never hears of the guest's first data, or of its first FIN; reads to EOF, then closes."""

    def __init__(self, what: str, *, exchange: int = 0, connections: int = 1) -> None:
        if what not in LOSSES:
            raise UsageError(f"nothing is lost by the name of {what!r}: {' or '.join(LOSSES)}")
        super().__init__(TcpBehaviour(loses=LOSSES[what]), exchange=exchange, connections=connections)

    @property
    def lost(self) -> bool:
        """Was it, on each of its connections?"""
        return bool(self.connections) and all(
            isinstance(each, ScriptedConnection) and each.tcp.lost for each in self.connections
        )

    async def behave(self, connection: ScriptedConnection) -> None:
        await connection.read_to_end()
