# SPDX-License-Identifier: Apache-2.0
"""One case as its test sees it: peers, a scenario, and the timeline that comes of it."""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from harness.core.abi import EventKind, StepKind, TraceOutcome
from harness.core.errors import EvidenceLost, GuestHung, HarnessError, Unsupported
from harness.core.ntstatus import (
    NTSTATUS,
    STATUS_INVALID_HANDLE,
    STATUS_NOT_IMPLEMENTED,
    STATUS_NOT_SUPPORTED,
    nt_success,
)
from harness.core.units import ms, s, seconds
from harness.crash.findings import Findings
from harness.evidence import DRIFT_PPM, Clock, Event, Exchange, Samples, Timeline, Trace, grown
from harness.guest.base import RunningGuest
from harness.guest.control import ClockReading
from harness.peer import Peer
from harness.run.guest_pool import GuestLease
from harness.run.hung import why_hung
from harness.run.limits import require_own_part
from harness.run.session import Session
from harness.run.temporary_address import TemporaryAddress, temporary_address
from harness.run.watch import HostLoad
from harness.scenario import IPV4, Callback, Family, Operation, Scenario, encode
from harness.scenario.encoding import rounds
from harness.verdict.laws import Judgement, judge
from harness.wire import ACK, RST, Packet

_log = logging.getLogger(__name__)


PEER_LIMIT = 5 * s
LIVE_LIMIT = 5 * s
ANSWER_LIMIT = 20 * s  # beyond the waits that the scenario itself asks for
RECOVERY_STAGES = 6
LINGERS = 100 * ms  # for a RST that leaves behind its IRP, where no peer hears of it
LOOPED_STEP = 20 * ms  # for each step of each round of a loop
POOL_SETTLES = 50 * ms
POOL_READINGS = 20
POOL_LIMIT = 5 * s
NO_PORT = 0

AnyPeer = TypeVar("AnyPeer", bound=Peer)

_CONNECTS = (StepKind.CONNECT, StepKind.CONNECT_EX, StepKind.SOCKET_CONNECT)
_JOINS = (*_CONNECTS, StepKind.ACCEPT)
_SCENE = (*_CONNECTS, StepKind.SOCKET, StepKind.BIND, StepKind.LISTEN, StepKind.ACCEPT)
_HUNG = (TraceOutcome.LIMIT, TraceOutcome.HUNG)
_MISSING = (STATUS_NOT_IMPLEMENTED, STATUS_NOT_SUPPORTED)


@dataclass
class CaseEvidence:
    """The evidence of one scenario, as far as it got."""

    scenario: bytes | None = None
    trace: bytes | None = None
    packets: list[Packet] | None = None
    lost_packets: int = 0
    strays: int = 0  # frames that the guest sent by itself, or that are no case's
    timeline: Timeline | None = None
    host: HostLoad | None = None  # while the scenario ran
    lease: GuestLease | None = None  # of the guest that it was performed in

    @property
    def guest(self) -> RunningGuest | None:
        return self.lease.guest if self.lease else None

    @property
    def findings(self) -> Findings:
        """The findings on the end of its guest; empty while the guest lives."""
        return self.lease.triage.findings if self.lease and self.lease.triage else Findings()


