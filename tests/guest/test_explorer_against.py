# SPDX-License-Identifier: Apache-2.0
"""Exploring two settings of the reference guest: what differs is told with its scenario."""

import json
import subprocess
from pathlib import Path

from conformance import BIN


def test_what_two_settings_do_differently_is_found(tmp_path: Path) -> None:
    """They differ in the status of what an abort ends."""
    chosen = ["--against-freedom", "ended-is-local-disconnect", "--scenarios", "60", "--shrinking", "2"]
    command = [str(BIN / "wsk-conformance"), "explore", "--results", str(tmp_path), "--seed", "5", *chosen]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 1, done.stdout + done.stderr
    (record,) = tmp_path.glob("*/differences.json")
    found = json.loads(record.read_text())["differences"]
    facts = [fact for one in found for fact in one["facts"]]
    assert any("STATUS_LOCAL_DISCONNECT" in fact["second"] for fact in facts)
    assert not any("STATUS_LOCAL_DISCONNECT" in fact["first"] for fact in facts)
    assert all(one["scenario"] for one in found)
