# SPDX-License-Identifier: Apache-2.0
"""A guest that crashes with several cases in it: each of them runs again alone, and no crash is lost."""

from typing import Any

from harness.core.errors import GuestCrashed
from harness.run.case import Case
from harness.run.executor import Result, decide
from harness.run.guest_pool import SharedLoss
from harness.verdict import Outcome

NO_SESSION: Any = None


def result(error: BaseException | None) -> Result:
    return Result(Case(NO_SESSION, "a case"), 1.0, error)


def crash() -> Result:
    return result(GuestCrashed("the guest crashed: STOP 0x44"))


def test_the_case_that_crashes_alone_answers_for_the_crash() -> None:
    loss = SharedLoss(undecided=2)
    assert decide(crash(), result(None), loss).outcome == Outcome.PASS
    assert decide(crash(), crash(), loss).outcome == Outcome.CRASHED


def test_once_it_is_explained_the_others_keep_the_verdict_that_they_earned_alone() -> None:
    loss = SharedLoss(undecided=2)
    decide(crash(), crash(), loss)
    assert decide(crash(), result(AssertionError("no FIN")), loss).outcome == Outcome.DEVIATION


def test_a_crash_that_no_case_repeats_is_still_a_crash() -> None:
    loss = SharedLoss(undecided=2)
    assert decide(crash(), result(None), loss).outcome == Outcome.PASS
    assert decide(crash(), result(None), loss).outcome == Outcome.CRASHED


def test_both_attempts_are_kept() -> None:
    decided = decide(crash(), result(None), SharedLoss(undecided=2))
    assert decided.attempts == [Outcome.CRASHED, Outcome.PASS]
