# SPDX-License-Identifier: Apache-2.0
"""Hypothesis draws from these: peers, ways to connect, and wishes, the simplest first, as it shrinks to them.

Its own database is off: a seed makes the same scenarios everywhere, and nothing is left in the user's
folders.
"""

import contextlib
import warnings
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, HypothesisWarning

from harness.core.units import ms, s
from harness.explore.model import CHAINED, PLAIN, POISON, UNEVEN, Wish, recipe, shorter
from harness.explore.recipe import PeerChoice, Recipe
from harness.peer import After
from harness.scenario import (
    ALL_CONTEXTS,
    ALL_ORIGINS,
    ARRIVALS,
    FAMILIES,
    WSK_FLAG_DRAIN,
    WSK_FLAG_WAITALL,
    Context,
    pattern,
)

_SIZES = (1, 10, 1000, 1460, 4000, 20_000, 70_000)
_SENT = (b"!", pattern(100), pattern(3000), pattern(4000) * 5)
_MOST_WISHES = 12


def _peer(kind: str, **arguments: st.SearchStrategy[object]) -> st.SearchStrategy[PeerChoice]:
    return st.fixed_dictionaries(dict(arguments)).map(lambda told: PeerChoice(kind, tuple(told.items())))


_SOON = st.sampled_from(
    [After(delay=20 * ms), After(received=1, delay=10 * ms), After(), After(received=1000)]
)
_TIMES = st.sampled_from([20 * ms, 60 * ms, 150 * ms])
_DATA = st.sampled_from(_SENT)
_TAKES = st.sampled_from([0, 500, 5000])
_PEERS: tuple[tuple[str, dict[str, st.SearchStrategy[object]]], ...] = (
    ("ReadsToEof", {}),
    ("Sends", {"data": _DATA, "after": _SOON}),
    ("FinFirst", {"after": _SOON}),
    ("HoldsOpen", {"for_": _TIMES, "sends": _DATA}),
    ("HoldsOpen", {"for_": st.just(20 * s), "sends": _DATA}),
    ("SendsThenFin", {"data": _DATA, "after": _SOON}),
    ("Resets", {"after": _SOON}),
    ("ReadsSlowly", {}),
    ("ZeroWindow", {"takes": _TAKES, "opens_after": _TIMES}),
    ("ZeroWindow", {"takes": _TAKES}),
    ("WithholdsDataAcks", {"releases_after": _TIMES}),
    ("WithholdsFinAck", {"releases_after": _TIMES}),
    ("WithholdsFinAck", {"fin_first": st.booleans()}),
    ("CrossesFins", {"releases_after": _TIMES}),
    ("KeepsSending", {"after": _SOON, "for_": _TIMES}),
    ("BlackHole", {"after": _SOON}),
    ("EndsWhenAsked", {"end": st.just("rst"), "acknowledges_fin": st.just(False)}),
    ("EndsWhenAsked", {"end": st.sampled_from(["fin", "rst"]), "data": _DATA, "closed": st.booleans()}),
)
PEERS = st.one_of(*(_peer(kind, **told) for kind, told in _PEERS))
PEER_KINDS = list(dict.fromkeys(kind for kind, _ in _PEERS))
_WHERE = st.sampled_from([*ALL_CONTEXTS, Context.COMPLETION, Context.CALLBACK])
_AT = {
    "socket": st.integers(0, 1),
    "context": _WHERE,
    "strand": st.sampled_from([0, 0, 0, 1]),
    "within": st.integers(0, 5),
}


def _wish(what: str, **fields: st.SearchStrategy[int]) -> st.SearchStrategy[Wish]:
    return st.builds(Wish, st.just(what), **{**_AT, **fields})


_SHAPES = st.sampled_from([PLAIN, PLAIN, CHAINED, UNEVEN, POISON])
WISHES = st.one_of(
    _wish("send", size=st.sampled_from(_SIZES), flags=_SHAPES),
    _wish("receive", size=st.sampled_from(_SIZES), flags=st.sampled_from([0, 0, WSK_FLAG_WAITALL])),
    _wish("receive", size=st.just(0), flags=st.just(WSK_FLAG_DRAIN)),
    _wish("graceful", size=st.sampled_from([0, 0, 1, 3000, 70_000]), flags=_SHAPES),
    _wish("close_listener"),
    _wish("abort", size=st.integers(0, 1)),
    _wish("listener", size=st.integers(0, 1), flags=st.integers(0, 3)),
    _wish("datagrams", size=st.integers(0, 3)),
    _wish("watch", size=st.integers(0, 1)),
    _wish("given_up", size=st.sampled_from([0, 1, 3000])),
    *[_wish("told", size=st.integers(0, 2))] * 4,  # of which few meet a peer that sends
    *[_wish("silence", size=st.integers(0, 3))] * 2,  # of which few are the first
    _wish("again"),
    _wish("query", size=st.integers(0, 1)),
    _wish("misfit"),
    _wish("disable_both"),
    _wish("close"),
    _wish("cancel", size=st.integers(0, 9), flags=st.integers(0, 1)),
    _wish("delay", size=st.sampled_from([5, 20, 40])),
    _wish("enable", size=st.integers(0, 1)),
    _wish("answer", size=st.sampled_from([0, 1, 20]), flags=st.integers(0, 2)),
    _wish("disable"),
)

RECIPES = st.builds(
    recipe,
    PEERS,
    st.sampled_from(FAMILIES),
    st.sampled_from([*ALL_ORIGINS, *ARRIVALS]),
    st.sampled_from([1, 1, 2]),
    st.lists(WISHES, min_size=1, max_size=_MOST_WISHES),
    st.booleans(),
)


class _Found(Exception):
    """Hypothesis is to make it smaller."""


def generate(number: int, count: int) -> list[Recipe]:
    """So many scenarios by a seed; fewer when there are not so many different ones."""
    found: list[Recipe] = []
    _explore(number, count, found.append, (Phase.generate,))
    return found


def shrink(number: int, count: int, bad: Recipe, is_bad: Callable[[Recipe], bool]) -> Recipe:
    """The smallest like `bad`, one of those that `generate` made, for which `is_bad` says so."""
    best = bad
    known = {_text(bad): True}
    reached = False

    def test(tried: Recipe) -> None:
        nonlocal best, reached
        text = _text(tried)
        reached = reached or known.get(text, False)
        if reached and text not in known:
            known[text] = is_bad(tried)
            if known[text] and len(text) <= len(_text(best)):
                best = tried
        if known.get(text):
            raise _Found

    with contextlib.suppress(_Found, Flaky), warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # it would show the strategy to the user
        _explore(number, count, test, (Phase.generate, Phase.shrink))
    # Hypothesis leaves a wish standing where it would have to draw all that follow anew.
    while smaller := next((each for each in shorter(best) if each != best and is_bad(each)), None):
        best = smaller
    return best


def _text(tried: Recipe) -> str:
    return "\n".join(tried.written())


def _explore(number: int, count: int, test: Callable[[Recipe], None], phases: tuple[Phase, ...]) -> None:
    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        phases=phases,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
    )
    @given(RECIPES)
    def each(tried: Recipe) -> None:
        test(tried)

    each()
