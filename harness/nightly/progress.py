# SPDX-License-Identifier: Apache-2.0
"""Shows the user how a night goes on: a line for each event, and one that lives on a terminal."""

import sys
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self, TextIO

from harness.core.live_line import LiveLine
from harness.core.printable import printable
from harness.history.night import Attempt, Cell, CellStatus, Night
from harness.verdict.attempts import CUT_SHORT, LOST

_ENDS = {
    0: "all passed",
    1: "the guest failed",
    2: "it was not accepted",
    3: "not all could be judged",
    LOST: "lost",
    CUT_SHORT: "cut short",
}


class NightProgress:
    """A context manager. Prints to stdout; several threads may tell it things."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out
        self._cells: list[Cell] = []
        self._running: dict[str, tuple[int, int]] = {}  # cell -> cases that are over, and all
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._live = LiveLine(self._write, self.line, terminal=self._out.isatty())

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def follow(self, night: Night) -> None:
        """The night whose cells are counted."""
        self._cells = night.cells

    def begins(self, cell: Cell, cases: int) -> None:
        number = len(cell.attempts) + 1
        with self._lock:
            self._running[cell.name] = (0, cases)
        what = f"begins with {cases} cases" if cases else "begins to explore"
        self.says(f"{cell.name}: {what}" + (f", attempt {number}" if number > 1 else ""))

    def counts(self, cell: Cell, done: int) -> None:
        with self._lock:
            if cell.name in self._running:  # a farm's words may come late
                self._running[cell.name] = (done, self._running[cell.name][1])

    def attempt_ended(self, cell: Cell, attempt: Attempt) -> None:
        end = _ENDS.get(attempt.exit_status, str(attempt.exit_status))
        where = f" on {attempt.worker}" if attempt.worker else ""
        why = f" ({attempt.why})" if attempt.why else ""
        self.says(f"{cell.name}: attempt {attempt.number} took {attempt.seconds:.0f} s{where}: {end}{why}")

    def cell_ended(self, cell: Cell) -> None:
        with self._lock:
            self._running.pop(cell.name, None)

    def says(self, line: str) -> None:
        self._live.say(printable(line))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def line(self) -> str:
        """How far the night has come."""
        with self._lock:
            cells: Iterable[str] = [f"{name} {done}/{cases}" for name, (done, cases) in self._running.items()]
            seconds = time.monotonic() - self._began
            done = sum(cell.status == CellStatus.DONE for cell in self._cells)
            return f"{done}/{len(self._cells)} cells in {seconds:.0f} s; " + (", ".join(cells) or "none runs")
