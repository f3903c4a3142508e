# SPDX-License-Identifier: Apache-2.0
"""night.json: which cells a night has, how far each has come, and which runs each attempt left.

It is written whenever a cell begins or ends, so that a night that is killed
leaves what it has done. Paths in it are relative to its folder; the runs are
ordinary ones (harness/report/record.py).
"""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.report.files import write_atomically

SCHEMA_VERSION = 1
NIGHT_FILE = "night.json"

Setting = str | int | bool


class CellStatus(StrEnum):
    """How far a cell has come."""

    WAITING = "waiting"
    RUNNING = "running"  # or killed while it was
    DONE = "done"  # its last attempt ended, however it came out


@dataclass(frozen=True)
class Attempt:
    """One run of a cell, or why there is none."""

    number: int  # from 1
    run: str | None  # folder of the run; None when it left no run.json
    started: str  # ISO 8601, UTC
    seconds: float
    exit_status: int  # of `wsk-conformance run`; LOST, or CUT_SHORT (harness/verdict/attempts.py)
    worker: str = ""  # the host that performed it; empty for this one
    why: str = ""  # what went wrong with the attempt itself, in one line


@dataclass
class Cell:
    """One guest with one choice of settings."""

    name: str
    guest: str
    settings: dict[str, Setting] = field(default_factory=dict)
    status: CellStatus = CellStatus.WAITING
    attempts: list[Attempt] = field(default_factory=list)


@dataclass
class Night:
    """A matrix, performed once. `matrix` is its name, `matrix_sha256` that of the file it was read from."""

    night_id: str
    started: str  # ISO 8601, UTC
    matrix: str
    matrix_sha256: str
    cells: list[Cell]
    seconds: float = 0.0
    ended: bool = False  # every cell is done; otherwise it runs, or was killed

    def save(self, folder: Path) -> None:
        """Write it into its folder. Raises UsageError when that cannot be."""
        text = json.dumps({"schema": SCHEMA_VERSION, **asdict(self)}, indent=1)
        try:
            write_atomically(folder / NIGHT_FILE, text.encode())
        except OSError as error:
            raise UsageError(f"cannot keep the night in {folder}: {error.strerror}") from None


def load_night(path: Path) -> Night:
    """A night.json, or the one in a folder; UsageError when it is damaged or of another schema."""
    path = path / NIGHT_FILE if path.is_dir() else path
    try:
        told: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{path} is damaged: it is not whole JSON") from None
    if not isinstance(told, dict) or told.pop("schema", None) != SCHEMA_VERSION:
        raise UsageError(f"{path} is not a night of schema {SCHEMA_VERSION}")
    try:
        cells = [_cell(cell) for cell in told.pop("cells")]
        return Night(cells=cells, **told)
    except (TypeError, ValueError, KeyError) as error:
        raise UsageError(f"{path} is damaged: {error}") from None


def _cell(told: dict[str, Any]) -> Cell:
    attempts = [Attempt(**attempt) for attempt in told.pop("attempts")]
    return Cell(status=CellStatus(told.pop("status")), attempts=attempts, **told)
