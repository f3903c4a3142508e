# SPDX-License-Identifier: Apache-2.0
"""Old nights go by number and by age; pinned ones, and the latest of each matrix, stay."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nights import FIRST, ONE, cell, night
from runs import case
from sqlalchemy import func, select

from harness.core.errors import UsageError
from harness.history.loading import find, heads, load
from harness.history.retention import delete_folder
from harness.history.schema import metadata, observations
from harness.history.store import Store

NIGHTS = 6


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of so many nights of a matrix, one older night of another, and their store."""
    folder = tmp_path_factory.mktemp("nights")
    with Store.open(str(folder / "history.sqlite")) as opened:
        opened.keep(night(folder, 0, cell("plain", [case(ONE)]), matrix="other"))
        for number in range(1, NIGHTS + 1):
            told = {"round": str(number), "much": "." * 4000 * (number == 1)}
            told |= {f"more-{n}": "." * 4000 for n in range(20) if number == 1}
            opened.keep(night(folder, number, cell("plain", [case(ONE, recorded=told)], times=[1] * 9)))
    return folder


@pytest.fixture
def store(kept: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of the store."""
    shutil.copy(kept / "history.sqlite", tmp_path)
    with Store.open(str(tmp_path / "history.sqlite")) as opened:
        yield opened


def names(store: Store) -> list[str]:
    with store.reading() as connection:
        return [head.name for head in heads(connection)]


def days_since(number: int) -> int:
    """Days from the night of this number until now, rounded down."""
    return (datetime.now(UTC) - FIRST).days - number


def test_the_newest_of_each_matrix_stay(store: Store) -> None:
    gone = store.prune(newest=2)
    assert [head.name for head in gone] == ["matrix-0004", "matrix-0003", "matrix-0002", "matrix-0001"]
    assert names(store) == ["matrix-0006", "matrix-0005", "other-0000"]


def test_those_that_are_young_stay_and_the_latest_of_each_matrix(store: Store) -> None:
    store.prune(days=days_since(5) + 1)
    assert names(store) == ["matrix-0006", "matrix-0005", "other-0000"]


def test_a_night_stays_when_any_rule_keeps_it(store: Store) -> None:
    store.prune(newest=3, days=days_since(6) + 1)
    assert names(store) == ["matrix-0006", "matrix-0005", "matrix-0004", "other-0000"]


def test_what_is_pinned_stays(store: Store) -> None:
    store.pin("matrix-0002")
    store.prune(newest=1)
    assert names(store) == ["matrix-0006", "matrix-0002", "other-0000"]


def test_what_would_go_can_be_asked_for(store: Store) -> None:
    assert [head.name for head in store.expendable(newest=5)] == ["matrix-0001"]
    assert len(names(store)) == NIGHTS + 1


def test_without_a_rule_nothing_goes(store: Store) -> None:
    with pytest.raises(UsageError, match="say what is to be kept"):
        store.prune()


def test_nothing_of_a_night_that_went_is_left(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite"
    before = file.stat().st_size
    store.prune(newest=1)
    with store.reading() as connection:
        counts = {
            table.name: connection.scalar(select(func.count()).select_from(table))
            for table in metadata.sorted_tables
        }
        assert list(connection.scalars(select(observations.c.told))) == [{"round": "6", "much": ""}]
        assert load(connection, find(connection)).counts == {"pass": 2}
    assert (counts["nights"], counts["attempts"], counts["outcomes"], counts["samples"]) == (2, 2, 3, 1)
    assert file.stat().st_size < before


def test_a_folder_is_deleted_only_while_it_holds_its_night(store: Store, kept: Path) -> None:
    first, second, third = store.prune(newest=3)
    assert delete_folder(first)
    assert not (kept / first.name).exists()
    assert not delete_folder(first)
    (kept / second.name).rename(kept / "elsewhere")
    (kept / third.name).rename(kept / second.name)
    assert not delete_folder(second)
    assert (kept / second.name / "night.json").exists()
