# SPDX-License-Identifier: Apache-2.0
"""How much longer is a night of three reference cells than the longest of them alone?

    .venv/bin/python bench/night.py [--runs 1] [--cells 3]

The cells are small nights of suites/close, once one of them and once all of them side by side in the same
command. Prints the seconds of each night, and how many times the first the second is. Each cell's guest and
harness take a core each while they are busy, so that two cores set the limit: `alone` says how busy one cell
keeps all cores.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from startup import with_compiled_modules

COMMAND = Path(sys.executable).parent / "wsk-conformance"
CELL = """
[[cell]]
name = "cell-{number}"
suites = ["suites/close/test_pending.py"]
"""


def timed_night(cells: int) -> tuple[float, float]:
    """Seconds, and the busy share of the cores in percent. Exits when a cell does not pass."""
    with tempfile.TemporaryDirectory() as folder:
        matrix = Path(folder) / "matrix.toml"
        matrix.write_text("".join(CELL.format(number=number) for number in range(cells)))
        psutil.cpu_percent()
        start = time.monotonic()
        command: list[str | Path] = [COMMAND, "nightly", matrix, "--jobs", str(cells), "--results", folder]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=with_compiled_modules(),
        )
        seconds = time.monotonic() - start
    if done.returncode:
        sys.exit(f"a night ended with status {done.returncode}:\n{done.stdout}")
    return seconds, psutil.cpu_percent()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--cells", type=int, default=3)
    asked = parser.parse_args()
    timed_night(1)  # warms the caches
    medians = []
    for name, cells in (("alone", 1), (f"{asked.cells} cells", asked.cells)):
        times, busy = zip(*(timed_night(cells) for _ in range(asked.runs)), strict=True)
        medians.append(statistics.median(times))
        print(f"{name:10} {medians[-1]:7.1f} s  {statistics.median(busy):.0f} % busy", flush=True)
    print(f"{medians[1] / medians[0]:.2f} times")


if __name__ == "__main__":
    main()
