# SPDX-License-Identifier: Apache-2.0
"""An abortive disconnect ends pending IRPs, and leaves nothing possible but to close."""

from harness.core.ntstatus import nt_success
from harness.core.units import KiB, ms
from harness.peer import KeepsSending, ReadsToEof, Sends, ZeroWindow
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_DRAIN,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Callback,
    Scenario,
)
from harness.verdict import for_each, requires
from suites.scenes import (
    AFTERWARDS,
    CONNECTED_AND_ACCEPTED,
    FORMS,
    NETWORKS,
    PROMPT,
    SETTLES,
    SOME_WAYS,
    connected,
    failed,
    impossible,
    quiet_after_reset,
    require_pending,
    require_precondition,
    require_unread,
)

RECEIVES = {"plain": (100, 0), "waitall": (100, WSK_FLAG_WAITALL), "drain": (0, WSK_FLAG_DRAIN)}


@requires("D-27")
@for_each(sends=(1, 16), network=NETWORKS, way=SOME_WAYS, context=CONTEXTS, unless=impossible)
async def test_an_abortive_disconnect_ends_every_send_that_is_pending(lab, sends, network, way, context):
    """With the window closed no send can complete; an abort completes each once, and none with success."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ZeroWindow(), network, way)
    queued = [plan.send(sock, 4 * KiB) for _ in range(sends)]
    plan.delay(SETTLES)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(*queued, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    for send in queued:
        require_pending(seen, send, abort)
        assert failed(seen, send)
        assert seen.within(abort.call, send.completion, PROMPT)
    assert quiet_after_reset(seen)
    lab.record("status of a send", seen.status(queued[0]))


@requires("D-27")
@for_each(network=NETWORKS, receive=RECEIVES)
async def test_an_abortive_disconnect_ends_both_directions_at_once(lab, network, receive):
    """A send that cannot move fails, and a receive of nothing completes; its status is recorded."""
    size, flags = receive
    plan = Scenario()
    peer, sock = connected(lab, plan, ZeroWindow(), network)
    send = plan.send(sock, 4 * KiB)
    pending = plan.receive(sock, size, flags=flags)
    plan.delay(SETTLES)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    plan.wait(send, pending, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    for call in (send, pending):
        require_pending(seen, call, abort)
        assert seen.completions(call) == 1
        assert seen.within(abort.call, call.completion, PROMPT)
    assert failed(seen, send)
    assert seen.data(pending) == b""
    lab.record("status of the receive", seen.status(pending))


@requires("D-26")
@for_each(network=NETWORKS, context=CONTEXTS)
async def test_an_abortive_disconnect_ends_the_buffer_of_a_graceful_one(lab, network, context):
    """A graceful disconnect pends with a buffer that cannot move: it completes, and the RST is the end."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ZeroWindow(), network)
    graceful = plan.disconnect(sock, buffer=4 * KiB)
    plan.delay(SETTLES)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(graceful, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, graceful, abort)
    assert seen.completions(graceful) == 1
    assert seen.within(abort.call, graceful.completion, PROMPT)
    assert quiet_after_reset(seen)
    lab.record("status", seen.status(graceful))


