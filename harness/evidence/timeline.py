# SPDX-License-Identifier: Apache-2.0
"""The timeline that tests assert on: the driver's events and the wire's packets on one axis.

Events are ordered by the driver's sequence numbers, packets by their place in
the capture, and one against the other by the clock's intervals. What the clock
cannot order is never guessed: it raises EvidenceLost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from harness.core.abi import abi
from harness.core.content import Content
from harness.core.errors import EvidenceLost, GuestHung, HarnessError
from harness.core.ntstatus import (
    NOT_CALLED,
    NOT_COMPLETED,
    NTSTATUS,
    STATUS_PENDING,
    STATUS_SUCCESS,
    nt_success,
)
from harness.core.units import format_ns, s
from harness.evidence.causality import tighten
from harness.evidence.clock import Clock, Interval
from harness.evidence.directions import Direction
from harness.evidence.events import CALLBACKS, Event, irql_name
from harness.evidence.operation_traces import (
    CallbackCall,
    OperationTrace,
    callback_calls,
    first_rounds,
    rounds,
)
from harness.evidence.rows import Row, rows
from harness.evidence.timing import Samples, samples
from harness.evidence.trace import Trace
from harness.peer import Peer
from harness.scenario import Address, Callback, CallbackMarker, Marker, Operation, Scenario, Socket
from harness.scenario.encoding import receive_places, result_places
from harness.wire import FIN, RST, Flag, Packet, Sender

# A moment of the plan, a packet, a time of the peer's (host ns), or a packet or
# time that was looked for and does not exist.
Mark = Marker | CallbackMarker | Packet | int | None


@dataclass(frozen=True, repr=False)
class Fact:
    """An answer that explains itself where pytest shows it."""

    holds: bool
    text: str

    def __bool__(self) -> bool:
        return self.holds

    def __repr__(self) -> str:
        return f"<{self.text}>"


@dataclass(frozen=True, repr=False)
class Instant:
    """When something happened, and what orders it against others of its side."""

    what: str
    interval: Interval
    event: Event | None = None
    packet: Packet | None = None

    def __repr__(self) -> str:
        return self.what

    def precedes(self, other: "Instant") -> bool:
        """EvidenceLost when the two are closer together than the clock can tell."""
        if self.event and other.event:
            return self.event.sequence < other.event.sequence
        if self.packet and other.packet:
            return self.packet.index < other.packet.index
        if not self.event and not other.event:
            return self.interval.latest < other.interval.latest
        if self.interval.latest <= other.interval.earliest:
            return True
        if other.interval.latest <= self.interval.earliest:
            return False
        bound = max(self.interval.bound, other.interval.bound)
        raise EvidenceLost(
            f"{self} and {other} cannot be ordered: they are closer together than the clock's "
            f"bound of {format_ns(bound)}"
        )


class Irql(NamedTuple):
    """IRQL around a call."""

    call: int
    returned: int

    def __repr__(self) -> str:
        return f"{irql_name(self.call)} at the call, {irql_name(self.returned)} at its return"


class Timeline:
    """One case. Questions about an operation take the handle that the plan gave.

    `every_round` has its operations by step and round, `every_callback` the calls of event callbacks by
    slot and callback. `clock` is this case's own: cause and effect tighten it here. `lost_packets`
    is what the capture lost; that, or events lost, raises EvidenceLost.
    `starved` tells for how many ns, between two host times, the host kept the guest from running.
    """

    def __init__(
        self,
        plan: Scenario,
        trace: Trace,
        packets: Sequence[Packet],
        peer: Peer | None,
        clock: Clock,
        *,
        lost_packets: int = 0,
        starved: Callable[[int, int], int] = lambda _since, _until: 0,
    ) -> None:
        _check(plan, trace, lost_packets)
        self.plan = plan
        self.trace = trace
        self.peer = peer
        self.clock = clock
        self._starved = starved
        self._packets = list(packets)
        self.every_round = rounds(trace.events)
        self._traces = first_rounds(self.every_round)
        self.every_callback = callback_calls(trace.events)
        self._places = receive_places(plan)
        self._results = result_places(plan)
        received = {operation: self.data(operation) for operation in self._places}
        tighten(clock, plan, trace, self._traces, self._packets, received)

    def returned(self, operation: Operation) -> NTSTATUS:
        """The status that the call returned; NOT_CALLED when it was never made."""
        event = self._traces[operation.number].returned
        return event.status if event else NOT_CALLED

    def status(self, operation: Operation) -> NTSTATUS:
        """IoStatus.Status in the completion routine; NOT_COMPLETED when that never ran."""
        event = self._traces[operation.number].completion
        return event.io_status if event else NOT_COMPLETED

    def information(self, operation: Operation) -> int | None:
        """IoStatus.Information in the completion routine; None when that never ran."""
        event = self._traces[operation.number].completion
        return event.information if event else None

    def completions(self, operation: Operation) -> int:
        """How many times the IRP completed."""
        return len(self._traces[operation.number].completions)

    def untouched(self, operation: Operation) -> Fact:
        """Did nobody write into the IRP once it had completed?"""
        touched = self._traces[operation.number].touched
        return Fact(not touched, f"the IRP of {operation} after its completion: {touched or 'as it was'}")

    def pending_returned(self, operation: Operation) -> bool:
        """Irp->PendingReturned in the completion routine."""
        return self._event(operation.completion).pending_returned

    def inline(self, operation: Operation) -> bool:
        """Did the IRP complete before the call returned?"""
        return self._event(operation.completion).sequence < self._event(operation.return_).sequence

    def answered(self, operation: Operation) -> Fact:
        """Do the call's return value and its IRP agree, as the reference pages and the guide on IRPs want?

        The IRP completes once. STATUS_PENDING: it is marked pending. Else before the return and
        not marked: with success for STATUS_SUCCESS, and for any other status with a failure.
        """
        returned, status = self.returned(operation), self.status(operation)
        completions = self.completions(operation)
        if completions != 1:
            return Fact(False, f"{operation} returned {returned}, its IRP completed {completions} times")
        text = f"{operation} returned {returned}, its IRP completed with {status}"
        if returned == STATUS_PENDING:
            marked = self.pending_returned(operation)
            return Fact(marked, text if marked else f"{text} and was not marked pending")
        fits = nt_success(status) == (returned == STATUS_SUCCESS)
        before = self.inline(operation) and not self.pending_returned(operation)
        return Fact(fits and before, text if before else f"{text}, after the return or marked pending")

    def irql_at(self, operation: Operation) -> Irql:
        """IRQL just before the call and just after its return."""
        return Irql(self._event(operation.call).irql, self._event(operation.return_).irql)

    def completion_irql(self, operation: Operation) -> int:
        """IRQL in the completion routine."""
        return self._event(operation.completion).irql

    def data(self, operation: Operation) -> Content:
        """The bytes that a receive got: as many as Information says, at most its buffer.

        None of one that failed: its Information means nothing.
        """
        if operation not in self._places or operation.buffer is None:
            raise HarnessError(f"{operation} does not receive")
        if not nt_success(self.status(operation)):
            return Content(b"")
        size = min(self.information(operation) or 0, operation.buffer.length)
        return Content(self.trace.received[self._places[operation] :][:size])

    def result(self, operation: Operation) -> Content:
        """The output of a control, or what an ON_EVENT step kept; what was not written is poison."""
        if operation not in self._results:
            raise HarnessError(f"{operation} has no result")
        return Content(self.trace.received[self._results[operation] :][: operation.result])

    def addresses(self, operation: Operation) -> list[Address | None]:
        """The addresses that a call reported: of an accept, the local and the remote one."""
        size, result = abi.wsktest_address.size, self.result(operation)
        pieces = (result[place : place + size] for place in range(0, len(result), size))
        try:
            return [Address.decoded(abi.wsktest_address(piece)) for piece in pieces]
        except ValueError as error:
            raise EvidenceLost(f"what {operation} reported is no address: {error}") from None

    def ended(self, operation: Operation) -> Event | None:
        """The completion of its IRP, or of a call without one the return; None if that never came."""
        trace = self._traces[operation.number]
        return trace.completion if operation.has_irp else trace.returned

    def skipped(self, operation: Operation) -> bool:
        """Was the call not made, because the contract forbids it where its turn came?"""
        return self._traces[operation.number].skipped is not None

    def rounds(self, operation: Operation) -> list[OperationTrace]:
        """The traces of a step in a loop, round by round."""
        return [trace for _, trace in sorted(self.every_round.get(operation.number, {}).items())]

    def timing(self, operation: Operation) -> Samples:
        """How long a step in a loop took, round by round."""
        return samples(self.trace.events, operation.number, self.trace.qpc_frequency)

    def callbacks(self, sock: Socket, callback: Callback) -> list[CallbackCall]:
        """The calls of an event callback, in order."""
        return self.every_callback.get((sock.slot, callback), [])

    def call(self, operation: Operation) -> Instant:
        """When the call was made."""
        return self.at(operation.call)

    def completion(self, operation: Operation) -> Instant:
        """When the IRP completed."""
        return self.at(operation.completion)

    def at(self, mark: Marker | CallbackMarker | Packet | int) -> Instant:
        """When something happened. GuestHung for an IRP that never completed."""
        if isinstance(mark, Marker | CallbackMarker):
            event = self._event(mark)
            return Instant(repr(mark), self.clock.at(event.qpc), event=event)
        if isinstance(mark, Packet):
            return Instant(repr(mark), Interval(mark.time_ns, mark.time_ns), packet=mark)
        return Instant("the peer's moment", Interval(mark, mark))

    def elapsed(self, start: Marker | CallbackMarker, end: Marker | CallbackMarker) -> int:
        """Time between two moments of the guest's, in ns of its own clock."""
        ticks = self._event(end).qpc - self._event(start).qpc
        return ticks * s // self.trace.qpc_frequency

    def lasted(self, start: Marker | CallbackMarker, end: Marker | CallbackMarker, at_least: int) -> Fact:
        """Were these at least so many ns apart? The guest's clock, which tells, may run slow."""
        elapsed = self.elapsed(start, end)
        allowed = at_least * self.clock.drift_ppm // 1_000_000 + 2 * s // self.trace.qpc_frequency
        return Fact(elapsed + allowed >= at_least, f"{end} came {format_ns(elapsed)} after {start}")

    def within(self, start: Marker | CallbackMarker, end: Marker | CallbackMarker, limit: int) -> Fact:
        """Were these less than `limit` ns apart?

        EvidenceLost when they were not, and may have been had the host let the guest run.
        """
        elapsed = self.elapsed(start, end)
        text = f"{end} came {format_ns(elapsed)} after {start}"
        if elapsed < limit:
            return Fact(True, text)
        starved = self.starved(start, end)
        if elapsed - starved < limit:
            raise EvidenceLost(f"{text}, and the host kept the guest from running for {format_ns(starved)}")
        return Fact(False, text)

    def starved(self, start: Mark, end: Mark) -> int:
        """The time between these, in ns, for which the host kept the guest from running."""
        if start is None or end is None:
            raise HarnessError("nothing lies between what did not happen")
        return self._starved(self.at(start).interval.earliest, self.at(end).interval.latest)

    def starved_between(self, since: int, until: int) -> int:
        """The same between two times of the host's, in ns."""
        return self._starved(since, until)

    def order(self, *marks: Mark) -> Fact:
        """Did these happen one after the other? False when one of them did not happen at all."""
        instants = [None if mark is None else self.at(mark) for mark in marks]
        for earlier, later in pairwise(instants):
            if earlier is None or later is None:
                return Fact(False, f"{earlier or 'nothing'}, then {later or 'nothing'}")
            if not earlier.precedes(later):
                return Fact(False, f"{later} does not come after {earlier}")
        return Fact(True, ", then ".join(map(repr, instants)))

    def packets(
        self,
        flag: Flag | None = None,
        *,
        sender: Sender | None = None,
        before: Mark = None,
        after: Mark = None,
    ) -> list[Packet]:
        """Packets with all bits of `flag`, from one side, before or after something; None bounds nothing."""
        end = None if before is None else self.at(before)
        start = None if after is None else self.at(after)
        return [
            packet
            for packet in self._packets
            if (flag is None or flag in packet.flags)
            and (sender is None or packet.sender == sender)
            and (end is None or self.at(packet).precedes(end))
            and (start is None or start.precedes(self.at(packet)))
        ]

    def no(
        self,
        flag: Flag | None = None,
        *,
        sender: Sender | None = None,
        before: Mark = None,
        after: Mark = None,
    ) -> Fact:
        """Is there no such packet?"""
        found = self.packets(flag, sender=sender, before=before, after=after)
        where = f"{f' before {before}' if before else ''}{f' after {after}' if after else ''}"
        what = f"{flag or 'packet'} of {sender or 'either side'}{where}"
        return Fact(not found, f"{what}: {', '.join(map(repr, found))}" if found else f"no {what}")

    def count(
        self,
        flag: Flag,
        *,
        sender: Sender | None = None,
        before: Mark = None,
        after: Mark = None,
    ) -> int:
        """Such packets, where retransmissions of the same sequence number count once."""
        found = self.packets(flag, sender=sender, before=before, after=after)
        return len({(packet.sender, packet.guest_port, packet.position) for packet in found})

    def fin(self, sender: Sender) -> Packet | None:
        """The first FIN of one side."""
        return next(iter(self.packets(FIN, sender=sender)), None)

    def rst(self, sender: Sender) -> Packet | None:
        """The first RST of one side."""
        return next(iter(self.packets(RST, sender=sender)), None)

    def stream(self, sender: Sender) -> Content:
        """The bytes one side sent; EvidenceLost when some were never on the wire."""
        if len({packet.guest_port for packet in self._packets}) > 1:
            raise HarnessError("this case has several connections, whose streams cannot be one")
        return Content(Direction(self.packets(sender=sender)).stream())

    @property
    def clock_bound_ns(self) -> int:
        """Bound (ns) of the clock: events closer together are not ordered by time."""
        return max((self.clock.at(event.qpc).bound for event in self.trace.events), default=0)

    def to_rows(self) -> list[Row]:
        """Everything that happened, in order, for reports."""
        return rows(self.plan, self.trace, self._packets, self.peer, self.clock)

    def _event(self, marker: Marker | CallbackMarker) -> Event:
        if isinstance(marker, CallbackMarker):
            return self._visit(marker)
        event = self._traces[marker.operation.number].event(marker)
        if event:
            return event
        if marker.kind == "completion" and self._traces[marker.operation.number].call:
            raise GuestHung(f"{marker.operation} never completed its IRP")
        raise HarnessError(f"there is no {marker}: the run ended with {self.trace.outcome.name} before it")

    def _visit(self, marker: CallbackMarker) -> Event:
        found = self.callbacks(marker.socket, marker.callback)
        event = None
        if marker.number < len(found):
            visit = found[marker.number]
            event = visit.enter if marker.kind == "enter" else visit.leave
        if event is None:
            raise EvidenceLost(f"there is no {marker}: the callback ran {len(found)} times")
        return event

    def __repr__(self) -> str:
        return f"<timeline of {len(self.trace.events)} events and {len(self._packets)} packets>"


def _check(plan: Scenario, trace: Trace, lost_packets: int) -> None:
    if trace.id != plan.id:
        raise HarnessError(f"the trace belongs to scenario {trace.id:#x}, not to {plan.id:#x}")
    if trace.lost_events:
        raise EvidenceLost(f"the driver had no room for {trace.lost_events} events")
    if lost_packets:
        raise EvidenceLost(f"the capture lost {lost_packets} packets; run again with less load")
    unknown = [event for event in trace.events if not _is_known(plan, event)]
    if unknown:
        raise EvidenceLost(f"the trace cannot be used: {unknown[0]!r} belongs to no step of the scenario")


def _is_known(plan: Scenario, event: Event) -> bool:
    if event.kind in CALLBACKS:
        return event.socket < len(plan.sockets) and event.callback in list(Callback)
    return event.recovery or event.step < len(plan.operations)
