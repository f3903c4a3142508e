# SPDX-License-Identifier: Apache-2.0
"""A driver's calls with names: which call an IRP belongs to, which socket it is about, what is pending."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from harness.core.ntstatus import NTSTATUS, nt_success
from harness.evidence import Clock, EventRow, irql_name
from harness.scenario import Callback
from harness.scenario.values import EVENT_BITS
from harness.tryout.call_trace import (
    CALL,
    CALLBACK_ENTER,
    CALLBACK_LEAVE,
    COMPLETION,
    KINDS,
    RETURN,
    CallEvent,
    CallTrace,
)

# The two that SO_CONDITIONAL_ACCEPT enables: the module's own bits.
_CALLBACKS = {bit: callback for callback, bit in EVENT_BITS.items() if bit} | {
    0x001: Callback.INSPECT,
    0x002: Callback.ABORT,
}
_MAKE_SOCKETS = ("WskSocket", "WskSocketConnect", "WskAccept")
_WITH_LENGTH = ("WskSend", "WskReceive", "WskSendTo", "WskReceiveFrom", "WskConnectEx", "WskDisconnect")
_ABORTIVE = 0x1
_NO_CALL = "completion of an IRP that was not seen"


@dataclass(frozen=True)
class ToldEvent:
    """An event with what it is about."""

    event: CallEvent
    label: str  # "WskDisconnect #7"
    detail: str = ""
    call: int | None = None  # its number
    completions: int = 1  # of its IRP so far


@dataclass
class _Call:
    """A call that was made; `status` of its IRP once that has completed."""

    number: int
    event: CallEvent
    label: str
    detail: str
    returned: NTSTATUS | None = None
    completed: NTSTATUS | None = None
    completions: int = 0

    @property
    def told(self) -> str:
        """'WskSend #3 (socket 1, 100 bytes) from +0x1234', which is an offset in the driver's image."""
        where = f" from +0x{self.event.offset:X}" if self.event.offset else ""
        return f"{self.label}{f' ({self.detail})' if self.detail else ''}{where}"


@dataclass
class DriverStory:
    """Built from a trace; its lists are what a report tells."""

    trace: CallTrace
    events: list[ToldEvent] = field(default_factory=list)
    _calls: list[_Call] = field(default_factory=list)
    _irps: dict[int, _Call] = field(default_factory=dict)  # the last call that was given each
    _inside: dict[int, list[_Call]] = field(
        default_factory=dict
    )  # of each thread: calls that have not returned
    _sockets: dict[int, int] = field(default_factory=dict)  # address -> number
    _open: dict[int, str] = field(default_factory=dict)  # number -> what made it
    _made: int = 0

    def __post_init__(self) -> None:
        for event in self.trace.events:
            self.events.append(self._tell(event))

    @property
    def pending(self) -> list[str]:
        """IRPs that WSK was given and has not completed."""
        left = (call for call in self._calls if call.event.irp and not call.completions)
        return [call.told for call in left]

    @property
    def unreturned(self) -> list[str]:
        """Calls that have not come back."""
        return [call.told for calls in self._inside.values() for call in calls]

    @property
    def open_sockets(self) -> list[str]:
        """Sockets that the driver has and has not closed."""
        return [f"socket {number}, of {made}" for number, made in sorted(self._open.items())]

    @property
    def completed_twice(self) -> list[str]:
        return [call.label for call in self._calls if call.completions > 1]

    def _tell(self, event: CallEvent) -> ToldEvent:
        if event.kind == CALL:
            return self._called(event)
        if event.kind == RETURN:
            return self._returned(event)
        if event.kind == COMPLETION:
            return self._completed(event)
        return self._callback(event)

    def _called(self, event: CallEvent) -> ToldEvent:
        number = len(self._calls) + 1
        call = _Call(number, event, f"{event.name} #{number}", self._detail(event))
        self._calls.append(call)
        if event.irp:
            self._irps[event.irp] = call
        self._inside.setdefault(event.thread, []).append(call)
        if event.name == "WskCloseSocket":
            self._open.pop(self._sockets.get(event.object, 0), None)
        return ToldEvent(event, call.label, call.detail, number)

    def _returned(self, event: CallEvent) -> ToldEvent:
        inside = self._inside.get(event.thread, [])
        matching = [call for call in inside if call.event.function == event.function]
        if not matching:
            return ToldEvent(event, f"{event.name}, whose call was not seen")
        call = matching[-1]
        inside.remove(call)
        call.returned = event.status
        return ToldEvent(event, call.label, call.detail, call.number)

    def _completed(self, event: CallEvent) -> ToldEvent:
        call = self._irps.get(event.irp)
        if call is None:
            return ToldEvent(event, _NO_CALL)
        call.completions += 1
        call.completed = event.status
        if call.event.name in _MAKE_SOCKETS and nt_success(event.status) and event.information:
            self._make(event.information, call.label)
        return ToldEvent(event, call.label, call.detail, call.number, call.completions)

    def _callback(self, event: CallEvent) -> ToldEvent:
        callback = _CALLBACKS.get(event.function, Callback.RECEIVE)
        if event.kind == CALLBACK_LEAVE and callback == Callback.ACCEPT and nt_success(event.status):
            self._make(event.information, "an accept event")
        return ToldEvent(event, f"{callback} event of {self._socket(event.object)}")

    def _make(self, address: int, made: str) -> None:
        """The address may have been another socket's before."""
        if address:
            self._made += 1
            self._sockets[address] = self._made
            self._open[self._made] = made

    def _socket(self, address: int) -> str:
        number = self._sockets.get(address)
        return f"socket {number}" if number else f"socket at 0x{address:X}"

    def _detail(self, event: CallEvent) -> str:
        of_socket = event.object in self._sockets
        told = [self._socket(event.object)] if of_socket else []
        if event.name == "WskDisconnect":
            told.append("abortive" if event.flags & _ABORTIVE else "graceful")
        if event.name in _WITH_LENGTH and (event.information or event.name != "WskDisconnect"):
            told.append(f"{event.information} bytes")
        if not event.irp:
            told.append("no IRP")
        return ", ".join(told)


