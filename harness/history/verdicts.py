# SPDX-License-Identifier: Apache-2.0
"""What the attempts of a case come to, all together. None of them is forgotten for a later one."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.history.schema import CODES, FLAKY
from harness.verdict import Outcome

FLAKY_NAME = "flaky"


@dataclass(frozen=True)
class Verdict:
    """On a case in a cell of a night."""

    outcome: Outcome  # the worst that an attempt came to
    flaky: bool = False  # attempts that judged the guest disagree

    def __str__(self) -> str:
        return FLAKY_NAME if self.flaky else self.outcome

    @property
    def fails(self) -> bool:
        """Did the guest fail in any attempt?"""
        return self.outcome.fails

    @property
    def errors(self) -> bool:
        """Is it left open what the guest does?"""
        return self.outcome.errors or (self.flaky and not self.outcome.fails)

    @property
    def code(self) -> int:
        """As it is counted in the store."""
        return FLAKY if self.flaky else CODES[self.outcome]


def verdict(outcomes: Sequence[Outcome]) -> Verdict:
    """Of at least one attempt.

    What says nothing about the guest (lost evidence, a failure of ours)
    disagrees with nothing; it is the verdict only when no attempt says more.
    """
    judged = [outcome for outcome in outcomes if not outcome.errors]
    if not judged:
        return Verdict(outcomes[-1])
    return Verdict(max(judged, key=CODES.__getitem__), flaky=len(set(judged)) > 1)
