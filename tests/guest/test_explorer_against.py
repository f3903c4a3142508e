# SPDX-License-Identifier: Apache-2.0
"""Exploring two settings of the reference guest: what differs is told with a small scenario."""

import json
import subprocess
from pathlib import Path

from conformance import BIN


def test_what_two_settings_do_differently_is_found_and_made_small(tmp_path: Path) -> None:
    """They differ in the status of what an abort ends, and in nothing else."""
    command = [str(BIN / "wsk-conformance"), "explore", "--results", str(tmp_path), "--seed", "5"]
    chosen = [
        "--against-freedom",
        "ended-is-local-disconnect",
        "--first",
        "--seconds",
        "90",
        "--shrinking",
        "15",
    ]
    done = subprocess.run([*command, *chosen], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 1, done.stdout + done.stderr
    (record,) = tmp_path.glob("*/differences.json")
    (found,) = json.loads(record.read_text())["differences"]
    assert any("STATUS_LOCAL_DISCONNECT" in fact["second"] for fact in found["facts"])
    assert not any("STATUS_LOCAL_DISCONNECT" in fact["first"] for fact in found["facts"])
    assert len(found["scenario"]) < 12, done.stdout
