# SPDX-License-Identifier: Apache-2.0
"""Ties the guest's clock to the wire by cause and effect.

Used are only effects that cannot precede their cause whatever a WSK provider
does wrong: a SYN its connect call, a connection the SYN-ACK, sent bytes the
call that handed them over, received bytes the segment that carried them. The
first FIN or RST is put after a disconnect or close only where that call is the
first thing near in time that can have caused it, before any other such call or
completion and any data, FIN or RST of the peer's; which call may cause which
packet is for the tests to judge. A second FIN or RST comes of a timer or of what
the peer sent, and ties no call to the wire.
"""

from collections.abc import Mapping, Sequence

from harness.core.abi import EventKind, StepKind
from harness.core.ntstatus import nt_success
from harness.evidence.clock import Clock
from harness.evidence.directions import Direction
from harness.evidence.events import Event
from harness.evidence.operation_traces import OperationTrace
from harness.evidence.trace import Trace
from harness.scenario import Operation, Scenario
from harness.wire import FIN, RST, SYN, Packet, Sender

_CONNECTS = (StepKind.CONNECT, StepKind.CONNECT_EX, StepKind.SOCKET_CONNECT)
_ENDS = (StepKind.DISCONNECT, StepKind.CLOSE)


def tighten(
    clock: Clock,
    plan: Scenario,
    trace: Trace,
    found: Mapping[int, OperationTrace],
    packets: Sequence[Packet],
    received: Mapping[Operation, bytes],
) -> None:
    """Adds constraints to `clock`; nothing when the case has more than one connection to tell apart,
    or steps whose order on the wire is not that of the plan."""
    connects = [operation for operation in plan.operations if operation.kind in _CONNECTS]
    if not plan.sequential or len(connects) != 1 or len({packet.guest_port for packet in packets}) != 1:
        return
    _connect(clock, found[connects[0].number], packets)
    _sends(clock, plan, found, _direction(packets, "guest"))
    _receives(clock, found, received, _direction(packets, "peer"))
    _ends(clock, plan, trace, packets)


def _direction(packets: Sequence[Packet], sender: Sender) -> Direction:
    return Direction(packet for packet in packets if packet.sender == sender)


def _connect(clock: Clock, trace: OperationTrace, packets: Sequence[Packet]) -> None:
    for packet in packets:
        if SYN in packet.flags and packet.sender == "guest" and trace.call:
            clock.not_after(trace.call.qpc, packet.time_ns)
        if SYN in packet.flags and packet.sender == "peer":
            if trace.completion and nt_success(trace.completion.io_status):
                clock.not_before(trace.completion.qpc, packet.time_ns)
            return


def _sends(clock: Clock, plan: Scenario, found: Mapping[int, OperationTrace], direction: Direction) -> None:
    position = 0
    for operation in plan.operations:
        call = found[operation.number].call
        if call and operation.data:
            packet = direction.starting(position, operation.data)
            if packet:
                clock.not_after(call.qpc, packet.time_ns)
            position += len(operation.data)


def _receives(
    clock: Clock,
    found: Mapping[int, OperationTrace],
    received: Mapping[Operation, bytes],
    direction: Direction,
) -> None:
    position = 0
    for operation, data in received.items():
        completion = found[operation.number].completion
        position += len(data)
        packet = direction.ending(position, data) if data else None
        if packet and completion:
            clock.not_before(completion.qpc, packet.time_ns)


def _ends(clock: Clock, plan: Scenario, trace: Trace, packets: Sequence[Packet]) -> None:
    causes = [event for event in trace.events if _may_end_connection(event, plan)]
    for packet in _first_endings(packets):
        near = [event for event in causes if _undecided(clock, event, packet)]
        if near and near[0].kind == EventKind.CALL and not _is_owed(clock, causes, packets, packet):
            since = clock.at(near[0].qpc).earliest
            if not _peer_spoke(packets, since, packet.time_ns):
                clock.not_after(near[0].qpc, packet.time_ns)


def _first_endings(packets: Sequence[Packet]) -> list[Packet]:
    """The guest's first FIN and its first RST: a later one was sent again, or answers the peer."""
    endings = [packet for packet in packets if packet.sender == "guest" and packet.flags & (FIN | RST)]
    firsts = [next((packet for packet in endings if flag in packet.flags), None) for flag in (FIN, RST)]
    return [packet for packet in endings if any(packet is first for first in firsts)]


def _is_owed(clock: Clock, causes: Sequence[Event], packets: Sequence[Packet], packet: Packet) -> bool:
    """May an earlier disconnect or close have sent it late: one whose FIN or RST was not seen yet?"""
    calls = [event for event in causes if event.kind == EventKind.CALL]
    earlier = [event for event in calls if clock.at(event.qpc).latest <= packet.time_ns]
    if not earlier:
        return False
    since = clock.at(earlier[-1].qpc).earliest
    return not any(
        other.sender == "guest" and other.flags & (FIN | RST) and since <= other.time_ns < packet.time_ns
        for other in packets
    )


def _undecided(clock: Clock, event: Event, packet: Packet) -> bool:
    interval = clock.at(event.qpc)
    return interval.earliest <= packet.time_ns < interval.latest


def _may_end_connection(event: Event, plan: Scenario) -> bool:
    if event.step >= len(plan.operations):
        return event.recovery
    return plan.operations[event.step].kind in _ENDS and event.kind in (EventKind.CALL, EventKind.COMPLETION)


def _peer_spoke(packets: Sequence[Packet], since: int, until: int) -> bool:
    return any(
        packet.sender == "peer"
        and (packet.payload or packet.flags & (FIN | RST))
        and since <= packet.time_ns <= until
        for packet in packets
    )
