# SPDX-License-Identifier: Apache-2.0
"""Findings on the end of a guest, as data: who asks whether it still answered asks for that."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from harness.core.errors import HarnessError
from harness.core.units import s
from harness.crash.bugcheck import Bugcheck
from harness.lab.examine import Processor
from harness.lab.machine import MachineEvent

_T = TypeVar("_T")


class Subject(StrEnum):
    """The subject of a finding, as reports head it."""

    BUGCHECK = "bugcheck"
    HEARTBEAT = "heartbeat"
    PROCESSORS = "processors"
    SCREEN = "screen"
    NMI = "NMI"
    MEMORY_DUMP = "memory dump"
    EVENTS = "machine events"
    LAST_EVENTS = "last events"
    PENDING_IRPS = "pending IRPs"


@dataclass(frozen=True)
class Finding:
    """One subject for people: lines, and files by their names in the run's folder."""

    subject: Subject
    lines: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        """Lines and names of files."""
        return self.lines + self.files


@dataclass(frozen=True)
class NotHad:
    """Evidence that could not be had, and why."""

    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class Stopped:
    """The effect of the NMI that was sent to a hung guest; `by` is what the hypervisor then told."""

    by: MachineEvent | None
    said: str = ""  # by its kernel
    limit_s: float = 0

    def lines(self) -> Iterator[str]:
        if self.by is None:
            yield f"sent; the guest did not stop at it within {self.limit_s:g} s"
            return
        yield f"sent; the guest stopped: {self.by}"
        if self.said:
            yield self.said


@dataclass
class MemoryDumps:
    """The dumps of the guest's memory: its own, and those taken from outside."""

    lines: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass
class Findings:
    """Findings on one lost guest; None for what was not looked at."""

    bugcheck: Bugcheck | None = None
    answers: bool | None = None
    watchdog: Bugcheck | None = None  # with which the guest itself found that it hangs
    processors: list[Processor] | NotHad | None = None
    screen: str | NotHad | None = None  # a file
    nmi: Stopped | NotHad | None = None
    memory: MemoryDumps | None = None
    events: list[MachineEvent] | None = None

    def __bool__(self) -> bool:
        """Was anything found?"""
        return self != Findings()

    @property
    def all_processors_run(self) -> bool:
        """Were they looked at, and does each do more than an idle one?"""
        return isinstance(self.processors, list) and all(one.runs for one in self.processors)

    def for_people(self) -> Iterator[Finding]:
        """A finding for each subject that was looked at."""
        if self.bugcheck:
            yield Finding(Subject.BUGCHECK, tuple(self.bugcheck.explain()))
        if heartbeat := self._heartbeat():
            yield Finding(Subject.HEARTBEAT, (heartbeat,))
        if self.processors is not None:
            yield Finding(Subject.PROCESSORS, _lines(self.processors, lambda found: map(str, found)))
        if isinstance(self.screen, str):
            yield Finding(Subject.SCREEN, files=(self.screen,))
        elif self.screen:
            yield Finding(Subject.SCREEN, (self.screen.why,))
        if self.nmi is not None:
            yield Finding(Subject.NMI, _lines(self.nmi, Stopped.lines))
        if self.memory is not None:
            yield Finding(Subject.MEMORY_DUMP, tuple(self.memory.lines), tuple(self.memory.files))
        if self.events is not None:
            yield Finding(Subject.EVENTS, tuple(map(_event, self.events)))

    def _heartbeat(self) -> str:
        if self.watchdog:
            return f"the guest's own watchdog found that it hangs: {self.watchdog}"
        if self.answers is None:
            return ""
        if self.answers:
            return "the guest still answers: only what was asked of it does not end"
        return "the guest answers nothing any more"


def had(look: Callable[[], _T]) -> _T | NotHad:
    """The result of one search, or the reason why it failed: a search that fails does not end the others."""
    try:
        return look()
    except HarnessError as error:
        return NotHad(str(error))


def _lines(found: _T | NotHad, told: Callable[[_T], Iterator[str]]) -> tuple[str, ...]:
    return (found.why,) if isinstance(found, NotHad) else tuple(told(found))


def _event(event: MachineEvent) -> str:
    """The event with its time by the host's clock."""
    return f"{datetime.fromtimestamp(event.time_ns / s, UTC):%H:%M:%S.%f} UTC: {event}"
