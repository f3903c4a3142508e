# SPDX-License-Identifier: Apache-2.0
"""Writes a night into the store, a cell at a time: only what was added since it was last kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from harness.core.errors import UsageError
from harness.core.files import is_folder
from harness.history.database import Database, insert_new, put
from harness.history.failure import failure_key
from harness.history.night import Attempt, Cell, Night, load_night
from harness.history.run_reader import TakenCase, TakenRun, clean, digest, stamp, take
from harness.history.schema import (
    CODES,
    NAME,
    OUTCOMES,
    artefacts,
    attempts,
    cases,
    cell_counts,
    cells,
    code_of,
    nights,
    observations,
    outcomes,
    requirements,
    row_counts,
    samples,
    timings,
)
from harness.verdict import Outcome
from harness.verdict.attempts import case_verdict

_AT_ONCE = 500  # names in one question: what every database takes


@dataclass(frozen=True)
class _New:
    """An attempt that is not in the store as it is now, and what its run holds."""

    attempt: Attempt
    run: str | None
    stamp: str
    taken: TakenRun


def keep(database: Database, folder: Path) -> str:
    """Brings every run of the night in `folder` into the store, and returns the night's id.

    The night may go on, or have been killed. Each cell is a transaction of its
    own: whoever looks meanwhile sees whole cells. Raises UsageError when there
    is no night; a run of it that cannot be read is kept as an attempt that says why.
    """
    night = load_night(folder)
    folder = (folder if is_folder(folder) else folder.parent).resolve()
    with database.writing() as connection:
        night_id = put_night(connection, night, folder)
    for cell in night.cells:
        with database.reading() as connection:
            stamps = _stamps(connection, night_id, cell.name)
        new = list(_new(cell, folder, stamps))
        with database.writing() as connection:
            _put_cell(connection, night_id, cell, new)
    return night.night_id


def put_night(connection: Connection, night: Night, folder: Path) -> int:
    """Writes the night itself; returns its id in the store."""
    row = {
        "name": _name(night.night_id),
        "matrix": _name(night.matrix),
        "matrix_sha256": clean(night.matrix_sha256, 64),
        "started": in_utc(night.started),
        "seconds": night.seconds,
        "ended": night.ended,
        "folder": clean(str(folder)),
    }
    return put(connection, nights, row, ["name"])


def _stamps(connection: Connection, night_id: int, cell: str) -> dict[int, str]:
    """Time stamps of the attempts in the store, by number."""
    statement = select(attempts.c.number, attempts.c.stamp).join(cells, cells.c.id == attempts.c.cell_id)
    found = connection.execute(statement.where(cells.c.night_id == night_id, cells.c.name == _name(cell)))
    return dict(found.all())


def _new(cell: Cell, folder: Path, stamps: Mapping[int, str]) -> Iterator[_New]:
    for attempt in cell.attempts:
        run = _run_folder(folder, attempt.run)
        written = stamp(run) if run else ""
        now = f"{written} {attempt.exit_status} {attempt.seconds}"
        known = stamps.get(attempt.number)
        # What was kept outlives the folder that it came from.
        if known is None or (known != now and (written or known.startswith(" "))):
            yield _New(attempt, attempt.run if run else None, now, take(run) if run else TakenRun())


def _put_cell(connection: Connection, night_id: int, cell: Cell, new: Sequence[_New]) -> None:
    row = {
        "night_id": night_id,
        "name": _name(cell.name),
        "guest": _name(cell.guest),
        "settings": {clean(name): _plain(value) for name, value in cell.settings.items()},
        "status": cell.status.value,
        "kind": "",
        "build": "",
    }
    cell_id = put(connection, cells, row, ["night_id", "name"])
    for each in new:
        _put_attempt(connection, cell_id, clean(cell.name), each)
    known = select(attempts.c.kind, attempts.c.build).where(
        attempts.c.cell_id == cell_id, attempts.c.build != ""
    )
    guest = connection.execute(known.order_by(attempts.c.number.desc()).limit(1)).first()
    if guest:
        connection.execute(
            update(cells).where(cells.c.id == cell_id).values(kind=guest.kind, build=guest.build)
        )
    if new:
        _count(connection, cell_id)


def _put_attempt(connection: Connection, cell_id: int, cell: str, new: _New) -> None:
    attempt = new.attempt
    row = {
        "cell_id": cell_id,
        "number": attempt.number,
        "run": clean(new.run) if new.run else None,
        "started": in_utc(attempt.started),
        "seconds": attempt.seconds,
        "exit_status": attempt.exit_status,
        "worker": clean(attempt.worker),
        "why": "; ".join(filter(None, (clean(attempt.why), new.taken.trouble))),
        "kind": new.taken.kind,
        "build": new.taken.build,
        "stamp": new.stamp,
    }
    attempt_id = put(connection, attempts, row, ["cell_id", "number"])
    for table in (outcomes, timings, samples, artefacts):
        connection.execute(delete(table).where(table.c.attempt_id == attempt_id))
    _insert_run(connection, attempt_id, cell, new.taken)


def _run_folder(folder: Path, run: str | None) -> Path | None:
    """The run's folder, or None when it is missing or lies outside the night's folder."""
    if not run or "\0" in run:
        return None
    whole = (folder / run).resolve()
    return whole if whole.is_relative_to(folder) else None


def _insert_run(connection: Connection, attempt_id: int, cell: str, taken: TakenRun) -> None:
    ids = _case_ids(connection, taken.cases)
    _put_requirements(connection, taken.rows)
    told = {digest(case.told): case.told for case in taken.cases if case.told}
    insert_new(connection, observations, [{"digest": key, "told": told[key]} for key in sorted(told)])
    seen = _ids(connection, observations, "digest", told)

    def rows_of(case: TakenCase) -> dict[str, Any]:
        return {"attempt_id": attempt_id, "case_id": ids[case.name]}

    _insert(
        connection,
        outcomes,
        (
            rows_of(case)
            | {
                "outcome": CODES[case.outcome],
                "first": CODES[case.first] if case.first else None,
                "failure": failure_key(cell, case.name, case.outcome, case.why)
                if case.outcome.fails
                else None,
                "observation_id": seen[digest(case.told)] if case.told else None,
                "why": case.why or None,
            }
            for case in taken.cases
        ),
    )
    _insert(connection, timings, (rows_of(case) | row for case in taken.cases for row in case.timings))
    _insert(
        connection, samples, (rows_of(case) | {"series": case.series} for case in taken.cases if case.series)
    )
    _insert(
        connection,
        artefacts,
        (
            rows_of(case) | {"kind": kind, "path": path}
            for case in taken.cases
            for kind, path in case.artefacts.items()
        ),
    )


def _case_ids(connection: Connection, taken: Sequence[TakenCase]) -> dict[str, int]:
    """Ids of these cases, whose sentences and rows are now the latest."""
    rows = {
        case.name: {"name": case.name, "sentence": case.sentence, "rows": case.rows}
        for case in sorted(taken, key=lambda case: case.name)
    }
    insert_new(connection, cases, list(rows.values()))
    ids: dict[str, int] = {}
    changed = []
    for names in _parts(list(rows)):
        for found in connection.execute(select(cases).where(cases.c.name.in_(names))):
            ids[found.name] = found.id
            now = rows[found.name]
            if (found.sentence, found.rows) != (now["sentence"], now["rows"]):
                changed.append({"of": found.id, "new_sentence": now["sentence"], "new_rows": now["rows"]})
    if changed:
        statement = update(cases).where(cases.c.id == bindparam("of"))
        new = {"sentence": bindparam("new_sentence"), "rows": bindparam("new_rows", type_=cases.c.rows.type)}
        connection.execute(statement.values(**new), changed)
    return ids


def _put_requirements(connection: Connection, rows: Mapping[str, str]) -> None:
    found = connection.execute(select(requirements.c.name, requirements.c.statement))
    present = dict(found.all())
    for name, statement in sorted(rows.items()):
        if present.get(name) is None or (statement and present[name] != statement):
            put(connection, requirements, {"name": name, "statement": statement}, ["name"])


def _ids(connection: Connection, table: Table, column: str, values: Iterable[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for part in _parts(list(values)):
        found = connection.execute(select(table.c[column], table.c.id).where(table.c[column].in_(part)))
        ids.update(found.all())
    return ids


def _count(connection: Connection, cell_id: int) -> None:
    """Makes the cell's counts anew, from the verdicts of all its attempts."""
    tried: dict[int, list[Outcome]] = defaultdict(list)
    rows_of: dict[int, list[str]] = {}
    statement = (
        select(outcomes.c.case_id, outcomes.c.outcome, cases.c.rows)
        .join(attempts, attempts.c.id == outcomes.c.attempt_id)
        .join(cases, cases.c.id == outcomes.c.case_id)
        .where(attempts.c.cell_id == cell_id)
        .order_by(attempts.c.number)
    )
    for case, outcome, rows in connection.execute(statement):
        tried[case].append(OUTCOMES[outcome])
        rows_of[case] = rows
    verdicts = {case: code_of(case_verdict(seen)) for case, seen in tried.items()}
    by_row = Counter((row, code) for case, code in verdicts.items() for row in dict.fromkeys(rows_of[case]))
    ids = _ids(connection, requirements, "name", {row for row, _ in by_row})
    for table in (cell_counts, row_counts):
        connection.execute(delete(table).where(table.c.cell_id == cell_id))
    _insert(
        connection,
        cell_counts,
        (
            {"cell_id": cell_id, "verdict": code, "cases": count}
            for code, count in Counter(verdicts.values()).items()
        ),
    )
    _insert(
        connection,
        row_counts,
        (
            {"cell_id": cell_id, "requirement_id": ids[row], "verdict": code, "cases": count}
            for (row, code), count in by_row.items()
        ),
    )


def _insert(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    given = list(rows)
    if given:
        connection.execute(insert(table), given)


def _parts(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))


def _name(text: str) -> str:
    if not text or len(text) > NAME:
        raise UsageError(f"the night is damaged: {clean(text, 60)!r} is no name")
    return clean(text, NAME)


def _plain(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


def in_utc(marker: str) -> str:
    """The time as it is stored: to the second, in UTC, so that the order of texts is that of time."""
    try:
        return datetime.fromisoformat(marker).astimezone(UTC).isoformat(timespec="seconds")
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"the night is damaged: {marker!r} is no time") from None
