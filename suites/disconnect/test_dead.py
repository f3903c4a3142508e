# SPDX-License-Identifier: Apache-2.0
"""A socket whose connection the peer has aborted."""

from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.core.units import KiB, ms
from harness.peer import Resets, ZeroWindow
from harness.scenario import CONTEXTS, Callback, Scenario
from harness.verdict import for_each, requires
from suites.scenes import (
    FORMS,
    NETWORKS,
    SOME_WAYS,
    SOON,
    connected,
    failed,
    impossible,
    require_precondition,
)


def by_a_receive(plan, sock):
    """A receive that was pending ends."""
    receive = plan.receive(sock, 1 * KiB)
    plan.send(sock, b"!")
    plan.wait(receive)


def by_an_event(plan, sock):
    """The disconnect event comes."""
    plan.finish.enable(sock, Callback.DISCONNECT)
    plan.send(sock, b"!")
    plan.wait_event(sock, Callback.DISCONNECT)


BEFORE = {"no-disconnect": None, **FORMS}
LEARNS = {"by-a-receive": by_a_receive, "by-an-event": by_an_event}


@requires("D-12", "D-14")
@for_each(
    flags=FORMS,
    learns=LEARNS,
    way=SOME_WAYS,
    network=NETWORKS,
    context=CONTEXTS,
    unless=impossible,
)
async def test_a_socket_that_the_peer_reset_answers_a_disconnect(lab, flags, learns, way, network, context):
    """After a RST the return value and the IRP agree; which status it is is recorded."""
    plan = Scenario()
    peer, sock = connected(lab, plan, Resets(after=SOON), network, way)
    learns(plan, sock)
    disconnect = plan.disconnect(sock, flags=flags, context=context)
    plan.wait(disconnect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.rst("peer"))
    assert seen.answered(disconnect)
    lab.record_return("returned", seen.returned(disconnect))
    lab.record("status", seen.status(disconnect))


@requires("D-13")
@for_each(before=BEFORE, learns=LEARNS, way=SOME_WAYS, context=CONTEXTS)
async def test_a_socket_that_the_peer_reset_can_be_closed(lab, before, learns, way, context):
    """With or without a disconnect before it, close succeeds."""
    plan = Scenario()
    peer, sock = connected(lab, plan, Resets(after=SOON), way=way)
    learns(plan, sock)
    if before is not None:
        plan.disconnect(sock, flags=before)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_precondition(seen.rst("peer"))
    assert seen.status(close) == STATUS_SUCCESS
    assert seen.completions(close) == 1


@requires("X-32", "S-12")
@for_each(way=SOME_WAYS, network=NETWORKS, unless=impossible)
async def test_a_disconnect_whose_data_the_peers_reset_discards_fails(lab, way, network):
    """With data held back and the graceful disconnect pending, a RST ends both, and neither with success."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ZeroWindow(resets_after=200 * ms), network, way)
    send = plan.send(sock, 4 * KiB)
    disconnect = plan.disconnect(sock)
    plan.wait(send, disconnect)
    close = plan.close(sock)
    plan.wait(close)

    seen = await lab.run(plan, peer)

    require_precondition(seen.returned(disconnect) == STATUS_PENDING)
    require_precondition(seen.order(disconnect.call, seen.rst("peer")))
    assert failed(seen, send, disconnect)
    assert seen.status(close) == STATUS_SUCCESS
    lab.record("status of the send", seen.status(send))
    lab.record("status of the disconnect", seen.status(disconnect))
