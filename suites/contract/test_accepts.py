# SPDX-License-Identifier: Apache-2.0
"""WskAccept: several that wait, each with a connection of its own; and what leaves them waiting."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.peer import EndsWhenAsked, ReadsToEof
from harness.scenario import CONTEXTS, FAMILIES, WSK_SOCKET, Address, Callback, Category, Scenario
from harness.verdict import for_each, requires
from suites.scenes import AFTERWARDS, FORMS, SHORT_PEER_TIMEOUT, failed, require_pending

COUNT = 3


@requires("X-45")
@for_each(category=(Category.LISTEN, Category.STREAM), family=FAMILIES, context=CONTEXTS)
async def test_each_connection_completes_one_of_the_accepts_that_wait(lab, category, family, context):
    """Three accepts, three connections: each socket is one of them, and has its addresses."""
    peer = lab.peer(ReadsToEof(connections=COUNT).connecting(), family)
    plan = Scenario(dangerous=True)  # several accepts at a time have hung Windows
    listener = plan.listening(family, peer.port, category=category)
    sockets = [plan.accept(listener, context=context) for _ in range(COUNT)]
    plan.wait(*(sock.creation for sock in sockets))
    sends = [plan.finish.send(sock, bytes([number])) for number, sock in enumerate(sockets)]
    for sock in sockets:
        plan.finish.disconnect(sock)
        plan.close_after_eof(sock)
    plan.finish.close(listener)

    seen = await lab.run(plan, peer)

    accepts = [sock.creation for sock in sockets]
    assert [(seen.completions(each), seen.status(each)) for each in accepts] == [(1, STATUS_SUCCESS)] * COUNT
    assert all(address for each in accepts for address in seen.addresses(each))
    ends = {tuple(address.port for address in seen.addresses(each)) for each in accepts}
    assert len(ends) == COUNT
    for accept, send in zip(accepts, sends, strict=True):
        local, remote = seen.addresses(accept)
        own = [packet for packet in seen.packets(sender="guest") if packet.peer_port == remote.port]
        assert {packet.guest_port for packet in own} == {local.port}
        assert {bytes(packet.payload) for packet in own if packet.payload} == {send.data}


@requires("X-44")
@for_each(form=FORMS, context=CONTEXTS, family=FAMILIES)
async def test_an_accept_waits_on_when_a_disconnect_of_its_listener_is_refused(lab, form, context, family):
    """The disconnect fails, and the accept gets a connection that comes later."""
    place = Address.loopback(family, lab.port())
    plan = Scenario()
    listener = plan.listening(family, place.port, category=Category.STREAM)
    accepted = plan.accept(listener)
    disconnect = plan.disconnect(listener, flags=form, context=context)
    plan.wait(disconnect)
    connected = plan.connected(WSK_SOCKET, to=place)
    plan.may_fail(accepted.creation)
    plan.wait(accepted.creation)
    for sock in (accepted, connected, listener):
        plan.finish.close(sock)

    seen = await lab.run(plan)

    require_pending(seen, accepted.creation, disconnect)
    assert failed(seen, disconnect)
    assert seen.status(accepted.creation) == STATUS_SUCCESS
    assert seen.order(disconnect.completion, accepted.creation.completion)


@requires("X-03", "X-45")
@for_each(category=(Category.LISTEN, Category.STREAM), family=FAMILIES)
async def test_an_event_comes_for_the_accepted_socket_that_it_is_about(lab, category, family):
    """The peer ends the second of two connections: its socket hears of that, and the first's does not."""
    peer = lab.peer(EndsWhenAsked("fin", connections=2).connecting(), family)
    plan = Scenario()
    listener = plan.listening(family, peer.port, category=category)
    sockets = []
    for _ in range(2):
        sockets.append(plan.accept(listener))
        plan.wait(sockets[-1].creation)
    other, ended = sockets
    for sock in sockets:
        plan.finish.enable(sock, Callback.DISCONNECT)
    plan.send(ended, b"?!")
    plan.wait_event(ended, Callback.DISCONNECT)
    plan.delay(AFTERWARDS)
    for sock in (*sockets, listener):
        plan.finish.close(sock)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    assert [visit.abortive for visit in seen.callbacks(ended, Callback.DISCONNECT)] == [False]
    assert seen.callbacks(other, Callback.DISCONNECT) == []
