# SPDX-License-Identifier: Apache-2.0
"""A peer whose FIN and the guest's cross on the wire."""

from harness.peer.scripted_connection import ScriptedConnection
from harness.peer.scripted_tcp import TcpBehaviour
from harness.peer.withholds_acks import WithholdsAcks


class CrossesFins(WithholdsAcks):
    """Simultaneous close (RFC 9293, figure 13): its FIN does not acknowledge the guest's.

    The guest's FIN brings it on, and is acknowledged when the guest has
    acknowledged ours: at once, or `releases_after` ns later, or with None on
    command. Until then the guest is in CLOSING.
    """

    def __init__(self, *, releases_after: int | None = 0, exchange: int = 0, connections: int = 1) -> None:
        super().__init__(
            TcpBehaviour(acknowledges_fin=False),
            releases_after=releases_after,
            exchange=exchange,
            connections=connections,
        )

    async def behave(self, connection: ScriptedConnection) -> None:
        await connection.read_to_end()
        connection.finish_sending()
        await connection.until(lambda: connection.tcp.fin_acknowledged or connection.ended == "reset")
        await self._until_released(connection)
