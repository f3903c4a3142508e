# SPDX-License-Identifier: Apache-2.0
"""`wsk-conformance requirements` names every row and the cases that judge it."""

import json
import subprocess
from pathlib import Path

import conformance

from harness.verdict import load_requirements


def requirements(*options: str) -> str:
    command = [str(conformance.BIN / "wsk-conformance"), "requirements", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path("/")).stdout


def test_every_row_is_there_with_its_cases() -> None:
    rows = {row["id"]: row for row in json.loads(requirements("--json"))}
    assert list(rows) == list(load_requirements())
    assert all(row["cases"] for row in rows.values())
    assert rows["D-04"]["requirement_class"] == "REQUIRE"
    assert [case for case in rows["D-04"]["cases"] if "sends_a_bare_fin[ipv4-" in case]


def test_the_default_run_stays_short() -> None:
    cases = {case for row in json.loads(requirements("--json")) for case in row["cases"]}
    assert len(cases) <= 1250, "with those that must be asked for; what adds nothing is for --variants=all"


def test_a_person_reads_a_row_its_source_and_its_tests() -> None:
    text = requirements()
    assert "D-04  REQUIRE  A Buffer of NULL says" in text
    assert "WskDisconnect: Parameters, Buffer" in text
    assert "test_graceful.py::test_disconnect_without_a_buffer_sends_a_bare_fin  (" in text
