# SPDX-License-Identifier: Apache-2.0
"""Do time and memory grow no faster than the number of cases?

    .venv/bin/python bench/scaling.py [--sizes 100 300 1000 3000]

Performs the suites' cases again and again under other names, in one run for
each size, and prints for each:

    wall     seconds from the first case to the end of the run, its reports included
    waits    seconds that the guest spent in the scenarios, summed; and that by wall:
             how many scenarios waited side by side
    cost     ms of CPU time that the harness's process spent for a case
    beside   ms that a case took beside its scenario, median: also waiting for the others
    memory   MiB that the harness's process had at most
"""

import argparse
import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.core.paths import REPOSITORY, SUITES
from harness.evidence import Trace
from harness.pytest_plugin.plugin import UNUSED, is_case
from harness.report.record import load_run
from harness.run.options import DEFAULTS
from harness.verdict.marks import ALONE, is_marked

HEAD = f"{'cases':>6} {'wall':>8} {'waits':>8} {'by wall':>8} {'cost':>7} {'beside':>7} {'memory':>7}"


class Repeats:
    """A pytest plugin: the cases again, until there are `count`; and what performing them took."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.began = self.cpu = 0.0

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        cases = [item for item in items if is_case(item) and not is_marked(item, ALONE)]
        items[:] = list(_repeated(cases, self._count))

    def pytest_runtestloop(self) -> None:
        self.began, self.cpu = time.monotonic(), time.process_time()


def _repeated(cases: list[pytest.Function], count: int) -> Iterator[pytest.Function]:
    for number in range(count):
        case = cases[number % len(cases)]
        yield pytest.Function.from_parent(
            case.parent,
            name=f"{case.name}-{number // len(cases)}",
            callspec=getattr(case, "callspec", None),
            fixtureinfo=case._fixtureinfo,
            originalname=case.originalname,
        )


def measure(count: int, at_once: int, folder: Path) -> dict[str, Any]:
    """Measures in a process of its own, which has a lab and a peak of memory of its own."""
    plugin = Repeats(count)
    arguments = ["-c", str(REPOSITORY / "pyproject.toml"), "--results", str(folder), *UNUSED]
    arguments += ["--baselines", str(folder / "baselines"), "--at-once", str(at_once), str(SUITES)]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main(arguments, [plugin])
    wall = time.monotonic() - plugin.began
    run = load_run(folder / "latest")
    if len(run["cases"]) != count:
        sys.exit(f"{len(run['cases'])} of {count} cases were performed, status {status}:\n{said.getvalue()}")
    traced = [case for case in run["cases"] if case["trace"]]
    waits = [in_guest(folder / "latest" / case["trace"]) for case in traced]
    beside = [case["seconds"] - wait for case, wait in zip(traced, waits, strict=True)]
    return {
        "wall": wall,
        "waits": sum(waits),
        "cost": (time.process_time() - plugin.cpu) * 1000 / count,
        "beside": statistics.median(beside) * 1000,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bad": sum(case["outcome"] not in ("pass", "recorded") for case in run["cases"]),
    }


def in_guest(path: Path) -> float:
    """Seconds that a scenario took there, by its trace."""
    trace = Trace.load(path.read_bytes())
    return float(trace.qpc_end - trace.qpc_begin) / trace.qpc_frequency


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000, 3000])
    parser.add_argument("--at-once", type=int, default=DEFAULTS["at_once"])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(options.one, options.at_once, Path(folder))))
        return
    print(HEAD)
    for size in options.sizes:
        command = [sys.executable, __file__, "--one", str(size), "--at-once", str(options.at_once)]
        child = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        seen = json.loads(child.stdout.splitlines()[-1])
        print(
            f"{size:6} {seen['wall']:8.1f} {seen['waits']:8.1f} {seen['waits'] / seen['wall']:8.2f}"
            f" {seen['cost']:7.1f} {seen['beside']:7.1f} {seen['memory']:7.0f}"
            + (f"  {seen['bad']} cases ended badly" if seen["bad"] else ""),
            flush=True,
        )


if __name__ == "__main__":
    main()
