# SPDX-License-Identifier: Apache-2.0
"""A run that does not come to its end leaves what it has done, says so, and teaches nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import conformance
import pytest

from harness.core.paths import REFERENCE_IMAGE, REPOSITORY
from harness.guest.reference import ReferenceGuest

NO_SPACE = "no space left for the results"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Room for the beginning of a run."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


def say_so(ran: conformance.Ran, banner: str) -> None:
    """Every output of the run has the banner."""
    assert banner in ran.output
    assert banner in (ran.folder / "report.html").read_text()
    assert banner in (ran.folder / "junit.xml").read_text()
    told = subprocess.run(
        [conformance.BIN / "wsk-conformance", "report", "--format", "markdown", ran.folder],
        capture_output=True,
        text=True,
        check=True,
    )
    assert banner in told.stdout


@pytest.mark.parametrize("labs", [[], ["-n", "2"]], ids=["one lab", "two labs"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_a_report_of_what_there_is(
    tmp_path: Path, number: signal.Signals, labs: list[str]
) -> None:
    results, baselines = tmp_path / "results", tmp_path / "baselines"
    places = [f"tests/guest/troubled/test_endings.py::test_{name}" for name in ("learns", "well", "endless")]
    options = ["-p", "no:cacheprovider", "--baselines", str(baselines), *labs]
    process = conformance.start(results, "pytest", *options, *places)
    wait_until(lambda: any(results.glob("*/traces/test_well*.trace")))
    time.sleep(1)
    process.send_signal(number)
    ran = conformance.finish(results, process)
    assert ran.status == 3, ran.output
    assert ran.record["ended"] == "terminated"
    assert ran.record["selection"]["selected"] == 3
    assert {case["outcome"] for case in ran.record["cases"]} == {"recorded", "pass"}
    say_so(ran, "NOT A WHOLE RUN: it was terminated by a signal after 2 of 3 cases")
    assert not baselines.exists()


def interrupted(
    results: Path, monkeypatch: pytest.MonkeyPatch, moment: str, signals: str, *options: str
) -> conformance.Ran:
    """A run that is sent these signals when it calls that function."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests" / "support"))
    monkeypatch.setenv("SIGNALS_ITSELF", f"{moment} {signals}")
    return conformance.run_cases(results, "well", options=["-p", "signals_itself", *options])


def make_reports(ran: conformance.Ran) -> str:
    """Makes all reports of the run again; gives back the one in Markdown."""
    report = [str(conformance.BIN / "wsk-conformance"), "report", str(ran.folder.resolve()), "--format"]
    for wanted in ("html", "junit"):
        subprocess.run([*report, wanted], capture_output=True, check=True)
    return subprocess.run([*report, "markdown"], capture_output=True, text=True, check=True).stdout


PAGE = "harness.report.html.write_page"
JUNIT = "harness.report.junit.write_junit"


@pytest.mark.parametrize(
    ("moment", "number", "labs"),
    [
        ("harness.pytest_plugin.recorder.selection", "SIGINT", []),
        (JUNIT, "SIGTERM", []),
        (PAGE, "SIGHUP", []),
        (PAGE, "SIGTERM", ["-n", "2"]),
    ],
)
def test_a_signal_while_the_results_are_written_costs_nothing_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, number: str, labs: list[str]
) -> None:
    ran = interrupted(tmp_path, monkeypatch, moment, number, *labs)
    assert (ran.status, ran.record["ended"]) == (0, "by itself"), ran.output
    assert "once more to leave that" in ran.output
    assert {"report.html", "junit.xml"} <= {path.name for path in ran.folder.iterdir()}


@pytest.mark.parametrize("signals", ["SIGTERM", "SIGINT SIGINT"])
def test_a_signal_while_the_lab_ends_costs_nothing_of_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signals: str
) -> None:
    ran = interrupted(tmp_path, monkeypatch, "harness.run.executor.Executor.close", signals)
    assert (ran.status, ran.record["ended"]) == (0, "by itself"), ran.output
    assert {"report.html", "junit.xml"} <= {path.name for path in ran.folder.iterdir()}


