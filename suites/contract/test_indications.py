# SPDX-License-Identifier: Apache-2.0
"""Data that a receive event retained, refused or took in part, and every way in which its connection ends."""

from harness.core.ntstatus import STATUS_SUCCESS
from harness.core.units import ms
from harness.peer import After, Sends
from harness.scenario import (
    FAMILIES,
    IPV4,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Action,
    Scenario,
)
from harness.verdict import alone, for_each, requires
from suites.contract.indicated import (
    ANSWERS,
    DATA,
    DISCONNECT,
    LEFT,
    RECEIVE,
    REFUSED,
    RETAINED,
    events,
    indicated,
    joins,
    taken,
)
from suites.scenes import (
    AFTERWARDS,
    CONNECTED_AND_ACCEPTED,
    SETTLES,
    holds_no_more,
    joined,
    require_precondition,
)


@requires("X-03", "X-42")
@for_each(end={"fin": "fin", "rst": "rst"}, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_the_peers_end_is_told_while_data_is_retained(lab, end, way, family):
    """The client has not released what it was shown: the disconnect event comes all the same, and once."""
    plan = Scenario()
    peer, sock, _ = indicated(lab, plan, RETAINED, way, family, end)
    plan.send(sock, b"!")
    plan.wait_event(sock, DISCONNECT)
    plan.delay(AFTERWARDS)
    release = plan.release(sock)
    plan.delay(AFTERWARDS)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert events(seen, sock) == [end == "rst"]
    assert seen.returned(release) == STATUS_SUCCESS


@requires("X-42")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_more_data_is_indicated_while_data_is_retained(lab, way, family):
    """The peer sends on when it is asked: the receive event comes again before anything was released."""
    plan = Scenario()
    # A byte for each of the client's: however late it is, neither event can have both.
    peer, sock = joined(lab, plan, Sends(b"x", after=After(received=1), exchange=1), way, family)
    plan.on_event(sock, RECEIVE, Action.RETAIN)
    plan.finish.enable(sock, RECEIVE)
    for number in (1, 2):
        plan.send(sock, b"!")
        plan.wait_event(sock, RECEIVE, number)
    plan.finish.disable(sock, RECEIVE)
    plan.wait(plan.release(sock), plan.release(sock))
    close = plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(close) == STATUS_SUCCESS


@requires("X-03")
@for_each(answer=LEFT, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_the_peers_fin_is_told_although_data_was_not_accepted(lab, answer, way, family):
    """The disconnect event comes once, when a receive has taken what was left at the latest."""
    plan = Scenario()
    peer, sock, _ = indicated(lab, plan, answer, way, family, "fin")
    plan.finish.disable(sock, RECEIVE)
    plan.send(sock, b"!")
    plan.receive(sock, len(DATA), flags=WSK_FLAG_WAITALL)
    plan.wait_event(sock, DISCONNECT)
    plan.delay(AFTERWARDS)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert events(seen, sock) == [False]


def judge_received(seen, sock, keep, receives):
    """Every byte that was left came with the receives, once and in order."""
    rest = b"".join(bytes(seen.data(each)) for each in receives)
    assert rest
    assert joins(taken(seen, sock, keep) + rest, complete=not seen.data(receives[-1]))


@requires("X-41")
@for_each(answer=LEFT, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_what_was_not_accepted_is_received_before_the_peers_fin(lab, answer, way, family):
    """Receives that are called before the FIN comes get every byte of it, once and in order."""
    plan = Scenario()
    peer, sock, keep = indicated(lab, plan, answer, way, family, "fin")
    plan.finish.disable(sock, RECEIVE)
    receives = [plan.receive(sock, len(DATA)) for _ in range(4)]
    plan.send(sock, b"!")
    plan.wait(*receives)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    judge_received(seen, sock, keep, receives)


@requires("X-41")
@for_each(answer=LEFT, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_what_was_not_accepted_is_received_behind_the_peers_fin(lab, answer, way, family):
    """Receives that are called when the FIN has come get every byte of it, once and in order."""
    plan = Scenario()
    peer, sock, keep = indicated(lab, plan, answer, way, family, "fin")
    plan.finish.disable(sock, RECEIVE)
    plan.send(sock, b"!")
    plan.delay(400 * ms)
    receives = [plan.receive(sock, len(DATA)) for _ in range(4)]
    plan.wait(*receives)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(seen.fin("peer"), receives[0].call))
    judge_received(seen, sock, keep, receives)


@requires("X-41")
@for_each(answer=LEFT, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_what_was_not_accepted_is_not_indicated_before_a_receive(lab, answer, way, family):
    """No further receive event comes before WskReceive is called."""
    plan = Scenario()
    peer, sock, _ = indicated(lab, plan, answer, way, family)
    plan.delay(AFTERWARDS)
    receive = plan.finish.receive(sock, len(DATA))
    plan.finish.disable(sock, RECEIVE)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    before = seen.call(receive).event.sequence
    visits = [visit for visit in seen.callbacks(sock, RECEIVE) if visit.enter.sequence < before]
    left = [visit.leave.information < visit.enter.information for visit in visits]
    require_precondition(any(left))
    assert not any(left[:-1])


@requires("X-41")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_a_receive_of_no_length_has_refused_data_indicated_again(lab, way, family):
    """It resumes the receive event: the same bytes are shown once more, from the first on."""
    plan = Scenario()
    peer, sock, _ = indicated(lab, plan, REFUSED, way, family)
    again = plan.on_event(sock, RECEIVE, size=len(DATA))
    plan.receive(sock, 0)
    plan.wait_event(sock, RECEIVE, 2)
    plan.delay(SETTLES)
    plan.finish.disable(sock, RECEIVE)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    _, *later = seen.callbacks(sock, RECEIVE)
    shown = seen.result(again)[: sum(visit.leave.information for visit in later)]
    assert shown
    assert joins(shown)


@requires("X-41")
@for_each(answer=LEFT, way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_what_was_not_accepted_is_received_behind_our_own_fin(lab, answer, way, family):
    """A graceful disconnect ends our direction alone: receives get every byte that was left, then the FIN."""
    plan = Scenario()
    peer, sock, keep = indicated(lab, plan, answer, way, family, "fin")
    graceful = plan.disconnect(sock)
    plan.finish.disable(sock, RECEIVE)
    receives = [plan.receive(sock, len(DATA)) for _ in range(4)]
    plan.wait(graceful, *receives)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(seen.order(graceful.call, seen.fin("peer")))
    judge_received(seen, sock, keep, receives)


OWN_ENDS = {
    "abort": lambda plan, sock: plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE),
    "close": lambda plan, sock: plan.close(sock),
}


@requires("X-03", "C-10")
@for_each(answer=ANSWERS, end=OWN_ENDS, way=CONNECTED_AND_ACCEPTED)
async def test_the_connection_is_aborted_with_data_left(lab, answer, end, way):
    """An abort and a close succeed, and no disconnect event tells of them."""
    plan = Scenario()
    peer, sock, _ = indicated(lab, plan, answer, way, IPV4)
    if answer == RETAINED and end == OWN_ENDS["close"]:
        plan.finish.disable(sock, RECEIVE)
        plan.release(sock)
    done = end(plan, sock)
    plan.wait(done)
    if answer == RETAINED and not sock.closing:
        plan.finish.disable(sock, RECEIVE)
        plan.release(sock)
    plan.delay(AFTERWARDS)
    if not sock.closing:
        plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(done) == STATUS_SUCCESS
    assert seen.status(sock.closing) == STATUS_SUCCESS
    assert events(seen, sock) == []
    assert not any(visit.enter.after_close for visit in seen.callbacks(sock, RECEIVE))


@requires("X-42")
async def test_retained_data_can_be_released_behind_our_own_abort(lab):
    """The abort succeeds while the client keeps what it was shown, and WskRelease of it does too."""
    plan = Scenario()
    peer, sock, _ = indicated(lab, plan, RETAINED, WSK_SOCKET, IPV4)
    abort = plan.finish.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    release = plan.release(sock)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(abort) == STATUS_SUCCESS
    assert seen.returned(release) == STATUS_SUCCESS
    assert seen.status(sock.closing) == STATUS_SUCCESS


@requires("C-16")
@alone
@for_each(answer=LEFT, family=FAMILIES)
async def test_data_that_was_not_accepted_takes_no_memory_after_the_close(lab, answer, family):
    """The socket is closed with it: then the pool holds no more than before."""

    async def perform():
        plan = Scenario()
        peer, sock, _ = indicated(lab, plan, answer, WSK_SOCKET, family)
        close = plan.finish.close(sock)
        return (await lab.run(plan, peer)).status(close)

    await perform()
    before = await lab.pool()

    assert await perform() == STATUS_SUCCESS
    assert holds_no_more(before, await lab.pool(before))
