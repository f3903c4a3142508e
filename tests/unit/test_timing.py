# SPDX-License-Identifier: Apache-2.0
"""Times of a loop are the differences of the guest's own stamps, round by round."""

from synthetic import FREQUENCY, GuestRun

from harness.core.abi import EventKind
from harness.core.units import ms, us
from harness.evidence import DISPATCH_LEVEL, PASSIVE_LEVEL, Samples, Trace, summary
from harness.evidence.timing import samples
from harness.scenario import IPV4, Scenario


def measured(irql: int) -> Samples:
    plan = Scenario()
    close = plan.close(plan.socket(IPV4))
    run = GuestRun(plan)
    for number, (call, completion) in enumerate([(2 * us, 10 * us), (4 * us, 30 * us)]):
        begin = number * ms
        at = {"iteration": number, "irql": irql}
        run.event(close.number, EventKind.CALL, begin, **at)
        run.event(close.number, EventKind.RETURN, begin + call, **at)
        run.event(close.number, EventKind.COMPLETION, begin + completion, iteration=number, irql=2)
    run.event(close.number, EventKind.CALL, 5 * ms, iteration=2)  # never returned
    return samples(Trace.decode(run.trace()).events, close.number, FREQUENCY)


def test_a_call_lasts_to_its_return_and_a_completion_counts_from_the_call() -> None:
    assert measured(PASSIVE_LEVEL) == Samples(
        call=(2 * us, 4 * us), completion=(10 * us, 30 * us), at_dispatch=(0, 0)
    )


def test_a_call_at_dispatch_level_spends_all_its_time_there() -> None:
    assert measured(DISPATCH_LEVEL).at_dispatch == (2 * us, 4 * us)


def test_a_summary_has_percentiles_and_how_many_values_they_stand_for() -> None:
    hundred = tuple(range(1, 102))
    figures = summary(Samples(call=hundred, completion=(5,), at_dispatch=()))
    assert figures == {
        "call": {"count": 101, "p50": 51, "p90": 91, "p99": 100, "max": 101},
        "completion": {"count": 1},
        "at_dispatch": {"count": 0},
    }
