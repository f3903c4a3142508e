# SPDX-License-Identifier: Apache-2.0
"""Stored scenarios and traces in words, for a terminal."""

from collections.abc import Iterator

from harness.core.abi import abi
from harness.core.errors import UsageError
from harness.core.units import format_ns, s
from harness.evidence import CALLBACKS, Event, Trace, describe_status, irql_name
from harness.scenario import Callback, Scenario, decode

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
        yield f"{format_ns(after):>12}  {_subject(event)} {_event(event)}"


def _subject(event: Event) -> str:
    """What the event is about: a step, or an event callback of a socket's."""
    if event.kind in CALLBACKS:
        return f"socket {event.socket} {Callback(event.callback)} event"
    return f"step {event.step:<4}" + (" (recovery)" if event.recovery else "")


def _event(event: Event) -> str:
    name = event.kind.name.lower().replace("_", " ")
    details = [irql_name(event.irql), f"CPU {event.cpu}", describe_status(event)]
    details += ["PendingReturned"] * event.pending_returned
    return f"{name}: {', '.join(filter(None, details))}"
