# SPDX-License-Identifier: Apache-2.0
"""WskCloseSocket leaves nothing behind, however many sockets were opened and closed."""

from functools import partial
from itertools import product

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import ms, s
from harness.peer import (
    After,
    FinFirst,
    NeverAnswers,
    ReadsToEof,
    Refuses,
    Resets,
    Sends,
    SendsThenFin,
    ZeroWindow,
)
from harness.scenario import (
    ALL_ORIGINS,
    CONTEXTS,
    IPV4,
    IPV6,
    SIO_ADDRESS_LIST_CHANGE,
    SIO_WSK_SET_TCP_SILENT_MODE,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_DRAIN,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Address,
    Arrival,
    Callback,
    Category,
    Scenario,
    inside,
)
from harness.verdict import alone, for_each, requires
from suites.scenes import SETTLES, SHORT_PEER_TIMEOUT, SOON, holds_no_more, require_precondition

ROUNDS = 100
CONNECTIONS = 20
USES = 6
ASKED = After(received=100)
LOST = 1 * s  # an address, by the time that its connections are closed
QUEUED = 200 * ms  # for a connection to come to a listener


def opened_and_closed(category, rounds):
    """Each time two: one of IPv6 that is bound, where that can be, and one of IPv4 that is not."""
    plan = Scenario()
    with plan.repeat(rounds):
        bound, fresh = (plan.socket(family, category=category) for family in (IPV6, IPV4))
        plan.wait(bound.creation, fresh.creation)
        if category != Category.BASIC:
            plan.finish.bind(bound)
        closes = [plan.close(sock) for sock in (bound, fresh)]
        plan.wait(*closes)
    return plan, closes


@requires("C-01", "C-16")
@alone
@for_each(category=Category)
async def test_sockets_that_were_closed_take_no_memory(lab, category):
    """After two hundred sockets the pool holds no more than before; every close succeeded."""
    warm_up, _ = opened_and_closed(category, 10)
    await lab.run(warm_up)
    before = await lab.pool()
    plan, closes = opened_and_closed(category, ROUNDS)

    seen = await lab.run(plan)

    lives = [life for close in closes for life in seen.rounds(close)]
    assert [life.completion.io_status for life in lives] == [STATUS_SUCCESS] * (2 * ROUNDS)
    after = await lab.pool(before)
    assert holds_no_more(before, after)


def connected_and_closed(lab, way, rounds):
    peer = ReadsToEof(connections=rounds)
    plan = Scenario()
    if way in ALL_ORIGINS:
        peer = lab.peer(peer, IPV6)
    else:
        peer = lab.peer(peer.connecting(), IPV6)
        category = Category.STREAM if way == Arrival.STREAM_ACCEPT else Category.LISTEN
        listener = plan.listening(IPV6, peer.port, category=category)
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
    """The same with connections, over IPv6: each was there, each is gone with all that belonged to it."""
    plan, peer, _ = connected_and_closed(lab, way, 5)
    await lab.run(plan, peer)
    before = await lab.pool()
    plan, peer, close = connected_and_closed(lab, way, CONNECTIONS)

    seen = await lab.run(plan, peer)

    assert [life.completion.io_status for life in seen.rounds(close)] == [STATUS_SUCCESS] * CONNECTIONS
    require_precondition(len(peer.connections) == CONNECTIONS)
    after = await lab.pool(before)
    assert holds_no_more(before, after)


def by_us(plan, sock, context):
    """A graceful disconnect with a buffer, then the peer's FIN."""
    plan.finish.disconnect(sock, buffer=100, context=context)
    refused(plan, sock, context)
    drain = plan.receive(sock, 0, flags=WSK_FLAG_DRAIN)
    plan.may_fail(drain)
    plan.wait(drain)


def by_an_abort(plan, sock, context):
    plan.finish.disconnect(sock, flags=WSK_FLAG_ABORTIVE, context=context)
    refused(plan, sock, context)


def by_the_close(plan, sock, context):
    """It ends the receive that is pending, too, and a watch on the list of addresses."""
    return plan.ioctl(sock, SIO_ADDRESS_LIST_CHANGE), plan.receive(sock, 10, context=context)


def by_silence(plan, sock, context):
    """In silent mode a send and a disconnect are refused, and the close says nothing."""
    plan.finish.ioctl(sock, SIO_WSK_SET_TCP_SILENT_MODE)
    refused(plan, sock, context)


def by_the_peer(plan, sock, context):
    """Its FIN or RST ends a receive; then comes a disconnect, whatever it gives."""
    plan.finish.receive(sock, 10, context=context)
    disconnect = plan.disconnect(sock, context=context)
    plan.may_fail(disconnect)
    plan.wait(disconnect)


def refused(plan, sock, context):
    """A send and a disconnect that come too late."""
    late = [plan.send(sock, 100, context=context), plan.disconnect(sock, context=context)]
    plan.may_fail(*late)
    plan.wait(*late)


