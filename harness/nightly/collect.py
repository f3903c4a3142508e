# SPDX-License-Identifier: Apache-2.0
"""Which cases a run would have, asked of `wsk-conformance run --list` itself."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from harness.core.errors import UsageError

_LIMIT_S = 300.0
Selection = tuple[str, ...]  # options and cases of `wsk-conformance run`


def collect(selections: Iterable[Selection]) -> dict[Selection, list[str] | UsageError]:
    """The cases of each selection in the order in which they run, or the error in it."""
    distinct = list(dict.fromkeys(selections))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return dict(zip(distinct, pool.map(_collect, distinct), strict=True))


def _collect(selection: Sequence[str]) -> list[str] | UsageError:
    command = [sys.executable, "-m", "harness", "run", "--list", *selection]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return UsageError(f"its cases could not be collected in {_LIMIT_S:.0f} s; the machine is overloaded")
    if done.returncode == 0:
        return [line for line in done.stdout.splitlines() if "::" in line]
    return UsageError(_reason(done.stderr + done.stdout))


def _reason(said: str) -> str:
    lines = said.strip().splitlines() or ["no word on its cases"]
    for mark in ("wsk-conformance: ", "ERROR: "):
        for line in lines:
            if line.startswith(mark):
                return line.removeprefix(mark)
    return lines[-1]
