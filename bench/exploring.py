# SPDX-License-Identifier: Apache-2.0
"""The memory of a long exploration: does it stay as it is, and how many scenarios does it perform a second?

    .venv/bin/python bench/exploring.py --scenarios 50000 [--seed 1] [--freedom races:1] [--each 60]

Prints a line after every so many seconds: scenarios so far, and the resident memory of the harness and of the
guest's QEMU, MiB. Exit status: that of `wsk-conformance explore`.
"""

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable

import psutil

_COUNT = re.compile(r"(\d+) scenarios, \d+ a second")
_MIB = 1 << 20


class ExplorationHeard(threading.Thread):
    """Hears what the exploration says, and knows how far it is."""

    def __init__(self, said: Iterable[str]) -> None:
        super().__init__(daemon=True)
        self._said = said
        self.scenarios = 0
        self.last: list[str] = []

    def run(self) -> None:
        for line in self._said:
            if found := _COUNT.search(line):
                self.scenarios = int(found[1])
            else:
                self.last = [*self.last[-9:], line.rstrip()]


def resident(pid: int) -> dict[str, float]:
    """The resident memory of the harness and of QEMU, MiB; shared pages count for each process."""
    sizes = {"harness": 0.0, "qemu": 0.0}
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
                sizes["qemu" if "qemu" in each.name() else "harness"] += each.memory_info().rss / _MIB
    return sizes


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scenarios", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--freedom")
    parser.add_argument("--each", type=float, default=60.0, help="seconds between two lines")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as results:
        told = ["--scenarios", chosen.scenarios, "--seed", chosen.seed, "--results", results]
        told += ["--freedom", chosen.freedom] if chosen.freedom else []
        command = [sys.executable, "-m", "harness", "explore", *map(str, told)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        progress = ExplorationHeard(process.stdout or ())
        progress.start()
        print("scenarios  seconds  harness, MiB  QEMU, MiB")
        began = due = time.monotonic()
        while process.poll() is None:
            time.sleep(1)
            if time.monotonic() >= due + chosen.each:
                due = time.monotonic()
                sizes = resident(process.pid)
                line = f"{progress.scenarios:9}  {due - began:7.0f}  {sizes['harness']:12.0f}"
                print(f"{line}  {sizes['qemu']:9.0f}", flush=True)
        progress.join()
        print(*progress.last, sep="\n")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
