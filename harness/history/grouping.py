# SPDX-License-Identifier: Apache-2.0
"""Groups changes as people read them: variants of a test together, with their known issues."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import date

from harness.history.changes import ChangeKind, Changes, HistoryChange
from harness.history.failure import normalised
from harness.history.flaky import Flaky
from harness.history.known import KnownIssues
from harness.history.loading import SeenNight
from harness.history.status import day_of


@dataclass(frozen=True)
class Group:
    """Changes of the variants of a test that are alike."""

    first: HistoryChange
    cases: tuple[str, ...]
    known: bool  # all of them are failures that are known
    flaky: bool  # one of them is a case that is flaky

    @property
    def size(self) -> int:
        return len(self.cases)

    @property
    def name(self) -> str:
        """Name of the case, or of the test when several variants changed."""
        return test_of(self.first.case) if self.size > 1 else self.first.case


@dataclass(frozen=True)
class Marks:
    """Known issues of failures and cases on the day of a night."""

    day: date
    issues: KnownIssues
    flaky: Set[tuple[str, str]]  # cell and case

    @classmethod
    def of(cls, night: SeenNight, issues: KnownIssues, flaky: Iterable[Flaky]) -> "Marks":
        return cls(day_of(night), issues, {(each.cell, each.case) for each in flaky})

    def groups(self, changes: Changes, *kinds: ChangeKind) -> list[Group]:
        """Changes of these kinds, in their order."""
        alike: dict[tuple[str, ...], list[HistoryChange]] = {}
        for change in changes.of(*kinds):
            told = (change.what, change.before, change.after, normalised(change.why))
            alike.setdefault((change.kind, change.cell, test_of(change.case), *told), []).append(change)
        return [self._group(group) for group in alike.values()]

    def _group(self, alike: list[HistoryChange]) -> Group:
        return Group(
            alike[0],
            tuple(change.case for change in alike),
            known=all(
                change.failure is not None
                and self.issues.knows(change.cell, change.case, change.failure, self.day)
                for change in alike
            ),
            flaky=any((change.cell, change.case) in self.flaky for change in alike),
        )


def test_of(case: str) -> str:
    """The case's name without its variant."""
    return case.partition("[")[0]


def variants(cases: Iterable[object]) -> str:
    """How many, in words, when there is more than one."""
    count = sum(1 for _ in cases)
    return f" ({count} variants)" if count > 1 else ""
