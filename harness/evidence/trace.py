# SPDX-License-Identifier: Apache-2.0
"""The driver's trace, decoded.

A trace comes out of a guest under test and is not trusted: every size, offset
and kind is checked before it is used.
"""

from dataclasses import dataclass, field
from typing import Any

from harness.core.abi import EventKind, Reject, TraceOutcome, abi
from harness.core.errors import EvidenceLost, UsageError, WskConformanceError
from harness.core.ntstatus import NTSTATUS
from harness.scenario import Callback

NO_STEP = abi.WSKTEST_NO_STEP
_PENDING_RETURNED = abi.WSKTEST_EVENT_PENDING_RETURNED
_RECOVERY = abi.WSKTEST_EVENT_RECOVERY
_NOTHING = abi.WSKTEST_EVENT_NOTHING
_AFTER_CLOSE = abi.WSKTEST_EVENT_AFTER_CLOSE
CALLBACKS = (EventKind.CALLBACK_ENTER, EventKind.CALLBACK_LEAVE)

PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL = range(3)  # as in wdm.h

_IRQL = {PASSIVE_LEVEL: "PASSIVE_LEVEL", APC_LEVEL: "APC_LEVEL", DISPATCH_LEVEL: "DISPATCH_LEVEL"}


def irql_name(irql: int) -> str:
    """As in wdm.h; numbers above DISPATCH_LEVEL are device levels."""
    return _IRQL.get(irql, f"DIRQL {irql}")


@dataclass(frozen=True)
class Event:
    """One event of the driver's; the fields are those of struct wsktest_event."""

    sequence: int
    qpc: int
    step: int  # NO_STEP: none; recovery's calls are numbered from the step count on
    kind: Any  # EventKind
    irql: int
    cpu: int
    thread: int
    status: NTSTATUS  # RETURN, STOPPED
    io_status: NTSTATUS  # COMPLETION
    information: int  # COMPLETION
    completions: int  # COMPLETION: of this IRP so far
    pending_returned: bool  # COMPLETION: Irp->PendingReturned
    recovery: bool  # a call that the driver's recovery made
    tsc: int = field(default=0, repr=False)
    iteration: int = 0  # of the loop around the step
    socket: int = 0  # CALLBACK_*: slot
    callback: int = 0  # CALLBACK_*: Callback
    callback_flags: int = 0  # CALLBACK_*: as WSK gave them
    nothing: bool = False  # CALLBACK_ENTER: a NULL indication or socket
    after_close: bool = False  # CALLBACK_*: the socket's close had completed

    def __repr__(self) -> str:
        whose = f"socket {self.socket}" if self.kind in CALLBACKS else f"step {self.step}"
        return f"event {self.sequence} ({self.kind.name.lower()} of {whose}, {irql_name(self.irql)})"


@dataclass(frozen=True)
class Trace:
    """What a run of a scenario left: its events in order, and the bytes that receives got."""

    id: int  # of the scenario
    outcome: Any  # TraceOutcome
    reject: Any  # Reject: why the scenario was not performed
    stop_step: int  # NO_STEP, or the step that ended the run early
    status: NTSTATUS  # that ended the run early
    pending: int  # IRPs, sockets and callbacks not over when the run's threads had ended
    lost_events: int
    qpc_frequency: int  # ticks per second
    qpc_begin: int
    qpc_end: int
    events: tuple[Event, ...] = field(repr=False)
    received: bytes = field(repr=False)  # the receive area

    @classmethod
    def decode(cls, data: bytes) -> "Trace":
        """The trace of a guest run; EvidenceLost when it is damaged."""
        return _decode(data, EvidenceLost)

    @classmethod
    def load(cls, data: bytes) -> "Trace":
        """A stored trace; UsageError when it is damaged or not one of ours."""
        return _decode(data, UsageError)


def _decode(data: bytes, failure: type[WskConformanceError]) -> Trace:
    try:
        header = _header(data)
        return Trace(
            id=header.id,
            outcome=TraceOutcome(header.outcome),
            reject=Reject(header.reject),
            stop_step=header.stop_step,
            status=NTSTATUS(header.status),
            pending=header.pending,
            lost_events=header.lost_events,
            qpc_frequency=header.qpc_frequency,
            qpc_begin=header.qpc_begin,
            qpc_end=header.qpc_end,
            events=_events(header, data),
            received=data[header.receive_offset : header.receive_offset + header.receive_size],
        )
    except ValueError as error:
        raise failure(f"the trace cannot be used: {error}") from None


def _header(data: bytes) -> Any:
    size = abi.wsktest_trace.size
    if len(data) < size:
        raise ValueError(f"it is truncated: {len(data)} of {size} bytes of its header")
    header = abi.wsktest_trace(data[:size])
    if header.magic != abi.WSKTEST_TRACE_MAGIC:
        raise ValueError(f"it is not a trace: it starts with 0x{header.magic:08x}")
    if header.version != abi.WSKTEST_ABI_VERSION:
        raise ValueError(f"it has version {header.version}; this harness reads {abi.WSKTEST_ABI_VERSION}")
    if header.total_size > len(data):
        raise ValueError(f"it is truncated: {len(data)} of {header.total_size} bytes")
    events_end = size + header.event_count * abi.wsktest_event.size
    fits = (
        header.header_size == header.events_offset == size
        and header.event_size == abi.wsktest_event.size
        and header.receive_offset == events_end
        and events_end + header.receive_size == header.total_size == len(data)
    )
    if not fits:
        raise ValueError("its sizes and offsets do not fit together")
    if header.event_count and not header.qpc_frequency:
        raise ValueError("its clock has a frequency of zero")
    return header


def _events(header: Any, data: bytes) -> tuple[Event, ...]:
    raw = abi.wsktest_event[header.event_count](data[header.events_offset : header.receive_offset])
    events = tuple(_event(event) for event in raw)
    if any(event.sequence != number for number, event in enumerate(events)):
        raise ValueError("its events are not in sequence")
    if nameless := [event for event in events if not _has_subject(event)]:
        raise ValueError(f"its {nameless[0]!r} is about nothing that there is")
    return events


def _has_subject(event: Event) -> bool:
    """An event callback, or a step: whether the scenario has it is the timeline's to say."""
    return event.callback in list(Callback) if event.kind in CALLBACKS else event.step != NO_STEP


def _event(raw: Any) -> Event:
    return Event(
        sequence=raw.sequence,
        qpc=raw.qpc,
        step=raw.step,
        kind=EventKind(raw.kind),
        irql=raw.irql,
        cpu=raw.cpu,
        thread=raw.thread,
        status=NTSTATUS(raw.status),
        io_status=NTSTATUS(raw.io_status),
        information=raw.information,
        completions=raw.completions,
        pending_returned=bool(raw.flags & _PENDING_RETURNED),
        recovery=bool(raw.flags & _RECOVERY),
        tsc=raw.tsc,
        iteration=raw.iteration,
        socket=raw.socket,
        callback=raw.callback,
        callback_flags=raw.callback_flags,
        nothing=bool(raw.flags & _NOTHING),
        after_close=bool(raw.flags & _AFTER_CLOSE),
    )
