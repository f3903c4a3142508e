# SPDX-License-Identifier: Apache-2.0
"""A peer at the end of a line on which a segment of the guest's is lost."""

from collections.abc import Callable, Mapping

from harness.core.errors import UsageError
from harness.peer.scripted import ScriptedPeer
from harness.peer.scripted_connection import ScriptedConnection
from harness.peer.scripted_tcp import TcpBehaviour
from harness.peer.segment import Segment
from harness.wire.packets import ACK, FIN, RST, SYN

LOSSES: Mapping[str, Callable[[Segment], bool]] = {
    "syn": lambda segment: SYN in segment.flags and ACK not in segment.flags,
    "syn-ack": lambda segment: SYN in segment.flags and ACK in segment.flags,
    "data": lambda segment: bool(segment.payload),
    "fin": lambda segment: FIN in segment.flags,
    "rst": lambda segment: RST in segment.flags,
}


class LosesFirst(ScriptedPeer):
    """Never hears of the guest's first segment of a kind; reads to EOF, then closes.

    It sends `then` once that is lost.
    """

    def __init__(self, what: str, *, then: bytes = b"", exchange: int = 0, connections: int = 1) -> None:
        if what not in LOSSES:
            raise UsageError(f"nothing is lost by the name of {what!r}: {', '.join(LOSSES)}")
        super().__init__(TcpBehaviour(loses=LOSSES[what]), exchange=exchange, connections=connections)
        self.then = then

    @property
    def lost(self) -> bool:
        """Was it, on each of its connections?"""
        return bool(self.connections) and all(
            isinstance(each, ScriptedConnection) and each.tcp.lost for each in self.connections
        )

    async def behave(self, connection: ScriptedConnection) -> None:
        if self.then:
            await connection.until(lambda: connection.tcp.lost or connection.ended != "open")
            await connection.send(self.then)
        await connection.read_to_end()
