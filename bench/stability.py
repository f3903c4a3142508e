# SPDX-License-Identifier: Apache-2.0
"""Does a run on a busy machine say the same as on an idle one? The suites, many times, on loaded cores.

    .venv/bin/python bench/stability.py [--runs 50] [--results build/stability] [-- options of `run`]

A process a core does nothing but compute while the suites run. Prints a line a
run, and each case that did not pass and was not recorded, with its run's folder
and why. Runs that are in the results folder already are counted: interrupt it
and start it again as you like. Exit status 1 when there was any such case.
"""

import argparse
import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.report.record import RUN_FILE, load_run

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).parent / "wsk-conformance"
WELL = ("pass", "recorded")


def compute() -> None:
    """Keeps a core busy until it is ended; Ctrl-C is for the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pass


@contextlib.contextmanager
def load(processes: int) -> Iterator[None]:
    """While other work wants the CPUs too."""
    workers = [multiprocessing.Process(target=compute, daemon=True) for _ in range(processes)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()


def whole_runs(results: Path) -> list[Path]:
    """Those that are over; one that was interrupted stays in the folder for the running one."""
    return sorted(file.parent for file in results.glob(f"*/{RUN_FILE}"))


def bad_cases(run: dict[str, Any]) -> list[dict[str, Any]]:
    return [case for case in run["cases"] if case["outcome"] not in WELL]


def tell(number: int, runs: int, folder: Path) -> int:
    """A line for the run and one for each case that is not well; how many of them there are."""
    run = load_run(folder)
    bad = bad_cases(run)
    verdict = f"{len(bad)} NOT WELL" if bad else "all well"
    print(f"{number}/{runs} {folder.name}: {len(run['cases'])} cases, {run['seconds']:.0f} s, {verdict}")
    for case in bad:
        print(f"    {case['outcome']}: {case['id']} ({folder})\n        {case['why'].splitlines()[0]}")
    sys.stdout.flush()
    return len(bad)


def one_run(results: Path, options: list[str]) -> Path:
    """The folder of a new run. Exits when it left none, with what it said."""
    running = results / "running"
    shutil.rmtree(running, ignore_errors=True)
    command = [str(COMMAND), "run", "-q", "--results", str(running), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said, _ = process.communicate()
    if process.returncode == 130:
        raise KeyboardInterrupt
    if not (running / "latest").exists():
        sys.exit(f"a run ended with status {process.returncode} and left no record:\n{said}")
    folder = (running / "latest").resolve()
    return Path(shutil.move(folder, results / folder.name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "stability")
    parser.add_argument("options", nargs="*", help="for `wsk-conformance run`")
    wanted = parser.parse_args()
    done = whole_runs(wanted.results)[: wanted.runs]
    bad = sum(tell(number, wanted.runs, folder) for number, folder in enumerate(done, 1))
    performed = len(done)
    with contextlib.suppress(KeyboardInterrupt), load(os.cpu_count() or 1):
        while performed < wanted.runs:
            folder = one_run(wanted.results, wanted.options)
            performed += 1
            bad += tell(performed, wanted.runs, folder)
    print(f"{performed} of {wanted.runs} runs, {bad} cases that were not well")
    sys.exit(1 if bad or performed < wanted.runs else 0)


if __name__ == "__main__":
    main()
