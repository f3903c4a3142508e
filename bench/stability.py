# SPDX-License-Identifier: Apache-2.0
"""Does a run on a busy machine say the same as on an idle one? The suites, many times, on loaded cores.

    .venv/bin/python bench/stability.py [--runs 20] [--load 16] [--labs 2]
                                        [--results build/stability] [-- options of `run`]

So many processes do nothing but compute while the suites run, in so many labs. Prints a line a
run, and each case that did not pass and was not recorded, with its run's folder
and why. Runs that are in the results folder already are counted: interrupt it
and start it again as you like. Exit status 1 when the guest was blamed for anything, or when more
than 0.5 % of all cases could not be judged after they were tried again.
"""

import argparse
import contextlib
import multiprocessing
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report.record import RUN_FILE, load_run

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).parent / "wsk-conformance"
WELL = ("pass", "recorded")
NOTHING = ("inconclusive", "harness-error")  # nobody is blamed
MOST_LOST = 0.005  # of all cases


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
    """Runs that are over; one that was interrupted stays in the folder for the running one."""
    return sorted(file.parent for file in results.glob(f"*/{RUN_FILE}"))


def bad_cases(run: dict[str, Any]) -> list[dict[str, Any]]:
    return [case for case in run["cases"] if case["outcome"] not in WELL]


@dataclass
class Tally:
    """Counts over all runs."""

    cases: int = 0
    lost: int = 0
    blamed: int = 0

    @property
    def well(self) -> bool:
        return not self.blamed and self.lost <= MOST_LOST * self.cases

    def add(self, run: dict[str, Any]) -> None:
        outcomes = [case["outcome"] for case in bad_cases(run)]
        self.cases += len(run["cases"])
        self.lost += sum(outcome in NOTHING for outcome in outcomes)
        self.blamed += sum(outcome not in NOTHING for outcome in outcomes)


def tell(number: int, runs: int, folder: Path, tally: Tally) -> None:
    """A line for the run and one for each case that is not well; they are counted."""
    run = load_run(folder)
    tally.add(run)
    bad = bad_cases(run)
    again = sum(len(case["attempts"]) > 1 for case in run["cases"])
    verdict = f"{len(bad)} NOT WELL" if bad else "all well"
    verdict += f", {again} tried again" if again else ""
    print(f"{number}/{runs} {folder.name}: {len(run['cases'])} cases, {run['seconds']:.0f} s, {verdict}")
    for case in bad:
        print(f"    {case['outcome']}: {case['id']} ({folder})\n        {case['why'].splitlines()[0]}")
    sys.stdout.flush()


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
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--load", type=int, default=16, help="processes that compute; %(default)s by default")
    parser.add_argument("--labs", type=int, default=2, help="of each run; %(default)s by default")
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "stability")
    parser.add_argument("options", nargs="*", help="for `wsk-conformance run`")
    wanted = parser.parse_args()
    done = whole_runs(wanted.results)[: wanted.runs]
    tally = Tally()
    for number, folder in enumerate(done, 1):
        tell(number, wanted.runs, folder, tally)
    performed = len(done)
    options = ["-n", str(wanted.labs), *wanted.options] if wanted.labs > 1 else wanted.options
    with contextlib.suppress(KeyboardInterrupt), load(wanted.load):
        while performed < wanted.runs:
            folder = one_run(wanted.results, options)
            performed += 1
            tell(performed, wanted.runs, folder, tally)
    blame = f"of {tally.cases} cases {tally.blamed} blame the guest, {tally.lost} came to nothing"
    print(f"{performed} of {wanted.runs} runs: {blame}")
    sys.exit(0 if tally.well and performed == wanted.runs else 1)


if __name__ == "__main__":
    main()
