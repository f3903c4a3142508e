# SPDX-License-Identifier: Apache-2.0
"""A graceful disconnect waits for the data that was sent before it."""

from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS, nt_success
from harness.core.units import KiB, MiB, ms, s
from harness.evidence import Fact
from harness.peer import HoldsOpen, ReadsSlowly, ZeroWindow
from harness.scenario import CONTEXTS, FAMILIES, WSK_SOCKET, Scenario
from harness.verdict import for_each, requires
from harness.wire import FIN
from suites.scenes import (
    AFTERWARDS,
    NETWORKS,
    SETTLES,
    SOME_WAYS,
    connected,
    impossible,
    listed,
    require_pending,
    require_precondition,
)

SENDS = (1, 4, 16)
TOTAL = 512 * KiB
PATIENT = 6 * s


@requires("D-18")
@for_each(sends=SENDS, way=SOME_WAYS)
async def test_a_disconnect_waits_until_a_slow_peer_has_all_data(lab, sends, way):
    """The FIN follows the last byte, every send succeeds in full; which IRP completes last is noted."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsSlowly(rate=2 * MiB), way=way)
    queued = [plan.send(sock, TOTAL // sends) for _ in range(sends)]
    disconnect = plan.disconnect(sock)
    plan.wait(*queued, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.returned(disconnect) == STATUS_PENDING
    assert seen.status(disconnect) == STATUS_SUCCESS
    assert [seen.status(send) for send in queued] == [STATUS_SUCCESS] * sends
    assert [seen.information(send) for send in queued] == [TOTAL // sends] * sends
    assert peer.received == b"".join(send.data for send in queued)
    assert peer.ended == "eof"
    last = all(seen.order(send.completion, disconnect.completion) for send in queued)
    lab.note("the disconnect completes after the sends", last)


@requires("D-18b")
@for_each(network=NETWORKS, context=CONTEXTS)
async def test_graceful_disconnect_waits_while_the_window_is_closed(lab, network, context):
    """Data that cannot move holds back the FIN and both IRPs; once it opens, all complete with success."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ZeroWindow(opens_after=300 * ms), network)
    send = plan.send(sock, 16 * KiB)
    disconnect = plan.disconnect(sock, context=context)
    plan.wait(send, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(disconnect.call, peer.opened))
    assert seen.returned(disconnect) == STATUS_PENDING
    assert seen.no(FIN, sender="guest", before=peer.opened)
    assert seen.order(peer.opened, send.completion)
    assert (seen.status(send), seen.status(disconnect)) == (STATUS_SUCCESS, STATUS_SUCCESS)
    assert peer.received == send.data


@requires("D-18b")
@for_each(network=NETWORKS)
async def test_graceful_disconnect_goes_on_when_the_window_opens_unheard(lab, network):
    """The ACK that opens it is lost: a probe finds it open (RFC 9293, 3.8.6.1), and all is sent."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ZeroWindow(opens_after=300 * ms, says=False), network)
    send = plan.send(sock, 16 * KiB)
    disconnect = plan.disconnect(sock)
    plan.wait(send, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(disconnect.call, peer.opened))
    assert (seen.status(send), seen.status(disconnect)) == (STATUS_SUCCESS, STATUS_SUCCESS)
    assert peer.received == send.data
    assert peer.ended == "eof"


@requires("D-19")
@for_each(context=CONTEXTS, family=FAMILIES)
async def test_nothing_is_sent_after_a_graceful_disconnect(lab, context, family):
    """A send after the disconnect has completed fails, and nothing is on the wire behind the FIN."""
    peer = lab.peer(HoldsOpen(for_=200 * ms), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    first = plan.send(sock, 100)
    plan.wait(first, plan.disconnect(sock))
    late = plan.send(sock, 1 * KiB, context=context)
    plan.wait(late)
    plan.delay(AFTERWARDS)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert not nt_success(seen.status(late))
    assert nothing_behind_fin(seen)
    lab.record("status of the send", seen.status(late))


@requires("D-19")
@for_each(context=CONTEXTS, family=FAMILIES)
async def test_nothing_is_sent_while_a_graceful_disconnect_is_pending(lab, context, family):
    """A send after the disconnect was called, when earlier data is still queued, fails and sends nothing."""
    peer = lab.peer(ZeroWindow(opens_after=200 * ms), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    first = plan.send(sock, 100)
    disconnect = plan.disconnect(sock)
    late = plan.send(sock, 1 * KiB, context=context)
    plan.wait(first, disconnect, late)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, disconnect, late)
    assert not nt_success(seen.status(late))
    assert seen.status(disconnect) == STATUS_SUCCESS
    assert seen.stream("guest") == first.data
    assert nothing_behind_fin(seen)
    lab.record("status of the send", seen.status(late))


def nothing_behind_fin(seen):
    """Does no byte of the guest's stand behind its FIN? A keep-alive may repeat the FIN's own place."""
    fin = seen.fin("guest")
    require_precondition(fin)
    late = [
        packet
        for packet in seen.packets(sender="guest")
        if packet.payload and 0 < (packet.position - fin.position - 1) % (1 << 32) < 1 << 31
    ]
    return Fact(not late, f"behind {fin}: {listed(late, 'nothing')}")


@requires("D-23")
@for_each(network=NETWORKS, way=SOME_WAYS, unless=impossible)
async def test_a_disconnect_stays_pending_as_long_as_the_peer_answers_probes(lab, network, way):
    """A window that stays closed but is confirmed keeps the connection: the disconnect pends for a second."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ZeroWindow(), network, way)
    send = plan.send(sock, 1 * KiB)
    disconnect = plan.disconnect(sock)
    plan.delay(1 * s)
    close = plan.close(sock)
    plan.wait(send, disconnect, close)

    seen = await lab.run(plan, peer)

    assert seen.order(close.call, send.completion)
    assert seen.order(close.call, disconnect.completion)
    assert seen.no(FIN, sender="guest")


@requires("D-23")
@for_each(family=FAMILIES)
async def test_a_disconnect_does_not_give_up_while_the_peer_answers_probes(lab, family):
    """The same for as long as most that give up by themselves would take."""
    peer = lab.peer(ZeroWindow(), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    send = plan.send(sock, 1 * KiB)
    disconnect = plan.disconnect(sock)
    plan.delay(PATIENT)
    close = plan.close(sock)
    plan.wait(send, disconnect, close)

    seen = await lab.run(plan, peer)

    if not seen.order(close.call, disconnect.completion):
        require_precondition(answered(seen))
        raise AssertionError(f"the disconnect came to {seen.status(disconnect)} before the close")
    assert seen.no(FIN, sender="guest")


def answered(seen):
    """Did the peer answer what the guest sent until shortly before the end, and so confirm its window?"""
    reset = seen.rst("guest")
    require_precondition(reset)
    sent = [each for each in seen.packets(sender="guest") if each.time_ns < reset.time_ns - SETTLES]
    return sent and seen.packets(sender="peer", after=sent[-1])
