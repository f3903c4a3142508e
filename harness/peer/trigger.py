# SPDX-License-Identifier: Apache-2.0
"""The moment at which a peer acts."""

import asyncio
import time
from dataclasses import dataclass

from harness.core.units import ms, s
from harness.peer.connection import Connection

_LONGEST = 3600 * s  # no scenario takes longer
# Between moment and act: what that brings about is surely later, by clocks that agree within some ms.
_APART = 20 * ms


@dataclass(frozen=True)
class After:
    """After so many bytes of the guest, and then so many ns; at once by default."""

    received: int = 0
    delay: int = 0

    async def reached(self, connection: Connection) -> None:
        """Waits for the moment; a guest that ends first brings it on."""
        await connection.read(self.received)
        if self.delay and connection.ended == "open":
            await connection.hold(self.delay)


AT_ONCE = After()


class Command:
    """An action that a peer performs once: on command, or `after` ns after it could have been."""

    def __init__(self, after: int | None) -> None:
        self.given_ns: int | None = None
        self._after = _LONGEST if after is None else after
        self._given = asyncio.Event()

    @property
    def is_timed(self) -> bool:
        """Is it done some time later where nobody gives it?"""
        return self._after != _LONGEST

    def give(self) -> None:
        if self.given_ns is None:
            self.given_ns = time.time_ns()
            self._given.set()

    async def awaited(self, connection: Connection) -> bool:
        """Waits until it is given, and a little longer; a reset by the guest ends that. Is it to be done?"""
        told = asyncio.create_task(self._given.wait())
        due = asyncio.create_task(connection.hold(self._after))
        try:
            await asyncio.wait([told, due], return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            due.cancel()
            await asyncio.gather(told, due, return_exceptions=True)
        if _was_reset(connection):
            return False
        self.give()
        await connection.hold(_APART)
        return not _was_reset(connection)


def _was_reset(connection: Connection) -> bool:
    return connection.ended == "reset"
