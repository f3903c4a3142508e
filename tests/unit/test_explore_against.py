# SPDX-License-Identifier: Apache-2.0
"""Two guests perform the same scenarios: only what each does twice, and the other does not, differs."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from made_up import MadeUp, closed

from harness.explore.against import DifferentFacts, PairedExploration, as_json, differing, lasting, told
from harness.explore.exploration import Budget
from harness.explore.facts import Facts, facts_of
from harness.explore.recipe import Recipe
from harness.scenario import Callback

PLAIN = {"close #3": "returned STATUS_SUCCESS"}


def aborts(tried: Recipe) -> bool:
    return any(line.method == "disconnect" and dict(line.how).get("flags") for line in tried.lines)


@dataclass
class FakeSeen:
    name: str
    facts: Facts


class FakeGuest:
    """`facts` says what comes of a recipe."""

    def __init__(self, facts: Callable[[Recipe], Facts]) -> None:
        self._facts = facts
        self._begun: list[tuple[str, Recipe]] = []

    def begin(self, named: Iterable[tuple[str, Recipe]]) -> None:
        self._begun = list(named)

    def take(self) -> Iterator[FakeSeen]:
        yield from (FakeSeen(name, self._facts(made)) for name, made in self._begun)


def compared(
    first: Callable[[Recipe], Facts], second: Callable[[Recipe], Facts], scenarios: int = 60
) -> PairedExploration:
    guests = FakeGuest(first), FakeGuest(second)
    said: list[str] = []
    done = PairedExploration(guests, 1, Budget(scenarios=scenarios, shrinking=600), said.append)
    done.run()
    return done


def test_what_one_guest_does_otherwise_is_found_once_and_made_small() -> None:
    status = {True: {**PLAIN, "disconnect #2": "completed with STATUS_CANCELLED"}}
    done = compared(
        lambda made: {**PLAIN, "disconnect #2": "completed with STATUS_SUCCESS"},
        lambda made: status.get(aborts(made), {**PLAIN, "disconnect #2": "completed with STATUS_SUCCESS"}),
    )
    (found,) = done.differences
    assert found.facts == (
        ("disconnect #2", "completed with STATUS_SUCCESS", "completed with STATUS_CANCELLED"),
    )
    assert [line.method for line in found.recipe.lines] == ["disconnect", "close", "wait"]
    text = "\n".join(told(done))
    assert f"difference {found.id}" in text
    assert "second: completed with STATUS_CANCELLED" in text
    assert as_json(done)["differences"][0]["facts"][0]["what"] == "disconnect #2"
    assert DifferentFacts(found.recipe, ()).id != found.id


def test_what_a_guest_does_not_do_twice_is_noise() -> None:
    number = itertools.count()
    done = compared(lambda _made: PLAIN, lambda _made: {"close #3": f"returned {next(number)}"}, 30)
    assert (done.differences, done.noise > 20) == ([], True)
    assert f"{done.noise} suspects were noise" in "\n".join(told(done))


def test_what_a_guest_leaves_out_once_and_does_again_is_not_what_it_repeats() -> None:
    times: Counter[Recipe] = Counter()

    def second(made: Recipe) -> Facts:
        times[made] += 1
        return {**PLAIN, "close #3": "never returned", **({} if times[made] == 2 else {"send #1": "too"})}

    done = compared(lambda _made: PLAIN, second)
    assert {fact[0] for found in done.differences for fact in found.facts if times[found.recipe] > 2} <= {
        "close #3"
    }
    assert done.differences


def test_two_that_do_the_same_differ_in_nothing() -> None:
    done = compared(lambda _made: PLAIN, lambda _made: PLAIN)
    assert (done.differences, done.noise, done.unjudged) == ([], 0, 0)


def test_of_a_scenario_that_one_guest_left_no_timeline_of_nothing_is_said() -> None:
    done = compared(lambda _made: PLAIN, lambda _made: {}, 30)
    assert (done.differences, done.unjudged) == ([], done.performed)


def test_a_fact_that_only_one_guest_has_differs() -> None:
    pair = ({"a": "1", "b": "2"}, {"a": "1"})
    assert differing(pair) == {"b": ("2", "nothing")}
    assert lasting(pair, pair) == {"b": ("2", "nothing")}
    assert lasting(pair, ({"a": "1"}, {"a": "1"})) == {}


def test_the_facts_of_a_timeline_are_its_calls_events_and_connections() -> None:
    seen = MadeUp()
    send = seen.plan.send(seen.sock, b"abc")
    seen.called(send, 20).sends(b"abc", 21).acknowledges(22).completed(send, 23, information=3)
    seen.called(seen.plan.enable(seen.sock, Callback.DISCONNECT), 24, 0).peer_fin(30)
    seen.event(Callback.DISCONNECT, 31, 32)
    assert facts_of(closed(seen).timeline()) == {
        "socket-connect #0": "returned STATUS_PENDING, completed with STATUS_SUCCESS",
        "send #1": "returned STATUS_PENDING, completed with STATUS_SUCCESS",
        "control-socket #2": "returned STATUS_SUCCESS",
        "close #3": "returned STATUS_PENDING, completed with STATUS_SUCCESS, Information 0",
        "disconnect event of socket 0": "plain",
        "connection 0": "3 bytes, RST",
    }