def rows(story: DriverStory, clock: Clock) -> Iterator[EventRow]:
    """As a timeline has them. Raises EvidenceLost when the clock contradicts itself."""
    last = 0
    for told in story.events:
        interval = clock.at(told.event.qpc)
        last = max(last, interval.middle)  # on two processors stamp and sequence may disagree
        yield replace(_row(told), time_ns=last, uncertain_ns=interval.bound // 2)


def _row(told: ToldEvent) -> EventRow:
    event = told.event
    of_callback = event.kind in (CALLBACK_ENTER, CALLBACK_LEAVE)
    callback = _CALLBACKS.get(event.function, Callback.RECEIVE) if of_callback else None
    socket_given = callback == Callback.ACCEPT
    with_status = event.kind in (RETURN, COMPLETION, CALLBACK_LEAVE)
    return EventRow(
        time_ns=0,
        uncertain_ns=0,
        kind=KINDS[event.kind],
        label=told.label,
        detail=told.detail,
        step=told.call,
        irql=event.irql,
        callback=int(callback) if callback is not None else None,
        status=int(event.status) if with_status else None,
        information=event.information
        if event.kind == COMPLETION or (of_callback and not socket_given)
        else None,
        flags=event.flags if event.kind == CALLBACK_ENTER else None,
        completions=told.completions,
        nothing=event.kind == CALLBACK_ENTER and socket_given and not event.information,
    )


def summary(story: DriverStory) -> Sequence[str]:
    """A line for each status and level with which a function returned or its IRPs completed, counted."""
    counts: dict[tuple[str, str, str], int] = {}
    for told in story.events:
        event = told.event
        if event.kind in (RETURN, COMPLETION):
            name = told.label.partition(" #")[0]
            key = (name, KINDS[event.kind], f"{event.status} at {irql_name(event.irql)}")
            counts[key] = counts.get(key, 0) + 1
        elif event.kind == CALLBACK_LEAVE:
            key = (told.label.partition(" of ")[0], "returned", f"{event.status} at {irql_name(event.irql)}")
            counts[key] = counts.get(key, 0) + 1
    return [f"{name}: {kind} {what} ({count})" for (name, kind, what), count in sorted(counts.items())]
