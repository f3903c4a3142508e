# SPDX-License-Identifier: Apache-2.0
"""A socket whose local address is taken from the guest is dead: IRPs fail, its client is told, it closes."""

import ipaddress
import struct

import pytest

from harness.core.ntstatus import STATUS_FILE_FORCED_CLOSED, STATUS_PENDING, STATUS_SUCCESS, nt_success
from harness.core.units import KiB, ms, s
from harness.peer import HoldsOpen, Peer, ZeroWindow
from harness.run.case import Case
from harness.run.temporary_address import TemporaryAddress
from harness.scenario import (
    FAMILIES,
    IPV4,
    SIO_ADDRESS_LIST_CHANGE,
    SIO_ADDRESS_LIST_QUERY,
    WSK_SOCKET,
    Callback,
    Category,
    Family,
    Scenario,
    Socket,
)

ABORTIVE = 0x1
BEFORE = 200 * ms  # so that all that is to be pending is

both_families = pytest.mark.parametrize("family", FAMILIES, ids=str)


def connected_from(
    plan: Scenario, temporary: TemporaryAddress, peer: Peer, category: Category = Category.CONNECTION
) -> Socket:
    """A connected socket that is bound to the case's own address."""
    sock = plan.socket(temporary.address.family, category=category)
    plan.wait(sock.creation)
    plan.finish.bind(sock, local=temporary.at())
    plan.finish.connect(sock, to=peer)
    return sock


@both_families
@pytest.mark.parametrize("category", [Category.CONNECTION, Category.STREAM], ids=str)
async def test_a_connection_dies_with_its_address(lab: Case, family: Family, category: Category) -> None:
    peer = lab.peer(HoldsOpen(for_=1 * s, exchange=1), family)
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        sock = connected_from(plan, temporary, peer, category)
        plan.finish.send(sock, b"!")
        receive = plan.receive(sock, 100, flags=2)
        plan.wait(receive)
        plan.finish.enable(sock, Callback.RECEIVE, Callback.DISCONNECT)
        plan.wait_event(sock, Callback.RECEIVE)
        plan.wait_event(sock, Callback.DISCONNECT)
        disconnects = [plan.disconnect(sock, flags=flags) for flags in (0, ABORTIVE)]
        plan.wait(*disconnects)
        plan.delay(50 * ms)
        close = plan.close(sock)
        plan.wait(close)

        temporary.leaves(once=lambda: peer.received, after=BEFORE)
        seen = await lab.run(plan, peer)

    assert seen.returned(receive) == STATUS_PENDING
    assert not nt_success(seen.status(receive))
    assert seen.elapsed(receive.call, receive.completion) > BEFORE / 2
    assert [visit.enter.nothing for visit in seen.callbacks(sock, Callback.RECEIVE)] == [True]
    flags = [visit.enter.callback_flags & ABORTIVE for visit in seen.callbacks(sock, Callback.DISCONNECT)]
    assert flags == [ABORTIVE]
    for disconnect in disconnects:
        assert seen.returned(disconnect) == STATUS_FILE_FORCED_CLOSED
        assert not nt_success(seen.status(disconnect))
    assert seen.status(close) == STATUS_SUCCESS


async def test_sends_and_a_disconnect_that_are_pending_fail(lab: Case) -> None:
    peer = lab.peer(ZeroWindow(takes=1 * KiB), IPV4)
    plan = Scenario()
    async with lab.temporary_address(IPV4) as temporary:
        sock = connected_from(plan, temporary, peer)
        send = plan.send(sock, 64 * KiB)
        disconnect = plan.disconnect(sock)
        plan.wait(send, disconnect)
        close = plan.close(sock)
        plan.wait(close)

        temporary.leaves(once=lambda: peer.received, after=BEFORE)
        seen = await lab.run(plan, peer)

    assert not nt_success(seen.status(send))
    assert not nt_success(seen.status(disconnect))
    assert seen.completions(send) == seen.completions(disconnect) == 1
    assert seen.status(close) == STATUS_SUCCESS


@both_families
async def test_a_listener_is_told_once_that_it_is_dead(lab: Case, family: Family) -> None:
    plan = Scenario()
    async with lab.temporary_address(family) as temporary:
        listener = plan.socket(family, category=Category.LISTEN)
        plan.wait(listener.creation)
        plan.finish.bind(listener, local=temporary.at())
        pending = plan.accept(listener)
        plan.may_fail(pending.creation)
        plan.wait(pending.creation)
        plan.finish.enable(listener, Callback.ACCEPT)
        plan.wait_event(listener, Callback.ACCEPT)
        plan.delay(50 * ms)
        close = plan.close(listener)
        plan.wait(close)

        temporary.leaves(after=1 * s)
        seen = await lab.run(plan)

    assert not nt_success(seen.status(pending.creation))
    assert [visit.enter.nothing for visit in seen.callbacks(listener, Callback.ACCEPT)] == [True]
    assert seen.status(close) == STATUS_SUCCESS


