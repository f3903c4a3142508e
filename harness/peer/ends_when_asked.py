# SPDX-License-Identifier: Apache-2.0
"""A peer that ends its direction when the guest asks for it."""

from typing import Literal

from harness.core.units import ms
from harness.peer.scripted import ScriptedPeer
from harness.peer.scripted_connection import ScriptedConnection
from harness.peer.scripted_tcp import TcpBehaviour

ASKED = 100 * ms  # from then on the guest may do what its question was for

End = Literal["fin", "rst", "silence", "none"]


class EndsWhenAsked(ScriptedPeer):
    """Sends `data` for the guest's first byte, and ends its direction for the second: by FIN, by RST, or not.

    With "silence" it is gone: it hears nothing but the question for its data, and says nothing after that.

    A guest that cannot send asks by what comes of its trying: it knocks at a window that is closed
    (`closed`), or sends a FIN, which is acknowledged only if `acknowledges_fin`. The end comes ASKED
    after that.
    """

    def __init__(
        self,
        end: End = "none",
        *,
        data: bytes = b"",
        closed: bool = False,
        acknowledges_fin: bool = True,
        connections: int = 1,
    ) -> None:
        behaviour = TcpBehaviour(
            takes=0 if closed else None,
            acknowledges_fin=acknowledges_fin,
            hears=len(data[:1]) if end == "silence" else None,
        )
        super().__init__(behaviour, connections=connections)
        self.end = end
        self.data = data

    async def behave(self, connection: ScriptedConnection) -> None:
        tcp = connection.tcp
        await connection.until(lambda: bool(tcp.received) or tcp.knocked or connection.ended != "open")
        if self.data:
            await connection.send(self.data)
        if self.end == "silence":
            connection.vanish()
            return
        await connection.until(lambda: len(tcp.received) > 1 or tcp.knocked or connection.ended != "open")
        await connection.hold(ASKED)
        if self.end == "rst":
            connection.reset()
        elif self.end == "fin":
            connection.finish_sending()
        await connection.until(lambda: connection.ended == "reset" or tcp.over)
