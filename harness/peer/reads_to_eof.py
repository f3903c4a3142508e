# SPDX-License-Identifier: Apache-2.0
"""A peer that reads all that the guest sends and closes when the guest does."""

from harness.peer.base import Peer
from harness.peer.connection import Connection


class ReadsToEof(Peer):
    """Reads to EOF, then closes."""

    async def behave(self, connection: Connection) -> None:
        await connection.read_to_end()
