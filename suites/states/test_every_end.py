# SPDX-License-Identifier: Apache-2.0
"""Every operation that can be pending, met with every way in which it can end."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import s
from harness.peer import EndsWhenAsked
from harness.scenario import (
    FAMILIES,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Address,
    Origin,
    Scenario,
)
from harness.verdict import for_each, requires
from suites.scenes import (
    CONNECTED_AND_ACCEPTED,
    SETTLES,
    SHORT_PEER_TIMEOUT,
    failed,
    joined,
    require_data_acknowledged,
    require_pending,
    require_precondition,
    require_running,
    told,
    was_running,
)
from suites.states.pending import (
    CONNECTS,
    COUNTS,
    DISCONNECTS,
    LISTENERS,
    OF_CONNECTIONS,
    PLAIN,
    RECEIVES,
    SENDS,
    accepts,
    ask,
    cancel_one,
    close_later,
    connecting,
    datagrams,
    each_once,
    ended_by_close,
    require_part,
    statuses,
    stay,
)

ACCEPTED_AND_CONNECTED = CONNECTED_AND_ACCEPTED[::-1]  # so that each kind is met on both
GIVES_UP = 3 * s  # TCP that was told to do so after one


@requires("S-11")
@for_each(kind=OF_CONNECTIONS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES, singly=("way", "family"))
async def test_the_peers_fin(lab, kind, way, family):
    """It completes every receive, a plain one with success and nothing; sends and a disconnect wait on."""
    plan = Scenario()
    peer, sock, pending = kind.scene(lab, plan, way, family, "fin")
    ask(plan, sock, kind)
    # The FIN has come when a receive has ended: one of those that wait, or else one of its own.
    plan.wait(*(pending if kind.receives else [plan.receive(sock, 1)]))
    close_later(plan, sock, pending)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_precondition(seen.fin("peer"))
    require_part(seen, kind)
    assert each_once(seen, pending)
    if kind in PLAIN:
        assert [(seen.status(each), len(seen.data(each))) for each in pending] == [
            (STATUS_SUCCESS, 0) for _ in pending
        ]
    if not kind.receives:
        require_precondition(seen.order(seen.fin("peer"), sock.close_call))
        assert stay(seen, pending, sock.closing)
    lab.record("statuses", statuses(seen, pending))


@requires("S-12")
@for_each(kind=OF_CONNECTIONS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES, singly=("way",))
async def test_the_peers_reset(lab, kind, way, family):
    """It completes whatever is pending, sends and a disconnect with a failure."""
    plan = Scenario()
    peer, sock, pending = kind.scene(lab, plan, way, family, "rst")
    ask(plan, sock, kind)
    plan.wait(*pending)
    close_later(plan, sock, pending)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_precondition(seen.rst("peer"))
    require_part(seen, kind)
    assert each_once(seen, pending)
    if kind in PLAIN:
        assert not any(seen.data(each) for each in pending)
    if not kind.receives:
        assert failed(seen, *pending)
    lab.record("statuses", statuses(seen, pending))


@requires("S-18")
@for_each(kind=OF_CONNECTIONS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES, singly=("way",))
async def test_the_peers_silence(lab, kind, way, family):
    """If TCP gives up, that completes whatever is pending, sends and a disconnect with a failure."""
    plan = Scenario()
    peer, sock, pending = kind.scene(lab, plan, way, family, "silence")
    limit = plan.give_up_after(sock, 1)
    plan.may_fail(limit)
    plan.wait(limit)
    ask(plan, sock, kind)
    plan.delay(GIVES_UP)
    close_later(plan, sock, pending)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_part(seen, kind)
    ended = [each for each in pending if seen.order(each.completion, sock.close_call)]
    assert each_once(seen, pending)
    if 0 < len(ended) < len(pending):
        require_precondition(seen.lasted(ended[0].completion, sock.close_call, GIVES_UP // 2))
        require_running(seen, ended[0].completion, sock.close_call, GIVES_UP)
        raise AssertionError(
            f"TCP gave up and completed {len(ended)} of {len(pending)}; the close did the rest"
        )
    assert not any(seen.data(each) for each in pending if kind in PLAIN)
    assert kind.receives or failed(seen, *pending)
    assert seen.status(sock.closing) == STATUS_SUCCESS
    if ended or was_running(seen, pending[0].call, sock.close_call, GIVES_UP):
        lab.record("ended by it", len(ended) == len(pending))
        lab.record("statuses", statuses(seen, pending))


@requires("S-18")
@for_each(origin=CONNECTS, family=FAMILIES, singly=("family",))
async def test_nobody_answers_a_connect(lab, origin, family):
    """If TCP gives up, that fails it; else the close does, which succeeds."""
    plan = Scenario()
    peer, sock, connect = connecting(lab, plan, origin, family, patience=1)
    plan.delay(GIVES_UP)
    close_later(plan, sock, [connect])

    seen = await lab.run(plan, peer)

    given_up = bool(seen.order(connect.completion, sock.close_call))
    assert failed(seen, connect)
    assert seen.status(sock.closing) == STATUS_SUCCESS
    if given_up or was_running(seen, connect.call, sock.close_call, GIVES_UP):
        lab.record("ended by it", given_up)
        lab.record("status", seen.status(connect))


@requires("S-13")
@for_each(kind={**RECEIVES, **SENDS}, way=ACCEPTED_AND_CONNECTED, family=FAMILIES, singly=("way",))
async def test_a_graceful_disconnect(lab, kind, way, family):
    """The peer holds its direction open: receives wait on, and so do sends that its window holds back."""
    plan = Scenario()
    peer, sock, pending = kind.scene(lab, plan, way, family)
    graceful = plan.disconnect(sock)
    close_later(plan, sock, [*pending, graceful])

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_precondition(seen.fin("peer") is None and seen.rst("peer") is None)
    require_part(seen, kind)
    for each in pending:
        require_pending(seen, each, graceful)
    assert stay(seen, pending, sock.closing)
    lab.record("statuses", statuses(seen, pending))


@requires("S-14")
@for_each(kind=OF_CONNECTIONS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES, singly=("way",))
async def test_an_abortive_disconnect(lab, kind, way, family):
    """It completes whatever is pending, no send with success, and the connection is reset."""
    plan = Scenario()
    peer, sock, pending = kind.scene(lab, plan, way, family)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    plan.wait(abort, *pending)
    close_later(plan, sock, pending)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_precondition(seen.fin("peer") is None and seen.rst("peer") is None)
    require_part(seen, kind)
    for each in pending:
        require_pending(seen, each, abort)
    assert seen.status(abort) == STATUS_SUCCESS
    assert each_once(seen, pending)
    assert not kind.sends or failed(seen, *pending)
    assert seen.rst("guest") is not None
    lab.record("statuses", statuses(seen, pending))


@requires("S-15")
@for_each(kind=OF_CONNECTIONS, way=ACCEPTED_AND_CONNECTED, family=FAMILIES, singly=("way",))
async def test_a_close_of_a_connection(lab, kind, way, family):
    """It completes whatever is pending before itself, no send with success, and resets the connection."""
    plan = Scenario()
    peer, sock, pending = kind.scene(lab, plan, way, family)
    close = plan.close(sock)
    plan.wait(*pending, close)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_precondition(seen.fin("peer") is None and seen.rst("peer") is None)
    require_part(seen, kind)
    assert seen.status(close) == STATUS_SUCCESS
    assert ended_by_close(seen, pending, close)
    assert not kind.sends or failed(seen, *pending)
    assert seen.rst("guest") is not None
    lab.record("statuses", statuses(seen, pending))


@requires("S-15")
@for_each(count=COUNTS, category=LISTENERS, family=FAMILIES)
async def test_a_close_of_a_listener(lab, category, count, family):
    """Every accept completes before it."""
    plan = Scenario(dangerous=count > 1)
    listener = plan.listening(family, lab.port(), category=category)
    pending = accepts(plan, listener, count)
    close = plan.close(listener)
    plan.wait(*pending, close)

    seen = await lab.run(plan)

    assert seen.status(close) == STATUS_SUCCESS
    assert ended_by_close(seen, pending, close)
    lab.record("statuses", statuses(seen, pending))


@requires("S-15")
@for_each(count=COUNTS, family=FAMILIES)
async def test_a_close_of_a_datagram_socket(lab, count, family):
    """Every WskReceiveFrom completes before it."""
    plan = Scenario()
    sock, pending = datagrams(plan, family, count)
    close = plan.close(sock)
    plan.wait(*pending, close)

    seen = await lab.run(plan)

    assert seen.status(close) == STATUS_SUCCESS
    assert ended_by_close(seen, pending, close)
    lab.record("statuses", statuses(seen, pending))


@requires("S-15")
@for_each(origin=CONNECTS, family=FAMILIES)
async def test_a_close_of_a_socket_that_connects(lab, origin, family):
    """Nobody answers its SYN: the connect fails before the close completes."""
    plan = Scenario()
    peer, sock, connect = connecting(lab, plan, origin, family)
    close = plan.close(sock)
    plan.wait(connect, close)

    seen = await lab.run(plan, peer)

    assert ended_by_close(seen, [connect], close)
    assert failed(seen, connect)
    lab.record("status", seen.status(connect))


def judge_cancelled(seen, one, cancel, others, close):
    """The one that is cancelled ends, and nothing else does."""
    for each in (one, *others):
        require_pending(seen, each, cancel)
    assert seen.completions(one) == 1
    assert stay(seen, others, close)


@requires("S-16")
@for_each(kind={**RECEIVES, **DISCONNECTS}, way=CONNECTED_AND_ACCEPTED, family=FAMILIES, singly=("way",))
async def test_io_cancel_irp_on_a_connection(lab, kind, way, family):
    """It completes the receive or disconnect whose IRP it is, once and not as by a FIN; the others wait."""
    plan = Scenario()
    peer, sock, pending = kind.scene(lab, plan, way, family)
    one, cancel, others = cancel_one(plan, pending)
    close_later(plan, sock, pending)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_part(seen, kind)
    if "data" in kind.peer:
        require_data_acknowledged(seen, cancel)
    judge_cancelled(seen, one, cancel, others, sock.closing)
    # A success without a byte is how a plain receive tells of the peer's FIN.
    assert kind not in PLAIN or seen.data(one) or failed(seen, one)
    lab.record("status", seen.status(one))
    lab.record("sent, with the close", told(seen, fins=0 if kind.receives else 1))


@requires("S-16")
@for_each(count=COUNTS, category=LISTENERS, family=FAMILIES)
async def test_io_cancel_irp_on_a_listener(lab, category, count, family):
    """It completes the accept whose IRP it is, once and without a connection; the others wait on."""
    plan = Scenario(dangerous=count > 1)
    listener = plan.listening(family, lab.port(), category=category)
    one, cancel, others = cancel_one(plan, accepts(plan, listener, count))
    close_later(plan, listener, others)

    seen = await lab.run(plan)

    judge_cancelled(seen, one, cancel, others, listener.closing)
    assert failed(seen, one)  # nobody has connected
    lab.record("status", seen.status(one))


@requires("S-16")
@for_each(count=COUNTS, family=FAMILIES)
async def test_io_cancel_irp_on_a_datagram_socket(lab, count, family):
    """It completes the WskReceiveFrom whose IRP it is, once and without a datagram; the others wait on."""
    plan = Scenario()
    sock, pending = datagrams(plan, family, count)
    one, cancel, others = cancel_one(plan, pending)
    close_later(plan, sock, others)

    seen = await lab.run(plan)

    judge_cancelled(seen, one, cancel, others, sock.closing)
    assert failed(seen, one)  # nobody has sent any
    lab.record("status", seen.status(one))


@requires("S-16")
@for_each(origin=CONNECTS, family=FAMILIES, singly=("family",))
async def test_io_cancel_irp_on_a_socket_that_connects(lab, origin, family):
    """Nobody answers its SYN: the connect completes once, and the socket can be closed."""
    plan = Scenario()
    peer, sock, connect = connecting(lab, plan, origin, family)
    cancel = plan.cancel(connect)
    plan.wait(connect)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, connect, cancel)
    assert failed(seen, connect)
    assert seen.status(sock.closing) == STATUS_SUCCESS
    lab.record("status", seen.status(connect))


@requires("S-16")
@for_each(family=FAMILIES)
async def test_io_cancel_irp_on_a_socket_that_is_made_and_connected(lab, family):
    """Nobody answers its SYN: the call completes once, and leaves no socket."""
    plan = Scenario()
    peer, _, connect = connecting(lab, plan, Origin.WSK_SOCKET_CONNECT, family)
    cancel = plan.cancel(connect)
    plan.wait(connect)

    seen = await lab.run(plan, peer)

    require_pending(seen, connect, cancel)
    assert failed(seen, connect)
    lab.record("status", seen.status(connect))


@requires("S-16")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_a_connection_goes_on_when_a_receive_was_cancelled(lab, way, family):
    """What comes after that is the next receive's, and the connection ends by our close alone."""
    data = bytes(range(100))
    plan = Scenario()
    peer, sock = joined(lab, plan, EndsWhenAsked(data=data), way, family)
    receive = plan.receive(sock, len(data))
    plan.delay(SETTLES)
    cancel = plan.cancel(receive)
    plan.wait(receive)
    plan.send(sock, b"?")
    last = plan.finish.receive(sock, len(data), flags=WSK_FLAG_WAITALL)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_pending(seen, receive, cancel)
    assert seen.completions(receive) == 1
    assert seen.data(last) == data


@requires("S-16")
@for_each(category=LISTENERS, family=FAMILIES)
async def test_a_listener_goes_on_when_an_accept_was_cancelled(lab, category, family):
    """Who connects after that is the next accept's."""
    place = Address.loopback(family, lab.port())
    plan = Scenario()
    listener = plan.listening(family, place.port, category=category)
    (first,) = accepts(plan, listener, 1)
    plan.delay(SETTLES)
    cancel = plan.cancel(first)
    plan.wait(first)
    accepted = plan.accept(listener)
    plan.may_fail(accepted.creation)
    connected = plan.connected(WSK_SOCKET, to=place)
    plan.wait(accepted.creation)
    for sock in (accepted, connected, listener):
        plan.finish.close(sock)

    seen = await lab.run(plan)

    require_pending(seen, first, cancel)
    assert failed(seen, first)
    assert seen.status(accepted.creation) == STATUS_SUCCESS
