# SPDX-License-Identifier: Apache-2.0
"""One lab and all that a run has in it: network, hypervisor, capture, guest."""

import contextlib
import itertools
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from harness.core.errors import ChannelLost, GuestCrashed, GuestHung, HarnessError, WskConformanceError
from harness.crash.triage import CrashEvidence, CrashTriage
from harness.guest.base import Guest, Progress, RunningGuest
from harness.lab import vm_snapshot
from harness.lab.hypervisor import Hypervisor
from harness.lab.namespace import Network, enter
from harness.run.guest_pool import GuestLease, GuestPool, SharedLoss
from harness.run.options import Settings
from harness.run.watch import HostWatch
from harness.verdict import Baseline
from harness.wire import Capture

_log = logging.getLogger(__name__)


PEER_PORTS = range(10_000, 32_000)  # below those that the kernel gives out itself


class GuestLost(Exception):
    """A guest was lost while several cases were in it; `error` is what each of them would report."""

    def __init__(self, error: WskConformanceError, loss: SharedLoss) -> None:
        super().__init__(str(error))
        self.error = error
        self.loss = loss


class Session:
    """Use it as `async with`; `folder` takes the guests' serial logs and what those that are lost leave."""

    def __init__(self, settings: Settings, guest: Guest, folder: Path, progress: Progress) -> None:
        self.settings = settings
        self.network: Network = enter()  # or another like it: see harness.run.lab
        self.guest_pool = GuestPool(self._start)
        self.watch = HostWatch(lambda: self.guest_pool.process)
        self.capture = Capture(self.network.test_tap, self.network.test_guest4)
        self._guest = guest
        self._folder = folder
        self._evidence = CrashEvidence(folder, settings.dump, progress)
        self._progress = progress
        # No port twice while packets of its last use could still be under way: cases are told apart by it.
        self.ports = itertools.cycle(PEER_PORTS)
        self._numbers = itertools.count(1)
        self._stack = contextlib.AsyncExitStack()
        self.started: RunningGuest | None = None  # the first guest, for the record
        self._baseline: Baseline | None = None
        self._distrusted = False

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            self._hypervisor = stack.enter_context(Hypervisor(self.settings.uri))
            stack.enter_context(self.capture)
            stack.push_async_callback(self.guest_pool.retire)
            await stack.enter_async_context(self.watch)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def guest(self) -> AsyncIterator[GuestLease]:
        """The guest for one scenario. What breaks in it is explained by what became of its machine."""
        async with self.guest_pool.lease() as lease:
            try:
                yield lease
            except (HarnessError, GuestHung) as error:
                reason = await self._triage(lease).verdict(error)
                if reason is error and not isinstance(error, ChannelLost | GuestHung):
                    raise
                loss = self.guest_pool.lose(lease)
                if loss is None:
                    raise reason from error
                raise GuestLost(reason, loss) from error

    async def distrust_clock(self, guest: RunningGuest | None) -> None:
        """A clock that contradicts the host's was measured wrongly at the boot, which may be kept.

        Once: when a new boot does not help, it is the host that is to blame.
        """
        if self._distrusted or guest is None or guest.kept is None:
            return
        self._distrusted = True
        vm_snapshot.drop(guest.kept)
        self._progress("the guest's clock contradicts the host's: the kept guest is dropped, and boots again")
        await self.guest_pool.replace(guest)

    def _triage(self, lease: GuestLease) -> CrashTriage:
        """One for all cases that use it."""
        lease.triage = lease.triage or CrashTriage(lease.guest, self._evidence)
        return lease.triage

    @property
    def baseline(self) -> Baseline:
        """Baseline of the guest and build that runs here."""
        if self._baseline is None:
            if self.started is None:
                raise HarnessError("there is no baseline before a guest was started")
            # What a freedom makes the guest do is compared with nothing.
            folder = self._folder / "no-baselines" if self.settings.freedom else self.settings.baselines
            path = folder / f"{self.started.baseline}.toml"
            self._baseline = Baseline(path, accept=self.settings.accept_changes)
        return self._baseline

    async def _start(self) -> RunningGuest:
        number = next(self._numbers)
        try:
            guest = await self._guest.start(
                self._hypervisor,
                self.network,
                fault=self.settings.fault,
                freedoms=self.settings.freedoms,
                cpus=self.settings.cpus,
                serial_log=self._folder / f"serial-{self.settings.lab}{number}.log",
                progress=self._progress,
            )
        except (GuestCrashed, GuestHung) as error:
            raise HarnessError(f"the guest could not be started: {error}") from error
        _log.info("guest %d runs: %s (%s)", number, guest.build, guest.accelerator)
        self.started = self.started or guest
        return guest
