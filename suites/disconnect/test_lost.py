# SPDX-License-Identifier: Apache-2.0
"""A segment of the guest's that begins or aborts the connection is lost on its way (RFC 9293, 3.8.1)."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import ms
from harness.peer import LosesFirst
from harness.scenario import FAMILIES, WSK_FLAG_ABORTIVE, WSK_FLAG_WAITALL, Arrival, Scenario
from harness.verdict import for_each, requires
from harness.wire import ACK, RST
from suites.scenes import (
    CONNECTED_AND_ACCEPTED,
    FORMS,
    SHORT_PEER_TIMEOUT,
    acknowledges,
    close_after,
    joined,
    quiet_after_reset,
    require_precondition,
)

LATE = bytes(1000)
COMES = 200 * ms  # the peer's late data, while an aborted socket is still open; no sentence rests on it


@requires("D-16")
@for_each(form=FORMS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES, singly=("family",))
async def test_a_connection_that_began_with_a_loss_is_one_like_others(lab, form, way, family):
    """The first SYN or SYN+ACK is lost: what comes again connects, and the disconnect tells the peer."""
    plan = Scenario()
    lost = "syn-ack" if isinstance(way, Arrival) else "syn"
    peer, sock = joined(lab, plan, LosesFirst(lost, exchange=100), way, family)
    send, receive = plan.send(sock, 100), plan.receive(sock, 100, flags=WSK_FLAG_WAITALL)
    plan.wait(send, receive)
    disconnect = plan.disconnect(sock, flags=form)
    plan.wait(disconnect)
    close_after(plan, disconnect)

    seen = await lab.run(plan, peer)

    require_precondition(peer.lost)
    assert seen.status(disconnect) == STATUS_SUCCESS
    assert peer.received == send.data == seen.data(receive)
    assert peer.ended == ("reset" if form else "eof")


ENDS = {
    "abort": lambda plan, sock: plan.finish.disconnect(sock, flags=WSK_FLAG_ABORTIVE),
    "close": lambda plan, sock: plan.finish.close(sock),
}


@requires("D-30", "C-17")
@for_each(end=ENDS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_what_comes_after_a_reset_that_was_lost_is_not_taken(lab, end, way, family):
    """The peer sends on: nobody can receive that, so none is acknowledged; what answers it is recorded."""
    plan = Scenario()
    peer, sock = joined(lab, plan, LosesFirst("rst", then=LATE), way, family)
    done = end(plan, sock)
    plan.delay(COMES)
    if not sock.closing:
        plan.finish.close(sock)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_precondition(peer.lost)
    late = next((packet for packet in seen.packets(sender="peer") if packet.payload), None)
    require_precondition(seen.order(seen.rst("guest"), late))
    assert seen.status(done) == STATUS_SUCCESS
    assert quiet_after_reset(seen)
    assert not [packet for packet in seen.packets(ACK, sender="guest") if acknowledges(packet, late)]
    lab.record("it is answered", bool(seen.packets(RST, sender="guest", after=late)))
