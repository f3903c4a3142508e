# SPDX-License-Identifier: Apache-2.0
"""WskGetLocalAddress and WskGetRemoteAddress in every state of a socket."""

from itertools import pairwise

from harness.core.ntstatus import STATUS_SUCCESS, nt_success
from harness.core.units import s
from harness.peer import After, EndsWhenAsked, FinFirst, NeverAnswers, ReadsToEof, Refuses, Resets
from harness.scenario import (
    CONTEXTS,
    FAMILIES,
    WSK_FLAG_ABORTIVE,
    WSK_SOCKET,
    Category,
    Origin,
    Scenario,
)
from harness.verdict import for_each, requires
from suites.scenes import SETTLES, SHORT_PEER_TIMEOUT, WAYS, joined, was_running

SENT_AGAIN = 1 * s  # a SYN, at the earliest (RFC 6298, 2.1)

QUERIES = {
    "local": lambda plan, sock, **how: plan.local_address(sock, **how),
    "remote": lambda plan, sock, **how: plan.remote_address(sock, **how),
}


@requires("X-46")
@for_each(way=WAYS, family=FAMILIES, context=CONTEXTS, singly=("context",))
async def test_the_addresses_of_a_connection_are_those_on_the_wire(lab, way, family, context):
    """Established, however the connection came to be: both succeed, with the ends of the connection."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsToEof(), way, family)
    local, remote = (query(plan, sock, context=context) for query in QUERIES.values())
    plan.wait(local, remote)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    syn = seen.packets()[0]
    guest, other = (syn.src, syn.dst) if syn.sender == "guest" else (syn.dst, syn.src)
    for query, host, port in ((local, guest, syn.guest_port), (remote, other, syn.peer_port)):
        assert (seen.completions(query), seen.status(query)) == (1, STATUS_SUCCESS)
        (address,) = seen.addresses(query)
        assert address is not None
        assert (address.host, address.port) == (host, port)


def made(plan, family, *, bound, category=Category.CONNECTION):
    sock = plan.socket(family, category=category)
    plan.wait(sock.creation)
    if bound:
        plan.finish.bind(sock)
    return sock


def connecting(lab, plan, family):
    peer = lab.peer(NeverAnswers(), family)
    sock = made(plan, family, bound=True)
    plan.connect(sock, to=peer)
    plan.delay(SETTLES)
    return peer, sock


def refused(lab, plan, family):
    peer = lab.peer(Refuses(), family)
    sock = made(plan, family, bound=True)
    connect = plan.connect(sock, to=peer)
    plan.may_fail(connect)
    plan.wait(connect)
    return peer, sock


def connected(lab, plan, family, behaviour):
    return joined(lab, plan, behaviour, WSK_SOCKET, family)


def disconnected(lab, plan, family, behaviour):
    peer, sock = connected(lab, plan, family, behaviour)
    plan.disconnect(sock)
    plan.delay(SETTLES)
    return peer, sock


def aborted(lab, plan, family):
    peer, sock = connected(lab, plan, family, ReadsToEof())
    plan.finish.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    return peer, sock


def ended_by_peer(lab, plan, family, behaviour):
    peer, sock = connected(lab, plan, family, behaviour)
    plan.send(sock, b"!")
    plan.finish.receive(sock, 1)
    return peer, sock


def both_ended(lab, plan, family):
    peer, sock = ended_by_peer(lab, plan, family, FinFirst())
    plan.finish.disconnect(sock)
    return peer, sock


STATES = {
    "fresh": lambda lab, plan, family: (None, made(plan, family, bound=False)),
    "bound": lambda lab, plan, family: (None, made(plan, family, bound=True)),
    "syn-sent": connecting,
    "refused": refused,
    "fin-wait-1": lambda lab, plan, family: disconnected(
        lab, plan, family, EndsWhenAsked(acknowledges_fin=False)
    ),
    "fin-wait-2": lambda lab, plan, family: disconnected(lab, plan, family, EndsWhenAsked()),
    "close-wait": lambda lab, plan, family: ended_by_peer(lab, plan, family, FinFirst()),
    "both-ended": both_ended,
    "reset": lambda lab, plan, family: ended_by_peer(lab, plan, family, Resets(after=After(received=1))),
    "aborted": aborted,
    "datagram": lambda lab, plan, family: (None, made(plan, family, bound=True, category=Category.DATAGRAM)),
}


@requires("X-46")
@for_each(state=STATES, query=QUERIES, family=FAMILIES)
async def test_a_query_for_an_address_completes_in_every_state(lab, state, query, family):
    """Once, and a close behind it succeeds; what it tells is recorded."""
    if state == STATES["datagram"]:
        query = QUERIES["local"]  # the only one that a datagram socket has
    plan = Scenario()
    peer, sock = state(lab, plan, family)
    asked = query(plan, sock)
    plan.wait(asked)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    assert seen.completions(asked) == 1
    assert seen.status(sock.closing) == STATUS_SUCCESS
    lab.record("status", seen.status(asked))
    if nt_success(seen.status(asked)):
        (address,) = seen.addresses(asked)
        lab.record("a port is told", bool(address and address.port))


@requires("X-46")
@for_each(category=(Category.LISTEN, Category.STREAM), family=FAMILIES)
async def test_a_listener_tells_the_port_that_it_listens_at(lab, category, family):
    """WskGetLocalAddress of a listener, with an accept pending that it leaves alone."""
    port = lab.port()
    plan = Scenario()
    listener = plan.listening(family, port, category=category)
    accepted = plan.accept(listener)
    plan.may_fail(accepted.creation)
    asked = plan.finish.local_address(listener)
    plan.close(listener)
    plan.wait(accepted.creation, listener.closing)

    seen = await lab.run(plan)

    assert (seen.completions(asked), seen.status(asked)) == (1, STATUS_SUCCESS)
    (address,) = seen.addresses(asked)
    assert address is not None
    assert address.port == port
    assert seen.order(listener.close_call, accepted.creation.completion)


@requires("X-49")
@for_each(origin=(Origin.WSK_SOCKET, Origin.STREAM_CONNECT, Origin.WSK_SOCKET_CONNECT), family=FAMILIES)
async def test_a_syn_is_answered_by_a_reset(lab, origin, family):
    """The connect completes once; with which status, and after how many SYNs, is recorded."""
    peer = lab.peer(Refuses(), family)
    plan = Scenario()
    if origin == Origin.WSK_SOCKET_CONNECT:
        sock = plan.socket_connect(to=peer)
        connect = sock.creation
    else:
        category = Category.STREAM if origin == Origin.STREAM_CONNECT else Category.CONNECTION
        sock = made(plan, family, bound=True, category=category)
        connect = plan.connect(sock, to=peer)
    plan.may_fail(connect)
    plan.wait(connect)
    if origin != Origin.WSK_SOCKET_CONNECT:
        plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.completions(connect) == 1
    lab.record("status of the connect", seen.status(connect))
    syns = seen.packets(sender="guest")
    # One that nobody has answered yet is sent again.
    if all(was_running(seen, one, following, SENT_AGAIN) for one, following in pairwise(syns)):
        lab.record("SYNs", len(syns))
