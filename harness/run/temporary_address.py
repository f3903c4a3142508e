# SPDX-License-Identifier: Apache-2.0
"""An address of the guest's that one case has for itself, so that it can be taken away under its sockets."""

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from harness.core.errors import ChannelLost, HarnessError
from harness.core.units import seconds
from harness.run.session import Session
from harness.scenario import IPV4, Address, Family

_POLL_S = 0.01
_FIRST, _COUNT = 16, 200  # of the test network's addresses; those of the lab's own are below


class TemporaryAddress:
    """Bind to its `at(port)`. It is there until it leaves, and again after `come_back`."""

    def __init__(self, session: Session, family: Family) -> None:
        self._session = session
        network = session.network
        self._beside = network.test_guest4 if family == IPV4 else network.test_guest6
        number = _FIRST + next(session.ports) % _COUNT
        base = ipaddress.ip_interface(
            f"{self._beside}/{network.prefix4 if family == IPV4 else network.prefix6}"
        )
        self.address = Address(family, str(base.network[number]), 0)
        self.left_ns: int | None = None  # just before the guest was last told to lose it
        self.gone_ns: int | None = None  # when it had said that it has
        self._present = False
        self._leaving: asyncio.Task[None] | None = None

    def at(self, port: int = 0) -> Address:
        """The address with a port; 0 for any."""
        return self.address._replace(port=port)

    def leaves(self, *, after: int, once: Callable[[], object] = lambda: True) -> None:
        """While a scenario runs the guest loses it, `after` ns from when `once` was first true."""
        self._leaving = asyncio.create_task(self._leave_later(once, after))

    async def leave(self) -> None:
        """The guest loses it."""
        self.left_ns, self.gone_ns = time.time_ns(), None
        await self._set(present=False)
        self.gone_ns = time.time_ns()

    async def come_back(self) -> None:
        """The guest has it again."""
        await self._set(present=True)

    async def _leave_later(self, once: Callable[[], object], after: int) -> None:
        while not once():
            await asyncio.sleep(_POLL_S)
        await asyncio.sleep(seconds(after))
        await self.leave()

    async def _set(self, *, present: bool) -> None:
        async with self._session.guest() as lease:
            await lease.guest.control.set_address(self.address, beside=self._beside, present=present)
        self._present = present

    async def end(self) -> None:
        """The address is gone; a guest that is gone has taken it along. Raises what kept it from leaving."""
        if self._leaving and not self._leaving.done():
            self._leaving.cancel()
            await asyncio.wait([self._leaving])
        elif self._leaving:
            self._leaving.result()
        if self._present:
            with contextlib.suppress(ChannelLost, HarnessError):
                await self._set(present=False)


@asynccontextmanager
async def temporary_address(session: Session, family: Family) -> AsyncIterator[TemporaryAddress]:
    """Present inside the block, and gone behind it. HarnessError when the guest cannot have it."""
    place = TemporaryAddress(session, family)
    await place.come_back()
    try:
        yield place
    finally:
        await place.end()
