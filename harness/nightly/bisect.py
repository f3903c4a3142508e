# SPDX-License-Identifier: Apache-2.0
"""Which neighbour spoils a case: one that passes alone and fails among others in the same guest."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.nightly.attempt import run_in
from harness.nightly.plan import Plan
from harness.nightly.runner import Place
from harness.report.record import load_run
from harness.run.options import DEFAULTS
from harness.verdict.outcome import Outcome

# Does the case pass when it shares a guest with these? Raises HarnessError when nobody can tell.
Passes = Callable[[Sequence[str]], bool]


class FindingKind(Enum):
    """The result of a search."""

    FOUND = "this case spoils it"
    TOGETHER = "only several of these together spoil it; no half of them does"
    FAILS_ALONE = "it fails alone too: no neighbour is needed"
    NOT_AGAIN = "not reproducible: it passed with all of its neighbours, or no longer failed with one"


@dataclass(frozen=True)
class BisectResult:
    """A finding, and the cases that it is about."""

    kind: FindingKind
    cases: Sequence[str] = ()


def search(neighbours: Sequence[str], passes: Passes) -> BisectResult:
    """Needs at most 2 log2(n) + 4 runs; tries its find once more, so that chance is not taken for it."""
    if not passes(()):
        return BisectResult(FindingKind.FAILS_ALONE)
    if not neighbours or passes(neighbours):
        return BisectResult(FindingKind.NOT_AGAIN)
    suspects = neighbours
    while len(suspects) > 1:
        middle = len(suspects) // 2
        guilty = next((half for half in (suspects[:middle], suspects[middle:]) if not passes(half)), None)
        if guilty is None:
            return BisectResult(FindingKind.TOGETHER, suspects)
        suspects = guilty
    return BisectResult(FindingKind.NOT_AGAIN if passes(suspects) else FindingKind.FOUND, suspects)


def neighbours_of(plan: Plan, case: str) -> list[str]:
    """The cases of the cell that begin before this one, and those that may begin before it ends.

    Raises UsageError when the cell has no such case.
    """
    if case not in plan.cases:
        raise UsageError(f"cell {plan.name} has no case {case!r}; name it as `run --list` does")
    place = plan.cases.index(case)
    behind = int(plan.settings.get("at_once", DEFAULTS["at_once"])) - 1
    return [*plan.cases[:place], *plan.cases[place + 1 : place + 1 + behind]]


class Tries:
    """`passes`, for real: a run of the cell's settings for each try, kept below `folder`."""

    def __init__(self, plan: Plan, case: str, place: Place, folder: Path, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._case = case
        self._place = place
        self._folder = folder
        self._say = say
        self._numbers = itertools.count(1)

    def passes(self, neighbours: Sequence[str]) -> bool:
        chosen = {self._case, *neighbours}
        cases = [case for case in self._plan.cases if case in chosen]
        folder = self._folder / f"try-{next(self._numbers)}"
        company = f"with {len(neighbours)} other cases" if neighbours else "alone"
        self._say(f"{folder.name}: {company}")
        ended, _ = self._place.perform(self._plan.only(cases, alone=False), folder, self)
        outcome = self._outcome(folder)
        if outcome is None or outcome.errors:
            why = ended.why or f"the case came to {outcome or 'nothing'}"
            raise HarnessError(f"nothing can be said of {folder.name}: {why}; see {folder}")
        self._say(f"{folder.name}: {outcome}, after {ended.seconds:.0f} s")
        return not outcome.fails

    def _outcome(self, folder: Path) -> Outcome | None:
        run = run_in(folder)
        cases = load_run(run)["cases"] if run else []
        return next((Outcome(case["outcome"]) for case in cases if case["id"] == self._case), None)

    def counts(self, done: int) -> None:
        """Tries are short: their beginning and end are enough to tell."""

    def lost(self, worker: str, why: str) -> Path:
        raise HarnessError(f"{why}; a search stays on one host")
