# SPDX-License-Identifier: Apache-2.0
"""Each peer plays its part for WSK in the reference guest."""

from typing import Any

import pytest

from harness.core.ntstatus import STATUS_SUCCESS, nt_success
from harness.core.units import KiB, ms
from harness.peer import (
    After,
    BlackHole,
    CrossesFins,
    KeepsSending,
    MisplacesFin,
    MisplacesReset,
    NeverAnswers,
    Peer,
    ReadsSlowly,
    ReadsToEof,
    Refuses,
    RepeatsData,
    Sends,
    SendsThenFin,
    WithholdsDataAcks,
    WithholdsFinAck,
    ZeroWindow,
)
from harness.run.case import Case
from harness.scenario import (
    ARRIVALS,
    FAMILIES,
    WSK_FLAG_ABORTIVE,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Arrival,
    Family,
    Scenario,
)
from harness.wire import FIN, RST, SYN

HELD = 250 * ms  # of the 500 ms that some of them hold something back, on a busy machine

both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


@both_families
async def test_a_zero_window_holds_back_data_and_fin(lab: Case, family: Family) -> None:
    peer = lab.peer(ZeroWindow(opens_after=500 * ms), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    send = plan.send(sock, 64 * KiB)
    disconnect = plan.disconnect(sock)
    plan.wait(send, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.no(FIN, sender="guest", before=peer.opened)
    assert seen.elapsed(send.call, send.completion) > HELD
    assert seen.order(send.completion, disconnect.completion)
    assert peer.received == send.data
    assert seen.no(RST)


@both_families
async def test_a_send_is_pending_while_its_acks_are_withheld(lab: Case, family: Family) -> None:
    peer = lab.peer(WithholdsDataAcks(releases_after=500 * ms), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    send = plan.send(sock, 1 * KiB)
    plan.wait(send)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.elapsed(send.call, send.completion) > HELD
    assert peer.received == send.data


@both_families
async def test_a_disconnect_is_pending_while_the_ack_of_its_fin_is_withheld(
    lab: Case, family: Family
) -> None:
    peer = lab.peer(WithholdsFinAck(releases_after=500 * ms), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    send = plan.send(sock, 1 * KiB)
    plan.wait(send)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.elapsed(disconnect.call, disconnect.completion) > HELD
    assert seen.no(RST)


@both_families
async def test_fins_cross(lab: Case, family: Family) -> None:
    peer = lab.peer(CrossesFins(releases_after=500 * ms), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    ours, theirs = seen.fin("peer"), seen.fin("guest")
    assert ours
    assert theirs
    assert ours.ack == theirs.position
    assert seen.order(theirs, ours)
    assert seen.elapsed(disconnect.call, disconnect.completion) > HELD
    assert seen.no(RST)


@both_families
async def test_a_black_hole_says_nothing(lab: Case, family: Family) -> None:
    peer = lab.peer(BlackHole(), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    send = plan.send(sock, 1 * KiB)
    plan.delay(300 * ms)
    close = plan.close(sock)
    plan.wait(send, close)

    seen = await lab.run(plan, peer)

    assert seen.count(SYN, sender="peer") == len(seen.packets(sender="peer")) == 1
    assert seen.order(close.call, send.completion)
    assert peer.vanished


@both_families
async def test_data_after_an_abort_is_answered_by_resets(lab: Case, family: Family) -> None:
    peer = lab.peer(KeepsSending(for_=500 * ms), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.delay(100 * ms)
    abort = plan.disconnect(sock, flags=WSK_FLAG_ABORTIVE)
    plan.wait(abort)
    plan.delay(300 * ms)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert peer.ended == "reset"
    assert len(seen.packets(RST, sender="guest")) > 5
    assert seen.no(FIN)


@pytest.mark.parametrize("behaviour", [NeverAnswers, Refuses])
@both_families
async def test_a_connection_that_is_not_let_come_about(lab: Case, family: Family, behaviour: Any) -> None:
    peer = lab.peer(behaviour(), family)
    plan = Scenario()
    sock = plan.socket(family)
    plan.wait(sock.creation)
    plan.finish.bind(sock)
    connect = plan.connect(sock, to=peer)
    plan.delay(200 * ms)
    close = plan.close(sock)
    plan.wait(connect, close)

    seen = await lab.run(plan, peer)

    assert not nt_success(seen.status(connect))
    assert seen.status(close) == STATUS_SUCCESS
    assert bool(seen.rst("peer")) == (behaviour is Refuses)
    assert bool(seen.order(connect.completion, close.call)) == (behaviour is Refuses)


@both_families
async def test_a_slow_reader_gets_everything(lab: Case, family: Family) -> None:
    peer = lab.peer(ReadsSlowly(rate=512 * KiB), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    sends = [plan.send(sock, 64 * KiB) for _ in range(4)]
    disconnect = plan.disconnect(sock)
    plan.wait(*sends, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert peer.received == b"".join(send.data for send in sends)
    assert seen.elapsed(disconnect.call, disconnect.completion) > 200 * ms
    assert seen.no(RST)


@pytest.mark.parametrize("behaviour", [Sends, SendsThenFin])
@both_families
async def test_unread_data_and_a_fin_behind_it_or_not(lab: Case, family: Family, behaviour: Any) -> None:
    peer = lab.peer(behaviour(bytes(5000)), family)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    plan.delay(200 * ms)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert seen.stream("peer") == bytes(5000)
    assert bool(seen.packets(FIN, sender="peer", before=sock.close_call)) == (behaviour is SendsThenFin)


@pytest.mark.parametrize("behaviour", [ReadsToEof, ZeroWindow])
@pytest.mark.parametrize("arrival", ARRIVALS, ids=str)
@both_families
async def test_a_peer_that_connects(lab: Case, family: Family, arrival: Arrival, behaviour: Any) -> None:
    held = {"opens_after": 500 * ms} if behaviour is ZeroWindow else {}
    peer = lab.peer(behaviour(**held).connecting(), family)
    plan = Scenario()
    sock = plan.accepted(arrival, family=family, port=peer.port)
    send = plan.send(sock, 1 * KiB)
    disconnect = plan.disconnect(sock)
    plan.wait(send, disconnect)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert peer.received == send.data
    assert not held or seen.elapsed(send.call, send.completion) > HELD
    assert seen.no(RST)


@pytest.mark.parametrize(
    "behaviour",
    [
        MisplacesReset(after=After(received=1 * KiB)),
        MisplacesReset(after=After(received=1 * KiB), by=1000),
        MisplacesFin(after=After(received=1 * KiB)),
        RepeatsData(b"once", exchange=1 * KiB),
    ],
    ids=lambda peer: type(peer).__name__,
)
async def test_a_segment_that_is_not_due_does_no_harm(lab: Case, behaviour: Peer) -> None:
    peer = lab.peer(behaviour, Family.IPV4)
    plan = Scenario()
    sock = plan.connected(WSK_SOCKET, to=peer)
    send = plan.send(sock, 1 * KiB)
    plan.wait(send)
    plan.delay(200 * ms)
    more = plan.send(sock, 1 * KiB)
    disconnect = plan.disconnect(sock)
    plan.wait(more, disconnect)
    receive = plan.receive(sock, 2 * KiB, flags=WSK_FLAG_WAITALL)
    plan.wait(receive)
    plan.finish.close(sock)

    seen = await lab.run(plan, peer)

    assert peer.received == send.data + more.data
    assert seen.status(disconnect) == STATUS_SUCCESS
    assert seen.no(RST, sender="guest")
    assert seen.data(receive).endswith(b"once") == isinstance(peer, RepeatsData)
    assert not seen.data(receive).endswith(b"onceonce")
