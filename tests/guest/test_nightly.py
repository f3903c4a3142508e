# SPDX-License-Identifier: Apache-2.0
"""A night on the reference guest, as a user starts it: killed in the middle, and resumed."""

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import conformance
import pytest
from short_nights import LIMIT_S, cut_down, wait_for

from harness.core.paths import HISTORY, REPOSITORY
from harness.history.night import Cell, CellStatus, Night, load_night
from harness.history.store import Store
from harness.lab import reaper
from harness.nightly.verdict import outcomes_of
from harness.report.record import RUN_FILE, load_run
from harness.verdict.attempts import LOST


def start(results: Path, *arguments: str) -> "subprocess.Popen[str]":
    return conformance.start(results, "wsk-conformance", "nightly", *arguments)


@dataclass
class Killed:
    """A night that was killed, what it had left then, and how its resumption ended."""

    folder: Path
    left: Night
    resumed: conformance.Ran

    @property
    def night(self) -> Night:
        return load_night(self.folder)

    def cell(self, name: str) -> Cell:
        (found,) = [cell for cell in self.night.cells if cell.name == name]
        return found


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """One cell was done and the next had a guest when SIGKILL came."""
    folder = tmp_path_factory.mktemp("night")
    matrix, results = cut_down(folder), folder / "results"
    reaper.adopt()
    before = conformance.left_over()
    process = start(results, str(matrix), "--jobs", "1")
    second = "nights/latest/cells/rst-on-graceful/attempt-1"
    try:
        wait_for(lambda: process.poll() is not None or any(results.glob(f"{second}/*/serial-1.log")))
        assert process.poll() is None, process.communicate()[0]
    finally:
        process.kill()
        process.communicate()
    wait_for(lambda: conformance.left_over() <= before)
    left = load_night(results / "nights" / "latest")
    resumed = conformance.finish(results, start(results, str(matrix), "--jobs", "2", "--resume"))
    return Killed((results / "nights" / "latest").resolve(), left, resumed)


def test_a_killed_night_leaves_a_usable_night(killed: Killed) -> None:
    done, begun, *others = [cell.status for cell in killed.left.cells]
    assert (done, begun) == (CellStatus.DONE, CellStatus.RUNNING)
    assert set(others) == {CellStatus.WAITING}
    assert not killed.left.ended
    (attempt,) = killed.left.cells[0].attempts
    assert attempt.exit_status == 0
    assert attempt.run
    assert load_run(killed.folder / attempt.run)["cases"]


def test_resuming_finishes_it_and_keeps_the_attempt_that_was_killed(killed: Killed) -> None:
    assert killed.night.ended, killed.resumed.output
    assert killed.cell("plain").attempts == killed.left.cells[0].attempts
    lost, *_ = killed.cell("rst-on-graceful").attempts
    assert (lost.number, lost.exit_status, lost.why) == (1, LOST, "the night was killed while it ran")


def test_the_fault_is_noticed_in_each_attempt_and_decides_the_night(killed: Killed) -> None:
    assert killed.resumed.status == 1, killed.resumed.output
    _, first, alone = killed.cell("rst-on-graceful").attempts
    assert (first.exit_status, alone.exit_status) == (1, 1)
    assert f"**Night {killed.night.night_id}** of nightly: FAILED" in killed.resumed.output


def test_one_cpu_is_what_the_guest_is_given_and_all_passes(killed: Killed) -> None:
    (attempt,) = killed.cell("one-cpu").attempts
    assert attempt.exit_status == 0
    run = load_run(killed.folder / str(attempt.run))
    assert run["settings"]["cpus"] == 1
    assert {case["outcome"] for case in run["cases"]} == {"pass"}
    outcomes = outcomes_of(killed.folder, [attempt])
    assert len(outcomes) == len(run["cases"])


def test_every_attempt_that_ended_left_an_ordinary_run(killed: Killed) -> None:
    attempts = [attempt for cell in killed.night.cells for attempt in cell.attempts]
    for attempt in attempts:
        if attempt.exit_status != LOST:
            assert attempt.run
            assert {path.name for path in (killed.folder / attempt.run).iterdir()} >= {
                *(RUN_FILE, "junit.xml", "report.html", "captures"),
            }


def test_the_night_is_in_the_history_and_on_its_page(killed: Killed) -> None:
    results = killed.folder.parents[1]
    with Store.open(str(results / HISTORY), new=False) as store:
        assert store.status_of(killed.night.night_id) == 1
    assert killed.night.night_id in (results / "history" / "index.html").read_text()


def test_a_store_that_cannot_be_is_told_before_anything_boots(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("no database")
    process = start(tmp_path / "results", str(cut_down(tmp_path)), "--store", str(tmp_path / "store"))
    ran = conformance.finish(tmp_path / "results", process)
    assert ran.status == 2, ran.output
    assert "is damaged" in ran.output
    assert not (tmp_path / "results" / "nights").exists()


def test_ctrl_c_ends_the_cells_and_says_how_to_go_on(tmp_path: Path) -> None:
    reaper.adopt()
    before = conformance.left_over()
    results = tmp_path / "results"
    process = start(results, str(cut_down(tmp_path)), "--only", "plain")
    serial = "nights/latest/cells/plain/attempt-1/*/serial-1.log"
    wait_for(lambda: process.poll() is not None or any(results.glob(serial)))
    process.send_signal(signal.SIGINT)
    ran = conformance.finish(results, process)
    assert ran.status == 130, ran.output
    night = load_night(results / "nights" / "latest")
    assert f"`--resume {night.night_id}` goes on with it" in ran.output
    (attempt,) = night.cells[0].attempts
    assert (attempt.exit_status, attempt.why) == (LOST, "it was interrupted")
    assert conformance.left_over() <= before


def test_a_run_that_is_not_accepted_says_why_on_its_attempt(tmp_path: Path) -> None:
    """The host's cache cannot be written: the harness fails, and the guest is not blamed."""
    matrix, results = cut_down(tmp_path, attempts=1), tmp_path / "results"
    command = [str(conformance.BIN / "wsk-conformance"), "nightly", str(matrix), "--only", "plain"]
    done = subprocess.run(
        [*command, "--results", str(results)],
        cwd=REPOSITORY,
        env={**os.environ, "XDG_CACHE_HOME": "/proc"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    told = json.loads((results / "nights" / "latest" / "night.json").read_text())
    (attempt,) = told["cells"][0]["attempts"]
    assert attempt["exit_status"] == 3
    assert "cannot keep a cache in /proc" in attempt["why"]
