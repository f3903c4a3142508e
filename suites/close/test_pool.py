# SPDX-License-Identifier: Apache-2.0
"""What WskCloseSocket leaves behind: nothing, however many sockets were opened and closed."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.peer import ReadsToEof
from harness.scenario import ALL_ORIGINS, IPV4, IPV6, Arrival, Category, Scenario
from harness.verdict import alone, for_each, requires
from suites.scenes import require_precondition

ROUNDS = 200
CONNECTIONS = 30


def opened_and_closed(category, rounds):
    plan = Scenario()
    with plan.repeat(rounds):
        sock = plan.socket(IPV6, category=category)
        plan.wait(sock.creation)
        if category != Category.BASIC:
            plan.finish.bind(sock)
        close = plan.close(sock)
        plan.wait(close)
    return plan, close


@requires("C-01", "C-16")
@alone
@for_each(category=Category)
async def test_sockets_that_were_closed_take_no_memory(lab, category):
    """After hundreds of sockets the pool is as it was before; every close succeeded."""
    warm_up, _ = opened_and_closed(category, 10)
    await lab.run(warm_up)
    before = await lab.pool()
    plan, close = opened_and_closed(category, ROUNDS)

    seen = await lab.run(plan)

    assert [life.completion.io_status for life in seen.rounds(close)] == [STATUS_SUCCESS] * ROUNDS
    assert await lab.pool() == before


def connected_and_closed(lab, way, rounds):
    peer = ReadsToEof(connections=rounds)
    plan = Scenario()
    if way in ALL_ORIGINS:
        peer = lab.peer(peer, IPV4)
    else:
        peer = lab.peer(peer.connecting(), IPV4)
        category = Category.STREAM if way == Arrival.STREAM_ACCEPT else Category.LISTEN
        listener = plan.listening(IPV4, peer.port, category=category)
    with plan.repeat(rounds):
        if way in ALL_ORIGINS:
            sock = plan.connected(way, to=peer)
        else:
            sock = plan.accept(listener)
            plan.wait(sock.creation)
        close = plan.close(sock)
        plan.wait(close)
    return plan, peer, close


@requires("C-01", "C-16")
@alone
@for_each(way=(*ALL_ORIGINS, Arrival.WSK_ACCEPT, Arrival.STREAM_ACCEPT))
async def test_connections_that_were_closed_take_no_memory(lab, way):
    """The same with connections: each was there, each is gone with all that belonged to it."""
    plan, peer, _ = connected_and_closed(lab, way, 5)
    await lab.run(plan, peer)
    before = await lab.pool()
    plan, peer, close = connected_and_closed(lab, way, CONNECTIONS)

    seen = await lab.run(plan, peer)

    assert [life.completion.io_status for life in seen.rounds(close)] == [STATUS_SUCCESS] * CONNECTIONS
    require_precondition(len(peer.connections) == CONNECTIONS)
    assert await lab.pool() == before
