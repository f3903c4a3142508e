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

from harness.core.errors import UsageError
from harness.core.files import is_folder, read_json, short
from harness.core.printable import all_printable
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
    """One run of a cell, or the reason why it has no run."""

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
    """A night.json, or the one in a folder, its texts made printable.

    UsageError when it is damaged, of another schema or not to be read.
    """
    from pydantic import TypeAdapter, ValidationError  # what only writes need not wait for it

    path = path / NIGHT_FILE if is_folder(path) else path
    told = read_json(path)
    if not isinstance(told, dict) or told.get("schema") != SCHEMA_VERSION:
        raise UsageError(f"{short(path)} is not a night of schema {SCHEMA_VERSION}")
    try:
        return TypeAdapter(Night).validate_python(all_printable(told))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise UsageError(f"{short(path)} is damaged: {place}: {fault['msg']}") from None
