# SPDX-License-Identifier: Apache-2.0
"""Every operation that can be pending, on a socket whose local address is taken from the guest.

No document says what that makes of a socket: who completes, and with what, is recorded.
"""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import ms, s
from harness.peer import EndsWhenAsked
from harness.scenario import FAMILIES, IPV4, Category, Origin, Scenario
from harness.verdict import for_each, requires
from suites.scenes import (
    SETTLES,
    SHORT_PEER_TIMEOUT,
    connected_from,
    failed,
    require_precondition,
    require_time_left,
)
from suites.states.pending import (
    CONNECTS,
    COUNTS,
    LISTENERS,
    OF_CONNECTIONS,
    accepts,
    connecting,
    datagrams,
    each_once,
    require_part,
    statuses,
)

LEAVES = 500 * ms  # the address, from when all is pending
PATIENCE = 2 * s  # for what the loss is to end


def close_and_note(plan, sock, pending):
    plan.delay(PATIENCE)
    plan.close(sock)
    plan.wait(*pending, sock.closing)


def judge(lab, seen, sock, pending, temporary):
    """Each completes once, at the close at the latest; recorded is the rest."""
    judge_ended(lab, seen, pending, temporary, sock.closing)
    assert seen.status(sock.closing) == STATUS_SUCCESS


def judge_ended(lab, seen, pending, temporary, end):
    """The same for a call that ends them, be it none of a close."""
    require_precondition(seen.order(temporary.left_ns, end.call))
    assert each_once(seen, pending)
    before = [bool(seen.order(each.completion, end.call)) for each in pending]
    if not all(before):
        require_precondition(temporary.gone_ns)
        require_time_left(seen, temporary.gone_ns, end.call, PATIENCE // 2)
    lab.record("ended by the loss", f"{sum(before)} of {len(before)}")
    lab.record("statuses", statuses(seen, pending))


@requires("S-17")
@for_each(
    kind=OF_CONNECTIONS,
    category=(Category.CONNECTION, Category.STREAM),
    family=FAMILIES,
    singly=("category", "family"),
)
async def test_a_connection_loses_its_address(lab, kind, category, family):
    """What becomes of its receives, sends and disconnect is recorded; the close succeeds."""
    peer = lab.peer(EndsWhenAsked(**kind.peer), family)
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        sock = connected_from(plan, temporary, peer, category)
        pending = kind.begin(plan, sock)
        if "data" in kind.peer:
            plan.send(sock, b"?")
        plan.delay(SETTLES)
        close_and_note(plan, sock, pending)
        temporary.leaves(once=lambda: peer.connections, after=LEAVES)
        seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_part(seen, kind)
    require_precondition(seen.order(pending[-1].return_, temporary.left_ns))
    judge(lab, seen, sock, pending, temporary)


@requires("S-17")
@for_each(origin=CONNECTS, family=FAMILIES, singly=("family",))
async def test_a_socket_that_connects_loses_its_address(lab, origin, family):
    """Nobody has answered its SYN: the connect fails at the close at the latest, which succeeds."""
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        peer, sock, connect = connecting(lab, plan, origin, family, local=temporary.at())
        close_and_note(plan, sock, [connect])
        temporary.leaves(after=LEAVES)
        seen = await lab.run(plan, peer)

    require_precondition(seen.order(connect.return_, temporary.left_ns))
    assert failed(seen, connect)
    judge(lab, seen, sock, [connect], temporary)


@requires("S-17")
async def test_a_socket_that_is_made_and_connected_loses_its_address(lab):
    """WskSocketConnect has no socket to close yet: it fails, when it is cancelled at the latest."""
    plan = Scenario()
    async with lab.temporary_address(IPV4) as temporary:
        peer, _, connect = connecting(lab, plan, Origin.WSK_SOCKET_CONNECT, IPV4, local=temporary.at())
        plan.delay(PATIENCE)
        cancel = plan.cancel(connect)
        plan.wait(connect)
        temporary.leaves(after=LEAVES)
        seen = await lab.run(plan, peer)

    require_precondition(seen.order(connect.return_, temporary.left_ns))
    assert failed(seen, connect)
    judge_ended(lab, seen, [connect], temporary, cancel)


@requires("S-17")
@for_each(count=COUNTS, category=LISTENERS, family=FAMILIES)
async def test_a_listener_loses_its_address(lab, category, count, family):
    """What becomes of its accepts is recorded; the close succeeds."""
    plan = Scenario(dangerous=count > 1)
    async with lab.temporary_address(family) as temporary:
        listener = plan.socket(family, category=category)
        plan.wait(listener.creation)
        plan.finish.bind(listener, local=temporary.at(lab.port()))
        if category == Category.STREAM:
            plan.finish.listen(listener)
        pending = accepts(plan, listener, count)
        close_and_note(plan, listener, pending)
        temporary.leaves(after=LEAVES)
        seen = await lab.run(plan)

    require_precondition(seen.order(pending[-1].return_, temporary.left_ns))
    judge(lab, seen, listener, pending, temporary)


@requires("S-17")
@for_each(count=COUNTS, family=FAMILIES)
async def test_a_datagram_socket_loses_its_address(lab, count, family):
    """What becomes of its receives is recorded; the close succeeds."""
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        sock, pending = datagrams(plan, family, count, local=temporary.at(lab.port()))
        close_and_note(plan, sock, pending)
        temporary.leaves(after=LEAVES)
        seen = await lab.run(plan)

    require_precondition(seen.order(pending[-1].return_, temporary.left_ns))
    judge(lab, seen, sock, pending, temporary)
