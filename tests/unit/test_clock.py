# SPDX-License-Identifier: Apache-2.0
"""The guest's clock is known on the host's within a bound, or the evidence is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import FREQUENCY, TICK, qpc

from harness.core.errors import EvidenceLost
from harness.core.units import ms, s, us
from harness.evidence import Clock, Exchange


def test_an_exchange_bounds_the_clock_by_its_round_trip() -> None:
    clock = Clock(FREQUENCY, [Exchange(10 * s - 100 * us, qpc(10 * s), 10 * s + 300 * us)])
    interval = clock.at(qpc(10 * s))
    assert (interval.earliest, interval.latest) == (10 * s - 100 * us, 10 * s + 300 * us)


def test_the_bound_grows_with_the_distance_from_the_exchange_by_the_drift_allowed() -> None:
    clock = Clock(FREQUENCY, [Exchange(0, qpc(0), 0)], drift_ppm=100)
    assert clock.at(qpc(1 * s)).bound == 200 * us + 2 * TICK


def test_cause_and_effect_tighten_the_bound() -> None:
    clock = Clock(FREQUENCY, [Exchange(0, qpc(5 * ms), 10 * ms)])
    clock.not_before(qpc(7 * ms), 7 * ms - 10 * us)
    clock.not_after(qpc(8 * ms), 8 * ms + 20 * us)
    assert clock.at(qpc(7 * ms)).bound < 32 * us


def test_constraints_that_contradict_each_other_are_evidence_lost() -> None:
    clock = Clock(FREQUENCY, [Exchange(0, qpc(0), 1 * ms)])
    clock.not_before(qpc(1 * ms), 9 * ms)
    with pytest.raises(EvidenceLost, match="contradicts"):
        clock.at(qpc(1 * ms))


def test_a_clock_that_nobody_asked_says_so() -> None:
    with pytest.raises(EvidenceLost, match="never asked"):
        Clock(FREQUENCY, []).at(qpc(0))


@given(
    drift=st.integers(-100, 100),
    exchanges=st.lists(
        st.tuples(st.integers(0, 60 * s), st.integers(0, 10 * ms), st.integers(0, 10 * ms)), min_size=1
    ),
    marker=st.integers(0, 60 * s),
)
def test_the_true_time_is_always_inside_the_interval(
    drift: int, exchanges: list[tuple[int, int, int]], marker: int
) -> None:
    def counter(host_ns: int) -> int:
        return qpc(host_ns + host_ns * drift // 1_000_000)

    clock = Clock(
        FREQUENCY,
        [Exchange(at - before, counter(at), at + after) for at, before, after in exchanges],
        drift_ppm=101,
    )
    interval = clock.at(counter(marker))
    assert interval.earliest - TICK <= marker <= interval.latest + TICK
