# SPDX-License-Identifier: Apache-2.0
"""Events, packets and the peer's moments merged into rows for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.core.abi import EventKind
from harness.core.ntstatus import nt_success
from harness.evidence.clock import Clock
from harness.evidence.trace import CALLBACKS, Event, Trace, irql_name
from harness.peer import Peer
from harness.scenario import Callback, InspectAction, Scenario
from harness.wire import Packet


@dataclass(frozen=True)
class Row:
    """`time_ns` is on the host's clock; a guest's row may be off by `uncertain_ns` either way."""

    time_ns: int
    uncertain_ns: int
    side: Literal["guest", "wire", "peer"]
    text: str
    irql: str = ""
    status: str = ""


def rows(
    plan: Scenario, trace: Trace, packets: Sequence[Packet], peer: Peer | None, clock: Clock
) -> list[Row]:
    """In order of time; events among themselves stay in their own order."""
    merged = [*_events(plan, trace, clock), *map(_packet, packets), *(_peer(peer) if peer else ())]
    return sorted(merged, key=lambda row: row.time_ns)


def _events(plan: Scenario, trace: Trace, clock: Clock) -> Iterator[Row]:
    last = 0
    for event in trace.events:
        interval = clock.at(event.qpc)
        # A stamp is taken just before its sequence number: on two CPUs the two may disagree.
        last = max(last, interval.middle)
        yield Row(
            last,
            interval.bound // 2,
            "guest",
            describe(plan, event),
            irql_name(event.irql),
            describe_status(event),
        )


def describe(plan: Scenario, event: Event) -> str:
    """What happened to which step, without its statuses."""
    return f"{_step(plan, event)}: {event.kind.name.lower().replace('_', ' ')}"


def _step(plan: Scenario, event: Event) -> str:
    if event.kind in CALLBACKS:
        return f"{Callback(event.callback)} event of socket {event.socket}"
    if event.step < len(plan.operations):
        return plan.operations[event.step].describe()
    return f"recovery #{event.step}"


def describe_status(event: Event) -> str:
    """The statuses that an event carries; empty for one that has none."""
    if event.kind == EventKind.CALLBACK_ENTER:
        return f"flags 0x{event.callback_flags:X}, {_offered(event)}{_after_close(event)}"
    if event.kind == EventKind.CALLBACK_LEAVE:
        return f"{_answered(event)}{_after_close(event)}"
    if event.kind in (EventKind.RETURN, EventKind.SKIPPED, EventKind.STOPPED):
        return str(event.status)
    if event.kind == EventKind.CANCEL:
        return f"IoCancelIrp returned {'TRUE' if event.status else 'FALSE'}"
    if event.kind == EventKind.COMPLETION:
        times = f", completion {event.completions}" if event.completions > 1 else ""
        # Small numbers count bytes; the others are pointers.
        information = event.information if event.information < 1 << 32 else hex(event.information)
        return f"{event.io_status}, Information {information}{times}"
    return ""


def _after_close(event: Event) -> str:
    return ", after the close" if event.after_close else ""


def _offered(event: Event) -> str:
    """What a callback is called with; with nothing it says that the socket is dead."""
    return "nothing" if event.nothing else f"{event.information} bytes"


def _answered(event: Event) -> str:
    """What a callback returned, and what it accepted."""
    if event.callback == Callback.INSPECT:
        return str(InspectAction(event.status))
    if event.callback == Callback.ACCEPT and nt_success(event.status):
        return f"{event.status}, into socket {event.information}"
    if event.callback in (Callback.RECEIVE, Callback.RECEIVE_FROM):
        return f"{event.status}, {event.information} bytes"
    return str(event.status)


def _packet(packet: Packet) -> Row:
    arrow = "guest → peer" if packet.sender == "guest" else "peer → guest"
    return Row(packet.time_ns, 0, "wire", f"{arrow}: {packet.describe()}")


def _peer(peer: Peer) -> Iterator[Row]:
    for time_ns, text in peer.moments():
        if time_ns is not None:
            yield Row(time_ns, 0, "peer", text)
