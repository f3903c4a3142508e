# SPDX-License-Identifier: Apache-2.0
"""How long a user waits: from the command to the first verdict, and to the end of the run.

    .venv/bin/python bench/run_times.py [--runs 5]

One run first, not counted, warms the caches. Prints seconds: minimum, median, maximum.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = Path(sys.executable).parent / "wsk-conformance"


def timed_run(results: str) -> tuple[float, float]:
    """Seconds to the first verdict and to the end. Exits when the run fails: its times would mean nothing."""
    start = time.monotonic()
    first = None
    with subprocess.Popen(
        [COMMAND, "run", "-v", "--results", results], stdout=subprocess.PIPE, text=True
    ) as run:
        for line in run.stdout or ():
            if first is None and "PASSED" in line:
                first = time.monotonic() - start
    if run.returncode or first is None:
        sys.exit(f"a run ended with status {run.returncode}; see {results}/latest/report.html")
    return first, time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    count = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as results:
        timed_run(results)
        firsts, wholes = zip(*(timed_run(results) for _ in range(count)), strict=True)
    for name, times in (("first verdict", firsts), ("whole run", wholes)):
        print(f"{name:14} {min(times):6.2f} {statistics.median(times):6.2f} {max(times):6.2f}")


if __name__ == "__main__":
    main()
