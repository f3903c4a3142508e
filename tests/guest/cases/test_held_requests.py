# SPDX-License-Identifier: Apache-2.0
"""A peer that takes its connection request back while a conditional listener holds it."""

import pytest

from harness.core.ntstatus import STATUS_SUCCESS, nt_success
from harness.core.units import ms
from harness.peer import HangsUp
from harness.run.case import Case
from harness.scenario import FAMILIES, Action, Address, Callback, Category, Family, InspectAction, Scenario
from harness.wire import ACK, RST, SYN


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_an_abort_event_tells_that_a_held_request_was_taken_back(lab: Case, family: Family) -> None:
    peer = lab.peer(HangsUp(after=300 * ms).connecting(), family)
    plan = Scenario()
    listener = plan.socket(family, category=Category.LISTEN)
    plan.wait(listener.creation)
    plan.finish.conditional_accept(listener)
    plan.on_event(listener, Callback.INSPECT, Action.RETAIN)
    plan.finish.bind(listener, local=Address.wildcard(family, peer.port))
    plan.finish.enable(listener, Callback.ACCEPT)
    plan.wait_event(listener, Callback.ABORT)
    late = plan.inspect_complete(listener, InspectAction.ACCEPT)
    close = plan.close(listener)
    plan.wait(late, close)

    seen = await lab.run(plan, peer)

    port = seen.packets(SYN, sender="peer")[0].peer_port
    flags = [packet.flags for packet in seen.packets() if packet.peer_port == port]
    assert flags == [SYN, RST | ACK]
    inspected, aborted = (seen.callbacks(listener, event)[0] for event in (Callback.INSPECT, Callback.ABORT))
    assert inspected.leave is not None
    assert inspected.leave.sequence < aborted.enter.sequence
    assert seen.elapsed(listener.leaves(Callback.INSPECT), listener.enters(Callback.ABORT)) > 200 * ms
    assert not nt_success(seen.status(late))
    assert seen.status(close) == STATUS_SUCCESS
