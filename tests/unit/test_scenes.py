# SPDX-License-Identifier: Apache-2.0
"""The suites' checks of RSTs and FINs allow all that TCP may do, and nothing else."""

import importlib
from contextlib import nullcontext
from typing import Any

import pytest
from made_up import MadeUp
from synthetic import GuestRun, Wire, exact_clock

from harness.core.errors import EvidenceLost
from harness.core.units import ms
from harness.evidence import Timeline, Trace
from harness.scenario import Callback, Scenario
from harness.wire import ACK, FIN, PSH, RST

scenes: Any = importlib.import_module("suites.scenes")  # suites have no annotations


def seen(wire: Wire) -> Timeline:
    plan = Scenario()
    return Timeline(plan, Trace.decode(GuestRun(plan).trace()), wire.packets, None, exact_clock())


def both_ended() -> Wire:
    """The guest's FIN, then the peer's; each is acknowledged."""
    wire = Wire().handshake(1 * ms)
    wire.packet("guest", FIN | ACK, 10 * ms, offset=1)
    wire.packet("peer", FIN | ACK, 11 * ms, offset=1, acknowledged=2)
    return wire.packet("guest", ACK, 12 * ms, offset=2, acknowledged=2)


def test_a_reset_that_answers_what_came_after_both_ends_decides_nothing() -> None:
    assert scenes.no_reset(seen(both_ended()))
    answered = both_ended().packet("peer", FIN | ACK, 20 * ms, offset=1, acknowledged=2)
    answered.packet("guest", RST, 21 * ms, offset=2)
    assert scenes.no_reset(seen(answered))


def test_nor_does_one_that_answers_the_peers_fin_come_again_before_the_guest_had_answered_it() -> None:
    wire = Wire().handshake(1 * ms)
    wire.packet("guest", FIN | ACK, 10 * ms, offset=1)
    for time_ns in (11 * ms, 211 * ms):  # the guest does not run meanwhile
        wire.packet("peer", FIN | ACK, time_ns, offset=1, acknowledged=2)
    wire.packet("guest", ACK, 220 * ms, offset=2, acknowledged=2).packet("guest", RST, 221 * ms, offset=2)
    assert scenes.no_reset(seen(wire))


def test_a_reset_of_its_own_accord_does() -> None:
    assert not scenes.no_reset(seen(both_ended().packet("guest", RST, 20 * ms, offset=2)))


def test_so_does_one_before_both_directions_had_ended() -> None:
    wire = Wire().handshake(1 * ms)
    wire.packet("peer", FIN | ACK, 10 * ms, offset=1).packet("guest", RST | ACK, 11 * ms, offset=1)
    wire.packet("peer", ACK, 12 * ms, offset=2)
    assert not scenes.no_reset(seen(wire))


def test_behind_a_reset_there_may_be_more_resets_but_neither_data_nor_fin() -> None:
    wire = Wire().handshake(1 * ms).packet("guest", RST, 10 * ms, offset=1)
    assert scenes.quiet_after_reset(seen(wire.packet("guest", RST | ACK, 11 * ms, offset=1)))
    assert not scenes.quiet_after_reset(seen(Wire().handshake(1 * ms)))
    for flags, payload in ((FIN | ACK, b""), (PSH | ACK, b"late")):
        late = Wire().handshake(1 * ms).packet("guest", RST, 10 * ms, offset=1)
        assert not scenes.quiet_after_reset(
            seen(late.packet("guest", flags, 11 * ms, offset=1, payload=payload))
        )


def test_data_that_a_reset_has_overtaken_left_before_it_unless_it_was_there_already() -> None:
    def data(wire: Wire, time_ns: int, offset: int = 1) -> Wire:
        return wire.packet("guest", PSH | ACK, time_ns, offset=offset, payload=b"late")

    def reset(wire: Wire) -> Wire:
        return wire.packet("guest", RST, 10 * ms, offset=5)

    assert scenes.quiet_after_reset(seen(data(reset(Wire().handshake(1 * ms)), 11 * ms)))
    assert not scenes.quiet_after_reset(seen(data(reset(Wire().handshake(1 * ms)), 11 * ms, offset=5)))
    assert not scenes.quiet_after_reset(seen(data(reset(data(Wire().handshake(1 * ms), 9 * ms)), 11 * ms)))


