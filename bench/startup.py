# SPDX-License-Identifier: Apache-2.0
"""How long does it take until something happens?

    .venv/bin/python bench/startup.py [--runs 10]

Prints, for `wsk-conformance --help` and for the import of the pytest plugin,
the least of so many runs in processes of their own, each with what it should
not exceed on a quiet machine:

    wall   seconds from start to end
    CPU    seconds of CPU time, which says the same on a machine that is not quiet

with the compiled modules (`__pycache__`) that a first run leaves, also where
PYTHONDONTWRITEBYTECODE would have each start compile all of them anew, which
takes 0.2 s.

Exit status 1 when the CPU time exceeds the limit: without waiting for anything
a start takes no longer than that.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

STARTS: dict[str, tuple[Sequence[str], float]] = {
    "wsk-conformance --help": ([str(Path(sys.executable).with_name("wsk-conformance")), "--help"], 0.25),
    "import of the pytest plugin": ([sys.executable, "-c", "import harness.pytest_plugin.entry"], 0.4),
}


def with_compiled_modules() -> dict[str, str]:
    """The environment in which a start finds the modules compiled that an earlier one left."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Seconds of wall time and of CPU time of one run."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=with_compiled_modules())
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return seconds, used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    print(f"{'':28} {'limit':>6} {'wall':>6} {'CPU':>6}")
    slow = 0
    for name, (command, limit) in STARTS.items():
        wall, cpu = map(min, zip(*(measure(command) for _ in range(runs)), strict=True))
        print(f"{name:28} {limit:6.2f} {wall:6.2f} {cpu:6.2f}")
        slow |= cpu > limit
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
