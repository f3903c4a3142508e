# SPDX-License-Identifier: Apache-2.0
"""How long it takes to keep a night and to make the page of nights, as nights become many.

    .venv/bin/python bench/history.py [--sizes 10 100 1000] [--cases 3000] [--cells 3] [--store URL]

The nights are written as a matrix leaves them and kept one by one: so many cases
in all, one in a thousand of them failing by chance, ten that measured a thousand
rounds in each cell, one in ten recording something. For each size:

    keep     s for one night, the mean of those since the size before
    store    MiB of the file (of SQLite)
    page     s for `wsk-conformance history page`, in a process of its own, from its start to its end
    cpu      s of CPU time of that, which other work on the machine does not add to
    memory   MiB that this process had at most
    size     MiB of index.html
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.core.units import MiB
from harness.evidence.timing import percentiles
from harness.history.loading import heads
from harness.history.night import Attempt, Cell, CellStatus, Night
from harness.history.store import Store
from harness.report.record import SCHEMA_VERSION, CaseFiles, CaseRecord
from harness.verdict import Outcome, load_requirements

HEAD = f"{'nights':>7} {'keep':>7} {'store':>8} {'page':>7} {'cpu':>6} {'memory':>7} {'size':>6}"
FIRST = datetime(2024, 1, 1, 22, tzinfo=UTC)
TIMED = 10  # cases of a cell
ROUNDS = 1000
OPERATION = "WskDisconnect"


def cases(count: int, chance: random.Random, rows: list[str]) -> Iterator[CaseRecord]:
    for number in range(count):
        name = (
            f"suites/close/test_close_{number // 100}.py::test_case_{number // 4}[ipv4-dispatch-{number % 4}]"
        )
        judged = [rows[number % len(rows)], rows[number // 7 % len(rows)]]
        if chance.random() < 0.001:
            why = f"assert {chance.randrange(1000)} == 1\n + where it is what was seen after {number} ms"
            yield CaseRecord(name, "It is.", judged, Outcome.DEVIATION, 0.1, why, attempts=["deviation"])
        elif number % 10 == 0:
            told = {"status": "STATUS_SUCCESS"}
            yield CaseRecord(
                name, "It is.", judged, Outcome.RECORDED, 0.1, recorded=told, attempts=["recorded"]
            )
        else:
            yield CaseRecord(name, "It is.", judged, Outcome.PASS, 0.1, attempts=["pass"])


def timed(folder: Path, chance: random.Random, rows: list[str]) -> Iterator[CaseRecord]:
    (folder / "timings").mkdir()
    for number in range(TIMED):
        name = f"suites/timing/test_calls.py::test_loop[{number}]"
        values = [round(chance.lognormvariate(9, 0.2)) for _ in range(ROUNDS)]
        series = {"call": values, "completion": [2 * value for value in values], "at_dispatch": values}
        path = CaseFiles.of(name).samples
        (folder / path).write_text(json.dumps({OPERATION: series}))
        figures = {part: {"count": ROUNDS, **percentiles(measured)} for part, measured in series.items()}
        yield CaseRecord(
            name, "It is.", rows[:1], Outcome.PASS, 1.0, timings={OPERATION: figures}, samples=path
        )


def write_night(results: Path, number: int, asked: argparse.Namespace) -> Path:
    chance = random.Random(number)
    catalogue = load_requirements()
    requirements = {name: asdict(row) for name, row in catalogue.items()}
    started = (FIRST + timedelta(days=number)).isoformat(timespec="seconds")
    folder = results / f"night-{number}"
    made = []
    for cell in range(asked.cells):
        run = folder / f"cell-{cell}"
        run.mkdir(parents=True)
        inside = list(cases(asked.cases // asked.cells - TIMED, chance, list(catalogue)))
        inside += timed(run, chance, list(catalogue))
        told: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "run_id": run.name,
            "started": started,
            "seconds": 100.0,
            "guest": {"name": "reference", "kind": "reference", "build": "6.1.0"},
            "settings": {},
            "requirements": requirements,
            "cases": [asdict(case) for case in inside],
        }
        (run / "run.json").write_text(json.dumps(told))
        attempt = Attempt(1, run.name, started, 100.0, 1)
        made.append(Cell(run.name, "reference", {"vcpus": cell + 1}, CellStatus.DONE, [attempt]))
    Night(folder.name, started, "bench", "0" * 64, made, 300.0, ended=True).save(folder)
    return folder


def page(store: str, folder: Path) -> tuple[float, float, float, float]:
    """Seconds by the clock and of the processor, MiB of memory, and MiB of the page."""
    program = "from harness.cli.console import main; main()"
    command = [sys.executable, "-c", program, "history", "page", "--store", store, "--output", str(folder)]
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    took = time.monotonic() - began
    size = (folder / "index.html").stat().st_size / MiB
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--cells", type=int, default=3)
    parser.add_argument("--store", help="a file or URL that stays; goes on from the nights in it")
    asked = parser.parse_args()
    print(HEAD)
    with tempfile.TemporaryDirectory() as temporary:
        results = Path(temporary)
        where = asked.store or str(results / "history.sqlite")
        file = Path(where)
        with Store.open(where) as store, store.reading() as connection:
            kept = len(heads(connection))
        for size in asked.sizes:
            spent = 0.0
            with Store.open(where) as store:
                for number in range(kept, size):
                    folder = write_night(results, number, asked)
                    began = time.monotonic()
                    store.keep(folder)
                    spent += time.monotonic() - began
                    shutil.rmtree(folder)
            figures = page(where, results / "pages")
            stored = file.stat().st_size / MiB if file.exists() else 0
            each = spent / max(size - kept, 1)
            told = "{:7.2f} {:6.2f} {:7.0f} {:6.2f}".format(*figures)
            print(f"{size:7} {each:7.3f} {stored:8.1f} {told}", flush=True)
            kept = max(size, kept)


if __name__ == "__main__":
    main()
