# SPDX-License-Identifier: Apache-2.0
"""A law, and its judgement on one timeline."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.core.errors import EvidenceLost
from harness.evidence import Event, Timeline, event_row
from harness.verdict.laws.story import Story
from harness.wire import Packet


@dataclass(frozen=True)
class Violation:
    """A breach of a law: the row of the catalogue, what was expected and seen, and by which evidence."""

    row: str
    words: str
    events: tuple[Event, ...] = ()
    packets: tuple[Packet, ...] = ()

    def evidence(self, timeline: Timeline) -> list[str]:
        """Its events and packets, a line each."""
        lines = []
        for event in self.events:
            interval = timeline.clock.at(event.qpc)
            row = event_row(timeline.plan, event, interval.middle)
            lines.append(f"event {event.sequence}: {row.text}, {row.facts}")
        return [
            *lines,
            *(f"packet {packet.index}: {packet.sender}'s {packet.describe()}" for packet in self.packets),
        ]


Check = Callable[[Story], Iterator[Violation]]


@dataclass(frozen=True)
class Law:
    """A sentence that holds for every scenario; `check` finds what breaks it, or raises EvidenceLost."""

    name: str
    sentence: str
    check: Check


@dataclass(frozen=True)
class Judgement:
    """A law that does not hold of a timeline, or cannot be judged (`open`, and why)."""

    law: Law
    violations: tuple[Violation, ...] = ()
    open: str = ""

    @property
    def violated(self) -> bool:
        return bool(self.violations)


def judged(law: Law, story: Story) -> Judgement:
    """Judges by one law; a violation that was found counts although another could not be looked for."""
    found: list[Violation] = []
    try:
        found.extend(law.check(story))
    except EvidenceLost as error:
        return Judgement(law, tuple(found), str(error))
    return Judgement(law, tuple(found))
