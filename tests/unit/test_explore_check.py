# SPDX-License-Identifier: Apache-2.0
"""Selfcheck of laws and explorer: a fault is noticed by a find or a leak; without one nothing is found."""

import subprocess
from typing import Any

import pytest
from conformance import BIN

from harness.diagnostics.explore_check import as_json, explored, summary
from harness.diagnostics.selfcheck import NO_FAULT

FIND = {"signs": ["sent-bytes"], "scenario": ["plan.close(sock0)"]}


def record(**changes: Any) -> dict[str, Any]:
    return {"finds": [], "leaks": [], "scenarios": 40, "seconds": 4.2, **changes}


def test_a_fault_is_noticed_by_a_find_or_by_what_it_leaves_behind() -> None:
    assert explored("fin-before-data", record(finds=[FIND])).line() == (
        "fin-before-data: found by sent-bytes (40 scenarios, 4 s)"
    )
    assert explored("leak-socket", record(leaks=[{"row": "C-16"}])).signs == ["pool"]
    assert explored("quiet", record()).line() == "quiet: NOT FOUND (40 scenarios, 4 s)"


@pytest.mark.parametrize(
    ("finds", "line"),
    [
        ([], "no fault: nothing found (40 scenarios, 4 s)"),
        ([FIND], "no fault: BLAMED BY sent-bytes (40 scenarios, 4 s)"),
    ],
)
def test_without_a_fault_nothing_may_be_found(finds: list[Any], line: str) -> None:
    assert explored(NO_FAULT, record(finds=finds)).line() == line


def test_the_summary_names_what_was_not_noticed() -> None:
    found = [explored(NO_FAULT, record()), explored("a", record(finds=[FIND])), explored("b", record())]
    assert summary(found) == ["explorer and laws notice 1 of 2 faults", "not: b"]
    assert [one["signs"] for one in as_json(found)] == [[], ["sent-bytes"], []]


def test_what_explore_is_not_told_rightly_it_refuses() -> None:
    for arguments in (["--fault", "rust"], ["--scenarios", "0"], ["--write-test", "/nowhere/at/all"]):
        command = [str(BIN / "wsk-conformance"), "explore", *arguments]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 2
