# SPDX-License-Identifier: Apache-2.0
"""Reads a run for the store: checked, and of letters and lengths that every database takes.

Runs hold what guests said, and a host may have died while it wrote one.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.history.schema import LONGEST_WHY, NAME
from harness.report.record import RUN_FILE, load_run
from harness.report.samples import measured_by
from harness.verdict import Outcome

_QUIET = (Outcome.PASS, Outcome.RECORDED, Outcome.UNSUPPORTED)
_ARTEFACTS = ("capture", "trace", "scenario", "timeline", "serial_log")
_FIGURES = ("p50", "p90", "p99", "max")
_LARGEST = 1 << 62  # ns: what a column holds
_MOST_UNPACKED = 256 << 20  # bytes of samples of one case


@dataclass(frozen=True)
class TakenCase:
    """One case of a run, as the store takes it."""

    name: str
    sentence: str
    rows: list[str]
    outcome: Outcome
    first: Outcome | None  # when the run tried it twice
    why: str  # empty when all went well
    told: dict[str, str]  # what it recorded
    artefacts: dict[str, str]  # by kind; of the cases that did not go well, as the others are not looked at
    timings: list[dict[str, Any]] = field(default_factory=list)  # columns of a table
    series: bytes | None = None  # packed


@dataclass(frozen=True)
class TakenRun:
    """A run, or why there is nothing of it."""

    kind: str = ""  # of guest
    build: str = ""
    rows: dict[str, str] = field(default_factory=dict)  # statement by id
    cases: list[TakenCase] = field(default_factory=list)
    trouble: str = ""


def stamp(run: Path) -> str:
    """Another one when the run.json in this folder was written since; empty when it cannot be read."""
    try:
        found = (run / RUN_FILE).stat()
    except (OSError, ValueError):
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}"


def take(run: Path) -> TakenRun:
    """A run that cannot be read is no error: the night is kept without it, and says why."""
    try:
        told = load_run(run)
        cases = {case.name: case for case in (_case(run, case) for case in told["cases"])}
    except UsageError as error:
        return TakenRun(trouble=clean(str(error)))
    statements = {
        _name(row): clean(str(about.get("statement", ""))) for row, about in told["requirements"].items()
    }
    judged = {row for case in cases.values() for row in case.rows}
    return TakenRun(
        kind=clean(str(told["guest"].get("kind", "")), NAME),
        build=clean(str(told["guest"].get("build", ""))),
        rows={row: statements.get(row, "") for row in judged | set(statements)},
        cases=list(cases.values()),
    )


def clean(text: str, limit: int = LONGEST_WHY) -> str:
    """The text without lone surrogates, and without NUL, which PostgreSQL cannot store."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")[:limit]


def _name(text: str) -> str:
    """The id of a row or case, never cut: two that were cut to the same text would be mixed up."""
    if len(text) > NAME:
        raise UsageError(f"a name of {len(text)} letters is too long for the history: {clean(text, 60)}...")
    return clean(text, NAME)


def _case(run: Path, case: Mapping[str, Any]) -> TakenCase:
    outcome = Outcome(case["outcome"])
    tries = [Outcome(tried) for tried in case["attempts"] if tried in list(Outcome)]
    quiet = outcome in _QUIET
    return TakenCase(
        name=_name(case["id"]),
        sentence=clean(case["sentence"]),
        rows=[_name(str(row)) for row in case["requirements"]],
        outcome=outcome,
        first=tries[0] if len(tries) > 1 and tries[0] != outcome else None,
        why="" if quiet else clean(case["why"]),
        told={clean(str(what)): clean(str(seen)) for what, seen in case["recorded"].items()},
        artefacts={} if quiet else {kind: clean(case[kind]) for kind in _ARTEFACTS if case[kind]},
        timings=[
            {"operation": _name(operation), "quantity": clean(quantity, 16), **figures}
            for operation, quantities in case["timings"].items()
            for quantity, figures in _figures(quantities)
        ],
        series=_packed(run, case),
    )


def _figures(quantities: Any) -> list[tuple[str, dict[str, int]]]:
    """Rounds and percentiles by quantity; UsageError when they are something else."""
    if not isinstance(quantities, dict) or not all(isinstance(each, dict) for each in quantities.values()):
        raise UsageError("the run is damaged: a timing is not a table")
    figures = {
        quantity: {"rounds": told.get("count"), **{name: told.get(name) for name in _FIGURES}}
        for quantity, told in quantities.items()
        if "p50" in told  # one or no round has no percentiles
    }
    for told in figures.values():
        if not all(type(value) is int and 0 <= value < _LARGEST for value in told.values()):
            raise UsageError("the run is damaged: a percentile is no time in ns")
    return list(figures.items())


def _packed(run: Path, case: Mapping[str, Any]) -> bytes | None:
    measured = measured_by(run, case)
    return zlib.compress(json.dumps(measured, separators=(",", ":")).encode()) if measured else None


def unpacked(series: bytes) -> dict[str, dict[str, list[int]]]:
    """Unpacks the `series` of a case: ns by operation, quantity and round. UsageError when it is damaged."""
    try:
        told: dict[str, dict[str, list[int]]] = json.loads(
            zlib.decompressobj().decompress(series, _MOST_UNPACKED)
        )
    except (zlib.error, ValueError):
        raise UsageError("the samples of a case in the history are damaged: keep its night again") from None
    return told


def digest(told: Mapping[str, str]) -> str:
    """Digest of what a case recorded."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
