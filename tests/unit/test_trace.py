# SPDX-License-Identifier: Apache-2.0
"""A trace is decoded exactly or refused."""

from collections.abc import Callable
from contextlib import suppress

import pytest
import traces
from hypothesis import given
from hypothesis import strategies as st
from synthetic import PEER, GuestRun

from harness.core.abi import EventKind, abi
from harness.core.errors import EvidenceLost, UsageError
from harness.core.ntstatus import STATUS_PENDING
from harness.evidence import Trace, events
from harness.scenario import Origin, Scenario


def example() -> bytes:
    plan = Scenario(scenario_id=42)
    sock = plan.connected(Origin.WSK_SOCKET_CONNECT, to=PEER)
    receive = plan.receive(sock, 8)
    return (
        GuestRun(plan)
        .call(sock.creation, 1000)
        .call(receive, 2000)
        .complete(receive, 3000, data=b"ab")
        .trace()
    )


def test_a_trace_says_what_the_driver_recorded() -> None:
    trace = Trace.decode(example())
    assert (trace.id, len(trace.events), trace.received) == (42, 5, b"ab" + b"\xa5" * 6)
    returned, completed = trace.events[3], trace.events[4]
    assert (returned.kind, returned.status) == (EventKind.RETURN, STATUS_PENDING)
    assert (completed.kind, completed.information, completed.pending_returned) == (
        EventKind.COMPLETION,
        2,
        True,
    )


def long_example(size: int = events.SHORT + 1) -> bytes:
    """One whose events are checked as columns."""
    return traces.made(size)


@pytest.mark.parametrize("original", [example(), long_example()], ids=["short", "long"])
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: b"", "truncated: 0 of"),
        (lambda data: data[:-1], "truncated"),
        (lambda data: data + b"x", "do not fit together"),
        (lambda data: b"ELF!" + data[4:], "not a trace"),
        (lambda data: data[:4] + b"\x09\0" + data[6:], "version 9"),
        (lambda data: data[:88] + b"\x05" + data[89:], "not in sequence"),
        (
            lambda data: changed(data, "step", abi.WSKTEST_NO_STEP),
            "event 0 .* is about nothing",
        ),
        (lambda data: changed(data, "kind", 99), "99 is not a valid"),
    ],
)
def test_a_damaged_trace_is_evidence_lost_from_a_guest_and_misuse_from_a_file(
    damage: Callable[[bytes], bytes], why: str, original: bytes
) -> None:
    with pytest.raises(EvidenceLost, match=why):
        Trace.decode(damage(original))
    with pytest.raises(UsageError, match=why):
        Trace.load(damage(original))


def changed(data: bytes, field: str, value: int) -> bytes:
    """The trace with another value in that field of its first event."""
    layout = abi.wsktest_event.fields[field]
    place = abi.wsktest_trace.size + layout.offset
    return data[:place] + value.to_bytes(layout.type.size, "little") + data[place + layout.type.size :]


def test_columns_and_objects_hold_the_same() -> None:
    trace = Trace.decode(long_example())
    for name in ("sequence", "qpc", "step", "kind", "iteration", "completions"):
        assert trace.events.columns[name].tolist() == [getattr(event, name) for event in trace.events]


def test_columns_lie_where_the_header_puts_them() -> None:
    layout = abi.wsktest_event
    dtype = Trace.decode(long_example()).events.columns.dtype
    assert dtype.itemsize == layout.size
    assert {name: dtype.fields[name][1] for name in dtype.names} == {
        name: field.offset for name, field in layout.fields.items()
    }


def test_a_million_events_are_decoded_in_a_second() -> None:
    """By CPU time; `bench/traces.py` measures, and has a tenth of that."""
    long = traces.made(traces.EVENTS // 8)
    Trace.decode(long)  # imports NumPy
    assert len(Trace.decode(long).events) / traces.least(3, lambda: Trace.decode(long)) > 1_000_000


@given(st.data())
def test_no_change_of_a_trace_is_a_surprise(data: st.DataObject) -> None:
    stored = bytearray(example())
    for _ in range(data.draw(st.integers(1, 4))):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    with suppress(EvidenceLost):
        Trace.decode(bytes(stored))


@given(st.data())
def test_columns_are_refused_where_objects_are(data: st.DataObject) -> None:
    stored = bytearray(example()[abi.wsktest_trace.size :][: 5 * abi.wsktest_event.size])
    for _ in range(data.draw(st.integers(1, 4))):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    with pytest.MonkeyPatch.context() as patch:
        refused = []
        for short in (0, len(stored)):
            patch.setattr(events, "SHORT", short)
            refused.append(_refusal(bytes(stored)))
    assert refused[0] == refused[1]


def _refusal(stored: bytes) -> str:
    try:
        events.Events(stored)
    except ValueError as error:
        return str(error)
    return ""
