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
from typing import Any, NamedTuple, Self

from harness.core.errors import UsageError
from harness.core.files import is_folder, read_json, reason, short
from harness.core.printable import all_printable
from harness.core.unexpected import is_out_of_space
from harness.report.ended import End
from harness.report.files import CannotKeep, file_name, link_atomically, write_atomically
from harness.verdict.outcome import Outcome
from harness.verdict.requirements import Requirement

SCHEMA_VERSION = 4
READABLE = (3, SCHEMA_VERSION)  # can be read back; harness/report/schema_3.py has the differences
RUN_FILE = "run.json"
LATEST = "latest"
TRIED = "try-driver::"  # begins the id of a case in which it is a driver that is judged

_FOLDERS = ("captures", "traces", "scenarios", "timings")
_WRITE_INTERVAL = 1.0  # s
_WRITE_PAUSE = 30  # times as long as the last writing took
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
class FindingRecord:
    """Findings on one subject: lines for people, and files of the run's folder."""

    subject: str
    lines: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class LawRecord:
    """A law that does not hold of a case: by which row, and what shows it; or why it is `open`."""

    law: str
    sentence: str
    row: str = ""
    words: str = ""
    evidence: list[str] = field(default_factory=list)
    open: str = ""


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
    noted: dict[str, str] = field(default_factory=dict)  # the same of what may be another each time
    capture: str | None = None
    trace: str | None = None
    scenario: str | None = None
    timeline: str | None = None
    clock_bound_ns: int | None = None
    host: dict[str, int | None] = field(default_factory=dict)  # how busy it was: HostLoad, in ns
    timings: dict[str, Percentiles] = field(default_factory=dict)  # by what was measured; all in `samples`
    samples: str | None = None
    attempts: list[str] = field(default_factory=list)  # outcomes in order, this one last
    serial_log: str | None = None  # of the guest that it was in
    findings: list[FindingRecord] = field(default_factory=list)  # on an end that was not well
    laws: list[LawRecord] = field(default_factory=list)  # that do not hold, or could not be judged
    blamed: list[str] = field(default_factory=list)  # rows that a failure breaks, where laws alone say so

    def plain(self) -> dict[str, Any]:
        """The record as run.json has it: texts, numbers, lists and tables, and nothing else."""
        return {**asdict(self), "outcome": self.outcome.value}

    @classmethod
    def of_plain(cls, case: Mapping[str, Any]) -> "CaseRecord":
        """The other way about."""
        findings = [FindingRecord(**finding) for finding in case["findings"]]
        laws = [LawRecord(**law) for law in case.get("laws", [])]
        return cls(**{**case, "outcome": Outcome(case["outcome"]), "findings": findings, "laws": laws})


@dataclass(frozen=True)
class Selection:
    """So many cases `of` all that the suites have (None: unknown), chosen by these arguments."""

    selected: int
    of: int | None
    arguments: list[str]


class _Kept(NamedTuple):
    """A case that is over, as the record has it: nothing of it changes any more."""

    plain: dict[str, Any]
    text: str  # the same in JSON