@pytest.mark.parametrize("moment", [JUNIT, PAGE])
def test_who_leaves_the_writing_of_a_report_is_told_how_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    ran = interrupted(tmp_path, monkeypatch, moment, "SIGTERM SIGTERM")
    assert ran.status == 2, ran.output  # pytest's word for interrupted
    assert f"`wsk-conformance report {ran.folder.resolve()}` makes it again" in ran.output
    assert "NOT A WHOLE RUN" not in make_reports(ran)


@pytest.mark.parametrize(
    "moment", [JUNIT, PAGE, "harness.run.executor.Executor.close", "harness.report.record.RunRecord.add"]
)
def test_a_report_can_be_made_of_a_run_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    ran = interrupted(tmp_path, monkeypatch, moment, "SIGKILL")
    assert ran.status == -signal.SIGKILL, ran.output
    told, run = make_reports(ran), ran.record
    assert (ran.folder / "report.html").is_file()
    assert ("still runs or was killed" in told) == (run["ended"] is None)
    assert len(run["cases"]) == (moment != "harness.report.record.RunRecord.add")


@pytest.mark.parametrize("labs", [[], ["-n", "2"]], ids=["one lab", "two labs"])
def test_a_disk_that_fills_up_ends_the_run_with_a_report(small_disk: Path, labs: list[str]) -> None:
    names = ("well", "disk_filled", "endless")
    ran = conformance.run_cases(small_disk, *names, options=["--at-once", "1", *labs])
    assert ran.status == 3, ran.output
    assert ran.output.count(NO_SPACE) <= 2, ran.output
    assert NO_SPACE in ran.output
    assert "INTERNALERROR" not in ran.output
    assert ran.record["ended"] == "no space"
    say_so(ran, "NOT A WHOLE RUN: it was stopped because no space was left")


def test_too_little_room_is_told_before_anything_is_built(small_disk: Path) -> None:
    (small_disk / "rest").write_bytes(bytes(8 << 20))
    began = time.monotonic()
    ran = conformance.run(small_disk, "suites/close/test_pending.py")
    assert (ran.status, time.monotonic() - began < 30) == (3, True)
    assert "no space left for results" in ran.output
    assert sorted(path.name for path in small_disk.iterdir()) == ["rest"]


def test_a_cache_without_room_for_a_booted_guest_costs_each_start_its_boot(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = ReferenceGuest()
    guest.prepare(print)
    monkeypatch.setenv("WSK_REFERENCE_IMAGE", str(guest.image))
    monkeypatch.setenv("XDG_CACHE_HOME", str(small_disk))
    ran = conformance.run_cases(tmp_path, "well")
    assert (ran.status, ran.case("test_well")["outcome"]) == (0, "pass"), ran.output
    assert "No space left on device; the guest boots anew at each start" in ran.output
    assert list((small_disk / "wsk-conformance" / "frozen").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("OSError(errno.ENOSPC, 'no')", "no space left in "),
        ("PermissionError(errno.EACCES, 'no')", "an error of the harness itself"),
    ],
)
def test_an_image_that_cannot_be_built_for_want_of_room_is_a_line(
    tmp_path: Path, error: str, said: str
) -> None:
    program = f"""
import errno, sys
sys.path.insert(0, {str(REFERENCE_IMAGE)!r})
import build
def fail(): raise {error}
build.main = fail
sys.exit(build.command())
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert done.stderr.startswith(said)


def test_results_that_are_deleted_meanwhile_end_the_run_with_a_line(tmp_path: Path) -> None:
    ran = conformance.run_cases(tmp_path, "well", "results_deleted", "endless", options=["--at-once", "1"])
    assert ran.status == 3, ran.output
    assert "were deleted while the run went on" in ran.output
    assert "an error of the harness itself" not in ran.output
    assert "INTERNALERROR" not in ran.output
    assert "Traceback" not in ran.output


def test_a_program_hears_how_the_run_ended(tmp_path: Path) -> None:
    place = "tests/guest/troubled/test_endings.py::test_well"
    process = conformance.start(
        tmp_path, "pytest", "-p", "no:cacheprovider", "--json-lines", "-s", "-p", "no:terminal", place
    )
    ran = conformance.finish(tmp_path, process)
    told = [json.loads(line) for line in ran.output.splitlines() if line.startswith("{")]
    assert [next(iter(line)) for line in told] == ["start", "case", "run"]
    assert told[0]["start"]["cases"] == 1
    assert (told[-1]["run"]["ended"], told[-1]["run"]["selection"]["selected"]) == ("by itself", 1)
