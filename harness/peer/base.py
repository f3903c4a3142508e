# SPDX-License-Identifier: Apache-2.0
"""A peer: one behaviour, on an address and port of its own.

A behaviour is a small subclass that says what it does with a connection:
bind it, put its address into a plan, and serve while the scenario runs.

    peer = ReadsToEof().bind("192.0.2.1")
    async with peer:
        ...
        await peer.finished(5 * s)

The guest connects to the peer, or the peer to a listener in the guest:

    peer = ReadsToEof(connections=5).connecting().bind("192.0.2.1", 7000, guest="192.0.2.2")
"""

import asyncio
import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from harness.core.content import Content
from harness.core.errors import HarnessError
from harness.core.files import reason
from harness.core.units import s, seconds
from harness.peer.connection import Connection, Ended
from harness.peer.connection_source import ConnectionSource
from harness.peer.kernel import Dialer, Listener

STOP_LIMIT = 5 * s  # for a behaviour that was told to stop

Moments = Iterator[tuple[int | None, str]]


class Peer(ABC):
    """Serves `connections` connections, and no more; first echoes `exchange` bytes on each."""

    answers = True  # does it let the guest connect?

    def __init__(self, *, exchange: int = 0, connections: int = 1) -> None:
        self.exchange = exchange
        self.expected = connections
        self.connections: list[Connection] = []
        # Where it listens, once it is bound; one that connects has its own host and the guest's port.
        self.family, self.host, self.port = 0, "", 0
        self._connects = False
        self._source: ConnectionSource | None = None
        self._serving: asyncio.Task[None] | None = None

    @abstractmethod
    async def behave(self, connection: Any) -> None:
        """Handles a connection of the kind that this peer's door hands out, after the exchange."""

    def connecting(self) -> Self:
        """Makes its connections itself, to the port of the guest's that it is bound to.

        It tries until the guest listens there.
        """
        self._connects = True
        return self

    def bind(self, host: str, port: int = 0, *, guest: str = "") -> Self:
        """Takes `port` of `host`, or a free one; or, for one that connects, that port of `guest`.

        HarnessError when it is not ours to have.
        """
        if self._connects and not (guest and port):
            raise HarnessError("a peer that connects needs the guest's address and port")
        self.family, self.host = ipaddress.ip_address(host).version, host
        self._source = self._call(host, guest, port) if self._connects else self._listen(host, port)
        self.port = self._source.port
        return self

    @property
    def connection(self) -> Connection | None:
        """The first connection, if there is one."""
        return self.connections[0] if self.connections else None

    @property
    def received(self) -> Content:
        """The bytes that the first connection received."""
        return Content(self.connection.received if self.connection else b"")

    @property
    def ended(self) -> Ended:
        """How the guest's direction of the first connection ended."""
        return self.connection.ended if self.connection else "open"

    @property
    def error(self) -> str | None:
        """Name of the errno that the first connection ended with."""
        return self.connection.error if self.connection else None

    @property
    def accepted_ns(self) -> int | None:
        return self.connection.accepted_ns if self.connection else None

    @property
    def ended_ns(self) -> int | None:
        return self.connection.ended_ns if self.connection else None

    @property
    def shut_ns(self) -> int | None:
        """When the peer ended its own direction of the first connection."""
        return self.connection.shut_ns if self.connection else None

    @property
    def in_vain(self) -> frozenset[int]:
        """Ports from which it tried to connect before the guest listened: not what a case is about."""
        return self._source.in_vain if self._source and self.connections else frozenset()

    def moments(self) -> Moments:
        """Its log, for people: what it did and noticed, with times."""
        for connection in self.connections:
            yield connection.accepted_ns, "connected" if self._connects else "accepted"
            how = connection.error or connection.ended
            yield connection.ended_ns, f"saw the guest's direction end: {how}"
            yield connection.shut_ns, "ended its own direction"

    async def finished(self, limit: int) -> bool:
        """Has every expected connection run its course, within `limit` ns?"""
        if self._serving is None:
            raise HarnessError("the peer was never started")
        done, _ = await asyncio.wait([self._serving], timeout=seconds(limit))
        self.check()
        for task in done:
            task.result()  # CancelledError of one that was stopped: it has not run its course
        return bool(done)

    def check(self) -> None:
        """Raises HarnessError when the peer itself failed: then what the guest met says nothing of it."""
        task = self._serving
        if task is None or not task.done() or task.cancelled():
            return
        if error := task.exception():
            raise HarnessError(f"the peer failed, not the guest: {_first_of(error)}") from error

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._serve(self._bound()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait([self._serving], timeout=seconds(STOP_LIMIT))
        for connection in self.connections:
            connection.close()
        self._bound().close()

    def _listen(self, host: str, port: int) -> ConnectionSource:
        return Listener(host, port, self.expected)

    def _call(self, host: str, guest: str, port: int) -> ConnectionSource:
        return Dialer(host, guest, port)

    async def _serve(self, source: ConnectionSource) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self.expected):
                connection = await source.next()
                self.connections.append(connection)
                tasks.create_task(self._converse(connection))

    async def _converse(self, connection: Connection) -> None:
        if self.exchange:
            await connection.read(self.exchange)
            await connection.send(connection.received)
        await self.behave(connection)
        connection.close()

    def _bound(self) -> ConnectionSource:
        if self._source is None:
            raise HarnessError("the peer was not bound to an address")
        return self._source

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.connections)) or 'no connection'})"


def _first_of(error: BaseException) -> str:
    """The first of those that a group of tasks ended with."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return reason(error)
