# SPDX-License-Identifier: Apache-2.0
"""The facts of a timeline that two guests can be compared by: no moments, no order of what does not wait."""

from collections.abc import Iterator

from harness.core.abi import StepKind
from harness.core.ntstatus import NOT_CALLED, nt_success
from harness.evidence import Timeline
from harness.scenario import Operation
from harness.verdict.laws.connection import TcpConnection, connections

Facts = dict[str, str]


def facts_of(timeline: Timeline) -> Facts:
    """The end of each call, the events that came, and what the guest sent on each connection, by name."""
    facts = {operation.name: _call(timeline, operation) for operation in _made(timeline)}
    for (slot, callback), visits in timeline.every_callback.items():
        kinds = {"abortive" if visit.abortive else "plain" for visit in visits}
        facts[f"{callback} event of socket {slot}"] = " and ".join(sorted(kinds))
    for number, connection in enumerate(connections(timeline.packets())):
        facts[f"connection {number}"] = _sent(connection)
    return facts


def _made(timeline: Timeline) -> Iterator[Operation]:
    for operation in timeline.plan.operations:
        if operation.is_call and timeline.returned(operation) != NOT_CALLED:
            yield operation


def _call(timeline: Timeline, operation: Operation) -> str:
    told = f"returned {timeline.returned(operation)}"
    if operation.has_irp:
        status, count = timeline.status(operation), timeline.completions(operation)
        told += f", completed with {status}" + (f" {count} times" if count > 1 else "")
        if operation.kind in (StepKind.DISCONNECT, StepKind.CLOSE) and nt_success(status):
            told += f", Information {timeline.information(operation)}"
    return told


def _sent(connection: TcpConnection) -> str:
    guest = connection.guest
    ends = [name for name, packets in (("FIN", guest.fins), ("RST", guest.resets)) if packets]
    return ", ".join([f"{len(guest.stream)} bytes", *ends])
