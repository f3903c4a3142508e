# SPDX-License-Identifier: Apache-2.0
"""The store keeps nights, in SQLite and in a real PostgreSQL, whoever else writes and however they end."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from nights import ONE, TIMED, TWO, cell, die_while_keeping, failed, keep_all, night
from postgres import database, server
from runs import case
from sqlalchemy import func, inspect, select, text

from harness.core.errors import HarnessError, UsageError
from harness.history import database as databases
from harness.history.database import Database
from harness.history.known import KnownIssues
from harness.history.loading import SeenNight, find, heads, load, load_samples
from harness.history.night import CellStatus
from harness.history.night_summary import night_summary
from harness.history.pages import write_pages
from harness.history.schema import attempts, metadata, outcomes
from harness.history.store import Store
from harness.verdict import Outcome

WRITERS = 3


@pytest.fixture(scope="module")
def postgres() -> Iterator[Path]:
    with server() as folder:
        yield folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new store, of each kind."""
    if request.param == "sqlite":
        yield str(tmp_path / "new" / "history.sqlite")
    else:
        with database(request.getfixturevalue("postgres"), request.node.name[:60]) as url:
            yield url


def processes() -> ForkServerContext:
    """Whose processes are quick to begin: what they import was imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.history.store", "harness.report", "alembic.command"])
    return context


def seen(where: str, name: str = "latest") -> SeenNight:
    with Store.open(where) as store, store.reading() as connection:
        return load(connection, find(connection, name))


def rows(where: str) -> tuple[int, int]:
    """Attempts and outcomes in the store."""
    with Store.open(where) as store, store.reading() as connection:
        counted = [connection.scalar(select(func.count()).select_from(each)) for each in (attempts, outcomes)]
    return counted[0] or 0, counted[1] or 0


def test_a_night_is_read_as_it_was_kept(where: str, tmp_path: Path) -> None:
    said = "at \0 and \ud800 and Ünïcode"  # what PostgreSQL and UTF-8 have no place for is replaced
    ran = [failed(ONE, said), case(TWO, outcome=Outcome.RECORDED, recorded={"status": "STATUS_PENDING"})]
    folder = night(tmp_path, 0, cell("plain", ran, times=list(range(1000, 2000)), settings={"vcpus": 1}))
    keep_all(where, [folder])
    found = seen(where)
    assert (found.head.name, found.head.ended, found.head.folder) == ("matrix-0000", True, str(folder))
    plain = found.cells["plain"]
    assert (plain.guest, plain.kind, plain.build) == ("reference", "reference", "6.1.0")
    assert (plain.settings, plain.whole) == ({"vcpus": 1}, True)
    assert plain.cases[ONE].verdict.outcome == Outcome.DEVIATION
    assert plain.cases[ONE].why == "at \N{REPLACEMENT CHARACTER} and \N{REPLACEMENT CHARACTER} and Ünïcode"
    assert plain.cases[TWO].told == {"status": "STATUS_PENDING"}
    with Store.open(where) as store, store.reading() as connection:
        assert load_samples(connection, plain)[TIMED]["WskDisconnect"]["call"] == list(range(1000, 2000))


def test_keeping_again_adds_what_is_new_and_nothing_twice(where: str, tmp_path: Path) -> None:
    going = cell("two", status=CellStatus.WAITING)
    keep_all(where, [night(tmp_path, 0, cell("one", [case(ONE)]), going, ended=False)] * 2)
    assert rows(where) == (1, 1)
    assert not seen(where).head.ended
    assert not seen(where).cells["two"].whole
    done = cell("two", [failed(ONE)], [case(ONE)])
    keep_all(where, [night(tmp_path, 0, cell("one", [case(ONE)]), done)] * 2)
    assert rows(where) == (3, 3)
    assert seen(where).head.ended
    assert seen(where).counts == {"pass": 1, "flaky": 1}


def test_what_was_kept_outlives_the_folder_it_came_from(where: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0, cell("plain", [case(ONE), failed(TWO)]))
    keep_all(where, [folder])
    (folder / "plain-1" / "run.json").unlink()
    keep_all(where, [folder])
    assert seen(where).counts == {"pass": 1, "deviation": 1}


def test_pages_changes_and_retention_are_the_same_in_both(where: str, tmp_path: Path) -> None:
    told = [{"status": name} for name in ("STATUS_SUCCESS", "STATUS_PENDING", "STATUS_PENDING")]
    runs = [[case(ONE, recorded=told[0])], [failed(ONE, recorded=told[1])], [case(ONE, recorded=told[2])]]
    with Store.open(where) as store:
        for number, ran in enumerate(runs):
            again = [[case(ONE)]] * (number % 2)
            store.keep(night(tmp_path, number, cell("plain", ran, *again, times=[9000 + number] * 1000)))
        store.pin("matrix-0000")
        page = write_pages(store, tmp_path / "pages").read_text()
        with store.reading() as connection:
            found = night_summary(connection, find(connection, "matrix-0001"), KnownIssues())
        gone = store.prune(newest=1)
    assert found.changes is not None
    assert [(change.kind.value, change.after) for change in found.changes.cases] == [
        ("new failure", "flaky"),
        ("changed record", "STATUS_PENDING"),
    ]
    assert [(each.failed, each.attempts) for each in found.flaky] == [(1, 3)]
    assert "1 of 4 attempts in 3 nights failed" in page
    assert "1 night, last 2026-01-02" in page
    assert '<td data-name="latest">9.002 us</td>' in page
    assert [head.name for head in gone] == ["matrix-0001"]
    assert rows(where) == (2, 4)


def test_many_may_write_at_once(where: str, tmp_path: Path) -> None:
    shared = night(tmp_path, 0, cell("plain", [case(ONE), failed(TWO)]))
    own = [
        [night(tmp_path, 1 + 3 * one + n, cell("plain", [case(ONE), failed(TWO)])) for n in range(3)]
        for one in range(WRITERS)
    ]
    with ProcessPoolExecutor(WRITERS, processes()) as pool:
        # The store is made by whoever comes first.
        for kept in [pool.submit(keep_all, where, [shared, *folders, shared]) for folders in own]:
            kept.result()
    assert rows(where) == (1 + 3 * WRITERS, 2 * (1 + 3 * WRITERS))


def test_a_writer_that_is_killed_leaves_whole_nights_and_holds_up_nobody(where: str, tmp_path: Path) -> None:
    folders = [night(tmp_path, n, cell("plain", [case(ONE)])) for n in range(2)]
    keep_all(where, folders[:1])
    process = processes().Process(target=die_while_keeping, args=(where, folders[1]))
    process.start()
    process.join()
    assert process.exitcode == -9
    assert seen(where).head.name == "matrix-0000"
    keep_all(where, folders[1:])
    assert seen(where).counts == {"pass": 1}


def test_a_store_that_stays_locked_is_a_clear_line(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = night(tmp_path, 0, cell("plain", [case(ONE)]))
    monkeypatch.setattr(databases, "LOCK_LIMIT", 0.2)
    locked = pytest.raises(HarnessError, match=r"stayed locked for 0.2 s: see which program holds it")
    with Database(where) as holder, Store.open(where) as store, holder.writing(), locked:
        store.keep(folder)


def test_migrations_lead_to_the_tables_of_the_schema(where: str) -> None:
    with Database(where) as made, made.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_store_of_a_newer_version_is_refused(where: str) -> None:
    with Database(where) as made, made.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(
        UsageError, match=r"written by a newer wsk-conformance .* 9999, ours .*: update this one"
    ):
        Store.open(where).__enter__()


def test_a_database_of_another_program_is_refused_and_left_alone(where: str) -> None:
    made = Database(where)
    with made.writing() as connection:
        connection.execute(text("CREATE TABLE photographs (id INTEGER)"))
    with pytest.raises(UsageError, match="is a database of another program"):
        Store.open(where).__enter__()
    with made.reading() as connection:
        assert inspect(connection).get_table_names() == ["photographs"]
    made.__exit__()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite"
    file.write_bytes(b"not a database at all, although it is long enough to be one" * 100)
    with pytest.raises(
        UsageError, match=r"history.sqlite is damaged \(file is not a database\): put back a copy"
    ):
        Store.open(str(file)).__enter__()


def test_a_database_that_was_damaged_inside_is_a_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite"
    keep_all(str(file), [night(tmp_path, 0, cell("plain", [case(f"{ONE}{n}") for n in range(200)]))])
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(UsageError, match=r"history.sqlite is damaged \(database disk image is malformed\)"):
        seen(str(file))


def test_two_names_of_a_case_are_never_mixed_up_for_their_length(tmp_path: Path) -> None:
    folder = night(tmp_path, 0, cell("plain", [case("x" * 1000), case(ONE)]))
    keep_all(str(tmp_path / "h"), [folder])
    (tried,) = seen(str(tmp_path / "h")).cells["plain"].tries
    assert "a name of 1000 letters is too long" in tried.why


def test_a_run_that_cannot_be_read_is_an_attempt_that_says_why(tmp_path: Path) -> None:
    folder = night(tmp_path, 0, cell("cut", [case(ONE)]), cell("lost", None), cell("good", [case(ONE)]))
    run = folder / "cut-1" / "run.json"
    run.write_bytes(run.read_bytes()[:-20])
    keep_all(str(tmp_path / "h"), [folder])
    cells = seen(str(tmp_path / "h")).cells
    assert "is damaged: it is not whole JSON" in cells["cut"].tries[0].why
    assert cells["lost"].tries[0].why == "the worker was lost"
    assert cells["good"].cases[ONE].verdict.outcome == Outcome.PASS


def test_a_run_outside_of_its_night_is_not_read(tmp_path: Path) -> None:
    folder = night(tmp_path, 0, cell("plain", [case(ONE)]))
    told = (folder / "night.json").read_text()
    (folder / "night.json").write_text(told.replace('"plain-1"', '"../elsewhere"'))
    night(tmp_path / "elsewhere", 0, cell("plain", [case(ONE)]))
    keep_all(str(tmp_path / "h"), [folder])
    assert seen(str(tmp_path / "h")).cells["plain"].cases == {}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("mysql://host/name", "a history is in SQLite or PostgreSQL, not in 'mysql'"),
        ("://", "the history's URL cannot be read"),
        ("sqlite://", "a history is in SQLite or PostgreSQL"),
        (
            "/dev/null/x/history.sqlite",
            "cannot keep a history in /dev/null/x/history.sqlite: Not a directory",
        ),
        ("postgresql://me:secret@/x?host=/nowhere", r"cannot use the history in postgresql.*me:\*\*\*@/x"),
    ],
)
def test_a_store_that_cannot_be_is_a_clear_line(where: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Store.open(where).__enter__()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_store_that_is_only_read_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no history in .*: `wsk-conformance history keep NIGHT`"):
        Store.open(str(tmp_path / "none"), new=False)
    assert list(tmp_path.iterdir()) == []


def test_a_store_holds_no_more_than_its_file_when_nobody_uses_it(tmp_path: Path) -> None:
    file = tmp_path / "h.sqlite"
    keep_all(str(file), [night(tmp_path, 0, cell("plain", [case(ONE)]))])
    assert [path.name for path in tmp_path.glob("h.*")] == ["h.sqlite"]
    with sqlite3.connect(file) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    plain.close()
    with Store.open(str(file)) as store, store.reading() as connection:
        assert len(heads(connection)) == 1