@requires("D-29")
@for_each(network=NETWORKS, way=SOME_WAYS, context=CONTEXTS, unless=impossible)
async def test_nothing_is_sent_after_an_abortive_disconnect(lab, network, way, context):
    """A send after the abort fails, and behind the RST the guest sends neither data nor FIN."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), network, way)
    plan.finish.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    late = plan.send(sock, 1 * KiB, context=context)
    plan.wait(late)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert not nt_success(seen.status(late))
    assert peer.received == b""
    assert quiet_after_reset(seen)
    lab.record("status of the send", seen.status(late))


@requires("D-30")
@for_each(family=FAMILIES, context=CONTEXTS)
async def test_what_a_receive_gets_of_data_that_came_before_an_abort_is_recorded(lab, family, context):
    """With bytes of the peer's unread, a receive after the abort completes, and with none but those."""
    peer = lab.peer(Sends(bytes(range(100))), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.finish.receive(sock, 1)
    plan.finish.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    late = plan.receive(sock, 1 * KiB, context=context)
    plan.wait(late)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_unread(seen)
    assert bytes(range(1, 100)).startswith(seen.data(late))
    lab.record("status of the receive", seen.status(late))
    lab.record("bytes of the receive", len(seen.data(late)))


@requires("D-30")
@for_each(network=NETWORKS, way=SOME_WAYS, unless=impossible)
async def test_data_that_comes_after_an_abort_is_not_received(lab, network, way):
    """The peer goes on sending: a receive fails, and gets nothing that came behind our RST."""
    plan = Scenario()
    peer, sock = connected(lab, plan, KeepsSending(for_=800 * ms), network, way)
    plan.finish.receive(sock, 100, flags=WSK_FLAG_WAITALL)
    plan.finish.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    plan.delay(AFTERWARDS)
    late = plan.receive(sock, 4 * KiB)
    plan.wait(late)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(sent_after_the_reset(seen))
    assert len(seen.data(late)) <= received_before_the_reset(seen) - 100
    lab.record("status of the receive", seen.status(late))


@requires("D-30")
@for_each(way=SOME_WAYS, context=CONTEXTS)
async def test_no_event_brings_data_that_comes_after_an_abort(lab, way, context):
    """The peer goes on sending: what WskReceiveEvent was offered in all had come before our RST."""
    plan = Scenario()
    peer, sock = connected(lab, plan, KeepsSending(for_=800 * ms), way=way)
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.wait_event(sock, Callback.RECEIVE)
    plan.finish.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.delay(AFTERWARDS)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(sent_after_the_reset(seen))
    offered = sum(visit.enter.information for visit in seen.callbacks(sock, Callback.RECEIVE))
    assert offered <= received_before_the_reset(seen)


@requires("D-30")
@for_each(receive=RECEIVES, network=NETWORKS, context=CONTEXTS)
async def test_an_abortive_disconnect_ends_a_receive_that_is_pending(lab, receive, network, context):
    """A receive that waits for data completes, without any; its status is recorded."""
    size, flags = receive
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), network)
    pending = plan.receive(sock, size, flags=flags)
    plan.delay(SETTLES)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(pending, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, pending, abort)
    assert seen.completions(pending) == 1
    assert seen.within(abort.call, pending.completion, PROMPT)
    assert seen.data(pending) == b""
    lab.record("status of the receive", seen.status(pending))


@requires("D-30")
@for_each(count=(3, 8), network=NETWORKS, context=CONTEXTS)
async def test_an_abortive_disconnect_ends_every_receive_that_is_pending(lab, count, network, context):
    """However many wait for data, each completes once, before the close, and without any."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), network)
    receives = [plan.receive(sock, 100) for _ in range(count)]
    plan.delay(SETTLES)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    plan.wait(*receives, abort)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    for receive in receives:
        require_pending(seen, receive, abort)
        assert seen.completions(receive) == 1
        assert seen.data(receive) == b""


def sent_after_the_reset(seen):
    """The peer's segments after our RST had left."""
    return [packet for packet in seen.packets(sender="peer", after=seen.rst("guest")) if packet.payload]


def received_before_the_reset(seen):
    """Bytes that the peer had sent when our RST left."""
    return sum(len(packet.payload) for packet in seen.packets(sender="peer", before=seen.rst("guest")))


@requires("D-15")
@for_each(flags=FORMS, way=CONNECTED_AND_ACCEPTED, context=CONTEXTS)
async def test_a_disconnect_after_an_abort_is_answered(lab, flags, way, context):
    """It puts nothing on the wire, and its IRP completes, with whatever status."""
    plan = Scenario()
    peer, sock = connected(lab, plan, ReadsToEof(), way=way)
    plan.finish.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    again = plan.disconnect(sock, flags=flags, context=context)
    plan.wait(again)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.answered(again)
    assert quiet_after_reset(seen)
