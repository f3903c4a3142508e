# SPDX-License-Identifier: Apache-2.0
"""Night folders to keep, as those who perform a matrix leave them."""

import json
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from runs import GUEST, case, record

from harness.evidence.timing import percentiles
from harness.history import ingest
from harness.history.database import Database
from harness.history.night import Attempt, Cell, CellStatus, Night, load_night
from harness.history.store import Store
from harness.report import CaseFiles, CaseRecord
from harness.verdict import Outcome

FIRST = datetime(2026, 1, 1, 22, tzinfo=UTC)
ONE = "suites/close/test_x.py::test_one[ipv4]"
TWO = "suites/close/test_x.py::test_two[ipv4]"
TIMED = "suites/timing/test_x.py::test_loop[dispatch]"

OPERATION = "WskDisconnect"

Times = list[int] | dict[str, list[int]] | None  # ns, of OPERATION or of each; None: nothing was measured
Run = Sequence[CaseRecord] | None  # None: it left no run.json


def failed(name: str = ONE, why: str = "a FIN too many", **changes: Any) -> CaseRecord:
    return case(name, outcome=Outcome.DEVIATION, why=why, attempts=["deviation"], **changes)


def cell(name: str = "plain", *runs: Run, **changes: Any) -> dict[str, Any]:
    """A cell of a night: the cases of each attempt."""
    return {"name": name, "runs": runs, **changes}


def night(results: Path, number: int, *cells: dict[str, Any], **changes: Any) -> Path:
    """The folder of the night that began `number` days after the first."""
    matrix = changes.pop("matrix", "matrix")
    name = f"{matrix}-{number:04}"
    folder = results / name
    folder.mkdir(parents=True, exist_ok=True)
    made = Night(
        night_id=name,
        started=(FIRST + timedelta(days=number)).isoformat(timespec="seconds"),
        matrix=matrix,
        matrix_sha256="0" * 64,
        cells=[_cell(folder, **each) for each in cells],
        seconds=600.0,
        ended=changes.pop("ended", True),
    )
    assert not changes
    made.save(folder)
    return folder


def _cell(
    folder: Path,
    name: str,
    runs: Sequence[Run],
    *,
    guest: str = "reference",
    build: str = "6.1.0",
    status: CellStatus = CellStatus.DONE,
    settings: dict[str, Any] | None = None,
    exit_status: int | None = None,
    times: Times = None,
) -> Cell:
    attempts = [
        _attempt(folder, name, number, run, {**GUEST, "name": guest, "build": build}, exit_status, times)
        for number, run in enumerate(runs, 1)
    ]
    return Cell(name, guest, settings or {}, status, attempts)


def _attempt(
    folder: Path,
    name: str,
    number: int,
    cases: Run,
    guest: dict[str, str],
    exit_status: int | None,
    times: Times,
) -> Attempt:
    started = FIRST.isoformat(timespec="seconds")
    if cases is None:
        return Attempt(
            number,
            None,
            started,
            1.0,
            -1 if exit_status is None else exit_status,
            "host-2",
            "the worker was lost",
        )
    status = int(any(each.outcome.fails for each in cases)) if exit_status is None else exit_status
    with record(folder, run_id=f"{name}-{number}", guest=guest) as run:
        for each in cases:
            run.add(each)
        if times is not None:
            run.add(_timed(run.folder, times))
    return Attempt(number, run.run_id, started, 60.0, status)


def _timed(folder: Path, times: list[int] | dict[str, list[int]]) -> CaseRecord:
    files = CaseFiles.of(TIMED)
    by_operation = times if isinstance(times, dict) else {OPERATION: times}
    measured = {name: {"call": values, "completion": []} for name, values in by_operation.items()}
    (folder / files.samples).write_text(json.dumps(measured))
    timings = {
        name: {"call": {"count": len(values), **percentiles(values)}, "completion": {"count": 0}}
        for name, values in by_operation.items()
    }
    return case(TIMED, samples=files.samples, timings=timings)


def keep_all(where: str, folders: Sequence[Path]) -> None:
    """Keeps all nights; run in a process of its own."""
    with Store.open(where) as store:
        for folder in folders:
            store.keep(folder)


def die_while_keeping(where: str, folder: Path) -> None:
    """Keeps a night; its process, one of its own, is killed before the night is committed."""
    with Database(where) as database, database.writing() as connection:
        ingest.put_night(connection, load_night(folder), folder)
        os.kill(os.getpid(), signal.SIGKILL)
