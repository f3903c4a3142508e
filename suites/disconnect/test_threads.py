# SPDX-License-Identifier: Apache-2.0
"""WskDisconnect while other threads are at the socket: they disconnect it too, send, or hold its event."""

from collections import Counter

from harness.core.ntstatus import STATUS_SUCCESS, nt_success
from harness.core.units import ms
from harness.peer import ReadsToEof, Sends
from harness.scenario import CONTEXTS, FAMILIES, WSK_FLAG_ABORTIVE, WSK_SOCKET, Callback, Scenario
from harness.verdict import alone, for_each, requires
from suites.scenes import (
    CONNECTED_AND_ACCEPTED,
    FORMS,
    HELD,
    SOON,
    bystander,
    has_begun,
    joined,
    require_precondition,
)

GRACEFUL, ABORTIVE = 0, WSK_FLAG_ABORTIVE
TWO = {
    "graceful-and-graceful": (GRACEFUL, GRACEFUL),
    "graceful-and-abortive": (GRACEFUL, ABORTIVE),
    "abortive-and-abortive": (ABORTIVE, ABORTIVE),
}


@requires("D-09")
@for_each(forms=TWO, way=CONNECTED_AND_ACCEPTED, family=FAMILIES, singly=("way", "family"))
async def test_two_threads_disconnect_at_once(lab, forms, way, family):
    """Each IRP completes, once, and one of them with success; the laws see to what goes out."""
    lab.needs_cpus(2)
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsToEof(), way, family)
    plan.barrier(0)
    first = plan.disconnect(sock, flags=forms[0], cpu=0)
    with plan.strand(1):
        plan.barrier(0)
        second = plan.disconnect(sock, flags=forms[1], cpu=1)
    plan.wait(first, second)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    both = (first, second)
    assert [seen.completions(each) for each in both] == [1, 1]
    assert any(nt_success(seen.status(each)) for each in both)


SENDERS, ROUNDS, SIZE = 4, 40, 100


@requires("D-17")
@for_each(way=CONNECTED_AND_ACCEPTED, family=FAMILIES)
async def test_a_socket_is_disconnected_while_threads_send(lab, way, family):
    """What succeeded is in front of the FIN, byte by byte, and nothing is that nobody sent."""
    plan = Scenario()
    peer, sock = joined(lab, plan, ReadsToEof(), way, family)
    plan.barrier(0)
    sends = []
    for strand in range(1, SENDERS + 1):
        with plan.strand(strand):
            plan.barrier(0)
            with plan.repeat(ROUNDS):
                sends.append(plan.send(sock, bytes([strand]) * SIZE))
                plan.wait(sends[-1])
            plan.barrier(1)
    plan.may_fail(*sends)
    plan.delay(20 * ms)  # for rounds of them
    graceful = plan.disconnect(sock)
    plan.wait(graceful)
    plan.barrier(1)  # nobody is inside a call when the socket is closed
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.status(graceful) == STATUS_SUCCESS
    sent = Counter(bytes(seen.stream("guest")))  # calls that overlap may share the stream as they like
    assert set(sent) <= set(range(1, SENDERS + 1))
    for strand, send in enumerate(sends, start=1):
        made = [life for life in seen.rounds(send) if life.call]
        assert all(len(life.completions) == 1 for life in made)
        succeeded = sum(nt_success(life.completion.io_status) for life in made)
        assert succeeded * SIZE <= sent[strand] <= len(made) * SIZE
    assert peer.ended == "eof"


@requires("D-01")
@alone
@for_each(form=FORMS, context=CONTEXTS, family=FAMILIES, singly=("context",))
async def test_a_socket_is_disconnected_while_its_receive_event_is_held(lab, form, context, family):
    """From another thread: it succeeds, and the laws see to what goes out."""
    lab.needs_cpus(2)
    plan = Scenario()
    other = bystander(plan)
    peer, sock = joined(lab, plan, Sends(b"?", after=SOON), WSK_SOCKET, family)
    plan.on_event(sock, Callback.RECEIVE, hold=HELD)
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.send(sock, b"!")
    has_begun(plan, other, sock, Callback.RECEIVE)
    disconnect = plan.disconnect(sock, flags=form, context=context)
    plan.wait(disconnect)
    plan.wait_event(sock, Callback.RECEIVE)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    require_precondition(
        seen.order(sock.enters(Callback.RECEIVE), disconnect.call, sock.leaves(Callback.RECEIVE))
    )
    assert (seen.completions(disconnect), seen.status(disconnect)) == (1, STATUS_SUCCESS)
