# SPDX-License-Identifier: Apache-2.0
"""Do two workers finish a matrix of emulated labs in 0.6 of the time of one?

    .venv/bin/python bench/farm.py [--runs 1] [--workers 1 2]

All workers are on this host, so that its cores set the limit; the cells are
cases that mostly wait. Prints for each number of workers the seconds of whole
nights, minimum, median and maximum, with the busy share of all cores meanwhile.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from distributed import LocalCluster

from harness.history.night import load_night

COMMAND = Path(sys.executable).parent / "wsk-conformance"
MATRIX = """
[[cell]]
name = "waiting"
suites = ["suites/disconnect/test_held_back.py", "suites/disconnect/test_outstanding.py", "suites/states"]
family = ["ipv4", "ipv6"]
cpus = [1, 2]
at_once = 4
"""


def timed_night(workers: int, folder: Path) -> tuple[float, float]:
    """Seconds, and the busy share of the cores. Exits when a cell does not pass: its time says nothing."""
    matrix = folder / "matrix.toml"
    matrix.write_text(MATRIX)
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        psutil.cpu_percent()
        start = time.monotonic()
        command = [COMMAND, "nightly", matrix, "--farm", cluster.scheduler_address, "--results", folder]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        seconds = time.monotonic() - start
        busy = psutil.cpu_percent()
    if done.returncode:
        sys.exit(f"a night ended with status {done.returncode}:\n{done.stdout}")
    for cell in load_night(folder / "nights" / "latest").cells:
        tries = ", ".join(f"{attempt.seconds:.1f} s {attempt.why}".strip() for attempt in cell.attempts)
        print(f"  {cell.name}: {tries}", flush=True)
    return seconds, busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    medians = []
    for workers in options.workers:
        with tempfile.TemporaryDirectory() as folder:
            nights = [timed_night(workers, Path(folder)) for _ in range(options.runs)]
        times, busy = zip(*nights, strict=True)
        medians.append(statistics.median(times))
        figures = f"{min(times):7.1f} {medians[-1]:7.1f} {max(times):7.1f}"
        share = medians[-1] / medians[0]
        print(f"{workers} workers {figures}  {statistics.median(busy):.0f} % busy, {share:.2f} of the first")


if __name__ == "__main__":
    main()