@dataclass
class Case:
    """The `lab` of a test."""

    session: Session
    name: str
    evidence: CaseEvidence = field(default_factory=CaseEvidence)
    recorded: dict[str, str] = field(default_factory=dict)
    noted: dict[str, str] = field(default_factory=dict)
    measured: dict[str, Samples] = field(default_factory=dict)
    judgements: list[tuple[Timeline, Judgement]] = field(
        default_factory=list
    )  # laws that do not hold, or open

    def record(self, what: str, seen: object) -> None:
        """Records what the guest did where no document says: compared with its baseline, never judged.

        Record only what does not vary: a status, who sent what; never a time.
        """
        self.recorded[what] = str(seen)

    def note(self, what: str, seen: object) -> None:
        """Keeps what the guest did where no document says that it does so each time: compared with nothing.

        The level of a completion, the order of what comes side by side, the Information of a failure.
        """
        self.noted[what] = str(seen)

    def record_return(self, what: str, returned: NTSTATUS) -> None:
        """Records what a call returned; STATUS_SUCCESS and STATUS_PENDING may take turns, and are noted."""
        if nt_success(returned):
            self.note(what, returned)
        else:
            self.record(what, returned)

    def measure(self, what: str, samples: Samples) -> None:
        """Keeps how long something took, for comparison with other runs; never judged."""
        self.measured[what] = samples

    def peer(self, behaviour: AnyPeer, family: Family) -> AnyPeer:
        """The peer, at an address and port of its own; that port is the guest's for one that connects."""
        network = self.session.network
        host = network.test_host4 if family == IPV4 else network.test_host6
        guest = network.test_guest4 if family == IPV4 else network.test_guest6
        return behaviour.bind(host, next(self.session.ports), guest=guest)

    def temporary_address(self, family: Family) -> AbstractAsyncContextManager[TemporaryAddress]:
        """`async with` it for an address of the guest's that can be taken away under the case's sockets."""
        return temporary_address(self.session, family)

    def port(self) -> int:
        """A port of the guest's that no other case uses."""
        return next(self.session.ports)

    def needs_cpus(self, count: int) -> None:
        """Raises Unsupported on a guest with fewer: what runs at DISPATCH_LEVEL has its CPU to itself."""
        cpus = self.session.settings.cpus
        if cpus < count:
            raise Unsupported(f"the scene needs {count} CPUs, and the guest was given {cpus}")

    async def pool(self, before: Mapping[str, str] | None = None) -> dict[str, str]:
        """Blocks and bytes of the guest's pool, by tag, once they no longer change.

        With an earlier reading: once it holds no more than then, or POOL_LIMIT has gone by. How soon WSK
        frees what a closed socket held nobody says. Only a case that is alone can tell what it left.
        Unsupported where the guest does not say.
        """
        limit = time.monotonic() + seconds(POOL_LIMIT)
        seen = await self._pool_at_rest()
        while before is not None and grown(before, seen) and time.monotonic() < limit:
            seen = await self._pool_at_rest()
        return seen

    async def _pool_at_rest(self) -> dict[str, str]:
        seen = await self._pool()
        for _ in range(POOL_READINGS):
            await asyncio.sleep(seconds(POOL_SETTLES))
            before, seen = seen, await self._pool()
            if seen == before:
                return seen
        raise EvidenceLost("the guest's pool does not come to rest")

    async def _pool(self) -> dict[str, str]:
        async with self.session.guest() as lease:
            info = await lease.guest.control.info()
        pool = {key: value for key, value in info.items() if key.startswith("pool.")}
        if not pool:
            raise Unsupported("the guest does not say what its pool holds")
        return pool

    async def run(
        self, plan: Scenario, peer: Peer | None = None, *, peer_timeout: int = PEER_LIMIT
    ) -> Timeline:
        """Performs the scenario in the guest while the peer plays its part.

        Once the scenario is over the peer has `peer_timeout` ns to end too; give less
        where nothing will tell it of the end. Raises GuestHung when an IRP was
        not completed in time, GuestCrashed, Unsupported, and EvidenceLost when
        what was seen cannot be judged.
        """
        if peer is None:
            return await self._perform(plan, None, peer_timeout)
        async with peer:
            try:
                timeline = await self._perform(plan, peer, peer_timeout)
            except (GuestHung, EvidenceLost):
                peer.check()  # what the peer itself met decides
                raise
            peer.check()
            return timeline

    async def _perform(self, plan: Scenario, peer: Peer | None, peer_timeout: int) -> Timeline:
        async with self.session.guest() as lease:
            guest = lease.guest
            self.evidence = CaseEvidence(lease=lease)
            exchange = self._exchange(guest, plan, peer, peer_timeout)
            trace, clock = await guest.machine.unless_it_fails(exchange)
            if trace.outcome in _HUNG:
                self.session.guest_pool.condemn(lease)
        _check_performed(plan, trace)
        _check_called(plan, trace)
        packets, lost = self.evidence.packets or [], self.evidence.lost_packets
        if peer:
            packets = _of_its_connections(packets, peer)
        watch = self.session.watch
        timeline = Timeline(
            plan,
            trace,
            packets,
            peer,
            clock,
            lost_packets=lost,
            starved=lambda since, until: watch.load(since, until).guest_kept_ns,
        )
        self.evidence.timeline = timeline
        self.judgements += [(timeline, judgement) for judgement in judge(timeline)]
        _check_scene(timeline, peer)
        if trace.outcome in _HUNG:
            require_own_part(timeline, watch)
            raise GuestHung(why_hung(plan, trace))
        return timeline

    async def _exchange(
        self, guest: RunningGuest, plan: Scenario, peer: Peer | None, peer_timeout: int
    ) -> tuple[Trace, Clock]:
        """Scenario in, trace out; capture and clock are asked before and after."""
        scenario = encode(plan)
        self.evidence = CaseEvidence(scenario=scenario, lease=self.evidence.lease)
        capture = self.session.capture
        with capture.window(peer.port if peer else NO_PORT) as window:
            before, _ = await asyncio.gather(guest.control.clock(), capture.prove_live(LIVE_LIMIT))
            begun = time.time_ns()
            reply = await guest.control.run(scenario, seconds(answer_limit(plan)))
            self.evidence.trace = reply.payload
            self.evidence.host = self.session.watch.load(begun, time.time_ns())
            trace = Trace.decode(reply.payload) if nt_success(NTSTATUS(reply.status)) else None
            if peer and (peer.connections or (trace and _joins(plan, trace))):
                await peer.finished(peer_timeout)
            if peer and not _heard_the_end(peer):
                await asyncio.sleep(seconds(LINGERS))
            after = await guest.control.clock()  # first: what a guest had to send that was stopped meanwhile
            packets = await capture.packets(window, LIVE_LIMIT)
            self.evidence.packets, self.evidence.lost_packets = packets, window.lost
            self.evidence.strays = window.strays
        if trace is None:
            raise HarnessError(f"the driver answered a scenario with {NTSTATUS(reply.status)}")
        frequency = round(before.qpc_frequency / guest.clock_rate.rate)
        trace = replace(trace, qpc_frequency=frequency)
        drift = DRIFT_PPM + guest.clock_rate.error_ppm
        clock = Clock(frequency, map(_as_exchange, (before, after)), drift_ppm=drift)
        _log.debug(
            "%s: %s, %d events, %d packets, %d frames of nobody's",
            self.name,
            trace.outcome.name,
            len(trace.events),
            len(packets),
            window.strays,
        )
        if trace.events:
            clock.not_before(trace.qpc_begin, reply.sent_ns)
            clock.not_after(trace.qpc_end, reply.received_ns)
        return trace, clock


