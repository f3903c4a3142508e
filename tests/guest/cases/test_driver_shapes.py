# SPDX-License-Identifier: Apache-2.0
"""Plans of every shape: MDL chains of any sizes, events from a socket's beginning, calls in callbacks."""

import pytest

from harness.core.errors import EvidenceLost
from harness.core.ntstatus import STATUS_PENDING, STATUS_SUCCESS
from harness.core.units import KiB, ms
from harness.peer import FinFirst, ReadsToEof, Sends
from harness.run.case import Case
from harness.scenario import (
    ALL_ORIGINS,
    ARRIVALS,
    IPV4,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Action,
    Address,
    Arrival,
    Buffer,
    Callback,
    Category,
    InspectAction,
    Origin,
    Scenario,
    inside,
)

EMPTY_FIRST = (0, 1, 0, 0, 5000, 90 * KiB, 0)
EMPTY_LAST = (3, 0, 100 * KiB, 1, 0, 0)
WHOLE = 70 * KiB + 5
HELD = 60 * ms


@pytest.mark.parametrize("sizes", [EMPTY_FIRST, EMPTY_LAST, (200 * KiB,)], ids=["first", "last", "one"])
async def test_bytes_of_unequal_and_empty_mdls_are_sent_in_order(lab: Case, sizes: tuple[int, ...]) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    send = plan.send(sock, Buffer(bytes(range(251)), length=WHOLE, sizes=sizes))
    disconnect = plan.disconnect(sock, buffer=Buffer(b"the end", sizes=(0, 2, 0, 9)))
    plan.wait(send, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert (seen.status(send), seen.information(send)) == (STATUS_SUCCESS, WHOLE)
    assert seen.status(disconnect) == STATUS_SUCCESS
    assert peer.received == send.data + b"the end"


@pytest.mark.parametrize("sizes", [EMPTY_FIRST, EMPTY_LAST, (200 * KiB,)], ids=["first", "last", "one"])
async def test_unequal_and_empty_mdls_are_received_into_in_order(lab: Case, sizes: tuple[int, ...]) -> None:
    data = bytes(range(251)) * (WHOLE // 251 + 1)
    peer = lab.peer(Sends(data[:WHOLE]), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    receive = plan.receive(sock, Buffer(b"", length=WHOLE, sizes=sizes), flags=WSK_FLAG_WAITALL)
    plan.wait(receive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert (seen.status(receive), seen.information(receive)) == (STATUS_SUCCESS, WHOLE)
    assert seen.data(receive) == data[:WHOLE]


async def test_a_callback_releases_what_it_retains(lab: Case) -> None:
    peer = lab.peer(Sends(bytes(1000)), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.on_event(sock, Callback.RECEIVE, Action.RETAIN)
    release = plan.release(sock, context=inside(sock, Callback.RECEIVE))
    plan.finish.enable(sock, Callback.RECEIVE)
    plan.wait_event(sock, Callback.RECEIVE)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    first = seen.callbacks(sock, Callback.RECEIVE)[0]
    assert seen.order(
        sock.enters(Callback.RECEIVE), release.call, release.return_, sock.leaves(Callback.RECEIVE)
    )
    assert seen.returned(release) == STATUS_SUCCESS
    assert first.leave
    assert first.leave.status == STATUS_PENDING


async def test_a_release_of_nothing_is_skipped_and_the_case_judges_nothing(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.release(sock)
    plan.finish.close(sock)

    with pytest.raises(EvidenceLost, match=r"release #.* was not called.*STATUS_NO_MORE_ENTRIES"):
        await lab.run(plan, peer)


async def test_an_inspection_that_nobody_pended_is_not_completed(lab: Case) -> None:
    plan = Scenario()
    listener = plan.listening(IPV4, lab.port())
    plan.inspect_complete(listener, InspectAction.ACCEPT)
    plan.finish.close(listener)

    with pytest.raises(EvidenceLost, match=r"inspect-complete #.* was not called.*STATUS_NO_MORE_ENTRIES"):
        await lab.run(plan)


async def test_a_call_after_the_close_is_skipped_and_the_case_judges_nothing(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.barrier(0)
    with plan.strand(1):
        plan.barrier(0)
        plan.delay(100 * ms)
        plan.receive(sock, 1)
    close = plan.close(sock)
    plan.wait(close)

    with pytest.raises(EvidenceLost, match=r"receive #.* was not called.*STATUS_DEVICE_OFF_LINE"):
        await lab.run(plan, peer)


@pytest.mark.parametrize("origin", ALL_ORIGINS, ids=str)
async def test_static_events_of_a_connecting_socket_are_answered_from_the_first_on(
    lab: Case, origin: Origin
) -> None:
    peer = lab.peer(Sends(b"at once"), IPV4)
    plan = Scenario(own_client=True)
    plan.static_events(Callback.RECEIVE, Callback.DISCONNECT)
    stream = origin in (Origin.STREAM_CONNECT, Origin.STREAM_CONNECT_EX)
    coming = plan.next_socket(IPV4, category=Category.STREAM if stream else Category.CONNECTION)
    kept = plan.on_event(coming, Callback.RECEIVE, size=100)
    sock = plan.connected(origin, to=peer)
    plan.wait_event(sock, Callback.RECEIVE)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert sock is coming
    assert seen.result(kept)[:7] == b"at once"
    assert all(call.enter.step == kept.number for call in seen.callbacks(sock, Callback.RECEIVE))


@pytest.mark.parametrize("arrival", ARRIVALS, ids=str)
async def test_static_events_of_an_accepted_socket_are_answered_from_the_first_on(
    lab: Case, arrival: Arrival
) -> None:
    peer = lab.peer(Sends(b"at once").connecting(), IPV4)
    plan = Scenario(own_client=True)
    plan.static_events(Callback.RECEIVE, Callback.ACCEPT)
    category = Category.STREAM if arrival == Arrival.STREAM_ACCEPT else Category.LISTEN
    if arrival == Arrival.WSK_ACCEPT_EVENT:
        listener = plan.next_socket(IPV4, category=Category.LISTEN)
        assert plan.socket(IPV4, category=Category.LISTEN) is listener
        plan.wait(listener.creation)
        (sock,) = plan.on_accept(listener)
        kept = plan.on_event(sock, Callback.RECEIVE, size=100)
        plan.finish.bind(listener, local=Address.wildcard(IPV4, peer.port))
        plan.wait_event(listener, Callback.ACCEPT)
    else:
        listener = plan.listening(IPV4, peer.port, category=category)
        coming = plan.next_socket(
            IPV4, category=Category.STREAM if category == Category.STREAM else Category.CONNECTION
        )
        kept = plan.on_event(coming, Callback.RECEIVE, size=100)
        sock = plan.accept(listener)
        assert sock is coming
        plan.wait(sock.creation)
    plan.wait_event(sock, Callback.RECEIVE)
    plan.wait(plan.close(sock), plan.close(listener))

    seen = await lab.run(plan, peer)

    assert seen.result(kept)[:7] == b"at once"


async def test_accept_inspect_and_refusing_callbacks_are_held(lab: Case) -> None:
    peer = lab.peer(FinFirst().connecting(), IPV4)
    plan = Scenario()
    listener = plan.socket(IPV4, category=Category.LISTEN)
    plan.wait(listener.creation)
    plan.finish.conditional_accept(listener)
    plan.on_event(listener, Callback.INSPECT, hold=HELD)
    (accepted,) = plan.on_accept(listener, hold=HELD)
    plan.on_event(accepted, Callback.DISCONNECT, hold=HELD)
    plan.finish.bind(listener, local=Address.wildcard(IPV4, peer.port))
    plan.finish.enable(listener, Callback.ACCEPT, Callback.DISCONNECT)
    plan.wait_event(listener, Callback.ACCEPT)
    plan.wait_event(accepted, Callback.DISCONNECT)
    plan.wait(plan.close(accepted), plan.close(listener))

    seen = await lab.run(plan, peer)

    for sock, callback in (
        (listener, Callback.INSPECT),
        (listener, Callback.ACCEPT),
        (accepted, Callback.DISCONNECT),
    ):
        assert seen.elapsed(sock.enters(callback), sock.leaves(callback)) >= HELD
