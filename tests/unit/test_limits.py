# SPDX-License-Identifier: Apache-2.0
"""A wait that reached its limit is the guest's only when neither the host nor a peer of ours is to blame."""

from types import SimpleNamespace
from typing import Any

import pytest
from synthetic import PEER, GuestRun, Wire, exact_clock

from harness.core.abi import EventKind, TraceOutcome
from harness.core.errors import EvidenceLost
from harness.core.units import ms, s
from harness.evidence import Timeline, Trace
from harness.run.limits import require_own_part
from harness.run.watch import HostLoad
from harness.scenario import Operation, Origin, Scenario
from harness.wire import ACK, PSH

LIMIT = 6 * s  # when it was reached
IDLE = HostLoad(0, 0, 0)


class Hung:
    """A scenario whose wait for a send, a receive or a close reached its limit."""

    def __init__(self, awaited: str) -> None:
        self.plan = Scenario()
        sock = self.plan.connected(Origin.WSK_SOCKET_CONNECT, to=PEER)
        self.operation: Operation = {
            "send": lambda: self.plan.send(sock, 1000),
            "receive": lambda: self.plan.receive(sock, 1000),
            "close": lambda: self.plan.close(sock),
        }[awaited]()
        self.plan.wait(self.operation, limit=5 * s)
        self.wire = Wire().handshake(11 * ms)

    def require(self, load: HostLoad = IDLE) -> None:
        run = GuestRun(self.plan).call(self.operation, 1 * s)
        run.event(self.plan.operations[-1].number, EventKind.LIMIT, LIMIT)
        run.outcome = TraceOutcome.LIMIT
        trace = Trace.decode(run.trace())
        timeline = Timeline(self.plan, trace, self.wire.packets, None, exact_clock(LIMIT))
        watch: Any = SimpleNamespace(load=lambda _since, _until: load)
        require_own_part(timeline, watch)


def test_on_an_idle_host_with_nothing_moving_it_is_the_guests() -> None:
    for awaited in ("send", "receive", "close"):
        Hung(awaited).require()


def test_a_host_that_kept_the_guest_from_running_for_half_of_it_may_be_to_blame() -> None:
    Hung("close").require(HostLoad(0, 2 * s, None))
    with pytest.raises(EvidenceLost, match=r"wait #3.*kept the guest from running for 3 s"):
        Hung("close").require(HostLoad(0, 3 * s, None))


def test_a_peer_of_ours_that_was_late_may_be_to_blame() -> None:
    with pytest.raises(EvidenceLost, match="the peer was late by 2 s"):
        Hung("receive").require(HostLoad(2 * s, 0, None))


@pytest.mark.parametrize(("awaited", "sender"), [("send", "guest"), ("receive", "peer")])
def test_bytes_that_still_move_are_waited_for_rightly(awaited: str, sender: Any) -> None:
    hung = Hung(awaited)
    hung.wire.packet(sender, PSH | ACK, 2 * s, offset=1, payload=b"x" * 100)
    hung.require()  # they came long before the limit
    hung.wire.packet(sender, PSH | ACK, LIMIT - 100 * ms, offset=1, payload=b"x" * 100)
    hung.require()  # the same again
    hung.wire.packet(sender, PSH | ACK, LIMIT - 50 * ms, offset=101, payload=b"x" * 100)
    with pytest.raises(EvidenceLost, match="its bytes still moved"):
        hung.require()


def test_a_close_waits_for_no_bytes() -> None:
    hung = Hung("close")
    for sender in ("guest", "peer"):
        hung.wire.packet(sender, PSH | ACK, LIMIT - 50 * ms, offset=1, payload=b"x" * 100)
    hung.require()
