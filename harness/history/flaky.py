# SPDX-License-Identifier: Apache-2.0
"""Cases that do one thing and then another, although nothing is known to have changed.

A case is flaky when attempts of one night disagree, or when its outcome went
forth and back in the last nights of the same cell and build. Once forth only is
a change, and told as one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from sqlalchemy import Connection, func, select

from harness.history.loading import NightHead, heads
from harness.history.schema import CODES, OUTCOMES, attempts, cases, cells, nights, outcomes
from harness.verdict import Outcome

WINDOW = 20  # nights
_CONFIDENCE = 0.95
_AT_ONCE = 500  # cases in one question
_OPEN = [code for outcome, code in CODES.items() if outcome.errors]


@dataclass(frozen=True)
class Flaky:
    """A flaky case of a cell, with all attempts of the last nights that judged the guest."""

    cell: str
    case: str
    rows: tuple[str, ...]
    counts: Counter[Outcome]
    nights: int
    tonight: bool  # attempts of the latest of these nights disagree
    low: float  # of the interval of 95 % around `rate`
    high: float

    @property
    def attempts(self) -> int:
        return self.counts.total()

    @property
    def failed(self) -> int:
        return sum(count for outcome, count in self.counts.items() if outcome.fails)

    @property
    def rate(self) -> float:
        """The share of attempts in which the guest failed."""
        return self.failed / self.attempts


def flaky_cases(connection: Connection, head: NightHead, window: int = WINDOW) -> list[Flaky]:
    """Flaky cases of this night's cells, judged with the matrix' nights before it; the worst first."""
    recent = [
        other.id
        for other in heads(connection, head.matrix)
        if (other.started, other.id) <= (head.started, head.id)
    ][:window]
    builds = dict(
        connection.execute(select(cells.c.name, cells.c.build).where(cells.c.night_id == head.id)).all()
    )
    found = [
        flaky
        for cell, build in builds.items()
        for flaky in _in_cell(connection, head.id, recent, cell, build)
    ]
    return sorted(found, key=lambda flaky: (not flaky.tonight, -flaky.low, flaky.cell, flaky.case))


def _in_cell(
    connection: Connection, tonight: int, recent: Sequence[int], cell: str, build: str
) -> list[Flaky]:
    judged = (
        select(outcomes.c.case_id)
        .join(attempts, attempts.c.id == outcomes.c.attempt_id)
        .join(cells, cells.c.id == attempts.c.cell_id)
        .where(cells.c.night_id.in_(recent), cells.c.name == cell, cells.c.build == build)
        .where(outcomes.c.outcome.not_in(_OPEN))
    )
    suspects = connection.scalars(
        judged.group_by(outcomes.c.case_id).having(
            func.min(outcomes.c.outcome) != func.max(outcomes.c.outcome)
        )
    ).all()
    found = []
    for start in range(0, len(suspects), _AT_ONCE):
        rows = connection.execute(
            judged.join(cases, cases.c.id == outcomes.c.case_id)
            .join(nights, nights.c.id == cells.c.night_id)
            .where(outcomes.c.case_id.in_(suspects[start : start + _AT_ONCE]))
            .with_only_columns(cases.c.name, cases.c.rows, cells.c.night_id, outcomes.c.outcome)
            .order_by(cases.c.name, nights.c.started, nights.c.id, attempts.c.number)
        )
        for name, group in groupby(rows, key=lambda row: row.name):
            seen = list(group)
            outcomes_by_night = [(row.night_id, OUTCOMES[row.outcome]) for row in seen]
            if _disagree(outcomes_by_night):
                found.append(_flaky(cell, name, seen[0].rows, outcomes_by_night, tonight))
    return found


def _disagree(seen: Sequence[tuple[int, Outcome]]) -> bool:
    """Within a night, or forth and back between nights. In order of time."""
    turns = [one for one, other in pairwise(seen) if one[1] != other[1]]
    within = any(one[0] == other[0] and one[1] != other[1] for one, other in pairwise(seen))
    return within or len(turns) > 1


def _flaky(
    cell: str, case: str, rows: Sequence[str], seen: Sequence[tuple[int, Outcome]], tonight: int
) -> Flaky:
    counts = Counter(outcome for _, outcome in seen)
    failed = sum(count for outcome, count in counts.items() if outcome.fails)
    low, high = interval(failed, len(seen))
    now = {outcome for night, outcome in seen if night == tonight}
    nights_seen = len({night for night, _ in seen})
    return Flaky(cell, case, tuple(rows), counts, nights_seen, len(now) > 1, low, high)


def interval(failed: int, total: int) -> tuple[float, float]:
    """95 % around failed / total (Clopper and Pearson, Biometrika 26, 1934)."""
    from scipy.special import betaincinv  # a fifth of a second, and many nights have nothing flaky

    tail = (1 - _CONFIDENCE) / 2
    low = float(betaincinv(failed, total - failed + 1, tail)) if failed else 0.0
    high = float(betaincinv(failed + 1, total - failed, 1 - tail)) if failed < total else 1.0
    return low, high
