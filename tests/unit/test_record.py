# SPDX-License-Identifier: Apache-2.0
"""run.json holds what was done, whatever ended the run."""

import contextlib
import json
from pathlib import Path

import pytest
from runs import case, record

from harness.core.errors import UsageError
from harness.report import CaseFiles, load_run
from harness.verdict import Outcome


def test_a_run_is_loaded_as_it_was_recorded(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case(outcome=Outcome.DEVIATION, why="a FIN too many", clock_bound_ns=150_000))
    loaded = load_run(tmp_path / "latest")
    assert loaded["run_id"] == run.run_id
    assert loaded["guest"]["name"] == "reference"
    assert loaded["requirements"]["D-08"]["source"] == "WskDisconnect"
    (stored,) = loaded["cases"]
    assert (stored["outcome"], stored["why"], stored["clock_bound_ns"]) == (
        "deviation",
        "a FIN too many",
        150_000,
    )


def test_a_run_that_is_interrupted_leaves_what_it_has_done(tmp_path: Path) -> None:
    def interrupted() -> None:
        with record(tmp_path) as run:
            run.add(case("one"))
            run.add(case("two"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [stored["id"] for stored in load_run(tmp_path / "latest")["cases"]] == ["one", "two"]


def test_what_is_known_of_a_guest_once_it_runs_is_recorded(tmp_path: Path) -> None:
    with record(tmp_path, guest={"name": "reference"}) as run:
        run.describe_guest(kind="reference", build="6.1", accelerator="tcg")
    assert load_run(run.folder)["guest"] == {
        "name": "reference",
        "kind": "reference",
        "build": "6.1",
        "accelerator": "tcg",
    }


def test_a_run_is_on_disk_before_its_first_case(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        assert load_run(run.folder)["cases"] == []


def test_latest_is_the_newest_run(tmp_path: Path) -> None:
    for _ in range(2):
        with record(tmp_path) as run:
            run.add(case())
    assert (tmp_path / "latest").readlink() == Path(run.run_id)


def test_a_run_without_a_case_does_not_stay_the_latest(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case())
    with record(tmp_path) as empty:
        assert (tmp_path / "latest").readlink() == Path(empty.run_id)
    assert (tmp_path / "latest").readlink() == Path(run.run_id)


@pytest.mark.parametrize(
    ("error", "ended"), [(KeyboardInterrupt, "interrupted"), (ValueError, "broken"), (None, "by itself")]
)
def test_how_a_run_ended_is_on_record(tmp_path: Path, error: type[BaseException] | None, ended: str) -> None:
    with contextlib.suppress(KeyboardInterrupt, ValueError), record(tmp_path) as run:
        assert load_run(run.folder)["ended"] is None
        if error:
            raise error
    assert load_run(run.folder)["ended"] == ended


def test_texts_that_came_from_outside_are_harmless_once_they_are_loaded(tmp_path: Path) -> None:
    with record(tmp_path, guest={"name": "\x1b[31mred\x00"}) as run:
        run.add(case(why="a\x07 b\ud800", recorded={"st\x1batus": "\x9b"}))
    loaded = load_run(run.folder)
    assert all(letter.isprintable() for letter in json.dumps(loaded, ensure_ascii=False))


def test_a_case_has_files_of_its_own_with_safe_names() -> None:
    one = CaseFiles.of("suites/test_x.py::test_fin[ipv4-a/b]")
    other = CaseFiles.of("suites/test_y.py::test_fin[ipv4-a/b]")
    assert one != other
    assert one.capture.startswith("captures/test_fin_ipv4-a_b-")
    assert one.capture.count("/") == 1


def test_results_that_cannot_be_kept_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(UsageError, match=r"cannot keep results in .*Not a directory"):
        record(tmp_path / "results").__enter__()


def damaged(run: dict[str, object], **changes: object) -> bytes:
    return json.dumps({**run, **changes}).encode()


def test_a_damaged_run_is_refused(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case())
    path = run.folder / "run.json"
    whole = path.read_bytes()
    good = json.loads(whole)
    for wrong, why in (
        (whole[:-10], "not whole JSON"),
        (b"[]", "not a run of schema 3 or 4"),
        (damaged(good, schema=1), "not a run of schema 3 or 4"),
        (damaged(good, cases=None), "cases: input should be a valid list"),
        (damaged(good, cases=[{}]), r"cases\.0\.id: field required, and \d+ more"),
        (damaged(good, cases=[3]), r"cases\.0: input should be a valid dictionary"),
    ):
        path.write_bytes(wrong)
        with pytest.raises(UsageError, match=why):
            load_run(path)


def test_nothing_but_whole_files_is_left(tmp_path: Path) -> None:
    with record(tmp_path) as run:
        run.add(case())
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "captures",
        "run.json",
        "scenarios",
        "timings",
        "traces",
    ]
