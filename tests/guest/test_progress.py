# SPDX-License-Identifier: Apache-2.0
"""The progress of a run fits a terminal and a program, and agrees with the record."""

import json
import os
import pty
import subprocess
import time
from collections import Counter
from pathlib import Path

import conformance

from harness.core.paths import REPOSITORY
from harness.pytest_plugin.progress import progress_line
from harness.pytest_plugin.summary import WIDTH, summary
from harness.verdict import Outcome

BIN = Path(conformance.BIN)
FOLDERS = ("close", "contract", "destructive", "disconnect", "timing")


def test_the_table_has_a_column_a_folder_and_the_sums() -> None:
    lines = summary(
        {
            "suites/close/test_a.py::test_one": Outcome.PASS,
            "suites/close/test_a.py::test_two": Outcome.HUNG,
            "suites/timing/test_b.py::test_three": Outcome.PASS,
        }
    )
    assert [line.split() for line in lines] == [
        ["close", "timing", "all"],
        ["pass", "1", "1", "2"],
        ["hung", "1", "-", "1"],
    ]


def test_the_table_fits_80_columns_whatever_there_is() -> None:
    folders = [*FOLDERS, *(f"folder-{number}" for number in range(20))]
    for count in range(1, len(folders)):
        cases = {
            f"suites/{folder}/test_a.py::test_{outcome}": outcome
            for folder in folders[:count]
            for outcome in Outcome
        }
        lines = summary(cases)
        assert max(map(len, lines)) <= WIDTH
        assert all(line.split()[-1] == str(count) for line in lines[1:])


def test_the_line_says_what_the_run_waits_for() -> None:
    now = time.monotonic()
    waiting = {"suites/a.py::test_new": now - 1, "suites/a.py::test_old": now - 5}
    outcomes = {Outcome.PASS: 3, Outcome.DEVIATION: 1}
    line = progress_line(outcomes, 9, waiting, began=now - 7)
    assert line == "4/9 in 7 s: 3 pass, 1 deviation; 5 s for test_old"


def test_a_terminal_shows_a_live_line_and_what_ends_badly(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    place = "tests/guest/troubled/test_endings.py"
    command = [str(BIN / "pytest"), "--results", str(tmp_path), "-p", "no:cacheprovider", "--tb=no"]
    command += [f"{place}::test_second", f"{place}::test_deviation"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        shown = conformance.read_terminal(ours)
        process.wait()
    assert f"\r\x1b[Kdeviation: {place}::test_deviation" in shown
    assert "\r\x1b[K0/2 in " in shown
    assert "s for test_second" in shown
    assert shown.rindex("deviation  " + "1".rjust(len("troubled"))) > shown.rindex("\x1b[K")


def test_a_program_gets_an_object_a_line_and_nothing_else(tmp_path: Path) -> None:
    """On its standard output; what people are told, as that the host was busy, is on the other."""
    command = [str(BIN / "wsk-conformance"), "run", "--json", "suites/close/test_connection.py", "-k", "ipv4"]
    done = subprocess.run(
        [*command, "--results", str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True
    )
    ran = conformance.Ran(done.returncode, done.stdout, tmp_path)
    start, *cases, run = [json.loads(line) for line in ran.output.splitlines()]
    folder = str(ran.folder.resolve())
    assert start == {"start": {"folder": folder, "cases": len(cases), "schema": ran.record["schema"]}}
    stored = {case["id"]: case for case in ran.record["cases"]}
    assert {case["case"]["id"]: case["case"] for case in cases} == stored
    outcomes = dict(Counter(case["outcome"] for case in ran.record["cases"]))
    assert run["run"].items() >= {"folder": folder, "status": 0, "outcomes": outcomes}.items()


def test_quiet_is_the_summary_alone(tmp_path: Path) -> None:
    place = "suites/disconnect/test_graceful.py"
    ran = conformance.run(tmp_path, "-q", place, "-k", "bare_fin", "--fault", "no-fin")
    assert ran.status == 1
    assert "assert" not in ran.output
