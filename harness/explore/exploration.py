# SPDX-License-Identifier: Apache-2.0
"""An exploration: batch after batch, each find confirmed, shrunk and kept."""

import hashlib
import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from harness.explore.performer import Performer, Seen, rows_of
from harness.explore.recipe import Recipe
from harness.explore.strategies import generate, shrink
from harness.verdict.laws import Violation
from harness.verdict.laws.pool import ROUNDS, leaks

BATCH = 30  # scenarios of a seed: each draws its own, and varies them
_BATCHES = 2  # that follow each other without a pause, before the guest's pool is read
_AGAIN = 4  # times at most that a suspect is performed once more: what threads race for comes now and then


@dataclass(frozen=True)
class Budget:
    """When to stop: after so many seconds or scenarios, or with the first find."""

    seconds: float | None = None
    scenarios: int | None = None
    first_find: bool = False
    shrinking: float = 50.0  # seconds, of each find


@dataclass(frozen=True)
class Find:
    """A scenario that broke a law twice, made as small as it could be."""

    seen: Seen  # the small one
    first: Seen
    signs: frozenset[str]
    rows: tuple[str, ...] = ()  # that the laws blame

    @property
    def id(self) -> str:
        """A digest of the broken laws and the scenario: the same whenever the same is found."""
        text = "\n".join([*sorted(self.signs), *self.seen.recipe.written()])
        return hashlib.sha256(text.encode()).hexdigest()[:10]


@dataclass(frozen=True)
class _Suspect:
    """A scenario with something wrong, and the batch that drew it: its number, and how many it had."""

    seen: Seen
    batch: int
    count: int


@dataclass
class Exploration:
    """The scenarios performed, the finds, and the coverage."""

    performer: Performer
    seed: int
    budget: Budget
    say: Callable[[str], None]
    performed: int = 0
    unjudged: "Counter[str]" = field(default_factory=Counter)  # why scenarios say nothing of the guest
    opens: "Counter[str]" = field(default_factory=Counter)  # laws that could not be judged
    cells: "Counter[tuple[str, ...]]" = field(default_factory=Counter)
    finds: list[Find] = field(default_factory=list)
    unconfirmed: list[Seen] = field(default_factory=list)
    leaks: list[Violation] = field(default_factory=list)
    seconds: float = 0.0

    def run(self) -> None:
        """Explores until the budget is spent; `finds` and the counts are there even when interrupted."""
        began = time.monotonic()
        known: set[frozenset[str]] = set()
        readings: list[dict[str, str]] = []
        numbers = itertools.count(self.seed)
        while not self._is_spent(began):
            suspects = self._perform(numbers, began)
            self._look_for_leaks(readings)
            for suspect in suspects:
                signs = suspect.seen.signs
                if signs not in known and not (self.budget.first_find and self.finds):
                    known.add(signs)
                    self._look_into(suspect)
        self.seconds = time.monotonic() - began

    def _perform(self, numbers: Iterator[int], began: float) -> list[_Suspect]:
        """Batch behind batch, until one has a suspect. None is under way at the end.

        Each begins while the one before goes on, so that the guest never waits for the last of a batch.
        """
        batches: dict[str, tuple[int, int]] = {}
        suspects: list[Seen] = []
        for number in itertools.islice(numbers, _BATCHES):
            recipes = generate(number, self._next_batch())
            named = {f"explore-{number}-{place}": made for place, made in enumerate(recipes)}
            batches |= dict.fromkeys(named, (number, len(recipes)))
            self.performer.begin(named.items())
            suspects += filter(self._note, self.performer.take(BATCH))
            self._tell(began)
            if suspects or self._is_spent(began):
                break
        suspects += filter(self._note, self.performer.take())
        self._tell(began)
        return [_Suspect(seen, *batches[seen.name]) for seen in suspects]

    def _tell(self, began: float) -> None:
        self.seconds = time.monotonic() - began
        rate = self.performed / max(self.seconds, 0.001)
        self.say(f"{self.performed} scenarios, {rate:.0f} a second; {len(self.finds)} finds")

    @property
    def judged(self) -> int:
        """How many scenarios say something of the guest."""
        return self.performed - self.unjudged.total()

    def _is_spent(self, began: float) -> bool:
        budget = self.budget
        if budget.first_find and (self.finds or self.leaks):
            return True
        if budget.scenarios is not None and self._begun >= budget.scenarios:
            return True
        return budget.seconds is not None and time.monotonic() - began >= budget.seconds

    def _look_for_leaks(self, readings: list[dict[str, str]]) -> None:
        reading = self.performer.pool()
        if reading is not None and not self.leaks:
            readings.append(reading)
            self.leaks = leaks(readings)
            del readings[:-ROUNDS]  # no older one is looked at

    def _next_batch(self) -> int:
        left = self.budget.scenarios - self._begun if self.budget.scenarios is not None else BATCH
        return max(1, min(BATCH, left))

    @property
    def _begun(self) -> int:
        return self.performed + self.performer.waiting

    def _note(self, seen: Seen) -> bool:
        """Counts it; is something wrong?"""
        self.performed += 1
        self.opens.update(seen.opens)
        if seen.says_nothing:
            self.unjudged[_kind(next(iter(seen.result.why.splitlines()), str(seen.result.outcome)))] += 1
        else:
            self.cells.update((*cell, seen.recipe.peer.kind) for cell in seen.recipe.cells)
        return bool(seen.signs)

    def _look_into(self, suspect: _Suspect) -> None:
        """Performs the find again, then makes it smaller and smaller."""
        first = suspect.seen
        self.say(f"{first.name}: {', '.join(sorted(first.signs))}; again")
        for turn in range(_AGAIN):
            again = self.performer.once(f"{first.name}-again-{turn}", first.recipe)
            if signs := first.signs & again.signs:
                break
        else:
            self.unconfirmed.append(first)
            return
        ends = time.monotonic() + self.budget.shrinking
        tries = 0
        smaller = {first.recipe: again}

        def is_bad(tried: Recipe) -> bool:
            nonlocal tries
            if time.monotonic() > ends:
                return False
            tries += 1
            seen = self.performer.once(f"{first.name}-smaller-{tries}", tried)
            if signs & seen.signs:
                smaller[tried] = seen
            return tried in smaller

        smallest = shrink(suspect.batch, suspect.count, first.recipe, is_bad)
        self.say(f"{first.name}: {tries} smaller ones tried")
        self.finds.append(Find(smaller[smallest], first, signs, tuple(rows_of(smaller[smallest]))))


def _kind(why: str) -> str:
    """The reason without the numbers and addresses of its scenario: there are only so many."""
    return re.sub(r"\d+", "N", re.sub(r" #\d+ \([^)]*\)", "", why))[:120]
