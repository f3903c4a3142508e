# SPDX-License-Identifier: Apache-2.0
"""The nights that a night is compared with: the one before, the pinned one, any other, or another build's."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Select, exists, or_, select

from harness.core.errors import UsageError
from harness.history.loading import WHOLE_RUN, NightHead, SeenCell, SeenNight, find, heads, load, load_cell
from harness.history.night import CellStatus
from harness.history.schema import attempts, cells, nights


@dataclass(frozen=True)
class Reference:
    """Its cells, by the name of the cell that is compared with each."""

    name: str
    cells: Mapping[str, SeenCell]


def named(connection: Connection, name: str) -> Reference:
    """The night of this id. Raises UsageError when it is missing."""
    head = find(connection, name)
    return Reference(head.name, load(connection, head).cells)


def baseline(connection: Connection, matrix: str) -> Reference | None:
    """The night that was pinned for this matrix."""
    for head in heads(connection, matrix):
        if head.pinned:
            return Reference(f"{head.name}, the pinned baseline", load(connection, head).cells)
    return None


def previous(connection: Connection, night: SeenNight) -> Reference | None:
    """The night of the same matrix before this one.

    For a cell that did not come to its end then, the latest that did.
    """
    older = [head for head in heads(connection, night.head.matrix) if _order(head) < _order(night.head)]
    if not older:
        return None
    found = dict(load(connection, older[0]).cells)
    instead = []
    for name in night.cells:
        if name in found and not found[name].whole:
            row = connection.execute(_earlier(night.head).where(cells.c.name == name).limit(1)).first()
            if row:
                found[name] = load_cell(connection, row)
                instead.append(name)
    also = (
        f" (for {', '.join(instead)} an earlier one, as it did not come to its end then)" if instead else ""
    )
    return Reference(f"{older[0].name}, the night before{also}", found)


def build(connection: Connection, night: SeenNight, wanted: str) -> Reference:
    """For each cell the latest with the same settings whose guest was of this build.

    Raises UsageError when no cell has one.
    """
    found: dict[str, SeenCell] = {}
    rows = connection.execute(_earlier(night.head, itself=True).where(cells.c.build == wanted)).all()
    for name, cell in night.cells.items():
        fitting = [row for row in rows if row.settings == cell.settings]
        # Of several guests with this build, the cell's own.
        fitting.sort(key=lambda row: (row.name != name, row.guest != cell.guest))
        if fitting:
            found[name] = load_cell(connection, fitting[0])
    if not found:
        known = ", ".join(sorted(set(connection.scalars(select(cells.c.build).where(cells.c.build != "")))))
        raise UsageError(
            f"the history holds no cell of build {wanted!r} with the settings of this night; "
            f"its builds are {known or 'not known'}"
        )
    return Reference(f"build {wanted}", found)


def _order(head: NightHead) -> tuple[str, int]:
    return head.started, head.id


def _earlier(head: NightHead, *, itself: bool = False) -> Select[*tuple[object, ...]]:
    """Finished cells of nights before this one, the latest first."""
    before = or_(
        nights.c.started < head.started, (nights.c.started == head.started) & (nights.c.id < head.id)
    )
    statement = select(cells).join(nights, nights.c.id == cells.c.night_id)
    whole_run = exists().where(
        attempts.c.cell_id == cells.c.id,
        attempts.c.run.is_not(None),
        attempts.c.exit_status.in_(WHOLE_RUN),
    )
    statement = statement.where(cells.c.status == CellStatus.DONE.value, whole_run)
    statement = statement.where(or_(before, nights.c.id == head.id) if itself else before)
    if not itself:
        statement = statement.where(nights.c.matrix == head.matrix)
    return statement.order_by(nights.c.started.desc(), cells.c.id.desc())
