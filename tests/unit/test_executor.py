# SPDX-License-Identifier: Apache-2.0
"""Cases that are tried again: alone, and no verdict on the guest is lost by it."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from harness.core.errors import ClockContradicted, EvidenceLost, GuestCrashed, GuestHung, HarnessError
from harness.run import executor
from harness.run.case import Case
from harness.run.executor import Result, decide
from harness.run.guest_pool import SharedLoss
from harness.run.turns import Turns
from harness.verdict import Outcome
from harness.verdict.laws import LAWS, Judgement, Violation

NO_SESSION: Any = None
NO_TIMELINE: Any = None


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


async def no_body(**_: object) -> None:
    """Nothing is performed here."""


def perform(monkeypatch: pytest.MonkeyPatch, ends: dict[str, list[BaseException | None]]) -> "Performed":
    """The jobs by their names, each of whose tries ends as it is listed."""
    performed = Performed()

    async def attempt(_session: Any, job: executor.TestJob) -> Result:
        performed.tries.append(job.name)
        performed.begins()
        await asyncio.sleep(0.01)
        performed.now -= 1
        ended = result(ends[job.name].pop(0))
        ended.attempts = [ended.outcome]
        return ended

    async def scene() -> list[Result]:
        turns = Turns(ThisLoop(), at_once=2)  # type: ignore[arg-type]
        await turns.expect(sharing=len(ends), another=True)
        turns.add(ThisLoop())  # type: ignore[arg-type]
        retries = executor._Retries(len(ends))
        jobs = [executor.TestJob(name, no_body, {}) for name in ends]
        return await asyncio.gather(*(executor._perform(turns, job, retries) for job in jobs))

    monkeypatch.setattr(executor, "_attempt", attempt)
    performed.results = dict(zip(ends, asyncio.run(scene()), strict=True))
    return performed


class ThisLoop:
    """A lab of the loop that asks."""

    session = NO_SESSION

    async def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return await work


class Performed:
    """The cases tried, in order, and the results by name."""

    def __init__(self) -> None:
        self.tries: list[str] = []
        self.results: dict[str, Result] = {}
        self.now = 0
        self.most = {True: 0, False: 0}  # at once, of first tries and of later ones

    def begins(self) -> None:
        self.now += 1
        is_first = self.tries.count(self.tries[-1]) == 1
        self.most[is_first] = max(self.most[is_first], self.now)


def test_what_says_nothing_about_the_guest_is_tried_again_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, ours = EvidenceLost("too close"), HarnessError("no port")
    performed = perform(monkeypatch, {"one": [lost, None], "two": [ours, ours], "three": [None]})
    assert sorted(performed.tries[:3]) == ["one", "three", "two"]
    assert sorted(performed.tries[3:]) == ["one", "two"]
    one, two = performed.results["one"], performed.results["two"]
    assert (one.outcome, one.attempts) == (Outcome.PASS, [Outcome.INCONCLUSIVE, Outcome.PASS])
    assert [earlier.error for earlier in one.earlier] == [lost]
    assert (two.outcome, two.attempts) == (Outcome.HARNESS_ERROR, [Outcome.HARNESS_ERROR] * 2)


def test_one_after_another_is_tried_again_however_many_guests_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    performed = perform(monkeypatch, {name: [EvidenceLost("too close"), None] for name in "abcd"})
    assert performed.most == {True: 2, False: 1}


@pytest.mark.parametrize("failure", [AssertionError("no FIN"), GuestHung("send #3")])
def test_a_failure_of_the_guests_is_never_tried_again(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    performed = perform(monkeypatch, {"one": [failure], "two": [EvidenceLost("too close"), failure]})
    assert performed.results["one"].attempts == [performed.results["one"].outcome]
    assert performed.results["two"].outcome.fails
    assert performed.tries.count("two") == 2


@pytest.mark.parametrize(
    ("ends", "outcome"),
    [
        (EvidenceLost("the scene was not as planned"), Outcome.DEVIATION),
        (ClockContradicted("the clock was set"), Outcome.INCONCLUSIVE),
        (HarnessError("the peer failed"), Outcome.HARNESS_ERROR),
        (None, Outcome.DEVIATION),
    ],
)
def test_a_law_that_does_not_hold_is_told_whatever_the_scene_was(
    ends: BaseException | None, outcome: Outcome
) -> None:
    async def body(lab: Case) -> None:
        lab.judgements.append(
            (NO_TIMELINE, Judgement(LAWS[0], (Violation("D-09", "its IRP completed twice"),)))
        )
        if ends:
            raise ends

    session: Any = Mock()
    session.distrust_clock = AsyncMock()
    tried = asyncio.run(executor._attempt(session, executor.TestJob("a case", body, {})))
    assert tried.outcome == outcome


def test_where_all_comes_to_nothing_not_all_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: dict[str, list[BaseException | None]] = {
        str(number): [HarnessError("no lab")] * 2 for number in range(executor.RETRIES + 20)
    }
    assert len(perform(monkeypatch, ends).tries) == len(ends) + executor.RETRIES
