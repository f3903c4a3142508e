# SPDX-License-Identifier: Apache-2.0
"""How long a user waits: from the command to the first verdict, and to the end of the run.

And how many scenarios wait side by side: the seconds that the guest spent in all
of them, by those that the run took up to the making of its report.

    .venv/bin/python bench/run_times.py [--runs 5] [CASE]...

Of all cases, or of those named as for `wsk-conformance run`. One run first, not counted, warms the caches.
Prints of each minimum, median and maximum.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scaling import in_guest
from startup import with_compiled_modules

from harness.report.record import load_run

COMMAND = Path(sys.executable).parent / "wsk-conformance"
VERDICT = "%]"  # ends the line of a case that is over, with how many are


def timed_run(results: str, cases: Sequence[str]) -> tuple[float, float]:
    """Seconds to the first verdict and to the end. Exits when the run fails: its times would mean nothing."""
    start = time.monotonic()
    first = None
    with subprocess.Popen(
        [COMMAND, "run", "-v", "--results", results, *cases],
        stdout=subprocess.PIPE,
        text=True,
        env=with_compiled_modules(),
    ) as run:
        for line in run.stdout or ():
            if first is None and VERDICT in line:
                first = time.monotonic() - start
    if run.returncode or first is None:
        sys.exit(f"a run ended with status {run.returncode}; see {results}/latest/report.html")
    return first, time.monotonic() - start


def side_by_side(folder: Path) -> float:
    """The waits of a run by its time."""
    run = load_run(folder)
    waits = sum(in_guest(folder / case["trace"]) for case in run["cases"] if case["trace"])
    return waits / float(run["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("cases", nargs="*")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as results:
        timed_run(results, asked.cases)
        seen = [
            (*timed_run(results, asked.cases), side_by_side(Path(results, "latest")))
            for _ in range(asked.runs)
        ]
    firsts, wholes, waits = zip(*seen, strict=True)
    for name, times in (("first verdict", firsts), ("whole run", wholes), ("waits by time", waits)):
        print(f"{name:14} {min(times):6.2f} {statistics.median(times):6.2f} {max(times):6.2f}")


if __name__ == "__main__":
    main()
