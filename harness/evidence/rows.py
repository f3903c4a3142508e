# SPDX-License-Identifier: Apache-2.0
"""A timeline as data: one row for each event of the driver's, each packet, each moment of the peer's.

A row holds what was seen and not how it is told: reports, `show` and `replay`
find their words here, and compare and draw by the fields.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.core.abi import EventKind
from harness.core.ntstatus import NTSTATUS, nt_success
from harness.evidence.clock import Clock
from harness.evidence.events import CALLBACKS, Event, irql_name
from harness.evidence.trace import Trace
from harness.peer import Peer
from harness.scenario import Callback, InspectAction, Scenario
from harness.scenario.words import callback_flags
from harness.wire import FIN, RST, SYN, Flag, Packet, Sender
from harness.wire.connections import Connections
from harness.wire.pcapng import Frame
from harness.wire.segments import ETHERNET

CALLBACK_ENTER, CALLBACK_LEAVE = "callback enter", "callback leave"
NO_CONNECTION = 0

_WITH_STATUS = (EventKind.RETURN, EventKind.SKIPPED, EventKind.STOPPED, EventKind.CANCEL, *CALLBACKS)
_OF_IRPS = (EventKind.COMPLETION, EventKind.TOUCHED)
_WITH_INFORMATION = (*_OF_IRPS, *CALLBACKS)
_DATA_EVENTS = (Callback.RECEIVE, Callback.RECEIVE_FROM)


@dataclass(frozen=True)
class EventRow:
    """An event of the driver's; what its kind does not have is None.

    `time_ns` is on the host's clock, and off by at most `uncertain_ns` either way.
    """

    time_ns: int
    uncertain_ns: int
    kind: str  # of the ABI's event kinds: "call", "return", "completion", "callback enter" ...
    label: str  # what it happened to: "disconnect #4", "receive event of socket 0", "recovery #12"
    irql: int
    detail: str = ""  # of the step: "graceful, DISPATCH_LEVEL"
    step: int | None = None
    callback: int | None = None  # Callback
    status: int | None = None  # NTSTATUS; what IoCancelIrp returned; what an inspection decided
    information: int | None = None  # IoStatus.Information; the bytes a callback was offered or took
    flags: int | None = None  # that a callback was given
    completions: int = 1  # of this IRP so far
    nothing: bool = False  # a callback was called with a NULL indication or socket
    after_close: bool = False  # the socket's close had completed
    side: Literal["guest"] = "guest"

    @property
    def text(self) -> str:
        """'disconnect #4 (graceful, DISPATCH_LEVEL): call'"""
        return f"{self.label}{f' ({self.detail})' if self.detail else ''}: {self.kind}"

    @property
    def status_text(self) -> str:
        """The status returned or completed with, or the arguments of the call; empty for an event without."""
        if self.kind == CALLBACK_ENTER:
            given = callback_flags(self._callback, self.flags or 0)
            return ", ".join(filter(None, (given, "nothing" if self.nothing else self._bytes)))
        if self.status is None:
            return ""
        if self.kind == "cancel":
            return f"IoCancelIrp returned {'TRUE' if self.status else 'FALSE'}"
        if self.kind == CALLBACK_LEAVE:
            return self._answer(NTSTATUS(self.status))
        return str(NTSTATUS(self.status))

    @property
    def information_text(self) -> str:
        """IoStatus.Information of a completion."""
        if self.kind != "completion" or self.information is None:
            return ""
        return f"Information {hex(self.information) if self.is_pointer else self.information}"

    @property
    def is_pointer(self) -> bool:
        """Small numbers count bytes; the others are pointers."""
        return self.information is not None and self.information >= 1 << 32

    @property
    def warning(self) -> str:
        """Names what should not be so: a second completion, an event after the close."""
        again = f"completion {self.completions}" if self.completions > 1 else ""
        return ", ".join(filter(None, (again, "after the close" * self.after_close)))

    @property
    def facts(self) -> str:
        """'DISPATCH_LEVEL, STATUS_SUCCESS, Information 0'"""
        told = (irql_name(self.irql), self.status_text, self.information_text, self.warning)
        return ", ".join(filter(None, told))

    @property
    def _callback(self) -> Callback:
        return Callback(self.callback) if self.callback in list(Callback) else Callback.RECEIVE

    @property
    def _bytes(self) -> str:
        return "" if self.information is None else f"{self.information} bytes"

    def _answer(self, status: NTSTATUS) -> str:
        """The status that a callback returned, and the data that it accepted."""
        callback = self._callback
        if callback == Callback.INSPECT and int(status) in list(InspectAction):
            return str(InspectAction(status))
        if callback == Callback.ACCEPT and nt_success(status):
            return f"{status}, into socket {self.information}"
        return ", ".join(filter(None, (str(status), self._bytes * (callback in _DATA_EVENTS))))


@dataclass(frozen=True)
class PacketRow:
    """A frame; one without a TCP segment is of NO_CONNECTION. seq and ack count from each end's SYN."""

    time_ns: int
    sender: Sender
    size: int  # bytes of the frame
    connection: int = NO_CONNECTION  # from 1, in the order in which they begin
    flags: int = 0
    seq: int = 0
    ack: int | None = None
    length: int = 0  # of the payload
    side: Literal["wire"] = "wire"

    @property
    def uncertain_ns(self) -> int:
        return 0

    @property
    def flag_names(self) -> str:
        """'FIN+ACK'"""
        return str(Flag(self.flags))

    @property
    def turns(self) -> bool:
        """Does it open, end or break a direction of its connection?"""
        return bool(Flag(self.flags) & (SYN | FIN | RST))

    @property
    def said(self) -> str:
        """'FIN+ACK seq 17 ack 42 len 0'"""
        if self.connection == NO_CONNECTION:
            return f"frame of {self.size} bytes"
        ack = "" if self.ack is None else f" ack {self.ack}"
        return f"{self.flag_names} seq {self.seq}{ack} len {self.length}"

    @property
    def direction(self) -> str:
        return "guest → peer" if self.sender == "guest" else "peer → guest"

    @property
    def text(self) -> str:
        return f"{self.direction}: {self.said}"


