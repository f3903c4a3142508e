# SPDX-License-Identifier: Apache-2.0
"""Tells finds and coverage to people and programs; writes a find as a test that somebody may take over."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from harness.explore.exploration import Exploration, Find
from harness.explore.strategies import PEER_KINDS
from harness.explore.wish import PENDING
from harness.scenario import Context

CONTEXTS = [str(context) for context in Context]

_HEAD = '''# SPDX-License-Identifier: Apache-2.0
"""Found by exploring: {signs}."""

from harness.core.units import ms, s
from harness.peer import *
from harness.scenario import *
from harness.verdict import requires


@requires({rows})
async def test_explored_{id}(lab):
    """{words}"""
'''


def in_words(find: Find) -> Iterator[str]:
    """Tells which laws a find breaks, why, and by which scenario."""
    yield f"find {find.id}: {', '.join(sorted(find.signs))}"
    for line in find.seen.result.why.splitlines() or [str(find.seen.result.outcome)]:
        yield f"  {line}"
    for line in find.seen.recipe.written():
        yield f"    {line}"


def as_test(find: Find) -> str:
    """A module of the suites; the laws judge it, and who takes it over writes its sentences."""
    words = " ".join((find.seen.result.why.splitlines() or ["What was found does not happen."])[0].split())
    rows = ", ".join(f'"{row}"' for row in find.rows)
    head = _HEAD.format(signs=", ".join(sorted(find.signs)), rows=rows, id=find.id, words=words)
    body = [*find.seen.recipe.written(), "", "await lab.run(plan, peer, peer_timeout=300 * ms)"]
    return head + "".join(f"    {line}\n" if line else "\n" for line in body)


def summary(done: Exploration) -> Iterator[str]:
    """The end of an exploration on a terminal."""
    rate = done.performed / max(done.seconds, 0.001)
    yield f"{done.performed} scenarios in {done.seconds:.0f} s ({rate:.1f} a second), {len(done.finds)} finds"
    for find in done.finds:
        yield from ("", *in_words(find))
    for leak in done.leaks:
        yield f"{leak.words} ({leak.row})"
    for seen in done.unconfirmed:
        yield f"{seen.name} was not seen again: {', '.join(sorted(seen.signs))}: {seen.result.why}"
    for why, count in done.unjudged.most_common(5):
        yield f"{count} say nothing of the guest: {why}"
    for law, count in done.opens.most_common():
        yield f"{count} times {law} could not be judged"
    yield from ("", *coverage(done.cells))


def coverage(cells: "Counter[tuple[str, ...]]") -> Iterator[str]:
    """State and call by context, counted; a point is a cell that was never visited."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for (state, what, context, *_), count in cells.items():
        counts[state, what, context] += count
    rows = sorted({(state, what) for state, what, _ in counts})
    width = max((len(f"{state} {what}") for state, what in rows), default=8)
    yield f"{'covered':{width}}  " + "  ".join(f"{context:>10}" for context in CONTEXTS)
    for state, what in rows:
        seen = [str(counts[state, what, context] or ".") for context in CONTEXTS]
        yield f"{f'{state} {what}':{width}}  " + "  ".join(f"{count:>10}" for count in seen)


def as_json(done: Exploration) -> Mapping[str, Any]:
    """The exploration for programs."""
    return {
        "seed": done.seed,
        "scenarios": done.performed,
        "seconds": round(done.seconds, 3),
        "finds": [
            {
                "id": find.id,
                "signs": sorted(find.signs),
                "rows": list(find.rows),
                "why": find.seen.result.why,
                "case": find.seen.name,
                "scenario": list(find.seen.recipe.written()),
                "first": find.first.name,
            }
            for find in done.finds
        ],
        "leaks": [{"row": leak.row, "words": leak.words} for leak in done.leaks],
        "unconfirmed": [
            {
                "case": seen.name,
                "signs": sorted(seen.signs),
                "why": seen.result.why,
                "scenario": list(seen.recipe.written()),
            }
            for seen in done.unconfirmed
        ],
        "unjudged": dict(done.unjudged),
        "open": dict(done.opens),
        "axes": {"context": CONTEXTS, "pending": PENDING, "peer": PEER_KINDS},
        "coverage": [{"cell": list(cell), "count": count} for cell, count in sorted(done.cells.items())],
    }
