# SPDX-License-Identifier: Apache-2.0
"""Stored scenarios and traces in words, for a terminal."""

from collections.abc import Iterator

from harness.core.abi import abi
from harness.core.errors import UsageError
from harness.core.units import format_ns, s
from harness.evidence import Event, Trace, event_row
from harness.scenario import Scenario, decode

_MAGIC_SIZE = 4


def lines(data: bytes) -> Iterator[str]:
    """One a step or event. Raises UsageError when the data is neither, damaged, or of another version."""
    magic = int.from_bytes(data[:_MAGIC_SIZE], "little")
    if magic == abi.WSKTEST_SCENARIO_MAGIC:
        yield from _scenario(decode(data))
    elif magic == abi.WSKTEST_TRACE_MAGIC:
        yield from _trace(Trace.load(data))
    else:
        raise UsageError("this is neither a scenario nor a trace; a results folder has both")


def _scenario(plan: Scenario) -> Iterator[str]:
    yield f"scenario {plan.id:#x}, {len(plan.operations)} steps"
    for operation in plan.operations:
        where = f"{operation.socket}: " if operation.socket else ""
        yield f"{where}{operation.describe()}"


def _trace(trace: Trace) -> Iterator[str]:
    lost = f", {trace.lost_events} events lost" if trace.lost_events else ""
    yield f"trace of scenario {trace.id:#x}: {trace.outcome.name}, {len(trace.events)} events{lost}"
    for event in trace.events:
        after = (event.qpc - trace.qpc_begin) * s // trace.qpc_frequency
        yield f"{format_ns(after):>12}  {_event(event, after)}"


def _event(event: Event, after: int) -> str:
    row = event_row(None, event, after)
    details = [row.facts, f"CPU {event.cpu}", *["PendingReturned"] * event.pending_returned]
    return f"{row.text}: {', '.join(details)}"
