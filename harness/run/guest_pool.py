# SPDX-License-Identifier: Apache-2.0
"""Keeps a guest for the cases: started when first needed, shared, replaced when it has misbehaved.

A lab has one network and so one guest at a time: the next is started when the
last case has left a condemned one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from harness.core.errors import WskConformanceError
from harness.crash.triage import CrashTriage
from harness.guest.base import RunningGuest


@dataclass(eq=False)
class GuestLease:
    """A running guest and how many cases are in it; a condemned one takes no new ones."""

    guest: RunningGuest
    users: int = 0
    condemned: bool = False
    loss: "SharedLoss | None" = None
    triage: CrashTriage | None = None  # once something broke in it


@dataclass(eq=False)
class SharedLoss:
    """A guest that was lost while several cases were in it: whose doing was it?"""

    undecided: int
    explained: bool = False


@dataclass
class GuestPool:
    """Hands out the guest; a guest that cannot be started is not tried again."""

    start: Callable[[], Awaitable[RunningGuest]]
    _current: GuestLease | None = None
    _running: GuestLease | None = None  # the current one, or a condemned one that is not empty yet
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _failure: WskConformanceError | None = None

    @property
    def process(self) -> int | None:
        """The process of the guest that runs, where there is one on this host."""
        return self._running.guest.machine.pid if self._running else None

    async def ready(self) -> None:
        """There is a guest. Raises what kept it from starting."""
        await self._leased()

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[GuestLease]:
        """A guest for one scenario. Raises what kept the guest from starting."""
        lease = await self._leased()
        lease.users += 1
        try:
            yield lease
        finally:
            lease.users -= 1
            if lease.condemned and not lease.users:
                await self._stop(lease)

    def condemn(self, lease: GuestLease) -> None:
        """It is destroyed when its last case has left, and never used again."""
        lease.condemned = True
        if self._current is lease:
            self._current = None

    async def replace(self, guest: RunningGuest) -> None:
        """The next case starts another; this one is destroyed when nobody is in it any more."""
        lease = self._current
        if lease and lease.guest is guest:
            self.condemn(lease)
            if not lease.users:
                await self._stop(lease)

    def lose(self, lease: GuestLease) -> SharedLoss | None:
        """The guest is gone; None when only one case was in it, so that nobody else can have done it."""
        self.condemn(lease)
        if lease.loss is None and lease.users > 1:
            lease.loss = SharedLoss(lease.users)
        return lease.loss

    async def retire(self) -> None:
        """Destroys the guest, which nobody may be in; the next case starts another."""
        if self._running:
            await self._stop(self._running)

    async def _leased(self) -> GuestLease:
        async with self._starting:
            if self._failure:
                raise self._failure
            if self._current is None:
                if self._running:
                    await self._stopped.wait()
                self._current = self._running = await self._start_one()
            return self._current

    async def _start_one(self) -> GuestLease:
        try:
            return GuestLease(await self.start())
        except WskConformanceError as error:
            self._failure = error
            raise

    async def _stop(self, lease: GuestLease) -> None:
        await lease.guest.stop()
        self._current = self._running = None
        self._stopped.set()
        self._stopped = asyncio.Event()
