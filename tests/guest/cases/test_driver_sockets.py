# SPDX-License-Identifier: Apache-2.0
"""Sockets of all categories, from every origin, and the addresses that WSK reports for them."""

import pytest

from harness.core.ntstatus import STATUS_CANCELLED, STATUS_SUCCESS
from harness.core.units import KiB
from harness.peer import ReadsToEof
from harness.run.case import Case
from harness.scenario import (
    ALL_CONTEXTS,
    ALL_ORIGINS,
    ARRIVALS,
    FAMILIES,
    IPV4,
    WSK_FLAG_WAITALL,
    WSK_SOCKET,
    Address,
    Arrival,
    Category,
    Context,
    Family,
    Origin,
    Scenario,
)
from harness.wire import FIN

both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


@both_families
@pytest.mark.parametrize("origin", ALL_ORIGINS, ids=str)
async def test_a_connection_of_every_origin_carries_data_and_ends(
    lab: Case, family: Family, origin: Origin
) -> None:
    peer = lab.peer(ReadsToEof(exchange=1 * KiB), family)
    plan = Scenario()
    sock = plan.connected(origin, to=peer)
    send = plan.send(sock, 1 * KiB)
    receive = plan.receive(sock, 1 * KiB, flags=WSK_FLAG_WAITALL)
    plan.wait(send, receive)
    disconnect = plan.disconnect(sock)
    plan.wait(disconnect)
    close = plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.data(receive) == peer.received == send.data
    assert (seen.status(disconnect), seen.status(close)) == (STATUS_SUCCESS, STATUS_SUCCESS)
    assert seen.count(FIN, sender="guest") == 1


@pytest.mark.parametrize("origin", [Origin.WSK_SOCKET, Origin.STREAM_CONNECT], ids=str)
async def test_a_dual_mode_ipv6_socket_connects_over_ipv4(lab: Case, origin: Origin) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.connected(origin, to=peer, dual_mode=True)
    remote = plan.remote_address(sock)
    plan.wait(remote)
    plan.finish.disconnect(sock)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert seen.addresses(remote) == [Address(4, peer.host, peer.port).mapped()]
    assert {packet.family for packet in seen.packets()} == {4}


@both_families
@pytest.mark.parametrize("arrival", ARRIVALS, ids=str)
async def test_a_socket_of_every_arrival_carries_data_and_ends(
    lab: Case, family: Family, arrival: Arrival
) -> None:
    peer = lab.peer(ReadsToEof(exchange=100).connecting(), family)
    plan = Scenario()
    sock = plan.accepted(arrival, family=family, port=peer.port)
    receive = plan.receive(sock, 100, flags=WSK_FLAG_WAITALL)
    send = plan.send(sock, 100)
    plan.wait(send, receive)
    plan.finish.disconnect(sock)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    local, remote = seen.addresses(sock.creation)
    assert local is not None
    assert remote is not None
    assert (local.port, remote.host) == (peer.port, peer.host)
    assert peer.received == send.data == seen.data(receive)
    assert peer.ended == "eof"


@both_families
@pytest.mark.parametrize("category", [Category.CONNECTION, Category.STREAM], ids=str)
async def test_addresses_are_those_on_the_wire(lab: Case, family: Family, category: Category) -> None:
    peer = lab.peer(ReadsToEof(), family)
    plan = Scenario()
    origin = Origin.STREAM_CONNECT if category == Category.STREAM else WSK_SOCKET
    sock = plan.connected(origin, to=peer)
    local, remote = plan.local_address(sock), plan.remote_address(sock)
    plan.wait(local, remote)

    seen = await lab.run(plan, peer)

    assert seen.addresses(remote) == [Address(family, peer.host, peer.port)]
    (address,) = seen.addresses(local)
    assert address is not None
    assert {packet.guest_port for packet in seen.packets()} == {address.port}


@both_families
@pytest.mark.parametrize("category", Category, ids=str)
@pytest.mark.parametrize("context", ALL_CONTEXTS, ids=str)
async def test_a_socket_of_every_category_opens_and_closes(
    lab: Case, family: Family, category: Category, context: Context
) -> None:
    plan = Scenario()
    sock = plan.socket(family, category=category, context=context)
    plan.wait(sock.creation)
    if category != Category.BASIC:
        bind = plan.bind(sock, context=context)
        plan.wait(bind)
    close = plan.close(sock, context=context)
    plan.wait(close)

    seen = await lab.run(plan)

    assert (seen.completions(close), seen.status(close)) == (1, STATUS_SUCCESS)


@both_families
async def test_datagrams_go_out_and_come_in_with_their_address(lab: Case, family: Family) -> None:
    plan = Scenario()
    sockets = [plan.socket(family, category=Category.DATAGRAM) for _ in range(2)]
    plan.wait(*(sock.creation for sock in sockets))
    places = [Address.loopback(family, port) for port in (40001, 40002)]
    for sock, place in zip(sockets, places, strict=True):
        plan.finish.bind(sock, local=place)
    receive = plan.receive_from(sockets[1], 200)
    send = plan.send_to(sockets[0], 100, to=places[1])
    plan.wait(send, receive)

    seen = await lab.run(plan)

    assert seen.data(receive) == send.data
    assert seen.addresses(receive) == [places[0]]
    assert seen.information(send) == 100


async def test_connect_ex_sends_its_buffer(lab: Case) -> None:
    peer = lab.peer(ReadsToEof(), IPV4)
    plan = Scenario()
    sock = plan.socket(IPV4)
    plan.wait(sock.creation)
    plan.finish.bind(sock)
    connect = plan.connect_ex(sock, to=peer, data=500)
    plan.wait(connect)
    plan.finish.disconnect(sock)
    plan.close_after_eof(sock)

    seen = await lab.run(plan, peer)

    assert peer.received == connect.data
    assert seen.status(connect) == STATUS_SUCCESS


async def test_a_pending_accept_is_cancelled_and_another_takes_its_place(lab: Case) -> None:
    peer = lab.peer(ReadsToEof().connecting(), IPV4)
    plan = Scenario()
    listener = plan.socket(IPV4, category=Category.LISTEN)
    plan.wait(listener.creation)
    plan.finish.bind(listener, local=Address.wildcard(IPV4, peer.port))
    taken = plan.accept(listener)
    plan.wait(taken.creation)
    pending = plan.accept(listener)
    plan.may_fail(pending.creation)
    plan.cancel(pending.creation)
    plan.wait(pending.creation)
    plan.finish.disconnect(taken, flags=1)
    plan.wait(plan.close(taken), plan.close(listener))

    seen = await lab.run(plan, peer)

    assert seen.status(pending.creation) == STATUS_CANCELLED
    assert seen.rst("guest") is not None