def _joins(plan: Scenario, trace: Trace) -> bool:
    """Has the guest a connection? Its peer's event loop, which is ours, may not have heard of it yet."""
    return any(
        (event.kind == EventKind.CALLBACK_ENTER and event.callback == Callback.ACCEPT)
        or (
            event.kind == EventKind.COMPLETION
            and event.step < len(plan.operations)
            and plan.operations[event.step].kind in _JOINS
            and nt_success(event.io_status)
        )
        for event in trace.events
    )


def _heard_the_end(peer: Peer) -> bool:
    """Did the peer see how the guest ended each connection, so that nothing which says so is on its way?"""
    return bool(peer.connections) and all(each.ended != "open" for each in peer.connections)


def _as_exchange(reading: ClockReading) -> Exchange:
    return Exchange(reading.sent_ns, reading.qpc, reading.received_ns)


def answer_limit(plan: Scenario) -> int:
    """ns after which a guest that has not answered is given up: every wait the driver may make, and more."""
    looped = rounds(plan)
    delays = sum(step.delay * looped.get(step.number, 1) for step in plan.operations)
    waits = delays + sum(step.limit for step in plan.operations)  # the first limit reached ends the run
    waits += sum(looped.values()) * LOOPED_STEP
    return waits + RECOVERY_STAGES * plan.recovery + ANSWER_LIMIT


