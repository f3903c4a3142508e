# SPDX-License-Identifier: Apache-2.0
"""The driver's events: columns of numbers for the many, objects for those that a test looks at.

Both are read by the layout that the ABI header gives. What a guest sent is checked before anything is
made of it: a short trace object by object, a long one column by column.
"""

import struct
from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from harness.core.abi import EventKind, abi, integers
from harness.core.ntstatus import NTSTATUS
from harness.scenario import Callback

if TYPE_CHECKING:
    from numpy import ndarray

    Columns = ndarray[Any, Any]  # with a field for each of struct wsktest_event
else:
    Columns = Any

NO_STEP = abi.WSKTEST_NO_STEP
CALLBACKS = (EventKind.CALLBACK_ENTER, EventKind.CALLBACK_LEAVE)
PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL = range(3)  # as in wdm.h
SHORT = 4096  # events up to which the import of NumPy takes longer than the making of all objects

_PENDING_RETURNED = abi.WSKTEST_EVENT_PENDING_RETURNED
_RECOVERY = abi.WSKTEST_EVENT_RECOVERY
_NOTHING = abi.WSKTEST_EVENT_NOTHING
_AFTER_CLOSE = abi.WSKTEST_EVENT_AFTER_CLOSE

_IRQL = {PASSIVE_LEVEL: "PASSIVE_LEVEL", APC_LEVEL: "APC_LEVEL", DISPATCH_LEVEL: "DISPATCH_LEVEL"}


def irql_name(irql: int) -> str:
    """The name in wdm.h; numbers above DISPATCH_LEVEL are device levels."""
    return _IRQL.get(irql, f"DIRQL {irql}")


class Event(NamedTuple):
    """One event of the driver's; the fields are those of struct wsktest_event."""

    sequence: int
    qpc: int
    tsc: int
    thread: int
    information: int  # COMPLETION
    step: int  # NO_STEP: none; recovery's calls are numbered from the step count on
    irql: int
    cpu: int
    completions: int  # COMPLETION: of this IRP so far
    iteration: int  # of the loop around the step
    socket: int  # CALLBACK_*: slot
    callback: int  # CALLBACK_*: Callback
    callback_flags: int  # CALLBACK_*: as WSK gave them
    kind: Any  # EventKind
    status: NTSTATUS  # RETURN, STOPPED
    io_status: NTSTATUS  # COMPLETION
    pending_returned: bool  # COMPLETION: Irp->PendingReturned
    recovery: bool  # a call that the driver's recovery made
    nothing: bool  # CALLBACK_ENTER: a NULL indication or socket
    after_close: bool  # CALLBACK_*: the socket's close had completed

    @property
    def caller(self) -> tuple[int, int]:
        """The thread, or a processor whose idle thread a DPC has interrupted: those share the id 0."""
        return (self.thread, -1) if self.thread else (0, self.cpu)

    def __repr__(self) -> str:
        whose = f"socket {self.socket}" if self.kind in CALLBACKS else f"step {self.step}"
        return f"event {self.sequence} ({self.kind.name.lower()} of {whose}, {irql_name(self.irql)})"


_LAYOUT = integers("wsktest_event")
_STRUCT = struct.Struct("<" + "".join(_LAYOUT.values()))
_AS_THEY_ARE = itemgetter(*map(list(_LAYOUT).index, Event._fields[: Event._fields.index("kind")]))
_OTHERS = itemgetter(*map(list(_LAYOUT).index, ("kind", "status", "io_status", "flags")))
_KINDS = {member.value: member for member in EventKind}
_CALLBACKS = frozenset(map(int, Callback))


class Events(Sequence[Event]):
    """A trace's events in the driver's order. Raises ValueError for bytes that are none."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        if len(self) <= SHORT or not _are_well(self.columns):
            _check(self._objects)

    @cached_property
    def columns(self) -> Columns:
        """A structured array with the fields of struct wsktest_event: 'qpc', 'step', 'kind' ..."""
        import numpy  # a tenth of a second, which no case with a few dozen events need wait for

        return numpy.frombuffer(self._data, [(name, f"<{code}") for name, code in _LAYOUT.items()])

    @cached_property
    def _objects(self) -> tuple[Event, ...]:
        statuses = _Statuses()
        return tuple(_event(raw, statuses) for raw in _STRUCT.iter_unpack(self._data))

    @overload
    def __getitem__(self, place: int) -> Event: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Event]: ...
    def __getitem__(self, place: int | slice) -> Event | Sequence[Event]:
        return self._objects[place]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._data) // _STRUCT.size


class _Statuses(dict[int, NTSTATUS]):
    """The statuses of one trace, each made once: they are few, and every event has two."""

    def __missing__(self, value: int) -> NTSTATUS:
        return self.setdefault(value, NTSTATUS(value))


def _event(raw: tuple[int, ...], statuses: _Statuses) -> Event:
    kind, status, io_status, flags = _OTHERS(raw)
    return Event._make(
        (
            *_AS_THEY_ARE(raw),
            _KINDS.get(kind) or EventKind(kind),
            statuses[status],
            statuses[io_status],
            flags & _PENDING_RETURNED != 0,
            flags & _RECOVERY != 0,
            flags & _NOTHING != 0,
            flags & _AFTER_CLOSE != 0,
        )
    )


def _check(events: Sequence[Event]) -> None:
    if any(event.sequence != number for number, event in enumerate(events)):
        raise ValueError("its events are not in sequence")
    if nameless := [event for event in events if not _has_subject(event)]:
        raise ValueError(f"its {nameless[0]!r} is about nothing that there is")


def _has_subject(event: Event) -> bool:
    """An event callback, or a step: whether the scenario has it is the timeline's to say."""
    return event.callback in _CALLBACKS if event.kind in CALLBACKS else event.step != NO_STEP


def _are_well(columns: Columns) -> bool:
    """Would `_check` find nothing? By columns, in a hundredth of the time."""
    import numpy  # as above

    of_callbacks = numpy.isin(columns["kind"], CALLBACKS)
    have_subject = numpy.where(
        of_callbacks, numpy.isin(columns["callback"], list(_CALLBACKS)), columns["step"] != NO_STEP
    )
    in_sequence = columns["sequence"] == numpy.arange(len(columns), dtype=numpy.uint64)
    return bool((numpy.isin(columns["kind"], list(_KINDS)) & have_subject & in_sequence).all())
