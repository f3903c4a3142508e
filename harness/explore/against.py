# SPDX-License-Identifier: Apache-2.0
"""Two guests, or one with two settings, perform the same scenarios: what they do differently, made small.

Noise is what a guest does not do again: each suspect is performed by both twice more, and only facts that
each guest repeats, and that differ between them, are a difference.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.explore.exploration import BATCH, Budget
from harness.explore.facts import Facts
from harness.explore.recipe import Recipe
from harness.explore.strategies import generate, shrink

_AGAIN = 2  # times that a suspect is performed once more
Pair = tuple[Facts, Facts]


class FactsOfOne(Protocol):
    """A recipe's facts in one guest; none where evidence was lost."""

    @property
    def name(self) -> str: ...

    @property
    def facts(self) -> Facts: ...


class GivesFacts(Protocol):
    """Performs recipes, and gives the facts of all of them."""

    def begin(self, named: Iterable[tuple[str, Recipe]]) -> None: ...

    def take(self) -> Iterable[FactsOfOne]: ...


@dataclass(frozen=True)
class DifferentFacts:
    """A small scenario, and what of it differs: the fact, as the first guest has it, and the second."""

    recipe: Recipe
    facts: tuple[tuple[str, str, str], ...]

    @property
    def id(self) -> str:
        """A digest of the scenario and of what differs: the same whenever the same is found."""
        text = "\n".join([*self.recipe.written(), *map(" ".join, self.facts)])
        return hashlib.sha256(text.encode()).hexdigest()[:10]


@dataclass
class PairedExploration:
    """The scenarios that both performed, and their differences."""

    performers: tuple[GivesFacts, GivesFacts]
    seed: int
    budget: Budget
    say: Callable[[str], None]
    performed: int = 0
    unjudged: int = 0  # scenarios of which one guest left no timeline
    noise: int = 0  # suspects of which a guest did not do the same twice
    differences: list[DifferentFacts] = field(default_factory=list)

    def run(self) -> None:
        """Compares until the budget is spent."""
        began = time.monotonic()
        known: set[tuple[str, str]] = set()
        number = self.seed
        while not self._is_spent(began):
            recipes = generate(number, BATCH)
            for recipe, pair in self._both(f"compare-{number}", recipes):
                kinds = _kinds(differing(pair))
                if kinds - known and not self._is_spent(began):
                    known |= kinds
                    self._look_into(number, len(recipes), recipe, pair)
            number += 1
            self.say(f"{self.performed} scenarios on both; {len(self.differences)} differences")

    def _is_spent(self, began: float) -> bool:
        budget = self.budget
        if budget.first_find and self.differences:
            return True
        if budget.scenarios is not None and self.performed >= budget.scenarios:
            return True
        return budget.seconds is not None and time.monotonic() - began >= budget.seconds

    def _both(self, name: str, recipes: list[Recipe]) -> Iterator[tuple[Recipe, Pair]]:
        """Each recipe with its facts in both guests, of those that both left a timeline of."""
        for performer in self.performers:
            performer.begin((f"{name}-{place}", recipe) for place, recipe in enumerate(recipes))
        seen = [
            {each.name: each.facts for each in performer.take() if each.facts}
            for performer in self.performers
        ]
        for place, recipe in enumerate(recipes):
            self.performed += 1
            found = [facts.get(f"{name}-{place}") for facts in seen]
            if found[0] and found[1]:
                yield recipe, (found[0], found[1])
            else:
                self.unjudged += 1

    def _once(self, name: str, recipe: Recipe) -> Pair | None:
        performed, unjudged = self.performed, self.unjudged
        pair = next((pair for _, pair in self._both(name, [recipe])), None)
        self.performed, self.unjudged = performed, unjudged
        return pair

    def _look_into(self, batch: int, count: int, first: Recipe, pair: Pair) -> None:
        stable = differing(pair)
        for turn in range(_AGAIN):
            again = self._once(f"compare-{batch}-again-{turn}", first) if stable else None
            repeated = lasting(pair, again) if again else {}
            stable = {name: values for name, values in stable.items() if name in repeated}
        if not stable:
            self.noise += 1
            return
        kinds = _kinds(stable)
        self.say(f"compare-{batch}: {'; '.join(sorted(stable))}; made smaller")
        ends = time.monotonic() + self.budget.shrinking
        smaller = {first: stable}
        tries = 0

        def differs(tried: Recipe) -> bool:
            nonlocal tries
            if time.monotonic() > ends:
                return False
            tries += 1
            pairs = [self._once(f"compare-{batch}-smaller-{tries}-{turn}", tried) for turn in range(2)]
            found = lasting(pairs[0], pairs[1]) if pairs[0] and pairs[1] else {}
            if kinds & _kinds(found):
                smaller[tried] = found
            return tried in smaller

        smallest = shrink(batch, count, first, differs)
        told = tuple((name, *values) for name, values in sorted(smaller[smallest].items()))
        self.differences.append(DifferentFacts(smallest, told))


Differing = dict[str, tuple[str, str]]
_NOTHING = "nothing"


def differing(pair: Pair) -> Differing:
    """The facts that are not the same in both, by name."""
    first, second = pair
    both = {name: (first.get(name, _NOTHING), second.get(name, _NOTHING)) for name in {*first, *second}}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def lasting(once: Pair, again: Pair) -> Differing:
    """Those that differ in the same way twice."""
    found = differing(again)
    return {name: values for name, values in differing(once).items() if found.get(name) == values}


def _kinds(found: Differing) -> frozenset[tuple[str, str]]:
    """The differences whatever the number of a call: the same kind is looked into once."""
    return frozenset((name.split(" #")[0], f"{first} / {second}") for name, (first, second) in found.items())


def told(done: PairedExploration) -> Iterator[str]:
    """The end of a comparison for a terminal."""
    yield f"{done.performed} scenarios on both guests, {len(done.differences)} differences"
    for one in done.differences:
        yield from ("", f"difference {one.id}")
        for name, first, second in one.facts:
            yield from (f"  {name}", f"    first:  {first}", f"    second: {second}")
        yield from (f"    {line}" for line in one.recipe.written())
    counts = Counter({"suspects were noise: a guest did not do the same twice": done.noise})
    counts["scenarios left no timeline of one guest"] = done.unjudged
    yield from (f"{count} {what}" for what, count in counts.items() if count)


def as_json(done: PairedExploration) -> dict[str, Any]:
    """The comparison for programs."""
    return {
        "seed": done.seed,
        "scenarios": done.performed,
        "unjudged": done.unjudged,
        "noise": done.noise,
        "differences": [
            {
                "id": one.id,
                "facts": [dict(zip(("what", "first", "second"), fact, strict=True)) for fact in one.facts],
                "scenario": list(one.recipe.written()),
            }
            for one in done.differences
        ],
    }
