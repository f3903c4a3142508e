# SPDX-License-Identifier: Apache-2.0
"""A trace is decoded exactly or refused."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import PEER, GuestRun

from harness.core.abi import EventKind
from harness.core.errors import EvidenceLost, UsageError
from harness.core.ntstatus import STATUS_PENDING
from harness.evidence import Trace
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


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: b"", "truncated: 0 of"),
        (lambda data: data[:-1], "truncated"),
        (lambda data: data + b"x", "do not fit together"),
        (lambda data: b"ELF!" + data[4:], "not a trace"),
        (lambda data: data[:4] + b"\x09\0" + data[6:], "version 9"),
        (lambda data: data[:88] + b"\x05" + data[89:], "not in sequence"),
    ],
)
def test_a_damaged_trace_is_evidence_lost_from_a_guest_and_misuse_from_a_file(
    damage: Callable[[bytes], bytes], why: str
) -> None:
    with pytest.raises(EvidenceLost, match=why):
        Trace.decode(damage(example()))
    with pytest.raises(UsageError, match=why):
        Trace.load(damage(example()))


@given(st.data())
def test_no_change_of_a_trace_is_a_surprise(data: st.DataObject) -> None:
    stored = bytearray(example())
    for _ in range(data.draw(st.integers(1, 4))):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    with suppress(EvidenceLost):
        Trace.decode(bytes(stored))
