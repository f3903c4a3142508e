# SPDX-License-Identifier: Apache-2.0
"""run.json: the record that every report is made from.

It is written while the run goes on, so that a run that is interrupted leaves
what it has done. Paths in it are relative to its folder.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.core.errors import UsageError
from harness.report.files import file_name, link_atomically, write_atomically
from harness.verdict.outcome import Outcome
from harness.verdict.requirements import Requirement

SCHEMA_VERSION = 4
READABLE = (3, SCHEMA_VERSION)  # what is read back; harness/report/schema_3.py says what was another
RUN_FILE = "run.json"

_FOLDERS = ("captures", "traces", "scenarios", "timings")
_WRITE_INTERVAL = 1.0  # s
_WRITE_PAUSE = 30  # times as long as the last writing took
_KEYS = {
    "schema": int,
    "run_id": str,
    "started": str,
    "seconds": (int, float),
    "guest": dict,
    "settings": dict,
    "requirements": dict,
    "cases": list,
}
_TEXT = (str, type(None))
_CASE_KEYS = {
    "id": str,
    "sentence": str,
    "requirements": list,
    "outcome": str,
    "seconds": (int, float),
    "why": str,
    "cause": str,
    "recorded": dict,
    "timings": dict,
    "attempts": list,
    "capture": _TEXT,
    "trace": _TEXT,
    "scenario": _TEXT,
    "timeline": _TEXT,
    "samples": _TEXT,
    "serial_log": _TEXT,
    "trouble": dict,
    "clock_bound_ns": (int, type(None)),
}

# Quantity -> p50, p90, p99, max (ns) and count.
Percentiles = dict[str, dict[str, int]]


@dataclass(frozen=True)
class CaseFiles:
    """Where the evidence of a case goes, relative to the folder of the run."""

    capture: str
    trace: str
    scenario: str
    timeline: str
    samples: str

    @classmethod
    def of(cls, case: str) -> "CaseFiles":
        name = file_name(case)
        return cls(
            capture=f"captures/{name}.pcapng",
            trace=f"traces/{name}.trace",
            scenario=f"scenarios/{name}.scenario",
            timeline=f"traces/{name}.timeline.json",
            samples=f"timings/{name}.json",
        )


@dataclass(frozen=True)
class CaseRecord:
    """One case. Files that were not written are None."""

    id: str
    sentence: str
    requirements: list[str]
    outcome: Outcome
    seconds: float
    why: str = ""  # the comparison that failed, or all that is known
    cause: str = ""  # in one sentence: what was expected and what was seen, or what happened
    recorded: dict[str, str] = field(default_factory=dict)  # what the guest did where no document says
    capture: str | None = None
    trace: str | None = None
    scenario: str | None = None
    timeline: str | None = None
    clock_bound_ns: int | None = None
    timings: dict[str, Percentiles] = field(default_factory=dict)  # by what was measured; all in `samples`
    samples: str | None = None
    attempts: list[str] = field(default_factory=list)  # outcomes in order, this one last
    serial_log: str | None = None  # of the guest that it was in
    trouble: dict[str, list[str]] = field(default_factory=dict)  # what is known of an end that was not well


class RunRecord:
    """A context manager: run.json is written as cases are added, and whatever ends the run.

    Creates `results/<run-id>/` with its folders and points `results/latest` to
    it; raises UsageError when that cannot be.
    """

    def __init__(
        self,
        results: Path,
        *,
        guest: Mapping[str, str],
        settings: Mapping[str, Any],
        requirements: Iterable[Requirement],
        run_id: str | None = None,
        clock: float | None = None,
    ) -> None:
        """`guest` is what is known before the guest runs: its name at least.

        `clock` is time.monotonic() when the run began; now by default.
        """
        self._clock = time.monotonic() if clock is None else clock
        started = datetime.now(UTC) - timedelta(seconds=time.monotonic() - self._clock)
        self.run_id = run_id or new_run_id()
        self.folder = results / self.run_id
        self._guest = dict(guest)
        self._settings = dict(settings)
        self._requirements = {row.id: asdict(row) for row in requirements}
        self._cases: list[CaseRecord] = []
        self._started = started.isoformat(timespec="seconds")
        self._next_writing = 0.0

    def __enter__(self) -> Self:
        try:
            make_folders(self.folder)
            self._write()
            link_atomically(self.folder.parent / "latest", self.run_id)
        except OSError as error:
            raise UsageError(f"cannot keep results in {self.folder}: {error.strerror}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()

    def describe_guest(self, **facts: str) -> None:
        """What is known of the guest once it runs: kind, build, accelerator."""
        self._guest |= facts

    def add(self, case: CaseRecord) -> None:
        """Written at once, or with a later case when the last writing was just now."""
        self._cases.append(case)
        if time.monotonic() > self._next_writing:
            self._write()

    def sort(self, order: Callable[[str], int]) -> None:
        """Puts the cases in order, by their ids."""
        self._cases.sort(key=lambda case: order(case.id))

    @property
    def outcomes(self) -> list[Outcome]:
        """Outcomes of the cases so far."""
        return [case.outcome for case in self._cases]

    def _write(self) -> None:
        begun = time.monotonic()
        run = {
            "schema": SCHEMA_VERSION,
            "run_id": self.run_id,
            "started": self._started,
            "seconds": round(time.monotonic() - self._clock, 3),
            "guest": self._guest,
            "settings": self._settings,
            "requirements": self._requirements,
            "cases": [asdict(case) for case in self._cases],
        }
        write_atomically(self.folder / RUN_FILE, json.dumps(run, indent=1).encode())
        # It is written whole: the longer that takes, the more seldom, so that a long run does little else.
        ended = time.monotonic()
        self._next_writing = ended + max(_WRITE_INTERVAL, _WRITE_PAUSE * (ended - begun))


def new_run_id() -> str:
    """The name of a run that begins now."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def make_folders(run: Path) -> None:
    """The folders that the evidence of a run's cases goes into. Raises UsageError when they cannot be."""
    try:
        for name in _FOLDERS:
            (run / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot keep results in {run}: {error.strerror}") from None


def load_run(path: Path) -> dict[str, Any]:
    """A run.json, or the one in a folder; UsageError when it is damaged or of a schema that is not read."""
    path = path / RUN_FILE if path.is_dir() else path
    try:
        run = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{path} is damaged: it is not whole JSON") from None
    if not isinstance(run, dict) or run.get("schema") not in READABLE:
        raise UsageError(f"{path} is not a run of schema {' or '.join(map(str, READABLE))}")
    _check_keys(path, run, _KEYS)
    if run["schema"] != SCHEMA_VERSION:
        from harness.report.schema_3 import upgraded  # of old runs only

        run = upgraded(run, SCHEMA_VERSION)
    for case in run["cases"]:
        _check_keys(path, case, _CASE_KEYS)
    checked: dict[str, Any] = run
    return checked


def _check_keys(path: Path, table: Any, keys: Mapping[str, Any]) -> None:
    if not isinstance(table, dict):
        raise UsageError(f"{path} is damaged: a case is not a table")
    for key, kind in keys.items():
        if key not in table or not isinstance(table[key], kind):
            raise UsageError(f"{path} is damaged: {key} is missing or not what it should be")