@dataclass(frozen=True)
class PeerRow:
    """A moment of the peer's, in its own words."""

    time_ns: int
    text: str
    side: Literal["peer"] = "peer"

    @property
    def uncertain_ns(self) -> int:
        return 0


Row = EventRow | PacketRow | PeerRow


def rows(
    plan: Scenario, trace: Trace, packets: Sequence[Packet], peer: Peer | None, clock: Clock
) -> list[Row]:
    """The rows in order of time; events among themselves stay in their own order."""
    merged = [*_events(plan, trace, clock), *packet_rows(packets), *(_peer(peer) if peer else ())]
    return sorted(merged, key=lambda row: row.time_ns)


def event_row(plan: Scenario | None, event: Event, time_ns: int, uncertain_ns: int = 0) -> EventRow:
    """The row of an event. Without the plan, a step has its number for a name."""
    label, detail = _what(plan, event)
    of_irp = event.kind in _OF_IRPS
    status = event.io_status if of_irp else event.status
    of_callback = event.kind in CALLBACKS
    return EventRow(
        time_ns=time_ns,
        uncertain_ns=uncertain_ns,
        kind=event.kind.name.lower().replace("_", " "),
        label=label,
        detail=detail,
        step=None if of_callback else event.step,
        irql=event.irql,
        callback=event.callback if of_callback else None,
        status=int(status) if of_irp or event.kind in _WITH_STATUS else None,
        information=event.information if event.kind in _WITH_INFORMATION else None,
        flags=event.callback_flags if event.kind == EventKind.CALLBACK_ENTER else None,
        completions=event.completions if event.kind == EventKind.COMPLETION else 1,
        nothing=event.nothing,
        after_close=event.after_close,
    )


def _what(plan: Scenario | None, event: Event) -> tuple[str, str]:
    """The name of what the event is about, and what there is to say of that."""
    if event.kind in CALLBACKS:
        return f"{Callback(event.callback)} event of socket {event.socket}", ""
    if event.recovery or (plan and event.step >= len(plan.operations)):
        return f"recovery #{event.step}", ""
    if plan is None:
        return f"step {event.step}", ""
    operation = plan.operations[event.step]
    return operation.name, operation.detail


def _events(plan: Scenario, trace: Trace, clock: Clock) -> Iterator[Row]:
    last = 0
    for event in trace.events:
        interval = clock.at(event.qpc)
        # A stamp is taken just before its sequence number: on two CPUs the two may disagree.
        last = max(last, interval.middle)
        yield event_row(plan, event, last, interval.bound // 2)


def packet_rows(packets: Sequence[Packet]) -> Iterator[PacketRow]:
    """Their sequence numbers count from the SYNs among them."""
    connections = Connections()
    for packet in packets:
        shown = connections.place(Frame(ETHERNET, packet.time_ns, packet.raw, len(packet.raw)))
        placed = next((one for one in shown if one.time_ns == packet.time_ns), None)
        if placed is None:
            yield PacketRow(packet.time_ns, packet.sender, len(packet.raw))
            continue
        connection, end, _, segment = placed
        seq, ack = connection.relative(end, segment)
        yield PacketRow(
            packet.time_ns,
            packet.sender,
            len(packet.raw),
            connection.number,
            int(packet.flags),
            seq,
            ack,
            segment.length,
        )


def _peer(peer: Peer) -> Iterator[Row]:
    for time_ns, text in peer.moments():
        if time_ns is not None:
            yield PeerRow(time_ns, text)