def used(plan, sock, context):
    """It carries data, tells its addresses and has a receive cancelled."""
    plan.finish.local_address(sock, context=context)
    plan.finish.remote_address(sock, context=context)
    receive = plan.receive(sock, 10, flags=WSK_FLAG_WAITALL, context=context)
    plan.cancel(receive)
    plan.wait(receive)
    plan.finish.send(sock, ASKED.received, context=context)
    return ()


def partly_read(plan, sock, context):
    """All but one byte of what has come stays unread."""
    plan.finish.receive(sock, 1, context=context)
    return ()


def held_back(plan, sock, context):
    """Sends and a disconnect with a buffer wait for a window that is closed."""
    sends = [plan.send(sock, 100, context=context) for _ in range(2)]
    return *sends, plan.disconnect(sock, buffer=100, context=context)


def by_a_cancel(plan, sock, context):
    """The disconnect that waits is cancelled, and the close ends whatever that has left."""
    disconnect = sock.operations[-1]
    plan.cancel(disconnect)
    plan.wait(disconnect)


# The peer, for so many connections, what they are used for, and how they end.
ENDINGS = {
    "ours": (ReadsToEof, used, (by_us, by_an_abort, by_the_close, by_silence)),
    "peer-fin": (partial(FinFirst, after=ASKED), used, (by_the_peer,)),
    "peer-reset": (partial(Resets, after=ASKED), used, (by_the_peer,)),
    "unread": (partial(Sends, bytes(1000)), partly_read, (by_an_abort, by_the_close)),
    "held-back": (ZeroWindow, held_back, (by_an_abort, by_the_close, by_a_cancel)),
}


def used_and_ended(lab, ending, rounds):
    """Each connection is used and ends, and is closed, at each level."""
    behaviour, use, ways = ending
    peer = lab.peer(behaviour(connections=rounds * len(ways) * len(CONTEXTS)), IPV4)
    plan = Scenario()
    closes = []
    with plan.repeat(rounds):
        for way, context in product(ways, CONTEXTS):
            sock = plan.connected(WSK_SOCKET, to=peer)
            waiting = use(plan, sock, context)
            pending = way(plan, sock, context)
            closes.append(plan.close(sock, context=context))
            plan.wait(*waiting, *(pending or ()), closes[-1])
    return plan, peer, closes


@requires("C-01", "C-16")
@alone
@for_each(ending=ENDINGS)
async def test_connections_take_no_memory_however_they_ended(lab, ending):
    """Used, with IRPs cancelled and refused, ended by either side, closed at either level: all is freed."""
    plan, peer, _ = used_and_ended(lab, ending, 2)
    await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)
    before = await lab.pool()
    plan, peer, closes = used_and_ended(lab, ending, USES)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    rounds = [life for close in closes for life in seen.rounds(close)]
    assert [life.completion.io_status for life in rounds] == [STATUS_SUCCESS] * (USES * len(closes))
    require_precondition(len(peer.connections) == peer.expected)
    after = await lab.pool(before)
    assert holds_no_more(before, after)


def told_and_closed(lab, count):
    """Connections whose data and FIN come as events; each second is closed in the last of them.

    In the first event it is disabled.
    """
    # Soon, not at once: no callback may close while the send that asks has not returned.
    peer = lab.peer(SendsThenFin(bytes(1000), after=SOON, connections=2 * count), IPV4)
    plan = Scenario()
    closes = []
    for number in range(2 * count):
        sock = plan.connected(WSK_SOCKET, to=peer)
        plan.finish.enable(sock, Callback.RECEIVE, Callback.DISCONNECT)
        disable = plan.disable(sock, Callback.RECEIVE, context=inside(sock, Callback.RECEIVE))
        plan.finish.send(sock, SOON.received)
        if number % 2:
            closes.append(plan.close(sock, context=inside(sock, Callback.DISCONNECT)))
        else:
            plan.wait_event(sock, Callback.DISCONNECT)
            closes.append(plan.close(sock))
        plan.wait(disable, closes[-1])
    return plan, peer, closes


@requires("C-01", "C-16")
@alone
async def test_events_that_came_take_no_memory(lab):
    """Data was indicated, and the FIN told, in whose event some are closed: all is freed."""
    plan, peer, _ = told_and_closed(lab, 1)
    await lab.run(plan, peer)
    before = await lab.pool()
    plan, peer, closes = told_and_closed(lab, USES)

    seen = await lab.run(plan, peer)

    assert [seen.status(close) for close in closes] == [STATUS_SUCCESS] * len(closes)
    after = await lab.pool(before)
    assert holds_no_more(before, after)


def refused_by_event(plan, port, category):
    """A listener whose event refuses a connection of the guest's own; what is closed of it."""
    listener = plan.listening(IPV4, port, category=category)
    plan.finish.enable(listener, Callback.ACCEPT)
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    plan.finish.bind(sock)
    connect = plan.connect(sock, to=Address.loopback(IPV4, port))
    plan.may_fail(connect)
    plan.wait(connect)
    plan.wait_event(listener, Callback.ACCEPT)
    return plan.close(sock), plan.close(listener)


