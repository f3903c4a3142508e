# SPDX-License-Identifier: Apache-2.0
"""The reference (`make docs`) has what a suite's author looks for."""

import subprocess
from pathlib import Path

from harness import peer
from harness.core.paths import REPOSITORY


def test_the_reference_has_every_peer_and_the_calls_of_a_scenario(tmp_path: Path) -> None:
    command = ["make", "-s", "-o", ".venv/installed", "docs", f"DOCS={tmp_path}"]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    peers = (tmp_path / "harness" / "peer.html").read_text()
    assert [name for name in peer.__all__ if f'id="{name}"' not in peers] == []
    assert 'id="Scenario.connected"' in (tmp_path / "harness" / "scenario.html").read_text()
    calls = (tmp_path / "harness" / "scenario" / "calls.html").read_text()
    assert all(f'id="Calls.{call}"' in calls for call in ("disconnect", "close", "send"))
    assert 'id="Timeline.order"' in (tmp_path / "harness" / "evidence.html").read_text()
