# SPDX-License-Identifier: Apache-2.0
"""Scenarios that nobody wrote keep to the contract, are the same by a seed, and shrink to what matters."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness import peer as peers
from harness import scenario
from harness.core.abi import StepKind
from harness.core.units import ms, s
from harness.explore.exploration import Budget, Exploration, Find
from harness.explore.model import DISABLED, END_IS_TOLD, RECEIVED, RETAINED, TAKEN, recipe
from harness.explore.performer import Performer, Seen
from harness.explore.recipe import PeerChoice, Recipe
from harness.explore.render import as_test, coverage, summary
from harness.explore.strategies import generate, shrink
from harness.explore.wish import Wish
from harness.peer import After
from harness.scenario import IPV4, WSK_SOCKET, Address, Arrival, Context, Scenario, Socket, encode
from harness.scenario.decoding import decode

READS = PeerChoice("ReadsToEof")
HOSTS = {4: "192.0.2.1", 6: "2001:db8::1"}


@dataclass
class Bound:
    """A peer at its address."""

    family: int
    port: int = 4000

    @property
    def host(self) -> str:
        return HOSTS[self.family]


def planned(tried: Recipe) -> Scenario:
    plan = Scenario(own_client=tried.static, scenario_id=1)
    tried.perform(plan, cast(Any, Bound(tried.family)))
    return plan


@pytest.fixture(scope="module")
def many() -> list[Recipe]:
    return [made for number in range(5) for made in generate(number, 30)]


def test_a_seed_makes_the_same_scenarios(many: list[Recipe]) -> None:
    assert generate(3, 30) == generate(3, 30)
    assert generate(3, 30) != generate(4, 30)
    assert len({"\n".join(made.written()) for made in many}) > len(many) // 2


def test_the_driver_would_take_every_scenario(many: list[Recipe]) -> None:
    for made in many:
        plan = planned(made)
        assert not plan.dangerous
        accepts = [step.socket for step in plan.operations if step.kind == StepKind.ACCEPT]
        assert len(accepts) == len(set(accepts))  # two at a time may hang Windows: the driver refuses them
        assert encode(decode(encode(plan))) == encode(plan)


def test_every_scenario_closes_its_sockets_and_waits_for_that(many: list[Recipe]) -> None:
    """But for a close inside of something, which may never happen: the driver closes those."""
    for made in many:
        plan = planned(made)
        waited = {step.target for step in plan.operations if step.kind == StepKind.WAIT}
        for sock in plan.sockets:
            is_made = sock.operations[-1].kind != StepKind.ACCEPT  # not one that nobody connected to
            if is_made and not _listens_for_the_scene(made, sock):
                assert sock.closing is not None
                assert sock.closing in waited or sock.closing.hooked


def _listens_for_the_scene(made: Recipe, sock: Socket) -> bool:
    return isinstance(made.way, Arrival) and sock.slot == 0


SURE = (
    StepKind.CLOSE,
    StepKind.SOCKET,
    StepKind.SOCKET_CONNECT,
    StepKind.BIND,
    StepKind.LISTEN,
    StepKind.CONTROL_SOCKET,
)


ENDING_PEERS = ("FinFirst", "SendsThenFin", "Resets", "ReadsToEof", "EndsWhenAsked")


@pytest.mark.parametrize(
    ("peer", "wishes", "waits"),
    [
        (PeerChoice("FinFirst", (("after", After()),)), [Wish("receive", size=9)], True),
        (PeerChoice("FinFirst", (("after", After(received=1)),)), [Wish("receive", size=9)], False),
        (READS, [Wish("receive", size=9)], False),
        (READS, [Wish("receive", size=9), Wish("graceful")], True),
        (READS, [Wish("receive", size=9), Wish("graceful"), Wish("cancel")], False),
        (READS, [Wish("receive", size=9), Wish("graceful", context=Context.COMPLETION)], False),
    ],
)
def test_what_has_to_end_before_the_close_is_waited_for(
    peer: PeerChoice, wishes: list[Wish], waits: bool
) -> None:
    made = recipe(peer, IPV4, WSK_SOCKET, 1, wishes, settles=True)
    methods = [line.method for line in made.lines if line.method != "may_fail"]
    ends = methods[len(wishes) :]
    assert ends == ["delay", *(["wait"] if waits else []), "close", "wait"]
    plain = recipe(peer, IPV4, WSK_SOCKET, 1, wishes)
    assert "delay" not in [line.method for line in plain.lines]


def test_no_scenario_waits_for_what_may_never_end(many: list[Recipe]) -> None:
    """The limit of a wait is for faults of a guest: an abort or a cancel ends each call waited for."""
    for made in many:
        connected = len(planned(replace(made, lines=())).operations)
        steps = planned(made).operations
        for step in steps[connected:]:
            waited = step.target
            if waited is not None and step.kind == StepKind.WAIT:
                before = steps[: step.number]
                aborted = any(each.abortive and each.socket is waited.socket for each in before)
                cancelled = any(each.kind == StepKind.CANCEL and each.target is waited for each in before)
                ended = made.settles and made.peer.kind in ENDING_PEERS
                assert waited.kind in SURE or aborted or cancelled or ended
                assert not waited.hooked


def test_every_kind_of_wish_peer_and_context_is_drawn(many: list[Recipe]) -> None:
    methods = {line.method for made in many for line in made.lines}
    assert {"send", "receive", "disconnect", "cancel", "delay", "enable", "barrier", "close"} <= methods
    assert len({made.peer.kind for made in many}) > 8
    assert {cell[2] for made in many for cell in made.cells} == set(map(str, Context))


def test_what_is_written_is_what_is_performed(many: list[Recipe]) -> None:
    names = {
        **{name: getattr(scenario, name) for name in scenario.__all__},
        **{name: getattr(peers, name) for name in peers.__all__},
        "ms": ms,
        "s": s,
    }
    for made in many:
        lab = SimpleNamespace(peer=lambda _behaviour, family: Bound(family))
        seen: dict[str, Any] = {"lab": lab, **names}
        exec("\n".join(made.written()), seen)  # what we wrote ourselves
        as_written, as_made = seen["plan"], planned(made)
        as_written.id = as_made.id
        assert encode(as_written) == encode(as_made)


def test_a_use_of_a_socket_that_is_closed_is_left_out() -> None:
    wishes = [Wish("close"), Wish("send", size=10), Wish("receive", size=10)]
    made = recipe(READS, IPV4, WSK_SOCKET, 1, wishes)
    assert [line.method for line in made.lines] == ["close", "wait"]


def test_a_call_inside_nothing_is_made_outside() -> None:
    made = recipe(READS, IPV4, WSK_SOCKET, 1, [Wish("send", size=1, context=Context.COMPLETION)])
    assert made.lines[0].written() == "send1 = plan.send(sock0, 1)"
    wishes = [Wish("receive", size=9), Wish("send", size=1, context=Context.COMPLETION)]
    made = recipe(READS, IPV4, WSK_SOCKET, 1, wishes)
    assert made.lines[1].written() == "send2 = plan.send(sock0, 1, context=inside(receive1))"


def test_threads_end_before_the_close() -> None:
    made = recipe(READS, IPV4, WSK_SOCKET, 1, [Wish("send", size=1, strand=1), Wish("send", size=2)])
    assert [(line.strand, line.method) for line in made.lines] == [
        (0, "barrier"),
        (1, "barrier"),
        (1, "send"),
        (0, "send"),
        (1, "barrier"),
        (0, "barrier"),
        (0, "close"),
        (0, "wait"),
    ]


ASKED = (("end", "fin"), ("data", b"!"))


@pytest.mark.parametrize(
    ("fate", "static", "steps"),
    [
        (TAKEN, False, ["on_event", "enable", "enable", "send", "wait_event"]),
        (TAKEN, True, ["on_event", "send", "wait_event"]),
        (RETAINED, False, ["on_event", "enable", "enable", "send", "wait_event", "release"]),
        (RECEIVED, False, ["on_event", "enable", "receive", "receive", "send", "wait_event"]),
        (DISABLED, False, ["on_event", "enable", "enable", "send", "wait_event"]),  # there is data
    ],
)
def test_an_end_that_the_peer_is_asked_for_is_waited_for_as_an_event(
    fate: int, static: bool, steps: list[str]
) -> None:
    wishes = [Wish("told", size=END_IS_TOLD, flags=fate)]
    made = recipe(PeerChoice("EndsWhenAsked", ASKED), IPV4, WSK_SOCKET, 1, wishes, static=static)
    assert [line.method for line in made.lines if line.method != "may_fail"] == [*steps, "close", "wait"]
    other = recipe(READS, IPV4, WSK_SOCKET, 1, wishes)
    assert [line.method for line in other.lines] == ["close", "wait"]


def test_sockets_beside_are_closed_and_a_descriptor_is_released_behind_them() -> None:
    wishes = [Wish("dial"), Wish("descriptor"), Wish("letters", size=1), Wish("letters")]
    plan = planned(recipe(READS, IPV4, WSK_SOCKET, 1, wishes))
    kinds = [step.kind for step in plan.operations]
    assert kinds.count(StepKind.CLOSE) == kinds.count(StepKind.SOCKET) == 6
    assert kinds.count(StepKind.SEND_TO) == 2  # the second has no port
    closes = [step.number for step in plan.operations if step.kind == StepKind.CLOSE]
    release = [step.number for step in plan.operations if step.kind == StepKind.CONTROL_CLIENT][-1]
    assert closes[1] < closes[2] < release
    dialled = [step.remote for step in plan.operations if step.kind == StepKind.CONNECT]
    assert dialled[-1] == Address(IPV4, "192.0.2.129", 9)


def aborts(tried: Recipe) -> bool:
    return any(line.method == "disconnect" and dict(line.how).get("flags") for line in tried.lines)


def test_what_is_found_is_made_as_small_as_it_can_be() -> None:
    drawn = ((number, made) for number in range(9) for made in generate(number, 30))
    number, bad = next((number, made) for number, made in drawn if aborts(made) and len(made.lines) > 6)
    smallest = shrink(number, 30, bad, aborts)
    assert [line.method for line in smallest.lines] == ["disconnect", "close", "wait"]
    assert (smallest.peer, smallest.family, smallest.way) == (READS, IPV4, WSK_SOCKET)


def test_what_cannot_be_made_smaller_stays_as_it_is() -> None:
    bad = generate(1, 30)[-1]
    assert shrink(1, 30, bad, lambda _tried: False) == bad


@dataclass
class FakeSeen:
    name: str
    recipe: Recipe
    signs: frozenset[str]
    says_nothing: bool = False
    opens: list[str] = field(default_factory=list)
    result: Any = field(
        default_factory=lambda: SimpleNamespace(
            why="it was wrong", outcome="deviation", case=SimpleNamespace(judgements=[])
        )
    )


class FakePerformer:
    """`is_wrong` says what goes wrong with a recipe, the how-manieth time it is performed."""

    def __init__(self, is_wrong: Callable[[Recipe, int], bool]) -> None:
        self._is_wrong = is_wrong
        self._times: dict[str, int] = {}
        self._begun: list[tuple[str, Recipe]] = []

    @property
    def waiting(self) -> int:
        return len(self._begun)

    def begin(self, named: Iterator[tuple[str, Recipe]]) -> None:
        self._begun += named

    def take(self, most_left: int = 0) -> Iterator[FakeSeen]:
        while self.waiting > most_left:
            yield self.once(*self._begun.pop(0))

    def once(self, name: str, made: Recipe) -> FakeSeen:
        text = "\n".join(made.written())
        self._times[text] = self._times.get(text, 0) + 1
        wrong = self._is_wrong(made, self._times[text])
        return FakeSeen(name, made, frozenset({"a-law"} if wrong else ()))

    def pool(self) -> None:
        return None


def explored(is_wrong: Callable[[Recipe, int], bool], budget: Budget) -> Exploration:
    said: list[str] = []
    patient = replace(budget, shrinking=3600.0)  # a busy host makes nothing of it
    done = Exploration(cast(Performer, FakePerformer(is_wrong)), 1, patient, said.append)
    done.run()
    return done


def test_a_find_is_confirmed_and_made_small() -> None:
    done = explored(lambda made, _time: aborts(made), Budget(scenarios=120, first_find=True))
    (find,) = done.finds
    assert aborts(find.first.recipe)
    assert len(find.seen.recipe.lines) == 3
    text = "\n".join(summary(done))
    assert f"find {find.id}: a-law" in text
    assert "disconnect1 = plan.disconnect(sock0, flags=1)" in text


def test_what_comes_now_and_then_is_performed_more_than_once_more() -> None:
    done = explored(lambda made, time: aborts(made) and time != 2, Budget(scenarios=120, first_find=True))
    assert (len(done.finds), done.unconfirmed) == (1, [])


def test_reasons_are_counted_by_kind() -> None:
    """Not by the numbers of each scenario: an exploration of a night keeps a handful."""
    done = explored(lambda _made, _time: False, Budget(scenarios=1))
    for port in (10844, 10845):
        result = SimpleNamespace(
            outcome="x", why=f"connect #4 (to [fd00::1]:{port}, PASSIVE_LEVEL) ended with STATUS_X"
        )
        done._note(
            cast(
                Any,
                FakeSeen(
                    "one",
                    recipe(READS, IPV4, WSK_SOCKET, 1, []),
                    frozenset(),
                    says_nothing=True,
                    result=result,
                ),
            )
        )
    assert done.unjudged == {"connect ended with STATUS_X": 2}


def test_what_happens_once_is_told_and_is_no_find() -> None:
    done = explored(lambda made, time: aborts(made) and time == 1, Budget(scenarios=120))
    assert done.finds == []
    assert done.unconfirmed
    assert "was not seen again: a-law" in "\n".join(summary(done))


def test_the_same_is_found_once() -> None:
    assert len(explored(lambda made, _time: aborts(made), Budget(scenarios=90)).finds) == 1


def test_a_budget_ends_it() -> None:
    assert explored(lambda _made, _time: False, Budget(scenarios=40)).performed == 40
    assert explored(lambda _made, _time: False, Budget(seconds=0)).performed == 0


def test_the_id_of_a_find_is_that_of_what_was_found() -> None:
    first, second = (
        explored(lambda made, _time: aborts(made), Budget(scenarios=120, first_find=True)).finds[0]
        for _ in range(2)
    )
    assert first.id == second.id
    other = Find(first.seen, first.first, frozenset({"another-law"}))
    assert other.id != first.id


def test_a_find_is_written_as_a_test_of_the_suites() -> None:
    made = recipe(READS, IPV4, WSK_SOCKET, 1, [Wish("abort")])
    seen = cast(Seen, FakeSeen("one", made, frozenset({"a-law"})))
    text = as_test(Find(seen, seen, frozenset({"a-law"})))
    (test,) = [node for node in ast.parse(text).body if isinstance(node, ast.AsyncFunctionDef)]
    assert ast.get_docstring(test) == "it was wrong"
    assert "await lab.run(plan, peer, peer_timeout=300 * ms)" in text


def test_the_coverage_counts_states_calls_and_contexts() -> None:
    made = recipe(READS, IPV4, WSK_SOCKET, 1, [Wish("abort"), Wish("send", size=1, context=Context.DPC)])
    done = explored(lambda _made, _time: False, Budget(scenarios=30))
    lines = list(coverage(done.cells))
    assert lines[0].split() == ["covered", *map(str, Context)]
    assert any(line.startswith("connected close") for line in lines)
    assert ("aborted", "send", "dpc", "1 calls") in made.cells
    assert all(len(first) == len(second) for first, second in pairwise(lines))


def test_addresses_are_those_of_the_peer() -> None:
    made = recipe(READS, IPV4, WSK_SOCKET, 1, [])
    connects = [step for step in planned(made).operations if step.kind == StepKind.CONNECT]
    assert [step.remote for step in connects] == [Address(4, HOSTS[4], 4000)]
