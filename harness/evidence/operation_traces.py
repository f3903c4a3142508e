# SPDX-License-Identifier: Apache-2.0
"""The events of a trace by what they belong to: a step, a round of a loop, an event callback."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.core.abi import EventKind
from harness.evidence.events import DISPATCH_LEVEL, Event
from harness.scenario import WSK_FLAG_ABORTIVE, WSK_FLAG_AT_DISPATCH_LEVEL, Callback, Marker


@dataclass
class OperationTrace:
    """The trace of one step; None for each thing that did not happen."""

    call: Event | None = None
    returned: Event | None = None
    skipped: Event | None = None
    completions: list[Event] = field(default_factory=list)
    touched: list[Event] = field(default_factory=list)  # the IRP was written into after its completion

    @property
    def completion(self) -> Event | None:
        """The first completion: the only one, unless the guest is wrong."""
        return self.completions[0] if self.completions else None

    def event(self, marker: Marker) -> Event | None:
        """The event that a moment of a plan names."""
        return {"call": self.call, "return": self.returned, "completion": self.completion}[marker.kind]


@dataclass(frozen=True)
class CallbackCall:
    """One call of an event callback; `leave` is None while it has not returned."""

    enter: Event
    leave: Event | None = None

    @property
    def abortive(self) -> bool:
        """Did WSK say that the peer aborted the connection?"""
        return bool(self.enter.callback_flags & WSK_FLAG_ABORTIVE)

    @property
    def undefined_flags(self) -> int:
        """The bits of a disconnect event's Flags that its page does not define."""
        return self.enter.callback_flags & ~(WSK_FLAG_ABORTIVE | WSK_FLAG_AT_DISPATCH_LEVEL)

    @property
    def level_is_as_told(self) -> bool:
        """Did it run at DISPATCH_LEVEL if WSK said so, and at or below it if not?"""
        if self.enter.callback_flags & WSK_FLAG_AT_DISPATCH_LEVEL:
            return self.enter.irql == DISPATCH_LEVEL
        return self.enter.irql <= DISPATCH_LEVEL


def rounds(events: Iterable[Event]) -> dict[int, dict[int, OperationTrace]]:
    """Operations by step number, then by round of the loop; outside of loops there is round 0 only."""
    found: dict[int, dict[int, OperationTrace]] = defaultdict(lambda: defaultdict(OperationTrace))
    for event in events:
        trace = found[event.step][event.iteration]
        if event.kind in (EventKind.CALL, EventKind.CANCEL):
            trace.call = trace.call or event
        elif event.kind == EventKind.RETURN:
            trace.returned = trace.returned or event
        elif event.kind == EventKind.SKIPPED:
            trace.skipped = trace.skipped or event
        elif event.kind == EventKind.COMPLETION:
            trace.completions.append(event)
        elif event.kind == EventKind.TOUCHED:
            trace.touched.append(event)
    return found


def first_rounds(found: Mapping[int, Mapping[int, OperationTrace]]) -> dict[int, OperationTrace]:
    """The trace of each step in round 0; an empty one for a step that left no event."""
    return defaultdict(OperationTrace, {step: traces[0] for step, traces in found.items() if 0 in traces})


def callback_calls(events: Iterable[Event]) -> dict[tuple[int, Callback], list[CallbackCall]]:
    """Calls of event callbacks by socket slot and callback, in the order in which they began."""
    found: dict[tuple[int, Callback], list[CallbackCall]] = defaultdict(list)
    for event in events:
        if event.kind == EventKind.CALLBACK_ENTER:
            found[event.socket, Callback(event.callback)].append(CallbackCall(event))
        elif event.kind == EventKind.CALLBACK_LEAVE:
            _leave(found[event.socket, Callback(event.callback)], event)
    return found


def _leave(begun: list[CallbackCall], event: Event) -> None:
    """Callbacks of a kind may overlap; each leaves on the thread that it entered on, the newest first.

    It may go on on another CPU, but not at DISPATCH_LEVEL: there the thread is the one that was interrupted.
    """
    for place in reversed(range(len(begun))):
        enter = begun[place].enter
        may_move = enter.irql == event.irql < DISPATCH_LEVEL
        if (
            begun[place].leave is None
            and enter.thread == event.thread
            and (may_move or enter.cpu == event.cpu)
        ):
            begun[place] = CallbackCall(enter, event)
            return
