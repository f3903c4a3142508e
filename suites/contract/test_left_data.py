# SPDX-License-Identifier: Apache-2.0
"""Data that a receive event retained, refused or took in part, when what carried it ends.

The peer resets or falls silent, the guest loses the address, or the client ends its own direction.
"""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import ms, s
from harness.peer import EndsWhenAsked
from harness.scenario import FAMILIES, IPV4, Category, Scenario
from harness.verdict import for_each, requires
from suites.contract.indicated import (
    ANSWERS,
    DATA,
    DISCONNECT,
    LEFT,
    RECEIVE,
    RETAINED,
    answers,
    events,
    indicated,
    joins,
    taken,
)
from suites.scenes import (
    AFTERWARDS,
    CONNECTED_AND_ACCEPTED,
    SETTLES,
    SHORT_PEER_TIMEOUT,
    connected_from,
    failed,
    require_precondition,
    require_time_left,
)

LEAVES = 700 * ms  # the address, from when the connection stands
HEARD = 1 * s  # the peer's RST, which answers the guest's byte
PATIENCE = 3 * s  # for what the silence or the loss is to end


def claim(plan, sock, answer):
    """The call for what the callback did not take: a receive, or the release of what it retained."""
    if answer == RETAINED:
        return plan.release(sock)
    disable = plan.disable(sock, RECEIVE)
    plan.may_fail(disable)
    plan.wait(disable)
    return plan.receive(sock, len(DATA))


def judge_claimed(lab, seen, sock, keep, answer, claimed):
    """Retained data can be released; what a receive gets is what was left, or nothing: recorded."""
    if answer == RETAINED:
        assert seen.returned(claimed) == STATUS_SUCCESS
        return
    got = seen.data(claimed)
    assert seen.completions(claimed) == 1
    assert joins(taken(seen, sock, keep) + got)
    lab.record("status of a receive", seen.status(claimed))
    lab.record("what was left is received", bool(got))


def note_event(lab, seen, sock, start, end, least):
    """Records whether the disconnect event comes, between these, for which the guest is to have so long."""
    comes = bool(events(seen, sock))
    if not comes:
        require_precondition(start)
        require_time_left(seen, start, end, least)
    lab.record("the disconnect event comes", comes)


@requires("X-03")
@for_each(answer=LEFT, way=CONNECTED_AND_ACCEPTED, singly=("way",))
async def test_the_peers_reset_is_told_although_data_was_not_accepted(lab, answer, way):
    """The disconnect event comes once, flagged, when a receive has been called at the latest."""
    plan = Scenario()
    peer, sock, keep = indicated(lab, plan, answer, way, IPV4, "rst")
    plan.send(sock, b"!")
    plan.delay(HEARD)
    claimed = claim(plan, sock, answer)
    plan.wait(claimed)
    plan.wait_event(sock, DISCONNECT)
    plan.delay(AFTERWARDS)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.rst("peer"))
    require_time_left(seen, seen.rst("peer"), claimed.call, SETTLES)
    assert events(seen, sock) == [True]
    judge_claimed(lab, seen, sock, keep, answer, claimed)


@requires("S-18")
@for_each(answer=ANSWERS, way=CONNECTED_AND_ACCEPTED, family=FAMILIES, singly=("way", "family"))
async def test_tcp_gives_up_with_data_left(lab, answer, way, family):
    """If it does the send fails; retained data can be released, and the socket closed."""
    plan = Scenario()
    peer, sock, keep = indicated(lab, plan, answer, way, family, "silence")
    limit = plan.give_up_after(sock, 1)
    plan.may_fail(limit)
    plan.wait(limit)
    send = plan.send(sock, b"!")
    plan.delay(PATIENCE)
    claimed = claim(plan, sock, answer)
    plan.wait(claimed)
    close = plan.close(sock)
    plan.wait(send, close)

    seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    assert failed(seen, send)
    assert seen.status(close) == STATUS_SUCCESS
    note_event(lab, seen, sock, send.call, claimed.call, 3 * PATIENCE // 4)
    judge_claimed(lab, seen, sock, keep, answer, claimed)


@requires("S-17")
@for_each(
    answer=ANSWERS,
    category=(Category.CONNECTION, Category.STREAM),
    family=FAMILIES,
    singly=("category", "family"),
)
async def test_the_address_is_lost_with_data_left(lab, answer, category, family):
    """Retained data can be released after it, and the socket closed; what else it brings is recorded."""
    peer = lab.peer(EndsWhenAsked(data=answer.data), family)
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        sock = connected_from(plan, temporary, peer, category)
        keep = answers(plan, sock, answer)
        plan.delay(PATIENCE)
        claimed = claim(plan, sock, answer)
        plan.wait(claimed)
        close = plan.finish.close(sock)
        temporary.leaves(once=lambda: peer.connections, after=LEAVES)
        seen = await lab.run(plan, peer, peer_timeout=SHORT_PEER_TIMEOUT)

    require_precondition(seen.order(sock.leaves(RECEIVE), temporary.left_ns))
    require_precondition(seen.order(temporary.left_ns, claimed.call))
    assert seen.status(close) == STATUS_SUCCESS
    note_event(lab, seen, sock, temporary.gone_ns, claimed.call, PATIENCE // 2)
    judge_claimed(lab, seen, sock, keep, answer, claimed)


@requires("X-42")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES, singly=("way", "family"))
async def test_a_graceful_disconnect_goes_on_while_data_is_retained(lab, way, family):
    """The FIN leaves, and the peer's that answers it is told, before anything is released."""
    plan = Scenario()
    peer, sock, _ = indicated(lab, plan, RETAINED, way, family, "fin")
    graceful = plan.disconnect(sock)
    plan.wait(graceful)
    plan.wait_event(sock, DISCONNECT)
    release = claim(plan, sock, RETAINED)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(seen.fin("guest"), seen.fin("peer")))
    assert seen.status(graceful) == STATUS_SUCCESS
    assert events(seen, sock) == [False]
    assert seen.returned(release) == STATUS_SUCCESS
