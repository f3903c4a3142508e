# SPDX-License-Identifier: Apache-2.0
"""Exploring the reference guest: nothing is found, and of a fault something that is small and kept."""

import json
import subprocess
from pathlib import Path
from typing import Any

from conformance import BIN

from harness.scenario.decoding import decode


def explore(results: Path, *arguments: str) -> tuple[int, str, Any, Path]:
    """Exit status, what it says, its record, its folder."""
    command = [str(BIN / "wsk-conformance"), "explore", "--results", str(results), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    record = results / "latest" / "explore.json"
    return done.returncode, done.stdout + done.stderr, json.loads(record.read_text()), record.parent


def test_nothing_is_found_where_nothing_is_wrong(tmp_path: Path) -> None:
    status, said, record, folder = explore(tmp_path, "--scenarios", "90", "--seed", "5")
    assert (status, record["finds"], record["leaks"]) == (0, [], []), said
    assert record["scenarios"] == 90
    assert sum(record["unjudged"].values()) < 9, said
    assert record["coverage"]
    assert not (folder / "finds").exists()
    (case,) = json.loads((folder / "run.json").read_text())["cases"]
    assert (case["id"], case["outcome"]) == ("explored", "pass")
    assert "cells were never visited" in (folder / "report.html").read_text()


def test_a_fault_is_found_made_small_and_kept(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    status, said, record, folder = explore(
        tmp_path,
        *("--fault", "graceful-close", "--first", "--seed", "7", "--seconds", "120"),
        *("--write-test", str(tests)),
    )
    assert status == 1, said
    find = record["finds"][0]
    assert "fin-has-a-cause" in find["signs"]
    assert "C-17" in find["rows"]
    assert len(find["scenario"]) < 10, said
    assert "the guest sent FIN+ACK seq" in (folder / "finds" / f"{find['id']}.txt").read_text()
    plan = decode((folder / "finds" / f"{find['id']}.wsk").read_bytes())
    assert plan.sockets
    (case,) = json.loads((folder / "run.json").read_text())["cases"]
    assert (case["outcome"], case["blamed"]) == ("deviation", find["rows"])
    assert (folder / case["capture"]).stat().st_size
    assert (folder / "report.html").exists()
    assert f"test_explored_{find['id']}" in next(tests.glob("test_*.py")).read_text()


def test_the_selfcheck_tells_what_is_noticed_without_the_suites(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    chosen = ["--fault", "graceful-close", "--fault", "double-completion", "--seconds", "30"]
    command = [str(BIN / "wsk-conformance"), "selfcheck", "--explore", *chosen, "--json", str(found)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "explorer and laws notice 2 of 2 faults" in done.stdout
    none, graceful, double = json.loads(found.read_text())
    assert none["signs"] == []
    assert "fin-has-a-cause" in graceful["signs"]
    assert double["signs"] == ["irp-contract"]
