# SPDX-License-Identifier: Apache-2.0
"""How long a user waits: from the command to the first verdict, and to the end of the run.

And how many scenarios wait side by side: the seconds that the guest spent in all
of them, by those that the run took up to the making of its report. And what processors
had to do, which other work on the machine changes less: ms of the harness's own process
for each case, start and report included, and seconds of all that it started, which are
QEMU, the look for an image to build, and the drawing of the report.

    .venv/bin/python bench/run_times.py [--runs 5] [CASE]...

Of all cases, or of those named as for `wsk-conformance run`. One run first, not counted, warms the caches.
Prints of each minimum, median and maximum.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from scaling import in_guest
from startup import with_compiled_modules

from harness.report.record import load_run

COMMAND = Path(sys.executable).parent / "wsk-conformance"
VERDICT = "%]"  # ends the line of a case that is over, with how many are


class Run(NamedTuple):
    """Seconds to the first verdict and to the end, and of processors: its own, and of all that it started."""

    first: float
    whole: float
    own: float
    others: float


def timed_run(results: str, cases: Sequence[str]) -> Run:
    """Exits when the run fails: its times would mean nothing."""
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
        os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOWAIT)  # ended, and its times are still there
        whole, used = time.monotonic() - start, psutil.Process(run.pid).cpu_times()
    if run.returncode or first is None:
        sys.exit(f"a run ended with status {run.returncode}; see {results}/latest/report.html")
    own, others = used.user + used.system, used.children_user + used.children_system
    return Run(first, whole, own, others)


def figures(run: Run, folder: Path) -> dict[str, float]:
    """What is printed of a run whose results are in `folder`."""
    record = load_run(folder)
    waits = sum(in_guest(folder / case["trace"]) for case in record["cases"] if case["trace"])
    return {
        "first verdict": run.first,
        "whole run": run.whole,
        "waits by time": waits / float(record["seconds"]),
        "harness, ms a case": run.own / len(record["cases"]) * 1e3,
        "others, CPU s": run.others,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("cases", nargs="*")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as results:
        timed_run(results, asked.cases)
        seen = [figures(timed_run(results, asked.cases), Path(results, "latest")) for _ in range(asked.runs)]
    for name in seen[0]:
        values = [one[name] for one in seen]
        print(f"{name:18} {min(values):6.2f} {statistics.median(values):6.2f} {max(values):6.2f}")


if __name__ == "__main__":
    main()
