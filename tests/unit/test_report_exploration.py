# SPDX-License-Identifier: Apache-2.0
"""The report of an exploration: what it found is its heading, what it covered its table."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.report import RunRecord
from harness.report.exploration import EXPLORE_FILE, coverage_of
from harness.report.html import write_report

AXES = {"context": ["passive", "dpc"], "pending": ["0 calls", "1 calls"], "peer": ["ReadsToEof", "Resets"]}
CELLS = [
    (["connected", "close", "passive", "0 calls", "Resets"], 2),
    (["connected", "close", "passive", "1 calls", "ReadsToEof"], 3),
    (["aborted", "send", "dpc", "0 calls", "Resets"], 1),
]


def record(*finds: str) -> dict[str, Any]:
    return {
        "seed": 5,
        "scenarios": 1200,
        "finds": [{"id": find} for find in finds],
        "leaks": [],
        "axes": AXES,
        "coverage": [{"cell": cell, "count": count} for cell, count in CELLS],
    }


def test_calls_are_counted_by_state_context_pending_calls_and_peer() -> None:
    found = coverage_of(record())
    assert found.rows == [
        ("aborted", "send", [0, 1, 1, 0, 0, 1]),
        ("connected", "close", [5, 0, 2, 3, 3, 2]),
    ]
    assert (found.missed, found.all) == (4, 12)


@pytest.mark.parametrize(
    ("finds", "heading"),
    [
        ((), '<h1 class="well">1,200 scenarios explored, nothing found</h1>'),
        (("a",), '<h1 class="ill">1,200 scenarios explored, 1 find</h1>'),
    ],
)
def test_the_report_shows_what_was_covered_and_what_never(
    finds: tuple[str, ...], heading: str, tmp_path: Path
) -> None:
    with RunRecord(tmp_path, guest={"name": "reference"}, settings={}, requirements=[]) as run:
        pass
    (run.folder / EXPLORE_FILE).write_text(json.dumps(record(*finds)))
    page = write_report(run.folder).read_text()
    assert heading in page
    assert "4 of 12 cells were never visited" in page
    assert page.count('<td class="never">never</td>') == 4


def test_the_report_of_any_other_run_has_no_such_table(tmp_path: Path) -> None:
    with RunRecord(tmp_path, guest={"name": "reference"}, settings={}, requirements=[]) as run:
        pass
    assert "Covered by exploring" not in write_report(run.folder).read_text()
