# SPDX-License-Identifier: Apache-2.0
"""Hypothesis draws from these: peers, ways to connect, and wishes, the simplest first, as it shrinks to them.

Its own database is off: a seed makes the same scenarios everywhere, and nothing is left in the user's
folders.
"""

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import replace

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, HypothesisWarning

from harness.core.units import ms, s
from harness.explore.model import CHAINED, END_IS_TOLD, PLAIN, POISON, UNEVEN, recipe, shorter
from harness.explore.recipe import PeerChoice, Recipe
from harness.explore.wish import Wish
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
_ENDS = st.sampled_from(["fin", "rst"])
_LITTLE = st.sampled_from([b"", b"!"])
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
    ("EndsWhenAsked", {"end": _ENDS, "data": _DATA, "closed": st.booleans()}),
)
_ASKED = st.just(After(received=1))
_ASKED_PEERS = st.one_of(
    _peer("Sends", data=_DATA, after=_ASKED),
    _peer("SendsThenFin", data=_DATA, after=_ASKED),
    _peer("Resets", after=_ASKED),
    _peer("EndsWhenAsked", end=_ENDS, data=_DATA),
    _peer("EndsWhenAsked", end=_ENDS, data=_LITTLE),
)
_SOON_ENDED = st.just(After(delay=20 * ms))
_ENDING_PEERS = st.one_of(
    _peer("Sends", data=_DATA, after=_SOON_ENDED),
    _peer("FinFirst", after=_SOON_ENDED),
    _peer("SendsThenFin", data=_DATA, after=_SOON_ENDED),
    _peer("Resets", after=_SOON_ENDED),
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
    _wish("told", size=st.integers(0, 3), flags=st.integers(0, 4)),
    _wish("receives", size=st.integers(0, 1), flags=st.integers(0, 2)),
    _wish("withdrawn", size=st.integers(0, 1)),
    _wish("recovered", size=st.sampled_from([0, 1, 3000]), flags=_SHAPES),
    _wish("dial", size=st.integers(0, 1)),
    _wish("descriptor"),
    _wish("letters", size=st.integers(0, 1), flags=st.integers(0, 1)),
    _wish("silence", size=st.integers(0, 3)),
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

_ONE_THREAD = WISHES.map(lambda wish: replace(wish, strand=0))  # what threads share, many scenes do without


def _told(sizes: st.SearchStrategy[int]) -> st.SearchStrategy[Wish]:
    contexts = st.sampled_from(ALL_CONTEXTS)
    return st.builds(Wish, st.just("told"), sizes, st.integers(0, 4), context=contexts)


_OPENINGS = st.builds(  # for which nothing may have happened yet
    Wish,
    st.sampled_from(["silence", "recovered", "given_up", "answer", "again", "letters", "withdrawn"]),
    st.integers(0, 3),
    st.integers(0, 2),
    context=st.sampled_from(ALL_CONTEXTS),
)


def _wishes(wish: st.SearchStrategy[Wish]) -> st.SearchStrategy[list[Wish]]:
    return st.lists(wish, min_size=1, max_size=_MOST_WISHES)


def _begun(opening: st.SearchStrategy[Wish]) -> st.SearchStrategy[list[Wish]]:
    rest = st.lists(_ONE_THREAD, max_size=_MOST_WISHES // 2)
    return st.builds(lambda first, others: [first, *others], opening, rest)


def _recipes(
    peers: st.SearchStrategy[PeerChoice], wishes: st.SearchStrategy[list[Wish]]
) -> st.SearchStrategy[Recipe]:
    return st.builds(
        recipe,
        peers,
        st.sampled_from(FAMILIES),
        st.sampled_from([*ALL_ORIGINS, *ARRIVALS]),
        st.sampled_from([1, 1, 2]),
        wishes,
        st.booleans(),
        st.sampled_from([False] * 5 + [True]),
    )


RECIPES = st.one_of(
    _recipes(PEERS, _wishes(_ONE_THREAD)),
    *[_recipes(PEERS, _wishes(WISHES))] * 2,
    _recipes(PEERS, _begun(_OPENINGS)),
    _recipes(_ASKED_PEERS, _begun(_told(st.integers(0, 3)))),
    _recipes(_peer("EndsWhenAsked", end=_ENDS, data=_LITTLE), _begun(_told(st.just(END_IS_TOLD)))),
    _recipes(
        _ENDING_PEERS, _begun(st.builds(Wish, st.just("receives"), st.integers(0, 1), st.integers(0, 2)))
    ),
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
