# SPDX-License-Identifier: Apache-2.0
"""Peers that take what the guest sends and do not acknowledge it."""

from harness.peer.base import Moments
from harness.peer.scripted import ScriptedPeer
from harness.peer.scripted_connection import ScriptedConnection
from harness.peer.scripted_tcp import TcpBehaviour
from harness.peer.trigger import Command


class WithholdsAcks(ScriptedPeer):
    """The base of its kinds: ACKs are withheld until released.

    That is on command, or `releases_after` ns after there was the first to withhold.
    """

    def __init__(
        self,
        behaviour: TcpBehaviour,
        *,
        releases_after: int | None = None,
        exchange: int = 0,
        connections: int = 1,
    ) -> None:
        super().__init__(behaviour, exchange=exchange, connections=connections)
        self._release = Command(releases_after)

    @property
    def released(self) -> int | None:
        """When the ACKs were released."""
        return self._release.given_ns

    def release(self) -> None:
        self._release.give()

    def moments(self) -> Moments:
        yield from super().moments()
        yield self.released, "released its ACKs"

    async def _until_released(self, connection: ScriptedConnection) -> None:
        if await self._release.awaited(connection):
            connection.tcp.behaviour.acknowledges = None
            connection.tcp.behaviour.acknowledges_fin = True
            connection.tcp.acknowledge()


class WithholdsDataAcks(WithholdsAcks):
    """Acknowledges nothing that comes after the exchange; once released, reads to EOF and closes."""

    def __init__(self, *, releases_after: int | None = None, exchange: int = 0, connections: int = 1) -> None:
        super().__init__(
            TcpBehaviour(acknowledges=exchange),
            releases_after=releases_after,
            exchange=exchange,
            connections=connections,
        )

    async def behave(self, connection: ScriptedConnection) -> None:
        await connection.read(1)
        await self._until_released(connection)
        await connection.read_to_end()


class WithholdsFinAck(WithholdsAcks):
    """Acknowledges all data but not the FIN behind it; once released, closes.

    With `fin_first` it sends its own FIN as soon as it can, so that the guest's is the last.
    It sends `tells` when it has the guest's FIN.
    """

    def __init__(
        self,
        *,
        fin_first: bool = False,
        tells: bytes = b"",
        releases_after: int | None = None,
        exchange: int = 0,
        connections: int = 1,
    ) -> None:
        super().__init__(
            TcpBehaviour(acknowledges_fin=False),
            releases_after=releases_after,
            exchange=exchange,
            connections=connections,
        )
        self.fin_first = fin_first
        self.tells = tells

    async def behave(self, connection: ScriptedConnection) -> None:
        if self.fin_first:
            connection.finish_sending()
        await connection.read_to_end()
        if self.tells:
            await connection.send(self.tells)
        await self._until_released(connection)
