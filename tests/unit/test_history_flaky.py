# SPDX-License-Identifier: Apache-2.0
"""Every attempt counts: a later pass makes nothing undone, and a failure of ours is not the guest's."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from nights import ONE, TWO, cell, failed, night
from runs import case
from scipy.stats import binomtest

from harness.history.flaky import Flaky, flaky_cases, interval
from harness.history.known import Issue, KnownIssues
from harness.history.loading import SeenNight, find, load
from harness.history.night import CellStatus
from harness.history.status import day_of, exit_status
from harness.history.store import Store
from harness.report import CaseRecord
from harness.verdict import Outcome
from harness.verdict.attempts import case_verdict

LOST = case(ONE, outcome=Outcome.INCONCLUSIVE, why="3 packets were lost")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "history.sqlite")) as opened:
        yield opened


def flaky(store: Store) -> list[Flaky]:
    with store.reading() as connection:
        return flaky_cases(connection, find(connection))


def seen(store: Store) -> SeenNight:
    with store.reading() as connection:
        return load(connection, find(connection))


@pytest.mark.parametrize(
    ("attempts", "said", "fails", "errors"),
    [
        (["pass", "pass"], "pass", False, False),
        (["deviation", "pass"], "flaky", True, False),
        (["pass", "hung", "deviation"], "flaky", True, False),
        (["pass", "unsupported"], "flaky", False, True),
        (["harness-error", "pass"], "pass", False, False),
        (["deviation", "harness-error"], "deviation", True, False),
        (["inconclusive", "harness-error"], "harness-error", False, True),
    ],
)
def test_a_verdict_is_of_all_attempts_that_judged_the_guest(
    attempts: list[str], said: str, fails: bool, errors: bool
) -> None:
    found = case_verdict([Outcome(attempt) for attempt in attempts])
    assert (str(found), found.fails, found.errors) == (said, fails, errors)


def test_attempts_of_one_night_that_disagree_are_flaky(store: Store, tmp_path: Path) -> None:
    store.keep(night(tmp_path, 0, cell("plain", [failed(ONE), case(TWO)], [case(ONE)])))
    (found,) = flaky(store)
    assert (found.cell, found.case, found.tonight) == ("plain", ONE, True)
    assert (found.failed, found.attempts, found.rate) == (1, 2, 0.5)
    assert found.low < found.rate < found.high
    assert seen(store).cells["plain"].cases[ONE].outcomes == (Outcome.DEVIATION, Outcome.PASS)
    assert exit_status(seen(store)) == 1


def outcomes_in_turn(store: Store, tmp_path: Path, *cases: CaseRecord, builds: str = "") -> list[Flaky]:
    """Flaky cases of a cell that ran one of these each night; with a letter for the build of each."""
    for number, one in enumerate(cases):
        build = builds[number] if builds else "a"
        store.keep(night(tmp_path, number, cell("plain", [one], build=build)))
    return flaky(store)


def test_nights_that_go_forth_and_back_are_flaky(store: Store, tmp_path: Path) -> None:
    (found,) = outcomes_in_turn(store, tmp_path, case(ONE), failed(ONE), case(ONE), case(ONE))
    assert (found.failed, found.attempts, found.nights, found.tonight) == (1, 4, 4, False)


def test_a_case_that_fails_from_one_night_on_is_changed_and_not_flaky(store: Store, tmp_path: Path) -> None:
    assert outcomes_in_turn(store, tmp_path, case(ONE), case(ONE), failed(ONE), failed(ONE)) == []


def test_evidence_that_was_lost_does_not_make_a_case_flaky(store: Store, tmp_path: Path) -> None:
    assert outcomes_in_turn(store, tmp_path, case(ONE), LOST, case(ONE), LOST) == []


def test_another_build_of_the_guest_is_another_guest(store: Store, tmp_path: Path) -> None:
    cases = (case(ONE), failed(ONE), case(ONE), failed(ONE))
    assert outcomes_in_turn(store, tmp_path, *cases, builds="abab") == []


def test_a_try_that_was_lost_with_its_guest_and_repeated_alone_is_shown_and_not_flaky(
    store: Store, tmp_path: Path
) -> None:
    store.keep(night(tmp_path, 0, cell("plain", [case(ONE, attempts=["crashed", "pass"])])))
    assert flaky(store) == []
    assert seen(store).cells["plain"].cases[ONE].first == Outcome.CRASHED


@pytest.mark.parametrize(("failures", "total"), [(0, 5), (1, 2), (3, 10), (20, 20)])
def test_the_interval_is_that_of_clopper_and_pearson(failures: int, total: int) -> None:
    expected = binomtest(failures, total).proportion_ci(0.95, "exact")
    assert interval(failures, total) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("cells", "ended", "status"),
    [
        ([cell("a", [case(ONE)]), cell("b", [case(TWO)])], True, 0),
        ([cell("a", [case(ONE)]), cell("b", [failed(TWO)])], True, 1),
        ([cell("a", [failed(ONE)], [case(ONE)])], True, 1),
        ([cell("a", [failed(ONE)]), cell("b", None, exit_status=2)], False, 1),
        ([cell("a", [case(ONE)]), cell("b", None, exit_status=2)], True, 2),
        ([cell("a", [LOST])], True, 3),
        ([cell("a", [LOST], [case(ONE)])], True, 0),
        ([cell("a", [case(ONE)]), cell("b", None)], True, 3),
        ([cell("a", [case(ONE)]), cell("b", status=CellStatus.WAITING)], False, 3),
        ([cell("a", [case(ONE)], status=CellStatus.RUNNING)], False, 3),
        ([cell("a", [case(ONE)])], False, 3),
    ],
)
def test_the_exit_status_of_a_night_is_as_that_of_a_run(
    store: Store, tmp_path: Path, cells: list[dict[str, object]], ended: bool, status: int
) -> None:
    assert store.status_of(store.keep(night(tmp_path, 0, *cells, ended=ended))) == status


def test_a_known_failure_can_be_excused_until_it_expires(store: Store, tmp_path: Path) -> None:
    store.keep(night(tmp_path, 0, cell("plain", [failed(ONE), case(TWO)])))
    found = seen(store)
    key = found.cells["plain"].cases[ONE].failure
    today, yesterday = day_of(found), day_of(found) - timedelta(days=1)
    assert exit_status(found, KnownIssues((Issue("known", today, failure=key),))) == 0
    assert exit_status(found, KnownIssues((Issue("known", yesterday, failure=key),))) == 1
    assert exit_status(found) == 1
