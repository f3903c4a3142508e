# SPDX-License-Identifier: Apache-2.0
"""The C of the driver and of the tests is formatted as .clang-format says."""

import subprocess
import sys
from pathlib import Path

from harness.core.paths import REPOSITORY

SOURCES = sorted(
    path
    for folder in ("guest_driver", "tests")
    for path in (REPOSITORY / folder).rglob("*.[ch]")
    if path.is_file()
)


def test_the_c_is_formatted() -> None:
    assert len(SOURCES) > 50
    checked = subprocess.run(
        [Path(sys.executable).parent / "clang-format", "--dry-run", "-Werror", *SOURCES],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr
