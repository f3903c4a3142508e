# SPDX-License-Identifier: Apache-2.0
"""Performs the cases of a run side by side, in labs beside the thread that asks for them.

pytest asks for one test after the other; scenarios mostly wait. So all of them
are started as far as the guest has room, and each result is handed out as soon
as there is one. Those that want a guest to themselves have a second one, while
the others share the first.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from harness.core.errors import ClockContradicted, EvidenceLost
from harness.guest.base import Guest, Progress
from harness.run.case import Case
from harness.run.guest_pool import SharedLoss
from harness.run.lab import Lab
from harness.run.options import Settings
from harness.run.second_guest import is_wanted
from harness.run.session import GuestLost, Session
from harness.run.turns import Turns
from harness.verdict import Outcome, classify
from harness.verdict.laws import LawBroken

_log = logging.getLogger(__name__)


_T = TypeVar("_T")

RETRIES = 50  # cases of a lab that are tried again; where more come to nothing it is not for chance

Body = Callable[..., Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class TestJob:
    """A test to perform: `body` is called with the case as `lab`, and with `arguments`.

    One that is `alone` shares its guest with no other; a `destructive` one has a guest of its own.
    """

    name: str
    body: Body
    arguments: Mapping[str, Any]
    alone: bool = False
    destructive: bool = False

    @property
    def by_itself(self) -> bool:
        """Is it in a guest that no other is in?"""
        return self.alone or self.destructive


@dataclass
class Result:
    """The result of a job. `attempts` are the outcomes of all tries, this one last."""

    case: Case
    seconds: float
    error: BaseException | None
    attempts: list[Outcome] = field(default_factory=list)
    loss: SharedLoss | None = None
    earlier: list["Result"] = field(default_factory=list)  # tries that said nothing about the guest

    @property
    def outcome(self) -> Outcome:
        outcome = classify(self.error)[0]
        told = self.case.recorded or self.case.noted
        return Outcome.RECORDED if outcome == Outcome.PASS and told else outcome

    @property
    def why(self) -> str:
        return classify(self.error)[1]


class Executor:
    """`open`, then `start` the jobs and take their results; `close` ends whatever still runs."""

    def __init__(self, settings: Settings, guest: Guest, folder: Path, progress: Progress) -> None:
        self._settings, self._guest, self._folder, self._progress = settings, guest, folder, progress
        self._first = Lab(Session(settings, guest, folder, progress))
        self._labs = [self._first]
        self._turns = Turns(self._first, at_once=settings.at_once)  # of all that is started, however often
        self._finished: SimpleQueue[tuple[str, Future[Result]]] = SimpleQueue()

    @property
    def session(self) -> Session:
        """That of the first lab, which always is there."""
        return self._first.session

    def open(self) -> None:
        """Begins to open the lab and to start its first guest, while the caller does something else."""
        self._opened = self._first.open()

    def start(self, jobs: Iterable[TestJob]) -> None:
        """Starts the jobs once there is a guest. Raises what keeps it, or the lab, from being there."""
        self._opened.result()
        _ = self.session.baseline  # an unusable file is told before any case runs
        jobs = list(jobs)
        sharing = sum(not job.by_itself for job in jobs)
        another = len(self._labs) == 1 and is_wanted(self._settings, self._guest, len(jobs) - sharing)
        self._first.call(self._turns.expect(sharing=sharing, another=another))
        retries = _Retries(len(jobs))
        for job in jobs:
            performed = self._first.call(_perform(self._turns, job, retries))
            performed.add_done_callback(partial(self._finish, job.name))
        if another:
            self._first.call(self._open_another())

    def next_result(self) -> tuple[str, Result]:
        """Waits for the next job to end: its name and result. Each is handed out once."""
        name, performed = self._finished.get()
        return name, performed.result()

    def _finish(self, name: str, performed: "Future[Result]") -> None:
        self._finished.put((name, performed))

    def perform(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Something else in the lab, to its end."""
        return self._first.call(work).result()

    def close(self) -> None:
        """Ends what still runs and everything in the labs."""
        ends = [lab.end() for lab in self._labs if lab.is_open]
        wait(ends)
        for end in ends:
            end.result()
        for lab in self._labs:
            lab.stop()

    async def _open_another(self) -> None:
        """A second lab takes turns too, once its guest is there.

        Its start would hold up the first verdict, which somebody waits for.
        """
        await self._turns.first_is_over.wait()
        settings = replace(self._settings, lab=f"{self._settings.lab}beside-")
        lab = Lab(Session(settings, self._guest, self._folder, self._progress), further=True)
        self._labs.append(lab)
        try:
            await asyncio.wrap_future(lab.open())
        except Exception:
            _log.warning("there is no second guest beside the first", exc_info=True)
            lab = self._first
        self._turns.add(lab)


