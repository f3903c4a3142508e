# SPDX-License-Identifier: Apache-2.0
"""The verdict of several attempts follows one order, and a night and its history say the same of it."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import nights
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import case

from harness.history.night import CellStatus, load_night
from harness.history.store import Store
from harness.nightly.verdict import night_status as status_by_folder
from harness.verdict import Outcome
from harness.verdict.attempts import (
    CUT_SHORT,
    FAILED,
    LOST,
    NOT_ACCEPTED,
    OPEN,
    PASSED,
    AttemptResult,
    case_verdict,
    cell_status,
    night_status,
)

ONE, TWO = nights.ONE, nights.TWO
OUTCOMES = st.lists(st.sampled_from(Outcome), min_size=1, max_size=5)
STATUSES = st.sampled_from((PASSED, FAILED, NOT_ACCEPTED, OPEN, LOST, CUT_SHORT))
SEEN = st.dictionaries(st.sampled_from((ONE, TWO)), st.sampled_from(Outcome))
ATTEMPTS = st.lists(st.builds(AttemptResult, STATUSES, SEEN), max_size=4)


@given(OUTCOMES, st.randoms())
def test_the_order_of_attempts_at_a_case_does_not_matter(outcomes: list[Outcome], random: Any) -> None:
    shuffled = random.sample(outcomes, len(outcomes))
    assert case_verdict(shuffled) == case_verdict(outcomes)


@given(OUTCOMES, st.sampled_from(Outcome))
def test_a_further_attempt_never_undoes_a_failure(outcomes: list[Outcome], further: Outcome) -> None:
    before, after = case_verdict(outcomes), case_verdict([*outcomes, further])
    assert after.fails >= before.fails
    assert after.flaky >= before.flaky
    assert after.fails == any(outcome.fails for outcome in [*outcomes, further])


@given(OUTCOMES, st.sampled_from([outcome for outcome in Outcome if outcome.errors]))
def test_what_says_nothing_about_the_guest_changes_no_verdict(
    outcomes: list[Outcome], nothing: Outcome
) -> None:
    judged = [outcome for outcome in outcomes if not outcome.errors]
    if judged:
        assert case_verdict([*outcomes, nothing]) == case_verdict(judged)
    else:
        assert case_verdict([*outcomes, nothing]).errors


@given(OUTCOMES)
def test_a_case_passed_only_when_all_that_judged_it_agree_on_that(outcomes: list[Outcome]) -> None:
    judged = {outcome for outcome in outcomes if not outcome.errors}
    assert case_verdict(outcomes).passed == (len(judged) == 1 and not any(each.fails for each in judged))


@given(ATTEMPTS, STATUSES, SEEN)
def test_a_further_attempt_at_a_cell_never_undoes_a_failure(
    attempts: list[AttemptResult], status: int, seen: dict[str, Outcome]
) -> None:
    if cell_status(attempts, done=True) == FAILED:
        assert cell_status([*attempts, AttemptResult(status, seen)], done=True) == FAILED


@given(ATTEMPTS)
def test_a_cell_passed_only_when_an_attempt_went_through_and_every_case_passed(
    attempts: list[AttemptResult],
) -> None:
    if cell_status(attempts, done=True) == PASSED:
        assert any(attempt.went_through for attempt in attempts)
        for name in (ONE, TWO):
            seen = [attempt.outcomes[name] for attempt in attempts if name in attempt.outcomes]
            assert not seen or case_verdict(seen).passed
    assert cell_status(attempts, done=False) != PASSED


@given(st.lists(st.sampled_from((PASSED, FAILED, NOT_ACCEPTED, OPEN))), st.sampled_from((1, 2, 3)))
def test_a_night_is_never_better_than_one_of_its_cells(cells: list[int], further: int) -> None:
    order = (FAILED, NOT_ACCEPTED, OPEN, PASSED)
    night = night_status([*cells, further], ended=True)
    assert order.index(night) == min(map(order.index, [*cells, further]))
    assert night_status(cells, ended=False) != PASSED


@pytest.mark.parametrize(
    ("attempts", "status"),
    [
        ([(3, {ONE: "inconclusive"}), (0, {ONE: "pass"})], PASSED),
        ([(-1, {ONE: "pass"}), (0, {ONE: "recorded"})], OPEN),
        ([(-1, {ONE: "hung"}), (0, {ONE: "pass"})], FAILED),
        ([(1, {})], FAILED),  # its run is not there any more
        ([(0, {})], OPEN),
        ([(3, {ONE: "pass"})], OPEN),  # it ended before it came to the others
        ([(3, {ONE: "pass"}), (0, {ONE: "pass", TWO: "pass"})], PASSED),
        ([(CUT_SHORT, {ONE: "inconclusive"})], OPEN),
        ([(CUT_SHORT, {ONE: "inconclusive"}), (0, {ONE: "pass", TWO: "pass"})], PASSED),
        ([(2, {})], NOT_ACCEPTED),
        ([(2, {}), (-1, {})], NOT_ACCEPTED),
        ([(2, {}), (0, {ONE: "pass"})], PASSED),
        ([(3, {ONE: "inconclusive"}), (2, {})], NOT_ACCEPTED),
        ([(1, {ONE: "crashed"}), (2, {})], FAILED),
        ([], OPEN),
    ],
)
def test_the_exit_status_of_a_cell(attempts: list[tuple[int, dict[str, str]]], status: int) -> None:
    results = [
        AttemptResult(code, {name: Outcome(outcome) for name, outcome in seen.items()})
        for code, seen in attempts
    ]
    assert cell_status(results, done=True) == status


CELLS = st.lists(
    st.tuples(st.lists(st.tuples(STATUSES, SEEN), max_size=3), st.sampled_from(CellStatus)),
    min_size=1,
    max_size=3,
)


@settings(max_examples=40, deadline=None)
@given(CELLS, st.booleans())
def test_a_night_and_its_history_say_the_same_of_it(cells: list[Any], ended: bool) -> None:
    with tempfile.TemporaryDirectory() as scratch, Store.open(f"{scratch}/history.sqlite") as store:
        folder = _night(Path(scratch), cells, ended)
        name = store.keep(folder)
        assert store.status_of(name) == status_by_folder(folder, load_night(folder))


def _night(results: Path, cells: list[Any], ended: bool) -> Path:
    """Writes the night to disk; an attempt without cases left no run."""
    told = [
        nights.cell(
            f"cell-{number}",
            *(
                [case(name, outcome=outcome) for name, outcome in seen.items()] or None
                for _, seen in attempts
            ),
            status=status,
        )
        for number, (attempts, status) in enumerate(cells)
    ]
    folder = nights.night(results, 0, *told, ended=ended)
    night = load_night(folder)
    for cell, (attempts, _) in zip(night.cells, cells, strict=True):
        codes = [code for code, _ in attempts]
        cell.attempts = [
            replace(attempt, exit_status=code) for attempt, code in zip(cell.attempts, codes, strict=True)
        ]
    night.save(folder)
    return folder
