# SPDX-License-Identifier: Apache-2.0
"""Outcomes of cases, and whose fault each is."""

from collections.abc import Iterable
from enum import StrEnum

from harness.core.errors import BehaviourChanged, EvidenceLost, GuestCrashed, GuestHung, Unsupported


class Outcome(StrEnum):
    """Outcome of a case. Only deviation, changed, hung and crashed are counted against the guest."""

    PASS = "pass"
    DEVIATION = "deviation"  # the guest broke a requirement
    RECORDED = "recorded"  # behaviour that no document fixes, as in the baseline
    CHANGED = "changed"  # the same, but not as in the baseline
    HUNG = "hung"
    CRASHED = "crashed"
    UNSUPPORTED = "unsupported"
    INCONCLUSIVE = "inconclusive"  # evidence was lost
    HARNESS_ERROR = "harness-error"

    @property
    def fails(self) -> bool:
        """Is it a failure of the pytest test?"""
        return self in (Outcome.DEVIATION, Outcome.CHANGED, Outcome.HUNG, Outcome.CRASHED)

    @property
    def errors(self) -> bool:
        """Is it an error of the pytest test: nothing about the guest?"""
        return self in (Outcome.INCONCLUSIVE, Outcome.HARNESS_ERROR)

    @property
    def skips(self) -> bool:
        """Is it a skip of the pytest test?"""
        return self == Outcome.UNSUPPORTED


_BY_ERROR: tuple[tuple[type[BaseException], Outcome], ...] = (
    (AssertionError, Outcome.DEVIATION),
    (BehaviourChanged, Outcome.CHANGED),
    (GuestHung, Outcome.HUNG),
    (GuestCrashed, Outcome.CRASHED),
    (Unsupported, Outcome.UNSUPPORTED),
    (EvidenceLost, Outcome.INCONCLUSIVE),
)


def classify(error: BaseException | None) -> tuple[Outcome, str]:
    """The outcome of a test body that ended with `error`, and why: one line, or pytest's explanation."""
    if error is None:
        return Outcome.PASS, ""
    why = str(error).strip() or type(error).__name__
    for kind, outcome in _BY_ERROR:
        if isinstance(error, kind):
            return outcome, why
    return Outcome.HARNESS_ERROR, why


def exit_status(outcomes: Iterable[Outcome]) -> int:
    """Exit status of a run: 1 when the guest failed, else 3 when something could not be judged, else 0."""
    seen = set(outcomes)
    if any(outcome.fails for outcome in seen):
        return 1
    return 3 if any(outcome.errors for outcome in seen) else 0
