# SPDX-License-Identifier: Apache-2.0
"""Peers that let nobody connect."""

import asyncio
import socket

from harness.peer.base import Peer
from harness.peer.connection import Connection
from harness.peer.connection_source import ConnectionSource
from harness.peer.kernel import bound
from harness.peer.raw_port import silent_listener


class NoDoor(ConnectionSource):
    """Holds its port with a socket, and that is all."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.port = sock.getsockname()[1]

    async def next(self) -> Connection:
        never: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        return await never

    def close(self) -> None:
        self._sock.close()


class NeverAnswers(Peer):
    """A SYN gets no answer."""

    answers = False

    async def behave(self, connection: Connection) -> None:
        """It never has a connection."""

    def _listen(self, host: str, port: int) -> ConnectionSource:
        return NoDoor(silent_listener(host, port))


class Refuses(Peer):
    """A SYN gets a RST: the port is bound, and nobody listens."""

    answers = False

    async def behave(self, connection: Connection) -> None:
        """It never has a connection."""

    def _listen(self, host: str, port: int) -> ConnectionSource:
        return NoDoor(bound(host, port))
