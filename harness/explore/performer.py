# SPDX-License-Identifier: Apache-2.0
"""Performs recipes side by side in one guest, and tells the result of each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.core.errors import EvidenceLost, HarnessError, Unsupported
from harness.core.units import ms
from harness.explore.facts import Facts, facts_of
from harness.explore.recipe import Recipe
from harness.run.case import Case
from harness.run.executor import Executor, Result, TestJob
from harness.run.session import GuestLost
from harness.scenario import Scenario
from harness.verdict import Outcome

PEER_TIMEOUT = 300 * ms  # for what nothing tells of the scenario's end
_EVIDENCE_LOST = (Outcome.INCONCLUSIVE, Outcome.HARNESS_ERROR, Outcome.UNSUPPORTED)


@dataclass(frozen=True)
class Seen:
    """A recipe with its result."""

    name: str
    recipe: Recipe
    result: Result

    @property
    def signs(self) -> frozenset[str]:
        """The broken laws by their names, else a failing outcome; empty when evidence was lost."""
        outcome = self.result.outcome
        laws = {judgement.law.name for _, judgement in self.result.case.judgements if judgement.violated}
        if outcome in _EVIDENCE_LOST:
            return frozenset()
        return frozenset(laws or ({str(outcome)} if outcome.fails else ()))

    @property
    def says_nothing(self) -> bool:
        return self.result.outcome in _EVIDENCE_LOST

    @cached_property
    def facts(self) -> Facts:
        """The facts by which two guests are compared; empty without a timeline."""
        timeline = self.result.case.evidence.timeline
        return {} if self.says_nothing or timeline is None else facts_of(timeline)

    @property
    def opens(self) -> list[str]:
        """Laws that could not be judged."""
        return [judgement.law.name for _, judgement in self.result.case.judgements if judgement.open]


async def perform(lab: Any, recipe: Recipe) -> None:
    """The body of the case: the laws judge the timeline."""
    peer = lab.peer(recipe.behaviour, recipe.family)
    plan = Scenario(own_client=recipe.static)
    recipe.perform(plan, peer)
    await lab.run(plan, peer, peer_timeout=PEER_TIMEOUT)


class Performer:
    """Hands recipes to an executor that is open, and takes the results as they come."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._waiting: dict[str, Recipe] = {}

    @property
    def waiting(self) -> int:
        """How many were begun and have not been taken."""
        return len(self._waiting)

    def begin(self, named: Iterable[tuple[str, Recipe]]) -> None:
        jobs = [TestJob(name, perform, {"recipe": recipe}) for name, recipe in named]
        self._waiting |= {job.name: job.arguments["recipe"] for job in jobs}
        self._executor.start(jobs)

    def take(self, most_left: int = 0) -> Iterator[Seen]:
        """Results, until no more than so many are waited for."""
        while self.waiting > most_left:
            name, result = self._executor.next_result()
            yield Seen(name, self._waiting.pop(name), result)

    def pool(self) -> dict[str, str] | None:
        """The contents of the guest's pool when no call is pending; None where they cannot be had."""
        try:
            return self._executor.perform(Case(self._executor.session, "pool").pool())
        except (Unsupported, EvidenceLost, HarnessError, GuestLost):
            return None

    def once(self, name: str, recipe: Recipe) -> Seen:
        """One recipe by itself; nothing else may be waited for."""
        self.begin([(name, recipe)])
        (seen,) = self.take()
        return seen


def rows_of(seen: Seen) -> Sequence[str]:
    """The rows that the laws blame."""
    found = [
        violation.row for _, judgement in seen.result.case.judgements for violation in judgement.violations
    ]
    return list(dict.fromkeys(found))
