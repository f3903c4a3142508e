# SPDX-License-Identifier: Apache-2.0
"""The verdict of several attempts: at a case, at a cell of a matrix, and over a night.

An attempt adds to what is known and takes nothing away: a failure stays a
failure whatever follows, in whatever order the attempts are read. One that says
nothing about the guest (lost evidence, a failure of ours) disagrees with
nothing, and is the verdict only while no other says more.

Exit statuses, the worst first, of a case's cell and of the night alike:

    1  the guest failed a case, in any attempt
    2  the cell is configured wrongly: its last attempt was not accepted
    3  something is open: a case that no attempt could judge, or whose attempts
       contradict each other without a failure; a cell that no attempt went
       through; a night that did not come to its end
    0  none of these
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.verdict.outcome import Outcome

PASSED, FAILED, NOT_ACCEPTED, OPEN = range(4)  # exit statuses, as of a run
LOST = -1  # of an attempt whose process or host ended on the way: it is repeated
CUT_SHORT = -2  # of one that was ended at its time limit
FLAKY = "flaky"

MILDEST_FIRST = (
    Outcome.INCONCLUSIVE,
    Outcome.HARNESS_ERROR,
    Outcome.PASS,
    Outcome.RECORDED,
    Outcome.UNSUPPORTED,
    Outcome.CHANGED,
    Outcome.DEVIATION,
    Outcome.HUNG,
    Outcome.CRASHED,
)
_WORST_FIRST = (FAILED, NOT_ACCEPTED, OPEN, PASSED)


@dataclass(frozen=True)
class CaseVerdict:
    """The verdict on a case, by all of its attempts."""

    outcome: Outcome  # the worst of any attempt
    flaky: bool = False  # attempts that judged the guest disagree

    def __str__(self) -> str:
        return FLAKY if self.flaky else self.outcome

    @property
    def fails(self) -> bool:
        """Did the guest fail in any attempt?"""
        return self.outcome.fails

    @property
    def errors(self) -> bool:
        """Is it left open what the guest does?"""
        return self.outcome.errors or (self.flaky and not self.outcome.fails)

    @property
    def passed(self) -> bool:
        """Is there nothing to be looked at again?"""
        return not self.fails and not self.errors


@dataclass(frozen=True)
class AttemptResult:
    """One attempt at a cell: the exit status of its run, and the outcomes of its cases that are known."""

    exit_status: int
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def went_through(self) -> bool:
        """Whether it performed all of its cases; with status 3 it did when one of its cases explains that."""
        if self.exit_status == OPEN:
            return any(outcome.errors for outcome in self.outcomes.values())
        return self.exit_status in (PASSED, FAILED) and bool(self.outcomes)


def case_verdict(outcomes: Iterable[Outcome]) -> CaseVerdict:
    """Verdict of one case from all its attempts, at least one."""
    seen = set(outcomes)
    judged = {outcome for outcome in seen if not outcome.errors}
    return CaseVerdict(max(judged or seen, key=MILDEST_FIRST.index), flaky=len(judged) > 1)


def case_verdicts(attempts: Iterable[AttemptResult]) -> dict[str, CaseVerdict]:
    """Verdict of every case that any attempt judged, by case id."""
    seen: dict[str, list[Outcome]] = {}
    for attempt in attempts:
        for case, outcome in attempt.outcomes.items():
            seen.setdefault(case, []).append(outcome)
    return {case: case_verdict(outcomes) for case, outcomes in seen.items()}


def is_whole(attempts: Iterable[AttemptResult], *, done: bool) -> bool:
    """Whether a cell is whole: a case that is missing from a whole cell was not selected."""
    return done and any(attempt.went_through for attempt in attempts)


def cell_status(
    attempts: Sequence[AttemptResult], *, done: bool, excused: Callable[[str], bool] = lambda case: False
) -> int:
    """The exit status of a cell. Failures of cases that are `excused` do not count."""
    verdicts = case_verdicts(attempts)
    if any(verdict.fails and not excused(case) for case, verdict in verdicts.items()):
        return FAILED
    # A run that is not there any more has told its exit status.
    if any(attempt.exit_status == FAILED and not attempt.outcomes for attempt in attempts):
        return FAILED
    ended = [attempt.exit_status for attempt in attempts if attempt.exit_status != LOST]
    if ended and ended[-1] == NOT_ACCEPTED:
        return NOT_ACCEPTED
    judged = is_whole(attempts, done=done) and not any(verdict.errors for verdict in verdicts.values())
    return PASSED if judged else OPEN


def night_status(cells: Iterable[int], *, ended: bool) -> int:
    """The exit status of a night: the worst of its cells'."""
    seen = {*cells, PASSED if ended else OPEN}
    return next(status for status in _WORST_FIRST if status in seen)
