# SPDX-License-Identifier: Apache-2.0
"""Performs a night: its cells side by side, each attempt on record as soon as it has ended."""

import contextlib
import fcntl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from harness.core.errors import HarnessError, UsageError
from harness.core.files import is_folder
from harness.history.night import Attempt, Cell, CellStatus, Night, load_night
from harness.nightly.attempt import Ended, run_in
from harness.nightly.matrix import Matrix
from harness.nightly.plan import Plan, RunOrder
from harness.nightly.retry import owed
from harness.report.files import link_atomically
from harness.report.record import RUN_FILE, load_run, new_run_id
from harness.verdict.attempts import LOST

NIGHTS = "nights"
LATEST = "latest"
MOST_LOSSES = 3  # of a cell, in one go: more are not the hosts' doing
_HARNESS_FAILED = 3


class Watch(Protocol):
    """Hears how the night goes, from several threads."""

    def begins(self, cell: Cell, cases: int) -> None:
        """An attempt of so many cases begins."""

    def counts(self, cell: Cell, done: int) -> None:
        """So many of them are over."""

    def says(self, line: str) -> None:
        """Something that a user wants to know."""

    def attempt_ended(self, cell: Cell, attempt: Attempt) -> None:
        """It is on record."""


class Attending(Protocol):
    """The events of an attempt while it is under way, as a backend reports them."""

    def counts(self, done: int) -> None:
        """So many cases are over."""

    def lost(self, worker: str, why: str) -> Path:
        """A host was lost that performed it; it begins again, in the folder that is returned."""


class Place(Protocol):
    """Where runs are performed: this host, or a farm."""

    def perform(self, order: RunOrder, folder: Path, attending: Attending) -> tuple[Ended, str]:
        """Blocks until it has ended; what it left is in `folder`. Tells also which worker performed it."""

    def room(self, plans: Sequence[Plan]) -> int:
        """How many of these cells it can perform side by side."""

    def stop(self) -> None:
        """Ends what runs, and whatever is asked for later."""


def new_night(results: Path, matrix: Matrix, plans: Sequence[Plan]) -> tuple[Path, Night]:
    """A night of these cells, and its folder. Raises UsageError when that cannot be made."""
    night_id = new_run_id()
    folder = results / NIGHTS / night_id
    cells = [Cell(plan.name, plan.guest, dict(plan.settings)) for plan in plans]
    night = Night(night_id, _now(), matrix.name, matrix.sha256, cells)
    try:
        folder.mkdir(parents=True)
        night.save(folder)
        link_atomically(folder.parent / LATEST, night_id)
    except OSError as error:
        raise UsageError(f"cannot keep the night in {folder}: {error.strerror}") from None
    return folder, night


def find_night(results: Path, name: str, matrix: Matrix) -> tuple[Path, Night]:
    """A stored night of this matrix: its id, its folder, or 'latest'. Raises UsageError."""
    folder = next((path for path in (results / NIGHTS / name, Path(name)) if is_folder(path)), None)
    if folder is None:
        raise UsageError(f"there is no night {name!r} in {results / NIGHTS}")
    folder = folder.resolve()
    night = load_night(folder)
    if night.matrix_sha256 != matrix.sha256:
        raise UsageError(f"the matrix was changed after night {night.night_id} had begun; begin a new night")
    return folder, night


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Nobody else performs this night. Raises UsageError when somebody does."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another process performs the night {folder.name}; wait for its end") from None
        yield


