# SPDX-License-Identifier: Apache-2.0
"""The driver answers whatever it is sent; bench/fuzz.py does the same at length."""

import subprocess
import sys

import pytest

from harness.core.paths import REPOSITORY

pytestmark = pytest.mark.vm

FUZZ = REPOSITORY / "bench" / "fuzz.py"


def test_mutated_scenarios_are_each_answered_and_none_takes_the_guest_down() -> None:
    command = [sys.executable, str(FUZZ), "--blobs", "1500", "--seed", "20261121"]
    fuzz = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert fuzz.returncode == 0, fuzz.stdout + fuzz.stderr
    assert "rejected: TRUNCATED" in fuzz.stdout
    assert "COMPLETED" in fuzz.stdout
