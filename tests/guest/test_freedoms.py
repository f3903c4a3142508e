# SPDX-License-Identifier: Apache-2.0
"""A reference guest that keeps its promises in another way is not blamed, nor compared with its baseline."""

from pathlib import Path

import conformance
import pytest

CASES = "suites/disconnect/test_aborted.py"
WELL = {"pass", "recorded"}


@pytest.mark.parametrize(
    "freedoms",
    ["ended-is-local-disconnect,newest-first", "completions-late-at-passive,mss-536"],
)
def test_what_a_guest_does_otherwise_is_no_change(freedoms: str, tmp_path: Path) -> None:
    ran = conformance.run(tmp_path, CASES, "--freedom", freedoms)
    outcomes = {case["id"]: case["outcome"] for case in ran.record["cases"]}
    assert {case: outcome for case, outcome in outcomes.items() if outcome not in WELL} == {}
    assert ran.record["settings"]["freedom"] == freedoms
    assert "new; review" not in ran.output


def test_what_it_does_otherwise_is_seen(tmp_path: Path) -> None:
    """Or a freedom could do nothing, and never be blamed."""
    ran = conformance.run(tmp_path, CASES, "--freedom", "ended-is-local-disconnect")
    statuses = {case["recorded"].get("status of the receive") for case in ran.record["cases"]}
    assert "STATUS_LOCAL_DISCONNECT" in statuses
