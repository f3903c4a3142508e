# SPDX-License-Identifier: Apache-2.0
"""The example of a night, cut down to a few cases."""

import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import tomli_w

from harness.core.paths import SUITES

EXAMPLE = SUITES / "nightly.toml"
# What the cells of the example are cut down to.
FEW = {"suites": ["suites/disconnect/test_graceful.py"], "select": "bare_fin and ipv4"}
LIMIT_S = 120.0


def cut_down(folder: Path, **more: object) -> Path:
    """The example with few cases."""
    told = tomllib.loads(EXAMPLE.read_text())
    told["defaults"] |= FEW | more
    for cell in told["cell"]:
        cell.pop("suites", None)
    path = folder / "nightly.toml"
    path.write_text(tomli_w.dumps(told))
    return path


def wait_for(what: Callable[[], object]) -> None:
    give_up = time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < give_up, "it did not come to pass"
        time.sleep(0.05)
