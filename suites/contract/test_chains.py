# SPDX-License-Identifier: Apache-2.0
"""One thing leads to the next: sends in completions, and a socket that passes on what another is told."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.peer import EndsWhenAsked, ReadsToEof
from harness.scenario import (
    FAMILIES,
    IPV4,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    Arrival,
    Callback,
    Origin,
    Scenario,
    inside,
)
from harness.verdict import for_each, requires
from suites.scenes import (
    AFTERWARDS,
    SHORT_PEER_TIMEOUT,
    joined,
)

LINKS = 8


@requires("X-11")
async def test_each_send_is_made_in_the_completion_of_the_one_before_it(lab):
    """And disconnect and close in those that follow: all succeed, and every byte is there."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsToEof(), Arrival.STREAM_ACCEPT, IPV4)
    sends = [plan.send(sock, 1000)]
    while len(sends) < LINKS:
        sends.append(plan.send(sock, 1000, context=inside(sends[-1])))
    graceful = plan.disconnect(sock, context=inside(sends[-1]))
    close = plan.close(sock, context=inside(graceful))
    plan.wait(*sends, graceful, close)

    seen = await lab.run(plan, peer)

    assert [seen.status(each) for each in (*sends, graceful, close)] == [STATUS_SUCCESS] * (LINKS + 2)
    assert seen.stream("guest") == b"".join(each.data for each in sends)


# What the peer of the one socket does, and how the client ends the other.
ENDS = {"fin": ("fin", 0), "rst": ("rst", WSK_FLAG_ABORTIVE)}


@requires("X-10")
@for_each(end=ENDS, way=(WSK_SOCKET, Origin.STREAM_CONNECT), family=FAMILIES, singly=("way",))
async def test_a_bridge_passes_on_data_and_end_inside_its_events(lab, end, way, family):
    """What the one socket is told is done to the other, inside the callback."""
    of_the_peer, flags = end
    data = b"x"
    peer = lab.peer(EndsWhenAsked(of_the_peer, data=data, connections=2), family)
    plan = Scenario()
    one, other = (plan.connected(way, to=peer) for _ in range(2))
    passed = plan.send(other, data, context=inside(one, Callback.RECEIVE))
    ended = plan.disconnect(other, flags=flags, context=inside(one, Callback.DISCONNECT))
    plan.finish.enable(other, Callback.RECEIVE)  # so that nothing is left unread
    plan.finish.enable(one, Callback.RECEIVE, Callback.DISCONNECT)
    plan.send(one, b"?")
    plan.wait_event(one, Callback.RECEIVE)
    plan.wait(passed)
    plan.send(one, b"!")
    plan.wait_event(one, Callback.DISCONNECT)
    plan.wait(ended)
    plan.delay(AFTERWARDS)
    for sock in (other, one):
        plan.finish.close(sock)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    assert seen.order(
        one.enters(Callback.DISCONNECT), ended.call, ended.return_, one.leaves(Callback.DISCONNECT)
    )
    assert [seen.status(each) for each in (passed, ended)] == [STATUS_SUCCESS] * 2
