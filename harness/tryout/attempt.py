# SPDX-License-Identifier: Apache-2.0
"""One try: the driver goes into the guest, runs, and comes out again; everything that it leaves is taken."""

import asyncio
import contextlib
import shlex
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.core.clock_rate import ClockRate
from harness.core.errors import (
    ChannelLost,
    GuestHung,
    HarnessError,
    WskConformanceError,
)
from harness.core.files import read_bytes
from harness.core.ntstatus import NTSTATUS, nt_success
from harness.core.units import s
from harness.evidence import DRIFT_PPM, Clock, Exchange
from harness.guest.base import Progress, RunningGuest
from harness.guest.control import ClockReading
from harness.peer import Peer
from harness.run.session import Session
from harness.tryout.peers import find_peer
from harness.tryout.request import Ioctl, TryoutRequest
from harness.wire import Packet
from harness.wire.capture import Window

if TYPE_CHECKING:
    from harness.guest.ssh import SshChannel, SshStream

_IN_GUEST = "/tmp/tried.sys"
_PROGRAM_IN_GUEST = "/tmp/control-program"
_PARAMETERS = "/sys/module/ntlab/parameters"
_LOAD_LIMIT_S = 30.0
_IOCTL_LIMIT_S = 30.0
_PROGRAM_LIMIT_S = 3600.0
_LIVE_LIMIT = 5 * s
_READ = 1 << 16
_TRACE_ENDS_S = 5.0
_MOST_SAID = 4000  # letters of a control program


@dataclass
class Step:
    """A control that was sent, or the control program: its status, and what it said or answered."""

    what: str
    status: str
    said: str = ""


@dataclass
class TryoutEvidence:
    """Everything that a try left; it is filled as the try goes on, so that a crash leaves what there was."""

    load_status: NTSTATUS | None = None
    unload_status: NTSTATUS | None = None
    hung: str = ""  # what did not come back
    steps: list[Step] = field(default_factory=list)
    pool_before: dict[str, tuple[int, int]] = field(default_factory=dict)  # the load: tag -> blocks, bytes
    pool: dict[str, tuple[int, int]] = field(default_factory=dict)  # at the end of what can be asked
    trace: bytes = b""
    packets: list[Packet] = field(default_factory=list)
    lost_packets: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    qpc_frequency: int = 0
    clock_error_ppm: int = 0
    guest: RunningGuest | None = None
    peer: Peer | None = None
    peer_address: tuple[str, int] = ("", 0)
    special_pool: bool = False

    @property
    def clock(self) -> Clock | None:
        if not self.exchanges:
            return None
        return Clock(self.qpc_frequency, self.exchanges, drift_ppm=DRIFT_PPM + self.clock_error_ppm)

    def read_clock(self, reading: ClockReading, clock: ClockRate) -> None:
        self.qpc_frequency, self.clock_error_ppm = round(reading.qpc_frequency / clock.rate), clock.error_ppm
        self.exchanges.append(Exchange(reading.sent_ns, reading.qpc, reading.received_ns))


