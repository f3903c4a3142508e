# SPDX-License-Identifier: Apache-2.0
"""Which return of an event callback belongs to which call of it."""

import pytest
from synthetic import PEER, GuestRun

from harness.core.abi import EventKind
from harness.core.units import ms
from harness.evidence import Trace
from harness.evidence.operation_traces import CallbackCall, callback_calls
from harness.scenario import Callback, Scenario

ENTER, LEAVE = EventKind.CALLBACK_ENTER, EventKind.CALLBACK_LEAVE


def visits(*events: tuple[int, int, int, int]) -> list[CallbackCall]:
    """The calls of a receive event; each of `events` has a kind, thread, processor and IRQL."""
    plan = Scenario()
    sock = plan.socket_connect(to=PEER)
    run = GuestRun(plan)
    for time, (kind, thread, cpu, irql) in enumerate(events):
        about = {"socket": sock.slot, "callback": Callback.RECEIVE}
        run.event(0, kind, time * ms, thread=thread, cpu=cpu, irql=irql, **about)
    return callback_calls(Trace.decode(run.trace()).events)[sock.slot, Callback.RECEIVE]


@pytest.mark.parametrize(("irql", "ended"), [(0, True), (1, True), (2, False)])
def test_below_dispatch_level_a_callback_may_return_on_another_processor(irql: int, ended: bool) -> None:
    (visit,) = visits((ENTER, 7, 0, irql), (LEAVE, 7, 1, irql))
    assert (visit.leave is not None) is ended


def test_a_callback_that_interrupts_another_of_its_thread_returns_first() -> None:
    first, second = visits((ENTER, 7, 0, 0), (ENTER, 7, 0, 2), (LEAVE, 7, 0, 2), (LEAVE, 7, 1, 0))
    assert [visit.leave.sequence if visit.leave else None for visit in (first, second)] == [3, 2]


def test_callbacks_on_two_threads_return_each_on_its_own() -> None:
    first, second = visits((ENTER, 7, 0, 0), (ENTER, 8, 1, 0), (LEAVE, 7, 1, 0), (LEAVE, 8, 0, 0))
    assert [visit.leave.sequence if visit.leave else None for visit in (first, second)] == [2, 3]