class RunRecord:
    """A context manager: run.json is written as cases are added, and whatever ends the run.

    Creates `results/<run-id>/` with its folders and points `results/latest` to
    it, for good once it has a case; raises UsageError when that cannot be.
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
        """`guest` has the facts known before the guest runs: its name at least.

        `clock` is time.monotonic() when the run began; now by default.
        """
        self._clock = time.monotonic() if clock is None else clock
        started = datetime.now(UTC) - timedelta(seconds=time.monotonic() - self._clock)
        self.run_id = run_id or new_run_id()
        self.folder = results / self.run_id
        self._guest = dict(guest)
        self._settings = dict(settings)
        self._requirements = {row.id: asdict(row) for row in requirements}
        self._cases: list[_Kept] = []
        self._started = started.isoformat(timespec="seconds")
        self._next_writing = 0.0
        self._selection: Selection | None = None
        self._ended: End | None = None
        self._why = ""
        self._before = ""  # what `latest` was

    def __enter__(self) -> Self:
        try:
            make_folders(self.folder)
            write_atomically(self.folder / RUN_FILE, self._content())
            self._before = latest_of(self.folder.parent)
            link_atomically(self.folder.parent / LATEST, self.run_id)
        except OSError as error:
            if is_out_of_space(error):
                raise CannotKeep(self.folder, error) from error
            raise UsageError(f"cannot keep results in {short(self.folder)}: {reason(error)}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """How it ended follows from what ended it, unless that was said."""
        if self._ended is None:
            by_user = kind is not None and issubclass(kind, KeyboardInterrupt)
            self._ended = End.BY_ITSELF if kind is None else End.INTERRUPTED if by_user else End.BROKEN
        self.write()
        results = self.folder.parent
        # An empty run is nothing to look at; another may have begun meanwhile.
        if not self._cases and self._before and latest_of(results) == self.run_id:
            link_atomically(results / LATEST, self._before)

    def select(self, selection: "Selection") -> None:
        """Stores which cases the run is to have, as soon as that is known."""
        self._selection = selection

    def end(self, how: End, why: str = "") -> None:
        """Stores how the run ended, and why it had to. Until then it says that it runs, or was killed."""
        self._ended, self._why = how, why

    def describe_guest(self, **facts: str) -> None:
        """Adds the facts known once the guest runs: kind, build, accelerator."""
        self._guest |= facts

    def add(self, case: CaseRecord) -> None:
        """Written at once, or with a later case when the last writing was just now."""
        plain = case.plain()
        self._cases.append(_Kept(plain, json.dumps(plain)))
        if time.monotonic() > self._next_writing:
            self.write()

    def sort(self, order: Callable[[str], int]) -> None:
        """Puts the cases in order, by their ids."""
        self._cases.sort(key=lambda case: order(case.plain["id"]))

    @property
    def outcomes(self) -> list[Outcome]:
        """Outcomes of the cases so far."""
        return [Outcome(case.plain["outcome"]) for case in self._cases]

    @property
    def run(self) -> dict[str, Any]:
        """The contents of run.json."""
        return {**self._head(), "cases": [case.plain for case in self._cases]}

    def _head(self) -> dict[str, Any]:
        """The entries on the run as a whole, without its cases."""
        return {
            "schema": SCHEMA_VERSION,
            "run_id": self.run_id,
            "started": self._started,
            "seconds": round(time.monotonic() - self._clock, 3),
            "ended": self._ended,
            "why": self._why,
            "selection": asdict(self._selection) if self._selection else None,
            "guest": self._guest,
            "settings": self._settings,
            "requirements": self._requirements,
        }

    def _content(self) -> bytes:
        """The same as text, a line for each case, which was put into words once."""
        head = json.dumps(self._head())[:-1]
        cases = ",\n".join(case.text for case in self._cases)
        return f'{head},\n"cases": [\n{cases}\n]}}\n'.encode()

    def write(self) -> None:
        """Stores all of it as it is now. Raises CannotKeep."""
        begun = time.monotonic()
        try:
            write_atomically(self.folder / RUN_FILE, self._content())
        except OSError as error:
            raise CannotKeep(self.folder, error) from error
        # It is written whole: the longer that takes, the more seldom, so that a long run does little else.
        ended = time.monotonic()
        self._next_writing = ended + max(_WRITE_INTERVAL, _WRITE_PAUSE * (ended - begun))


def latest_of(results: Path) -> str:
    """The name of the run that `latest` points to; empty when it points to none."""
    link = results / LATEST
    return link.readlink().name if link.is_symlink() and is_folder(link) else ""


def new_run_id() -> str:
    """The name of a run that begins now."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def make_folders(run: Path) -> None:
    """The folders that the evidence of a run's cases goes into. Raises UsageError when they cannot be."""
    try:
        for name in _FOLDERS:
            (run / name).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot keep results in {short(run)}: {reason(error)}") from None


def load_run(path: Path) -> dict[str, Any]:
    """A run.json, or the one in a folder, its texts made printable.

    UsageError when it is damaged, of a schema that is not read, or not to be read at all.
    """
    from harness.report.schema import faults_of  # what only writes need not wait for pydantic

    path = path / RUN_FILE if is_folder(path) else path
    run = read_json(path)
    if not isinstance(run, dict) or run.get("schema") not in READABLE:
        raise UsageError(f"{short(path)} is not a run of schema {' or '.join(map(str, READABLE))}")
    if run["schema"] != SCHEMA_VERSION:
        from harness.report.schema_3 import upgraded  # of old runs only

        run = upgraded(run, SCHEMA_VERSION)
    if faults := faults_of(run):
        raise UsageError(f"{short(path)} is damaged: {faults}")
    told: dict[str, Any] = all_printable(run)
    return told