class _TraceReader:
    """Reads the guest's trace while it runs, in a thread of its own."""

    def __init__(self, stream: "SshStream") -> None:
        self._stream = stream
        self._read = bytearray()
        self._thread = threading.Thread(target=self._follow, name="trace reader", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        with contextlib.suppress(ChannelLost, OSError):
            while data := self._stream.read(_READ):
                self._read += data

    async def taken(self, *, ends: bool) -> bytes:
        """All of it; `ends`: the trace was switched off, and its end is waited for."""
        if ends:
            await asyncio.to_thread(self._thread.join, _TRACE_ENDS_S)
        self._stream.close()
        return bytes(self._read)


@dataclass
class TryoutRun:
    """`session` is the lab, which is open."""

    session: Session
    request: TryoutRequest
    progress: Progress
    seen: TryoutEvidence = field(default_factory=TryoutEvidence)

    async def run(self) -> None:
        """Performs the try. Raises GuestCrashed when the driver stopped the guest, GuestHung when it hung.

        `seen` is filled in either case. Raises HarnessError for what is neither's doing.
        """
        async with self.session.guest() as lease:
            guest = self.seen.guest = lease.guest
            with self.session.capture.window(None) as window:
                try:
                    await guest.machine.unless_it_fails(self._tried(guest, window))
                finally:
                    if not self.seen.packets:
                        self.seen.packets = self.session.capture.seen(window)
                        self.seen.lost_packets = window.lost
            if self.seen.hung:
                self.session.guest_pool.condemn(lease)

    async def _tried(self, guest: RunningGuest, window: Window) -> None:
        channel: SshChannel = guest.connection  # type: ignore[assignment]  # the reference guest's is one
        before, _ = await asyncio.gather(guest.control.clock(), self.session.capture.prove_live(_LIVE_LIMIT))
        self.seen.read_clock(before, guest.clock_rate)
        await self._set_up(channel)
        async with self._peer(), self._traced(channel):
            await self._perform(channel)
        with contextlib.suppress(WskConformanceError):  # the first reading serves, less exactly
            self.seen.read_clock(await guest.control.clock(), guest.clock_rate)
        self.seen.packets = await self.session.capture.packets(window, _LIVE_LIMIT)
        self.seen.lost_packets = window.lost

    async def _set_up(self, channel: "SshChannel") -> None:
        await channel.put(_IN_GUEST, self.request.driver.image)
        await self._switch_on(channel, "irql_checking")
        if self.request.special_pool:
            await self._switch_on(channel, "special_pool")
            self.seen.special_pool = True
        if self.request.program:
            await channel.put(_PROGRAM_IN_GUEST, read_bytes(self.request.program))
            await channel.exec(f"chmod 755 {_PROGRAM_IN_GUEST}")

    @staticmethod
    async def _switch_on(channel: "SshChannel", parameter: str) -> None:
        if (await channel.exec(f"echo Y > {_PARAMETERS}/{parameter}")).status:
            raise HarnessError(f"this guest has no {parameter}: `make prepare` builds it anew")

    @contextlib.asynccontextmanager
    async def _peer(self) -> AsyncIterator[None]:
        request, network = self.request, self.session.network
        self.seen.peer_address = (network.test_host4, request.peer_port)
        if request.peer is None:
            yield
            return
        peer = self.seen.peer = find_peer(request.peer)
        if request.connect_to is not None:
            peer.connecting().bind(network.test_host4, request.connect_to, guest=network.test_guest4)
            self.progress(
                f"the peer {request.peer} connects to {network.test_guest4}, port {request.connect_to}"
            )
        else:
            peer.bind(network.test_host4, request.peer_port)
            self.progress(f"the peer {request.peer} is at {network.test_host4}, port {request.peer_port}")
        async with peer:
            yield
            peer.check()

    @contextlib.asynccontextmanager
    async def _traced(self, channel: "SshChannel") -> AsyncIterator[None]:
        await channel.exec(f"echo Y > {_PARAMETERS}/wsk_trace")
        reader = _TraceReader(await channel.stream("cat /dev/wsktrace"))
        ended = False
        try:
            yield
            await channel.exec(f"echo N > {_PARAMETERS}/wsk_trace")
            ended = True
        finally:
            self.seen.trace = await reader.taken(ends=ended)

    async def _perform(self, channel: "SshChannel") -> None:
        name = self.request.driver.service
        self.progress(f"loading {self.request.driver.path.name}")
        self.seen.pool_before = await self._pool(channel)
        if not await self._load(channel, name):
            return
        for ioctl in self.request.ioctls:
            await self._control(channel, ioctl)
        if not self.seen.hung:
            await self._let_run(channel)
        if not self.seen.hung:
            await self._unload(channel, name)
        self.seen.pool = await self._pool(channel)

    async def _pool(self, channel: "SshChannel") -> dict[str, tuple[int, int]]:
        return _pool((await channel.exec(f"cat {_PARAMETERS}/pool")).stdout)

    async def _load(self, channel: "SshChannel", name: str) -> bool:
        said = await self._bounded(channel, f"ntdriver load {name} {_IN_GUEST}", _LOAD_LIMIT_S, "DriverEntry")
        if said is None:
            return False
        self.seen.load_status = _status(said)
        return nt_success(self.seen.load_status)

    async def _control(self, channel: "SshChannel", ioctl: Ioctl) -> None:
        if self.seen.hung:
            return
        self.progress(f"sending {ioctl}")
        said = await self._bounded(channel, ioctl.command(self.seen.peer_address), _IOCTL_LIMIT_S, str(ioctl))
        if said is not None:
            status, _, answer = said.partition(" ")
            self.seen.steps.append(Step(str(ioctl), str(_status(status)), answer))

    async def _let_run(self, channel: "SshChannel") -> None:
        """Until the control program has ended, or for so long."""
        if self.request.program is None:
            self.progress(f"letting it run for {self.request.seconds:g} s")
            await asyncio.sleep(self.request.seconds)
            return
        host, port = self.seen.peer_address
        known = f"PEER_ADDRESS={host} PEER_PORT={port} GUEST_ADDRESS={self.session.network.test_guest4}"
        name = self.request.program.name
        self.progress(f"running {name}")
        try:
            done = await channel.exec(f"{known} {shlex.quote(_PROGRAM_IN_GUEST)}", limit=self.request.seconds)
        except GuestHung:
            self.seen.steps.append(Step(name, f"still ran after {self.request.seconds:g} s"))
            return
        said = (done.stdout + done.stderr).decode(errors="replace").strip()
        self.seen.steps.append(Step(name, f"exit status {done.status}", said[-_MOST_SAID:]))

    async def _unload(self, channel: "SshChannel", name: str) -> None:
        self.progress("unloading it")
        limit = self.request.unload_limit
        said = await self._bounded(channel, f"ntdriver unload {name}", limit, "its unload routine")
        if said is not None:
            self.seen.unload_status = _status(said)

    async def _bounded(self, channel: "SshChannel", command: str, limit: float, what: str) -> str | None:
        """Output of the command; None when it did not come back: then the guest's log gets its stacks."""
        try:
            done = await channel.exec(command, limit=limit)
        except GuestHung:
            self.seen.hung = f"{what} did not return within {limit:g} s"
            with contextlib.suppress(WskConformanceError):
                await channel.exec(f"echo 1 > {_PARAMETERS}/stacks")
            return None
        said = done.stdout.decode(errors="replace").strip()
        if not said:
            raise HarnessError(f"`{command}` failed in the guest: {done.said}")
        return said


def _status(said: str) -> NTSTATUS:
    try:
        return NTSTATUS(int(said, 16))
    except ValueError:
        raise HarnessError(f"ntdriver said {said[:60]!r} in the guest") from None


def _pool(said: bytes) -> dict[str, tuple[int, int]]:
    """Reads lines "TAG BLOCKS BYTES"; a tag may have spaces in it."""
    found = {}
    for line in said.decode("latin-1").splitlines():
        with contextlib.suppress(ValueError):
            tag, blocks, size = line.rsplit(" ", 2)
            found[tag] = (int(blocks), int(size))
    return found