def accepted_by_event(plan, port, category):
    """A listener whose event accepts a connection of the guest's own; what is closed of it."""
    listener = plan.listening(IPV4, port, category=category)
    (accepted,) = plan.on_accept(listener)
    plan.finish.enable(listener, Callback.ACCEPT)
    sock = plan.connected(WSK_SOCKET, to=Address.loopback(IPV4, port))
    plan.wait_event(listener, Callback.ACCEPT)
    return [plan.close(each) for each in (sock, accepted, listener)]


def listened_and_closed(lab, category, rounds):
    """Listeners, each closed with an accept that waits; others, with connections that nobody accepts.

    And others, whose event has refused a connection, or accepted one.
    """
    peer = lab.peer(ReadsToEof(connections=rounds).connecting(), IPV4)
    port = lab.port()
    plan = Scenario()
    closes = []
    for _ in range(rounds):
        listener = plan.listening(IPV4, port, category=category)
        accept = plan.accept(listener).creation
        plan.may_fail(accept)
        closes.append(plan.close(listener))
        plan.wait(accept, closes[-1])
        listener = plan.listening(IPV4, peer.port, category=category)
        plan.delay(QUEUED)
        closes.append(plan.close(listener))
        plan.wait(closes[-1])
        ended = (*refused_by_event(plan, port, category), *accepted_by_event(plan, lab.port(), category))
        plan.wait(*ended)
        closes += ended
    return plan, peer, closes


@requires("C-01", "C-16")
@alone
@for_each(category=(Category.LISTEN, Category.STREAM))
async def test_listeners_that_were_closed_take_no_memory(lab, category):
    """Accepts that waited, and connections that were accepted, refused or neither, are freed with them."""
    plan, peer, _ = listened_and_closed(lab, category, 1)
    await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)
    before = await lab.pool()
    plan, peer, closes = listened_and_closed(lab, category, USES)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    assert [seen.status(close) for close in closes] == [STATUS_SUCCESS] * len(closes)
    require_precondition(peer.connections)
    after = await lab.pool(before)
    assert holds_no_more(before, after)


async def not_connected(lab, behaviour, count):
    """Sockets whose connect is refused, or pending when they are closed; and some that are made by it."""
    peer = lab.peer(behaviour(), IPV4)
    plan = Scenario()
    sockets, connects = [], []
    for category in (Category.CONNECTION, Category.STREAM) * count:
        sockets.append(plan.socket(IPV4, category=category))
        plan.wait(sockets[-1].creation)
        plan.finish.bind(sockets[-1])
        connects.append(plan.connect(sockets[-1], to=peer))
    if behaviour is Refuses:
        connects += [plan.socket_connect(to=peer).creation for _ in range(count)]
    plan.may_fail(*connects)
    if behaviour is Refuses:
        plan.wait(*connects)
    closes = [plan.close(sock) for sock in sockets]
    plan.wait(*connects, *closes)
    seen = await lab.run(plan, peer)
    return [seen.status(close) for close in closes]


@requires("C-01", "C-16")
@alone
async def test_sockets_that_did_not_connect_take_no_memory(lab):
    """They were refused, or nobody answered and they were closed: all is freed."""
    for behaviour in (Refuses, NeverAnswers):
        await not_connected(lab, behaviour, 1)
    before = await lab.pool()

    for behaviour in (Refuses, NeverAnswers):
        assert await not_connected(lab, behaviour, USES) == [STATUS_SUCCESS] * (2 * USES)
    after = await lab.pool(before)
    assert holds_no_more(before, after)


async def lost_and_closed(lab, count):
    """Connections whose local address is taken from the guest, and that are closed then."""
    peer = lab.peer(ReadsToEof(connections=count), IPV4)
    plan = Scenario()
    async with lab.temporary_address(IPV4) as temporary:
        sockets = [plan.socket(IPV4) for _ in range(count)]
        for sock in sockets:
            plan.wait(sock.creation)
            plan.finish.bind(sock, local=temporary.at())
            plan.finish.connect(sock, to=peer)
        plan.delay(LOST)
        closes = [plan.close(sock) for sock in sockets]
        plan.wait(*closes)
        temporary.leaves(once=lambda: len(peer.connections) == count, after=SETTLES)
        seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)
    require_precondition(seen.order(temporary.left_ns, closes[0].call))
    return [seen.status(close) for close in closes]


@requires("C-01", "C-16")
@alone
async def test_connections_that_lost_their_address_take_no_memory(lab):
    """The address of six goes away, then they are closed: all is freed."""
    await lost_and_closed(lab, 1)
    before = await lab.pool()

    assert await lost_and_closed(lab, USES) == [STATUS_SUCCESS] * USES
    after = await lab.pool(before)
    assert holds_no_more(before, after)