def _check_performed(plan: Scenario, trace: Trace) -> None:
    if trace.outcome == TraceOutcome.REJECTED:
        raise HarnessError(f"the driver refused the scenario: {trace.reject.name} at step {trace.stop_step}")
    if trace.outcome == TraceOutcome.STOPPED:
        step = plan.operations[trace.stop_step] if trace.stop_step < len(plan.operations) else None
        if trace.status == STATUS_NOT_IMPLEMENTED:
            raise Unsupported(f"the provider's dispatch table has no function for {step}")
        missing = trace.status == STATUS_INVALID_HANDLE
        if missing and step and step.socket and step.socket.creation in plan.failing:
            return  # there is no socket, and the case judges that
        why = "has no socket to act on" if missing else f"gave {trace.status}"
        raise EvidenceLost(f"the scene could not be set: {step} {why}")


def _of_its_connections(packets: list[Packet], peer: Peer) -> list[Packet]:
    """The packets without the peer's failed attempts to connect.

    When such an attempt succeeded after all, the guest has a connection that nobody owns.
    """
    abandoned = (packet for packet in packets if packet.peer_port in peer.in_vain)
    for packet in abandoned:
        if packet.sender == "peer" and ACK in packet.flags and RST not in packet.flags:
            raise EvidenceLost(f"the peer gave up an attempt to connect that the guest then had: {packet!r}")
    return [packet for packet in packets if packet.peer_port not in peer.in_vain]


def _check_called(plan: Scenario, trace: Trace) -> None:
    """Every call of the plan was made in its turn, or the case has not seen what it is about.

    The driver skips a call that the contract forbids at that moment. That is no doing of the guest's.
    """
    limit = _first(trace, EventKind.LIMIT)
    for event in trace.events:
        if event is limit:
            return  # what comes after a limit is the recovery's doing
        if event.kind == EventKind.SKIPPED and event.step < len(plan.operations):
            operation = plan.operations[event.step]
            if operation not in plan.failing:
                raise EvidenceLost(f"{operation} was not called, as the contract forbids it: {event.status}")


def _first(trace: Trace, kind: EventKind) -> Event | None:
    return next((event for event in trace.events if event.kind == kind), None)


def _check_scene(timeline: Timeline, peer: Peer | None) -> None:
    """A case judges nothing unless its sockets were made, its connections opened and its events enabled.

    A connection that the peer prevents, and a step that the plan
    says may fail, are the case's to judge.
    """
    limit = _first(timeline.trace, EventKind.LIMIT)
    for operation in _scene(timeline.plan, peer):
        end = timeline.ended(operation)
        if limit and (end is None or end.sequence > limit.sequence):
            continue  # what comes after a limit is the recovery's doing
        status = timeline.status(operation) if operation.has_irp else timeline.returned(operation)
        if status in _MISSING:
            raise Unsupported(f"{operation} ended with {status}")
        if not nt_success(status):
            raise EvidenceLost(f"the scene could not be set: {operation} ended with {status}")


def _scene(plan: Scenario, peer: Peer | None) -> Iterator[Operation]:
    unwanted = _CONNECTS if peer and not peer.answers else ()
    for operation in plan.operations:
        brings_events = operation.control and operation.control.brings_events
        needed = brings_events or (operation.kind in _SCENE and operation.kind not in unwanted)
        if needed and operation not in plan.failing:
            yield operation
