# SPDX-License-Identifier: Apache-2.0
"""A socket whose local address is taken away is dead: its client is told once, and can only close it."""

from harness.core.ntstatus import STATUS_FILE_FORCED_CLOSED, STATUS_SUCCESS, nt_success
from harness.core.units import KiB, ms, s
from harness.peer import HoldsOpen, ZeroWindow
from harness.scenario import FAMILIES, WSK_FLAG_ABORTIVE, Callback, Category, Scenario
from harness.verdict import for_each, requires
from suites.scenes import SHORT_PEER_TIMEOUT

FLAGS = {"graceful": 0, "abortive": WSK_FLAG_ABORTIVE}
CATEGORIES = (Category.CONNECTION, Category.STREAM)
BEFORE = 200 * ms  # so that all that is to be pending is


def connected_from(plan, temporary, peer, category):
    """A connected socket that is bound to the case's own address."""
    sock = plan.socket(temporary.address.family, category=category)
    plan.wait(sock.creation)
    plan.wait(plan.bind(sock, local=temporary.at()))
    plan.wait(plan.connect(sock, to=peer))
    return sock


@requires("X-08")
@for_each(family=FAMILIES, category=CATEGORIES)
async def test_a_null_indication_says_once_that_the_socket_is_dead(lab, family, category):
    """With its address gone the receive event comes with a NULL indication, once, and the socket closes."""
    peer = lab.peer(HoldsOpen(for_=1 * s, exchange=1), family)
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        sock = connected_from(plan, temporary, peer, category)
        plan.wait(plan.send(sock, b"!"), plan.receive(sock, 1))
        plan.wait(plan.enable(sock, Callback.RECEIVE))
        plan.wait_event(sock, Callback.RECEIVE)
        plan.delay(50 * ms)
        close = plan.close(sock)
        plan.wait(close)

        temporary.leaves(once=lambda: peer.received, after=BEFORE)
        seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    assert [visit.enter.nothing for visit in seen.callbacks(sock, Callback.RECEIVE)] == [True]
    assert seen.status(close) == STATUS_SUCCESS


@requires("X-08")
@for_each(family=FAMILIES)
async def test_a_null_accept_socket_says_once_that_the_listener_is_dead(lab, family):
    """With its address gone the accept event comes without a socket, once, and the listener closes."""
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        listener = plan.socket(family, category=Category.LISTEN)
        plan.wait(listener.creation)
        plan.wait(plan.bind(listener, local=temporary.at()))
        plan.wait(plan.enable(listener, Callback.ACCEPT))
        plan.wait_event(listener, Callback.ACCEPT)
        plan.delay(50 * ms)
        close = plan.close(listener)
        plan.wait(close)

        temporary.leaves(after=1 * s)
        seen = await lab.run(plan)

    assert [visit.enter.nothing for visit in seen.callbacks(listener, Callback.ACCEPT)] == [True]
    assert seen.status(close) == STATUS_SUCCESS


@requires("D-12", "D-13", "D-14")
@for_each(family=FAMILIES, category=CATEGORIES, flags=FLAGS)
async def test_a_disconnect_of_a_dead_socket_fails_and_the_close_does_not(lab, family, category, flags):
    """What a disconnect of a dead socket returns is recorded; its IRP fails, once, and the close succeeds."""
    peer = lab.peer(ZeroWindow(takes=1 * KiB), family)
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        sock = connected_from(plan, temporary, peer, category)
        send = plan.send(sock, 64 * KiB)
        plan.wait(send)
        disconnect = plan.disconnect(sock, flags=flags)
        plan.wait(disconnect)
        close = plan.close(sock)
        plan.wait(close)

        temporary.leaves(once=lambda: peer.received, after=BEFORE)
        seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    lab.record("the send that was pending", seen.status(send))
    lab.record("the disconnect's return", seen.returned(disconnect))
    lab.record("the disconnect's IRP", seen.status(disconnect))
    assert seen.completions(disconnect) == 1
    if seen.returned(disconnect) == STATUS_FILE_FORCED_CLOSED:
        assert not nt_success(seen.status(disconnect))
    assert seen.status(close) == STATUS_SUCCESS