class _Retries:
    """Cases that say nothing about the guest are tried again when all others have been tried, one by one.

    Whatever was in their way then, no other guest of ours is.
    """

    def __init__(self, jobs: int) -> None:
        self._untried = jobs
        self._left = RETRIES
        self._all_tried = asyncio.Event()
        self.turn = asyncio.Lock()

    def tried(self) -> None:
        """One more has been tried for the first time."""
        self._untried -= 1
        if not self._untried:
            self._all_tried.set()

    async def may_try_again(self) -> bool:
        """Waits for its time. False when too many wanted to."""
        self._left -= 1
        if self._left < 0:
            return False
        await self._all_tried.wait()
        return True


async def _perform(turns: Turns, job: TestJob, retries: _Retries) -> Result:
    """Tries it, and when that says nothing about the guest once more, by itself, at the end of the run.

    Nothing else is ever tried again: a failure of the guest's stays one.
    """
    try:
        result = await _try(turns, job)
    finally:
        retries.tried()
    if not result.outcome.errors or not await retries.may_try_again():
        return result
    async with retries.turn:
        return second(result, await _by_itself(turns, job))


def second(first: Result, again: Result) -> Result:
    """The later try counts; the first is kept beside it."""
    again.attempts = [*first.attempts, *again.attempts]
    again.earlier = [*first.earlier, first]
    return again


async def _try(turns: Turns, job: TestJob) -> Result:
    """Tries once among others; a case whose guest was lost there again alone, to see whose doing it was."""
    if job.by_itself:
        return await _by_itself(turns, job)
    async with turns.among_others() as lab:
        first = await _attempt(lab.session, job)
    if first.loss is None:
        return first
    return decide(first, await _by_itself(turns, job), first.loss)


async def _by_itself(turns: Turns, job: TestJob) -> Result:
    perform = _in_own_guest if job.destructive else _attempt
    async with turns.by_itself() as lab:
        return await lab.do(perform(lab.session, job))


def decide(first: Result, alone: Result, loss: SharedLoss) -> Result:
    """A crash is never lost: when no case repeats it alone, the last of them answers for it."""
    loss.undecided -= 1
    loss.explained |= alone.outcome in (Outcome.CRASHED, Outcome.HUNG)
    decided = alone if loss.explained or loss.undecided else first
    decided.attempts = [first.outcome, alone.outcome]
    return decided


async def _in_own_guest(session: Session, job: TestJob) -> Result:
    await session.guest_pool.retire()
    result = await _attempt(session, job)
    await session.guest_pool.retire()
    return result


def _check_clock(case: Case) -> None:
    """A case may ask for no time; whoever shows its timeline does. Raises ClockContradicted."""
    if case.evidence.timeline:
        _ = case.evidence.timeline.clock_bound_ns


def _broken_laws(case: Case) -> LawBroken | None:
    """A case deviates by them though its own sentences hold, or its scene was not as planned."""
    broken = [judgement for _, judgement in case.judgements if judgement.violated]
    return LawBroken(broken) if broken else None


async def _attempt(session: Session, job: TestJob) -> Result:
    case = Case(session, job.name)
    loss = None
    error: BaseException | None = None
    start = time.monotonic()
    try:
        await job.body(lab=case, **job.arguments)
        _check_clock(case)
        error = _broken_laws(case)
        if case.recorded and error is None:
            session.baseline.judge(job.name, case.recorded)
    except GuestLost as lost:
        error, loss = lost.error, lost.loss
    except ClockContradicted as contradicted:
        error = contradicted
    except EvidenceLost as lost:
        error = _broken_laws(case) or lost
    except asyncio.CancelledError:
        raise
    except BaseException as caught:
        error = caught
    if isinstance(error, ClockContradicted):
        await session.distrust_clock(case.evidence.guest)
    result = Result(case, time.monotonic() - start, error, loss=loss)
    result.attempts = [result.outcome]
    _log.info("%s: %s%s", job.name, result.outcome, f", {result.why}" if result.why else "")
    return result