class Runner:
    """One night. `cell_ended` is called when night.json says that a cell is done, in that cell's thread."""

    def __init__(
        self,
        folder: Path,
        night: Night,
        place: Place,
        watch: Watch,
        cell_ended: Callable[[Cell], None],
    ) -> None:
        self._folder = folder
        self._night = night
        self._place = place
        self._watch = watch
        self._cell_ended = cell_ended
        self._lock = threading.Lock()  # of the night and its file
        self._began = time.monotonic() - night.seconds
        self._stopped = False

    def perform(self, plans: Sequence[Plan], jobs: int) -> None:
        """Every cell that is not done, `jobs` side by side. Ctrl-C is raised when their runs have ended."""
        open_cells = [cell for cell in self._night.cells if cell.status != CellStatus.DONE]
        by_name = {plan.name: plan for plan in plans}
        for cell in open_cells:
            if cell.status == CellStatus.RUNNING:
                self._note_killed(cell)
        self._save()
        with ThreadPoolExecutor(jobs) as pool:
            try:
                performed = [pool.submit(self._perform, by_name[cell.name], cell) for cell in open_cells]
                for future in performed:
                    future.result()
            except BaseException:
                self._stopped = True
                pool.shutdown(wait=False, cancel_futures=True)
                self._place.stop()
                raise
        self._night.ended = all(cell.status == CellStatus.DONE for cell in self._night.cells)
        self._save()

    def _perform(self, plan: Plan, cell: Cell) -> None:
        before = len(cell.attempts)
        while not self._stopped and (order := owed(plan, cell, self._folder)):
            self._attempt(order, cell, len(plan.cases if order.cases == plan.suites else order.cases))
            if sum(attempt.exit_status == LOST for attempt in cell.attempts[before:]) >= MOST_LOSSES:
                break
        if self._stopped:
            self._set(cell, CellStatus.WAITING)
            return
        self._set(cell, CellStatus.DONE)
        self._cell_ended(cell)

    def _attempt(self, order: RunOrder, cell: Cell, cases: int) -> Attempt:
        self._set(cell, CellStatus.RUNNING)
        self._watch.begins(cell, cases)
        attending = _Attending(self, cell)
        try:
            ended, worker = self._place.perform(order, self.next_folder(cell), attending)
        except HarnessError as error:  # a request is refused while the night is being stopped
            status, why = (LOST, "it was interrupted") if self._stopped else (_HARNESS_FAILED, str(error))
            ended, worker = Ended(status, attending.seconds, why), ""
        return self.note(cell, attending.started, ended, worker)

    def next_folder(self, cell: Cell) -> Path:
        """Folder of the attempt that is about to begin; whoever performs it creates the folder."""
        return self._folder / "cells" / cell.name / f"attempt-{len(cell.attempts) + 1}"

    def note(self, cell: Cell, started: str, ended: Ended, worker: str) -> Attempt:
        """Puts the attempt on record that was under way."""
        run = run_in(self.next_folder(cell))
        attempt = Attempt(
            number=len(cell.attempts) + 1,
            run=str(run.relative_to(self._folder)) if run else None,
            started=started,
            seconds=ended.seconds,
            exit_status=ended.exit_status,
            worker=worker,
            why=ended.why,
        )
        with self._lock:
            cell.attempts.append(attempt)
        self._save()
        self._watch.attempt_ended(cell, attempt)
        return attempt

    def _note_killed(self, cell: Cell) -> None:
        """An attempt that was under way when the night was killed."""
        run = run_in(self.next_folder(cell))
        started, seconds = self._night.started, 0.0
        if run:
            with contextlib.suppress(UsageError):
                told = load_run(run / RUN_FILE)
                started, seconds = str(told["started"]), float(told["seconds"])
        self.note(cell, started, Ended(LOST, seconds, "the night was killed while it ran"), "")

    def counted(self, cell: Cell, done: int) -> None:
        self._watch.counts(cell, done)

    def _set(self, cell: Cell, status: CellStatus) -> None:
        with self._lock:
            cell.status = status
        self._save()

    def _save(self) -> None:
        with self._lock:
            self._night.seconds = round(time.monotonic() - self._began, 3)
            self._night.save(self._folder)


class _Attending:
    """Records what the place that performs one cell tells of it."""

    def __init__(self, runner: Runner, cell: Cell) -> None:
        self._runner = runner
        self._cell = cell
        self._begin()

    def _begin(self) -> None:
        self.started = _now()
        self._clock = time.monotonic()

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._clock, 3)

    def counts(self, done: int) -> None:
        self._runner.counted(self._cell, done)

    def lost(self, worker: str, why: str) -> Path:
        self._runner.note(self._cell, self.started, Ended(LOST, self.seconds, why), worker)
        self._begin()
        return self._runner.next_folder(self._cell)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
