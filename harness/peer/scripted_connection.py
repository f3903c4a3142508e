# SPDX-License-Identifier: Apache-2.0
"""A connection whose TCP is a script of ours."""

import asyncio
import time
from collections.abc import Callable

from harness.core.units import seconds
from harness.peer.connection import Connection
from harness.peer.connection_source import Address
from harness.peer.raw_port import RawPort
from harness.peer.scripted_tcp import ScriptedTcp, TcpBehaviour
from harness.peer.segment import Segment

_RESEND_S = 1.0  # RFC 6298, section 2.1
_RESENDS = 8
_LOSS_LIMIT_S = 10.0  # for what was lost to come again: a TCP may wait 3 s (RFC 6298, 2.1)


class ScriptedConnection(Connection):
    """A ScriptedTcp on the wire, with a clock; `tcp` is for what a kernel's connection cannot do."""

    def __init__(self, port: RawPort, guest: Address, behaviour: TcpBehaviour) -> None:
        super().__init__(guest)
        self.tcp = ScriptedTcp(lambda segment: port.send(guest, segment), behaviour)
        self._read_to = 0
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._resends = 0

    @property
    def received(self) -> bytes:
        return bytes(self.tcp.received)

    async def until(self, condition: Callable[[], bool], limit: float | None = None) -> None:
        """Waits for what a segment of the guest's brings about, at most `limit` s; or for our own end."""
        try:
            async with asyncio.timeout(limit):
                while not (condition() or self.tcp.silent):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    async def read(self, size: int) -> None:
        self._read_to += size
        await self.until(lambda: self.ended != "open" or len(self.tcp.received) >= self._read_to)

    async def read_to_end(self) -> None:
        await self.until(lambda: self.ended != "open")

    async def send(self, data: bytes) -> None:
        self.tcp.send(data)
        self._watch()

    async def hold(self, duration: int) -> None:
        await self.until(lambda: self.ended == "reset", seconds(duration))

    async def open(self, limit: float) -> bool:
        """Our SYN; is the connection made within `limit` s, or later as the answer was to be lost?"""
        self.tcp.open()
        self._watch()
        await self.until(lambda: self._opened or self.tcp.lost, limit)
        if self.tcp.lost:
            await self.until(lambda: self._opened, _LOSS_LIMIT_S)
        return self.tcp.established

    @property
    def _opened(self) -> bool:
        """Is it known what our SYN has come to?"""
        return self.tcp.established or self.ended != "open"

    def finish_sending(self) -> None:
        self._shut()
        self.tcp.finish()
        self._watch()

    def reset(self) -> None:
        self._shut()
        self.tcp.abort()
        self._watch()
        self._changed.set()

    def vanish(self) -> None:
        """Nothing more is heard or said, and nobody is told."""
        self.tcp.silent = True
        self._watch()
        self._changed.set()

    def close(self) -> None:
        """Sends a FIN when nothing else ended the connection."""
        if self.ended == "reset":
            self.vanish()
        elif not self.tcp.silent:
            self.finish_sending()

    def receive(self, segment: Segment) -> None:
        """A segment of the guest's."""
        was_established = self.tcp.established
        self.tcp.receive(segment)
        if self.tcp.established and not was_established:
            self.accepted_ns = time.time_ns()
        if self.tcp.reset_received and self.ended != "reset":
            self._end("reset", "ECONNRESET")
        elif self.tcp.fin_received and self.ended == "open":
            self._end("eof")
        self._watch()
        self._changed.set()

    def _watch(self) -> None:
        """Sends unacknowledged segments again when nothing happens for a while."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if (
            self.tcp.outstanding
            and not self.tcp.silent
            and self.ended != "reset"
            and self._resends < _RESENDS
        ):
            self._timer = asyncio.get_running_loop().call_later(_RESEND_S, self._resend)

    def _resend(self) -> None:
        self._resends += 1
        self.tcp.resend()
        self._watch()

    def _shut(self) -> None:
        if self.shut_ns is None:
            self.shut_ns = time.time_ns()