async def test_a_datagram_socket_is_told_once_that_it_is_dead(lab: Case) -> None:
    plan = Scenario()
    async with lab.temporary_address(IPV4) as temporary:
        sock = plan.socket(IPV4, category=Category.DATAGRAM)
        plan.wait(sock.creation)
        plan.finish.bind(sock, local=temporary.at())
        pending = plan.receive_from(sock, 100)
        plan.wait(pending)
        plan.finish.enable(sock, Callback.RECEIVE_FROM)
        plan.wait_event(sock, Callback.RECEIVE_FROM)
        plan.delay(50 * ms)
        plan.finish.close(sock)

        temporary.leaves(after=1 * s)
        seen = await lab.run(plan)

    assert not nt_success(seen.status(pending))
    assert [visit.enter.nothing for visit in seen.callbacks(sock, Callback.RECEIVE_FROM)] == [True]


async def test_sockets_at_other_addresses_do_not_notice(lab: Case) -> None:
    peer = lab.peer(HoldsOpen(for_=500 * ms, exchange=1), IPV4)
    plan = Scenario()
    async with lab.temporary_address(IPV4) as temporary:
        sock = plan.connected(WSK_SOCKET, to=peer)
        plan.finish.send(sock, b"!")
        plan.delay(2 * BEFORE)
        disconnect = plan.disconnect(sock)
        plan.wait(disconnect)
        plan.close_after_eof(sock)

        temporary.leaves(once=lambda: peer.received, after=BEFORE // 2)
        seen = await lab.run(plan, peer)

    assert seen.status(disconnect) == STATUS_SUCCESS


async def test_an_address_that_came_back_is_as_good_as_before(lab: Case) -> None:
    peer = lab.peer(HoldsOpen(for_=10 * ms, exchange=1), IPV4)
    plan = Scenario()
    async with lab.temporary_address(IPV4) as temporary:
        await temporary.leave()
        await temporary.come_back()
        sock = connected_from(plan, temporary, peer)
        plan.finish.send(sock, b"!")
        disconnect = plan.disconnect(sock)
        plan.wait(disconnect)
        plan.close_after_eof(sock)

        seen = await lab.run(plan, peer)

    assert seen.status(disconnect) == STATUS_SUCCESS
    assert peer.received == b"!"


async def test_the_address_list_has_an_address_while_the_guest_has_it(lab: Case) -> None:
    plan = Scenario()
    sock = plan.socket(IPV4, category=Category.BASIC)
    plan.wait(sock.creation)
    query = plan.ioctl(sock, SIO_ADDRESS_LIST_QUERY, size=4 * KiB)
    plan.wait(query)
    plan.finish.close(sock)

    async with lab.temporary_address(IPV4) as temporary:
        present = await lab.run(plan)
        await temporary.leave()
        gone = await lab.run(plan)

    assert present.status(query) == gone.status(query) == STATUS_SUCCESS
    assert {temporary.address.host, lab.session.network.test_guest4} <= listed(present.result(query))
    assert temporary.address.host not in listed(gone.result(query))


async def test_an_address_list_change_completes_when_an_address_leaves(lab: Case) -> None:
    plan = Scenario()
    async with lab.temporary_address(IPV4) as temporary:
        sock = plan.socket(IPV4, category=Category.BASIC)
        plan.wait(sock.creation)
        change = plan.ioctl(sock, SIO_ADDRESS_LIST_CHANGE)
        plan.wait(change)
        plan.finish.close(sock)

        temporary.leaves(after=1 * s)
        seen = await lab.run(plan)

    assert seen.returned(change) == STATUS_PENDING
    assert seen.status(change) == STATUS_SUCCESS


def listed(result: bytes) -> set[str]:
    """The IPv4 hosts of a SOCKET_ADDRESS_LIST: its pointers are the guest's, the addresses lie behind."""
    (count,) = struct.unpack_from("<I", result)
    first, *_ = struct.unpack_from("<Q", result, 8)
    places = [struct.unpack_from("<Q", result, 8 + 16 * number)[0] for number in range(count)]
    begin = 8 + 16 * count
    return {str(ipaddress.ip_address(result[begin + place - first + 4 :][:4])) for place in places}


async def test_a_pending_address_list_change_is_cancelled_by_the_close(lab: Case) -> None:
    plan = Scenario()
    sock = plan.socket(IPV4, category=Category.BASIC)
    plan.wait(sock.creation)
    change = plan.ioctl(sock, SIO_ADDRESS_LIST_CHANGE)
    close = plan.close(sock)
    plan.wait(change, close)

    seen = await lab.run(plan)

    assert seen.returned(change) == STATUS_PENDING
    assert seen.order(change.completion, close.completion)
    assert seen.completions(change) == 1
