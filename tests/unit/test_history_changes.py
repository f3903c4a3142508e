# SPDX-License-Identifier: Apache-2.0
"""A change between two nights is told once, and a case that could not be compared is not called changed."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nights import ONE, TIMED, TWO, cell, failed, night
from runs import case

from harness.core.errors import UsageError
from harness.history import references
from harness.history.changes import EMPTY_CALL, ChangeKind, Changes, compare
from harness.history.failure import failure_key, normalised
from harness.history.loading import SeenNight, find, load
from harness.history.night import CellStatus
from harness.history.references import Reference
from harness.history.store import Store
from harness.report import CaseRecord
from harness.verdict import Outcome

Told = list[tuple[str, str, str, str]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "history.sqlite")) as opened:
        yield opened


def latest(
    store: Store, choose: Callable[..., Reference | None] = references.previous, *rest: str
) -> Changes:
    with store.reading() as connection:
        seen: SeenNight = load(connection, find(connection))
        reference = choose(connection, seen, *rest)
        assert reference is not None
        return compare(connection, seen, reference)


def told(changes: Changes) -> Told:
    return [(change.kind, change.case, change.before, change.after) for change in changes.cases]


def between(
    store: Store, tmp_path: Path, before: Sequence[CaseRecord], after: Sequence[CaseRecord]
) -> Changes:
    """The changes between two nights with one cell, which ran these cases."""
    for number, cases in enumerate((before, after)):
        store.keep(night(tmp_path, number, cell("plain", cases)))
    return latest(store)


def test_nights_that_are_alike_have_no_change(store: Store, tmp_path: Path) -> None:
    cases = [case(ONE), failed(TWO), case("r", recorded={"status": "STATUS_SUCCESS"})]
    changes = between(store, tmp_path, cases, cases)
    assert changes.cases == []
    assert not changes.found
    assert not changes.lost
    assert changes.against == "matrix-0000, the night before"


def test_each_kind_of_change_is_told_once_and_the_worst_first(store: Store, tmp_path: Path) -> None:
    before = [
        case("breaks"),
        failed("mended"),
        case("records", recorded={"status": "STATUS_SUCCESS", "bytes": "0"}),
        case("fades"),
        case("unjudged"),
        case("goes"),
    ]
    after = [
        failed("breaks"),
        case("mended"),
        case("records", recorded={"status": "STATUS_PENDING", "bytes": "0"}),
        case("fades", outcome=Outcome.UNSUPPORTED),
        case("unjudged", outcome=Outcome.INCONCLUSIVE, why="3 packets were lost"),
        case("comes"),
    ]
    changes = between(store, tmp_path, before, after)
    assert told(changes) == [
        (ChangeKind.NEW_FAILURE, "breaks", "pass", "deviation"),
        (ChangeKind.CHANGED_RECORD, "records", "STATUS_SUCCESS", "STATUS_PENDING"),
        (ChangeKind.LOST, "unjudged", "pass", "inconclusive"),
        (ChangeKind.OTHER, "fades", "pass", "unsupported"),
        (ChangeKind.GONE, "goes", "pass", ""),
        (ChangeKind.FIXED, "mended", "deviation", "pass"),
        (ChangeKind.NEW_CASE, "comes", "", "pass"),
    ]
    assert changes.found
    assert changes.lost


def test_the_same_failure_with_other_figures_is_not_new(store: Store, tmp_path: Path) -> None:
    whys = (
        "assert 3 == 1\n  + at 0xffff8881deadbeef after 1.25 ms",
        "assert 17 == 1\n  + at 0xffff88810000aaaa after 981 us",
    )
    assert told(between(store, tmp_path, *([failed(ONE, why)] for why in whys))) == []


def test_a_case_that_fails_for_another_reason_is_a_new_failure(store: Store, tmp_path: Path) -> None:
    changes = between(store, tmp_path, [failed(ONE, "a FIN too many")], [failed(ONE, "an RST came")])
    assert told(changes) == [(ChangeKind.NEW_FAILURE, ONE, "deviation", "deviation")]


def test_a_failure_where_nothing_was_judged_before_is_new(store: Store, tmp_path: Path) -> None:
    lost = case(ONE, outcome=Outcome.INCONCLUSIVE, why="the capture was cut")
    assert told(between(store, tmp_path, [lost], [failed(ONE), failed(TWO)])) == [
        (ChangeKind.NEW_FAILURE, ONE, "inconclusive", "deviation"),
        (ChangeKind.NEW_FAILURE, TWO, "", "deviation"),
    ]


@pytest.mark.parametrize("status", [CellStatus.RUNNING, CellStatus.WAITING])
def test_nothing_has_disappeared_from_a_cell_that_was_killed(
    store: Store, tmp_path: Path, status: CellStatus
) -> None:
    store.keep(night(tmp_path, 0, cell("plain", [case(ONE), case(TWO)])))
    store.keep(night(tmp_path, 1, cell("plain", [case(ONE)], status=status), ended=False))
    changes = latest(store)
    assert (changes.cases, changes.partial, changes.lost) == ([], ["plain"], True)


def test_nothing_has_disappeared_from_a_cell_whose_run_was_interrupted(store: Store, tmp_path: Path) -> None:
    store.keep(night(tmp_path, 0, cell("plain", [case(ONE), case(TWO)])))
    store.keep(night(tmp_path, 1, cell("plain", [case(ONE)], exit_status=130)))
    assert (latest(store).cases, latest(store).partial) == ([], ["plain"])


@pytest.mark.parametrize("unfinished", [None, [case(TWO)]])
def test_a_cell_that_was_not_finished_before_is_compared_with_the_last_that_was(
    store: Store, tmp_path: Path, unfinished: list[CaseRecord] | None
) -> None:
    store.keep(night(tmp_path, 0, cell("plain", [case(ONE), failed(TWO)])))
    store.keep(night(tmp_path, 1, cell("plain", unfinished, exit_status=130), cell("old", [case(ONE)])))
    store.keep(night(tmp_path, 2, cell("plain", [failed(ONE), failed(TWO)]), cell("new", [case(ONE)])))
    changes = latest(store)
    assert told(changes) == [(ChangeKind.NEW_FAILURE, ONE, "pass", "deviation")]
    assert "for plain an earlier one" in changes.against
    assert (changes.new_cells, changes.gone_cells) == (["new"], ["old"])


def test_nights_of_other_matrices_are_not_compared(store: Store, tmp_path: Path) -> None:
    store.keep(night(tmp_path, 0, cell("plain", [case(ONE)]), matrix="other"))
    store.keep(night(tmp_path, 1, cell("plain", [failed(ONE)])))
    with store.reading() as connection:
        assert references.previous(connection, load(connection, find(connection))) is None


def test_a_night_is_compared_with_the_pinned_one(store: Store, tmp_path: Path) -> None:
    for number, cases in enumerate(([case(ONE)], [failed(ONE)], [failed(ONE)])):
        store.keep(night(tmp_path, number, cell("plain", cases)))
    store.pin("matrix-0001")
    store.pin("matrix-0000")  # in its place
    assert told(latest(store)) == []
    with store.reading() as connection:
        pinned = references.baseline(connection, "matrix")
        assert pinned is not None
        changes = compare(connection, load(connection, find(connection)), pinned)
    assert told(changes) == [(ChangeKind.NEW_FAILURE, ONE, "pass", "deviation")]
    store.pin("matrix-0000", pinned=False)
    with store.reading() as connection:
        assert references.baseline(connection, "matrix") is None


def test_two_builds_are_compared_where_their_settings_are_the_same(store: Store, tmp_path: Path) -> None:
    settings = {"nic": "e1000", "vcpus": 2}
    old = cell("server-2022", [case(ONE), case(TWO)], guest="server-2022", build="20348", settings=settings)
    new = cell("server-2025", [case(ONE), failed(TWO)], guest="server-2025", build="26100", settings=settings)
    other = cell("one-cpu", [failed(ONE)], build="20348", settings={"vcpus": 1})
    store.keep(night(tmp_path, 0, other))
    store.keep(night(tmp_path, 1, old, new))
    changes = latest(store, references.build, "20348")
    assert [(change.cell, *line) for change, line in zip(changes.cases, told(changes), strict=True)] == [
        ("server-2025", ChangeKind.NEW_FAILURE, TWO, "pass", "deviation")
    ]
    with pytest.raises(UsageError, match=r"no cell of build '7' .*; its builds are 20348, 26100"):
        latest(store, references.build, "7")


def times(seed: int, slower: int = 0) -> list[int]:
    drawn = random.Random(seed)
    return [10_000 + slower + drawn.randrange(5_000) for _ in range(1000)]


def test_times_that_shift_are_told_and_those_that_do_not_are_not(store: Store, tmp_path: Path) -> None:
    for number, slower in enumerate((0, 2_000)):
        same = cell("same", [case(ONE)], times=times(number))
        slow = cell("slow", [case(ONE)], times=times(number + 2, slower))
        few = cell("few", [case(ONE)], times=times(number + 4)[:100])
        store.keep(night(tmp_path, number, same, slow, few))
    changes = latest(store)
    assert (changes.tested, changes.untested) == (2, 1)
    (shift,) = changes.shifts
    assert (shift.cell, shift.duration.case, shift.duration.quantity) == ("slow", TIMED, "call")
    assert shift.duration.effect == 1.0
    assert changes.found


def test_a_shift_that_an_empty_call_shows_as_well_says_nothing_about_the_guest(
    store: Store, tmp_path: Path
) -> None:
    for number, slower in enumerate((0, 2_000)):
        measured = {"WskDisconnect": times(number, slower), EMPTY_CALL: times(number + 2, slower)}
        busy = cell("busy", [case(ONE)], times=measured)
        calm = cell("calm", [case(ONE)], times={**measured, EMPTY_CALL: times(number + 4, -slower)})
        store.keep(night(tmp_path, number, busy, calm))
    changes = latest(store)
    assert [(shift.cell, shift.machine) for shift in changes.shifts] == [
        ("calm", False),
        ("busy", True),
        ("busy", True),
        ("calm", True),
    ]
    assert changes.found


@settings(deadline=None)  # CI may be slow
@given(st.integers(0, 2**64 - 1), st.floats(0, 1e6), st.integers(0, 10**9))
def test_figures_do_not_make_another_key(pointer: int, ms: float, count: int) -> None:
    why = "assert {} == 1 at 0x{:016x} after {:.3f} ms from 10.0.{}.1:{}"
    one = why.format(count, pointer, ms, count % 256, count % 65536)
    other = why.format(1, 2**63, 0.5, 7, 80)
    keys = {failure_key("plain", ONE, Outcome.DEVIATION, each) for each in (one, other)}
    assert len(keys) == 1


def test_a_key_is_of_the_cell_the_case_the_outcome_and_the_words() -> None:
    keys = {
        failure_key("plain", ONE, Outcome.DEVIATION, "a FIN too many"),
        failure_key("other", ONE, Outcome.DEVIATION, "a FIN too many"),
        failure_key("plain", TWO, Outcome.DEVIATION, "a FIN too many"),
        failure_key("plain", ONE, Outcome.HUNG, "a FIN too many"),
        failure_key("plain", ONE, Outcome.DEVIATION, "a FIN too few"),
        failure_key("plain", ONE, Outcome.DEVIATION, "it returned 0xC0000005"),
        failure_key("plain", ONE, Outcome.DEVIATION, "it returned 0xC000000D"),
    }
    assert len(keys) == 7
    # Issues that are known hold keys: they are the same in every version.
    assert failure_key("plain", ONE, Outcome.DEVIATION, "a FIN too many") == "cf160a76ffa0"


def test_a_list_of_figures_is_alike_however_long_it_is() -> None:
    assert normalised("seen [1, 2, 3] of fe80::1") == normalised("seen [7] of fe80::2:3") == "seen [#] of #"