def test_a_connection_is_reset_while_open_before_the_peers_fin_alone() -> None:
    assert not scenes.reset_while_open(seen(both_ended().packet("guest", RST, 20 * ms, offset=2)))
    assert scenes.reset_while_open(seen(Wire().handshake(1 * ms).packet("guest", RST, 10 * ms, offset=1)))


def test_after_a_fin_it_is_not_told_whether_a_close_reset_too() -> None:
    assert scenes.told(seen(Wire().handshake(1 * ms))) == "nothing"
    assert scenes.told(seen(Wire().handshake(1 * ms).packet("guest", RST, 10 * ms, offset=1))) == "RST"
    ended = both_ended().packet("guest", RST, 20 * ms, offset=2)
    assert scenes.told(seen(ended)) == "FIN"
    assert scenes.told(seen(ended), fins=1) == "RST"


def test_a_scene_that_was_not_as_planned_decides_nothing() -> None:
    scenes.require_precondition("something")
    for fact in (None, False, list[int]()):
        with pytest.raises(EvidenceLost, match="not as planned"):
            scenes.require_precondition(fact)
    byte = Wire().handshake(1 * ms).packet("peer", PSH | ACK, 10 * ms, offset=1, payload=b"x")
    with pytest.raises(EvidenceLost):
        scenes.require_unread(seen(byte))


def test_a_peer_that_had_ended_spoils_the_scene_of_an_open_one() -> None:
    plan = Scenario()
    sock = plan.socket(4)
    close = plan.close(sock)
    run = GuestRun(plan).call(close, 50 * ms)
    packets = Wire().handshake(1 * ms).packet("peer", FIN | ACK, 10 * ms, offset=1).packets
    timeline = Timeline(plan, Trace.decode(run.trace()), packets, None, exact_clock(50 * ms))
    with pytest.raises(EvidenceLost):
        scenes.require_peer_open(timeline, close)


@pytest.mark.parametrize(("comes", "fits"), [(10 * ms, True), (60 * ms, False), (None, False)])
def test_a_peer_that_had_not_ended_spoils_the_scene_of_an_ended_one(comes: int | None, fits: bool) -> None:
    plan = Scenario()
    sock = plan.socket(4)
    close = plan.close(sock)
    run = GuestRun(plan).call(close, 50 * ms)
    wire = Wire().handshake(1 * ms)
    if comes:
        wire.packet("peer", FIN | ACK, comes, offset=1)
    timeline = Timeline(plan, Trace.decode(run.trace()), wire.packets, None, exact_clock(50 * ms))
    with nullcontext() if fits else pytest.raises(EvidenceLost):
        scenes.require_peer_ended(timeline, close)


@pytest.mark.parametrize(
    ("called", "took", "starved", "judged"),
    [(30, 1, 0, True), (30, 170, 0, False), (120, 80, 0, None), (30, 170, 90 * ms, None)],
)
def test_a_call_may_return_behind_a_callback_that_was_hardly_held_any_more(
    called: int, took: int, starved: int, judged: bool | None
) -> None:
    """The callback is held from 20 to 190 ms; None: nothing is judged."""
    seen = MadeUp()
    close = seen.plan.close(seen.sock)
    seen.event(Callback.RECEIVE, 20, 190).called(close, called, took=took).completed(close, 210)
    seen.starved = starved
    decides = pytest.raises(EvidenceLost, match="the guest had") if judged is None else nullcontext()
    with decides:
        held = scenes.before_it_returns(seen.timeline(), close.return_, seen.sock, Callback.RECEIVE)
        assert bool(held) == judged
